//! Output for a person's terminal, or for a program with `--json`: texts, tables, colours and errors.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Row, Table};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use unicode_width::UnicodeWidthStr as _;

use crate::domain::language::Language;
use crate::domain::report::{Line, LineKind, Report};
pub(super) use crate::domain::words::short;
use crate::domain::words::span;
use crate::domain::{cut, report};
use crate::error::reference::for_person;
use crate::error::{Error, reference};
use crate::flow::configuration::Configuration;
use crate::host::human::harmless;

/// Writes a text to standard output. A closed pipe is not an error. For a terminal, control characters that
/// it would obey are removed.
pub(super) fn print(text: &str) -> Result<(), Error> {
    let steers = |letter: char| matches!(letter, '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let clean = if text.contains(steers) && io::stdout().is_terminal() {
        Cow::Owned(text.replace(steers, ""))
    } else {
        Cow::Borrowed(text)
    };
    let text = &*clean;
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::internal(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints a JSON document for a program.
pub(super) fn document(document: &Value) -> Result<(), Error> {
    print(&format!("{document:#}\n"))
}

/// Prints a result, as a JSON document for a program or as text for a person.
#[expect(clippy::needless_pass_by_value, reason = "each call makes it")]
pub(super) fn result(
    json: bool,
    as_json: Value,
    in_words: impl FnOnce() -> String,
) -> Result<ExitCode, Error> {
    if json { document(&as_json) } else { print(&in_words()) }?;
    Ok(ExitCode::SUCCESS)
}

/// A text of foreign origin. If it goes to a terminal, control characters are replaced.
pub(super) fn foreign(text: &str) -> String {
    if io::stdout().is_terminal() { harmless(text) } else { text.to_owned() }
}

/// Prints a text of foreign origin.
pub(super) fn print_foreign(text: &str) -> Result<(), Error> {
    print(&foreign(text))
}

/// The width of the terminal in columns; None if standard output is not a terminal.
pub(super) fn width() -> Option<usize> {
    columns_of(&io::stdout())
}

fn columns_of(stream: &(impl io::IsTerminal + AsFd)) -> Option<usize> {
    const USUAL: usize = 80;
    if !stream.is_terminal() {
        return None;
    }
    let columns = rustix::termios::tcgetwinsize(stream).map_or(0, |size| usize::from(size.ws_col));
    Some(if columns == 0 { USUAL } else { columns })
}

/// The colours for standard output: ANSI if it is a terminal and the user wants colours.
pub(super) fn colour(config: &Configuration) -> Colour {
    let environment = config.environment();
    Colour::choose(io::stdout().is_terminal(), environment.get("NO_COLOR"), environment.get("TERM"))
}

/// Writes a message to standard error.
pub(super) fn complain(text: &str) {
    let mut out = io::stderr().lock();
    // There is nowhere left to report that this cannot be written.
    let _ = writeln!(out, "maestro-mcp: {}", harmless(text));
}

/// Writes an error and its next step to standard error, and returns its exit code.
pub(super) fn fail(error: &Error) -> ExitCode {
    let columns = columns_of(&io::stderr());
    let what = folded(&format!("maestro-mcp: {error} [{}]", error.code()), columns);
    let next = hanging("  ", &next_step(error), columns);
    // There is nowhere left to report that this cannot be written.
    let _ = write!(io::stderr().lock(), "{}\n{}", harmless(&what), harmless(&next));
    error.exit_code()
}

/// As [`fail`]. With `json`, the error is also printed as a document on standard output.
pub(super) fn fail_with(error: &Error, json: bool) -> ExitCode {
    if json {
        let (what, next) = (error.to_string(), next_step(error));
        let document = json!({ "ok": false, "error": what, "code": error.code(), "hint": next });
        let _ = print(&format!("{document}\n"));
    }
    fail(error)
}

/// The next step for the person at the terminal. A hint that names a tool is for a model, so the entry for
/// the user replaces it.
fn next_step(error: &Error) -> String {
    let hint = for_person(&error.hint());
    match reference::find(error.code()) {
        Some(entry) if hint.contains("maestro_") => entry.user.clone(),
        Some(_) | None => hint,
    }
}

/// A line of progress on standard error. Each message replaces the last one. Nothing is shown without a
/// terminal.
pub(super) struct StatusLine {
    is_seen: bool,
    last: String,
}

impl StatusLine {
    pub(super) fn new() -> Self {
        Self { is_seen: io::stderr().is_terminal(), last: String::new() }
    }

    /// Replaces the shown message.
    pub(super) fn show(&mut self, message: &str) {
        if !self.is_seen || message == self.last {
            return;
        }
        let message: String = harmless(message)
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(110)
            .collect();
        let mut out = io::stderr().lock();
        let _ = write!(out, "\r\x1b[2K{message}").and_then(|()| out.flush());
        self.last = message;
    }

    /// Clears the line.
    pub(super) fn clear(&mut self) {
        if !self.last.is_empty() {
            let mut out = io::stderr().lock();
            let _ = write!(out, "\r\x1b[2K").and_then(|()| out.flush());
        }
        self.last.clear();
    }
}

/// Waits for work and shows its progress. Ctrl-C ends the wait.
pub(super) async fn watched<T>(
    work: impl Future<Output = Result<T, Error>>,
    mut said: UnboundedReceiver<String>,
) -> Result<T, Error> {
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(work, interrupt);
    let mut status = StatusLine::new();
    let done = loop {
        tokio::select! {
            biased;
            Some(message) = said.recv() => status.show(&message),
            done = &mut work => break done,
            _ = &mut interrupt => break Err(Error::Cancelled),
        }
    };
    status.clear();
    done
}

/// Minimum width in columns of a text beside its label, on any terminal.
const NARROWEST: usize = 20;

/// Puts a text on one line and removes characters that could move a terminal's cursor. It also removes
/// variation selectors, which would make the character before them wider.
pub(super) fn one_line(text: &str) -> String {
    let text = harmless(text).replace(|letter| matches!(letter, '\u{fe00}'..='\u{fe0f}'), "");
    cut::one_line(&text)
}

/// Cuts a line to a width in columns. None means no limit.
pub(super) fn cut(line: &str, columns: Option<usize>) -> String {
    columns.map_or_else(|| line.to_owned(), |columns| cut::fitted(line, columns))
}

/// Wraps a text to a width between words, and inside words that are longer than a line. None means no limit.
pub(super) fn wrapped(text: &str, columns: Option<usize>) -> Vec<String> {
    let Some(columns) = columns.filter(|columns| *columns > 0) else { return vec![text.to_owned()] };
    cut::wrapped(text, columns)
}

/// Wraps a text between words, and keeps its own line ends. None means no limit.
pub(super) fn folded(text: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns.filter(|columns| *columns > 0) else { return text.to_owned() };
    textwrap::fill(text, cut::wrapping(columns))
}

/// A label with a wrapped text beside it. Further lines are indented by the width of the label.
pub(super) fn hanging(label: &str, text: &str, columns: Option<usize>) -> String {
    let indent = label.width();
    let lines = wrapped(text, columns.map(|columns| columns.saturating_sub(indent).max(NARROWEST)));
    let first = [label.to_owned()].into_iter().chain(std::iter::repeat(" ".repeat(indent)));
    first.zip(lines).fold(String::new(), |out, (before, line)| out + &before + &line + "\n")
}

/// The age of something in its largest unit.
pub(super) fn age(milliseconds: u64) -> String {
    if milliseconds < 1_000 { "now".to_owned() } else { span(milliseconds) }
}

/// Maximum number of lines of a row. A longer text ends in dots.
const TALLEST: usize = 3;

/// Headings of columns with figures, which are aligned to the right.
const FIGURES: [&str; 5] = ["age", "consults", "files", "size", "turns"];

/// The meaning of a cell, which sets its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Waiting,
    Faint,
    Plain,
}

pub(super) fn cell(text: impl ToString, tone: Tone) -> Cell {
    let cell = Cell::new(text);
    match tone {
        Tone::Good => cell.fg(Color::Green),
        Tone::Bad => cell.fg(Color::Red),
        Tone::Waiting => cell.fg(Color::Yellow),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
        Tone::Plain => cell,
    }
}

/// The width, the colours and the marks of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Width of the terminal in columns; None without a terminal.
    pub(super) width: Option<usize>,
    pub(super) colour: Colour,
    pub(super) marks: Marks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// Block elements of Unicode.
    Blocks,
    /// ASCII characters, which every terminal and every file can have.
    Ascii,
}

impl Marks {
    /// Blocks for a terminal whose locale is UTF-8, else ASCII.
    pub(super) fn of(width: Option<usize>, locale: Option<&str>) -> Self {
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        let has_blocks = width.is_some() && (locale.contains("utf-8") || locale.contains("utf8"));
        if has_blocks { Self::Blocks } else { Self::Ascii }
    }
}

impl Look {
    /// The look of tables on standard output.
    pub(super) fn of(config: &Configuration) -> Self {
        let width = width();
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| config.environment().get(name));
        Self { width, colour: colour(config), marks: Marks::of(width, locale) }
    }
}

/// Columns between two columns of a table.
const GAP: u16 = 2;

/// A table with these columns. The last one wraps on a narrow terminal; if too little room is left for it,
/// each row is a list of labels and values.
pub(super) fn table<R: Into<Row>>(columns: &[&str], rows: impl IntoIterator<Item = R>, look: Look) -> String {
    let mut table = Table::new();
    let heads = columns.iter().map(|head| Cell::new(head).add_attribute(Attribute::Bold));
    table.set_header(heads.collect::<Vec<_>>());
    for row in rows {
        let mut row = row.into();
        if look.width.is_some() {
            row.max_height(TALLEST);
        }
        table.add_row(row);
    }
    let heading = columns.last().map_or(0, |heading| heading.width());
    if look.width.is_some_and(|width| !has_room(&table, heading, width)) {
        return table.row_iter().map(|row| labelled(columns, row, look.width)).collect();
    }
    let alignment =
        |head: &&str| if FIGURES.contains(head) { CellAlignment::Right } else { CellAlignment::Left };
    laid_out(table, &columns.iter().map(alignment).collect::<Vec<_>>(), look)
}

/// True if the columns of a table leave its last one enough for its heading and for words to be read.
fn has_room(table: &Table, heading: usize, width: usize) -> bool {
    const LEAST: usize = 10;
    let mut widths = table.column_max_content_widths();
    let last = usize::from(widths.pop().unwrap_or_default()).min(heading.max(LEAST));
    widths.iter().map(|width| usize::from(*width) + usize::from(GAP)).sum::<usize>() + last <= width
}

/// A row of a table whose columns have no room.
fn labelled(columns: &[&str], row: &Row, width: Option<usize>) -> String {
    let most = width.map(|width| width * TALLEST);
    let cells = columns.iter().zip(row.cell_iter().map(Cell::content));
    let cells = cells.filter(|(_, text)| !text.is_empty());
    let mut lines = cells.map(|(label, text)| cut(&format!("{label}: {text}"), most));
    let first = lines.next().unwrap_or_default();
    stacked(&first, lines, width)
}

/// A row without columns: its first line, and further ones below it.
pub(super) fn stacked(
    first: &str,
    below: impl IntoIterator<Item = String>,
    columns: Option<usize>,
) -> String {
    let below = below.into_iter().map(|line| hanging("    ", &line, columns));
    hanging("  ", first, columns) + &below.collect::<String>()
}

/// A table without headings, whose rows may have any height.
pub(super) fn rows_only<R: Into<Row>>(
    sides: &[CellAlignment],
    rows: impl IntoIterator<Item = R>,
    look: Look,
) -> String {
    let mut table = Table::new();
    table.add_rows(rows);
    laid_out(table, sides, look)
}

fn laid_out(mut table: Table, sides: &[CellAlignment], look: Look) -> String {
    table.load_style(NOTHING);
    match look.width {
        Some(width) => {
            table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    match look.colour {
        Colour::Ansi => table.enforce_styling().style_text_only(),
        Colour::Plain => {
            table.force_no_tty();
        }
    }
    for (place, side) in sides.iter().enumerate() {
        let is_last = place + 1 == sides.len();
        let Some(column) = table.column_mut(place) else { continue };
        column.set_padding((0, if is_last { 0 } else { GAP }));
        column.set_cell_alignment(*side);
        if !is_last {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.lines().fold(String::new(), |out, line| out + line.trim_end() + "\n")
}

/// A text without colour sequences.
#[cfg(test)]
pub(super) fn without_colours(text: &str) -> String {
    let plain = |part: &str| {
        let rest = part.strip_prefix('[').and_then(|rest| rest.split_once('m'));
        rest.map_or(part, |(_, rest)| rest).to_owned()
    };
    let text: String = text.split('\u{1b}').map(plain).collect();
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// Units of size in bytes, the largest first.
const BYTES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];
/// Units of time, in seconds.
const TIMES: [(&str, u64); 5] = [("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Parses a duration like `30d`.
pub(super) fn read_time(text: &str) -> Result<Duration, String> {
    read(text, &TIMES)
        .map(Duration::from_secs)
        .ok_or_else(|| "must be a whole number and a unit (w, d, h, m or s), for example 30d".to_owned())
}

/// Parses a size like `500MB`, or a number of bytes.
pub(super) fn read_bytes(text: &str) -> Result<u64, String> {
    text.parse().ok().or_else(|| read(text, &BYTES)).ok_or_else(|| {
        "must be a whole number and a unit (B, KB, MB, GB, KiB, MiB or GiB), for example 500MB".to_owned()
    })
}

/// A parser of whole numbers from `least` to `most`.
pub(super) fn read_whole<T: TryFrom<u64>>(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| match most {
            u64::MAX => format!("must be a whole number, {least} or more"),
            _ => format!("must be a whole number from {least} to {most}"),
        })
    }
}

fn read(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (unit, factor) = units.iter().find(|(unit, _)| text.ends_with(unit))?;
    text.strip_suffix(unit)?.trim_end().parse::<u64>().ok()?.checked_mul(*factor)
}

/// Formats a size, for example `1.2 MB`.
pub(super) fn bytes(count: u64) -> String {
    let units = BYTES.iter().filter(|(unit, _)| !unit.contains('i'));
    for (unit, factor) in units.filter(|(_, factor)| *factor > 1) {
        if count >= *factor {
            let tenths = count / (factor / 10);
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{count} B")
}

/// Finds the id that `part` names: an equal one, or else the only one that contains it. Case does not matter.
pub(super) fn pick(kind: &'static str, ids: &[String], part: &str) -> Result<String, Error> {
    let wanted = part.trim().to_ascii_lowercase();
    if let Some(id) = ids.iter().find(|id| id.eq_ignore_ascii_case(&wanted)) {
        return Ok(id.clone());
    }
    let mut matches: Vec<&String> =
        ids.iter().filter(|id| !wanted.is_empty() && id.to_ascii_lowercase().contains(&wanted)).collect();
    matches.dedup();
    match matches.as_slice() {
        [] => Err(Error::Unknown { kind, name: part.to_owned(), available: ids.to_vec() }),
        [id] => Ok((*id).clone()),
        several => Err(Error::Ambiguous {
            kind,
            part: part.to_owned(),
            matches: several.iter().map(|id| (*id).clone()).collect(),
        }),
    }
}

// The report of a stage, with or without colours. The text is the same.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// ANSI sequences around lines.
    Ansi,
    /// Plain text.
    Plain,
}

impl Colour {
    /// Colours for a terminal, unless `NO_COLOR` has a value (<https://no-color.org>) or the terminal is
    /// dumb.
    pub fn choose(is_terminal: bool, no_color: Option<&str>, term: Option<&str>) -> Self {
        let wanted = no_color.is_none_or(str::is_empty) && term != Some("dumb");
        if is_terminal && wanted { Self::Ansi } else { Self::Plain }
    }
}

/// Formats the whole report to a width in columns.
pub fn render(report: &Report, width: usize, colour: Colour, language: Language) -> String {
    report::lines(report, width, &[language])
        .iter()
        .map(|Line { kind, text }| paint(*kind, text, colour))
        .collect()
}

/// Formats a line in the colour of its kind, with a line end.
pub(super) fn paint(kind: LineKind, text: &str, colour: Colour) -> String {
    match (colour, code(kind)) {
        (Colour::Ansi, Some(code)) if !text.is_empty() => format!("\u{1b}[{code}m{text}\u{1b}[0m\n"),
        (Colour::Ansi | Colour::Plain, _) => format!("{text}\n"),
    }
}

/// The ANSI attributes of a line.
fn code(kind: LineKind) -> Option<&'static str> {
    match kind {
        LineKind::Body | LineKind::DiffContext => None,
        LineKind::Rule | LineKind::Faint => Some("2"),
        LineKind::Title | LineKind::DiffHeader => Some("1"),
        LineKind::Heading => Some("1;36"),
        LineKind::Good | LineKind::DiffAdded => Some("32"),
        LineKind::Bad | LineKind::DiffRemoved => Some("31"),
        LineKind::Critical => Some("1;31"),
        LineKind::Priority => Some("1;33"),
        LineKind::DiffHunk => Some("36"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    #[test]
    fn a_text_is_wrapped_between_words() {
        assert_eq!(wrapped("mend the mean now", Some(8)), ["mend the", "mean now"]);
        assert_eq!(wrapped("unbreakable is", Some(6)), ["unbrea", "kable", "is"]);
        assert_eq!(wrapped("mend the mean", None), ["mend the mean"]);
    }

    #[test]
    fn a_text_hangs_beside_its_label() {
        assert_eq!(
            hanging("run  ", "mend the mean of the list now", Some(25)),
            "run  mend the mean of the\n     list now\n"
        );
        assert_eq!(hanging("run  ", "mend the mean", None), "run  mend the mean\n");
    }

    #[test]
    fn a_text_becomes_one_line() {
        assert_eq!(one_line("a\n  b\t\u{1b}[2Kc "), "a b \u{fffd}[2Kc");
    }

    #[test]
    fn times_are_told_in_their_largest_unit() {
        for (milliseconds, expected) in
            [(999, "now"), (59_999, "59 s"), (60_000, "1 min"), (7_200_000, "2 h"), (172_800_000, "2 d")]
        {
            assert_eq!(age(milliseconds), expected);
        }
    }

    #[test]
    fn a_line_is_as_wide_as_its_letters() {
        for text in ["0\u{fe0f}", "\u{2764}\u{fe0f} a", "#\u{fe0f}\u{20e3}", "a\u{fe0e}b"] {
            let line = one_line(text);
            let letters: usize = line.chars().filter_map(unicode_width::UnicodeWidthChar::width).sum();
            assert_eq!(line.width(), letters, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_it_may_be(text in "[a-z가-힣 ]{0,40}", columns in 0_usize..30) {
            prop_assert!(cut(&text, Some(columns)).width() <= columns);
        }
    }

    const COLUMNS: [&str; 3] = ["run", "age", "task"];

    fn shown(task: &str, width: Option<usize>, colour: Colour) -> String {
        let row = vec![cell("4f2a", Tone::Plain), cell("2 d", Tone::Faint), cell(task, Tone::Bad)];
        table(&COLUMNS, [row], Look { width, colour, marks: Marks::Ascii })
    }

    #[test]
    fn a_table_has_a_heading_and_no_borders() {
        assert_eq!(shown("mend", None, Colour::Plain), "run   age  task\n4f2a  2 d  mend\n");
    }

    #[test]
    fn a_row_wraps_on_a_terminal_and_is_whole_in_a_pipe() {
        let task = "평균을 고치기 and mend the mean ".repeat(20);
        let on_terminal = shown(task.trim(), Some(60), Colour::Plain);
        assert!(on_terminal.lines().all(|line| line.width() <= 60), "{on_terminal}");
        assert!(on_terminal.lines().count() > 2 && on_terminal.lines().count() <= 1 + TALLEST);
        assert!(shown(task.trim(), None, Colour::Plain).lines().nth(1).unwrap().ends_with(task.trim()));
    }

    /// The words of the last column never run downwards, and no line is wider than the terminal.
    #[test]
    fn a_row_without_room_is_a_list_of_labels_and_values() {
        let columns = ["run", "state", "pending", "task"];
        let rows = || {
            [("waiting", "0b1c", "mend the mean of an empty list "), ("complete", "", "mend 평균을 고치기 ")]
                .map(|(state, pending, task)| {
                    vec![
                        cell("0123456789ab", Tone::Plain),
                        cell(state, Tone::Waiting),
                        cell(pending, Tone::Plain),
                        cell(task.repeat(30).trim(), Tone::Plain),
                    ]
                })
        };
        for colour in [Colour::Plain, Colour::Ansi] {
            for width in 24..100 {
                let look = Look { width: Some(width), colour, marks: Marks::Ascii };
                let text = without_colours(&table(&columns, rows(), look));
                assert!(text.lines().all(|line| line.width() <= width), "{width}: {text}");
                assert_eq!(
                    text.starts_with("  run: 0123456789ab\n    state: waiting\n"),
                    width < 43,
                    "{text}"
                );
                assert!(text.lines().count() < 20 && text.contains("mend the"), "{width}: {text}");
                assert!(!text.contains("pending: \n"), "{text}");
            }
        }
        // A short last column needs no more than its own width.
        let look = Look { width: Some(22), colour: Colour::Plain, marks: Marks::Ascii };
        let row = vec![cell("0123456789ab", Tone::Plain), cell("applied", Tone::Plain)];
        assert_eq!(table(&["backup", "state"], [row], look).lines().count(), 2);
    }

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let coloured = shown("mend", Some(60), Colour::Ansi);
        assert!(coloured.contains("\u{1b}["), "{coloured:?}");
        assert_eq!(without_colours(&coloured), shown("mend", Some(60), Colour::Plain));
        assert!(!shown("mend", None, Colour::Plain).contains('\u{1b}'));
    }

    #[test]
    fn what_a_person_writes_is_read() {
        assert_eq!(read_time("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(read_time("0s"), Ok(Duration::ZERO));
        assert_eq!(read_bytes("500MB"), Ok(500_000_000));
        assert_eq!(read_bytes("2 GiB"), Ok(2_147_483_648));
        assert_eq!(read_bytes("17"), Ok(17));
        for wrong in ["", "d", "30", "30 days", "-1d", "1.5d", "99999999999999999999w", "9999999999999999w"] {
            assert!(read_time(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "MB", "x", "-1", "1.5MB", "99999999999999GB"] {
            assert!(read_bytes(wrong).is_err(), "{wrong}");
        }
    }

    const REQUEST: &str = "request";

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn any_unique_part_will_do() {
        let ids = ids(&["0190-a7-beef", "0190-a7-cafe", "0190"]);
        for (part, expected) in [("cafe", 1), ("BEEF", 0), ("-a7-c", 1), (" 0190-a7-beef ", 0), ("0190", 2)] {
            assert_eq!(pick(REQUEST, &ids, part).unwrap(), ids[expected], "{part}");
        }
    }

    #[test]
    fn several_and_none_are_told_apart() {
        let ids = ids(&["0190-a7-beef", "0190-a7-cafe"]);
        let several = pick(REQUEST, &ids, "a7").unwrap_err();
        assert_eq!(several.code(), "ambiguous_name");
        assert!(several.hint().contains("0190-a7-beef, 0190-a7-cafe"), "{}", several.hint());
        for part in ["dead", "", "  "] {
            assert_eq!(pick(REQUEST, &ids, part).unwrap_err().code(), "unknown_request", "{part:?}");
        }
        assert_eq!(
            pick(REQUEST, &[], "a").unwrap_err().hint(),
            "No request is available in this project; check that the directory is right."
        );
    }

    #[test]
    fn the_end_of_an_id_stands_for_it() {
        assert_eq!(short("019a1b2c-3d4e-7f00-8000-0123456789ab"), "0123456789ab");
        assert_eq!(short("codex-1"), "codex-1");
    }

    proptest! {
        #[test]
        fn whoever_is_picked_holds_the_part(ids in prop::collection::vec("[ab]{1,4}", 0..6), part in "[ab]{0,3}") {
            match pick(REQUEST, &ids, &part) {
                Ok(id) => prop_assert!(ids.contains(&id) && id.contains(&part)),
                Err(Error::Ambiguous { matches, .. }) => {
                    prop_assert!(matches.len() > 1 && matches.iter().all(|id| id.contains(&part)));
                }
                Err(error) => {
                    prop_assert_eq!(error.code(), "unknown_request");
                    prop_assert!(part.is_empty() || ids.iter().all(|id| !id.contains(&part)));
                }
            }
        }
    }

    #[test]
    fn colours_are_for_terminals_of_people_who_want_them() {
        assert_eq!(Colour::choose(true, None, Some("xterm")), Colour::Ansi);
        assert_eq!(Colour::choose(true, Some(""), None), Colour::Ansi);
        for (terminal, no_color, term) in
            [(false, None, None), (true, Some("1"), None), (true, None, Some("dumb"))]
        {
            assert_eq!(Colour::choose(terminal, no_color, term), Colour::Plain);
        }
    }

    #[test]
    fn a_colour_ends_with_its_line() {
        assert_eq!(paint(LineKind::DiffAdded, "+x", Colour::Ansi), "\u{1b}[32m+x\u{1b}[0m\n");
        assert_eq!(paint(LineKind::DiffAdded, "+x", Colour::Plain), "+x\n");
        assert_eq!(paint(LineKind::Heading, "", Colour::Ansi), "\n");
    }
}

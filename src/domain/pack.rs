//! Packing a context: constraints, errors, facts and files into one text that never exceeds its
//! limit, with line numbers that stay true across everything left out.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::OnceLock;

use regex::Regex;
use serde::Serialize;

use super::size::share;

/// Characters of one line of a file or an error; what is longer is cut with a note.
pub const MAX_LINE_CHARS: usize = 1_000;

/// The material to pack, in the order of its importance. Every text is already masked.
#[derive(Clone, Debug, Default)]
pub struct Material {
    pub constraints: Vec<String>,
    /// Error texts, stack traces, logs.
    pub errors: Vec<String>,
    pub facts: Vec<String>,
    /// Files, as far as they were read.
    pub files: Vec<FileText>,
}

/// The lines of a file that were read, by their true numbers.
#[derive(Clone, Debug, Default)]
pub struct FileText {
    /// The path as shown.
    pub path: String,
    pub total_lines: usize,
    /// Line number (from 1) and text.
    pub lines: BTreeMap<usize, String>,
    /// The lines that matter most, best first; as many as may be shown.
    pub ranking: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
pub struct PackLimits {
    /// Lines of one error.
    pub error_lines: usize,
    /// Characters in all.
    pub total_chars: usize,
}

/// A packed context and what did not get into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// The text.
    pub text: String,
    /// Its length in characters.
    pub total_chars: usize,
    /// The files in it.
    pub files: Vec<PackedFile>,
    /// The parts that were left out or cut, and why.
    pub omitted: Vec<Omission>,
}

/// A file in a packed context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackedFile {
    /// The path as shown.
    pub path: String,
    /// Lines shown.
    pub lines: usize,
    /// Lines of the file.
    pub total_lines: usize,
}

/// Something left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Omission {
    /// The file, or the item such as `error 2`.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Packs the material, most important first.
pub fn pack(material: &Material, limits: PackLimits) -> Packed {
    let mut packer = Packer { limit: limits.total_chars, packed: Packed::default(), section: None };
    for (index, text) in material.constraints.iter().enumerate() {
        packer.add("Constraints", Block::bullet(format!("constraint {}", index + 1), text));
    }
    let files: Vec<Block> = material.files.iter().map(Block::file).collect();
    let errors = material.errors.iter().enumerate().map(|(index, text)| {
        let ranking = error_lines(text, limits.error_lines);
        Block::error(index + 1, text, &ranking)
    });
    packer.add_errors(errors.collect(), &files);
    for (index, text) in material.facts.iter().enumerate() {
        packer.add("Facts", Block::bullet(format!("fact {}", index + 1), text));
    }
    for (file, block) in material.files.iter().zip(files) {
        let shown = packer.add("Files", block);
        if let Some(lines) = shown {
            packer.packed.files.push(PackedFile {
                path: file.path.clone(),
                lines,
                total_lines: file.total_lines,
            });
        }
    }
    packer.packed
}

/// A packed text with its files in another order: the first so many go to the end. Lines of files
/// are numbered, so that no line of theirs looks like a heading.
pub fn with_files_turned(text: &str, by: usize) -> String {
    const SECTION: &str = "## Files\n";
    let Some(start) = text.rfind(SECTION).map(|at| at + SECTION.len()) else {
        return text.to_owned();
    };
    let (before, files) = text.split_at(start);
    let mut starts: Vec<usize> = files.match_indices("\n### ").map(|(at, _)| at + 1).collect();
    starts.insert(0, 0);
    let ends = starts.iter().skip(1).copied().chain([files.len()]);
    let mut blocks: Vec<&str> =
        starts.iter().zip(ends).filter_map(|(start, end)| files.get(*start..end)).collect();
    let count = blocks.len().max(1);
    blocks.rotate_left(by % count);
    format!("{before}{}", blocks.concat())
}

struct Packer {
    limit: usize,
    packed: Packed,
    section: Option<&'static str>,
}

impl Packer {
    /// Adds the errors: half of what is left, and more where the files do not take it. A long one
    /// leaves the others their share.
    fn add_errors(&mut self, errors: Vec<Block>, files: &[Block]) {
        const HEADING: usize = 20;
        let left = self.limit.saturating_sub(self.packed.total_chars + HEADING);
        let for_files: usize = files.iter().map(Block::chars).sum();
        let room = left.saturating_sub(for_files + HEADING).max(left / 2);
        let wanted: Vec<usize> = errors.iter().map(Block::chars).collect();
        for (error, room) in errors.into_iter().zip(share(&wanted, room)) {
            self.add_within("Errors", error, room);
        }
    }

    /// Adds as much of a block as fits, and returns how many of its lines are shown.
    fn add(&mut self, section: &'static str, block: Block) -> Option<usize> {
        self.add_within(section, block, usize::MAX)
    }

    fn add_within(&mut self, section: &'static str, block: Block, most: usize) -> Option<usize> {
        let heading = if self.section == Some(section) {
            String::new()
        } else if self.packed.text.is_empty() {
            format!("## {section}\n")
        } else {
            format!("\n## {section}\n")
        };
        let used = self.packed.total_chars + heading.chars().count();
        let Some(fitted) = self.limit.checked_sub(used).and_then(|room| block.fit(room.min(most))) else {
            self.omit(block.label, format!("over the limit of {} characters", self.limit));
            return None;
        };
        self.section = Some(section);
        self.packed.total_chars = used + fitted.text.chars().count();
        self.packed.text.push_str(&heading);
        self.packed.text.push_str(&fitted.text);
        if fitted.cut_lines > 0 {
            let reason = format!("{} lines cut to {MAX_LINE_CHARS} characters", fitted.cut_lines);
            self.omit(block.label.clone(), reason);
        }
        let left_out = block.total - fitted.shown;
        if left_out > 0 {
            let reason = if fitted.short_of_room {
                format!(
                    "{left_out} of {} lines omitted: over the limit of {} characters",
                    block.total, self.limit
                )
            } else {
                format!("{left_out} of {} lines omitted: over the limit of lines", block.total)
            };
            self.omit(block.label, reason);
        } else if fitted.short_of_room {
            self.omit(block.label, format!("cut: over the limit of {} characters", self.limit));
        }
        Some(fitted.shown)
    }

    fn omit(&mut self, path: String, reason: String) {
        self.packed.omitted.push(Omission { path, reason });
    }
}

/// A line as it is shown: where it is longer than [`MAX_LINE_CHARS`], its middle is left out, for a
/// message begins and ends with what matters.
fn shown_line(text: &str) -> Cow<'_, str> {
    const HEAD: usize = MAX_LINE_CHARS * 3 / 5;
    const TAIL: usize = MAX_LINE_CHARS - HEAD;
    if text.char_indices().nth(MAX_LINE_CHARS).is_none() {
        return Cow::Borrowed(text);
    }
    let head: String = text.chars().take(HEAD).collect();
    let start = text.char_indices().rev().nth(TAIL - 1).map_or(0, |(at, _)| at);
    let tail = text.get(start..).unwrap_or_default();
    let omitted = text.chars().count() - HEAD - TAIL;
    Cow::Owned(format!("{head} ... {omitted} characters omitted ... {tail}"))
}

/// Lines on each side of a mentioned line that matter more than the rest of the file.
const WINDOW: usize = 15;

/// The most important lines of a file, best first: those around the lines that an error names,
/// then its head and its tail, two lines to one. At most `limit` numbers, each in `1..=total`.
pub fn file_lines(total: usize, named: &[usize], limit: usize) -> Vec<usize> {
    let around = (0..=WINDOW).flat_map(|distance| {
        named
            .iter()
            .flat_map(move |line| [line.checked_sub(distance), Some(line + distance)].into_iter().flatten())
    });
    let head_and_tail = (0..total).flat_map(|step| [2 * step + 1, 2 * step + 2, total.saturating_sub(step)]);
    distinct(around.chain(head_and_tail), total, limit)
}

/// The most important lines of an error, best first: those that say what failed and with which
/// values, then the frames of the project nearest to them with the source below, then what stands
/// around and the rest, backwards. Totals and frames of libraries come last, so that they go first.
///
/// Java, .NET and JavaScript print the innermost frame first (`at ...`), Python and others last.
fn error_lines(text: &str, limit: usize) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let total = lines.len();
    let kinds = kinds(&lines);
    let kind = |number: usize| number.checked_sub(1).and_then(|index| kinds.get(index)).copied();
    let of = |wanted: Kind| (1..=total).filter(move |number| kind(*number) == Some(wanted));
    let is_little = |number: &usize| matches!(kind(*number), Some(Kind::Library | Kind::Total));
    let ends = [total, 1].into_iter().filter(|number| !is_little(number));
    let upwards = of(Kind::Frame).rev().flat_map(|number| [number, number + 1, number + 2]);
    let frames = interleaved(upwards, of(Kind::FrameBelow)).filter(|number| !is_little(number));
    let around = of(Kind::Failure).rev().flat_map(|number| [number + 1, number.saturating_sub(1)]);
    let around = around.filter(|number| !is_little(number));
    let rest = of(Kind::Other).rev();
    let order = of(Kind::Failure)
        .rev()
        .chain(ends)
        .chain(of(Kind::Value).rev())
        .chain(frames)
        .chain(around)
        .chain(rest)
        .chain(of(Kind::Total).rev())
        .chain(of(Kind::Library).rev());
    distinct(order, total, limit)
}

/// The worth of a line of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It says what failed: an error, a test's name.
    Failure,
    /// It is part of what was expected or found instead.
    Value,
    /// A frame of the project in a stack that is printed outermost first, or a place in a file.
    Frame,
    /// One in a stack that is printed innermost first.
    FrameBelow,
    Other,
    /// A frame of a library or of the runtime.
    Library,
    /// Totals and times of what passed, and what passed.
    Total,
}

fn kinds(lines: &[&str]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::with_capacity(lines.len());
    let mut value: Option<(usize, usize)> = None;
    let mut is_below_library_frame = false;
    for line in lines {
        let depth = line.len() - line.trim_start().len();
        let plain = kind_of(line);
        // Lines below `expected:` or a list of differences belong to it.
        let goes_on = value.is_some_and(|(at, left)| left > 0 && (depth > at || is_difference(line)));
        let kind = match plain {
            Kind::Other if goes_on => Kind::Value,
            // Python prints the source of a frame below it, whatever it says.
            _ if is_below_library_frame && depth >= 4 && !is_frame(line) => Kind::Library,
            plain => plain,
        };
        is_below_library_frame = plain == Kind::Library && line.trim_start().starts_with("File ");
        value = match plain {
            Kind::Value => Some((depth, MOST_OF_A_VALUE)),
            _ if goes_on => value.map(|(at, left)| (at, left - 1)),
            _ => None,
        };
        kinds.push(kind);
    }
    kinds
}

/// Lines that one value may take.
const MOST_OF_A_VALUE: usize = 12;

fn kind_of(line: &str) -> Kind {
    if is_total(line) {
        Kind::Total
    } else if is_of_a_library(line)
        && (is_frame(line) || is_frame_below_its_error(line) || is_bare_place(line))
    {
        Kind::Library
    } else if is_value(line) {
        Kind::Value
    } else if names_an_error(line) {
        Kind::Failure
    } else if is_frame_below_its_error(line) {
        Kind::FrameBelow
    } else if is_frame(line) {
        Kind::Frame
    } else {
        Kind::Other
    }
}

/// One of each in turn, as long as either has any.
fn interleaved(
    mut one: impl Iterator<Item = usize>,
    mut other: impl Iterator<Item = usize>,
) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || match (one.next(), other.next()) {
        (None, None) => None,
        pair => Some(pair),
    })
    .flat_map(|(left, right)| [left, right].into_iter().flatten())
}

/// A line that says what went wrong, or of which test.
fn names_an_error(line: &str) -> bool {
    static NAMED: OnceLock<Option<Regex>> = OnceLock::new();
    matches(
        &NAMED,
        r"(?x)
          (?:Error|Exception|Failure)\b
        | (?i:\berror(?:\[\w+\])?:)
        | (?i:\bpanic(?:ked)?\b)
        | (?i:\bassert\w*)
        | ^E\s\s                    # pytest: what was found
        | ^>\s                      # pytest: the line that failed
        | \bFAIL(?:ED|URE)?\b
        | \bFailed\b
        | \bCaused\sby\b
        | ^\s*not\sok\b            # TAP
        | ^\s*---\sFAIL:           # go
        | ^\s*-{2,}\s\S.*\s-{2,}\s*$ # cargo, node: a test's name between dashes
        | ^_{2,}\s.+\s_{2,}\s*$     # pytest: a test's name between lines
        | ^\s*[\u25CF\u2715\u2717\u2716\u00D7\u2718]\s  # jest, mocha, vitest, node
        | ^\s*\d+\)\s               # mocha, rspec, phpunit
        | \.\.\.\sFAILED\b
        | ^\s*(?:message|failureType|operator|location):\s
        ",
        line,
    )
}

/// A line that begins what was expected, or what was found instead.
fn is_value(line: &str) -> bool {
    static VALUE: OnceLock<Option<Regex>> = OnceLock::new();
    matches(
        &VALUE,
        r"(?xi)
          \b(?:expected|actual|received|but\s+was|but\s+got|which\s+is|value\s+of)\b
        | ^\s*(?:left|right|want|wanted|got|have|diff)\s*[:=]
        | ^\s*[+-]\s(?:actual|expected)\b
        | ^\s*error:\s*[|>]
        ",
        line,
    )
}

/// A line of a comparison: what is only on one side.
fn is_difference(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with(['+', '-', '?']) && !line.starts_with("---") && !line.starts_with("+++")
}

/// Returns the lines about all tests together, or about a passed test.
fn is_total(line: &str) -> bool {
    static TOTAL: OnceLock<Option<Regex>> = OnceLock::new();
    matches(
        &TOTAL,
        r"(?x)
          ^\s*\#\s(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms)\s\d  # node
        | ^\s*\u2139\s(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms)\s
        | ^\s*(?:duration_ms|type):\s                                  # TAP
        | ^\s*(?:---|\.\.\.)\s*$
        | ^\s*\#\sSubtest:
        | ^\s*\d+\.\.\d+\s*$
        | ^\s*ok\s\d+
        | ^TAP\sversion
        | ^\s*[\u2713\u2714\u221A]\s
        | \s\.\.\.\sok\s*$
        | ^ok\s+\S+\s+[\d.(]                                         # go
        | ^\s*---\sPASS:
        | ^=+\s.*\bin\s[\d.]+s                                       # pytest
        | ^=+\stest\ssession\sstarts
        | ^(?:platform|rootdir|plugins|configfile|cachedir|collected|collecting)\b
        | \bPASSED\b
        | ^PASS\b
        | ^(?:Test\sSuites|Tests|Snapshots|Time|Ran\sall\stest\ssuites)\b[:.]
        | ^Ran\s\d+\stests?\sin
        | ^test\sresult:
        | ^running\s\d+\stests?
        | ^\s*(?:Finished|Compiling|Running|Downloading|Doc-tests)\s
        ",
        line,
    )
}

/// A place in a library or in the runtime, which nobody here will change.
fn is_of_a_library(line: &str) -> bool {
    static LIBRARY: OnceLock<Option<Regex>> = OnceLock::new();
    matches(
        &LIBRARY,
        r"(?x)
          node:internal/ | \(node: | \snode:\w | \binternal/(?:modules|process|timers|test_runner)/
        | /node_modules/ | ^\s*node_modules/
        | (?:site|dist)-packages/ | /lib(?:64)?/python\d | \bpython\d[\d.]*/lib/ | <frozen\s
        | \.cargo[/\\](?:registry|git)/ | /rustc/[0-9a-f]+ | /rustlib/ | \bcore::(?:panicking|ops)
        | std::(?:panicking|rt|sys|thread) | __rust_
        | \b(?:java|javax|jdk|sun|kotlin|scala)\.[\w.$]+\( | java\.base/ | \borg\.(?:junit|gradle|apache\.maven|testng|hamcrest|mockito|springframework)\.
        | \bat\s(?:System|Microsoft|Xunit|NUnit)\. | \breflect\.
        | /usr/local/go/src/ | /go/src/(?:testing|runtime)/ | /go/pkg/mod/ | \$GOROOT
        | /gems/ | /vendor/(?:bundle|phpunit|symfony|laravel)/ | /lib/ruby/
        ",
        line,
    )
}

/// A frame in a form of its own: numbered as in Rust, or with its place at the end.
fn is_bare_place(line: &str) -> bool {
    static PLACE: OnceLock<Option<Regex>> = OnceLock::new();
    matches(&PLACE, r"^\s*(?:\d+:|at\s|from\s)|:\d+(?::\d+)?\)?(?:\s\+0x[0-9a-f]+)?[\s{]*$", line)
}

/// A frame of a stack that is printed outermost first, or a place in a file.
fn is_frame(line: &str) -> bool {
    static FRAME: OnceLock<Option<Regex>> = OnceLock::new();
    matches(
        &FRAME,
        r#"(?x)
          ^\s*File\s"            # Python
        | ^\s*-->\s              # rustc
        | \w\.\w+:\d+            # path:line
        "#,
        line,
    )
}

/// A frame of a stack that is printed innermost first.
fn is_frame_below_its_error(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("at ") && line.contains(|letter: char| letter.is_ascii_digit())
}

fn matches(pattern: &OnceLock<Option<Regex>>, source: &str, line: &str) -> bool {
    pattern.get_or_init(|| Regex::new(source).ok()).as_ref().is_some_and(|pattern| pattern.is_match(line))
}

fn distinct(order: impl Iterator<Item = usize>, total: usize, limit: usize) -> Vec<usize> {
    let wanted = limit.min(total);
    let mut seen = HashSet::new();
    order.filter(|line| (1..=total).contains(line) && seen.insert(*line)).take(wanted).collect()
}

/// An item to be shown.
struct Block {
    /// Its name in the list of omissions.
    label: String,
    total: usize,
    style: Style,
    lines: Vec<Line>,
    ranking: Vec<usize>,
}

/// A line with its true number, from 1.
struct Line {
    number: usize,
    text: String,
    is_cut: bool,
}

enum Style {
    /// A list item without line numbers.
    Bullet,
    /// A fenced block under a heading.
    Fenced { heading: String, numbers: bool },
}

struct Fitted {
    text: String,
    shown: usize,
    short_of_room: bool,
    /// Lines of which the middle is left out.
    cut_lines: usize,
}

impl Line {
    fn shown((number, text): (usize, &str)) -> Self {
        let shown = shown_line(text);
        Self { number, is_cut: matches!(shown, Cow::Owned(_)), text: shown.into_owned() }
    }
}

impl Block {
    /// A list item: its first lines matter most.
    fn bullet(label: String, text: &str) -> Self {
        let lines: Vec<Line> = (1..)
            .zip(text.lines())
            .map(|(number, text)| Line { number, text: text.to_owned(), is_cut: false })
            .collect();
        Self { label, total: lines.len(), style: Style::Bullet, ranking: (1..=lines.len()).collect(), lines }
    }

    /// An error, of which the ranked lines matter most.
    fn error(number: usize, text: &str, ranking: &[usize]) -> Self {
        let lines: Vec<Line> = (1..).zip(text.lines()).map(Line::shown).collect();
        Self {
            label: format!("error {number}"),
            total: lines.len(),
            style: Style::Fenced { heading: format!("### Error {number}"), numbers: false },
            ranking: ranking.to_vec(),
            lines,
        }
    }

    /// A file, of which the ranked lines matter most.
    fn file(file: &FileText) -> Self {
        Self {
            label: file.path.clone(),
            total: file.total_lines,
            style: Style::Fenced { heading: format!("### {}", file.path), numbers: true },
            lines: file.lines.iter().map(|(number, text)| Line::shown((*number, text))).collect(),
            ranking: file.ranking.clone(),
        }
    }

    /// Its characters where all of its ranked lines are shown.
    fn chars(&self) -> usize {
        self.render(self.ranking.len()).chars().count()
    }

    /// The most that fits into `room` characters, or nothing where not even a piece does.
    fn fit(&self, room: usize) -> Option<Fitted> {
        let whole = self.render(self.ranking.len());
        if whole.chars().count() <= room {
            return Some(self.fitted(whole, self.ranking.len(), false));
        }
        // The rendering grows with the number of lines, so the largest that fits can be bisected.
        let (mut fits, mut exceeds) = (0, self.ranking.len());
        while fits + 1 < exceeds {
            let middle = usize::midpoint(fits, exceeds);
            if self.render(middle).chars().count() <= room {
                fits = middle;
            } else {
                exceeds = middle;
            }
        }
        if fits == 0 {
            return self.first_line_cut(room);
        }
        let text = self.render(fits);
        (text.chars().count() <= room).then(|| self.fitted(text, fits, true))
    }

    fn fitted(&self, text: String, shown: usize, short_of_room: bool) -> Fitted {
        let kept: BTreeSet<usize> = self.ranking.iter().take(shown).copied().collect();
        let cut_lines = self.lines.iter().filter(|line| line.is_cut && kept.contains(&line.number)).count();
        Fitted { text, shown, short_of_room, cut_lines }
    }

    /// A single line that is too long for the room is cut between characters.
    fn first_line_cut(&self, room: usize) -> Option<Fitted> {
        const NOTE: &str = " ... cut ...\n";
        const WORTHWHILE: usize = 40;
        let first = self.lines.first()?;
        let kept = room.checked_sub(NOTE.len() + 2)?;
        match self.style {
            Style::Bullet if kept >= WORTHWHILE => {
                let text = format!("- {}{NOTE}", first.text.chars().take(kept).collect::<String>());
                Some(self.fitted(text, 1, true))
            }
            Style::Bullet | Style::Fenced { .. } => None,
        }
    }

    fn render(&self, keep: usize) -> String {
        let kept: BTreeSet<usize> = self.ranking.iter().take(keep).copied().collect();
        let lines: Vec<&Line> = self.lines.iter().filter(|line| kept.contains(&line.number)).collect();
        match &self.style {
            Style::Bullet => self.render_bullet(&lines),
            Style::Fenced { heading, numbers } => self.render_fenced(heading, *numbers, &lines),
        }
    }

    fn render_bullet(&self, lines: &[&Line]) -> String {
        let mut text = String::new();
        for line in lines {
            text.push_str(if text.is_empty() { "- " } else { "  " });
            text.push_str(&line.text);
            text.push('\n');
        }
        let omitted = self.total - lines.len();
        if omitted > 0 {
            text.push_str(&format!("  ... {omitted} lines omitted ...\n"));
        }
        text
    }

    fn render_fenced(&self, heading: &str, numbers: bool, lines: &[&Line]) -> String {
        let fence = fence_for(lines.iter().map(|line| line.text.as_str()));
        let width = self.total.to_string().len().max(4);
        let mut text = heading.to_owned();
        if numbers && lines.len() < self.total {
            text.push_str(&format!(" ({} of {} lines)", lines.len(), self.total));
        }
        text.push('\n');
        text.push_str(&fence);
        text.push('\n');
        let mut next = 1;
        for line in lines {
            push_gap(&mut text, next, line.number);
            if numbers {
                text.push_str(&format!("{:>width$} | ", line.number));
            }
            text.push_str(&line.text);
            text.push('\n');
            next = line.number + 1;
        }
        push_gap(&mut text, next, self.total + 1);
        text.push_str(&fence);
        text.push('\n');
        text
    }
}

/// Says which lines stand between the next expected one and the one that follows.
fn push_gap(text: &mut String, expected: usize, following: usize) {
    match following - expected {
        0 => {}
        1 => text.push_str(&format!("... 1 line omitted ({expected}) ...\n")),
        count => text.push_str(&format!("... {count} lines omitted ({expected}-{}) ...\n", following - 1)),
    }
}

/// A fence longer than any run of backquotes inside.
pub fn fence_for<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let runs = lines.flat_map(|line| line.split(|letter| letter != '`')).map(str::len);
    "`".repeat(runs.max().unwrap_or(0).max(2) + 1)
}

/// A file and a line that some text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The path as the text writes it.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
}

impl Mention {
    /// True if the mention means this file: one path is a tail of the other, by whole components.
    pub fn means(&self, path: &str) -> bool {
        let ours = path.split(['/', '\\']).rev();
        let theirs = self.path.split(['/', '\\']).filter(|part| *part != ".").rev();
        ours.zip(theirs).all(|(left, right)| left == right)
    }
}

/// The places that the texts name, innermost (last) first, at most 200.
pub fn mentions<'a>(texts: impl DoubleEndedIterator<Item = &'a str>) -> Vec<Mention> {
    const MOST: usize = 200;
    texts
        .rev()
        .flat_map(|text| {
            let mut found = in_text(text);
            found.reverse();
            found
        })
        .take(MOST)
        .collect()
}

fn in_text(text: &str) -> Vec<Mention> {
    static PLACE: OnceLock<Option<Regex>> = OnceLock::new();
    let Some(place) = PLACE.get_or_init(|| {
        Regex::new(
            r#"(?x)
              File\s"(?P<python>[^"\n]+)",\sline\s(?P<python_line>\d{1,7})
            | (?P<path>[\w./\\@+-]*\w\.\w+)[:(](?P<line>\d{1,7})
            "#,
        )
        .ok()
    }) else {
        return Vec::new();
    };
    place
        .captures_iter(text)
        .filter_map(|found| {
            let path = found.name("python").or_else(|| found.name("path"))?;
            let line = found.name("python_line").or_else(|| found.name("line"))?;
            Some(Mention {
                path: path.as_str().to_owned(),
                line: line.as_str().parse().ok().filter(|line| *line > 0)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;

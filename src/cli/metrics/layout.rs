//! Rows with small bars that fit a width.

use crate::domain::measure::number::real;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Yes.
    On,
    /// No.
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// Block elements of Unicode.
    Blocks,
    /// Letters that every terminal and every file can hold.
    Ascii,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Letters in a line, 40 at least.
    pub width: usize,
    pub colour: Colour,
    pub marks: Marks,
}

impl Look {
    /// For a file or another program.
    pub const PLAIN: Self = Self { width: 80, colour: Colour::Off, marks: Marks::Ascii };

    /// Below it, lines would be torn to pieces.
    pub(super) const NARROWEST: usize = 40;

    /// For a terminal of this width, by what its environment says of it: the locale in force, the
    /// kind of terminal, and whether the user wants no colours.
    pub fn of_terminal(width: usize, locale: Option<&str>, term: Option<&str>, no_colour: bool) -> Self {
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        let simple = term.is_none_or(|term| term == "dumb");
        Self {
            width: width.max(Self::NARROWEST),
            colour: if simple || no_colour { Colour::Off } else { Colour::On },
            marks: if locale.contains("utf-8") || locale.contains("utf8") {
                Marks::Blocks
            } else {
                Marks::Ascii
            },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Not known.
    Faint,
    /// Neither.
    Neutral,
    /// A heading.
    Heading,
}

/// One row of a section.
pub(super) struct Row {
    pub(super) label: String,
    pub(super) value: String,
    /// How much of the bar is filled, 0 to 1.
    pub(super) share: Option<f64>,
    pub(super) details: Vec<String>,
    pub(super) tone: Tone,
}

const LONGEST_LABEL: usize = 26;
const LONGEST_VALUE: usize = 10;
const LONGEST_BAR: usize = 24;
const SHORTEST_BAR: usize = 6;
const GAP: usize = 2;
const BETWEEN_DETAILS: &str = ", ";

/// A heading and its rows; nothing where there are none.
pub(super) fn section(out: &mut String, look: Look, title: &str, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    out.push('\n');
    line(out, &paint(look, Tone::Heading, title));
    let columns = Columns::of(rows, look.width);
    for row in rows {
        let mut text = format!(
            "  {:label$}  {:>value$}",
            cut(&row.label, columns.label, look.marks),
            row.value,
            label = columns.label,
            value = columns.value
        );
        if let (true, Some(share)) = (columns.bar > 0, row.share) {
            text = format!("{text}  {}", paint(look, row.tone, &bar_of(share, columns.bar, look.marks)));
        } else if columns.bar > 0 {
            text.extend(std::iter::repeat_n(' ', GAP + columns.bar));
        }
        let details = row.said();
        if details.is_empty() {
            line(out, text.trim_end());
        } else if columns.details_follow {
            line(out, text.trim_end());
            for part in wrapped(&details, look.width.saturating_sub(2 * GAP)) {
                line(out, &format!("    {}", paint(look, row.tone, &part)));
            }
        } else {
            line(out, &format!("{text}  {}", paint(look, row.tone, &details)));
        }
    }
}

impl Row {
    /// The details as one text, with nothing that a terminal would take for a command.
    fn said(&self) -> String {
        self.details.join(BETWEEN_DETAILS).replace(char::is_control, " ")
    }
}

/// Way in which the rows of a section share a line.
struct Columns {
    label: usize,
    value: usize,
    /// 0 where there are no bars.
    bar: usize,
    /// True if details stand on lines of their own, because those of one row leave too little room.
    details_follow: bool,
}

impl Columns {
    fn of(rows: &[Row], width: usize) -> Self {
        let longest = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
        let label = longest(&|row| letters(&row.label)).min(LONGEST_LABEL);
        let value = longest(&|row| letters(&row.value));
        let left = width.saturating_sub(GAP + label + GAP + value);
        let details = longest(&|row| letters(&row.said()));
        let beside = if details == 0 { left } else { left.saturating_sub(GAP + details) };
        let has_bars = rows.iter().any(|row| row.share.is_some());
        let needed = if has_bars { GAP + SHORTEST_BAR } else { 0 };
        let details_follow = details > 0 && (GAP + details > left || needed > beside);
        let room = if details_follow { left } else { beside }.saturating_sub(GAP).min(LONGEST_BAR);
        let bar = if has_bars && room >= SHORTEST_BAR { room } else { 0 };
        Self { label, value, bar, details_follow }
    }
}

/// A text over as many lines as it needs, those after the first ones indented.
pub(super) fn paragraph(out: &mut String, look: Look, first: &str, text: &str) {
    let indent = " ".repeat(letters(first));
    for (index, part) in wrapped(text, look.width.saturating_sub(letters(first))).iter().enumerate() {
        line(out, &format!("{}{part}", if index == 0 { first } else { indent.as_str() }));
    }
}

/// A text in its tone, where there are colours.
pub(super) fn paint(look: Look, tone: Tone, text: &str) -> String {
    let code = match (look.colour, tone) {
        (Colour::Off, _) | (Colour::On, Tone::Neutral) => return text.to_owned(),
        (Colour::On, Tone::Good) => "32",
        (Colour::On, Tone::Bad) => "31",
        (Colour::On, Tone::Faint) => "2",
        (Colour::On, Tone::Heading) => "1",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// A value that is never wider than its column may be.
pub(super) fn value(text: String) -> String {
    if letters(&text) > LONGEST_VALUE {
        text.replace(',', "").chars().take(LONGEST_VALUE).collect()
    } else {
        text
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn letters(text: &str) -> usize {
    text.chars().count()
}

/// The beginning of a text that is too long, with a mark that says so, and nothing that a terminal
/// would take for a command.
fn cut(text: &str, most: usize, marks: Marks) -> String {
    let clean = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    if letters(text) <= most {
        return clean.collect();
    }
    let mark = match marks {
        Marks::Blocks => '…',
        Marks::Ascii => '~',
    };
    clean.take(most.saturating_sub(1)).chain([mark]).collect()
}

/// The lines of a text, broken at spaces, and inside of words that are longer than a line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    for word in text.split(|letter: char| letter.is_whitespace() || letter.is_control()) {
        let mut word: Vec<char> = word.chars().collect();
        if word.is_empty() {
            continue;
        }
        if !current.is_empty() && letters(&current) + 1 + word.len() > width {
            lines.push(std::mem::take(&mut current));
        }
        if !current.is_empty() {
            current.push(' ');
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        current.extend(word);
    }
    if !current.is_empty() {
        lines.push(current);
    }
    lines
}

/// A bar of this many letters, filled to a share.
fn bar_of(share: f64, width: usize, marks: Marks) -> String {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let (full, parts, empty): (char, &[char], char) = match marks {
        Marks::Blocks => ('█', &['▏', '▎', '▍', '▌', '▋', '▊', '▉'], '░'),
        Marks::Ascii => ('#', &[], '.'),
    };
    let steps = parts.len() + 1;
    // How many steps are filled, by comparing instead of casting.
    let total = width * steps;
    let whole = |count: usize| real(u64::try_from(count).unwrap_or(u64::MAX));
    let filled = (1..=total).take_while(|step| whole(*step) - 0.5 <= share * whole(total)).count();
    let mut bar: String = std::iter::repeat_n(full, filled / steps).collect();
    bar.extend((filled % steps).checked_sub(1).and_then(|part| parts.get(part)));
    let drawn = letters(&bar);
    bar.extend(std::iter::repeat_n(empty, width.saturating_sub(drawn)));
    bar
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bars_fill_by_eighths_or_by_whole_letters() {
        assert_eq!(bar_of(0.5, 4, Marks::Ascii), "##..");
        assert_eq!(bar_of(0.5, 5, Marks::Blocks), "██▌░░");
        assert_eq!(bar_of(1.0, 3, Marks::Blocks), "███");
        for nothing in [0.0, -1.0, f64::NAN] {
            assert_eq!(bar_of(nothing, 3, Marks::Ascii), "...");
        }
    }

    #[test]
    fn long_words_are_broken_and_none_is_lost() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a abcdefgh b", 3), ["a", "abc", "def", "gh", "b"]);
        assert_eq!(cut("a\x1b[31mname", 5, Marks::Ascii), "a [3~");
    }

    proptest! {
        #[test]
        fn bars_and_lines_have_their_width(share in -1.0_f64..2.0, width in 1_usize..40, text in "\\PC{0,80}") {
            for marks in [Marks::Ascii, Marks::Blocks] {
                prop_assert_eq!(letters(&bar_of(share, width, marks)), width);
            }
            let lines = wrapped(&text, width);
            prop_assert!(lines.iter().all(|line| letters(line) <= width));
            let spaceless = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(spaceless(&lines.concat()), spaceless(&text));
        }
    }
}

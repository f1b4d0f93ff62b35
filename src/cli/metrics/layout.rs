//! Rows with small bars that fit a width.

use comfy_table::Cell;

use crate::cli::line::{cut, hanging, one_line};
use crate::cli::report::Colour;
pub(super) use crate::cli::table::Tone;
use crate::cli::table::{self, Side, cell, rows_only};
use crate::domain::measure::number::real;

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
    pub const PLAIN: Self = Self { width: 80, colour: Colour::Plain, marks: Marks::Ascii };

    /// Below it, lines would be torn to pieces.
    pub(super) const NARROWEST: usize = 40;

    /// For a terminal of this width, by what its environment says of it: the locale in force, the
    /// kind of terminal, and whether the user wants no colours.
    pub fn of_terminal(width: usize, locale: Option<&str>, term: Option<&str>, no_colour: bool) -> Self {
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        let simple = term.is_none_or(|term| term == "dumb");
        Self {
            width: width.max(Self::NARROWEST),
            colour: if simple || no_colour { Colour::Plain } else { Colour::Ansi },
            marks: if locale.contains("utf-8") || locale.contains("utf8") {
                Marks::Blocks
            } else {
                Marks::Ascii
            },
        }
    }
}

/// One row of a section.
pub(super) struct Row {
    pub(super) label: String,
    pub(super) value: String,
    /// The share of the bar that is filled, 0 to 1.
    pub(super) share: Option<f64>,
    pub(super) details: Vec<String>,
    pub(super) tone: Tone,
}

const LONGEST_LABEL: usize = 26;
const LONGEST_VALUE: usize = 10;
/// Letters of a bar, and the narrowest terminal that has room for a table.
const BAR: usize = 12;
const ROOM_FOR_TABLES: usize = 60;
const SIDES: [Side; 4] = [Side::Left, Side::Right, Side::Left, Side::Left];

/// A heading and its rows; nothing where there are none.
pub(super) fn section(out: &mut String, look: Look, title: &str, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    out.push('\n');
    heading(out, look, title);
    if look.width < ROOM_FOR_TABLES {
        for row in rows {
            paragraph(out, look, "  ", &format!("{}: {}", row.label, row.value));
            if !row.details.is_empty() {
                paragraph(out, look, "    ", &row.details.join(", "));
            }
        }
        return;
    }
    let has_bars = rows.iter().any(|row| row.share.is_some());
    let cells = |row: &Row| -> Vec<Cell> {
        let bar = || row.share.map(|share| bar_of(share, BAR, look.marks)).unwrap_or_default();
        let mut cells = vec![
            cell(format!("  {}", cut(&one_line(&row.label), Some(LONGEST_LABEL))), Tone::Plain),
            cell(&row.value, Tone::Plain),
        ];
        cells.extend(has_bars.then(|| cell(bar(), row.tone)));
        cells.push(cell(one_line(&row.details.join(", ")), row.tone));
        cells
    };
    let sides: &[Side] = if has_bars { &SIDES } else { &[Side::Left, Side::Right, Side::Left] };
    out.push_str(&rows_only(sides, rows.iter().map(cells), look.into()));
}

impl From<Look> for table::Look {
    fn from(look: Look) -> Self {
        Self { width: Some(look.width), colour: look.colour }
    }
}

/// A heading, bold where there are colours.
pub(super) fn heading(out: &mut String, look: Look, title: &str) {
    match look.colour {
        Colour::Ansi => out.push_str(&format!("\x1b[1m{title}\x1b[0m\n")),
        Colour::Plain => out.push_str(&format!("{title}\n")),
    }
}

/// A text over as many lines as it needs, those after the first ones indented.
pub(super) fn paragraph(out: &mut String, look: Look, first: &str, text: &str) {
    out.push_str(&hanging(first, &one_line(text), Some(look.width)));
}

/// A value that is never wider than its column may be.
pub(super) fn value(text: String) -> String {
    if text.chars().count() > LONGEST_VALUE {
        text.replace(',', "").chars().take(LONGEST_VALUE).collect()
    } else {
        text
    }
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
    let drawn = bar.chars().count();
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

    proptest! {
        #[test]
        fn bars_have_their_width(share in -1.0_f64..2.0, width in 1_usize..40) {
            for marks in [Marks::Ascii, Marks::Blocks] {
                prop_assert_eq!(bar_of(share, width, marks).chars().count(), width);
            }
        }
    }
}

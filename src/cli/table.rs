//! Tables without borders. On a terminal they fit its width; elsewhere each row is one whole line.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Row, Table};

use super::line::cut;
use super::report::Colour;

/// Lines that a row takes at most; what is longer ends in dots.
const TALLEST: usize = 3;

/// The place of a column's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A cell with the weight of what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Waiting,
    Faint,
    Plain,
}

/// A text in its tone.
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

/// The width and the colours of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Columns of the terminal; none where there is no terminal.
    pub(super) width: Option<usize>,
    pub(super) colour: Colour,
}

impl Look {
    /// For standard output.
    pub(super) fn of(session: &crate::flow::session::Session) -> Self {
        Self { width: super::terminal::width(), colour: super::terminal::colour(session) }
    }
}

/// The table with these columns; the last one wraps where the terminal is narrow.
pub(super) fn table<R: Into<Row>>(
    columns: &[(&str, Side)],
    rows: impl IntoIterator<Item = R>,
    look: Look,
) -> String {
    let mut table = Table::new();
    let heads = columns.iter().map(|(head, _)| Cell::new(head).add_attribute(Attribute::Bold));
    table.set_header(heads.collect::<Vec<_>>());
    for row in rows {
        let mut row = row.into();
        if look.width.is_some() {
            row.max_height(TALLEST);
        }
        table.add_row(row);
    }
    let sides: Vec<Side> = columns.iter().map(|(_, side)| *side).collect();
    laid_out(table, &sides, look)
}

/// The rows of a table without a heading, each as tall as it needs to be.
pub(super) fn rows_only<R: Into<Row>>(
    sides: &[Side],
    rows: impl IntoIterator<Item = R>,
    look: Look,
) -> String {
    let mut table = Table::new();
    table.add_rows(rows);
    laid_out(table, sides, look)
}

fn laid_out(mut table: Table, sides: &[Side], look: Look) -> String {
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
        column.set_padding((0, if is_last { 0 } else { 2 }));
        column.set_cell_alignment(match side {
            Side::Left => CellAlignment::Left,
            Side::Right => CellAlignment::Right,
        });
        if !is_last {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    // A terminal that is narrower than the fixed columns cuts lines; colours are not cut in the middle.
    let fits = |line: String| match look.colour {
        Colour::Plain => cut(line.trim_end(), look.width),
        Colour::Ansi => line.trim_end().to_owned(),
    };
    table.lines().flat_map(|line| [fits(line), "\n".to_owned()]).collect()
}

/// A text without the sequences that colour it.
#[cfg(test)]
pub(super) fn without_colours(text: &str) -> String {
    let plain = |part: &str| {
        let rest = part.strip_prefix('[').and_then(|rest| rest.split_once('m'));
        rest.map_or(part, |(_, rest)| rest).to_owned()
    };
    let text: String = text.split('\u{1b}').map(plain).collect();
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    const COLUMNS: [(&str, Side); 3] = [("run", Side::Left), ("age", Side::Right), ("task", Side::Left)];

    fn shown(task: &str, width: Option<usize>, colour: Colour) -> String {
        let row = vec![cell("4f2a", Tone::Plain), cell("2 d", Tone::Faint), cell(task, Tone::Bad)];
        table(&COLUMNS, [row], Look { width, colour })
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
        let narrow = shown(&task, Some(8), Colour::Plain);
        assert!(narrow.lines().all(|line| line.width() <= 8), "{narrow}");
    }

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let coloured = shown("mend", Some(60), Colour::Ansi);
        assert!(coloured.contains("\u{1b}["), "{coloured:?}");
        assert_eq!(without_colours(&coloured), shown("mend", Some(60), Colour::Plain));
        assert!(!shown("mend", None, Colour::Plain).contains('\u{1b}'));
    }
}

//! The report of a stage in colour. The text is the same with and without.

use crate::domain::language::Language;
use crate::domain::report::{self, Line, LineKind, Report};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// ANSI sequences around lines.
    Ansi,
    /// Nothing but the text.
    Plain,
}

impl Colour {
    /// Colours for a terminal, unless `NO_COLOR` has a value (<https://no-color.org>) or the
    /// terminal is a dumb one.
    pub fn choose(is_terminal: bool, no_color: Option<&str>, term: Option<&str>) -> Self {
        let wanted = no_color.is_none_or(str::is_empty) && term != Some("dumb");
        if is_terminal && wanted { Self::Ansi } else { Self::Plain }
    }
}

/// The whole report for a terminal of so many columns.
pub fn render(report: &Report, width: usize, colour: Colour, language: Language) -> String {
    report::lines(report, width, &[language])
        .iter()
        .map(|Line { kind, text }| paint(*kind, text, colour))
        .collect()
}

/// A line of a kind, with its end.
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
    use super::*;

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

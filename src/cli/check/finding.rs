//! One line of the doctor: a mark, what was found, and what to do about it.

use serde::Serialize;

use crate::cli::report::{Colour, paint};
use crate::domain::report::LineKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    /// As it should be.
    Good,
    /// It works, and is worth a look.
    Look,
    /// It does not work.
    Bad,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) mark: Mark,
    pub(super) found: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) next: Vec<String>,
}

impl Finding {
    pub(super) fn good(found: impl Into<String>) -> Self {
        Self { mark: Mark::Good, found: found.into(), next: Vec::new() }
    }

    pub(super) fn look(found: impl Into<String>, next: impl Into<String>) -> Self {
        Self { mark: Mark::Look, found: found.into(), next: vec![next.into()] }
    }

    pub(super) fn bad(found: impl Into<String>, next: impl Into<String>) -> Self {
        Self { mark: Mark::Bad, found: found.into(), next: vec![next.into()] }
    }

    /// Its lines on a terminal of so many columns. What is longer goes on below; a path is not broken.
    pub(super) fn lines(&self, columns: usize, colour: Colour) -> String {
        let (sign, kind) = match self.mark {
            Mark::Good => ("\u{2713}", LineKind::Good),
            Mark::Look => ("!", LineKind::Priority),
            Mark::Bad => ("\u{2717}", LineKind::Bad),
        };
        let mut out = String::new();
        for line in folded(&self.found, columns, &format!("{sign} "), "  ") {
            out.push_str(&paint(kind, &line, colour));
        }
        for next in &self.next {
            for line in folded(next, columns, "    next: ", "          ") {
                out.push_str(&paint(LineKind::Body, &line, colour));
            }
        }
        out
    }
}

/// A text as lines of so many columns, the first and the others with their own beginning.
pub(super) fn folded(text: &str, columns: usize, first: &str, others: &str) -> Vec<String> {
    let options = textwrap::Options::new(columns)
        .initial_indent(first)
        .subsequent_indent(others)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).into_iter().map(std::borrow::Cow::into_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_goes_on_below_and_a_path_stays_whole() {
        let path = format!("/opt/{}/bin/maestro-mcp", "deep/".repeat(20));
        let finding = Finding::look(format!("{} {path}", "word ".repeat(30)), "maestro-mcp install");
        let shown = finding.lines(80, Colour::Plain);
        assert!(shown.starts_with("! word") && shown.contains(&path), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 80 || line.contains(&path)), "{shown}");
        assert!(shown.ends_with("    next: maestro-mcp install\n"), "{shown}");
        assert_eq!(Finding::good("all well").lines(80, Colour::Plain), "\u{2713} all well\n");
    }
}

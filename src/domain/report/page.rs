//! A page of plain text that is filled from top to bottom, for a terminal of a given width.
//!
//! Only letters whose width is the same everywhere are used for drawing: in Korean terminals,
//! lines, dots and dashes beyond ASCII may take two columns.

use super::wrap::{columns, padded, visible, wrapped};
use crate::domain::language::Language;
use crate::domain::text::Text;

/// The least width that a page can have, in columns.
pub const MIN_WIDTH: usize = 40;

/// The kind of a line, for those who colour it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// A line across the page.
    Rule,
    /// The title.
    Title,
    /// The heading of a section.
    Heading,
    /// Plain text.
    Body,
    /// Something that is as it should be.
    Good,
    /// A risk, or something that failed.
    Bad,
    /// The heading of the critical questions.
    Critical,
    /// The heading of other questions.
    Priority,
    /// Of secondary weight.
    Faint,
    /// A file name in a diff.
    DiffHeader,
    /// The place of a change in a diff.
    DiffHunk,
    /// An added line.
    DiffAdded,
    /// A removed line.
    DiffRemoved,
    /// A line of a diff that stays.
    DiffContext,
}

/// A line of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub kind: LineKind,
    /// Its text, without a line end.
    pub text: String,
}

/// The place of the lines of a diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Diffs {
    /// On this page.
    Here,
    /// On the page of another language, above this one.
    Above,
}

/// A page in one language.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) language: Language,
    pub(super) diffs: Diffs,
    width: usize,
    lines: Vec<Line>,
}

impl Page {
    pub(super) fn new(language: Language, width: usize, diffs: Diffs) -> Self {
        Self { language, diffs, width: width.max(MIN_WIDTH), lines: Vec::new() }
    }

    pub(super) fn finish(self) -> Vec<Line> {
        self.lines
    }

    fn push(&mut self, kind: LineKind, mut text: String) {
        text.truncate(text.trim_end().len());
        self.lines.push(Line { kind, text });
    }

    pub(super) fn blank(&mut self) {
        self.push(LineKind::Body, String::new());
    }

    pub(super) fn rule(&mut self) {
        self.push(LineKind::Rule, "=".repeat(self.width));
    }

    /// A heading after a blank line.
    pub(super) fn heading(&mut self, words: &Text, detail: &str) {
        self.blank();
        let space = if detail.is_empty() { "" } else { " " };
        let text = format!("{}{space}{detail}", self.say(words));
        self.text(LineKind::Heading, 0, &text);
    }

    /// A paragraph.
    pub(super) fn text(&mut self, kind: LineKind, indent: usize, text: &str) {
        self.item(kind, &" ".repeat(indent), text);
    }

    /// A paragraph behind a mark; its further lines stand below its first.
    pub(super) fn item(&mut self, kind: LineKind, mark: &str, text: &str) {
        let indent = columns(mark);
        let mut mark = mark.to_owned();
        for line in wrapped(text, self.width.saturating_sub(indent)) {
            self.push(kind, format!("{mark}{line}"));
            mark = " ".repeat(indent);
        }
    }

    /// Labels and texts in two columns; a label that repeats is written once.
    pub(super) fn table(&mut self, rows: &[(LineKind, String, String)]) {
        let widest = rows.iter().map(|(_, label, _)| columns(label)).max().unwrap_or_default();
        let column = widest.min(self.width / 3);
        let below = " ".repeat(column + 4);
        let mut last: Option<&str> = None;
        for (kind, label, text) in rows {
            let is_new = last.replace(label) != Some(label);
            if is_new && columns(label) <= column {
                self.item(*kind, &format!("  {}  ", padded(label, column)), text);
                continue;
            }
            if is_new {
                self.text(*kind, 2, label);
            }
            self.item(*kind, &below, text);
        }
    }

    /// A line of a diff, behind a bar, so that none passes for a line of the report.
    pub(super) fn diff(&mut self, line: &str) {
        let kind = if line.starts_with("--- ") || line.starts_with("+++ ") || line.starts_with("diff ") {
            LineKind::DiffHeader
        } else if line.starts_with("@@") {
            LineKind::DiffHunk
        } else if line.starts_with('+') {
            LineKind::DiffAdded
        } else if line.starts_with('-') {
            LineKind::DiffRemoved
        } else {
            LineKind::DiffContext
        };
        self.push(kind, format!("  | {}", visible(line)));
    }

    pub(super) fn say(&self, text: &Text) -> String {
        text.of(self.language).to_owned()
    }

    pub(super) fn say_all(&self, texts: &[Text]) -> Vec<String> {
        texts.iter().map(|text| self.say(text)).collect()
    }
}

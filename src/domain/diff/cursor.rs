//! The position of a reader in the lines of a patch, and what comes next.

use super::source::{Fence, Line};

#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'s, 'a> {
    lines: &'s [Line<'a>],
    /// The code fence around the lines.
    pub(super) fence: Option<Fence>,
}

impl<'s, 'a> Cursor<'s, 'a> {
    pub(super) fn new(lines: &'s [Line<'a>]) -> Self {
        Self { lines, fence: None }
    }

    pub(super) fn peek(&self) -> Option<Line<'a>> {
        self.lines.first().copied()
    }

    pub(super) fn advance(&mut self, count: usize) {
        self.lines = self.lines.get(count..).unwrap_or_default();
    }

    fn after(&self, count: usize) -> Self {
        let mut rest = *self;
        rest.advance(count);
        rest
    }

    /// True if the code fence around the lines closes here.
    pub(super) fn at_fence_end(&self) -> bool {
        match (self.fence, self.peek()) {
            (Some(fence), Some(line)) => fence.is_closed_by(line),
            (None, _) | (_, None) => false,
        }
    }

    /// True if the code fence closes here and what looks like more of a hunk stands right behind it.
    pub(super) fn at_fence_end_amid_hunk(&self) -> bool {
        let mut rest = self.after(1);
        rest.fence = None;
        self.at_fence_end() && rest.looks_like_more()
    }

    /// True if the lines, or the code fence around them, are over here.
    pub(super) fn at_end(&self) -> bool {
        self.lines.is_empty() || self.at_fence_end()
    }

    /// True if a new file or a new hunk begins here.
    pub(super) fn at_header(&self) -> bool {
        self.peek().is_some_and(|line| line.text.starts_with("diff --git ") || line.text.starts_with("@@"))
            || self.at_names()
    }

    /// True if the two lines with the names of a file are next.
    pub(super) fn at_names(&self) -> bool {
        matches!(self.lines, [old, new, ..] if old.text.starts_with("--- ") && new.text.starts_with("+++ "))
    }

    /// True if the signature is next that mail programs and `git format-patch` put at the end: it ends
    /// the text, or the next mail follows.
    pub(super) fn at_signature(&self) -> bool {
        let Some(dashes) = self.peek().filter(|line| matches!(line.text, "-- " | "--")) else {
            return false;
        };
        let rest = self.lines.iter().skip_while(|line| line.number <= dashes.number);
        let mut words = 0;
        for line in rest.copied() {
            if is_mail(line.text) || self.fence.is_some_and(|fence| fence.is_closed_by(line)) {
                return true;
            }
            words += usize::from(!line.is_blank());
            if words > 1 || line.text.starts_with("@@") || line.text.starts_with("diff --git ") {
                return false;
            }
        }
        true
    }

    /// True if a line of a hunk is next, blank lines passed over.
    pub(super) fn more_after_blanks(&self) -> bool {
        self.past_blanks().looks_like_more()
    }

    pub(super) fn past_blanks(&self) -> Self {
        self.after(self.lines.iter().take_while(|line| is_blank(line.text)).count())
    }

    pub(super) fn looks_like_more(&self) -> bool {
        !self.at_header()
            && !self.at_signature()
            && self.peek().is_some_and(|line| line.text.starts_with([' ', '+', '-', '\\']))
    }

    /// True if a changed line comes before the next header.
    pub(super) fn change_before_header(&self) -> bool {
        let mut rest = *self;
        while let Some(line) = rest.peek().filter(|_| !rest.at_header() && !rest.at_signature()) {
            if rest.at_fence_end() {
                return false;
            }
            if line.text.starts_with(['+', '-']) {
                return true;
            }
            rest.advance(1);
        }
        false
    }

    /// True if a line is next that tools put between two files, and that says nothing.
    pub(super) fn at_preamble(&self) -> bool {
        const WORDS: [&str; 5] = ["index ", "Index: ", "diff ", "Only in ", "==="];
        self.peek().is_some_and(|line| WORDS.iter().any(|word| line.text.starts_with(word)))
    }
}

/// True if nothing is on a line of a hunk.
pub(super) fn is_blank(text: &str) -> bool {
    matches!(text, "" | "\r")
}

/// The line with which each mail of `git format-patch` begins.
pub(super) fn is_mail(text: &str) -> bool {
    let Some(commit) = text.strip_prefix("From ").and_then(|rest| rest.split(' ').next()) else {
        return false;
    };
    commit.len() >= 4 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.contains(':')
}

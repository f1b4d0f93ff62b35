//! The lines of a patch text, and the code fences around it.

/// A line of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Its number, from 1.
    pub(super) number: usize,
    /// Its text without the line end.
    pub(super) text: &'a str,
}

impl Line<'_> {
    /// True if nothing is on it.
    pub(super) fn is_blank(self) -> bool {
        self.text.trim().is_empty()
    }
}

/// The lines of a text, and whether its last one has an end.
pub(super) fn lines<'a>(text: &'a str, normalised: &mut Vec<String>) -> (Vec<Line<'a>>, bool) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let ends = text.is_empty() || text.ends_with('\n');
    if !ends {
        normalised.push("the patch's missing final newline was added".to_owned());
    }
    let mut lines: Vec<Line> =
        text.split('\n').enumerate().map(|(index, text)| Line { number: index + 1, text }).collect();
    if lines.last().is_some_and(|line| line.text.is_empty()) {
        lines.pop();
    }
    // Only these lines are never a hunk's: a removed `-- x` looks like a name's.
    let is_header = |line: &&Line| line.text.starts_with("@@") || line.text.starts_with("diff --git ");
    let mut headers = lines.iter().filter(is_header).peekable();
    let crlf = headers.peek().is_some() && headers.all(|line| line.text.ends_with('\r'));
    if crlf {
        normalised.push("the patch's own CRLF line ends were taken for LF".to_owned());
        for line in &mut lines {
            line.text = line.text.strip_suffix('\r').unwrap_or(line.text);
        }
    }
    (lines, ends)
}

/// A code fence that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    /// The line that opened it.
    pub(super) line: usize,
    mark: char,
    length: usize,
}

impl Fence {
    /// The fence that a line opens.
    pub(super) fn opens(line: Line) -> Option<Self> {
        let (mark, length, rest) = marks(line.text)?;
        // What follows backticks on their line and holds a backtick is code in a text.
        let is_code = mark == '`' && rest.contains('`');
        (!is_code).then_some(Self { line: line.number, mark, length })
    }

    /// True if a line closes it: the same marks, as many or more, and nothing else.
    pub(super) fn is_closed_by(&self, line: Line) -> bool {
        marks(line.text).is_some_and(|(mark, length, rest)| {
            mark == self.mark && length >= self.length && rest.trim().is_empty()
        })
    }
}

/// The marks of a fence, their number, and what follows them. Behind a blank they are context.
fn marks(text: &str) -> Option<(char, usize, &str)> {
    let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let rest = text.trim_start_matches(mark);
    let length = text.len() - rest.len();
    (length >= 3).then_some((mark, length, rest))
}

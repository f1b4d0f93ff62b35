//! The lines of a patch text, without what a model puts around them.

use super::DiffError;

/// A line of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Its number, from 1.
    pub(super) number: usize,
    /// Its text without the line end.
    pub(super) text: &'a str,
}

/// Lines that belong together.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    /// The lines.
    pub(super) lines: Vec<Line<'a>>,
    /// Whether they stood in a code fence, so that nothing in them is prose.
    pub(super) fenced: bool,
}

/// Takes a text apart into the segments that may hold diffs.
pub(super) fn segments<'a>(
    text: &'a str,
    normalised: &mut Vec<String>,
) -> Result<Vec<Segment<'a>>, DiffError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.is_empty() && !text.ends_with('\n') {
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
    unfenced(lines, normalised)
}

/// Whether only a diff has such a line.
pub(super) fn is_mark(text: &str) -> bool {
    ["diff --git ", "--- ", "+++ ", "@@ "].iter().any(|mark| text.starts_with(mark))
}

fn is_fence(text: &str) -> bool {
    text.starts_with("```") || text.starts_with("~~~")
}

fn unfenced<'a>(lines: Vec<Line<'a>>, normalised: &mut Vec<String>) -> Result<Vec<Segment<'a>>, DiffError> {
    let mut pieces = vec![Segment { lines: Vec::new(), fenced: false }];
    let mut open: Option<&str> = None;
    for line in lines {
        if is_fence(line.text) {
            open = if open.is_some() { None } else { Some(line.text) };
            pieces.push(Segment { lines: Vec::new(), fenced: open.is_some() });
        } else if let Some(piece) = pieces.last_mut() {
            piece.lines.push(line);
        }
    }
    if pieces.len() > 1 {
        normalised.push("code fences were removed".to_owned());
    }
    let holds_diff = |piece: &Segment| piece.lines.iter().any(|line| is_mark(line.text));
    if !pieces.iter().any(|piece| piece.fenced && holds_diff(piece)) {
        return Ok(pieces);
    }
    let outside = pieces.iter().filter(|piece| !piece.fenced).flat_map(|piece| &piece.lines);
    let is_diff = |line: &&Line| line.text.starts_with("diff --git ") || line.text.starts_with("@@ -");
    if let Some(line) = outside.clone().find(is_diff) {
        return Err(DiffError::MixedFences(line.number));
    }
    if outside.into_iter().any(|line| !line.text.trim().is_empty()) {
        normalised.push("text around the patch was left out".to_owned());
    }
    pieces.retain(|piece| piece.fenced && holds_diff(piece));
    Ok(pieces)
}

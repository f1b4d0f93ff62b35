//! One hunk. Its counts are believed where they fit the lines; where they do not, the lines count.

use super::source::Line;
use super::{DiffError, Hunk, HunkLine, Side};

/// Where a reader is in a segment.
#[derive(Debug)]
pub(super) struct Cursor<'s, 'a> {
    lines: &'s [Line<'a>],
    fenced: bool,
}

impl<'s, 'a> Cursor<'s, 'a> {
    pub(super) fn new(lines: &'s [Line<'a>], fenced: bool) -> Self {
        Self { lines, fenced }
    }

    pub(super) fn peek(&self) -> Option<Line<'a>> {
        self.lines.first().copied()
    }

    pub(super) fn advance(&mut self, count: usize) {
        self.lines = self.lines.get(count..).unwrap_or_default();
    }

    /// Whether a new file or a new hunk begins here.
    pub(super) fn at_header(&self) -> bool {
        self.peek().is_some_and(|line| line.text.starts_with("diff --git ") || line.text.starts_with("@@"))
            || self.at_names()
    }

    /// Whether the two lines with the names of a file are next.
    pub(super) fn at_names(&self) -> bool {
        matches!(self.lines, [old, new, ..] if old.text.starts_with("--- ") && new.text.starts_with("+++ "))
    }

    /// The signature that mail programs and `git format-patch` put at the end.
    fn at_signature(&self) -> bool {
        matches!(self.lines, [dashes, rest @ ..] if matches!(dashes.text, "-- " | "--")
            && rest.iter().filter(|line| !line.text.trim().is_empty()).count() <= 1)
    }

    /// Whether a line of a hunk is next, blank lines passed over.
    fn more_after_blanks(&self) -> bool {
        let blanks = self.lines.iter().take_while(|line| is_blank(line.text)).count();
        let rest = Self { lines: self.lines.get(blanks..).unwrap_or_default(), fenced: self.fenced };
        rest.looks_like_more()
    }

    fn looks_like_more(&self) -> bool {
        !self.at_header()
            && !self.at_signature()
            && self.peek().is_some_and(|line| line.text.starts_with([' ', '+', '-', '\\']))
    }

    /// Whether a changed line comes before the next header.
    fn change_before_header(&self) -> bool {
        let mut rest = Self { lines: self.lines, fenced: self.fenced };
        while let Some(line) = rest.peek().filter(|_| !rest.at_header() && !rest.at_signature()) {
            if line.text.starts_with(['+', '-']) {
                return true;
            }
            rest.advance(1);
        }
        false
    }
}

fn is_blank(text: &str) -> bool {
    matches!(text, "" | "\r")
}

/// The numbers of a hunk's header; none in one that only says `@@`.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    old_start: usize,
    old: usize,
    new: usize,
}

/// Reads the hunk that begins here.
pub(super) fn read(cursor: &mut Cursor, notes: &mut Vec<String>) -> Result<Hunk, DiffError> {
    let Some(header) = cursor.peek() else {
        return Err(DiffError::NoDiff);
    };
    if header.text.starts_with("@@@") {
        return Err(DiffError::Combined(header.number));
    }
    let numbers = numbers(header.text);
    cursor.advance(1);
    let lines = match numbers {
        Some(numbers) => match by_counts(cursor, numbers, notes)? {
            Some(lines) => lines,
            None => {
                notes.push(format!("line {}: the hunk's counts were corrected", header.number));
                by_shape(cursor, notes)?
            }
        },
        None => {
            notes.push(format!("line {}: a hunk without line numbers is found by its lines", header.number));
            by_shape(cursor, notes)?
        }
    };
    if lines.is_empty() {
        return Err(DiffError::EmptyHunk(header.number));
    }
    Ok(Hunk { line: header.number, old_start: numbers.map(|numbers| numbers.old_start), lines })
}

/// `@@ -1,2 +3,4 @@ section`
fn numbers(header: &str) -> Option<Numbers> {
    let mut words = header.strip_prefix("@@")?.split_whitespace();
    let (old_start, old) = range(words.next()?.strip_prefix('-')?)?;
    let (_, new) = range(words.next()?.trim_end_matches('@').strip_prefix('+')?)?;
    Some(Numbers { old_start, old, new })
}

fn range(text: &str) -> Option<(usize, usize)> {
    match text.split_once(',') {
        Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}

/// The lines of a hunk whose counts fit; none where they do not.
fn by_counts(
    cursor: &mut Cursor,
    numbers: Numbers,
    notes: &mut Vec<String>,
) -> Result<Option<Vec<HunkLine>>, DiffError> {
    let (mut old, mut new) = (numbers.old, numbers.new);
    let mut lines = Vec::new();
    let mut ahead = Cursor::new(cursor.lines, cursor.fenced);
    let mut blanks = Vec::new();
    while let Some(line) = ahead.peek() {
        if line.text.starts_with('\\') {
            end_without_newline(&mut lines);
            ahead.advance(1);
            continue;
        }
        if old == 0 && new == 0 {
            break;
        }
        let Some(parsed) = hunk_line(line.text) else {
            return Ok(None);
        };
        let (from_old, from_new) = match parsed.side {
            Side::Context => (1, 1),
            Side::Removed => (1, 0),
            Side::Added => (0, 1),
        };
        let (Some(old_left), Some(new_left)) = (old.checked_sub(from_old), new.checked_sub(from_new)) else {
            return Ok(None);
        };
        (old, new) = (old_left, new_left);
        if is_blank(line.text) {
            blanks.push(line.number);
        }
        lines.push(parsed);
        ahead.advance(1);
    }
    if old > 0 || new > 0 || ahead.looks_like_more() {
        return Ok(None);
    }
    if ahead.more_after_blanks() {
        let number = ahead.peek().map_or(0, |line| line.number);
        return if cursor.fenced { Ok(None) } else { Err(DiffError::Ambiguous(number)) };
    }
    note_blanks(&blanks, notes);
    cursor.lines = ahead.lines;
    Ok(Some(lines))
}

/// The lines of a hunk as far as they look like such.
fn by_shape(cursor: &mut Cursor, notes: &mut Vec<String>) -> Result<Vec<HunkLine>, DiffError> {
    let mut lines = Vec::new();
    let mut blanks = Vec::new();
    while let Some(line) = cursor.peek() {
        if cursor.at_header() || cursor.at_signature() {
            break;
        }
        if line.text.starts_with('\\') {
            end_without_newline(&mut lines);
        } else if is_blank(line.text) {
            if !cursor.more_after_blanks() {
                break;
            }
            blanks.push(line.number);
            lines.push(HunkLine { side: Side::Context, text: line.text.to_owned(), ends: true });
        } else if let Some(parsed) = hunk_line(line.text) {
            lines.push(parsed);
        } else {
            break;
        }
        cursor.advance(1);
    }
    note_blanks(&blanks, notes);
    refuse_stray(cursor)?;
    Ok(lines)
}

/// Refuses what might be a part of the hunk that was not understood.
fn refuse_stray(cursor: &Cursor) -> Result<(), DiffError> {
    const BETWEEN_FILES: [&str; 5] = ["index ", "Index: ", "diff ", "Only in ", "==="];
    let Some(line) = cursor.peek() else {
        return Ok(());
    };
    if cursor.at_header() || BETWEEN_FILES.iter().any(|word| line.text.starts_with(word)) {
        return Ok(());
    }
    let directly = !is_blank(line.text) && !cursor.at_signature();
    if directly || cursor.change_before_header() {
        return Err(DiffError::Stray(line.number));
    }
    Ok(())
}

fn hunk_line(text: &str) -> Option<HunkLine> {
    let (side, rest) = if is_blank(text) {
        (Side::Context, text)
    } else if let Some(rest) = text.strip_prefix(' ') {
        (Side::Context, rest)
    } else if let Some(rest) = text.strip_prefix('-') {
        (Side::Removed, rest)
    } else {
        (Side::Added, text.strip_prefix('+')?)
    };
    Some(HunkLine { side, text: rest.to_owned(), ends: true })
}

fn end_without_newline(lines: &mut [HunkLine]) {
    if let Some(last) = lines.last_mut() {
        last.ends = false;
    }
}

fn note_blanks(blanks: &[usize], notes: &mut Vec<String>) {
    if let Some(first) = blanks.first() {
        notes.push(format!("line {first}: an empty line was taken for an empty context line"));
    }
}

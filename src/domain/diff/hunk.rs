//! Reads one hunk. Its counts are used if they fit its lines. If not, the lines count. Git's own index line
//! is the exception: it shows that a program made the hunk, so lines must have been lost on the way.

use super::{DiffError, Fence, Hunk, HunkLine, Line, Side, Stated, shown};

/// The numbers of a hunk's header.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    old_start: usize,
    old: usize,
    new_start: usize,
    new: usize,
}

impl Numbers {
    /// Difference of the new and the old place, in lines before the hunk. A range without lines comes after
    /// the line that it names.
    fn apart(&self) -> Option<isize> {
        let before = |start: usize, count: usize| start.saturating_sub(usize::from(count > 0));
        let (old, new) = (before(self.old_start, self.old), before(self.new_start, self.new));
        isize::try_from(new).ok()?.checked_sub(isize::try_from(old).ok()?)
    }
}

/// The header of a hunk.
#[derive(Clone, Copy, Debug)]
enum Header {
    /// The header states places and counts.
    Numbered(Numbers),
    Bare,
    /// The header has incomplete numbers.
    Broken,
}

/// Facts about the patch that the reader of a hunk needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// True if git made the patch, so its counts must be right.
    pub(super) by_git: bool,
    /// True if the last line of the text has a line end.
    pub(super) text_ends: bool,
    /// Number of lines that the hunks above it add.
    pub(super) shift: isize,
}

/// A hunk, and true if its counts determined its end.
pub(super) struct Read {
    pub(super) hunk: Hunk,
    pub(super) counted: bool,
}

/// Reads the hunk that begins here.
pub(super) fn read(
    cursor: &mut Cursor,
    setting: Setting,
    notes: &mut Vec<String>,
) -> Result<Read, DiffError> {
    let line = cursor.peek().unwrap_or_default();
    let number = line.number;
    if line.text.starts_with("@@@") {
        return Err(combined(number));
    }
    let header = header(line.text);
    cursor.advance(1);
    let (lines, counted) = match header {
        Header::Numbered(numbers) => match by_counts(cursor, numbers, setting, notes)? {
            Some(lines) => (lines, true),
            None => (corrected(cursor, number, numbers, setting, notes)?, false),
        },
        Header::Bare if !setting.by_git => {
            notes.push(format!("line {number}: a hunk without line numbers is found by its lines"));
            (by_shape(cursor, notes)?, false)
        }
        Header::Bare | Header::Broken => {
            let what = "is not a complete hunk header (@@ -1,3 +1,4 @@)";
            return Err(DiffError::at(number, &format!("`{}` {what}", shown(line.text))));
        }
    };
    if lines.is_empty() {
        return Err(DiffError::at(number, "the hunk has no line"));
    }
    ends_once(number, &lines)?;
    let (old_start, apart) = match header {
        Header::Numbered(numbers) => (Some(numbers.old_start), numbers.apart()),
        Header::Bare | Header::Broken => (None, Some(setting.shift)),
    };
    // Models often ignore the lines that hunks above add. Git never does.
    let fits = apart == Some(setting.shift) || !setting.by_git && apart == Some(0);
    if !fits && setting.by_git {
        let reason = "the two places of the hunk's header do not fit the hunks above it";
        return Err(DiffError::at(number, reason));
    }
    let place = if fits { Stated::AtOnePlace } else { Stated::AtTwoPlaces };
    Ok(Read { hunk: Hunk { line: number, old_start, place, lines }, counted })
}

/// Parses a header: `@@ -1,2 +3,4 @@ section`.
fn header(text: &str) -> Header {
    let Some(rest) = text.strip_prefix("@@ -").filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    else {
        return Header::Bare;
    };
    let numbers = || {
        let (old, rest) = rest.split_once(" +")?;
        let (new, _section) = rest.split_once(" @@")?;
        let ((old_start, old), (new_start, new)) = (range(old)?, range(new)?);
        Some(Numbers { old_start, old, new_start, new })
    };
    numbers().map_or(Header::Broken, Header::Numbered)
}

fn range(text: &str) -> Option<(usize, usize)> {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    match text.split_once(',') {
        Some((start, count)) => Some((number(start)?, number(count)?)),
        None => Some((number(text)?, 1)),
    }
}

/// Reads as many lines as the counts state. `None` if the counts do not fit the lines.
fn by_counts(
    cursor: &mut Cursor,
    numbers: Numbers,
    setting: Setting,
    notes: &mut Vec<String>,
) -> Result<Option<Vec<HunkLine>>, DiffError> {
    let (mut old, mut new) = (numbers.old, numbers.new);
    let mut lines = Vec::with_capacity(old.saturating_add(new).min(cursor.lines.len()));
    let mut ahead = *cursor;
    let mut blanks = Vec::new();
    while let Some(line) = ahead.peek() {
        if line.text.starts_with('\\') {
            if !end_without_newline(line.text, &mut lines) {
                return Ok(None);
            }
            ahead.advance(1);
            continue;
        }
        if old == 0 && new == 0 {
            break;
        }
        // For git, a line with only a carriage return is not empty, so one was lost from it.
        let is_lost = setting.by_git && line.text == "\r";
        let Some(parsed) = hunk_line(line.text).filter(|_| !is_lost) else {
            return Ok(None);
        };
        let (from_old, from_new) = share(parsed.side);
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
        let what = "the counts say that the hunk has ended, but the next line looks like more of it";
        return if cursor.fence.is_some() { Ok(None) } else { Err(DiffError::at(number, what)) };
    }
    // There is no prose inside a fence, so a line right below the hunk is a damaged part of it.
    let below = ahead.peek().filter(|line| ahead.fence.is_some() && !line.is_blank());
    if let Some(line) = below.filter(|_| !is_boundary(&ahead)) {
        return Err(stray(line));
    }
    note_blanks(&blanks, notes);
    *cursor = ahead;
    Ok(Some(lines))
}

/// Reads the lines of a hunk whose counts do not fit.
fn corrected(
    cursor: &mut Cursor,
    header: usize,
    stated: Numbers,
    setting: Setting,
    notes: &mut Vec<String>,
) -> Result<Vec<HunkLine>, DiffError> {
    let lines = by_shape(cursor, notes)?;
    let (old, new) = lines.iter().map(|line| share(line.side)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    if setting.by_git {
        let what = format!(
            "the hunk should have {} old and {} new lines and has {old} and {new}; its index line says that git made it, so lines were lost or added on the way",
            stated.old, stated.new
        );
        return Err(DiffError::at(header, &what));
    }
    if old < stated.old || new < stated.new {
        let rest = cursor.past_blanks();
        match rest.peek() {
            None if !setting.text_ends => {
                let what = "the text ends before this hunk has all its lines, so the patch seems cut off";
                return Err(DiffError::at(header, what));
            }
            Some(line) if !is_boundary(&rest) => return Err(stray(line)),
            None | Some(_) => {}
        }
    }
    notes.push(format!("line {header}: the hunk's counts were corrected"));
    Ok(lines)
}

/// Reads lines as long as they look like lines of a hunk.
fn by_shape(cursor: &mut Cursor, notes: &mut Vec<String>) -> Result<Vec<HunkLine>, DiffError> {
    let mut lines = Vec::new();
    let mut blanks = Vec::new();
    while let Some(line) = cursor.peek() {
        if cursor.at_header() || cursor.at_signature() {
            break;
        }
        if line.text.starts_with('\\') {
            if !end_without_newline(line.text, &mut lines) {
                break;
            }
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

/// Refuses a next line that might be a damaged part of the hunk.
fn refuse_stray(cursor: &Cursor) -> Result<(), DiffError> {
    let Some(line) = cursor.peek() else {
        return Ok(());
    };
    if cursor.at_fence_end_amid_hunk() {
        let what = "the code fence closes inside a hunk, but the next line looks like more of the hunk";
        return Err(DiffError::at(line.number, what));
    }
    if is_boundary(cursor) {
        return Ok(());
    }
    if !is_blank(line.text) || cursor.change_before_header() {
        return Err(stray(cursor.past_blanks().peek().unwrap_or(line)));
    }
    Ok(())
}

/// True if a hunk may end here: something else begins, or the text ends.
fn is_boundary(cursor: &Cursor) -> bool {
    cursor.at_header() || cursor.at_preamble() || cursor.at_signature() || cursor.at_end()
}

pub(super) fn combined(line: usize) -> DiffError {
    DiffError::at(line, "combined diffs of merges are not supported")
}

fn stray(line: Line) -> DiffError {
    let what = format!("`{}` is neither context nor change in a hunk", shown(line.text));
    DiffError::at(line.number, &what)
}

fn hunk_line(text: &str) -> Option<HunkLine> {
    let (side, from) = match text.as_bytes() {
        [] | [b'\r'] => (Side::Context, 0),
        [b' ', ..] => (Side::Context, 1),
        [b'-', ..] => (Side::Removed, 1),
        [b'+', ..] => (Side::Added, 1),
        _ => return None,
    };
    Some(HunkLine { side, text: text.get(from..)?.to_owned(), ends: true })
}

/// Number of old lines and of new lines that a line of this side counts as.
fn share(side: Side) -> (usize, usize) {
    match side {
        Side::Context => (1, 1),
        Side::Removed => (1, 0),
        Side::Added => (0, 1),
    }
}

/// Handles `\ No newline at end of file`, in any language: removes the line end of the last line. False if
/// there is no line to change, or if the mark has another form.
fn end_without_newline(mark: &str, lines: &mut [HunkLine]) -> bool {
    match lines.last_mut() {
        Some(last) if last.ends && mark.len() >= 12 && mark.starts_with("\\ ") => {
            last.ends = false;
            true
        }
        Some(_) | None => false,
    }
}

/// Checks that only the last line of a file lacks a line end.
fn ends_once(line: usize, lines: &[HunkLine]) -> Result<(), DiffError> {
    for side in [Side::Removed, Side::Added] {
        let mut of_file = lines.iter().filter(|line| line.side == Side::Context || line.side == side);
        if of_file.any(|line| !line.ends) && of_file.next().is_some() {
            let reason = "`\\ No newline` comes after a line that is not the last";
            return Err(DiffError::at(line, reason));
        }
    }
    Ok(())
}

fn note_blanks(blanks: &[usize], notes: &mut Vec<String>) {
    if let Some(first) = blanks.first() {
        notes.push(format!("line {first}: an empty line was taken for an empty context line"));
    }
}

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

    /// True if the next line closes the code fence around the lines.
    pub(super) fn at_fence_end(&self) -> bool {
        match (self.fence, self.peek()) {
            (Some(fence), Some(line)) => fence.is_closed_by(line),
            (None, _) | (_, None) => false,
        }
    }

    /// True if the next line closes the code fence, but more of a hunk seems to follow.
    pub(super) fn at_fence_end_amid_hunk(&self) -> bool {
        let mut rest = self.after(1);
        rest.fence = None;
        self.at_fence_end() && rest.looks_like_more()
    }

    /// True if the lines, or the code fence around them, end here.
    pub(super) fn at_end(&self) -> bool {
        self.lines.is_empty() || self.at_fence_end()
    }

    /// True if the next line begins a file or a hunk.
    pub(super) fn at_header(&self) -> bool {
        self.peek().is_some_and(|line| line.text.starts_with("diff --git ") || line.text.starts_with("@@"))
            || self.at_names()
    }

    /// True if the next two lines name the old and the new file.
    pub(super) fn at_names(&self) -> bool {
        matches!(self.lines, [old, new, ..] if old.text.starts_with("--- ") && new.text.starts_with("+++ "))
    }

    /// True if the next line begins a signature of a mail program or of `git format-patch`. The signature
    /// must end the text or be followed by the next mail.
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

    /// True if a line of a hunk follows after any blank lines.
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

    /// True if an added or removed line comes before the next header.
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

    /// True if the next line is one that tools put between two files and that has no meaning here.
    pub(super) fn at_preamble(&self) -> bool {
        const WORDS: [&str; 5] = ["index ", "Index: ", "diff ", "Only in ", "==="];
        self.peek().is_some_and(|line| WORDS.iter().any(|word| line.text.starts_with(word)))
    }
}

/// True for a line without any character other than a carriage return.
pub(super) fn is_blank(text: &str) -> bool {
    matches!(text, "" | "\r")
}

/// True for the first line of a mail of `git format-patch`.
pub(super) fn is_mail(text: &str) -> bool {
    let Some(commit) = text.strip_prefix("From ").and_then(|rest| rest.split(' ').next()) else {
        return false;
    };
    commit.len() >= 4 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.contains(':')
}

//! Applies hunks to the bytes of a file. The context must match byte for byte. A hunk is moved only if its
//! lines occur at exactly one place of the file.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use memchr::memmem;
use serde::Serialize;
use thiserror::Error;

use super::{FilePatch, Hunk, HunkLine, Side, Stated, look_the_same, looks, shown, shown_exactly, words};
use crate::domain::order::Order;

const MARK: &str = "\u{feff}";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The file's new bytes.
    pub content: Vec<u8>,
    /// The line of the old file at which each hunk was applied, from 0.
    pub places: Vec<usize>,
    /// The hunks that were applied at another line than their headers state.
    pub offsets: Vec<Offset>,
    pub normalised: Vec<String>,
}

/// A hunk that was applied at another line than its header states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Offset {
    /// Number of the hunk in the file, from 1.
    pub hunk: usize,
    /// The stated line. `None` if the header states none.
    pub stated: Option<usize>,
    /// The line at which it was applied.
    pub applied: usize,
}

/// A hunk that does not apply.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("hunk {hunk} (patch line {line}): {why}")]
pub struct HunkFailure {
    /// Number of the hunk in the file, from 1.
    hunk: usize,
    /// Number of its first line in the patch.
    line: usize,
    why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum Why {
    /// The file does not contain its lines.
    #[error("the file does not have its context and removed lines{}", near(.0))]
    Mismatch(Nearest),
    /// Its lines occur more than once, first at these two lines, but not at the stated one.
    #[error(
        "its lines occur in the file more than once (at lines {0} and {1}), and its line numbers do not say which place is meant"
    )]
    NotUnique(usize, usize),
    /// It has no context and no removed line to find its place by.
    #[error("it has no context and no removed line, but the file is not empty")]
    NoContext,
    /// Its place is before the end of an earlier hunk.
    #[error("it belongs before or into the hunk above it")]
    OutOfOrder,
    /// Its last line has no line end, but the file continues.
    #[error("`\\ No newline` says that the file ends there, but the file goes on")]
    GoesOn,
}

impl HunkFailure {
    /// True if the hunk's lines occur at several places.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self.why, Why::NotUnique(..))
    }

    /// The next step, if a diff from the file's current content would fail again.
    pub fn next(&self) -> Option<&'static str> {
        match &self.why {
            Why::Mismatch(nearest) if nearest.places.iter().any(|place| !place.is_text) => Some(NOT_TEXT),
            Why::Mismatch(nearest) if nearest.places.iter().any(|place| place.looks_same) => Some(UNSEEN),
            Why::NoContext => Some("Give the hunk lines of context (git diff -U3)."),
            Why::OutOfOrder => Some("Order the hunks of the file by line; none may overlap another."),
            Why::Mismatch(_) | Why::NotUnique(..) | Why::GoesOn => None,
        }
    }
}

/// Next step if lines differ only in invisible characters.
const UNSEEN: &str = "The lines look the same; the message shows invisible characters and decomposed letters in <> (or as \\t, \\r). Copy these lines from the file byte for byte.";
/// Next step if a patch cannot contain the line, because JSON holds only Unicode.
const NOT_TEXT: &str = "This line of the file is not UTF-8, so no patch can name it: leave it out of the hunk's context. To change the line itself, edit the file without a patch.";

fn near(nearest: &Nearest) -> String {
    let difference = |place: &Place| {
        format!("line {} should be `{}` and is `{}`", place.line, place.expected, place.found)
    };
    let Nearest { equal, of, .. } = nearest;
    let equals =
        if *equal == 0 { "no line is equal".to_owned() } else { format!("{equal} of {of} lines are equal") };
    match nearest.places.as_slice() {
        [] => "; no line of the file is like them".to_owned(),
        [one] => format!("; it fits best at line {} ({equals}): {}", one.start, difference(one)),
        [one, other, ..] => {
            let more = match nearest.left_out {
                0 => String::new(),
                more => format!(", and at {more} more"),
            };
            format!(
                "; it fits equally well at lines {} and {}{more} ({equals} at each): {}; {}",
                one.start,
                other.start,
                difference(one),
                difference(other)
            )
        }
    }
}

/// Adaptations of the patch to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Adaptation {
    /// The line ends and the byte order mark of the file are used.
    own_ends: bool,
    /// A missing final newline of the file is accepted and kept.
    open_end: bool,
}

/// Applies the hunks of a patch to its file.
///
/// # Errors
///
/// A hunk does not apply; the error names it and the reason.
pub fn apply(content: &[u8], patch: &FilePatch) -> Result<Applied, HunkFailure> {
    let hunks = patch.hunks.as_slice();
    let open = !patch.by_git && content.last().is_some_and(|last| *last != b'\n');
    let differs = differs_in_ends(content, hunks);
    let adaptations =
        [(false, false), (false, true), (true, false), (true, true)].map(|(own_ends, open_end)| {
            ((!own_ends || differs) && (!open_end || open)).then_some(Adaptation { own_ends, open_end })
        });
    let mut failure = None;
    for adaptation in adaptations.into_iter().flatten() {
        match apply_adapted(content, hunks, adaptation) {
            Ok(applied) => {
                // If a hunk was moved, different line ends may have hidden its right place.
                let is_moved = differs && !adaptation.own_ends && !applied.offsets.is_empty();
                let other = is_moved
                    .then(|| apply_adapted(content, hunks, Adaptation { own_ends: true, ..adaptation }));
                return match other {
                    Some(Err(failure)) if failure.is_ambiguous() => Err(failure),
                    Some(_) | None => Ok(applied),
                };
            }
            // The most adapted attempt shows best what else does not match.
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or_else(|| Ok(Applied { content: content.to_vec(), ..Applied::default() }), Err)
}

/// True if the file has line ends or a byte order mark that the patch may lack.
fn differs_in_ends(content: &[u8], hunks: &[Hunk]) -> bool {
    // The comparison uses bytes for speed, because it runs for each line of a long patch.
    let differs = |line: &HunkLine| matches!(line.text.as_bytes(), [.., b'\r'] | [0xef, 0xbb, 0xbf, ..]);
    hunks.iter().any(|hunk| hunk.lines.iter().any(differs))
        || content.starts_with(MARK.as_bytes())
        || memmem::find(content, b"\r\n").is_some()
}

fn apply_adapted(content: &[u8], hunks: &[Hunk], adaptation: Adaptation) -> Result<Applied, HunkFailure> {
    let (mark, rest) = match content.strip_prefix(MARK.as_bytes()) {
        Some(rest) if adaptation.own_ends => (true, rest),
        Some(_) | None => (false, content),
    };
    let mut whole = rest.to_vec();
    if adaptation.open_end {
        let is_crlf = rest
            .split_inclusive(|byte| *byte == b'\n')
            .rev()
            .nth(1)
            .is_some_and(|line| line.ends_with(b"\r\n"));
        whole.extend_from_slice(if is_crlf { b"\r\n" } else { b"\n" });
    }
    let mut applied = Work::new(&whole, hunks, adaptation).apply(hunks)?;
    if adaptation.open_end {
        let kept =
            applied.content.strip_suffix(b"\n").map(|kept| kept.strip_suffix(b"\r").unwrap_or(kept).len());
        applied.content.truncate(kept.unwrap_or(applied.content.len()));
        applied.normalised.push(
            "the file has no final newline; the patch did not say so, and Maestro kept the file that way"
                .to_owned(),
        );
    }
    if mark && !applied.content.is_empty() {
        applied.content.splice(..0, MARK.bytes());
        applied.normalised.push("the file's byte order mark (U+FEFF) was kept".to_owned());
    }
    Ok(applied)
}

/// A file to which a patch is applied.
struct Work<'a> {
    /// The lines of the file with their line ends.
    lines: Vec<&'a [u8]>,
    adaptation: Adaptation,
    /// True if all lines of the patch have the same line end. Then they do not tell the line ends of the
    /// file.
    one_end: bool,
}

impl<'a> Work<'a> {
    fn new(content: &'a [u8], hunks: &[Hunk], adaptation: Adaptation) -> Self {
        let mut ends = hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.ends);
        let first = ends.next().map(|line| line.text.ends_with('\r'));
        let one_end = ends.all(|line| Some(line.text.ends_with('\r')) == first);
        Self { lines: lines(content), adaptation, one_end }
    }

    fn ignores_ends(&self) -> bool {
        self.adaptation.own_ends && self.one_end
    }

    /// A line of the file in the form that is compared.
    fn key(&self, line: &'a [u8]) -> Cow<'a, [u8]> {
        match line {
            [text @ .., b'\r', b'\n'] if self.ignores_ends() => Cow::Owned([text, b"\n"].concat()),
            line => Cow::Borrowed(line),
        }
    }

    /// True if a line of the patch equals this line of the file.
    fn is(&self, line: &HunkLine, key: &[u8]) -> bool {
        let text = self.text(line).as_bytes();
        match key {
            [key @ .., b'\n'] if line.ends => key == text,
            key => !line.ends && key == text,
        }
    }

    /// The range of the hunk's lines at its stated place. `None` if the hunk must be searched for: the lines
    /// are not there, its two line numbers contradict each other, or an earlier hunk was moved, which makes
    /// all stated lines doubtful.
    fn stated(&self, keys: &[&[u8]], hunk: &Hunk, moved: bool) -> Option<Range<usize>> {
        let start = hunk.old_start.filter(|_| !moved && hunk.place == Stated::AtOnePlace)?.saturating_sub(1);
        let mut here = keys.get(start..)?.iter();
        let mut count = 0;
        for line in hunk.lines.iter().filter(|line| line.side != Side::Added) {
            if !self.is(line, here.next()?) {
                return None;
            }
            count += 1;
        }
        (count > 0).then_some(start..start + count)
    }

    /// A line of the patch in the form that is searched for.
    fn wanted(&self, line: &HunkLine) -> Vec<u8> {
        let text = self.text(line);
        let mut bytes = text.as_bytes().to_vec();
        if line.ends {
            bytes.push(b'\n');
        }
        bytes
    }

    fn text<'l>(&self, line: &'l HunkLine) -> &'l str {
        let mut text = line.text.as_str();
        if self.adaptation.own_ends {
            text = text.strip_prefix(MARK).unwrap_or(text);
        }
        if self.ignores_ends() { text.strip_suffix('\r').unwrap_or(text) } else { text }
    }

    fn apply(&self, hunks: &[Hunk]) -> Result<Applied, HunkFailure> {
        let keys: Vec<Cow<[u8]>> = self.lines.iter().map(|line| self.key(line)).collect();
        let keys: Vec<&[u8]> = keys.iter().map(AsRef::as_ref).collect();
        let index = OnceCell::new();
        let length = self.lines.iter().map(|line| line.len()).sum();
        let mut applied = Applied { content: Vec::with_capacity(length), ..Applied::default() };
        let mut ends = EndNotes::default();
        let mut done = 0;
        for (number, hunk) in hunks.iter().enumerate().map(|(at, hunk)| (at + 1, hunk)) {
            // Most hunks are at their stated place. Then nothing is copied or hashed.
            let stands = match self.stated(&keys, hunk, !applied.offsets.is_empty()) {
                Some(stands) => stands,
                None => {
                    let lines = hunk.lines.iter().filter(|line| line.side != Side::Added);
                    let old: Vec<Vec<u8>> = lines.map(|line| self.wanted(line)).collect();
                    let at = place(&keys, &index, hunk, &old);
                    let at = at.map_err(|why| HunkFailure { hunk: number, line: hunk.line, why })?;
                    at..at + old.len()
                }
            };
            let at = stands.start;
            if at < done {
                return Err(HunkFailure { hunk: number, line: hunk.line, why: Why::OutOfOrder });
            }
            let stated = hunk.old_start.map(|start| start.max(1));
            if stated != Some(at + 1) && !stands.is_empty() {
                applied.offsets.push(Offset { hunk: number, stated: hunk.old_start, applied: at + 1 });
            }
            applied.places.push(at);
            self.copy(done..at, &mut applied.content);
            done = stands.end;
            let is_open = hunk.lines.iter().any(|line| line.side != Side::Removed && !line.ends);
            if is_open && done < self.lines.len() {
                return Err(HunkFailure { hunk: number, line: hunk.line, why: Why::GoesOn });
            }
            self.write(hunk, at, &mut applied.content, &mut ends);
        }
        self.copy(done..self.lines.len(), &mut applied.content);
        applied.normalised.extend(ends.notes());
        Ok(applied)
    }

    /// Copies lines of the file, each as a whole, because copying byte by byte is slow.
    fn copy(&self, lines: Range<usize>, content: &mut Vec<u8>) {
        self.lines.get(lines).into_iter().flatten().for_each(|line| content.extend_from_slice(line));
    }

    /// Writes the new lines of a hunk. Context stays as in the file. An added line gets the line end of the
    /// line that it replaces, else of the line above, else of the line below.
    fn write(&self, hunk: &Hunk, at: usize, content: &mut Vec<u8>, notes: &mut EndNotes) {
        let mut here = at;
        let mut replaced: VecDeque<&[u8]> = VecDeque::new();
        let mut above: Option<&[u8]> = at.checked_sub(1).and_then(|above| self.end(above));
        for line in &hunk.lines {
            match line.side {
                Side::Context | Side::Removed => {
                    let end = self.end(here);
                    notes.compare(line, end);
                    if line.side == Side::Removed {
                        replaced.extend(end);
                    } else {
                        replaced.clear();
                        content.extend(self.lines.get(here).copied().unwrap_or_default());
                    }
                    above = end.or(above);
                    here += 1;
                }
                Side::Added => {
                    content.extend(self.text(line).as_bytes());
                    let own: &[u8] = b"\n";
                    let below = || self.end(here);
                    match (line.ends, self.ignores_ends()) {
                        (false, _) => {}
                        (true, false) => content.extend(own),
                        (true, true) => {
                            let end = replaced.pop_front().or(above).or_else(below).unwrap_or(own);
                            notes.compare(line, Some(end));
                            content.extend(end);
                        }
                    }
                }
            }
        }
    }

    /// The line end of a line. `None` if it has none.
    fn end(&self, at: usize) -> Option<&'a [u8]> {
        match self.lines.get(at)? {
            [.., b'\r', b'\n'] => Some(b"\r\n"),
            [.., b'\n'] => Some(b"\n"),
            _ => None,
        }
    }
}

/// Records which line ends of the patch differed from those of the file.
#[derive(Default)]
struct EndNotes {
    to_crlf: bool,
    to_lf: bool,
}

impl EndNotes {
    fn compare(&mut self, line: &HunkLine, end: Option<&[u8]>) {
        let (is_cr, is_crlf) =
            (line.text.as_bytes().last() == Some(&b'\r'), end.is_some_and(|end| end.len() > 1));
        self.to_crlf |= is_crlf && !is_cr;
        self.to_lf |= is_cr && !is_crlf;
    }

    fn notes(&self) -> impl Iterator<Item = String> {
        let crlf = self.to_crlf.then_some("LF lines of the patch were taken for the file's CRLF");
        let lf = self.to_lf.then_some("CRLF lines of the patch were taken for the file's LF");
        crlf.into_iter().chain(lf).map(str::to_owned)
    }
}

/// The lines of a file, each with its line end.
fn lines(content: &[u8]) -> Vec<&[u8]> {
    let mut start = 0;
    let mut lines: Vec<&[u8]> = memchr::memchr_iter(b'\n', content)
        .filter_map(|end| content.get(std::mem::replace(&mut start, end + 1)..=end))
        .collect();
    lines.extend(content.get(start..).filter(|rest| !rest.is_empty()));
    lines
}

/// Finds the index of the line where a hunk belongs that is not at its stated place.
fn place<'a>(
    lines: &[&'a [u8]],
    index: &OnceCell<Index<'a>>,
    hunk: &Hunk,
    old: &[Vec<u8>],
) -> Result<usize, Why> {
    if old.is_empty() {
        return if lines.is_empty() { Ok(0) } else { Err(Why::NoContext) };
    }
    match index.get_or_init(|| Index::new(lines)).find(old).as_slice() {
        [at] => Ok(*at),
        [] => {
            let stated = hunk.old_start.map(|start| start.saturating_sub(1));
            Err(Why::Mismatch(Nearest::find(lines, old, stated)))
        }
        [one, other, ..] => Err(Why::NotUnique(one + 1, other + 1)),
    }
}

/// Index of a file: each distinct line has a number, and a sequence of lines is found in linear time.
struct Index<'a> {
    numbers: HashMap<&'a [u8], u32>,
    encoded: Vec<u8>,
}

impl<'a> Index<'a> {
    fn new(lines: &[&'a [u8]]) -> Self {
        let mut numbers = HashMap::new();
        let mut encoded = Vec::with_capacity(lines.len() * 4);
        for line in lines {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            encoded.extend(encode(*numbers.entry(*line).or_insert(next)));
        }
        Self { numbers, encoded }
    }

    /// The first two places where the wanted lines occur.
    fn find(&self, wanted: &[Vec<u8>]) -> Vec<usize> {
        let numbers: Option<Vec<u32>> =
            wanted.iter().map(|line| self.numbers.get(line.as_slice()).copied()).collect();
        let Some(numbers) = numbers else {
            return Vec::new();
        };
        let needle: Vec<u8> = numbers.into_iter().flat_map(encode).collect();
        let mut places = Vec::new();
        let mut from = 0;
        while let Some(found) = self.encoded.get(from..).and_then(|rest| memmem::find(rest, &needle)) {
            places.push((from + found) / 4);
            from += found + 4;
            if places.len() == 2 {
                break;
            }
        }
        places
    }
}

/// Encodes a number in four bytes. Only the first byte has its highest bit set, so that no match begins
/// inside a number.
fn encode(number: u32) -> [u8; 4] {
    let part = |shift: u32| u8::try_from(number >> shift & 0x7f).unwrap_or(0);
    [0x80 | part(21), part(14), part(7), part(0)]
}

/// Maximum number of pairs of equal lines to compare. Beyond it, the most frequent lines are left out.
const MOST_PAIRS: usize = 4_000_000;
/// Maximum number of places in a message.
const MOST_PLACES: usize = 2;
/// Scores of an equal line and of a line that only looks equal.
const EQUAL: u32 = 4;
const ALIKE: u32 = 3;
/// Minimum similarity, from 0 to 1, at which one line may be a misspelling of another.
const LEAST_LIKENESS: f64 = 0.5;

/// A place in a file where a hunk nearly fits, with its first difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line of the file at which the hunk would begin, from 1.
    pub start: usize,
    /// The line of the file with the first difference, from 1.
    pub line: usize,
    pub expected: String,
    pub found: String,
    /// True if the two lines look the same.
    pub looks_same: bool,
    /// True if the line of the file is UTF-8.
    pub is_text: bool,
}

/// The places where a hunk fits best.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nearest {
    /// The first places.
    pub places: Vec<Place>,
    /// Number of further places that fit equally well.
    pub left_out: usize,
    pub equal: usize,
    /// Number of old lines in the hunk.
    pub of: usize,
}

impl Nearest {
    /// Finds the places where the hunk fits best. If no line of it is in the file: the place of a similar
    /// line, or else the stated place.
    pub(super) fn find(lines: &[&[u8]], old: &[Vec<u8>], stated: Option<usize>) -> Self {
        let scores = scores(lines, old);
        let best = scores.iter().copied().max().unwrap_or(0);
        let starts: Vec<usize> = if best > 0 {
            scores.iter().enumerate().filter(|(_, score)| **score == best).map(|(at, _)| at).collect()
        } else {
            like(lines, old).or(stated.filter(|at| *at < lines.len())).into_iter().collect()
        };
        let equal = starts.first().map_or(0, |start| {
            let there = lines.iter().skip(*start);
            old.iter().zip(there).filter(|(wanted, line)| wanted.as_slice() == **line).count()
        });
        let places: Vec<Place> =
            starts.iter().take(MOST_PLACES).filter_map(|start| Place::at(lines, *start, old)).collect();
        Self { left_out: starts.len() - places.len(), places, equal, of: old.len() }
    }
}

impl Place {
    fn at(lines: &[&[u8]], start: usize, old: &[Vec<u8>]) -> Option<Self> {
        let (offset, expected) =
            old.iter().enumerate().find(|(at, wanted)| lines.get(start + at) != Some(&wanted.as_slice()))?;
        let line = start + offset + 1;
        let Some(found) = lines.get(start + offset) else {
            let (expected, found) = (shown(&text(expected)), "(the end of the file)".to_owned());
            return Some(Self { start: start + 1, line, expected, found, looks_same: false, is_text: true });
        };
        let is_text = std::str::from_utf8(found).is_ok();
        let (expected, found) = (text(expected), text(found));
        let looks_same = look_the_same(&expected, &found);
        let show = |text: &str| if looks_same { shown_exactly(text) } else { shown(text) };
        let (one, other) = match (expected.strip_suffix('\n'), found.strip_suffix('\n')) {
            (Some(one), Some(other)) => (show(one), show(other)),
            _ => (show(&expected), show(&found)),
        };
        Some(Self { start: start + 1, line, expected: one, found: other, looks_same, is_text })
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

/// The form of a line that ignores blanks and invisible characters.
fn look(line: &[u8]) -> String {
    words(&looks(&text(line))).join(" ")
}

/// Scores each line of the file as the first line of the hunk.
fn scores(lines: &[&[u8]], old: &[Vec<u8>]) -> Vec<u32> {
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        places.entry(look(line)).or_default().push(at);
    }
    let mut wanted: Vec<(usize, &[usize])> = old
        .iter()
        .enumerate()
        .filter_map(|(at, line)| Some((at, places.get(&look(line))?.as_slice())))
        .collect();
    // Rare lines are the best evidence, so they come first.
    wanted.order_by_key(|(_, places)| places.len());
    let mut scores = vec![0_u32; lines.len()];
    let mut pairs = 0;
    for (at, places) in wanted {
        pairs += places.len();
        if pairs > MOST_PAIRS {
            break;
        }
        for place in places {
            let score = place.checked_sub(at).and_then(|start| scores.get_mut(start));
            if let Some(score) = score {
                *score +=
                    if lines.get(*place) == old.get(at).map(Vec::as_slice).as_ref() { EQUAL } else { ALIKE };
            }
        }
    }
    scores
}

/// The place at which the longest line of the hunk meets its most similar line in the file.
fn like(lines: &[&[u8]], old: &[Vec<u8>]) -> Option<usize> {
    const MOST_BYTES: usize = 400_000;
    let (at, longest) = old.iter().enumerate().max_by_key(|(_, line)| line.len())?;
    if lines.iter().map(|line| line.len()).sum::<usize>() > MOST_BYTES || longest.len() > 1_000 {
        return None;
    }
    let longest = look(longest);
    let likeness = |line: &[u8]| strsim::sorensen_dice(&look(line), &longest);
    let found = lines.iter().enumerate().map(|(place, line)| (place, likeness(line)));
    let (place, likeness) = found.max_by(|one, other| one.1.total_cmp(&other.1))?;
    if likeness < LEAST_LIKENESS { None } else { place.checked_sub(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(file: &str, old: &[&str], stated: Option<usize>) -> Nearest {
        let lines: Vec<&[u8]> = file.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
        let old: Vec<Vec<u8>> = old.iter().map(|line| format!("{line}\n").into_bytes()).collect();
        Nearest::find(&lines, &old, stated)
    }

    #[test]
    fn the_place_with_most_equal_lines_is_found() {
        let near = nearest("x\na\nb\nc\nd\n", &["b", "C?", "d"], Some(0));
        assert_eq!((near.equal, near.of, near.left_out), (2, 3, 0));
        let place = &near.places[0];
        assert_eq!(
            (place.start, place.line, place.expected.as_str(), place.found.as_str()),
            (3, 4, "C?", "c")
        );
    }

    #[test]
    fn two_places_that_fit_equally_well_are_both_told() {
        let near = nearest("a\nb\nc\n-\na\nb\nd\n", &["a", "b", "e"], None);
        let lines: Vec<(usize, &str)> =
            near.places.iter().map(|place| (place.line, place.found.as_str())).collect();
        assert_eq!(lines, [(3, "c"), (7, "d")]);
    }

    #[test]
    fn what_looks_the_same_is_shown_exactly() {
        let near = nearest("a\n\u{a0}b \nc\n", &[" b"], None);
        let place = &near.places[0];
        assert_eq!((place.line, place.looks_same), (2, true));
        assert_eq!(place.found, "<U+00A0 no-break space>b<1 blank at the end>");
    }

    #[test]
    fn a_line_of_which_none_is_equal_is_found_by_its_likeness() {
        let near = nearest("one\ntotal = items[0]\nthree\n", &["total = item[0]"], Some(0));
        assert_eq!((near.places[0].line, near.equal), (2, 0));
        assert!(nearest("one\n", &["quite different"], None).places.is_empty());
        assert_eq!(nearest("one\n", &["quite different"], Some(0)).places[0].found, "one");
    }
}

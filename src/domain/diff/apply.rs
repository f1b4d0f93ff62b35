//! Hunks applied to the bytes of a file. The context must match, byte for byte; a hunk is moved only
//! where its lines stand in one place of the file and no other.

use std::collections::HashMap;

use memchr::memmem;
use serde::Serialize;
use thiserror::Error;

use super::{Hunk, HunkLine, Side};

/// What came of applying hunks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The file's new bytes.
    pub content: Vec<u8>,
    /// Hunks that were found elsewhere than they said.
    pub offsets: Vec<Offset>,
    /// What was put right.
    pub normalised: Vec<String>,
}

/// A hunk that was found elsewhere than it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Offset {
    /// Which hunk of the file, from 1.
    pub hunk: usize,
    /// The line it said; none where it said none.
    pub stated: Option<usize>,
    /// The line at which it was applied.
    pub applied: usize,
}

/// Why a hunk does not apply.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HunkFailure {
    /// Its lines are not in the file.
    #[error("hunk {hunk} (patch line {line}): the file does not hold its context and removed lines{}", near(.found.as_ref()))]
    Mismatch {
        /// Which hunk, from 1.
        hunk: usize,
        /// Its line in the patch.
        line: usize,
        /// The first difference at the stated place: line, expected, found.
        found: Option<(usize, String, String)>,
    },
    /// Its lines are in the file more than once, and not where it says.
    #[error(
        "hunk {hunk} (patch line {line}): its lines are not at the stated place, and stand in the file more than once"
    )]
    NotUnique {
        /// Which hunk.
        hunk: usize,
        /// Its line in the patch.
        line: usize,
    },
    /// Nothing in it says where it belongs.
    #[error("hunk {hunk} (patch line {line}): no context and no removed line, and the file is not empty")]
    NoContext {
        /// Which hunk.
        hunk: usize,
        /// Its line in the patch.
        line: usize,
    },
    /// It belongs before a hunk that comes earlier.
    #[error("hunk {hunk} (patch line {line}): it belongs before or into the hunk above it")]
    OutOfOrder {
        /// Which hunk.
        hunk: usize,
        /// Its line in the patch.
        line: usize,
    },
}

fn near(found: Option<&(usize, String, String)>) -> String {
    found.map_or_else(String::new, |(line, expected, found)| {
        format!("; line {line} should be `{expected}` and is `{found}`")
    })
}

/// In which respects the patch is bent to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bend {
    ends: Ends,
    /// The file's missing final newline is overlooked, and kept.
    open_end: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    AsIs,
    ToCrlf,
    ToLf,
}

/// Applies hunks to a file.
///
/// # Errors
///
/// Which of them does not apply, and why.
pub fn apply(content: &[u8], hunks: &[Hunk]) -> Result<Applied, HunkFailure> {
    let ends = other_ends(content, hunks);
    let open = content.last().is_some_and(|last| *last != b'\n');
    let bends = [
        Some(Bend { ends: Ends::AsIs, open_end: false }),
        open.then_some(Bend { ends: Ends::AsIs, open_end: true }),
        ends.map(|ends| Bend { ends, open_end: false }),
        ends.filter(|_| open).map(|ends| Bend { ends, open_end: true }),
    ];
    let mut failure = None;
    for bend in bends.into_iter().flatten() {
        match apply_bent(content, hunks, bend) {
            Ok(applied) => return Ok(applied),
            // The last one is bent the most, so it says best what else is wrong.
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or_else(|| Ok(Applied { content: content.to_vec(), ..Applied::default() }), Err)
}

/// The line ends that the hunks would need, if they have others than the file.
fn other_ends(content: &[u8], hunks: &[Hunk]) -> Option<Ends> {
    let mut lines = hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.ends).peekable();
    lines.peek()?;
    let with_cr = lines.clone().filter(|line| line.text.ends_with('\r')).count();
    let all = lines.count();
    let in_file = memchr::memchr_iter(b'\n', content).count();
    let crlf_in_file = memmem::find_iter(content, b"\r\n").count();
    match (with_cr, crlf_in_file) {
        (0, crlf) if crlf > 0 && crlf == in_file => Some(Ends::ToCrlf),
        (cr, 0) if cr == all && in_file > 0 => Some(Ends::ToLf),
        _ => None,
    }
}

fn apply_bent(content: &[u8], hunks: &[Hunk], bend: Bend) -> Result<Applied, HunkFailure> {
    let mut whole = content.to_vec();
    let end: &[u8] = if bend.ends == Ends::ToCrlf { b"\r\n" } else { b"\n" };
    if bend.open_end {
        whole.extend_from_slice(end);
    }
    let mut applied = apply_lines(&whole, hunks, bend.ends)?;
    if bend.open_end && applied.content.ends_with(end) {
        applied.content.truncate(applied.content.len() - end.len());
    }
    match bend.ends {
        Ends::AsIs => {}
        Ends::ToCrlf => {
            applied.normalised.push("LF lines of the patch were taken for the file's CRLF".to_owned());
        }
        Ends::ToLf => {
            applied.normalised.push("CRLF lines of the patch were taken for the file's LF".to_owned());
        }
    }
    if bend.open_end {
        applied
            .normalised
            .push("the file has no final newline, which the patch did not say; it was kept so".to_owned());
    }
    Ok(applied)
}

fn apply_lines(content: &[u8], hunks: &[Hunk], ends: Ends) -> Result<Applied, HunkFailure> {
    let lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
    let mut index = Index::new(&lines);
    let mut applied = Applied::default();
    let mut done = 0;
    for (number, hunk) in hunks.iter().enumerate().map(|(at, hunk)| (at + 1, hunk)) {
        let old: Vec<Vec<u8>> =
            hunk.lines.iter().filter(|line| line.side != Side::Added).map(|line| bytes(line, ends)).collect();
        let at = place(&lines, &mut index, hunk, number, &old, !applied.offsets.is_empty())?;
        if at < done {
            return Err(HunkFailure::OutOfOrder { hunk: number, line: hunk.line });
        }
        let stated = hunk.old_start.map(|start| start.max(1));
        if stated != Some(at + 1) && !old.is_empty() {
            applied.offsets.push(Offset { hunk: number, stated: hunk.old_start, applied: at + 1 });
        }
        applied.content.extend(lines.iter().take(at).skip(done).copied().flatten());
        let new = hunk.lines.iter().filter(|line| line.side != Side::Removed);
        applied.content.extend(new.flat_map(|line| bytes(line, ends)));
        done = at + old.len();
    }
    applied.content.extend(lines.iter().skip(done).copied().flatten());
    Ok(applied)
}

fn bytes(line: &HunkLine, ends: Ends) -> Vec<u8> {
    let text = match ends {
        Ends::ToLf => line.text.strip_suffix('\r').unwrap_or(&line.text),
        Ends::AsIs | Ends::ToCrlf => &line.text,
    };
    let mut bytes = text.as_bytes().to_vec();
    match (line.ends, ends) {
        (false, _) => {}
        (true, Ends::ToCrlf) => bytes.extend_from_slice(b"\r\n"),
        (true, Ends::AsIs | Ends::ToLf) => bytes.push(b'\n'),
    }
    bytes
}

/// Where a hunk belongs, as an index into the lines.
fn place(
    lines: &[&[u8]],
    index: &mut Index,
    hunk: &Hunk,
    number: usize,
    old: &[Vec<u8>],
    moved: bool,
) -> Result<usize, HunkFailure> {
    if old.is_empty() {
        return if lines.is_empty() {
            Ok(0)
        } else {
            Err(HunkFailure::NoContext { hunk: number, line: hunk.line })
        };
    }
    let stated = hunk.old_start.map(|start| start.saturating_sub(1));
    let stands_at = |at: usize| lines.get(at..at.saturating_add(old.len())).is_some_and(|there| there == old);
    // After a hunk that was moved, the stated lines are in doubt, and only one place will do.
    if let Some(at) = stated.filter(|at| !moved && stands_at(*at)) {
        return Ok(at);
    }
    match index.find(old).as_slice() {
        [at] => Ok(*at),
        [] => Err(HunkFailure::Mismatch {
            hunk: number,
            line: hunk.line,
            found: stated.and_then(|at| difference(lines, at, old)),
        }),
        _ => Err(HunkFailure::NotUnique { hunk: number, line: hunk.line }),
    }
}

fn difference(lines: &[&[u8]], at: usize, old: &[Vec<u8>]) -> Option<(usize, String, String)> {
    let there = lines.iter().copied().skip(at).chain(std::iter::repeat(&b"(the end of the file)"[..]));
    let (offset, (expected, found)) =
        old.iter().zip(there).enumerate().find(|(_, (expected, found))| expected.as_slice() != *found)?;
    Some((at + offset + 1, shown(expected), shown(found)))
}

fn shown(line: &[u8]) -> String {
    const MOST: usize = 120;
    String::from_utf8_lossy(line).trim_end_matches('\n').replace('\r', "\\r").chars().take(MOST).collect()
}

/// The lines of a file as numbers, in which runs of lines are found in linear time.
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

    /// The first two places where the lines stand.
    fn find(&mut self, wanted: &[Vec<u8>]) -> Vec<usize> {
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

/// A number in four bytes of which only the first has its highest bit set, so that nothing is found
/// across two of them.
fn encode(number: u32) -> [u8; 4] {
    let part = |shift: u32| u8::try_from(number >> shift & 0x7f).unwrap_or(0);
    [0x80 | part(21), part(14), part(7), part(0)]
}

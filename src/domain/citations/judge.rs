//! Checks an answer's quotes against a file.

use std::borrow::Cow;

use memchr::memmem;

use super::{Citation, Claim, Quote, Sense, Standing};
use crate::domain::cut::{cut, one_line};

/// Maximum characters of a quote in a result.
const MOST_SHOWN: usize = 160;

/// Maximum lines of a range that are compared one by one; beyond them, a search for words finds the quote.
const MOST_OF_A_RANGE: usize = 60;
/// Maximum bytes of files that are searched for one answer.
const MOST_SEARCHED: usize = 8 * 1024 * 1024;
/// Price of comparing one line, in bytes of the budget.
const PRICE_OF_A_LINE: usize = 2_000;

/// The remaining budget of searches, in bytes, so that no answer takes long, whatever it quotes.
pub struct SearchBudget(usize);

impl Default for SearchBudget {
    fn default() -> Self {
        Self(MOST_SEARCHED)
    }
}

impl SearchBudget {
    /// Subtracts a number of bytes. False if too few are left.
    fn takes(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// The result of a search for a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    /// The quote begins in this line, from 1.
    At(usize),
    Nowhere,
    /// The search budget is used up.
    NotLookedFor,
}

/// The text of a file with an index of its lines.
pub struct Lines {
    text: String,
    /// Byte offset of each line.
    starts: Vec<usize>,
}

impl Lines {
    pub fn of(text: String) -> Self {
        let behind = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        let starts = std::iter::once(0).chain(behind).filter(|start| *start < text.len()).collect();
        Self { text, starts }
    }

    pub fn count(&self) -> usize {
        self.starts.len()
    }

    fn line(&self, at: usize) -> Option<&str> {
        let end = self.starts.get(at + 1).copied().unwrap_or(self.text.len());
        let line = self.text.get(*self.starts.get(at)?..end)?;
        Some(line.strip_suffix('\n').unwrap_or(line).trim_end_matches('\r'))
    }

    /// Finds the line, from 1, where a quote begins: within the range if possible, else nearest to it.
    pub fn find(&self, quote: &str, line: usize, end: usize, budget: &mut SearchBudget) -> Sought {
        let wanted: Vec<Cow<'_, str>> = quote.lines().map(squeezed).filter(|line| !line.is_empty()).collect();
        let Some(first) = wanted.first() else { return Sought::Nowhere };
        let range = line.saturating_sub(1)..end.max(line).min(self.count());
        if let Some(at) = range.take(MOST_OF_A_RANGE).find(|at| self.begins_at(*at, &wanted)) {
            return Sought::At(at + 1);
        }
        // The whole quoted line is a rare text, so it finds few places. Its longest word also finds lines
        // with other spacing.
        let pieces = || first.split("...").flat_map(|piece| piece.split('…')).map(str::trim);
        let words = pieces().flat_map(|piece| piece.split(' '));
        let longest = [pieces().max_by_key(|piece| piece.len()), words.max_by_key(|word| word.len())];
        let mut searched = "";
        for needle in longest.into_iter().flatten().filter(|needle| needle.len() > 1) {
            if needle == searched {
                break;
            }
            searched = needle;
            match self.nearest(needle, &wanted, line, budget) {
                Sought::Nowhere => {}
                found @ (Sought::At(_) | Sought::NotLookedFor) => return found,
            }
        }
        Sought::Nowhere
    }

    /// Finds the line nearest to `line` that contains a needle and begins the quote.
    fn nearest(
        &self,
        needle: &str,
        wanted: &[Cow<'_, str>],
        line: usize,
        budget: &mut SearchBudget,
    ) -> Sought {
        let bytes = self.text.as_bytes();
        let middle = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(bytes.len());
        let (above, below) = bytes.split_at_checked(middle).unwrap_or((bytes, &[]));
        if !budget.takes(bytes.len()) {
            return Sought::NotLookedFor;
        }
        let mut first_of = |places: &mut dyn Iterator<Item = usize>| {
            let mut last = None;
            for at in places.filter_map(|byte| self.line_at(byte)) {
                if last.replace(at) == Some(at) {
                    continue;
                }
                if !budget.takes(PRICE_OF_A_LINE) {
                    return Err(());
                }
                if self.begins_at(at, wanted) {
                    return Ok(Some(at + 1));
                }
            }
            Ok(None)
        };
        let mut before = memmem::rfind_iter(above, needle);
        let mut behind = memmem::find_iter(below, needle).map(|at| at + middle);
        match (first_of(&mut before), first_of(&mut behind)) {
            (Ok(above), Ok(below)) => {
                let found = above.into_iter().chain(below).min_by_key(|at| at.abs_diff(line));
                found.map_or(Sought::Nowhere, Sought::At)
            }
            (Err(()), _) | (_, Err(())) => Sought::NotLookedFor,
        }
    }

    fn line_at(&self, byte: usize) -> Option<usize> {
        self.starts.partition_point(|start| *start <= byte).checked_sub(1)
    }

    fn begins_at(&self, at: usize, wanted: &[Cow<'_, str>]) -> bool {
        let mut here = (at..self.count()).filter_map(|at| self.line(at));
        // The quote begins in this very line. Blank lines within it do not count.
        let Some(first) = here.next() else { return false };
        let mut wanted = wanted.iter();
        if !wanted.next().is_some_and(|wanted| holds(first, wanted)) {
            return false;
        }
        let mut here = here.filter(|line| !line.trim().is_empty());
        wanted.all(|wanted| here.next().is_some_and(|line| holds(line, wanted)))
    }
}

/// True if a line contains a piece of code, which may leave out parts (`...`).
fn holds(line: &str, wanted: &str) -> bool {
    if line.contains(wanted) {
        return true;
    }
    let line = squeezed(line);
    if line.contains(wanted) {
        return true;
    }
    if !wanted.contains("...") && !wanted.contains('…') {
        return false;
    }
    let mut rest = &*line;
    let pieces = wanted.split("...").flat_map(|piece| piece.split('…')).map(str::trim);
    let mut found = 0;
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
        found += piece.len();
    }
    found >= 4
}

/// The line without indentation, its white space reduced to single blanks.
fn squeezed(line: &str) -> Cow<'_, str> {
    let line = line.trim();
    let is_single = |(one, next): (char, char)| !one.is_whitespace() || one == ' ' && next != ' ';
    if line.chars().zip(line.chars().skip(1)).all(is_single) {
        return Cow::Borrowed(line);
    }
    Cow::Owned(one_line(line))
}

/// Checks a claim against the lines of a file.
pub fn judged(claim: &Claim, file: &str, lines: &Lines, budget: &mut SearchBudget) -> Citation {
    let total = lines.count();
    let end = claim.end_line.unwrap_or(claim.line);
    let is_there = (1..=total).contains(&claim.line);
    let mut citation = Citation {
        file: Some(file.to_owned()),
        note: None,
        ..Citation::bare(claim, if is_there { Standing::LineOnly } else { Standing::Absent }, "")
    };
    if !is_there {
        citation.note = Some(format!("the file has {total} lines"));
    } else if end > total {
        citation.note = Some(format!("the file ends with line {total}"));
    }
    let is_within = |at: usize| is_there && (claim.line..=end).contains(&at);
    let mut moved: Option<(&Quote, usize)> = None;
    let mut missed: Option<(&Quote, Sought)> = None;
    for quote in &claim.quotes {
        match (lines.find(&quote.text, claim.line, end, budget), quote.sense) {
            (Sought::At(at), _) if is_within(at) => {
                citation.quote = Some(shown(&quote.text));
                citation.status = Standing::Exact;
                return citation;
            }
            (Sought::At(at), Sense::Shown) => drop(moved.get_or_insert((quote, at))),
            (sought, Sense::Shown) if !quote.text.contains("[MASKED") => {
                missed.get_or_insert((quote, sought));
            }
            (_, Sense::Shown | Sense::Name | Sense::Proposed) => {}
        }
    }
    if let Some((quote, at)) = moved {
        citation.quote = Some(shown(&quote.text));
        citation.status = Standing::Moved;
        citation.found_line = Some(at);
    } else if let Some((quote, sought)) = missed.filter(|_| is_there) {
        citation.quote = Some(shown(&quote.text));
        let why = match sought {
            Sought::NotLookedFor => {
                "the line is there; the quote was not searched, because the answer has too many quotes"
            }
            Sought::Nowhere | Sought::At(_) => "the line is there; the quote was not found in the file",
        };
        citation.note = Some(why.to_owned());
    }
    citation
}

fn shown(text: &str) -> String {
    cut(text.trim(), MOST_SHOWN)
}

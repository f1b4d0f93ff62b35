//! The places that an answer names, and whether they are there: which `file:line` exists, and whether what
//! the answer quotes stands in that line.
//!
//! Reading is generous (every way in which people and compilers write a place), judging is careful: what
//! only looks like a place (a host with its port, a time, a version) is never called absent.

mod find;
mod judge;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

pub use find::{MOST_CLAIMS, MOST_TEXT, claims};
pub use judge::{Lines, SearchBudget, Sought, judged};

/// Citations that a result lists; the gravest stay.
pub const MOST_LISTED: usize = 50;

/// A place that an answer names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The place as it is written, in one form.
    pub cited: String,
    /// The path, with slashes.
    pub path: String,
    /// The first line.
    pub line: usize,
    /// The last, where a range is named.
    pub end_line: Option<usize>,
    /// The quotes beside it, the nearest first.
    pub quotes: Vec<Quote>,
    pub form: Form,
}

/// The kinds of a piece of text that looks like a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A place, whether the file exists or not.
    Place,
    /// A place if such a file exists; else a host, an image, a name.
    Perhaps,
}

/// Code that stands beside a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The text.
    pub text: String,
    pub sense: Sense,
}

/// The purpose of code beside a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// It shows what the place holds.
    Shown,
    /// It is a name, which says little where it is not found.
    Name,
    /// It is what should stand there.
    Proposed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// There is no such file or line.
    Absent,
    /// The quote stands in the file, in another line.
    Moved,
    /// It was not looked at, and the note says why.
    Unchecked,
    /// The line is there; no quote was seen in it.
    LineOnly,
    /// The line is there, and the quote stands in it.
    Exact,
}

/// A place that an answer names, and what was found of it.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// The place as the answer names it.
    pub cited: String,
    /// The file that it means, where one was found.
    pub file: Option<String>,
    /// The line.
    pub line: usize,
    /// The last line of a range.
    pub end_line: Option<usize>,
    pub quote: Option<String>,
    pub status: Standing,
    /// The place of the quote, if elsewhere.
    pub found_line: Option<usize>,
    pub note: Option<String>,
}

impl Citation {
    /// A claim of which only the standing is known.
    pub fn bare(claim: &Claim, status: Standing, note: &str) -> Self {
        Self {
            cited: claim.cited.clone(),
            file: None,
            line: claim.line,
            end_line: claim.end_line,
            quote: None,
            status,
            found_line: None,
            note: Some(note.to_owned()),
        }
    }
}

/// So many citations as a result lists, in the order of the answer. Where there are more, the gravest stay.
pub fn listed(mut all: Vec<Citation>) -> Vec<Citation> {
    if all.len() > MOST_LISTED {
        let mut ranks: Vec<Standing> = all.iter().map(|one| one.status).collect();
        ranks.sort_unstable();
        let last = ranks.get(MOST_LISTED - 1).copied().unwrap_or(Standing::Exact);
        let graver = ranks.iter().filter(|rank| **rank < last).count();
        let mut room = MOST_LISTED - graver;
        all.retain(|one| {
            let is_last = one.status == last && room > 0;
            room -= usize::from(is_last);
            one.status < last || is_last
        });
    }
    all
}

#[cfg(test)]
mod tests;

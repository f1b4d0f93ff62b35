//! The places that an answer names: whether each `file:line` exists, and whether the answer's quote is in
//! that line.
//!
//! Reading is generous (every way in which people and compilers write a place), judging is careful: text
//! that only looks like a place (a host with its port, a time, a version) is never called absent.

mod find;
mod judge;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

pub use find::{MOST_CLAIMS, MOST_TEXT, claims};
pub use judge::{Lines, SearchBudget, Sought, judged};

/// Citations in a result; the most serious ones stay.
pub const MOST_LISTED: usize = 50;

/// A place that an answer names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The place in its usual form.
    pub cited: String,
    /// The path, with slashes.
    pub path: String,
    /// The first line.
    pub line: usize,
    /// The last line of a range.
    pub end_line: Option<usize>,
    /// The quotes beside it, nearest first.
    pub quotes: Vec<Quote>,
    pub form: Form,
}

/// Kinds of text that look like a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A place, whether or not the file exists.
    Place,
    /// A place if the file exists; else a host, an image, a name.
    Perhaps,
}

/// Code beside a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    pub text: String,
    pub sense: Sense,
}

/// The purpose of code beside a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// It shows the content of the place.
    Shown,
    /// It is a name, which says little if it is not found.
    Name,
    /// It shows what should be there.
    Proposed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// There is no such file or line.
    Absent,
    /// The quote is in another line of the file.
    Moved,
    /// It was not checked; the note says why.
    Unchecked,
    /// The line exists; no quote was found in it.
    LineOnly,
    /// The line exists, and contains the quote.
    Exact,
}

/// A place that an answer names, with the result of its check.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// The place as in the answer.
    pub cited: String,
    /// The file that it means, if one was found.
    pub file: Option<String>,
    pub line: usize,
    /// The last line of a range.
    pub end_line: Option<usize>,
    pub quote: Option<String>,
    pub status: Standing,
    /// The line of the quote, if it is another one.
    pub found_line: Option<usize>,
    pub note: Option<String>,
}

impl Citation {
    /// A citation without a quote.
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

/// At most as many citations as a result lists, in the order of the answer. If there are more, the most
/// serious ones stay.
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

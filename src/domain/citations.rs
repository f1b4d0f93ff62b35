//! The places that an answer cites: checks that each `file:line` exists and that the answer's quote is in
//! that line.
//!
//! Reading is generous: it accepts every way in which people and compilers write a place. Judging is careful:
//! text that only looks like a place (a host with its port, a time, a version) is never called absent.

mod find;
mod judge;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

pub use find::{MOST_CLAIMS, MOST_TEXT, claims};
pub use judge::{Lines, SearchBudget, Sought, judged};

/// Maximum citations in a result; the most serious ones stay.
pub const MOST_LISTED: usize = 50;

/// A place that an answer cites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The place in its usual form, `path:line` or `path:line-line`.
    pub cited: String,
    /// The path, with `/` between its parts.
    pub path: String,
    /// The first line, from 1.
    pub line: usize,
    /// The last line of a range.
    pub end_line: Option<usize>,
    /// The quotes beside it, the nearest first.
    pub quotes: Vec<Quote>,
    pub form: Form,
    /// The words before it in its line, which belong to the name of a file with blanks.
    pub words_before: String,
}

/// The certainty that a text is a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A place, even if the file does not exist.
    Place,
    /// A place only if the file exists; otherwise a host, an image, a name.
    Perhaps,
}

/// Code beside a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    pub text: String,
    pub sense: Sense,
}

/// The meaning of code beside a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// It shows the content of the place.
    Shown,
    /// It is a name, so its absence means little.
    Name,
    /// It shows the proposed content of the place.
    Proposed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// There is no such file or line.
    Absent,
    /// The quote is in another line of this file.
    Moved,
    /// It was not checked; the note says why.
    Unchecked,
    /// The line exists; no quote was found in it.
    LineOnly,
    /// The line exists, and contains the quote.
    Exact,
}

/// A cited place with the result of its check.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// The place as the answer writes it.
    pub cited: String,
    /// The file that the place refers to, if one was found.
    pub file: Option<String>,
    pub line: usize,
    /// The last line of a range.
    pub end_line: Option<usize>,
    pub quote: Option<String>,
    pub status: Standing,
    /// The line where the quote was found, if it is another one.
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

/// Limits citations to [`MOST_LISTED`], in the order of the answer. If there are more, the most serious ones
/// stay.
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

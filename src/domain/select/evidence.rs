//! Known facts about a candidate.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tests {
    /// All of them passed.
    Passed,
    /// One of them did not.
    Failed,
    /// There are no results.
    Unknown,
}

/// The chance of a candidate to win, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its tests speak for it; no pattern weighs more than that.
    Proven,
    /// Nothing proves it, and nothing speaks against it.
    Open,
    /// It shows a red flag, and no test speaks for it.
    Flagged,
    /// It failed its tests.
    Failed,
    /// It is no answer: empty, or a refusal.
    NoAnswer,
}

impl Standing {
    /// True if it can win at all.
    pub fn can_win(self) -> bool {
        match self {
            Self::Proven | Self::Open => true,
            Self::Flagged | Self::Failed | Self::NoAnswer => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// They speak for the candidate: the caller says so, or they fail without its change.
    Speaks,
    /// They would pass without it, or without a part of it.
    Lacks,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    pub provider: Option<String>,
    pub tests: Tests,
    /// The worth of that, where they passed.
    pub proof: Proof,
    /// The score of a linter, from 0 to 1.
    pub lint: Option<f64>,
    /// The score of a judge, from 0 to 1.
    pub judge: Option<f64>,
    /// True if it shows a red flag.
    pub flagged: bool,
    /// True if it says anything at all.
    pub answers: bool,
    /// Number of authors that say the same, its own included.
    pub support: usize,
    /// The number of those that are the same as it, as far as anybody could see: the same text, the same
    /// change, or the same behaviour in everything that was run to tell them apart.
    pub same_as: usize,
    /// Its length in lines that it adds and removes, else in characters; it decides nothing but which of
    /// several that are the same is returned.
    pub size: usize,
}

impl Evidence {
    pub fn standing(&self) -> Standing {
        match (self.tests, self.proof, self.flagged) {
            _ if !self.answers => Standing::NoAnswer,
            (Tests::Passed, Proof::Speaks, _) => Standing::Proven,
            (Tests::Failed, ..) => Standing::Failed,
            (Tests::Passed, Proof::Lacks, true) | (Tests::Unknown, _, true) => Standing::Flagged,
            (Tests::Passed, Proof::Lacks, false) | (Tests::Unknown, _, false) => Standing::Open,
        }
    }
}

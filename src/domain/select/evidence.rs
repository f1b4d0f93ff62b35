//! What is known of a candidate.

use serde::{Deserialize, Serialize};

/// What its tests said.
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

/// Whether a candidate can win, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It passed its tests; no pattern weighs more than that.
    Proven,
    /// Nothing is known for it, and nothing against it.
    Open,
    /// It shows a red flag, and no test speaks for it.
    Flagged,
    /// It failed its tests.
    Failed,
}

impl Standing {
    /// Whether it can win at all.
    #[must_use]
    pub fn can_win(self) -> bool {
        match self {
            Self::Proven | Self::Open => true,
            Self::Flagged | Self::Failed => false,
        }
    }
}

/// What is known of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Who wrote it.
    pub provider: Option<String>,
    /// Its length in characters.
    pub chars: usize,
    /// What its tests said.
    pub tests: Tests,
    /// What a linter gave it, from 0 to 1.
    pub lint: Option<f64>,
    /// What a judge gave it, from 0 to 1.
    pub judge: Option<f64>,
    /// Whether it shows a red flag.
    pub flagged: bool,
    /// How many candidates behave like it, itself included; where Maestro ran the tests.
    pub alike: Option<usize>,
    /// Lines that it adds and removes; where Maestro ran the tests.
    pub changed_lines: Option<usize>,
}

impl Evidence {
    /// Whether it can win.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match (self.tests, self.flagged) {
            (Tests::Passed, _) => Standing::Proven,
            (Tests::Failed, _) => Standing::Failed,
            (Tests::Unknown, true) => Standing::Flagged,
            (Tests::Unknown, false) => Standing::Open,
        }
    }
}

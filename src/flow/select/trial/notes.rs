//! Notes on checks, on parts that were undone, and on probes.

use serde::Serialize;
use serde_with::skip_serializing_none;

use crate::domain::change::Mark;
use crate::domain::select::proof::Observed;
use crate::domain::verification::Kind;
use crate::domain::verification::read::Totals;
use crate::domain::verification::status::Status;
use crate::flow::select::intake::tail;
use crate::flow::verify::CheckResult;

/// Names of failing tests that a result lists.
const MOST_NAMES: usize = 20;
/// Characters of a probe's output that a result shows.
const MOST_SHOWN: usize = 1_200;

#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckNote {
    /// The command.
    pub command: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub status: Status,
    /// The tests that failed.
    pub failing: Vec<String>,
    /// Totals.
    pub totals: Option<Totals>,
    /// Why it was not run, or ended as it did.
    pub note: Option<String>,
    /// The end of what it printed, where it did not pass.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub output: String,
}

impl CheckNote {
    pub(super) fn of(result: &CheckResult) -> Self {
        let both = format!("{}\n{}", result.stdout.trim_end(), result.stderr.trim_end());
        Self {
            command: result.command.clone(),
            kind: result.kind,
            status: result.status,
            failing: result.metadata.failing.iter().take(MOST_NAMES).cloned().collect(),
            totals: result.metadata.totals,
            note: result.metadata.note.clone(),
            output: if result.passed { String::new() } else { tail(&both) },
        }
    }
}

/// A check as it is weighed: every name that was read.
pub(super) fn observed(result: &CheckResult) -> Observed {
    Observed {
        command: result.command.clone(),
        kind: result.kind,
        status: result.status,
        failing: result.metadata.failing.clone(),
        totals: result.metadata.totals,
    }
}

/// Result of undoing the parts of a candidate one at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AblationNote {
    /// Parts that a program runs.
    pub parts: usize,
    /// Those that were undone.
    pub undone: usize,
    /// Those that no test missed.
    pub unseen: Vec<String>,
    /// Those that `max_ablations` left.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_undone: Vec<String>,
    /// Documentation, comments and blank lines, which need no test.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<String>,
}

impl AblationNote {
    /// True if a test sees each part.
    pub(super) fn is_clean(&self) -> bool {
        self.unseen.is_empty() && self.not_undone.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeNote {
    /// The command.
    pub command: String,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// Its standard output, cut.
    pub stdout: String,
    /// SHA-256 of all of it, the copy's own path left out.
    pub stdout_sha256: String,
    /// Why it was not run, or ended as it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl ProbeNote {
    pub(super) fn of(result: &CheckResult, root: &str) -> Self {
        let whole = if result.whole_stdout.is_empty() { &result.stdout } else { &result.whole_stdout };
        let whole = whole.replace(root, ".");
        Self {
            command: result.command.clone(),
            exit_code: result.exit_code,
            stdout: whole.chars().take(MOST_SHOWN).collect(),
            stdout_sha256: Mark::of(whole.as_bytes()).sha256,
            note: result.metadata.note.clone(),
        }
    }

    /// True if it came to its end and printed something.
    pub(super) fn speaks(&self) -> bool {
        self.exit_code.is_some() && !self.stdout.trim().is_empty()
    }

    pub(super) fn mark(&self) -> String {
        format!("{:?} {:?} {}", self.command, self.exit_code, self.stdout_sha256)
    }
}

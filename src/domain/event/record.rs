//! Events that record what was seen and done.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::skip_serializing_none;

use crate::domain::stage::Stage;
use crate::domain::verification::Kind;
use crate::domain::verification::proof::Proof;
use crate::domain::verification::status::Status;

/// The kind of a piece of evidence, where somebody records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum EvidenceType {
    /// Something seen.
    Observation,
    /// Something supposed.
    Hypothesis,
    /// Something chosen.
    Decision,
    /// Something tried.
    Verification,
}

/// Somebody recorded something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceLogged {
    pub evidence_type: EvidenceType,
    /// The stage that it was said to belong to.
    pub stage: String,
    pub content: Value,
    pub source: String,
    /// Certainty, 0 to 1.
    pub confidence: f64,
}

/// One check of the project.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The command.
    pub command: String,
    /// The directory in which it ran, relative to the project root.
    pub cwd: String,
    pub kind: Kind,
    pub status: Status,
    /// Its exit code.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// The tests that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<String>,
    /// Milliseconds.
    pub elapsed_ms: u64,
    /// Its proof of tests; none in a log of an earlier version.
    #[serde(default)]
    pub proof: Option<Proof>,
}

/// The project's checks ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// True if there was something to run and all of it passed.
    pub passed: bool,
    /// In a line.
    pub summary: String,
    /// Every check.
    pub checks: Vec<Check>,
    /// The project's own checks of tests that were not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

impl Verified {
    /// Tests that ran and passed; none where a log of an earlier version does not say.
    pub fn tests(&self) -> Option<usize> {
        let proofs: Vec<&Proof> = self.checks.iter().filter_map(|check| check.proof.as_ref()).collect();
        (!proofs.is_empty() || !self.checks.is_empty()).then(|| proofs.iter().map(|proof| proof.tests).sum())
    }
}

/// The kind of change to the project's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A patch was applied.
    Applied,
    /// A patch was undone.
    RolledBack,
    /// A change that a killed server had begun was undone.
    Recovered,
}

/// A patch was applied, or undone.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    pub kind: ChangeKind,
    /// The session that holds what was there before; after a crash, the one that was open.
    pub backup_session: String,
    /// The session that it undid.
    #[serde(default)]
    pub undoes: Option<String>,
    /// The directory that the paths are relative to.
    #[serde(default)]
    pub root: String,
    /// The files, each once.
    pub files: Vec<ChangedFile>,
    /// SHA-256 of the patch's text.
    #[serde(default)]
    pub patch_sha256: Option<String>,
    /// The patch, masked, as far as a report shows it; in a run only.
    #[serde(default)]
    pub patch: Option<String>,
    /// The request whose approved change it is.
    #[serde(default)]
    pub approved_by: Option<String>,
    /// Files that could not be undone after a crash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A file of a change. It was made where there is no `before`, and removed where there is no
/// `after`; after a crash, `before` is what the change had made of it or was about to.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    /// Its name.
    pub path: String,
    /// SHA-256 of what it held.
    #[serde(default)]
    pub before: Option<String>,
    /// SHA-256 of what it holds.
    #[serde(default)]
    pub after: Option<String>,
}

impl ChangedFile {
    /// Returns what happened to it; a rename is one file removed and another made.
    pub fn action(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "created",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "removed",
        }
    }
}

/// An answer was flagged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedFlagged {
    pub provider: String,
    /// The stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Why.
    pub reasons: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A vote.
    Vote,
    /// A selection among candidates.
    Selection,
    /// A calibration.
    Calibration,
    /// A recorded result of a topology.
    Coordination,
    /// A change of the loaded tools.
    Tools,
    /// The answers of an ensemble.
    Ensemble,
    /// A conversation that begins with turns of another.
    Thread,
    /// A call that goes on without its caller.
    Job,
    /// A review.
    Review,
}

/// A result of a topic that folds its own events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    pub topic: Topic,
    /// The result.
    pub content: Value,
}

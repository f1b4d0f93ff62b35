//! Events of a run and of its stages.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::skip_serializing_none;
use strum::IntoStaticStr;

use crate::domain::approvals::Approvals;
use crate::domain::citations::Citation;
use crate::domain::pairs::is_default;
use crate::domain::served::ModelNote;
use crate::domain::stage::Stage;

/// A run began.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    pub task: String,
    pub start_stage: Stage,
    /// The authority for stages of low risk.
    pub low_risk: LowRisk,
    /// Consults that this server's previous, unfinished run has spent: a new run gives no fresh budget.
    #[serde(default, skip_serializing_if = "is_default")]
    pub carried: u32,
    /// The mode of approval at its beginning; none in a run of an earlier version.
    pub approvals: Option<Approvals>,
    /// The server that began it; none in a run of an earlier version.
    pub server: Option<String>,
}

/// The authority that approves a stage without a found risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LowRisk {
    /// A human, as for every stage.
    Ask,
    /// The policy, except for implement.
    Approve,
}

/// A run was ended before its last stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStopped {
    pub why: String,
}

/// A parked run was resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResumed {}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Mode {
    /// One consultant.
    #[default]
    Consult,
    /// Several side by side.
    Ensemble,
    /// The orchestrator itself.
    Solo,
}

/// A stage began. Its event's id names the attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageStarted {
    pub stage: Stage,
    /// The round, from 1; above 1 in debug and after a revision.
    pub iteration: u32,
    pub mode: Mode,
    /// Why in this mode.
    pub why: String,
    /// Digest of the request.
    pub request: String,
    /// The server that works on it.
    pub server: String,
    /// Providers to ask, in order, one for each candidate.
    pub providers: Vec<String>,
}

/// An interrupted stage continues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageResumed {
    pub attempt: String,
    /// The server that continues it.
    pub server: String,
}

/// A candidate of a stage answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    pub attempt: String,
    pub stage: Stage,
    /// The candidate as a caller sees it.
    pub candidate: Candidate,
}

/// A candidate of a stage.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its id within the stage, for example `codex-1`.
    pub id: String,
    /// True if it counts: it answered, fits the schema and has no flag.
    pub ok: bool,
    pub provider: String,
    /// The model that answered, else the requested one; empty if unknown.
    pub model: String,
    #[serde(default, skip_serializing_if = "ModelNote::is_empty")]
    pub told: ModelNote,
    /// The answer, as far as it is shown.
    pub content: String,
    /// The file with the whole answer, if there is more.
    pub content_file: Option<String>,
    /// The answer as data.
    pub structured: Option<Value>,
    /// Milliseconds.
    pub elapsed_ms: u64,
    /// Why the rules discarded it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub red_flags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema_errors: Vec<String>,
    /// Number of consults: more than one if another provider stood in.
    #[serde(default)]
    pub consults: u32,
    /// True if it replaces a discarded one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resample: bool,
    pub error: Option<String>,
    /// Code of its error.
    pub code: Option<String>,
    /// True if the same question may succeed a little later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
    pub hint: Option<String>,
    /// End of the limit that blocks the call, if the CLI named it.
    pub resets_at: Option<String>,
    /// The sandbox that the CLI ran in.
    pub sandbox: Option<String>,
    /// A note if the answer is not a model's, or if another provider stands in.
    pub note: Option<String>,
    /// The places that the answer names, as checked when it came.
    pub citations: Option<Vec<Citation>>,
}

impl Candidate {
    /// Suffix of a replacement's id.
    const AGAIN: &str = "-again";

    /// The id of a replacement for a discarded candidate.
    pub fn again(id: &str) -> String {
        format!("{id}{}", Self::AGAIN)
    }

    /// The id of the candidate itself, or of the discarded one that it replaces.
    pub fn stands_for(&self) -> &str {
        self.id.strip_suffix(Self::AGAIN).filter(|_| self.resample).unwrap_or(&self.id)
    }
}

/// A stage has its outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageFinished {
    /// The attempt; empty if the orchestrator handed the stage in without beginning it.
    pub attempt: String,
    pub stage: Stage,
    pub iteration: u32,
    pub mode: Mode,
    /// Why in this mode.
    pub why: String,
    /// The output for the next stage: the answer of the first candidate that counts, or the orchestrator's.
    pub output: Value,
    /// Its source; `orchestrator` if it did the stage itself.
    pub provider: String,
    /// Every candidate.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
    /// Number of consults, resamples included.
    pub consults_used: u32,
    /// Milliseconds.
    pub elapsed_ms: u64,
}

/// A stage ended without outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageFailed {
    pub attempt: String,
    pub stage: Stage,
    pub error: String,
    /// Code of the error.
    pub code: String,
    /// Next step, if the stage could not be worked on at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// True if the same stage may succeed a little later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
    /// Every candidate.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
    /// Number of consults.
    pub consults_used: u32,
    /// Milliseconds.
    pub elapsed_ms: u64,
}

/// A stage was interrupted by the end of its server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageInterrupted {
    pub attempt: String,
    pub stage: Stage,
    pub why: String,
}

/// The caller has a stage's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageDelivered {
    pub attempt: String,
}

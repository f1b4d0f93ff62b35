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
    /// The authority over stages in which no risk was found.
    pub low_risk: LowRisk,
    /// Consults that this server's previous, unfinished run has used. They count here too, so that a new run
    /// does not get a fresh budget.
    #[serde(default, skip_serializing_if = "is_default")]
    pub carried: u32,
    /// The mode of approval at the start. `None` in a run of an earlier version.
    pub approvals: Option<Approvals>,
    /// The server that started the run. `None` in a run of an earlier version.
    pub server: Option<String>,
}

/// The authority over a stage in which no risk was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LowRisk {
    /// A human, as in every other stage.
    Ask,
    /// The policy, except in implement.
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
    /// Several consultants side by side.
    Ensemble,
    /// No consultant: the orchestrator does the stage itself.
    Solo,
}

/// A stage began. The id of its event is the id of the attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageStarted {
    pub stage: Stage,
    /// Number of the round, from 1; greater than 1 in debug and after a revision.
    pub iteration: u32,
    pub mode: Mode,
    /// The reason for the mode.
    pub why: String,
    /// Digest of the request.
    pub request: String,
    /// The server that works on the stage.
    pub server: String,
    /// The providers to ask, in order, one for each candidate.
    pub providers: Vec<String>,
}

/// An interrupted stage continues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageResumed {
    pub attempt: String,
    /// The server that continues the stage.
    pub server: String,
}

/// A candidate of a stage answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    pub attempt: String,
    pub stage: Stage,
    /// The candidate in the form that callers see.
    pub candidate: Candidate,
}

/// The answer of one consultant in a stage.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Id within the stage, such as `codex-1`.
    pub id: String,
    /// True if the candidate counts: it answered, fits the schema and was not flagged.
    pub ok: bool,
    pub provider: String,
    /// The model that answered, or the requested model if that is unknown; empty if neither is known.
    pub model: String,
    #[serde(default, skip_serializing_if = "ModelNote::is_empty")]
    pub told: ModelNote,
    /// The part of the answer that is shown.
    pub content: String,
    /// Path of the file with the whole answer, if it is longer.
    pub content_file: Option<String>,
    /// The answer as a JSON document.
    pub structured: Option<Value>,
    /// Duration in milliseconds.
    pub elapsed_ms: u64,
    /// The red flags for which it was discarded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub red_flags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema_errors: Vec<String>,
    /// Number of consults; more than one if another provider replaced the first one.
    #[serde(default)]
    pub consults: u32,
    /// True if it replaces a discarded candidate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resample: bool,
    pub error: Option<String>,
    /// Code of the error.
    pub code: Option<String>,
    /// True if the same question may succeed a little later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
    pub hint: Option<String>,
    /// Time when the limit that blocks the call resets, if the CLI stated it.
    pub resets_at: Option<String>,
    /// The sandbox that the CLI ran in.
    pub sandbox: Option<String>,
    /// A note if the answer does not come from a model, or if another provider replaced the first one.
    pub note: Option<String>,
    /// The places that the answer cites, checked when the answer arrived.
    pub citations: Option<Vec<Citation>>,
}

impl Candidate {
    /// Suffix of the id of a replacement.
    const AGAIN: &str = "-again";

    /// The id of a replacement for a discarded candidate.
    pub fn again(id: &str) -> String {
        format!("{id}{}", Self::AGAIN)
    }

    /// The id of the candidate, or of the discarded candidate that it replaces.
    pub fn stands_for(&self) -> &str {
        self.id.strip_suffix(Self::AGAIN).filter(|_| self.resample).unwrap_or(&self.id)
    }
}

/// A stage produced its outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageFinished {
    /// Id of the attempt; empty if the orchestrator handed in the stage without beginning it.
    pub attempt: String,
    pub stage: Stage,
    pub iteration: u32,
    pub mode: Mode,
    /// The reason for the mode.
    pub why: String,
    /// The output for the next stage: the answer of the first candidate that counts, or the orchestrator's.
    pub output: Value,
    /// The provider of the output; `orchestrator` if it did the stage itself.
    pub provider: String,
    /// Every candidate.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
    /// Number of consults, resamples included.
    pub consults_used: u32,
    /// Duration in milliseconds.
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
    /// The next step for the caller, if the stage could not be worked on at all.
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
    /// Duration in milliseconds.
    pub elapsed_ms: u64,
}

/// A stage was interrupted by the end of its server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageInterrupted {
    pub attempt: String,
    pub stage: Stage,
    pub why: String,
}

/// The caller received the result of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageDelivered {
    pub attempt: String,
}

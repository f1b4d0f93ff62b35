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
    /// The authority that approves stages in which nothing was found to worry about.
    pub low_risk: LowRisk,
    /// Consults that the server's run before it had spent without coming to its end: another run is no
    /// way to a fresh budget.
    #[serde(default, skip_serializing_if = "is_default")]
    pub carried: u32,
    /// The authority that decided when it began; none in a run of an earlier version.
    pub approvals: Option<Approvals>,
    /// The server that began it; none in a run of an earlier version.
    pub server: Option<String>,
}

/// The authority that approves a stage in which nothing was found to worry about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LowRisk {
    /// A human, as of every stage.
    Ask,
    /// The policy; implement excepted.
    Approve,
}

/// A run was ended before its last stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStopped {
    /// Why.
    pub why: String,
}

/// A run that nobody went on with was taken up again.
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
    /// The stage.
    pub stage: Stage,
    /// The round, from 1; more than 1 in debug and after a request for revision.
    pub iteration: u32,
    pub mode: Mode,
    /// Why in that way.
    pub why: String,
    /// The digest that identifies the question.
    pub request: String,
    /// The server that works on it.
    pub server: String,
    /// Providers to be asked, in order; one per candidate.
    pub providers: Vec<String>,
}

/// A stage that was interrupted goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageResumed {
    /// The attempt.
    pub attempt: String,
    /// The server that goes on with it.
    pub server: String,
}

/// A candidate of a stage answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// The attempt.
    pub attempt: String,
    /// The stage.
    pub stage: Stage,
    /// The candidate as a caller sees it.
    pub candidate: Candidate,
}

/// One candidate of a stage.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its id within the stage, for example `codex-1`.
    pub id: String,
    /// True if it counts: it answered, fits the schema and carries no flag.
    pub ok: bool,
    pub provider: String,
    /// The model that answered, else the one that was asked for; empty where nobody told.
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
    /// Why it was discarded by the rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub red_flags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema_errors: Vec<String>,
    /// Consults that it took: more than one where another provider had to stand in.
    #[serde(default)]
    pub consults: u32,
    /// True if it stands for one that was discarded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resample: bool,
    pub error: Option<String>,
    /// A stable word for that.
    pub code: Option<String>,
    /// True if the same question may be answered a little later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
    pub hint: Option<String>,
    /// End of the limit that blocks the call, if the CLI named it.
    pub resets_at: Option<String>,
    /// The sandbox that the CLI ran in.
    pub sandbox: Option<String>,
    /// The nature of the answer, where it is not a model's, or who stands in for whom.
    pub note: Option<String>,
    /// The places that the answer names, and whether they were there when it came.
    pub citations: Option<Vec<Citation>>,
}

impl Candidate {
    /// The suffix of the id of the candidate that a second sample stands for.
    const AGAIN: &str = "-again";

    /// The id of a second sample: it names the candidate that it stands for.
    pub fn again(id: &str) -> String {
        format!("{id}{}", Self::AGAIN)
    }

    /// The candidate that was to be asked: itself, or the discarded one that it stands for.
    pub fn stands_for(&self) -> &str {
        self.id.strip_suffix(Self::AGAIN).filter(|_| self.resample).unwrap_or(&self.id)
    }
}

/// A stage has its outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageFinished {
    /// The attempt; empty where the orchestrator handed the stage in without asking first.
    pub attempt: String,
    /// The stage.
    pub stage: Stage,
    pub iteration: u32,
    pub mode: Mode,
    /// Why in that way.
    pub why: String,
    /// The output that is handed on: the answer of the first candidate that counts, or the orchestrator's.
    pub output: Value,
    /// Its source; `orchestrator` where it did the stage itself.
    pub provider: String,
    /// Every candidate.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
    /// Consults that it took, resamples among them.
    pub consults_used: u32,
    /// Milliseconds.
    pub elapsed_ms: u64,
}

/// A stage ended without outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageFailed {
    /// The attempt.
    pub attempt: String,
    /// The stage.
    pub stage: Stage,
    pub error: String,
    /// A stable word for that.
    pub code: String,
    /// Next step, where the stage could not be worked on at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// True if the same stage may succeed a little later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
    /// Every candidate.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
    /// Consults that it took.
    pub consults_used: u32,
    /// Milliseconds.
    pub elapsed_ms: u64,
}

/// A stage was cut short by the end of its server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageInterrupted {
    /// The attempt.
    pub attempt: String,
    /// The stage.
    pub stage: Stage,
    pub why: String,
}

/// The caller has a stage's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageDelivered {
    /// The attempt.
    pub attempt: String,
}

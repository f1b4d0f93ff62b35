//! The entries of the figures: plain data, one entry for each thing that was recorded.

use serde::{Deserialize, Serialize};

use super::outcome::Agents;
use super::similarity;
use crate::domain::event::consult::Purpose;
use crate::domain::select::record::Basis;
use crate::domain::stage::Stage;
use crate::domain::tokens::Tokens;
use crate::domain::verification::status::Status;

/// One call to one consultant that was started, however it ended and however often it was repeated.
#[derive(Clone, Debug, PartialEq)]
pub struct Consult {
    /// The run that it belongs to.
    pub run: Option<String>,
    /// The stage that it served.
    pub stage: Option<Stage>,
    pub provider: String,
    /// The model that answered, else the one that was asked for; empty where nobody told.
    pub model: String,
    /// The model that was asked for; none where the CLI chose.
    pub model_asked: Option<String>,
    pub purpose: Purpose,
    /// The code of its error; none where it succeeded.
    pub code: Option<String>,
    /// Milliseconds from the first start to the end.
    pub elapsed_ms: u64,
    /// Tokens sent, where the CLI says.
    pub input_tokens: Option<u64>,
    /// Tokens answered, where the CLI says.
    pub output_tokens: Option<u64>,
    /// US dollars, where the CLI says.
    pub cost_usd: Option<f64>,
    /// Tokens estimated from the length of the texts.
    pub estimate: Option<Tokens>,
    /// The conversation whose turn it is.
    pub thread: Option<String>,
}

/// Way in which a run of a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageEnd {
    /// A consultant's answer was accepted.
    Answered,
    /// The orchestrator did the stage itself.
    Solo,
    /// Nothing came of it.
    Failed,
}

/// One run of a stage that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageRun {
    /// The run that it belongs to.
    pub run: Option<String>,
    /// The stage.
    pub stage: Stage,
    pub end: StageEnd,
    /// Milliseconds of wall-clock time.
    pub elapsed_ms: u64,
}

/// The verdict of a verification on the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// It does not hold.
    Failed,
    /// Everything that was checked holds.
    Passed,
    /// Nothing was learnt: refused, not found, no tests, wrong arguments.
    Undecided,
}

impl From<Status> for Verdict {
    fn from(status: Status) -> Self {
        match status {
            Status::Passed => Self::Passed,
            Status::Failed | Status::CompileError | Status::TimedOut | Status::Crashed => Self::Failed,
            Status::NoTests
            | Status::OutputTooLarge
            | Status::Error
            | Status::NotFound
            | Status::Refused
            | Status::NothingToRun
            | Status::Skipped => Self::Undecided,
        }
    }
}

/// One verification: all commands of one call together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The run that it belongs to.
    pub run: Option<String>,
    /// Its place in the record; later entries of the same run have greater ones.
    pub sequence: u64,
    /// The stage in which it was made.
    pub stage: Option<Stage>,
    pub verdict: Verdict,
}

/// One selection among candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The run that it belongs to.
    pub run: Option<String>,
    pub basis: Basis,
    pub won: bool,
}

/// The kind of change to files. A patch that was refused changed nothing, and is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A patch was applied.
    Applied,
    /// An earlier change was undone.
    Restored,
}

/// One patch or restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The run that it belongs to.
    pub run: Option<String>,
    /// Its place in the record; later entries of the same run have greater ones.
    pub sequence: u64,
    pub change: Change,
}

/// Answers of several consultants to the same question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates {
    /// The run that they belong to.
    pub run: Option<String>,
    /// The texts, in any order.
    pub answers: Vec<String>,
}

impl Candidates {
    /// Returns how much these answers repeat one another. Worth storing in their place: it is small, and
    /// comparing long texts again at every look would take time.
    pub fn redundancy(&self) -> Redundancy {
        Redundancy { run: self.run.clone(), similarity: similarity::mean_pairwise(&self.answers) }
    }
}

/// The redundancy of the answers of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Redundancy {
    /// The run that they belong to.
    pub run: Option<String>,
    /// Mean cosine similarity of their pairs, 0 to 1; none below two answers with words.
    pub similarity: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The run; none for a task that was recorded by itself.
    pub run: Option<String>,
    /// Its place in the record; the last one of a run counts.
    pub sequence: u64,
    pub agents: Agents,
    pub success: bool,
}

/// Anything that is counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A call to a consultant.
    Consult(Consult),
    /// A run of a stage.
    StageRun(StageRun),
    /// A verification.
    Verification(Verification),
    /// A selection.
    Selection(Selection),
    /// A patch or restore.
    Patch(Patch),
    /// Answers to the same question.
    Candidates(Candidates),
    /// Answers to the same question, compared already.
    Redundancy(Redundancy),
    /// The end of a task.
    Outcome(Outcome),
}

impl Entry {
    /// The run that it belongs to.
    pub fn run(&self) -> Option<&str> {
        match self {
            Self::Consult(Consult { run, .. })
            | Self::StageRun(StageRun { run, .. })
            | Self::Verification(Verification { run, .. })
            | Self::Selection(Selection { run, .. })
            | Self::Patch(Patch { run, .. })
            | Self::Candidates(Candidates { run, .. })
            | Self::Redundancy(Redundancy { run, .. })
            | Self::Outcome(Outcome { run, .. }) => run.as_deref(),
        }
    }
}

//! The material of a report: all that is known of a stage when it comes to review.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::applied::AppliedChange;
use super::names;
use crate::domain::event::stage::Mode;
use crate::domain::question;
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say};

/// The source of an output that no consultant gave.
pub const ORCHESTRATOR: &str = "orchestrator";

/// Everything about one stage.
#[derive(Clone, Debug)]
pub struct Material<'a> {
    /// The stage.
    pub stage: Stage,
    pub outputs: &'a [Output<'a>],
    /// Consultants whose answer is the same as the first's, which stands for theirs.
    pub also: Vec<String>,
    /// Answers that were discarded for red flags.
    pub flags: Vec<Flagged>,
    /// Answers that do not fit the schema of the stage.
    pub schema_errors: Vec<SchemaErrors>,
    /// Consultants that gave no answer.
    pub failures: Vec<Failure>,
    /// The latest recorded verification that concerns this stage.
    pub verification: Option<VerificationNote>,
    /// Changes that were made since the last report, oldest first.
    pub applied: Vec<AppliedChange>,
    pub cost: Cost,
    /// Figures of the caller's own, shown beside ours.
    pub metrics: Option<&'a Map<String, Value>>,
    /// Critical questions of earlier stages that nobody answered.
    pub open_questions: Vec<OpenQuestion>,
    pub began_at: Stage,
    pub mode: Mode,
    /// Why it was done so.
    pub why: Option<&'a str>,
    /// The iteration, where the stage has several.
    pub iteration: Option<Iteration>,
    pub next: Next,
    /// The time of the report, as text.
    pub at: &'a str,
}

/// An output that somebody handed in for a stage.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// The consultant, or [`ORCHESTRATOR`].
    pub source: &'a str,
    pub said: Said<'a>,
}

/// The form of an output.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// JSON, in the form of the stage's schema or nearly so.
    Structured(&'a Value),
    /// Anything else.
    Text(&'a str),
}

/// An answer that shows red flags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flagged {
    pub provider: String,
    /// Why, in words.
    pub reasons: Vec<String>,
}

/// An answer that does not fit the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaErrors {
    pub provider: String,
    pub errors: Vec<String>,
}

/// A consultant that gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub provider: String,
    pub message: String,
}

/// A verification that was run and recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationNote {
    pub passed: bool,
    /// Totals in words.
    pub summary: String,
    /// Names of what failed.
    pub failing: Vec<String>,
    /// True if somebody only says so: nothing ran here.
    #[serde(default)]
    pub is_claim: bool,
    /// True if files were changed after it.
    #[serde(default)]
    pub is_old: bool,
    /// Why no test ran in it, where none did.
    #[serde(default)]
    pub idle: Option<String>,
    #[serde(default)]
    pub commands: Vec<String>,
    #[serde(default)]
    pub left_out: Vec<String>,
    /// The project's own checks of tests that were not among them.
    #[serde(default)]
    pub missing: Vec<String>,
}

impl VerificationNote {
    /// True if it shows that the tests pass as things are.
    pub fn shows_tests(&self) -> bool {
        self.passed && !self.is_claim && !self.is_old && self.idle.is_none()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Consults of this stage.
    pub consults_stage: u32,
    /// Consults of the run.
    pub consults_total: u32,
    /// The most that the run may have; none outside a run.
    pub max_total: Option<u32>,
    /// Tokens that went in, where the consultants say so.
    pub input_tokens: Option<u64>,
    /// Tokens that came out, where the consultants say so.
    pub output_tokens: Option<u64>,
    /// US dollars, where the consultants say so.
    pub cost_usd: Option<f64>,
    /// Milliseconds that the stage took.
    pub duration_ms: u64,
}

/// A critical question that an earlier review left unanswered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenQuestion {
    /// The stage that was reviewed.
    pub stage: Stage,
    /// The question.
    pub id: String,
}

impl OpenQuestion {
    /// The question; its id where no question has it any more.
    pub fn question(&self) -> Text {
        let known = question::for_stage(self.stage);
        let asked = known.into_iter().find(|question| question.id == self.id);
        asked.map_or_else(|| Text::quoted(&self.id), |question| question.question)
    }

    /// The question with its stage.
    pub(super) fn text(&self) -> Text {
        say!("open_question", question = self.question(), stage = names::stage(self.stage))
    }
}

/// One round of a stage that has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Iteration {
    /// Which, from 1.
    pub number: u32,
    /// The most there may be; none where only the reviewer ends them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another stage.
    Stage(Stage),
    /// A further iteration of debug.
    DebugAgain(Iteration),
    /// A person: debug has used its iterations.
    Escalate,
    /// The end of the run.
    Complete,
}

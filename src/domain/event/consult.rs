//! Events of consults.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use strum::{IntoStaticStr, VariantArray};

use crate::domain::cut::head;
use crate::domain::served::ModelNote;
use crate::domain::stage::{Role, Stage};
use crate::domain::tokens::{Expected, Tokens};

/// A turn of a thread, kept with its consult, masked. The answer is the consult's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnKept {
    pub thread: String,
    /// Question in the caller's own words.
    pub question: String,
    /// The persona that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Files of the question, by the names that the caller gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Facts, errors and constraints of the question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A question of the orchestrator.
    Plain,
    /// A candidate of a stage or an ensemble.
    Candidate,
    /// A replacement for a discarded answer.
    Resample,
    /// Judging candidates.
    Judge,
    Vote,
    /// A sample of a calibration.
    Calibration,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name used in the log and in results.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// True if such a consult is a reasoning turn (see [`crate::domain::measure`]).
    pub fn is_turn(self) -> bool {
        match self {
            Self::Plain | Self::Candidate | Self::Resample | Self::Judge | Self::Vote => true,
            Self::Calibration => false,
        }
    }
}

/// A consult is about to start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsultReserved {
    /// The stage that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    pub purpose: Purpose,
    pub provider: String,
    /// Estimated tokens, if a cap is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
}

/// A text of a consult, as far as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Characters.
    pub chars: u64,
    /// SHA-256, which identifies it.
    pub sha256: String,
    /// The text, masked; none if texts are not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Characters of a text that are kept.
const MOST_CHARS: usize = 200_000;

impl Kept {
    pub fn beginning(text: &str) -> &str {
        head(text, MOST_CHARS)
    }
}

/// A consult ended.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsultSettled<Text = Kept> {
    /// The reservation, if there was one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reservation: String,
    /// The stage that it belonged to.
    pub stage: Option<Stage>,
    pub purpose: Purpose,
    pub provider: String,
    /// The model that answered, else the requested one; empty if unknown.
    pub model: String,
    #[serde(default, skip_serializing_if = "ModelNote::is_empty")]
    pub told: ModelNote,
    /// The error's code; none if it answered.
    pub code: Option<String>,
    /// End of the limit that it ran into, if the CLI named it.
    pub resets_at: Option<String>,
    /// Milliseconds.
    pub elapsed_ms: u64,
    /// Starts of the CLI.
    pub attempts: u32,
    /// Tokens sent.
    pub input_tokens: Option<u64>,
    /// Tokens answered.
    pub output_tokens: Option<u64>,
    /// US dollars.
    pub cost_usd: Option<f64>,
    /// Tokens estimated from the length of the texts; none if no model was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Tokens>,
    /// The prompt. It is not kept twice if it equals the turn's question.
    pub prompt: Option<Text>,
    pub response: Option<Text>,
    /// Its turn in a conversation.
    pub turn: Option<TurnKept>,
}

impl ConsultSettled {
    /// Restores the prompt from the turn's question, if that replaces it. A turn is kept only with its
    /// texts.
    pub(super) fn with_prompt(mut self) -> Self {
        if let (Some(prompt), Some(turn)) = (&mut self.prompt, &self.turn) {
            prompt.text.get_or_insert_with(|| Kept::beginning(&turn.question).to_owned());
        }
        self
    }
}

#[cfg(test)]
impl ConsultSettled {
    /// A call that took 100 ms, and of which nothing else was told.
    pub fn sample() -> Self {
        Self {
            reservation: String::new(),
            stage: None,
            purpose: Purpose::Plain,
            provider: "codex".to_owned(),
            model: String::new(),
            told: ModelNote::default(),
            code: None,
            resets_at: None,
            elapsed_ms: 100,
            attempts: 1,
            input_tokens: None,
            output_tokens: None,
            cost_usd: None,
            estimate: None,
            prompt: None,
            response: None,
            turn: None,
        }
    }
}

/// A consult that ended, read without its texts.
impl From<ConsultSettled<IgnoredAny>> for super::Body {
    fn from(brief: ConsultSettled<IgnoredAny>) -> Self {
        Self::ConsultSettled(ConsultSettled {
            reservation: brief.reservation,
            stage: brief.stage,
            purpose: brief.purpose,
            provider: brief.provider,
            model: brief.model,
            told: brief.told,
            code: brief.code,
            resets_at: brief.resets_at,
            elapsed_ms: brief.elapsed_ms,
            attempts: brief.attempts,
            input_tokens: brief.input_tokens,
            output_tokens: brief.output_tokens,
            cost_usd: brief.cost_usd,
            estimate: brief.estimate,
            prompt: None,
            response: None,
            turn: brief.turn,
        })
    }
}

/// A reserved consult that never started and counts nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsultReleased {
    pub reservation: String,
    /// Why it did not start.
    pub why: String,
}

//! Events of consults.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use strum::{IntoStaticStr, VariantArray};

use crate::domain::cut::without_middle;
use crate::domain::served::ModelNote;
use crate::domain::stage::{Role, Stage};
use crate::domain::tokens::{Expected, Tokens};

/// One turn of a thread, stored masked with its consult. The answer is in the consult.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnKept {
    pub thread: String,
    /// The question in the caller's own words, [`bounded`].
    pub question: String,
    /// The persona that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The files of the question, under the names that the caller gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The facts, errors and constraints of the question.
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
    /// A judgement of candidates.
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

    /// True if a consult with this purpose is a reasoning turn (see [`crate::domain::measure`]).
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
    /// Estimated tokens of the consult; only if a cap is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
}

/// A text of a consult in the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Number of characters.
    pub chars: u64,
    /// SHA-256 that identifies the text.
    pub sha256: String,
    /// The masked text, [`bounded`]. `None` if texts are not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Maximum characters of a kept text.
const MOST_CHARS: usize = 200_000;

/// A text as the log keeps it. Of a very long one, the middle is left out: a task often stands at its end.
pub fn bounded(text: &str) -> Cow<'_, str> {
    without_middle(text, MOST_CHARS)
}

impl Kept {
    /// The text, if the log has all of it.
    pub fn whole(self) -> Option<String> {
        self.text.filter(|_| self.chars <= MOST_CHARS as u64)
    }
}

/// A consult ended.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsultSettled<Text = Kept> {
    /// Id of the reservation; empty if there was none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reservation: String,
    /// The stage that it belonged to.
    pub stage: Option<Stage>,
    pub purpose: Purpose,
    pub provider: String,
    /// The model that answered, or the requested model if that is unknown; empty if neither is known.
    pub model: String,
    #[serde(default, skip_serializing_if = "ModelNote::is_empty")]
    pub told: ModelNote,
    /// Code of the error. `None` if the consult got an answer.
    pub code: Option<String>,
    /// Time when the limit that it hit resets, if the CLI stated it.
    pub resets_at: Option<String>,
    /// The model asked for, if that limit is this model's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_model: Option<String>,
    /// Duration in milliseconds.
    pub elapsed_ms: u64,
    /// Number of starts of the CLI.
    pub attempts: u32,
    /// Number of input tokens.
    pub input_tokens: Option<u64>,
    /// Number of output tokens.
    pub output_tokens: Option<u64>,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
    /// Tokens estimated from the length of the texts. `None` if no model was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Tokens>,
    /// The prompt. Its text is left out if it equals the question of the turn.
    pub prompt: Option<Text>,
    pub response: Option<Text>,
    /// Its turn in a conversation.
    pub turn: Option<TurnKept>,
}

impl ConsultSettled {
    /// Restores the text of the prompt from the question of the turn. A turn is kept only if texts are kept.
    pub(super) fn with_prompt(mut self) -> Self {
        if let (Some(prompt), Some(turn)) = (&mut self.prompt, &self.turn) {
            prompt.text.get_or_insert_with(|| turn.question.clone());
        }
        self
    }
}

#[cfg(test)]
impl ConsultSettled {
    /// A call that took 100 ms and reported nothing else.
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
            limited_model: None,
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

/// The settled consult without its texts.
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
            limited_model: brief.limited_model,
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

/// A reserved consult that never started. It counts nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsultReleased {
    pub reservation: String,
    /// The reason why it did not start.
    pub why: String,
}

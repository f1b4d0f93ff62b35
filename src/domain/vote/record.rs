//! Record that the log keeps of a vote: who answered alike, and no answer itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Stop;
use super::discards::Discarded;
use crate::domain::coordination::record::{Answer, Mark};
use crate::domain::microstep::StepType;

/// One vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteRecord {
    /// The micro-step; none where it was any question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_type: Option<StepType>,
    /// The lead that was needed.
    pub k: u32,
    /// The lead that there was.
    pub lead: u32,
    /// Why it ended.
    pub stop_reason: Stop,
    /// The mark of the answer that won; none where nobody is k ahead.
    pub winner: Option<Mark>,
    pub winner_provider: Option<String>,
    /// Samples launched.
    pub samples: u32,
    /// Answers that counted.
    pub valid: u32,
    /// Answers that were discarded.
    pub flagged: u32,
    /// Samples whose call failed.
    pub failed: u32,
    /// Rounds.
    pub rounds: u32,
    /// Every answer, in the order in which they came.
    pub options: Vec<OptionRecord>,
    /// Why answers were discarded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub red_flags: Vec<Discarded>,
    /// Calls that failed, each kind once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureRecord>,
    /// Why no further sample was taken, where a limit stood in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The first valid answer of each provider: its voice on the question.
    pub answers: Vec<Answer>,
}

/// Calls to one provider that failed in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    pub provider: String,
    pub code: String,
    pub error: String,
    /// How many of them there were.
    pub count: u32,
}

/// An answer and its votes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionRecord {
    /// Its mark.
    pub mark: Mark,
    /// Its votes by provider.
    pub votes: BTreeMap<String, u32>,
}

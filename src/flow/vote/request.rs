//! Request for a vote on a micro-step.

use serde::Serialize;

use crate::domain::call_options::CallOptions;
use crate::domain::microstep::StepType;
use crate::flow::account::Account;

/// A micro-step that is put to the vote.
#[derive(Clone, Debug)]
pub struct StepRequest {
    /// The step.
    pub kind: StepType,
    /// The question.
    pub prompt: String,
    /// Material for it.
    pub context: String,
    /// The lead that decides; measured or the step's own where none is named.
    pub k: Option<u32>,
    /// The most samples; by k where none is named.
    pub max_samples: Option<u32>,
    /// Providers that are asked; everybody who is there where nobody is named.
    pub providers: Option<Vec<String>>,
    pub options: CallOptions,
    /// On whose account it goes.
    pub account: Account,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KSource {
    /// The caller named it.
    Caller,
    /// It was measured with everybody who is asked; the largest of their values counts.
    Calibration,
    /// Nothing else is known: two where three providers answer in turn, else the step's own.
    Default,
}

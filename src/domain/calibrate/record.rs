//! Record that the log keeps of a calibration, for votes to come.

use serde::{Deserialize, Serialize};

use crate::domain::microstep::StepType;

/// One calibration with an oracle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationRecord {
    /// The step.
    pub step_type: StepType,
    /// The wanted success rate of the whole task, above 0 and below 1.
    pub target_success_rate: f64,
    /// Such steps in the whole task.
    pub estimated_total_steps: u32,
    pub providers: Vec<Measurement>,
    /// The measurement of all of them in turn, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<Together>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// The provider.
    pub provider: String,
    /// The model that answered, as far as it is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Answers that came in.
    pub answered: u32,
    /// Those of them that counted.
    pub valid: u32,
    /// Those of the valid ones that the oracle passed.
    pub right: u32,
    /// The lead that the lower end of the interval needs; none where it promises nothing.
    pub recommended_k: Option<u32>,
}

/// The measurement of several providers that were asked in turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Together {
    /// Who, in alphabetical order, each with the model that answered.
    pub voters: Vec<(String, String)>,
    /// Answers that counted.
    pub valid: u32,
    /// Those that were right.
    pub right: u32,
    /// The lead; none where nothing is promised.
    pub recommended_k: Option<u32>,
}

//! What the log keeps of a calibration, for votes to come.

use serde::{Deserialize, Serialize};

use crate::domain::microstep::StepType;

/// One calibration with an oracle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationRecord {
    /// The step.
    pub step_type: StepType,
    /// How surely the whole task is to be right, above 0 and below 1.
    pub target_success_rate: f64,
    /// Such steps in the whole task.
    pub estimated_total_steps: u32,
    /// What was measured of each provider.
    pub providers: Vec<Measurement>,
}

/// What was measured of one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// The provider.
    pub provider: String,
    /// Answers that came in.
    pub answered: u32,
    /// Those of them that counted.
    pub valid: u32,
    /// Those of the valid ones that the oracle passed.
    pub right: u32,
    /// The lead that the lower end of the interval needs; none where it promises nothing.
    pub recommended_k: Option<u32>,
}

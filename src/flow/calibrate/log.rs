//! What was measured of each step and provider, for later votes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::domain::microstep::StepType;

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationRecord {
    /// The step.
    pub step_type: StepType,
    /// The provider.
    pub provider: String,
    /// Answers that counted.
    pub valid: u32,
    /// Those of them that the oracle passed.
    pub right: u32,
    /// Answers that came in.
    pub answered: u32,
    /// The lead that the lower end of the interval needs; none where it promises nothing.
    pub recommended_k: Option<u32>,
}

/// Where measurements are kept.
pub trait CalibrationLog: Send + Sync {
    /// Keeps a measurement.
    fn record(&self, record: &CalibrationRecord);
    /// The last measurement of a step with a provider.
    fn latest(&self, step_type: StepType, provider: &str) -> Option<CalibrationRecord>;
}

/// A log that lives as long as the server.
#[derive(Debug, Default)]
pub struct MemoryCalibrations {
    latest: Mutex<BTreeMap<(StepType, String), CalibrationRecord>>,
}

impl CalibrationLog for MemoryCalibrations {
    fn record(&self, record: &CalibrationRecord) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.insert((record.step_type, record.provider.clone()), record.clone());
    }

    fn latest(&self, step_type: StepType, provider: &str) -> Option<CalibrationRecord> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.get(&(step_type, provider.to_owned())).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_measurement_of_a_step_and_provider_counts() {
        let log = MemoryCalibrations::default();
        let record = |provider: &str, recommended_k| CalibrationRecord {
            step_type: StepType::C1MinimalPatch,
            provider: provider.to_owned(),
            valid: 10,
            right: 9,
            answered: 10,
            recommended_k,
        };
        log.record(&record("codex", Some(3)));
        log.record(&record("codex", Some(5)));
        log.record(&record("claude", None));
        let k = |step, provider| log.latest(step, provider).map(|record| record.recommended_k);
        assert_eq!(k(StepType::C1MinimalPatch, "codex"), Some(Some(5)));
        assert_eq!(k(StepType::C1MinimalPatch, "claude"), Some(None));
        assert_eq!(k(StepType::R2Perf, "codex"), None);
    }
}

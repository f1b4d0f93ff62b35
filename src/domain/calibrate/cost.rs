//! What a task costs in samples, exactly where Eq 17 to 19 of the paper take `p_sub` for 1. What a
//! sample costs (Eq 20) is measured.

use super::Accuracy;
use super::lead::expected_votes;

/// The samples of one decision on average, discarded ones included: `E[N] / v`.
#[must_use]
pub fn samples_per_decision(accuracy: Accuracy, k: u32, valid_rate: f64) -> f64 {
    expected_votes(accuracy, k) / valid_rate
}

/// The samples of a whole task on average, one step a decision, discarded ones included.
#[must_use]
pub fn whole_task_samples(accuracy: Accuracy, k: u32, steps: u32, valid_rate: f64) -> f64 {
    f64::from(steps) * samples_per_decision(accuracy, k, valid_rate)
}

//! The cost of a task in samples. The price of one sample is the unit: money, tokens or calls.

use super::Accuracy;
use super::lead::expected_votes;

/// The samples of one decision on average, discarded ones included: `E[N] / v`.
pub fn samples_per_decision(accuracy: Accuracy, k: u32, valid_rate: f64) -> f64 {
    expected_votes(accuracy, k) / valid_rate
}

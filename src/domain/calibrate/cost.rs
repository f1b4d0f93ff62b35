//! What a task costs in samples. The price of one sample is the unit: money, tokens or calls.

use super::lead::expected_votes;
use super::{Accuracy, Task};

/// The price of one sample (Eq 20): `c_in n_in + c_out n_out`, prices by token.
#[must_use]
pub fn sample_price(input_price: f64, input_tokens: f64, output_price: f64, output_tokens: f64) -> f64 {
    input_price * input_tokens + output_price * output_tokens
}

/// The cost of a whole task with subtasks of m steps (Eq 17): `c s k / (p^(m-1) (2p-1))`, where `c`
/// is the price of a step. For m = 1 it is Eq 18. It takes `p_sub` for 1, so it lies slightly above
/// [`whole_task_samples`] where k is small.
#[must_use]
pub fn whole_task_cost(accuracy: Accuracy, k: u32, task: Task, step_price: f64) -> f64 {
    let p = accuracy.probability();
    let subtask = p.powf(f64::from(task.per_subtask()) - 1.0);
    step_price * f64::from(task.steps()) * f64::from(k) / (subtask * (2.0 * p - 1.0))
}

/// The same with red flags (Eq 19), m = 1: `c s k / (v (2p-1))`, where `v` is the rate of valid
/// samples and p the accuracy of those. k does not depend on v.
#[must_use]
pub fn with_red_flags(accuracy: Accuracy, k: u32, steps: u32, valid_rate: f64, step_price: f64) -> f64 {
    step_price * f64::from(steps) * f64::from(k) / (valid_rate * (2.0 * accuracy.probability() - 1.0))
}

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

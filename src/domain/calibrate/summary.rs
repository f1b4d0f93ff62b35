//! What a measurement recommends, and what it does not.

use serde::Serialize;

use super::interval::{Rate, samples_above_half};
use super::lead::{selection, smallest_k, whole_task};
use super::{Accuracy, Task, cost};

/// Which accuracy a recommendation stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The lower end of the 95% interval: what the samples promise.
    IntervalLow,
    /// The estimate itself: what is likely, and what a few lucky samples overstate.
    Estimate,
}

/// A lead for a task, and what comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The accuracy that it stands on.
    pub basis: Basis,
    /// That accuracy.
    pub p: f64,
    /// The lead.
    pub k: u32,
    /// The probability that one decision is right (Eq 9).
    pub step_success: f64,
    /// The probability that the whole task is right (Eq 13).
    pub task_success: f64,
    /// Votes of one decision.
    pub votes_per_step: f64,
    /// Samples of one decision, discarded ones included.
    pub samples_per_step: f64,
    /// Samples of the whole task.
    pub samples_in_all: f64,
}

/// The plan that an accuracy leads to.
///
/// # Errors
///
/// The reason why there is none: an accuracy of one half or less.
pub fn plan(basis: Basis, p: f64, valid_rate: f64, task: Task) -> Result<Plan, String> {
    let accuracy = Accuracy::new(p).map_err(|error| error.to_string())?;
    let k = smallest_k(accuracy, task);
    let valid = if valid_rate > 0.0 { valid_rate } else { return Err("no sample was valid".to_owned()) };
    Ok(Plan {
        basis,
        p,
        k,
        step_success: selection(accuracy, k),
        task_success: whole_task(accuracy, k, task),
        votes_per_step: super::lead::expected_votes(accuracy, k),
        samples_per_step: cost::samples_per_decision(accuracy, k, valid),
        samples_in_all: cost::whole_task_samples(accuracy, k, task.steps(), valid),
    })
}

/// Why nothing is recommended on the lower end of the interval, and what would help.
#[must_use]
pub fn why_not(rate: &Rate) -> String {
    let measured = format!(
        "{} of {} valid samples were right; with 95% confidence a sample is right with a probability of {:.2} to {:.2}",
        rate.hits, rate.of, rate.low, rate.high
    );
    if rate.estimate <= 0.5 {
        return format!(
            "{measured}. At 0.5 or less no k helps: the wrong answer gets ahead as easily as the right one. Make the step smaller, or ask other providers"
        );
    }
    match samples_above_half(rate.estimate) {
        Some(count) => format!(
            "{measured}. That reaches down to one half, where no k helps; at this rate about {count} valid samples would settle it"
        ),
        None => format!("{measured}. That is too near to one half for any number of samples to settle it"),
    }
}

//! The recommendation of a measurement, and its limits.

use serde::Serialize;

use super::classes::{Classes, selection, smallest_k};
use super::interval::Rate;
use super::{Accuracy, Task, lead};
use crate::domain::beta::jeffreys_low;

/// Samples that a recommendation needs to be one.
pub const USUAL_SAMPLES: u32 = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The share that is exceeded with a probability of 0.95: what the samples promise.
    IntervalLow,
    /// The estimate itself: what is likely, and what a few lucky samples overstate.
    Estimate,
}

/// A lead for a task, and what comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The share that it stands on.
    pub basis: Basis,
    /// The share of the right answer among the two leading ones.
    pub p: f64,
    /// Wrong answers that compete with it.
    pub rivals: u32,
    /// The lead.
    pub k: u32,
    /// The probability that one decision is right.
    pub step_success: f64,
    /// The probability that the whole task is right.
    pub task_success: f64,
    /// Votes of one decision.
    pub votes_per_step: f64,
    /// Samples of one decision, discarded ones included.
    pub samples_per_step: f64,
    /// Samples of the whole task.
    pub samples_in_all: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// Their classes.
    pub classes: Classes,
    /// Valid answers that were judged.
    pub valid: u32,
    /// The share of valid ones among all that came.
    pub valid_rate: f64,
}

/// The plan that counts lead to; none where the right answer does not lead.
pub fn plan(basis: Basis, counted: Counted, task: Task) -> Option<Plan> {
    let Counted { classes, valid, valid_rate } = counted;
    let p = match basis {
        Basis::IntervalLow => classes.share_low(),
        Basis::Estimate => classes.share()?,
    };
    let rivals = classes.opponents();
    let k = smallest_k(p, rivals, task)?;
    let step = selection(p, k, rivals);
    let accuracy = Accuracy::new(p).ok()?;
    // Votes for neither of the two leading answers come beside.
    let leading = f64::from(classes.right + classes.wrong) / f64::from(valid.max(1));
    let votes = lead::expected_votes(accuracy, k) / leading.clamp(f64::MIN_POSITIVE, 1.0);
    let samples = votes / valid_rate.clamp(f64::MIN_POSITIVE, 1.0);
    Some(Plan {
        basis,
        p,
        rivals,
        k,
        step_success: step,
        task_success: step.powf(task.votes()),
        votes_per_step: votes,
        samples_per_step: samples,
        samples_in_all: samples * f64::from(task.steps()),
    })
}

/// Why nothing is recommended on the lower bound, and what would help.
pub fn why_not(rate: &Rate, classes: Classes) -> String {
    let Classes { right, wrong, .. } = classes;
    let measured = format!(
        "{} of {} valid samples were right; the largest right answer has {right}, the largest wrong one {wrong}",
        rate.hits, rate.of
    );
    if right <= wrong {
        return format!(
            "{measured}. At a share of 0.5 or less no k helps: the wrong answer gets ahead as easily as the right one. Make the step smaller, or ask other providers"
        );
    }
    match samples_above_half(right, wrong) {
        Some(times) => format!(
            "{measured}. The lower bound of that share reaches down to one half, where no k helps; at this rate about {} valid samples would settle it",
            times.saturating_mul(rate.of)
        ),
        None => format!("{measured}. That is too near to one half for any number of samples to settle it"),
    }
}

/// Returns how many times as many samples at the same rate put the lower bound above one half.
pub fn samples_above_half(right: u32, wrong: u32) -> Option<u32> {
    const MOST: u32 = 1_000;
    (1..=MOST).find(|times| jeffreys_low(right.saturating_mul(*times), wrong.saturating_mul(*times)) > 0.5)
}

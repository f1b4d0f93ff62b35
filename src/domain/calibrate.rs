//! Computes the lead k that a vote needs from a measured accuracy, and the cost of such a vote.
//!
//! The formulas and the numbers of equations are those of "Solving a Million-Step LLM Task with Zero Errors"
//! (MAKER). They assume that a valid sample is right with probability p, independently of the others, and
//! that all wrong samples agree on one rival. This is the worst case: errors that spread over several answers
//! are easier to outvote. If the classes of answers are known, `classes` uses the two leading ones instead. A
//! share of one half or less is refused: then no lead, however large, indicates a right answer.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::beta::jeffreys_low;
use super::microstep::StepType;

/// Probability that a valid sample is right: above one half, at most 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Accuracy(f64);

/// A task of many steps that must all be right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    steps: u32,
    per_subtask: u32,
    target: f64,
}

/// Numbers that the formulas cannot use.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum CalibrationError {
    /// At one half or less, a vote does not lead to the right answer.
    #[error(
        "a sample is right with probability {0:.3}: at 0.5 or less the wrong answer leads as easily as the right one, so no k helps"
    )]
    TooWeak(f64),
    /// Not a probability.
    #[error("{0} is not a probability from 0 to 1")]
    NoProbability(f64),
    /// A target outside 0 to 1.
    #[error("target_success_rate must be above 0 and below 1 (got {0})")]
    Target(f64),
    /// A task without a step, or a subtask without one.
    #[error("estimated_total_steps must be 1 or more (got 0)")]
    NoStep,
}

impl Accuracy {
    /// An accuracy.
    ///
    /// # Errors
    ///
    /// The probability is one half or less, or not a probability.
    pub fn new(probability: f64) -> Result<Self, CalibrationError> {
        if !(0.0..=1.0).contains(&probability) {
            return Err(CalibrationError::NoProbability(probability));
        }
        if probability <= 0.5 {
            return Err(CalibrationError::TooWeak(probability));
        }
        Ok(Self(probability))
    }

    /// `ln(p / (1 - p))`: the log odds that each vote of the lead adds. Infinite at 1.
    pub fn log_odds(self) -> f64 {
        (self.0 / (1.0 - self.0)).ln()
    }
}

impl Task {
    /// A task of `steps` steps that must all be right with probability `target`. One sample does
    /// `per_subtask` of them.
    ///
    /// # Errors
    ///
    /// There is no step, or the target is outside 0 to 1.
    pub fn new(steps: u32, per_subtask: u32, target: f64) -> Result<Self, CalibrationError> {
        if steps == 0 || per_subtask == 0 {
            return Err(CalibrationError::NoStep);
        }
        if !(target > 0.0 && target < 1.0) {
            return Err(CalibrationError::Target(target));
        }
        Ok(Self { steps, per_subtask, target })
    }

    /// The number of votes in the task: `s / m`.
    pub fn votes(self) -> f64 {
        f64::from(self.steps) / f64::from(self.per_subtask)
    }

    /// The number of steps: `s`.
    pub fn steps(self) -> u32 {
        self.steps
    }

    /// The target probability of the whole: `t`.
    pub fn target(self) -> f64 {
        self.target
    }
}

/// Mean number of votes until a decision, from the gambler's ruin: `k (2 p_sub - 1) / (2p - 1)`.
pub fn expected_votes(accuracy: Accuracy, k: u32) -> f64 {
    if k == 0 {
        return 0.0;
    }
    let k = f64::from(k);
    let half = accuracy.log_odds() / 2.0;
    // 2 p_sub - 1 is tanh(k L / 2) and 2p - 1 is tanh(L / 2). This form stays exact if p is barely above 1/2.
    k * (k * half).tanh() / half.tanh()
}

/// The two-sided 95% quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A measured rate with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    pub hits: u32,
    /// Number of samples.
    pub of: u32,
    /// `hits / of`.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Rate {
    /// The rate of `hits` out of `of` with its Wilson score interval (E. B. Wilson 1927). The interval stays
    /// within 0 and 1 and is useful even if all or none hit. `None` without samples.
    pub fn of(hits: u32, of: u32) -> Option<Self> {
        if of == 0 || hits > of {
            return None;
        }
        let estimate = f64::from(hits) / f64::from(of);
        let (low, high) = wilson(estimate, f64::from(of));
        // Rounding must not move an end of the interval away from 0 or 1.
        let low = if hits == 0 { 0.0 } else { low };
        let high = if hits == of { 1.0 } else { high };
        Some(Self { hits, of, estimate, low, high })
    }
}

fn wilson(rate: f64, count: f64) -> (f64, f64) {
    let square = Z * Z;
    let scale = 1.0 + square / count;
    let centre = (rate + square / (2.0 * count)) / scale;
    let margin = Z / scale * (rate * (1.0 - rate) / count + square / (4.0 * count * count)).sqrt();
    ((centre - margin).max(0.0), (centre + margin).min(1.0))
}

/// The record of one calibration with an oracle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationRecord {
    pub step_type: StepType,
    /// Target success rate of the whole task, above 0 and below 1.
    pub target_success_rate: f64,
    /// Number of steps of this type in the whole task.
    pub estimated_total_steps: u32,
    pub providers: Vec<Measurement>,
    /// The measurement of all providers asked in turn, if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<Together>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    pub provider: String,
    /// The model that answered, if known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Number of answers.
    pub answered: u32,
    /// Number of valid answers.
    pub valid: u32,
    /// Number of valid answers that the oracle passed.
    pub right: u32,
    /// The recommended lead, from the lower end of the interval. `None` if no lead is enough.
    pub recommended_k: Option<u32>,
}

/// Joint measurement of several providers that were asked in turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Together {
    /// The providers in alphabetical order, each with the model that answered.
    pub voters: Vec<(String, String)>,
    /// Number of valid answers.
    pub valid: u32,
    /// Number of right answers.
    pub right: u32,
    /// The recommended lead. `None` if no lead is enough.
    pub recommended_k: Option<u32>,
}

/// An oracle command that cannot tell right answers from wrong ones.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the oracle `{command}` cannot be used: {reason}")]
pub struct OracleUnusable {
    pub command: String,
    pub reason: String,
}

// Recommendations from a measurement, and their limits.

/// Minimum number of samples for a useful recommendation.
pub const USUAL_SAMPLES: u32 = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The lower bound that the true share exceeds with probability 0.95.
    IntervalLow,
    /// The estimate itself: the most likely share, but a few lucky samples make it too high.
    Estimate,
}

/// A lead for a task, with its success and its cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The figure that `p` is taken from.
    pub basis: Basis,
    /// The right answer's share of the votes for the two leading answers.
    pub p: f64,
    /// Number of competing wrong answers that the formulas assume.
    pub rivals: u32,
    /// The lead.
    pub k: u32,
    /// Probability that one decision is right.
    pub step_success: f64,
    /// Probability that the whole task is right.
    pub task_success: f64,
    /// Expected votes for one decision.
    pub votes_per_step: f64,
    /// Expected samples for one decision, discarded ones included.
    pub samples_per_step: f64,
    /// Expected samples for the whole task.
    pub samples_in_all: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    pub classes: Classes,
    /// Number of valid answers that were judged.
    pub valid: u32,
    /// The share of valid answers among all answers.
    pub valid_rate: f64,
}

/// The plan for these counts. `None` if the right answer does not lead.
pub fn plan(basis: Basis, counted: Counted, task: Task) -> Option<Plan> {
    let Counted { classes, valid, valid_rate } = counted;
    let p = match basis {
        Basis::IntervalLow => classes.share_low(),
        Basis::Estimate => classes.share()?,
    };
    let rivals = classes.opponents();
    let k = smallest_k(p, rivals, task)?;
    let accuracy = Accuracy::new(p).ok()?;
    // Votes for answers other than the two leading ones come in addition.
    let leading = f64::from(classes.right + classes.wrong) / f64::from(valid.max(1));
    let votes = expected_votes(accuracy, k) / leading.clamp(f64::MIN_POSITIVE, 1.0);
    let samples = votes / valid_rate.clamp(f64::MIN_POSITIVE, 1.0);
    Some(Plan {
        basis,
        p,
        rivals,
        k,
        step_success: selection(p, k, rivals),
        task_success: whole_task(p, k, rivals, task),
        votes_per_step: votes,
        samples_per_step: samples,
        samples_in_all: samples * f64::from(task.steps()),
    })
}

/// Explains why the lower bound permits no recommendation, and what would help.
pub fn why_not(rate: &Rate, classes: Classes) -> String {
    let Classes { right, wrong, .. } = classes;
    let measured = format!(
        "{} of {} valid samples were right; the largest right answer has {right}, the largest wrong one {wrong}",
        rate.hits, rate.of
    );
    if right <= wrong {
        return format!(
            "{measured}. At a share of 0.5 or less no k helps: the wrong answer leads as easily as the right one. Make the step smaller, or ask other providers"
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

/// The factor by which more samples at the same rate lift the lower bound above one half.
pub fn samples_above_half(right: u32, wrong: u32) -> Option<u32> {
    const LARGEST_FACTOR: u32 = 1_000;
    (1..=LARGEST_FACTOR)
        .find(|times| jeffreys_low(right.saturating_mul(*times), wrong.saturating_mul(*times)) > 0.5)
}

// Classes of answers: a vote counts them, and its lead depends on the two largest.
//
// The paper's formula assumes that all wrong answers agree on one rival. With known classes, a vote has to
// separate the largest right class from the largest wrong one, with as many rivals as there are wrong
// classes.

/// Largest lead to try.
const LARGEST_LEAD: u32 = 10_000;
/// If the largest right class has less than this share of the right answers, they are one answer in many
/// forms.
const SCATTERED: f64 = 0.5;

/// The sizes of the leading classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classes {
    /// Samples in the largest right class.
    pub right: u32,
    /// Samples in the largest wrong class.
    pub wrong: u32,
    /// Number of wrong classes.
    pub rivals: u32,
    pub right_classes: u32,
}

impl Classes {
    /// The classes of one question, from their sizes.
    pub fn of(right: &[u32], wrong: &[u32]) -> Self {
        let count = |sizes: &[u32]| u32::try_from(sizes.len()).unwrap_or(u32::MAX);
        let largest = |sizes: &[u32]| sizes.iter().copied().max().unwrap_or(0);
        Self {
            right: largest(right),
            wrong: largest(wrong),
            rivals: count(wrong),
            right_classes: count(right),
        }
    }

    /// Adds the classes of another question, which has its own right answer and its own rivals.
    pub fn with(self, other: Self) -> Self {
        Self {
            right: self.right + other.right,
            wrong: self.wrong + other.wrong,
            rivals: self.rivals.max(other.rivals),
            right_classes: self.right_classes.max(other.right_classes),
        }
    }

    /// The right class's share of the two leading classes. `None` if both are empty.
    pub fn share(self) -> Option<f64> {
        let both = self.right + self.wrong;
        (both > 0).then(|| f64::from(self.right) / f64::from(both))
    }

    /// The one-sided 95% lower bound of that share.
    pub fn share_low(self) -> f64 {
        jeffreys_low(self.right, self.wrong)
    }

    /// True if right answers come in many forms, so that the vote compares too strictly.
    pub fn is_scattered(self, right: u32) -> bool {
        self.right_classes > 2 && f64::from(self.right) < SCATTERED * f64::from(right)
    }

    /// Number of rivals that the formulas assume: at least one.
    pub fn opponents(self) -> u32 {
        self.rivals.max(1)
    }
}

/// Probability that a vote with lead `k` is right: `1 - m / (1 + (q/(1-q))^k)`, at least 0. `q` is the right
/// answer's share of the two leading ones, and `m` the number of rivals. With one rival this is equation 9 of
/// the paper.
pub fn selection(share: f64, k: u32, rivals: u32) -> f64 {
    (1.0 - wrong(share, k, rivals)).max(0.0)
}

/// Probability that any rival wins: `m / (1 + (q/(1-q))^k)`.
fn wrong(share: f64, k: u32, rivals: u32) -> f64 {
    if share >= 1.0 {
        return 0.0;
    }
    let ratio = (f64::from(k) * (share / (1.0 - share)).ln()).exp();
    f64::from(rivals.max(1)) / (1.0 + ratio)
}

/// Probability that a whole task is right, if all its decisions must be right (equation 13).
pub fn whole_task(share: f64, k: u32, rivals: u32, task: Task) -> f64 {
    log_whole_task(share, k, rivals, task).exp()
}

/// The logarithm of [`whole_task`], because a long task needs almost certain steps. Minus infinity if no step
/// can be right.
fn log_whole_task(share: f64, k: u32, rivals: u32, task: Task) -> f64 {
    task.votes() * (-wrong(share, k, rivals).min(1.0)).ln_1p()
}

/// The smallest lead with which a whole task reaches its target (equations 14 and 23 with one rival). `None`
/// if the share is one half or less, or no lead is large enough.
pub fn smallest_k(share: f64, rivals: u32, task: Task) -> Option<u32> {
    if share <= 0.5 {
        return None;
    }
    (1..=LARGEST_LEAD).find(|k| log_whole_task(share, *k, rivals, task) >= task.target().ln())
}

/// Success of a task whose questions differ: `(mean of W(p, k))^s`, not `W(mean of p, k)^s`.
pub fn promise(shares: &[f64], k: u32, task: Task) -> Option<f64> {
    let count = u32::try_from(shares.len()).ok().filter(|count| *count > 0)?;
    let mean = shares.iter().map(|share| selection(*share, k, 1)).sum::<f64>() / f64::from(count);
    Some(mean.powf(task.votes()))
}

/// Mean and standard deviation of rates. `None` for fewer than two.
pub fn mean_and_spread(rates: &[f64]) -> Option<(f64, f64)> {
    let count = f64::from(u32::try_from(rates.len()).ok().filter(|count| *count > 1)?);
    let mean = rates.iter().sum::<f64>() / count;
    let squares = rates.iter().map(|rate| (rate - mean) * (rate - mean)).sum::<f64>();
    Some((mean, (squares / (count - 1.0)).sqrt()))
}

#[cfg(test)]
mod tests;

//! The meaning of a measured accuracy for a vote: which lead k it needs, what it then costs.
//!
//! The formulas are those of "Solving a Million-Step LLM Task with Zero Errors" (MAKER), with the
//! numbers of its equations. All of them assume that a valid sample is right with probability p,
//! independently of the others, and that one rival gets all the wrong ones: the worst case, since
//! errors that spread over several answers are easier to outvote. Where classes of answers are at hand,
//! `classes` takes the two leading ones instead. A share of one half or less is refused: a lead is then
//! no sign of being right, however large it is.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::beta::jeffreys_low;
use super::microstep::StepType;

/// Number of times that a valid sample is right: above one half, at most 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Accuracy(f64);

/// A task of many steps that must all be right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    steps: u32,
    per_subtask: u32,
    target: f64,
}

/// Numbers that no formula takes.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum CalibrationError {
    /// At one half or less, a vote does not lead to the right answer.
    #[error(
        "a sample is right with probability {0:.3}: at 0.5 or less the wrong answer gets ahead as easily as the right one, so no k helps"
    )]
    TooWeak(f64),
    /// A probability outside 0 to 1.
    #[error("{0} is not a probability from 0 to 1")]
    NoProbability(f64),
    /// A success rate that nothing needs or nothing reaches.
    #[error("target_success_rate must be above 0 and below 1 (got {0})")]
    Target(f64),
    /// A task without a step, or a subtask without one.
    #[error("estimated_total_steps must be 1 or more (got 0)")]
    NoStep,
}

impl Accuracy {
    /// An accuracy by its probability.
    ///
    /// # Errors
    ///
    /// One half or less, or no probability.
    pub fn new(probability: f64) -> Result<Self, CalibrationError> {
        if !(0.0..=1.0).contains(&probability) {
            return Err(CalibrationError::NoProbability(probability));
        }
        if probability <= 0.5 {
            return Err(CalibrationError::TooWeak(probability));
        }
        Ok(Self(probability))
    }

    /// `ln(p / (1 - p))`: what one vote of lead adds to the odds of being right. Infinite at 1.
    pub fn log_odds(self) -> f64 {
        (self.0 / (1.0 - self.0)).ln()
    }
}

impl Task {
    /// A task of `steps` steps, `per_subtask` of which one sample does, to be right as a whole with
    /// probability `target`.
    ///
    /// # Errors
    ///
    /// No step, or a target outside 0 to 1.
    pub fn new(steps: u32, per_subtask: u32, target: f64) -> Result<Self, CalibrationError> {
        if steps == 0 || per_subtask == 0 {
            return Err(CalibrationError::NoStep);
        }
        if !(target > 0.0 && target < 1.0) {
            return Err(CalibrationError::Target(target));
        }
        Ok(Self { steps, per_subtask, target })
    }

    /// The number of votes: `s / m`.
    pub fn votes(self) -> f64 {
        f64::from(self.steps) / f64::from(self.per_subtask)
    }

    /// The steps of the whole: `s`.
    pub fn steps(self) -> u32 {
        self.steps
    }

    /// The probability that is wanted for the whole: `t`.
    pub fn target(self) -> f64 {
        self.target
    }
}

/// The votes that a decision takes on average (the gambler's ruin): `k (2 p_sub - 1) / (2p - 1)`.
pub fn expected_votes(accuracy: Accuracy, k: u32) -> f64 {
    if k == 0 {
        return 0.0;
    }
    let k = f64::from(k);
    let half = accuracy.log_odds() / 2.0;
    // 2 p_sub - 1 is tanh(k L / 2) and 2p - 1 is tanh(L / 2): exact also where p is barely above 1/2.
    k * (k * half).tanh() / half.tanh()
}

/// The quantile of the normal distribution for 95%, both sides.
const Z: f64 = 1.959_963_984_540_054;

/// A measured rate with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    pub hits: u32,
    /// Out of so many.
    pub of: u32,
    /// Their quotient.
    pub estimate: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Rate {
    /// A rate of `hits` out of `of` with its Wilson score interval (E. B. Wilson 1927), which keeps
    /// within 0 and 1 and says something also if all or none hit. Without samples there is no interval.
    pub fn of(hits: u32, of: u32) -> Option<Self> {
        if of == 0 || hits > of {
            return None;
        }
        let estimate = f64::from(hits) / f64::from(of);
        let (low, high) = wilson(estimate, f64::from(of));
        // At the ends, rounding must not keep the interval from its bound.
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
    /// Authors in alphabetical order, each with the model that answered.
    pub voters: Vec<(String, String)>,
    /// Answers that counted.
    pub valid: u32,
    /// Those that were right.
    pub right: u32,
    /// The lead; none where nothing is promised.
    pub recommended_k: Option<u32>,
}

/// A command that was to tell right answers from wrong ones, and cannot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the oracle `{command}` cannot be used: {reason}")]
pub struct OracleUnusable {
    /// The command.
    pub command: String,
    /// Why.
    pub reason: String,
}

// The recommendation of a measurement, and its limits.

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
    let accuracy = Accuracy::new(p).ok()?;
    // Votes for neither of the two leading answers come beside.
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

// Answers by what they say: the classes that a vote would count, and what the two leading ones mean
// for its lead.
//
// The paper's formula puts all wrong answers on one rival. Classes are at hand: what the vote has to
// tell apart is the largest right one and the largest wrong one, with as many rivals as there are wrong
// ones.

/// The greatest lead that is looked for.
const MOST: u32 = 10_000;
/// Right answers in several classes, of which none holds this share, are one answer in many forms.
const SCATTERED: f64 = 0.5;

/// The sizes of the leading classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classes {
    /// Samples in the largest right class.
    pub right: u32,
    /// Samples in the largest wrong class.
    pub wrong: u32,
    /// Wrong classes.
    pub rivals: u32,
    /// Right classes.
    pub right_classes: u32,
}

impl Classes {
    /// The classes of one question, by their sizes.
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

    /// Those of several questions: each has its own right answer and its own rivals.
    pub fn with(self, other: Self) -> Self {
        Self {
            right: self.right + other.right,
            wrong: self.wrong + other.wrong,
            rivals: self.rivals.max(other.rivals),
            right_classes: self.right_classes.max(other.right_classes),
        }
    }

    /// The share of the right class among the two leading ones; none where there is neither.
    pub fn share(self) -> Option<f64> {
        let both = self.right + self.wrong;
        (both > 0).then(|| f64::from(self.right) / f64::from(both))
    }

    /// Returns what that share is above with a probability of 0.95.
    pub fn share_low(self) -> f64 {
        jeffreys_low(self.right, self.wrong)
    }

    /// True if right answers are one in many forms, so that the wrong thing is compared.
    pub fn is_scattered(self, right: u32) -> bool {
        self.right_classes > 2 && f64::from(self.right) < SCATTERED * f64::from(right)
    }

    /// Rivals that a lead must reckon with.
    pub fn opponents(self) -> u32 {
        self.rivals.max(1)
    }
}

/// The probability that a vote with lead `k` chooses right where the share of the right answer among the
/// two leading ones is `share`, with so many rivals: `1 - m / (1 + (q/(1-q))^k)`, at least 0. With one
/// rival that is the paper's equation 9.
pub fn selection(share: f64, k: u32, rivals: u32) -> f64 {
    (1.0 - wrong(share, k, rivals)).max(0.0)
}

/// The probability that one of the rivals wins, summed over them: `m / (1 + (q/(1-q))^k)`.
fn wrong(share: f64, k: u32, rivals: u32) -> f64 {
    if share >= 1.0 {
        return 0.0;
    }
    let ratio = (f64::from(k) * (share / (1.0 - share)).ln()).exp();
    f64::from(rivals.max(1)) / (1.0 + ratio)
}

/// The probability that a whole task is right, where each of its decisions must be (equation 13).
pub fn whole_task(share: f64, k: u32, rivals: u32, task: Task) -> f64 {
    log_whole_task(share, k, rivals, task).exp()
}

/// In logarithms, since a long task takes a step that is all but certain; infinite where no step is right.
fn log_whole_task(share: f64, k: u32, rivals: u32, task: Task) -> f64 {
    task.votes() * (-wrong(share, k, rivals).min(1.0)).ln_1p()
}

/// The smallest lead with which a whole task reaches its target (equations 14 and 23 with one rival); none
/// where the share is one half or less.
pub fn smallest_k(share: f64, rivals: u32, task: Task) -> Option<u32> {
    if share <= 0.5 {
        return None;
    }
    (1..=MOST).find(|k| log_whole_task(share, *k, rivals, task) >= task.target().ln())
}

/// Returns what a task promises where its questions differ: `(mean of W(p, k))^s` and not `W(mean of p,
/// k)^s`.
pub fn promise(shares: &[f64], k: u32, task: Task) -> Option<f64> {
    let count = u32::try_from(shares.len()).ok().filter(|count| *count > 0)?;
    let mean = shares.iter().map(|share| selection(*share, k, 1)).sum::<f64>() / f64::from(count);
    Some(mean.powf(task.votes()))
}

/// The mean of some rates and their standard deviation.
pub fn mean_and_spread(rates: &[f64]) -> Option<(f64, f64)> {
    let count = f64::from(u32::try_from(rates.len()).ok().filter(|count| *count > 1)?);
    let mean = rates.iter().sum::<f64>() / count;
    let squares = rates.iter().map(|rate| (rate - mean) * (rate - mean)).sum::<f64>();
    Some((mean, (squares / (count - 1.0)).sqrt()))
}

#[cfg(test)]
mod tests;

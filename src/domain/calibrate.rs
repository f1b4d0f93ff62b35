//! The meaning of a measured accuracy for a vote: which lead k it needs, what it then costs.
//!
//! The formulas are those of "Solving a Million-Step LLM Task with Zero Errors" (MAKER), with the
//! numbers of its equations. All of them assume that a valid sample is right with probability p,
//! independently of the others, and that one rival gets all the wrong ones: the worst case, since
//! errors that spread over several answers are easier to outvote. Where classes of answers are at hand,
//! `classes` takes the two leading ones instead. A share of one half or less is refused: a lead is then
//! no sign of being right, however large it is.

pub(crate) mod summary;

use serde::{Deserialize, Serialize};
use thiserror::Error;

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

#[cfg(test)]
mod tests;

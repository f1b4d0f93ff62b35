//! The meaning of a measured accuracy for a vote: which lead k it needs, what it then costs.
//!
//! The formulas are those of "Solving a Million-Step LLM Task with Zero Errors" (MAKER), with the
//! numbers of its equations. All of them assume that a valid sample is right with probability p,
//! independently of the others, and that one rival gets all the wrong ones: the worst case, since
//! errors that spread over several answers are easier to outvote. Where classes of answers are at hand,
//! `classes` takes the two leading ones instead. A share of one half or less is refused: a lead is then
//! no sign of being right, however large it is.

pub(crate) mod classes;
pub(crate) mod cost;
pub(crate) mod failure;
pub(crate) mod interval;
pub(crate) mod lead;
pub(crate) mod record;
pub(crate) mod summary;

use thiserror::Error;

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

    /// The probability.
    pub fn probability(self) -> f64 {
        self.0
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

    /// The steps of one subtask: `m`.
    pub fn per_subtask(self) -> u32 {
        self.per_subtask
    }

    /// The probability that is wanted for the whole: `t`.
    pub fn target(self) -> f64 {
        self.target
    }
}

#[cfg(test)]
mod tests;

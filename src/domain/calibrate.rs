//! What a measured accuracy says of a vote: which lead k it needs, what it then costs.
//!
//! The formulas are those of "Solving a Million-Step LLM Task with Zero Errors" (MAKER), with the
//! numbers of its equations. All of them assume that a valid sample is right with probability p,
//! independently of the others, and that one rival gets all the wrong ones: the worst case, since
//! errors that spread over several answers are easier to outvote. Where the wrong answers
//! are known, `classes` reckons with as many rivals as there are. A share of one half or less is refused: a lead is then
//! no sign of being right, however large it is.

pub(crate) mod beta;
pub(crate) mod classes;
pub(crate) mod failure;
pub(crate) mod interval;
pub(crate) mod record;
pub(crate) mod summary;

use thiserror::Error;

/// A task of many steps that must all be right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    steps: u32,
    target: f64,
}

/// Numbers that no formula takes.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum CalibrationError {
    /// A success rate that nothing needs or nothing reaches.
    #[error("target_success_rate must be above 0 and below 1 (got {0})")]
    Target(f64),
    /// A task without a step.
    #[error("estimated_total_steps must be 1 or more (got 0)")]
    NoStep,
}

impl Task {
    /// A task of `steps` steps, one a sample, to be right as a whole with probability `target`.
    ///
    /// # Errors
    ///
    /// No step, or a target outside 0 to 1.
    pub fn new(steps: u32, target: f64) -> Result<Self, CalibrationError> {
        if steps == 0 {
            return Err(CalibrationError::NoStep);
        }
        if !(target > 0.0 && target < 1.0) {
            return Err(CalibrationError::Target(target));
        }
        Ok(Self { steps, target })
    }

    /// Steps of the whole, with one vote each: `s`.
    pub fn steps(self) -> u32 {
        self.steps
    }

    /// Votes of the whole, for formulas.
    pub fn votes(self) -> f64 {
        f64::from(self.steps)
    }

    /// The probability that is wanted for the whole: `t`.
    pub fn target(self) -> f64 {
        self.target
    }
}

#[cfg(test)]
mod tests;

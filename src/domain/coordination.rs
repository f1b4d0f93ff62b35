//! Way in which a task is arranged among agents: classified, given a topology, watched, and learnt from.
//!
//! The rules are the contract's; where the paper ("Towards a Science of Scaling Agent Systems")
//! measures the same thing in another way, both are named. The budget of a stage is not
//! here but in [`super::policy`].

pub(crate) mod architecture;
pub(crate) mod classify;
pub(crate) mod degradation;
pub(crate) mod diversity;
pub(crate) mod intent;
pub(crate) mod record;
pub(crate) mod scaling;
pub(crate) mod statistics;
pub(crate) mod strategy;

/// An argument that a rule cannot work with, in words for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);

/// A share: 0 to 1.
///
/// # Errors
///
/// A number outside, with its name.
pub fn share(name: &str, value: f64) -> Result<f64, BadInput> {
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err(BadInput(format!("{name} must be 0 to 1 (got {value})")))
    }
}

/// A quotient; none where there is nothing to divide by.
pub fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

//! The division of a task among agents: classify the task, choose a topology, watch the work, and learn from
//! recorded runs.
//!
//! The rules are those of the contract. Where the paper ("Towards a Science of Scaling Agent Systems")
//! measures the same thing in another way, both are named. The budget of a stage is in [`super::policy`].

pub(crate) mod architecture;
pub(crate) mod classify;
pub(crate) mod degradation;
pub(crate) mod diversity;
pub(crate) mod intent;
pub(crate) mod record;
pub(crate) mod scaling;
pub(crate) mod statistics;
pub(crate) mod strategy;

/// An invalid argument; the text is a message for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);

/// Checks that a value is a share from 0 to 1.
///
/// # Errors
///
/// It is outside of 0 to 1; the message gives the name.
pub fn share(name: &str, value: f64) -> Result<f64, BadInput> {
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err(BadInput(format!("{name} must be 0 to 1 (got {value})")))
    }
}

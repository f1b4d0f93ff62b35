//! Why a run does not do what it is asked to.

use std::fmt;

/// A refusal: the state, the reason and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A stable word for the reason.
    pub code: &'static str,
    /// The state of the run, for example `awaiting_approval(analyze)`.
    pub state: String,
    /// The reason.
    pub reason: String,
    /// The next step.
    pub next: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (the run is {})", self.reason, self.state)
    }
}

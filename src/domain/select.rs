//! The winner of several candidates: tests first, one candidate as it is, or none.

pub(crate) mod guard;
pub(crate) mod probe;
pub(crate) mod proof;
pub(crate) mod rank;

pub use proof::{Evidence, Proof, Standing, Tests};
pub use rank::{Deciding, Mode, Ranking, TestWeight};

#[cfg(test)]
mod tests;

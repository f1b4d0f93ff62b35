//! The winner of several candidates: tests first, one candidate as it is, or none.

pub(crate) mod ablation;
mod evidence;
pub(crate) mod guard;
pub(crate) mod proof;
mod rank;
pub(crate) mod record;
mod weights;

pub use evidence::{Evidence, Proof, Standing, Tests};
pub use rank::{Deciding, Mode, Ranking, TestWeight, rank};

#[cfg(test)]
mod tests;

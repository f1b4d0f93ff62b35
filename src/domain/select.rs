//! Which of several candidates wins: tests first, one candidate as it is, or none.

pub mod ablation;
mod answer;
mod evidence;
pub mod guard;
pub mod proof;
mod rank;
pub mod record;
mod weights;

pub use answer::is_answer;
pub use evidence::{Evidence, Proof, Standing, Tests};
pub use rank::{Deciding, Mode, Ranking, TestWeight, rank};
pub use weights::{WEIGHTS, Weights};

#[cfg(test)]
mod tests;

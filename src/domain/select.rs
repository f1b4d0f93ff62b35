//! Which of several candidates wins: tests first, one candidate as it is, or none.

mod evidence;
mod rank;
pub mod record;
mod weights;

pub use evidence::{Evidence, Standing, Tests};
pub use rank::{Mode, Ranking, rank};
pub use weights::{Trust, WEIGHTS, Weights};

#[cfg(test)]
mod tests;

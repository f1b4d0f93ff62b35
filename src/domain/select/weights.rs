//! The weights of a hybrid selection.

/// The weights; their sum is 1. How short a candidate is and who wrote it count nothing: neither
/// says whether it is right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Tests passed.
    pub test: f64,
    /// The linter's score.
    pub lint: f64,
    /// The judge's score.
    pub judge: f64,
}

/// The weights of the contract, 0.6 to 0.15 to 0.15, with the rest that counts nothing left out.
pub const WEIGHTS: Weights = Weights { test: 2.0 / 3.0, lint: 1.0 / 6.0, judge: 1.0 / 6.0 };

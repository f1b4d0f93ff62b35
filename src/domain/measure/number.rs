//! Numbers that add up to the same in any order, and that are never anything but finite.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// A whole number as a real one.
#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds stay far below 2^53")]
pub fn real(count: u64) -> f64 {
    count as f64
}

/// A share or a mean; none where there is nothing to divide by.
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| real(part) / real(whole))
}

/// A figure as results show it: four decimals, and none where it is no number.
pub fn shown(value: f64) -> Option<f64> {
    let rounded = (value * 1e4).round() / 1e4;
    // Adding zero turns a negative zero into the one that people write.
    if rounded.is_finite() { Some(rounded + 0.0) } else { Some(value).filter(|value| value.is_finite()) }
}

/// A sum of real numbers in whole billionths, because sums of floating-point numbers depend on
/// their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sum(u64);

impl Sum {
    const UNITS: f64 = 1e9;

    /// One number from 0 on; none where it is negative or no number.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a number from 0 on stops at the greatest one"
    )]
    pub fn of(value: f64) -> Option<Self> {
        (value.is_finite() && value >= 0.0).then(|| Self((value * Self::UNITS).round() as u64))
    }

    /// The sum as a real number.
    pub fn value(self) -> f64 {
        real(self.0) / Self::UNITS
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_divides_by_nothing() {
        assert_eq!(ratio(0, 0), None);
        assert_eq!(ratio(1, 4), Some(0.25));
    }

    #[test]
    fn only_numbers_are_shown() {
        assert_eq!(shown(f64::NAN), None);
        assert_eq!(shown(f64::INFINITY), None);
        assert_eq!(shown(0.123_456), Some(0.1235));
        assert_eq!(shown(f64::MAX), Some(f64::MAX));
        assert!(shown(-0.000_001).unwrap().is_sign_positive());
    }

    #[test]
    fn what_is_no_amount_is_not_added() {
        for bad in [f64::NAN, f64::INFINITY, -0.01] {
            assert_eq!(Sum::of(bad), None);
        }
        let mut sum = Sum::default();
        for _ in 0..10 {
            sum += Sum::of(0.1).unwrap();
        }
        assert!((sum.value() - 1.0).abs() < f64::EPSILON);
    }
}

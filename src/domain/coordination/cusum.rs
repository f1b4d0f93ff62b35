//! Worse results: a cumulative sum over them in their order, which notices a change
//! soon and does not take a single failure for one.

use serde::Serialize;

/// The rate of failures that is nothing unusual.
pub const USUAL: f64 = 0.2;
/// The rate of failures that is to be noticed.
pub const WORSE: f64 = 0.5;
/// The sum at which it is.
pub const ALARM: f64 = 5.0;
/// Successes in a row after which an alarm is over.
const RECOVERED: u64 = 5;

/// The sum of the results of one topology or provider, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cusum {
    /// Results.
    pub results: u64,
    /// The sum after the last of them.
    pub sum: f64,
    /// Number of times that it reached [`ALARM`], and began anew.
    pub alarms: u64,
    /// True if the last alarm still stands: fewer than five successes in a row since.
    pub alarmed: bool,
    #[serde(skip)]
    in_a_row: u64,
}

impl Cusum {
    /// The sum over results, oldest first: true is a success.
    pub fn of(results: impl IntoIterator<Item = bool>) -> Self {
        results.into_iter().fold(Self::default(), Self::with)
    }

    fn with(mut self, success: bool) -> Self {
        self.results += 1;
        let step = if success { ((1.0 - WORSE) / (1.0 - USUAL)).ln() } else { (WORSE / USUAL).ln() };
        self.sum = (self.sum + step).max(0.0);
        self.in_a_row = if success { self.in_a_row + 1 } else { 0 };
        if self.in_a_row >= RECOVERED {
            self.alarmed = false;
        }
        if self.sum >= ALARM {
            (self.sum, self.alarmed) = (0.0, true);
            self.alarms += 1;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_failures_are_no_change_and_a_series_is() {
        assert!(!Cusum::of([false]).alarmed);
        assert!(!Cusum::of([false; 5]).alarmed);
        assert!(Cusum::of([false; 6]).alarmed);
        let usual = (0..100).map(|number| number % 5 != 0);
        assert_eq!(Cusum::of(usual.clone()).alarms, 0);
        let worse = usual.chain((0..30).map(|number| number % 2 == 0));
        assert!(Cusum::of(worse).alarmed);
    }

    #[test]
    fn an_alarm_is_over_after_successes_in_a_row() {
        let recovered = [false; 6].into_iter().chain([true; 5]);
        let found = Cusum::of(recovered);
        assert_eq!((found.alarmed, found.alarms), (false, 1));
        let not_yet = [false; 6].into_iter().chain([true; 4]);
        assert!(Cusum::of(not_yet).alarmed);
    }
}

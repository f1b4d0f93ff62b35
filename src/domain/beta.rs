//! The beta distribution: the rate behind counts of successes and failures.

use special::Beta as _;

use super::measure::number::real;

/// Quantile for "at least": the true rate is higher with probability 0.9.
pub const CAUTIOUS: f64 = 0.1;

/// The 10% quantile of a rate after s successes and f failures with a uniform prior, which gives the
/// distribution Beta(s + 1, f + 1). Three of three give 0.56; 95 of 100 give 0.91.
pub fn cautious_rate(successes: u64, failures: u64) -> f64 {
    quantile(CAUTIOUS, real(successes) + 1.0, real(failures) + 1.0)
}

/// Probability that a rate with the distribution Beta(a, b) is below `x`: the regularised incomplete beta
/// function.
pub fn below(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    x.inc_beta(a, b, a.ln_beta(b))
}

/// The `p` quantile of Beta(a, b), found by bisection.
pub fn quantile(p: f64, a: f64, b: f64) -> f64 {
    const HALVINGS: u32 = 60;
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..HALVINGS {
        let middle = low.midpoint(high);
        if below(middle, a, b) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    low.midpoint(high)
}

/// One-sided 95% lower bound of a rate with the prior of Jeffreys.
pub fn jeffreys_low(hits: u32, misses: u32) -> f64 {
    const ERROR: f64 = 0.05;
    quantile(ERROR, f64::from(hits) + 0.5, f64::from(misses) + 0.5)
}

/// Counts of right and wrong answers of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// Right answers.
    pub right: u32,
    /// Wrong answers.
    pub wrong: u32,
}

impl Score {
    /// Probability that this rate is lower than another by more than `margin`, with uniform priors.
    pub fn is_worse_than(self, other: Self, margin: f64) -> f64 {
        const STEPS: u32 = 1_000;
        let rate_below = |of: Self, x: f64| below(x, f64::from(of.right) + 1.0, f64::from(of.wrong) + 1.0);
        let at = |step: u32| f64::from(step) / f64::from(STEPS);
        (0..STEPS)
            .map(|step| {
                let mass = rate_below(other, at(step + 1)) - rate_below(other, at(step));
                let middle = at(step).midpoint(at(step + 1));
                mass * rate_below(self, middle - margin)
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_successes_promise_less_than_many() {
        for (successes, failures, expected) in [
            (0, 0, 0.1),
            (3, 0, 0.1_f64.powf(0.25)),
            (1, 0, 0.1_f64.sqrt()),
            (0, 1, 1.0 - 0.9_f64.sqrt()),
            (10, 0, 0.1_f64.powf(1.0 / 11.0)),
        ] {
            let found = cautious_rate(successes, failures);
            assert!((found - expected).abs() < 1e-9, "{successes}:{failures} {found}");
        }
        assert!(cautious_rate(95, 5) > cautious_rate(3, 0));
        assert!(cautious_rate(90, 10) > cautious_rate(3, 0));
        let many = cautious_rate(50_000, 50_000);
        assert!((0.497..0.5).contains(&many), "{many}");
    }

    fn near(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 1e-4
    }

    #[test]
    fn known_values() {
        // With whole numbers it is a sum of binomials.
        assert!(near(below(0.5, 4.0, 1.0), 0.0625) && near(below(0.5, 5.0, 2.0), 0.109_375));
        assert!(near(below(0.3, 1.0, 1.0), 0.3));
        assert!(near(quantile(0.5, 3.0, 3.0), 0.5));
        for (p, a, b) in [(0.05, 27.5, 3.5), (0.1, 2.0, 1.0), (0.95, 1.5, 30.5)] {
            assert!(near(below(quantile(p, a, b), a, b), p));
        }
    }

    #[test]
    fn one_is_worse_where_the_counts_say_so() {
        let score = |right, wrong| Score { right, wrong };
        assert!(score(12, 18).is_worse_than(score(27, 3), 0.15) > 0.99);
        assert!(score(25, 5).is_worse_than(score(27, 3), 0.15) < 0.5);
        assert!(score(1, 2).is_worse_than(score(27, 3), 0.15) < 0.95);
        assert!(near(score(10, 10).is_worse_than(score(10, 10), 0.0), 0.5));
    }

    proptest! {
        #[test]
        fn a_success_raises_it_and_a_failure_lowers_it(successes in 0_u64..200, failures in 0_u64..200) {
            let here = cautious_rate(successes, failures);
            prop_assert!((0.0..1.0).contains(&here));
            prop_assert!(cautious_rate(successes + 1, failures) > here);
            prop_assert!(cautious_rate(successes, failures + 1) < here);
        }
    }
}

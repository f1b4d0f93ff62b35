//! What is to be expected at least of a rate that was seen few times.

/// The quantile that stands for "at least": nine times in ten the rate is higher.
pub const CAUTIOUS: f64 = 0.1;

/// The 10% quantile of a rate after so many successes and failures, before which any rate was as likely
/// as any other: of Beta(s + 1, f + 1). Three of three come to 0.56, 95 of 100 to 0.91.
pub fn cautious_rate(successes: u64, failures: u64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // Fifty halvings are as close as a double can tell.
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if cumulative(middle, successes, failures) < CAUTIOUS { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The probability that the rate is below `x`. With whole numbers that is the probability of more than s
/// hits among s + f + 1 tries that hit with probability x.
fn cumulative(x: f64, successes: u64, failures: u64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let (s, f) = (real(successes), real(failures));
    let tries = s + f + 1.0;
    // From s + 1 hits up to all; in logarithms, since the first term may be tiny.
    let mut term = ln_choose(tries, s + 1.0) + (s + 1.0) * x.ln() + f * (-x).ln_1p();
    let odds = x.ln() - (-x).ln_1p();
    let mut sum = 0.0;
    let mut hits = s + 1.0;
    while hits <= tries {
        sum += term.exp();
        term += odds + (tries - hits).ln() - (hits + 1.0).ln();
        hits += 1.0;
    }
    sum.min(1.0)
}

fn ln_choose(of: f64, hits: f64) -> f64 {
    let rest = of - hits;
    let (few, mut ln, mut number) = (hits.min(rest), 0.0, 1.0);
    while number <= few {
        ln += (of - few + number).ln() - number.ln();
        number += 1.0;
    }
    ln
}

/// Counts beyond this say nothing more, and would take long.
const MOST: u64 = 100_000;

fn real(count: u64) -> f64 {
    u32::try_from(count.min(MOST)).map_or(f64::from(u32::MAX), f64::from)
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

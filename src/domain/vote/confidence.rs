//! The confidence of a vote in its winner.

use crate::domain::beta::below;

/// The probability that the answer that is ahead is also the more probable one of the two leading
/// answers, before a vote was seen anything being as likely as anything else: `1 - I(0.5; a+1, b+1)`,
/// with the votes a and b of both (I is the regularised incomplete beta function).
pub fn confidence(leader: u32, runner_up: u32) -> f64 {
    1.0 - below(0.5, f64::from(leader) + 1.0, f64::from(runner_up) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unanimity_of_a_few_is_no_certainty() {
        for (leader, runner_up, expected) in [
            (3, 0, 0.9375),
            (4, 1, 0.890_625),
            (4, 0, 0.968_75),
            (5, 1, 0.9375),
            (1, 0, 0.75),
            (0, 0, 0.5),
            (2, 2, 0.5),
        ] {
            assert!((confidence(leader, runner_up) - expected).abs() < 1e-12, "{leader}:{runner_up}");
        }
        assert!(confidence(500, 10) > 0.999_999 && confidence(500, 10) <= 1.0);
    }
}

//! The lead k: how reliable a vote with it is, which one a task needs, how many votes it takes.

use super::{Accuracy, Task};

/// The probability that the right answer wins a vote (Eq 9): `p^k / (p^k + (1-p)^k)`.
pub fn selection(accuracy: Accuracy, k: u32) -> f64 {
    // 1 / (1 + ((1-p)/p)^k), in logarithms so that nothing under- or overflows.
    1.0 / (1.0 + odds_against(accuracy, k))
}

/// The odds against the right answer once it has the lead: `((1-p)/p)^k`.
fn odds_against(accuracy: Accuracy, k: u32) -> f64 {
    if k == 0 {
        return 1.0;
    }
    (-f64::from(k) * accuracy.log_odds()).exp()
}

/// The probability that the whole task is right (Eq 13): `(1 + ((1-p)/p)^k)^(-s/m)`.
pub fn whole_task(accuracy: Accuracy, k: u32, task: Task) -> f64 {
    (-task.votes() * odds_against(accuracy, k).ln_1p()).exp()
}

/// The smallest k with which the whole task reaches its target (Eq 14 and 23):
/// `ceil(ln(t^(-m/s) - 1) / ln((1-p)/p))`, at least 1. It grows with the logarithm of s.
pub fn smallest_k(accuracy: Accuracy, task: Task) -> u32 {
    if accuracy.log_odds().is_infinite() {
        return 1;
    }
    // t^(-m/s) - 1 is tiny for long tasks: expm1 keeps its digits.
    let excess = (-task.target().ln() / task.votes()).exp_m1();
    whole(-excess.ln() / accuracy.log_odds())
}

/// The smallest whole number that is not below, from 1; what lies a rounding error above a whole
/// number is that number.
fn whole(value: f64) -> u32 {
    const ROUNDING: f64 = 1e-9;
    let ceiling = (value - ROUNDING).ceil().clamp(1.0, f64::from(u32::MAX));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range")]
    let number = ceiling as u32;
    number
}

/// The votes that a decision takes on average (the gambler's ruin): `k (2 p_sub - 1) / (2p - 1)`.
pub fn expected_votes(accuracy: Accuracy, k: u32) -> f64 {
    if k == 0 {
        return 0.0;
    }
    let k = f64::from(k);
    let half = accuracy.log_odds() / 2.0;
    // 2 p_sub - 1 is tanh(k L / 2) and 2p - 1 is tanh(L / 2): exact also where p is barely above 1/2.
    k * (k * half).tanh() / half.tanh()
}

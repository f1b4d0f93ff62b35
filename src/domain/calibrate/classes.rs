//! Answers by what they say: the classes that a vote would count, and what the two leading ones mean
//! for its lead.
//!
//! The paper's formula puts all wrong answers on one rival. Classes are at hand: what the vote has to
//! tell apart is the largest right one and the largest wrong one, with as many rivals as there are wrong
//! ones.

use serde::{Deserialize, Serialize};

use super::Task;
use crate::domain::beta::jeffreys_low;

/// The greatest lead that is looked for.
const MOST: u32 = 10_000;
/// Right answers in several classes, of which none holds this share, are one answer in many forms.
const SCATTERED: f64 = 0.5;

/// The sizes of the leading classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classes {
    /// Samples in the largest right class.
    pub right: u32,
    /// Samples in the largest wrong class.
    pub wrong: u32,
    /// Wrong classes.
    pub rivals: u32,
    /// Right classes.
    pub right_classes: u32,
}

impl Classes {
    /// The classes of one question, by their sizes.
    pub fn of(right: &[u32], wrong: &[u32]) -> Self {
        let count = |sizes: &[u32]| u32::try_from(sizes.len()).unwrap_or(u32::MAX);
        let largest = |sizes: &[u32]| sizes.iter().copied().max().unwrap_or(0);
        Self {
            right: largest(right),
            wrong: largest(wrong),
            rivals: count(wrong),
            right_classes: count(right),
        }
    }

    /// Those of several questions: each has its own right answer and its own rivals.
    pub fn with(self, other: Self) -> Self {
        Self {
            right: self.right + other.right,
            wrong: self.wrong + other.wrong,
            rivals: self.rivals.max(other.rivals),
            right_classes: self.right_classes.max(other.right_classes),
        }
    }

    /// The share of the right class among the two leading ones; none where there is neither.
    pub fn share(self) -> Option<f64> {
        let both = self.right + self.wrong;
        (both > 0).then(|| f64::from(self.right) / f64::from(both))
    }

    /// Returns what that share is above with a probability of 0.95.
    pub fn share_low(self) -> f64 {
        jeffreys_low(self.right, self.wrong)
    }

    /// True if right answers are one in many forms, so that the wrong thing is compared.
    pub fn is_scattered(self, right: u32) -> bool {
        self.right_classes > 2 && f64::from(self.right) < SCATTERED * f64::from(right)
    }

    /// Rivals that a lead must reckon with.
    pub fn opponents(self) -> u32 {
        self.rivals.max(1)
    }
}

/// The probability that a vote with lead `k` chooses right where the share of the right answer among the
/// two leading ones is `share`, with so many rivals: `1 - m / (1 + (q/(1-q))^k)`, at least 0. With one
/// rival that is the paper's equation 9.
pub fn selection(share: f64, k: u32, rivals: u32) -> f64 {
    if share >= 1.0 {
        return 1.0;
    }
    let ratio = (f64::from(k) * (share / (1.0 - share)).ln()).exp();
    (1.0 - f64::from(rivals.max(1)) / (1.0 + ratio)).max(0.0)
}

/// The smallest lead with which a whole task reaches its target; none where the share is one half or less.
pub fn smallest_k(share: f64, rivals: u32, task: Task) -> Option<u32> {
    if share <= 0.5 {
        return None;
    }
    let reaches = |k: &u32| {
        let step = selection(share, *k, rivals);
        // In logarithms, since a long task takes a step that is all but certain.
        step > 0.0 && step.ln() * task.votes() >= task.target().ln()
    };
    (1..=MOST).find(reaches)
}

/// Returns what a task promises where its questions differ: `(mean of W(p, k))^s` and not `W(mean of p,
/// k)^s`.
pub fn promise(shares: &[f64], k: u32, task: Task) -> Option<f64> {
    let count = u32::try_from(shares.len()).ok().filter(|count| *count > 0)?;
    let mean = shares.iter().map(|share| selection(*share, k, 1)).sum::<f64>() / f64::from(count);
    Some(mean.powf(task.votes()))
}

/// The mean of some rates and their standard deviation.
pub fn mean_and_spread(rates: &[f64]) -> Option<(f64, f64)> {
    let count = f64::from(u32::try_from(rates.len()).ok().filter(|count| *count > 1)?);
    let mean = rates.iter().sum::<f64>() / count;
    let squares = rates.iter().map(|rate| (rate - mean) * (rate - mean)).sum::<f64>();
    Some((mean, (squares / (count - 1.0)).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(steps: u32, target: f64) -> Task {
        Task::new(steps, 1, target).unwrap()
    }

    #[test]
    fn one_rival_is_the_papers_case() {
        for share in [0.55, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99] {
            let accuracy = crate::domain::calibrate::Accuracy::new(share).unwrap();
            for (steps, target) in [(1, 0.95), (100, 0.99), (1_000_000, 0.9)] {
                let papers = crate::domain::calibrate::lead::smallest_k(accuracy, task(steps, target));
                assert_eq!(smallest_k(share, 1, task(steps, target)), Some(papers), "{share} {steps}");
            }
        }
        assert_eq!(smallest_k(0.5, 1, task(1, 0.9)), None);
        assert_eq!(smallest_k(1.0, 3, task(1_000, 0.99)), Some(1));
    }

    #[test]
    fn errors_that_spread_need_a_smaller_lead() {
        // Right in 60%, the rest on four rivals: 0.6 against 0.1.
        let spread = 0.6 / 0.7;
        assert!(smallest_k(spread, 4, task(1, 0.95)).unwrap() < smallest_k(0.6, 1, task(1, 0.95)).unwrap());
        // Right in 40% is refused against one rival and fine against six.
        assert_eq!(smallest_k(0.4, 1, task(1, 0.95)), None);
        assert!(smallest_k(0.8, 6, task(1, 0.95)).is_some());
    }

    #[test]
    fn classes_are_counted_by_question() {
        let one = Classes::of(&[8], &[1, 1]);
        assert_eq!((one.right, one.wrong, one.rivals, one.opponents()), (8, 1, 2, 2));
        let both = one.with(Classes::of(&[6, 1], &[3]));
        assert_eq!((both.right, both.wrong, both.rivals), (14, 4, 2));
        assert_eq!(Classes::of(&[], &[]).share(), None);
        assert!(Classes::of(&[2, 1, 1, 1, 1], &[]).is_scattered(6));
        assert!(!Classes::of(&[5, 1], &[]).is_scattered(6));
    }

    #[test]
    fn questions_that_differ_promise_less_than_their_mean() {
        let (mean, spread) = mean_and_spread(&[0.99, 0.9, 0.81]).unwrap();
        assert!((mean - 0.9).abs() < 1e-9 && (spread - 0.09).abs() < 1e-9);
        let apart = promise(&[0.99, 0.9, 0.81], 5, task(100, 0.99)).unwrap();
        let together = promise(&[0.9, 0.9, 0.9], 5, task(100, 0.99)).unwrap();
        assert!(apart < together, "{apart} {together}");
        assert_eq!((promise(&[], 5, task(1, 0.9)), mean_and_spread(&[0.9])), (None, None));
    }
}

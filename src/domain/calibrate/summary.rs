//! The recommendation of a measurement, and its limits.

use serde::{Deserialize, Serialize};

use super::{Accuracy, Rate, Task};
use crate::domain::beta::jeffreys_low;
use crate::domain::calibrate;

/// Samples that a recommendation needs to be one.
pub const USUAL_SAMPLES: u32 = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The share that is exceeded with a probability of 0.95: what the samples promise.
    IntervalLow,
    /// The estimate itself: what is likely, and what a few lucky samples overstate.
    Estimate,
}

/// A lead for a task, and what comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The share that it stands on.
    pub basis: Basis,
    /// The share of the right answer among the two leading ones.
    pub p: f64,
    /// Wrong answers that compete with it.
    pub rivals: u32,
    /// The lead.
    pub k: u32,
    /// The probability that one decision is right.
    pub step_success: f64,
    /// The probability that the whole task is right.
    pub task_success: f64,
    /// Votes of one decision.
    pub votes_per_step: f64,
    /// Samples of one decision, discarded ones included.
    pub samples_per_step: f64,
    /// Samples of the whole task.
    pub samples_in_all: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// Their classes.
    pub classes: Classes,
    /// Valid answers that were judged.
    pub valid: u32,
    /// The share of valid ones among all that came.
    pub valid_rate: f64,
}

/// The plan that counts lead to; none where the right answer does not lead.
pub fn plan(basis: Basis, counted: Counted, task: Task) -> Option<Plan> {
    let Counted { classes, valid, valid_rate } = counted;
    let p = match basis {
        Basis::IntervalLow => classes.share_low(),
        Basis::Estimate => classes.share()?,
    };
    let rivals = classes.opponents();
    let k = smallest_k(p, rivals, task)?;
    let accuracy = Accuracy::new(p).ok()?;
    // Votes for neither of the two leading answers come beside.
    let leading = f64::from(classes.right + classes.wrong) / f64::from(valid.max(1));
    let votes = calibrate::expected_votes(accuracy, k) / leading.clamp(f64::MIN_POSITIVE, 1.0);
    let samples = votes / valid_rate.clamp(f64::MIN_POSITIVE, 1.0);
    Some(Plan {
        basis,
        p,
        rivals,
        k,
        step_success: selection(p, k, rivals),
        task_success: whole_task(p, k, rivals, task),
        votes_per_step: votes,
        samples_per_step: samples,
        samples_in_all: samples * f64::from(task.steps()),
    })
}

/// Why nothing is recommended on the lower bound, and what would help.
pub fn why_not(rate: &Rate, classes: Classes) -> String {
    let Classes { right, wrong, .. } = classes;
    let measured = format!(
        "{} of {} valid samples were right; the largest right answer has {right}, the largest wrong one {wrong}",
        rate.hits, rate.of
    );
    if right <= wrong {
        return format!(
            "{measured}. At a share of 0.5 or less no k helps: the wrong answer gets ahead as easily as the right one. Make the step smaller, or ask other providers"
        );
    }
    match samples_above_half(right, wrong) {
        Some(times) => format!(
            "{measured}. The lower bound of that share reaches down to one half, where no k helps; at this rate about {} valid samples would settle it",
            times.saturating_mul(rate.of)
        ),
        None => format!("{measured}. That is too near to one half for any number of samples to settle it"),
    }
}

/// Returns how many times as many samples at the same rate put the lower bound above one half.
pub fn samples_above_half(right: u32, wrong: u32) -> Option<u32> {
    const MOST: u32 = 1_000;
    (1..=MOST).find(|times| jeffreys_low(right.saturating_mul(*times), wrong.saturating_mul(*times)) > 0.5)
}

// Answers by what they say: the classes that a vote would count, and what the two leading ones mean
// for its lead.
//
// The paper's formula puts all wrong answers on one rival. Classes are at hand: what the vote has to
// tell apart is the largest right one and the largest wrong one, with as many rivals as there are wrong
// ones.

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
    (1.0 - wrong(share, k, rivals)).max(0.0)
}

/// The probability that one of the rivals wins, summed over them: `m / (1 + (q/(1-q))^k)`.
fn wrong(share: f64, k: u32, rivals: u32) -> f64 {
    if share >= 1.0 {
        return 0.0;
    }
    let ratio = (f64::from(k) * (share / (1.0 - share)).ln()).exp();
    f64::from(rivals.max(1)) / (1.0 + ratio)
}

/// The probability that a whole task is right, where each of its decisions must be (equation 13).
pub fn whole_task(share: f64, k: u32, rivals: u32, task: Task) -> f64 {
    log_whole_task(share, k, rivals, task).exp()
}

/// In logarithms, since a long task takes a step that is all but certain; infinite where no step is right.
fn log_whole_task(share: f64, k: u32, rivals: u32, task: Task) -> f64 {
    task.votes() * (-wrong(share, k, rivals).min(1.0)).ln_1p()
}

/// The smallest lead with which a whole task reaches its target (equations 14 and 23 with one rival); none
/// where the share is one half or less.
pub fn smallest_k(share: f64, rivals: u32, task: Task) -> Option<u32> {
    if share <= 0.5 {
        return None;
    }
    (1..=MOST).find(|k| log_whole_task(share, *k, rivals, task) >= task.target().ln())
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
    fn no_share_up_to_one_half_has_a_lead() {
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

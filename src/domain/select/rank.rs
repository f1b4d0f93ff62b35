//! The rule by which candidates are ranked.

use std::cmp::{Ordering, Reverse};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, Standing, Tests};
use super::weights::{Trust, WEIGHTS};

/// What decides among candidates that stand level by their tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Mode {
    /// Lint, then the earlier one.
    #[default]
    TestsFirst,
    /// A judge.
    LlmJudge,
    /// A weighted sum.
    Hybrid,
}

/// Every candidate's score, and those that can win, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The scores, from 0 to 1, in the order of the candidates.
    pub scores: Vec<f64>,
    /// Indexes of those that can win, best first.
    pub order: Vec<usize>,
}

impl Ranking {
    /// The winner; none where nobody can win.
    #[must_use]
    pub fn winner(&self) -> Option<usize> {
        self.order.first().copied()
    }
}

/// Ranks candidates. `chosen` is the judge's choice, where there is one; it counts in
/// [`Mode::LlmJudge`] only, and only among those that can win.
///
/// A candidate that failed its tests never wins, and one that passed comes before all that did not.
/// Among those that passed, and where Maestro ran the tests: the larger group of equal behaviour, then
/// lint, then the smaller change. At the end of every comparison stands the earlier one.
#[must_use]
pub fn rank(candidates: &[Evidence], mode: Mode, chosen: Option<usize>) -> Ranking {
    let scores: Vec<f64> = match mode {
        Mode::TestsFirst | Mode::LlmJudge => candidates.iter().map(tests_first_score).collect(),
        Mode::Hybrid => {
            let mean = mean_length(candidates);
            candidates.iter().map(|candidate| hybrid_score(candidate, mean)).collect()
        }
    };
    let mut order: Vec<(usize, &Evidence, f64)> = candidates
        .iter()
        .enumerate()
        .zip(&scores)
        .filter(|((_, candidate), _)| candidate.standing().can_win())
        .map(|((index, candidate), score)| (index, candidate, *score))
        .collect();
    // Stable, so that the earlier of two equals stays the earlier.
    order.sort_by(|(left, one, one_score), (right, other, other_score)| {
        let by_tests = one.standing().cmp(&other.standing());
        by_tests.then_with(|| match mode {
            Mode::TestsFirst => level(one, other, *one_score, *other_score),
            Mode::LlmJudge => {
                let is_chosen = |index: &usize| chosen == Some(*index);
                let by_judge = is_chosen(right).cmp(&is_chosen(left));
                by_judge
                    .then_with(|| level(one, other, *one_score, *other_score))
                    .then(one.chars.cmp(&other.chars))
            }
            Mode::Hybrid => Reverse(one.alike)
                .cmp(&Reverse(other.alike))
                .then_with(|| descending(*one_score, *other_score)),
        })
    });
    Ranking { order: order.into_iter().map(|(index, ..)| index).collect(), scores }
}

/// Two that stand level by their tests.
fn level(one: &Evidence, other: &Evidence, one_score: f64, other_score: f64) -> Ordering {
    if one.standing() != Standing::Proven {
        return descending(one_score, other_score);
    }
    let lint = |candidate: &Evidence| candidate.lint.unwrap_or(UNKNOWN);
    Reverse(one.alike)
        .cmp(&Reverse(other.alike))
        .then_with(|| descending(lint(one), lint(other)))
        .then_with(|| one.changed_lines.cmp(&other.changed_lines))
}

fn descending(one: f64, other: f64) -> Ordering {
    other.total_cmp(&one)
}

/// What counts where nothing is known.
const UNKNOWN: f64 = 0.5;

/// 0.6 where the tests passed, 0.2 of lint, 0.2 of the judge; what is not known counts nothing.
fn tests_first_score(candidate: &Evidence) -> f64 {
    let tests = match candidate.tests {
        Tests::Passed => 0.6,
        Tests::Failed | Tests::Unknown => 0.0,
    };
    tests + 0.2 * candidate.lint.unwrap_or(0.0) + 0.2 * candidate.judge.unwrap_or(0.0)
}

fn hybrid_score(candidate: &Evidence, mean: f64) -> f64 {
    let tests = match candidate.tests {
        Tests::Passed => 1.0,
        Tests::Failed => 0.0,
        Tests::Unknown => UNKNOWN,
    };
    let minimal = if mean > 0.0 { 1.0 - (length(candidate) / (2.0 * mean)).min(1.0) } else { 1.0 };
    WEIGHTS.test * tests
        + WEIGHTS.lint * candidate.lint.unwrap_or(UNKNOWN)
        + WEIGHTS.judge * candidate.judge.unwrap_or(UNKNOWN)
        + WEIGHTS.minimal_diff * minimal
        + WEIGHTS.provider_trust * Trust::of(candidate.provider.as_deref()).0
}

fn mean_length(candidates: &[Evidence]) -> f64 {
    let count = u32::try_from(candidates.len().max(1)).map_or(f64::MAX, f64::from);
    candidates.iter().map(length).sum::<f64>() / count
}

fn length(candidate: &Evidence) -> f64 {
    u32::try_from(candidate.chars).map_or(f64::from(u32::MAX), f64::from)
}

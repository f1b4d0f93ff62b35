//! Ranks candidates, and decides the winner, if there is one.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::proof::{Evidence, Standing, Tests};
use crate::domain::coordination::record::{Answer, Mark};
use crate::domain::order::Order;
use crate::domain::redflag::Reason;

/// The rule that decides among candidates with equal tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Mode {
    /// The linter.
    #[default]
    TestsFirst,
    /// The judge's choice.
    LlmJudge,
    /// A weighted score.
    Hybrid,
}

/// The weight of tests against everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestWeight {
    /// A candidate proven by tests comes before all others, in every mode.
    First,
    /// A failed test still excludes a candidate. Otherwise tests are one sign among several.
    Among,
}

/// The difference that set the winner apart, if any did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deciding {
    /// No other candidate can win.
    OnlyOne,
    Tests,
    Judge,
    /// The weighted score.
    Score,
    /// The linter.
    Lint,
    /// More authors gave the same candidate.
    Support,
    /// The level candidates are the same, so any of them will do.
    Same,
    /// Nothing tells the first candidates apart.
    Nothing,
}

/// The result of ranking: scores, order and winner.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The scores, from 0 to 1, in the order of the candidates.
    pub scores: Vec<f64>,
    /// Indices of the candidates that can win, best first.
    pub order: Vec<usize>,
    /// The index of the winner; None if no candidate can win, or nothing tells the first from others.
    pub winner: Option<usize>,
    pub deciding: Deciding,
    /// The number of candidates at the head of the order that are level with the first.
    pub level: usize,
}

impl Ranking {
    /// Declares that no candidate wins: the first `level` ones behave differently, and only the user knows
    /// which one is right.
    pub fn leave_open(&mut self, level: usize) {
        (self.winner, self.deciding, self.level) = (None, Deciding::Nothing, level);
    }

    /// The candidates at the head of the order that are level with the first.
    pub fn level(&self) -> &[usize] {
        self.order.get(..self.level).unwrap_or_default()
    }
}

/// Ranks candidates. `chosen` is the index of the judge's choice, if there is one. It counts in
/// [`Mode::LlmJudge`] only, and only among the candidates that can win.
///
/// A candidate that failed its tests never wins. With [`TestWeight::First`], proven candidates come before
/// all others. Length, order and authorship never decide: if nothing else tells the first from another, no
/// candidate wins.
pub fn rank(candidates: &[Evidence], mode: Mode, weight: TestWeight, chosen: Option<usize>) -> Ranking {
    let score = match mode {
        Mode::TestsFirst | Mode::LlmJudge => tests_first_score,
        Mode::Hybrid => hybrid_score,
    };
    let scores: Vec<f64> = candidates.iter().map(score).collect();
    let mut ranked: Vec<Ranked> = candidates
        .iter()
        .enumerate()
        .zip(&scores)
        .filter(|((_, known), _)| known.standing().can_win())
        .map(|((index, known), score)| Ranked { index, known, score: *score, chosen: chosen == Some(index) })
        .collect();
    // Stable, so that the earlier of two equals stays the earlier.
    ranked.order_by(|one, other| {
        one.against(other, mode, weight)
            .0
            .then_with(|| one.known.standing().cmp(&other.known.standing()))
            .then_with(|| one.known.size.cmp(&other.known.size))
    });
    let (winner, deciding) = settled(&ranked, mode, weight);
    let with_first = |one: &&Ranked| {
        ranked.first().is_some_and(|first| first.against(one, mode, weight).0 == Ordering::Equal)
    };
    let level = ranked.iter().take_while(with_first).count();
    Ranking { order: ranked.iter().map(|one| one.index).collect(), scores, winner, deciding, level }
}

/// The index of the winner, and the difference that decided.
fn settled(ranked: &[Ranked], mode: Mode, weight: TestWeight) -> (Option<usize>, Deciding) {
    let Some((first, rest)) = ranked.split_first() else { return (None, Deciding::Nothing) };
    let level = |other: &&Ranked| first.against(other, mode, weight).0 == Ordering::Equal;
    let mut equals = rest.iter().filter(level);
    if equals.clone().any(|other| other.known.same_as != first.known.same_as) {
        return (None, Deciding::Nothing);
    }
    let deciding = if equals.next().is_some() {
        Deciding::Same
    } else {
        rest.first().map_or(Deciding::OnlyOne, |second| first.against(second, mode, weight).1)
    };
    (Some(first.index), deciding)
}

/// A candidate with everything that decides its place.
struct Ranked<'a> {
    index: usize,
    known: &'a Evidence,
    score: f64,
    chosen: bool,
}

impl Ranked<'_> {
    /// The order of this candidate and another (less is better), and the difference that decided it.
    fn against(&self, other: &Self, mode: Mode, weight: TestWeight) -> (Ordering, Deciding) {
        let (one, two) = (self.known, other.known);
        let by_tests = match weight {
            TestWeight::First => {
                one.standing().cmp(&two.standing()).then(has_passed(two).cmp(&has_passed(one)))
            }
            TestWeight::Among => Ordering::Equal,
        };
        let by_lint = two.lint.map_or(-1.0, |lint| lint).total_cmp(&one.lint.map_or(-1.0, |lint| lint));
        // If tests decide, the number of authors that agree is no sign among proven candidates: weak tests
        // often let the same mistake pass. Otherwise it must count for all: else the order would not be
        // transitive.
        let tests_decide = weight == TestWeight::First || mode == Mode::TestsFirst;
        let proven = one.standing() == Standing::Proven && two.standing() == Standing::Proven;
        let by_support = if tests_decide && proven { Ordering::Equal } else { two.support.cmp(&one.support) };
        let by_score = other.score.total_cmp(&self.score);
        let by_mode = match mode {
            Mode::TestsFirst => {
                [(by_score_of_tests(one, two, weight), Deciding::Tests), (by_lint, Deciding::Lint)]
            }
            Mode::LlmJudge => [(other.chosen.cmp(&self.chosen), Deciding::Judge), (by_lint, Deciding::Lint)],
            Mode::Hybrid => [(by_score, Deciding::Score), (by_lint, Deciding::Lint)],
        };
        let found = std::iter::once((by_tests, Deciding::Tests))
            .chain(by_mode)
            .chain([(by_support, Deciding::Support)])
            .find(|(order, _)| *order != Ordering::Equal);
        found.unwrap_or((Ordering::Equal, Deciding::Nothing))
    }
}

/// The order by tests in [`Mode::TestsFirst`], which puts tests first even with [`TestWeight::Among`].
fn by_score_of_tests(one: &Evidence, two: &Evidence, weight: TestWeight) -> Ordering {
    match weight {
        TestWeight::First => Ordering::Equal,
        TestWeight::Among => one.standing().cmp(&two.standing()).then(has_passed(two).cmp(&has_passed(one))),
    }
}

fn has_passed(candidate: &Evidence) -> bool {
    candidate.tests == Tests::Passed
}

const UNKNOWN: f64 = 0.5;

/// 0.6 if the tests passed, plus 0.2 times lint, plus 0.2 times the judge's score. Unknown parts count 0.
fn tests_first_score(candidate: &Evidence) -> f64 {
    let tests = match candidate.tests {
        Tests::Passed => 0.6,
        Tests::Failed | Tests::Unknown => 0.0,
    };
    tests + 0.2 * candidate.lint.unwrap_or(0.0) + 0.2 * candidate.judge.unwrap_or(0.0)
}

fn hybrid_score(candidate: &Evidence) -> f64 {
    let tests = match candidate.standing() {
        Standing::Proven => 1.0,
        Standing::Failed => 0.0,
        Standing::Open | Standing::Flagged | Standing::NoAnswer => UNKNOWN,
    };
    TEST_WEIGHT * tests
        + LINT_WEIGHT * candidate.lint.unwrap_or(0.0)
        + JUDGE_WEIGHT * candidate.judge.unwrap_or(UNKNOWN)
}

/// The weights of the contract, 0.6 to 0.15 to 0.15, scaled to the sum 1. Its remaining weight is left out:
/// length and authorship do not count, since neither shows that a candidate is right.
const TEST_WEIGHT: f64 = 2.0 / 3.0;
const LINT_WEIGHT: f64 = 1.0 / 6.0;
const JUDGE_WEIGHT: f64 = 1.0 / 6.0;

/// The basis of a selection. It is tests if the tests of any candidate were known, since they come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Results of tests of the candidates.
    Tests,
    /// Linters.
    StaticChecks,
    Judge,
    /// Only the rubric: size and order.
    Rubric,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelectionRecord {
    pub mode: Mode,
    /// The evidence that decided.
    pub basis: Basis,
    /// True if the tests of any candidate were known.
    pub with_tests: bool,
    /// The id of the winner, if there was one.
    pub winner_id: Option<String>,
    /// The author of the winner, if known.
    pub winner_provider: Option<String>,
    /// The number of candidates.
    pub candidates: u32,
    /// The candidates, in the order given.
    pub options: Vec<OptionRecord>,
    /// The judge, if one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge_verdict: Option<String>,
    /// The result of each provider: see [`voices`].
    pub answers: Vec<Answer>,
}

/// A candidate of a recorded selection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionRecord {
    pub id: String,
    /// The mark of its content.
    pub mark: Mark,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    pub tests: Tests,
    /// The names of its red flags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub red_flags: Vec<String>,
}

impl OptionRecord {
    pub fn new(id: &str, content: &str, known: &Evidence, flags: &[Reason]) -> Self {
        Self {
            id: id.to_owned(),
            mark: Mark::of(content),
            provider: known.provider.clone(),
            tests: known.tests,
            red_flags: flags.iter().map(|flag| flag.name().to_owned()).collect(),
        }
    }
}

/// The result of each provider: correct if its first tested candidate passed. It has no mark, since
/// candidates with the same meaning in other words cannot be compared.
pub fn voices(options: &[OptionRecord]) -> Vec<Answer> {
    let mut voices: Vec<Answer> = Vec::new();
    for option in options {
        let correct = match option.tests {
            Tests::Passed => true,
            Tests::Failed => false,
            Tests::Unknown => continue,
        };
        let Some(provider) = option.provider.clone() else { continue };
        if voices.iter().all(|voice| voice.provider != provider) {
            voices.push(Answer { provider, mark: None, correct: Some(correct) });
        }
    }
    voices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(provider: Option<&str>, tests: Tests) -> OptionRecord {
        let provider = provider.map(str::to_owned);
        OptionRecord { id: "x".to_owned(), mark: Mark::of("x"), provider, tests, red_flags: Vec::new() }
    }

    #[test]
    fn a_provider_has_one_voice_and_only_where_tests_ran() {
        let found = voices(&[
            option(Some("codex"), Tests::Unknown),
            option(Some("codex"), Tests::Failed),
            option(Some("codex"), Tests::Passed),
            option(None, Tests::Passed),
            option(Some("gemini"), Tests::Passed),
        ]);
        let said: Vec<_> = found.iter().map(|voice| (voice.provider.as_str(), voice.correct)).collect();
        assert_eq!(said, [("codex", Some(false)), ("gemini", Some(true))]);
        assert!(found.iter().all(|voice| voice.mark.is_none()));
    }
}

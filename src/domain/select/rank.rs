//! The rule that ranks candidates, and decides whether one of them wins.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::proof::{Evidence, Standing, Tests};
use crate::domain::coordination::record::{Answer, Mark};
use crate::domain::order::Order;
use crate::domain::redflag::Reason;

/// The rule that decides among candidates that stand level by their tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Mode {
    /// Lint.
    #[default]
    TestsFirst,
    /// A judge.
    LlmJudge,
    /// A weighted sum.
    Hybrid,
}

/// The weight of tests against everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestWeight {
    /// A proof by tests comes before all that they do not prove, in every mode.
    First,
    /// A failure still excludes; beyond that they are one sign among several.
    Among,
}

/// The difference that set the winner apart, or that nothing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deciding {
    /// Nobody else can win.
    OnlyOne,
    Tests,
    Judge,
    /// The weighted score.
    Score,
    /// The linter.
    Lint,
    /// More authors say the same.
    Support,
    /// Those that stand level are the same, so that either will do.
    Same,
    /// Nothing tells them apart.
    Nothing,
}

/// Every candidate's score, those that can win, best first, and who wins.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The scores, from 0 to 1, in the order of the candidates.
    pub scores: Vec<f64>,
    /// Indexes of those that can win, best first.
    pub order: Vec<usize>,
    /// The winner; none where nobody can win, or nothing tells the first from others.
    pub winner: Option<usize>,
    pub deciding: Deciding,
    /// Number at the head of the order that nothing ranks one above another.
    pub level: usize,
}

impl Ranking {
    /// Nobody wins: the first ones, so many, behave differently, and only the user knows which is
    /// right.
    pub fn leave_open(&mut self, level: usize) {
        (self.winner, self.deciding, self.level) = (None, Deciding::Nothing, level);
    }

    /// Those at the head of the order that nothing ranks one above another.
    pub fn level(&self) -> &[usize] {
        self.order.get(..self.level).unwrap_or_default()
    }
}

/// Ranks candidates. `chosen` is the judge's choice, where there is one; it counts in
/// [`Mode::LlmJudge`] only, and only among those that can win.
///
/// A candidate that failed its tests never wins, and with [`TestWeight::First`] one that is proven comes
/// before all that are not. Neither length nor order nor authorship decides: where nothing else tells the
/// first from another one, nobody wins.
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

/// Returns who of the ranked wins, and by what.
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

/// A candidate with what its place hangs on.
struct Ranked<'a> {
    index: usize,
    known: &'a Evidence,
    score: f64,
    chosen: bool,
}

impl Ranked<'_> {
    /// Returns where it stands against another, and by what.
    fn against(&self, other: &Self, mode: Mode, weight: TestWeight) -> (Ordering, Deciding) {
        let (one, two) = (self.known, other.known);
        let by_tests = match weight {
            TestWeight::First => {
                one.standing().cmp(&two.standing()).then(has_passed(two).cmp(&has_passed(one)))
            }
            TestWeight::Among => Ordering::Equal,
        };
        let by_lint = two.lint.map_or(-1.0, |lint| lint).total_cmp(&one.lint.map_or(-1.0, |lint| lint));
        // Where tests decide, how many agree is no sign: weak tests let the same mistake pass often. Where
        // they do not, it is a sign for everybody: else the order would not be one.
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

/// The mode that is named after tests has them first whatever else is preferred.
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

/// 0.6 where the tests passed, 0.2 of lint, 0.2 of the judge; what is not known counts nothing.
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

/// The weights of the contract, 0.6 to 0.15 to 0.15, with the rest that counts nothing left out; their sum is
/// 1. How short a candidate is and who wrote it count nothing: neither says whether it is right.
const TEST_WEIGHT: f64 = 2.0 / 3.0;
const LINT_WEIGHT: f64 = 1.0 / 6.0;
const JUDGE_WEIGHT: f64 = 1.0 / 6.0;

/// The basis of a selection: tests wherever any were known, for they come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Results of tests of the candidates.
    Tests,
    /// Linters.
    StaticChecks,
    Judge,
    /// Nothing but the rubric: size, order.
    Rubric,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelectionRecord {
    /// The rule that decided in the end, by the mode.
    pub mode: Mode,
    /// The rule that decided, by what was known.
    pub basis: Basis,
    /// True if the tests of any candidate were known.
    pub with_tests: bool,
    /// The id of the winner; none where nobody won.
    pub winner_id: Option<String>,
    /// The author of the winner, where known.
    pub winner_provider: Option<String>,
    /// Candidates to choose from.
    pub candidates: u32,
    /// Each of them, in the order given.
    pub options: Vec<OptionRecord>,
    /// The judge, where one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge_verdict: Option<String>,
    /// The first tested candidate of each provider: its voice on the task.
    pub answers: Vec<Answer>,
}

/// A candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionRecord {
    pub id: String,
    /// The mark of what it says.
    pub mark: Mark,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    pub tests: Tests,
    /// Why it is flagged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub red_flags: Vec<String>,
}

impl OptionRecord {
    /// A candidate by what it says and what is known of it.
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

/// The voice of each provider: whether its first tested candidate passed. Two candidates that say
/// the same in other words are not compared, so a voice has no mark.
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

//! Number of independent voices among several providers. Providers with common errors count for less.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::record::Answer;
use crate::domain::measure::number::{quotient, ratio, real};
use crate::domain::order::Gather;

/// Minimum number of questions that two providers must have in common before their agreement is reported.
/// With 30, the standard error of a rate is at most 0.09 and that of a correlation about 0.18. With fewer,
/// the number of voices would be noise.
pub const ENOUGH_QUESTIONS: u64 = 30;

/// Effective number of independent voices among N `voices` whose errors have the mean correlation `rho`:
/// `N / (1 + (N - 1) rho)`. A negative correlation counts as 0, so there are never more voices than
/// providers.
pub fn effective_voices(voices: u64, rho: f64) -> f64 {
    let voices = real(voices);
    if voices < 1.0 { 0.0 } else { voices / (1.0 + (voices - 1.0) * rho.clamp(0.0, 1.0)) }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// The two providers, in alphabetical order.
    pub providers: [String; 2],
    /// Number of common questions.
    pub questions: u64,
    /// Share of equal answers among the compared ones, 0 to 1. `None` if too few were compared.
    pub agreement: Option<f64>,
    /// Number of common questions for which each answer is known to be right or wrong.
    pub judged: u64,
    /// Correlation (phi) of being right, -1 to 1. `None` if too few questions are judged, or if one provider
    /// was always right or always wrong.
    pub correlation: Option<f64>,
    /// Share of equal answers among those where both providers are wrong, 0 to 1.
    pub same_error: Option<f64>,
}

/// The basis of the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    Correctness,
    /// Only the equality of answers; right answers are equal too.
    Agreement,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diversity {
    /// Number of providers in the pairs.
    pub voices: u64,
    /// Effective number of independent voices among them. `None` until enough answers are judged.
    pub effective_voices: Option<f64>,
    /// Mean correlation of being right over the pairs. `None` until enough answers are judged.
    pub rho: Option<f64>,
    pub basis: Basis,
    /// The pairs with enough questions.
    pub pairs: Vec<Pair>,
    /// Share of judged questions that every provider got wrong. No way of choosing an answer can succeed more
    /// often than 1 minus this share.
    pub all_wrong: Option<f64>,
}

/// The answers of several providers to one question.
pub type Question = Vec<Answer>;

/// Measures how independent the providers of recorded questions are. `None` while no pair has
/// [`ENOUGH_QUESTIONS`] in common.
pub fn diversity(questions: &[Question]) -> Option<Diversity> {
    let pairs: Vec<Pair> =
        pairs(questions).into_iter().filter(|pair| pair.questions >= ENOUGH_QUESTIONS).collect();
    let names: BTreeSet<&String> = pairs.iter().flat_map(|pair| &pair.providers).gather();
    let voices = u64::try_from(names.len()).unwrap_or(u64::MAX);
    let correlations: Vec<f64> = pairs.iter().filter_map(|pair| pair.correlation).collect();
    let rho = mean(&correlations);
    if rho.is_none() && pairs.iter().all(|pair| pair.agreement.is_none()) {
        return None;
    }
    Some(Diversity {
        voices,
        effective_voices: rho.map(|rho| effective_voices(voices, rho)),
        rho,
        basis: if rho.is_some() { Basis::Correctness } else { Basis::Agreement },
        all_wrong: all_wrong(questions),
        pairs,
    })
}

/// Largest number of questions that any two providers have in common.
pub fn most_shared_questions(questions: &[Question]) -> u64 {
    pairs(questions).iter().map(|pair| pair.questions).max().unwrap_or_default()
}

/// Every pair of providers with a common question, in alphabetical order.
pub fn pairs(questions: &[Question]) -> Vec<Pair> {
    let mut tallies: BTreeMap<[&str; 2], Tally> = BTreeMap::new();
    for question in questions {
        let voices = voices(question);
        for (at, (left, first)) in voices.iter().enumerate() {
            for (right, second) in voices.iter().skip(at + 1) {
                tallies.entry([*left, *right]).or_default().add(first, second);
            }
        }
    }
    tallies.into_iter().map(|([left, right], tally)| tally.pair(left, right)).collect()
}

/// The first answer of each provider: a provider that was asked twice still has one vote.
fn voices(question: &Question) -> Vec<(&str, &Answer)> {
    let mut voices: BTreeMap<&str, &Answer> = BTreeMap::new();
    for answer in question {
        voices.entry(&answer.provider).or_insert(answer);
    }
    voices.into_iter().collect()
}

fn mean(values: &[f64]) -> Option<f64> {
    quotient(values.iter().sum(), real(u64::try_from(values.len()).ok()?))
}

fn all_wrong(questions: &[Question]) -> Option<f64> {
    let judged: Vec<Vec<bool>> = questions
        .iter()
        .map(voices)
        .filter(|voices| voices.len() > 1)
        .filter_map(|voices| voices.iter().map(|(_, answer)| answer.correct).collect())
        .collect();
    let count = u64::try_from(judged.len()).ok().filter(|count| *count >= ENOUGH_QUESTIONS)?;
    let wrong = judged.iter().filter(|verdicts| verdicts.iter().all(|right| !right)).count();
    ratio(u64::try_from(wrong).ok()?, count)
}

#[derive(Default)]
struct Tally {
    questions: u64,
    compared: u64,
    alike: u64,
    both_right: u64,
    only_first: u64,
    only_second: u64,
    both_wrong: u64,
    compared_errors: u64,
    same_error: u64,
}

impl Tally {
    fn add(&mut self, first: &Answer, second: &Answer) {
        let compared = first.mark.is_some() && second.mark.is_some();
        let alike = compared && first.mark == second.mark;
        self.questions += 1;
        self.compared += u64::from(compared);
        self.alike += u64::from(alike);
        match (first.correct, second.correct) {
            (Some(true), Some(true)) => self.both_right += 1,
            (Some(true), Some(false)) => self.only_first += 1,
            (Some(false), Some(true)) => self.only_second += 1,
            (Some(false), Some(false)) => {
                self.both_wrong += 1;
                self.compared_errors += u64::from(compared);
                self.same_error += u64::from(alike);
            }
            (None, _) | (_, None) => {}
        }
    }

    fn pair(&self, left: &str, right: &str) -> Pair {
        Pair {
            providers: [left.to_owned(), right.to_owned()],
            questions: self.questions,
            agreement: (self.compared >= ENOUGH_QUESTIONS)
                .then(|| ratio(self.alike, self.compared))
                .flatten(),
            judged: self.judged(),
            correlation: (self.judged() >= ENOUGH_QUESTIONS).then(|| self.phi()).flatten(),
            same_error: ratio(self.same_error, self.compared_errors),
        }
    }

    fn judged(&self) -> u64 {
        self.both_right + self.only_first + self.only_second + self.both_wrong
    }

    /// The phi coefficient of both providers being right.
    fn phi(&self) -> Option<f64> {
        let [both, first, second, neither] =
            [self.both_right, self.only_first, self.only_second, self.both_wrong].map(real);
        let spread = ((both + first) * (second + neither) * (both + second) * (first + neither)).sqrt();
        quotient(both * neither - first * second, spread)
    }
}

#[cfg(test)]
mod tests;

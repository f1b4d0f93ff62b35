//! One try at a stage: who is to be asked, who answered, what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::event::stage::{Candidate, Mode, StageStarted};
use crate::domain::stage::Stage;

/// One try at a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its id.
    pub id: String,
    /// The stage.
    pub stage: Stage,
    pub iteration: u32,
    pub mode: Mode,
    /// Why in that way.
    pub why: String,
    /// The digest of what was asked.
    pub request: String,
    /// The server that works on it.
    pub server: String,
    pub providers: Vec<String>,
    /// The consults that it reserved.
    pub reservations: Vec<String>,
    /// The answers so far.
    pub answers: Vec<Candidate>,
    /// Time when it began, in milliseconds since 1970.
    pub started_at: u64,
    pub outcome: Outcome,
    /// True if the caller has its result.
    pub delivered: bool,
}

impl Attempt {
    /// An attempt that has just begun.
    pub fn begun(id: &str, at: u64, started: &StageStarted) -> Self {
        Self {
            id: id.to_owned(),
            stage: started.stage,
            iteration: started.iteration,
            mode: started.mode,
            why: started.why.clone(),
            request: started.request.clone(),
            server: started.server.clone(),
            providers: started.providers.clone(),
            reservations: Vec::new(),
            answers: Vec::new(),
            started_at: at,
            outcome: Outcome::Open,
            delivered: false,
        }
    }

    /// The candidates that are still to be asked: those without a counted or failed answer.
    pub fn left(&self) -> Vec<(String, String)> {
        self.planned()
            .into_iter()
            .filter(|(id, _)| !self.answers.iter().any(|answer| answer.id == *id))
            .collect()
    }

    /// Every candidate that is to be asked, as its id and its provider.
    pub fn planned(&self) -> Vec<(String, String)> {
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        self.providers
            .iter()
            .map(|provider| {
                let number = numbers.entry(provider).or_default();
                *number += 1;
                (format!("{provider}-{number}"), provider.clone())
            })
            .collect()
    }

    /// The first answer that counts, in the order of the candidates; a second sample has the place of
    /// the one that it stands for.
    pub fn best(&self) -> Option<&Candidate> {
        let planned = self.planned();
        self.answers.iter().filter(|answer| answer.ok).min_by_key(|answer| {
            let place = planned.iter().position(|(id, _)| id == answer.stands_for());
            place.unwrap_or(usize::MAX)
        })
    }

    /// True if the orchestrator does the stage itself.
    pub fn is_solo(&self) -> bool {
        self.mode == Mode::Solo
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is worked on, or its server was killed.
    Open,
    /// It has outputs.
    Finished,
    /// It has none.
    Failed,
    /// Its server ended first.
    Interrupted,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(providers: &[&str], answers: Vec<Candidate>) -> Attempt {
        let started = StageStarted {
            stage: Stage::Analyze,
            iteration: 1,
            mode: Mode::Ensemble,
            why: String::new(),
            request: String::new(),
            server: String::new(),
            providers: providers.iter().map(|name| (*name).to_owned()).collect(),
        };
        Attempt { answers, ..Attempt::begun("a", 1, &started) }
    }

    fn answer(id: &str, ok: bool) -> Candidate {
        Candidate { id: id.to_owned(), ok, ..Candidate::default() }
    }

    fn again(id: &str) -> Candidate {
        Candidate { resample: true, ..answer(&Candidate::again(id), true) }
    }

    fn best(attempt: &Attempt) -> &str {
        &attempt.best().unwrap().id
    }

    #[test]
    fn a_name_that_begins_with_another_is_not_taken_for_it() {
        // As texts, `x-1-1` of the provider `x-1` begins with `x-1` of the provider `x`.
        let both = attempt(&["y", "x", "x-1"], vec![answer("x-1-1", true), answer("x-1", true)]);
        assert_eq!(best(&both), "x-1");
        let second = attempt(&["x", "y", "x-1"], vec![answer("x-1-1", true), answer("y-1", true)]);
        assert_eq!(best(&second), "y-1");
    }

    #[test]
    fn a_second_sample_has_the_place_of_the_one_that_it_stands_for() {
        let answers = vec![answer("y-1", true), answer("x-1", false), again("x-1")];
        let attempt = attempt(&["x", "y"], answers);
        assert_eq!(best(&attempt), "x-1-again");
        assert!(attempt.left().is_empty());
    }

    #[test]
    fn eleven_of_one_provider_keep_their_order() {
        let answers = (1..=11).rev().map(|number| answer(&format!("x-{number}"), true)).collect();
        assert_eq!(best(&attempt(&["x"; 11], answers)), "x-1");
    }
}

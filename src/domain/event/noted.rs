//! What a noted result says, by its topic: whoever records one and whoever counts it use the same
//! form.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::record::{Noted, Topic};
use crate::domain::coordination::record::RunRecord;

/// The content of a noted result. Fields that a later version adds are passed over.
pub trait Content: Serialize + DeserializeOwned {
    /// What it is about.
    const TOPIC: Topic;
}

impl Noted {
    /// A result to be recorded.
    ///
    /// # Errors
    ///
    /// A content that is no JSON.
    pub fn of<T: Content>(content: &T) -> Result<Self, serde_json::Error> {
        Ok(Self { topic: T::TOPIC, content: serde_json::to_value(content)? })
    }

    /// What it says; none where it is about something else or has another form.
    #[must_use]
    pub fn read<T: Content>(&self) -> Option<T> {
        (self.topic == T::TOPIC).then(|| T::deserialize(&self.content).ok()).flatten()
    }
}

/// Answers of several consultants to the same question, compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnsembleNoted {
    /// Answers that were compared.
    pub answers: u32,
    /// How much they repeat one another: mean cosine similarity of their pairs, 0 to 1; none below
    /// two answers with words.
    pub redundancy: Option<f64>,
}

impl Content for EnsembleNoted {
    const TOPIC: Topic = Topic::Ensemble;
}

/// What decided a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Results of tests of the candidates.
    Tests,
    /// Linters and other checks that run nothing.
    StaticChecks,
    /// A judge.
    Judge,
    /// Nothing but the rubric: size, trust, order.
    Rubric,
}

/// A selection among candidates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectionNoted {
    /// What decided it.
    pub basis: Basis,
    /// Candidates to choose from.
    pub candidates: u32,
    /// The id of the winner; none where nobody won.
    pub winner: Option<String>,
}

impl Content for SelectionNoted {
    const TOPIC: Topic = Topic::Selection;
}

impl Content for RunRecord {
    const TOPIC: Topic = Topic::Coordination;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_noted_is_read_by_its_topic_alone() {
        let ensemble = EnsembleNoted { answers: 2, redundancy: Some(0.5) };
        let noted = Noted::of(&ensemble).unwrap();
        assert_eq!(noted.content, json!({ "answers": 2, "redundancy": 0.5 }));
        assert_eq!(noted.read::<EnsembleNoted>(), Some(ensemble));
        assert_eq!(noted.read::<SelectionNoted>(), None);
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let content = json!({ "basis": "tests", "candidates": 2, "winner": null, "mood": "good" });
        let noted = Noted { topic: Topic::Selection, content };
        let selection = SelectionNoted { basis: Basis::Tests, candidates: 2, winner: None };
        assert_eq!(noted.read(), Some(selection));
    }

    #[test]
    fn another_form_says_nothing() {
        let noted = Noted { topic: Topic::Selection, content: json!({ "basis": "stars" }) };
        assert_eq!(noted.read::<SelectionNoted>(), None);
    }
}

//! The record of finished work: one event for each piece, from which all figures are computed.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::stage::Stage;
use crate::domain::topology::Topology;
use crate::domain::vote::canonical::Canonical;

/// A finished piece of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub topology: Topology,
    pub success: bool,
    pub tokens: u64,
    /// Messages between agents.
    pub messages: u64,
    /// Reasoning turns.
    pub rounds: u64,
    /// Number of answers discarded for their form. A failed run does not count as one.
    pub format_errors: u64,
    /// Similarity of its outputs, 0 to 1. `None` for fewer than two outputs.
    pub redundancy: Option<f64>,
    pub answers: Vec<Answer>,
    /// The stage of the work, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The intent of the work, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
}

impl RunRecord {
    /// True if the work is of this stage and intent. A value that is missing on either side fits anything.
    pub fn is_like(&self, stage: Option<Stage>, intent: Option<&str>) -> bool {
        let fits_stage = stage.is_none() || self.stage.is_none() || self.stage == stage;
        let fits_intent = intent.is_none() || self.intent.is_none() || self.intent.as_deref() == intent;
        fits_stage && fits_intent
    }
}

/// The answer of one provider to the question of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub provider: String,
    /// Digest of the answer: equal answers have equal marks. `None` if answers are not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// True if the answer was right. `None` if unknown.
    pub correct: Option<bool>,
}

/// A digest that identifies an answer without storing it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark(String);

impl Mark {
    /// The mark of an answer. Answers that count as equal in a vote have the same mark.
    pub fn of(answer: &str) -> Self {
        Self::of_canonical(&Canonical::of(answer))
    }

    /// The mark of an answer in canonical form.
    pub fn of_canonical(answer: &Canonical) -> Self {
        let form: &str = answer.form().into();
        let digest = Sha256::digest(format!("{form}\n{}", answer.key()).as_bytes());
        let half = digest.first_chunk::<16>().copied().unwrap_or_default();
        Self(format!("{:032x}", u128::from_be_bytes(half)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_answers_have_equal_marks() {
        assert_eq!(
            Mark::of("{\"a\":1,\"b\":{\"d\":2,\"c\":3}}"),
            Mark::of("{ \"b\": {\"c\":3,\"d\":2}, \"a\": 1 }")
        );
        assert_eq!(Mark::of("line  41\n"), Mark::of("line 41"));
        assert_eq!(Mark::of("Line 41"), Mark::of("line 41"));
        assert_ne!(Mark::of("userId 41"), Mark::of("userid 41"));
        assert_ne!(Mark::of("[1,2]"), Mark::of("[2,1]"));
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let answer = Answer { provider: "codex".into(), mark: Some(Mark::of("41")), correct: Some(true) };
        let run = RunRecord {
            topology: Topology::Independent,
            success: true,
            tokens: u64::MAX,
            messages: 2,
            rounds: 3,
            format_errors: 1,
            redundancy: Some(1.0 / 3.0),
            answers: vec![answer],
            stage: None,
            intent: None,
        };
        let written = serde_json::to_string(&run).unwrap();
        assert_eq!(serde_json::from_str::<RunRecord>(&written).unwrap(), run);
    }

    proptest! {
        #[test]
        fn different_words_have_different_marks(left in "[a-z ]{0,20}", right in "[a-z ]{0,20}") {
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(Mark::of(&left) == Mark::of(&right), words(&left) == words(&right));
        }
    }
}

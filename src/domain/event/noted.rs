//! The content of a noted result, by its topic: its writer and its reader use the same
//! form.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::consult::Kept;
use super::record::{Noted, Topic};
use crate::domain::coordination::record::RunRecord;
use crate::domain::select::record::SelectionRecord;

/// The content of a noted result. Fields that a later version adds are passed over.
pub trait Content: Serialize + DeserializeOwned {
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

    /// Returns what it says; none where it is about something else or has another form.
    pub fn read<T: Content>(&self) -> Option<T> {
        (self.topic == T::TOPIC).then(|| T::deserialize(&self.content).ok()).flatten()
    }
}

/// Answers of several consultants to the same question, compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnsembleNoted {
    /// Answers that were compared.
    pub answers: u32,
    /// Their redundancy: mean cosine similarity of their pairs, 0 to 1; none below
    /// two answers with words.
    pub redundancy: Option<f64>,
    /// The question, without the files that went with it; for those who judge the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Kept>,
    /// The files that went with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context_files: Vec<String>,
}

impl Content for EnsembleNoted {
    const TOPIC: Topic = Topic::Ensemble;
}

impl Content for SelectionRecord {
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
        let ensemble =
            EnsembleNoted { answers: 2, redundancy: Some(0.5), task: None, context_files: Vec::new() };
        let noted = Noted::of(&ensemble).unwrap();
        assert_eq!(noted.content, json!({ "answers": 2, "redundancy": 0.5 }));
        assert_eq!(noted.read::<EnsembleNoted>(), Some(ensemble));
        assert_eq!(noted.read::<SelectionRecord>(), None);
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let content = json!({ "answers": 2, "redundancy": null, "mood": "good" });
        let noted = Noted { topic: Topic::Ensemble, content };
        let read = EnsembleNoted { answers: 2, redundancy: None, task: None, context_files: Vec::new() };
        assert_eq!(noted.read(), Some(read));
    }

    #[test]
    fn another_form_says_nothing() {
        let noted = Noted { topic: Topic::Selection, content: json!({ "basis": "stars" }) };
        assert_eq!(noted.read::<SelectionRecord>(), None);
    }
}

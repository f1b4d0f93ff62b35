//! Spent limits: quotas of providers that are used up until a known time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::consult::ConsultSettled;

/// Code of the error that a quota or credit is used up.
pub(crate) const SPENT: &str = "quota_exceeded";

/// A used-up limit of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Time when the limit resets, as the provider states it.
    pub resets_at: String,
    /// Time of the provider's report, in milliseconds since 1970.
    pub said_at: u64,
    /// The model whose own limit it is; `None` if it is the provider's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Spent {
    /// True if it stops a call that asks for this model. `None` leaves the choice to the CLI.
    pub fn stops(&self, asked: Option<&str>) -> bool {
        let is_asked = |model: &String| asked.is_some_and(|asked| asked.eq_ignore_ascii_case(model));
        self.model.as_ref().is_none_or(is_asked)
    }
}

/// True if a provider's words name this very model, and not only one whose name begins like it.
pub fn names_model(words: &str, model: &str) -> bool {
    let (words, model) = (words.to_lowercase(), model.to_lowercase());
    let goes_on = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    let is_whole = |at: usize| {
        let before = words.get(..at).and_then(|before| before.chars().next_back());
        let mut after = words.get(at + model.len()..).unwrap_or_default().chars();
        let (next, second) = (after.next(), after.next());
        let ends_sentence = next == Some('.') && !second.is_some_and(char::is_alphanumeric);
        !before.is_some_and(goes_on) && (ends_sentence || !next.is_some_and(goes_on))
    };
    !model.is_empty() && words.match_indices(&model).any(|(at, _)| is_whole(at))
}

/// Records the end of a consult: an answer removes the spent limit that stopped such calls; a used-up
/// quota with a reset time sets it.
pub fn settled(spent: &mut BTreeMap<String, Spent>, at: u64, settled: &ConsultSettled) {
    match (settled.code.as_deref(), &settled.resets_at) {
        (None, _) => {
            let asked = settled.told.model_asked.as_deref();
            spent.retain(|provider, spent| *provider != settled.provider || !spent.stops(asked));
        }
        (Some(SPENT), Some(resets_at)) => {
            let (resets_at, model) = (resets_at.clone(), settled.limited_model.clone());
            spent.insert(settled.provider.clone(), Spent { resets_at, said_at: at, model });
        }
        (Some(_), _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consult(code: Option<&str>, resets_at: Option<&str>) -> ConsultSettled {
        let settled = serde_json::json!({
            "purpose": "plain", "provider": "codex", "model": "m", "elapsed_ms": 1, "attempts": 1,
            "code": code, "resets_at": resets_at,
        });
        serde_json::from_value(settled).unwrap()
    }

    #[test]
    fn a_spent_quota_with_a_time_is_kept_until_an_answer() {
        let mut spent = BTreeMap::new();
        settled(&mut spent, 1, &consult(Some("rate_limited"), Some("2027-01-01T00:00:00Z")));
        settled(&mut spent, 2, &consult(Some("quota_exceeded"), None));
        assert!(spent.is_empty());
        settled(&mut spent, 3, &consult(Some("quota_exceeded"), Some("2027-01-01T00:00:00Z")));
        settled(&mut spent, 4, &consult(Some("timeout"), None));
        assert_eq!(spent["codex"].resets_at, "2027-01-01T00:00:00Z");
        settled(&mut spent, 5, &consult(None, None));
        assert!(spent.is_empty());
    }

    #[test]
    fn a_limit_of_one_model_stops_only_that_model() {
        let mut spent = BTreeMap::new();
        let mut limited = consult(Some("quota_exceeded"), Some("2027-01-01T00:00:00Z"));
        limited.limited_model = Some("gpt-5.3-codex-spark".to_owned());
        settled(&mut spent, 1, &limited);
        assert!(spent["codex"].stops(Some("GPT-5.3-Codex-Spark")));
        assert!(!spent["codex"].stops(Some("gpt-6.2-sol")) && !spent["codex"].stops(None));
        let mut other = consult(None, None);
        other.told.model_asked = Some("gpt-6.2-sol".to_owned());
        settled(&mut spent, 2, &other);
        assert!(spent.contains_key("codex"));
        other.told.model_asked = limited.limited_model;
        settled(&mut spent, 3, &other);
        assert!(spent.is_empty());
    }

    #[test]
    fn a_model_is_named_by_its_whole_name() {
        let said = "You've hit your usage limit for GPT-5.3-Codex-Spark. Switch to another model now";
        assert!(names_model(said, "gpt-5.3-codex-spark"));
        for other in ["gpt-5.3-codex", "gpt-5.3", "codex-spark", "", "gpt-6.2-sol"] {
            assert!(!names_model(said, other), "{other}");
        }
        assert!(names_model("Opus weekly limit reached", "opus"));
        assert!(names_model("limit: 250, model: gemini-3-pro\nPlease retry", "gemini-3-pro"));
    }
}

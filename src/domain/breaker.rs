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
}

/// Records the end of a consult: an answer removes the provider's spent limit; a used-up quota with a reset
/// time sets it.
pub fn settled(spent: &mut BTreeMap<String, Spent>, at: u64, settled: &ConsultSettled) {
    match (settled.code.as_deref(), &settled.resets_at) {
        (None, _) => drop(spent.remove(&settled.provider)),
        (Some(SPENT), Some(resets_at)) => {
            let resets_at = resets_at.clone();
            spent.insert(settled.provider.clone(), Spent { resets_at, said_at: at });
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
}

//! Answers that were discarded, by provider and reason.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discards {
    counts: BTreeMap<(String, String), u32>,
}

/// Number of times that one provider's answers were discarded for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discarded {
    /// The provider.
    pub provider: String,
    /// The reason, by its stable word.
    pub reason: String,
    /// Number of answers that had it. An answer with two reasons counts under both.
    pub count: u32,
}

impl Discards {
    /// Adds an answer with its reasons, each of which counts once.
    pub fn add<'a>(&mut self, provider: &str, reasons: impl IntoIterator<Item = &'a str>) {
        let mut reasons: Vec<&str> = reasons.into_iter().collect();
        reasons.sort_unstable();
        reasons.dedup();
        for reason in reasons {
            *self.counts.entry((provider.to_owned(), reason.to_owned())).or_default() += 1;
        }
    }

    /// Every provider and reason with its count, in alphabetical order.
    pub fn list(&self) -> Vec<Discarded> {
        let entry = |((provider, reason), count): (&(String, String), &u32)| Discarded {
            provider: provider.clone(),
            reason: reason.clone(),
            count: *count,
        };
        self.counts.iter().map(entry).collect()
    }

    /// The reasons alone, most frequent first.
    pub fn reasons(&self) -> Vec<String> {
        let mut totals: BTreeMap<&str, u32> = BTreeMap::new();
        for ((_, reason), count) in &self.counts {
            *totals.entry(reason).or_default() += count;
        }
        let mut order: Vec<(&str, u32)> = totals.into_iter().collect();
        order.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        order.into_iter().map(|(reason, count)| format!("{reason} ({count})")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_by_provider_once_an_answer() {
        let mut discards = Discards::default();
        discards.add("codex", ["too_long", "hedging", "too_long"]);
        discards.add("codex", ["hedging"]);
        discards.add("claude", ["hedging"]);
        let list: Vec<(String, String, u32)> =
            discards.list().into_iter().map(|entry| (entry.provider, entry.reason, entry.count)).collect();
        let expected = [("claude", "hedging", 1), ("codex", "hedging", 2), ("codex", "too_long", 1)];
        assert_eq!(list, expected.map(|(provider, reason, count)| (provider.into(), reason.into(), count)));
        assert_eq!(discards.reasons(), ["hedging (3)", "too_long (1)"]);
    }
}

//! What counts how much in a hybrid selection.

use serde::{Deserialize, Serialize};

/// What counts how much; the sum is 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Tests passed.
    pub test: f64,
    /// The linter's score.
    pub lint: f64,
    /// The judge's score.
    pub judge: f64,
    /// How short it is beside the others.
    pub minimal_diff: f64,
    /// What is known of its author.
    pub provider_trust: f64,
}

/// The weights of the contract.
pub const WEIGHTS: Weights =
    Weights { test: 0.6, lint: 0.15, judge: 0.15, minimal_diff: 0.05, provider_trust: 0.05 };

/// What is known of an author, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trust(pub f64);

impl Trust {
    /// The trust of the contract; 0.7 for an author of whom nothing is known.
    #[must_use]
    pub fn of(provider: Option<&str>) -> Self {
        Self(match provider {
            Some("codex") => 0.85,
            Some("claude") => 0.8,
            Some("gemini") => 0.75,
            Some(_) | None => 0.7,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Deserialize)]
    struct Contract {
        selection_weights: Weights,
        provider_trust: BTreeMap<String, f64>,
    }

    #[test]
    fn weights_and_trust_are_those_of_the_contract() {
        let text = include_str!("../../../tests/data/selection_weights.json");
        let contract: Contract = serde_json::from_str(text).unwrap();
        assert_eq!(contract.selection_weights, WEIGHTS);
        assert_eq!(contract.provider_trust.len(), 3);
        for (provider, trust) in contract.provider_trust {
            assert_eq!(Trust::of(Some(&provider)), Trust(trust), "{provider}");
        }
        let sum = WEIGHTS.test + WEIGHTS.lint + WEIGHTS.judge + WEIGHTS.minimal_diff + WEIGHTS.provider_trust;
        assert!((sum - 1.0).abs() < 1e-9);
    }
}

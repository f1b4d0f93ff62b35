//! The reason for a topology: that of the rule, and the finding of the paper.

use std::sync::LazyLock;

use super::architecture::{DECOMPOSABLE, Rule, SEQUENTIAL, TOOL_HEAVY};
use super::classify::Scores;
use super::facts::Facts;
use crate::domain::embedded::{Texts, embedded, filled};
use crate::domain::policy::PolicySettings;
use crate::domain::topology::Topology;

pub static FINDINGS: LazyLock<Texts> =
    LazyLock::new(|| embedded("findings.yaml", include_str!("findings.yaml")));

/// The text under a key, with its values.
pub fn finding(key: &str, values: &[(&str, &str)]) -> String {
    filled(&FINDINGS, key, values)
}

/// The reason of a rule.
pub fn rationale(rule: Rule, scores: &Scores) -> String {
    let number = |score: f64| format!("{score:.2}");
    let Scores { decomposability, sequential, tools } = scores;
    finding(
        &format!("rule_{}", rule.name()),
        &[
            ("sequential", &number(*sequential)),
            ("least", &SEQUENTIAL.to_string()),
            ("decomposability", &number(*decomposability)),
            ("above", &DECOMPOSABLE.to_string()),
            ("tools", &number(*tools)),
            ("tools_above", &TOOL_HEAVY.to_string()),
        ],
    )
}

/// The finding of the paper ("Towards a Science of Scaling Agent Systems") about a choice.
pub fn paper_insight(topology: Topology, rule: Rule, policy: &PolicySettings) -> String {
    let several = |key: &str| {
        let Facts { error_multiplier, task_error_ratio, .. } = Facts::of(topology);
        let which = finding(key, &[]);
        let (multiplier, errors) = (error_multiplier.to_string(), task_error_ratio.to_string());
        finding("several", &[("which", &which), ("multiplier", &multiplier), ("errors", &errors)])
    };
    match (topology, rule) {
        (Topology::Sas, Rule::SequentialDependency | Rule::SingleAgentStage) => {
            finding("single_sequential", &[])
        }
        (Topology::Sas, _) => finding("single", &[("percent", &percent(policy))]),
        (Topology::Independent, _) => several("several_independent"),
        (Topology::Centralized, _) => several("several_centralized"),
        (Topology::Decentralized | Topology::Hybrid, _) => several("several_peers"),
    }
}

/// The threshold of a policy in percent.
pub fn percent(policy: &PolicySettings) -> String {
    format!("{:.0}", policy.capability_threshold * 100.0)
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn an_insight_speaks_of_its_own_topology() {
        let policy = PolicySettings { capability_threshold: 0.45, ..PolicySettings::default() };
        let scores = Scores { decomposability: 0.91, sequential: 0.72, tools: 0.63 };
        for rule in Rule::iter() {
            assert!(!rationale(rule, &scores).is_empty(), "{rule:?}");
            assert!(paper_insight(Topology::Sas, rule, &policy).to_lowercase().contains("a single agent"));
            let independent = paper_insight(Topology::Independent, rule, &policy);
            assert!(independent.contains("17.2") && independent.contains("never for deciding"));
            assert!(paper_insight(Topology::Centralized, rule, &policy).contains("4.4"));
        }
        assert!(paper_insight(Topology::Sas, Rule::NoSignal, &policy).contains("45%"));
    }

    #[test]
    fn a_rationale_names_the_score_that_decided() {
        let scores = Scores { decomposability: 0.91, sequential: 0.72, tools: 0.63 };
        assert!(rationale(Rule::SequentialDependency, &scores).contains("0.72"));
        assert!(rationale(Rule::DecomposableWithTools, &scores).contains("0.63"));
        assert!(rationale(Rule::Decomposable, &scores).contains("0.91"));
    }
}

//! The strategy of each stage: how candidates are produced, checked and chosen.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::domain::packed;
use crate::domain::policy::PolicySettings;
use crate::domain::stage::Stage;
use crate::domain::topology::Topology;

/// How the answers of a stage are produced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EnsembleStrategy {
    /// Several agents that do not see each other answer.
    ParallelIndependent,
    #[default]
    SingleAgent,
}

/// How one of several answers is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VotingMode {
    /// By scores.
    #[default]
    ScoreBased,
    /// By tests, then by scores.
    TestFirst,
    /// By weighted scores that include the tests.
    Hybrid,
}

/// The strategy of one stage.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Strategy {
    /// A description in one sentence.
    pub description: String,
    #[serde(serialize_with = "id", skip_deserializing)]
    pub topology: Topology,
    #[serde(skip_deserializing)]
    pub ensemble_strategy: EnsembleStrategy,
    pub voting_mode: VotingMode,
    /// Number of answers to choose from.
    pub max_candidates: Option<u32>,
    pub max_iterations: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub red_flag_rules: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scoring_criteria: Vec<String>,
    /// Names of the criteria, the most important first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub selection_priority: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
}

/// Serializes a topology by its name in the coordination tools.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn id<S: serde::Serializer>(topology: &Topology, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(topology.id())
}

/// The strategy of a stage under a policy.
pub fn strategy(stage: Stage, policy: &PolicySettings) -> Strategy {
    of_stage(stage, policy).arranged(policy.recommended(stage))
}

impl Strategy {
    /// Returns the strategy with another topology.
    pub fn arranged(self, topology: Topology) -> Self {
        let is_alone = topology == Topology::Sas;
        let ensemble_strategy =
            if is_alone { EnsembleStrategy::SingleAgent } else { EnsembleStrategy::ParallelIndependent };
        Self { topology, ensemble_strategy, ..self }
    }
}

fn of_stage(stage: Stage, policy: &PolicySettings) -> Strategy {
    static ALL: LazyLock<HashMap<Stage, Strategy>> =
        LazyLock::new(|| packed::read("src/domain/coordination/strategies.yaml"));
    let strategy = ALL.get(&stage).cloned().unwrap_or_default();
    Strategy { max_iterations: (stage == Stage::Debug).then_some(policy.max_debug_iterations), ..strategy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn policy() -> PolicySettings {
        PolicySettings {
            ensemble_hypotheses: true,
            debug_single_agent: true,
            max_debug_iterations: 5,
            ..PolicySettings::default()
        }
    }

    #[test]
    fn strategies_are_those_of_the_contract() {
        let contract: Value =
            serde_json::from_str(include_str!("../../../tests/data/coordination.json")).unwrap();
        for &stage in Stage::ALL {
            let mut ours = json!(strategy(stage, &policy()));
            assert!(ours.as_object_mut().unwrap().remove("description").is_some());
            if stage == Stage::Analyze {
                // The contract has independent agents here and one consultant in its policies; the
                // skill, the policy and the workflow say one, and so do the strategies.
                assert_eq!(
                    (&ours["topology"], &ours["ensemble_strategy"]),
                    (&json!("sas"), &json!("single_agent"))
                );
                continue;
            }
            assert_eq!(ours, contract["stage_strategy"][stage.name()], "{stage:?}");
            assert_eq!(ours["topology"], contract["stage_defaults"][stage.name()], "{stage:?}");
        }
    }

    #[test]
    fn they_follow_the_policy() {
        let strategy =
            strategy(Stage::Hypothesize, &PolicySettings { ensemble_hypotheses: false, ..policy() });
        assert_eq!(strategy.topology, Topology::Sas);
        assert_eq!(strategy.ensemble_strategy, EnsembleStrategy::SingleAgent);
        for &stage in Stage::ALL {
            assert_eq!(super::strategy(stage, &policy()).topology, policy().recommended(stage));
        }
        let fewer = PolicySettings { max_debug_iterations: 2, ..policy() };
        assert_eq!(super::strategy(Stage::Debug, &fewer).max_iterations, Some(2));
    }
}

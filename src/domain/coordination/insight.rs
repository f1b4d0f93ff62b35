//! Why a topology was chosen, in words: the rule's reason, and what the paper found.

use super::architecture::{DECOMPOSABLE, Rule, SEQUENTIAL, TOOL_HEAVY};
use super::classify::Scores;
use crate::domain::policy::PolicySettings;
use crate::domain::topology::Topology;

/// Why the rule applies.
pub fn rationale(rule: Rule, scores: &Scores) -> String {
    let Scores { decomposability, sequential, tools } = scores;
    match rule {
        Rule::Forced => "The caller insists on it.".to_owned(),
        Rule::SingleAgentStage => {
            "This stage goes step by step, and its changes must fit together: one agent.".to_owned()
        }
        Rule::EnsembleSwitchedOff => {
            "The policy's switch for an ensemble in this stage is off: one agent.".to_owned()
        }
        Rule::RecordedResults => "It did best in the results recorded so far.".to_owned(),
        Rule::SequentialDependency => format!(
            "The steps depend on one another (sequential dependency {sequential:.2}, from {SEQUENTIAL} on)."
        ),
        Rule::DecomposableWithTools => format!(
            "It can be taken apart (decomposability {decomposability:.2}, above {DECOMPOSABLE}) and needs tools (complexity {tools:.2}, above {TOOL_HEAVY}): a centre is to check."
        ),
        Rule::Decomposable => format!(
            "It can be taken apart (decomposability {decomposability:.2}, above {DECOMPOSABLE}) with few tools."
        ),
        Rule::Intent => "What the task is after (intent) decides: several independent voices for reviews, research, designs and where they are asked for, one agent for anything else.".to_owned(),
        Rule::StageDefault => "Nothing in the scores decides, so the stage does.".to_owned(),
        Rule::NoSignal => "Nothing speaks for more than one agent.".to_owned(),
    }
}

/// Returns what the paper ("Towards a Science of Scaling Agent Systems") found about a choice.
pub fn paper_insight(topology: Topology, rule: Rule, policy: &PolicySettings) -> String {
    let several = |centre: &str| {
        let errors = topology.task_error_ratio();
        format!(
            "{centre} ({} times the overhead tokens of a single agent in the paper's traces; {errors} times its failed tasks, as the ratio of benchmark means).",
            topology.error_multiplier()
        )
    };
    match (topology, rule) {
        (Topology::Sas, Rule::SequentialDependency | Rule::SingleAgentStage) => {
            "Where each step needs the one before, several agents did 39 to 70% worse than one: a single agent."
                .to_owned()
        }
        (
            Topology::Sas,
            Rule::Forced
            | Rule::EnsembleSwitchedOff
            | Rule::RecordedResults
            | Rule::DecomposableWithTools
            | Rule::Decomposable
            | Rule::Intent
            | Rule::StageDefault
            | Rule::NoSignal,
        ) => format!(
            "A single agent has no coordination to pay for, and where it succeeds more than about {:.0}% of the time, more agents add little.",
            policy.capability_threshold * 100.0
        ),
        (Topology::Independent, _) => several(
            "Independent agents are for generating candidates and never for deciding: nobody checks them",
        ),
        (Topology::Centralized, _) => several("A centre that checks and chooses holds errors down"),
        (Topology::Decentralized | Topology::Hybrid, _) => {
            several("Agents that talk to one another are not arranged here")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: [Rule; 10] = [
        Rule::Intent,
        Rule::Forced,
        Rule::SingleAgentStage,
        Rule::EnsembleSwitchedOff,
        Rule::RecordedResults,
        Rule::SequentialDependency,
        Rule::DecomposableWithTools,
        Rule::Decomposable,
        Rule::StageDefault,
        Rule::NoSignal,
    ];

    #[test]
    fn an_insight_speaks_of_its_own_topology() {
        let policy = PolicySettings { capability_threshold: 0.45, ..PolicySettings::default() };
        for rule in RULES {
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

//! The coordination policy as a model reads it.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use serde_json::{Value, json};

use super::catalogue::{Load, found_by};
use super::parameters::{NoInput, Parameters};
use super::reply::reply;
use crate::domain::policy::{PolicySettings, Topology};
use crate::domain::stage::Stage;
use crate::server::Maestro;

#[tool_router(router = coordination_tools, vis = "pub(crate)")]
impl Maestro {
    /// Returns the coordination policy in force: budgets, topologies, what each stage may spend, and why.
    #[tool(
        title = "Get the coordination policy",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("budget single agent or several when to skip ensemble topology policy", Load::OnSearch)
    )]
    async fn maestro_get_coordination_policy(
        &self,
        Parameters(NoInput {}): Parameters<NoInput>,
    ) -> CallToolResult {
        let session = self.session();
        reply(session.check_config().map(|()| policy(&session.config().settings.policy)))
    }
}

fn policy(settings: &PolicySettings) -> Value {
    let stages: serde_json::Map<String, Value> =
        Stage::ALL.into_iter().map(|stage| (stage.name().to_owned(), json!(settings.stage(stage)))).collect();
    let topologies: serde_json::Map<String, Value> = Topology::ALL
        .into_iter()
        .map(|topology| (topology.name().to_owned(), topology_facts(topology)))
        .collect();
    json!({
        "policies": {
            "capability_threshold": settings.capability_threshold,
            "skip_ensemble_conditions": [
                format!("baseline_confidence >= {}", settings.capability_threshold),
                "the stage's ensemble_allowed is false",
                "the budget is used up",
                "the steps depend on one another (sequential dependency score >= 0.7)",
            ],
            "error_amplification": {
                "deciding": "tests decide, or the orchestrator over candidates it has checked; never the agents among themselves",
                "candidates": "independent answers are welcome as candidates",
            },
            "budgets": {
                "max_consults_per_stage": settings.max_consults_per_stage,
                "max_consults_total": settings.max_consults_total,
                "max_debug_iterations": settings.max_debug_iterations,
            },
            "prefer_tests_first": settings.prefer_tests_first,
        },
        "stage_defaults": stages,
        "topologies": topologies,
        "paper_insights": {
            "tool_coordination_tradeoff": "Tools and coordination compete for the same budget: only the orchestrator runs tools.",
            "capability_saturation": format!(
                "Where one agent alone succeeds more than about {:.0}% of the time, more agents add little.",
                settings.capability_threshold * 100.0
            ),
            "error_amplification": "Agents that nobody checks multiply errors (17.2 times in the traces measured), agents with a checking centre far less (4.4 times).",
            "sequential_degradation": "Where each step needs the one before, several agents did 39 to 70% worse than one.",
        },
    })
}

fn topology_facts(topology: Topology) -> Value {
    let (use_for, never_for) = match topology {
        Topology::Sas => ("steps that depend on one another: implement, debug", None),
        Topology::Centralized => ("candidates that the orchestrator checks and chooses from", None),
        Topology::Decentralized => ("nothing here: agents do not talk to one another", None),
        Topology::Independent => ("generating candidates", Some("deciding")),
    };
    json!({ "error_multiplier": topology.error_multiplier(), "use_for": use_for, "never_for": never_for })
}

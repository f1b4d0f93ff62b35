//! Arranging agents: the policy, a task's class, a topology, a stage's strategy.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalogue::Handle;
use super::polish::{NoInput, Parameters, StageInput, arguments};
use super::reply::reply;
use crate::domain::coordination::scaling::finding;
use crate::domain::order::Gather;
use crate::domain::policy::{PolicySettings, Topology};
use crate::domain::stage::Stage;
use crate::domain::topology::Facts;
use crate::domain::words::share_in_percent;
use crate::flow::coordination::choice::{Request, select_architecture, stage_strategy};
use crate::flow::coordination::health::{Counted, check_degradation};
use crate::flow::coordination::task::classify_task;
use crate::flow::coordination::{Outcome, record, summary};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TaskInput {
    /// Task.
    task_description: String,
    /// Its code.
    code_context: Option<String>,
    /// Its errors.
    error_logs: Option<String>,
}

#[tool_router(router = coordination_tools, vis = "pub(crate)")]
impl Handle {
    /// Returns the coordination policy: budgets, topologies, stage limits.
    #[tool(input_schema = arguments::<NoInput>())]
    async fn maestro_get_coordination_policy(
        &self,
        Parameters(NoInput {}): Parameters<NoInput>,
    ) -> CallToolResult {
        let kit = &self.kit;
        reply(kit.config.check().map(|()| policy(&kit.config.settings().policy)))
    }

    /// Rates how decomposable, sequential and tool-heavy a task is; suggests a topology.
    #[tool(input_schema = arguments::<TaskInput>())]
    async fn maestro_classify_task(&self, Parameters(input): Parameters<TaskInput>) -> CallToolResult {
        let material = [input.code_context.as_deref(), input.error_logs.as_deref()];
        let material: Vec<&str> = material.into_iter().flatten().collect();
        reply(classify_task(&self.kit.config, &self.kit.log, &input.task_description, &material).await)
    }

    /// Chooses a stage's topology, with limits and reasons.
    #[tool(input_schema = arguments::<Request>())]
    async fn maestro_select_architecture(&self, Parameters(request): Parameters<Request>) -> CallToolResult {
        reply(select_architecture(&self.kit.config, &self.kit.log, &request).await)
    }

    /// Returns how a stage makes, checks and chooses candidates.
    #[tool(input_schema = arguments::<StageInput>())]
    async fn maestro_get_stage_strategy(&self, Parameters(input): Parameters<StageInput>) -> CallToolResult {
        reply(stage_strategy(&self.kit.config, input.stage))
    }
}

fn policy(settings: &PolicySettings) -> Value {
    let stages: serde_json::Map<String, Value> = Stage::ALL
        .iter()
        .copied()
        .map(|stage| (stage.name().to_owned(), json!(settings.stage(stage))))
        .gather();
    let topologies: serde_json::Map<String, Value> = Topology::ALL
        .iter()
        .copied()
        .map(|topology| (topology.name().to_owned(), topology_facts(topology)))
        .gather();
    json!({
        "policies": {
            "capability_threshold": settings.capability_threshold,
            "skip_ensemble_conditions": [
                finding("skip_recorded", &[("threshold", &settings.capability_threshold.to_string())]),
                finding("skip_not_allowed", &[]),
                finding("skip_budget", &[]),
                finding("skip_sequential", &[]),
            ],
            "error_amplification": {
                "deciding": finding("deciding", &[]),
                "candidates": finding("candidates", &[]),
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
            "tool_coordination_tradeoff": finding("tool_coordination_tradeoff", &[]),
            "capability_saturation": finding("capability_saturation", &[("percent", &share_in_percent(settings.capability_threshold))]),
            "error_amplification": finding("error_amplification", &[]),
            "sequential_degradation": finding("sequential_degradation", &[]),
        },
    })
}

fn topology_facts(topology: Topology) -> Value {
    let facts = Facts::of(topology);
    json!({
        "error_multiplier": facts.error_multiplier,
        "error_multiplier_is": finding("error_multiplier_is", &[]),
        "task_error_ratio": facts.task_error_ratio,
        "use_for": facts.use_for,
        "never_for": facts.never_for,
    })
}

#[tool_router(router = coordination_record_tools, vis = "pub(crate)")]
impl Handle {
    /// Checks by counts if several agents cost more than they bring.
    #[tool(input_schema = arguments::<Counted>())]
    async fn maestro_check_degradation(&self, Parameters(counted): Parameters<Counted>) -> CallToolResult {
        reply(check_degradation(&self.kit.log, &counted).await)
    }

    /// Records how work went under a topology; later choices weigh it.
    #[tool(input_schema = arguments::<Outcome>())]
    async fn maestro_record_coordination_result(
        &self,
        Parameters(outcome): Parameters<Outcome>,
    ) -> CallToolResult {
        reply(record(&self.kit.log, &outcome).await)
    }

    /// Returns results by topology, and providers' independence.
    #[tool(input_schema = arguments::<NoInput>())]
    async fn maestro_get_coordination_stats(
        &self,
        Parameters(NoInput {}): Parameters<NoInput>,
    ) -> CallToolResult {
        reply(summary(&self.kit.log).await)
    }
}

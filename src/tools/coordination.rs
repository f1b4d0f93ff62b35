//! Arranging agents: the policy, a task's class, a topology, a stage's strategy.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalogue::Handle;
use super::catalogue::{Load, found_by};
use super::parameters::{NoInput, Parameters};
use super::reply::reply;
use crate::domain::coordination::facts::Facts;
use crate::domain::coordination::insight::{finding, percent};
use crate::domain::policy::{PolicySettings, Topology};
use crate::domain::stage::Stage;
use crate::flow::coordination::choice::{Request, select_architecture, stage_strategy};
use crate::flow::coordination::scaling::Asked;
use crate::flow::coordination::task::classify_task;

/// The topologies that Maestro arranges.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Arranged {
    /// One agent.
    Sas,
    /// Several that do not see one another.
    MasIndependent,
    /// Several with a checking centre.
    MasCentralized,
}

impl From<Arranged> for Topology {
    fn from(arranged: Arranged) -> Self {
        match arranged {
            Arranged::Sas => Self::Sas,
            Arranged::MasIndependent => Self::Independent,
            Arranged::MasCentralized => Self::Centralized,
        }
    }
}

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

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ArchitectureInput {
    /// Stage.
    stage: Stage,
    /// 0 to 1.
    #[serde(default = "half")]
    decomposability_score: f64,
    /// 0 to 1.
    #[serde(default = "half")]
    sequential_dependency_score: f64,
    /// 0 to 1.
    #[serde(default = "some_tools")]
    tool_complexity: f64,
    /// Insist on it.
    force_topology: Option<Arranged>,
    /// The task, if known: what it is after counts, and its own scores where none are given.
    task_description: Option<String>,
    /// Success rate of one agent, 0 to 1.
    baseline_success: Option<f64>,
    /// Tools at hand.
    tool_count: Option<u32>,
    /// Intelligence Index, 0 to 100.
    capability_index: Option<f64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StrategyInput {
    /// Stage.
    stage: Stage,
}

fn half() -> f64 {
    0.5
}

fn some_tools() -> f64 {
    0.3
}

#[tool_router(router = coordination_tools, vis = "pub(crate)")]
impl Handle {
    /// Returns the coordination policy: budgets, topologies, stage limits.
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

    /// Rates how decomposable, sequential and tool-heavy a task is; suggests a topology.
    #[tool(
        title = "Classify a task",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("decomposable sequential task kind one agent or several topology", Load::OnSearch)
    )]
    async fn maestro_classify_task(&self, Parameters(input): Parameters<TaskInput>) -> CallToolResult {
        let material = [input.code_context.as_deref(), input.error_logs.as_deref()];
        let material: Vec<&str> = material.into_iter().flatten().collect();
        reply(classify_task(self.session(), &input.task_description, &material).await)
    }

    /// Chooses a stage's topology, with limits and reasons.
    #[tool(
        title = "Select an architecture",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("single agent or multi agent topology scaling prediction independent centralized", Load::OnSearch)
    )]
    async fn maestro_select_architecture(
        &self,
        Parameters(input): Parameters<ArchitectureInput>,
    ) -> CallToolResult {
        let scores_given = (input.decomposability_score - half()).abs() > f64::EPSILON
            || (input.sequential_dependency_score - half()).abs() > f64::EPSILON
            || (input.tool_complexity - some_tools()).abs() > f64::EPSILON;
        let request = Request {
            scores_given,
            stage: input.stage,
            decomposability: input.decomposability_score,
            sequential: input.sequential_dependency_score,
            tools: input.tool_complexity,
            forced: input.force_topology.map(Topology::from),
            task: input.task_description,
            scaling: Asked {
                baseline_success: input.baseline_success,
                tool_count: input.tool_count,
                capability_index: input.capability_index,
            },
        };
        reply(select_architecture(self.session(), &request).await)
    }

    /// Returns how a stage makes, checks and chooses candidates.
    #[tool(
        title = "Get a stage's strategy",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("ensemble strategy voting mode candidates red flags of a stage", Load::OnSearch)
    )]
    async fn maestro_get_stage_strategy(
        &self,
        Parameters(input): Parameters<StrategyInput>,
    ) -> CallToolResult {
        reply(stage_strategy(self.session(), input.stage))
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
            "capability_saturation": finding("capability_saturation", &[("percent", &percent(settings))]),
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

//! Arranging agents: the policy, a task's class, a topology, a stage's strategy.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalogue::Handle;
use super::polish::{NoInput, Parameters, StageInput, arguments};
use super::reply::{failure, reply};
use crate::domain::coordination::scaling::{finding, percent};
use crate::domain::order::Gather;
use crate::domain::policy::{PolicySettings, Topology};
use crate::domain::stage::Stage;
use crate::domain::topology::Facts;
use crate::error::Error;
use crate::flow::coordination::choice::{Request, select_architecture, stage_strategy};
use crate::flow::coordination::health::{Asked, Counted, check_degradation};
use crate::flow::coordination::task::classify_task;
use crate::flow::coordination::{GivenAnswer, Outcome, record, summary};

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

fn half() -> f64 {
    0.5
}

fn one() -> u64 {
    1
}

fn some_tools() -> f64 {
    0.3
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
    #[tool(input_schema = arguments::<ArchitectureInput>())]
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

/// The most outputs or answers of one result.
const MOST_TEXTS: usize = 32;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DegradationInput {
    /// Topology in use.
    current_topology: Arranged,
    /// Between agents.
    #[serde(default)]
    total_messages: u64,
    /// Reasoning turns.
    #[serde(default)]
    total_rounds: u64,
    /// Runs.
    #[serde(default)]
    successes: u64,
    /// Runs.
    #[serde(default)]
    failures: u64,
    /// Likeness of outputs, 0 to 1.
    #[serde(default)]
    redundancy_rate: f64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResultInput {
    /// Topology used.
    topology: Arranged,
    /// Result was right.
    success: bool,
    /// In all.
    #[serde(default)]
    tokens_used: u64,
    /// Between agents.
    #[serde(default)]
    messages_sent: u64,
    /// Reasoning turns.
    #[serde(default = "one")]
    rounds: u64,
    /// Agents' texts, to compare.
    #[serde(default)]
    outputs: Vec<String>,
    /// Answers of wrong form.
    #[serde(default)]
    format_errors: u64,
    /// Stage of the work.
    stage: Option<Stage>,
    /// Its intent, as `maestro_classify_task` names it.
    intent: Option<String>,
    /// Each `{provider, answer, correct?}`.
    #[serde(default)]
    answers: Vec<GivenAnswer>,
}

#[tool_router(router = coordination_record_tools, vis = "pub(crate)")]
impl Handle {
    /// Says by counts whether several agents cost more than they bring.
    #[tool(input_schema = arguments::<DegradationInput>())]
    async fn maestro_check_degradation(
        &self,
        Parameters(input): Parameters<DegradationInput>,
    ) -> CallToolResult {
        let counted = Counted {
            topology: input.current_topology.into(),
            messages: input.total_messages,
            rounds: input.total_rounds,
            successes: input.successes,
            failures: input.failures,
            redundancy: input.redundancy_rate,
        };
        reply(check_degradation(&self.kit.log, &counted).await)
    }

    /// Records how work went under a topology; later choices weigh it.
    #[tool(input_schema = arguments::<ResultInput>())]
    async fn maestro_record_coordination_result(
        &self,
        Parameters(input): Parameters<ResultInput>,
    ) -> CallToolResult {
        match outcome(input) {
            Ok(outcome) => reply(record(&self.kit.log, &outcome).await),
            Err(error) => failure(&error),
        }
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

fn outcome(input: ResultInput) -> Result<Outcome, Error> {
    for (name, count) in [("outputs", input.outputs.len()), ("answers", input.answers.len())] {
        if count > MOST_TEXTS {
            return Err(Error::InvalidArguments(format!(
                "{name} must hold at most {MOST_TEXTS} entries (got {count})"
            )));
        }
    }
    Ok(Outcome {
        topology: input.topology.into(),
        success: input.success,
        tokens_used: input.tokens_used,
        messages_sent: input.messages_sent,
        rounds: input.rounds,
        format_errors: input.format_errors,
        stage: input.stage,
        intent: input.intent,
        outputs: input.outputs,
        answers: input.answers,
    })
}

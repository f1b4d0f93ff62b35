//! Begins a gated run, and shows its state.

use std::collections::BTreeMap;

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalogue::Handle;
use super::polish::{Parameters, arguments};
use super::reply::reply;
use crate::domain::event::stage::LowRisk;
use crate::domain::language::Language;
use crate::domain::measure::report::Metrics;
use crate::domain::order::Gather;
use crate::domain::pairs::with;
use crate::domain::question;
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say, spread};
use crate::domain::words::percent;
use crate::flow::workflow::{Overview, Started, start, state};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WorkflowInput {
    /// Goal.
    task: String,
    /// First stage.
    #[serde(default)]
    start_stage: Stage,
    /// Let the policy approve stages without risks; never implement.
    #[serde(default)]
    auto_approve_low_risk: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StateInput {
    /// Default: current run.
    workflow_id: Option<String>,
}

#[tool_router(router = workflow_tools, vis = "pub(crate)")]
impl Handle {
    /// Begins a durable five-stage run; a human approves every stage.
    #[tool(input_schema = arguments::<WorkflowInput>())]
    async fn maestro_workflow_with_hitl(
        &self,
        Parameters(input): Parameters<WorkflowInput>,
    ) -> CallToolResult {
        let low_risk = if input.auto_approve_low_risk { LowRisk::Approve } else { LowRisk::Ask };
        reply(start(&self.kit, input.task, input.start_stage, low_risk).await.map(|run| started(&run)))
    }

    /// Returns a run's stage, next step, pending decision, budget and history.
    #[tool(input_schema = arguments::<StateInput>())]
    async fn maestro_workflow_state(&self, Parameters(input): Parameters<StateInput>) -> CallToolResult {
        let kit = &self.kit;
        let (policy, limits) = (&kit.config.settings().policy, kit.config.limits());
        let shown = state(&kit.config, &kit.log, input.workflow_id).await.map(|overview| {
            let state = overview.run.clone();
            let summary = match &state {
                Some(state) => format!("{}: {}", state.state, state.next_step),
                None => format!(
                    "There is no run; maestro_workflow_with_hitl begins one, with up to {} consults ({} a stage).",
                    limits.total, limits.per_stage
                ),
            };
            let summary = format!("{summary} {}", spent(&overview));
            let outside = overview.outside.total_calls;
            let workflow = json!({
                "current_stage": null, "history": [], "context_summary": null,
                "total_consults": outside, "max_consults": limits.total,
                "consults_outside_runs": outside,
                "consulted_outside_runs": consulted(&overview.outside),
            });
            let workflow = match &state {
                Some(state) => with(with(workflow, state), json!({ "total_consults": state.budget.used })),
                None => with(workflow, json!({ "a_run_would_allow": {
                    "consults": limits.total,
                    "consults_per_stage": limits.per_stage,
                    "consults_per_debug_round": limits.per_debug_round,
                    "debug_rounds": policy.max_debug_iterations,
                    "capability_threshold": policy.capability_threshold,
                } })),
            };
            json!({ "workflow": workflow, "metrics": overview.metrics, "summary": summary })
        });
        reply(shown)
    }
}

/// Calls by provider.
fn consulted(metrics: &Metrics) -> BTreeMap<&str, u64> {
    metrics.provider_stats.iter().map(|(name, stats)| (name.as_str(), stats.total_calls)).gather()
}

/// Consults, budget, overhead and efficiency in a sentence.
fn spent(overview: &Overview) -> String {
    let metrics = &overview.metrics;
    let consults = match &overview.run {
        Some(run) => {
            let balance = &run.budget;
            format!("{} of {} consults used, {} left", balance.used, balance.limit, balance.left)
        }
        None if overview.outside.total_calls == 0 => "No consults outside of runs".to_owned(),
        None => {
            let by: Vec<String> = consulted(&overview.outside)
                .into_iter()
                .map(|(provider, calls)| format!("{provider} {calls}"))
                .collect();
            format!(
                "{} consults outside of runs ({}), which no budget limits",
                overview.outside.total_calls,
                by.join(", ")
            )
        }
    };
    let overhead = match metrics.coordination_overhead_percent {
        Some(value) => format!("overhead {}", percent(value)),
        None => "overhead not known yet".to_owned(),
    };
    let efficiency = match metrics.efficiency_score {
        Some(score) => format!("efficiency {score:.2}"),
        None => "efficiency not known yet".to_owned(),
    };
    format!("{consults}; {overhead}; {efficiency}.")
}

fn started(started: &Started) -> Value {
    let run = &started.run;
    let at = Stage::ALL.iter().position(|stage| *stage == run.start_stage).unwrap_or(0);
    let remaining: Vec<&str> = Stage::ALL.iter().skip(at).map(|stage| stage.name()).collect();
    let first = run.start_stage.name();
    let message =
        if started.was_open { say!("run_open", phase = run.phase) } else { say!("run_begun", stage = first) };
    let instructions = [
        say!("instruct_stage", stage = first),
        say!("instruct_show"),
        say!("instruct_relay"),
        say!("instruct_apply"),
    ];
    let shown = json!({
        "workflow_started": true,
        "workflow_id": run.id,
        "continued": started.was_open,
        "task": run.task,
        "start_stage": run.start_stage,
        "auto_approve_low_risk": run.low_risk == LowRisk::Approve,
        "remaining_stages": remaining,
        "state": run.phase.to_string(),
        "budget": started.budget,
        "approvals": run.approvals,
        "notes": started.notes,
        "message": message,
        "instructions": in_each_language(&instructions),
        "stage_questions_preview": question::for_stage(run.start_stage)
            .into_iter()
            .map(|question| {
                let texts = json!({ "id": question.id, "priority": question.priority, "question": question.question });
                spread(texts, &["question"])
            })
            .collect::<Vec<_>>(),
        "tips": in_each_language(&[say!("tip_debug"), say!("tip_record")]),
    });
    spread(shown, &["message"])
}

/// Lines by the code of their language.
fn in_each_language(lines: &[Text]) -> Value {
    let of = |language: Language| lines.iter().map(|line| line.of(language)).collect::<Vec<_>>();
    Language::all().map(|language| (language.tag().to_owned(), json!(of(language)))).collect()
}

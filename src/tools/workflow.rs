//! Beginning a gated run, and looking at where it is.

use std::collections::BTreeMap;

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalogue::Handle;
use super::catalogue::{Load, found_by};
use super::parameters::Parameters;
use super::reply::reply;
use crate::domain::event::stage::LowRisk;
use crate::domain::measure::report::Metrics;
use crate::domain::question;
use crate::domain::stage::Stage;
use crate::flow::workflow::{Overview, Started, start, state};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WorkflowInput {
    /// Goal.
    task: String,
    /// First stage.
    #[serde(default = "analyze")]
    start_stage: Stage,
    /// Policy approves what shows no risk; never implement.
    #[serde(default)]
    auto_approve_low_risk: bool,
}

fn analyze() -> Stage {
    Stage::Analyze
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
    #[tool(
        title = "Start a workflow with human approval",
        annotations(read_only_hint = false, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("5-stage workflow human in the loop approve each step start run", Load::Always)
    )]
    async fn maestro_workflow_with_hitl(
        &self,
        Parameters(input): Parameters<WorkflowInput>,
    ) -> CallToolResult {
        let low_risk = if input.auto_approve_low_risk { LowRisk::Approve } else { LowRisk::Ask };
        reply(start(self.session(), input.task, input.start_stage, low_risk).await.map(|run| started(&run)))
    }

    /// Returns a run's stage, next step, pending decision, budget and history.
    #[tool(
        title = "Workflow state",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("where is the run status progress budget left next step", Load::OnSearch)
    )]
    async fn maestro_workflow_state(&self, Parameters(input): Parameters<StateInput>) -> CallToolResult {
        let session = self.session();
        let (policy, limits) = (&session.config().settings.policy, session.limits());
        let shown = state(session, input.workflow_id).await.map(|overview| {
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
            let mut workflow = json!({
                "current_stage": null, "history": [], "context_summary": null,
                "total_consults": outside, "max_consults": limits.total,
                "consults_outside_runs": outside,
                "consulted_outside_runs": consulted(&overview.outside),
            });
            if let (None, Some(fields)) = (&state, workflow.as_object_mut()) {
                fields.insert("a_run_would_allow".to_owned(), json!({
                    "consults": limits.total,
                    "consults_per_stage": limits.per_stage,
                    "consults_per_debug_round": limits.per_debug_round,
                    "debug_rounds": policy.max_debug_iterations,
                    "capability_threshold": policy.capability_threshold,
                }));
            }
            if let (Some(fields), Some(Ok(Value::Object(known)))) =
                (workflow.as_object_mut(), state.as_ref().map(serde_json::to_value))
            {
                fields.extend(known);
                fields.insert("total_consults".into(), json!(state.as_ref().map(|state| state.budget.used)));
            }
            json!({ "workflow": workflow, "metrics": overview.metrics, "summary": summary })
        });
        reply(shown)
    }
}

/// Calls by provider.
fn consulted(metrics: &Metrics) -> BTreeMap<&str, u64> {
    metrics.provider_stats.iter().map(|(name, stats)| (name.as_str(), stats.total_calls)).collect()
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
        Some(percent) => format!("overhead {percent:.1} %"),
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
    let (message, message_ko) = if started.was_open {
        (
            format!("This run is open already and goes on: {}.", run.phase),
            format!("이미 열려 있는 워크플로를 이어서 진행합니다: {}.", run.phase),
        )
    } else {
        (format!("The run has begun. First: {first}."), format!("워크플로를 시작했습니다. 첫 단계: {first}."))
    };
    json!({
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
        "message_ko": message_ko,
        "instructions": {
            "en": [
                format!("Call maestro_run_stage_with_approval with stage {first}."),
                "Show the human the report, word for word, and wait for their decision.",
                "If it stays pending, record what they say with maestro_submit_approval. Never decide for them.",
                "Apply an approved diff with maestro_apply_patch, then run maestro_verify: improve opens when it passes.",
            ],
            "ko": [
                format!("{first} 단계로 maestro_run_stage_with_approval을 호출하십시오."),
                "보고서를 그대로 사용자에게 보여 주고 결정을 기다리십시오.",
                "결정이 보류 중이면 사용자의 말을 maestro_submit_approval로 기록하십시오. 대신 결정하지 마십시오.",
                "승인된 diff는 maestro_apply_patch로 적용한 뒤 maestro_verify를 실행하십시오. 검증을 통과해야 improve가 열립니다.",
            ],
        },
        "stage_questions_preview": question::for_stage(run.start_stage)
            .into_iter()
            .map(|question| json!({ "id": question.id, "priority": question.priority, "question": question.question, "question_ko": question.question_ko }))
            .collect::<Vec<_>>(),
        "tips": {
            "en": ["Two rounds of debug are yours alone; a consultant is asked from the third on.", "Record how solo work went (maestro_record_coordination_result): ten outcomes let the record skip an ensemble; a stated confidence does not."],
            "ko": ["디버그 1~2회차는 직접 수행하며, 3회차부터 컨설턴트에게 묻습니다.", "단독 작업의 결과를 maestro_record_coordination_result로 기록하십시오. 결과가 10건 쌓이면 기록에 따라 앙상블을 건너뜁니다. 말로 밝힌 확신만으로는 건너뛰지 않습니다."],
        },
    })
}

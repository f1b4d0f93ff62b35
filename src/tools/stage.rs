//! Doing one stage of the workflow.

use std::num::NonZeroU64;
use std::time::Duration;

use rmcp::model::{CallToolResponse, CallToolResult};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::catalogue::{Load, found_by};
use super::decision::{Channel, Question, Told, answers, channel};
use super::dialog::Retry;
use super::parameters::Parameters;
use super::reply::{failure_with, reply};
use super::report::reporting;
use crate::domain::stage::Stage;
use crate::domain::workflow::Phase;
use crate::error::Error;
use crate::flow::approval::decide::{Settled, find};
use crate::flow::pack::ContextRequest;
use crate::flow::progress::Progress;
use crate::flow::stage::{ApprovalNote, Gate, StageReply, StageRequest, again, run_stage};
use crate::server::Maestro;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StageInput {
    /// Stage.
    stage: Stage,
    /// Goal.
    task: String,
    /// Files or globs.
    context_files: Option<Vec<String>>,
    /// Known facts.
    context_facts: Option<Vec<String>>,
    /// Error texts.
    context_errors: Option<Vec<String>>,
    /// Default: by policy.
    providers: Option<Vec<String>>,
    /// Your chance alone, 0 to 1; from 0.45 no ensemble.
    #[serde(default)]
    baseline_confidence: f64,
    /// Seconds per consult.
    #[serde(default = "half_an_hour")]
    #[schemars(with = "u64")]
    timeout_sec: NonZeroU64,
    /// Default: current run.
    workflow_id: Option<String>,
}

fn half_an_hour() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(1_799)
}

impl StageInput {
    fn request(self, gate: Gate) -> StageRequest {
        StageRequest {
            stage: self.stage,
            task: self.task,
            context: ContextRequest {
                files: self.context_files.unwrap_or_default(),
                facts: self.context_facts.unwrap_or_default(),
                errors: self.context_errors.unwrap_or_default(),
                stage: Some(self.stage),
                ..ContextRequest::default()
            },
            providers: self.providers,
            baseline_confidence: self.baseline_confidence,
            timeout: Duration::from_secs(self.timeout_sec.get()),
            workflow_id: self.workflow_id,
            gate,
        }
    }
}

#[tool_router(router = stage_tools, vis = "pub(crate)")]
impl Maestro {
    /// Runs a stage with its policy's consultants and returns validated outputs; a run then waits for approval.
    #[tool(
        title = "Run a stage",
        annotations(read_only_hint = false, destructive_hint = false, idempotent_hint = false, open_world_hint = true),
        meta = found_by("run workflow stage analyze hypothesize implement debug improve", Load::OnSearch)
    )]
    async fn maestro_run_stage(
        &self,
        Parameters(input): Parameters<StageInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let request = input.request(Gate::InRun);
        let (session, stage) = (self.session(), request.stage);
        let work = |progress: Progress| async move { run_stage(session, request, &progress).await };
        match reporting(&context, work).await {
            Ok(done) => reply(Ok(done)),
            Err(error) => failure_with(&error, &refused(stage)),
        }
    }

    /// Runs a stage of the gated workflow and asks the human to decide, else leaves it pending.
    #[tool(
        title = "Run a stage with approval",
        annotations(read_only_hint = false, destructive_hint = false, idempotent_hint = false, open_world_hint = true),
        meta = found_by("human in the loop gated stage approve review 5-stage workflow", Load::OnSearch)
    )]
    async fn maestro_run_stage_with_approval(
        &self,
        retry: Retry,
        Parameters(input): Parameters<StageInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResponse {
        let request = input.request(Gate::Always);
        let stage = request.stage;
        let work = |progress: Progress| {
            let (context, retry) = (&context, &retry);
            async move { self.with_approval(request, retry, context, &progress).await }
        };
        match Box::pin(reporting(&context, work)).await {
            Ok(response) => response,
            Err(error) => failure_with(&error, &refused_with_approval(stage)).into(),
        }
    }
}

/// What the result of a refused stage says beside the error, so that its form is always the same.
fn refused(stage: Stage) -> Value {
    json!({
        "stage": stage,
        "stage_display": stage.display_name(),
        "output": null,
        "consults_used": 0,
        "elapsed_ms": 0,
        "next_stage": null,
    })
}

/// The same in the form of `maestro_run_stage_with_approval`.
fn refused_with_approval(stage: Stage) -> Value {
    json!({
        "stage": stage,
        "stage_display": stage.display_name(),
        "stage_result": null,
        "approval": null,
        "elapsed_ms": 0,
    })
}

impl Maestro {
    async fn with_approval(
        &self,
        request: StageRequest,
        retry: &Retry,
        context: &RequestContext<RoleServer>,
        progress: &Progress,
    ) -> Result<CallToolResponse, Error> {
        let session = self.session();
        let answered = answers(session, retry).await?;
        let stage = match &answered {
            // The call that brings the answer does not do the stage again.
            Some(request) => again(session, request).await?,
            None => run_stage(session, request, progress).await?,
        };
        let Some(note) = &stage.approval else {
            return Ok(reply(Ok(shown(stage, None))).into());
        };
        // The request that the stage ended with, or the one that an answer is about.
        let open = find(session, answered.as_deref().unwrap_or(&note.request_id)).await?;
        if answered.is_none() && open.request.decided.is_some() {
            return Ok(reply(Ok(shown(after(stage, &open), None))).into());
        }
        let Channel::Form(asking) = channel(session, context) else {
            return Ok(reply(Ok(shown(stage, None))).into());
        };
        let question = Question { session, context, retry, progress };
        Ok(match question.ask(asking, &open, "").await? {
            Told::AskAgain(response) => *response,
            Told::Undecided(why) => reply(Ok(shown(stage, Some(why)))).into(),
            Told::Settled(settled) => reply(Ok(shown(after(stage, &settled), None))).into(),
        })
    }
}

/// The reply once the decision is there.
fn after(stage: StageReply, settled: &Settled) -> StageReply {
    let next_stage = match &settled.run.phase {
        Phase::Stopped(_) | Phase::Complete => None,
        open => open.stage(),
    };
    StageReply {
        approval: Some(ApprovalNote::of(&settled.request)),
        state: Some(settled.run.phase.to_string()),
        next_stage,
        ..stage
    }
}

/// A stage with its approval, in the form of `maestro_run_stage_with_approval`.
#[derive(Serialize)]
struct Shown {
    ok: bool,
    stage: Stage,
    stage_display: &'static str,
    stage_result: Value,
    approval: Option<ApprovalNote>,
    action_required: String,
    action_required_ko: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    elapsed_ms: u64,
    #[serde(flatten)]
    more: Value,
}

fn shown(stage: StageReply, undecided: Option<&str>) -> Shown {
    let (action_required, action_required_ko) = action(&stage, undecided);
    Shown {
        ok: stage.ok,
        stage: stage.stage,
        stage_display: stage.stage_display,
        stage_result: json!({
            "success": stage.ok,
            "output": stage.output,
            "consults_used": stage.consults_used,
            "elapsed_ms": stage.elapsed_ms,
            "next_stage": stage.next_stage,
        }),
        action_required,
        action_required_ko,
        error: stage.error,
        elapsed_ms: stage.elapsed_ms,
        more: without_nulls(json!({
            "mode": stage.mode,
            "why": stage.why,
            "iteration": stage.iteration,
            "workflow_id": stage.workflow_id,
            "state": stage.state,
            "budget": stage.budget,
            "solo": stage.solo,
            "code": stage.code,
            "hint": stage.hint,
            "from_log": stage.from_log.then_some(true),
            "undecided": undecided,
        })),
        approval: stage.approval,
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    value
}

/// What is to be done next, in English and in Korean.
fn action(stage: &StageReply, undecided: Option<&str>) -> (String, String) {
    let next = stage.next_stage.map_or("", Stage::name);
    let Some(approval) = &stage.approval else {
        return match (stage.ok, stage.solo.is_some()) {
            (true, true) => (
                format!(
                    "Do {} yourself, then hand in its outputs with maestro_request_approval.",
                    stage.stage.name()
                ),
                format!(
                    "{} 단계를 직접 수행한 뒤 maestro_request_approval로 결과를 제출하십시오.",
                    stage.stage.name()
                ),
            ),
            (true, false) => ("None.".to_owned(), "없음.".to_owned()),
            (false, _) => (
                "The stage has no outputs: read the error, then run it again or do it yourself.".to_owned(),
                "단계 결과가 없습니다. 오류를 확인한 뒤 다시 실행하거나 직접 수행하십시오.".to_owned(),
            ),
        };
    };
    let id = &approval.request_id;
    match (approval.status, next) {
        ("approved", "") => {
            ("Approved: the run is complete.".to_owned(), "승인됨: 워크플로가 완료되었습니다.".to_owned())
        }
        ("approved", next) => {
            (format!("Approved: go on with {next}."), format!("승인됨: {next} 단계로 진행하십시오."))
        }
        ("revision_requested", next) => (
            format!("Another version is asked for: run {next} again."),
            format!("수정 요청됨: {next} 단계를 다시 실행하십시오."),
        ),
        ("rejected", _) => (
            "Rejected: the run has stopped. Tell the human what was learnt.".to_owned(),
            "거부됨: 워크플로가 중단되었습니다. 알게 된 내용을 사용자에게 알리십시오.".to_owned(),
        ),
        _ => {
            let why = undecided.map(|why| format!(" ({why})")).unwrap_or_default();
            (
                format!(
                    "Show the human the report and wait for their decision{why}; then call maestro_submit_approval with request_id {id}. Do not go on before."
                ),
                format!(
                    "보고서를 사용자에게 보여 주고 결정을 기다린 뒤 request_id {id}로 maestro_submit_approval을 호출하십시오. 그 전에는 진행하지 마십시오."
                ),
            )
        }
    }
}

//! Doing one stage of the workflow.

use rmcp::model::{CallToolResponse, CallToolResult};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use serde_json::{Value, json};

use super::catalogue::Handle;
use super::decision::{Question, Told, answers, channel};
use super::dialog::{Retry, asking};
use super::polish::{Parameters, arguments};
use super::reply::{failure_with, reply};
use super::report::reporting;
use crate::domain::event::Decision;
use crate::domain::pairs::{with, without_nulls};
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say, spread};
use crate::error::Error;
use crate::flow::approval::{Dialog, Settled, find};
use crate::flow::progress::Progress;
use crate::flow::stage::{ApprovalNote, Gate, StageReply, StageRequest, again, run_stage};

#[tool_router(router = stage_tools, vis = "pub(crate)")]
impl Handle {
    /// Runs a stage with its policy's consultants and returns validated outputs; a run then waits for approval.
    #[tool(input_schema = arguments::<StageRequest>())]
    async fn maestro_run_stage(
        &self,
        Parameters(input): Parameters<StageRequest>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let (kit, stage) = (&self.kit, input.stage);
        let work = |progress: Progress| async move { run_stage(kit, input, &progress).await };
        match reporting(&context, work).await {
            Ok(done) => reply(Ok(done)),
            Err(error) => failure_with(&error, &refused(stage)),
        }
    }

    /// Runs a stage of the gated workflow and asks the human to decide, else leaves it pending.
    #[tool(input_schema = arguments::<StageRequest>())]
    async fn maestro_run_stage_with_approval(
        &self,
        retry: Retry,
        Parameters(input): Parameters<StageRequest>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResponse {
        let request = StageRequest { gate: Gate::Always, ..input };
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

impl Handle {
    async fn with_approval(
        &self,
        request: StageRequest,
        retry: &Retry,
        context: &RequestContext<RoleServer>,
        progress: &Progress,
    ) -> Result<CallToolResponse, Error> {
        let kit = &self.kit;
        let answered = answers(&kit.log, retry).await?;
        let ahead = match (&answered, asking(context)) {
            (None, Some(_)) => Some(Dialog::new(&kit.log)?),
            (Some(_), _) | (None, None) => None,
        };
        let stage = match &answered {
            // The call that brings the answer does not repeat the stage.
            Some(request) => again(&kit.config, &kit.log, request).await?,
            None => {
                let dialog = ahead.as_ref().map(Dialog::announced);
                run_stage(kit, StageRequest { dialog, ..request }, progress).await?
            }
        };
        let Some(note) = &stage.approval else {
            return Ok(reply(Ok(shown(&stage, None))).into());
        };
        if answered.is_none() && note.decision.is_some() {
            return Ok(reply(Ok(shown(&stage, None))).into());
        }
        // The request that the stage ended with, or the one that an answer is about.
        let open = find(&kit.log, answered.as_deref().unwrap_or(&note.request_id)).await?;
        let approvals = open.run.approvals(kit.config.settings().approvals);
        let Some(asking) = channel(approvals, context) else {
            return Ok(reply(Ok(shown(&stage, None))).into());
        };
        let question = Question { maestro: self, context, retry, progress, ahead: ahead.as_ref() };
        Ok(match question.ask(asking, &open, "").await? {
            Told::AskAgain(response) => *response,
            Told::Undecided(why) => reply(Ok(shown(&stage, Some(why)))).into(),
            Told::Settled(settled) => reply(Ok(shown(&after(stage, &settled), None))).into(),
        })
    }
}

/// The reply after the decision.
fn after(stage: StageReply, settled: &Settled) -> StageReply {
    StageReply {
        approval: Some(ApprovalNote::of(&settled.request)),
        state: Some(settled.run.phase.to_string()),
        next_stage: settled.run.phase.stage(),
        due: settled.run.due(),
        ..stage
    }
}

/// Further fields of a refused stage, so that the result always has the same form.
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

/// As [`refused`], for `maestro_run_stage_with_approval`.
fn refused_with_approval(stage: Stage) -> Value {
    json!({
        "stage": stage,
        "stage_display": stage.display_name(),
        "stage_result": null,
        "approval": null,
        "elapsed_ms": 0,
    })
}

/// A stage with its approval, for `maestro_run_stage_with_approval`; `undecided` says why a human who was
/// asked did not decide.
fn shown(stage: &StageReply, undecided: Option<&'static str>) -> Value {
    let approval = match (&stage.approval, &stage.solo) {
        (Some(note), _) => json!(note),
        // The orchestrator does this stage: handing in its outputs makes the request.
        (None, Some(_)) => json!({
            "request_id": null,
            "status": "nothing_handed_in",
            "next": "Do the stage, then hand in its outputs with maestro_request_approval: its result has the request_id.",
        }),
        (None, None) => Value::Null,
    };
    let omitted = Some(&stage.omitted).filter(|omitted| !omitted.is_empty());
    let first = without_nulls(json!({ "ok": stage.ok, "omitted": omitted }));
    let rest = json!({
        "stage": stage.stage,
        "stage_display": stage.stage_display,
        "stage_result": {
            // In solo there are no outputs yet.
            "success": stage.ok && stage.solo.is_none(),
            "output": stage.output,
            "consults_used": stage.consults_used,
            "elapsed_ms": stage.elapsed_ms,
            "next_stage": stage.next_stage,
        },
        "approval": approval,
        "action_required": action(stage, undecided),
    });
    let mut shown = with(first, rest);
    if let (Some(shown), Value::Object(known)) = (shown.as_object_mut(), json!(stage)) {
        let is_in_result = |name: &str| matches!(name, "output" | "consults_used" | "next_stage");
        for (name, value) in known.into_iter().filter(|(name, value)| !value.is_null() && !is_in_result(name))
        {
            shown.entry(name).or_insert(value);
        }
        shown.extend(undecided.map(|why| ("undecided".to_owned(), json!(why))));
    }
    spread(shown, &["action_required"])
}

/// The next step.
fn action(stage: &StageReply, undecided: Option<&str>) -> Text {
    let this = stage.stage.name();
    let Some(approval) = &stage.approval else {
        return match (stage.ok, stage.solo.is_some()) {
            (true, true) => say!("do_it_yourself", stage = this),
            (true, false) => say!("no_action"),
            (false, _) => say!("no_outputs"),
        };
    };
    match (approval.decision, stage.next_stage) {
        (Some(Decision::Approve), None) => say!("approved_complete"),
        (Some(Decision::Approve), Some(next)) => match stage.due {
            Some(due) => say!("approved_due", due = due.words()),
            None => say!("approved_next", stage = next.name()),
        },
        (Some(Decision::Revise), _) => say!("revision_asked", stage = this),
        (Some(Decision::Reject), _) => say!("rejected"),
        (None, _) => {
            let why = undecided.map(|why| format!(" ({why})")).unwrap_or_default();
            say!("show_report", why = why, id = approval.request_id)
        }
    }
}

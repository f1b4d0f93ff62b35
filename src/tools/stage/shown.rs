//! A stage as `maestro_run_stage_with_approval` shows it, with what is to be done next.

use serde::Serialize;
use serde_json::{Value, json};
use serde_with::skip_serializing_none;

use crate::domain::budget::Balance;
use crate::domain::event::Decision;
use crate::domain::event::stage::Mode;
use crate::domain::pack::Omission;
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say, spread_texts};
use crate::flow::stage::{ApprovalNote, StageReply};

/// Returns what the result of a refused stage says beside the error, so that its form is always the same.
pub(super) fn refused(stage: Stage) -> Value {
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
pub(super) fn refused_with_approval(stage: Stage) -> Value {
    json!({
        "stage": stage,
        "stage_display": stage.display_name(),
        "stage_result": null,
        "approval": null,
        "elapsed_ms": 0,
    })
}

/// A stage with its approval, in the form of `maestro_run_stage_with_approval`.
#[skip_serializing_none]
#[derive(Serialize)]
#[serde(remote = "Self")]
pub(super) struct Shown {
    ok: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    omitted: Vec<Omission>,
    stage: Stage,
    stage_display: &'static str,
    stage_result: Outcome,
    #[serialize_always]
    approval: Option<Approval>,
    action_required: Text,
    error: Option<String>,
    elapsed_ms: u64,
    mode: Mode,
    why: String,
    iteration: u32,
    workflow_id: Option<String>,
    state: Option<String>,
    budget: Option<Balance>,
    solo: Option<Value>,
    code: Option<String>,
    hint: Option<String>,
    retryable: Option<bool>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    from_log: bool,
    undecided: Option<&'static str>,
}

spread_texts!(Shown: &["action_required"]);

/// The request for approval, or why it is missing.
#[derive(Serialize)]
#[serde(untagged)]
enum Approval {
    /// The request.
    Asked(Box<ApprovalNote>),
    /// The stage is the orchestrator's to do: the request is made when it hands in the outputs.
    NotYet { request_id: (), status: &'static str, next: &'static str },
}

#[derive(Serialize)]
struct Outcome {
    success: bool,
    output: Option<Value>,
    consults_used: u32,
    elapsed_ms: u64,
    next_stage: Option<Stage>,
}

/// A stage with its approval; `undecided` says why a human who was asked did not decide.
pub(super) fn shown(stage: StageReply, undecided: Option<&'static str>) -> Shown {
    let action_required = action(&stage, undecided);
    let approval = match (stage.approval, &stage.solo) {
        (Some(note), _) => Some(Approval::Asked(Box::new(note))),
        (None, Some(_)) => Some(Approval::NotYet {
            request_id: (),
            status: "nothing_handed_in",
            next: "Do the stage, then hand in its outputs with maestro_request_approval: its result has the request_id.",
        }),
        (None, None) => None,
    };
    Shown {
        ok: stage.ok,
        omitted: stage.omitted,
        stage: stage.stage,
        stage_display: stage.stage_display,
        stage_result: Outcome {
            // In solo nobody has done anything yet.
            success: stage.ok && stage.solo.is_none(),
            output: stage.output,
            consults_used: stage.consults_used,
            elapsed_ms: stage.elapsed_ms,
            next_stage: stage.next_stage,
        },
        approval,
        action_required,
        error: stage.error,
        elapsed_ms: stage.elapsed_ms,
        mode: stage.mode,
        why: stage.why,
        iteration: stage.iteration,
        workflow_id: stage.workflow_id,
        state: stage.state,
        budget: stage.budget,
        solo: stage.solo,
        code: stage.code,
        hint: stage.hint,
        retryable: stage.retryable,
        from_log: stage.from_log,
        undecided,
    }
}

/// Returns what is to be done next.
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
        (Some(Decision::Approve), Some(next)) => say!("approved_next", stage = next.name()),
        (Some(Decision::Revise), _) => say!("revision_asked", stage = this),
        (Some(Decision::Reject), _) => say!("rejected"),
        (None, _) => {
            let why = undecided.map(|why| format!(" ({why})")).unwrap_or_default();
            say!("show_report", why = why, id = approval.request_id)
        }
    }
}

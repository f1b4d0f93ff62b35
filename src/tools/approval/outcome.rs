//! The view of a caller on a request and its decision.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::domain::address::Address;
use crate::domain::event::approval::{ApprovalDecided, DecidedBy, Decision};
use crate::domain::question;
use crate::domain::report::{Report, stage_name};
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say, spread, spread_texts};
use crate::error::Error;
use crate::flow::approval::critical_questions;
use crate::flow::approval::decide::{Reviewed, Settled};

/// The result of `maestro_request_approval`.
pub(super) fn requested(open: &Reviewed) -> Result<Value, Error> {
    let asked = &open.request.asked;
    let report: Report = serde_json::from_value(asked.report.clone())
        .map_err(|error| Error::Internal(format!("the report of a request: {error}")))?;
    let shown = json!({
        "request_id": open.request.id,
        "workflow_id": open.run.id,
        "stage": asked.stage,
        "status": open.request.status(),
        "state": open.run.phase.to_string(),
        "action_required": report.action_required,
        "critical_questions": critical_questions(&asked.report),
        "questions_count": report.questions.len(),
        "resource": Address::Approval(open.request.id.clone()).to_string(),
        "display": asked.display,
        "report": asked.report,
    });
    Ok(spread(shown, &["action_required"]))
}

#[derive(Serialize)]
#[serde(remote = "Self")]
pub(super) struct DecisionReply {
    request_id: String,
    workflow_id: String,
    status: &'static str,
    decided_by: DecidedBy,
    message: Text,
    next_action: String,
    next_stage: Option<Stage>,
    state: String,
    feedback_summary: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unanswered_critical: Vec<String>,
}

spread_texts!(DecisionReply: &["message"]);

/// The result of `maestro_submit_approval`.
pub(super) fn decided(settled: &Settled, most_rounds: u32) -> DecisionReply {
    let Settled { run, request, decided } = settled;
    let next_stage = run.phase.stage();
    let is_escalated = next_stage == Some(Stage::Debug)
        && run.may_start(Stage::Debug, most_rounds).is_err_and(|refusal| refusal.code == "debug_escalated");
    let escalated_after = is_escalated.then_some(most_rounds);
    let (message, next_action) = told(decided.decision, decided.stage, next_stage, escalated_after);
    DecisionReply {
        request_id: request.id.clone(),
        workflow_id: run.id.clone(),
        status: decided.decision.status(),
        decided_by: decided.decided_by,
        message,
        next_action,
        next_stage,
        state: run.phase.to_string(),
        feedback_summary: feedback(decided),
        unanswered_critical: decided.unanswered_critical.clone(),
    }
}

/// Returns what a decision on a stage means where `next` follows, and what it asks of the model; after so many
/// rounds of debug it is the human who does.
fn told(
    decision: Decision,
    stage: Stage,
    next: Option<Stage>,
    escalated_after: Option<u32>,
) -> (Text, String) {
    let name = stage_name(stage);
    match (decision, next, escalated_after) {
        (Decision::Approve, Some(_), Some(rounds)) => {
            (say!("told_escalated", name = name, rounds = rounds), "escalate".to_owned())
        }
        (Decision::Approve, Some(next), None) => {
            (say!("told_approved", name = name, next = next.name()), format!("run_stage:{}", next.name()))
        }
        (Decision::Approve, None, _) => (say!("told_complete", name = name), "complete".to_owned()),
        (Decision::Revise, _, _) => (say!("told_revise", name = name), format!("revise:{}", stage.name())),
        (Decision::Reject, _, _) => (say!("told_rejected", name = name), "stop".to_owned()),
    }
}

/// Returns what the reviewer said beside the decision.
fn feedback(decided: &ApprovalDecided) -> Value {
    let answers = decided.responses.iter();
    let responses: Map<String, Value> =
        answers.map(|(id, answer)| (id.clone(), Value::String(answer.clone()))).collect();
    let concerns: Vec<Value> = question::read(decided.stage, &responses).map_or_else(
        |_| Vec::new(),
        |read| {
            let critical = read.critical_concerns().into_iter();
            critical.map(|concern| json!({ "id": concern.id, "response": concern.response })).collect()
        },
    );
    json!({
        "general_feedback": decided.feedback,
        "revision_instructions": decided.revision_instructions,
        "question_responses": responses,
        "critical_concerns": concerns,
        "chosen": decided.chosen,
    })
}

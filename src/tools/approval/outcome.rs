//! What a caller learns of a request and of its decision.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::domain::address::Address;
use crate::domain::event::approval::{ApprovalDecided, DecidedBy, Decision};
use crate::domain::question;
use crate::domain::report::Report;
use crate::domain::stage::Stage;
use crate::error::Error;
use crate::flow::approval::critical_questions;
use crate::flow::approval::decide::{Reviewed, Settled};

/// The result of `maestro_request_approval`.
pub(super) fn requested(open: &Reviewed) -> Result<Value, Error> {
    let asked = &open.request.asked;
    let report: Report = serde_json::from_value(asked.report.clone())
        .map_err(|error| Error::Internal(format!("the report of a request: {error}")))?;
    Ok(json!({
        "request_id": open.request.id,
        "workflow_id": open.run.id,
        "stage": asked.stage,
        "status": open.request.status(),
        "state": open.run.phase.to_string(),
        "action_required": report.action_required,
        "action_required_ko": report.action_required_ko,
        "critical_questions": critical_questions(&asked.report),
        "questions_count": report.questions.len(),
        "resource": Address::Approval(open.request.id.clone()).to_string(),
        "display": asked.display,
        "report": asked.report,
    }))
}

#[derive(Serialize)]
pub(super) struct DecisionReply {
    request_id: String,
    workflow_id: String,
    status: &'static str,
    decided_by: DecidedBy,
    message: String,
    message_ko: String,
    next_action: String,
    next_stage: Option<Stage>,
    state: String,
    feedback_summary: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unanswered_critical: Vec<String>,
}

/// The result of `maestro_submit_approval`.
pub(super) fn decided(settled: &Settled, most_rounds: u32) -> DecisionReply {
    let Settled { run, request, decided } = settled;
    let next_stage = run.phase.stage();
    let is_escalated = next_stage == Some(Stage::Debug)
        && run.may_start(Stage::Debug, most_rounds).is_err_and(|refusal| refusal.code == "debug_escalated");
    let escalated_after = is_escalated.then_some(most_rounds);
    let Message { message, message_ko, next_action } =
        told(decided.decision, decided.stage, next_stage, escalated_after);
    DecisionReply {
        request_id: request.id.clone(),
        workflow_id: run.id.clone(),
        status: decided.decision.status(),
        decided_by: decided.decided_by,
        message,
        message_ko,
        next_action,
        next_stage,
        state: run.phase.to_string(),
        feedback_summary: feedback(decided),
        unanswered_critical: decided.unanswered_critical.clone(),
    }
}

/// A decision for its reader, and what it asks of the model.
struct Message {
    message: String,
    message_ko: String,
    next_action: String,
}

/// Returns what a decision on a stage means where `next` follows; after so many rounds of debug it is the
/// human who does.
fn told(decision: Decision, stage: Stage, next: Option<Stage>, escalated_after: Option<u32>) -> Message {
    let (message, message_ko, next_action) = match (decision, next, escalated_after) {
        (Decision::Approve, Some(_), Some(most_rounds)) => (
            format!(
                "{} is approved, and its {most_rounds} rounds are used up: it goes back to the human.",
                stage.display_name()
            ),
            format!(
                "{} 단계가 승인되었고 {most_rounds}회차를 모두 사용했습니다. 사용자에게 넘기십시오.",
                stage.name()
            ),
            "escalate".to_owned(),
        ),
        (Decision::Approve, Some(next), None) => (
            format!("{} is approved. Next: {}.", stage.display_name(), next.name()),
            format!("{} 단계가 승인되었습니다. 다음: {}.", stage.name(), next.name()),
            format!("run_stage:{}", next.name()),
        ),
        (Decision::Approve, None, _) => (
            format!("{} is approved, and the run is complete.", stage.display_name()),
            format!("{} 단계가 승인되어 워크플로가 완료되었습니다.", stage.name()),
            "complete".to_owned(),
        ),
        (Decision::Revise, _, _) => (
            format!("{} is to be done again as the reviewer says.", stage.display_name()),
            format!("{} 단계를 검토자의 지시에 따라 다시 수행합니다.", stage.name()),
            format!("revise:{}", stage.name()),
        ),
        (Decision::Reject, _, _) => (
            format!("{} is rejected, and the run has stopped.", stage.display_name()),
            format!("{} 단계가 거부되어 워크플로가 중단되었습니다.", stage.name()),
            "stop".to_owned(),
        ),
    };
    Message { message, message_ko, next_action }
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

//! What a caller learns of a request and of its decision.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::domain::address::Address;
use crate::domain::event::approval::{DecidedBy, Decision};
use crate::domain::question;
use crate::domain::report::Report;
use crate::domain::stage::Stage;
use crate::domain::workflow::Phase;
use crate::error::Error;
use crate::flow::approval::critical_questions;
use crate::flow::approval::decide::Settled;

/// The result of `maestro_request_approval`.
pub(super) fn requested(open: &Settled) -> Result<Value, Error> {
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
    let (run, request) = (&settled.run, &settled.request);
    let said = request.decided.as_ref().map(|(_, decided)| decided.clone());
    let stage = request.asked.stage;
    let decision = said.as_ref().map_or(Decision::Reject, |said| said.decision);
    let next_stage = match &run.phase {
        Phase::Complete | Phase::Stopped(_) => None,
        open => open.stage(),
    };
    let next = next_stage.map_or("", Stage::name);
    let is_escalated = next_stage == Some(Stage::Debug)
        && run.may_start(Stage::Debug, most_rounds).is_err_and(|refusal| refusal.code == "debug_escalated");
    let (message, message_ko, next_action) = match (decision, next_stage) {
        (Decision::Approve, Some(_)) if is_escalated => (
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
        (Decision::Approve, Some(_)) => (
            format!("{} is approved. Next: {next}.", stage.display_name()),
            format!("{} 단계가 승인되었습니다. 다음: {next}.", stage.name()),
            format!("run_stage:{next}"),
        ),
        (Decision::Approve, None) => (
            format!("{} is approved, and the run is complete.", stage.display_name()),
            format!("{} 단계가 승인되어 워크플로가 완료되었습니다.", stage.name()),
            "complete".to_owned(),
        ),
        (Decision::Revise, _) => (
            format!("{} is to be done again as the reviewer says.", stage.display_name()),
            format!("{} 단계를 검토자의 지시에 따라 다시 수행합니다.", stage.name()),
            format!("revise:{}", stage.name()),
        ),
        (Decision::Reject, _) => (
            format!("{} is rejected, and the run has stopped.", stage.display_name()),
            format!("{} 단계가 거부되어 워크플로가 중단되었습니다.", stage.name()),
            "stop".to_owned(),
        ),
    };
    let responses: Map<String, Value> = said
        .iter()
        .flat_map(|said| said.responses.iter())
        .map(|(id, answer)| (id.clone(), Value::String(answer.clone())))
        .collect();
    let concerns: Vec<Value> = question::read(stage, &responses).map_or_else(
        |_| Vec::new(),
        |read| {
            let critical = read.critical_concerns().into_iter();
            critical.map(|concern| json!({ "id": concern.id, "response": concern.response })).collect()
        },
    );
    DecisionReply {
        request_id: request.id.clone(),
        workflow_id: run.id.clone(),
        status: request.status(),
        decided_by: said.as_ref().map_or(DecidedBy::Relayed, |said| said.decided_by),
        message,
        message_ko,
        next_action,
        next_stage,
        state: run.phase.to_string(),
        feedback_summary: json!({
            "general_feedback": said.as_ref().and_then(|said| said.feedback.clone()),
            "revision_instructions": said.as_ref().and_then(|said| said.revision_instructions.clone()),
            "question_responses": responses,
            "critical_concerns": concerns,
        }),
        unanswered_critical: said.map(|said| said.unanswered_critical).unwrap_or_default(),
    }
}

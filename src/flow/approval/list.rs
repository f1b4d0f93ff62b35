//! Requests for decisions as results list them.

use serde_json::{Value, json};

use crate::domain::address::Address;
use crate::domain::event::Decision;
use crate::domain::size::weight_of;
use crate::domain::stage::Stage;
use crate::domain::workflow::{Request, Run};
use crate::error::Error;
use crate::flow::session::Session;
use crate::flow::time::rfc3339;

/// Most bytes of the reports in a list together; the others are read one by one.
const MOST_REPORTS: usize = 30_000;

/// Every request that waits for a decision, in every run of the project, oldest first. The first
/// come with their reports, as many as have room.
///
/// # Errors
///
/// The log cannot be read.
pub async fn pending(session: &Session) -> Result<Vec<Value>, Error> {
    let read = session.journal().read(|history| {
        let mut room = MOST_REPORTS;
        let listed = |(run, request): (&Run, &Request)| {
            let weight = weight_of(&request.asked.report);
            match room.checked_sub(weight) {
                Some(left) => {
                    room = left;
                    entry(run, request)
                }
                None => in_short(run, request),
            }
        };
        history.pending().map(listed).collect()
    });
    read.await
}

#[derive(Clone, Debug)]
pub struct Decisions {
    /// The requests, newest first, as many as were asked for.
    pub history: Vec<Value>,
    pub total: usize,
    pub approved: usize,
    pub rejected: usize,
    /// Of how many another version was asked for.
    pub revision_requested: usize,
}

/// Requests of a stage or of all, newest first; pending ones among them.
///
/// # Errors
///
/// The log cannot be read.
pub async fn decisions(session: &Session, stage: Option<Stage>, limit: usize) -> Result<Decisions, Error> {
    let read = session.journal().read(move |history| {
        let wanted = |request: &Request| stage.is_none_or(|stage| request.asked.stage == stage);
        let all: Vec<(&Run, &Request)> =
            history.requests().into_iter().filter(|(_, request)| wanted(request)).collect();
        let count = |decision: Decision| {
            let decided = all.iter().filter_map(|(_, request)| request.decided.as_ref());
            decided.filter(|(_, decided)| decided.decision == decision).count()
        };
        Decisions {
            total: all.len(),
            approved: count(Decision::Approve),
            rejected: count(Decision::Reject),
            revision_requested: count(Decision::Revise),
            history: all.iter().take(limit).map(|(run, request)| in_short(run, request)).collect(),
        }
    });
    read.await
}

/// The status in a word; nobody decides on the request of a run that was stopped.
pub fn status(run: &Run, request: &Request) -> &'static str {
    if request.decided.is_none() && !run.phase.is_open() { run.phase.name() } else { request.status() }
}

/// A request with all that is known of it, its report among it.
pub fn entry(run: &Run, request: &Request) -> Value {
    let mut entry = in_short(run, request);
    if let Some(fields) = entry.as_object_mut() {
        fields.insert("report".to_owned(), request.asked.report.clone());
    }
    entry
}

/// A request without its report, which is at its `resource`.
fn in_short(run: &Run, request: &Request) -> Value {
    let decided = request.decided.as_ref();
    json!({
        "request_id": request.id,
        "workflow_id": run.id,
        "stage": request.asked.stage,
        "summary": request.asked.report.get("summary"),
        "risks": request.asked.report.get("risks").and_then(Value::as_array).map(Vec::len),
        "iteration": request.asked.iteration,
        "status": status(run, request),
        "created_at": rfc3339(request.at),
        "responded_at": decided.map(|(at, _)| rfc3339(*at)),
        "approval_decision": decided.map(|(_, it)| it.decision),
        "decided_by": decided.map(|(_, it)| it.decided_by),
        "feedback": decided.and_then(|(_, it)| it.feedback.clone()),
        "revision_instructions": decided.and_then(|(_, it)| it.revision_instructions.clone()),
        "question_responses": decided.map(|(_, it)| it.responses.clone()),
        "chosen": decided.and_then(|(_, it)| it.chosen.clone()),
        "unanswered_critical": decided.map(|(_, it)| it.unanswered_critical.clone()),
        "digest": request.asked.digest,
        "change_digest": request.asked.change,
        "resource": Address::Approval(request.id.clone()).to_string(),
    })
}

//! A stage as its caller sees it, always from the log, so that the same request gets the same result.

use serde::Serialize;
use serde_json::{Value, json};
use serde_with::skip_serializing_none;

use crate::domain::address::Address;
use crate::domain::approvals::DecidedBy;
use crate::domain::budget::{Balance, Limits};
use crate::domain::event::Decision;
use crate::domain::event::stage::{Candidate, Mode, StageFailed, StageFinished};
use crate::domain::handover::Handover;
use crate::domain::history::{History, LooseResult};
use crate::domain::json_schema::outline;
use crate::domain::pack::Omission;
use crate::domain::size::{MOST_ANSWER, cut_at};
use crate::domain::stage::Stage;
use crate::domain::workflow::{Attempt, Due, Phase, Request, Run};
use crate::error::Error;
use crate::flow::approval::known;
use crate::flow::configuration::Configuration;
use crate::flow::document;
use crate::flow::journal::Journal;
use crate::flow::kit::Kit;
use crate::flow::log::Log;
use crate::flow::scope::off_thread_with;
use crate::host::answers::Answers;

#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct StageReply {
    /// True if it has outputs, or is left to the orchestrator.
    pub ok: bool,
    /// Material that the prompt lacks, with the reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<Omission>,
    pub stage: Stage,
    pub stage_display: &'static str,
    pub mode: Mode,
    /// Why it is done in this mode.
    pub why: String,
    pub iteration: u32,
    /// Its output; `None` in solo.
    #[serialize_always]
    pub output: Option<Value>,
    /// Number of consults.
    pub consults_used: u32,
    /// Milliseconds.
    pub elapsed_ms: u64,
    #[serialize_always]
    pub error: Option<String>,
    /// Code of the error.
    pub code: Option<String>,
    pub hint: Option<String>,
    /// True if the same call may succeed a little later; only after a failure.
    pub retryable: Option<bool>,
    /// The next stage; `None` at the end.
    #[serialize_always]
    pub next_stage: Option<Stage>,
    /// The step that the approved change needs before it.
    #[serde(skip)]
    pub due: Option<Due>,
    /// The run.
    pub workflow_id: Option<String>,
    pub state: Option<String>,
    pub budget: Option<Balance>,
    /// Material for the orchestrator, in solo.
    pub solo: Option<Value>,
    /// The request for approval.
    pub approval: Option<ApprovalNote>,
    /// True if the same request was answered before, without a further consult.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub from_log: bool,
}

impl StageReply {
    /// A stage without outputs yet.
    fn bare(stage: Stage, mode: Mode, why: String, iteration: u32) -> Self {
        Self { stage, stage_display: stage.display_name(), mode, why, iteration, ..Self::default() }
    }
}

/// The stage of a request, from the log.
///
/// # Errors
///
/// The request does not exist, or the log cannot be read.
pub async fn again(config: &Configuration, log: &Log, request: &str) -> Result<StageReply, Error> {
    let (request, limits) = (request.to_owned(), config.limits());
    let found = log.journal().read(move |history| {
        let (run, request) = known(history, &request)?;
        let finished = run
            .finished
            .iter()
            .rev()
            .find(|it| it.stage == request.asked.stage && it.iteration == request.asked.iteration)
            .ok_or_else(|| Error::Internal(NO_END.to_owned()))?;
        Ok::<_, Error>(within(run, finished, limits))
    });
    Ok(StageReply { from_log: true, ..found.await?? })
}

/// The result of an ended attempt.
pub(super) async fn logged(
    journal: &Journal,
    run: &str,
    attempt: &str,
    limits: Limits,
) -> Result<StageReply, Error> {
    let (run, attempt) = (run.to_owned(), attempt.to_owned());
    journal
        .read(move |history| match history.run(&run) {
            Some(run) => in_run(run, &attempt, limits).ok_or_else(|| no_end(run)),
            None => outside(history, &attempt).ok_or_else(|| Error::Internal(NO_END.to_owned())),
        })
        .await?
}

const NO_END: &str = "the stage has no end";

/// The error for a stage without a result: its run was stopped during the work.
fn no_end(run: &Run) -> Error {
    run.may_go_on().map_or_else(Error::Workflow, |()| Error::Internal(NO_END.to_owned()))
}

fn in_run(run: &Run, attempt: &str, limits: Limits) -> Option<StageReply> {
    if let Some(failed) = run.last_failure.as_ref().filter(|failed| failed.attempt == attempt) {
        let tried = run.attempt.as_ref().filter(|tried| tried.id == attempt);
        let iteration = tried.map_or(1, |tried| tried.iteration);
        return Some(StageReply {
            workflow_id: Some(run.id.clone()),
            state: Some(run.phase.to_string()),
            budget: Some(run.budget.balance(Some(failed.stage), iteration, limits)),
            ..of_failed(failed, tried)
        });
    }
    let finished = run.finished.iter().rev().find(|finished| finished.attempt == attempt)?;
    Some(within(run, finished, limits))
}

/// The outputs of a stage, with their run.
fn within(run: &Run, finished: &StageFinished, limits: Limits) -> StageReply {
    let request = run
        .requests
        .iter()
        .rev()
        .find(|it| it.asked.stage == finished.stage && it.asked.iteration == finished.iteration);
    StageReply {
        workflow_id: Some(run.id.clone()),
        state: Some(run.phase.to_string()),
        next_stage: next_stage(run, finished.stage),
        due: run.due(),
        budget: Some(run.budget.balance(run.phase.stage(), run.debug_iteration.max(1), limits)),
        approval: request.map(ApprovalNote::of),
        ..of_finished(finished)
    }
}

fn next_stage(run: &Run, stage: Stage) -> Option<Stage> {
    match &run.phase {
        Phase::Ready(next) | Phase::Revising(next) => Some(*next),
        Phase::Complete | Phase::Stopped(_) => None,
        Phase::Running(_) | Phase::AwaitingApproval { .. } => run.leads_to(stage),
    }
}

fn outside(history: &History, attempt: &str) -> Option<StageReply> {
    match history.loose_attempt(attempt)?.result.as_ref()? {
        LooseResult::Finished(finished) => {
            Some(StageReply { next_stage: finished.stage.next(), ..of_finished(finished) })
        }
        LooseResult::Failed(failed) => {
            Some(of_failed(failed, history.loose_attempt(attempt).map(|loose| &loose.attempt)))
        }
    }
}

fn of_finished(finished: &StageFinished) -> StageReply {
    let candidate = finished.candidates.iter().find(|it| it.ok && it.provider == finished.provider);
    let content = candidate.map(|it| it.content.clone()).filter(|text| !text.is_empty());
    let structured = match &finished.output {
        Value::String(_) => Value::Null,
        other => other.clone(),
    };
    let output = json!({
        "ok": true,
        "provider": finished.provider,
        "content": content.unwrap_or_else(|| finished.output.to_string()),
        "structured": structured,
        "elapsed_ms": candidate.map_or(finished.elapsed_ms, |it| it.elapsed_ms),
        "candidates": notes(&finished.candidates, Some(&finished.provider)),
        "note": candidate.and_then(|it| it.note.clone()),
    });
    StageReply {
        ok: true,
        output: Some(output),
        consults_used: finished.consults_used,
        elapsed_ms: finished.elapsed_ms,
        ..StageReply::bare(finished.stage, finished.mode, finished.why.clone(), finished.iteration)
    }
}

fn of_failed(failed: &StageFailed, tried: Option<&Attempt>) -> StageReply {
    let of_candidates = || failed.candidates.iter().find_map(|candidate| candidate.hint.as_ref());
    let hint = match failed.hint.as_ref().or_else(of_candidates) {
        Some(own) => format!("{own} Or do the stage yourself and hand it in with maestro_request_approval."),
        None => "Do the stage yourself and hand it in with maestro_request_approval.".to_owned(),
    };
    let output = json!({
        "ok": false,
        "provider": failed.candidates.first().map(|candidate| candidate.provider.clone()),
        "content": "",
        "structured": null,
        "elapsed_ms": failed.elapsed_ms,
        "candidates": notes(&failed.candidates, None),
    });
    let (mode, why, iteration) =
        tried.map_or((Mode::Consult, "", 1), |tried| (tried.mode, tried.why.as_str(), tried.iteration));
    StageReply {
        output: Some(output),
        consults_used: failed.consults_used,
        elapsed_ms: failed.elapsed_ms,
        error: Some(failed.error.clone()),
        code: Some(failed.code.clone()),
        hint: Some(hint),
        retryable: Some(failed.retryable),
        next_stage: Some(failed.stage),
        ..StageReply::bare(failed.stage, mode, why.to_owned(), iteration)
    }
}

/// A stage for the orchestrator: its material, and the form of its outputs.
pub(super) async fn solo(
    kit: &Kit,
    stage: Stage,
    run: &str,
    attempt: &str,
    material: &str,
) -> Result<StageReply, Error> {
    let (id, name, limits) = (run.to_owned(), attempt.to_owned(), kit.config.limits());
    let read = kit.log.journal().read(move |history| {
        let run = history.run(&id)?;
        let attempt = run.attempt.as_ref().filter(|it| it.id == name)?.clone();
        let balance = run.budget.balance(Some(stage), attempt.iteration, limits);
        Some((attempt, Handover::of(run, stage), run.phase.to_string(), balance))
    });
    let (attempt, handover, state, balance) =
        read.await?.ok_or_else(|| Error::Internal("the stage is gone".to_owned()))?;
    let name = stage.schema();
    let schema = off_thread_with(&kit.config, move |config| document::schema(config, name)).await?;
    Ok(StageReply {
        ok: true,
        hint: Some(
            "Do the stage yourself, then hand in its outputs with maestro_request_approval.".to_owned(),
        ),
        next_stage: Some(stage),
        workflow_id: Some(run.to_owned()),
        state: Some(state),
        budget: Some(balance),
        solo: Some(json!({
            "handed_on": handover,
            "packed_context": material,
            "hand_in": { "schema": name, "fields": outline(&schema) },
        })),
        ..StageReply::bare(stage, Mode::Solo, attempt.why, attempt.iteration)
    })
}

/// A request for approval without its report.
#[derive(Clone, Debug, Serialize)]
pub struct ApprovalNote {
    pub request_id: String,
    /// `pending`, or the decision.
    pub status: &'static str,
    /// The decision; the same as `status`, for code.
    #[serde(skip)]
    pub decision: Option<Decision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<DecidedBy>,
    pub questions_count: usize,
    /// The report as text.
    pub display: String,
    pub resource: String,
}

impl ApprovalNote {
    /// A request as results show it.
    pub fn of(request: &Request) -> Self {
        let questions = request.asked.report.get("questions").and_then(Value::as_array).map_or(0, Vec::len);
        Self {
            request_id: request.id.clone(),
            status: request.status(),
            decision: request.decided.as_ref().map(|(_, decided)| decided.decision),
            decided_by: request.decided.as_ref().map(|(_, decided)| decided.decided_by),
            questions_count: questions,
            display: request.asked.display.clone(),
            resource: Address::Approval(request.id.clone()).to_string(),
        }
    }
}

/// Notes on all candidates. The result shows the chosen answer beside them, so it is not repeated; the others
/// share the room of one answer.
pub(super) fn notes(candidates: &[Candidate], handed_on: Option<&str>) -> Vec<Value> {
    let mut is_first = true;
    let room = MOST_ANSWER / candidates.len().max(1);
    let shown = candidates.iter().map(|candidate| {
        let is_from_them = candidate.ok && handed_on == Some(candidate.provider.as_str());
        let is_handed_on = is_from_them && std::mem::take(&mut is_first);
        // The parsed document is left out: the result shows the chosen one as the stage's output.
        let Value::Object(mut note) = json!(Candidate { structured: None, ..candidate.clone() }) else {
            return Value::Null;
        };
        if let Some(Value::Object(told)) = note.shift_remove("told") {
            note.extend(told);
        }
        if candidate.model.is_empty() {
            note.insert("model".to_owned(), Value::Null);
        }
        if candidate.error.is_some() {
            note.insert("retryable".to_owned(), Value::Bool(candidate.retryable));
        }
        if let Some(resource) = candidate.content_file.as_deref().and_then(Answers::address) {
            note.insert("resource".to_owned(), Value::String(resource.to_string()));
        }
        if is_handed_on {
            note.shift_remove("content");
            note.insert("handed_on".to_owned(), Value::Bool(true));
        } else {
            note.insert("content".to_owned(), json!(beginning(&candidate.content, room)));
        }
        Value::Object(note)
    });
    shown.collect()
}

fn beginning(text: &str, room: usize) -> &str {
    cut_at(text, room).and_then(|end| text.get(..end)).unwrap_or(text)
}

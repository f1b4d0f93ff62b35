//! Ends a stage: with outputs and a request for approval, with a failure, or cut short. Also makes the
//! report for the request.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{StageRequest, Task};
use crate::domain::approvals::Approvals;
use crate::domain::approvals::DecidedBy;
use crate::domain::change::Mark;
use crate::domain::diff;
use crate::domain::event::stage::{Candidate, LowRisk, Mode, StageFailed, StageFinished, StageInterrupted};
use crate::domain::event::{ApprovalDecided, ApprovalRequested, Decision, Draft, Noted};
use crate::domain::measure::report::Spent;
use crate::domain::measure::tally::{Calls, Tally};
use crate::domain::report::{
    self, AppliedChange, Cost, Failure, Flagged, Iteration, Material, Next, OpenQuestion, Output, Report,
    Said, SchemaErrors, VerificationNote,
};
use crate::domain::stage::Stage;
use crate::domain::workflow::{Attempt, Run};
use crate::error::{Error, outcome};
use crate::flow::configuration::Configuration;
use crate::flow::ensemble;
use crate::flow::journal::{Decided, new_id};
use crate::flow::time::{now, rfc3339};

/// Columns of the text in results: a client with a screen of 80 indents it by up to 4.
const WIDTH: usize = 76;

/// Ends a stage with the answers in the log.
pub(super) async fn finish(
    config: &Configuration,
    request: &Arc<StageRequest>,
    task: &Arc<Task>,
) -> Result<(), Error> {
    let (given, config, request) = (Arc::clone(task), config.clone(), Arc::clone(request));
    let ids = Ids::new();
    task.journal
        .decide(&task.run, move |history| {
            let Some(attempt) = super::find(history, &given.run, &given.attempt.id) else {
                return Ok(Decided::nothing(()));
            };
            // Outputs of a run that was stopped meanwhile wait for no decision.
            if history.run(&given.run).is_some_and(|run| run.may_go_on().is_err()) {
                return Ok(Decided::nothing(()));
            }
            let elapsed_ms = now().saturating_sub(attempt.started_at);
            let Some(best) = attempt.best() else {
                let failed = failed_body(attempt, elapsed_ms);
                let draft = Draft::new(ids.finished.clone(), failed).on([attempt.id.clone()]);
                return Ok(Decided::append(vec![draft], ()));
            };
            let finished = StageFinished {
                attempt: attempt.id.clone(),
                stage: request.stage,
                iteration: attempt.iteration,
                mode: attempt.mode,
                why: attempt.why.clone(),
                output: best.structured.clone().unwrap_or_else(|| Value::String(best.content.clone())),
                provider: best.provider.clone(),
                candidates: attempt.answers.clone(),
                consults_used: consults(attempt),
                elapsed_ms,
            };
            let spent = history.tally_of(&given.run);
            let compared = compared(attempt);
            let run = history.run(&given.run);
            let mut drafts =
                with_review(run, finished, &ids, &config, spent.as_ref(), Extra::Asked(&request))?;
            drafts.extend(
                compared
                    .transpose()?
                    .map(|noted| Draft::new(ids.compared.clone(), noted).on([ids.finished.clone()])),
            );
            Ok(Decided::append(drafts, ()))
        })
        .await
}

/// Similarity of the counted answers of an ensemble; a resample stands for the answer that it replaces.
fn compared(attempt: &Attempt) -> Option<Result<Noted, Error>> {
    if attempt.mode != Mode::Ensemble {
        return None;
    }
    let counted = attempt.answers.iter().filter(|answer| answer.ok);
    let compared = ensemble::compared_answers(counted.map(|answer| answer.content.as_str()));
    Some(Noted::of(&compared).map_err(Error::internal))
}

fn consults(attempt: &Attempt) -> u32 {
    attempt.answers.iter().map(|answer| answer.consults).sum()
}

fn failed_body(attempt: &Attempt, elapsed_ms: u64) -> StageFailed {
    let said = |answer: &Candidate| match &answer.error {
        Some(error) => format!("{}: {error}", answer.id),
        None => format!("{}: discarded ({})", answer.id, discarded(answer)),
    };
    let failed: Vec<&Candidate> = attempt.answers.iter().filter(|answer| answer.error.is_some()).collect();
    let code = match failed.as_slice() {
        all if all.len() < attempt.answers.len() => outcome::NO_VALID_ANSWER.to_owned(),
        [only] => only.code.clone().unwrap_or_else(|| outcome::EVERY_CANDIDATE_FAILED.to_owned()),
        _ => outcome::EVERY_CANDIDATE_FAILED.to_owned(),
    };
    StageFailed {
        attempt: attempt.id.clone(),
        stage: attempt.stage,
        error: format!(
            "no candidate gave a valid answer: {}",
            attempt.answers.iter().map(said).collect::<Vec<_>>().join("; ")
        ),
        retryable: code != outcome::NO_VALID_ANSWER && failed.iter().all(|answer| answer.retryable),
        code,
        hint: None,
        candidates: attempt.answers.clone(),
        consults_used: consults(attempt),
        elapsed_ms,
    }
}

fn discarded(answer: &Candidate) -> String {
    let reasons: Vec<&str> =
        answer.red_flags.iter().chain(&answer.schema_errors).map(String::as_str).collect();
    reasons.join(", ")
}

/// Ends a stage that could not be worked on.
pub(super) async fn failed(task: &Arc<Task>, error: &Error) -> Result<(), Error> {
    let (given, note) = (Arc::clone(task), error.note());
    let id = new_id();
    task.journal
        .decide(&task.run, move |history| {
            let Some(attempt) = super::find(history, &given.run, &given.attempt.id) else {
                return Ok(Decided::nothing(()));
            };
            let elapsed_ms = now().saturating_sub(attempt.started_at);
            let body = StageFailed {
                error: note.error.clone(),
                code: note.code.to_owned(),
                hint: Some(note.hint.clone()),
                retryable: note.retryable,
                ..failed_body(attempt, elapsed_ms)
            };
            Ok(Decided::append(vec![Draft::new(id.clone(), body).on([attempt.id.clone()])], ()))
        })
        .await
}

/// Records that the server ends before the stage. Answers are kept.
pub(super) async fn interrupted(task: &Task) -> Result<(), Error> {
    task.journal.record(&task.run, vec![cut_short(&task.attempt, "its server ended")]).await
}

pub(super) fn cut_short(attempt: &Attempt, why: &str) -> Draft {
    let Attempt { id, stage, .. } = attempt;
    let body = StageInterrupted { attempt: id.clone(), stage: *stage, why: why.to_owned() };
    Draft::new(new_id(), body).on([id.clone()])
}

/// Ids of a stage's last events, made once, however often the decision is tried.
pub(super) struct Ids {
    pub(super) finished: String,
    pub(super) compared: String,
    pub(super) request: String,
    decision: String,
}

impl Ids {
    pub(super) fn new() -> Self {
        Self { finished: new_id(), compared: new_id(), request: new_id(), decision: new_id() }
    }
}

/// Extra content for the end of a stage.
#[derive(Clone, Copy)]
pub(super) enum Extra<'a> {
    /// The request, with the dialog that will be shown.
    Asked(&'a StageRequest),
    /// Figures of the orchestrator.
    Metrics(Option<&'a Map<String, Value>>),
}

/// The events that record a stage's outputs. In a run they include the request for approval, then the
/// policy's approval or else the dialog that will be shown.
pub(super) fn with_review(
    run: Option<&Run>,
    finished: StageFinished,
    ids: &Ids,
    config: &Configuration,
    spent: Option<&Tally>,
    extra: Extra<'_>,
) -> Result<Vec<Draft>, Error> {
    let rests_on = match run {
        // The orchestrator handed in the stage without beginning it.
        Some(run) if finished.attempt.is_empty() => run.grounds(),
        Some(_) | None => vec![finished.attempt.clone()],
    };
    let Some(run) = run else {
        return Ok(vec![Draft::new(ids.finished.clone(), finished).on(rests_on)]);
    };
    let dialog = match extra {
        Extra::Asked(request) => request.dialog.as_ref(),
        Extra::Metrics(_) => None,
    };
    let (asked, is_approved_by_policy) = review(run, &finished, config, spent, extra)?;
    let (stage, shown, change) = (asked.stage, asked.digest.clone(), asked.change.clone());
    let mut drafts = vec![
        Draft::new(ids.finished.clone(), finished).on(rests_on),
        Draft::new(ids.request.clone(), asked).on([ids.finished.clone()]),
    ];
    if is_approved_by_policy {
        let decided = ApprovalDecided {
            request: ids.request.clone(),
            stage,
            decision: Decision::Approve,
            decided_by: DecidedBy::Policy,
            opened: None,
            digest: shown,
            change,
            feedback: None,
            revision_instructions: None,
            responses: BTreeMap::new(),
            chosen: None,
            unanswered_critical: Vec::new(),
        };
        drafts.push(Draft::new(ids.decision.clone(), decided).on([ids.request.clone()]));
    } else if run.approvals(config.settings().approvals) != Approvals::Relay {
        drafts.extend(dialog.and_then(|dialog| dialog.draft(&run.id, &ids.request)));
    }
    Ok(drafts)
}

/// Makes the report on a stage's outputs in its run. The flag is true if the rule for stages of low risk
/// approves them.
///
/// # Errors
///
/// The report is not JSON.
fn review(
    run: &Run,
    finished: &StageFinished,
    config: &Configuration,
    spent: Option<&Tally>,
    extra: Extra<'_>,
) -> Result<(ApprovalRequested, bool), Error> {
    let (metrics, left_out) = match extra {
        Extra::Asked(request) => (None, request.left_out.as_slice()),
        Extra::Metrics(metrics) => (metrics, &[][..]),
    };
    let text = rfc3339(now());
    let (settings, calls) = (config.settings(), spent.map(|tally| &tally.calls));
    let spent = calls.map(Spent::from);
    let most_rounds = settings.policy.max_debug_iterations;
    let (outputs, also) = outputs(finished);
    let material = Material {
        stage: finished.stage,
        outputs: &outputs,
        also,
        flags: flags(finished),
        schema_errors: schema_errors(finished),
        failures: failures(finished),
        left_out,
        verification: verification(run, finished.stage),
        applied: applied(run),
        unapplied: if run.owes_the_approved_change() {
            run.approved_files().into_iter().collect()
        } else {
            Vec::new()
        },
        cost: Cost {
            consults_stage: finished.consults_used,
            consults_total: run.budget.used(),
            max_total: Some(settings.policy.max_consults_total),
            input_tokens: spent.as_ref().and_then(|spent| spent.input_tokens),
            output_tokens: spent.as_ref().and_then(|spent| spent.output_tokens),
            cost_usd: spent.as_ref().and_then(|spent| spent.cost_usd),
            calls_without_cost: calls.map_or(0, Calls::without_cost),
            duration_ms: finished.elapsed_ms,
        },
        metrics,
        open_questions: open_questions(run),
        began_at: run.start_stage,
        mode: finished.mode,
        why: Some(&finished.why),
        iteration: Some(iteration(finished, most_rounds)),
        next: next(run, finished, most_rounds),
        at: &text,
    };
    let report: Report = report::report(&material);
    let is_low_risk = report::is_low_risk(&material).is_ok();
    let value = serde_json::to_value(&report).map_err(Error::internal)?;
    let asked = ApprovalRequested {
        stage: finished.stage,
        iteration: finished.iteration,
        display: report::display(&report, WIDTH, &settings.language.of_reports()),
        digest: digest(&value),
        change: report::proposed_diff(finished.stage, &finished.output).map(|text| diff::digest(&text)),
        report: value,
    };
    let may_policy = settings.auto_approve_low_risk
        && run.low_risk == LowRisk::Approve
        && run.approvals(settings.approvals).takes(DecidedBy::Policy);
    Ok((asked, may_policy && is_low_risk))
}

/// The digest that identifies a report.
fn digest(report: &Value) -> String {
    Mark::of(report.to_string().as_bytes()).sha256
}

/// The valid answers under the names of their sources, the chosen one first, or the outputs that the
/// orchestrator handed in. The second list names the sources of answers that equal the first.
fn outputs(finished: &StageFinished) -> (Vec<Output<'_>>, Vec<String>) {
    let mut outputs = vec![Output { source: &finished.provider, said: said(&finished.output) }];
    let mut also = Vec::new();
    // The chosen answer is the first one of its provider.
    let own = finished.candidates.iter().position(|it| it.ok && it.provider == finished.provider);
    let others = finished.candidates.iter().enumerate();
    for (_, candidate) in others.filter(|(place, candidate)| candidate.ok && Some(*place) != own) {
        let Some(value) = candidate.structured.as_ref() else { continue };
        let is_known = outputs.iter().any(|output| output.source == candidate.provider);
        let source = if is_known { &candidate.id } else { &candidate.provider };
        if *value == finished.output {
            also.push(source.clone());
        } else {
            outputs.push(Output { source, said: Said::Structured(value) });
        }
    }
    (outputs, also)
}

fn said(output: &Value) -> Said<'_> {
    match output {
        Value::String(text) => Said::Text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Said::Structured(output)
        }
    }
}

fn flags(finished: &StageFinished) -> Vec<Flagged> {
    let flagged = finished.candidates.iter().filter(|candidate| !candidate.red_flags.is_empty());
    flagged
        .map(|candidate| Flagged {
            provider: candidate.provider.clone(),
            reasons: candidate.red_flags.clone(),
        })
        .collect()
}

fn schema_errors(finished: &StageFinished) -> Vec<SchemaErrors> {
    let odd = finished.candidates.iter().filter(|candidate| !candidate.schema_errors.is_empty());
    odd.map(|candidate| SchemaErrors {
        provider: candidate.provider.clone(),
        errors: candidate.schema_errors.clone(),
    })
    .collect()
}

fn failures(finished: &StageFinished) -> Vec<Failure> {
    let failed = finished.candidates.iter().filter_map(|candidate| {
        let message = candidate.error.clone()?;
        Some(Failure { provider: candidate.provider.clone(), message })
    });
    failed.collect()
}

fn verification(run: &Run, stage: Stage) -> Option<VerificationNote> {
    let last = run.verification.as_ref().filter(|_| match stage {
        Stage::Analyze | Stage::Hypothesize => false,
        Stage::Implement | Stage::Debug | Stage::Improve => true,
    })?;
    Some(VerificationNote {
        passed: last.passed,
        summary: last.summary.clone(),
        failing: last.failing.clone(),
        is_claim: last.is_claim,
        is_old: !run.is_checked_since_change(),
        idle: last.idle.clone(),
        commands: last.commands.clone(),
        left_out: last.left_out.clone(),
        missing: last.missing.clone(),
    })
}

/// Files that changed since the last report. Each entry says if an approved change names the file.
fn applied(run: &Run) -> Vec<AppliedChange> {
    if run.unseen.is_empty() {
        return Vec::new();
    }
    let approved = run.approved_files();
    run.unseen.iter().map(|changed| AppliedChange::of(changed, &approved)).collect()
}

/// Critical questions that earlier decisions of this run left open, each once.
fn open_questions(run: &Run) -> Vec<OpenQuestion> {
    let mut open: Vec<OpenQuestion> = Vec::new();
    for request in &run.requests {
        let Some((_, decided)) = &request.decided else { continue };
        open.retain(|question| question.stage != decided.stage);
        let left = decided.unanswered_critical.iter();
        open.extend(left.map(|id| OpenQuestion { stage: decided.stage, id: id.clone() }));
    }
    open
}

fn iteration(finished: &StageFinished, most: u32) -> Iteration {
    Iteration { number: finished.iteration, of: (finished.stage == Stage::Debug).then_some(most) }
}

fn next(run: &Run, finished: &StageFinished, most: u32) -> Next {
    match run.leads_to(finished.stage) {
        None => Next::Complete,
        Some(Stage::Debug) if finished.stage == Stage::Debug => {
            if finished.iteration >= most {
                Next::Escalate
            } else {
                Next::DebugAgain(Iteration { number: finished.iteration + 1, of: Some(most) })
            }
        }
        Some(stage) => Next::Stage(stage),
    }
}

//! Way in which a stage ends: with outputs and a request for approval, without, or cut short.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{StageRequest, Task};
use crate::domain::approvals::Approvals;
use crate::domain::approvals::DecidedBy;
use crate::domain::event::stage::{
    Candidate, LowRisk, Mode, RunStarted, StageFailed, StageFinished, StageInterrupted,
};
use crate::domain::event::{ApprovalDecided, Decision, Draft, Noted};
use crate::domain::history::History;
use crate::domain::measure::tally::Tally;
use crate::domain::report::ORCHESTRATOR;
use crate::domain::stage::Stage;
use crate::domain::workflow::{Attempt, Phase, Run};
use crate::error::{Error, outcome};
use crate::flow::approval::{Announced, Review, ReviewFigures, review};
use crate::flow::configuration::Configuration;
use crate::flow::journal::{Decided, new_id};
use crate::flow::kit::Kit;
use crate::flow::scope::off_thread_with;
use crate::flow::time::now;
use crate::flow::which_run::find_run;
use crate::flow::{consult, document, ensemble};

/// The stage's end, from the answers in the log.
pub(super) async fn finish(
    config: &Configuration,
    request: &Arc<StageRequest>,
    task: &Arc<Task>,
) -> Result<(), Error> {
    let (given, limits, request) = (Arc::clone(task), review_figures(config), Arc::clone(request));
    let ids = Ids::new();
    task.journal
        .decide(&task.run, move |history| {
            let Some(attempt) = super::find(history, &given.run, &given.attempt.id) else {
                return Ok(Decided::nothing(()));
            };
            // Nobody is to decide on the outputs of a run that was stopped meanwhile.
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
            let limits = limits.with_spent(history.tally_of(&given.run).as_ref());
            let compared = compared(attempt);
            let run = history.run(&given.run);
            let mut drafts = with_review(run, finished, &ids, &limits, None, request.dialog.as_ref())?;
            drafts.extend(
                compared
                    .transpose()?
                    .map(|noted| Draft::new(ids.compared.clone(), noted).on([ids.finished.clone()])),
            );
            Ok(Decided::append(drafts, ()))
        })
        .await
}

/// Returns how alike the answers of an ensemble are that count; a resample stands for what it replaced.
fn compared(attempt: &Attempt) -> Option<Result<Noted, Error>> {
    if attempt.mode != Mode::Ensemble {
        return None;
    }
    let counted = attempt.answers.iter().filter(|answer| answer.ok);
    let compared = ensemble::compared_answers(counted.map(|answer| answer.content.as_str()));
    Some(Noted::of(&compared).map_err(|error| Error::Internal(error.to_string())))
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
        error: attempt.answers.iter().map(said).collect::<Vec<_>>().join("; "),
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

/// The stage could not be worked on at all.
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

/// The server ends before the stage does. Answers are kept.
pub(super) async fn interrupted(task: &Task) -> Result<(), Error> {
    let Attempt { id, stage, .. } = &task.attempt;
    let why = "its server ended".to_owned();
    let body = StageInterrupted { attempt: id.clone(), stage: *stage, why };
    let draft = Draft::new(new_id(), body).on([id.clone()]);
    task.journal.record(&task.run, vec![draft]).await
}

/// The ids of a stage's last events, made once, however often the decision is tried.
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

/// The outputs; within a run with the request for approval, and with its approval where the policy gives
/// it, else with the dialog that is going to be shown.
pub(super) fn with_review(
    run: Option<&Run>,
    finished: StageFinished,
    ids: &Ids,
    limits: &ReviewFigures,
    metrics: Option<&Map<String, Value>>,
    dialog: Option<&Announced>,
) -> Result<Vec<Draft>, Error> {
    let rests_on = match run {
        // It was handed in without being begun.
        Some(run) if finished.attempt.is_empty() => run.grounds(),
        Some(_) | None => vec![finished.attempt.clone()],
    };
    let Some(run) = run else {
        return Ok(vec![Draft::new(ids.finished.clone(), finished).on(rests_on)]);
    };
    let Review { asked, is_approved_by_policy } = review(run, &finished, limits, metrics, now())?;
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
    } else if run.approvals(limits.approvals) != Approvals::Relay {
        drafts.extend(dialog.and_then(|dialog| dialog.draft(&run.id, &ids.request)));
    }
    Ok(drafts)
}

/// Returns what the report shows beside the run; what the run has spent is added where its log is read.
pub(super) fn review_figures(config: &Configuration) -> ReviewFigures {
    let policy = &config.settings().policy;
    let settings = &config.settings();
    ReviewFigures {
        approvals: settings.approvals,
        low_risk: settings.auto_approve_low_risk,
        languages: settings.language,
        max_total: policy.max_consults_total,
        max_debug_rounds: policy.max_debug_iterations,
        ..ReviewFigures::default()
    }
}

/// A stage that the orchestrator did itself.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The stage.
    pub stage: Stage,
    /// Its outputs.
    pub outputs: Value,
    /// Milliseconds that it took.
    pub duration_ms: u64,
    /// Figures of the orchestrator's own.
    pub metrics: Option<Map<String, Value>>,
    /// The run.
    pub workflow_id: Option<String>,
}

/// Hands in a stage for review. The same outputs again are the same request. Returns the run and
/// the request.
///
/// # Errors
///
/// The run refuses it, or the log cannot be used.
pub async fn submit(kit: &Kit, submission: Submission) -> Result<(String, String), Error> {
    kit.processes.refuse_strangers()?;
    let metrics = masked_metrics(&kit.config, submission.metrics.clone()).await?;
    let submission = Submission { metrics, ..submission };
    let submitting = Submitting {
        current: kit.log.current_run(),
        idle_before: kit.log.idle_before(),
        limits: review_figures(&kit.config),
        candidate: checked(&kit.config, &submission).await?,
        new_run: new_id(),
        server: kit.log.server().to_owned(),
        ids: Ids::new(),
        submission,
    };
    let (run, request) = kit.log.journal().decide_on(move |history| submitting.decide(history)).await?;
    kit.log.set_current_run(&run);
    Ok((run, request))
}

/// The outputs, masked, with what the schema says of them. A reviewer sees that; nothing is refused
/// for it.
async fn checked(config: &Configuration, submission: &Submission) -> Result<Candidate, Error> {
    let submission = submission.clone();
    off_thread_with(config, move |config| {
        let schema = document::schema(config, submission.stage.schema())?;
        let schema_errors = consult::schema_errors(&schema, Some(&submission.outputs));
        let masker = config.masker()?;
        let schema_errors = schema_errors.iter().map(|error| masker.mask(error).text.into_owned()).collect();
        let outputs = masker.mask_value(submission.outputs);
        Ok(Candidate {
            id: format!("{ORCHESTRATOR}-1"),
            ok: true,
            provider: ORCHESTRATOR.to_owned(),
            structured: Some(outputs),
            elapsed_ms: submission.duration_ms,
            schema_errors,
            ..Candidate::default()
        })
    })
    .await
}

/// Figures are shown and stored as well, so they are masked as outputs are.
async fn masked_metrics(
    config: &Configuration,
    metrics: Option<Map<String, Value>>,
) -> Result<Option<Map<String, Value>>, Error> {
    let Some(metrics) = metrics else { return Ok(None) };
    let masked = config.masked(|masker| masker.mask_value(Value::Object(metrics))).await?;
    Ok(masked.as_object().cloned())
}

struct Submitting {
    submission: Submission,
    candidate: Candidate,
    current: Option<String>,
    idle_before: u64,
    limits: ReviewFigures,
    new_run: String,
    server: String,
    ids: Ids,
}

impl Submitting {
    fn decide(&self, history: &History) -> Result<(String, Decided<(String, String)>), Error> {
        let named = self.submission.workflow_id.as_deref();
        let run = find_run(history, named, self.current.as_deref(), self.idle_before)?;
        match run {
            Some(run) => self.in_run(run, history.tally_of(&run.id).as_ref(), Vec::new()),
            None => {
                let (start_stage, low_risk) = (self.submission.stage, LowRisk::Ask);
                let task = format!("{} handed in by the orchestrator", start_stage.name());
                let carried = history.carried(&task, None);
                let approvals = Some(self.limits.approvals);
                let server = Some(self.server.clone());
                let body = RunStarted { task, start_stage, low_risk, carried, approvals, server };
                let began = Draft::new(new_id(), body.clone());
                let run = Run::new(&self.new_run, &began.id, now(), &body);
                self.in_run(&run, None, vec![began])
            }
        }
    }

    fn in_run(
        &self,
        run: &Run,
        spent: Option<&Tally>,
        before: Vec<Draft>,
    ) -> Result<(String, Decided<(String, String)>), Error> {
        let stage = self.submission.stage;
        if let Some(open) = self.same(run) {
            return Ok((run.id.clone(), Decided::nothing((run.id.clone(), open))));
        }
        let start = run.may_submit(stage, self.limits.max_debug_rounds).map_err(Error::Workflow)?;
        let attempt = match (&run.phase, &run.attempt) {
            (Phase::Running(_), Some(attempt)) => attempt.id.clone(),
            _ => String::new(),
        };
        let finished = StageFinished {
            attempt,
            stage,
            iteration: start.iteration,
            mode: Mode::Solo,
            why: "the orchestrator did it itself".to_owned(),
            output: self.candidate.structured.clone().unwrap_or_default(),
            provider: ORCHESTRATOR.to_owned(),
            candidates: vec![self.candidate.clone()],
            consults_used: 0,
            elapsed_ms: self.submission.duration_ms,
        };
        let metrics = self.submission.metrics.as_ref();
        let limits = self.limits.with_spent(spent);
        let mut drafts = before;
        drafts.extend(with_review(Some(run), finished, &self.ids, &limits, metrics, None)?);
        let answer = (run.id.clone(), self.ids.request.clone());
        Ok((run.id.clone(), Decided::append(drafts, answer)))
    }

    /// The request that is open for the very same outputs.
    fn same(&self, run: &Run) -> Option<String> {
        let open = run.pending().filter(|request| request.asked.stage == self.submission.stage)?;
        let last = run.finished.last()?;
        let given = self.candidate.structured.as_ref()?;
        (last.output == *given).then(|| open.id.clone())
    }
}

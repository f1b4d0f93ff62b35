//! One stage of the workflow: begun in the log, worked on beside the call that asked for it, and ended in
//! the log. A repeated call gets the same result and is paid once.
//!
//! `choose` decides how the stage is worked on and by whom, `work` asks the consultants, `finish` ends the
//! attempt, `reply` reads the result from the log, and `submit` takes outputs that the orchestrator made
//! itself.

mod choose;
mod finish;
mod reply;
mod submit;
mod work;

use std::num::NonZeroU64;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::approval::Announced;
use super::breaker::{Permission, Ready, StandIns, ready};
use super::configuration::Configuration;
use super::journal::{Decided, Journal, new_id};
use super::kit::Kit;
use super::log::Log;
use super::pack::{ContextRequest, pack_context};
use super::progress::Progress;
use super::scope::off_thread_with;
use super::time::now;
use super::which_run::Meant;
use crate::domain::approvals::{Approvals, DecidedBy};
use crate::domain::budget::Limits;
use crate::domain::call_options::Effort;
use crate::domain::change::Mark;
use crate::domain::coordination::architecture::SoloRecord;
use crate::domain::event::Draft;
use crate::domain::event::stage::{LowRisk, Mode, RunStarted, StageDelivered, StageResumed, StageStarted};
use crate::domain::handover::Handover;
use crate::domain::history::History;
use crate::domain::mask::Masker;
use crate::domain::stage::Stage;
use crate::domain::track_record::Work;
use crate::domain::workflow::{Attempt, Outcome, Phase, Run};
use crate::error::Error;
use crate::provider::catalogue::Catalogue;

use choose::{Choice, choose, fallbacks, left};
pub use reply::{ApprovalNote, StageReply, again};
pub use submit::{Submission, submit};

/// The condition for a request for approval at the end of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    #[default]
    InRun,
    /// Always: outside a run, a new run begins.
    Always,
}

// A stage to be done: input of a tool, whose schema shows only the docs of the fields.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageRequest {
    /// Stage.
    pub stage: Stage,
    /// Goal.
    pub task: String,
    /// Files or globs.
    #[serde(default)]
    pub context_files: Vec<String>,
    /// Known facts.
    #[serde(default)]
    pub context_facts: Vec<String>,
    /// Error texts.
    #[serde(default)]
    pub context_errors: Vec<String>,
    /// Default: by policy.
    pub providers: Option<Vec<String>>,
    /// Your chance alone, 0 to 1; from 0.45 no ensemble.
    #[schemars(range(min = 0, max = 1))]
    #[serde(default)]
    pub baseline_confidence: f64,
    /// Seconds per consult; default: provider's.
    pub timeout_sec: Option<NonZeroU64>,
    /// Default: as configured, else high.
    pub effort: Option<Effort>,
    /// Default: current run.
    pub workflow_id: Option<String>,
    #[serde(skip)]
    pub gate: Gate,
    /// The dialog that the call shows afterwards.
    #[serde(skip)]
    pub dialog: Option<Announced>,
    /// Parts of the context that were not sent, or not whole.
    #[serde(skip)]
    pub left_out: Vec<String>,
}

impl StageRequest {
    fn check(&self, catalogue: &Catalogue) -> Result<(), Error> {
        for name in self.providers.iter().flatten() {
            catalogue.get(name)?;
        }
        Ok(())
    }

    fn context(&self) -> ContextRequest {
        let (files, facts) = (self.context_files.clone(), self.context_facts.clone());
        ContextRequest::given(files, facts, self.context_errors.clone(), Some(self.stage))
    }

    /// Hash of the request, used to recognise a repeated one. Timeout and effort are not part of it.
    fn digest(&self) -> String {
        let (files, facts, errors) = (&self.context_files, &self.context_facts, &self.context_errors);
        let asked = serde_json::json!([self.stage, self.task, files, facts, errors, [], self.providers]);
        Mark::of(asked.to_string().as_bytes()).sha256
    }
}

/// Does a stage, or returns the result of an earlier identical request. The work continues if the caller
/// leaves.
///
/// # Errors
///
/// The run refuses the stage, the arguments are invalid, or the log cannot be used. Failing consultants are
/// a reply, not an error.
pub async fn run_stage(kit: &Kit, request: StageRequest, progress: &Progress) -> Result<StageReply, Error> {
    kit.processes.refuse_strangers()?;
    kit.config.check()?;
    request.check(kit.config.catalogue())?;
    // The context is packed before the stage begins, so that a missing file costs no attempt.
    let context = request.context();
    let packed =
        if context.is_empty() { None } else { Some(pack_context(&kit.config, &kit.project, context).await?) };
    let (omitted, material) =
        packed.map(|packed| (packed.omitted, packed.packed_context)).unwrap_or_default();
    let left_out = omitted.iter().map(|omission| omission.path.clone()).collect();
    let request = StageRequest { left_out, ..request };
    let reply = done(kit, &Arc::new(request), &material, progress).await?;
    Ok(StageReply { omitted, ..reply })
}

async fn done(
    kit: &Kit,
    request: &Arc<StageRequest>,
    material: &str,
    progress: &Progress,
) -> Result<StageReply, Error> {
    let limits = kit.config.limits();
    loop {
        let Begun { run, attempt, how } = begin(kit, request).await?;
        if !run.is_empty() {
            kit.log.set_current_run(&run);
        }
        let journal = kit.log.journal_of(&run);
        match how {
            How::Solo => {
                return reply::solo(kit, request.stage, &run, &attempt, material).await;
            }
            How::Logged => {
                let reply = answer(journal, &run, &attempt, limits).await?;
                return Ok(StageReply { from_log: true, ..reply });
            }
            How::Attached => {
                progress
                    .say(&format!("{}: another call is working on it; waiting for it", request.stage.name()));
                if has_ended(&kit.log, journal, &run, &attempt).await? {
                    return answer(journal, &run, &attempt, limits).await;
                }
            }
            How::Work(task) => {
                let working = kit.log.work_on(&attempt);
                let ended = work::spawn(kit, Arc::clone(request), task, progress.clone(), working);
                ended.await.map_err(Error::internal)??;
                return answer(journal, &run, &attempt, limits).await;
            }
        }
    }
}

/// Waits for the end of an attempt that another call works on. False if that work ended without a result: it
/// was cut short, or the stage began anew.
async fn has_ended(log: &Log, journal: &Journal, run: &str, attempt: &str) -> Result<bool, Error> {
    loop {
        let (run_id, attempt_id) = (run.to_owned(), attempt.to_owned());
        let look = move |history: &History| {
            // The run may be further on already.
            if history.run(&run_id).is_some_and(|run| run.has_ended(&attempt_id)) {
                return (Outcome::Finished, String::new());
            }
            let found = find(history, &run_id, &attempt_id);
            found.map_or((Outcome::Interrupted, String::new()), |it| (it.outcome.clone(), it.server.clone()))
        };
        match journal.read(look).await? {
            (Outcome::Finished | Outcome::Failed, _) => return Ok(true),
            (Outcome::Open, server) if log.is_worked_on(&server, attempt) => journal.changed().await,
            (Outcome::Open | Outcome::Interrupted, _) => return Ok(false),
        }
    }
}

fn find<'a>(history: &'a History, run: &str, attempt: &str) -> Option<&'a Attempt> {
    match history.run(run) {
        Some(run) => run.attempt.as_ref().filter(|it| it.id == attempt),
        None => history.loose_attempt(attempt).map(|loose| &loose.attempt),
    }
}

/// The result of an ended attempt. Outside a run, records that it was delivered.
async fn answer(journal: &Journal, run: &str, attempt: &str, limits: Limits) -> Result<StageReply, Error> {
    let reply = reply::logged(journal, run, attempt, limits).await?;
    if run.is_empty() {
        let body = StageDelivered { attempt: attempt.to_owned() };
        journal.record("", vec![Draft::new(new_id(), body).on([attempt.to_owned()])]).await?;
    }
    Ok(reply)
}

/// How a request for a stage continues. Outside a run, the run's name is empty.
struct Begun {
    run: String,
    attempt: String,
    how: How,
}

enum How {
    /// The orchestrator does the stage itself.
    Solo,
    /// The outputs exist and wait for a decision.
    Logged,
    /// Another call works on it.
    Attached,
    /// Work on it here and now.
    Work(Arc<Task>),
}

/// An attempt to work on.
struct Task {
    /// The log that records it.
    journal: Journal,
    run: String,
    attempt: Attempt,
    handover: Handover,
    /// Stand-ins for a provider that refuses. The stage's candidates share them.
    stand_ins: StandIns,
}

async fn begin(kit: &Kit, request: &Arc<StageRequest>) -> Result<Begun, Error> {
    let journal = kit.log.journal().clone();
    let aside = kit.log.journal_of("").clone();
    let asked = Arc::clone(request);
    let known = off_thread_with(kit, move |kit| {
        let ready = ready(kit, Work::at(Some(asked.stage)));
        Ok((ready, solo_record(&kit.config, &kit.log, &asked)))
    });
    let (ready, solo) = known.await?;
    let this = Arc::new(Beginning {
        digest: request.digest(),
        meant: Meant::new(&kit.log, request.workflow_id.clone()),
        new_run: NewRun::new(kit),
        attempt: new_id(),
        config: kit.config.clone(),
        log: kit.log.clone(),
        request: Arc::clone(request),
        solo,
        ready,
    });
    if this.request.gate == Gate::InRun && !this.log.is_logged("") {
        let looking = Arc::clone(&this);
        if journal.read(move |history| looking.is_outside(history)).await?? {
            return aside.decide_on(move |history| this.outside(history)).await;
        }
    }
    journal.decide_on(move |history| this.decide(history)).await
}

struct Beginning {
    config: Configuration,
    log: Log,
    request: Arc<StageRequest>,
    digest: String,
    meant: Meant,
    new_run: NewRun,
    attempt: String,
    /// Record of single agents at this kind of work.
    solo: SoloRecord,
    /// Providers that are installed.
    ready: Ready,
}

/// A run that begins with this stage.
struct NewRun {
    id: String,
    approvals: Approvals,
    server: String,
}

impl NewRun {
    fn new(kit: &Kit) -> Self {
        let approvals = kit.config.settings().approvals;
        Self { id: new_id(), approvals, server: kit.log.server().to_owned() }
    }

    /// The run, and the event that begins it. The task is masked.
    fn begun(&self, history: &History, task: String, start_stage: Stage) -> (Run, Draft) {
        let body = RunStarted {
            carried: history.carried(&task, None),
            task,
            start_stage,
            low_risk: LowRisk::Ask,
            approvals: Some(self.approvals),
            server: Some(self.server.clone()),
        };
        let began = Draft::new(new_id(), body.clone());
        (Run::new(&self.id, &began.id, now(), &body), began)
    }
}

/// The record of single agents at this stage and kind of work. A log that cannot be read counts as empty.
/// Blocks.
fn solo_record(config: &Configuration, log: &Log, request: &StageRequest) -> SoloRecord {
    let intent = config.lexicon().ok().map(|lexicon| lexicon.intent(&request.task, &[]));
    let kind = intent.as_ref().filter(|intent| intent.is_known()).map(|intent| intent.intent.as_str());
    let of = |history: &History| SoloRecord::of(&history.coordination, request.stage, kind);
    log.journal().read_now(of).unwrap_or_default()
}

type Decision = (String, Decided<Begun>);

/// A decision that appends nothing.
fn as_it_is(run: &str, attempt: &Attempt, how: How) -> Decision {
    let begun = Begun { run: run.to_owned(), attempt: attempt.id.clone(), how };
    (run.to_owned(), Decided::nothing(begun))
}

impl Beginning {
    fn decide(&self, history: &History) -> Result<Decision, Error> {
        let masker = self.config.masker()?;
        if self.is_outside(history)? {
            return self.outside(history);
        }
        match self.meant.run(history)? {
            Some(run) => self.in_run(run),
            None => self.in_new_run(history, &masker),
        }
    }

    /// True if the stage belongs to no run.
    fn is_outside(&self, history: &History) -> Result<bool, Error> {
        let run = self.meant.run(history)?;
        Ok(match self.request.gate {
            Gate::Always => false,
            // After a completed run, a stage belongs to no run, unless the call names that one.
            Gate::InRun => run.is_none_or(|run| run.phase == Phase::Complete && self.meant.named.is_none()),
        })
    }

    fn in_run(&self, run: &Run) -> Result<Decision, Error> {
        let stage = self.request.stage;
        let same = run.attempt.as_ref().filter(|it| it.stage == stage && it.request == self.digest);
        let id = run.id.clone();
        match (&run.phase, same) {
            (Phase::AwaitingApproval { stage: open, .. }, Some(attempt))
                if *open == stage && attempt.outcome == Outcome::Finished =>
            {
                Ok(as_it_is(&id, attempt, How::Logged))
            }
            // The policy approved the result, and the run went on: a caller that lost it gets it again.
            (_, Some(attempt)) if run.phase.stage() != Some(stage) && by_policy(run, attempt) => {
                Ok(as_it_is(&id, attempt, How::Logged))
            }
            (Phase::Running(running), _) if *running == stage => self.while_running(run, same),
            (Phase::Ready(_) | Phase::Revising(_), Some(attempt))
                if attempt.outcome == Outcome::Interrupted && run.phase.stage() == Some(stage) =>
            {
                Ok((id, self.go_on(run, attempt, Vec::new())?))
            }
            _ => Ok((id, self.start(run, Vec::new())?)),
        }
    }

    fn while_running(&self, run: &Run, same: Option<&Attempt>) -> Result<Decision, Error> {
        let id = run.id.clone();
        let Some(attempt) = run.attempt.as_ref().filter(|it| it.outcome == Outcome::Open) else {
            return Err(self.refused(run));
        };
        if attempt.mode == Mode::Solo {
            return Ok(as_it_is(&id, attempt, How::Solo));
        }
        if self.log.is_worked_on(&attempt.server, &attempt.id) {
            let attached = same.map(|attempt| as_it_is(&id, attempt, How::Attached));
            return attached.ok_or_else(|| self.refused(run));
        }
        // Its server was killed. The same request continues the stage; another request begins it anew.
        let cut = finish::cut_short(attempt, "its server was killed");
        let after = run.with(&cut, now());
        match same {
            Some(attempt) => Ok((id, self.go_on(&after, attempt, vec![cut])?)),
            None => Ok((id, self.start(&after, vec![cut])?)),
        }
    }

    fn refused(&self, run: &Run) -> Error {
        let most = self.config.settings().policy.max_debug_iterations;
        match run.may_start(self.request.stage, most) {
            Err(refusal) => Error::Workflow(refusal),
            Ok(_) => Error::Internal("a stage that may start was refused".to_owned()),
        }
    }

    /// Begins the stage in a run. The run is given as it will be once `before` is in the log.
    fn start(&self, run: &Run, before: Vec<Draft>) -> Result<Decided<Begun>, Error> {
        let most = self.config.settings().policy.max_debug_iterations;
        let round = run.may_start(self.request.stage, most).map_err(Error::Workflow)?;
        let choice = choose(&self.config, &self.request, Some(run), round, self.solo, &self.ready)?;
        Ok(self.started(Some(run), before, round, choice))
    }

    /// Continues a stage that was cut short, with the run as it will be once `before` is in the log. If there
    /// is no answer and the budget is used up, the stage begins anew, in solo.
    fn go_on(&self, run: &Run, attempt: &Attempt, before: Vec<Draft>) -> Result<Decided<Begun>, Error> {
        let left = left(&self.config, self.request.stage, run, attempt.iteration);
        if left == 0 && attempt.best().is_none() && !attempt.left().is_empty() {
            return self.start(run, before);
        }
        self.resume(Some(run), attempt, before)
    }

    fn in_new_run(&self, history: &History, masker: &Masker) -> Result<Decision, Error> {
        let task = masker.mask(&self.request.task).text.into_owned();
        let (run, began) = self.new_run.begun(history, task, self.request.stage);
        let decided = self.start(&run, vec![began])?;
        Ok((run.id, decided))
    }

    fn outside(&self, history: &History) -> Result<Decision, Error> {
        self.config.masker()?;
        if let Some(attempt) = history.loose(&self.digest).map(|loose| &loose.attempt) {
            match attempt.outcome {
                Outcome::Finished if !attempt.delivered => return Ok(as_it_is("", attempt, How::Logged)),
                Outcome::Open if self.log.is_worked_on(&attempt.server, &attempt.id) => {
                    return Ok(as_it_is("", attempt, How::Attached));
                }
                Outcome::Open | Outcome::Interrupted => {
                    return Ok((String::new(), self.resume(None, attempt, Vec::new())?));
                }
                Outcome::Finished | Outcome::Failed => {}
            }
        }
        let choice = choose(&self.config, &self.request, None, 1, self.solo, &self.ready)?;
        Ok((String::new(), self.started(None, Vec::new(), 1, choice)))
    }

    fn resume(
        &self,
        run: Option<&Run>,
        attempt: &Attempt,
        before: Vec<Draft>,
    ) -> Result<Decided<Begun>, Error> {
        let id = run.map_or("", |run| &run.id);
        if self.log.is_logged(id) {
            self.log.show_alive()?;
        }
        let fallbacks = fallbacks(&self.config, &self.request, attempt, &self.ready);
        let server = self.log.server().to_owned();
        let body = StageResumed { attempt: attempt.id.clone(), server };
        let mut drafts = before;
        drafts.push(Draft::new(new_id(), body).on([attempt.id.clone()]));
        Ok(Decided::append(drafts, self.task(run, attempt.clone(), fallbacks)))
    }

    fn started(
        &self,
        run: Option<&Run>,
        before: Vec<Draft>,
        iteration: u32,
        choice: Choice,
    ) -> Decided<Begun> {
        let id = run.map_or("", |run| &run.id);
        let body = StageStarted {
            stage: self.request.stage,
            iteration,
            mode: choice.mode,
            why: choice.why,
            request: self.digest.clone(),
            server: self.log.server().to_owned(),
            providers: choice.providers,
        };
        let attempt = Attempt::begun(&self.attempt, now(), &body);
        let mut drafts = before;
        drafts.push(Draft::new(self.attempt.clone(), body).on(run.map_or_else(Vec::new, Run::grounds)));
        let begun = match choice.mode {
            Mode::Solo => Begun { run: id.to_owned(), attempt: attempt.id, how: How::Solo },
            Mode::Consult | Mode::Ensemble => {
                let shown = if self.log.is_logged(id) { self.log.show_alive() } else { Ok(()) };
                if let Err(error) = shown {
                    tracing::warn!(%error, "other servers cannot see that this one is alive");
                }
                self.task(run, attempt, choice.fallbacks)
            }
        };
        Decided::append(drafts, begun)
    }

    fn task(&self, run: Option<&Run>, attempt: Attempt, fallbacks: Vec<String>) -> Begun {
        let is_named = self.request.providers.as_ref().is_some_and(|named| !named.is_empty());
        let answered = attempt.answers.iter().map(|answer| &answer.provider);
        let asked: Vec<String> = attempt.providers.iter().chain(answered).cloned().collect();
        let (id, name) = (run.map_or_else(String::new, |run| run.id.clone()), attempt.id.clone());
        let task = Task {
            journal: self.log.journal_of(&id).clone(),
            run: id.clone(),
            handover: run.map_or_else(Handover::default, |run| Handover::of(run, self.request.stage)),
            attempt,
            stand_ins: StandIns::new(Permission::of(is_named), &asked, fallbacks),
        };
        Begun { run: id, attempt: name, how: How::Work(Arc::new(task)) }
    }
}

/// True if the policy approved the result of an attempt.
fn by_policy(run: &Run, attempt: &Attempt) -> bool {
    let decided = run.requests.last().filter(|request| {
        request.asked.stage == attempt.stage && request.asked.iteration == attempt.iteration
    });
    decided
        .and_then(|request| request.decided.as_ref())
        .is_some_and(|(_, decided)| decided.decided_by == DecidedBy::Policy)
}

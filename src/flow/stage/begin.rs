//! Start of a stage: it begins, goes on, or is there already.

use std::sync::Arc;

use super::choose::{Choice, choose, fallbacks, left};
use super::{Gate, StageRequest};
use crate::domain::approvals::DecidedBy;
use crate::domain::coordination::architecture::SoloRecord;
use crate::domain::event::Draft;
use crate::domain::event::stage::{LowRisk, Mode, RunStarted, StageInterrupted, StageResumed, StageStarted};
use crate::domain::handover::Handover;
use crate::domain::history::History;
use crate::domain::mask::Masker;
use crate::domain::track_record::Work;
use crate::domain::workflow::{Attempt, Outcome, Phase, Run};
use crate::error::Error;
use crate::flow::breaker::{Bench, Permission, Ready, ready};
use crate::flow::configuration::Configuration;
use crate::flow::coordination::recorded_or_nothing;
use crate::flow::journal::{Decided, new_id};
use crate::flow::kit::Kit;
use crate::flow::log::Log;
use crate::flow::scope::off_thread_with;
use crate::flow::time::now;
use crate::flow::which_run::find_run;

/// Way in which a request for a stage goes on. Outside a run, its name is empty.
pub(super) enum Begun {
    /// The orchestrator does it itself.
    Solo { run: String, attempt: String },
    /// Its outputs are there and wait for a decision.
    Logged { run: String, attempt: String },
    /// Somebody works on it.
    Attached { run: String, attempt: String },
    /// It is to be worked on, here and now.
    Work(Arc<Task>),
}

/// An attempt to work on.
pub(super) struct Task {
    pub(super) run: String,
    pub(super) attempt: Attempt,
    pub(super) handover: Handover,
    /// Stand-ins for a provider that refuses. The stage's candidates share them.
    pub(super) bench: Bench,
}

impl Begun {
    /// The run that it belongs to.
    pub(super) fn run(&self) -> Option<&str> {
        let run = match self {
            Self::Solo { run, .. } | Self::Logged { run, .. } | Self::Attached { run, .. } => run,
            Self::Work(task) => &task.run,
        };
        (!run.is_empty()).then_some(run)
    }
}

pub(super) async fn begin(kit: &Kit, request: &Arc<StageRequest>) -> Result<Begun, Error> {
    let journal = kit.log.journal().clone();
    let aside = kit.log.journal_of("").clone();
    let solo = solo_record(&kit.config, &kit.log, request).await;
    let work = Work::at(Some(request.stage));
    let ready = off_thread_with(kit, move |kit| Ok(ready(kit, work))).await?;
    let this = Arc::new(Beginning {
        digest: request.digest(),
        current: kit.log.current_run(),
        new_run: new_id(),
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
    current: Option<String>,
    new_run: String,
    attempt: String,
    /// Way in which a single agent did at such work, as far as that is recorded.
    solo: SoloRecord,
    /// Providers that are installed.
    ready: Ready,
}

/// Returns what is recorded of single agents at the stage and the kind of work.
async fn solo_record(config: &Configuration, log: &Log, request: &StageRequest) -> SoloRecord {
    let runs = recorded_or_nothing(log).await;
    let intent = config.lexicon().ok().map(|lexicon| lexicon.intent(&request.task, &[]));
    let kind = intent.as_ref().filter(|intent| intent.is_known()).map(|intent| intent.intent.as_str());
    SoloRecord::of(&runs, request.stage, kind)
}

type Decision = (String, Decided<Begun>);

impl Beginning {
    fn decide(&self, history: &History) -> Result<Decision, Error> {
        let masker = self.config.masker()?;
        if self.is_outside(history)? {
            return self.outside(history);
        }
        match self.run(history)? {
            Some(run) => self.in_run(run),
            None => self.in_new_run(history, &masker),
        }
    }

    fn run<'h>(&self, history: &'h History) -> Result<Option<&'h Run>, Error> {
        find_run(
            history,
            self.request.workflow_id.as_deref(),
            self.current.as_deref(),
            self.log.idle_before(),
        )
    }

    /// Returns whether the stage is one of its own, in no run.
    fn is_outside(&self, history: &History) -> Result<bool, Error> {
        let run = self.run(history)?;
        Ok(match self.request.gate {
            Gate::Always => false,
            // A run that went through lies behind.
            Gate::InRun => run.is_none_or(|run| run.phase == Phase::Complete && self.names_no_run()),
        })
    }

    fn names_no_run(&self) -> bool {
        self.request.workflow_id.is_none()
    }

    fn in_run(&self, run: &Run) -> Result<Decision, Error> {
        let stage = self.request.stage;
        let same = run.attempt.as_ref().filter(|it| it.stage == stage && it.request == self.digest);
        let id = run.id.clone();
        match (&run.phase, same) {
            (Phase::AwaitingApproval { stage: open, .. }, Some(attempt))
                if *open == stage && attempt.outcome == Outcome::Finished =>
            {
                let logged = Begun::Logged { run: id.clone(), attempt: attempt.id.clone() };
                Ok((id, Decided::nothing(logged)))
            }
            // No consultant was asked, so a caller that lost the result gets it again.
            (_, Some(attempt)) if run.phase.stage() != Some(stage) && by_policy(run, attempt) => {
                let logged = Begun::Logged { run: id.clone(), attempt: attempt.id.clone() };
                Ok((id, Decided::nothing(logged)))
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
        let (id, stage) = (run.id.clone(), self.request.stage);
        let Some(attempt) = run.attempt.as_ref().filter(|it| it.outcome == Outcome::Open) else {
            return Err(self.refused(run));
        };
        if attempt.mode == Mode::Solo {
            let solo = Begun::Solo { run: id.clone(), attempt: attempt.id.clone() };
            return Ok((id, Decided::nothing(solo)));
        }
        if self.log.is_worked_on(&attempt.server, &attempt.id) {
            return match same {
                Some(attempt) => {
                    let attached = Begun::Attached { run: id.clone(), attempt: attempt.id.clone() };
                    Ok((id, Decided::nothing(attached)))
                }
                None => Err(self.refused(run)),
            };
        }
        // Its server was killed: what it asked for goes on, or gives way to another question.
        let why = "its server was killed".to_owned();
        let cut = Draft::new(new_id(), StageInterrupted { attempt: attempt.id.clone(), stage, why })
            .on([attempt.id.clone()]);
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

    /// Begins the stage in a run, which is as given once `before` is in the log.
    fn start(&self, run: &Run, before: Vec<Draft>) -> Result<Decided<Begun>, Error> {
        let most = self.config.settings().policy.max_debug_iterations;
        let start = run.may_start(self.request.stage, most).map_err(Error::Workflow)?;
        let choice = choose(&self.config, &self.request, Some(run), start.iteration, self.solo, &self.ready)?;
        Ok(self.started(Some(run), before, start.iteration, choice))
    }

    /// Goes on with a stage of a run that was cut short, the run being as given once `before` is in
    /// the log. Where nobody has answered and nobody can be asked any more, the stage begins anew, in
    /// solo.
    fn go_on(&self, run: &Run, attempt: &Attempt, before: Vec<Draft>) -> Result<Decided<Begun>, Error> {
        let left = left(&self.config, self.request.stage, run, attempt.iteration);
        if left == 0 && attempt.best().is_none() && !attempt.left().is_empty() {
            return self.start(run, before);
        }
        self.resume(Some(run), attempt, before)
    }

    fn in_new_run(&self, history: &History, masker: &Masker) -> Result<Decision, Error> {
        let task = masker.mask(&self.request.task).text.into_owned();
        let body = RunStarted {
            carried: history.carried(&task, None),
            task,
            start_stage: self.request.stage,
            low_risk: LowRisk::Ask,
            approvals: Some(self.config.settings().approvals),
            server: Some(self.log.server().to_owned()),
        };
        let id = self.new_run.clone();
        let began = Draft::new(new_id(), body.clone());
        let run = Run::new(&id, &began.id, now(), &body);
        let decided = self.start(&run, vec![began])?;
        Ok((id, decided))
    }

    fn outside(&self, history: &History) -> Result<Decision, Error> {
        self.config.masker()?;
        let same = history.loose(&self.digest).map(|loose| &loose.attempt);
        let name = String::new();
        match same {
            Some(attempt) => match attempt.outcome {
                Outcome::Finished if attempt.delivered => self.begin_outside(),
                Outcome::Finished => {
                    let logged = Begun::Logged { run: name.clone(), attempt: attempt.id.clone() };
                    Ok((name, Decided::nothing(logged)))
                }
                Outcome::Open if self.log.is_worked_on(&attempt.server, &attempt.id) => {
                    let attached = Begun::Attached { run: name.clone(), attempt: attempt.id.clone() };
                    Ok((name, Decided::nothing(attached)))
                }
                Outcome::Open | Outcome::Interrupted => Ok((name, self.resume(None, attempt, Vec::new())?)),
                Outcome::Failed => self.begin_outside(),
            },
            None => self.begin_outside(),
        }
    }

    fn begin_outside(&self) -> Result<Decision, Error> {
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
            Mode::Solo => Begun::Solo { run: id.to_owned(), attempt: self.attempt.clone() },
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
        Begun::Work(Arc::new(Task {
            run: run.map_or_else(String::new, |run| run.id.clone()),
            handover: run.map_or_else(Handover::default, |run| Handover::of(run, self.request.stage)),
            attempt,
            bench: Bench::new(Permission::of(is_named), &asked, fallbacks),
        }))
    }
}

/// True if the policy approved what came of an attempt.
fn by_policy(run: &Run, attempt: &Attempt) -> bool {
    let decided = run.requests.last().filter(|request| {
        request.asked.stage == attempt.stage && request.asked.iteration == attempt.iteration
    });
    decided
        .and_then(|request| request.decided.as_ref())
        .is_some_and(|(_, decided)| decided.decided_by == DecidedBy::Policy)
}

//! One stage of the workflow: begun in the log, worked on beside the call that asked for it, ended
//! in the log. A repeated call gets the same result, and is paid once.

mod begin;
mod choose;
mod finish;
mod reply;
mod work;

use std::sync::Arc;

use super::approval::Announced;
use super::configuration::Configuration;
use super::journal::{Journal, new_id};
use super::kit::Kit;
use super::log::Log;
use super::pack::{ContextRequest, pack_context};
use super::processes::Processes;
use super::progress::Progress;
use crate::domain::call_options::CallOptions;
use crate::domain::change::Mark;
use crate::domain::event::Draft;
use crate::domain::event::stage::StageDelivered;
use crate::domain::history::History;
use crate::domain::stage::Stage;
use crate::domain::workflow::{Attempt, Outcome};
use crate::error::Error;

use begin::{Begun, begin};
pub use finish::{Submission, submit};
pub use reply::{ApprovalNote, StageReply, again};

/// End of a stage: with a request for approval, or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    InRun,
    /// Always: outside a run, one is begun.
    Always,
}

/// A stage to be done.
#[derive(Clone, Debug)]
pub struct StageRequest {
    /// The stage.
    pub stage: Stage,
    pub task: String,
    pub context: ContextRequest,
    /// Providers that are asked, where the orchestrator says so.
    pub providers: Option<Vec<String>>,
    /// Probability that a single agent is to succeed, 0 to 1.
    pub baseline_confidence: f64,
    pub options: CallOptions,
    /// The run.
    pub workflow_id: Option<String>,
    pub gate: Gate,
    /// The dialog that the call shows afterwards.
    pub dialog: Option<Announced>,
}

impl StageRequest {
    fn check(&self, config: &Configuration, processes: &Processes) -> Result<(), Error> {
        processes.refuse_strangers()?;
        config.check()?;
        if self.task.trim().is_empty() {
            return Err(Error::InvalidArguments("task is empty".to_owned()));
        }
        if !(0.0..=1.0).contains(&self.baseline_confidence) {
            return Err(Error::InvalidArguments(format!(
                "baseline_confidence must be 0 to 1 (got {})",
                self.baseline_confidence
            )));
        }
        for name in self.providers.iter().flatten() {
            config.catalogue().get(name)?;
        }
        Ok(())
    }

    /// Returns by what the same question is known again; the time and the effort that it may take are no
    /// part of it.
    fn digest(&self) -> String {
        let context = &self.context;
        let asked = serde_json::json!([
            self.stage,
            self.task,
            context.files,
            context.facts,
            context.errors,
            context.constraints,
            self.providers,
        ]);
        Mark::of(asked.to_string().as_bytes()).sha256
    }
}

/// Does a stage, or returns what came of the same request before. The work goes on where the caller
/// goes away.
///
/// # Errors
///
/// The run refuses the stage, the arguments make no sense, or the log cannot be used. That the
/// consultants fail is a reply.
pub async fn run_stage(kit: &Kit, request: StageRequest, progress: &Progress) -> Result<StageReply, Error> {
    request.check(&kit.config, &kit.processes)?;
    // Before the stage begins: what is named and not there costs no attempt.
    let omitted = if request.context.is_empty() {
        Vec::new()
    } else {
        pack_context(&kit.config, &kit.project, request.context.clone()).await?.omitted
    };
    let reply = done(kit, &Arc::new(request), progress).await?;
    Ok(StageReply { omitted, ..reply })
}

async fn done(kit: &Kit, request: &Arc<StageRequest>, progress: &Progress) -> Result<StageReply, Error> {
    loop {
        let begun = begin(kit, request).await?;
        if let Some(run) = begun.run() {
            kit.log.set_current_run(run);
        }
        match begun {
            Begun::Solo { run, attempt } => return reply::solo(kit, request, &run, &attempt).await,
            Begun::Logged { run, attempt } => {
                return answer(&kit.config, &kit.log, &run, &attempt, true).await;
            }
            Begun::Attached { run, attempt } => {
                progress.say(&format!("{}: being worked on already; waiting for it", request.stage.name()));
                if let Some(reply) = attached(&kit.config, &kit.log, &run, &attempt).await? {
                    return Ok(reply);
                }
            }
            Begun::Work(task) => {
                let (run, attempt) = (task.run.clone(), task.attempt.id.clone());
                let working = kit.log.work_on(&attempt);
                let ended = work::spawn(kit, Arc::clone(request), task, progress.clone(), working);
                ended.await.map_err(|error| Error::Internal(error.to_string()))??;
                return answer(&kit.config, &kit.log, &run, &attempt, false).await;
            }
        }
    }
}

/// The result of an attempt that somebody else works on, once it has ended; none where they are gone.
async fn attached(
    config: &Configuration,
    log: &Log,
    run: &str,
    attempt: &str,
) -> Result<Option<StageReply>, Error> {
    loop {
        match standing(log, run, attempt).await? {
            Standing::Ended => return answer(config, log, run, attempt, false).await.map(Some),
            Standing::Open { server } if log.is_worked_on(&server, attempt) => {
                log.journal_of(run).changed().await;
            }
            Standing::Open { .. } | Standing::Gone => return Ok(None),
        }
    }
}

enum Standing {
    /// Its outputs are in the log, or its failure.
    Ended,
    /// A server works on it, unless that was killed.
    Open { server: String },
    /// It was cut short, or somebody began anew.
    Gone,
}

async fn standing(log: &Log, run: &str, attempt: &str) -> Result<Standing, Error> {
    let (run_id, attempt_id) = (run.to_owned(), attempt.to_owned());
    let look = move |history: &History| {
        // The run may be further on already.
        if history.run(&run_id).is_some_and(|run| run.has_ended(&attempt_id)) {
            return Standing::Ended;
        }
        match find(history, &run_id, &attempt_id) {
            Some(Attempt { outcome: Outcome::Open, server, .. }) => Standing::Open { server: server.clone() },
            Some(Attempt { outcome: Outcome::Finished | Outcome::Failed, .. }) => Standing::Ended,
            Some(Attempt { outcome: Outcome::Interrupted, .. }) | None => Standing::Gone,
        }
    };
    log.journal_of(run).read(look).await
}

fn find<'a>(history: &'a History, run: &str, attempt: &str) -> Option<&'a Attempt> {
    match history.run(run) {
        Some(run) => run.attempt.as_ref().filter(|it| it.id == attempt),
        None => history.loose_attempt(attempt).map(|loose| &loose.attempt),
    }
}

/// The result of an attempt that has ended; from now on the caller has it.
async fn answer(
    config: &Configuration,
    log: &Log,
    run: &str,
    attempt: &str,
    from_log: bool,
) -> Result<StageReply, Error> {
    let reply = reply::logged(config, log, run, attempt, from_log).await?;
    if run.is_empty() {
        delivered(log.journal_of(run), attempt).await?;
    }
    Ok(reply)
}

async fn delivered(journal: &Journal, attempt: &str) -> Result<(), Error> {
    let body = StageDelivered { attempt: attempt.to_owned() };
    journal.record("", vec![Draft::new(new_id(), body).on([attempt.to_owned()])]).await
}

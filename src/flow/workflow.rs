//! Begins, shows, resumes and ends gated runs.

use serde::Serialize;
use serde_json::{Value, json};

use super::configuration::Configuration;
use super::journal::{Decided, new_id};
use super::kit::Kit;
use super::log::Log;
use super::metrics::figures;
use super::time::rfc3339;
use super::which_run::{Meant, named_run};
use crate::domain::approvals::Approvals;
use crate::domain::budget::{Balance, Limits};
use crate::domain::event::stage::{LowRisk, RunResumed, RunStarted, RunStopped};
use crate::domain::event::{Body, Draft};
use crate::domain::handover::Handover;
use crate::domain::measure::report::Metrics;
use crate::domain::measure::tally::Scope;
use crate::domain::stage::Stage;
use crate::domain::words::things;
use crate::domain::workflow::{Phase, Request, Run};
use crate::error::{ApprovalProblem, Error};

/// A run that was begun, or that continues.
#[derive(Clone, Debug)]
pub struct Started {
    pub run: Run,
    /// True if it existed before: the same task from the same stage.
    pub was_open: bool,
    pub budget: Balance,
    /// Notes on wishes that were not granted, and on the rules that apply instead.
    pub notes: Vec<String>,
}

/// Begins a gated run. An open run with the same task and first stage is continued instead. While this
/// server's last run is open, a run for another task begins with the consults that it has spent.
///
/// # Errors
///
/// The log cannot be used, or the settings do not allow this first stage.
pub async fn start(kit: &Kit, task: String, start_stage: Stage, low_risk: LowRisk) -> Result<Started, Error> {
    kit.processes.refuse_strangers()?;
    kit.config.check()?;
    let settings = &kit.config.settings();
    let approvals = settings.approvals;
    if start_stage != Stage::Analyze && (!settings.late_start || approvals == Approvals::Human) {
        let setting = own_setting("late_start", approvals);
        return Err(ApprovalProblem::LateStart { stage: start_stage.name(), setting }.into());
    }
    let mut notes = Vec::new();
    let wanted = low_risk;
    let low_risk = match low_risk {
        LowRisk::Approve if settings.auto_approve_low_risk && approvals != Approvals::Human => {
            LowRisk::Approve
        }
        LowRisk::Approve | LowRisk::Ask => LowRisk::Ask,
    };
    if wanted != low_risk {
        notes.push(format!(
            "auto_approve_low_risk has no effect: a human approves every stage until {}.",
            own_setting("auto_approve_low_risk", approvals)
        ));
    }
    let task = kit.config.masked(move |masker| masker.mask(task.trim()).text.into_owned()).await?;
    let (id, event, current) = (new_id(), new_id(), kit.log.current_run());
    let server = kit.log.server().to_owned();
    let (run, was_open) = kit
        .log
        .journal()
        .decide_on(move |history| {
            // The approval mode was settled when the run began: the same request again does not change it.
            if let Some(run) = history.open_of(&task, start_stage) {
                return Ok((run.id.clone(), Decided::nothing((run.id.clone(), true))));
            }
            let carried = history.carried(&task, current.as_deref());
            let body = RunStarted {
                task: task.clone(),
                start_stage,
                low_risk,
                carried,
                approvals: Some(approvals),
                server: Some(server.clone()),
            };
            let draft = Draft::new(event.clone(), body);
            Ok((id.clone(), Decided::append(vec![draft], (id.clone(), false))))
        })
        .await?;
    kit.log.set_current_run(&run);
    let found = kit.log.journal().read(move |history| history.run(&run).cloned()).await?;
    let run = found.ok_or_else(|| Error::Internal("the run is gone".to_owned()))?;
    let budget = balance(&run, kit.config.limits());
    if !was_open && budget.used > 0 {
        notes.push(format!(
            "It begins with {} already spent, because the previous run is open or was rejected in the model's words: a new run brings no new budget.",
            things(budget.used.into(), "consult")
        ));
    }
    Ok(Started { run, was_open, budget, notes })
}

/// Describes the setting without which an argument has no effect.
fn own_setting(key: &str, approvals: Approvals) -> String {
    let loosened = if approvals == Approvals::Human { " and approvals is not human" } else { "" };
    format!(
        "the user has set {key}: true in their own maestro.yaml (not the project's) or MAESTRO_{}=true{loosened}",
        key.to_uppercase()
    )
}

fn balance(run: &Run, limits: Limits) -> Balance {
    run.budget.balance(run.phase.stage(), run.debug_iteration.max(1), limits)
}

#[derive(Clone, Debug, Serialize)]
pub struct RunState {
    pub workflow_id: String,
    pub task: String,
    pub started_at: String,
    /// Its state, for example `ready(analyze)`.
    pub state: String,
    /// Its current stage; `None` once it has ended.
    pub current_stage: Option<Stage>,
    /// True if there was no work on it for long, so that it holds nothing up.
    pub parked: bool,
    pub next_step: String,
    /// Number of debug rounds that were begun.
    pub debug_iteration: u32,
    /// The request that waits for a decision.
    pub pending_request: Option<String>,
    pub budget: Balance,
    /// The last checks.
    pub verification: Option<Value>,
    /// Steps so far, oldest first.
    pub history: Vec<Value>,
    pub context_summary: Handover,
}

/// The state of a run, if there is one, with its figures, else those of the project.
#[derive(Clone, Debug)]
pub struct Overview {
    pub run: Option<RunState>,
    /// The figures.
    pub metrics: Metrics,
    /// Figures of the calls outside of runs.
    pub outside: Metrics,
}

/// The state of a run and its figures.
///
/// # Errors
///
/// The run does not exist, or the log cannot be read.
pub async fn state(
    config: &Configuration,
    log: &Log,
    workflow_id: Option<String>,
) -> Result<Overview, Error> {
    let (meant, limits, baseline) = (Meant::new(log, workflow_id), config.limits(), config.baseline());
    let idle_before = log.idle_before();
    let most = config.settings().policy.max_debug_iterations;
    let read = log.journal().read(move |history| {
        let run = meant.run(history)?;
        let scope = run.map_or(Scope::Project, |run| Scope::Run(run.id.clone()));
        let metrics = figures(history, scope, baseline).metrics;
        let outside = figures(history, Scope::Run(String::new()), baseline).metrics;
        Ok(Overview {
            run: run
                .map(|run| RunState { parked: run.is_parked(idle_before), ..state_of(run, limits, most) }),
            metrics,
            outside,
        })
    });
    read.await?
}

fn state_of(run: &Run, limits: Limits, most_rounds: u32) -> RunState {
    RunState {
        workflow_id: run.id.clone(),
        task: run.task.clone(),
        started_at: rfc3339(run.started_at),
        state: run.phase.to_string(),
        current_stage: run.phase.stage(),
        parked: false,
        next_step: next_step(run, most_rounds),
        debug_iteration: run.debug_iteration,
        pending_request: run.pending().map(|request| request.id.clone()),
        budget: balance(run, limits),
        verification: run.verification.as_ref().map(|last| {
            json!({ "passed": last.passed, "summary": last.summary, "failing": last.failing, "after_last_change": run.is_checked_since_change(), "counts": run.counts(last), "claim": last.is_claim, "commands": last.commands, "missing_checks": last.missing })
        }),
        history: history(run),
        context_summary: Handover::of(run, run.phase.stage().unwrap_or(Stage::Improve)),
    }
}

/// Every stage with outputs, and the decision on it.
fn history(run: &Run) -> Vec<Value> {
    // Outputs and the request for their approval are in the log together, so they pair up.
    let entries = run.finished.iter().enumerate().map(|(place, finished)| {
        let request = run.requests.get(place).filter(|request| request.asked.stage == finished.stage);
        json!({
            "stage": finished.stage,
            "iteration": finished.iteration,
            "mode": finished.mode,
            "provider": finished.provider,
            "consults_used": finished.consults_used,
            "elapsed_ms": finished.elapsed_ms,
            "request_id": request.map(|request| request.id.clone()),
            "status": request.map(Request::status),
            "decided_by": request.and_then(|request| Some(request.decided.as_ref()?.1.decided_by)),
        })
    });
    entries.collect()
}

fn next_step(run: &Run, most_rounds: u32) -> String {
    match &run.phase {
        Phase::Ready(stage) | Phase::Revising(stage) => match (run.may_start(*stage, most_rounds), run.due())
        {
            (Err(refusal), _) => refusal.next,
            (Ok(_), Some(due)) => due.words().english().to_owned(),
            (Ok(_), None) => format!("Run {} with maestro_run_stage_with_approval.", stage.name()),
        },
        Phase::Running(stage) if run.is_solo() => {
            format!("Do {} yourself, then hand in its outputs with maestro_request_approval.", stage.name())
        }
        Phase::Running(stage) => format!(
            "{} is running. Make the same call again: it waits for the result, or continues the stage if its server was killed.",
            stage.name()
        ),
        Phase::AwaitingApproval { request, .. } => {
            format!("Show the human the report, then call maestro_submit_approval with request_id {request}.")
        }
        Phase::Stopped(why) => format!("The run has stopped: {why}."),
        Phase::Complete => "The run is complete.".to_owned(),
    }
}

/// Ends a run. Its running consultants end by themselves, and their answers no longer count. Returns the
/// run after that.
///
/// # Errors
///
/// The run does not exist or has ended, or the log cannot be used.
pub async fn stop(config: &Configuration, log: &Log, run: &str, why: String) -> Result<Run, Error> {
    let why = config.masked(move |masker| masker.mask(&why).text.into_owned()).await?;
    append(log, run, RunStopped { why }).await?;
    let id = run.to_owned();
    log.journal().read(move |history| named_run(history, &id).cloned()).await?
}

/// Resumes a run.
///
/// # Errors
///
/// The run does not exist or has ended, or the log cannot be used.
pub async fn resume(log: &Log, run: &str) -> Result<(), Error> {
    append(log, run, RunResumed {}).await
}

/// Appends to a run that has not ended.
async fn append(log: &Log, run: &str, body: impl Into<Body> + Clone + Send + 'static) -> Result<(), Error> {
    let (id, event) = (run.to_owned(), new_id());
    log.journal()
        .decide(run, move |history| {
            let run = named_run(history, &id)?;
            run.may_go_on().map_err(Error::Workflow)?;
            let draft = Draft::new(event.clone(), body.clone()).on([run.event.clone()]);
            Ok(Decided::append(vec![draft], ()))
        })
        .await
}

/// Fails if a run has ended.
///
/// # Errors
///
/// The run does not exist or has ended, or the log cannot be used.
pub async fn may_go_on(log: &Log, run: &str) -> Result<(), Error> {
    let id = run.to_owned();
    log.journal().read(move |history| named_run(history, &id)?.may_go_on().map_err(Error::Workflow)).await?
}

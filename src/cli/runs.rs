//! `maestro-mcp runs`: the runs of the workflow, and ending one.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::arguments::{RunsCommand, RunsOptions, StopOptions};
use super::line::{cut, one_line, span};
use super::person::{confirmed, nothing_was_done, only_a_person};
use super::pick::{Kind, pick, short};
use super::terminal::{self, print};
use crate::domain::workflow::Run;
use crate::error::Error;
use crate::flow::session::Session;
use crate::flow::time::{now, rfc3339};
use crate::flow::workflow::stop::stop;
use crate::host::human::Typed;

/// The word to type.
const WORD: &str = "stop";

pub(super) async fn run(session: &Session, options: RunsOptions) -> Result<ExitCode, Error> {
    match options.command {
        None => list(session, options.json).await,
        Some(RunsCommand::Stop(options)) => end(session, options).await,
    }
}

async fn list(session: &Session, json: bool) -> Result<ExitCode, Error> {
    session.check_config()?;
    let (most, idle_before) = (session.limits().total, session.idle_before());
    let runs = session.journal().read(|history| history.runs().rev().cloned().collect::<Vec<_>>()).await?;
    print(&if json {
        format!("{:#}\n", Value::Array(runs.iter().map(|run| as_json(run, most, idle_before)).collect()))
    } else {
        as_text(&runs, (most, idle_before), now(), terminal::width())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn as_json(run: &Run, most: u32, idle_before: u64) -> Value {
    json!({
        "workflow_id": run.id,
        "state": run.phase.to_string(),
        "open": run.phase.is_open(),
        "parked": run.is_parked(idle_before),
        "task": run.task,
        "started_at": rfc3339(run.started_at),
        "consults_used": run.budget.used(),
        "consults_max": most,
        "pending_request": run.pending().map(|request| &request.id),
    })
}

fn as_text(runs: &[Run], (most, idle_before): (u32, u64), now: u64, width: Option<usize>) -> String {
    if runs.is_empty() {
        return "There is no run.\n".to_owned();
    }
    let mut out = format!("{:12}  {:>6}  {:>8}  state, pending request, task\n", "run", "age", "consults");
    for run in runs {
        let pending = run.pending().map_or(String::new(), |request| format!("  {}", short(&request.id)));
        let parked = if run.is_parked(idle_before) { ", parked" } else { "" };
        let line = format!(
            "{:12}  {:>6}  {:>8}  {}{parked}{pending}  {}",
            short(&run.id),
            span(now.saturating_sub(run.started_at)),
            format!("{} of {most}", run.budget.used()),
            one_line(&run.phase.to_string()),
            one_line(&run.task)
        );
        let _ = writeln!(out, "{}", cut(&line, width));
    }
    out
}

async fn end(session: &Session, options: StopOptions) -> Result<ExitCode, Error> {
    only_a_person(session)?;
    session.check_config()?;
    let why = one_line(&options.message);
    if why.is_empty() {
        return Err(Error::InvalidArguments("--message is empty: say why the run ends".to_owned()));
    }
    let runs = session.journal().read(|history| history.runs().rev().cloned().collect::<Vec<_>>()).await?;
    let ids: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
    let id = pick(Kind("workflow"), &ids, &options.id)?;
    let Some(run) = runs.iter().find(|run| run.id == id) else {
        return Err(Error::Internal(format!("run {id} is gone")));
    };
    run.may_go_on().map_err(Error::Workflow)?;
    print(&as_text(
        std::slice::from_ref(run),
        (session.limits().total, session.idle_before()),
        now(),
        terminal::width(),
    ))?;
    match confirmed("to end this run before its last stage", WORD)? {
        Typed::TheWord => {}
        Typed::SomethingElse => return Ok(nothing_was_done("nothing was done; the run goes on")),
    }
    let run = stop(session, &id, why).await?;
    print(&format!("The run is {}.\n", run.phase))?;
    Ok(ExitCode::SUCCESS)
}

//! `maestro-mcp runs`: the runs of the workflow, and ending one.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::arguments::{RunsCommand, RunsOptions, ShowOptions, StopOptions, WatchOptions};
use super::person::Person;
use super::terminal::{
    self, Kind, Look, Side, Tone, cell, cut, hanging, one_line, pick, print, short, span, table,
};
use crate::domain::event::Event;
use crate::domain::label::label;
use crate::domain::workflow::Run;
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::log::Log;
use crate::flow::time::{now, rfc3339};
use crate::flow::workflow::{self as workflow, RunState, state, stop};
use crate::host::human::{Typed, harmless};
use crate::host::store::{EventStore as _, StoreError};

/// The word to type.
const WORD: &str = "stop";

pub(super) async fn run(config: &Configuration, log: &Log, options: RunsOptions) -> Result<ExitCode, Error> {
    match options.command {
        None => list(config, log, options.json).await,
        Some(RunsCommand::Show(options)) => show(config, log, &options).await,
        Some(RunsCommand::Resume(options)) => resume(config, log, &options).await,
        Some(RunsCommand::Stop(options)) => end(config, log, options).await,
    }
}

async fn list(config: &Configuration, log: &Log, json: bool) -> Result<ExitCode, Error> {
    config.check()?;
    let (most, idle_before) = (config.limits().total, log.idle_before());
    let runs = log.journal().read(|history| history.runs().rev().cloned().collect::<Vec<_>>()).await?;
    print(&if json {
        format!("{:#}\n", Value::Array(runs.iter().map(|run| as_json(run, most, idle_before)).collect()))
    } else {
        as_text(&runs, (most, idle_before), now(), Look::of(config))
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

const COLUMNS: [(&str, Side); 6] = [
    ("run", Side::Left),
    ("age", Side::Right),
    ("consults", Side::Right),
    ("state", Side::Left),
    ("pending", Side::Left),
    ("task", Side::Left),
];

fn as_text(runs: &[Run], (most, idle_before): (u32, u64), now: u64, look: Look) -> String {
    if runs.is_empty() {
        return "There is no run.\n".to_owned();
    }
    let row = |run: &Run| {
        let parked = if run.is_parked(idle_before) { ", parked" } else { "" };
        let tone = match (run.pending(), run.phase.is_open()) {
            (Some(_), _) => Tone::Waiting,
            (None, true) => Tone::Plain,
            (None, false) => Tone::Faint,
        };
        vec![
            cell(short(&run.id), Tone::Plain),
            cell(span(now.saturating_sub(run.started_at)), Tone::Plain),
            cell(format!("{} of {most}", run.budget.used()), Tone::Plain),
            cell(format!("{}{parked}", one_line(&run.phase.to_string())), tone),
            cell(run.pending().map_or("", |request| short(&request.id)), tone),
            cell(one_line(&run.task), Tone::Plain),
        ]
    };
    table(&COLUMNS, runs.iter().map(row), look)
}

/// The run that is meant.
async fn the_run(config: &Configuration, log: &Log, part: &str) -> Result<RunState, Error> {
    config.check()?;
    let ids =
        log.journal().read(|history| history.runs().rev().map(|run| run.id.clone()).collect::<Vec<_>>());
    let id = pick(Kind("workflow"), &ids.await?, part)?;
    let found = state(config, log, Some(id)).await?.run;
    found.ok_or_else(|| Error::Internal("the run is gone".to_owned()))
}

async fn show(config: &Configuration, log: &Log, options: &ShowOptions) -> Result<ExitCode, Error> {
    let run = the_run(config, log, &options.id).await?;
    print(&if options.json { format!("{:#}\n", json!(run)) } else { shown(&run, terminal::width()) })?;
    Ok(ExitCode::SUCCESS)
}

fn shown(run: &RunState, width: Option<usize>) -> String {
    let parked = if run.parked { ", parked" } else { "" };
    let spent = format!("{} of {}", run.budget.used, run.budget.limit);
    let mut rows = vec![
        ("run", run.workflow_id.clone()),
        ("task", one_line(&run.task)),
        ("began", run.started_at.clone()),
        ("state", format!("{}{parked}", run.state)),
        ("consults", spent),
    ];
    if let Some(checks) = &run.verification {
        rows.push(("checks", one_line(checks["summary"].as_str().unwrap_or_default())));
    }
    for stage in &run.history {
        let text = |key: &str| stage[key].as_str().unwrap_or("-").to_owned();
        let row = format!("{} by {}: {}", text("stage"), text("provider"), text("status"));
        rows.push(("stage", row));
    }
    rows.push(("next", how_to_go_on(run)));
    rows.iter().map(|(name, value)| hanging(&format!("{name:8}  "), value, width)).collect()
}

/// Takes a parked run up again: from then on it gates the project's work, as before it was parked.
async fn resume(config: &Configuration, log: &Log, options: &ShowOptions) -> Result<ExitCode, Error> {
    let run = the_run(config, log, &options.id).await?;
    let was_parked = run.parked;
    if was_parked {
        workflow::resume(log, &run.workflow_id).await?;
    } else {
        workflow::may_go_on(log, &run.workflow_id).await?;
    }
    let next = how_to_go_on(&run);
    print(&if options.json {
        let resumed = json!({
            "workflow_id": run.workflow_id, "state": run.state, "was_parked": was_parked, "next": next,
        });
        format!("{resumed:#}\n")
    } else {
        let done = if was_parked {
            "The run was parked and is active again."
        } else {
            "The run was not parked: nothing had to be done."
        };
        let width = terminal::width();
        hanging("", done, width) + &hanging("next: ", &next, width)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Returns what a person types next, here or in the client.
fn how_to_go_on(run: &RunState) -> String {
    let id = short(&run.workflow_id);
    match (&run.pending_request, run.current_stage) {
        (Some(request), _) => {
            let request = short(request);
            format!(
                "a stage waits for your decision: read it with maestro-mcp approvals show {request}, then \
                 maestro-mcp approvals approve {request} (or revise, or reject)"
            )
        }
        (None, Some(stage)) => format!(
            "say in your client: \"go on with the Maestro run {}, stage {}\"; to end it: maestro-mcp runs stop {id} -m \"why\"",
            run.workflow_id,
            stage.name()
        ),
        (None, None) => "the run has ended; nothing is left to do".to_owned(),
    }
}

async fn end(config: &Configuration, log: &Log, options: StopOptions) -> Result<ExitCode, Error> {
    let person = Person::who_decides(config, options.json)?;
    config.check()?;
    let why = one_line(&options.message);
    if why.is_empty() {
        return Err(Error::InvalidArguments("--message must say why the run ends (got nothing)".to_owned()));
    }
    let runs = log.journal().read(|history| history.runs().rev().cloned().collect::<Vec<_>>()).await?;
    let ids: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
    let id = pick(Kind("workflow"), &ids, &options.id)?;
    let Some(run) = runs.iter().find(|run| run.id == id) else {
        return Err(Error::Internal(format!("run {id} is gone")));
    };
    run.may_go_on().map_err(Error::Workflow)?;
    person.say(&as_text(
        std::slice::from_ref(run),
        (config.limits().total, log.idle_before()),
        now(),
        Look::of(config),
    ))?;
    match person.confirmed("to end this run before its last stage", WORD)? {
        Typed::TheWord => {}
        Typed::SomethingElse => return person.nothing_was_done("nothing was done; the run goes on"),
    }
    let run = stop(config, log, &id, why).await?;
    person.say(&format!("The run is {}.\n", run.phase))?;
    if options.json {
        let (most, idle_before) = (config.limits().total, log.idle_before());
        print(&format!("{:#}\n", as_json(&run, most, idle_before)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Interval at which the log is looked at. Other processes write it, and it tells nobody.
const PAUSE: Duration = Duration::from_millis(300);
/// Events that are in memory at the same time.
const PAGE: usize = 1_000;
/// Earlier events that are shown first.
const EARLIER: usize = 10;

/// Follows the log until the reader goes away or the process is ended.
pub(super) async fn watch_run(
    config: &Configuration,
    log: &Log,
    options: &WatchOptions,
) -> Result<ExitCode, Error> {
    config.check()?;
    let run = match &options.run {
        None => None,
        Some(part) => {
            let ids = log
                .journal()
                .read(|history| history.runs().rev().map(|run| run.id.clone()).collect::<Vec<_>>());
            Some(pick(Kind("workflow"), &ids.await?, part)?)
        }
    };
    let store = log.store();
    let mut after = 0;
    let mut earlier = Vec::new();
    let mut first = true;
    loop {
        let page = store.read_since(after, run.as_deref(), PAGE)?;
        let whole = page.len() == PAGE;
        for stored in page {
            after = stored.seq;
            let event = Event::read(stored.seq, stored.run, stored.at, &stored.kind, &stored.body)
                .map_err(|error| StoreError::Corrupt { reason: error.to_string() })?;
            earlier.push(line(&event, options.json));
            if first && earlier.len() > EARLIER {
                earlier.remove(0);
            }
        }
        if whole {
            continue;
        }
        first = false;
        let mut out = io::stdout().lock();
        for line in earlier.drain(..) {
            if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                return Ok(ExitCode::SUCCESS);
            }
        }
        drop(out);
        tokio::time::sleep(PAUSE).await;
    }
}

fn line(event: &Event, as_json: bool) -> String {
    let label = label(&event.body);
    if as_json {
        return json!({
            "seq": event.seq, "at": rfc3339(event.at), "run": event.run, "id": event.id,
            "kind": label.kind, "who": label.who, "content": label.content,
        })
        .to_string();
    }
    let time: String = rfc3339(event.at).chars().skip(11).take(8).collect();
    let text = format!("{time}  {:12}  {}", short(&event.run), label.line());
    let text = if io::stdout().is_terminal() { harmless(&text) } else { text };
    cut(&text, terminal::width())
}

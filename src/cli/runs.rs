//! `maestro-mcp runs` lists, shows, resumes and ends runs of the workflow. `maestro-mcp watch` follows the
//! log.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::arguments::RunsCommand;
use super::person::Person;
use super::terminal::{
    self, Look, Tone, age, cell, cut, document, hanging, one_line, pick, result, short, table,
};
use crate::domain::event::Event;
use crate::domain::label::label;
use crate::domain::workflow::Run;
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::journal::read;
use crate::flow::log::Log;
use crate::flow::time::{now, rfc3339};
use crate::flow::workflow::{self as workflow, RunState, state, stop};
use crate::host::human::{Typed, harmless};
use crate::host::store::EventStore as _;

/// The word that a person types to confirm.
const WORD: &str = "stop";

pub(super) async fn run(
    config: &Configuration,
    log: &Log,
    command: Option<RunsCommand>,
    json: bool,
) -> Result<ExitCode, Error> {
    match command {
        None => list(config, log, json).await,
        Some(RunsCommand::Show { id }) => {
            let run = the_run(config, log, &id).await?;
            result(json, json!(run), || shown(&run, terminal::width()))
        }
        Some(RunsCommand::Resume { id }) => resume(config, log, &id, json).await,
        Some(RunsCommand::Stop { id, message }) => end(config, log, &id, &message, json).await,
    }
}

async fn list(config: &Configuration, log: &Log, json: bool) -> Result<ExitCode, Error> {
    config.check()?;
    let (most, idle_before) = (config.limits().total, log.idle_before());
    let runs = log.journal().read(|history| history.runs().rev().cloned().collect::<Vec<_>>()).await?;
    let all = runs.iter().map(|run| as_json(run, most, idle_before)).collect();
    result(json, all, || as_text(&runs, (most, idle_before), now(), Look::of(config)))
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

const COLUMNS: [&str; 6] = ["run", "age", "consults", "state", "pending", "task"];

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
            cell(age(now.saturating_sub(run.started_at)), Tone::Plain),
            cell(format!("{} of {most}", run.budget.used()), Tone::Plain),
            cell(format!("{}{parked}", one_line(&run.phase.to_string())), tone),
            cell(run.pending().map_or("", |request| short(&request.id)), tone),
            cell(one_line(&run.task), Tone::Plain),
        ]
    };
    table(&COLUMNS, runs.iter().map(row), look)
}

/// The id of the run that `part` names.
async fn the_id(log: &Log, part: &str) -> Result<String, Error> {
    let ids =
        log.journal().read(|history| history.runs().rev().map(|run| run.id.clone()).collect::<Vec<_>>());
    pick("workflow", &ids.await?, part)
}

/// The run that `part` names.
async fn the_run(config: &Configuration, log: &Log, part: &str) -> Result<RunState, Error> {
    config.check()?;
    let id = the_id(log, part).await?;
    let found = state(config, log, Some(id)).await?.run;
    found.ok_or_else(|| Error::Internal("the run is gone".to_owned()))
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

/// Resumes a parked run, so that it gates the project's work again.
async fn resume(config: &Configuration, log: &Log, id: &str, json: bool) -> Result<ExitCode, Error> {
    let run = the_run(config, log, id).await?;
    let was_parked = run.parked;
    if was_parked {
        workflow::resume(log, &run.workflow_id).await?;
    } else {
        workflow::may_go_on(log, &run.workflow_id).await?;
    }
    let next = how_to_go_on(&run);
    let resumed = json!({
        "workflow_id": run.workflow_id, "state": run.state, "was_parked": was_parked, "next": next,
    });
    result(json, resumed, || {
        let done = if was_parked {
            "The run was parked and is active again."
        } else {
            "The run was not parked: nothing had to be done."
        };
        let width = terminal::width();
        hanging("", done, width) + &hanging("next: ", &next, width)
    })
}

/// The person's next step, here or in the client.
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

async fn end(
    config: &Configuration,
    log: &Log,
    part: &str,
    message: &str,
    json: bool,
) -> Result<ExitCode, Error> {
    let person = Person::who_decides(config, json)?;
    config.check()?;
    let why = one_line(message);
    if why.is_empty() {
        return Err(Error::InvalidArguments("--message must say why the run ends (got nothing)".to_owned()));
    }
    let id = the_id(log, part).await?;
    let wanted = id.clone();
    let run = log.journal().read(move |history| history.run(&wanted).cloned()).await?;
    let run = run.ok_or_else(|| Error::Internal(format!("run {id} is gone")))?;
    run.may_go_on().map_err(Error::Workflow)?;
    let (most, idle_before) = (config.limits().total, log.idle_before());
    person.say(&as_text(&[run], (most, idle_before), now(), Look::of(config)))?;
    match person.confirmed("to end this run before its last stage", WORD)? {
        Typed::TheWord => {}
        Typed::SomethingElse => return person.nothing_was_done("nothing was done; the run goes on"),
    }
    let run = stop(config, log, &id, why).await?;
    person.say(&format!("The run is {}.\n", run.phase))?;
    if json {
        document(&as_json(&run, most, idle_before))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Interval at which the log is read, because other processes write to it.
const PAUSE: Duration = Duration::from_millis(300);
/// Maximum number of events in memory at the same time.
const PAGE: usize = 1_000;
/// Number of earlier events that are shown first.
const EARLIER: usize = 10;

/// Follows the log until the reader leaves or the process is ended.
pub(super) async fn watch_run(
    config: &Configuration,
    log: &Log,
    run: Option<&str>,
    json: bool,
) -> Result<ExitCode, Error> {
    config.check()?;
    let run = match run {
        None => None,
        Some(part) => Some(the_id(log, part).await?),
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
            earlier.push(line(&read(stored)?, json));
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

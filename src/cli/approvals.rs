//! `maestro-mcp approvals`: the requests that wait for a decision, their reports, and deciding.

mod decide;
mod questions;

use std::fmt::Write as _;
use std::process::ExitCode;

use comfy_table::Cell;
use serde_json::Value;

use super::arguments::{ApprovalsCommand, ApprovalsOptions, ShowOptions};
use super::report::render;
use super::terminal::{
    self, Kind, Look, Side, Tone, cell, folded, one_line, pick, print, short, span, table,
};
use crate::domain::event::Decision;
use crate::domain::report::Report;
use crate::domain::stage::Stage;
use crate::domain::typed::from_value;
use crate::domain::workflow::{Phase, Request, Run};
use crate::error::Error;
use crate::flow::approval::decide::{Reviewed, find};
use crate::flow::approval::{entry, status};
use crate::flow::configuration::Configuration;
use crate::flow::kit::Kit;
use crate::flow::log::Log;
use crate::flow::time::{now, rfc3339};

pub(super) async fn run(kit: &Kit, options: ApprovalsOptions) -> Result<ExitCode, Error> {
    match options.command {
        None => list_requests(&kit.config, &kit.log, options.all, options.json).await,
        Some(ApprovalsCommand::Show(show)) => show_request(&kit.config, &kit.log, &show).await,
        Some(ApprovalsCommand::Approve(said)) => decide::run(kit, Decision::Approve, said.into()).await,
        Some(ApprovalsCommand::Revise(said)) => decide::run(kit, Decision::Revise, said.into()).await,
        Some(ApprovalsCommand::Reject(said)) => decide::run(kit, Decision::Reject, said.into()).await,
    }
}

/// A request by a part of its id.
async fn request(log: &Log, part: &str) -> Result<Reviewed, Error> {
    let read = log.journal().read(|history| {
        let requests = history.requests().into_iter();
        requests.map(|(_, request)| request.id.clone()).collect::<Vec<_>>()
    });
    find(log, &pick(Kind("request"), &read.await?, part)?).await
}

/// Columns of a report that goes elsewhere than to a terminal.
const PLAIN_WIDTH: usize = 100;

async fn show_request(config: &Configuration, log: &Log, options: &ShowOptions) -> Result<ExitCode, Error> {
    config.check()?;
    let Reviewed { run, request } = request(log, &options.id).await?;
    if options.json {
        print(&format!("{:#}\n", entry(&run, &request)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = report(&request)?;
    let width = terminal::width().unwrap_or(PLAIN_WIDTH);
    let mut text = render(&report, width, terminal::colour(config), config.loaded().language());
    let standing_of = format!("request {}\nrun     {} ({})\n", request.id, run.id, run.phase);
    text.push_str(&folded(&standing_of, Some(width)));
    text.push_str(&standing(&run, &request));
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The report as it was stored.
fn report(request: &Request) -> Result<Report, Error> {
    from_value(request.asked.report.clone())
        .map_err(|error| Error::Internal(format!("the report of request {}: {error}", request.id)))
}

/// Returns what was decided, by whom and in which words; or how to decide.
fn standing(run: &Run, request: &Request) -> String {
    let Some((at, decided)) = &request.decided else {
        if let Phase::Stopped(why) = &run.phase {
            return format!("not decided: the run was stopped ({})\n", one_line(why));
        }
        return format!(
            "pending. In a terminal of your own (or with revise, reject):\n  maestro-mcp approvals approve {}\n",
            request.id
        );
    };
    let mut text =
        format!("{} by {}, {}\n", decided.decision.status(), decided.decided_by.words(), rfc3339(*at));
    let said = [("comment", &decided.feedback), ("instructions", &decided.revision_instructions)];
    for (label, said) in said.into_iter().filter_map(|(label, said)| Some((label, said.as_ref()?))) {
        let _ = writeln!(text, "  {label}: {}", one_line(said));
    }
    for (question, answer) in &decided.responses {
        let _ = writeln!(text, "  {question}: {}", one_line(answer));
    }
    for question in &decided.unanswered_critical {
        let _ = writeln!(text, "  {question}: not answered");
    }
    text
}

async fn list_requests(config: &Configuration, log: &Log, all: bool, json: bool) -> Result<ExitCode, Error> {
    config.check()?;
    let read = log.journal().read(move |history| {
        let requests: Vec<(&Run, &Request)> =
            if all { history.requests() } else { history.pending().collect() };
        requests.into_iter().map(|(run, request)| (Row::of(run, request), entry(run, request))).collect()
    });
    let (rows, entries): (Vec<Row>, Vec<Value>) = read.await.map(|all: Vec<_>| all.into_iter().unzip())?;
    print(&if json {
        format!("{:#}\n", Value::Array(entries))
    } else {
        text(&rows, now(), Look::of(config))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A request in short.
struct Row {
    id: String,
    run: String,
    stage: Stage,
    at: u64,
    status: &'static str,
    /// The person or rule that decided; empty where nobody did.
    by: &'static str,
    task: String,
}

impl Row {
    fn of(run: &Run, request: &Request) -> Self {
        Self {
            id: request.id.clone(),
            run: run.id.clone(),
            stage: request.asked.stage,
            at: request.at,
            status: status(run, request),
            by: request.decided.as_ref().map_or("", |(_, decided)| decided.decided_by.words()),
            task: one_line(&run.task),
        }
    }

    fn cells(&self, now: u64) -> Vec<Cell> {
        let decided = if self.by.is_empty() { String::new() } else { format!(" by {}", self.by) };
        let tone = if self.by.is_empty() { Tone::Waiting } else { Tone::Faint };
        vec![
            cell(short(&self.id), Tone::Plain),
            cell(short(&self.run), Tone::Faint),
            cell(self.stage.name(), Tone::Plain),
            cell(span(now.saturating_sub(self.at)), Tone::Plain),
            cell(format!("{}{decided}", self.status), tone),
            cell(&self.task, Tone::Plain),
        ]
    }
}

const COLUMNS: [(&str, Side); 6] = [
    ("request", Side::Left),
    ("run", Side::Left),
    ("stage", Side::Left),
    ("age", Side::Right),
    ("state", Side::Left),
    ("task", Side::Left),
];

fn text(rows: &[Row], now: u64, look: Look) -> String {
    if rows.is_empty() {
        return "Nothing waits for a decision.\n".to_owned();
    }
    let rows = table(&COLUMNS, rows.iter().map(|row| row.cells(now)), look);
    format!(
        "{rows}\nmaestro-mcp approvals show ID prints a report.\nAny part of an id that no other has will do.\n"
    )
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::cli::report::Colour;

    fn row(task: &str) -> Row {
        Row {
            id: "019a1b2c-3d4e-7f00-8000-0123456789ab".into(),
            run: "019a1b2c-3d4e-7f00-8000-ba9876543210".into(),
            stage: Stage::Analyze,
            at: 1_000,
            status: "pending",
            by: "",
            task: task.into(),
        }
    }

    #[test]
    fn a_row_names_request_run_stage_age_and_task() {
        let text = text(&[row("mend the mean")], 121_000, Look { width: None, colour: Colour::Plain });
        let line = text.lines().nth(1).unwrap();
        assert_eq!(line, "0123456789ab  ba9876543210  analyze  2 min  pending  mend the mean");
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let text =
            text(&[row(&"평균을 고치기 ".repeat(20))], 0, Look { width: Some(70), colour: Colour::Plain });
        assert!(text.lines().all(|line| line.width() <= 70), "{text}");
    }
}

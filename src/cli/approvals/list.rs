//! The requests, a line each.

use std::process::ExitCode;

use comfy_table::Cell;
use serde_json::Value;

use crate::cli::line::{one_line, span};
use crate::cli::pick::short;
use crate::cli::table::{Look, Side, Tone, cell, table};
use crate::cli::terminal::print;
use crate::domain::stage::Stage;
use crate::domain::workflow::{Request, Run};
use crate::error::Error;
use crate::flow::approval::list::{entry, status};
use crate::flow::session::Session;
use crate::flow::time::now;

pub(super) async fn run(session: &Session, all: bool, json: bool) -> Result<ExitCode, Error> {
    session.check_config()?;
    let read = session.journal().read(move |history| {
        let requests: Vec<(&Run, &Request)> =
            if all { history.requests() } else { history.pending().collect() };
        requests.into_iter().map(|(run, request)| (Row::of(run, request), entry(run, request))).collect()
    });
    let (rows, entries): (Vec<Row>, Vec<Value>) = read.await.map(|all: Vec<_>| all.into_iter().unzip())?;
    print(&if json {
        format!("{:#}\n", Value::Array(entries))
    } else {
        text(&rows, now(), Look::of(session))
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

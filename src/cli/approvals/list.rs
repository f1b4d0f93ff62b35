//! The requests, a line each.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::Value;

use crate::cli::line::{cut, one_line, span};
use crate::cli::pick::short;
use crate::cli::terminal::{self, print};
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
        text(&rows, now(), terminal::width())
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
    /// Who decided; empty where nobody did.
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

    fn line(&self, now: u64) -> String {
        let (id, run, stage) = (short(&self.id), short(&self.run), self.stage.name());
        let age = span(now.saturating_sub(self.at));
        let decided = if self.by.is_empty() { String::new() } else { format!(" by {}", self.by) };
        format!("{id:12}  {run:12}  {stage:11}  {age:>6}  {}{decided}  {}", self.status, self.task)
    }
}

fn text(rows: &[Row], now: u64, width: Option<usize>) -> String {
    if rows.is_empty() {
        return "Nothing waits for a decision.\n".to_owned();
    }
    let mut out = format!("{:12}  {:12}  {:11}  {:>6}  state, task\n", "request", "run", "stage", "age");
    for row in rows {
        let _ = writeln!(out, "{}", cut(&row.line(now), width));
    }
    out.push_str(
        "\nmaestro-mcp approvals show ID prints a report.\nAny part of an id that no other has will do.\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

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
        let text = text(&[row("mend the mean")], 121_000, None);
        let line = text.lines().nth(1).unwrap();
        assert_eq!(line, "0123456789ab  ba9876543210  analyze       2 min  pending  mend the mean");
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let text = text(&[row(&"평균을 고치기 ".repeat(20))], 0, Some(70));
        let line = text.lines().nth(1).unwrap();
        assert!(line.width() <= 70 && line.ends_with("..."), "{line}");
    }
}

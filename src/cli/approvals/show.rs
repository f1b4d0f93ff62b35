//! The whole report of a request.

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::cli::arguments::ShowOptions;
use crate::cli::line::one_line;
use crate::cli::report::render;
use crate::cli::terminal::{self, print};
use crate::domain::report::Report;
use crate::domain::workflow::{Phase, Request, Run};
use crate::error::Error;
use crate::flow::approval::decide::Reviewed;
use crate::flow::approval::list::entry;
use crate::flow::session::Session;
use crate::flow::time::rfc3339;

/// Columns of a report that goes elsewhere than to a terminal.
const PLAIN_WIDTH: usize = 100;

pub(super) async fn run(session: &Session, options: &ShowOptions) -> Result<ExitCode, Error> {
    session.check_config()?;
    let Reviewed { run, request } = super::request(session, &options.id).await?;
    if options.json {
        print(&format!("{:#}\n", entry(&run, &request)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = report(&request)?;
    let width = terminal::width().unwrap_or(PLAIN_WIDTH);
    let mut text = render(&report, width, terminal::colour(session), session.config().language());
    let _ = writeln!(text, "request {}\nrun     {} ({})", request.id, run.id, run.phase);
    text.push_str(&standing(&run, &request));
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The report as it was stored.
pub(super) fn report(request: &Request) -> Result<Report, Error> {
    serde_json::from_value(request.asked.report.clone())
        .map_err(|error| Error::Internal(format!("the report of request {}: {error}", request.id)))
}

/// Returns what was decided, by whom and in which words; or how to decide.
pub(super) fn standing(run: &Run, request: &Request) -> String {
    let Some((at, decided)) = &request.decided else {
        if let Phase::Stopped(why) = &run.phase {
            return format!("not decided: the run was stopped ({})\n", one_line(why));
        }
        return format!(
            "pending: maestro-mcp approvals approve|revise|reject {} in a terminal of your own\n",
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

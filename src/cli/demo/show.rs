//! What the demo prints: the same text everywhere, on a terminal in the colours of a report.

use std::sync::OnceLock;

use crate::cli::report::{Colour, paint, render};
use crate::cli::terminal::{self, width};
use crate::domain::report::LineKind;
use crate::error::Error;
use crate::flow::approval::decide::find;
use crate::flow::session::Session;
use crate::host::environment::Environment;

/// How lines begin that call, answer, announce and run something.
const SPEAKERS: [(&str, LineKind); 4] = [
    ("--> ", LineKind::Heading),
    ("<-- ", LineKind::Good),
    ("==> ", LineKind::Title),
    ("$ ", LineKind::Title),
];

/// Prints a text; who speaks is seen by how a line begins.
pub(super) fn print(text: &str) -> Result<(), Error> {
    painted(text, |line| {
        let speaker = SPEAKERS.iter().find(|(begins, _)| line.starts_with(begins));
        speaker.map_or(LineKind::Body, |(_, kind)| *kind)
    })
}

/// Prints the outcome of something that was tried.
pub(super) fn outcome(text: &str, is_good: bool) -> Result<(), Error> {
    painted(text, |_| if is_good { LineKind::Good } else { LineKind::Bad })
}

/// Prints an indented diff.
pub(super) fn diff(text: &str) -> Result<(), Error> {
    painted(text, |line| {
        let line = line.trim_start_matches("    ");
        match line.as_bytes() {
            [b'-', b'-', b'-', ..] | [b'+', b'+', b'+', ..] => LineKind::DiffHeader,
            [b'@', ..] => LineKind::DiffHunk,
            [b'+', ..] => LineKind::DiffAdded,
            [b'-', ..] => LineKind::DiffRemoved,
            _ => LineKind::DiffContext,
        }
    })
}

/// Prints a report: on a terminal as `approvals show` does, else as the result held it.
pub(super) async fn report(session: &Session, request: &str, plain: &str) -> Result<(), Error> {
    let Some(columns) = width() else {
        return terminal::print(plain);
    };
    let settled = find(session, request).await?;
    let report = serde_json::from_value(settled.request.asked.report)
        .map_err(|error| Error::Internal(format!("the report of request {request}: {error}")))?;
    terminal::print(&render(&report, columns, colour()))
}

fn painted(text: &str, kind: impl Fn(&str) -> LineKind) -> Result<(), Error> {
    let whole: String = text.lines().map(|line| paint(kind(line), line, colour())).collect();
    terminal::print(&whole)
}

/// Asked once: nothing of it changes while the demo runs.
fn colour() -> Colour {
    static COLOUR: OnceLock<Colour> = OnceLock::new();
    *COLOUR.get_or_init(|| {
        let environment = Environment::capture();
        Colour::choose(width().is_some(), environment.get("NO_COLOR"), environment.get("TERM"))
    })
}

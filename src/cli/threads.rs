//! `maestro-mcp threads`: lists, shows, searches and forks conversations with consultants.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::json;

use super::arguments::ThreadsCommand;
use super::terminal::{self, Look, Tone, cell, cut, folded, foreign, one_line, result, table};
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::log::Log;
use crate::flow::thread::{Hits, LISTED, List, Listed, Shown, fork, list, search, show};

pub(super) async fn run(
    config: &Configuration,
    log: &Log,
    command: Option<ThreadsCommand>,
    all: bool,
    json: bool,
) -> Result<ExitCode, Error> {
    let width = terminal::width();
    let most = if all { usize::MAX } else { LISTED };
    let (document, text) = match command {
        None => {
            let threads = list(config, log, most).await?;
            // Not through `foreign`, which would remove the colours. The cells have no control characters.
            return result(json, json!(threads), || listed(&threads, Look::of(config)));
        }
        Some(ThreadsCommand::Show { id }) => {
            let thread = show(config, log, &id).await?;
            (json!(thread), folded(&shown(&thread), width))
        }
        Some(ThreadsCommand::Search { words }) => {
            let hits = search(config, log, &words.join(" "), most).await?;
            (json!(hits), found(&hits, width))
        }
        Some(ThreadsCommand::Fork { id, turn }) => {
            let thread = fork(config, log, &id, turn).await?;
            (json!(thread), folded(&forked(&thread), width))
        }
    };
    result(json, document, || foreign(&text))
}

const COLUMNS: [&str; 5] = ["thread", "turns", "last used", "by", "last question"];

fn listed(list: &List, look: Look) -> String {
    if list.threads.is_empty() {
        return "There is no thread: the first consult begins one.\n".to_owned();
    }
    let row = |thread: &Listed| {
        vec![
            cell(&thread.thread, Tone::Plain),
            cell(thread.turns, Tone::Plain),
            cell(seconds(&thread.last_at), Tone::Faint),
            cell(one_line(&thread.answered_by.join(", ")), Tone::Plain),
            cell(one_line(&thread.last_question), Tone::Plain),
        ]
    };
    let mut out = table(&COLUMNS, list.threads.iter().map(row), look);
    let more = list.count - list.threads.len();
    if more > 0 {
        let _ = writeln!(out, "{more} more: maestro-mcp threads --all");
    }
    out
}

/// A time without the fraction of a second.
fn seconds(at: &str) -> String {
    match at.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => at.to_owned(),
    }
}

fn shown(thread: &Shown) -> String {
    let mut out = String::new();
    for turn in &thread.said {
        let who =
            turn.model.as_ref().map_or(turn.provider.clone(), |model| format!("{} ({model})", turn.provider));
        let _ = writeln!(
            out,
            "== {} · question ({})\n\n{}\n",
            turn.turn,
            seconds(&turn.at),
            turn.question.trim()
        );
        if !turn.files.is_empty() {
            let _ = writeln!(out, "with {}\n", one_line(&turn.files.join(", ")));
        }
        let _ = writeln!(out, "== {} · {}\n\n{}\n", turn.turn, one_line(&who), turn.answer.trim());
    }
    let _ = writeln!(out, "Go on: maestro-mcp consult --thread {} \"...\"", thread.listed.thread);
    out
}

fn found(hits: &Hits, width: Option<usize>) -> String {
    if hits.hits.is_empty() {
        return "No turn has all of these words.\n".to_owned();
    }
    let mut out = String::new();
    for hit in &hits.hits {
        let line = format!(
            "{} turn {}  {}: {}",
            hit.thread,
            hit.turn,
            one_line(&hit.answered_by),
            one_line(&hit.excerpt)
        );
        let _ = writeln!(out, "{}", cut(&line, width));
    }
    out
}

fn forked(thread: &Listed) -> String {
    format!(
        "{} has {} turns of the other thread and continues on its own.\nGo on: maestro-mcp consult --thread {} \"...\"\n",
        thread.thread, thread.turns, thread.thread
    )
}

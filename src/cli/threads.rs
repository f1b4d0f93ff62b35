//! `maestro-mcp threads`: conversations with consultants.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use super::arguments::{ThreadsCommand, ThreadsOptions};
use super::terminal::{self, Look, Side, Tone, cell, cut, folded, one_line, print, print_foreign, table};
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::log::Log;
use crate::flow::thread::{Hits, LISTED, List, Listed, Shown, fork, list, search, show};

pub(super) async fn run(
    config: &Configuration,
    log: &Log,
    options: ThreadsOptions,
) -> Result<ExitCode, Error> {
    let (json, width, look) = (options.json, terminal::width(), Look::of(config));
    let most = if options.all { usize::MAX } else { LISTED };
    match options.command {
        None if json => say(json, &list(config, log, most).await?, |_| String::new())?,
        // The cells hold no control characters, and the table has colours.
        None => print(&listed(&list(config, log, most).await?, look))?,
        Some(ThreadsCommand::Show { id, json: own }) => {
            say(json || own, &show(config, log, &id).await?, |thread| folded(&shown(thread), width))?;
        }
        Some(ThreadsCommand::Search { words, json: own }) => {
            let hits = search(config, log, &words.join(" "), most).await?;
            say(json || own, &hits, |hits| found(hits, width))?;
        }
        Some(ThreadsCommand::Fork { id, turn, json: own }) => {
            say(json || own, &fork(config, log, &id, turn).await?, |fork| folded(&forked(fork), width))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn say<T: Serialize>(json: bool, value: &T, text: impl Fn(&T) -> String) -> Result<(), Error> {
    if json {
        let json = serde_json::to_string_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
        return print(&format!("{json}\n"));
    }
    print_foreign(&text(value))
}

const COLUMNS: [(&str, Side); 5] = [
    ("thread", Side::Left),
    ("turns", Side::Right),
    ("last used", Side::Left),
    ("by", Side::Left),
    ("last question", Side::Left),
];

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

/// A time without its fraction of a second.
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
        "{} has {} turns of the other and goes its own way from here.\nGo on: maestro-mcp consult --thread {} \"...\"\n",
        thread.thread, thread.turns, thread.thread
    )
}

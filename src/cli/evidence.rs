//! `maestro-mcp evidence`: checks or prints the event log.

use std::process::ExitCode;

use serde_json::json;

use super::arguments::EvidenceCommand;
use super::terminal::{complain, document, print, print_foreign};
use crate::domain::chain::{Check, START, Stored};
use crate::domain::words::things;
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::log::Log;
use crate::host::store::EventStore;

/// Maximum number of events in memory at the same time.
const PAGE: usize = 1_000;

pub(super) fn run(
    config: &Configuration,
    log: &Log,
    command: &EvidenceCommand,
    json: bool,
) -> Result<ExitCode, Error> {
    // The configuration may set the place of the log, so it must be valid.
    config.check()?;
    match command {
        EvidenceCommand::Verify { expect } => verify(log.store().as_ref(), expect.as_deref(), json),
        EvidenceCommand::Export { run } => export(log.store().as_ref(), run.as_deref(), json),
    }
}

fn verify(store: &dyn EventStore, expect: Option<&str>, json: bool) -> Result<ExitCode, Error> {
    let mut check = Check::default();
    let expected = expect.map(|hash| hash.trim().to_ascii_lowercase());
    // The hash before the first event is the same for every log.
    let mut expected_at = expected.as_deref().filter(|hash| *hash == START).map(|_| 0);
    for page in pages(store, None) {
        for event in page? {
            if let Err(why) = check.add(&event) {
                return broken(&format!("the chain is broken: {why}"), check.so_far().events, json);
            }
            if expected.as_ref() == Some(&event.hash) {
                expected_at = Some(event.seq);
            }
        }
    }
    let checked = check.so_far();
    let since = expected_at.map(|at| checked.events - at);
    let is_missing = expected.is_some() && expected_at.is_none();
    if json {
        document(&json!({
            "events": checked.events, "last_hash": checked.last_hash, "expected_at": expected_at, "since": since
        }))?;
    } else {
        print(&format!(
            "{}, no break found\nlast hash: {}\n",
            things(checked.events, "event"),
            checked.last_hash
        ))?;
        if let Some((at, since)) = expected_at.zip(since) {
            print(&format!("the expected hash is that of event {at}; {} since\n", things(since, "event")))?;
        }
        if is_missing {
            complain("no event has the expected hash: the end was cut off, or the log was rewritten");
        }
    }
    Ok(ExitCode::from(u8::from(is_missing)))
}

fn broken(what: &str, fit: u64, json: bool) -> Result<ExitCode, Error> {
    if json {
        document(&json!({ "ok": false, "error": what, "events_that_fit": fit }))?;
    }
    complain(&format!("{what}\n  {} before it fit together", things(fit, "event")));
    Ok(ExitCode::from(1))
}

/// Prints each event as it is stored, with its body as the text that was hashed.
fn export(store: &dyn EventStore, run: Option<&str>, json: bool) -> Result<ExitCode, Error> {
    let (between, mut before, end) = if json { (",\n", "[\n", "\n]\n") } else { ("\n", "", "\n") };
    let mut has_any = false;
    for page in pages(store, run) {
        let mut text = String::new();
        for event in page? {
            text.push_str(before);
            text.push_str(&json!(event).to_string());
            before = between;
        }
        has_any = true;
        print_foreign(&text)?;
    }
    match (has_any, json) {
        (true, _) => print(end)?,
        (false, true) => print("[]\n")?,
        (false, false) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the events of one run or of all runs, page by page.
pub(super) fn pages<'a>(
    store: &'a dyn EventStore,
    run: Option<&'a str>,
) -> impl Iterator<Item = Result<Vec<Stored>, Error>> {
    let mut after = 0;
    std::iter::from_fn(move || {
        let page = store.read_since(after, run, PAGE).map_err(Error::from);
        after = page.as_ref().ok().map_or(after, |page| page.last().map_or(after, |last| last.seq));
        Some(page).filter(|page| !page.as_ref().is_ok_and(Vec::is_empty))
    })
}

//! `maestro-mcp evidence`: the event log, checked or printed.

use std::process::ExitCode;

use serde_json::json;

use super::arguments::{EvidenceCommand, ExportOptions, VerifyOptions};
use super::terminal::{complain, print, print_foreign};
use crate::domain::chain::{Check, START, Stored};
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::log::Log;
use crate::host::store::EventStore;

/// Events that are in memory at the same time.
const PAGE: usize = 1_000;

pub(super) fn run(config: &Configuration, log: &Log, command: &EvidenceCommand) -> Result<ExitCode, Error> {
    // Configuration that cannot be used may be what says where the log is.
    config.check()?;
    match command {
        EvidenceCommand::Verify(options) => verify(log.store().as_ref(), options),
        EvidenceCommand::Export(options) => export(log.store().as_ref(), options),
    }
}

fn verify(store: &dyn EventStore, options: &VerifyOptions) -> Result<ExitCode, Error> {
    let mut check = Check::default();
    let mut broken = None;
    let expected = options.expect.as_deref().map(|hash| hash.trim().to_ascii_lowercase());
    // Before the first event every log is the same.
    let mut expected_at = expected.as_deref().filter(|hash| *hash == START).map(|_| 0);
    each_page(store, None, |events| {
        for event in events {
            if let Err(found) = check.add(event) {
                broken = Some(found);
                return Ok(Next::Stop);
            }
            if expected.as_ref() == Some(&event.hash) {
                expected_at = Some(event.seq);
            }
        }
        Ok(Next::Page)
    })?;
    if let Some(broken) = broken {
        if options.json {
            let fit = check.so_far().events;
            let what = format!("the chain is broken: {broken}");
            print(&format!("{:#}\n", json!({ "ok": false, "error": what, "events_that_fit": fit })))?;
        }
        complain(&format!(
            "the chain is broken: {broken}\n  {} before it fit together",
            events(check.so_far().events)
        ));
        return Ok(ExitCode::from(1));
    }
    let checked = check.so_far();
    if options.json {
        let since = expected_at.map(|at| checked.events - at);
        print(&format!(
            "{:#}\n",
            json!({ "events": checked.events, "last_hash": checked.last_hash, "expected_at": expected_at, "since": since })
        ))?;
        return Ok(if expected.is_some() && expected_at.is_none() {
            ExitCode::from(1)
        } else {
            ExitCode::SUCCESS
        });
    }
    print(&format!("{}, no break found\nlast hash: {}\n", events(checked.events), checked.last_hash))?;
    match (expected, expected_at) {
        (None, _) => {}
        (Some(_), Some(at)) => {
            print(&format!(
                "the expected hash is that of event {at}; {} since\n",
                events(checked.events - at)
            ))?;
        }
        (Some(_), None) => {
            complain("no event has the expected hash: the end was cut off, or the log was rewritten");
            return Ok(ExitCode::from(1));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints each event as it is stored, its body as the text that was hashed.
fn export(store: &dyn EventStore, options: &ExportOptions) -> Result<ExitCode, Error> {
    let (between, mut before, end) = if options.json { (",\n", "[\n", "\n]\n") } else { ("\n", "", "\n") };
    let mut has_any = false;
    each_page(store, options.run.as_deref(), |events| {
        let mut text = String::new();
        for event in events {
            text.push_str(before);
            text.push_str(&serde_json::to_string(event).map_err(|error| Error::Internal(error.to_string()))?);
            before = between;
        }
        has_any = true;
        print_foreign(&text)?;
        Ok(Next::Page)
    })?;
    match (has_any, options.json) {
        (true, _) => print(end)?,
        (false, true) => print("[]\n")?,
        (false, false) => {}
    }
    Ok(ExitCode::SUCCESS)
}

enum Next {
    Page,
    Stop,
}

fn each_page(
    store: &dyn EventStore,
    run: Option<&str>,
    mut take: impl FnMut(&[Stored]) -> Result<Next, Error>,
) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let events = store.read_since(after, run, PAGE)?;
        let Some(last) = events.last() else {
            return Ok(());
        };
        after = last.seq;
        match take(&events)? {
            Next::Page => {}
            Next::Stop => return Ok(()),
        }
    }
}

fn events(count: u64) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
}

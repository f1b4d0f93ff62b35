//! A process for the tests of the event log. It does one task on a log and acknowledges on standard error,
//! so that a test can kill it and know what it must find.

#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use maestro::testing::{ChainCheck, EventStore, Expected, Lease, Record, SqliteStore, StoreError};

/// The longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

fn record(run: &str, body: String) -> Record {
    Record { run: run.to_owned(), kind: "noted".to_owned(), body }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some((directory, task)) = words.split_first() else { panic!("a directory and a task") };
    let directory = PathBuf::from(directory);
    match task {
        ["append", name, count] => append_many(&directory, name, count.parse().unwrap()),
        ["lease", id] => {
            let _lease = Lease::hold(&directory, id).unwrap();
            acknowledge("held");
            std::thread::sleep(PATIENCE);
        }
        ["hold"] => {
            let mut connection = rusqlite::Connection::open(directory.join("maestro.db")).unwrap();
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive).unwrap();
            acknowledge("held");
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).unwrap();
            transaction.rollback().unwrap();
        }
        ["fill"] => fill(&directory),
        ["refused"] => {
            let store = SqliteStore::new(directory);
            let error = store.append(Expected::Any, "", 1, &[record("", "1".into())]).unwrap_err();
            acknowledge(&format!("{} {}", error.code(), store.read_since(0, None, 10).unwrap().len()));
        }
        other => panic!("{other:?}"),
    }
}

fn acknowledge(what: &str) {
    // In one write: a kill leaves the whole line or nothing.
    std::io::stderr().write_all(format!("ack {what}\n").as_bytes()).unwrap();
}

/// Appends `count` events. For every second event it first reads the last position of the run, and retries
/// until no other writer came between.
fn append_many(directory: &Path, name: &str, count: u32) {
    let store = SqliteStore::new(directory.to_owned());
    let mut last = 0;
    for number in 0..count {
        let body = format!("{{\"by\":\"{name}\",\"n\":{number}}}");
        loop {
            let expected = if number % 2 == 0 {
                Expected::Any
            } else {
                let new = store.read_since(last, Some("shared"), usize::MAX).unwrap();
                last = new.last().map_or(last, |event| event.seq);
                Expected::At(last)
            };
            match store.append(expected, "shared", u64::from(number), &[record("shared", body.clone())]) {
                Ok(stored) => break acknowledge(&format!("{} {}", stored[0].seq, stored[0].hash)),
                // On a slow machine other writers may hold the log longer than a writer waits.
                Err(StoreError::Conflict { .. } | StoreError::Busy) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Appends until the disk is full, makes room, and goes on.
fn fill(directory: &Path) {
    let ballast = directory.with_file_name("ballast");
    std::fs::write(&ballast, vec![0; 100_000]).unwrap();
    let mut known = Vec::new();
    let append = |store: &SqliteStore| {
        Ok::<_, StoreError>(store.append(Expected::Any, "", 1, &[record("", "x".repeat(1_000))])?.remove(0))
    };
    let store = SqliteStore::new(directory.to_owned());
    let error = loop {
        match append(&store) {
            Ok(stored) => known.push(stored),
            Err(error) => break error,
        }
        acknowledge(&known.len().to_string());
    };
    assert_eq!(append(&store), Err(StoreError::Full), "the log stays full");
    // Closing merges as much of the write-ahead log as there is room for.
    drop(store);
    let _ = append(&SqliteStore::new(directory.to_owned()));
    std::fs::remove_file(ballast).unwrap();
    let store = SqliteStore::new(directory.to_owned());
    let events = store.read_since(0, None, usize::MAX).unwrap();
    assert!(events.starts_with(&known), "{} of {}", events.len(), known.len());
    append(&store).unwrap();
    let mut check = ChainCheck::default();
    for event in store.read_since(0, None, usize::MAX).unwrap() {
        check.add(&event).unwrap();
    }
    acknowledge(&format!("{}, and all is there after room was made", error.code()));
}

//! Tests that need to look behind the log's methods. Those with several processes are in `tests/it`.

mod damage;
mod replaced;

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::domain::chain::{START, verify};

fn record(run: &str, body: &str) -> Record {
    Record { run: run.to_owned(), kind: "noted".to_owned(), body: body.to_owned() }
}

fn all(store: &SqliteStore) -> Vec<Stored> {
    store.read_since(0, None, usize::MAX).unwrap()
}

/// A project with a log of `count` events of some size.
fn project(count: usize) -> (tempfile::TempDir, SqliteStore) {
    let project = tempfile::tempdir().unwrap();
    let store = SqliteStore::new(project.path().join(".maestro"));
    let records: Vec<Record> =
        (0..count).map(|number| record("run", &format!("{{\"n\":{number}}}{:200}", ""))).collect();
    store.append(Expected::Any, "run", 1, &records).unwrap();
    (project, store)
}

fn database(project: &tempfile::TempDir) -> std::path::PathBuf {
    project.path().join(".maestro/maestro.db")
}

fn is_corrupt(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt { .. })
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_is_appended_is_read_again() {
    let project = tempfile::tempdir().unwrap();
    let store = SqliteStore::new(project.path().join(".maestro"));
    let first = store.append(Expected::At(0), "a", 10, &[record("a", "1"), record("a", "\0 한국")]).unwrap();
    let other = store.append(Expected::At(0), "b", 5, &[record("b", "2")]).unwrap();
    let whole = store.append(Expected::Any, "", 11, &[record("", "{}")]).unwrap();
    let events = all(&store);
    assert_eq!(events, [first.clone(), other.clone(), whole.clone()].concat());
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(events.iter().map(|event| event.at).collect::<Vec<_>>(), [10, 10, 10, 11], "never backwards");
    assert_eq!(events[0].prev_hash, START);
    assert_eq!(verify(&events).unwrap().last_hash, whole[0].hash);
    assert_eq!(store.read_since(0, Some("a"), 9).unwrap(), first);
    assert_eq!(store.read_since(1, Some("a"), 9).unwrap(), first[1..]);
    assert_eq!(store.read_since(1, None, 2).unwrap(), events[1..3]);
    assert_eq!(store.read_since(u64::MAX, None, 2).unwrap(), []);
    assert_eq!(all(&SqliteStore::new(project.path().join(".maestro"))), events);
}

#[test]
fn what_is_shown_is_what_is_read() {
    let (project, store) = project(5);
    store.append(Expected::Any, "", 7, &[record("", "한국 \"\u{0}\"")]).unwrap();
    let mut shown = Vec::new();
    let mut look = |event: Shown<'_>| {
        shown.push((event.seq, event.run.to_owned(), event.at, event.kind.to_owned(), event.body.to_owned()));
        if event.seq == 6 { Err(StoreError::Busy) } else { Ok(()) }
    };
    assert_eq!(store.show_since(1, 3, &mut look), Ok(3));
    assert_eq!(store.show_since(4, 9, &mut look), Err(StoreError::Busy), "what the looker says goes on");
    let read = all(&store).into_iter().skip(1);
    let read: Vec<_> = read.map(|event| (event.seq, event.run, event.at, event.kind, event.body)).collect();
    assert_eq!(shown, read);
    let nothing = SqliteStore::new(project.path().join("elsewhere"));
    assert_eq!(nothing.show_since(0, 9, &mut |_| Err(StoreError::Busy)), Ok(0));
}

#[test]
fn a_run_that_moved_on_takes_nothing() {
    let (_project, store) = project(2);
    let conflict =
        |expected| store.append(Expected::At(expected), "run", 1, &[record("run", "x")]).unwrap_err();
    for expected in [0, 1, 3] {
        assert_eq!(conflict(expected), StoreError::Conflict { run: "run".into(), expected, found: 2 });
    }
    assert_eq!(all(&store).len(), 2);
    store.append(Expected::At(2), "run", 1, &[record("run", "x")]).unwrap();
    store.append(Expected::Any, "other", 1, &[record("other", "x")]).unwrap();
    store.append(Expected::At(3), "run", 1, &[record("run", "x")]).unwrap();
}

#[test]
fn records_are_appended_whole_or_not_at_all() {
    let (_project, store) = project(1);
    let mixed = [record("run", "1"), record("other", "2")];
    assert!(matches!(store.append(Expected::Any, "run", 1, &mixed), Err(StoreError::Unfit { .. })));
    assert!(matches!(
        store.append(Expected::Any, "run", u64::MAX, &mixed[..1]),
        Err(StoreError::Unfit { .. })
    ));
    assert_eq!(store.append(Expected::At(77), "run", 1, &[]).unwrap(), []);
    assert_eq!(all(&store).len(), 1);
}

#[test]
fn reading_makes_nothing_and_the_first_append_all() {
    let project = tempfile::tempdir().unwrap();
    let directory = project.path().join(".maestro");
    let store = SqliteStore::new(directory.clone());
    assert_eq!((all(&store), directory.exists()), (vec![], false));
    store.append(Expected::At(0), "a", 1, &[record("a", "1")]).unwrap();
    assert_eq!((mode(&directory), mode(&directory.join("maestro.db"))), (0o700, 0o600));
    assert_eq!(mode(&directory.join("maestro.db-wal")), 0o600);
    assert_eq!(std::fs::read_to_string(directory.join(".gitignore")).unwrap(), "*\n");
    let left: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "{left:?}");
    assert_eq!(store.generation(), 0);
}

#[test]
fn what_lies_in_the_directory_stays_visible_to_git() {
    let project = tempfile::tempdir().unwrap();
    let directory = project.path().join(".maestro");
    let begin = |name: &str| {
        let store = SqliteStore::new(project.path().join(name));
        store.append(Expected::Any, "", 1, &[record("", "1")]).unwrap();
        std::fs::read_to_string(project.path().join(name).join(".gitignore")).unwrap()
    };
    std::fs::create_dir(&directory).unwrap();
    assert_eq!(begin(".maestro"), "/.gitignore\n/maestro.db*\n/.maestro-db-*\n");
    std::fs::create_dir(project.path().join("own")).unwrap();
    std::fs::write(project.path().join("own/.gitignore"), "mine").unwrap();
    assert_eq!(begin("own"), "mine");
    assert_eq!(begin("new/deep"), "*\n");
}

#[test]
fn links_are_not_followed() {
    let elsewhere = tempfile::tempdir().unwrap();
    let project = tempfile::tempdir().unwrap();
    let directory = project.path().join(".maestro");
    let refused = || {
        let store = SqliteStore::new(directory.clone());
        let append = store.append(Expected::Any, "", 1, &[record("", "1")]).unwrap_err();
        assert_eq!(store.read_since(0, None, 1).unwrap_err(), append);
        append
    };
    symlink(elsewhere.path(), &directory).unwrap();
    assert!(matches!(refused(), StoreError::NotOurs { path, .. } if path == directory));
    std::fs::remove_file(&directory).unwrap();
    std::fs::create_dir(&directory).unwrap();
    for target in [elsewhere.path().join("db"), elsewhere.path().to_owned()] {
        symlink(&target, directory.join("maestro.db")).unwrap();
        assert!(
            matches!(refused(), StoreError::NotOurs { path, .. } if path == directory.join("maestro.db"))
        );
        std::fs::remove_file(directory.join("maestro.db")).unwrap();
    }
    std::fs::create_dir(directory.join("maestro.db")).unwrap();
    assert!(matches!(refused(), StoreError::NotOurs { .. }));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn names_of_any_kind_can_be_the_directory() {
    let project = tempfile::tempdir().unwrap();
    for name in ["a b", "ä?x=1#y%20", "file:x&mode=memory"] {
        let directory = project.path().join(name);
        SqliteStore::new(directory.clone()).append(Expected::Any, "", 1, &[record("", "1")]).unwrap();
        assert_eq!(all(&SqliteStore::new(directory)).len(), 1, "{name}");
    }
}

#[test]
fn nobody_changes_or_removes_an_event() {
    let (project, store) = project(3);
    let connection = rusqlite::Connection::open(database(&project)).unwrap();
    for statement in [
        "UPDATE event SET body = 'x' WHERE seq = 2",
        "DELETE FROM event",
        "REPLACE INTO event SELECT * FROM event",
        "INSERT INTO event SELECT 5, run, at, kind, body, prev_hash, hash FROM event WHERE seq = 3",
        "INSERT INTO event SELECT NULL, run, at, kind, body, prev_hash, hash FROM event WHERE seq = 3",
        "INSERT INTO event SELECT 0, run, at, kind, body, prev_hash, hash FROM event WHERE seq = 3",
    ] {
        assert!(connection.execute_batch(statement).is_err(), "{statement}");
    }
    assert_eq!(verify(&all(&store)).unwrap().events, 3);
}

#[test]
fn an_edit_past_the_triggers_breaks_the_chain() {
    let (project, store) = project(5);
    let connection = rusqlite::Connection::open(database(&project)).unwrap();
    connection
        .execute_batch("DROP TRIGGER event_is_never_changed; UPDATE event SET body = 'x' WHERE seq = 3")
        .unwrap();
    assert_eq!(verify(&all(&store)).unwrap_err().seq, 3);
}

#[test]
fn a_full_disk_loses_nothing_of_what_was_there() {
    let (_project, store) = project(10);
    let limit = |pages: u32| {
        let file = store.lock();
        let connection = file.connection.as_ref().unwrap();
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    };
    limit(8);
    let large = record("run", &"x".repeat(20_000));
    let mut count = 10;
    let full = loop {
        match store.append(Expected::At(count), "run", 1, std::slice::from_ref(&large)) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full, StoreError::Full);
    assert_eq!(verify(&all(&store)).unwrap().events, count);
    limit(100_000);
    store.append(Expected::At(count), "run", 1, &[large]).unwrap();
    assert_eq!(verify(&all(&store)).unwrap().events, count + 1);
}

#[test]
fn a_file_that_cannot_be_written_is_still_read() {
    let (_project, store) = project(3);
    {
        let file = store.lock();
        file.connection.as_ref().unwrap().pragma_update(None, "query_only", true).unwrap();
    }
    let refused = store.append(Expected::Any, "run", 1, &[record("run", "x")]);
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
    assert_eq!(all(&store).len(), 3);
    assert_eq!(
        store
            .read_frozen(|connection| {
                Ok(connection
                    .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?)
            })
            .unwrap(),
        5
    );
}

#[test]
fn whoever_holds_the_file_too_long_is_reported() {
    let (project, store) = project(3);
    let mut other = rusqlite::Connection::open(database(&project)).unwrap();
    let held = other.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive).unwrap();
    let mut patient = SqliteStore::new(project.path().join(".maestro"));
    patient.patience = Duration::from_millis(300);
    let began = Instant::now();
    assert_eq!(patient.append(Expected::Any, "run", 1, &[record("run", "x")]), Err(StoreError::Busy));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(290) && took < Duration::from_secs(3), "{took:?}");
    assert_eq!(all(&patient).len(), 3, "reading needs nobody's leave");
    held.rollback().unwrap();
    store.append(Expected::At(3), "run", 1, &[record("run", "x")]).unwrap();
}

#[test]
fn threads_share_one_log() {
    let (_project, store) = project(1);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..25 {
                    let run = format!("t{thread}");
                    store.append(Expected::Any, &run, number, &[record(&run, "x")]).unwrap();
                }
            });
        }
    });
    assert_eq!(verify(&all(&store)).unwrap().events, 101);
}

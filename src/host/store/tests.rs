//! Tests that need to look behind the log's methods. Those with several processes are in `tests/it`.

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
    let span = |run: &str, first, last| RunSpan { run: run.to_owned(), first, last };
    assert_eq!(store.runs().unwrap(), [span("a", 1, 2), span("b", 3, 3), span("", 4, 4)]);
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
    assert_eq!((all(&store), store.runs().unwrap(), directory.exists()), (vec![], vec![], false));
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
    assert_eq!(verify(all(&store)).unwrap().events, 3);
}

#[test]
fn an_edit_past_the_triggers_breaks_the_chain() {
    let (project, store) = project(5);
    let connection = rusqlite::Connection::open(database(&project)).unwrap();
    connection
        .execute_batch("DROP TRIGGER event_is_never_changed; UPDATE event SET body = 'x' WHERE seq = 3")
        .unwrap();
    assert_eq!(verify(all(&store)).unwrap_err().seq, 3);
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
    assert_eq!(verify(all(&store)).unwrap().events, count);
    limit(100_000);
    store.append(Expected::At(count), "run", 1, &[large]).unwrap();
    assert_eq!(verify(all(&store)).unwrap().events, count + 1);
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

/// Damages a log that was closed, and holds that it is refused and left as it is.
fn assert_refused(damage: impl Fn(&mut Vec<u8>), expected: impl Fn(&StoreError) -> bool) {
    let (project, store) = project(400);
    drop(store);
    let path = database(&project);
    let mut bytes = std::fs::read(&path).unwrap();
    damage(&mut bytes);
    std::fs::write(&path, &bytes).unwrap();
    for _ in 0..2 {
        let store = SqliteStore::new(project.path().join(".maestro"));
        let error = store.read_since(0, None, usize::MAX).unwrap_err();
        assert!(expected(&error), "{error:?}");
        // An append may not come across the damage; then it must do no harm.
        let _ = store.runs();
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "left as it is");
    let beside = std::fs::read_dir(project.path().join(".maestro")).unwrap();
    let beside: Vec<_> = beside.map(|entry| entry.unwrap().file_name()).collect();
    assert!(beside.len() <= 4, "{beside:?}");
}

fn is_corrupt(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt { .. })
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    assert_refused(|bytes| bytes[..16].fill(b'x'), is_corrupt);
    assert_refused(|bytes| bytes[..4096].fill(0xff), is_corrupt);
    assert_refused(|bytes| bytes[4096 * 9..4096 * 20].fill(0xa5), is_corrupt);
    assert_refused(|bytes| bytes.truncate(4096 * 7), is_corrupt);
    assert_refused(|bytes| bytes.truncate(50), is_corrupt);
}

#[test]
fn the_file_of_a_newer_version_is_refused_and_left_as_it_is() {
    let newer = |bytes: &mut Vec<u8>| bytes[60..64].copy_from_slice(&7_u32.to_be_bytes());
    assert_refused(newer, |error| *error == StoreError::Newer { found: 7, known: 1 });
}

#[test]
fn the_file_of_another_program_is_refused_and_left_as_it_is() {
    let foreign = |bytes: &mut Vec<u8>| bytes[68..72].copy_from_slice(&7_u32.to_be_bytes());
    assert_refused(foreign, |error| matches!(error, StoreError::NotOurs { .. }));
    assert_refused(|bytes| bytes[68..72].fill(0), |error| matches!(error, StoreError::NotOurs { .. }));
}

#[test]
fn an_append_to_a_refused_file_leaves_it_as_it_is() {
    for at in [0, 60, 68] {
        let (project, store) = project(3);
        drop(store);
        let mut bytes = std::fs::read(database(&project)).unwrap();
        bytes[at..at + 4].copy_from_slice(&99_u32.to_be_bytes());
        std::fs::write(database(&project), &bytes).unwrap();
        let store = SqliteStore::new(project.path().join(".maestro"));
        assert!(store.append(Expected::Any, "", 1, &[record("", "1")]).is_err());
        assert_eq!(std::fs::read(database(&project)).unwrap(), bytes);
    }
}

#[test]
fn damage_that_an_append_meets_is_reported_and_left() {
    let (project, store) = project(400);
    drop(store);
    let mut bytes = std::fs::read(database(&project)).unwrap();
    bytes[4096..].fill(0xa5);
    std::fs::write(database(&project), &bytes).unwrap();
    let store = SqliteStore::new(project.path().join(".maestro"));
    let refused = store.append(Expected::Any, "run", 1, &[record("run", "x")]).unwrap_err();
    assert!(is_corrupt(&refused), "{refused:?}");
    drop(store);
    assert_eq!(std::fs::read(database(&project)).unwrap(), bytes);
}

#[test]
fn an_empty_file_of_the_name_becomes_the_log() {
    let project = tempfile::tempdir().unwrap();
    std::fs::write(project.path().join("maestro.db"), "").unwrap();
    let store = SqliteStore::new(project.path().to_owned());
    assert_eq!(all(&store), []);
    store.append(Expected::At(0), "", 1, &[record("", "1")]).unwrap();
    assert_eq!(all(&store).len(), 1);
}

#[test]
fn a_log_that_was_deleted_is_noticed() {
    let (project, store) = project(3);
    std::fs::remove_dir_all(project.path().join(".maestro")).unwrap();
    let stale = store.append(Expected::At(3), "run", 1, &[record("run", "x")]);
    assert_eq!((stale, store.generation()), (Err(StoreError::Replaced), 1));
    assert!(!project.path().join(".maestro").exists());
    assert_eq!(all(&store), []);
    store.append(Expected::At(0), "run", 1, &[record("run", "x")]).unwrap();
    assert_eq!((verify(all(&store)).unwrap().events, store.generation()), (1, 1));
}

#[test]
fn a_log_that_was_replaced_is_noticed_by_every_method() {
    let replaced = || {
        let (project, store) = project(3);
        let (other, new) = self::project(5);
        drop(new);
        std::fs::rename(database(&other), database(&project)).unwrap();
        (project, store)
    };
    let (_project, store) = replaced();
    assert_eq!(store.read_since(3, None, 9), Err(StoreError::Replaced));
    assert_eq!((all(&store).len(), store.generation()), (5, 1));
    let (_project, store) = replaced();
    assert_eq!((all(&store).len(), store.generation()), (5, 1), "from its beginning there is no mistake");
    let (_project, store) = replaced();
    assert_eq!(store.runs().unwrap(), [RunSpan { run: "run".into(), first: 1, last: 5 }]);
    let (_project, store) = replaced();
    assert_eq!(store.append(Expected::At(3), "run", 1, &[record("run", "x")]), Err(StoreError::Replaced));
    let (_project, store) = replaced();
    assert_eq!(store.append(Expected::Any, "run", 1, &[record("run", "x")]).unwrap()[0].seq, 6);
    assert_eq!((verify(all(&store)).unwrap().events, store.generation()), (6, 1));
}

#[test]
fn what_belonged_to_a_replaced_log_is_set_aside_and_kept() {
    let (project, store) = project(3);
    let unmerged = std::fs::read(project.path().join(".maestro/maestro.db-wal")).unwrap();
    std::fs::remove_file(database(&project)).unwrap();
    store.append(Expected::Any, "run", 1, &[record("run", "x")]).unwrap();
    assert_eq!(verify(all(&store)).unwrap().events, 1);
    let kept = std::fs::read_dir(project.path().join(".maestro"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_str().unwrap().contains("maestro.db-wal.replaced-"));
    assert_eq!(std::fs::read(kept.unwrap()).unwrap(), unmerged);
}

#[test]
fn latest_events_of_another_log_are_refused() {
    let (crashed, store) = project(3);
    let (backup, closed) = project(5);
    drop(closed);
    // As if the first server had been killed, and its file replaced before the next one started.
    let directory = tempfile::tempdir().unwrap();
    let unmerged = directory.path().join("maestro.db-wal");
    std::fs::copy(crashed.path().join(".maestro/maestro.db-wal"), &unmerged).unwrap();
    std::fs::copy(database(&backup), directory.path().join("maestro.db")).unwrap();
    drop(store);
    let before = (std::fs::read(&unmerged).unwrap(), std::fs::read(database(&backup)).unwrap());
    let store = SqliteStore::new(directory.path().to_owned());
    assert!(is_corrupt(&store.read_since(0, None, 9).unwrap_err()));
    assert!(is_corrupt(&store.append(Expected::Any, "run", 1, &[record("run", "x")]).unwrap_err()));
    let after = std::fs::read(directory.path().join("maestro.db")).unwrap();
    assert_eq!((std::fs::read(&unmerged).unwrap(), after), before);
    std::fs::remove_file(unmerged).unwrap();
    assert_eq!(verify(all(&store)).unwrap().events, 5);
}

#[test]
fn the_latest_events_of_a_killed_server_are_there() {
    let (project, store) = project(3);
    let copy = tempfile::tempdir().unwrap();
    for name in ["maestro.db", "maestro.db-wal"] {
        std::fs::copy(project.path().join(".maestro").join(name), copy.path().join(name)).unwrap();
    }
    let copied = SqliteStore::new(copy.path().to_owned());
    assert_eq!(all(&copied), all(&store));
}

/// Killed, or out of room, while events were merged into the file: the file has some of its pages.
#[test]
fn a_merge_that_ended_at_any_page_loses_nothing() {
    const PAGE: usize = 4096;
    let (project, store) = project(60);
    let events = all(&store);
    let unmerged = std::fs::read(project.path().join(".maestro/maestro.db-wal")).unwrap();
    let before = std::fs::read(database(&project)).unwrap();
    drop(store);
    let merged = std::fs::read(database(&project)).unwrap();
    assert!(merged.len() > before.len() + 3 * PAGE);
    for done in 0..=merged.len() / PAGE {
        let mut file = merged[..done * PAGE].to_vec();
        file.extend_from_slice(before.get(done * PAGE..).unwrap_or_default());
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("maestro.db"), &file).unwrap();
        std::fs::write(directory.path().join("maestro.db-wal"), &unmerged).unwrap();
        let store = SqliteStore::new(directory.path().to_owned());
        assert_eq!(all(&store), events, "{done} pages");
        store.append(Expected::At(60), "run", 1, &[record("run", "x")]).unwrap();
        drop(store);
        let store = SqliteStore::new(directory.path().to_owned());
        assert_eq!(verify(all(&store)).unwrap().events, 61, "{done} pages");
    }
}

#[test]
fn whoever_holds_the_file_too_long_is_reported() {
    let (project, store) = project(3);
    let mut other = rusqlite::Connection::open(database(&project)).unwrap();
    let held = other.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive).unwrap();
    let patient = SqliteStore::new(project.path().join(".maestro")).with_patience(Duration::from_millis(300));
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
    assert_eq!(verify(all(&store)).unwrap().events, 101);
}

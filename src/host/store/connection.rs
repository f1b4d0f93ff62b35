//! Opens the log's file. It is first inspected without changing anything, and then opened with the settings
//! that `SQLite` needs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, Transaction, TransactionBehavior};

use super::StoreError;
use super::place::Place;
use crate::domain::chain::Stored;

/// Pause before another attempt at a lock.
const PAUSE: Duration = Duration::from_millis(1);

/// Opens an existing file, and turns an empty one into a log. Waits for other processes that do the same, at
/// most twice `patience`.
pub(super) fn open(place: &Place, patience: Duration) -> Result<Connection, StoreError> {
    let began = Instant::now();
    let path = place.real_file()?;
    loop {
        // SQLite does not wait for every lock: changing to a write-ahead log fails at once if another process
        // uses the file.
        match open_once(place, &path, patience) {
            Err(StoreError::Busy) if began.elapsed() < patience => std::thread::sleep(PAUSE),
            result => return result,
        }
    }
}

fn open_once(place: &Place, path: &Path, patience: Duration) -> Result<Connection, StoreError> {
    let unfinished = place.is_unfinished();
    match check_owner(path) {
        // If a process was killed while it created or merged the file, only the file together with those
        // beside it is complete. SQLite combines them, and the result is checked again below.
        Err(StoreError::Corrupt { .. }) if unfinished => {}
        result => result?,
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(path, flags)?;
    // Closing the file must not write to it, even if it is damaged.
    leave_as_it_is(&connection, true)?;
    connection.busy_handler(Some(wait(patience)))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    migrate(&mut connection, &MIGRATIONS)?;
    use_write_ahead_log(&connection)?;
    if unfinished {
        check_latest_events(path, &connection)?;
    }
    leave_as_it_is(&connection, false)?;
    Ok(connection)
}

/// Opens a file that nobody writes to, without leaving a trace: no lock, and no file beside it.
pub(super) fn open_frozen(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(frozen_address(path), flags)?)
}

/// Sets that closing the connection does not write to the file, which may be damaged or foreign.
pub(super) fn leave_as_it_is(connection: &Connection, yes: bool) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, yes)?;
    Ok(())
}

/// Refuses a foreign or newer file before anything changes it. The marks are in the file itself from the
/// beginning, never only in the files that `SQLite` keeps beside it.
pub(super) fn check_owner(path: &Path) -> Result<(), StoreError> {
    let not_ours =
        || StoreError::NotOurs { path: path.to_owned(), reason: "it is a database of another program" };
    if has_many_tables(path) {
        return Err(not_ours());
    }
    match owner(&open_frozen(path)?, &MIGRATIONS)? {
        Owner::Nobody => Ok(()),
        Owner::Us(version) => check_version(version, &MIGRATIONS),
        Owner::Other => Err(not_ours()),
    }
}

/// True if the list of tables does not fit into the file's first page, as ours does. `SQLite` reads the whole
/// list before it answers any query: with 20,000 tables that took 330 ms.
fn has_many_tables(path: &Path) -> bool {
    // Page 1 begins with the file's header. The type of the page follows (file format, section 1.6).
    const KIND_OF_PAGE: u64 = 100;
    const INTERIOR_TABLE_PAGE: u8 = 5;
    let mut kind = [0];
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut kind, KIND_OF_PAGE));
    read.is_ok() && kind == [INTERIOR_TABLE_PAGE]
}

/// Refuses pending events that belong to an earlier file in this place, because they would hide events of
/// this file. `SQLite` itself does not notice that.
fn check_latest_events(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let merged = open_frozen(path).and_then(|frozen| last_event(&frozen));
    // While events are merged, the file may be in any state. But an event that fits its hash was in the
    // file before.
    let Some(merged) = merged.ok().flatten().filter(Stored::fits_its_hash) else {
        return Ok(());
    };
    let seq = i64::try_from(merged.seq).unwrap_or(i64::MAX);
    let now: Option<String> =
        connection.query_row("SELECT hash FROM event WHERE seq = ?1", [seq], |row| row.get(0)).optional()?;
    if now == Some(merged.hash) {
        return Ok(());
    }
    let reason = "maestro.db-wal, with its latest events, does not continue it: it belongs to another file";
    Err(StoreError::Corrupt { reason: reason.to_owned() })
}

fn use_write_ahead_log(connection: &Connection) -> Result<(), StoreError> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode == "wal" {
        return Ok(());
    }
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode == "wal" {
        // The first read creates the files beside the log, which identify it.
        owner(connection, &MIGRATIONS)?;
        return Ok(());
    }
    Err(StoreError::Io {
        reason: "this file system cannot hold a log that several programs share".to_owned(),
    })
}

/// A handler that waits for a lock in short pauses. The waits of `SQLite` itself grow to 100 ms, and an
/// append takes about 1 ms.
fn wait(patience: Duration) -> impl FnMut(i32) -> bool + Send + 'static {
    let mut began = Instant::now();
    move |tries| {
        if tries == 0 {
            began = Instant::now();
        }
        let goes_on = began.elapsed() < patience;
        if goes_on {
            std::thread::sleep(PAUSE);
        }
        goes_on
    }
}

/// The address that opens a file as one that nobody writes to.
fn frozen_address(path: &Path) -> String {
    let mut address = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(byte) {
            address.push(char::from(*byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(address, "%{byte:02x}");
        }
    }
    address.push_str("?immutable=1");
    address
}

/// The mark of our files, `Mstr` in ASCII (`SQLite`'s `application_id`).
const APPLICATION: i32 = 0x4d73_7472;

/// One migration step for each version; the first starts from an empty file. A released step never changes:
/// a new version adds a step.
pub(super) const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY,
        run TEXT NOT NULL,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        prev_hash TEXT NOT NULL,
        hash TEXT NOT NULL
    ) STRICT;
    CREATE INDEX event_by_run ON event (run, seq);
    CREATE TRIGGER event_follows_the_last BEFORE INSERT ON event
        WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM event)
        BEGIN SELECT RAISE(ABORT, 'the event log has no gaps and replaces nothing'); END;
    CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
        BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
    CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
        BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
"];

/// The owner of a file according to its marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody: the file is empty.
    Nobody,
    /// Maestro, with the version of the file.
    Us(u32),
    /// Another program.
    Other,
}

/// Finds the owner of a file from its marks and tables. A file with our marks and with other tables or views
/// (for example a view that never ends) belongs to another program.
pub(super) fn owner(connection: &Connection, migrations: &[&str]) -> Result<Owner, StoreError> {
    let mark = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (mark("application_id")?, mark("user_version")?);
    if application == APPLICATION {
        // We have never written a version below 1.
        let version = u32::try_from(version).ok().filter(|version| *version > 0);
        return Ok(match version {
            // The form of a newer version is unknown; it is refused because of its number.
            Some(version) if version > known(migrations) => Owner::Us(version),
            Some(version)
                if has_form(connection, migrations.get(..version as usize).unwrap_or_default())? =>
            {
                Owner::Us(version)
            }
            Some(_) | None => Owner::Other,
        });
    }
    let is_empty = application == 0 && version == 0 && objects(connection)?.is_empty();
    Ok(if is_empty { Owner::Nobody } else { Owner::Other })
}

/// The objects of a database, each with its kind, its name, and the words of the statement that creates it.
type Objects = BTreeSet<(String, String, Vec<String>)>;

fn objects(connection: &Connection) -> rusqlite::Result<Objects> {
    let mut statement = connection.prepare("SELECT type, name, sql FROM sqlite_schema LIMIT 32")?;
    let words = |sql: Option<String>| sql.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, words(row.get(2)?))))?.collect()
}

/// True if the file has a table, and no objects except those that the steps create.
fn has_form(connection: &Connection, steps: &[&str]) -> Result<bool, StoreError> {
    let made = Connection::open_in_memory()?;
    for step in steps {
        made.execute_batch(step)?;
    }
    let found = objects(connection)?;
    Ok(found.iter().any(|(kind, _, _)| kind == "table") && found.is_subset(&objects(&made)?))
}

/// Refuses a version that is newer than the latest known one.
pub(super) fn check_version(found: u32, migrations: &[&str]) -> Result<(), StoreError> {
    let known = known(migrations);
    if found > known { Err(StoreError::Newer { found, known }) } else { Ok(()) }
}

/// Migrates the file to the latest version in one transaction.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    if owner(connection, migrations)? == Owner::Us(known(migrations)) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it before we got the lock.
    let version = match owner(&transaction, migrations)? {
        Owner::Nobody => 0,
        Owner::Us(version) => version,
        Owner::Other => {
            return Err(StoreError::Corrupt { reason: "its marks are those of another program".to_owned() });
        }
    };
    check_version(version, migrations)?;
    for step in migrations.iter().skip(version as usize) {
        transaction.execute_batch(step)?;
    }
    mark(&transaction, known(migrations))?;
    Ok(transaction.commit()?)
}

fn mark(transaction: &Transaction<'_>, version: u32) -> Result<(), StoreError> {
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", version)?;
    Ok(())
}

fn known(migrations: &[&str]) -> u32 {
    u32::try_from(migrations.len()).unwrap_or(u32::MAX)
}

const LAST: &str = "SELECT seq, run, at, kind, body, prev_hash, hash FROM event ORDER BY seq DESC LIMIT 1";

/// The last event of the log.
pub(super) fn last_event(connection: &Connection) -> Result<Option<Stored>, StoreError> {
    Ok(connection.prepare_cached(LAST)?.query_row([], event).optional()?)
}

pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        seq: number(row, 0)?,
        run: row.get(1)?,
        at: number(row, 2)?,
        kind: row.get(3)?,
        body: row.get(4)?,
        prev_hash: row.get(5)?,
        hash: row.get(6)?,
    })
}

pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(connection: &Connection) -> Vec<String> {
        let mut statement = connection.prepare("SELECT name FROM sqlite_schema ORDER BY name").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn steps_are_taken_once_and_in_order() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE one (a)", "ALTER TABLE one RENAME TO two"];
        migrate(&mut connection, &steps[..1]).unwrap();
        assert_eq!(
            (owner(&connection, &steps[..1]).unwrap(), objects(&connection)),
            (Owner::Us(1), vec!["one".into()])
        );
        for _ in 0..2 {
            migrate(&mut connection, &steps).unwrap();
            assert_eq!(
                (owner(&connection, &steps).unwrap(), objects(&connection)),
                (Owner::Us(2), vec!["two".into()])
            );
        }
        let newer = migrate(&mut connection, &steps[..1]).unwrap_err();
        assert_eq!(newer, StoreError::Newer { found: 2, known: 1 });
        assert_eq!(objects(&connection), ["two"]);
    }

    #[test]
    fn a_step_that_fails_leaves_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert!(migrate(&mut connection, &["CREATE TABLE one (a)", "no SQL"]).is_err());
        assert_eq!((owner(&connection, &MIGRATIONS).unwrap(), objects(&connection)), (Owner::Nobody, vec![]));
    }

    #[test]
    fn a_file_of_many_tables_is_known_without_reading_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("maestro.db");
        let connection = Connection::open(&path).unwrap();
        for step in MIGRATIONS {
            connection.execute_batch(step).unwrap();
        }
        assert!(!has_many_tables(&path));
        for number in 0..200 {
            connection.execute_batch(&format!("CREATE TABLE t{number} (a, b, c)")).unwrap();
        }
        assert!(has_many_tables(&path));
        assert!(matches!(check_owner(&path), Err(StoreError::NotOurs { .. })));
        assert!(!has_many_tables(&directory.path().join("missing")));
    }

    #[test]
    fn the_file_of_another_program_is_known_by_its_marks() {
        for foreign in ["PRAGMA application_id = 5", "PRAGMA user_version = 1", "CREATE TABLE mine (a)"] {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(foreign).unwrap();
            assert_eq!(owner(&connection, &MIGRATIONS).unwrap(), Owner::Other, "{foreign}");
        }
    }
}

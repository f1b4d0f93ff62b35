//! Opening the log's file: looked at without a trace first, then as `SQLite` should treat it.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::StoreError;
use super::place::Place;
use super::schema::last_event;
use super::schema::{self, MIGRATIONS, Owner};
use crate::domain::chain::Stored;

/// Time that one looks away from a lock that somebody else holds.
const PAUSE: Duration = Duration::from_millis(1);

/// Opens a file that exists and makes a log of it where it is empty. Waits for others that do the
/// same, at most for twice the patience.
pub(super) fn open(place: &Place, patience: Duration) -> Result<Connection, StoreError> {
    let began = Instant::now();
    let path = place.real_file()?;
    loop {
        // Not every lock is waited for by SQLite: changing to a write-ahead log fails at once.
        match open_once(place, &path, patience) {
            Err(StoreError::Busy) if began.elapsed() < patience => std::thread::sleep(PAUSE),
            result => return result,
        }
    }
}

fn open_once(place: &Place, path: &Path, patience: Duration) -> Result<Connection, StoreError> {
    let unfinished = place.is_unfinished();
    match check_owner(path) {
        // Killed while it was made or merged, the file alone is not whole; with what lies beside it,
        // it is. SQLite puts the two together, and what comes out is checked once more.
        Err(StoreError::Corrupt { .. }) if unfinished => {}
        result => result?,
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(path, flags)?;
    // Whatever turns out to be wrong with it: closing it must not write to it.
    leave_as_it_is(&connection, true)?;
    connection.busy_handler(Some(wait(patience)))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    schema::migrate(&mut connection, &MIGRATIONS)?;
    use_write_ahead_log(&connection)?;
    if unfinished {
        check_latest_events(path, &connection)?;
    }
    leave_as_it_is(&connection, false)?;
    Ok(connection)
}

/// Opens a file of which nothing more can come, and leaves no trace: no lock, no file beside it.
pub(super) fn open_frozen(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(frozen_address(path), flags)?)
}

/// True if closing the connection leaves the file as it is, damaged or another's as it may be.
pub(super) fn leave_as_it_is(connection: &Connection, yes: bool) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, yes)?;
    Ok(())
}

/// Refuses a file that is not ours, or newer than we know, before anything could change it. The
/// marks are in the file from its first moment on, never only in what `SQLite` keeps beside it.
pub(super) fn check_owner(path: &Path) -> Result<(), StoreError> {
    match schema::owner(&open_frozen(path)?)? {
        Owner::Nobody => Ok(()),
        Owner::Us(version) => schema::check_version(version, &MIGRATIONS),
        Owner::Other => {
            Err(StoreError::NotOurs { path: path.to_owned(), reason: "it is a database of another program" })
        }
    }
}

/// Refuses latest events that belong to another file, one that stood here before: with them, an
/// event that is in the file is gone. `SQLite` itself would not notice.
fn check_latest_events(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let merged = open_frozen(path).and_then(|frozen| last_event(&frozen));
    // A file that somebody is merging events into may be in any state; one that has an event which
    // fits its hash had it before, though.
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
        // The first read makes the files beside the log's own, by which it is known again.
        schema::owner(connection)?;
        return Ok(());
    }
    Err(StoreError::Io {
        reason: "this file system cannot hold a log that several programs share".to_owned(),
    })
}

/// `SQLite`'s own waiting grows to a tenth of a second; an append takes a hundredth of that.
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

/// The file as an address that says that nobody writes to it.
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

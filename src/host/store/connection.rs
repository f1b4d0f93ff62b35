//! Opening the log's file: looked at without a trace first, then as SQLite should treat it.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::StoreError;
use super::place::Place;
use super::schema::{self, MIGRATIONS, Owner};

/// How long one looks away from a lock that somebody else holds.
const PAUSE: Duration = Duration::from_millis(1);

/// How often a file is looked at again that somebody is merging events into.
const MERGING_TRIES: u32 = 50;

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
    check_owner(path)?;
    let has_unmerged_events = place.has_unmerged_events();
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
    if has_unmerged_events {
        check_unmerged_events(path, &connection)?;
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

/// Whether closing the connection leaves the file as it is, damaged or another's as it may be.
pub(super) fn leave_as_it_is(connection: &Connection, yes: bool) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, yes)?;
    Ok(())
}

/// Refuses a file that is not ours, or newer than we know, before anything could change it. The
/// marks are in the file from its first moment on, never only in what SQLite keeps beside it.
pub(super) fn check_owner(path: &Path) -> Result<(), StoreError> {
    match schema::owner(&open_frozen(path)?)? {
        Owner::Nobody => Ok(()),
        Owner::Us(version) => schema::check_version(version, &MIGRATIONS),
        Owner::Other => {
            Err(StoreError::NotOurs { path: path.to_owned(), reason: "it is a database of another program" })
        }
    }
}

/// Refuses latest events that belong to another file, one that stood here before: with them, the
/// last event of the file alone is not where it should be. SQLite itself would not notice.
fn check_unmerged_events(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let mut result = Ok(());
    for _ in 0..MERGING_TRIES {
        result = match last_merged_event_is_in(path, connection) {
            Ok(true) => return Ok(()),
            Ok(false) => Err(StoreError::Corrupt {
                reason: "its latest events (maestro.db-wal) are those of another file".to_owned(),
            }),
            Err(error) => Err(error),
        };
        // Somebody may be merging events into the file just now.
        std::thread::sleep(PAUSE);
    }
    result
}

fn last_merged_event_is_in(path: &Path, connection: &Connection) -> Result<bool, StoreError> {
    let merged = open_frozen(path)?
        .query_row("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((seq, hash)): Option<(i64, String)> = merged else {
        return Ok(true);
    };
    let now: Option<String> =
        connection.query_row("SELECT hash FROM event WHERE seq = ?1", [seq], |row| row.get(0)).optional()?;
    Ok(now == Some(hash))
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

/// SQLite's own waiting grows to a tenth of a second; an append takes a hundredth of that.
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

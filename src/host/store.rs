//! The event log of a project: append-only, durable, and shared by every server and terminal of the
//! project.
//!
//! A caller folds events into a state, decides, and appends only if nobody else did ([`Expected::At`]).
//! After [`StoreError::Conflict`] it reads the new events and decides again.
//!
//! A fold in memory belongs to one [`EventStore::generation`]. If that has changed, somebody deleted or
//! replaced the file, and the fold begins again with the first event.

mod connection;
pub(crate) mod lease;
mod place;
mod sqlite;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use thiserror::Error;

use crate::domain::chain::{Record, START, Shown, Stored};

pub use place::{Marks, check_root};
pub use sqlite::SqliteStore;

/// Note on a log for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Git would commit it, and why.
    InGit(String),
}

/// The expected position of a run or of the log for an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// None: the records rest on nothing.
    Any,
    /// The last event of the run is this one; 0 if it has none.
    At(u64),
    /// The last event of the whole log is this one: nobody has appended to any run since.
    Last(u64),
}

/// Kept fold of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The position of its last event.
    pub seq: u64,
    pub fold: Vec<u8>,
}

/// A log of events. Every method blocks, at worst for as long as another writer does.
pub trait EventStore: Send + Sync {
    /// Appends all records or none, and returns them as stored. All belong to `run`. `at` is in
    /// milliseconds since 1970; no event gets an earlier time than the one before it. Without records it
    /// does nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the run is at another event, [`StoreError::Replaced`] if the expectation
    /// is about a log that is gone. Then nothing is appended. After [`StoreError::Io`] the records may
    /// still appear, whole and in order, if the machine failed at that very moment.
    fn append(
        &self,
        expected: Expected,
        run: &str,
        at: u64,
        records: &[Record],
    ) -> Result<Vec<Stored>, StoreError>;

    /// Events after position `after`, of one run or of all, oldest first, at most `limit`. A missing log
    /// has no events, and none is created.
    ///
    /// # Errors
    ///
    /// The log cannot be read; [`StoreError::Replaced`], once, if `after` is about a log that is gone.
    fn read_since(&self, after: u64, run: Option<&str>, limit: usize) -> Result<Vec<Stored>, StoreError>;

    /// Shows at most `limit` events after position `after`, oldest first, and returns their number. Nothing
    /// is copied, so this is the way to fold a long log. The store is locked meanwhile: `see` must not use
    /// it.
    ///
    /// # Errors
    ///
    /// As of [`Self::read_since`], or the error of `see`; earlier events were shown all the same.
    fn show_since(
        &self,
        after: u64,
        limit: usize,
        see: &mut dyn FnMut(Shown<'_>) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError>;

    /// The saved fold of an earlier process, if it fits the current log.
    fn kept(&self) -> Option<Kept> {
        None
    }

    /// Saves a fold up to an event for later processes. Without it they take longer.
    fn keep(&self, _seq: u64, _fold: &dyn Fn() -> Option<Vec<u8>>) {}

    /// Number of the log; it changes when the log is deleted or replaced. Code that shares a store reads it
    /// before and after a read, because only one reader gets [`StoreError::Replaced`].
    fn generation(&self) -> u64;
}

/// The log of a server that does not trace.
#[derive(Debug, Default)]
pub struct MemoryStore {
    events: Mutex<Vec<Stored>>,
}

impl MemoryStore {
    fn events(&self) -> MutexGuard<'_, Vec<Stored>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn last_of(events: &[Stored], run: &str) -> u64 {
    events.iter().rev().find(|event| event.run == run).map_or(0, |event| event.seq)
}

impl EventStore for MemoryStore {
    fn append(
        &self,
        expected: Expected,
        run: &str,
        at: u64,
        records: &[Record],
    ) -> Result<Vec<Stored>, StoreError> {
        let mut events = self.events();
        let (expected, found) = match expected {
            Expected::Any => (0, 0),
            Expected::At(seq) => (seq, last_of(&events, run)),
            Expected::Last(seq) => (seq, events.last().map_or(0, |last| last.seq)),
        };
        if expected != found {
            return Err(StoreError::Conflict { run: run.to_owned(), expected, found });
        }
        let mut appended = Vec::with_capacity(records.len());
        for record in records {
            let (seq, hash, before) =
                events.last().map_or((0, START.to_owned(), 0), |last| (last.seq, last.hash.clone(), last.at));
            let stored = Stored::following(&hash, seq + 1, at.max(before), record);
            events.push(stored.clone());
            appended.push(stored);
        }
        Ok(appended)
    }

    fn read_since(&self, after: u64, run: Option<&str>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        let events = self.events();
        let wanted =
            events.iter().filter(|event| event.seq > after && run.is_none_or(|run| event.run == run));
        Ok(wanted.take(limit).cloned().collect())
    }

    fn show_since(
        &self,
        after: u64,
        limit: usize,
        see: &mut dyn FnMut(Shown<'_>) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError> {
        let events = self.events();
        let mut count = 0;
        for event in events.iter().filter(|event| event.seq > after).take(limit) {
            see(event.shown())?;
            count += 1;
        }
        Ok(count)
    }

    fn generation(&self) -> u64 {
        0
    }
}

/// An error of the event log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The run is not at the expected event.
    #[error("the run `{run}` is at event {found}, not at {expected}: another process continued it")]
    Conflict {
        run: String,
        /// Its last event as the caller knew it; 0 for none.
        expected: u64,
        /// Its last event.
        found: u64,
    },
    /// The file is not the one that was read before.
    #[error("the event log was deleted or replaced while it was in use")]
    Replaced,
    /// Another process held the log for too long.
    #[error("the event log is in use by another process")]
    Busy,
    /// The file or its directory is not writable.
    #[error("the event log cannot be written to: {reason}")]
    ReadOnly { reason: String },
    /// The disk is full.
    #[error("there is no room for the event log")]
    Full,
    /// The file is damaged.
    #[error("the event log is damaged: {reason}")]
    Corrupt { reason: String },
    /// A later version wrote the file.
    #[error("the event log has version {found}, and this Maestro knows versions up to {known}")]
    Newer {
        /// The version of the file.
        found: u32,
        /// The latest known version.
        known: u32,
    },
    /// It lacks events that this user has seen, or continued differently.
    #[error(
        "the event log went back: this user has seen {seen} events of it, and the present log has {found} or other ones"
    )]
    WentBack {
        /// The last event that was seen.
        seen: u64,
        /// The last event in the file.
        found: u64,
    },
    /// It belongs to somebody else.
    #[error("{} is not honoured: {why}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        why: &'static str,
    },
    /// Something else stands in its place.
    #[error("{}: {reason}", .path.display())]
    NotOurs { path: PathBuf, reason: &'static str },
    /// Records that no log accepts.
    #[error("these records cannot be stored: {reason}")]
    Unfit { reason: &'static str },
    /// Any other refusal of the system.
    #[error("the event log cannot be used: {reason}")]
    Io { reason: String },
}

impl StoreError {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "store_conflict",
            Self::Replaced => "store_replaced",
            Self::Busy => "store_busy",
            Self::ReadOnly { .. } => "store_read_only",
            Self::Full => "store_full",
            Self::Corrupt { .. } => "store_corrupt",
            Self::Newer { .. } => "store_newer",
            Self::WentBack { .. } => "store_went_back",
            Self::Foreign { .. } => "store_foreign",
            Self::NotOurs { .. } => "store_not_ours",
            Self::Unfit { .. } => "internal",
            Self::Io { .. } => "store_unavailable",
        }
    }

    /// True if the same call may succeed a little later.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Replaced | Self::Busy)
    }

    /// The error for what the system says about a file or directory.
    fn of_file(path: &Path, error: &io::Error) -> Self {
        let reason = format!("{}: {error}", path.display());
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { reason },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io { reason },
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let reason = error.to_string();
        let Some(failure) = error.sqlite_error() else {
            // Our statements are fixed, so what does not fit them is not what we stored.
            return Self::Corrupt { reason };
        };
        if failure.extended_code == SQLITE_IOERR_SHMSIZE {
            return Self::Full;
        }
        match failure.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                Self::Busy
            }
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Self::ReadOnly { reason },
            ErrorCode::DiskFull => Self::Full,
            // A missing or different table is reported as an unknown error.
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::TypeMismatch
            | ErrorCode::ConstraintViolation
            | ErrorCode::Unknown => Self::Corrupt { reason },
            ErrorCode::TooBig => Self::Unfit { reason: "a record is too large" },
            // SQLite's own list, which may grow.
            _ => Self::Io { reason },
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod more_tests {
    use rusqlite::ffi;

    use super::*;

    fn record(run: &str) -> Record {
        Record { run: run.to_owned(), kind: "noted".to_owned(), body: "{}".to_owned() }
    }

    #[test]
    fn it_appends_where_nobody_else_did_and_shows_what_is_new() {
        let log = MemoryStore::default();
        log.append(Expected::At(0), "a", 5, &[record("a"), record("a")]).unwrap();
        log.append(Expected::At(0), "b", 1, &[record("b")]).unwrap();
        let late = log.append(Expected::At(1), "a", 9, &[record("a")]).unwrap_err();
        assert!(matches!(late, StoreError::Conflict { expected: 1, found: 2, .. }));

        let all = log.read_since(0, None, 10).unwrap();
        assert_eq!(
            all.iter().map(|event| (event.seq, event.at)).collect::<Vec<_>>(),
            [(1, 5), (2, 5), (3, 5)]
        );
        assert!(all.iter().all(Stored::fits_its_hash));
        assert_eq!(log.read_since(0, Some("b"), 10).unwrap(), all[2..]);
        let mut seen = Vec::new();
        let count = log.show_since(1, 10, &mut |shown| {
            seen.push(shown.seq);
            Ok(())
        });
        assert_eq!((count.unwrap(), seen), (2, vec![2, 3]));
    }

    #[test]
    fn every_code_of_sqlite_has_its_meaning() {
        let of = |code| StoreError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).code();
        for (code, meaning) in [
            (ffi::SQLITE_BUSY, "store_busy"),
            (ffi::SQLITE_BUSY_RECOVERY, "store_busy"),
            (ffi::SQLITE_LOCKED, "store_busy"),
            (ffi::SQLITE_PROTOCOL, "store_busy"),
            (ffi::SQLITE_READONLY, "store_read_only"),
            (ffi::SQLITE_READONLY_CANTINIT, "store_read_only"),
            (ffi::SQLITE_FULL, "store_full"),
            (ffi::SQLITE_IOERR_SHMSIZE, "store_full"),
            (ffi::SQLITE_CORRUPT, "store_corrupt"),
            (ffi::SQLITE_NOTADB, "store_corrupt"),
            (ffi::SQLITE_CANTOPEN, "store_unavailable"),
            (ffi::SQLITE_IOERR, "store_unavailable"),
            (ffi::SQLITE_IOERR_WRITE, "store_unavailable"),
            (ffi::SQLITE_NOMEM, "store_unavailable"),
        ] {
            assert_eq!(of(code), meaning, "{code}");
        }
    }

    #[test]
    fn every_error_of_a_file_has_its_meaning() {
        let of = |kind: io::ErrorKind| StoreError::of_file(Path::new("x"), &kind.into()).code();
        assert_eq!(of(io::ErrorKind::PermissionDenied), "store_read_only");
        assert_eq!(of(io::ErrorKind::ReadOnlyFilesystem), "store_read_only");
        assert_eq!(of(io::ErrorKind::StorageFull), "store_full");
        assert_eq!(of(io::ErrorKind::NotADirectory), "store_unavailable");
    }
}

//! The event log of a project. It is append-only and durable, and every server and terminal of the project
//! shares it.
//!
//! A caller folds events into a state, decides, and appends only if nobody else has appended meanwhile
//! ([`Expected::At`]). After [`StoreError::Conflict`] it reads the new events and decides again.
//!
//! A fold in memory belongs to one [`EventStore::generation`]. A new generation means that the file was
//! deleted or replaced. The fold then begins again with the first event.

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

/// A note for the user about a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Git would commit the log; the text says why.
    InGit(String),
}

/// The condition on an append: the expected last event of a run or of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// No condition: the records do not depend on earlier events.
    Any,
    /// The last event of the run is this one; 0 if it has none.
    At(u64),
    /// The last event of the whole log is this one, so no run has a newer event.
    Last(u64),
}

/// The saved fold of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The position of its last event.
    pub seq: u64,
    pub fold: Vec<u8>,
}

/// A log of events. Every method blocks, at worst as long as another writer holds the log.
pub trait EventStore: Send + Sync {
    /// Appends all records or none, and returns them as stored. All must belong to `run`. `at` is in
    /// milliseconds since 1970; no event gets an earlier time than the one before it. Without records,
    /// nothing happens.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the run is at another event; [`StoreError::Replaced`] if the log that
    /// `expected` refers to was replaced. In both cases nothing is appended. After [`StoreError::Io`] the
    /// records may still appear later, all of them and in order, if the machine failed during the append.
    fn append(
        &self,
        expected: Expected,
        run: &str,
        at: u64,
        records: &[Record],
    ) -> Result<Vec<Stored>, StoreError>;

    /// At most `limit` events after position `after`, of one run or of all, oldest first. A missing log has
    /// no events, and is not created.
    ///
    /// # Errors
    ///
    /// The log cannot be read. [`StoreError::Replaced`], once, if the log that `after` refers to was
    /// replaced.
    fn read_since(&self, after: u64, run: Option<&str>, limit: usize) -> Result<Vec<Stored>, StoreError>;

    /// Calls `see` with at most `limit` events after position `after`, oldest first, and returns their
    /// number. Nothing is copied, so long logs are folded this way. The store is locked meanwhile, so `see`
    /// must not use it.
    ///
    /// # Errors
    ///
    /// Those of [`Self::read_since`], or the error of `see`. Earlier events were shown even then.
    fn show_since(
        &self,
        after: u64,
        limit: usize,
        see: &mut dyn FnMut(Shown<'_>) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError>;

    /// The fold that an earlier process saved, if it fits the current log.
    fn kept(&self) -> Option<Kept> {
        None
    }

    /// Saves the fold up to the event `seq`, so that later processes start faster.
    fn keep(&self, _seq: u64, _fold: &dyn Fn() -> Option<Vec<u8>>) {}

    /// A number that changes when the log is deleted or replaced. Code that shares a store compares it
    /// before and after a read, because only one reader gets [`StoreError::Replaced`].
    fn generation(&self) -> u64;
}

/// A log in memory, for a server with tracing switched off.
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
        /// The last event that the caller expected; 0 for none.
        expected: u64,
        /// The last event of the run.
        found: u64,
    },
    /// The file is another one than before.
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
    /// The log lacks events that this user has seen, or has other ones in their place.
    #[error(
        "the event log went back: this user has seen {seen} events, but the log now has {found}, or different ones"
    )]
    WentBack {
        /// The last event that was seen.
        seen: u64,
        /// The last event in the file.
        found: u64,
    },
    /// The log was written by somebody else.
    #[error("{} is not accepted: {why}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        why: &'static str,
    },
    /// In the place of the log is a file or directory that is not one.
    #[error("{}: {reason}", .path.display())]
    NotOurs { path: PathBuf, reason: &'static str },
    /// The records are invalid for any log.
    #[error("these records cannot be stored: {reason}")]
    Unfit { reason: &'static str },
    /// Any other error of the system.
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

    /// Turns an error of the system about a file or directory into one of the log.
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
            // Our statements are fixed, so data that do not fit them are not what we stored.
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
            // The list of SQLite's codes may grow.
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

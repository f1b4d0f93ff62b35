//! The event log of a project: append-only, durable, shared by every server and terminal on it.
//!
//! A caller folds events into what it needs, decides, and appends only if nobody else did
//! ([`Expected::At`]); after [`StoreError::Conflict`] it reads what is new, and decides again.
//!
//! A fold in memory belongs to one [`EventStore::generation`]: where that has changed, the log is
//! another one (somebody deleted or replaced the file), and the fold begins at its first event.

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
    /// Git would take it into a commit, and why.
    InGit(String),
}

/// Where a run must be for an append to take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Anywhere: the records depend on nothing.
    Any,
    /// At this event, by its seq: its last one is no other. 0: it has none yet.
    At(u64),
    /// The whole log at this event: nobody has appended anything since, to any run.
    Last(u64),
}

/// Kept fold of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The place of the last event in it.
    pub seq: u64,
    pub fold: Vec<u8>,
}

/// A log of events. Every method blocks, for as long as another writer does at worst.
pub trait EventStore: Send + Sync {
    /// Appends all records or none, and returns them as they are stored. All belong to `run`. `at`
    /// is in milliseconds since 1970; an event is never given a time before the last one's. No
    /// record at all is nothing to do.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] where the run is elsewhere, [`StoreError::Replaced`] where the
    /// expectation is about a log that is gone. Nothing is appended then. After
    /// [`StoreError::Io`] the records may turn up all the same, whole and in their place, when the
    /// machine fails at that very moment.
    fn append(
        &self,
        expected: Expected,
        run: &str,
        at: u64,
        records: &[Record],
    ) -> Result<Vec<Stored>, StoreError>;

    /// Events with a seq above `after`, of one run or of all, oldest first, `limit` at most. Where
    /// there is no log yet there are no events, and no log is made.
    ///
    /// # Errors
    ///
    /// The log cannot be read; [`StoreError::Replaced`], once, where `after` is about a log that
    /// is gone.
    fn read_since(&self, after: u64, run: Option<&str>, limit: usize) -> Result<Vec<Stored>, StoreError>;

    /// Shows every event of the log with a seq above `after`, oldest first, `limit` at most, and
    /// returns how many there were. Nothing is copied, so this is the way to fold a long log. The
    /// store is held meanwhile: `see` must not use it.
    ///
    /// # Errors
    ///
    /// As of [`Self::read_since`], or what `see` says; events before that were seen all the same.
    fn show_since(
        &self,
        after: u64,
        limit: usize,
        see: &mut dyn FnMut(Shown<'_>) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError>;

    /// Fold that an earlier process kept of this log, with its last event, where it fits the log as it is.
    fn kept(&self) -> Option<Kept> {
        None
    }

    /// Keeps what was folded up to an event for later processes. Without it they need more time.
    fn keep(&self, _seq: u64, _fold: &dyn Fn() -> Option<Vec<u8>>) {}

    /// Number of the log: it changes when the log was deleted or replaced. Code that
    /// shares a store with others reads it before and after a read, for only one of them gets the
    /// [`StoreError::Replaced`].
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
    /// The run is not where the caller believed it to be.
    #[error("the run `{run}` is at event {found}, not at {expected}: somebody else went on with it")]
    Conflict {
        /// The run.
        run: String,
        /// Its last event as the caller knew it; 0 for none.
        expected: u64,
        /// Its last event.
        found: u64,
    },
    /// The file is not the one that was read before.
    #[error("the event log was deleted or replaced while it was in use")]
    Replaced,
    /// Somebody else held the log longer than the patience for it.
    #[error("the event log is in use by another process")]
    Busy,
    /// The file or its directory cannot be written to.
    #[error("the event log cannot be written to: {reason}")]
    ReadOnly { reason: String },
    /// There is no room.
    #[error("there is no room for the event log")]
    Full,
    /// The file is damaged.
    #[error("the event log is damaged: {reason}")]
    Corrupt { reason: String },
    /// The file was written by a later version.
    #[error("the event log has version {found}, and this Maestro knows versions up to {known}")]
    Newer {
        /// The version of the file.
        found: u32,
        /// The latest one that is known here.
        known: u32,
    },
    /// It ends before what this user has seen of it, or went on otherwise.
    #[error(
        "the event log went back: this user has seen {seen} events of it, and the log that is there has {found} or goes on otherwise"
    )]
    WentBack {
        /// The last event that was seen.
        seen: u64,
        /// The last event that is there.
        found: u64,
    },
    /// It is not this user's own.
    #[error("{} is not honoured: {why}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        why: &'static str,
    },
    /// Something else stands in the log's place.
    #[error("{}: {reason}", .path.display())]
    NotOurs {
        path: PathBuf,
        /// Why it is no log.
        reason: &'static str,
    },
    /// Records that no log takes.
    #[error("these records cannot be stored: {reason}")]
    Unfit {
        /// Why not.
        reason: &'static str,
    },
    /// Anything else that the system refuses.
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

    /// Returns what the system says of a file or a directory.
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
            // Our statements are fixed: what does not fit them is not what we stored.
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
            // A table that is missing or different is reported as an unknown error.
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

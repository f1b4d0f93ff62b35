//! Errors of the log, each with a stable code and the next step.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use thiserror::Error;

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

    pub fn hint(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "Read the run's state again, then decide again.",
            Self::Replaced => "Call again: what is there now is read from its beginning.",
            Self::Busy => "Call again; if it stays, look for a program that holds .maestro/maestro.db open.",
            Self::ReadOnly { .. } => {
                "Give the user write permission to the directory of the log, or set MAESTRO_TRACE_DIR to one that can be written to."
            }
            Self::Full => "Make room on the disk, then call again; what was stored before is whole.",
            Self::Corrupt { .. } => {
                "Nothing was changed in it. Keep the file for examination, put a backup in its place, or move it away to begin a new log."
            }
            Self::Newer { .. } => "Use the newer Maestro that wrote it; the file was left as it is.",
            Self::WentBack { .. } => {
                "Tell the user. Put the log back that was there, or move this one away to begin a new one; nothing was changed in it."
            }
            Self::Foreign { .. } => {
                "Tell the user. Take it out of git or move it away; a log of the user's own that was moved here is taken over with `maestro-mcp trust` in a terminal."
            }
            Self::NotOurs { .. } => {
                "Move it away, or set MAESTRO_TRACE_DIR to another directory; it was left as it is."
            }
            Self::Unfit { .. } => "This is a defect of Maestro: report it.",
            Self::Io { .. } => "Look at the disk and at the permissions of the directory, then call again.",
        }
    }

    /// True if the same call may succeed a little later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Replaced | Self::Busy => true,
            Self::ReadOnly { .. }
            | Self::Full
            | Self::Corrupt { .. }
            | Self::Newer { .. }
            | Self::WentBack { .. }
            | Self::Foreign { .. }
            | Self::NotOurs { .. }
            | Self::Unfit { .. }
            | Self::Io { .. } => false,
        }
    }

    /// Returns what the system says of a file or a directory.
    pub(super) fn of_file(path: &Path, error: &io::Error) -> Self {
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
mod tests {
    use rusqlite::ffi;

    use super::*;

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

//! The event log of a project: append-only, durable, shared by every server and terminal on it.
//!
//! A caller folds events into what it needs, decides, and appends only if nobody else did
//! ([`Expected::At`]); after [`StoreError::Conflict`] it reads what is new, and decides again.
//!
//! A fold in memory belongs to one [`EventStore::generation`]: where that has changed, the log is
//! another one (somebody deleted or replaced the file), and the fold begins at its first event.

mod connection;
mod error;
mod kept;
pub(crate) mod lease;
mod mark;
mod memory;
mod place;
mod schema;
mod sqlite;
#[cfg(test)]
mod tests;
mod unseen;

pub use error::StoreError;
pub use mark::Marks;
pub use memory::MemoryStore;
pub use place::check_root;
pub use sqlite::SqliteStore;

use crate::domain::chain::{Record, Shown, Stored};

/// Note on a log for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// It is older than the marks of this user, and is taken for the user's own from now on.
    Adopted,
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
    /// there is no log yet there are none, and none is made.
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

    /// Keeps what was folded up to an event for later processes. What cannot be kept costs them time.
    fn keep(&self, _seq: u64, _fold: &dyn Fn() -> Option<Vec<u8>>) {}

    /// Number of the log: another one when the log before was deleted or replaced. Whoever
    /// shares a store with others reads it before and after a read, for only one of them gets the
    /// [`StoreError::Replaced`].
    fn generation(&self) -> u64;
}

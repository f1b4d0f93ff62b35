//! The log in one `SQLite` file, opened on first need.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior};

use super::connection::{check_owner, leave_as_it_is, open, open_frozen};
use super::place::{Beside, FileId, Place};
use super::{EventStore, Expected, StoreError};
use crate::domain::chain::{Record, START, Shown, Stored};

/// How long an append waits for others.
const PATIENCE: Duration = Duration::from_secs(5);

const LAST: &str = "SELECT seq, run, at, kind, body, prev_hash, hash FROM event ORDER BY seq DESC LIMIT 1";
const LAST_OF_RUN: &str = "SELECT max(seq) FROM event WHERE run = ?1";
const INSERT: &str =
    "INSERT INTO event (seq, run, at, kind, body, prev_hash, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const READ: &str =
    "SELECT seq, run, at, kind, body, prev_hash, hash FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2";
const READ_RUN: &str = "SELECT seq, run, at, kind, body, prev_hash, hash FROM event WHERE run = ?3 AND seq > ?1 ORDER BY seq LIMIT ?2";
const SEE: &str = "SELECT seq, run, at, kind, body FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2";

/// The log of a project, in `maestro.db` of a directory that is made with the first event.
#[derive(Debug)]
pub struct SqliteStore {
    place: Place,
    patience: Duration,
    generation: AtomicU64,
    file: Mutex<OpenFile>,
}

/// What is open, and what was the last time.
#[derive(Debug, Default)]
pub(super) struct OpenFile {
    known: Option<FileId>,
    beside: Beside,
    pub(super) connection: Option<Connection>,
}

/// Whether the file was still the one that is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Same,
    Replaced,
}

impl SqliteStore {
    /// A log in this directory, usually `.maestro` of a project. Nothing is opened or made yet.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self {
            place: Place::new(directory),
            patience: PATIENCE,
            generation: AtomicU64::new(0),
            file: Mutex::default(),
        }
    }

    /// The same log of a project whose directory must be there: it is not made.
    #[must_use]
    pub fn below(self, root: &Path) -> Self {
        Self { place: self.place.below(root), ..self }
    }

    /// The same log with another patience for others that write to it; 5 s otherwise.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// A panic while it was held leaves at worst a transaction that is rolled back.
    pub(super) fn lock(&self) -> MutexGuard<'_, OpenFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether the file is still the one that is known, and lets go of it where it is not.
    fn look(&self, file: &mut OpenFile) -> Result<Seen, StoreError> {
        let found = self.place.find()?.map(|found| found.id);
        if file.known.is_none() || file.known == found {
            return Ok(Seen::Same);
        }
        // While it is still open: so long, nobody is given the numbers of its files.
        self.place.set_aside(&file.beside);
        *file = OpenFile::default();
        self.generation.fetch_add(1, Ordering::SeqCst);
        Ok(Seen::Replaced)
    }

    /// Opens the file, which is there.
    fn open(&self, file: &mut OpenFile) -> Result<(), StoreError> {
        if file.connection.is_some() {
            return Ok(());
        }
        loop {
            let before = self.place.find()?.map(|found| found.id);
            let connection = open(&self.place, self.patience)?;
            // What was opened is what was found only if it is there still.
            if before.is_some() && self.place.find()?.map(|found| found.id) == before {
                *file = OpenFile { known: before, beside: self.place.beside(), connection: Some(connection) };
                return Ok(());
            }
        }
    }

    /// Reads; what there is no log for is the default.
    fn read<T: Default>(
        &self,
        after: u64,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut file = self.lock();
        if self.look(&mut file)? == Seen::Replaced && after > 0 {
            return Err(StoreError::Replaced);
        }
        if self.place.find()?.is_none_or(|found| found.bytes == 0) {
            return Ok(T::default());
        }
        match self.open(&mut file) {
            Ok(()) => {}
            Err(StoreError::ReadOnly { .. } | StoreError::Io { .. }) if !self.place.is_unfinished() => {
                return self.read_frozen(query);
            }
            Err(error) => return Err(error),
        }
        let connection = file.connection.as_ref().ok_or_else(not_open)?;
        let result = query(connection);
        forget_if_damaged(&mut file, &result);
        result
    }

    /// Reads a log on which nobody can write, such as one on a read-only file system.
    pub(super) fn read_frozen<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let path = self.place.real_file()?;
        check_owner(&path)?;
        query(&open_frozen(&path)?)
    }

    /// Appends inside a transaction, unless the file is replaced meanwhile.
    fn write(
        &self,
        file: &mut OpenFile,
        expected: Expected,
        run: &str,
        at: u64,
        records: &[Record],
    ) -> Result<Vec<Stored>, StoreError> {
        if file.connection.is_none() {
            self.place.make()?;
        }
        self.open(file)?;
        let known = file.known.clone();
        let connection = file.connection.as_mut().ok_or_else(not_open)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        check_expected(&transaction, expected, run)?;
        let stored = insert(&transaction, at, records)?;
        if self.place.find()?.map(|found| found.id) != known {
            return Err(StoreError::Replaced);
        }
        transaction.commit()?;
        Ok(stored)
    }
}

impl EventStore for SqliteStore {
    fn append(
        &self,
        expected: Expected,
        run: &str,
        at: u64,
        records: &[Record],
    ) -> Result<Vec<Stored>, StoreError> {
        if records.iter().any(|record| record.run != run) {
            return Err(StoreError::Unfit { reason: "they belong to another run" });
        }
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let mut file = self.lock();
        if self.look(&mut file)? == Seen::Replaced && expected != Expected::Any {
            return Err(StoreError::Replaced);
        }
        let result = self.write(&mut file, expected, run, at, records);
        if matches!(result, Err(StoreError::Replaced)) {
            self.look(&mut file)?;
        }
        forget_if_damaged(&mut file, &result);
        result
    }

    fn read_since(&self, after: u64, run: Option<&str>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // Beyond what a log can hold there is nothing.
        let from = i64::try_from(after).unwrap_or(i64::MAX);
        self.read(after, |connection| {
            let mut statement = connection.prepare_cached(if run.is_some() { READ_RUN } else { READ })?;
            let rows = match run {
                Some(run) => statement.query((from, limit, run))?,
                None => statement.query((from, limit))?,
            };
            Ok(rows.mapped(event).collect::<Result<_, _>>()?)
        })
    }

    fn show_since(
        &self,
        after: u64,
        limit: usize,
        see: &mut dyn FnMut(Shown<'_>) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let from = i64::try_from(after).unwrap_or(i64::MAX);
        self.read(after, |connection| {
            let mut statement = connection.prepare_cached(SEE)?;
            let mut rows = statement.query((from, limit))?;
            let mut count = 0;
            while let Some(row) = rows.next()? {
                let text = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str()?);
                let (run, kind, body) = (text(1)?, text(3)?, text(4)?);
                see(Shown { seq: number(row, 0)?, run, at: number(row, 2)?, kind, body })?;
                count += 1;
            }
            Ok(count)
        })
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }
}

fn check_expected(transaction: &Transaction<'_>, expected: Expected, run: &str) -> Result<(), StoreError> {
    let Expected::At(expected) = expected else {
        return Ok(());
    };
    let last: Option<i64> = transaction.prepare_cached(LAST_OF_RUN)?.query_row([run], |row| row.get(0))?;
    let found = last.map_or(Ok(0), |last| u64::try_from(last).map_err(|_| damaged("a seq below zero")))?;
    if found == expected {
        return Ok(());
    }
    Err(StoreError::Conflict { run: run.to_owned(), expected, found })
}

fn insert(transaction: &Transaction<'_>, at: u64, records: &[Record]) -> Result<Vec<Stored>, StoreError> {
    let (mut seq, last_at, mut hash) = last_event(transaction)?
        .map_or_else(|| (0, 0, START.to_owned()), |last| (last.seq, last.at, last.hash));
    // A clock that was set back must not turn the order of events around.
    let at = at.max(last_at);
    let mut statement = transaction.prepare_cached(INSERT)?;
    let mut stored = Vec::with_capacity(records.len());
    for record in records {
        seq += 1;
        let event = Stored::following(&hash, seq, at, record);
        statement.execute((
            storable(event.seq)?,
            &event.run,
            storable(event.at)?,
            &event.kind,
            &event.body,
            &event.prev_hash,
            &event.hash,
        ))?;
        hash.clone_from(&event.hash);
        stored.push(event);
    }
    Ok(stored)
}

/// The last event of the log.
pub(super) fn last_event(connection: &Connection) -> Result<Option<Stored>, StoreError> {
    Ok(connection.prepare_cached(LAST)?.query_row([], event).optional()?)
}

fn event(row: &Row<'_>) -> rusqlite::Result<Stored> {
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

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn storable(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Unfit { reason: "a number has more than 63 bits" })
}

/// A connection that met damage is given up without another write to the file.
fn forget_if_damaged<T>(file: &mut OpenFile, result: &Result<T, StoreError>) {
    if let Err(StoreError::Corrupt { .. } | StoreError::Io { .. }) = result
        && let Some(connection) = file.connection.take()
    {
        // It is closed either way.
        let _ = leave_as_it_is(&connection, true);
    }
}

fn damaged(reason: &str) -> StoreError {
    StoreError::Corrupt { reason: reason.to_owned() }
}

fn not_open() -> StoreError {
    StoreError::Io { reason: "it is not open".to_owned() }
}

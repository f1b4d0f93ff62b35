//! A log in one `SQLite` file, which is opened when first needed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::connection::{check_owner, event, last_event, leave_as_it_is, number, open, open_frozen};
use super::place::{self, Beside, FileId, Mark, Marks, Place, Print};
use super::{EventStore, Expected, Kept, Note, StoreError};
use crate::domain::chain::{self, Record, START, Shown, Stored};

/// Maximum time to wait for other processes.
const PATIENCE: Duration = Duration::from_secs(5);

const LAST_OF_RUN: &str = "SELECT max(seq) FROM event WHERE run = ?1";
const INSERT: &str =
    "INSERT INTO event (seq, run, at, kind, body, prev_hash, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const READ: &str =
    "SELECT seq, run, at, kind, body, prev_hash, hash FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2";
const READ_RUN: &str = "SELECT seq, run, at, kind, body, prev_hash, hash FROM event WHERE run = ?3 AND seq > ?1 ORDER BY seq LIMIT ?2";
const HASH_AT: &str =
    "SELECT hash FROM event WHERE seq = ?1 AND octet_length(hash) <= 64 AND octet_length(body) < 67108864";
const LAST_HASH: &str = "SELECT hash FROM event ORDER BY seq DESC LIMIT 1";
/// Only columns that come before the text, which may fill hundreds of pages.
const LAST_PLACE: &str = "SELECT seq, at FROM event ORDER BY seq DESC LIMIT 1";
/// A number that changes whenever another connection writes to the file.
const VERSION: &str = "PRAGMA data_version";
const CHAIN: &str = "SELECT seq, run, at, kind, body, prev_hash, hash FROM event WHERE seq > ?1 ORDER BY seq";
const SEE: &str = "SELECT seq, run, at, kind, body FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2";

/// The log of a project, in `maestro.db` of a directory. Both are created with the first event.
#[derive(Debug)]
pub struct SqliteStore {
    place: Place,
    pub(super) patience: Duration,
    generation: AtomicU64,
    file: Mutex<OpenFile>,
    /// Marks of logs that this user has seen; None if the user has no state directory.
    marks: Option<Marks>,
    notes: Mutex<Vec<Note>>,
    /// The error that last prevented decisions from the log.
    trouble: Mutex<Option<StoreError>>,
}

/// The open database, and its last known state.
#[derive(Debug, Default)]
pub(super) struct OpenFile {
    known: Option<FileId>,
    beside: Beside,
    pub(super) connection: Option<Connection>,
    /// The files before they were opened, later as this store left them.
    print: Option<Print>,
    checked: Option<Checked>,
}

/// The part of the log whose hashes were checked.
#[derive(Clone, Debug)]
struct Checked {
    seq: u64,
    hash: String,
    /// The hash of its first event, if there is one.
    first: Option<String>,
    /// [`VERSION`] at the last check.
    version: Option<i64>,
}

impl Checked {
    /// Nothing is checked yet of a log whose first event has this hash.
    fn nothing(first: Option<String>) -> Self {
        Self { seq: 0, hash: START.to_owned(), first, version: None }
    }

    /// Adds events that this process wrote, which need not be read again. False if they do not follow the
    /// checked ones.
    fn goes_on_with(&mut self, written: &[Stored]) -> bool {
        let (Some(first), Some(last)) = (written.first(), written.last()) else { return false };
        if first.seq != self.seq + 1 || first.prev_hash != self.hash {
            return false;
        }
        self.seq = last.seq;
        self.hash.clone_from(&last.hash);
        self.first.get_or_insert_with(|| first.hash.clone());
        true
    }
}

/// Result of comparing the current file with the known one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Same,
    Replaced,
}

impl SqliteStore {
    /// A log in this directory, usually `.maestro` of a project. Nothing is opened or created yet.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            place: Place::new(directory),
            patience: PATIENCE,
            generation: AtomicU64::new(0),
            file: Mutex::default(),
            marks: None,
            notes: Mutex::default(),
            trouble: Mutex::default(),
        }
    }

    /// The same log, in a project whose directory must exist.
    pub fn below(mut self, root: &Path) -> Self {
        self.place = self.place.clone().below(root);
        self
    }

    /// The same log, used for decisions only if it fits the mark of this user.
    pub fn with_marks(mut self, marks: Option<Marks>) -> Self {
        self.marks = marks;
        self
    }

    /// Takes the notes for the user. Each is returned once.
    pub fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The error that prevents decisions from the log, as of the last check; None if there is none.
    pub fn trouble(&self) -> Option<StoreError> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Accepts a log that somebody else wrote as this user's own, because a person decided so. Returns the
    /// number of its events.
    ///
    /// # Errors
    ///
    /// It cannot be read, or its hashes do not fit.
    pub fn adopt(&self) -> Result<u64, StoreError> {
        let mut file = self.lock();
        self.look(&mut file)?;
        self.open(&mut file).inspect_err(|error| self.keep_trouble(error))?;
        let connection = file.connection.as_ref().ok_or_else(not_open)?;
        let mut checked = Checked::nothing(hash_at(connection, 1)?);
        follow(connection, &mut checked)?;
        if let (Some(marks), Some(first)) = (&self.marks, &checked.first) {
            marks.save(
                first,
                &self.place,
                &Mark { seq: checked.seq, hash: checked.hash.clone(), print: None },
            );
        }
        let count = checked.seq;
        file.checked = None;
        Ok(count)
    }

    /// Checks that the log is this user's own, that it continues its last seen state, and that it fits its
    /// hashes. Remembers the error for [`Self::trouble`].
    fn examine(&self, file: &mut OpenFile, connection: &Connection) -> Result<(), StoreError> {
        let result = self.examined(file, connection);
        let remembered = match &result {
            Err(error) if !error.retryable() => Some(error.clone()),
            Ok(()) | Err(_) => None,
        };
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = remembered;
        result
    }

    fn examined(&self, file: &mut OpenFile, connection: &Connection) -> Result<(), StoreError> {
        if let Some(checked) = file.checked.as_mut() {
            return Self::go_on(connection, checked);
        }
        let first = hash_at(connection, 1)?;
        if first.is_none() && has_events(connection)? {
            return Err(damaged("it does not begin with its first event"));
        }
        let mark = match (&self.marks, &first) {
            (Some(marks), Some(first)) => self.known(marks, first)?,
            (Some(_) | None, _) => None,
        };
        let mut checked = Checked::nothing(first);
        let is_as_it_was = |mark: &&Mark| mark.print.is_some() && mark.print == file.print;
        if let Some(mark) = mark.as_ref().filter(is_as_it_was) {
            checked.seq = mark.seq;
            checked.hash.clone_from(&mark.hash);
        }
        Self::go_on(connection, &mut checked)?;
        if let Some(mark) = &mark
            && hash_at(connection, mark.seq)?.as_ref() != Some(&mark.hash)
        {
            return Err(StoreError::WentBack { seen: mark.seq, found: checked.seq });
        }
        file.checked = Some(checked);
        file.print = Print::of(&self.place);
        self.leave_mark(file, file.print);
        Ok(())
    }

    /// Checks that the seen events are still there, and that the new ones follow them.
    fn go_on(connection: &Connection, checked: &mut Checked) -> Result<(), StoreError> {
        // Read first, so that a write during the check changes it again.
        let version = Some(connection.prepare_cached(VERSION)?.query_row([], |row| row.get(0))?);
        if checked.version == version {
            return Ok(());
        }
        checked.version = None;
        if checked.seq > 0 && hash_at(connection, checked.seq)?.as_ref() != Some(&checked.hash) {
            let found = last_event(connection)?.map_or(0, |last| last.seq);
            return Err(StoreError::WentBack { seen: checked.seq, found });
        }
        if last_hash(connection)?.is_some_and(|last| last != checked.hash) {
            follow(connection, checked)?;
            if checked.first.is_none() {
                checked.first = hash_at(connection, 1)?;
            }
        }
        checked.version = version;
        Ok(())
    }

    /// The mark of a log; None if the log is this user's own and has no mark here.
    ///
    /// # Errors
    ///
    /// The log is not this user's own.
    fn known(&self, marks: &Marks, first: &str) -> Result<Option<Mark>, StoreError> {
        let path = self.place.file();
        let foreign = |why| Err(StoreError::Foreign { path: path.clone(), why });
        if self.place.is_of_another_user() {
            return foreign("another user owns it");
        }
        if place::is_tracked(&self.place.directory) {
            return foreign("git tracks it, so it came with the repository");
        }
        if marks.knows(first) {
            return Ok(marks.load(first, &self.place));
        }
        foreign("another account wrote it")
    }

    fn note(&self, note: Note) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    fn leave_mark(&self, file: &OpenFile, print: Option<Print>) {
        if let (Some(marks), Some(Checked { seq, hash, first: Some(first), .. })) =
            (&self.marks, &file.checked)
        {
            marks.save(first, &self.place, &Mark { seq: *seq, hash: hash.clone(), print });
        }
    }

    /// True if only processes that leave a mark have written to the log since this store last saw it.
    fn is_as_it_was_left(&self, file: &OpenFile) -> bool {
        let now = Print::of(&self.place);
        let by_others = || {
            let first = file.checked.as_ref()?.first.as_ref()?;
            self.marks.as_ref()?.load(first, &self.place)?.print
        };
        now.is_some() && (file.print == now || by_others() == now)
    }

    /// Locks the file. A poisoned lock is usable: at worst a panic leaves a transaction, which is rolled
    /// back.
    pub(super) fn lock(&self) -> MutexGuard<'_, OpenFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that the file is still the known one, and closes it if not.
    fn look(&self, file: &mut OpenFile) -> Result<Seen, StoreError> {
        let found = self.place.find()?.map(|found| found.id);
        if file.known.is_none() || file.known == found {
            return Ok(Seen::Same);
        }
        // Done before the file is closed, because until then its inodes are not reused.
        self.place.set_aside(&file.beside);
        *file = OpenFile::default();
        self.generation.fetch_add(1, Ordering::SeqCst);
        Ok(Seen::Replaced)
    }

    /// Opens the file, which must exist, unless it is open.
    fn open(&self, file: &mut OpenFile) -> Result<(), StoreError> {
        if file.connection.is_some() {
            return Ok(());
        }
        loop {
            let before = self.place.find()?.map(|found| found.id);
            let print = Print::of(&self.place);
            let connection = open(&self.place, self.patience)?;
            // Only if the same file is still there, it is certain that this one was opened.
            if before.is_some() && self.place.find()?.map(|found| found.id) == before {
                let checked = file.checked.take();
                *file = OpenFile {
                    known: before,
                    beside: self.place.beside(),
                    connection: Some(connection),
                    print,
                    checked: checked.map(|checked| Checked { version: None, ..checked }),
                };
                return Ok(());
            }
        }
    }

    /// Runs a query; a missing or empty log gives the default.
    fn read<T: Default>(
        &self,
        after: u64,
        trust: Trust,
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
                return self.read_frozen(|connection| {
                    if trust == Trust::Honoured {
                        let mut seen = OpenFile { print: Print::of(&self.place), ..OpenFile::default() };
                        self.examine(&mut seen, connection)?;
                    }
                    query(connection)
                });
            }
            Err(error) => {
                self.keep_trouble(&error);
                return Err(error);
            }
        }
        let connection = file.connection.take().ok_or_else(not_open)?;
        let examined = match trust {
            Trust::Honoured => self.examine(&mut file, &connection),
            Trust::AsItIs => Ok(()),
        };
        let result = examined.and_then(|()| query(&connection));
        file.connection = Some(connection);
        forget_if_damaged(&mut file, &result);
        result
    }

    /// Remembers the error of a log that cannot be opened, because it prevents decisions too.
    pub(super) fn keep_trouble(&self, error: &StoreError) {
        if !error.retryable() {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
    }

    /// Runs a query on a log that this process cannot write to, for example on a read-only file system.
    pub(super) fn read_frozen<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let path = self.place.real_file()?;
        check_owner(&path)?;
        query(&open_frozen(&path)?)
    }

    /// Appends in a transaction, unless the file is replaced meanwhile.
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
            if let Some(warning) = place::keep_out(&self.place.directory) {
                self.note(Note::InGit(warning));
            }
        }
        self.open(file).inspect_err(|error| self.keep_trouble(error))?;
        let mut connection = file.connection.take().ok_or_else(not_open)?;
        let written = self
            .examine(file, &connection)
            .and_then(|()| self.insert(file, &mut connection, expected, run, at, records));
        file.connection = Some(connection);
        written
    }

    fn insert(
        &self,
        file: &mut OpenFile,
        connection: &mut Connection,
        expected: Expected,
        run: &str,
        at: u64,
        records: &[Record],
    ) -> Result<Vec<Stored>, StoreError> {
        let known = file.known.clone();
        let is_as_it_was = self.is_as_it_was_left(file);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        check_expected(&transaction, expected, run)?;
        let stored = insert(&transaction, file.checked.as_ref(), at, records)?;
        if let (Some(marks), Some(first)) = (&self.marks, stored.first().filter(|first| first.seq == 1)) {
            // Announced before the commit, because another server of this user may read the log at once.
            marks.announce(&first.hash);
        }
        if self.place.find()?.map(|found| found.id) != known {
            return Err(StoreError::Replaced);
        }
        transaction.commit()?;
        if let Some(checked) = file.checked.as_mut()
            && !checked.goes_on_with(&stored)
        {
            Self::go_on(connection, checked)?;
        }
        file.print = Print::of(&self.place).filter(|_| is_as_it_was);
        self.leave_mark(file, file.print);
        Ok(stored)
    }
}

impl Drop for SqliteStore {
    /// Closes the log, which merges its pending events into the file, and writes the mark for the result.
    fn drop(&mut self) {
        let mut file = std::mem::take(&mut *self.lock());
        let is_as_it_was = self.is_as_it_was_left(&file);
        if let Some(connection) = file.connection.take() {
            drop(connection);
            self.leave_mark(&file, Print::of(&self.place).filter(|_| is_as_it_was));
        }
    }
}

/// The purpose of a read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// For a decision: the log is examined first.
    Honoured,
    /// For display: the log is not examined.
    AsItIs,
}

fn hash_at(connection: &Connection, seq: u64) -> Result<Option<String>, StoreError> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    Ok(connection.prepare_cached(HASH_AT)?.query_row([seq], |row| row.get(0)).optional()?)
}

fn has_events(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("SELECT 1 FROM event")?.exists([])?)
}

fn last_hash(connection: &Connection) -> Result<Option<String>, StoreError> {
    Ok(connection.prepare_cached(LAST_HASH)?.query_row([], |row| row.get(0)).optional()?)
}

/// Checks that every event after the checked ones fits its hash and follows the event before it.
fn follow(connection: &Connection, checked: &mut Checked) -> Result<(), StoreError> {
    let from = i64::try_from(checked.seq).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(CHAIN)?;
    let mut rows = statement.query([from])?;
    while let Some(row) = rows.next()? {
        let seq = number(row, 0)?;
        let text = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str()?);
        let (run, kind, body, before, own) = (text(1)?, text(3)?, text(4)?, text(5)?, text(6)?);
        let fits = seq == checked.seq + 1
            && before == checked.hash
            && chain::hash(before, seq, run, number(row, 2)?, kind, body) == own;
        if !fits {
            return Err(damaged(&format!("event {seq} does not fit its hash or the one before it")));
        }
        checked.seq = seq;
        own.clone_into(&mut checked.hash);
    }
    Ok(())
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
        // No event has a larger number.
        let from = i64::try_from(after).unwrap_or(i64::MAX);
        self.read(after, Trust::AsItIs, |connection| {
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
        self.read(after, Trust::Honoured, |connection| {
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

    fn kept(&self) -> Option<Kept> {
        let marks = self.marks.as_ref().filter(|marks| marks.keeps_folds())?;
        let found = self.read(0, Trust::Honoured, |connection| {
            let Some((kept, hash)) =
                hash_at(connection, 1)?.and_then(|first| marks.kept(&first, &self.place))
            else {
                return Ok(None);
            };
            Ok((hash_at(connection, kept.seq)? == Some(hash)).then_some(kept))
        });
        // An error is ignored here: the next read of the log reports it.
        found.ok().flatten()
    }

    fn keep(&self, seq: u64, fold: &dyn Fn() -> Option<Vec<u8>>) {
        let Some(marks) = self.marks.as_ref().filter(|marks| marks.keeps_folds()) else { return };
        let at = |connection: &Connection| Ok(hash_at(connection, 1)?.zip(hash_at(connection, seq)?));
        let Ok(Some((first, hash))) = self.read(seq, Trust::AsItIs, at) else { return };
        if let Some(fold) = fold() {
            marks.keep(&first, &self.place, hash, &Kept { seq, fold });
        }
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }
}

fn check_expected(transaction: &Transaction<'_>, expected: Expected, run: &str) -> Result<(), StoreError> {
    let (expected, found) = match expected {
        Expected::Any => return Ok(()),
        Expected::Last(expected) => (expected, last_event(transaction)?.map_or(0, |last| last.seq)),
        Expected::At(expected) => {
            let last: Option<i64> =
                transaction.prepare_cached(LAST_OF_RUN)?.query_row([run], |row| row.get(0))?;
            let found =
                last.map_or(Ok(0), |last| u64::try_from(last).map_err(|_| damaged("a seq below zero")))?;
            (expected, found)
        }
    };
    if found == expected {
        return Ok(());
    }
    Err(StoreError::Conflict { run: run.to_owned(), expected, found })
}

fn insert(
    transaction: &Transaction<'_>,
    checked: Option<&Checked>,
    at: u64,
    records: &[Record],
) -> Result<Vec<Stored>, StoreError> {
    let (mut seq, last_at) = transaction
        .prepare_cached(LAST_PLACE)?
        .query_row([], |row| Ok((number(row, 0)?, number(row, 1)?)))
        .optional()?
        .unwrap_or_default();
    let mut hash = match checked {
        Some(checked) if checked.seq == seq => checked.hash.clone(),
        Some(_) | None => last_hash(transaction)?.unwrap_or_else(|| START.to_owned()),
    };
    // A clock that was set back must not reverse the order of events.
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

fn storable(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Unfit { reason: "a number has more than 63 bits" })
}

/// Closes a connection after damage, without another write to the file.
fn forget_if_damaged<T>(file: &mut OpenFile, result: &Result<T, StoreError>) {
    if let Err(StoreError::Corrupt { .. } | StoreError::Io { .. }) = result
        && let Some(connection) = file.connection.take()
    {
        // The connection is closed even if this fails.
        let _ = leave_as_it_is(&connection, true);
    }
}

fn damaged(reason: &str) -> StoreError {
    StoreError::Corrupt { reason: reason.to_owned() }
}

fn not_open() -> StoreError {
    StoreError::Io { reason: "it is not open".to_owned() }
}

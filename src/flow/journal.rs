//! The project's log for flows: load, fold, decide, and append unless the log has changed meanwhile.
//!
//! The fold stays in memory, and only new events are read, so a look at the state costs one query. A change
//! is a decision over the state; if another process appended meanwhile, the decision is made again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::operator_log;
use super::scope::off_thread;
use super::time::now;
use crate::domain::chain::{Record, Shown, Stored};
use crate::domain::event::{Draft, Event, Unreadable};
use crate::domain::history::{History, refolded};
use crate::domain::workflow::Run;
use crate::error::Error;
use crate::host::store::{EventStore, Expected, Kept, StoreError};

/// Events read at a time.
const PAGE: usize = 4_096;

/// Events that a visitor holds in memory: they may contain whole prompts and answers.
const VISITED: usize = 256;

/// Number of events after which the fold is saved anew for later processes.
const KEEP_EVERY: u64 = 4_096;

/// Number of attempts at a decision if others keep appending first.
const MOST_TRIES: usize = 200;

/// Interval at which a waiting caller looks for the events of other processes.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A cloneable handle on the log.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn EventStore>,
    folded: Mutex<Folded>,
    appended: Notify,
}

#[derive(Default)]
struct Folded {
    history: History,
    generation: u64,
    /// Last event of the saved fold.
    kept: u64,
    /// True if the fold that an earlier process saved is unusable.
    begins_anew: bool,
}

/// The events that a decision rests on. If others append to them meanwhile, the decision is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RestsOn {
    ItsRun,
    TheLog,
}

/// Events to append, and the result for the caller.
pub struct Decided<T> {
    /// Events for the decided run; empty if there is nothing to append.
    pub drafts: Vec<Draft>,
    pub answer: T,
}

/// A run, and events for it.
type OfRun = (String, Vec<Draft>);

impl<T> Decided<T> {
    /// Events to append, and the result.
    pub fn append(drafts: Vec<Draft>, answer: T) -> Self {
        Self { drafts, answer }
    }

    /// Nothing to append.
    pub fn nothing(answer: T) -> Self {
        Self { drafts: Vec::new(), answer }
    }
}

/// A new id that models and people name. It is short, because they copy it.
pub fn short_id(kind: &str) -> String {
    const LETTERS: usize = 12;
    // The end of an id is random.
    let tail: String = new_id().chars().rev().filter(|letter| *letter != '-').take(LETTERS).collect();
    format!("{kind}-{tail}")
}

/// A new id; it contains its time.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

impl Journal {
    /// A journal over a store. Nothing is opened yet.
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        let inner = Inner { store, folded: Mutex::default(), appended: Notify::new() };
        Self { inner: Arc::new(inner) }
    }

    /// Reads the current state.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&History) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let journal = self.clone();
        off_thread(move || journal.read_now(look)).await?
    }

    /// As [`Self::read`]. Blocks.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn read_now<T>(&self, look: impl FnOnce(&History) -> T) -> Result<T, Error> {
        let (mut look, mut seen) = (Some(look), None);
        self.inner.look(&mut |history| seen = look.take().map(|look| look(history)))?;
        seen.ok_or_else(|| StoreError::Busy.into())
    }

    /// Makes a decision over the current state and appends its events to a run. If the run has changed
    /// meanwhile, the decision is made again.
    ///
    /// # Errors
    ///
    /// The error of the decision, or the log cannot be used. Then nothing is appended.
    pub async fn decide<T: Send + 'static>(
        &self,
        run: &str,
        mut decision: impl FnMut(&History) -> Result<Decided<T>, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let run = run.to_owned();
        self.decide_on(move |history| Ok((run.clone(), decision(history)?))).await
    }

    /// As [`Self::decide`], but the decision also chooses the run.
    ///
    /// # Errors
    ///
    /// See [`Self::decide`].
    pub async fn decide_on<T: Send + 'static>(
        &self,
        decision: impl FnMut(&History) -> Result<(String, Decided<T>), Error> + Send + 'static,
    ) -> Result<T, Error> {
        let journal = self.clone();
        off_thread(move || journal.decide_now(RestsOn::ItsRun, decision)).await?
    }

    /// As [`Self::decide_on`]. Blocks.
    ///
    /// # Errors
    ///
    /// See [`Self::decide`].
    pub(crate) fn decide_now<T>(
        &self,
        rests_on: RestsOn,
        mut decision: impl FnMut(&History) -> Result<(String, Decided<T>), Error>,
    ) -> Result<T, Error> {
        let mut last = None;
        self.inner.decide(rests_on, &mut |history| {
            let (run, Decided { drafts, answer }) = decision(history)?;
            last = Some(answer);
            Ok((run, drafts))
        })?;
        last.ok_or_else(|| StoreError::Busy.into())
    }

    /// Appends events that do not depend on the current state.
    ///
    /// # Errors
    ///
    /// The log cannot be written.
    pub async fn record(&self, run: &str, drafts: Vec<Draft>) -> Result<(), Error> {
        let (inner, run) = (Arc::clone(&self.inner), run.to_owned());
        off_thread(move || inner.record(&run, drafts)).await?
    }

    /// As [`Self::record`], for code that cannot wait. Blocks for one write.
    ///
    /// # Errors
    ///
    /// The log cannot be written.
    pub fn record_now(&self, run: &str, drafts: Vec<Draft>) -> Result<(), Error> {
        self.inner.record(run, drafts)
    }

    /// Reads the events of one run or of all, oldest first.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub async fn events(&self, run: Option<String>) -> Result<Vec<Event>, Error> {
        let inner = Arc::clone(&self.inner);
        off_thread(move || inner.events(run.as_deref())).await?
    }

    /// Reads events by their positions; `None` for a position that the log does not have.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub async fn events_at(&self, places: Vec<u64>) -> Result<Vec<Option<Event>>, Error> {
        let journal = self.clone();
        off_thread(move || journal.events_at_now(places)).await?
    }

    /// As [`Self::events_at`]. Blocks.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn events_at_now(&self, places: Vec<u64>) -> Result<Vec<Option<Event>>, Error> {
        let at = |place: u64| {
            let found = self.inner.store.read_since(place.saturating_sub(1), None, 1)?;
            let event = found.into_iter().next().filter(|stored| stored.seq == place);
            event.map(read).transpose()
        };
        places.into_iter().map(at).collect()
    }

    /// Folds every event of the log into a value of the caller's, oldest first, with a few events in memory
    /// at a time. If the log is replaced meanwhile, it is read anew.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub async fn visit<T: Send + 'static>(
        &self,
        begin: impl Fn() -> T + Send + 'static,
        mut add: impl FnMut(&mut T, &Event) + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.inner);
        off_thread(move || {
            for _ in 0..MOST_TRIES {
                let mut folded = begin();
                if inner.visit(&mut |event| add(&mut folded, event))? {
                    return Ok(folded);
                }
            }
            Err(StoreError::Busy.into())
        })
        .await?
    }

    /// Waits until this process appended something, or until another process may have.
    pub async fn changed(&self) {
        let _ = tokio::time::timeout(LOOK_AGAIN, self.inner.appended.notified()).await;
    }
}

impl Folded {
    /// Fails if a run could not be read from the log. The next read then begins with the log's first event,
    /// so that every fault is found.
    fn check(&mut self) -> Result<(), StoreError> {
        if !self.history.has_lost() {
            return Ok(());
        }
        *self = Self { generation: self.generation, begins_anew: true, ..Self::default() };
        Err(StoreError::Busy)
    }
}

/// A run, folded from its events up to a position; `None` if they cannot be read or the log was replaced.
fn whole(store: &dyn EventStore, generation: u64, run: &str, until: u64) -> Option<Run> {
    let mut events = Vec::new();
    let mut after = 0;
    loop {
        let page = store.read_since(after, Some(run), VISITED).ok()?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for stored in page.iter().filter(|stored| stored.seq <= until) {
            events.push(Event::fold(stored.shown()).ok()?);
        }
        if after >= until {
            break;
        }
    }
    refolded(events).filter(|_| store.generation() == generation)
}

impl Inner {
    fn look(&self, look: &mut dyn FnMut(&History)) -> Result<(), Error> {
        let mut folded = self.folded.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut folded)?;
        look(&folded.history);
        folded.check()?;
        Ok(())
    }

    fn decide(
        &self,
        rests_on: RestsOn,
        decision: &mut dyn FnMut(&History) -> Result<OfRun, Error>,
    ) -> Result<(), Error> {
        let mut folded = self.folded.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..MOST_TRIES {
            self.refresh(&mut folded)?;
            let decided = decision(&folded.history);
            folded.check()?;
            let (run, mut drafts) = decided?;
            if drafts.is_empty() {
                return Ok(());
            }
            let expected = match rests_on {
                RestsOn::ItsRun => Expected::At(folded.history.last_of(&run)),
                RestsOn::TheLog => Expected::Last(folded.history.last_seq),
            };
            match self.append(&mut folded, expected, &run, &mut drafts) {
                Ok(()) => return Ok(()),
                Err(StoreError::Conflict { .. } | StoreError::Replaced) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy.into())
    }

    fn record(&self, run: &str, mut drafts: Vec<Draft>) -> Result<(), Error> {
        let mut folded = self.folded.lock().unwrap_or_else(PoisonError::into_inner);
        match self.append(&mut folded, Expected::Any, run, &mut drafts) {
            // Events that do not depend on the state also go into a new log.
            Err(StoreError::Replaced) => Ok(self.append(&mut folded, Expected::Any, run, &mut drafts)?),
            other => Ok(other?),
        }
    }

    /// Appends events, and folds them if that succeeds.
    fn append(
        &self,
        folded: &mut Folded,
        expected: Expected,
        run: &str,
        drafts: &mut Vec<Draft>,
    ) -> Result<(), StoreError> {
        let records: Vec<Record> = drafts
            .iter()
            .map(|draft| {
                let body = draft.text().map_err(|_| StoreError::Unfit { reason: "an event is not JSON" })?;
                Ok(Record { run: run.to_owned(), kind: draft.body.kind().to_owned(), body })
            })
            .collect::<Result<_, StoreError>>()?;
        let stored = self.store.append(expected, run, now(), &records)?;
        operator_log::appended(run, drafts);
        if let Err(error) = self.go_on_with(folded, std::mem::take(drafts), &stored) {
            tracing::warn!(%error, "the log was written and could not be read again");
        }
        self.appended.notify_waiters();
        Ok(())
    }

    /// Folds the events that were just written. Events that another process appended before them come
    /// first.
    fn go_on_with(&self, folded: &mut Folded, drafts: Vec<Draft>, written: &[Stored]) -> Result<(), Error> {
        let is_next = written.first().is_some_and(|first| first.seq == folded.history.last_seq + 1);
        if !is_next || self.store.generation() != folded.generation {
            return self.refresh(folded);
        }
        for (draft, stored) in drafts.into_iter().zip(written) {
            folded.history.apply(draft.folded(stored.shown()).map_err(|error| unreadable(&error))?);
        }
        folded.check()?;
        self.keep(folded);
        Ok(())
    }

    /// Folds new events.
    fn refresh(&self, folded: &mut Folded) -> Result<(), Error> {
        loop {
            let generation = self.store.generation();
            if generation != folded.generation {
                *folded = Folded { generation, ..Folded::default() };
            }
            if folded.history.last_seq == 0 && !folded.begins_anew {
                self.restore(folded);
            }
            // A run of an earlier process is read from the store when an event of it comes, so no event is
            // applied while the store delivers events.
            let mut events = Vec::new();
            let seen = self.store.show_since(folded.history.last_seq, PAGE, &mut |shown| {
                events.push(fold(shown)?);
                Ok(())
            });
            let count = match seen {
                Err(StoreError::Replaced) => continue,
                count => count?,
            };
            for event in events {
                folded.history.apply(event);
            }
            folded.check()?;
            // The log was replaced meanwhile: the fold belongs to the old log, and is dropped.
            if self.store.generation() != folded.generation {
                continue;
            }
            if count < PAGE {
                self.keep(folded);
                return Ok(());
            }
        }
    }

    /// Continues from the fold that an earlier process saved of this log.
    fn restore(&self, folded: &mut Folded) {
        let Some(Kept { seq, fold }) = self.store.kept() else { return };
        // Read as text, as events are: then the binary has one reader for these types.
        let Ok(text) = std::str::from_utf8(&fold) else { return };
        match serde_json::from_str::<History>(text) {
            Ok(history) if history.last_seq == seq => {
                let (store, generation) = (Arc::clone(&self.store), folded.generation);
                let reader = move |run: &str| whole(&*store, generation, run, seq);
                folded.history = history.reading_by(Arc::new(reader));
                folded.kept = seq;
            }
            Ok(_) | Err(_) => tracing::debug!("the saved fold cannot be used"),
        }
    }

    fn keep(&self, folded: &mut Folded) {
        let history = &folded.history;
        if history.last_seq < folded.kept.saturating_add(KEEP_EVERY) {
            return;
        }
        let packed = || {
            serde_json::to_vec(history)
                .inspect_err(|error| tracing::debug!(%error, "what was folded cannot be kept"))
                .ok()
        };
        self.store.keep(history.last_seq, &packed);
        folded.kept = history.last_seq;
    }

    /// Visits every event; false if the log was replaced meanwhile.
    fn visit(&self, look: &mut dyn FnMut(&Event)) -> Result<bool, Error> {
        let generation = self.store.generation();
        let mut after = 0;
        loop {
            let page = match self.store.read_since(after, None, VISITED) {
                Err(StoreError::Replaced) => return Ok(false),
                page => page?,
            };
            // The first page is of one log, whichever it is.
            if after > 0 && self.store.generation() != generation {
                return Ok(false);
            }
            let Some(last) = page.last() else { return Ok(true) };
            after = last.seq;
            for stored in page {
                look(&read(stored)?);
            }
        }
    }

    fn events(&self, run: Option<&str>) -> Result<Vec<Event>, Error> {
        let mut events: Vec<Event> = Vec::new();
        loop {
            let after = events.last().map_or(0, |event| event.seq);
            let page = self.store.read_since(after, run, PAGE)?;
            let is_last = page.len() < PAGE;
            for stored in page {
                events.push(read(stored)?);
            }
            if is_last {
                return Ok(events);
            }
        }
    }
}

fn fold(shown: Shown<'_>) -> Result<Event, StoreError> {
    Event::fold(shown).map_err(|error| unreadable(&error))
}

fn unreadable(error: &Unreadable) -> StoreError {
    StoreError::Corrupt { reason: error.to_string() }
}

/// Parses a stored event.
///
/// # Errors
///
/// The log is damaged.
pub fn read(stored: Stored) -> Result<Event, Error> {
    Event::read(stored.seq, stored.run, stored.at, &stored.kind, &stored.body)
        .map_err(|error| unreadable(&error).into())
}

#[cfg(test)]
mod tests;

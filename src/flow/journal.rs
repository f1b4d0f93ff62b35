//! The project's log as flows use it: load, fold, decide, append if nobody else did.
//!
//! The fold is kept in memory and only what is new is read, so looking at the state costs one
//! question to `SQLite`. A change passes a decision, which is made again when somebody
//! else was faster.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::scope::off_thread;
use super::time::now;
use super::told;
use crate::domain::chain::{Record, Shown, Stored};
use crate::domain::event::{Draft, Event, Unreadable};
use crate::domain::history::{History, refolded};
use crate::domain::workflow::Run;
use crate::error::Error;
use crate::host::store::{EventStore, Expected, Kept, StoreError};

/// Events read at a time.
const PAGE: usize = 4_096;

/// Events that a visitor has in memory: theirs may hold whole prompts and answers.
const VISITED: usize = 256;

/// Events after which a fold is kept anew for later processes.
const KEEP_EVERY: u64 = 4_096;

/// Number of times that a decision is tried where others are always faster.
const MOST_TRIES: usize = 200;

/// How soon somebody who waits sees what another process appended.
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
    /// The last event of the fold that is kept for later processes.
    kept: u64,
    /// True if what an earlier process kept is of no use.
    begins_anew: bool,
}

/// Events that a decision rests on: if somebody appended to them meanwhile, it is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RestsOn {
    ItsRun,
    TheLog,
}

/// Events to append, and the caller's result.
pub struct Decided<T> {
    /// The events, of the run that was named; none where there is nothing to do.
    pub drafts: Vec<Draft>,
    /// The answer.
    pub answer: T,
}

/// A run, and events for it.
type OfRun = (String, Vec<Draft>);

impl<T> Decided<T> {
    /// Events, and the answer.
    pub fn append(drafts: Vec<Draft>, answer: T) -> Self {
        Self { drafts, answer }
    }

    /// Nothing to append.
    pub fn nothing(answer: T) -> Self {
        Self { drafts: Vec::new(), answer }
    }
}

/// A new id of something that models and people name: it is short, because they copy it.
pub fn short_id(kind: &str) -> String {
    const LETTERS: usize = 12;
    // The end of an id is random.
    let tail: String = new_id().chars().rev().filter(|letter| *letter != '-').take(LETTERS).collect();
    format!("{kind}-{tail}")
}

/// A new id, which also tells when it was made.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

impl Journal {
    /// A journal over a store. Nothing is opened yet.
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        let inner = Inner { store, folded: Mutex::default(), appended: Notify::new() };
        Self { inner: Arc::new(inner) }
    }

    /// Looks at the state as it is now.
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

    /// The same, for a thread that may block.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn read_now<T>(&self, look: impl FnOnce(&History) -> T) -> Result<T, Error> {
        let (mut look, mut seen) = (Some(look), None);
        self.inner.look(&mut |history| seen = look.take().map(|look| look(history)))?;
        seen.ok_or_else(|| StoreError::Busy.into())
    }

    /// Decides on the state as it is, and appends to a run if nobody else went on with it; else
    /// decides again.
    ///
    /// # Errors
    ///
    /// Returns what the decision says, or the log cannot be used. Nothing is appended then.
    pub async fn decide<T: Send + 'static>(
        &self,
        run: &str,
        mut decision: impl FnMut(&History) -> Result<Decided<T>, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let run = run.to_owned();
        self.decide_on(move |history| Ok((run.clone(), decision(history)?))).await
    }

    /// The same, where the state says which run it is.
    ///
    /// # Errors
    ///
    /// As of [`Self::decide`].
    pub async fn decide_on<T: Send + 'static>(
        &self,
        decision: impl FnMut(&History) -> Result<(String, Decided<T>), Error> + Send + 'static,
    ) -> Result<T, Error> {
        let journal = self.clone();
        off_thread(move || journal.decide_now(RestsOn::ItsRun, decision)).await?
    }

    /// The same at once. Blocks.
    ///
    /// # Errors
    ///
    /// As of [`Self::decide`].
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

    /// Appends what depends on nothing.
    ///
    /// # Errors
    ///
    /// The log cannot be written.
    pub async fn record(&self, run: &str, drafts: Vec<Draft>) -> Result<(), Error> {
        let (inner, run) = (Arc::clone(&self.inner), run.to_owned());
        off_thread(move || inner.record(&run, drafts)).await?
    }

    /// The same at once, for a place that cannot wait: the thread is held for one write.
    ///
    /// # Errors
    ///
    /// The log cannot be written.
    pub fn record_now(&self, run: &str, drafts: Vec<Draft>) -> Result<(), Error> {
        self.inner.record(run, drafts)
    }

    /// Reads events themselves, oldest first; of one run or of all.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub async fn events(&self, run: Option<String>) -> Result<Vec<Event>, Error> {
        let inner = Arc::clone(&self.inner);
        off_thread(move || inner.events(run.as_deref())).await?
    }

    /// Reads the events at some places; none where the log has none.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub async fn events_at(&self, places: Vec<u64>) -> Result<Vec<Option<Event>>, Error> {
        let journal = self.clone();
        off_thread(move || journal.events_at_now(places)).await?
    }

    /// The same at once. Blocks.
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

    /// Folds every event of the log into something else, oldest first and a few in memory at a
    /// time. A log that is replaced meanwhile is read anew.
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

    /// Waits until something was appended here, or long enough that another process may have.
    pub async fn changed(&self) {
        let _ = tokio::time::timeout(LOOK_AGAIN, self.inner.appended.notified()).await;
    }
}

impl Folded {
    /// Fails where a run could not be read from the log, and begins anew the next time: with the log's
    /// first event, so that every fault is found.
    fn check(&mut self) -> Result<(), StoreError> {
        if !self.history.has_lost() {
            return Ok(());
        }
        *self = Self { generation: self.generation, begins_anew: true, ..Self::default() };
        Err(StoreError::Busy)
    }
}

/// A run from its events up to a place; none where they cannot be read, or the log is another one.
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
            // Events that depend on nothing go into the new log too.
            Err(StoreError::Replaced) => Ok(self.append(&mut folded, Expected::Any, run, &mut drafts)?),
            other => Ok(other?),
        }
    }

    /// Appends events, and takes them where that succeeds.
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
        told::told(run, drafts);
        if let Err(error) = self.go_on_with(folded, std::mem::take(drafts), &stored) {
            tracing::warn!(%error, "the log was written and could not be read again");
        }
        self.appended.notify_waiters();
        Ok(())
    }

    /// Folds what was just written. Where another process appended in between, its events come first, in the
    /// order of the log.
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

    /// Folds what is new.
    fn refresh(&self, folded: &mut Folded) -> Result<(), Error> {
        loop {
            let generation = self.store.generation();
            if generation != folded.generation {
                *folded = Folded { generation, ..Folded::default() };
            }
            if folded.history.last_seq == 0 && !folded.begins_anew {
                self.restore(folded);
            }
            // A run of an earlier process is read from the store when an event of it comes, so nothing
            // is applied while the store shows events.
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
            // Then the fold belongs to another log, and is dropped.
            if self.store.generation() != folded.generation {
                continue;
            }
            if count < PAGE {
                self.keep(folded);
                return Ok(());
            }
        }
    }

    /// Goes on from what an earlier process folded of this log.
    fn restore(&self, folded: &mut Folded) {
        let Some(Kept { seq, fold }) = self.store.kept() else { return };
        // As text, like events: so the binary reads their types in one way.
        let Ok(text) = std::str::from_utf8(&fold) else { return };
        match serde_json::from_str::<History>(text) {
            Ok(history) if history.last_seq == seq => {
                let (store, generation) = (Arc::clone(&self.store), folded.generation);
                let reader = move |run: &str| whole(&*store, generation, run, seq);
                folded.history = history.reading_by(Arc::new(reader));
                folded.kept = seq;
            }
            Ok(_) | Err(_) => tracing::debug!("what was kept of the log is of no use"),
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

    /// Shows every event; false where the log was replaced meanwhile.
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

/// An event as it is stored.
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

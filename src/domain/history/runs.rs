//! The runs of a project. Of those that an earlier process folded, what every look at a project asks is
//! kept; a whole one is read from the log once somebody wants it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::event::{Body, Event};
use crate::domain::stage::Stage;
use crate::domain::workflow::Run;

/// Reads a whole run from the log; none where that is not possible.
pub type RunReader = Arc<dyn Fn(&str) -> Option<Run> + Send + Sync>;

/// Facts that questions about all runs need.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Brief<'a> {
    pub(super) task: Cow<'a, str>,
    pub(super) start_stage: Stage,
    pub(super) last_at: u64,
    pub(super) is_open: bool,
    /// True if a request of it waits for a decision.
    pub(super) waits: bool,
    /// Consults so far.
    pub(super) used: u32,
    pub(super) was_rejected_by_relay: bool,
}

impl<'a> Brief<'a> {
    fn of(run: &'a Run) -> Self {
        Self {
            task: Cow::Borrowed(&run.task),
            start_stage: run.start_stage,
            last_at: run.last_at,
            is_open: run.phase.is_open(),
            waits: run.pending().is_some(),
            used: run.budget.used(),
            was_rejected_by_relay: run.was_rejected_by_relay(),
        }
    }
}

/// A run that was folded here, or by an earlier process.
#[derive(Clone, Debug)]
enum Known {
    Here(Box<Run>),
    Earlier { brief: Brief<'static>, read: OnceLock<Option<Box<Run>>> },
}

impl Known {
    fn brief(&self) -> Brief<'_> {
        match self {
            Self::Here(run) => Brief::of(run),
            Self::Earlier { brief, .. } => Brief { task: Cow::Borrowed(&brief.task), ..brief.clone() },
        }
    }
}

/// Every run, by id and in their order.
#[derive(Clone, Default)]
pub(super) struct Runs {
    known: HashMap<String, Known>,
    /// Ids, oldest first.
    order: Vec<String>,
    reader: Option<RunReader>,
    /// True once a run could not be read.
    lost: Arc<AtomicBool>,
}

impl Runs {
    pub(super) fn read_by(&mut self, reader: RunReader) {
        self.reader = Some(reader);
    }

    pub(super) fn has_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.known.contains_key(id)
    }

    pub(super) fn begin(&mut self, run: Run) {
        self.order.push(run.id.clone());
        self.known.insert(run.id.clone(), Known::Here(Box::new(run)));
    }

    pub(super) fn get(&self, id: &str) -> Option<&Run> {
        match self.known.get(id)? {
            Known::Here(run) => Some(run),
            Known::Earlier { read, .. } => read.get_or_init(|| self.read(id)).as_deref(),
        }
    }

    /// A run to go on with.
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Run> {
        if let Some(Known::Earlier { read, .. }) = self.known.get_mut(id) {
            let run = match read.take() {
                Some(run) => run,
                None => self.read(id),
            };
            self.known.insert(id.to_owned(), Known::Here(run?));
        }
        match self.known.get_mut(id)? {
            Known::Here(run) => Some(run),
            Known::Earlier { .. } => None,
        }
    }

    fn read(&self, id: &str) -> Option<Box<Run>> {
        let run = self.reader.as_ref().and_then(|read| read(id));
        if run.is_none() {
            self.lost.store(true, Ordering::Relaxed);
        }
        run.map(Box::new)
    }

    /// Every run, oldest first.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.order.iter().filter_map(|id| self.get(id))
    }

    /// Facts about every run, oldest first, each with its id.
    pub(super) fn briefs(&self) -> impl DoubleEndedIterator<Item = (&str, Brief<'_>)> {
        self.order.iter().filter_map(|id| Some((id.as_str(), self.known.get(id)?.brief())))
    }

    /// The runs of which something holds, oldest first. The others are not read for it.
    pub(super) fn those(&self, holds: impl Fn(&Brief<'_>) -> bool) -> impl DoubleEndedIterator<Item = &Run> {
        self.briefs().filter(move |(_, brief)| holds(brief)).filter_map(|(id, _)| self.get(id))
    }
}

impl fmt::Debug for Runs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.order.iter().map(|id| (id, self.known.get(id)))).finish()
    }
}

impl Serialize for Runs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.briefs())
    }
}

impl<'de> Deserialize<'de> for Runs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let briefs: Vec<(String, Brief<'static>)> = Vec::deserialize(deserializer)?;
        let order = briefs.iter().map(|(id, _)| id.clone()).collect();
        let earlier = |(id, brief)| (id, Known::Earlier { brief, read: OnceLock::new() });
        Ok(Self { known: briefs.into_iter().map(earlier).collect(), order, ..Self::default() })
    }
}

/// A run from its events alone, oldest first.
pub fn refolded(events: impl IntoIterator<Item = Event>) -> Option<Run> {
    let mut run: Option<Run> = None;
    for event in events {
        match (&mut run, &event.body) {
            (Some(run), _) => run.fold(event),
            (None, Body::RunStarted(started)) => run = Some(Run::begin(&event, started)),
            // What came before its beginning is no part of it.
            (None, _) => {}
        }
    }
    run
}

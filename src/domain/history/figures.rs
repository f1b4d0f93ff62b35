//! What is counted of a project: one tally for each run, and one for what belongs to none.

use std::collections::BTreeMap;

use crate::domain::event::{Body, Event};
use crate::domain::measure::record::entry;
use crate::domain::measure::tally::Tally;
use crate::domain::stage::Stage;
use crate::domain::workflow::{Phase, Run};

/// Tallies by run; what belongs to no run under the empty name. Together they are all that was
/// counted, so nothing is counted twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    tallies: BTreeMap<String, Tally>,
}

impl Figures {
    /// Counts an event; `run` is its run as it was before.
    pub(super) fn apply(&mut self, event: &Event, run: Option<&Run>) {
        let stage = match &event.body {
            Body::Verified(_) | Body::EvidenceLogged(_) => run.and_then(worked_on),
            _ => None,
        };
        let Some(entry) = entry(event, stage) else { return };
        match self.tallies.get_mut(&event.run) {
            Some(tally) => tally.add(&entry),
            None => self.tallies.entry(event.run.clone()).or_default().add(&entry),
        }
    }

    pub(super) fn of(&self, run: &str) -> Option<&Tally> {
        self.tallies.get(run)
    }

    pub(super) fn all(&self) -> Tally {
        let mut all = Tally::default();
        for tally in self.tallies.values() {
            all.merge(tally);
        }
        all
    }
}

/// The stage whose work a check of the project sees: the one that is being done, else the one that
/// was done last. A stage that is only next has done nothing yet.
fn worked_on(run: &Run) -> Option<Stage> {
    match &run.phase {
        Phase::Running(stage) => Some(*stage),
        Phase::Ready(_)
        | Phase::AwaitingApproval { .. }
        | Phase::Revising(_)
        | Phase::Stopped(_)
        | Phase::Complete => run.finished.last().map(|finished| finished.stage),
    }
}

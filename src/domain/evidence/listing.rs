//! The newest pieces of evidence that are asked for, with what was flagged meanwhile.

use std::collections::{HashSet, VecDeque};

use super::{Detail, Evidence, FlagSummary, Kind, OfStage, Trail, compact};
use crate::domain::event::Event;

/// Characters of one piece that are held while the log is read.
const MOST_HELD: usize = 20_000;

#[derive(Clone, Debug)]
pub struct Filter {
    /// Of this kind only.
    pub kind: Option<Kind>,
    /// Of this stage only.
    pub stage: Option<OfStage>,
    /// Of this run only.
    pub run: Option<String>,
    /// These pieces only.
    pub among: Option<HashSet<String>>,
    /// The most to keep: the newest.
    pub limit: usize,
    pub detail: Detail,
}

/// A fold over the log, in its order.
#[derive(Clone, Debug)]
pub struct Listing {
    filter: Filter,
    trail: Trail,
    /// Those that fit and are among the newest, oldest first, each with whether it was shortened.
    pub kept: VecDeque<(Evidence, bool)>,
    /// Number of those that fit, including those that were left out.
    pub total: usize,
    /// Flagged answers of the run and the stage that are asked for.
    pub flags: FlagSummary,
}

impl Listing {
    /// Nothing yet.
    pub fn new(filter: Filter) -> Self {
        Self {
            filter,
            trail: Trail::default(),
            kept: VecDeque::new(),
            total: 0,
            flags: FlagSummary::default(),
        }
    }

    /// The next event of the log.
    pub fn add(&mut self, event: &Event) {
        let Some(evidence) = self.trail.next(event, self.filter.detail) else { return };
        let filter = &self.filter;
        let in_scope = filter.run.as_ref().is_none_or(|run| *run == evidence.run)
            && filter.stage.is_none_or(|stage| stage == evidence.stage);
        if !in_scope {
            return;
        }
        self.flags.add(event);
        let is_wanted = filter.kind.is_none_or(|kind| kind == evidence.evidence_type)
            && filter.among.as_ref().is_none_or(|among| among.contains(&evidence.id));
        if is_wanted {
            self.total += 1;
            self.keep(evidence);
        }
    }

    fn keep(&mut self, mut evidence: Evidence) {
        if self.filter.limit == 0 {
            return;
        }
        if self.kept.len() == self.filter.limit {
            self.kept.pop_front();
        }
        let (content, is_cut) = compact(&evidence.content, MOST_HELD);
        evidence.content = content;
        self.kept.push_back((evidence, is_cut));
    }
}

//! The questions that flows ask of a run beside its state.

use super::{Attempt, Outcome, Phase, Run};
use crate::domain::event::{DecidedBy, Decision, Draft, Event};

impl Run {
    /// Returns what the next step rests on: the last decision (or the beginning), the last checks and the
    /// last change.
    pub fn grounds(&self) -> Vec<String> {
        let decided = self.requests.iter().rev().find_map(|request| request.decision.clone());
        let start = decided.unwrap_or_else(|| self.event.clone());
        let rest = self.verification.iter().map(|last| last.id.clone());
        std::iter::once(start).chain(rest).chain(self.change.iter().map(|last| last.id.clone())).collect()
    }

    /// True if nobody has gone on with it for so long that it is set aside: it holds nobody up and can
    /// be taken up again by its name, its task, or a decision.
    pub fn is_parked(&self, idle_before: u64) -> bool {
        self.phase.is_open() && self.last_at < idle_before
    }

    /// True if the model's own words ended it: a human's rejection is theirs, and so is what comes next.
    pub fn was_rejected_by_relay(&self) -> bool {
        let last = self.requests.last().and_then(|request| request.decided.as_ref());
        !self.phase.is_open()
            && last.is_some_and(|(_, it)| {
                it.decision == Decision::Reject
                    && matches!(it.decided_by, DecidedBy::Relayed | DecidedBy::Policy)
            })
    }

    /// True if the orchestrator works on the stage itself.
    pub fn is_solo(&self) -> bool {
        let open = self.attempt.as_ref().filter(|attempt| attempt.outcome == Outcome::Open);
        matches!(self.phase, Phase::Running(_)) && open.is_some_and(Attempt::is_solo)
    }

    /// True if an attempt of this run has its result in the log.
    pub fn has_ended(&self, attempt: &str) -> bool {
        self.finished.iter().any(|finished| finished.attempt == attempt)
            || self.failure.as_ref().is_some_and(|failed| failed.attempt == attempt)
    }

    /// The run as an event of its own would leave it.
    pub fn with(&self, draft: &Draft, at: u64) -> Self {
        let mut after = self.clone();
        after.apply(&Event {
            seq: self.last_seq.saturating_add(1),
            run: self.id.clone(),
            at,
            id: draft.id.clone(),
            rests_on: draft.rests_on.clone(),
            body: draft.body.clone(),
        });
        after
    }
}

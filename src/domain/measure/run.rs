//! One run of a workflow: its turns, and whether its task is solved.

use serde::{Deserialize, Serialize};

use super::entry::{Change, Outcome, Patch, StageEnd, Verdict, Verification};
use super::outcome::Agents;
use crate::domain::stage::Stage;

/// The figures kept of one run. "Latest" goes by the place in the record, so that the order in which
/// entries are added does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTally {
    /// Reasoning turns (see [`super`]).
    pub turns: u64,
    changed: Option<u64>,
    verified: Option<(u64, Verdict)>,
    work_verified: Option<(u64, Verdict)>,
    outcome: Option<(u64, Agents, bool)>,
    improved: bool,
}

impl RunTally {
    /// Takes note of a stage that ended.
    pub fn add_stage(&mut self, stage: Stage, end: StageEnd) {
        match end {
            StageEnd::Answered | StageEnd::Solo => self.improved |= stage == Stage::Improve,
            StageEnd::Failed => {}
        }
    }

    /// True if the task is done, one way or the other: what it took can be compared with what a whole
    /// task takes.
    pub fn is_finished(&self) -> bool {
        self.improved || self.outcome.is_some()
    }

    /// Takes note of a change.
    pub fn add_patch(&mut self, patch: &Patch) {
        match patch.change {
            Change::Applied | Change::Restored => self.changed = self.changed.max(Some(patch.sequence)),
        }
    }

    /// Takes note of a verification; one that decided nothing says nothing.
    pub fn add_verification(&mut self, verification: &Verification) {
        let found = Some((verification.sequence, verification.verdict));
        match verification.verdict {
            Verdict::Undecided => return,
            Verdict::Passed | Verdict::Failed => self.verified = self.verified.max(found),
        }
        match verification.stage {
            Some(Stage::Implement | Stage::Debug | Stage::Improve) => {
                self.work_verified = self.work_verified.max(found);
            }
            Some(Stage::Analyze | Stage::Hypothesize) | None => {}
        }
    }

    /// Takes note of how the task ended.
    pub fn add_outcome(&mut self, outcome: &Outcome) {
        self.outcome = self.outcome.max(Some((outcome.sequence, outcome.agents, outcome.success)));
    }

    /// Adds what another part of the same run holds.
    pub fn merge(&mut self, other: &Self) {
        self.turns += other.turns;
        self.changed = self.changed.max(other.changed);
        self.verified = self.verified.max(other.verified);
        self.work_verified = self.work_verified.max(other.work_verified);
        self.outcome = self.outcome.max(other.outcome);
        self.improved |= other.improved;
    }

    /// Returns who worked on it and whether it succeeded, where that was recorded.
    pub fn outcome(&self) -> Option<(Agents, bool)> {
        self.outcome.map(|(_, agents, success)| (agents, success))
    }

    /// True if its task is solved: the recorded outcome, else the latest verification of the work.
    ///
    /// A test that fails before anything was changed is what the run is about, not a failure of it:
    /// only a verification after the latest change counts, or, where the orchestrator made its
    /// changes unseen, one of implement, debug or improve.
    pub fn success(&self) -> Option<bool> {
        if let Some((_, _, success)) = self.outcome {
            return Some(success);
        }
        let (_, verdict) = match self.changed {
            Some(changed) => self.verified.filter(|(sequence, _)| *sequence > changed),
            None => self.work_verified,
        }?;
        match verdict {
            Verdict::Passed => Some(true),
            Verdict::Failed => Some(false),
            Verdict::Undecided => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verification(sequence: u64, stage: Option<Stage>, verdict: Verdict) -> Verification {
        Verification { run: None, sequence, stage, verdict }
    }

    fn patch(sequence: u64, change: Change) -> Patch {
        Patch { run: None, sequence, change }
    }

    #[test]
    fn what_failed_before_the_work_is_no_failure_of_it() {
        let mut run = RunTally::default();
        run.add_verification(&verification(1, Some(Stage::Analyze), Verdict::Failed));
        assert_eq!(run.success(), None);
        run.add_patch(&patch(2, Change::Applied));
        assert_eq!(run.success(), None, "nothing was verified since");
        run.add_verification(&verification(3, None, Verdict::Passed));
        assert_eq!(run.success(), Some(true));
        run.add_patch(&patch(5, Change::Restored));
        assert_eq!(run.success(), None);
    }

    #[test]
    fn changes_that_nobody_saw_are_judged_by_their_stage() {
        let mut run = RunTally::default();
        run.add_verification(&verification(4, Some(Stage::Implement), Verdict::Failed));
        run.add_verification(&verification(5, Some(Stage::Debug), Verdict::Passed));
        run.add_verification(&verification(6, Some(Stage::Debug), Verdict::Undecided));
        assert_eq!(run.success(), Some(true));
    }

    #[test]
    fn the_recorded_outcome_wins_and_the_last_one_counts() {
        let mut run = RunTally::default();
        run.add_verification(&verification(1, Some(Stage::Improve), Verdict::Passed));
        for (sequence, success) in [(9, false), (7, true)] {
            run.add_outcome(&Outcome { run: None, sequence, agents: Agents::Single, success });
        }
        assert_eq!(run.success(), Some(false));
        assert_eq!(run.outcome(), Some((Agents::Single, false)));
    }
}

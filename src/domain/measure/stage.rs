//! The work of one stage.

use serde::{Deserialize, Serialize};

use super::entry::{Consult, StageEnd, StageRun};
use super::number::{ratio, shown};

/// The work of one stage, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTally {
    /// Runs of the stage in which a consultant's answer was accepted.
    pub answered: u64,
    /// Runs that the orchestrator did itself.
    pub solo: u64,
    /// Runs of which nothing came.
    pub failed: u64,
    /// Milliseconds of its runs.
    pub elapsed_ms: u64,
    /// Calls to consultants.
    pub consults: u64,
    /// Those that failed.
    pub failed_consults: u64,
}

impl StageTally {
    /// Adds a run of the stage.
    pub fn add_run(&mut self, run: &StageRun) {
        match run.end {
            StageEnd::Answered => self.answered += 1,
            StageEnd::Solo => self.solo += 1,
            StageEnd::Failed => self.failed += 1,
        }
        self.elapsed_ms = self.elapsed_ms.saturating_add(run.elapsed_ms);
    }

    /// Adds a call that served the stage.
    pub fn add_consult(&mut self, consult: &Consult) {
        self.consults += 1;
        self.failed_consults += u64::from(consult.code.is_some());
    }

    /// Adds what another one holds.
    pub fn merge(&mut self, other: &Self) {
        self.answered += other.answered;
        self.solo += other.solo;
        self.failed += other.failed;
        self.elapsed_ms = self.elapsed_ms.saturating_add(other.elapsed_ms);
        self.consults += other.consults;
        self.failed_consults += other.failed_consults;
    }

    /// Runs of the stage.
    pub fn runs(&self) -> u64 {
        self.answered + self.solo + self.failed
    }
}

/// One stage as results show it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageStats {
    /// Runs of the stage.
    pub runs: u64,
    /// Those in which a consultant's answer was accepted.
    pub answered: u64,
    /// Those that the orchestrator did itself.
    pub solo: u64,
    /// Those of which nothing came.
    pub failed: u64,
    /// Calls to consultants.
    pub consults: u64,
    /// Those that failed.
    pub failed_consults: u64,
    /// Milliseconds of its runs.
    pub total_elapsed_ms: u64,
    /// Mean milliseconds of a run.
    pub avg_elapsed_ms: Option<f64>,
}

impl From<&StageTally> for StageStats {
    fn from(tally: &StageTally) -> Self {
        Self {
            runs: tally.runs(),
            answered: tally.answered,
            solo: tally.solo,
            failed: tally.failed,
            consults: tally.consults,
            failed_consults: tally.failed_consults,
            total_elapsed_ms: tally.elapsed_ms,
            avg_elapsed_ms: ratio(tally.elapsed_ms, tally.runs()).and_then(shown),
        }
    }
}

//! Where in a run a consult is asked for.

use serde::Serialize;

use super::limits::Limits;
use crate::domain::stage::Stage;

/// Where in a run a consult is asked for, as far as limits go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In no stage: only the total limits it.
    Run,
    /// In analyze, hypothesize, implement or improve.
    Stage(Stage),
    /// In this iteration of debug, counted from 1.
    DebugIteration(u32),
}

impl Place {
    /// The place of a stage; in debug, of its current iteration.
    #[must_use]
    pub fn of(stage: Option<Stage>, debug_iteration: u32) -> Self {
        match stage {
            None => Self::Run,
            Some(Stage::Debug) => Self::DebugIteration(debug_iteration),
            Some(stage @ (Stage::Analyze | Stage::Hypothesize | Stage::Implement | Stage::Improve)) => {
                Self::Stage(stage)
            }
        }
    }

    /// Its own limit beside the total.
    pub(super) fn limit(self, limits: Limits) -> Option<u32> {
        match self {
            Self::Run => None,
            Self::Stage(_) => Some(limits.per_stage),
            Self::DebugIteration(_) => Some(limits.per_debug_iteration),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run => out.write_str("the run"),
            Self::Stage(stage) => out.write_str(stage.name()),
            Self::DebugIteration(iteration) => write!(out, "iteration {iteration} of debug"),
        }
    }
}

//! The workflow of a gated run: a state machine that is folded from events.
//!
//! ```text
//!                        stage_started              stage_finished + approval_requested
//!   ready(n) ───────────────────────────▶ running(n) ────────────────▶ awaiting_approval(n)
//!     ▲  ▲                                   │  ▲                         │     │      │
//!     │  └─ stage_failed, stage_interrupted ─┘  │ stage_started    revise │     │      │ reject
//!     │                                         │                         ▼     │      ▼
//!     │                                         └──────────────── revising(n)   │   stopped
//!     │                                                                         │
//!     └───────────────── n+1 ◀──────────────── approve ◀───────────────────────┘
//!                                                 └── after improve: complete
//!
//!   after implement and debug: improve where the checks passed after the last change, else debug
//! ```
//!
//! Every way into `running` leads through `ready` or `revising` of the same stage, and every way
//! from one stage to the next through an approval. An event that does not fit the state changes
//! nothing, in whatever list of events it stands; an event seen twice counts once.

mod apply;
mod approved;
mod attempt;
mod decide;
mod look;
mod refusal;

use std::collections::BTreeSet;

use strum::IntoStaticStr;

use super::approvals::Approvals;
use super::budget::Budget;
use super::event::stage::{LowRisk, StageFailed, StageFinished};
use super::event::{ApprovalDecided, ApprovalRequested, ChangeKind, Changed, Decision};
use super::stage::Stage;

pub use approved::{ApprovedChange, Gate, Held};
pub use attempt::{Attempt, Outcome};
pub use refusal::Refusal;

/// The state of a run.
#[derive(Clone, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Phase {
    /// The stage may begin.
    Ready(Stage),
    /// The stage is worked on.
    Running(Stage),
    /// The stage's outputs wait for a decision.
    AwaitingApproval {
        /// The stage.
        stage: Stage,
        /// The request that is open.
        request: String,
    },
    /// The stage is to be done again, differently.
    Revising(Stage),
    /// The run ended before its last stage.
    Stopped(String),
    /// The run went through.
    Complete,
}

impl Phase {
    /// The stage that it is about.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Self::Ready(stage)
            | Self::Running(stage)
            | Self::AwaitingApproval { stage, .. }
            | Self::Revising(stage) => Some(*stage),
            Self::Stopped(_) | Self::Complete => None,
        }
    }

    /// True if the run goes on.
    pub fn is_open(&self) -> bool {
        self.stage().is_some()
    }

    /// The state in a word.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.stage() {
            Some(stage) => write!(formatter, "{}({})", self.name(), stage.name()),
            None => formatter.write_str(self.name()),
        }
    }
}

/// A request for a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// When it was made, in milliseconds since 1970.
    pub at: u64,
    pub asked: ApprovalRequested,
    /// A decision, and its time.
    pub decided: Option<(u64, ApprovalDecided)>,
    /// The id of the event that says so, on which the next stage rests.
    pub decision: Option<String>,
    pub decided_seq: Option<u64>,
}

impl Request {
    /// The status in a word, as results show it.
    pub fn status(&self) -> &'static str {
        self.decided.as_ref().map_or("pending", |(_, decided)| decided.decision.status())
    }

    /// The choice that goes on, where one was chosen.
    pub fn chosen(&self) -> Option<&str> {
        self.decided.as_ref()?.1.chosen.as_deref()
    }

    /// True if that was decided.
    pub fn is(&self, decision: Decision) -> bool {
        self.decided.as_ref().is_some_and(|(_, decided)| decided.decision == decision)
    }
}

/// The last change of the project's files within a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastChange {
    /// Its event's place in the log.
    pub seq: u64,
    /// Its event's id.
    pub id: String,
    pub kind: ChangeKind,
    /// The session of the backup.
    pub backup_session: String,
}

/// The last checks of the project within a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastVerification {
    /// Its event's place in the log.
    pub seq: u64,
    /// Its event's id.
    pub id: String,
    pub passed: bool,
    /// In a line.
    pub summary: String,
    /// The tests that failed.
    pub failing: Vec<String>,
    /// True if somebody only says so: nothing ran here.
    pub is_claim: bool,
    /// The reason why no test ran in it, if none did.
    pub idle: Option<String>,
    pub commands: Vec<String>,
    pub left_out: Vec<String>,
    /// The project's own checks of tests that were not among them.
    pub missing: Vec<String>,
}

/// A gated run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its id, the `workflow_id`.
    pub id: String,
    pub task: String,
    /// When it began, in milliseconds since 1970.
    pub started_at: u64,
    pub start_stage: Stage,
    pub low_risk: LowRisk,
    pub approvals: Option<Approvals>,
    /// The server that began it.
    pub server: Option<String>,
    pub phase: Phase,
    /// Rounds of debug that were begun.
    pub debug_iteration: u32,
    /// The latest try at a stage.
    pub attempt: Option<Attempt>,
    pub budget: Budget,
    /// Outputs, oldest first.
    pub finished: Vec<StageFinished>,
    /// The last stage that ended without outputs, while nothing came after it.
    pub failure: Option<StageFailed>,
    /// The stage and the round whose outputs no decision was asked for yet.
    pub unreviewed: Option<(Stage, u32)>,
    /// Requests for decisions, oldest first.
    pub requests: Vec<Request>,
    /// Every backup that changes within the run left.
    pub backups: BTreeSet<String>,
    /// The last change of files.
    pub change: Option<LastChange>,
    /// The place in the log of the last patch that was applied.
    pub applied_at: Option<u64>,
    /// Changes of files that no report has shown yet, oldest first.
    pub unseen: Vec<Changed>,
    /// The last checks.
    pub verification: Option<LastVerification>,
    /// When its last event was, in milliseconds since 1970.
    pub last_at: u64,
    /// The place in the log of its last event.
    pub last_seq: u64,
    /// The id of its first event.
    pub event: String,
}

impl Run {
    /// The authority that decides in it where a server has its own setting: of the two the stricter holds.
    pub fn approvals(&self, server: Approvals) -> Approvals {
        self.approvals.map_or(server, |own| own.stricter(server))
    }

    /// True if the checks passed after the last change of files.
    pub fn is_verified(&self) -> bool {
        self.is_checked_since_change()
            && self.verification.as_ref().is_some_and(|last| last.passed && self.counts(last))
    }

    /// True if a verification can open improve: tests ran in it. A claim counts, except where a human
    /// is wanted.
    pub fn counts(&self, verification: &LastVerification) -> bool {
        if verification.is_claim {
            self.approvals != Some(Approvals::Human)
        } else {
            verification.idle.is_none()
        }
    }

    /// True if the checks ran after the last change of files, whatever they said.
    pub fn is_checked_since_change(&self) -> bool {
        self.verification
            .as_ref()
            .is_some_and(|last| self.change.as_ref().is_none_or(|change| change.seq < last.seq))
    }

    /// The request that waits for a decision.
    pub fn pending(&self) -> Option<&Request> {
        match &self.phase {
            Phase::AwaitingApproval { request, .. } => self.request(request),
            Phase::Ready(_)
            | Phase::Running(_)
            | Phase::Revising(_)
            | Phase::Stopped(_)
            | Phase::Complete => None,
        }
    }

    /// A request by its id.
    pub fn request(&self, id: &str) -> Option<&Request> {
        self.requests.iter().find(|request| request.id == id)
    }

    /// The latest approved request of a stage.
    pub fn approval(&self, stage: Stage) -> Option<&Request> {
        self.requests.iter().rev().find(|it| it.asked.stage == stage && it.is(Decision::Approve))
    }

    /// The outputs of a stage that were approved last.
    pub fn approved(&self, stage: Stage) -> Option<&StageFinished> {
        self.finished_of(self.approval(stage)?)
    }
}

#[cfg(test)]
mod tests;

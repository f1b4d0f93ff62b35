//! The workflow of a gated run: a state machine folded from events.
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
//!   after implement and debug: improve if the checks passed after the last change, else debug
//! ```
//!
//! A stage gets to `running` only from `ready` or `revising` of the same stage, and a run gets to the next
//! stage only by an approval. An event that does not fit the state changes nothing, in any order of events.
//! An event seen twice counts once.

mod apply;
mod approved;
mod decide;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::approvals::Approvals;
use super::approvals::DecidedBy;
use super::budget::Budget;
use super::event::stage::{Candidate, LowRisk, Mode, StageFailed, StageFinished, StageStarted};
use super::event::{ApprovalDecided, ApprovalRequested, ChangeKind, Changed, Decision, Draft, Event};
use super::stage::Stage;

pub use approved::{ApprovedChange, Due, Gate, Held};

/// The state of a run.
#[derive(Clone, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Phase {
    /// The stage may begin.
    Ready(Stage),
    /// The stage is being worked on.
    Running(Stage),
    /// The stage's outputs wait for a decision.
    AwaitingApproval {
        stage: Stage,
        /// The id of the open request.
        request: String,
    },
    /// A revision was asked for: the stage must be done again.
    Revising(Stage),
    /// The run ended before its last stage, for this reason.
    Stopped(String),
    /// The run went through all its stages.
    Complete,
}

impl Phase {
    /// The current stage; None if the run has ended.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Self::Ready(stage)
            | Self::Running(stage)
            | Self::AwaitingApproval { stage, .. }
            | Self::Revising(stage) => Some(*stage),
            Self::Stopped(_) | Self::Complete => None,
        }
    }

    /// True if the run has not ended.
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
    pub id: String,
    /// The time of the request, in milliseconds since 1970.
    pub at: u64,
    pub asked: ApprovalRequested,
    /// The decision and its time, if there is one.
    pub decided: Option<(u64, ApprovalDecided)>,
    /// The id of the decision's event. The next stage rests on it.
    pub decision: Option<String>,
    /// The position of the decision's event in the log.
    pub decided_seq: Option<u64>,
}

impl Request {
    /// The status in a word, as results show it.
    pub fn status(&self) -> &'static str {
        self.decided.as_ref().map_or("pending", |(_, decided)| decided.decision.status())
    }

    /// The choice to continue with, if the person chose one.
    pub fn chosen(&self) -> Option<&str> {
        self.decided.as_ref()?.1.chosen.as_deref()
    }

    /// True if this was the decision.
    pub fn is(&self, decision: Decision) -> bool {
        self.decided.as_ref().is_some_and(|(_, decided)| decided.decision == decision)
    }
}

/// The last change of the project's files within a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastChange {
    /// The position of its event in the log.
    pub seq: u64,
    /// The id of its event.
    pub id: String,
    pub kind: ChangeKind,
    pub backup_session: String,
}

/// The last checks of the project within a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastVerification {
    /// The position of its event in the log.
    pub seq: u64,
    /// The id of its event.
    pub id: String,
    pub passed: bool,
    /// A summary in one line.
    pub summary: String,
    /// The tests that failed.
    pub failing: Vec<String>,
    /// True if the result is only claimed: Maestro ran nothing.
    pub is_claim: bool,
    /// The reason why no test ran; None if tests ran.
    pub idle: Option<String>,
    pub commands: Vec<String>,
    pub left_out: Vec<String>,
    /// Commands of the project's own tests that were not run.
    pub missing: Vec<String>,
}

/// A gated run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The id, called `workflow_id` in tools.
    pub id: String,
    pub task: String,
    /// The time of the start, in milliseconds since 1970.
    pub started_at: u64,
    pub start_stage: Stage,
    pub low_risk: LowRisk,
    pub approvals: Option<Approvals>,
    /// The server that began the run.
    pub server: Option<String>,
    pub phase: Phase,
    /// The number of debug rounds begun.
    pub debug_iteration: u32,
    /// The latest attempt at a stage.
    pub attempt: Option<Attempt>,
    pub budget: Budget,
    /// Outputs of stages, oldest first.
    pub finished: Vec<StageFinished>,
    /// The last failure of a stage, perhaps of an earlier attempt.
    pub last_failure: Option<StageFailed>,
    /// The stage and round with outputs for which no decision was requested yet.
    pub unreviewed: Option<(Stage, u32)>,
    /// Requests for decisions, oldest first.
    pub requests: Vec<Request>,
    /// The backup sessions of all changes within the run.
    pub backups: BTreeSet<String>,
    /// The last change of files.
    pub change: Option<LastChange>,
    /// The position in the log of the last applied patch.
    pub applied_at: Option<u64>,
    /// Changes of files that no report has shown, oldest first.
    pub unseen: Vec<Changed>,
    /// The last checks of the project.
    pub verification: Option<LastVerification>,
    /// The time of the last event, in milliseconds since 1970.
    pub last_at: u64,
    /// The position of the last event in the log.
    pub last_seq: u64,
    /// The id of the first event.
    pub event: String,
}

impl Run {
    /// The authority that decides: the stricter of the run's setting and the server's.
    pub fn approvals(&self, server: Approvals) -> Approvals {
        self.approvals.map_or(server, |own| own.stricter(server))
    }

    /// True if the last checks ran after the last change of files, passed, and count (see [`Self::counts`]).
    pub fn is_verified(&self) -> bool {
        self.is_checked_since_change()
            && self.verification.as_ref().is_some_and(|last| last.passed && self.counts(last))
    }

    /// True if a verification can open improve: tests ran in it. A claim counts too, unless the run requires
    /// a human.
    pub fn counts(&self, verification: &LastVerification) -> bool {
        if verification.is_claim {
            self.approvals != Some(Approvals::Human)
        } else {
            verification.idle.is_none()
        }
    }

    /// True if the checks ran after the last change of files, whatever their result.
    pub fn is_checked_since_change(&self) -> bool {
        self.verification
            .as_ref()
            .is_some_and(|last| self.change.as_ref().is_none_or(|change| change.seq < last.seq))
    }

    /// The request that waits for a decision.
    pub fn pending(&self) -> Option<&Request> {
        let Phase::AwaitingApproval { request, .. } = &self.phase else { return None };
        self.request(request)
    }

    pub fn request(&self, id: &str) -> Option<&Request> {
        self.requests.iter().find(|request| request.id == id)
    }

    /// The latest approved request of a stage.
    pub fn approval(&self, stage: Stage) -> Option<&Request> {
        self.requests.iter().rev().find(|it| it.asked.stage == stage && it.is(Decision::Approve))
    }

    /// The latest approved outputs of a stage.
    pub fn approved(&self, stage: Stage) -> Option<&StageFinished> {
        self.finished_of(self.approval(stage)?)
    }
}

/// A refusal with the state, the reason and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code of the reason.
    pub code: &'static str,
    /// The state of the run, for example `awaiting_approval(analyze)`.
    pub state: String,
    pub reason: String,
    /// The next step.
    pub next: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (the run is {})", self.reason, self.state)
    }
}

impl Run {
    /// The ids of the events that the next step rests on: the last decision (else the start of the run), the
    /// last checks and the last change.
    pub fn grounds(&self) -> Vec<String> {
        let decided = self.requests.iter().rev().find_map(|request| request.decision.clone());
        let start = decided.unwrap_or_else(|| self.event.clone());
        let rest = self.verification.iter().map(|last| last.id.clone());
        std::iter::once(start).chain(rest).chain(self.change.iter().map(|last| last.id.clone())).collect()
    }

    /// True if an open run has been idle since `idle_before` and so is parked: it blocks nothing, and its
    /// name, its task or a decision resumes it.
    pub fn is_parked(&self, idle_before: u64) -> bool {
        self.phase.is_open() && self.last_at < idle_before
    }

    /// True if a relayed word or the policy rejected the run. After a person's own rejection, the next step
    /// is the person's to decide.
    pub fn was_rejected_by_relay(&self) -> bool {
        let last = self.requests.last().and_then(|request| request.decided.as_ref());
        !self.phase.is_open()
            && last.is_some_and(|(_, it)| {
                it.decision == Decision::Reject
                    && matches!(it.decided_by, DecidedBy::Relayed | DecidedBy::Policy)
            })
    }

    /// True if the orchestrator is working on the stage itself.
    pub fn is_solo(&self) -> bool {
        let open = self.attempt.as_ref().filter(|attempt| attempt.outcome == Outcome::Open);
        matches!(self.phase, Phase::Running(_)) && open.is_some_and(Attempt::is_solo)
    }

    /// True if the log has the result of an attempt of this run.
    pub fn has_ended(&self, attempt: &str) -> bool {
        self.finished.iter().any(|finished| finished.attempt == attempt)
            || self.last_failure.as_ref().is_some_and(|failed| failed.attempt == attempt)
    }

    /// The run as it would be after one more event.
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

/// One attempt at a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub id: String,
    pub stage: Stage,
    pub iteration: u32,
    pub mode: Mode,
    /// The reason for the mode.
    pub why: String,
    /// The hash of the request.
    pub request: String,
    /// The server that works on it.
    pub server: String,
    pub providers: Vec<String>,
    /// The ids of its consult reservations.
    pub reservations: Vec<String>,
    /// The answers so far.
    pub answers: Vec<Candidate>,
    /// The time of the start, in milliseconds since 1970.
    pub started_at: u64,
    pub outcome: Outcome,
    /// True if the caller has received the result.
    pub delivered: bool,
}

impl Attempt {
    /// An attempt that has just begun.
    pub fn begun(id: &str, at: u64, started: &StageStarted) -> Self {
        Self {
            id: id.to_owned(),
            stage: started.stage,
            iteration: started.iteration,
            mode: started.mode,
            why: started.why.clone(),
            request: started.request.clone(),
            server: started.server.clone(),
            providers: started.providers.clone(),
            reservations: Vec::new(),
            answers: Vec::new(),
            started_at: at,
            outcome: Outcome::Open,
            delivered: false,
        }
    }

    /// The candidates that are still to be asked, as id and provider: those without an answer.
    pub fn left(&self) -> Vec<(String, String)> {
        self.planned()
            .into_iter()
            .filter(|(id, _)| !self.answers.iter().any(|answer| answer.id == *id))
            .collect()
    }

    /// Every candidate of the attempt, as id and provider.
    pub fn planned(&self) -> Vec<(String, String)> {
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        self.providers
            .iter()
            .map(|provider| {
                let number = numbers.entry(provider).or_default();
                *number += 1;
                (format!("{provider}-{number}"), provider.clone())
            })
            .collect()
    }

    /// The first answer that counts, in the order of the candidates. A second sample takes the place of the
    /// answer that it replaces.
    pub fn best(&self) -> Option<&Candidate> {
        let planned = self.planned();
        self.answers.iter().filter(|answer| answer.ok).min_by_key(|answer| {
            let place = planned.iter().position(|(id, _)| id == answer.stands_for());
            place.unwrap_or(usize::MAX)
        })
    }

    /// True if the orchestrator does the stage itself.
    pub fn is_solo(&self) -> bool {
        self.mode == Mode::Solo
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is being worked on, or its server was killed.
    Open,
    /// It ended with outputs.
    Finished,
    /// It ended without outputs.
    Failed,
    /// Its server stopped before it ended.
    Interrupted,
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod more_tests {
    use super::*;

    fn attempt(providers: &[&str], answers: Vec<Candidate>) -> Attempt {
        let started = StageStarted {
            stage: Stage::Analyze,
            iteration: 1,
            mode: Mode::Ensemble,
            why: String::new(),
            request: String::new(),
            server: String::new(),
            providers: providers.iter().map(|name| (*name).to_owned()).collect(),
        };
        Attempt { answers, ..Attempt::begun("a", 1, &started) }
    }

    fn answer(id: &str, ok: bool) -> Candidate {
        Candidate { id: id.to_owned(), ok, ..Candidate::default() }
    }

    fn again(id: &str) -> Candidate {
        Candidate { resample: true, ..answer(&Candidate::again(id), true) }
    }

    fn best(attempt: &Attempt) -> &str {
        &attempt.best().unwrap().id
    }

    #[test]
    fn a_name_that_begins_with_another_is_not_taken_for_it() {
        // As texts, `x-1-1` of the provider `x-1` begins with `x-1` of the provider `x`.
        let both = attempt(&["y", "x", "x-1"], vec![answer("x-1-1", true), answer("x-1", true)]);
        assert_eq!(best(&both), "x-1");
        let second = attempt(&["x", "y", "x-1"], vec![answer("x-1-1", true), answer("y-1", true)]);
        assert_eq!(best(&second), "y-1");
    }

    #[test]
    fn a_second_sample_has_the_place_of_the_one_that_it_stands_for() {
        let answers = vec![answer("y-1", true), answer("x-1", false), again("x-1")];
        let attempt = attempt(&["x", "y"], answers);
        assert_eq!(best(&attempt), "x-1-again");
        assert!(attempt.left().is_empty());
    }

    #[test]
    fn eleven_of_one_provider_keep_their_order() {
        let answers = (1..=11).rev().map(|number| answer(&format!("x-{number}"), true)).collect();
        assert_eq!(best(&attempt(&["x"; 11], answers)), "x-1");
    }
}

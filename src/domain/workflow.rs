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

pub use approved::{ApprovedChange, Gate, Held};

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

    /// The outputs of a stage that were approved last.
    pub fn approved(&self, stage: Stage) -> Option<&StageFinished> {
        self.finished_of(self.approval(stage)?)
    }
}

#[cfg(test)]
mod tests;

/// A refusal: the state, the reason and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A stable word for the reason.
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

/// One try at a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub id: String,
    pub stage: Stage,
    pub iteration: u32,
    pub mode: Mode,
    /// Why in that way.
    pub why: String,
    /// The digest of what was asked.
    pub request: String,
    /// The server that works on it.
    pub server: String,
    pub providers: Vec<String>,
    /// The consults that it reserved.
    pub reservations: Vec<String>,
    /// The answers so far.
    pub answers: Vec<Candidate>,
    /// Time when it began, in milliseconds since 1970.
    pub started_at: u64,
    pub outcome: Outcome,
    /// True if the caller has its result.
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

    /// The candidates that are still to be asked: those without a counted or failed answer.
    pub fn left(&self) -> Vec<(String, String)> {
        self.planned()
            .into_iter()
            .filter(|(id, _)| !self.answers.iter().any(|answer| answer.id == *id))
            .collect()
    }

    /// Every candidate that is to be asked, as its id and its provider.
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

    /// The first answer that counts, in the order of the candidates; a second sample has the place of
    /// the one that it stands for.
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
    /// It is worked on, or its server was killed.
    Open,
    /// It has outputs.
    Finished,
    /// It has none.
    Failed,
    /// Its server ended first.
    Interrupted,
}

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

//! The effect of each event on a run.

use super::{Attempt, LastChange, LastVerification, Outcome, Phase, Request, Run};
use crate::domain::budget::Budget;
use crate::domain::event::stage::{RunStarted, StageFinished, StageResumed, StageStarted};
use crate::domain::event::{ApprovalDecided, ApprovalRequested, Body, ChangeKind, Decision, Event};
use crate::domain::stage::Stage;

impl Run {
    pub fn begin(event: &Event, started: &RunStarted) -> Self {
        Self { last_seq: event.seq, ..Self::new(&event.run, &event.id, event.at, started) }
    }

    /// A run that is about to begin, before its first event is in the log.
    pub fn new(id: &str, event: &str, at: u64, started: &RunStarted) -> Self {
        Self {
            id: id.to_owned(),
            task: started.task.clone(),
            started_at: at,
            start_stage: started.start_stage,
            low_risk: started.low_risk,
            approvals: started.approvals,
            server: started.server.clone(),
            phase: Phase::Ready(started.start_stage),
            debug_iteration: 0,
            attempt: None,
            budget: Budget::carrying(started.carried),
            finished: Vec::new(),
            last_failure: None,
            unreviewed: None,
            requests: Vec::new(),
            backups: std::collections::BTreeSet::new(),
            change: None,
            applied_at: None,
            unseen: Vec::new(),
            verification: None,
            last_at: at,
            last_seq: 0,
            event: event.to_owned(),
        }
    }

    /// Folds an event into the run. An event that was folded before, or does not fit the state, changes
    /// nothing.
    pub fn apply(&mut self, event: &Event) {
        self.fold(event.clone());
    }

    /// Folds an owned event into the run, without copying its long parts. See [`Self::apply`].
    pub fn fold(&mut self, event: Event) {
        if event.seq <= self.last_seq || event.run != self.id {
            return;
        }
        self.last_seq = event.seq;
        self.last_at = event.at;
        match event.body {
            Body::RunStopped(ref stopped) if self.phase.is_open() => {
                self.phase = Phase::Stopped(stopped.why.clone());
            }
            Body::StageStarted(ref started) => self.stage_started(&event, started),
            Body::StageResumed(ref resumed) => self.stage_resumed(resumed),
            Body::Answered(answered) => {
                if let Some(attempt) = self.open_attempt(&answered.attempt) {
                    attempt.answers.push(answered.candidate);
                }
            }
            Body::StageFinished(finished) => self.stage_finished(finished),
            Body::StageFailed(failed) => {
                if self.stage_ended(&failed.attempt, Outcome::Failed) {
                    self.last_failure = Some(failed);
                }
            }
            Body::StageInterrupted(cut) => {
                if self.stage_ended(&cut.attempt, Outcome::Interrupted) {
                    self.leave_stage();
                }
            }
            Body::StageDelivered(delivered) => {
                if let Some(attempt) = self.attempt.as_mut().filter(|it| it.id == delivered.attempt) {
                    attempt.delivered = true;
                }
            }
            Body::ApprovalRequested(asked) => self.approval_requested(event.id, event.at, asked),
            Body::ApprovalDecided(decided) => self.approval_decided(event.id, event.at, decided),
            Body::Verified(ref verified) => {
                let last = LastVerification::ran(event.seq, event.id.clone(), verified);
                self.verified(last);
            }
            Body::EvidenceLogged(ref logged) => {
                if let Some(verification) = LastVerification::logged(&event, logged) {
                    self.verified(verification);
                }
            }
            Body::Changed(changed) => {
                self.backups.insert(changed.backup_session.clone());
                if changed.kind == ChangeKind::Applied {
                    self.applied_at = Some(event.seq);
                }
                self.change = Some(LastChange {
                    seq: event.seq,
                    id: event.id,
                    kind: changed.kind,
                    backup_session: changed.backup_session.clone(),
                });
                self.unseen.push(changed);
                self.turn_to_debug_or_improve();
            }
            Body::ConsultReserved(reserved) => {
                let charge = self.charge(reserved.stage, reserved.purpose);
                self.budget.reserve(&event.id, charge);
                if let Some(attempt) = self.attempt.as_mut().filter(|it| event.rests_on.contains(&it.id)) {
                    attempt.reservations.push(event.id);
                }
            }
            Body::ConsultSettled(settled) => {
                self.budget.settle(&settled.reservation, settled.code.is_none());
            }
            Body::ConsultReleased(released) => self.budget.release(&released.reservation),
            Body::RunStarted(_)
            | Body::RunStopped(_)
            | Body::RunResumed(_)
            | Body::StateUsed(_)
            | Body::DialogOpened(_)
            | Body::DialogClosed(_)
            | Body::RedFlagged(_)
            | Body::Noted(_) => {}
        }
    }

    fn stage_started(&mut self, event: &Event, started: &StageStarted) {
        if !self.is_open_for(started.stage) {
            return;
        }
        if started.stage == Stage::Debug {
            self.debug_iteration = self.debug_iteration.max(started.iteration);
        }
        self.phase = Phase::Running(started.stage);
        self.attempt = Some(Attempt::begun(&event.id, event.at, started));
    }

    /// True if the stage may begin.
    fn is_open_for(&self, stage: Stage) -> bool {
        matches!(&self.phase, Phase::Ready(next) | Phase::Revising(next) if *next == stage)
    }

    fn stage_resumed(&mut self, resumed: &StageResumed) {
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.id == resumed.attempt) else {
            return;
        };
        let goes_on = match (&self.phase, &attempt.outcome) {
            (Phase::Ready(stage) | Phase::Revising(stage), Outcome::Interrupted)
            | (Phase::Running(stage), Outcome::Open) => *stage == attempt.stage,
            _ => false,
        };
        if goes_on {
            attempt.server.clone_from(&resumed.server);
            attempt.outcome = Outcome::Open;
            self.phase = Phase::Running(attempt.stage);
        }
    }

    fn open_attempt(&mut self, id: &str) -> Option<&mut Attempt> {
        self.attempt.as_mut().filter(|attempt| attempt.id == id && attempt.outcome == Outcome::Open)
    }

    fn stage_finished(&mut self, finished: StageFinished) {
        let by_orchestrator = finished.attempt.is_empty() && self.is_open_for(finished.stage);
        let by_attempt = self.phase == Phase::Running(finished.stage)
            && self.open_attempt(&finished.attempt).is_some_and(|attempt| attempt.stage == finished.stage);
        if !by_orchestrator && !by_attempt {
            return;
        }
        if let Some(attempt) = self.open_attempt(&finished.attempt) {
            attempt.outcome = Outcome::Finished;
        }
        if finished.stage == Stage::Debug {
            self.debug_iteration = self.debug_iteration.max(finished.iteration);
        }
        self.phase = Phase::Running(finished.stage);
        self.unreviewed = Some((finished.stage, finished.iteration));
        self.finished.push(finished);
    }

    fn stage_ended(&mut self, id: &str, outcome: Outcome) -> bool {
        let Some(attempt) = self.open_attempt(id) else { return false };
        attempt.outcome = outcome;
        let stage = attempt.stage;
        if self.phase == Phase::Running(stage) {
            let last = self.requests.last();
            let was_revised = last.is_some_and(|it| it.asked.stage == stage && it.is(Decision::Revise));
            self.phase = if was_revised { Phase::Revising(stage) } else { Phase::Ready(stage) };
        }
        true
    }

    /// Settles the open consults of an interrupted attempt as unanswered, since nobody else does. They still
    /// count in the run, but free their places in the stage for the providers that replace them.
    fn leave_stage(&mut self) {
        let asked = self.attempt.as_ref().map(|attempt| attempt.reservations.clone()).unwrap_or_default();
        for reservation in asked {
            self.budget.settle(&reservation, false);
        }
    }

    fn approval_requested(&mut self, id: String, at: u64, asked: ApprovalRequested) {
        let is_due = self.phase == Phase::Running(asked.stage)
            && self.unreviewed == Some((asked.stage, asked.iteration));
        if is_due {
            self.unreviewed = None;
            self.unseen.clear();
            self.phase = Phase::AwaitingApproval { stage: asked.stage, request: id.clone() };
            self.requests.push(Request { id, at, asked, decided: None, decision: None, decided_seq: None });
        }
    }

    fn approval_decided(&mut self, id: String, at: u64, decided: ApprovalDecided) {
        let Phase::AwaitingApproval { stage, request } = &self.phase else { return };
        if *request != decided.request || *stage != decided.stage {
            return;
        }
        let (stage, decision) = (*stage, decided.decision);
        if let Some(request) = self.requests.iter_mut().find(|request| request.id == decided.request) {
            request.decided = Some((at, decided));
            request.decision = Some(id);
            request.decided_seq = Some(self.last_seq);
        }
        self.phase = match decision {
            Decision::Approve => self.after(stage),
            Decision::Revise => Phase::Revising(stage),
            Decision::Reject => Phase::Stopped(format!("{} was rejected", stage.name())),
        };
    }

    /// The state after an approved stage.
    fn after(&self, stage: Stage) -> Phase {
        self.leads_to(stage).map_or(Phase::Complete, Phase::Ready)
    }

    fn verified(&mut self, verification: LastVerification) {
        self.verification = Some(verification);
        self.turn_to_debug_or_improve();
    }

    /// Opens or closes improve after new checks or changes, if implement or debug was approved last.
    fn turn_to_debug_or_improve(&mut self) {
        let last_approved = self.requests.iter().rev().find(|request| request.is(Decision::Approve));
        let is_between = matches!(self.phase, Phase::Ready(Stage::Debug | Stage::Improve));
        if let Some(stage) = last_approved.map(|request| request.asked.stage)
            && is_between
            && matches!(stage, Stage::Implement | Stage::Debug)
        {
            self.phase = self.after(stage);
        }
    }
}

//! The rules for the next step of a run. A refusal says why and what to do instead.

use super::{Attempt, LastVerification, Outcome, Phase, Refusal, Request, Run};
use crate::domain::budget::Charge;
use crate::domain::event::consult::Purpose;
use crate::domain::event::{ChangeKind, Event, EvidenceLogged, EvidenceType, Verified};
use crate::domain::stage::Stage;

impl LastVerification {
    /// Checks that were run elsewhere and recorded as evidence. None if the evidence is of another type or
    /// does not say whether they passed.
    pub fn logged(event: &Event, logged: &EvidenceLogged) -> Option<Self> {
        Some(Self { seq: event.seq, id: event.id.clone(), ..Self::of(logged)? })
    }

    /// Checks that Maestro ran.
    pub fn ran(seq: u64, id: String, verified: &Verified) -> Self {
        let proofs = || verified.checks.iter().filter_map(|check| Some((check, check.proof.as_ref()?)));
        let idle: Vec<String> = proofs()
            .filter_map(|(check, proof)| Some(format!("{}: {}", check.command, proof.idle.as_ref()?)))
            .collect();
        let left_out = proofs().flat_map(|(check, proof)| {
            let words = (!proof.narrowed.is_empty())
                .then(|| format!("{}: only {}", check.command, proof.narrowed.join(", ")));
            let skipped =
                (proof.skipped > 0).then(|| format!("{}: {} skipped", check.command, proof.skipped));
            words.into_iter().chain(skipped)
        });
        Self {
            seq,
            id,
            passed: verified.passed,
            summary: verified.summary.clone(),
            failing: verified.checks.iter().flat_map(|check| check.failing.clone()).collect(),
            is_claim: false,
            // A log of an earlier version does not say which tests ran, so its passed checks count.
            idle: (verified.tests() == Some(0) && proofs().next().is_some()).then(|| idle.join("; ")),
            commands: verified.checks.iter().map(|check| check.command.clone()).collect(),
            left_out: left_out.collect(),
            missing: verified.missing.clone(),
        }
    }

    /// Checks recorded as evidence that is not in the log yet. None as for [`Self::logged`].
    pub fn of(logged: &EvidenceLogged) -> Option<Self> {
        if logged.evidence_type != EvidenceType::Verification {
            return None;
        }
        let field = |name: &str| logged.content.get(name);
        let said = ["passed", "all_passed", "success"].iter().filter_map(|name| field(name)?.as_bool());
        let ended = field("exit_code").and_then(|code| Some(code.as_i64()? == 0));
        // A claim that contradicts itself counts as a failure.
        let passed = said.chain(ended).reduce(|one, other| one && other)?;
        let summary = ["summary", "command"].iter().find_map(|name| field(name)?.as_str());
        let failing = field("failing").and_then(|names| names.as_array()).into_iter().flatten();
        Some(Self {
            seq: 0,
            id: String::new(),
            passed,
            summary: summary.unwrap_or("recorded by the orchestrator").to_owned(),
            failing: failing.filter_map(|name| name.as_str()).map(str::to_owned).collect(),
            is_claim: true,
            ..Self::default()
        })
    }
}

impl Run {
    /// Checks that a stage may begin, and returns its round.
    ///
    /// # Errors
    ///
    /// The reason why it may not.
    pub fn may_start(&self, stage: Stage, most_debug_rounds: u32) -> Result<u32, Refusal> {
        match &self.phase {
            Phase::Ready(next) | Phase::Revising(next) if *next == stage => {
                self.may_enter(stage, most_debug_rounds)
            }
            Phase::Ready(next) | Phase::Revising(next) => Err(self.out_of_order(stage, *next)),
            Phase::Running(running) => Err(self.refusal(
                "stage_running",
                format!("{} is being worked on", running.name()),
                self.next_while_running(*running),
            )),
            Phase::AwaitingApproval { stage: open, request } => Err(self.refusal(
                "approval_pending",
                format!("{} waits for a decision on request {request}", open.name()),
                format!(
                    "Show the report to the human, then call maestro_submit_approval with request_id {request}; or `maestro-mcp approvals show {request}` in a terminal."
                ),
            )),
            Phase::Stopped(why) => Err(self.stopped(why)),
            Phase::Complete => Err(self.complete()),
        }
    }

    fn may_enter(&self, stage: Stage, most_debug_rounds: u32) -> Result<u32, Refusal> {
        match stage {
            Stage::Improve if !self.is_verified() => Err(self.refusal(
                "verification_missing",
                self.why_not_verified(),
                "Run maestro_verify with a check in which tests run; improve opens when it passes.".to_owned(),
            )),
            Stage::Debug if matches!(self.phase, Phase::Revising(_)) => Ok(self.debug_iteration.max(1)),
            Stage::Debug if self.debug_iteration >= most_debug_rounds => Err(self.refusal(
                "debug_escalated",
                format!("{most_debug_rounds} rounds of debug did not make the checks pass"),
                "Stop changing things: tell the human what was tried and learnt, roll back with maestro_restore_from_backup if needed, and begin again with another hypothesis.".to_owned(),
            )),
            Stage::Debug => Ok(self.next_debug_round()),
            Stage::Analyze | Stage::Hypothesize | Stage::Implement | Stage::Improve => {
                Ok(self.round_of(stage))
            }
        }
    }

    /// The number of the next debug round. A round that failed or was interrupted is repeated.
    fn next_debug_round(&self) -> u32 {
        match self.attempt.as_ref().filter(|attempt| attempt.stage == Stage::Debug) {
            Some(Attempt { outcome: Outcome::Failed | Outcome::Interrupted, iteration, .. }) => *iteration,
            Some(_) | None => self.debug_iteration + 1,
        }
    }

    /// The number of the next round of a stage: every request for a decision on it ends one.
    fn round_of(&self, stage: Stage) -> u32 {
        let asked = self.requests.iter().filter(|request| request.asked.stage == stage).count();
        u32::try_from(asked).unwrap_or(u32::MAX).saturating_add(1)
    }

    fn why_not_verified(&self) -> String {
        match (&self.verification, &self.change) {
            (None, _) => "nothing was verified in this run yet".to_owned(),
            (Some(last), _) if !last.passed => format!("the last verification failed: {}", last.summary),
            (Some(last), _) if !self.counts(last) => match &last.idle {
                Some(idle) => format!("no test ran in the last verification: {idle}"),
                None => "the last verification is only a claim, and this run requires one that Maestro ran"
                    .to_owned(),
            },
            (Some(_), _) => "nothing was verified since the last change of files".to_owned(),
        }
    }

    fn out_of_order(&self, wanted: Stage, next: Stage) -> Refusal {
        let reason = format!("{} is not the next stage: {} is", wanted.name(), next.name());
        let step = match (&self.phase, self.due()) {
            (Phase::Revising(_), _) => {
                format!("Do {} again with the instructions for its revision.", next.name())
            }
            (_, Some(due)) => due.words().english().to_owned(),
            (_, None) => format!("Run {} next (maestro_run_stage_with_approval).", next.name()),
        };
        self.refusal("stage_out_of_order", reason, step)
    }

    fn next_while_running(&self, running: Stage) -> String {
        if self.is_solo() {
            return format!(
                "It is yours: do {} and hand in its outputs with maestro_request_approval.",
                running.name()
            );
        }
        if self.unreviewed.is_some() {
            return "Wait a moment and look at maestro_workflow_state.".to_owned();
        }
        format!(
            "Wait for it (maestro_workflow_state shows when it is done); the same call of {} again returns its result.",
            running.name()
        )
    }

    /// Checks that the orchestrator may hand in a stage that it did itself, and returns its round.
    ///
    /// # Errors
    ///
    /// The reason why it may not.
    pub fn may_submit(&self, stage: Stage, most_debug_rounds: u32) -> Result<u32, Refusal> {
        use crate::domain::event::stage::Mode;
        match (&self.phase, &self.attempt) {
            (Phase::Running(running), Some(attempt))
                if *running == stage && attempt.mode == Mode::Solo && attempt.outcome == Outcome::Open =>
            {
                Ok(attempt.iteration)
            }
            _ => self.may_start(stage, most_debug_rounds),
        }
    }

    /// Checks that a request may be decided.
    ///
    /// # Errors
    ///
    /// The request was decided before (the first decision is final), or the run has ended.
    pub fn may_decide(&self, request: &Request) -> Result<(), Refusal> {
        if let Some((_, decided)) = &request.decided {
            return Err(self.refusal(
                "already_decided",
                format!(
                    "request {} was {} before by {}; the first decision is final",
                    request.id,
                    decided.decision.status(),
                    decided.decided_by.words()
                ),
                "Look at maestro_workflow_state for what comes next.".to_owned(),
            ));
        }
        self.may_go_on()
    }

    /// Checks that the run is open.
    ///
    /// # Errors
    ///
    /// The run has ended.
    pub fn may_go_on(&self) -> Result<(), Refusal> {
        match &self.phase {
            Phase::Stopped(why) => Err(self.stopped(why)),
            Phase::Complete => Err(self.complete()),
            Phase::Ready(_) | Phase::Running(_) | Phase::AwaitingApproval { .. } | Phase::Revising(_) => {
                Ok(())
            }
        }
    }

    fn stopped(&self, why: &str) -> Refusal {
        self.refusal(
            "run_stopped",
            why.to_owned(),
            "Tell the human; a new run begins with maestro_workflow_with_hitl.".to_owned(),
        )
    }

    fn complete(&self) -> Refusal {
        self.refusal(
            "run_complete",
            "the run went through all its stages".to_owned(),
            "A new task begins with maestro_workflow_with_hitl.".to_owned(),
        )
    }

    /// Checks that another patch may be applied: each must be verified before the next.
    ///
    /// # Errors
    ///
    /// The last patch was not verified.
    pub fn may_patch(&self) -> Result<(), Refusal> {
        let Some(change) = self.change.as_ref().filter(|change| change.kind == ChangeKind::Applied) else {
            return Ok(());
        };
        if !self.phase.is_open() || self.verification.as_ref().is_some_and(|last| last.seq > change.seq) {
            return Ok(());
        }
        Err(self.refusal(
            "change_unverified",
            format!("the last patch ({}) was not verified", change.backup_session),
            format!(
                "Run maestro_verify first, or undo it: maestro_restore_from_backup with backup_session {}.",
                change.backup_session
            ),
        ))
    }

    /// The budget charge of a consult in this run. A consult without a stage belongs to the current stage.
    pub fn charge(&self, stage: Option<Stage>, purpose: Purpose) -> Charge {
        let stage = stage.or_else(|| self.phase.stage());
        let round = if stage == Some(Stage::Debug) { self.debug_iteration.max(1) } else { 0 };
        Charge { stage, round, purpose }
    }

    /// The stage after `stage` if it were approved now; None if the run would be complete.
    pub fn leads_to(&self, stage: Stage) -> Option<Stage> {
        match stage {
            Stage::Analyze => Some(Stage::Hypothesize),
            Stage::Hypothesize => Some(Stage::Implement),
            Stage::Implement | Stage::Debug if self.is_verified() => Some(Stage::Improve),
            Stage::Implement | Stage::Debug => Some(Stage::Debug),
            Stage::Improve => None,
        }
    }

    /// A refusal that names the current state of the run.
    pub fn refusal(&self, code: &'static str, reason: String, next: String) -> Refusal {
        Refusal { code, state: self.phase.to_string(), reason, next }
    }
}

//! The changes that approvals permit in a run: an approval covers the change that was shown, and no other.

use std::collections::BTreeSet;

use super::{Phase, Request, Run};
use crate::domain::change::Reason;
use crate::domain::diff::{self, Changed};
use crate::domain::event::Decision;
use crate::domain::event::stage::{Candidate, StageFinished};
use crate::domain::order::Gather;
use crate::domain::report::proposed_diff;
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say};
use crate::domain::workflow::Refusal;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovedChange {
    pub request: String,
    /// The stage whose outputs proposed it.
    pub stage: Stage,
    /// The diff, as it was shown.
    pub diff: String,
}

impl ApprovedChange {
    /// The changed lines; None if the diff cannot be parsed.
    pub fn lines(&self) -> Option<Changed> {
        Some(diff::changed_lines(&diff::parse(&self.diff).ok()?))
    }
}

/// The changes that a run accepts now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Any change. The next report will show it.
    Any,
    /// One of these approved changes only.
    Approved(Vec<ApprovedChange>),
}

/// The reason why a run accepts no change now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub reason: Reason,
    pub refusal: Refusal,
}

/// The step that an approved change still needs before the next stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The approved diff is to be applied, then verified.
    Apply,
    /// The applied patch is to be verified.
    Verify,
}

impl Due {
    pub fn words(self) -> Text {
        match self {
            Self::Apply => say!("due_apply"),
            Self::Verify => say!("due_verify"),
        }
    }
}

impl Run {
    /// The step that the approved change needs before debug or improve begins.
    pub fn due(&self) -> Option<Due> {
        if !matches!(self.phase, Phase::Ready(Stage::Debug | Stage::Improve)) {
            return None;
        }
        if self.may_patch().is_err() {
            return Some(Due::Verify);
        }
        let decided = self.approval(Stage::Implement)?.decided_seq?;
        // The orchestrator may edit the files itself: then tests pass after the decision without a patch.
        let was_made =
            self.is_verified() && self.verification.as_ref().is_some_and(|last| last.seq > decided);
        let is_owed = self.owes_the_approved_change() && !was_made && !self.approved_changes().is_empty();
        is_owed.then_some(Due::Apply)
    }

    /// The changes that the run accepts now: none before implement is approved or while a report waits for a
    /// decision; after implement is approved, first an approved change, then any. A run that has ended
    /// accepts any change.
    ///
    /// # Errors
    ///
    /// The reason why the run accepts no change.
    pub fn may_change(&self) -> Result<Gate, Held> {
        let Some(stage) = self.phase.stage() else { return Ok(Gate::Any) };
        let is_before = match stage {
            Stage::Analyze | Stage::Hypothesize | Stage::Implement => true,
            Stage::Debug | Stage::Improve => false,
        };
        match &self.phase {
            Phase::AwaitingApproval { request, .. } => {
                let reason = if is_before { Reason::ChangeNotApproved } else { Reason::ApprovalPending };
                Err(self.held(
                    reason,
                    format!("{} waits for a decision on request {request}", stage.name()),
                    format!("Show the human the report and wait: the run may change files after the decision (maestro_submit_approval with request_id {request})."),
                ))
            }
            Phase::Ready(_) | Phase::Running(_) | Phase::Revising(_) if is_before => Err(self.held(
                Reason::ChangeNotApproved,
                "the run may change files only after implement is approved".to_owned(),
                way_to_implement(stage),
            )),
            Phase::Ready(_) | Phase::Running(_) | Phase::Revising(_) => {
                Ok(if self.owes_the_approved_change() {
                    Gate::Approved(self.approved_changes())
                } else {
                    Gate::Any
                })
            }
            Phase::Stopped(_) | Phase::Complete => Ok(Gate::Any),
        }
    }

    /// The refusal of a change that is not an approved one. `why` names the difference.
    pub fn differs(&self, approved: &[ApprovedChange], why: &str) -> Held {
        let reason = match approved {
            [] => "implement was approved without a readable diff, so no change is approved".to_owned(),
            [one] => format!("this is not the approved change (request {}): {why}", one.request),
            [.., last] => {
                format!("this is not one of the approved changes (the last: request {}): {why}", last.request)
            }
        };
        let apply = match approved {
            [] => String::new(),
            [.., last] => format!(
                "Apply the approved diff as it is (report.outputs of maestro_get_approval_history with request_id {}). ",
                last.request
            ),
        };
        let stage = self.phase.stage().unwrap_or(Stage::Debug);
        let field =
            if stage == Stage::Improve { "outputs.improvements[].diff" } else { "outputs.change.diff" };
        self.held(
            Reason::ChangeDiffers,
            reason,
            format!("{apply}To apply another change, hand it in with maestro_request_approval, stage `{}`, the diff in {field}, and wait for its approval.", stage.name()),
        )
    }

    fn held(&self, reason: Reason, what: String, next: String) -> Held {
        Held { reason, refusal: self.refusal(reason.code(), what, next) }
    }

    /// True if implement is approved and no change was applied since.
    pub fn owes_the_approved_change(&self) -> bool {
        self.approval(Stage::Implement).is_some_and(|request| {
            self.applied_at.is_none_or(|applied| request.decided_seq.is_none_or(|decided| applied < decided))
        })
    }

    /// The approved changes of implement and debug, oldest first.
    pub fn approved_changes(&self) -> Vec<ApprovedChange> {
        let approved = self.requests.iter().filter(|request| request.is(Decision::Approve));
        approved
            .filter_map(|request| {
                let stage = request.asked.stage;
                let diff = proposed_diff(stage, self.outputs_of(request)?)?;
                Some(ApprovedChange { request: request.id.clone(), stage, diff })
            })
            .collect()
    }

    /// True if a request proposes a change, changes were approved before, and none of them is this one: the
    /// earlier decisions do not cover it.
    pub fn asks_for_another_change(&self, request: &Request) -> bool {
        let Some(diff) =
            self.outputs_of(request).and_then(|output| proposed_diff(request.asked.stage, output))
        else {
            return false;
        };
        let asked = ApprovedChange { request: request.id.clone(), stage: request.asked.stage, diff };
        let before = self.approved_changes();
        !before.is_empty() && before.iter().all(|change| change.lines() != asked.lines())
    }

    /// The files that approved changes name.
    pub fn approved_files(&self) -> BTreeSet<String> {
        let lines = self.approved_changes().into_iter().filter_map(|change| change.lines());
        lines.flatten().flat_map(|(path, lines)| lines.from.into_iter().chain(std::iter::once(path))).gather()
    }

    /// The outputs that a request asks to approve.
    pub fn finished_of(&self, request: &Request) -> Option<&StageFinished> {
        let (stage, iteration) = (request.asked.stage, request.asked.iteration);
        self.finished.iter().rev().find(|it| it.stage == stage && it.iteration == iteration)
    }

    /// The outputs that a decision passes on: those of the chosen change, else the stage's own.
    pub fn outputs_of(&self, request: &Request) -> Option<&serde_json::Value> {
        let finished = self.finished_of(request)?;
        let chosen = request.chosen().filter(|_| request.asked.stage == Stage::Implement);
        let other = chosen.and_then(|name| {
            let by = |it: &&Candidate| it.ok && (it.provider == name || it.id == name);
            finished.candidates.iter().find(by)?.structured.as_ref()
        });
        Some(other.unwrap_or(&finished.output))
    }
}

fn way_to_implement(stage: Stage) -> String {
    const HAND_IN: &str = "or maestro_request_approval with stage `implement` and the diff in outputs.diff. A dry_run is allowed before.";
    match stage {
        Stage::Implement => {
            format!("Hand the change in: maestro_run_stage_with_approval with stage `implement`, {HAND_IN}")
        }
        _ => format!(
            "Go on with {} (maestro_run_stage_with_approval); then hand the change in with stage `implement`, {HAND_IN}",
            stage.name()
        ),
    }
}

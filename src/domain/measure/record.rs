//! Counts the events of the log for figures.
//!
//! A call is counted when it was settled, whichever tool made it. The calls of votes, selections and
//! calibrations are among these, so a noted vote adds nothing. A consult whose server was killed has no end
//! in the log and does not count as a call; only the budget counts it. The end of a run is no outcome of its
//! task: an approval is not a result, and the checks of the run are counted already.

use super::tally::{Tally, Verdict};
use crate::domain::coordination::record::RunRecord;
use crate::domain::event::{Body, EnsembleNoted, Event, EvidenceLogged, Noted, Topic, Verified};
use crate::domain::select::rank::SelectionRecord;
use crate::domain::stage::Stage;
use crate::domain::topology::Topology;
use crate::domain::workflow::LastVerification;

/// Counts an event. The tally is requested only if the event counts. `stage` is the stage whose work project
/// checks verify.
pub fn count<'a>(event: &Event, stage: Option<Stage>, tally: impl FnOnce() -> &'a mut Tally) {
    let run = Some(event.run.as_str()).filter(|run| !run.is_empty());
    match &event.body {
        Body::ConsultSettled(call) => tally().add_consult(run, call),
        Body::StageFinished(done) => {
            tally().add_stage_run(run, done.stage, Some(done.mode), done.elapsed_ms);
        }
        Body::StageFailed(failed) => tally().add_stage_run(run, failed.stage, None, failed.elapsed_ms),
        Body::Verified(verified) => tally().add_verification(run, event.seq, stage, verdict(verified)),
        Body::EvidenceLogged(logged) => {
            if let Some(verdict) = logged_verdict(event, logged) {
                tally().add_verification(run, event.seq, logged.stage.parse().ok().or(stage), verdict);
            }
        }
        Body::Changed(changed) => tally().add_change(run, event.seq, changed.kind),
        Body::Noted(noted) => count_noted(noted, tally),
        Body::RunStarted(_)
        | Body::RunStopped(_)
        | Body::RunResumed(_)
        | Body::StageStarted(_)
        | Body::StageResumed(_)
        | Body::Answered(_)
        | Body::StageInterrupted(_)
        | Body::StageDelivered(_)
        | Body::ApprovalRequested(_)
        | Body::ApprovalDecided(_)
        | Body::StateUsed(_)
        | Body::DialogOpened(_)
        | Body::DialogClosed(_)
        | Body::ConsultReserved(_)
        | Body::ConsultReleased(_)
        | Body::RedFlagged(_) => {}
    }
}

fn count_noted<'a>(noted: &Noted, tally: impl FnOnce() -> &'a mut Tally) {
    match noted.topic {
        Topic::Ensemble => {
            if let Some(EnsembleNoted { redundancy, .. }) = noted.read() {
                tally().add_redundancy(redundancy);
            }
        }
        Topic::Selection => {
            if let Some(SelectionRecord { basis, winner_id, .. }) = noted.read() {
                tally().add_selection(basis, winner_id.is_some());
            }
        }
        Topic::Coordination => {
            if let Some(RunRecord { topology, success, .. }) = noted.read() {
                let outcomes = &mut tally().outcomes_outside;
                let is_one = topology == Topology::Sas;
                if is_one { &mut outcomes.single } else { &mut outcomes.several }.add(success);
            }
        }
        Topic::Vote | Topic::Calibration | Topic::Tools | Topic::Thread | Topic::Job | Topic::Review => {}
    }
}

fn verdict(verified: &Verified) -> Verdict {
    let failed = verified.checks.iter().any(|check| Verdict::from(check.status) == Verdict::Failed);
    match (verified.passed, failed) {
        (true, _) => Verdict::Passed,
        (false, true) => Verdict::Failed,
        (false, false) => Verdict::Undecided,
    }
}

/// The verdict of a verification that was recorded as evidence. `None` if it does not state a result.
fn logged_verdict(event: &Event, logged: &EvidenceLogged) -> Option<Verdict> {
    let verification = LastVerification::logged(event, logged)?;
    Some(if verification.passed { Verdict::Passed } else { Verdict::Failed })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::event::consult::{ConsultSettled, Purpose};
    use crate::domain::event::{ChangeKind, Changed, Check, EvidenceType};
    use crate::domain::verification::Kind;
    use crate::domain::verification::status::Status;

    fn event(body: impl Into<Body>) -> Event {
        Event {
            seq: 7,
            run: "r".to_owned(),
            at: 1,
            id: "e".to_owned(),
            rests_on: Vec::new(),
            body: body.into(),
        }
    }

    fn logged(content: serde_json::Value) -> EvidenceLogged {
        EvidenceLogged {
            evidence_type: EvidenceType::Verification,
            stage: "debug".to_owned(),
            content,
            source: "me".to_owned(),
            confidence: 1.0,
        }
    }

    fn verified(passed: bool, statuses: &[Status]) -> Verified {
        let check = |status: &Status| Check {
            proof: None,
            command: "make test".to_owned(),
            cwd: ".".to_owned(),
            kind: Kind::UnitTest,
            status: *status,
            exit_code: None,
            failing: Vec::new(),
            elapsed_ms: 1,
        };
        Verified {
            passed,
            summary: String::new(),
            checks: statuses.iter().map(check).collect(),
            missing: Vec::new(),
        }
    }

    /// The figures of one event alone; none if it does not count.
    fn counted(event: &Event, stage: Option<Stage>) -> Option<Tally> {
        let (mut tally, mut counts) = (Tally::default(), false);
        count(event, stage, || {
            counts = true;
            &mut tally
        });
        counts.then_some(tally)
    }

    /// The verdict of an event on the work.
    fn judged(body: impl Into<Body>) -> Option<bool> {
        counted(&event(body), Some(Stage::Debug)).and_then(|tally| tally.runs["r"].success())
    }

    #[test]
    fn checks_that_found_nothing_out_decide_nothing() {
        for (verified, success) in [
            (verified(true, &[Status::Passed]), Some(true)),
            (verified(false, &[Status::Passed, Status::Failed]), Some(false)),
            (verified(false, &[Status::Passed, Status::Refused]), None),
            (verified(false, &[]), None),
        ] {
            assert_eq!(judged(verified), success);
        }
    }

    #[test]
    fn recorded_evidence_counts_only_where_it_says_whether_it_passed() {
        let found = |content| judged(logged(content));
        assert_eq!(found(json!({ "passed": true })), Some(true));
        assert_eq!(found(json!({ "exit_code": 1 })), Some(false));
        assert_eq!(counted(&event(logged(json!({ "note": "looks good" }))), None), None);
    }

    #[test]
    fn a_consult_keeps_its_stage_its_purpose_and_what_it_took() {
        let settled = ConsultSettled {
            stage: Some(Stage::Analyze),
            purpose: Purpose::Judge,
            code: Some("timeout".to_owned()),
            elapsed_ms: 5,
            input_tokens: Some(1),
            ..ConsultSettled::sample()
        };
        let found = counted(&event(settled), None).unwrap();
        assert_eq!(found.purposes[&Purpose::Judge], 1);
        assert_eq!((found.stages[&Stage::Analyze].failed_consults, found.calls.latency.total_ms()), (1, 5));
        assert_eq!(found.calls.failures["timeout"], 1);
        let tokens = (found.calls.input_tokens.total(), found.calls.output_tokens.total());
        assert_eq!(tokens, (Some(1), None));
    }

    #[test]
    fn a_recorded_task_belongs_to_no_run_and_to_one_agent_or_several() {
        for (topology, tasks) in [("SAS", (1, 0)), ("CENTRALIZED", (0, 1))] {
            let content = json!({
                "topology": topology, "success": true, "tokens": 0, "messages": 0, "rounds": 1,
                "format_errors": 0, "redundancy": null, "answers": [],
            });
            let found = counted(&event(Noted { topic: Topic::Coordination, content }), None).unwrap();
            assert!(found.runs.is_empty());
            let outcomes = found.outcomes_outside;
            assert_eq!((outcomes.single.tasks, outcomes.several.tasks), tasks);
        }
    }

    #[test]
    fn what_was_undone_is_no_patch() {
        for (kind, applied) in
            [(ChangeKind::Applied, 1), (ChangeKind::RolledBack, 0), (ChangeKind::Recovered, 0)]
        {
            let changed = json!({ "kind": kind, "backup_session": "b", "files": [] });
            let changed: Changed = serde_json::from_value(changed).unwrap();
            let found = counted(&event(changed), None).unwrap().patches;
            assert_eq!((found.applied, found.restored), (applied, 1 - applied));
        }
    }
}

//! The figure to which each event of the log counts.
//!
//! Calls are counted where they were settled, by whichever tool they were made: those that votes,
//! selections and calibrations made are among them, so a noted vote adds nothing. A consult whose
//! server was killed has no end in the log and is no call; only the budget knows of it. That a run
//! was completed or stopped is no outcome of its task: a human's approval is not a result, and its
//! checks are counted already.

use super::tally::{
    Agents, Change, Consult, Entry, Outcome, Patch, Redundancy, Selection, StageEnd, StageRun, Verdict,
    Verification,
};
use crate::domain::coordination::record::RunRecord;
use crate::domain::event::consult::ConsultSettled;
use crate::domain::event::stage::Mode;
use crate::domain::event::{Body, ChangeKind, EnsembleNoted, Event, EvidenceLogged, Noted, Topic, Verified};
use crate::domain::select::rank::SelectionRecord;
use crate::domain::stage::Stage;
use crate::domain::topology::Topology;
use crate::domain::workflow::LastVerification;

/// Returns what an event is counted as; none where it is not. `stage` is the one whose work checks of the
/// project see.
pub fn entry(event: &Event, stage: Option<Stage>) -> Option<Entry> {
    let run = || (!event.run.is_empty()).then(|| event.run.clone());
    let sequence = event.seq;
    match &event.body {
        Body::ConsultSettled(settled) => Some(Entry::Consult(consult(run(), settled))),
        Body::StageFinished(finished) => Some(Entry::StageRun(StageRun {
            run: run(),
            stage: finished.stage,
            end: match finished.mode {
                Mode::Consult | Mode::Ensemble => StageEnd::Answered,
                Mode::Solo => StageEnd::Solo,
            },
            elapsed_ms: finished.elapsed_ms,
        })),
        Body::StageFailed(failed) => Some(Entry::StageRun(StageRun {
            run: run(),
            stage: failed.stage,
            end: StageEnd::Failed,
            elapsed_ms: failed.elapsed_ms,
        })),
        Body::Verified(verified) => {
            let verdict = verdict(verified);
            Some(Entry::Verification(Verification { run: run(), sequence, stage, verdict }))
        }
        Body::EvidenceLogged(logged) => {
            let verdict = logged_verdict(event, logged)?;
            let stage = Stage::ALL.into_iter().find(|named| named.name() == logged.stage).or(stage);
            Some(Entry::Verification(Verification { run: run(), sequence, stage, verdict }))
        }
        Body::Changed(changed) => {
            let change = match changed.kind {
                ChangeKind::Applied => Change::Applied,
                ChangeKind::RolledBack | ChangeKind::Recovered => Change::Restored,
            };
            Some(Entry::Patch(Patch { run: run(), sequence, change }))
        }
        Body::Noted(noted) => of_noted(run(), sequence, noted),
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
        | Body::RedFlagged(_) => None,
    }
}

fn consult(run: Option<String>, settled: &ConsultSettled) -> Consult {
    Consult {
        run,
        stage: settled.stage,
        provider: settled.provider.clone(),
        model: settled.model.clone(),
        model_asked: settled.told.model_asked.clone(),
        purpose: settled.purpose,
        code: settled.code.clone(),
        elapsed_ms: settled.elapsed_ms,
        input_tokens: settled.input_tokens,
        output_tokens: settled.output_tokens,
        cost_usd: settled.cost_usd,
        estimate: settled.estimate,
        thread: settled.turn.as_ref().map(|turn| turn.thread.clone()),
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

/// Returns what a verification that somebody recorded says; none where it does not say whether it passed.
fn logged_verdict(event: &Event, logged: &EvidenceLogged) -> Option<Verdict> {
    let verification = LastVerification::logged(event, logged)?;
    Some(if verification.passed { Verdict::Passed } else { Verdict::Failed })
}

fn of_noted(run: Option<String>, sequence: u64, noted: &Noted) -> Option<Entry> {
    match noted.topic {
        Topic::Ensemble => {
            let similarity = noted.read::<EnsembleNoted>()?.redundancy;
            Some(Entry::Redundancy(Redundancy { run, similarity }))
        }
        Topic::Selection => {
            let SelectionRecord { basis, winner_id: winner, .. } = noted.read()?;
            Some(Entry::Selection(Selection { run, basis, won: winner.is_some() }))
        }
        Topic::Coordination => {
            let RunRecord { topology, success, .. } = noted.read()?;
            let agents = match topology {
                Topology::Sas => Agents::Single,
                Topology::Centralized
                | Topology::Decentralized
                | Topology::Independent
                | Topology::Hybrid => Agents::Several,
            };
            Some(Entry::Outcome(Outcome { run: None, sequence, agents, success }))
        }
        Topic::Vote | Topic::Calibration | Topic::Tools | Topic::Thread | Topic::Job | Topic::Review => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::event::consult::Purpose;
    use crate::domain::event::{Changed, Check, EvidenceType};
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

    #[test]
    fn checks_that_found_nothing_out_decide_nothing() {
        for (verified, verdict) in [
            (verified(true, &[Status::Passed]), Verdict::Passed),
            (verified(false, &[Status::Passed, Status::Failed]), Verdict::Failed),
            (verified(false, &[Status::Passed, Status::Refused]), Verdict::Undecided),
            (verified(false, &[]), Verdict::Undecided),
        ] {
            let Some(Entry::Verification(found)) = entry(&event(verified), Some(Stage::Debug)) else {
                panic!("a verification is counted");
            };
            assert_eq!((found.verdict, found.sequence, found.stage), (verdict, 7, Some(Stage::Debug)));
        }
    }

    #[test]
    fn recorded_evidence_counts_only_where_it_says_whether_it_passed() {
        let found = |content| entry(&event(logged(content)), None);
        let wanted = |verdict| {
            let (run, stage) = (Some("r".to_owned()), Some(Stage::Debug));
            Some(Entry::Verification(Verification { run, sequence: 7, stage, verdict }))
        };
        assert_eq!(found(json!({ "passed": true })), wanted(Verdict::Passed));
        assert_eq!(found(json!({ "exit_code": 1 })), wanted(Verdict::Failed));
        assert_eq!(found(json!({ "note": "looks good" })), None);
    }

    #[test]
    fn a_consult_keeps_its_stage_its_purpose_and_what_it_took() {
        let settled = ConsultSettled {
            reservation: "x".to_owned(),
            stage: Some(Stage::Analyze),
            purpose: Purpose::Judge,
            provider: "codex".to_owned(),
            model: "m".to_owned(),
            told: crate::domain::served::ModelNote::default(),
            code: Some("timeout".to_owned()),
            resets_at: None,
            elapsed_ms: 5,
            attempts: 3,
            input_tokens: Some(1),
            output_tokens: None,
            cost_usd: Some(0.5),
            estimate: None,
            prompt: None,
            response: None,
            turn: None,
        };
        let Some(Entry::Consult(found)) = entry(&event(settled), None) else { panic!("a call is counted") };
        assert_eq!((found.purpose, found.stage, found.elapsed_ms), (Purpose::Judge, Some(Stage::Analyze), 5));
        assert_eq!(
            (found.code.as_deref(), found.input_tokens, found.output_tokens),
            (Some("timeout"), Some(1), None)
        );
    }

    #[test]
    fn a_recorded_task_belongs_to_no_run_and_to_one_agent_or_several() {
        for (topology, agents) in [("SAS", Agents::Single), ("CENTRALIZED", Agents::Several)] {
            let content = json!({
                "topology": topology, "success": true, "tokens": 0, "messages": 0, "rounds": 1,
                "format_errors": 0, "redundancy": null, "answers": [],
            });
            let noted = Noted { topic: Topic::Coordination, content };
            let outcome = Outcome { run: None, sequence: 7, agents, success: true };
            assert_eq!(entry(&event(noted), None), Some(Entry::Outcome(outcome)));
        }
    }

    #[test]
    fn what_was_undone_is_no_patch() {
        for (kind, change) in [
            (ChangeKind::Applied, Change::Applied),
            (ChangeKind::RolledBack, Change::Restored),
            (ChangeKind::Recovered, Change::Restored),
        ] {
            let changed = json!({ "kind": kind, "backup_session": "b", "files": [] });
            let changed: Changed = serde_json::from_value(changed).unwrap();
            let patch = Patch { run: Some("r".to_owned()), sequence: 7, change };
            assert_eq!(entry(&event(changed), None), Some(Entry::Patch(patch)));
        }
    }
}

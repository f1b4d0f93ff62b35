use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::approvals::DecidedBy;
use crate::domain::event::stage::{
    Mode, RunStarted, RunStopped, StageFailed, StageFinished, StageInterrupted, StageStarted,
};
use crate::domain::event::{Body, Changed, Event, Verified};

const ROUNDS: u32 = 5;

fn event(seq: u64, body: impl Into<Body>) -> Event {
    Event { seq, run: "run".into(), at: seq, id: format!("e{seq}"), rests_on: Vec::new(), body: body.into() }
}

fn begun() -> Run {
    let started = RunStarted {
        task: "mend it".into(),
        start_stage: Stage::Analyze,
        low_risk: LowRisk::Ask,
        carried: 0,
        approvals: None,
        server: None,
    };
    Run::begin(&event(1, started.clone()), &started)
}

fn started(stage: Stage, iteration: u32) -> Body {
    StageStarted {
        stage,
        iteration,
        mode: Mode::Consult,
        why: String::new(),
        request: "digest".into(),
        server: "server".into(),
        providers: vec!["codex".into()],
    }
    .into()
}

fn finished(attempt: &str, stage: Stage, iteration: u32) -> Body {
    StageFinished {
        attempt: attempt.into(),
        stage,
        iteration,
        mode: Mode::Consult,
        why: String::new(),
        output: json!({}),
        provider: "codex".into(),
        candidates: Vec::new(),
        consults_used: 1,
        elapsed_ms: 1,
    }
    .into()
}

fn asked(stage: Stage, iteration: u32) -> Body {
    ApprovalRequested {
        stage,
        iteration,
        report: json!({}),
        display: String::new(),
        digest: "d".into(),
        change: None,
    }
    .into()
}

fn decided(request: &str, stage: Stage, decision: Decision) -> Body {
    ApprovalDecided {
        request: request.into(),
        stage,
        decision,
        decided_by: DecidedBy::Terminal,
        opened: None,
        digest: "d".into(),
        change: None,
        feedback: None,
        revision_instructions: None,
        responses: BTreeMap::new(),
        chosen: None,
        unanswered_critical: Vec::new(),
    }
    .into()
}

fn verified(passed: bool) -> Body {
    Verified { passed, summary: "1 of 1".into(), checks: Vec::new(), missing: Vec::new() }.into()
}

fn changed(kind: ChangeKind) -> Body {
    Changed {
        kind,
        backup_session: "b".into(),
        undoes: None,
        root: String::new(),
        files: Vec::new(),
        patch_sha256: None,
        patch: None,
        approved_by: None,
        notes: Vec::new(),
    }
    .into()
}

/// Takes the run through a stage, approval included.
fn through(run: &mut Run, stage: Stage) {
    let start = run.may_start(stage, ROUNDS).unwrap();
    let seq = run.last_seq;
    run.apply(&event(seq + 1, started(stage, start)));
    assert_eq!(run.phase, Phase::Running(stage));
    run.apply(&event(seq + 2, finished(&format!("e{}", seq + 1), stage, start)));
    run.apply(&event(seq + 3, asked(stage, start)));
    run.apply(&event(seq + 4, decided(&format!("e{}", seq + 3), stage, Decision::Approve)));
}

fn then(run: &mut Run, body: impl Into<Body>) {
    let next = run.last_seq + 1;
    run.apply(&event(next, body));
}

#[test]
fn a_run_goes_through_its_stages() {
    let mut run = begun();
    for stage in [Stage::Analyze, Stage::Hypothesize, Stage::Implement] {
        through(&mut run, stage);
    }
    assert_eq!(run.phase, Phase::Ready(Stage::Debug), "nothing was verified");
    then(&mut run, changed(ChangeKind::Applied));
    then(&mut run, verified(false));
    through(&mut run, Stage::Debug);
    assert_eq!(run.phase, Phase::Ready(Stage::Debug));
    then(&mut run, changed(ChangeKind::Applied));
    then(&mut run, verified(true));
    assert_eq!(run.phase, Phase::Ready(Stage::Improve));
    through(&mut run, Stage::Improve);
    assert_eq!(run.phase, Phase::Complete);
}

#[test]
fn improve_shuts_again_with_another_change() {
    let mut run = begun();
    for stage in [Stage::Analyze, Stage::Hypothesize, Stage::Implement] {
        through(&mut run, stage);
    }
    then(&mut run, verified(true));
    assert_eq!(run.phase, Phase::Ready(Stage::Improve));
    then(&mut run, changed(ChangeKind::Applied));
    assert_eq!(run.may_start(Stage::Improve, ROUNDS).unwrap_err().code, "stage_out_of_order");
}

#[test]
fn improve_as_the_first_stage_wants_a_verification() {
    let body = RunStarted {
        task: "t".into(),
        start_stage: Stage::Improve,
        low_risk: LowRisk::Ask,
        carried: 0,
        approvals: None,
        server: None,
    };
    let mut run = Run::begin(&event(1, body.clone()), &body);
    assert_eq!(run.may_start(Stage::Improve, ROUNDS).unwrap_err().code, "verification_missing");
    then(&mut run, verified(true));
    assert_eq!(run.may_start(Stage::Improve, ROUNDS), Ok(1));
}

#[test]
fn debug_escalates_after_its_rounds() {
    let body = RunStarted {
        task: "t".into(),
        start_stage: Stage::Debug,
        low_risk: LowRisk::Ask,
        carried: 0,
        approvals: None,
        server: None,
    };
    let mut run = Run::begin(&event(1, body.clone()), &body);
    for round in 1..=ROUNDS {
        assert_eq!(run.may_start(Stage::Debug, ROUNDS), Ok(round));
        through(&mut run, Stage::Debug);
    }
    let refusal = run.may_start(Stage::Debug, ROUNDS).unwrap_err();
    assert_eq!((refusal.code, refusal.state.as_str()), ("debug_escalated", "ready(debug)"));
}

#[test]
fn a_failed_round_of_debug_is_done_again() {
    let body = RunStarted {
        task: "t".into(),
        start_stage: Stage::Debug,
        low_risk: LowRisk::Ask,
        carried: 0,
        approvals: None,
        server: None,
    };
    let mut run = Run::begin(&event(1, body.clone()), &body);
    then(&mut run, started(Stage::Debug, 1));
    let failed = StageFailed {
        attempt: "e2".into(),
        stage: Stage::Debug,
        error: "no".into(),
        code: "timeout".into(),
        hint: None,
        retryable: true,
        candidates: Vec::new(),
        consults_used: 1,
        elapsed_ms: 1,
    };
    then(&mut run, failed);
    assert_eq!(run.may_start(Stage::Debug, ROUNDS), Ok(1));
}

#[test]
fn a_rejection_stops_and_a_revision_repeats() {
    let mut run = begun();
    then(&mut run, started(Stage::Analyze, 1));
    then(&mut run, finished("e2", Stage::Analyze, 1));
    then(&mut run, asked(Stage::Analyze, 1));
    let mut rejected = run.clone();
    then(&mut run, decided("e4", Stage::Analyze, Decision::Revise));
    assert_eq!(run.phase, Phase::Revising(Stage::Analyze));
    assert_eq!(run.may_start(Stage::Analyze, ROUNDS), Ok(2));
    then(&mut rejected, decided("e4", Stage::Analyze, Decision::Reject));
    assert_eq!(rejected.may_start(Stage::Hypothesize, ROUNDS).unwrap_err().code, "run_stopped");
}

#[test]
fn a_stopped_run_waits_for_nobody() {
    let mut run = begun();
    for body in [started(Stage::Analyze, 1), finished("e2", Stage::Analyze, 1), asked(Stage::Analyze, 1)] {
        then(&mut run, body);
    }
    let request = run.pending().unwrap().clone();
    assert_eq!(run.may_decide(&request), Ok(()));
    assert_eq!(run.may_go_on(), Ok(()));
    then(&mut run, RunStopped { why: "enough".into() });
    assert_eq!((run.pending(), run.may_decide(&request).unwrap_err().code), (None, "run_stopped"));
    assert_eq!(run.may_go_on().unwrap_err().reason, "enough");
    then(&mut run, decided(&request.id, Stage::Analyze, Decision::Approve));
    assert_eq!(run.phase, Phase::Stopped("enough".into()), "and a decision comes too late");
}

#[test]
fn one_change_at_a_time() {
    let mut run = begun();
    assert!(run.may_patch().is_ok());
    then(&mut run, changed(ChangeKind::Applied));
    assert_eq!(run.may_patch().unwrap_err().code, "change_unverified");
    then(&mut run, changed(ChangeKind::RolledBack));
    assert!(run.may_patch().is_ok());
    then(&mut run, changed(ChangeKind::Applied));
    then(&mut run, verified(false));
    assert!(run.may_patch().is_ok());
}

#[test]
fn an_approved_change_is_due_before_the_next_stage() {
    let mut run = begun();
    for stage in [Stage::Analyze, Stage::Hypothesize, Stage::Implement] {
        assert_eq!(run.due(), None);
        through(&mut run, stage);
    }
    assert_eq!(run.due(), None, "no diff was approved");
    run.finished.last_mut().unwrap().output = json!({ "diff": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n" });
    assert_eq!(run.due(), Some(Due::Apply));
    let mut by_hand = run.clone();
    then(&mut by_hand, verified(false));
    assert_eq!(by_hand.due(), Some(Due::Apply));
    then(&mut by_hand, verified(true));
    assert_eq!((&by_hand.phase, by_hand.due()), (&Phase::Ready(Stage::Improve), None));
    then(&mut run, changed(ChangeKind::Applied));
    assert_eq!(run.due(), Some(Due::Verify));
    then(&mut run, verified(false));
    assert_eq!(run.due(), None);
}

#[test]
fn checks_of_the_old_code_do_not_replace_the_approved_change() {
    let mut run = begun();
    then(&mut run, verified(true));
    for stage in [Stage::Analyze, Stage::Hypothesize, Stage::Implement] {
        through(&mut run, stage);
    }
    run.finished.last_mut().unwrap().output = json!({ "diff": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n" });
    assert_eq!((&run.phase, run.due()), (&Phase::Ready(Stage::Improve), Some(Due::Apply)));
}

fn any_stage() -> impl Strategy<Value = Stage> {
    prop::sample::select(Stage::ALL.to_vec())
}

fn any_decision() -> impl Strategy<Value = Decision> {
    prop::sample::select(vec![Decision::Approve, Decision::Revise, Decision::Reject])
}

/// An event with any reference to an earlier one, fitting or not.
fn any_body() -> impl Strategy<Value = Body> {
    let id = (1_u64..40).prop_map(|seq| format!("e{seq}"));
    let ids = prop_oneof![Just(String::new()), id];
    prop_oneof![
        4 => (any_stage(), 1_u32..3).prop_map(|(stage, round)| started(stage, round)),
        4 => (ids.clone(), any_stage(), 1_u32..3).prop_map(|(id, stage, round)| finished(&id, stage, round)),
        4 => (any_stage(), 1_u32..3).prop_map(|(stage, round)| asked(stage, round)),
        4 => (ids.clone(), any_stage(), any_decision()).prop_map(|(id, stage, it)| decided(&id, stage, it)),
        1 => any::<bool>().prop_map(verified),
        1 => prop::sample::select(vec![ChangeKind::Applied, ChangeKind::RolledBack]).prop_map(changed),
        1 => (ids, any_stage()).prop_map(|(attempt, stage)| {
            StageInterrupted { attempt, stage, why: "killed".into() }.into()
        }),
        1 => Just(RunStopped { why: "enough".into() }.into()),
    ]
}

/// Bodies that mostly fit: what was begun is finished, asked about and decided.
fn any_bodies() -> impl Strategy<Value = Vec<Body>> {
    let fitting = (any_stage(), any_decision()).prop_map(|(stage, decision)| (stage, decision));
    prop::collection::vec(prop_oneof![any_body().prop_map(Err), fitting.prop_map(Ok)], 0..12).prop_map(
        |parts| {
            let mut bodies = Vec::new();
            for part in parts {
                let next = bodies.len() as u64 + 2;
                match part {
                    Err(body) => bodies.push(body),
                    Ok((stage, decision)) => bodies.extend([
                        started(stage, 1),
                        finished(&format!("e{next}"), stage, 1),
                        asked(stage, 1),
                        decided(&format!("e{}", next + 2), stage, decision),
                    ]),
                }
            }
            bodies
        },
    )
}

fn events(bodies: Vec<Body>) -> Vec<Event> {
    (2..).zip(bodies).map(|(seq, body)| event(seq, body)).collect()
}

proptest! {
    /// The gate, against an account of approvals that is kept apart from the machine.
    #[test]
    fn no_stage_runs_before_the_one_ahead_of_it_was_approved(bodies in any_bodies()) {
        let mut run = begun();
        let mut approved = Vec::new();
        for event in events(bodies) {
            let before = run.phase.clone();
            run.apply(&event);
            if let (Phase::AwaitingApproval { stage, request }, Body::ApprovalDecided(it)) = (&before, &event.body)
                && it.request == *request && it.stage == *stage && it.decision == Decision::Approve {
                approved.push(*stage);
            }
            if let Phase::Running(stage) = run.phase {
                let ahead: &[Stage] = match stage {
                    Stage::Analyze => &[],
                    Stage::Hypothesize => &[Stage::Analyze],
                    Stage::Implement => &[Stage::Hypothesize],
                    Stage::Debug | Stage::Improve => &[Stage::Implement],
                };
                prop_assert!(ahead.iter().all(|stage| approved.contains(stage)), "{:?}", run.phase);
            }
        }
    }

    #[test]
    fn a_second_decision_changes_nothing(bodies in any_bodies(), decision in any_decision()) {
        let mut run = begun();
        for event in events(bodies) {
            run.apply(&event);
        }
        let decided_before: Vec<Request> =
            run.requests.iter().filter(|request| request.decided.is_some()).cloned().collect();
        for request in decided_before {
            let before = run.clone();
            then(&mut run, decided(&request.id, request.asked.stage, decision));
            prop_assert_eq!(&run.phase, &before.phase);
            prop_assert_eq!(&run.requests, &before.requests);
        }
    }

    #[test]
    fn folding_twice_is_folding_once(bodies in any_bodies()) {
        let events = events(bodies);
        let (mut once, mut twice) = (begun(), begun());
        for event in &events {
            once.apply(event);
            twice.apply(event);
            twice.apply(event);
        }
        for event in &events {
            twice.apply(event);
        }
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn every_refusal_names_state_reason_and_next_step(bodies in any_bodies(), stage in any_stage()) {
        let mut run = begun();
        for event in events(bodies) {
            run.apply(&event);
        }
        if let Err(refusal) = run.may_start(stage, ROUNDS) {
            prop_assert_eq!(refusal.state, run.phase.to_string());
            prop_assert!(!refusal.reason.is_empty() && !refusal.next.is_empty());
        }
    }
}

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;
use crate::domain::event::consult::Purpose;
use crate::domain::event::stage::{LowRisk, RunStarted};
use crate::domain::event::{Body, Draft, Event, Noted, Topic};
use crate::domain::select::rank::SelectionRecord;
use crate::domain::stage::Stage;
use crate::host::environment::Environment;
use crate::host::process::Supervisor;

/// A kit whose claude leaves a mark when it is started, and fails.
fn kit(root: &Path, consults: &str) -> Kit {
    let program = root.join("claude");
    let script = format!("#!/bin/sh\ntouch '{}/started'\nexit 1\n", root.display());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let variables = [
        ("PATH", "/usr/bin:/bin"),
        ("HOME", root.to_str().unwrap()),
        ("MAESTRO_CLAUDE_CMD", program.to_str().unwrap()),
        ("MAESTRO_MAX_CONSULT_TOTAL", consults),
    ];
    let environment: Environment = variables.into_iter().collect();
    Kit::new(environment, root, Supervisor::new(None))
}

fn request(tests: &[(&str, bool)]) -> SelectRequest {
    let candidate = |id: &str| CandidateInput {
        id: Some(id.to_owned()),
        content: format!("the content of candidate {id}"),
        ..CandidateInput::default()
    };
    let result = |(id, passed): &(&str, bool)| TestResult {
        candidate_id: (*id).to_owned(),
        passed: *passed,
        output: None,
    };
    SelectRequest {
        candidates: vec![candidate("a"), candidate("b")],
        mode: Mode::LlmJudge,
        judge_provider: Some("claude".to_owned()),
        test_results: tests.iter().map(result).collect(),
        ..SelectRequest::default()
    }
}

/// A selection in a run of so many consults, what it did in the log, and whether claude was started.
async fn selected(consults: &str, tests: &[(&str, bool)]) -> (Selection, Vec<Event>, bool) {
    let directory = tempfile::tempdir().unwrap();
    let kit = kit(directory.path(), consults);
    let body = RunStarted {
        task: "t".into(),
        start_stage: Stage::Implement,
        low_risk: LowRisk::Ask,
        carried: 0,
        approvals: None,
        server: None,
    };
    kit.log.journal().record("r", vec![Draft::new("r", body)]).await.unwrap();
    let account = Account { run: Some("r".to_owned()), ..Account::outside(Purpose::Judge) };
    let selection = select(&kit, request(tests), &account, &Progress::silent()).await.unwrap();
    let events = kit.log.journal().events(Some("r".to_owned())).await.unwrap();
    (selection, events, directory.path().join("started").exists())
}

fn reserved(events: &[Event]) -> usize {
    let is_judge = |event: &&Event| matches!(&event.body, Body::ConsultReserved(reserved) if reserved.purpose == Purpose::Judge);
    events.iter().filter(is_judge).count()
}

fn noted(events: &[Event]) -> SelectionRecord {
    match events.last().map(|event| &event.body) {
        Some(Body::Noted(Noted { topic: Topic::Selection, content })) => {
            serde_json::from_value(content.clone()).unwrap()
        }
        other => panic!("the selection is not the last event: {other:?}"),
    }
}

#[tokio::test]
async fn a_judge_beyond_the_budget_is_no_judge_and_nothing_is_started() {
    for consults in ["0", "1"] {
        let (selection, events, started) = selected(consults, &[]).await;
        let note = selection.judge.as_ref().unwrap();
        assert_eq!((note.verdict, note.asked), ("none", 0));
        assert!(note.reason.contains("budget_exhausted"), "{}", note.reason);
        assert_eq!((selection.mode_used, selection.ok), (Mode::TestsFirst, true));
        assert!(selection.winner_id.is_none() && selection.undecided.is_some());
        assert_eq!((reserved(&events), started), (0, false));
        let record = noted(&events);
        assert_eq!((record.winner_id, record.with_tests), (None, false));
        assert_eq!(record.judge_verdict.as_deref(), Some("none"));
    }
}

#[tokio::test]
async fn both_orders_are_taken_from_the_budget() {
    let (selection, events, started) = selected("2", &[]).await;
    assert_eq!((reserved(&events), started), (2, true));
    assert!(selection.undecided.is_some());
}

#[tokio::test]
async fn where_tests_decide_nothing_is_taken_from_the_budget() {
    let (selection, events, started) = selected("0", &[("a", false), ("b", true)]).await;
    assert_eq!(selection.winner_id.as_deref(), Some("b"));
    assert_eq!((reserved(&events), started), (0, false));
    let record = noted(&events);
    assert_eq!((record.winner_id.as_deref(), record.with_tests), (Some("b"), true));
    assert_eq!((record.mode, record.candidates), (selection.mode_used, 2));
}

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::flow::spending::Reserved;
use crate::host::environment::Environment;
use crate::host::process::Supervisor;

/// A budget of so many consults, which notes who asks.
struct Budget {
    left: Mutex<usize>,
    asked: Mutex<Vec<String>>,
}

impl Budget {
    fn of(consults: usize) -> Self {
        Self { left: Mutex::new(consults), asked: Mutex::default() }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Spending for Budget {
    fn reserve<'a>(&'a self, provider: &'a str, purpose: &'a str) -> Reserved<'a> {
        self.asked.lock().unwrap().push(format!("{provider}: {purpose}"));
        let mut left = self.left.lock().unwrap();
        let granted = left.checked_sub(1).map(|rest| *left = rest).ok_or(Error::Busy(0));
        Box::pin(std::future::ready(granted))
    }
}

/// A session whose claude leaves a mark when it is started, and fails.
fn session(root: &Path) -> Session {
    let program = root.join("claude");
    let script = format!("#!/bin/sh\ntouch '{}/started'\nexit 1\n", root.display());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let variables = [
        ("PATH", "/usr/bin:/bin"),
        ("HOME", root.to_str().unwrap()),
        ("MAESTRO_CLAUDE_CMD", program.to_str().unwrap()),
    ];
    let environment: Environment = variables.into_iter().collect();
    Session::new(environment, root, Supervisor::new(None))
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
        judge_provider: "claude".to_owned(),
        test_results: tests.iter().map(result).collect(),
        ..SelectRequest::default()
    }
}

#[tokio::test]
async fn a_budget_that_is_used_up_refuses_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    let session = session(directory.path());
    for (budget, asked) in [(Budget::of(0), 1), (Budget::of(1), 2)] {
        let refused = select(&session, request(&[]), &budget, &Progress::silent()).await;
        assert_eq!(refused.unwrap_err().code(), "busy");
        assert_eq!(budget.asked().len(), asked);
        assert!(!directory.path().join("started").exists());
    }
}

#[tokio::test]
async fn both_orders_are_taken_from_the_budget() {
    let directory = tempfile::tempdir().unwrap();
    let session = session(directory.path());
    let budget = Budget::of(2);
    let selection = select(&session, request(&[]), &budget, &Progress::silent()).await.unwrap();
    assert_eq!(budget.asked(), ["claude: judge, first order", "claude: judge, second order"]);
    assert!(directory.path().join("started").exists());
    assert_eq!(selection.failure.unwrap().code, "no_judgement");
}

#[tokio::test]
async fn where_tests_decide_nothing_is_taken_from_the_budget() {
    let directory = tempfile::tempdir().unwrap();
    let session = session(directory.path());
    let budget = Budget::of(0);
    let tests = [("a", false), ("b", true)];
    let selection = select(&session, request(&tests), &budget, &Progress::silent()).await.unwrap();
    assert_eq!(selection.winner_id.as_deref(), Some("b"));
    assert!(budget.asked().is_empty());
}

//! The gated workflow through the real server: stages, approvals, budgets, interruptions.

mod approvals;
mod bound;
mod budget;
mod choice;
pub(crate) mod crash;
mod gated;
mod handover;
mod interrupted;
mod language;
mod mode;
mod proof;
mod refusals;
mod servers;
mod stage;
mod trouble;

use serde_json::{Value, json};

use crate::harness::{Client, Server};

/// A task with a script for the fake CLI. In the script `@@`, which hunks of a diff contain, is escaped.
pub(crate) fn task(script: &Value) -> String {
    format!("mend the mean @@fake {}@@", script.to_string().replace("@@", "\\u0040\\u0040"))
}

/// A task that the fake CLI answers with a document.
pub(crate) fn answered(document: &Value) -> String {
    task(&json!({ "text": document.to_string() }))
}

pub(crate) fn analysis() -> Value {
    json!({
        "observations": [{ "fact": "the mean of 1, 2, 3 is 3.0", "source": "mean.py", "line_number": 2 }],
        "repro_steps": ["python3 -m unittest"],
        "affected_modules": ["mean.py"],
        "invariants": ["an even list keeps its mean"],
    })
}

pub(crate) fn hypotheses(claim: &str) -> Value {
    json!({
        "hypotheses": [
            { "id": "H1", "claim": claim, "verification_test": "python3 -m unittest", "confidence": 0.7 },
        ],
        "selected": "H1",
    })
}

/// The first change, which does not repair the fault.
pub(crate) const FIRST_DIFF: &str = "--- a/mean.py\n+++ b/mean.py\n@@ -1,2 +1,2 @@\n def mean(numbers):\n-    return sum(numbers) / 2\n+    return sum(numbers) / 4\n";
/// The change that repairs the fault.
pub(crate) const SECOND_DIFF: &str = "--- a/mean.py\n+++ b/mean.py\n@@ -1,2 +1,2 @@\n def mean(numbers):\n-    return sum(numbers) / 4\n+    return sum(numbers) / len(numbers)\n";

pub(crate) fn change() -> Value {
    json!({
        "patch_plan": "Divide by the length.",
        "files_to_change": ["mean.py"],
        "diff": FIRST_DIFF,
        "verification_command": "python3 -m unittest",
    })
}

pub(crate) fn debugged(what: &str) -> Value {
    json!({ "error_analysis": what, "next_action": { "type": "edit", "details": "divide by the length" } })
}

pub(crate) fn improvement() -> Value {
    json!({
        "improvements": [{ "type": "docs", "description": "say what an empty list does" }],
        "ready_for_merge": true,
    })
}

/// The output of a stage.
pub(crate) fn outputs(stage: &str) -> Value {
    match stage {
        "analyze" => analysis(),
        "hypothesize" => hypotheses("the divisor is a constant"),
        "implement" => change(),
        "debug" => debugged("the divisor is still a constant"),
        _ => improvement(),
    }
}

/// A project with a fault, and fake CLIs for codex and gemini. Its settings let a run begin at a later stage,
/// and let the policy approve.
pub(crate) fn project() -> Server {
    let server = Server::new().env("MAESTRO_LATE_START", "true").env("MAESTRO_AUTO_APPROVE_LOW_RISK", "true");
    broken(server.codex().fake("gemini", "gemini"))
}

/// Adds the fault to a project.
pub(crate) fn broken(server: Server) -> Server {
    server
        .file("mean.py", "def mean(numbers):\n    return sum(numbers) / 2\n")
        .file(
            "test_mean.py",
            "import unittest\nfrom mean import mean\n\n\nclass T(unittest.TestCase):\n    def test_mean(self):\n        self.assertEqual(mean([1, 2, 3]), 2)\n",
        )
}

pub(crate) fn begin(client: &mut Client) -> Value {
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    assert_eq!(run["workflow_started"], true, "{run}");
    run
}

/// The arguments of a stage with the usual answer.
pub(crate) fn arguments(stage: &str) -> Value {
    json!({
        "stage": stage,
        "task": answered(&outputs(stage)),
        "context_files": ["mean.py"],
        "context_facts": ["the tests ran on Monday"],
        "context_errors": ["AssertionError: 3.0 != 2"],
    })
}

/// Runs a stage of the run.
pub(crate) fn stage(client: &mut Client, stage: &str) -> Value {
    client.call("maestro_run_stage_with_approval", arguments(stage))
}

pub(crate) fn request_of(reply: &Value) -> String {
    reply["approval"]["request_id"].as_str().unwrap_or_else(|| panic!("no request: {reply}")).to_owned()
}

pub(crate) fn approve(client: &mut Client, request: &str) -> Value {
    client.call("maestro_submit_approval", json!({ "request_id": request, "approved": true }))
}

/// Runs a stage, and relays an approval as a model does.
pub(crate) fn pass(client: &mut Client, name: &str) -> Value {
    let reply = stage(client, name);
    assert_eq!(reply["ok"], true, "{reply}");
    let decided = approve(client, &request_of(&reply));
    assert_eq!(decided["status"], "approved", "{decided}");
    decided
}

pub(crate) fn state(client: &mut Client) -> Value {
    client.call("maestro_workflow_state", json!({}))["workflow"].clone()
}

pub(crate) fn verify(client: &mut Client) -> Value {
    client.call("maestro_verify", json!({ "commands": [{ "command": "python3 -B -m unittest" }] }))
}

pub(crate) fn patch(client: &mut Client, diff: &str) -> Value {
    client.call("maestro_apply_patch", json!({ "patch": diff }))
}

/// Submits a stage that the orchestrator did itself.
pub(crate) fn hand_in(client: &mut Client, stage: &str) -> Value {
    client.call("maestro_request_approval", json!({ "stage": stage, "outputs": outputs(stage) }))
}

/// Asserts that a refusal names the state, the reason and the next step.
pub(crate) fn assert_refused(reply: &Value, code: &str, state: &str, next: &str) {
    assert_eq!((&reply["ok"], &reply["code"]), (&json!(false), &json!(code)), "{reply}");
    let error = reply["error"].as_str().unwrap();
    assert!(error.contains(&format!("(the run is {state})")), "{error}");
    let hint = reply["hint"].as_str().unwrap();
    assert!(hint.contains(next), "{hint}");
}

/// The kind and the body of each event in the log.
pub(crate) fn events(server: &Server) -> Vec<(String, Value)> {
    let exported = server.run(&["evidence", "export"], "");
    let text = String::from_utf8(exported.stdout).unwrap();
    let event = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        let body = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
        (event["kind"].as_str().unwrap().to_owned(), body)
    };
    text.lines().map(event).collect()
}

/// The number of events of a kind in the log.
pub(crate) fn count(server: &Server, kind: &str) -> usize {
    events(server).iter().filter(|(known, _)| known == kind).count()
}

pub(crate) fn assert_whole(server: &Server) {
    let verified = server.run(&["evidence", "verify"], "");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

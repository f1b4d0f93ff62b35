//! The bytes that a typical result of each tool takes in a model's context. The results are those of a user's
//! session with a failing test, in which every consultant's answer has the usual length. The bytes are
//! counted, not measured.

use std::path::Path;

use serde_json::{Value, json};

use super::Server;

const MEAN: &str = "def mean(numbers):\n    return sum(numbers) / 2\n";
const TEST: &str = "import unittest\nfrom mean import mean\n\n\nclass T(unittest.TestCase):\n    def test_mean(self):\n        self.assertEqual(mean([1, 2, 3]), 2)\n";
const DIFF: &str = "--- a/mean.py\n+++ b/mean.py\n@@ -1,2 +1,2 @@\n def mean(numbers):\n-    return sum(numbers) / 2\n+    return sum(numbers) / len(numbers)\n";
const ANSWER: &str = "The divisor is a constant: `mean` in mean.py, line 2, divides by 2 whatever the length of the list is. For [1, 2, 3] that gives 3.0 where the test wants 2. It is right for lists of two numbers alone, which is why nobody saw it. Divide by `len(numbers)`, and decide what the mean of an empty list is: statistics.mean raises StatisticsError there, and a ZeroDivisionError says less. Check it with `python3 -m unittest`, and add a test with one number and one with none.";
const STEP: &str = r#"{"edge_case_input":"[]","expected_behavior":"an error that names the empty list","rationale":"nothing to divide by"}"#;

/// A tool and the text of its result, in the order of the session.
pub(crate) struct Typical {
    pub(crate) tool: String,
    pub(crate) text: String,
}

impl Typical {
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }
}

struct Session {
    server: Server,
    results: Vec<Typical>,
}

impl Session {
    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let tool = format!("maestro_{tool}");
        let reply = self.server.call(&tool, arguments);
        let text =
            reply["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{tool}: {reply}"));
        // The checks find the failing test of the session; everything else succeeds.
        let result = reply["result"]["structuredContent"].clone();
        let code = if tool == "maestro_verify" { json!("checks_failed") } else { Value::Null };
        assert_eq!((&result["ok"], &result["code"]), (&json!(code.is_null()), &code), "{tool}: {result}");
        self.results.push(Typical { tool, text: text.to_owned() });
        result
    }
}

fn answered(text: &str) -> String {
    format!("why does test_mean fail? @@fake {}@@", json!({ "text": text }))
}

fn analysis() -> Value {
    json!({
        "observations": [
            { "fact": "AssertionError: 3.0 != 2 in test_mean", "source": "test_mean.py", "line_number": 7 },
            { "fact": "mean divides by the constant 2", "source": "mean.py", "line_number": 2 },
        ],
        "repro_steps": ["python3 -m unittest"],
        "affected_modules": ["mean.py"],
        "invariants": ["the mean of two numbers stays what it is"],
    })
}

/// Calls most tools once or twice. All succeed except the checks, because a test fails.
pub(crate) fn session(maestro: &Path, fake: &Path) -> Vec<Typical> {
    let cli = |style: &str| format!("{} --as {style}", fake.display());
    let environment = [("MAESTRO_CODEX_CMD", cli("codex")), ("MAESTRO_GEMINI_CMD", cli("gemini"))];
    let server = Server::start(maestro, &environment);
    for (name, text) in [("mean.py", MEAN), ("test_mean.py", TEST)] {
        std::fs::write(server.directory.path().join(name), text).unwrap();
    }
    let mut session = Session { server, results: Vec::new() };
    session.server.hello();
    look(&mut session);
    ask(&mut session);
    coordinate(&mut session);
    vote(&mut session);
    go_through_a_stage(&mut session);
    change(&mut session);
    session.results
}

fn look(session: &mut Session) {
    session.call("list_providers", &json!({}));
    session.call("help", &json!({ "topic": "overview" }));
    session.call("get_skill", &json!({ "stage": "analyze" }));
    session.call("get_role", &json!({ "role": "example_analyst" }));
    session.call("get_schema", &json!({ "schema": "stage1_output" }));
    session.call("get_stage_questions", &json!({ "stage": "analyze" }));
    session.call("recommend_tools", &json!({ "task_description": "find out why test_mean fails" }));
    session.call("enter_stage", &json!({ "stage": "analyze" }));
    session.call("enter_skill", &json!({ "skill_name": "spec_extraction" }));
    session.call("get_loaded_tools", &json!({}));
    session.call("exit_stage", &json!({}));
}

fn ask(session: &mut Session) {
    let errors = json!(["AssertionError: 3.0 != 2"]);
    session.call("pack_context", &json!({ "files": ["mean.py", "test_mean.py"], "errors": errors }));
    let question = answered(ANSWER);
    session.call(
        "consult",
        &json!({ "prompt": question, "context_files": ["mean.py"], "context_errors": errors }),
    );
    session.call("consult_with_role", &json!({ "prompt": question, "role": "debugger" }));
    session.call("ensemble_generate", &json!({ "task": question, "providers": ["codex", "gemini"] }));
}

fn coordinate(session: &mut Session) {
    session.call("classify_task", &json!({ "task_description": "find out why test_mean fails" }));
    session.call("select_architecture", &json!({ "stage": "hypothesize" }));
    session.call("get_stage_strategy", &json!({ "stage": "hypothesize" }));
    session.call("get_coordination_policy", &json!({}));
    session.call("check_degradation", &json!({ "current_topology": "sas", "successes": 3 }));
    let worked = json!({ "topology": "sas", "success": true, "tokens_used": 900, "rounds": 1 });
    session.call("record_coordination_result", &worked);
    session.call("get_coordination_stats", &json!({}));
}

fn vote(session: &mut Session) {
    session.call("red_flag_check", &json!({ "content": ANSWER }));
    session.call("validate_content", &json!({ "content": ANSWER }));
    session.call("get_micro_steps", &json!({ "stage": "hypothesize" }));
    session.call("consensus_vote", &json!({ "question": answered("mean.py, line 2"), "k": 2 }));
    let prompt = answered(STEP);
    session.call("vote_micro_step", &json!({ "step_type": "s2_edge_case", "prompt": prompt, "k": 2 }));
    session.call(
        "calibrate",
        &json!({ "step_type": "s2_edge_case", "test_prompt": prompt, "oracle_command": "python3 -m json.tool {answer}", "num_samples": 5 }),
    );
    let candidates = json!([{ "id": "a", "content": DIFF }, { "id": "b", "content": ANSWER }]);
    let tests = json!([{ "candidate_id": "a", "passed": true }, { "candidate_id": "b", "passed": false }]);
    session.call("select_best", &json!({ "candidates": candidates, "test_results": tests }));
}

fn go_through_a_stage(session: &mut Session) {
    let outside = json!({ "stage": "analyze", "task": answered(&analysis().to_string()), "context_files": ["mean.py"] });
    session.call("run_stage", &outside);
    session.call("workflow_with_hitl", &json!({ "task": "mend the mean" }));
    let reply = session.call("run_stage_with_approval", &outside);
    let request = reply["approval"]["request_id"].clone();
    session.call("get_pending_approvals", &json!({}));
    session.call("submit_approval", &json!({ "request_id": request, "approved": true }));
    let hypotheses = json!({
        "hypotheses": [{ "id": "H1", "claim": "the divisor is a constant", "verification_test": "python3 -m unittest", "confidence": 0.9 }],
        "selected": "H1",
    });
    session.call("request_approval", &json!({ "stage": "hypothesize", "outputs": hypotheses }));
    session.call("workflow_state", &json!({}));
    session.call("get_approval_history", &json!({}));
}

fn change(session: &mut Session) {
    session.call(
        "log_evidence",
        &json!({ "evidence_type": "observation", "stage": "analyze", "content": { "divisor": "2" }, "source": "mean.py" }),
    );
    session.call("apply_patch", &json!({ "patch": DIFF, "dry_run": true }));
    session.call("verify", &json!({ "commands": [{ "command": "python3 -m unittest" }] }));
    session.call("get_evidence_chain", &json!({}));
    session.call("get_metrics", &json!({}));
}

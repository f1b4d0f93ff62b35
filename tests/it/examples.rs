//! The flows that users copy from the documentation, call by call, and what their results promise.

use serde_json::{Value, json};

use crate::harness::{Client, Server, scripted};

fn three() -> Server {
    crate::harness::three()
        .file("src/auth.py", "def login(user):\n    return user == 'x'\n")
        .file(
            "tests/test_auth.py",
            "import unittest\nfrom src.auth import login\n\n\nclass Login(unittest.TestCase):\n    def test_x(self):\n        self.assertTrue(login('x'))\n",
        )
}

fn state(client: &mut Client) -> Value {
    let result = client.call("maestro_workflow_state", json!({}));
    assert_eq!(result["ok"], true, "{result}");
    result
}

/// One opinion on a failure, then the project's own tests.
#[test]
fn a_diagnosis_outside_of_a_run_is_counted() {
    let mut client = three().start();
    let before = state(&mut client);
    assert_eq!(before["workflow"]["consults_outside_runs"], 0);
    assert_eq!(before["workflow"]["consulted_outside_runs"], json!({}));
    let answer = client.call(
        "maestro_consult",
        json!({
            "prompt": "Analyze why login fails and say what to check first.",
            "provider": "codex",
            "context_files": ["src/auth.py", "tests/test_auth.py"],
            "context_errors": ["AssertionError: False is not true"],
        }),
    );
    assert_eq!((&answer["ok"], &answer["provider"]), (&json!(true), &json!("codex")), "{answer}");
    assert_eq!(answer["context"]["files"].as_array().unwrap().len(), 2);
    let checks = client.call("maestro_verify", json!({ "commands": [] }));
    assert_eq!((&checks["ok"], &checks["all_passed"]), (&json!(true), &json!(true)), "{checks}");

    let after = state(&mut client);
    let workflow = &after["workflow"];
    assert_eq!((&workflow["total_consults"], &workflow["max_consults"]), (&json!(1), &json!(6)));
    assert_eq!(workflow["consulted_outside_runs"], json!({ "codex": 1 }));
    assert_eq!(
        workflow["a_run_would_allow"],
        json!({
            "consults": 6, "consults_per_stage": 2, "consults_per_debug_round": 1, "debug_rounds": 5,
            "capability_threshold": 0.45,
        })
    );
    let summary = after["summary"].as_str().unwrap();
    for part in ["no run", "up to 6 consults (2 a stage)", "codex 1", "overhead", "efficiency"] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
}

/// Three models in parallel, and judges of their answers.
#[test]
fn candidates_of_everybody_are_judged_by_each_other() {
    let mut client = three().start();
    let ensemble = client.call(
        "maestro_ensemble_generate",
        json!({ "task": "Generate hypotheses for the login failure", "providers": ["codex", "gemini", "claude"], "context_files": ["src/auth.py"] }),
    );
    assert_eq!(ensemble["count"], 3, "{ensemble}");
    let mut candidates = ensemble["candidates"].clone();
    for (candidate, text) in candidates.as_array_mut().unwrap().iter_mut().zip([
        "The name is compared with a constant.",
        "The session is never opened, so the check sees no user at all.",
        "The test passes a name with a blank at its end; strip it first.",
    ]) {
        candidate["content"] = json!(text);
    }
    let chosen = client.call(
        "maestro_select_best",
        json!({
            "candidates": candidates, "mode": "llm_judge",
            "criteria": [format!("@@fake {}@@", json!({ "judge": "session is never opened" }))],
        }),
    );
    assert_eq!((&chosen["ok"], &chosen["winner_id"]), (&json!(true), &json!("gemini-1")), "{chosen}");
    let judges = chosen["judge"]["asked"].as_u64().unwrap();
    assert!(judges >= 2, "each judge reads what it did not write: {chosen}");
    let workflow = state(&mut client)["workflow"].clone();
    assert_eq!(workflow["consults_outside_runs"].as_u64().unwrap(), 3 + judges, "{workflow}");
    for provider in ["codex", "gemini", "claude"] {
        assert!(workflow["consulted_outside_runs"][provider].as_u64().unwrap() >= 1, "{workflow}");
    }
}

/// The figures answer the question "How much coordination overhead have we used?".
#[test]
fn figures_that_mean_nothing_yet_say_why() {
    let mut client = three().start();
    client.call("maestro_consult", json!({ "prompt": "x" }));
    for tool in ["maestro_workflow_state", "maestro_get_metrics"] {
        let result = client.call(tool, json!({}));
        let metrics = &result["metrics"];
        assert_eq!(metrics["total_calls"], 1, "{tool}: {result}");
        for figure in ["coordination_overhead_percent", "efficiency_score", "test_coverage_rate"] {
            assert_eq!(metrics[figure], Value::Null, "{tool}: {figure}");
            assert!(metrics["notes"][figure].as_str().is_some_and(|why| why.len() > 10), "{tool}: {metrics}");
        }
    }
    let policy = client.call("maestro_get_coordination_policy", json!({}));
    assert_eq!(policy["ok"], true, "{policy}");
}

/// The approval loop: start, stage, decision, next stage.
#[test]
fn a_stage_is_shown_decided_and_followed_by_the_next() {
    let mut client = three().start();
    let started = client.call("maestro_workflow_with_hitl", json!({ "task": "Fix the login bug" }));
    assert_eq!(started["workflow_started"], true, "{started}");
    let skill = client.call("maestro_get_skill", json!({ "stage": "analyze" }));
    let example = skill["content"].as_str().unwrap().split("```json\n").nth(1).unwrap();
    let example: Value = serde_json::from_str(example.split("```").next().unwrap()).unwrap();
    let result = client.call(
        "maestro_run_stage_with_approval",
        json!({
            "stage": "analyze",
            "task": scripted(json!({ "text": example.to_string() })),
            "context_files": ["src/auth.py"],
            "context_errors": ["AssertionError"],
        }),
    );
    assert!(result["approval"]["display"].as_str().unwrap().contains("FOUND"), "{result}");
    let request = result["approval"]["request_id"].as_str().unwrap();
    let pending = client.call("maestro_get_pending_approvals", json!({}));
    assert_eq!(pending["pending_requests"][0]["iteration"], 1);
    assert_eq!(pending["pending_requests"][0]["report"]["iteration"], json!({ "number": 1 }), "{pending}");
    let decided = client.call(
        "maestro_submit_approval",
        json!({
            "request_id": request,
            "approved": true,
            "feedback": "Looks good",
            "question_responses": { "analyze_completeness": "nothing", "analyze_accuracy": "All of them" },
        }),
    );
    assert_eq!((&decided["status"], &decided["next_stage"]), (&json!("approved"), &json!("hypothesize")));
    let after = state(&mut client);
    let summary = after["summary"].as_str().unwrap();
    assert!(summary.contains("1 of 6 consults used, 5 left"), "{summary}");
}

/// If no consultant did the stage, its result says so, and keeps the keys that readers rely on.
#[test]
fn a_stage_that_is_ones_own_has_no_request_yet_and_no_success() {
    let mut client = three().env("MAESTRO_MAX_CONSULT_TOTAL", "0").start();
    let result = client.call("maestro_run_stage_with_approval", json!({ "stage": "analyze", "task": "x" }));
    assert_eq!(result["mode"], "solo", "{result}");
    assert_eq!(result["stage_result"]["success"], false);
    assert_eq!(result["approval"]["request_id"], Value::Null, "{result}");
}

fn patch(name: &str) -> Value {
    json!({ "patch": format!("--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+x\n"), "dry_run": true })
}

#[test]
fn files_that_hold_secrets_or_are_no_sources_are_neither_written_nor_sent() {
    let refused = [
        "prod.env", ".env.local", "server.pem", "id.key", "ca.crt", "aws_credentials.json",
        "my-secrets.yaml", "node_modules/a/index.js", ".venv/x.py", "app/venv/x.py", "a/__pycache__/x.py",
        "b.pyc",
    ];
    let mut server = three();
    for name in refused {
        server = server.file(name, "TOKEN=1\n");
    }
    let mut client = server.start();
    for name in refused {
        // It does not matter whether the file exists.
        let new = client.call("maestro_apply_patch", patch(&format!("new/{name}")));
        assert_eq!(new["code"], "path_refused", "{name}: {new}");
        let own = client.call("maestro_apply_patch", patch(name));
        assert_eq!(own["code"], "path_refused", "{name}: {own}");
        let packed = client.call("maestro_pack_context", json!({ "files": [name] }));
        assert_eq!(packed["omitted"][0]["path"], name, "{packed}");
        assert!(!packed["packed_context"].as_str().unwrap().contains("TOKEN"), "{name}");
        let about_secrets = own["error"].as_str().unwrap().contains("as a secret");
        let is_installed =
            ["node_modules", "venv", "__pycache__", ".pyc"].iter().any(|part| name.contains(part));
        assert_eq!(about_secrets, !is_installed, "{name}: {own}");
    }
    // Files whose names only mention secrets are ordinary sources.
    for name in ["src/secret_santa.py", ".env.example"] {
        assert_eq!(client.call("maestro_apply_patch", patch(name))["ok"], true, "{name}");
    }
}

#[test]
fn a_root_or_a_tool_that_is_not_there_is_named() {
    let server =
        three().env("MAESTRO_REPO_ROOTS", "/nonexistent/dir").env("MAESTRO_DISABLED_TOOLS", "maestro_foo");
    let told = String::from_utf8(server.run(&["check"], "").stdout).unwrap();
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("names /nonexistent/dir") && told.contains("names maestro_foo"), "{told}");
}

#[test]
fn what_stands_in_the_way_of_a_restore_is_named_once() {
    let mut client = three().file("a.txt", "one\n").start();
    let change = json!({ "patch": "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n" });
    let session = client.call("maestro_apply_patch", change)["backup_session"].clone();
    let path = client.project().join("a.txt");
    for (make, wanted) in [
        (
            Box::new(|path: &std::path::Path| std::os::unix::fs::symlink("/etc/passwd", path).unwrap())
                as Box<dyn Fn(&std::path::Path)>,
            "it is a symbolic link",
        ),
        (Box::new(|path: &std::path::Path| std::fs::create_dir(path).unwrap()), "it is a directory"),
    ] {
        let _ = std::fs::remove_file(&path);
        make(&path);
        let result = client.call("maestro_restore_from_backup", json!({ "backup_session": session }));
        assert_eq!(result["code"], "path_refused", "{result}");
        assert_eq!(result["error"], format!("nothing was restored: a.txt: {wanted}"));
        assert_eq!(result["failed"], json!([{ "path": "a.txt", "error": wanted }]));
        assert!(result["hint"].as_str().unwrap().contains("in the way"), "{result}");
    }
    let unknown =
        client.call("maestro_restore_from_backup", json!({ "backup_session": session, "files": ["b.txt"] }));
    assert_eq!(unknown["code"], "backup_unknown", "{unknown}");
}

#[test]
fn topics_are_found_by_the_words_that_people_use() {
    let mut client = Server::new().start();
    for (asked, topic) in [
        ("maker", "voting"),
        ("budget", "workflow"),
        ("errors", "when a consultant fails"),
        ("hitl", "approvals"),
        ("configuration", "configuration"),
        ("Environment Variables", "configuration"),
        ("cost", "metrics"),
        ("select_best", "maestro_select_best"),
    ] {
        let result = client.call("maestro_help", json!({ "topic": asked }));
        assert_eq!((&result["ok"], &result["topic"]), (&json!(true), &json!(topic)), "{asked}");
        assert!(!result["content"].as_str().unwrap().contains("<!--"), "{asked}");
    }
    let near = client.call("maestro_help", json!({ "topic": "aproval" }));
    assert_eq!(near["available_topics"][0], "approvals", "{near}");
    let mentioned = client.call("maestro_help", json!({ "topic": "landlock" }));
    let nothing = client.call("maestro_help", json!({ "topic": "xyzzy qqq" }));
    for miss in [&near, &mentioned, &nothing] {
        assert_eq!(miss["code"], "unknown_topic");
        assert!((1..=20).contains(&miss["available_topics"].as_array().unwrap().len()), "{miss}");
    }
    assert!(nothing["available_topics"].as_array().unwrap().contains(&json!("overview")), "{nothing}");
}

/// Collects the floats with more than 12 significant digits.
fn long_floats(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let text = number.to_string();
            let digits =
                text.trim_start_matches("0.").trim_start_matches('0').chars().filter(char::is_ascii_digit);
            if digits.count() > 12 {
                found.push(format!("{place} = {text}"));
            }
        }
        Value::Array(values) => values.iter().for_each(|inner| long_floats(inner, place, found)),
        Value::Object(fields) => {
            for (name, inner) in fields {
                long_floats(inner, &format!("{place}.{name}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn figures_have_no_more_digits_than_they_mean() {
    let mut client = three().start();
    for success in [true, true, false] {
        let recorded = json!({ "topology": "sas", "success": success, "rounds": 3, "tokens_used": 700 });
        client.call("maestro_record_coordination_result", recorded);
    }
    let mut found = Vec::new();
    for (tool, arguments) in [
        ("maestro_ensemble_generate", json!({ "task": "x" })),
        ("maestro_consensus_vote", json!({ "question": "x" })),
        (
            "maestro_record_coordination_result",
            json!({ "topology": "mas_independent", "success": false, "rounds": 7, "outputs": ["a b c", "a b d", "c d e"] }),
        ),
        ("maestro_get_coordination_stats", json!({})),
        (
            "maestro_check_degradation",
            json!({ "current_topology": "mas_independent", "total_messages": 7, "total_rounds": 3, "successes": 1, "failures": 2 }),
        ),
        (
            "maestro_classify_task",
            json!({ "task_description": "refactor the payment module and fix three failing tests" }),
        ),
        (
            "maestro_select_architecture",
            json!({ "stage": "hypothesize", "baseline_success": 0.37, "tool_count": 7 }),
        ),
        ("maestro_get_metrics", json!({})),
        ("maestro_workflow_state", json!({})),
        ("maestro_get_evidence_chain", json!({})),
    ] {
        let result = client.call(tool, arguments);
        assert_eq!(result["ok"], true, "{tool}: {result}");
        long_floats(&result, tool, &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_failure_says_whether_trying_again_helps_and_who_else_could_answer() {
    let script = |script: &str| format!("#!/bin/sh\ncat > /dev/null\n{script}\n");
    let bad = script("echo 'boom: internal' >&2; exit 3");
    let mut client = Server::new().fake("gemini", "gemini").shell_cli("codex", &bad).start();
    for (tool, arguments) in [
        ("maestro_consult", json!({ "prompt": "x", "provider": "codex" })),
        ("maestro_ensemble_generate", json!({ "task": "x", "providers": ["codex"] })),
        ("maestro_run_stage", json!({ "stage": "analyze", "task": "x", "providers": ["codex"] })),
        (
            "maestro_run_stage_with_approval",
            json!({ "stage": "analyze", "task": "x", "providers": ["codex"] }),
        ),
        ("maestro_run_stage", json!({ "stage": "improve", "task": "x" })),
    ] {
        let result = client.call(tool, arguments);
        assert_eq!(result["ok"], false, "{tool}: {result}");
        assert!(result["retryable"].is_boolean(), "{tool}: {result}");
        if result["code"] != "stage_out_of_order" {
            assert!(result["hint"].as_str().unwrap().contains("gemini"), "{tool}: {result}");
        }
    }
    for (signal, name) in [("SEGV", "SIGSEGV"), ("KILL", "SIGKILL"), ("TERM", "SIGTERM")] {
        let killed = script(&format!("kill -{signal} $$"));
        let mut client = Server::new().shell_cli("codex", &killed).start();
        let result = client.call("maestro_consult", json!({ "prompt": "x", "provider": "codex" }));
        assert!(result["error"].as_str().unwrap().contains(name), "{result}");
    }
}

#[test]
fn nobody_is_not_everybody() {
    let mut client = three().start();
    for (tool, mut arguments) in [
        ("maestro_ensemble_generate", json!({ "task": "x" })),
        ("maestro_consensus_vote", json!({ "question": "x" })),
        ("maestro_run_stage", json!({ "stage": "analyze", "task": "x" })),
        ("maestro_review", json!({})),
    ] {
        arguments["providers"] = json!([]);
        let result = client.call(tool, arguments);
        assert_eq!(result["code"], "invalid_arguments", "{tool}: {result}");
        assert_eq!(
            result["error"],
            "providers must name at least one (got none); leave it out for the default"
        );
    }
    assert_eq!(state(&mut client)["workflow"]["consults_outside_runs"], 0);
}

#[test]
fn no_error_names_a_type_of_the_implementation() {
    let mut client = three().start();
    for (tool, arguments) in [
        ("maestro_consult", json!({ "prompt": 1 })),
        ("maestro_consult", json!({ "prompt": "x", "timeout_sec": -1 })),
        ("maestro_consult", json!({ "prompt": "x", "schema": [1] })),
        ("maestro_consensus_vote", json!({ "question": "x", "k": 1.5 })),
        ("maestro_consensus_vote", json!({ "question": "x", "options": "a" })),
        ("maestro_select_best", json!({ "candidates": [{ "content": 3 }] })),
        ("maestro_verify", json!({ "commands": [{ "command": ["ls"] }] })),
        ("maestro_submit_approval", json!({ "request_id": "x", "approved": "yes" })),
        (
            "maestro_submit_approval",
            json!({ "request_id": "x", "approved": true, "question_responses": { "a": {} } }),
        ),
        (
            "maestro_log_evidence",
            json!({ "evidence_type": "decision", "stage": "any", "content": 7, "source": "x" }),
        ),
    ] {
        let result = client.call(tool, arguments);
        let error = result["error"].as_str().unwrap_or_else(|| panic!("{tool}: {result}"));
        for word in ["u8", "u32", "u64", "usize", "i64", "f64", "struct", "enum", "Vec", "Option"] {
            let is_there = error.split(|letter: char| !letter.is_alphanumeric()).any(|one| one == word);
            assert!(!is_there, "{tool}: {error}");
        }
        assert!(!error.contains("expected `"), "{tool}: {error}");
    }
}

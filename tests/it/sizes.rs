//! The size of replies: no reply is larger than a client shows, which is 50,000 characters of text and 25,000
//! tokens in all.

use serde_json::{Value, json};

use crate::harness::{Client, Server, scripted, three};

/// Claude Code's limit for a text, in UTF-16 units.
const MOST_CHARACTERS: usize = 50_000;

/// Claude Code's limit for a whole reply. A token counts as four bytes on the wire.
const MOST_BYTES: usize = 25_000 * 4;

/// Calls a tool, and returns its result with the largest text and the bytes of the whole.
fn measured(client: &mut Client, tool: &str, arguments: &Value) -> (Value, usize, usize) {
    let result =
        client.request("tools/call", json!({ "name": tool, "arguments": arguments }))["result"].clone();
    let texts = result["content"].as_array().unwrap_or_else(|| panic!("{tool}: {result}")).iter();
    let text = texts.filter_map(|block| block["text"].as_str()).map(|text| text.encode_utf16().count()).max();
    let data = result["structuredContent"].to_string().encode_utf16().count();
    let characters = text.unwrap_or(0).max(data);
    (result["structuredContent"].clone(), characters, result.to_string().len())
}

fn assert_shown(client: &mut Client, tool: &str, arguments: &Value) -> Value {
    let (result, characters, bytes) = measured(client, tool, arguments);
    assert!(characters < MOST_CHARACTERS, "{tool}: {characters} characters");
    assert!(bytes <= MOST_BYTES, "{tool}: {bytes} bytes");
    result
}

/// Texts of the same length, from light to heavy on the wire.
fn dense(length: usize) -> Vec<(&'static str, String)> {
    let repeated = |unit: &str| unit.repeat(length / unit.chars().count() + 1).chars().take(length).collect();
    vec![
        ("prose", repeated("The cause is a divisor that is a constant.\n")),
        ("code", repeated("    if (x == \"\\n\") { return '\\\\'; }\n")),
        ("quotes", repeated("\"")),
        ("backslashes", repeated("\\")),
        ("newlines", repeated("\n")),
        ("korean", repeated("원인은 상수인 제수입니다. ")),
        ("emoji", repeated("🦀")),
    ]
}

#[test]
fn the_longest_answer_is_cut_where_the_client_would_cut_it() {
    let mut client = three().start();
    for (kind, text) in dense(50_000) {
        let prompt = scripted(json!({ "text": format!("a{text}b") }));
        let result = assert_shown(&mut client, "maestro_consult", &json!({ "prompt": prompt }));
        assert_eq!((&result["ok"], &result["truncated"]), (&json!(true), &json!(true)), "{kind}");
        let whole = std::fs::read_to_string(result["content_file"].as_str().unwrap()).unwrap();
        assert_eq!(whole.trim(), format!("a{text}b").trim(), "{kind}");
        let shown = result["content"].as_str().unwrap();
        assert!(whole.starts_with(shown) && shown.chars().count() > 10_000, "{kind}: {}", shown.len());
        assert_shown(
            &mut client,
            "maestro_ensemble_generate",
            &json!({ "task": prompt, "providers": ["codex", "gemini", "claude"], "n_per_provider": 2 }),
        );
    }
}

#[test]
fn an_answer_by_a_schema_is_not_sent_twice_where_it_is_long() {
    let mut client = Server::new().codex().start();
    let rationale = "\"quoted\" ".repeat(700);
    let answer = json!({ "winner_id": "a", "scores": { "a": 1 }, "rationale": rationale }).to_string();
    let prompt = scripted(json!({ "text": answer }));
    let arguments = json!({ "prompt": prompt, "schema": "judge_output" });
    let result = assert_shown(&mut client, "maestro_consult", &arguments);
    assert_eq!((&result["ok"], &result["truncated"]), (&json!(true), &json!(false)));
    assert!(result["content"].as_str().unwrap().contains(&rationale[..100].replace('"', "\\\"")));
}

/// A sentence that is heavy on the wire.
fn long(number: usize) -> String {
    format!("{number}: \"quoted\\path\" 관찰 결과. ").repeat(5)
}

/// Records twelve runs with two revisions each, and eighty long pieces of evidence. Returns the requests for
/// approval.
fn fill_the_log(client: &mut Client) -> Vec<Value> {
    let outputs = json!({
        "observations": (0..10).map(long).collect::<Vec<_>>(),
        "repro_steps": (0..10).map(long).collect::<Vec<_>>(),
        "affected_modules": (0..10).map(|number| format!("src/module_{number}.py")).collect::<Vec<_>>(),
        "invariants": (0..10).map(long).collect::<Vec<_>>(),
    });
    let mut requests = Vec::new();
    for run in 0..12 {
        let begun = client
            .call("maestro_workflow_with_hitl", json!({ "task": format!("task {run}: {}", long(run)) }));
        let id = begun["workflow_id"].clone();
        for round in 0..3 {
            let submission = json!({ "stage": "analyze", "outputs": outputs, "workflow_id": id });
            let asked = assert_shown(client, "maestro_request_approval", &submission);
            assert_eq!(asked["ok"], true, "{asked}");
            requests.push(asked["request_id"].clone());
            if round < 2 {
                let decision = json!({
                    "request_id": asked["request_id"], "approved": false,
                    "revision_instructions": long(round).repeat(8), "feedback": long(round).repeat(8),
                });
                assert_eq!(assert_shown(client, "maestro_submit_approval", &decision)["ok"], true);
            }
        }
    }
    for number in 0..80 {
        let evidence = json!({
            "evidence_type": "observation", "stage": "analyze", "source": long(number),
            "content": { "what": long(number).repeat(30), "list": [long(1), long(2)] },
        });
        assert_eq!(client.call("maestro_log_evidence", evidence)["ok"], true);
    }
    requests
}

/// A project with a large log and large files, and the default results of its tools.
#[test]
fn no_tool_says_more_than_a_client_shows() {
    let line = "def test_of_something_long(): assert \"a\" == 'b'  # \\ 원인\n";
    let mut server = three();
    for number in 0..12 {
        server = server.file(&format!("src/module_{number}.py"), line.repeat(800));
    }
    let mut client = server.start();
    let requests = fill_the_log(&mut client);
    let history = assert_shown(&mut client, "maestro_get_approval_history", &json!({}));
    assert_eq!((&history["count"], &history["total"]), (&json!(20), &json!(36)), "{}", history["shortened"]);
    for entry in history["history"].as_array().unwrap() {
        assert!(entry.get("report").is_none() && entry["summary"].is_string(), "{entry}");
    }
    let one = json!({ "request_id": requests[3] });
    let one = assert_shown(&mut client, "maestro_get_approval_history", &one);
    assert_eq!(one["history"][0]["request_id"], requests[3]);
    assert!(one["history"][0]["report"]["questions"].is_array());
    let waiting = assert_shown(&mut client, "maestro_get_pending_approvals", &json!({}));
    assert_eq!((&waiting["count"], waiting.get("shortened")), (&json!(12), None));
    assert!(waiting["pending_requests"][0]["report"].is_object());

    let all = (0..12).map(|number| format!("src/module_{number}.py")).collect::<Vec<_>>();
    let candidate = |id: &str| json!({ "id": id, "provider": "codex", "content": line.repeat(500) });
    let patch: String = (0..300)
        .map(|number| {
            format!(
                "--- /dev/null\n+++ b/new/file_{number}.txt\n@@ -0,0 +1 @@\n+{}\n",
                "a \"word\" ".repeat(9)
            )
        })
        .collect();
    let answers = scripted(json!({ "text": line.repeat(30) }));
    for (tool, arguments) in [
        ("maestro_get_evidence_chain", json!({})),
        ("maestro_get_evidence_chain", json!({ "limit": 500 })),
        ("maestro_get_metrics", json!({})),
        ("maestro_get_metrics", json!({ "scope": "project" })),
        ("maestro_workflow_state", json!({})),
        ("maestro_list_providers", json!({})),
        ("maestro_get_loaded_tools", json!({})),
        ("maestro_get_coordination_policy", json!({})),
        ("maestro_get_coordination_stats", json!({})),
        ("maestro_get_micro_steps", json!({})),
        ("maestro_get_schema", json!({ "schema": "tools" })),
        ("maestro_get_skill", json!({ "stage": "analyze" })),
        ("maestro_get_stage_questions", json!({ "stage": "improve" })),
        ("maestro_help", json!({ "topic": "overview" })),
        ("maestro_help", json!({ "topic": "no such thing" })),
        ("maestro_pack_context", json!({ "files": all })),
        ("maestro_pack_context", json!({ "files": all, "max_chars": 400_000 })),
        ("maestro_verify", json!({ "commands": [] })),
        ("maestro_apply_patch", json!({ "patch": patch, "dry_run": true })),
        ("maestro_consensus_vote", json!({ "question": answers, "max_response_chars": 15_000 })),
        ("maestro_vote_micro_step", json!({ "step_type": "h1_root_cause", "prompt": answers })),
        ("maestro_calibrate", json!({ "step_type": "h1_root_cause", "test_prompt": answers })),
        ("maestro_select_best", json!({ "candidates": [candidate("a"), candidate("b"), candidate("c")] })),
        ("maestro_red_flag_check", json!({ "content": line.repeat(2_000) })),
        ("maestro_validate_content", json!({ "content": line.repeat(2_000), "content_type": "diff" })),
        ("maestro_recommend_tools", json!({ "task_description": line.repeat(2_000) })),
        (
            "maestro_classify_task",
            json!({ "task_description": line.repeat(2_000), "error_logs": line.repeat(2_000) }),
        ),
        ("maestro_run_stage", json!({ "stage": "analyze", "task": answers, "context_files": all })),
        (
            "maestro_run_stage_with_approval",
            json!({ "stage": "analyze", "task": answers, "context_files": all }),
        ),
    ] {
        assert_shown(&mut client, tool, &arguments);
    }
}

/// A text that does not fit goes to a file, and the result first names what it leaves out.
#[test]
fn what_is_left_out_of_a_result_is_told_first() {
    let mut client = Server::new().start();
    let facts: Vec<String> =
        (0..400).map(|number| format!("fact {number}: {}", "\"\\\" ".repeat(60))).collect();
    let arguments = json!({ "facts": facts, "max_chars": 400_000 });
    let result = assert_shown(&mut client, "maestro_pack_context", &arguments);
    let keys: Vec<&String> = result.as_object().unwrap().keys().take(3).collect();
    assert_eq!(keys, ["ok", "shortened", "whole_result"], "{keys:?}");
    assert!(
        result["shortened"][0]["left_out"].as_str().unwrap().ends_with("characters"),
        "{}",
        result["shortened"]
    );
    let whole = std::fs::read_to_string(result["whole_result"].as_str().unwrap()).unwrap();
    let whole: Value = serde_json::from_str(&whole).unwrap();
    let text = |result: &Value| {
        let fields = result.as_object().unwrap().values();
        fields.filter_map(Value::as_str).map(str::len).max().unwrap()
    };
    assert!(text(&whole) > 80_000 && text(&result) < 50_000);
}

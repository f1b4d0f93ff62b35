//! A log that cannot be written or read.

use serde_json::{Value, json};

use super::{FIRST_DIFF, arguments, hand_in, patch, project};
use crate::harness::{Client, Server};

fn assert_store_error(reply: &Value, code: &str) {
    assert_eq!((&reply["ok"], &reply["code"]), (&json!(false), &json!(code)), "{reply}");
    assert!(reply["hint"].as_str().is_some_and(|hint| hint.len() > 10), "{reply}");
}

fn every_workflow_tool(client: &mut Client, code: &str, reads: bool) {
    let begun = client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    assert_store_error(&begun, code);
    for tool in ["maestro_run_stage", "maestro_run_stage_with_approval"] {
        assert_store_error(&client.call(tool, arguments("analyze")), code);
    }
    assert_store_error(&hand_in(client, "analyze"), code);
    if reads {
        for tool in
            ["maestro_workflow_state", "maestro_get_pending_approvals", "maestro_get_approval_history"]
        {
            assert_store_error(&client.call(tool, json!({})), code);
        }
        let decision = json!({ "request_id": "any", "approved": true });
        assert_store_error(&client.call("maestro_submit_approval", decision), code);
    }
    assert!(client.log("gemini").is_empty(), "no CLI is asked if its answer cannot be recorded");
}

fn plain_consults_work(client: &mut Client) {
    let reply = client.call("maestro_consult", json!({ "prompt": "why?" }));
    assert_eq!(reply["ok"], true, "{reply}");
    let both = json!({ "task": "why?", "providers": ["codex", "codex"] });
    assert_eq!(client.call("maestro_ensemble_generate", both)["ok"], true);
    assert_eq!(client.log("codex").len(), 2);
    let logged = client.server.logged();
    assert!(logged.contains("WARN") && logged.contains("log"), "{logged}");
}

#[test]
fn a_project_that_cannot_be_written_to() {
    let server = project().keeps_log().run_as_nobody();
    if server.command().arg("--version").output().is_err() {
        eprintln!("SKIPPED: nobody may not run the server, so a read-only project was not tried");
        return;
    }
    let mut client = server.start();
    every_workflow_tool(&mut client, "store_read_only", false);
    plain_consults_work(&mut client);
    assert_eq!(client.call("maestro_workflow_state", json!({}))["workflow"]["current_stage"], Value::Null);
    assert!(!client.project().join(".maestro").exists());
}

fn damaged() -> Server {
    project().keeps_log().file(".maestro/maestro.db", vec![7_u8; 40_000])
}

#[test]
fn a_log_that_is_none() {
    let mut client = damaged().start();
    every_workflow_tool(&mut client, "store_corrupt", true);
    plain_consults_work(&mut client);
    // Only the log tells if a run forbids the patch.
    let reply = patch(&mut client, FIRST_DIFF);
    assert_eq!((&reply["ok"], &reply["code"]), (&json!(false), &json!("log_unavailable")), "{reply}");
    client.close();
    let left = std::fs::read(client.project().join(".maestro/maestro.db")).unwrap();
    assert_eq!(left, vec![7_u8; 40_000], "the file is as it was");
}

#[test]
fn a_log_that_is_damaged_in_the_middle() {
    let mut client = project().start();
    super::begin(&mut client);
    super::pass(&mut client, "analyze");
    assert!(client.close().0.success());
    let path = client.project().join(".maestro/maestro.db");
    let mut bytes = std::fs::read(&path).unwrap();
    // The pages are there, but their content is damaged.
    let length = bytes.len();
    bytes[4_096..length].fill(0xEE);
    for extra in ["maestro.db-wal", "maestro.db-shm"] {
        let _ = std::fs::remove_file(client.project().join(".maestro").join(extra));
    }
    std::fs::write(&path, &bytes).unwrap();
    let mut next = client.server.beside().keeps_log().start();
    let reply = next.call("maestro_workflow_state", json!({}));
    assert_store_error(&reply, "store_corrupt");
    let calls = next.log("codex").len();
    assert_eq!(next.call("maestro_consult", json!({ "prompt": "why?" }))["ok"], true);
    assert_eq!(next.log("codex").len(), calls + 1);
    next.close();
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "the file is as it was");
}

//! Stages whose caller or server goes away.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    analysis, approve, arguments, assert_whole, begin, count, events, hypotheses, pass, project, request_of,
    state, task,
};
use crate::harness::{Client, PATIENCE, Server, eventually, is_alive};

fn slow(seconds: f64) -> Value {
    let mut call = arguments("analyze");
    call["task"] = json!(task(&json!({ "text": analysis().to_string(), "sleep": seconds })));
    call
}

/// Codex answers at once; gemini is slow the first time.
fn one_slow() -> Value {
    let mut call = arguments("hypothesize");
    call["task"] = json!(task(&json!({
        "codex": { "text": hypotheses("of codex").to_string() },
        "gemini": { "text": hypotheses("of gemini").to_string(), "sleep": 60, "later": { "sleep": 0 } },
    })));
    call
}

const STAGE: &str = "maestro_run_stage_with_approval";

#[test]
fn a_cancelled_stage_goes_on_to_its_end() {
    let mut client = project().start();
    begin(&mut client);
    let id = client.begin_call(STAGE, slow(0.4));
    client.wait_for_calls("gemini", 1);
    client.cancel(id);
    // Repeats the call while the stage is still at work.
    let reply = client.call(STAGE, slow(0.4));
    assert_eq!((&reply["ok"], &reply["approval"]["status"]), (&json!(true), &json!("pending")), "{reply}");
    let again = client.call(STAGE, slow(0.4));
    assert_eq!(again["from_log"], true, "{again}");
    assert_eq!(request_of(&again), request_of(&reply));
    assert_eq!(again["stage_result"]["output"], reply["stage_result"]["output"]);
    assert_eq!(client.log("gemini").len(), 1);
    approve(&mut client, &request_of(&reply));
    assert_eq!(state(&mut client)["state"], "ready(hypothesize)");
}

#[test]
fn the_result_of_a_cancelled_stage_waits_in_the_log() {
    for tool in [STAGE, "maestro_run_stage"] {
        let mut client = project().start();
        let is_loose = tool == "maestro_run_stage";
        if !is_loose {
            begin(&mut client);
        }
        let id = client.begin_call(tool, slow(0.2));
        client.wait_for_calls("gemini", 1);
        client.cancel(id);
        eventually("it ends", PATIENCE, || count(&client.server, "stage_finished") == 1);
        let reply = client.call(tool, slow(0.2));
        assert_eq!((&reply["ok"], &reply["from_log"]), (&json!(true), &json!(true)), "{reply}");
        assert_eq!(client.log("gemini").len(), 1, "{tool}");
        if is_loose {
            let anew = client.call(tool, slow(0.2));
            assert_eq!(anew["from_log"], Value::Null, "its caller has the first one: {anew}");
            assert_eq!(client.log("gemini").len(), 2);
        }
    }
}

#[test]
fn a_plain_consult_is_killed_at_once() {
    let mut client = project().start();
    let run = begin(&mut client)["workflow_id"].clone();
    let script = crate::harness::scripted(json!({ "sleep": 60 }));
    let id = client.begin_call("maestro_consult", json!({ "prompt": script, "workflow_id": run }));
    let pid = client.wait_for_calls("codex", 1)[0]["pid"].as_u64().unwrap();
    assert!(is_alive(pid));
    client.cancel(id);
    eventually("it is gone", Duration::from_secs(3), || !is_alive(pid));
    eventually("it is settled", PATIENCE, || count(&client.server, "consult_settled") == 1);
    let state = state(&mut client);
    assert_eq!(
        (&state["budget"]["used"], &state["budget"]["left_in_stage"]),
        (&json!(1), &json!(2)),
        "{state}"
    );
}

fn begun(server: Server) -> Client {
    let mut client = server.start();
    client
        .call("maestro_workflow_with_hitl", json!({ "task": "mend the mean", "start_stage": "hypothesize" }));
    client.begin_call(STAGE, one_slow());
    client.wait_for_calls("gemini", 1);
    eventually("codex has answered", PATIENCE, || {
        let events = events(&client.server);
        events
            .iter()
            .any(|(kind, body)| kind == "answered" && body["data"]["candidate"]["provider"] == "codex")
    });
    client
}

fn goes_on(client: &Client, consults: u64) {
    let mut next = client.server.beside().start();
    let reply = next.call(STAGE, one_slow());
    assert_eq!((&reply["ok"], &reply["mode"]), (&json!(true), &json!("ensemble")), "{reply}");
    let candidates = reply["stage_result"]["output"]["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 2, "{reply}");
    assert!(candidates.iter().all(|candidate| candidate["ok"] == true), "{reply}");
    assert_eq!(next.log("codex").len(), 1, "what was answered is not asked again");
    assert_eq!(next.log("gemini").len(), 2);
    assert_eq!(state(&mut next)["total_consults"], consults);
    assert_eq!(count(&next.server, "stage_interrupted"), 1);
    assert_eq!(count(&next.server, "stage_resumed"), 1);
    assert_eq!(approve(&mut next, &request_of(&reply))["status"], "approved");
    assert_whole(&next.server);
}

#[test]
fn the_end_of_input_in_the_middle_of_a_stage() {
    let mut client = begun(project());
    let pid = client.wait_for_calls("gemini", 1)[0]["pid"].as_u64().unwrap();
    let (status, took) = client.close();
    assert!(status.success() && took < Duration::from_secs(1), "{status} {took:?}");
    assert!(!is_alive(pid));
    let interrupted: Vec<Value> = events(&client.server)
        .into_iter()
        .filter(|(kind, _)| kind == "stage_interrupted")
        .map(|(_, body)| body["data"]["why"].clone())
        .collect();
    assert_eq!(interrupted, ["its server ended"]);
    assert_eq!(state(&mut client.server.beside().start())["state"], "ready(hypothesize)");
    goes_on(&client, 3);
}

#[test]
fn a_signal_in_the_middle_of_a_stage() {
    let mut client = begun(project());
    client.signal("TERM");
    assert_eq!(count(&client.server, "stage_interrupted"), 1);
    goes_on(&client, 3);
}

#[test]
fn a_kill_in_the_middle_of_a_stage() {
    let mut client = begun(project());
    client.signal("KILL");
    assert_eq!(count(&client.server, "stage_interrupted"), 0);
    assert_eq!(state(&mut client.server.beside().start())["state"], "running(hypothesize)");
    goes_on(&client, 3);
}

#[test]
fn a_killed_stage_gives_way_to_another_question() {
    let mut client = project().start();
    begin(&mut client);
    client.begin_call(STAGE, slow(60.0));
    client.wait_for_calls("gemini", 1);
    client.signal("KILL");
    let mut next = client.server.beside().start();
    let reply = super::stage(&mut next, "analyze");
    assert_eq!((&reply["ok"], &reply["from_log"]), (&json!(true), &Value::Null), "{reply}");
    assert_eq!(count(&next.server, "stage_interrupted"), 1);
    assert_eq!(next.log("gemini").len(), 2);
}

#[test]
fn a_killed_revision_stays_one() {
    let mut client = project().start();
    begin(&mut client);
    let request = request_of(&super::stage(&mut client, "analyze"));
    client.call(
        "maestro_submit_approval",
        json!({ "request_id": request, "approved": false, "revision_instructions": "name the caller" }),
    );
    client.begin_call(STAGE, slow(60.0));
    client.wait_for_calls("gemini", 2);
    client.signal("KILL");
    let mut next = client.server.beside().start();
    let reply = super::stage(&mut next, "analyze");
    assert_eq!((&reply["ok"], &reply["iteration"]), (&json!(true), &json!(2)), "{reply}");
    let last = next.log("gemini").pop().unwrap();
    assert!(last["prompt"].as_str().unwrap().contains("name the caller"));
}

#[test]
fn a_killed_stage_outside_any_run_goes_on_where_it_was() {
    let mut client = project().start();
    client.begin_call("maestro_run_stage", one_slow());
    client.wait_for_calls("gemini", 1);
    eventually("codex has answered", PATIENCE, || count(&client.server, "answered") == 1);
    client.signal("KILL");
    let mut next = client.server.beside().start();
    let reply = next.call("maestro_run_stage", one_slow());
    assert_eq!(reply["ok"], true, "{reply}");
    assert_eq!((next.log("codex").len(), next.log("gemini").len()), (1, 2));
}

#[test]
fn a_killed_stage_that_nobody_can_be_asked_for_again_is_the_orchestrators() {
    let mut client = project().env("MAESTRO_MAX_CONSULT_TOTAL", "1").start();
    begin(&mut client);
    client.begin_call(STAGE, slow(60.0));
    client.wait_for_calls("gemini", 1);
    client.signal("KILL");
    let mut next = client.server.beside().start();
    let reply = next.call(STAGE, slow(60.0));
    assert_eq!((&reply["ok"], &reply["mode"]), (&json!(true), &json!("solo")), "{reply}");
    assert_eq!(next.log("gemini").len(), 1);
    let request = super::hand_in(&mut next, "analyze")["request_id"].as_str().unwrap().to_owned();
    assert_eq!(approve(&mut next, &request)["status"], "approved");
    assert_whole(&next.server);
}

#[test]
fn a_killed_candidate_that_cannot_be_asked_again_does_not_spoil_the_other() {
    let mut client = begun(project().env("MAESTRO_MAX_CONSULT_TOTAL", "2"));
    client.signal("KILL");
    let mut next = client.server.beside().start();
    let reply = next.call(STAGE, one_slow());
    assert_eq!((&reply["ok"], &reply["stage_result"]["output"]["provider"]), (&json!(true), &json!("codex")));
    let other = &reply["stage_result"]["output"]["candidates"][1];
    assert_eq!((&other["id"], &other["code"]), (&json!("gemini-1"), &json!("budget_exhausted")), "{reply}");
    assert_eq!((next.log("codex").len(), next.log("gemini").len()), (1, 1));
}

#[test]
fn a_killed_stage_whose_provider_refuses_meanwhile_is_answered_by_the_next() {
    let script = json!({
        "text": analysis().to_string(),
        "gemini": { "sleep": 60, "later": { "sleep": 0, "status": 401, "message": "API key not valid" } },
    });
    for named in [false, true] {
        let mut call = arguments("analyze");
        call["task"] = json!(task(&script));
        if named {
            call["providers"] = json!(["gemini"]);
        }
        let mut client = project().fake("claude", "claude").start();
        begin(&mut client);
        client.begin_call(STAGE, call.clone());
        client.wait_for_calls("gemini", 1);
        client.signal("KILL");
        let mut next = client.server.beside().start();
        let reply = next.call(STAGE, call);
        assert_eq!(count(&next.server, "stage_resumed"), 1);
        assert_eq!((&reply["ok"], next.log("gemini").len()), (&json!(!named), 2), "{reply}");
        if named {
            assert_eq!(reply["code"], "login_missing", "{reply}");
            assert!(next.log("claude").is_empty(), "a named provider is never replaced");
        } else {
            assert_eq!(reply["stage_result"]["output"]["provider"], "claude", "{reply}");
            assert!(reply.to_string().contains("claude answers instead"), "{reply}");
        }
    }
}

#[test]
fn a_plain_consult_of_a_run_is_settled_at_the_end_of_input() {
    let mut client = project().start();
    let run = begin(&mut client)["workflow_id"].clone();
    let script = crate::harness::scripted(json!({ "sleep": 60 }));
    client.begin_call("maestro_consult", json!({ "prompt": script, "workflow_id": run }));
    client.wait_for_calls("codex", 1);
    let (status, took) = client.close();
    assert!(status.success() && took < Duration::from_secs(1), "{status} {took:?}");
    assert_eq!((count(&client.server, "consult_reserved"), count(&client.server, "consult_settled")), (1, 1));
}

#[test]
fn a_call_that_is_cancelled_closes_its_dialog() {
    let mut client = project().human_by(|_| None).start();
    begin(&mut client);
    let id = client.begin_call(STAGE, arguments("analyze"));
    let asked = client.line_with("elicitation/create");
    client.cancel(id);
    let closed = client.line_with("notifications/cancelled");
    assert_eq!(closed["params"]["requestId"], asked["id"]);
    assert_eq!(state(&mut client)["state"], "awaiting_approval(analyze)");
    // A late answer has no effect.
    client.send(&json!({
        "jsonrpc": "2.0", "id": asked["id"],
        "result": { "action": "accept", "content": { "decision": "approve" } },
    }));
    assert_eq!(state(&mut client)["state"], "awaiting_approval(analyze)");
    assert_eq!(client.log("gemini").len(), 1);
}

#[test]
fn the_end_of_input_while_a_dialog_is_open_leaves_it_pending() {
    let mut client = project().human_by(|_| None).start();
    begin(&mut client);
    client.begin_call(STAGE, arguments("analyze"));
    client.line_with("elicitation/create");
    let (status, took) = client.close();
    assert!(status.success() && took < Duration::from_millis(500), "{status} {took:?}");
    let mut next = client.server.beside().start();
    let again = next.call(STAGE, arguments("analyze"));
    assert_eq!((&again["from_log"], &again["approval"]["status"]), (&json!(true), &json!("pending")));
    assert_eq!(next.log("gemini").len(), 1);
}

#[test]
fn an_end_while_a_failed_cli_is_tried_again() {
    let mut client = project().start();
    begin(&mut client);
    let mut call = arguments("analyze");
    call["providers"] = json!(["gemini"]);
    call["task"] = json!(task(&json!({ "status": 503, "message": "overloaded" })));
    client.begin_call(STAGE, call);
    client.wait_for_calls("gemini", 2);
    // The pause before the third try takes 4 s.
    std::thread::sleep(Duration::from_millis(500));
    let (status, took) = client.close();
    assert!(status.success() && took < Duration::from_millis(800), "{took:?}");
    assert_eq!(count(&client.server, "stage_interrupted"), 1);
}

#[test]
fn an_idle_server_ends_at_once() {
    let mut client = project().start();
    begin(&mut client);
    pass(&mut client, "analyze");
    let (status, took) = client.close();
    assert!(status.success() && took < Duration::from_millis(300), "{took:?}");
}

//! Approvals: decisions that count, and claims that do not.

use serde_json::{Value, json};

use super::{approve, arguments, begin, pass, project, request_of, stage, state};
use crate::harness::{Answer, Client, Server};

fn pending(client: &mut Client) -> bool {
    state(client)["state"] == "awaiting_approval(analyze)"
}

fn decided_by(client: &mut Client) -> Value {
    client.call("maestro_get_approval_history", json!({}))["history"][0]["decided_by"].clone()
}

#[test]
fn what_is_no_clear_decision_leaves_it_pending() {
    let answers = [
        Answer::decline(),
        Answer::cancel(),
        Answer::accept(json!({})),
        Answer::accept(json!({ "decision": "yes" })),
        Answer::accept(json!({ "decision": "approve", "other": "x" })),
        Answer::raw(json!({ "action": "accept" })),
        Answer::raw(json!({ "action": "maybe" })),
    ];
    for modern in [false, true] {
        for answer in answers.clone() {
            let server = project().human(answer.clone());
            let mut client = if modern { server.modern() } else { server }.start();
            begin(&mut client);
            let reply = stage(&mut client, "analyze");
            assert_eq!(reply["approval"]["status"], "pending", "{modern} {answer:?}: {reply}");
            assert_eq!(client.asked().len(), 1);
            assert!(pending(&mut client), "{modern} {answer:?}");
            assert_eq!(client.log("gemini").len(), 1);
        }
    }
}

#[test]
fn submitting_does_not_take_the_word_of_the_model_where_a_human_can_be_asked() {
    for modern in [false, true] {
        let server =
            project().human(Answer::decline()).human(Answer::decline()).human(Answer::revise("shorter"));
        let mut client = if modern { server.modern() } else { server }.start();
        begin(&mut client);
        let request = request_of(&stage(&mut client, "analyze"));
        let reply = approve(&mut client, &request);
        assert_eq!((&reply["ok"], &reply["code"]), (&json!(false), &json!("undecided")), "{reply}");
        assert!(pending(&mut client));
        let reply = approve(&mut client, &request);
        assert_eq!(reply["status"], "revision_requested", "the human said so, not the model: {reply}");
        assert_eq!(reply["decided_by"], "elicitation");
        assert_eq!(reply["feedback_summary"]["revision_instructions"], "shorter");
    }
}

#[test]
fn a_client_that_does_not_ask_at_every_call_is_not_taken_for_a_human() {
    for (name, version, expected) in [
        ("claude-code", "2.1.199", "client_dialog"),
        ("claude-code", "2.2.0", "client_dialog"),
        ("claude-code", "10.0", "client_dialog"),
        ("claude-code", "2.1.198", "relayed"),
        ("claude-code", "", "relayed"),
        ("claude-code-next", "2.1.199", "relayed"),
    ] {
        let mut client = project().client(name, version).start();
        begin(&mut client);
        pass(&mut client, "analyze");
        assert_eq!(decided_by(&mut client), expected, "{name} {version}");
    }
}

#[test]
fn a_client_with_its_own_dialog_asks_once() {
    let mut client = project().client("claude-code", "2.1.199").human(Answer::cancel()).start();
    begin(&mut client);
    let request = request_of(&stage(&mut client, "analyze"));
    assert_eq!(client.asked().len(), 1);
    assert_eq!(approve(&mut client, &request)["decided_by"], "client_dialog");
    assert_eq!(client.asked().len(), 1);
}

#[test]
fn only_a_human_decides_where_that_is_set() {
    let mut client = project().env("MAESTRO_APPROVALS", "human").start();
    begin(&mut client);
    let request = request_of(&stage(&mut client, "analyze"));
    let reply = approve(&mut client, &request);
    assert_eq!((&reply["ok"], &reply["code"]), (&json!(false), &json!("human_wanted")), "{reply}");
    let hint = reply["hint"].as_str().unwrap();
    assert!(hint.contains(&format!("maestro-mcp approvals show {request}")), "{hint}");
    assert!(pending(&mut client));
    let mut client = project().env("MAESTRO_APPROVALS", "human").human(Answer::approve()).start();
    begin(&mut client);
    let reply = stage(&mut client, "analyze");
    assert_eq!(reply["approval"]["decided_by"], "elicitation", "{reply}");
}

#[test]
fn nobody_is_asked_where_that_is_set() {
    for modern in [false, true] {
        let server = project().env("MAESTRO_APPROVALS", "relay").human_by(|_| Some(Answer::reject()));
        let mut client = if modern { server.modern() } else { server }.start();
        begin(&mut client);
        let request = request_of(&stage(&mut client, "analyze"));
        assert_eq!(approve(&mut client, &request)["decided_by"], "relayed");
        assert!(client.asked().is_empty());
    }
}

#[test]
fn the_policy_approves_what_is_harmless_and_never_a_change() {
    let mut client = project().start();
    client.call(
        "maestro_workflow_with_hitl",
        json!({ "task": "mend the mean", "auto_approve_low_risk": true }),
    );
    let reply = stage(&mut client, "analyze");
    assert_eq!(reply["approval"]["decided_by"], "policy", "{reply}");
    assert_eq!(reply["state"], "ready(hypothesize)");
    // A caller who lost that result gets it again.
    let again = stage(&mut client, "analyze");
    assert_eq!(
        (&again["from_log"], &again["stage_result"]["success"]),
        (&json!(true), &json!(true)),
        "{again}"
    );
    assert_eq!(client.log("gemini").len(), 1);
    let mut two = super::hypotheses("the divisor is a constant");
    let mut other = super::hypotheses("the sum is wrong")["hypotheses"][0].clone();
    other["id"] = json!("H2");
    two["hypotheses"].as_array_mut().unwrap().push(other);
    let mut call = arguments("hypothesize");
    call["task"] = json!(super::answered(&two));
    let reply = client.call("maestro_run_stage_with_approval", call);
    assert_eq!(reply["approval"]["decided_by"], "policy", "{reply}");
    let reply = stage(&mut client, "implement");
    assert_eq!(reply["approval"]["status"], "pending", "{reply}");
    assert_eq!(state(&mut client)["state"], "awaiting_approval(implement)");
}

#[test]
fn the_policy_does_not_approve_what_was_flagged() {
    let mut client = project().start();
    client.call(
        "maestro_workflow_with_hitl",
        json!({ "task": "mend the mean", "auto_approve_low_risk": true }),
    );
    let mut call = arguments("analyze");
    call["task"] = json!(super::task(&json!({
        "text": "I am not sure which one it is.",
        "later": { "text": super::analysis().to_string() },
    })));
    let reply = client.call("maestro_run_stage_with_approval", call);
    assert_eq!((&reply["ok"], &reply["approval"]["status"]), (&json!(true), &json!("pending")), "{reply}");
}

#[test]
fn the_first_decision_is_final() {
    let mut client = project().start();
    begin(&mut client);
    let request = request_of(&stage(&mut client, "analyze"));
    approve(&mut client, &request);
    let reply = client.call("maestro_submit_approval", json!({ "request_id": request, "approved": false }));
    super::assert_refused(&reply, "already_decided", "ready(hypothesize)", "maestro_workflow_state");
    assert!(reply["error"].as_str().unwrap().contains("was approved before"), "{reply}");
}

#[test]
fn an_answer_to_no_question_of_the_stage_is_refused() {
    let mut client = project().start();
    begin(&mut client);
    let request = request_of(&stage(&mut client, "analyze"));
    let reply = client.call(
        "maestro_submit_approval",
        json!({ "request_id": request, "approved": true, "question_responses": { "no_such": "x" } }),
    );
    assert_eq!(reply["code"], "invalid_arguments", "{reply}");
    assert!(pending(&mut client));
    let reply = client.call("maestro_submit_approval", json!({ "request_id": "none", "approved": true }));
    assert_eq!(reply["code"], "unknown_request");
    assert!(reply["hint"].as_str().unwrap().contains(&request), "{reply}");
}

/// Begins a stage in the stateless era. Returns the client, the same call with an answer, and the reply that
/// asks.
fn asked(server: Server) -> (Client, Value, Value) {
    let mut client = server.modern().human_by(|_| None).start();
    begin(&mut client);
    let call = json!({ "name": "maestro_run_stage_with_approval", "arguments": arguments("analyze") });
    let reply = client.request("tools/call", call.clone())["result"].clone();
    assert_eq!(reply["resultType"], "input_required", "{reply}");
    let name = reply["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let mut again = call;
    again["requestState"] = reply["requestState"].clone();
    again["inputResponses"] = json!({ name: { "action": "accept", "content": { "decision": "approve" } } });
    (client, again, reply)
}

fn structured(client: &mut Client, call: &Value) -> Value {
    client.request("tools/call", call.clone())["result"]["structuredContent"].clone()
}

#[test]
fn an_answer_that_decides_nothing_uses_its_state_up_as_well() {
    let (mut client, mut again, _) = asked(project());
    let name = again["inputResponses"].as_object().unwrap().keys().next().unwrap().clone();
    let approval = again["inputResponses"].clone();
    again["inputResponses"] = json!({ name: { "action": "decline" } });
    let declined = structured(&mut client, &again);
    assert_eq!(declined["approval"]["status"], "pending", "{declined}");
    again["inputResponses"] = approval;
    let late = structured(&mut client, &again);
    assert_eq!((&late["ok"], &late["code"]), (&json!(false), &json!("request_state_invalid")), "{late}");
    assert_eq!(client.call("maestro_get_pending_approvals", json!({}))["count"], 1);
}

#[test]
fn the_call_with_the_answer_does_not_do_the_stage_again() {
    let (mut client, again, _) = asked(project());
    let reply = structured(&mut client, &again);
    assert_eq!(
        (&reply["from_log"], &reply["approval"]["status"]),
        (&json!(true), &json!("approved")),
        "{reply}"
    );
    assert_eq!(client.log("gemini").len(), 1);
    // The same answer again is refused, and changes nothing.
    let replayed = structured(&mut client, &again);
    assert_eq!(replayed["ok"], false, "{replayed}");
    assert_eq!(replayed["code"], "already_decided");
    assert_eq!(client.log("gemini").len(), 1);
}

#[test]
fn a_state_that_was_changed_or_belongs_elsewhere_is_refused() {
    let (mut client, again, reply) = asked(project());
    let sealed = reply["requestState"].as_str().unwrap();
    let mut changed = again.clone();
    let mut letters: Vec<char> = sealed.chars().collect();
    let middle = letters.len() / 2;
    letters[middle] = if letters[middle] == 'A' { 'B' } else { 'A' };
    changed["requestState"] = json!(letters.into_iter().collect::<String>());
    let mut other = again.clone();
    other["arguments"]["context_facts"] = json!(["something else"]);
    let mut stateless = again.clone();
    stateless.as_object_mut().unwrap().remove("requestState");
    for (what, call) in [("changed", changed), ("other arguments", other), ("no state", stateless)] {
        let reply = structured(&mut client, &call);
        assert_eq!(reply["code"], "request_state_invalid", "{what}: {reply}");
        assert!(pending(&mut client), "{what}");
    }
    // The state of another project is refused too.
    let (_elsewhere, _, foreign) = asked(project());
    let mut call = again.clone();
    call["requestState"] = foreign["requestState"].clone();
    assert_eq!(structured(&mut client, &call)["code"], "request_state_invalid");
    assert_eq!(client.log("gemini").len(), 1);
    assert_eq!(structured(&mut client, &again)["approval"]["status"], "approved");
}

#[test]
fn a_state_outlives_its_server() {
    let (mut client, again, _) = asked(project());
    assert!(client.close().0.success());
    let mut next = client.server.beside().human_by(|_| None).start();
    let reply = structured(&mut next, &again);
    assert_eq!(reply["approval"]["decided_by"], "elicitation", "{reply}");
    assert_eq!(next.log("gemini").len(), 1);
}

#[test]
fn an_answer_to_a_request_that_is_gone_says_which_it_was_and_which_there_are() {
    let (mut client, again, _) = asked(project());
    let gone = state(&mut client)["pending_request"].as_str().unwrap().to_owned();
    assert!(client.close().0.success());
    for name in ["maestro.db", "maestro.db-wal", "maestro.db-shm"] {
        let _ = std::fs::remove_file(client.project().join(".maestro").join(name));
    }
    let mut next = client.server.beside().human_by(|_| None).start();
    let there = super::hand_in(&mut next, "analyze")["request_id"].as_str().unwrap().to_owned();
    let reply = structured(&mut next, &again);
    assert_eq!((&reply["ok"], &reply["code"]), (&json!(false), &json!("unknown_request")), "{reply}");
    assert_eq!(reply["error"], format!("there is no request `{gone}`"));
    assert_eq!(reply["hint"], format!("Available: {there}."));
    assert_eq!(next.log("gemini").len(), 1, "the stage is not done again for it");
}

#[test]
fn a_word_that_another_server_relays_leaves_a_dialog_open() {
    let mut client = project().human_by(|_| None).start();
    begin(&mut client);
    let id = client.begin_call("maestro_run_stage_with_approval", arguments("analyze"));
    let mut other = client.server.beside().start();
    crate::harness::eventually("it waits", crate::harness::PATIENCE, || {
        !other.call("maestro_get_pending_approvals", json!({}))["pending_requests"]
            .as_array()
            .unwrap_or(&Vec::new())
            .is_empty()
    });
    let open = other.call("maestro_get_pending_approvals", json!({}));
    let request = open["pending_requests"][0]["request_id"].as_str().unwrap().to_owned();
    let said = other.call("maestro_submit_approval", json!({ "request_id": request, "approved": true }));
    assert_eq!(said["code"], "dialog_open", "{said}");
    // Once the dialog is gone, the relayed decision counts.
    client.cancel(id);
    crate::harness::eventually("the dialog is gone", crate::harness::PATIENCE, || {
        let said = other.call("maestro_submit_approval", json!({ "request_id": request, "approved": true }));
        said["decided_by"] == "relayed"
    });
}

/// The log's events from the first request on.
fn since_the_request(client: &Client) -> Vec<Value> {
    let mut events = client.events();
    let at = events.iter().position(|event| event["kind"] == "approval_requested").unwrap();
    events.split_off(at)
}

#[test]
fn a_dialog_is_in_the_log_with_its_request_and_once() {
    let form = || project().human_by(|_| None);
    let page = || project().human_by(|_| None).opens_pages();
    let servers = [
        ("form", form()),
        ("page", page()),
        ("later form", form().modern()),
        ("later page", page().modern()),
    ];
    for (what, server) in servers {
        let mut client = server.start();
        begin(&mut client);
        let id = client.begin_call("maestro_run_stage_with_approval", arguments("analyze"));
        let is_shown = |message: &Value| {
            message["method"] == "elicitation/create" || message["result"]["resultType"] == "input_required"
        };
        while !client.line(crate::harness::PATIENCE).is_some_and(|message| is_shown(&message)) {}
        let events = since_the_request(&client);
        assert_eq!(events[1]["kind"], "dialog_opened", "{what}: {events:?}");
        assert_eq!(events[1]["data"]["request"], events[0]["id"], "{what}");
        let opened = events.iter().filter(|event| event["kind"] == "dialog_opened").count();
        assert_eq!(opened, 1, "{what}: {events:?}");
        let request = events[0]["id"].as_str().unwrap().to_owned();
        let mut other = client.server.beside().start();
        assert_eq!(approve(&mut other, &request)["code"], "dialog_open", "{what}");
        client.cancel(id);
        // In the stateless era the call has ended with its question, so cancelling it closes no dialog.
        if what.starts_with("later") {
            assert_eq!(approve(&mut other, &request)["code"], "dialog_open", "{what}");
            continue;
        }
        crate::harness::eventually("the dialog is gone", crate::harness::PATIENCE, || {
            approve(&mut other, &request)["decided_by"] == "relayed"
        });
    }
}

#[test]
fn a_stage_that_goes_on_without_its_call_announces_no_dialog() {
    for modern in [false, true] {
        let server = project().human_by(|_| None);
        let mut client = if modern { server.modern() } else { server }.start();
        begin(&mut client);
        let mut slow = arguments("analyze");
        slow["task"] = json!(super::task(&json!({ "sleep": 1.5, "text": super::analysis().to_string() })));
        let id = client.begin_call("maestro_run_stage_with_approval", slow);
        client.wait_for_calls("gemini", 1);
        client.cancel(id);
        let mut other = client.server.beside().start();
        crate::harness::eventually("the stage ends", crate::harness::PATIENCE, || {
            other.call("maestro_get_pending_approvals", json!({}))["count"] == 1
        });
        let events = since_the_request(&client);
        assert_eq!(events.len(), 1, "{modern}: {events:?}");
        let request = events[0]["id"].as_str().unwrap().to_owned();
        assert_eq!(approve(&mut other, &request)["decided_by"], "relayed", "{modern}");
    }
}

#[test]
fn where_nobody_is_asked_no_dialog_is_announced() {
    let asked = || project().human_by(|_| None);
    let servers = [
        ("nobody to ask", project()),
        ("relayed by choice", asked().env("MAESTRO_APPROVALS", "relay")),
        ("relayed, later era", asked().modern().env("MAESTRO_APPROVALS", "relay")),
    ];
    for (what, server) in servers {
        let mut client = server.start();
        begin(&mut client);
        let request = request_of(&stage(&mut client, "analyze"));
        let kinds: Vec<Value> =
            since_the_request(&client).into_iter().map(|event| event["kind"].clone()).collect();
        assert!(!kinds.contains(&json!("dialog_opened")), "{what}: {kinds:?}");
        let mut other = client.server.beside().start();
        assert_eq!(approve(&mut other, &request)["decided_by"], "relayed", "{what}");
    }
}

#[test]
fn a_task_announces_its_dialog_with_the_request() {
    let mut client = project().tasks().human_by(|_| None).start();
    begin(&mut client);
    client.begin_call("maestro_run_stage_with_approval", arguments("analyze"));
    let kinds = |client: &Client| -> Vec<Value> {
        client.events().into_iter().map(|event| event["kind"].clone()).collect()
    };
    crate::harness::eventually("it is asked for", crate::harness::PATIENCE, || {
        kinds(&client).contains(&json!("approval_requested"))
    });
    let since = since_the_request(&client);
    assert_eq!(since[1]["kind"], "dialog_opened", "{since:?}");
    assert_eq!(since[1]["data"]["request"], since[0]["id"], "{since:?}");
}

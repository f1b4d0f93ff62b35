//! Several servers on one project.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    analysis, approve, arguments, assert_refused, assert_whole, begin, count, pass, project, request_of,
    stage, state, task,
};

fn slow() -> Value {
    let mut call = arguments("analyze");
    call["task"] = json!(task(&json!({ "text": analysis().to_string(), "sleep": 0.5 })));
    call
}

#[test]
fn a_stage_of_another_server_is_waited_for() {
    for (tool, in_run) in [("maestro_run_stage_with_approval", true), ("maestro_run_stage", false)] {
        let mut one = project().start();
        if in_run {
            begin(&mut one);
        }
        let id = one.begin_call(tool, slow());
        one.wait_for_calls("gemini", 1);
        let mut other = one.server.beside().start();
        let there = other.call(tool, slow());
        let here = one.result(id);
        assert_eq!((&here["ok"], &there["ok"]), (&json!(true), &json!(true)), "{there}");
        let output = |reply: &Value| {
            if in_run { reply["stage_result"]["output"].clone() } else { reply["output"].clone() }
        };
        assert_eq!(output(&here), output(&there));
        if in_run {
            assert_eq!(request_of(&here), request_of(&there));
        }
        assert_eq!(one.log("gemini").len(), 1, "{tool}");
        assert_eq!(count(&one.server, "stage_finished"), 1);
    }
}

#[test]
fn the_same_stage_in_two_servers_at_once_is_asked_once() {
    for _ in 0..4 {
        let mut one = project().start();
        begin(&mut one);
        let mut other = one.server.beside().start();
        let ids = (
            one.begin_call("maestro_run_stage_with_approval", arguments("analyze")),
            other.begin_call("maestro_run_stage_with_approval", arguments("analyze")),
        );
        let (here, there) = (one.result(ids.0), other.result(ids.1));
        assert_eq!(request_of(&here), request_of(&there));
        assert_eq!(one.log("gemini").len(), 1);
    }
}

#[test]
fn another_question_does_not_push_in() {
    let mut one = project().start();
    begin(&mut one);
    let id = one.begin_call("maestro_run_stage_with_approval", slow());
    one.wait_for_calls("gemini", 1);
    let mut other = one.server.beside().start();
    assert_refused(&stage(&mut other, "analyze"), "stage_running", "running(analyze)", "Wait for it");
    assert_refused(&stage(&mut other, "implement"), "stage_running", "running(analyze)", "Wait for it");
    let handed_in = super::hand_in(&mut other, "analyze");
    assert_refused(&handed_in, "stage_running", "running(analyze)", "Wait for it");
    assert_eq!(one.result(id)["ok"], true);
}

#[test]
fn one_of_two_decisions_counts() {
    for _ in 0..4 {
        let mut one = project().start();
        begin(&mut one);
        let request = request_of(&stage(&mut one, "analyze"));
        let mut other = one.server.beside().start();
        state(&mut other);
        let ids = (
            one.begin_call("maestro_submit_approval", json!({ "request_id": request, "approved": true })),
            other.begin_call("maestro_submit_approval", json!({ "request_id": request, "approved": false })),
        );
        let replies = [one.result(ids.0), other.result(ids.1)];
        let refused: Vec<&Value> =
            replies.iter().filter(|reply| reply["code"] == "already_decided").collect();
        assert_eq!(refused.len(), 1, "{replies:?}");
        assert_eq!(count(&one.server, "approval_decided"), 1);
        let state = state(&mut one)["state"].clone();
        assert!(state == "ready(hypothesize)" || state == "stopped", "{state}");
    }
}

#[test]
fn a_run_goes_on_in_any_server() {
    let mut one = project().start();
    begin(&mut one);
    pass(&mut one, "analyze");
    let mut other = one.server.beside().start();
    let request = request_of(&stage(&mut other, "hypothesize"));
    assert_eq!(approve(&mut one, &request)["next_stage"], "implement");
    assert_eq!(stage(&mut other, "implement")["ok"], true);
    assert_whole(&one.server);
}

#[test]
fn whoever_comes_late_gets_the_result_though_the_run_is_further_on() {
    let mut one = project().start();
    one.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean", "auto_approve_low_risk": true }));
    let id = one.begin_call("maestro_run_stage_with_approval", slow());
    one.wait_for_calls("gemini", 1);
    let mut other = one.server.beside().start();
    let there = other.begin_call("maestro_run_stage_with_approval", slow());
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(one.result(id)["approval"]["decided_by"], "policy");
    // The next stage begins at once.
    let next = one.begin_call("maestro_run_stage_with_approval", arguments("hypothesize"));
    let reply = other.result(there);
    assert_eq!((&reply["ok"], &reply["stage"]), (&json!(true), &json!("analyze")), "{reply}");
    assert_eq!(one.result(next)["ok"], true);
}

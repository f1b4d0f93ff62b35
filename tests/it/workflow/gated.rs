//! A whole run, from analyze to complete, for every way of asking a human.

use serde_json::{Value, json};

use super::{
    FIRST_DIFF, SECOND_DIFF, approve, arguments, assert_whole, begin, hand_in, hypotheses, patch, project,
    request_of, stage, state, task, verify,
};
use crate::harness::{Answer, Client};

/// A function that gets the result of a stage and has the stage approved.
type Approve = fn(&mut Client, &Value) -> Value;

/// Does every step of a run. `approve` gets the result of a stage and returns the decision.
fn whole_run(client: &mut Client, approve: Approve) {
    begin(client);
    let reply = stage(client, "analyze");
    assert_eq!((&reply["ok"], &reply["mode"]), (&json!(true), &json!("consult")), "{reply}");
    assert_eq!(approve(client, &reply)["status"], "approved");

    let mut two = arguments("hypothesize");
    two["task"] = json!(task(&json!({
        "codex": { "text": hypotheses("the divisor is a constant").to_string() },
        "gemini": { "text": hypotheses("the sum is wrong").to_string() },
    })));
    let reply = client.call("maestro_run_stage_with_approval", two);
    assert_eq!(reply["mode"], "ensemble", "{reply}");
    assert_eq!(reply["stage_result"]["consults_used"], 2);
    assert_eq!(approve(client, &reply)["status"], "approved");

    let reply = stage(client, "implement");
    assert_eq!(reply["stage_result"]["output"]["structured"]["diff"], FIRST_DIFF, "{reply}");
    assert_eq!(approve(client, &reply)["status"], "approved");
    let before = state(client);
    assert_eq!(before["state"], "ready(debug)");
    assert!(before["next_step"].as_str().unwrap().starts_with("Apply the approved diff"), "{before}");

    let diff = reply["stage_result"]["output"]["structured"]["diff"].as_str().unwrap().to_owned();
    assert_eq!(patch(client, &diff)["ok"], true);
    let next = state(client)["next_step"].clone();
    assert!(next.as_str().unwrap().starts_with("Run maestro_verify"), "{next}");
    assert_eq!(verify(client)["ok"], false);
    assert_eq!(state(client)["next_step"], "Run debug with maestro_run_stage_with_approval.");

    let reply = stage(client, "debug");
    assert_eq!((&reply["mode"], &reply["iteration"]), (&json!("solo"), &json!(1)), "{reply}");
    let told = reply["solo"]["handed_on"].to_string();
    assert!(told.contains("the divisor is a constant") && told.contains("failed"), "{told}");
    assert_eq!(patch(client, SECOND_DIFF)["ok"], true);
    assert_eq!(verify(client)["ok"], true);
    let handed_in = hand_in(client, "debug");
    assert_eq!(handed_in["state"], "awaiting_approval(debug)", "{handed_in}");
    let decided = client
        .call("maestro_submit_approval", json!({ "request_id": handed_in["request_id"], "approved": true }));
    assert_eq!(decided["status"], "approved", "{decided}");
    assert_eq!(decided["next_stage"], "improve", "{decided}");

    let reply = stage(client, "improve");
    assert_eq!(approve(client, &reply)["status"], "approved");
    let state = state(client);
    assert_eq!((&state["state"], &state["current_stage"]), (&json!("complete"), &Value::Null), "{state}");
    assert_eq!(state["total_consults"], 5);
    assert_eq!(state["history"].as_array().unwrap().len(), 5);
    let calls = client.log("codex").len() + client.log("gemini").len();
    assert_eq!(calls, 5, "every consult is one call of a CLI");
    assert_whole(&client.server);
}

fn decided_by(client: &mut Client) -> Vec<String> {
    let history = client.call("maestro_get_approval_history", json!({}))["history"].clone();
    history.as_array().unwrap().iter().map(|entry| entry["decided_by"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn relayed() {
    let mut client = project().start();
    whole_run(&mut client, |client, reply| {
        assert_eq!(reply["approval"]["status"], "pending", "{reply}");
        approve(client, &request_of(reply))
    });
    assert_eq!(decided_by(&mut client), ["relayed"; 5]);
}

#[test]
fn an_approved_change_is_the_next_step_in_every_message() {
    let mut client = project().start();
    begin(&mut client);
    for name in ["analyze", "hypothesize"] {
        let reply = stage(&mut client, name);
        assert_eq!(approve(&mut client, &request_of(&reply))["status"], "approved");
    }
    let reply = stage(&mut client, "implement");
    let report = reply["approval"]["display"].as_str().unwrap();
    assert!(report.contains("NEXT: The change is applied and verified"), "{report}");
    let decided = approve(&mut client, &request_of(&reply));
    assert_eq!(decided["next_action"], "run_stage:debug");
    let message = decided["message"].as_str().unwrap();
    assert!(message.contains("maestro_apply_patch") && message.contains("maestro_verify"), "{message}");
    // A call of another stage says the same.
    let improve = stage(&mut client, "improve");
    assert_eq!(improve["code"], "stage_out_of_order", "{improve}");
    assert!(improve["hint"].as_str().unwrap().contains("maestro_apply_patch"), "{improve}");
}

#[test]
fn an_approved_change_is_the_next_step_after_a_form_too() {
    let mut client = project().human_by(|_| Some(Answer::approve())).start();
    begin(&mut client);
    for name in ["analyze", "hypothesize"] {
        assert_eq!(stage(&mut client, name)["approval"]["status"], "approved");
    }
    let reply = stage(&mut client, "implement");
    assert!(
        reply["action_required"].as_str().unwrap().starts_with("Approved. Apply the approved diff"),
        "{reply}"
    );
}

#[test]
fn by_a_form_during_the_call() {
    let mut client = project().human_by(|_| Some(Answer::approve())).start();
    whole_run(&mut client, |_, reply| reply["approval"].clone());
    assert_eq!(decided_by(&mut client), ["elicitation"; 5]);
    assert_eq!(client.asked().len(), 5);
}

#[test]
fn by_a_form_between_two_calls() {
    let mut client = project().modern().human_by(|_| Some(Answer::approve())).start();
    whole_run(&mut client, |_, reply| reply["approval"].clone());
    assert_eq!(decided_by(&mut client), ["elicitation"; 5]);
    assert_eq!(client.asked().len(), 5);
}

#[test]
fn by_the_dialog_of_the_client() {
    let mut client = project().client("claude-code", "2.1.199").start();
    whole_run(&mut client, |client, reply| approve(client, &request_of(reply)));
    assert_eq!(decided_by(&mut client), ["client_dialog"; 5]);
}

#[test]
fn begins_where_it_is_told_to() {
    let mut client = project().start();
    let run = client
        .call("maestro_workflow_with_hitl", json!({ "task": "mend the mean", "start_stage": "implement" }));
    assert_eq!(run["remaining_stages"], json!(["implement", "debug", "improve"]), "{run}");
    assert_eq!(run["state"], "ready(implement)");
    super::assert_refused(
        &stage(&mut client, "analyze"),
        "stage_out_of_order",
        "ready(implement)",
        "implement",
    );
    assert_eq!(stage(&mut client, "implement")["ok"], true);
}

/// The human decides on work that did not see every named file.
#[test]
fn what_the_consultants_did_not_get_is_told_first_and_in_the_report() {
    let mut client = project().start();
    begin(&mut client);
    let mut asked = arguments("analyze");
    asked["context_files"] = json!(["*.zig"]);
    let reply = client.call("maestro_run_stage_with_approval", asked);
    assert_eq!(reply["omitted"], json!([{ "path": "*.zig", "reason": "no file matches" }]), "{reply}");
    let keys: Vec<&String> = reply.as_object().unwrap().keys().take(2).collect();
    assert_eq!(keys, ["ok", "omitted"]);
    let shown = reply["approval"]["display"].as_str().unwrap();
    assert!(
        shown.contains("not sent, or not whole: *.zig") && shown.contains("일부만 보냄: *.zig"),
        "{shown}"
    );
}

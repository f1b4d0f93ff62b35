//! The mode of approvals: a run keeps the mode in which it began, and no argument of the model loosens it.

use serde_json::{Value, json};

use super::{answered, approve, arguments, begin, project, request_of, stage, state};
use crate::harness::{Answer, Client};

fn start(client: &mut Client, more: Value) -> Value {
    let mut call = json!({ "task": "mend the mean" });
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.call("maestro_workflow_with_hitl", call)
}

fn reject(client: &mut Client, request: &str) -> Value {
    client.call("maestro_submit_approval", json!({ "request_id": request, "approved": false }))
}

#[test]
fn the_stricter_of_the_run_and_the_server_holds() {
    for (run, server, expected) in [
        ("human", "relay", "human_wanted"),
        ("human", "ask", "human_wanted"),
        ("relay", "human", "human_wanted"),
        ("ask", "relay", ""),
        ("relay", "ask", ""),
    ] {
        let mut client = project().env("MAESTRO_APPROVALS", run).start();
        begin(&mut client);
        let request = request_of(&stage(&mut client, "analyze"));
        let mut second = client.server.beside().env("MAESTRO_APPROVALS", server).start();
        let reply = approve(&mut second, &request);
        assert_eq!(reply["code"].as_str().unwrap_or_default(), expected, "{run} {server}: {reply}");
    }
    // If the deciding server asks, the human of a relaying run is asked too.
    let mut client = project().env("MAESTRO_APPROVALS", "relay").start();
    begin(&mut client);
    let request = request_of(&stage(&mut client, "analyze"));
    let mut second = client.server.beside().env("MAESTRO_APPROVALS", "ask").human(Answer::reject()).start();
    assert_eq!(approve(&mut second, &request)["status"], "rejected");
}

#[test]
fn where_a_human_is_wanted_no_argument_counts() {
    let mut client = project().env("MAESTRO_APPROVALS", "human").client("claude-code", "2.1.300").start();
    let late = start(&mut client, json!({ "start_stage": "implement" }));
    assert_eq!((&late["ok"], &late["code"]), (&json!(false), &json!("late_start")), "{late}");
    let run = start(&mut client, json!({ "auto_approve_low_risk": true }));
    assert_eq!(run["auto_approve_low_risk"], false, "{run}");
    assert!(run["notes"].to_string().contains("has no effect"), "{run}");
    let reply = stage(&mut client, "analyze");
    assert_eq!(reply["approval"]["status"], "pending", "{reply}");
    // The client's name does not count as a human's decision either.
    let request = request_of(&reply);
    assert_eq!(approve(&mut client, &request)["code"], "human_wanted");
    assert_eq!(reject(&mut client, &request)["code"], "human_wanted");
    assert_eq!(state(&mut client)["state"], "awaiting_approval(analyze)");
}

#[test]
fn the_policy_does_not_approve_in_a_run_that_wants_a_human() {
    // A server that lets the policy approve began the run, and another server works on it.
    for (name, value, status) in [
        ("MAESTRO_AUTO_APPROVE_LOW_RISK", "true", "approved"),
        ("MAESTRO_AUTO_APPROVE_LOW_RISK", "false", "pending"),
        ("MAESTRO_APPROVALS", "human", "pending"),
    ] {
        let mut client = project().start();
        let run = start(&mut client, json!({ "auto_approve_low_risk": true }));
        assert_eq!(run["auto_approve_low_risk"], true, "{run}");
        let mut second = client.server.beside().env(name, value).start();
        let reply = stage(&mut second, "analyze");
        assert_eq!(reply["approval"]["status"], status, "{name}={value}: {reply}");
    }
}

#[test]
fn an_argument_alone_loosens_nothing() {
    let plain = || project().env("MAESTRO_LATE_START", "false").env("MAESTRO_AUTO_APPROVE_LOW_RISK", "false");
    // A file of the project cannot permit this.
    let project_file = "auto_approve_low_risk: true\nlate_start: true\n";
    let bare = || {
        let mut server = crate::harness::Server::new();
        server = super::broken(server.codex().fake("gemini", "gemini"));
        server.file(".maestro/maestro.yaml", project_file)
    };
    for server in [plain(), bare()] {
        let mut client = server.start();
        for stage in ["hypothesize", "implement", "debug", "improve"] {
            let late = start(&mut client, json!({ "start_stage": stage }));
            assert_eq!(late["code"], "late_start", "{late}");
            assert!(late["hint"].as_str().unwrap().contains("MAESTRO_LATE_START"), "{late}");
        }
        let run = start(&mut client, json!({ "auto_approve_low_risk": true, "start_stage": "analyze" }));
        assert!(run["notes"].to_string().contains("MAESTRO_AUTO_APPROVE_LOW_RISK"), "{run}");
        assert_eq!(stage(&mut client, "analyze")["approval"]["status"], "pending");
    }
    // A file of the user can.
    let own = crate::harness::Server::new().home_file(".config/maestro/maestro.yaml", project_file);
    let mut client = super::broken(own.codex().fake("gemini", "gemini")).start();
    assert_eq!(start(&mut client, json!({ "start_stage": "implement" }))["state"], "ready(implement)");
}

fn pending_risks(client: &mut Client) -> String {
    client.call("maestro_get_pending_approvals", json!({}))["pending_requests"][0]["report"]["risks"]
        .to_string()
}

#[test]
fn a_late_start_is_in_the_report() {
    let mut client = project().start();
    start(&mut client, json!({ "start_stage": "implement" }));
    let reply = stage(&mut client, "implement");
    let risks = pending_risks(&mut client);
    assert!(
        risks.contains("began at implement. Skipped, and reviewed by nobody: analyze, hypothesize."),
        "{reply}"
    );
    // The same holds for a run that a stage began by itself.
    let mut client = project().start();
    let reply = stage(&mut client, "hypothesize");
    let risks = pending_risks(&mut client);
    assert!(risks.contains("began at hypothesize. Skipped, and reviewed by nobody: analyze."), "{reply}");
}

#[test]
fn rejecting_ones_own_run_is_no_new_budget() {
    let mut client = project().start();
    begin(&mut client);
    let request = request_of(&stage(&mut client, "analyze"));
    assert_eq!(reject(&mut client, &request)["status"], "rejected");
    for task in ["mend the mean", "something else"] {
        let run = client.call("maestro_workflow_with_hitl", json!({ "task": task }));
        assert_eq!((&run["continued"], &run["budget"]["used"]), (&json!(false), &json!(1)), "{run}");
        assert!(run["notes"].to_string().contains("no new budget"), "{run}");
        let outputs =
            json!({ "stage": "analyze", "outputs": super::analysis(), "workflow_id": run["workflow_id"] });
        let asked = client.call("maestro_request_approval", outputs);
        assert_eq!(
            reject(&mut client, asked["request_id"].as_str().unwrap())["status"],
            "rejected",
            "{asked}"
        );
    }
    // Another server, and a stage that begins a run by itself, get no new budget either.
    let mut second = client.server.beside().start();
    let mut call = arguments("analyze");
    call["task"] = json!(answered(&super::analysis()));
    let reply = second.call("maestro_run_stage_with_approval", call);
    assert_eq!(reply["budget"]["used"], 2, "{reply}");
    // After a rejection by a human, the next run has a new budget.
    let mut client = project().human(Answer::reject()).start();
    begin(&mut client);
    assert_eq!(stage(&mut client, "analyze")["approval"]["status"], "rejected");
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    assert_eq!(run["budget"]["used"], 0, "{run}");
}

//! The refusals of a run: each names the state, the reason and the next step.

use serde_json::{Value, json};

use super::{
    FIRST_DIFF, SECOND_DIFF, approve, arguments, assert_refused, begin, hand_in, pass, patch, project,
    request_of, stage, state, verify,
};
use crate::harness::{Client, Server};

fn up_to_implement(client: &mut Client) {
    begin(client);
    for name in ["analyze", "hypothesize", "implement"] {
        pass(client, name);
    }
}

#[test]
fn a_stage_out_of_order() {
    let mut client = project().start();
    begin(&mut client);
    for name in ["hypothesize", "implement", "debug", "improve"] {
        assert_refused(&stage(&mut client, name), "stage_out_of_order", "ready(analyze)", "Run analyze next");
        assert_refused(
            &hand_in(&mut client, name),
            "stage_out_of_order",
            "ready(analyze)",
            "Run analyze next",
        );
        let plain = client.call("maestro_run_stage", arguments(name));
        assert_refused(&plain, "stage_out_of_order", "ready(analyze)", "Run analyze next");
    }
    pass(&mut client, "analyze");
    let mut other = arguments("analyze");
    other["context_facts"] = json!([]);
    for call in [arguments("analyze"), other] {
        let reply = client.call("maestro_run_stage_with_approval", call);
        assert_refused(&reply, "stage_out_of_order", "ready(hypothesize)", "Run hypothesize next");
    }
    assert_eq!(client.log("gemini").len(), 1);
    assert!(client.log("codex").is_empty());
}

#[test]
fn a_refused_stage_has_the_form_of_every_result() {
    let mut client = project().start();
    begin(&mut client);
    let plain = client.call("maestro_run_stage", arguments("debug"));
    for key in
        ["consults_used", "elapsed_ms", "error", "next_stage", "ok", "output", "stage", "stage_display"]
    {
        assert!(plain.get(key).is_some(), "{key}: {plain}");
    }
    let gated = stage(&mut client, "debug");
    for key in ["elapsed_ms", "error", "ok", "stage"] {
        assert!(gated.get(key).is_some(), "{key}: {gated}");
    }
    assert_eq!((&plain["stage"], &gated["stage"]), (&json!("debug"), &json!("debug")));
}

#[test]
fn a_stage_past_an_open_approval() {
    let mut client = project().start();
    begin(&mut client);
    let request = request_of(&stage(&mut client, "analyze"));
    for name in ["hypothesize", "improve"] {
        assert_refused(&stage(&mut client, name), "approval_pending", "awaiting_approval(analyze)", &request);
        assert_refused(
            &hand_in(&mut client, name),
            "approval_pending",
            "awaiting_approval(analyze)",
            &request,
        );
    }
    // Another question for the same stage is refused too.
    let mut other = arguments("analyze");
    other["context_facts"] = json!([]);
    let reply = client.call("maestro_run_stage_with_approval", other);
    assert_refused(&reply, "approval_pending", "awaiting_approval(analyze)", &request);
    assert_eq!(client.log("gemini").len(), 1);
}

#[test]
fn a_stage_past_a_refused_approval() {
    let mut client = project().start();
    begin(&mut client);
    let request = request_of(&stage(&mut client, "analyze"));
    let reply = client.call("maestro_submit_approval", json!({ "request_id": request, "approved": false }));
    assert_eq!((&reply["status"], &reply["next_action"]), (&json!("rejected"), &json!("stop")));
    for name in ["analyze", "hypothesize"] {
        assert_refused(&stage(&mut client, name), "run_stopped", "stopped", "maestro_workflow_with_hitl");
        let plain = client.call("maestro_run_stage", arguments(name));
        assert_refused(&plain, "run_stopped", "stopped", "maestro_workflow_with_hitl");
        assert_refused(&hand_in(&mut client, name), "run_stopped", "stopped", "maestro_workflow_with_hitl");
    }
    assert_eq!(client.log("gemini").len(), 1);
}

#[test]
fn improve_before_the_checks_passed_after_the_last_change() {
    let mut client = project().start();
    up_to_implement(&mut client);
    assert_refused(&stage(&mut client, "improve"), "stage_out_of_order", "ready(debug)", "debug");
    patch(&mut client, FIRST_DIFF);
    verify(&mut client);
    assert_refused(&stage(&mut client, "improve"), "stage_out_of_order", "ready(debug)", "debug");
    assert_eq!(patch(&mut client, SECOND_DIFF)["ok"], true);
    assert_eq!(state(&mut client)["state"], "ready(debug)", "a change is not a check");
    assert_eq!(verify(&mut client)["ok"], true);
    assert_eq!(state(&mut client)["state"], "ready(improve)");
    // A change after the checks closes the gate again.
    let undo = SECOND_DIFF.replace("\n-", "\n~").replace("\n+ ", "\n- ").replace("\n~ ", "\n+ ");
    assert_eq!(patch(&mut client, &undo)["ok"], true, "{undo}");
    assert_eq!(state(&mut client)["state"], "ready(debug)");
    assert_refused(&stage(&mut client, "improve"), "stage_out_of_order", "ready(debug)", "debug");
    // A run that begins at improve is refused too.
    let mut client = project().start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "polish", "start_stage": "improve" }));
    assert_refused(
        &stage(&mut client, "improve"),
        "verification_missing",
        "ready(improve)",
        "maestro_verify",
    );
}

#[test]
fn a_sixth_round_of_debug() {
    rounds_of_debug(project(), 5);
}

#[test]
fn a_round_of_debug_beyond_those_of_the_setting() {
    rounds_of_debug(project().env("MAESTRO_MAX_DEBUG_ITERATIONS", "2"), 2);
}

fn rounds_of_debug(server: Server, most: u64) {
    let mut client = server.start();
    up_to_implement(&mut client);
    for round in 1..=most {
        let mut call = arguments("debug");
        call["task"] = json!(super::answered(&super::debugged(&format!("round {round}"))));
        let reply = client.call("maestro_run_stage_with_approval", call);
        assert_eq!(reply["iteration"], round, "{reply}");
        let solo = reply["mode"] == "solo";
        assert!(solo || round > 2, "{reply}");
        let request = if solo {
            hand_in(&mut client, "debug")["request_id"].as_str().unwrap().to_owned()
        } else {
            request_of(&reply)
        };
        let decided = approve(&mut client, &request);
        let next = if round < most { "run_stage:debug" } else { "escalate" };
        assert_eq!((&decided["status"], &decided["next_action"]), (&json!("approved"), &json!(next)));
    }
    assert_refused(&stage(&mut client, "debug"), "debug_escalated", "ready(debug)", "tell the human");
    assert_refused(&hand_in(&mut client, "debug"), "debug_escalated", "ready(debug)", "tell the human");
    let next = state(&mut client)["next_step"].clone();
    assert!(next.as_str().unwrap().contains("tell the human"), "{next}");
}

#[test]
fn a_second_patch_before_the_first_was_checked() {
    let mut client = project().start();
    up_to_implement(&mut client);
    let first = patch(&mut client, FIRST_DIFF);
    assert_eq!(first["ok"], true, "{first}");
    let before = std::fs::read_to_string(client.project().join("mean.py")).unwrap();
    let refused = patch(&mut client, SECOND_DIFF);
    let session = first["backup_session"].as_str().unwrap();
    assert_refused(&refused, "change_unverified", "ready(debug)", session);
    assert_eq!(std::fs::read_to_string(client.project().join("mean.py")).unwrap(), before);
    // A dry run predicts the real one, and another server knows of the first patch too.
    let dry = client.call("maestro_apply_patch", json!({ "patch": SECOND_DIFF, "dry_run": true }));
    assert_refused(&dry, "change_unverified", "ready(debug)", session);
    let mut other = client.server.beside().start();
    assert_refused(&patch(&mut other, SECOND_DIFF), "change_unverified", "ready(debug)", session);
    // After the first patch is undone, it no longer counts.
    let undone = client.call("maestro_restore_from_backup", json!({ "backup_session": session }));
    assert_eq!(undone["ok"], true, "{undone}");
    assert_eq!(patch(&mut client, FIRST_DIFF)["ok"], true);
    assert_eq!(verify(&mut client)["ok"], false);
    assert_eq!(patch(&mut client, SECOND_DIFF)["ok"], true, "a check is enough, whatever its result");
    let kinds: Vec<Value> = super::events(&client.server)
        .into_iter()
        .filter(|(kind, _)| kind == "changed")
        .map(|(_, body)| body["data"]["kind"].clone())
        .collect();
    assert_eq!(kinds, ["applied", "rolled_back", "applied", "applied"]);
}

#[test]
fn patches_outside_a_run_are_never_held_up() {
    let mut client = project().start();
    assert_eq!(patch(&mut client, FIRST_DIFF)["ok"], true);
    assert_eq!(patch(&mut client, SECOND_DIFF)["ok"], true);
}

#[test]
fn debug_with_several_providers() {
    let mut client = project().start();
    up_to_implement(&mut client);
    let mut call = arguments("debug");
    call["providers"] = json!(["codex", "gemini"]);
    for tool in ["maestro_run_stage", "maestro_run_stage_with_approval"] {
        let reply = client.call(tool, call.clone());
        assert_eq!((&reply["ok"], &reply["code"]), (&json!(false), &json!("invalid_arguments")), "{reply}");
    }
    assert_eq!(state(&mut client)["state"], "ready(debug)");
}

#[test]
fn arguments_that_make_no_sense() {
    let mut client = project().start();
    begin(&mut client);
    for (name, value, code) in [
        ("task", json!("  "), "invalid_arguments"),
        ("baseline_confidence", json!(1.5), "invalid_arguments"),
        ("providers", json!(["nobody"]), "unknown_provider"),
        ("workflow_id", json!("none"), "unknown_workflow"),
        ("timeout_sec", json!(0), "invalid_arguments"),
    ] {
        let mut call = arguments("analyze");
        call[name] = value;
        let reply = client.call("maestro_run_stage_with_approval", call);
        assert_eq!((&reply["ok"], &reply["code"]), (&json!(false), &json!(code)), "{name}: {reply}");
    }
    assert_eq!(state(&mut client)["state"], "ready(analyze)");
    assert_eq!(
        client.call("maestro_workflow_with_hitl", json!({ "task": " " }))["code"],
        "invalid_arguments"
    );
}

//! What a run may spend: 2 consults a stage, 1 a round of debug, 6 in all, and never one more.

use serde_json::{Value, json};

use super::{approve, arguments, begin, hand_in, hypotheses, pass, project, request_of, stage, state, task};
use crate::harness::Client;

fn plain(client: &mut Client) -> Value {
    client.call("maestro_consult", json!({ "prompt": "why?" }))
}

fn calls(client: &Client) -> usize {
    client.log("codex").len() + client.log("gemini").len()
}

fn assert_exhausted(reply: &Value) {
    assert_eq!((&reply["ok"], &reply["code"]), (&json!(false), &json!("budget_exhausted")), "{reply}");
    assert!(reply["hint"].as_str().unwrap().contains("maestro_request_approval"), "{reply}");
}

#[test]
fn two_of_a_stage() {
    let mut client = project().start();
    begin(&mut client);
    let request = request_of(&stage(&mut client, "analyze"));
    assert_eq!(plain(&mut client)["ok"], true);
    assert_exhausted(&plain(&mut client));
    // Another role, or the name of another stage, is no way around it.
    let role = json!({ "role": "debugger", "prompt": "why?", "stage": "improve" });
    assert_exhausted(&client.call("maestro_consult_with_role", role));
    assert_exhausted(&client.call("maestro_consult", json!({ "prompt": "why?", "stage": "debug" })));
    // All of an ensemble or none of it.
    approve(&mut client, &request);
    let three = json!({ "task": "why?", "providers": ["codex", "gemini"], "n_per_provider": 2 });
    assert_exhausted(&client.call("maestro_ensemble_generate", three));
    assert_eq!(calls(&client), 2);
    assert_eq!(plain(&mut client)["ok"], true);
    assert_exhausted(
        &client
            .call("maestro_ensemble_generate", json!({ "task": "why?", "providers": ["codex", "gemini"] })),
    );
    assert_eq!(calls(&client), 3);
    // One is left: the stage asks one.
    let reply = stage(&mut client, "hypothesize");
    assert_eq!((&reply["mode"], calls(&client)), (&json!("consult"), 4), "{reply}");
    assert_eq!(state(&mut client)["total_consults"], 4);
}

#[test]
fn more_providers_than_the_stage_has_left_are_refused() {
    let mut client = project().fake("claude", "claude").start();
    begin(&mut client);
    let mut call = arguments("analyze");
    call["providers"] = json!(["codex", "gemini", "claude"]);
    let reply = client.call("maestro_run_stage_with_approval", call.clone());
    assert_exhausted(&reply);
    assert_eq!(reply["error"], "the consults of analyze do not reach: 2 of 2 are left, and 3 were wanted");
    assert_eq!((calls(&client), &state(&mut client)["state"]), (0, &json!("ready(analyze)")));
    // What the run has spent elsewhere is no part of the stage's.
    pass(&mut client, "analyze");
    call["stage"] = json!("hypothesize");
    let reply = client.call("maestro_run_stage_with_approval", call);
    assert_eq!(
        reply["error"],
        "the consults of hypothesize do not reach: 2 of 2 are left, and 3 were wanted"
    );
}

#[test]
fn six_of_a_run_and_then_solo() {
    let mut client = project().start();
    begin(&mut client);
    for name in ["analyze", "hypothesize", "implement"] {
        let request = request_of(&stage(&mut client, name));
        if name != "hypothesize" {
            assert_eq!(plain(&mut client)["ok"], true);
        }
        assert_exhausted(&plain(&mut client));
        approve(&mut client, &request);
    }
    assert_eq!((calls(&client), &state(&mut client)["budget"]["left"]), (6, &json!(0)));
    assert_exhausted(&plain(&mut client));
    for round in 1..=3 {
        let reply = stage(&mut client, "debug");
        assert_eq!((&reply["mode"], &reply["iteration"]), (&json!("solo"), &json!(round)), "{reply}");
        let request = hand_in(&mut client, "debug")["request_id"].as_str().unwrap().to_owned();
        approve(&mut client, &request);
    }
    assert_eq!(calls(&client), 6);
    let mut client = project().env("MAESTRO_MAX_CONSULT_TOTAL", "1").start();
    begin(&mut client);
    pass(&mut client, "analyze");
    let reply = stage(&mut client, "hypothesize");
    assert_eq!((&reply["ok"], &reply["mode"]), (&json!(true), &json!("solo")), "{reply}");
    assert!(reply["why"].as_str().unwrap().contains("budget"), "{reply}");
    assert!(reply["solo"]["hand_in"]["fields"].is_string(), "{reply}");
    // A named provider does not help, and neither does the same call again.
    let mut named = arguments("hypothesize");
    named["providers"] = json!(["codex"]);
    assert_eq!(client.call("maestro_run_stage_with_approval", named)["mode"], "solo");
    assert_exhausted(&plain(&mut client));
    assert_eq!(calls(&client), 1);
    super::assert_refused(
        &stage(&mut client, "implement"),
        "stage_running",
        "running(hypothesize)",
        "maestro_request_approval",
    );
    let next = state(&mut client)["next_step"].clone();
    assert!(next.as_str().unwrap().contains("hand in"), "{next}");
    let request = hand_in(&mut client, "hypothesize")["request_id"].as_str().unwrap().to_owned();
    assert_eq!(approve(&mut client, &request)["next_stage"], "implement");
}

#[test]
fn one_of_a_round_of_debug() {
    let mut client = project().env("MAESTRO_MAX_CONSULT_TOTAL", "50").start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "mend", "start_stage": "debug" }));
    for round in 1..=4 {
        let reply = stage(&mut client, "debug");
        assert_eq!(reply["iteration"], round, "{reply}");
        let request = if round <= 2 {
            assert_eq!(reply["mode"], "solo");
            hand_in(&mut client, "debug")["request_id"].as_str().unwrap().to_owned()
        } else {
            assert_eq!(reply["mode"], "consult", "{reply}");
            assert_exhausted(&plain(&mut client));
            request_of(&reply)
        };
        approve(&mut client, &request);
    }
}

#[test]
fn a_race_passes_no_limit() {
    for (per_stage, expected) in [("2", 2), ("50", 6)] {
        let mut client = project().env("MAESTRO_MAX_CONSULT_PER_STAGE", per_stage).start();
        begin(&mut client);
        let racing: Vec<u64> =
            (0..16).map(|_| client.begin_call("maestro_consult", json!({ "prompt": "why?" }))).collect();
        let replies: Vec<Value> = racing.into_iter().map(|id| client.result(id)).collect();
        let (answered, refused): (Vec<&Value>, Vec<&Value>) = replies.iter().partition(|it| it["ok"] == true);
        assert_eq!((answered.len(), calls(&client)), (expected, expected), "{replies:?}");
        refused.into_iter().for_each(assert_exhausted);
    }
}

#[test]
fn a_race_of_two_servers_passes_no_limit() {
    let mut one = project().env("MAESTRO_MAX_CONSULT_PER_STAGE", "50").start();
    begin(&mut one);
    let mut other = one.server.beside().start();
    let asked = json!({ "prompt": "why?" });
    let racing: Vec<(u64, u64)> = (0..8)
        .map(|_| {
            (
                one.begin_call("maestro_consult", asked.clone()),
                other.begin_call("maestro_consult", asked.clone()),
            )
        })
        .collect();
    let replies: Vec<Value> =
        racing.into_iter().flat_map(|(here, there)| [one.result(here), other.result(there)]).collect();
    let answered = replies.iter().filter(|it| it["ok"] == true).count();
    assert_eq!((answered, calls(&one)), (6, 6), "{replies:?}");
    replies.iter().filter(|it| it["ok"] != true).for_each(assert_exhausted);
    assert_eq!(state(&mut other)["total_consults"], 6);
}

#[test]
fn a_stage_and_plain_consults_race_for_the_same_places() {
    let mut client = project().start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "mend", "start_stage": "hypothesize" }));
    let mut call = arguments("hypothesize");
    call["task"] = json!(task(&json!({ "text": hypotheses("x").to_string(), "sleep": 0.2 })));
    let mut racing = vec![client.begin_call("maestro_run_stage_with_approval", call)];
    racing.extend((0..6).map(|_| client.begin_call("maestro_consult", json!({ "prompt": "why?" }))));
    let replies: Vec<Value> = racing.into_iter().map(|id| client.result(id)).collect();
    assert_eq!(calls(&client), 2, "{replies:?}");
    // What the stage could not ask does not spoil what it could.
    let stage = &replies[0];
    let asked = stage["stage_result"]["consults_used"].as_u64().unwrap_or(0);
    assert!(asked == 0 || stage["ok"] == true, "{stage}");
}

#[test]
fn beginning_the_same_task_again_does_not_reset_it() {
    let mut client = project().start();
    let run = begin(&mut client);
    pass(&mut client, "analyze");
    for more in [json!({}), json!({ "auto_approve_low_risk": true }), json!({ "task": " mend the mean\n" })] {
        let mut call = json!({ "task": "mend the mean" });
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let again = client.call("maestro_workflow_with_hitl", call);
        assert_eq!(
            (&again["workflow_id"], &again["continued"]),
            (&run["workflow_id"], &json!(true)),
            "{again}"
        );
        assert_eq!((&again["budget"]["used"], &again["state"]), (&json!(1), &json!("ready(hypothesize)")));
        assert_eq!(again["auto_approve_low_risk"], false);
    }
    let mut other = client.server.beside().start();
    assert_eq!(begin(&mut other)["workflow_id"], run["workflow_id"]);
}

/// Another run is no way to a fresh budget while the one before it is open.
#[test]
fn another_task_begins_with_what_the_open_run_has_spent() {
    let mut client = project().start();
    begin(&mut client);
    pass(&mut client, "analyze");
    let other = client.call(
        "maestro_workflow_with_hitl",
        json!({ "task": "mend it in other words", "start_stage": "implement" }),
    );
    assert_eq!((&other["continued"], &other["budget"]["used"]), (&json!(false), &json!(1)), "{other}");
    // A server that works on no run begins afresh.
    let mut second = client.server.beside().start();
    let fresh = second.call("maestro_workflow_with_hitl", json!({ "task": "something else" }));
    assert_eq!(fresh["budget"]["used"], 0, "{fresh}");
}

#[test]
fn outside_any_run_nothing_is_limited() {
    let mut client = project().start();
    for _ in 0..8 {
        assert_eq!(plain(&mut client)["ok"], true);
    }
}

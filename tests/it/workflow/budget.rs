//! The budget of a run: 2 consults for a stage, 1 for a round of debug, 6 in all, and never one more.

use serde_json::{Value, json};

use super::{
    FIRST_DIFF, approve, arguments, begin, hand_in, hypotheses, pass, patch, project, request_of, stage,
    state, task,
};
use crate::harness::Client;

/// A consult that counts in the open run.
fn plain(client: &mut Client) -> Value {
    let run = state(client)["workflow_id"].clone();
    client.call("maestro_consult", json!({ "prompt": "why?", "workflow_id": run }))
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
    // Another role or the name of another stage does not avoid the limit.
    let run = state(&mut client)["workflow_id"].clone();
    let role = json!({ "role": "debugger", "prompt": "why?", "stage": "improve", "workflow_id": run });
    assert_exhausted(&client.call("maestro_consult_with_role", role));
    let other = json!({ "prompt": "why?", "stage": "debug", "workflow_id": run });
    assert_exhausted(&client.call("maestro_consult", other));
    // An ensemble is asked as a whole or not at all.
    approve(&mut client, &request);
    let three =
        json!({ "task": "why?", "providers": ["codex", "gemini"], "n_per_provider": 2, "workflow_id": run });
    assert_exhausted(&client.call("maestro_ensemble_generate", three));
    assert_eq!(calls(&client), 2);
    assert_eq!(plain(&mut client)["ok"], true);
    assert_exhausted(&client.call(
        "maestro_ensemble_generate",
        json!({ "task": "why?", "providers": ["codex", "gemini"], "workflow_id": run }),
    ));
    assert_eq!(calls(&client), 3);
    // One consult is left, so the stage asks one.
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
    assert_eq!(
        reply["error"],
        "the budget of analyze is too small: 2 of 2 consults are left (the call needs 3)"
    );
    assert_eq!((calls(&client), &state(&mut client)["state"]), (0, &json!("ready(analyze)")));
    // Consults that the run spent elsewhere do not count in the stage.
    pass(&mut client, "analyze");
    call["stage"] = json!("hypothesize");
    let reply = client.call("maestro_run_stage_with_approval", call);
    assert_eq!(
        reply["error"],
        "the budget of hypothesize is too small: 2 of 2 consults are left (the call needs 3)"
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
    // Neither a named provider nor the same call again helps.
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
        let run = begin(&mut client)["workflow_id"].clone();
        let asked = json!({ "prompt": "why?", "workflow_id": run });
        let racing: Vec<u64> = (0..16).map(|_| client.begin_call("maestro_consult", asked.clone())).collect();
        let replies: Vec<Value> = racing.into_iter().map(|id| client.result(id)).collect();
        let (answered, refused): (Vec<&Value>, Vec<&Value>) = replies.iter().partition(|it| it["ok"] == true);
        assert_eq!((answered.len(), calls(&client)), (expected, expected), "{replies:?}");
        refused.into_iter().for_each(assert_exhausted);
    }
}

#[test]
fn a_race_of_two_servers_passes_no_limit() {
    let mut one = project().env("MAESTRO_MAX_CONSULT_PER_STAGE", "50").start();
    let run = begin(&mut one)["workflow_id"].clone();
    let mut other = one.server.beside().start();
    let asked = json!({ "prompt": "why?", "workflow_id": run });
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
    let run =
        client.call("maestro_workflow_with_hitl", json!({ "task": "mend", "start_stage": "hypothesize" }));
    let asked = json!({ "prompt": "why?", "workflow_id": run["workflow_id"] });
    let mut call = arguments("hypothesize");
    call["task"] = json!(task(&json!({ "text": hypotheses("x").to_string(), "sleep": 0.2 })));
    let mut racing = vec![client.begin_call("maestro_run_stage_with_approval", call)];
    racing.extend((0..6).map(|_| client.begin_call("maestro_consult", asked.clone())));
    let replies: Vec<Value> = racing.into_iter().map(|id| client.result(id)).collect();
    assert_eq!(calls(&client), 2, "{replies:?}");
    // A consult that the stage could not make does not spoil the others.
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

/// A new run gets no fresh budget while the run before it is open.
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
    // A server without a run begins with a fresh budget.
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

/// A run that waits for its human does not limit other work.
#[test]
fn an_open_run_holds_up_no_other_work() {
    let mut client = project().start();
    begin(&mut client);
    stage(&mut client, "analyze");
    let run = state(&mut client)["workflow_id"].as_str().unwrap().to_owned();
    assert_eq!(plain(&mut client)["ok"], true);
    let refused = plain(&mut client);
    assert_exhausted(&refused);
    let hint = refused["hint"].as_str().unwrap();
    for told in [run.as_str(), "mend the mean", " s ago", "maestro-mcp runs stop"] {
        assert!(hint.contains(told), "{told}: {hint}");
    }
    // A call that does not name the run is allowed, also if it names a stage for its packing limits.
    for stage in [json!(null), json!("analyze"), json!("improve")] {
        let reply = client.call("maestro_consult", json!({ "prompt": "something else", "stage": stage }));
        assert_eq!(reply["ok"], true, "{reply}");
    }
    assert_eq!(state(&mut client)["total_consults"], 2);
    // A call that names the running stage counts in the run.
    let mut solo = project().env("MAESTRO_MAX_CONSULT_TOTAL", "1").start();
    begin(&mut solo);
    pass(&mut solo, "analyze");
    assert_eq!(stage(&mut solo, "hypothesize")["mode"], "solo");
    let counted = json!({ "prompt": "why?", "stage": "hypothesize" });
    assert_exhausted(&solo.call("maestro_consult", counted));
    assert_eq!(solo.call("maestro_consult", json!({ "prompt": "why?" }))["ok"], true);
}

/// A project with a run that began some days ago.
fn begun_before(days: u64) -> (crate::harness::Server, String) {
    use maestro::testing::{
        Draft, EventStore as _, Expected, LowRisk, Record, RunStarted, SqliteStore, Stage,
    };

    let server = project();
    let body = RunStarted {
        task: "mend the mean".to_owned(),
        start_stage: Stage::Analyze,
        low_risk: LowRisk::Ask,
        carried: 0,
        approvals: None,
        server: None,
    };
    let id = "01900000-0000-7000-8000-000000000001".to_owned();
    let draft = Draft::new(id.clone(), body);
    let record = Record { run: id.clone(), kind: draft.body.kind().to_owned(), body: draft.text().unwrap() };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let at = u64::try_from(now.as_millis()).unwrap() - days * 24 * 60 * 60 * 1000;
    SqliteStore::new(server.project().join(".maestro")).append(Expected::Any, &id, at, &[record]).unwrap();
    (server.own_log(), id)
}

#[test]
fn an_idle_run_is_parked_and_can_be_taken_up() {
    for days in [0, 6] {
        let mut client = begun_before(days).0.start();
        assert_eq!(patch(&mut client, FIRST_DIFF)["code"], "change_not_approved", "{days}");
    }
    let (server, run) = begun_before(8);
    let mut client = server.start();
    assert_eq!(state(&mut client)["workflow_id"], Value::Null, "nobody is held up");
    assert_eq!(patch(&mut client, FIRST_DIFF)["ok"], true);
    let named = client.call("maestro_workflow_state", json!({ "workflow_id": run }))["workflow"].clone();
    assert_eq!((&named["parked"], &named["state"]), (&json!(true), &json!("ready(analyze)")), "{named}");
    let listed = client.server.run(&["runs"], "");
    assert!(String::from_utf8_lossy(&listed.stdout).contains("ready(analyze), parked"), "{listed:?}");
    let again = begin(&mut client);
    assert_eq!((&again["workflow_id"], &again["continued"]), (&json!(run), &json!(true)));
    let mut call = arguments("analyze");
    call["workflow_id"] = json!(run);
    assert_eq!(client.call("maestro_run_stage_with_approval", call)["ok"], true);
    let state = state(&mut client);
    assert_eq!((&state["workflow_id"], &state["parked"]), (&json!(run), &json!(false)), "{state}");
    // With 0 days, no run is ever parked.
    let mut client = begun_before(900).0.env("MAESTRO_PARK_AFTER_DAYS", "0").start();
    assert_eq!(patch(&mut client, FIRST_DIFF)["code"], "change_not_approved");
}

#[test]
fn a_terminal_takes_a_parked_run_up_again() {
    let (server, run) = begun_before(8);
    let resume = |server: &crate::harness::Server| {
        let output = server.run(&["runs", "resume", &run, "--json"], "");
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let resumed = resume(&server);
    assert_eq!((&resumed["was_parked"], &resumed["workflow_id"]), (&json!(true), &json!(run)), "{resumed}");
    assert!(resumed["next"].as_str().unwrap().contains("stage analyze"), "{resumed}");
    assert_eq!(resume(&server)["was_parked"], false, "once is enough");
    let mut client = server.start();
    let state = state(&mut client);
    assert_eq!((&state["workflow_id"], &state["parked"]), (&json!(run), &json!(false)), "{state}");
    assert_eq!(patch(&mut client, FIRST_DIFF)["code"], "change_not_approved", "it gates again");
}

#[test]
fn votes_and_judges_count_in_the_run_that_they_name() {
    for named in [true, false] {
        let mut client = crate::harness::Server::new().codex().fake("gemini", "gemini").start();
        let run = begin(&mut client)["workflow_id"].clone();
        let calls = [
            ("maestro_consensus_vote", json!({ "question": "yes or no?", "k": 1, "providers": ["codex"] })),
            (
                "maestro_select_best",
                json!({ "mode": "llm_judge", "judge_provider": "gemini", "task": "which?", "candidates": [
                    { "id": "a", "provider": "codex", "content": "The first way is a lock." },
                    { "id": "b", "provider": "codex", "content": "The second way is a queue." },
                ] }),
            ),
        ];
        for (tool, mut arguments) in calls {
            if named {
                arguments["workflow_id"] = run.clone();
            }
            let before = state(&mut client)["budget"]["used"].clone();
            client.call(tool, arguments);
            let after = state(&mut client)["budget"]["used"].clone();
            // The samples of a vote have their own limits.
            assert_eq!(before != after, named && tool == "maestro_select_best", "{tool}: {before} {after}");
            let last =
                client.events().into_iter().rev().find(|event| event["kind"] == "consult_settled").unwrap();
            assert_eq!(last["run"], if named { run.clone() } else { json!("") }, "{tool}: {last}");
        }
    }
}

/// The steps of `/maestro-analyze`: a stage without a run, and its recorded facts.
#[test]
fn the_command_that_analyzes_leaves_nothing_open() {
    let mut client = project().start();
    for (tool, call) in [
        ("maestro_get_skill", json!({ "stage": "analyze" })),
        ("maestro_pack_context", json!({ "files": ["mean.py"] })),
        ("maestro_run_stage", arguments("analyze")),
        (
            "maestro_log_evidence",
            json!({ "evidence_type": "observation", "stage": "analyze", "content": { "fact": "x" }, "source": "mean.py" }),
        ),
    ] {
        let result = client.call(tool, call);
        assert_eq!(result["ok"], true, "{tool}: {result}");
    }
    let state = client.call("maestro_workflow_state", json!({}));
    assert!(state["workflow"]["current_stage"].is_null(), "{state}");
    assert_eq!(state["metrics"]["runs"]["total"], 0, "{state}");
    let pending = client.call("maestro_get_pending_approvals", json!({}));
    assert_eq!(pending["pending_requests"], json!([]), "{pending}");
    let kinds: Vec<String> =
        client.events().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
    assert!(!kinds.iter().any(|kind| kind == "run_started" || kind == "approval_requested"), "{kinds:?}");
    let after = client.call("maestro_consult", json!({ "prompt": "why?" }));
    assert_eq!(after["ok"], true, "{after}");
}

//! Evidence over the wire: records, links, filters, summaries, and the effect on the gate.

use serde_json::{Value, json};

use crate::harness::{Client, Server, scripted};

fn log(client: &mut Client, fields: Value) -> Value {
    let mut arguments = json!({
        "evidence_type": "observation", "stage": "analyze", "content": { "seen": "x" }, "source": "app.py:3"
    });
    arguments.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    client.call("maestro_log_evidence", arguments)
}

fn chain(client: &mut Client, arguments: Value) -> Value {
    client.call("maestro_get_evidence_chain", arguments)
}

fn ids(chain: &Value) -> Vec<&str> {
    chain["evidence"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect()
}

fn id(logged: &Value) -> String {
    logged["evidence_id"].as_str().unwrap_or_else(|| panic!("{logged}")).to_owned()
}

fn run(client: &mut Client) -> String {
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "fix the total" }));
    run["workflow_id"].as_str().unwrap_or_else(|| panic!("{run}")).to_owned()
}

#[test]
fn what_is_recorded_is_returned_with_all_that_was_said() {
    for server in [Server::new(), Server::new().modern()] {
        let mut client = server.start();
        let first = log(&mut client, json!({ "confidence": 0.4 }));
        assert_eq!(first["ok"], true, "{first}");
        assert_eq!((&first["evidence_type"], &first["stage"]), (&json!("observation"), &json!("analyze")));
        let second = log(
            &mut client,
            json!({ "evidence_type": "decision", "stage": "any", "linked_evidence_ids": [id(&first)] }),
        );
        let found = chain(&mut client, json!({}));
        assert_eq!(ids(&found), [id(&first), id(&second)], "oldest first");
        assert_eq!((&found["count"], &found["total"]), (&json!(2), &json!(2)));
        assert_eq!(
            found["red_flag_summary"],
            json!({ "by_provider": {}, "by_reason": {}, "total_flagged": 0 })
        );
        let piece = &found["evidence"][0];
        assert_eq!(piece["content"], json!({ "seen": "x" }));
        assert_eq!((&piece["source"], &piece["confidence"]), (&json!("app.py:3"), &json!(0.4)));
        assert!(piece["timestamp"].as_str().unwrap().ends_with('Z'), "{piece}");
        assert_eq!(found["evidence"][1]["links"], json!([id(&first)]));
        assert_eq!(found["evidence"][1]["confidence"], 1.0);
    }
}

#[test]
fn evidence_outlives_its_server() {
    let server = Server::new();
    let project = server.project();
    let mut client = server.start();
    let logged = id(&log(&mut client, json!({})));
    client.close();
    let mut other = Server::new().env("CLAUDE_PROJECT_DIR", &project.display().to_string()).start();
    assert_eq!(ids(&chain(&mut other, json!({}))), [logged]);
    drop(client);
}

#[test]
fn a_limit_keeps_the_newest_and_zero_keeps_none() {
    let mut client = Server::new().start();
    let all: Vec<String> = (0..4).map(|_| id(&log(&mut client, json!({})))).collect();
    let two = chain(&mut client, json!({ "limit": 2 }));
    assert_eq!(ids(&two), all[2..]);
    assert_eq!((&two["count"], &two["total"]), (&json!(2), &json!(4)));
    let none = chain(&mut client, json!({ "limit": 0 }));
    assert_eq!((&none["evidence"], &none["count"], &none["total"]), (&json!([]), &json!(0), &json!(4)));
    assert_eq!(chain(&mut client, json!({ "limit": 4_000_000 }))["count"], 4);
    let negative = chain(&mut client, json!({ "limit": -1 }));
    assert_eq!(negative["code"], "invalid_arguments");
}

#[test]
fn filters_hold_and_unknown_values_are_named() {
    let mut client = Server::new().start();
    let seen = id(&log(&mut client, json!({})));
    let tried = id(&log(
        &mut client,
        json!({ "evidence_type": "verification", "stage": "debug", "content": { "passed": true } }),
    ));
    assert_eq!(ids(&chain(&mut client, json!({ "evidence_type": "observation" }))), [seen.as_str()]);
    assert_eq!(ids(&chain(&mut client, json!({ "stage": "debug" }))), [tried]);
    assert_eq!(ids(&chain(&mut client, json!({ "evidence_type": "vote" }))), [""; 0]);
    for wrong in
        [json!({ "evidence_type": "rumour" }), json!({ "stage": "someday" }), json!({ "stage": "analyse" })]
    {
        let refused = chain(&mut client, wrong.clone());
        assert_eq!(refused["code"], "invalid_arguments", "{wrong}");
        let error = refused["error"].as_str().unwrap();
        assert!(error.contains("analyze") || error.contains("red_flag"), "{error}");
    }
    let refused = chain(&mut client, json!({ "workflow_id": "none" }));
    assert_eq!(refused["code"], "unknown_workflow");
    let refused = chain(&mut client, json!({ "evidence_id": "none" }));
    assert_eq!(refused["code"], "unknown_evidence");
}

#[test]
fn what_cannot_be_evidence_is_refused_and_named() {
    let mut client = Server::new().start();
    for (wrong, names) in [
        (json!({ "confidence": 1.5 }), "confidence"),
        (json!({ "confidence": -0.1 }), "confidence"),
        (json!({ "stage": "whenever" }), "whenever"),
        (json!({ "evidence_type": "red_flag" }), "red_flag"),
        (json!({ "content": {} }), "content"),
        (json!({ "content": { "log": "x".repeat(300_000) } }), "200000"),
        (json!({ "content": "text" }), "content"),
        (json!({ "source": " " }), "source"),
    ] {
        let refused = log(&mut client, wrong.clone());
        assert_eq!(refused["code"], "invalid_arguments", "{names}");
        assert!(refused["error"].as_str().unwrap().contains(names), "{}", refused["error"]);
    }
    let known = id(&log(&mut client, json!({})));
    let refused = log(&mut client, json!({ "linked_evidence_ids": [known, "first-x", "second-x"] }));
    assert_eq!(refused["code"], "unknown_evidence");
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("first-x") && error.contains("second-x") && !error.contains(&known), "{error}");
    assert_eq!(chain(&mut client, json!({}))["total"], 1, "no refused piece was recorded");
}

#[test]
fn secrets_in_evidence_are_masked() {
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    let mut client = Server::new().start();
    log(&mut client, json!({ "content": { "output": [format!("token {secret}")] }, "source": secret }));
    let found = chain(&mut client, json!({}));
    assert!(!found.to_string().contains(secret), "{found}");
    let logged = client.server.run(&["evidence", "export"], "");
    assert!(!String::from_utf8(logged.stdout).unwrap().contains(secret));
}

#[test]
fn a_chain_leads_back_to_what_a_piece_rests_on() {
    let mut client = Server::new().start();
    let seen = id(&log(&mut client, json!({})));
    let _aside = log(&mut client, json!({}));
    let supposed =
        id(&log(&mut client, json!({ "evidence_type": "hypothesis", "linked_evidence_ids": [seen, seen] })));
    let chosen =
        id(&log(&mut client, json!({ "evidence_type": "decision", "linked_evidence_ids": [supposed] })));
    let found = chain(&mut client, json!({ "evidence_id": chosen }));
    assert_eq!(ids(&found), [seen.as_str(), supposed.as_str(), chosen.as_str()]);
    assert_eq!(found["evidence"][1]["links"], json!([seen]), "each link once");
}

#[test]
fn consults_are_evidence_and_their_prompts_only_where_asked_for() {
    let mut client = Server::new().codex().start();
    let question = "why does the total come out as nought?";
    assert_eq!(client.call("maestro_consult", json!({ "prompt": question, "stage": "debug" }))["ok"], true);
    let found = chain(&mut client, json!({ "evidence_type": "consult" }));
    assert_eq!(found["count"], 1);
    let piece = &found["evidence"][0];
    assert_eq!((&piece["source"], &piece["stage"]), (&json!("codex"), &json!("debug")));
    assert_eq!(piece["content"]["ok"], true);
    assert!(!found.to_string().contains(question), "{found}");
    let whole = chain(&mut client, json!({ "evidence_id": piece["id"] }));
    assert!(whole.to_string().contains(question), "{whole}");
}

#[test]
fn flagged_candidates_of_an_ensemble_are_on_record() {
    let ensemble = |client: &mut Client, run: Option<&str>| {
        let task = scripted(json!({ "text": "no" }));
        client.call("maestro_ensemble_generate", json!({ "task": task, "workflow_id": run }))
    };
    let mut client = Server::new().codex().start();
    assert_eq!(ensemble(&mut client, None)["candidates"][0]["red_flag"]["flagged"], true);
    let outside = chain(&mut client, json!({ "evidence_type": "red_flag" }));
    assert_eq!(outside["count"], 1, "{outside}");
    let run = run(&mut client);
    ensemble(&mut client, Some(&run));
    let found = chain(&mut client, json!({ "evidence_type": "red_flag", "workflow_id": run }));
    assert_eq!(found["count"], 1, "{found}");
    assert_eq!(
        found["red_flag_summary"],
        json!({ "by_provider": { "codex": 1 }, "by_reason": { "too_short": 1 }, "total_flagged": 1 })
    );
    let flag = &found["evidence"][0];
    let behind = chain(&mut client, json!({ "evidence_id": flag["id"] }));
    let kinds: Vec<&Value> =
        behind["evidence"].as_array().unwrap().iter().map(|it| &it["evidence_type"]).collect();
    assert!(kinds.contains(&&json!("consult")), "the flag rests on the consult: {behind}");
    assert_eq!(chain(&mut client, json!({}))["red_flag_summary"]["total_flagged"], 2);
}

#[test]
fn without_tracing_nothing_is_recorded_outside_a_run() {
    let mut client = Server::new().codex().env("MAESTRO_TRACING_ENABLED", "false").start();
    client.call("maestro_ensemble_generate", json!({ "task": scripted(json!({ "text": "no" })) }));
    let refused = log(&mut client, json!({}));
    assert_eq!(refused["ok"], false, "{refused}");
    assert!(refused["error"].as_str().unwrap().contains("tracing is off"), "{refused}");
    assert_eq!(chain(&mut client, json!({}))["total"], 0);
    let task = scripted(json!({ "text": "no document" }));
    for _ in 0..2 {
        let stage = client.call("maestro_run_stage", json!({ "stage": "analyze", "task": task }));
        assert_eq!(stage["code"], "no_valid_answer", "{stage}");
        assert_eq!((&stage["mode"], stage["why"] == ""), (&json!("consult"), false), "{stage}");
    }
    assert!(!client.project().join(".maestro").exists(), "a stage outside a run left something");
    let run = run(&mut client);
    assert_eq!(log(&mut client, json!({}))["workflow_id"], json!(run));
}

#[test]
fn a_verification_says_what_it_does_to_the_gate() {
    let mut client = Server::new().start();
    let checked = |client: &mut Client, content: Value| {
        log(client, json!({ "evidence_type": "verification", "stage": "debug", "content": content }))["gate"]
            .clone()
    };
    let beside = checked(&mut client, json!({ "passed": true }));
    assert_eq!((&beside["effect"], &beside["passed"]), (&json!("none"), &json!(true)), "no run is open");
    run(&mut client);
    for (content, effect) in [
        (json!({ "passed": true }), "opens"),
        (json!({ "all_passed": false, "failing": ["test_a"] }), "shuts"),
        (json!({ "success": true }), "opens"),
        (json!({ "command": "pytest", "exit_code": 1 }), "shuts"),
        (json!({ "exit_code": 0 }), "opens"),
        (json!({ "passed": true, "exit_code": 1 }), "shuts"),
        (json!({ "success": true, "all_passed": false }), "shuts"),
        (json!({ "passed": true, "exit_code": 0 }), "opens"),
        (json!({ "notes": "looks fine" }), "none"),
        (json!({ "passed": "yes" }), "none"),
    ] {
        let gate = checked(&mut client, content.clone());
        assert_eq!(gate["effect"], effect, "{content}: {gate}");
        let is_open = gate["message"].as_str().unwrap().starts_with("You say that the checks passed");
        assert_eq!(is_open, effect == "opens", "{gate}");
        assert!(!gate["message"].as_str().unwrap().is_empty());
    }
    let state = client.call("maestro_workflow_state", json!({}));
    assert_eq!(
        state["workflow"]["verification"]["passed"], true,
        "the last verification with a result counts: {state}"
    );
    let other = log(&mut client, json!({}));
    assert!(other.get("gate").is_none(), "{other}");
}

#[test]
fn a_recorded_verification_turns_a_run_to_debug_and_to_improve() {
    let mut client = Server::new().start();
    run(&mut client);
    for stage in ["analyze", "hypothesize", "implement"] {
        let outputs = json!({ "stage": stage, "outputs": { "summary": "done by hand" } });
        let asked = client.call("maestro_request_approval", outputs);
        let request = asked["request_id"].as_str().unwrap_or_else(|| panic!("{asked}")).to_owned();
        let decided = json!({ "request_id": request, "approved": true });
        assert_eq!(client.call("maestro_submit_approval", decided)["status"], "approved");
    }
    for (passed, effect, state) in [
        (false, "shuts", "ready(debug)"),
        (true, "opens", "ready(improve)"),
        (false, "shuts", "ready(debug)"),
    ] {
        let logged = log(
            &mut client,
            json!({ "evidence_type": "verification", "stage": "implement", "content": { "passed": passed } }),
        );
        assert_eq!((&logged["gate"]["effect"], &logged["gate"]["state"]), (&json!(effect), &json!(state)));
    }
    let found = chain(&mut client, json!({ "evidence_type": "approval" }));
    assert_eq!(found["count"], 6, "three requests and three decisions: {found}");
    let last = &found["evidence"][5];
    assert_eq!((&last["content"]["decision"], &last["source"]), (&json!("approve"), &json!("orchestrator")));
    let behind = chain(&mut client, json!({ "evidence_id": last["id"] }));
    let kinds: Vec<&Value> =
        behind["evidence"].as_array().unwrap().iter().map(|it| &it["evidence_type"]).collect();
    assert_eq!(kinds.last(), Some(&&json!("approval")));
    assert!(kinds.contains(&&json!("stage")), "a decision leads back to the stage's outputs: {kinds:?}");
}

#[test]
fn discarded_answers_of_a_stage_are_red_flags() {
    let mut client = Server::new().codex().start();
    let run = run(&mut client);
    let task = scripted(json!({ "text": "no" }));
    let stage = json!({ "stage": "analyze", "task": task, "providers": ["codex"], "workflow_id": run });
    assert_eq!(client.call("maestro_run_stage", stage)["ok"], false);
    let found = chain(&mut client, json!({ "stage": "analyze", "evidence_type": "red_flag" }));
    let summary = &found["red_flag_summary"];
    assert_eq!(summary["total_flagged"], 2, "the consultant was asked twice: {found}");
    assert_eq!(summary["by_provider"], json!({ "codex": 2 }));
    assert_eq!(summary["by_reason"], json!({ "schema_mismatch": 2, "too_short": 2 }));
    assert_eq!(found["count"], 2);
    assert_eq!(chain(&mut client, json!({ "stage": "debug" }))["red_flag_summary"]["total_flagged"], 0);
}

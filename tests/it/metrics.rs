//! The figures: each event counts once, whichever command or tool reads it.

use serde_json::{Value, json};

use crate::harness::{Client, Server, scripted};

fn three() -> Server {
    crate::harness::three().env("MAESTRO_MAX_CONSULT_PER_STAGE", "5")
}

/// A task that every fake CLI answers in the form of the analyze stage.
fn analysis() -> String {
    let answer = json!({
        "observations": ["the mean of an empty list divides by nothing"],
        "repro_steps": ["call mean with an empty list"],
        "affected_modules": ["mean.py"],
        "invariants": ["the mean of one number is that number"],
        "confidence": 0.9,
    });
    scripted(json!({ "text": answer.to_string() }))
}

fn figures(client: &mut Client, arguments: Value) -> Value {
    let result = client.call("maestro_get_metrics", arguments);
    assert_eq!(result["ok"], true, "{result}");
    result
}

fn in_terminal(server: &Server, arguments: &[&str]) -> Value {
    let output = server.run(&[&["metrics", "--json"], arguments].concat(), "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A run with an analyze stage of two candidates, a consult that answers and one that fails, and a consult
/// outside of it. Returns the run.
fn work(client: &mut Client) -> String {
    client.call("maestro_consult", json!({ "prompt": "outside", "provider": "codex" }));
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    let run = run["workflow_id"].as_str().unwrap().to_owned();
    let stage = client.call(
        "maestro_run_stage_with_approval",
        json!({ "stage": "analyze", "task": analysis(), "providers": ["codex", "gemini"] }),
    );
    assert_eq!(stage["ok"], true, "{stage}");
    for order in [json!({ "text": "inside" }), json!({ "exit": 3, "bytes": [] })] {
        let asked = json!({ "prompt": scripted(order), "provider": "claude", "workflow_id": run });
        client.call("maestro_consult", asked);
    }
    run
}

/// The person who approves does not take the price of one call for the price of the run.
#[test]
fn a_report_says_how_many_calls_have_no_price() {
    let mut client = three().start();
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    let asked = json!({ "prompt": "why?", "provider": "claude", "workflow_id": run["workflow_id"] });
    client.call("maestro_consult", asked);
    let stage = client.call(
        "maestro_run_stage_with_approval",
        json!({ "stage": "analyze", "task": analysis(), "providers": ["codex", "gemini"] }),
    );
    let display = stage["approval"]["display"].as_str().unwrap();
    assert!(display.contains("$0.25+ (2 calls without a price)"), "{display}");
    assert!(display.contains("$0.25+ (금액을 알 수 없는 질의 2회)"), "{display}");
}

#[test]
fn nothing_done_is_nothing_known() {
    let server = three();
    let mut client = server.start();
    let result = figures(&mut client, json!({}));
    assert_eq!(result["scope"], json!({ "kind": "project" }));
    let metrics = &result["metrics"];
    assert_eq!((&metrics["total_calls"], &metrics["selections_total"]), (&json!(0), &json!(0)));
    for unknown in ["success_rate", "avg_latency_ms", "coordination_overhead_percent", "efficiency_score"] {
        assert_eq!(metrics[unknown], Value::Null, "{unknown}");
        assert!(metrics["notes"][unknown].is_string(), "{unknown}");
    }
    assert_eq!(result["summary"]["headline"], "Nothing is recorded yet.");
    // Reading the figures creates no log.
    assert!(!client.project().join(".maestro/maestro.db").exists());
}

#[test]
fn stages_and_plain_consults_are_counted_by_run_stage_and_provider() {
    let mut client = three().start();
    let run = work(&mut client);
    let result = figures(&mut client, json!({}));
    assert_eq!(result["scope"], json!({ "kind": "run", "id": run }));
    let metrics = &result["metrics"];
    let counts =
        ["total_calls", "successful_calls", "failed_calls"].map(|key| metrics[key].as_u64().unwrap());
    assert_eq!(counts, [4, 3, 1]);
    assert_eq!(metrics["calls_by_purpose"], json!({ "plain": 2, "candidate": 2 }));
    // A consult without a stage belongs to the current one, as in the budget.
    assert_eq!(metrics["consults_per_stage"]["analyze"], 4);
    assert_eq!(metrics["stage_stats"]["analyze"]["failed_consults"], 1);
    assert_eq!(metrics["stage_stats"]["analyze"]["answered"], 1);
    assert_eq!(metrics["provider_stats"]["claude"]["failed_calls"], 1);
    let failures = metrics["provider_stats"]["claude"]["failures"].as_object().unwrap();
    assert_eq!(failures.values().filter_map(Value::as_u64).sum::<u64>(), 1, "{failures:?}");
    assert_eq!(metrics["provider_stats"]["codex"]["spent"]["input_tokens"], 11);
    assert_eq!(metrics["provider_stats"]["gemini"]["spent"]["output_tokens"], 8);
    assert_eq!(metrics["spent"]["output_tokens"], 7 + 8 + 9);
    assert_eq!(
        (&metrics["spent"]["cost_usd"], &metrics["spent"]["calls_with_cost"]),
        (&json!(0.25), &json!(1))
    );
    assert_eq!(metrics["redundancy"], 1.0, "both candidates say the same");
    // Four consults and one run of a stage.
    assert_eq!(metrics["runs"]["turns"], 5);
    assert_eq!(metrics["runs"]["judged"], 0, "nothing was verified");
    assert_eq!(metrics["efficiency_score"], Value::Null);

    let project = figures(&mut client, json!({ "scope": "project" }));
    assert_eq!(project["scope"], json!({ "kind": "project" }));
    assert_eq!(project["metrics"]["total_calls"], 5);
    assert_eq!(project["metrics"]["runs"]["turns_outside"], 1);
    assert_eq!(project["metrics"]["runs"]["turns"], 5);
}

#[test]
fn every_place_shows_the_same_figures_and_they_last() {
    let mut client = three().start();
    let run = work(&mut client);
    let run_figures = figures(&mut client, json!({ "scope": "run" }));
    let project = figures(&mut client, json!({ "scope": "project" }));
    let state = client.call("maestro_workflow_state", json!({}));
    assert_eq!(state["metrics"], run_figures["metrics"]);

    let without_ok = |mut result: Value| {
        result.as_object_mut().unwrap().remove("ok");
        result
    };
    let (run_figures, project) = (without_ok(run_figures), without_ok(project));
    assert_eq!(in_terminal(&client.server, &[]), run_figures);
    assert_eq!(in_terminal(&client.server, &["--run", &run]), run_figures);
    assert_eq!(in_terminal(&client.server, &["--all"]), project);

    // A second server beside the first one, then one after both of them.
    let mut second = client.server.beside().start();
    assert_eq!(without_ok(figures(&mut second, json!({}))), run_figures);
    second.call("maestro_consult", json!({ "prompt": "more", "provider": "codex", "workflow_id": run }));
    let seen = figures(&mut client, json!({ "workflow_id": run }));
    assert_eq!(seen["metrics"]["total_calls"], 5);
    let after = client.server.beside();
    client.signal("KILL");
    second.close();
    assert_eq!(figures(&mut after.start(), json!({ "workflow_id": run })), seen);
}

#[test]
fn the_terminal_shows_them_in_words() {
    let mut client = three().start();
    work(&mut client);
    let output = client.server.run(&["metrics"], "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("4 calls, 1 of them failed"), "{text}");
    let unknown = client.server.run(&["metrics", "--run", "nothing-of-the-kind"], "");
    assert!(!unknown.status.success());
}

#[test]
fn the_report_of_a_stage_shows_what_the_run_has_spent() {
    let mut client = three().start();
    work(&mut client);
    let pending = client.call("maestro_get_pending_approvals", json!({}));
    let text = pending.to_string();
    assert!(text.contains("\"input_tokens\":23") && text.contains("\"output_tokens\":15"), "{text}");
}

#[test]
fn checks_are_counted_by_what_they_say() {
    let mut client = three().start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    client.call("maestro_verify", json!({ "commands": [] }));
    let metrics = figures(&mut client, json!({}))["metrics"].clone();
    assert_eq!(metrics["verifications"], json!({ "passed": 0, "failed": 0, "undecided": 1 }));
}

#[test]
fn an_ensemble_outside_of_a_run_is_compared() {
    let mut client = three().start();
    client.call(
        "maestro_ensemble_generate",
        json!({ "task": scripted(json!({ "text": "the cache is stale" })) }),
    );
    let metrics = figures(&mut client, json!({}))["metrics"].clone();
    assert_eq!((&metrics["total_calls"], &metrics["redundancy"]), (&json!(3), &json!(1.0)));
    assert_eq!(metrics["calls_by_purpose"], json!({ "candidate": 3 }));
}

#[test]
fn a_scope_that_cannot_be_is_refused() {
    let mut client = three().start();
    for (arguments, code) in [
        (json!({ "scope": "run" }), "invalid_arguments"),
        (json!({ "scope": "project", "workflow_id": "w" }), "invalid_arguments"),
        (json!({ "scope": "galaxy" }), "invalid_arguments"),
    ] {
        let result = client.call("maestro_get_metrics", arguments.clone());
        assert_eq!((&result["ok"], &result["code"]), (&json!(false), &json!(code)), "{arguments}");
    }
    let unknown = client.call("maestro_get_metrics", json!({ "workflow_id": "w" }));
    assert_eq!(unknown["ok"], false);
}

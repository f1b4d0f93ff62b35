//! The consultants of a stage, and the answers that count.

use serde_json::{Value, json};

use super::{analysis, arguments, begin, count, hypotheses, outputs, project, stage, state, task};
use crate::harness::Server;

fn asking(name: &str, script: Value) -> Value {
    let mut call = arguments(name);
    call["task"] = json!(task(&script));
    call
}

#[test]
fn a_cli_that_fails_is_a_failed_stage() {
    let mut client = project().start();
    begin(&mut client);
    for script in [json!({ "exit": 1, "text": "" }), json!({ "status": 500, "message": "broken", "exit": 1 })]
    {
        let mut call = asking("analyze", script);
        call["timeout_sec"] = json!(3);
        let reply = client.call("maestro_run_stage_with_approval", call);
        assert_eq!((&reply["ok"], &reply["approval"]), (&json!(false), &Value::Null), "{reply}");
        assert!(
            reply["error"].is_string() && reply["code"].is_string() && reply["hint"].is_string(),
            "{reply}"
        );
        assert_eq!(state(&mut client)["state"], "ready(analyze)");
    }
    assert_eq!(count(&client.server, "approval_requested"), 0);
    assert_eq!(count(&client.server, "stage_failed"), 2);
    assert_eq!(stage(&mut client, "analyze")["ok"], true, "it can be done again");
}

#[test]
fn a_stage_that_cannot_be_asked_for_says_what_to_do() {
    let mut client = project().user_file("skills/prompts/analyze.md", "{{ nonsense }}\n").start();
    begin(&mut client);
    let reply = stage(&mut client, "analyze");
    assert_eq!((&reply["ok"], &reply["code"]), (&json!(false), &json!("document_invalid")), "{reply}");
    assert_eq!(
        reply["hint"],
        "Correct the file, or remove it: then Maestro uses the built-in text. Or do the stage yourself and hand it in with maestro_request_approval."
    );
    assert!(client.log("gemini").is_empty());
}

#[test]
fn where_the_preferred_cli_is_missing_the_next_one_answers() {
    // Analyze prefers gemini, then claude.
    let bare = || {
        Server::new()
            .fake("claude", "claude")
            .codex()
            .file("mean.py", "def mean(numbers):\n    return sum(numbers) / 2\n")
    };
    let mut client = bare().start();
    begin(&mut client);
    let reply = stage(&mut client, "analyze");
    assert_eq!((&reply["ok"], client.log("claude").len()), (&json!(true), 1), "{reply}");
    assert!(reply["why"].as_str().unwrap().contains("not available: gemini"), "{reply}");
    // A named provider is asked, and nobody in its place.
    let mut call = arguments("hypothesize");
    let request = super::request_of(&reply);
    super::approve(&mut client, &request);
    call["providers"] = json!(["gemini"]);
    let reply = client.call("maestro_run_stage_with_approval", call);
    assert_eq!((&reply["ok"], &reply["code"]), (&json!(false), &json!("cli_not_found")), "{reply}");
    assert_eq!((client.log("claude").len(), client.log("codex").len()), (1, 0));
    assert_eq!(state(&mut client)["total_consults"], 1, "a missing CLI costs nothing");
}

#[test]
fn where_the_preferred_cli_refuses_the_next_one_answers() {
    let mut client = project().fake("claude", "claude").start();
    begin(&mut client);
    let good = analysis().to_string();
    let script = json!({ "text": good, "gemini": { "status": 401, "message": "API key not valid" } });
    let reply = client.call("maestro_run_stage_with_approval", asking("analyze", script.clone()));
    assert_eq!(reply["ok"], true, "{reply}");
    assert_eq!(reply["stage_result"]["output"]["provider"], "claude", "{reply}");
    let said = reply.to_string();
    assert!(said.contains("claude answers instead"), "{said}");
    assert_eq!((client.log("gemini").len(), client.log("claude").len()), (1, 1));
    let mut client = project().fake("claude", "claude").start();
    begin(&mut client);
    let mut call = asking("analyze", script);
    call["providers"] = json!(["gemini"]);
    let reply = client.call("maestro_run_stage_with_approval", call);
    assert_eq!(reply["ok"], false, "{reply}");
    assert!(client.log("claude").is_empty(), "a named provider is never replaced");
}

#[test]
fn two_that_refuse_are_not_replaced_by_the_same_one() {
    let mut client = project().fake("claude", "claude").start();
    client
        .call("maestro_workflow_with_hitl", json!({ "task": "mend the mean", "start_stage": "hypothesize" }));
    let refuses = json!({ "status": 401, "message": "API key not valid" });
    let script = json!({
        "text": hypotheses("the sum is wrong").to_string(),
        "codex": refuses,
        "gemini": refuses,
    });
    let reply = client.call("maestro_run_stage_with_approval", asking("hypothesize", script));
    assert_eq!((&reply["ok"], &reply["mode"]), (&json!(true), &json!("ensemble")), "{reply}");
    assert_eq!(reply["stage_result"]["output"]["provider"], "claude", "{reply}");
    assert_eq!(client.log("claude").len(), 1, "claude is asked only once");
    let candidates = reply["stage_result"]["output"]["candidates"].as_array().unwrap();
    let codes: Vec<&Value> = candidates.iter().filter(|it| it["ok"] == false).map(|it| &it["code"]).collect();
    assert_eq!((candidates.len(), codes), (2, vec![&json!("login_missing")]), "{reply}");
}

#[test]
fn every_named_provider_is_asked() {
    let mut client = project().start();
    begin(&mut client);
    let mut call = arguments("analyze");
    call["providers"] = json!(["gemini", "codex", "gemini"]);
    let reply = client.call("maestro_run_stage_with_approval", call);
    assert_eq!((&reply["ok"], &reply["mode"]), (&json!(true), &json!("ensemble")), "{reply}");
    assert_eq!((client.log("codex").len(), client.log("gemini").len()), (1, 1));
    assert_eq!(reply["stage_result"]["output"]["candidates"].as_array().unwrap().len(), 2);
}

#[test]
fn a_flagged_answer_is_discarded_and_asked_for_once_more() {
    let mut client = project().start();
    begin(&mut client);
    let script =
        json!({ "text": "I am not sure which one it is.", "later": { "text": analysis().to_string() } });
    let reply = client.call("maestro_run_stage_with_approval", asking("analyze", script));
    assert_eq!(reply["ok"], true, "{reply}");
    assert_eq!(reply["stage_result"]["consults_used"], 2);
    let candidates = reply["stage_result"]["output"]["candidates"].as_array().unwrap().clone();
    assert_eq!(candidates.len(), 2, "{candidates:?}");
    assert_eq!((&candidates[0]["ok"], &candidates[1]["ok"]), (&json!(false), &json!(true)));
    assert_eq!(candidates[1]["resample"], true);
    assert_eq!(candidates[0]["content"], "I am not sure which one it is.", "an answer is never repaired");
    assert!(candidates[0]["red_flags"].to_string().contains("not_sure"), "{candidates:?}");
    assert_eq!(count(&client.server, "answered"), 2);
    assert_eq!(client.log("gemini").len(), 2);
}

#[test]
fn an_answer_against_its_schema_is_discarded_and_asked_for_once_more() {
    let mut client = project().start();
    begin(&mut client);
    let broken =
        json!({ "observations": [], "repro_steps": "none", "affected_modules": [], "invariants": [] });
    let script = json!({ "text": broken.to_string() });
    let reply = client.call("maestro_run_stage_with_approval", asking("analyze", script));
    assert_eq!((&reply["ok"], &reply["code"]), (&json!(false), &json!("no_valid_answer")), "{reply}");
    assert_eq!(reply["approval"], Value::Null);
    assert_eq!(reply["hint"], "Do the stage yourself and hand it in with maestro_request_approval.");
    assert_eq!(client.log("gemini").len(), 2, "once more, and no third time");
    let candidates = reply["stage_result"]["output"]["candidates"].as_array().unwrap();
    assert!(
        candidates.iter().all(|it| it["ok"] == false && !it["schema_errors"].as_array().unwrap().is_empty()),
        "{reply}"
    );
    assert_eq!(state(&mut client)["total_consults"], 2);
}

#[test]
fn an_answer_is_not_asked_for_again_where_the_budget_is_out() {
    let mut client = project().env("MAESTRO_MAX_CONSULT_TOTAL", "1").start();
    begin(&mut client);
    let script =
        json!({ "text": "I am not sure which one it is.", "later": { "text": analysis().to_string() } });
    let reply = client.call("maestro_run_stage_with_approval", asking("analyze", script));
    assert_eq!((&reply["ok"], &reply["code"]), (&json!(false), &json!("no_valid_answer")), "{reply}");
    assert_eq!(client.log("gemini").len(), 1);
    assert_eq!(stage(&mut client, "analyze")["mode"], "solo");
}

#[test]
fn one_of_two_candidates_is_enough() {
    let mut client = project().start();
    client
        .call("maestro_workflow_with_hitl", json!({ "task": "mend the mean", "start_stage": "hypothesize" }));
    let script = json!({
        "codex": { "text": "It broke, and nobody can say why or where.", "exit": 3 },
        "gemini": { "text": hypotheses("the sum is wrong").to_string() },
    });
    let reply = client.call("maestro_run_stage_with_approval", asking("hypothesize", script));
    assert_eq!((&reply["ok"], &reply["mode"]), (&json!(true), &json!("ensemble")), "{reply}");
    assert_eq!(reply["stage_result"]["output"]["provider"], "gemini");
    assert_eq!(reply["stage_result"]["output"]["structured"], hypotheses("the sum is wrong"));
}

#[test]
fn a_stated_confidence_skips_nothing_and_verified_outcomes_do() {
    let begin = |client: &mut crate::harness::Client, confidence: f64| {
        client.call(
            "maestro_workflow_with_hitl",
            json!({ "task": "mend the mean", "start_stage": "hypothesize" }),
        );
        let mut call = arguments("hypothesize");
        call["baseline_confidence"] = json!(confidence);
        client.call("maestro_run_stage_with_approval", call)
    };
    let stated = begin(&mut project().start(), 0.9);
    assert_eq!(stated["mode"], "ensemble", "{stated}");
    let why = stated["why"].as_str().unwrap();
    assert!(why.contains("0.90 counts as about 0.36") && why.contains("0 of 10"), "{why}");
    let mut client = project().start();
    for at in 0..10 {
        client.call(
            "maestro_record_coordination_result",
            json!({ "topology": "sas", "success": at > 1, "stage": "hypothesize" }),
        );
    }
    let reply = begin(&mut client, 0.1);
    assert_eq!(reply["mode"], "consult", "{reply}");
    assert!(reply["why"].as_str().unwrap().contains("8 of 10"), "{reply}");
    assert_eq!((client.log("codex").len(), client.log("gemini").len()), (1, 0));
}

#[test]
fn outside_any_run_stages_are_done_one_at_a_time_without_limit() {
    let mut client = project().start();
    for round in 0..3 {
        for name in ["improve", "analyze", "debug"] {
            let mut call = arguments(name);
            call["context_facts"] = json!([format!("round {round}")]);
            let reply = client.call("maestro_run_stage", call);
            assert_eq!(reply["ok"], true, "{reply}");
            assert_eq!(reply["output"]["structured"], outputs(name), "{reply}");
            assert_eq!(
                (&reply["approval"], &reply["workflow_id"], &reply["from_log"]),
                (&Value::Null, &Value::Null, &Value::Null)
            );
            assert!(reply["consults_used"].as_u64().unwrap() >= 1);
        }
    }
    // The same call again is a new question, because its caller has the first answer.
    let calls = |client: &crate::harness::Client| client.log("codex").len() + client.log("gemini").len();
    let before = calls(&client);
    let mut call = arguments("analyze");
    call["context_facts"] = json!(["round 0"]);
    client.call("maestro_run_stage", call);
    assert_eq!(calls(&client), before + 1);
    assert_eq!(state(&mut client)["current_stage"], Value::Null);
    assert_eq!(count(&client.server, "consult_settled"), calls(&client), "every call is counted");
    assert_eq!(count(&client.server, "run_started"), 0);
}

#[test]
fn a_stage_outside_any_run_may_follow_a_run_that_went_through() {
    let mut client = project().start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "polish", "start_stage": "improve" }));
    super::patch(&mut client, super::FIRST_DIFF);
    super::verify(&mut client);
    super::patch(&mut client, super::SECOND_DIFF);
    super::verify(&mut client);
    super::pass(&mut client, "improve");
    assert_eq!(state(&mut client)["state"], "complete");
    assert_eq!(client.call("maestro_run_stage", arguments("analyze"))["ok"], true);
    super::assert_refused(
        &stage(&mut client, "analyze"),
        "run_complete",
        "complete",
        "maestro_workflow_with_hitl",
    );
}

#[test]
fn with_approval_a_stage_outside_any_run_begins_one() {
    let mut client = project().start();
    let reply = stage(&mut client, "hypothesize");
    assert_eq!(reply["approval"]["status"], "pending", "{reply}");
    assert!(reply["workflow_id"].is_string());
    assert_eq!(state(&mut client)["state"], "awaiting_approval(hypothesize)");
}

/// After any failure of the CLI itself, known or not, the next CLI is asked. If the task is at fault, no
/// other CLI is asked.
#[test]
fn a_cli_that_fails_for_its_own_reasons_gives_way_to_the_next() {
    let limit = "You've hit your usage limit. Try again at Aug 27th, 2031 5:05 AM.";
    for (script, code, gives_way) in [
        (json!({ "status": 429, "message": limit }), "quota_exceeded", true),
        (json!({ "exit": 1, "stderr": "error: unknown option '--policy'" }), "cli_outdated", true),
        (json!({ "exit": 127, "stderr": "env: 'node': No such file or directory" }), "cli_broken", true),
        (json!({ "exit": 1, "stderr": "the flux capacitor is cold" }), "cli_failed", true),
        (json!({ "status": 400, "message": "prompt is too long" }), "context_too_long", false),
    ] {
        // Analyze prefers gemini, then claude, which is missing; codex is available.
        let mut client = project().start();
        begin(&mut client);
        let script = json!({ "gemini": script, "codex": { "text": analysis().to_string() } });
        let reply = client.call("maestro_run_stage_with_approval", asking("analyze", script));
        assert_eq!(reply["ok"], gives_way, "{code}: {reply}");
        assert_eq!((client.log("gemini").len(), client.log("codex").len()), (1, usize::from(gives_way)));
        assert!(reply.to_string().contains(code), "{code}: {reply}");
    }
}

//! Ensembles: candidates run in parallel and independently, and an ensemble without an answer is a failure.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Server, scripted, three};

#[test]
fn candidates_run_side_by_side_over_every_installed_provider() {
    let mut client = three().start();
    let started = Instant::now();
    let result = client.call("maestro_ensemble_generate", json!({ "task": scripted(json!({ "sleep": 1, "text": "because of the cache" })), "n_per_provider": 2 }));
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert_eq!(result["count"], 6);
    assert_eq!(result["providers_used"], json!(["codex", "gemini", "claude"]));
    let candidates = result["candidates"].as_array().unwrap();
    let mut ids: Vec<&str> = candidates.iter().map(|candidate| candidate["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6);
    for candidate in candidates {
        assert_eq!(candidate["content"], "because of the cache");
        assert_eq!(candidate["red_flag"]["flagged"], false);
        // Codex reports no model, and none was requested.
        assert_eq!(candidate["model"].is_null(), candidate["provider"] == "codex", "{candidate}");
        assert!(candidate["usage"]["output_tokens"].is_u64());
    }
}

#[test]
fn a_flagged_answer_says_why() {
    let mut client = three().start();
    let result = client.call(
        "maestro_ensemble_generate",
        json!({ "task": scripted(json!({ "text": "I don't know, honestly." })), "providers": ["codex"] }),
    );
    let verdict = &result["candidates"][0]["red_flag"];
    assert_eq!(verdict["flagged"], true);
    assert_eq!(verdict["reasons"][0]["reason"], "forbidden_pattern");
}

#[test]
fn one_failed_candidate_does_not_fail_the_rest() {
    let mut client = three().env("MAESTRO_GEMINI_CMD", "/no/such/gemini").start();
    let result = client.call(
        "maestro_ensemble_generate",
        json!({ "task": "x", "providers": ["codex", "gemini", "claude"] }),
    );
    assert_eq!(result["ok"], true);
    assert_eq!(result["count"], 2);
    assert!(result["warning"].as_str().unwrap().contains("1 of 3"));
    let failed = &result["candidates"][1];
    assert_eq!((&failed["ok"], &failed["code"]), (&json!(false), &json!("cli_not_found")));
    assert_eq!(failed["red_flag"], Value::Null);
}

#[test]
fn all_failed_is_not_ok() {
    let mut client = three().start();
    let result = client.call(
        "maestro_ensemble_generate",
        json!({ "task": scripted(json!({ "exit": 3, "stderr": "broken" })) }),
    );
    assert_eq!(result["ok"], false);
    assert_eq!(result["code"], "every_candidate_failed");
    assert_eq!(result["candidates"].as_array().unwrap().len(), 3);
    assert_eq!(result["count"], 0);
}

#[test]
fn bounds_and_names_are_checked_before_anything_runs() {
    let mut client = three().start();
    for count in [json!(0), json!(-1), json!(9), json!(60)] {
        let result =
            client.call("maestro_ensemble_generate", json!({ "task": "x", "n_per_provider": count }));
        assert_eq!(result["code"], "invalid_arguments", "{count}: {result}");
    }
    assert_eq!(
        client.call("maestro_ensemble_generate", json!({ "task": "x", "providers": ["codex", "gpt"] }))["code"],
        "unknown_provider"
    );
    assert!(client.log("codex").is_empty());
}

#[test]
fn without_any_cli_the_understudy_answers_and_is_named() {
    let mut client = Server::new().start();
    let result = client
        .call("maestro_ensemble_generate", json!({ "task": "why?", "context_errors": ["ValueError: bad"] }));
    assert_eq!(result["providers_used"], json!(["understudy"]));
    assert!(result["candidates"][0]["note"].as_str().unwrap().contains("no model"));
}

#[test]
fn long_candidates_share_the_room_of_a_result() {
    let mut client = three().start();
    let result = client.call(
        "maestro_ensemble_generate",
        json!({ "task": scripted(json!({ "text": "0123456789\n", "repeat": 3_000 })) }),
    );
    let shown: usize = result["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|candidate| candidate["content"].as_str().unwrap().chars().count())
        .sum();
    // A newline takes two bytes in the data of a result, and three in its text.
    assert!(shown <= 40_000 && shown > 34_000, "{shown}");
    for candidate in result["candidates"].as_array().unwrap() {
        let whole = std::fs::read_to_string(candidate["content_file"].as_str().unwrap()).unwrap();
        assert_eq!(whole.len(), 33_000);
    }
}

#[test]
fn progress_is_one_line_about_all_candidates() {
    let mut client = three().start();
    let script =
        json!({ "codex": { "sleep": 0.1 }, "gemini": { "sleep": 2.5 }, "claude": { "status": 401 } });
    client.call("maestro_ensemble_generate", json!({ "task": scripted(script) }));
    let said = client.progress();
    assert!(said.iter().all(|line| line.contains(" of 3 answered")), "{said:?}");
    assert!(
        said[0].starts_with("0 of 3 answered; waiting for codex 0 s, gemini 0 s, claude 0 s"),
        "{said:?}"
    );
    assert!(
        said.iter().any(|line| line.starts_with("1 of 3 answered, 1 failed; waiting for gemini ")),
        "{said:?}"
    );
    assert_eq!(said.last().unwrap(), "2 of 3 answered, 1 failed");
}

/// Progress is also one line for the samples of a vote or a calibration, and for a judge that reads the
/// candidates in both orders.
#[test]
fn progress_is_one_line_about_everybody_who_is_asked_at_once() {
    let mut client = three().start();
    let step =
        json!({ "hypothesis": "x", "suspected_file": "a.py", "suspected_location": "f", "confidence": 0.5 });
    let vote = scripted(json!({ "text": "ANSWER: yes" }));
    let test = scripted(json!({ "text": step.to_string() }));
    let candidate =
        |id: &str, by: &str| json!({ "id": id, "provider": by, "content": format!("the answer of {by}") });
    for (tool, arguments, of) in [
        (
            "maestro_consensus_vote",
            json!({ "question": vote, "options": ["yes", "no"], "k": 3 }),
            " of 3 answered",
        ),
        (
            "maestro_calibrate",
            json!({ "step_type": "h1_root_cause", "test_prompt": test, "num_samples": 10 }),
            " of 10 answered",
        ),
        (
            "maestro_select_best",
            json!({
                "candidates": [candidate("a", "codex"), candidate("b", "gemini")], "mode": "llm_judge",
                "criteria": [format!("@@fake {}@@", json!({ "judge": "of codex" }))],
            }),
            " of 2 answered",
        ),
    ] {
        client.notifications.clear();
        let result = client.call(tool, arguments);
        assert_eq!(result["ok"], true, "{result}");
        let said = client.progress();
        let first =
            said.iter().position(|line| line.contains(of)).unwrap_or_else(|| panic!("{tool}: {said:?}"));
        let all_are_lines =
            said[first..].iter().all(|line| line.contains(of) && line.matches('#').count() <= 6);
        assert!(all_are_lines && said.last().unwrap().contains(&of[4..]), "{tool}: {said:?}");
    }
}

#[test]
fn everybody_is_as_many_as_the_budget_of_a_run_allows() {
    let mut client = three().start();
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "x" }))["workflow_id"].clone();
    let ask = |more: Value| {
        let mut arguments = json!({ "task": "x", "workflow_id": run });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    let all = client.call("maestro_ensemble_generate", ask(json!({ "n_per_provider": 3 })));
    assert_eq!(all["code"], "budget_exhausted", "{all}");
    assert!(all["error"].as_str().unwrap().contains("2 of 2 consults are left (the call needs 3)"), "{all}");
    let fitting = client.call("maestro_ensemble_generate", ask(json!({})));
    assert_eq!((&fitting["ok"], &fitting["count"]), (&json!(true), &json!(2)), "{fitting}");
    assert!(fitting["warning"].as_str().unwrap().contains("2 of 3 providers"), "{fitting}");
    let none = client.call("maestro_ensemble_generate", ask(json!({})));
    assert!(none["error"].as_str().unwrap().contains("used up"), "{none}");
}

#[test]
fn every_answer_says_which_of_its_places_are_there() {
    let server = three()
        .file("src/stats.py", "def mean(values):\n    return sum(values) / len(values) - 1\n")
        .file(".env", "TOKEN=abc\n");
    let mut client = server.start();
    let text = "In src/stats.py:2 it subtracts: `len(values) - 1`. `def mean(values):` is at src/stats.py:2, and src/stats.py:40 or src/gone.py:3 have no part in it. Served at http://localhost:8080 since 12:30; see ../../etc/passwd.txt:1";
    let statuses = |citations: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        citations.as_array().unwrap().iter().map(|one| (text(&one["cited"]), text(&one["status"]))).collect()
    };
    let wanted = [
        ("src/stats.py:2", "exact"),
        ("src/stats.py:2", "moved"),
        ("src/stats.py:40", "absent"),
        ("src/gone.py:3", "absent"),
        ("../../etc/passwd.txt:1", "unchecked"),
    ]
    .map(|(cited, status)| (cited.to_owned(), status.to_owned()));
    let prompt = scripted(json!({ "text": text }));
    let one = client.call("maestro_consult", json!({ "prompt": prompt, "provider": "codex" }));
    assert_eq!(statuses(&one["citations"]), wanted, "{one}");
    assert_eq!(one["citations"][1]["found_line"], 1);
    let role = json!({ "prompt": prompt, "provider": "gemini", "role": "debugger" });
    assert_eq!(statuses(&client.call("maestro_consult_with_role", role)["citations"]), wanted);
    let many = client.call("maestro_ensemble_generate", json!({ "task": prompt }));
    for candidate in many["candidates"].as_array().unwrap() {
        assert_eq!(statuses(&candidate["citations"]), wanted, "{candidate}");
    }
}

/// A server with a CLI whose account is always used up.
fn spent(server: Server, provider: &str) -> Server {
    let words = "You've hit your usage limit. Try again at Aug 27th, 2099 5:05 AM.";
    let event = json!({ "type": "turn.failed", "error": { "message": words } });
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 9.9.9 && exit\ncat >/dev/null\ncat <<'END'\n{event}\nEND\nexit 1\n"
    );
    server.shell_cli(provider, &script)
}

#[test]
fn another_provider_answers_for_one_whose_quota_is_spent_where_the_caller_permits() {
    let mut client = spent(three(), "codex").start();
    let named = json!({ "task": "x", "providers": ["codex", "gemini"] });
    let alone = client.call("maestro_ensemble_generate", named);
    let failed = &alone["candidates"][0];
    assert_eq!((&alone["count"], &failed["code"]), (&json!(1), &json!("quota_exceeded")), "{alone}");
    assert!(failed["resets_at"].is_string(), "{alone}");
    assert!(client.log("claude").is_empty(), "no other provider is asked without permission");

    let permitted = json!({ "task": "x", "providers": ["codex", "gemini"], "stand_in": true });
    let result = client.call("maestro_ensemble_generate", permitted);
    assert_eq!(result["count"], 2, "{result}");
    assert_eq!(result["providers_used"], json!(["codex", "gemini", "claude"]), "{result}");
    let candidate = &result["candidates"][0];
    assert_eq!((&candidate["provider"], &candidate["ok"]), (&json!("claude"), &json!(true)), "{candidate}");
    let why = &candidate["stands_in"];
    assert_eq!((&why["provider"], &why["code"]), (&json!("codex"), &json!("quota_exceeded")), "{candidate}");
    assert!(why["resets_at"].as_str().unwrap().starts_with("2099-08-27"), "{candidate}");
    assert!(candidate["sandbox"].is_string(), "the candidate names its sandbox: {candidate}");
    let warning = result["warning"].as_str().unwrap();
    assert!(warning.contains("claude answers in place of codex"), "{warning}");
    // If the call names no provider, one whose limit is spent is left out, and the result says so.
    let all = client.call("maestro_ensemble_generate", json!({ "task": "x" }));
    let candidates = all["candidates"].as_array().unwrap().len();
    assert_eq!((&all["count"], candidates), (&json!(2), 2), "{all}");
    assert!(all["warning"].as_str().unwrap().contains("codex was not asked"), "{all}");
}

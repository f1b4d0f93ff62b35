//! Selections among candidates, and answers checked against rules.

mod cases;
mod judge;
mod trial;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Client, Server};

fn candidate(id: &str, provider: &str, content: &str) -> Value {
    json!({ "id": id, "provider": provider, "content": content })
}

fn select(client: &mut Client, arguments: Value) -> Value {
    client.call("maestro_select_best", arguments)
}

#[test]
fn every_recorded_decision_holds() {
    let mut client = Server::new().start();
    let mut count = 0;
    for line in include_str!("../data/golden_selection.jsonl").lines() {
        let golden: Value = serde_json::from_str(line).unwrap();
        let result = client.call(golden["tool"].as_str().unwrap(), golden["arguments"].clone());
        for (key, expected) in golden["expect"].as_object().unwrap() {
            let shown: String = line.chars().take(300).collect();
            assert_eq!(&result[key], expected, "{key} of {shown}: {}", result["rationale"]);
        }
        count += 1;
    }
    assert_eq!(count, 28);
}

#[test]
fn a_pattern_never_beats_a_test() {
    let mut client = Server::new().start();
    let result = select(
        &mut client,
        json!({
            "candidates": [
                candidate("a", "codex", "I'm not sure, but this works"),
                candidate("b", "gemini", "a confident wrong patch"),
                candidate("c", "claude", "an untested patch of some kind"),
            ],
            "test_results": [{ "candidate_id": "a", "passed": true }, { "candidate_id": "b", "passed": false }],
        }),
    );
    assert_eq!(
        result["winner"],
        candidate("a", "codex", "I'm not sure, but this works")
            .as_object()
            .map(|one| json!({ "id": one["id"], "provider": one["provider"], "content": one["content"] }))
            .unwrap()
    );
    assert_eq!(result["candidates"][0]["red_flags"][0]["rule"], "not_sure");
    assert_eq!(result["requires_review"], true);
    assert!(result["warning"].as_str().unwrap().contains("red flag"));
}

#[test]
fn nobody_wins_where_all_failed_or_are_flagged() {
    let mut client = Server::new().start();
    for mode in ["tests_first", "hybrid", "llm_judge"] {
        let result = select(
            &mut client,
            json!({
                "candidates": [candidate("a", "codex", "a patch that fails"), candidate("b", "gemini", "I don't know at all")],
                "test_results": [{ "candidate_id": "a", "passed": false, "output": "E   assert 1 == 2" }],
                "mode": mode,
            }),
        );
        assert_eq!(
            (&result["ok"], &result["code"]),
            (&json!(false), &json!("no_winner")),
            "{mode}: {result}"
        );
        assert_eq!((&result["winner"], &result["winner_id"]), (&Value::Null, &Value::Null));
        assert!(!result["hint"].as_str().unwrap().is_empty());
        assert_eq!(result["candidates"][0]["output"], "E   assert 1 == 2");
        for key in ["scores", "rationale", "requires_review", "mode_used"] {
            assert!(!result[key].is_null(), "{key}");
        }
    }
}

#[test]
fn what_does_not_fit_together_is_a_clear_error() {
    let mut client = Server::new().start();
    let two =
        json!([candidate("a", "codex", "one patch here"), candidate("b", "gemini", "other patch here")]);
    for (arguments, why) in [
        (json!({ "candidates": [] }), "candidates must not be empty"),
        (
            json!({ "candidates": [candidate("a", "codex", "x"), candidate("a", "codex", "y")] }),
            "candidates[1].id must be unique (got `a` twice)",
        ),
        (
            json!({ "candidates": two, "test_results": [{ "candidate_id": "z", "passed": true }] }),
            "test_results[0].candidate_id must be one of a, b (got `z`)",
        ),
        (
            json!({ "candidates": two, "lint_results": [{ "candidate_id": "a", "score": -1 }] }),
            "lint_results[0].score must be 0 to 1 (got -1)",
        ),
        (
            json!({ "candidates": two, "lint_results": [{ "candidate_id": "a", "score": 7.5 }] }),
            "lint_results[0].score must be 0 to 1 (got 7.5)",
        ),
        (json!({ "candidates": two, "test_results": [{ "candidate_id": "a" }] }), "passed"),
        (json!({ "candidates": two, "mode": "coin" }), "coin"),
        (json!({ "candidates": two, "verify": [] }), "Maestro found no check in the project"),
        (json!({ "candidates": two, "verify": [{ "command": "rm -rf /" }] }), "refused by rule"),
        (
            json!({ "candidates": two, "verify": [{ "command": "pytest", "timeout_sec": 0 }] }),
            "verify[0].timeout_sec",
        ),
        (json!({ "candidates": two, "mode": "llm_judge", "judge_provider": "gpt" }), "gpt"),
    ] {
        let result = select(&mut client, arguments.clone());
        assert_eq!(result["ok"], false, "{arguments}: {result}");
        assert!(result["error"].as_str().unwrap().contains(why), "{arguments}: {result}");
    }
}

#[test]
fn an_ensembles_candidates_are_taken_as_they_are() {
    let mut client = Server::new().codex().fake("gemini", "gemini").start();
    let ensemble = client.call("maestro_ensemble_generate", json!({ "task": "x" }));
    let result = select(&mut client, json!({ "candidates": ensemble["candidates"] }));
    assert_eq!(result["winner"]["content"], "an answer from the fake", "{result}");
    assert_eq!(result["winner_id"], "codex-1");
}

#[test]
fn neither_a_refusal_nor_order_nor_length_nor_an_author_wins() {
    let mut client = Server::new().start();
    for refusal in ["I'm sorry, but I can't help with that.", "Done.", "", "Sure, here is the fix:"] {
        for mode in ["tests_first", "hybrid", "llm_judge"] {
            let result = select(
                &mut client,
                json!({
                    "candidates": [candidate("a", "codex", refusal), candidate("b", "gemini", "use a lock around the counter")],
                    "test_results": [{ "candidate_id": "a", "passed": true }],
                    "mode": mode,
                }),
            );
            assert_eq!(result["winner_id"], "b", "{refusal:?} {mode}: {result}");
            assert_eq!(result["candidates"][0]["standing"], "no_answer");
            assert_eq!(result["requires_review"], true);
        }
    }
    let (short, long) =
        ("use a lock", "use a lock, or an atomic counter where the platform has one; measure both");
    for (one, other) in [(short, long), (long, short)] {
        for tests in [
            json!(null),
            json!([{ "candidate_id": "a", "passed": true }, { "candidate_id": "b", "passed": true }]),
        ] {
            let result = select(
                &mut client,
                json!({ "candidates": [candidate("a", "codex", one), candidate("b", "gemini", other)], "test_results": tests }),
            );
            assert_eq!((&result["ok"], &result["winner_id"]), (&json!(true), &Value::Null), "{result}");
            assert_eq!((&result["code"], &result["requires_review"]), (&json!("no_judgement"), &json!(true)));
        }
    }
}

#[test]
fn without_tests_what_several_authors_say_wins_and_is_to_be_reviewed() {
    let mut client = Server::new().start();
    let result = select(
        &mut client,
        json!({ "candidates": [
            candidate("a", "codex", "the index is off by one"),
            candidate("b", "gemini", "the cache is stale"),
            candidate("c", "claude", "the cache  is stale\n"),
            candidate("d", "codex", "the index is off by one"),
        ] }),
    );
    assert_eq!((&result["winner_id"], &result["requires_review"]), (&json!("b"), &json!(true)), "{result}");
    assert_eq!(result["candidates"][1]["support"], 2);
}

#[test]
fn tests_weigh_against_a_judge_as_the_setting_says() {
    let arguments = json!({
        "candidates": [candidate("tested", "codex", "the tested one"), candidate("liked", "gemini", "the one that is liked")],
        "test_results": [{ "candidate_id": "tested", "passed": true }],
        "mode": "llm_judge",
        "criteria": [format!("@@fake {}@@", json!({ "judge": "is liked" }))],
    });
    for (setting, winner) in [("true", "tested"), ("false", "liked")] {
        let server = Server::new().fake("claude", "claude").env("MAESTRO_PREFER_TESTS_FIRST", setting);
        let result = select(&mut server.start(), arguments.clone());
        assert_eq!(result["winner_id"], winner, "{setting}: {result}");
    }
}

#[test]
fn an_unknown_rule_is_named_with_those_that_there_are() {
    let mut client = Server::new().start();
    let result = client
        .call("maestro_red_flag_check", json!({ "content": "some text", "rules": ["hedging", "vagueness"] }));
    assert_eq!(result["code"], "invalid_arguments");
    let error = result["error"].as_str().unwrap();
    assert!(error.contains("`vagueness`") && error.contains("missing_fields, invalid_json"), "{error}");
}

#[test]
fn a_steps_schema_is_checked_nested_objects_included() {
    let mut client = Server::new().start();
    let mut check = |content: Value, step: &str| {
        client.call("maestro_red_flag_check", json!({ "content": content.to_string(), "step_type": step }))
    };
    let good = json!({ "hypothesis": "uses {x: {}} and }{", "suspected_file": "a.py", "suspected_location": "line 3", "confidence": 0.5, "more": { "deep": [{ "a": {} }] } });
    assert_eq!(check(good.clone(), "h1_root_cause")["is_flagged"], false);
    let mut bad = good.clone();
    bad["confidence"] = json!(1.5);
    let result = check(bad, "h1_root_cause");
    assert_eq!(result["reasons"], json!(["missing_fields"]));
    assert!(
        result["details"]["findings"][0]["detail"].as_str().unwrap().starts_with("/confidence"),
        "{result}"
    );
    let patch = json!({ "target_file": "a", "patch_diff": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n", "change_summary": "s" });
    let result = check(patch, "c1_minimal_patch");
    assert_eq!(result["reasons"], json!(["multi_file"]), "{result}");
    assert_eq!((&result["step_type"], &result["should_discard"]), (&json!("c1_minimal_patch"), &json!(true)));
    let prose = check(json!("no fields"), "d1_failure_label");
    assert_eq!(prose["reasons"], json!(["missing_fields"]));
}

#[test]
fn a_forbidden_file_in_the_middle_of_a_diff_is_found() {
    let part = |name: &str| format!("--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-a\n+b\n");
    let diff = [part("a.py"), part("conf/.env"), part("z.py")].concat();
    let mut client = Server::new().start();
    let result =
        client.call("maestro_red_flag_check", json!({ "content": diff, "rules": ["forbidden_file"] }));
    assert_eq!(result["reasons"], json!(["forbidden_file"]));
    assert_eq!(result["details"]["findings"][0]["detail"], "conf/.env");
    let result = client.call("maestro_red_flag_check", json!({ "content": diff }));
    assert_eq!(result["reasons"], json!(["multi_file", "forbidden_file"]));
}

#[test]
fn a_projects_own_rules_are_held_to_their_examples() {
    let shipped = include_str!("../../conf/redflags.yaml");
    let broken = shipped.replace(r"- \bperhaps\b", r"- \bperchance\b");
    assert_ne!(broken, shipped);
    let of_project = || Server::new().file(".maestro/redflags.yaml", &broken);
    for server in [Server::new().user_file("redflags.yaml", &broken), of_project().trusted()] {
        let result = server.start().call("maestro_red_flag_check", json!({ "content": "some text here" }));
        assert_eq!(result["code"], "document_invalid", "{result}");
        assert!(
            result["error"]
                .as_str()
                .unwrap()
                .contains("rule `hedging` does not match its example `PERHAPS it is so`")
        );
    }
    // The rules of a project that nobody trusts do not count.
    let result = of_project().start().call("maestro_red_flag_check", json!({ "content": "some text here" }));
    assert_eq!(result["ok"], true, "{result}");
}

#[test]
fn a_pattern_that_is_none_is_named_and_one_that_is_slow_holds_nobody_up() {
    let mut client = Server::new().start();
    let validate = |client: &mut Client, arguments| client.call("maestro_validate_content", arguments);
    let result = validate(
        &mut client,
        json!({ "content": "some content", "forbidden_patterns": ["ok", "(unclosed"] }),
    );
    assert_eq!((&result["is_valid"], &result["code"]), (&json!(false), &json!("invalid_arguments")));
    assert!(
        result["reason"].as_str().unwrap().starts_with("forbidden_patterns[1] must be a regex (`(unclosed`"),
        "{result}"
    );
    for key in ["content_length", "content_type", "result"] {
        assert!(!result[key].is_null(), "{key}");
    }
    let bounded =
        validate(&mut client, json!({ "content": "some content", "forbidden_patterns": ["(a{999}){999}"] }));
    assert!(bounded["reason"].as_str().unwrap().contains("exceeds size limit"), "{bounded}");

    let slow = client.begin_call(
        "maestro_validate_content",
        json!({ "content": "a".repeat(200_000), "max_chars": 300_000, "forbidden_patterns": vec!["(a|a?)+(a+)+$b"; 10] }),
    );
    let started = Instant::now();
    client.request("ping", json!({}));
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(client.result(slow)["result"], "valid");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

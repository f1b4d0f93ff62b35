//! The main flows with a consultant that words every answer in another way. A failure shows its seed;
//! `MAESTRO_TEST_SEED` repeats it.

use serde_json::json;

use crate::harness::{Client, Server, fake_cli, scripted};
use crate::review::in_repository;
use crate::workflow::{
    FIRST_DIFF, SECOND_DIFF, approve, begin, broken, hand_in, pass, patch, stage, state, verify,
};

/// The seeds to test. `MAESTRO_TEST_SEED` replaces them.
fn seeds() -> Vec<u64> {
    match std::env::var("MAESTRO_TEST_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => vec![3, 17, 2026],
    }
}

/// A server whose CLIs vary their answers by a seed.
fn varying_as(seed: u64, names: &[&str]) -> Server {
    eprintln!("MAESTRO_TEST_SEED={seed}");
    let mut server = Server::new().env("MAESTRO_SANDBOX", "off").env("MAESTRO_LATE_START", "true");
    let beside = server.project().parent().unwrap().join("fake");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bin/varying.py");
    for name in names {
        let command = format!(
            "/usr/bin/env python3 {script} {seed} {0}/{name}.count {1} --as {name} --log {0}/{name}.log --state {0}/{name}.state",
            beside.display(),
            fake_cli().display(),
        );
        server = server.env(&format!("MAESTRO_{}_CMD", name.to_uppercase()), &command);
    }
    server
}

fn varying(seed: u64) -> Server {
    varying_as(seed, &["codex"])
}

fn started(seed: u64) -> Client {
    varying(seed).start()
}

#[test]
fn an_answer_is_the_same_answer_however_it_is_said() {
    for seed in seeds() {
        let mut client = started(seed);
        for _ in 0..4 {
            let asked = scripted(json!({ "text": "the divisor is a constant" }));
            let result = client.call("maestro_consult", json!({ "prompt": asked }));
            assert_eq!(result["ok"], true, "{result}");
            assert_eq!(result["content"], "the divisor is a constant", "{result}");
        }
        let asked =
            json!({ "task": scripted(json!({ "text": "the divisor is a constant" })), "n_per_provider": 3 });
        let result = client.call("maestro_ensemble_generate", asked);
        assert_eq!((&result["ok"], &result["count"]), (&json!(true), &json!(3)), "{result}");
    }
}

#[test]
fn votes_for_the_same_count_together() {
    for seed in seeds() {
        let mut client = started(seed);
        let plain = json!({ "question": scripted(json!({ "text": "B" })), "k": 3 });
        let result = client.call("maestro_consensus_vote", plain);
        assert_eq!((&result["ok"], &result["winner"]), (&json!(true), &json!("B")), "{result}");
        let document = json!({ "line": 2, "kind": "divisor" }).to_string();
        let asked =
            json!({ "question": scripted(json!({ "text": document })), "k": 3, "require_json": true });
        let result = client.call("maestro_consensus_vote", asked);
        assert_eq!((&result["ok"], &result["stop_reason"]), (&json!(true), &json!("unanimous")), "{result}");
    }
}

#[test]
fn a_run_goes_through_all_stages() {
    for seed in seeds() {
        let mut client = broken(varying(seed)).start();
        begin(&mut client);
        for name in ["analyze", "hypothesize", "implement"] {
            pass(&mut client, name);
        }
        assert_eq!(patch(&mut client, FIRST_DIFF)["ok"], true);
        verify(&mut client);
        // The orchestrator does the first rounds of debug itself.
        stage(&mut client, "debug");
        let request = hand_in(&mut client, "debug")["request_id"].as_str().unwrap().to_owned();
        approve(&mut client, &request);
        assert_eq!(patch(&mut client, SECOND_DIFF)["ok"], true);
        verify(&mut client);
        pass(&mut client, "improve");
        assert_eq!(state(&mut client)["state"], "complete");
    }
}

#[test]
fn a_judge_of_any_vendor_says_whom_it_prefers() {
    let one = |id: &str| json!({ "id": id, "provider": "opencode", "content": format!("candidate {id}, in so many words") });
    for seed in seeds() {
        let mut client = varying_as(seed, &["codex", "gemini", "claude"]).start();
        for judge in ["codex", "gemini", "claude"] {
            let asked = json!({
                "candidates": [one("a"), one("b")], "mode": "llm_judge", "judge_provider": judge,
                "criteria": [scripted(json!({ "judge": "candidate b" }))],
            });
            let result = client.call("maestro_select_best", asked);
            assert_eq!((&result["ok"], &result["winner_id"]), (&json!(true), &json!("b")), "{result}");
            assert_eq!(
                (&result["judge"]["provider"], &result["judge"]["asked"]),
                (&json!(judge), &json!(2)),
                "{result}"
            );
        }
    }
}

/// The content of a step's answer, without the text around it.
fn failure_label() -> String {
    json!({ "failure_type": "timeout", "error_message": "30 s are over", "stack_trace_summary": "a.py:1" })
        .to_string()
}

#[test]
fn a_step_is_voted_on_and_measured_in_any_words() {
    let oracle = "import json, sys\nanswer = json.load(sys.stdin)\nsys.exit(0 if answer['failure_type'] == 'timeout' else 1)\n";
    for seed in seeds() {
        let server = varying_as(seed, &["codex", "gemini"]).file("tests/check_answer.py", oracle);
        let mut client = server.start();
        let prompt = scripted(json!({ "text": failure_label() }));
        let vote = json!({ "step_type": "d1_failure_label", "prompt": prompt, "k": 3 });
        let vote = client.call("maestro_vote_micro_step", vote);
        assert_eq!((&vote["ok"], &vote["red_flagged_count"]), (&json!(true), &json!(0)), "{vote}");
        assert_eq!(vote["vote_distribution"].as_object().unwrap().len(), 1, "{vote}");
        let measured = client.call(
            "maestro_calibrate",
            json!({
                "step_type": "d1_failure_label", "test_prompt": prompt, "num_samples": 4,
                "oracle_command": "python3 tests/check_answer.py",
            }),
        );
        assert_eq!((&measured["ok"], &measured["estimated_p"]), (&json!(true), &json!(1.0)), "{measured}");
    }
}

#[test]
fn reviewers_who_find_the_same_in_other_words_find_it_once() {
    let finding = json!({
        "file": "stats.py", "line": 3, "quote": "for i in range(1, len(values)):", "severity": "high",
        "claim": "The first value is skipped.", "scenario": "mean([4]) returns 0.0 where 4.0 is right.",
    });
    let text = json!({ "findings": [finding] }).to_string();
    for seed in seeds() {
        let mut client = in_repository(varying_as(seed, &["codex", "gemini", "claude"])).start();
        let asked =
            json!({ "working": true, "try_fixes": false, "criteria": [scripted(json!({ "text": text }))] });
        let result = client.call("maestro_review", asked);
        let findings = result["findings"].as_array().unwrap();
        assert_eq!((&result["ok"], findings.len()), (&json!(true), 1), "{result:#}");
        let first = &findings[0];
        assert_eq!((&first["status"], &first["severity"]), (&json!("exact"), &json!("high")), "{result:#}");
        assert_eq!(first["found_by"].as_array().unwrap().len(), 3, "{result:#}");
    }
}

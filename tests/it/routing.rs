//! Stand-ins: another provider answers only with permission, and the result names it.

use serde_json::{Value, json};

use crate::harness::{Client, Server, scripted};

const FALLBACK: &str = "providers:\n  codex:\n    fallback: [gemini]\n";

fn two() -> Server {
    Server::new().codex().fake("gemini", "gemini")
}

/// A question for which codex has no quota until 2099, and which gemini answers.
fn spent() -> String {
    let message = "You\u{2019}ve hit your usage limit. Upgrade to Pro (https://chatgpt.com/explore/pro) or try again at Aug 27th, 2099 5:05 AM.";
    scripted(json!({ "codex": { "status": 429, "message": message }, "gemini": { "text": "instead" } }))
}

fn ask(client: &mut Client, prompt: &str) -> Value {
    client.call("maestro_consult", json!({ "prompt": prompt, "provider": "codex" }))
}

#[test]
fn without_permission_nobody_stands_in_and_a_spent_quota_is_not_asked_again() {
    let mut client = two().start();
    let first = ask(&mut client, &spent());
    assert_eq!((&first["ok"], &first["code"]), (&json!(false), &json!("quota_exceeded")), "{first}");
    assert!(first["resets_at"].as_str().unwrap().starts_with("2099-08-2"), "{first}");
    let asked = client.log("codex").len();
    // Every server learns this from the log.
    let mut other = client.server.beside().start();
    let second = ask(&mut other, "and now?");
    assert_eq!(
        (&second["code"], &second["resets_at"]),
        (&json!("quota_exceeded"), &first["resets_at"]),
        "{second}"
    );
    assert_eq!(other.log("codex").len(), asked);
    assert_eq!(other.log("gemini").len(), 0);
    let listed = other.call("maestro_list_providers", json!({}));
    let codex = listed["providers"].as_array().unwrap().iter().find(|it| it["name"] == "codex").unwrap();
    assert_eq!(codex["not_asked_until"], first["resets_at"], "{codex}");
    // If the call names no provider, the next one is asked.
    let unnamed = other.call("maestro_consult", json!({ "prompt": "x" }));
    assert_eq!((&unnamed["ok"], &unnamed["provider"]), (&json!(true), &json!("gemini")), "{unnamed}");
}

#[test]
fn with_permission_another_answers_and_the_result_says_why() {
    let mut client = two().user_file("cli_clients.yaml", FALLBACK).start();
    for asked in 1..=2 {
        let reply = ask(&mut client, &spent());
        assert_eq!((&reply["ok"], &reply["provider"]), (&json!(true), &json!("gemini")), "{reply}");
        let stood_in = &reply["stood_in_for"];
        assert_eq!((&stood_in["provider"], &stood_in["code"]), (&json!("codex"), &json!("quota_exceeded")));
        assert!(stood_in["resets_at"].as_str().unwrap().starts_with("2099"), "{reply}");
        assert_eq!((client.log("codex").len(), client.log("gemini").len()), (1, asked));
    }
}

#[test]
fn what_passes_by_itself_opens_no_breaker() {
    let overloaded =
        scripted(json!({ "codex": { "exit": 3, "bytes": [] }, "gemini": { "text": "instead" } }));
    let mut client = two().start();
    let failed = ask(&mut client, &overloaded);
    assert_eq!((&failed["ok"], &failed["code"]), (&json!(false), &json!("cli_failed")), "{failed}");
    assert!(client.log("gemini").is_empty());
    let mut client = two().user_file("cli_clients.yaml", FALLBACK).start();
    let instead = ask(&mut client, &overloaded);
    assert_eq!((&instead["ok"], &instead["provider"]), (&json!(true), &json!("gemini")), "{instead}");
    assert_eq!(instead["stood_in_for"]["code"], "cli_failed", "{instead}");
    let next = ask(&mut client, &scripted(json!({ "text": "back" })));
    assert_eq!((&next["provider"], &next["content"]), (&json!("codex"), &json!("back")), "{next}");
    assert!(next.get("stood_in_for").is_none());
}

#[test]
fn where_nobody_is_held_to_whoever_is_there_answers() {
    let mut client = two().start();
    let asked = json!({ "task": spent(), "providers": ["codex"], "stand_in": true });
    let reply = client.call("maestro_ensemble_generate", asked);
    assert_eq!(reply["candidates"][0]["provider"], "gemini", "{reply}");
    assert_eq!(reply["candidates"][0]["stands_in"]["provider"], "codex", "{reply}");
    assert_eq!((client.log("codex").len(), client.log("gemini").len()), (1, 1));
    // In a run, two of the three providers are asked. The third answers for the one that cannot.
    let mut client = two().fake("claude", "claude").env("MAESTRO_LATE_START", "true").start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "x" }));
    let task =
        json!({ "stage": "analyze", "task": scripted(json!({ "text": "{}", "gemini": { "status": 401 } })) });
    let stage = client.call("maestro_run_stage", task);
    let first = &stage["output"]["candidates"][0];
    assert_eq!(first["provider"], "claude", "{stage}");
    assert!(first["note"].as_str().unwrap().contains("gemini could not be asked (login_missing"), "{stage}");
}

/// If a CLI gives no answer in time, the next provider is asked, even if the message of the CLI is unknown.
#[test]
fn where_one_hangs_the_next_is_asked() {
    let mut client = two().env("MAESTRO_CODEX_TIMEOUT", "3").start();
    let hangs = scripted(
        json!({ "codex": { "sleep": 60, "stderr": "the cat sat on it" }, "gemini": { "text": "{}" } }),
    );
    let asked = json!({ "task": hangs, "providers": ["codex"], "stand_in": true });
    let reply = client.call("maestro_ensemble_generate", asked);
    assert_eq!(reply["candidates"][0]["provider"], "gemini", "{reply}");
    assert_eq!(reply["candidates"][0]["stands_in"]["code"], "timeout", "{reply}");
}

/// If the log says that a provider's limit is spent, no other call sends anything to that provider.
#[test]
fn every_way_of_asking_knows_whose_limit_is_spent() {
    let three = || two().fake("claude", "claude");
    let after = |server: Server| {
        let mut client = server.start();
        let first = client.call("maestro_consult", json!({ "prompt": spent(), "provider": "codex" }));
        assert_eq!(client.log("codex").len(), 1, "{first}");
        client
    };
    let mut client = after(three());
    let ensemble =
        client.call("maestro_ensemble_generate", json!({ "task": scripted(json!({ "text": "x" })) }));
    assert_eq!(ensemble["providers_used"], json!(["gemini", "claude"]), "{ensemble}");
    assert!(ensemble["warning"].as_str().unwrap().contains("codex was not asked"), "{ensemble}");
    let vote = json!({ "question": scripted(json!({ "text": "ANSWER: B" })), "k": 2 });
    let vote = client.call("maestro_consensus_vote", vote);
    assert_eq!(
        (&vote["winner"], &vote["providers_used"]),
        (&json!("B"), &json!(["gemini", "claude"])),
        "{vote}"
    );
    let stage = client
        .call("maestro_run_stage", json!({ "stage": "analyze", "task": scripted(json!({ "text": "{}" })) }));
    assert!(stage["why"].as_str().unwrap().contains("codex was not asked"), "{stage}");
    let one = |id: &str| json!({ "id": id, "provider": "gemini", "content": format!("candidate {id}, in so many words") });
    let select = |more: Value| {
        let mut asked = json!({
            "candidates": [one("a"), one("b")], "mode": "llm_judge",
            "criteria": [scripted(json!({ "judge": "candidate a" }))],
        });
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asked
    };
    let held = client.call("maestro_select_best", select(json!({ "judge_provider": "codex" })));
    assert_eq!(held["judge"]["verdict"], "none", "{held}");
    assert!(held["judge"]["reason"].as_str().unwrap().contains("quota_exceeded"), "{held}");
    assert_eq!(client.log("codex").len(), 1);
    // With permission, another provider stands in for a vote, for a judge and for a stage.
    let mut client =
        after(three().user_file("cli_clients.yaml", "providers:\n  codex:\n    fallback: [claude]\n"));
    let named =
        json!({ "question": scripted(json!({ "text": "ANSWER: B" })), "k": 2, "providers": ["codex"] });
    let vote = client.call("maestro_consensus_vote", named);
    assert_eq!(vote["winner"], "B", "{vote}");
    assert!(vote["warning"].as_str().unwrap().contains("claude answers in place of codex"), "{vote}");
    let judged = client.call("maestro_select_best", select(json!({ "judge_provider": "codex" })));
    assert_eq!(
        (&judged["winner_id"], &judged["judge"]["provider"]),
        (&json!("a"), &json!("claude")),
        "{judged}"
    );
    let named =
        json!({ "stage": "analyze", "providers": ["codex"], "task": scripted(json!({ "text": "{}" })) });
    let stage = client.call("maestro_run_stage", named);
    let note = stage["output"]["candidates"][0]["note"].as_str().unwrap_or_default().to_owned();
    assert!(note.contains("codex could not be asked (quota_exceeded, until 2099"), "{stage}");
    assert_eq!(client.log("codex").len(), 1);
    assert!(client.log("gemini").is_empty());
}

#[test]
fn who_is_weak_at_a_stage_is_asked_last_there() {
    let mut client = two().start();
    let record = |client: &mut Client, correct: bool| {
        let answers = json!([{ "provider": "codex", "answer": "x", "correct": correct }]);
        let result = client.call(
            "maestro_record_coordination_result",
            json!({
                "topology": "sas", "success": correct, "tokens_used": 1, "messages_sent": 1, "rounds": 1,
                "stage": "analyze", "answers": answers,
            }),
        );
        assert!(result["recorded"].is_object(), "{result}");
    };
    let run = |client: &mut Client| {
        let task = scripted(json!({ "text": "{}" }));
        client.call("maestro_run_stage", json!({ "stage": "analyze", "task": task }))
    };
    for _ in 0..9 {
        record(&mut client, false);
    }
    let first = run(&mut client)["output"]["provider"].clone();
    record(&mut client, false);
    record(&mut client, false);
    let stage = run(&mut client);
    assert_eq!(stage["output"]["candidates"][0]["provider"], "gemini", "{first} {stage}");
    assert!(stage["why"].as_str().unwrap().contains("codex is asked last"), "{stage}");
}

/// The mistakes that a calibration found count as the project's record of a step. A provider that is weak
/// there votes last.
#[test]
fn who_is_weak_at_a_step_votes_last_there() {
    let label = |kind: &str| {
        json!({ "failure_type": kind, "error_message": "boom", "stack_trace_summary": "a.py:1" }).to_string()
    };
    let oracle =
        "import json, sys\nsys.exit(0 if json.load(sys.stdin)['failure_type'] == 'timeout' else 1)\n";
    let mut client = two().file("tests/check_answer.py", oracle).start();
    let calibrate = |client: &mut Client, samples: u32| {
        let asked = json!({
            "step_type": "d1_failure_label", "test_prompt": scripted(json!({ "text": label("crash") })), "providers": ["codex"],
            "oracle_command": "python3 tests/check_answer.py", "num_samples": samples,
        });
        let result = client.call("maestro_calibrate", asked);
        assert_eq!(result["calibration_samples"], json!(samples), "{result}");
    };
    let vote = |client: &mut Client, step: &str, text: &str| {
        let asked = json!({ "step_type": step, "prompt": scripted(json!({ "text": text })), "k": 1 });
        client.call("maestro_vote_micro_step", asked)
    };
    calibrate(&mut client, 9);
    let first = vote(&mut client, "d1_failure_label", &label("crash"));
    assert_eq!(first["winner_provider"], "codex", "{first}");
    assert!(!first["warning"].as_str().unwrap_or_default().contains("asked last"), "{first}");
    calibrate(&mut client, 1);
    let vote_now = vote(&mut client, "d1_failure_label", &label("crash"));
    assert_eq!(
        (&vote_now["winner_provider"], &vote_now["providers_used"]),
        (&json!("gemini"), &json!(["gemini", "codex"])),
        "{vote_now}"
    );
    let warning = vote_now["warning"].as_str().unwrap();
    assert!(
        warning.contains("codex is asked last: 0 of 10 judged results at d1_failure_label"),
        "{vote_now}"
    );
    // The record says nothing about another step.
    let other = vote(&mut client, "h1_root_cause", &json!({ "hypothesis": "h", "suspected_file": "a.py", "suspected_location": "f", "rationale": "r", "confidence": 0.5 }).to_string());
    assert_eq!(other["providers_used"][0], "codex", "{other}");
}

#[test]
fn who_is_weak_at_a_stage_votes_last_in_it() {
    let mut client = two().start();
    for _ in 0..10 {
        let answers = json!([{ "provider": "codex", "answer": "x", "correct": false }]);
        let record = json!({
            "topology": "sas", "success": false, "tokens_used": 1, "messages_sent": 1, "rounds": 1, "stage": "analyze", "answers": answers,
        });
        client.call("maestro_record_coordination_result", record);
    }
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "mend it" }));
    let vote = |client: &mut Client, more: Value| {
        let mut asked = json!({ "question": scripted(json!({ "text": "ANSWER: B" })), "k": 1 });
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.call("maestro_consensus_vote", asked)
    };
    let of_run = vote(&mut client, json!({ "workflow_id": run["workflow_id"] }));
    assert_eq!(of_run["providers_used"], json!(["gemini", "codex"]), "{of_run}");
    assert!(of_run["warning"].as_str().unwrap().contains("codex is asked last"), "{of_run}");
    assert_eq!(vote(&mut client, json!({}))["providers_used"][0], "codex");
    let edge =
        json!({ "edge_case_input": "[]", "expected_behavior": "raises", "rationale": "r" }).to_string();
    let step = json!({ "step_type": "s2_edge_case", "prompt": scripted(json!({ "text": edge })), "k": 1 });
    let step = client.call("maestro_vote_micro_step", step);
    assert_eq!(step["providers_used"][0], "gemini", "{step}");
}

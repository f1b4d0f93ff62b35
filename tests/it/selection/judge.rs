//! A judge that is biased decides nothing by its bias, and one that cannot be read is none.

use serde_json::{Value, json};

use super::{candidate, select};
use crate::harness::Server;

fn script(script: Value) -> Value {
    json!([format!("@@fake {script}@@")])
}

fn two() -> Value {
    json!([
        candidate("codex-1", "codex", "the first candidate, by codex"),
        candidate("gemini-1", "gemini", "the second candidate, which is longer, by gemini"),
    ])
}

fn judged(server: Server, candidates: Value, preference: Value) -> Value {
    let mut client = server.start();
    select(
        &mut client,
        json!({ "candidates": candidates, "mode": "llm_judge", "criteria": script(preference) }),
    )
}

fn with_claude() -> Server {
    Server::new().fake("claude", "claude")
}

#[test]
fn both_orders_are_asked_without_names() {
    let mut client = with_claude().start();
    let result = select(
        &mut client,
        json!({ "candidates": two(), "mode": "llm_judge", "criteria": script(json!({ "judge": "second candidate" })) }),
    );
    assert_eq!(
        (&result["winner_id"], &result["mode_used"]),
        (&json!("gemini-1"), &json!("llm_judge")),
        "{result}"
    );
    assert_eq!(result["judge"]["verdict"], "winner");
    assert_eq!(result["winner"]["content"], "the second candidate, which is longer, by gemini");
    let prompts: Vec<String> =
        client.log("claude").iter().map(|call| call["prompt"].as_str().unwrap().to_owned()).collect();
    assert_eq!(prompts.len(), 2);
    for prompt in &prompts {
        assert!(!prompt.contains("codex-1") && !prompt.contains("gemini-1"), "{prompt}");
    }
    let first_of = |prompt: &String| {
        let (_, rest) = prompt.split_once("begin A\n").unwrap();
        rest.lines().next().unwrap().to_owned()
    };
    assert_ne!(first_of(&prompts[0]), first_of(&prompts[1]));
}

#[test]
fn a_judge_that_prefers_the_first_place_decides_nothing() {
    for candidates in [two(), json!([two()[1], two()[0]])] {
        let result = judged(with_claude(), candidates, json!({ "judge": "first" }));
        assert_eq!(result["judge"]["verdict"], "tie", "{result}");
        // The same one wins in whatever order they were given: the shorter.
        assert_eq!(result["winner_id"], "codex-1");
        assert_eq!(result["requires_review"], true);
        assert!(result["warning"].as_str().unwrap().contains("order"));
    }
}

#[test]
fn a_judge_that_prefers_length_never_beats_a_test_and_is_named() {
    let long = "a long candidate that goes on and on and on and on, by claude. ".repeat(3);
    let candidates = json!([candidate("a", "codex", "the short one"), candidate("b", "gemini", &long)]);
    let result = judged(with_claude(), candidates.clone(), json!({ "judge": "longest" }));
    assert_eq!(result["winner_id"], "b");
    assert!(result["warning"].as_str().unwrap().contains("longest"), "{result}");
    let mut client = with_claude().start();
    for tests in
        [json!([{ "candidate_id": "b", "passed": false }]), json!([{ "candidate_id": "a", "passed": true }])]
    {
        let result = select(
            &mut client,
            json!({ "candidates": candidates, "mode": "llm_judge", "test_results": tests, "criteria": script(json!({ "judge": "longest" })) }),
        );
        assert_eq!((&result["winner_id"], &result["judge"]["verdict"]), (&json!("a"), &json!("not_needed")));
    }
    assert!(client.log("claude").is_empty());
}

#[test]
fn an_author_does_not_judge_its_own() {
    let candidates = json!([
        candidate("a", "Claude", "the one of the judge itself, by claude"),
        candidate("b", "gemini", "another one"),
    ]);
    let own = json!({ "judge": "by claude" });
    let mut client = with_claude().codex().start();
    let result = select(
        &mut client,
        json!({ "candidates": candidates, "mode": "llm_judge", "criteria": script(json!({ "judge": "another" })) }),
    );
    assert_eq!(
        (&result["judge"]["provider"], &result["winner_id"]),
        (&json!("codex"), &json!("b")),
        "{result}"
    );
    assert!(result["judge"]["reason"].as_str().unwrap().contains("claude wrote one"));
    assert!(client.log("claude").is_empty());
    assert_eq!(client.log("codex").len(), 2);

    let alone = judged(with_claude(), candidates, own);
    assert_eq!((&alone["ok"], &alone["code"]), (&json!(false), &json!("no_judgement")), "{alone}");
    assert!(alone["warning"].as_str().unwrap().contains("does not judge its own"));
}

#[test]
fn an_unreadable_judge_is_no_judge() {
    let label = json!({ "winner_id": "Z", "scores": { "A": 1, "B": 0 }, "rationale": "r" }).to_string();
    let lacking = json!({ "winner_id": "A" }).to_string();
    for (text, why) in
        [(label.as_str(), "`Z`"), (lacking.as_str(), "schema"), ("codex-1 is the best, clearly", "JSON")]
    {
        let result = judged(with_claude(), two(), json!({ "text": text }));
        assert_eq!(
            (&result["winner"], &result["code"]),
            (&Value::Null, &json!("no_judgement")),
            "{text}: {result}"
        );
        assert_eq!(result["mode_used"], "tests_first");
        assert!(result["judge"]["reason"].as_str().unwrap().contains(why), "{text}: {}", result["judge"]);
    }
    let failed = judged(with_claude(), two(), json!({ "exit": 3, "stderr": "broken" }));
    assert_eq!(failed["code"], "no_judgement", "{failed}");
    let missing = judged(Server::new(), two(), json!({}));
    assert!(missing["judge"]["reason"].as_str().unwrap().contains("cli_not_found"), "{missing}");
}

#[test]
fn without_a_judge_lint_still_decides_and_trust_never_does() {
    let mut client = Server::new().start();
    let result = select(
        &mut client,
        json!({ "candidates": two(), "mode": "llm_judge", "lint_results": [{ "candidate_id": "gemini-1", "score": 0.9 }] }),
    );
    assert_eq!(
        (&result["winner_id"], &result["mode_used"]),
        (&json!("gemini-1"), &json!("tests_first")),
        "{result}"
    );
    assert_eq!(result["requires_review"], true);
}

#[test]
fn a_judgement_is_read_plain_or_fenced() {
    let plain = json!({ "winner_id": null, "scores": {}, "rationale": "none answers" }).to_string();
    for text in [plain.clone(), format!("```json\n{plain}\n```")] {
        let result = judged(with_claude(), two(), json!({ "text": text }));
        assert_eq!(
            (&result["judge"]["verdict"], &result["code"]),
            (&json!("nobody"), &json!("no_winner")),
            "{result}"
        );
    }
}

#[test]
fn the_judge_weighs_in_a_hybrid() {
    let mut client = with_claude().start();
    let result = select(
        &mut client,
        json!({ "candidates": two(), "mode": "hybrid", "criteria": script(json!({ "judge": "second candidate" })) }),
    );
    assert_eq!(
        (&result["winner_id"], &result["mode_used"]),
        (&json!("gemini-1"), &json!("hybrid")),
        "{result}"
    );
    assert_eq!(result["candidates"][1]["judge"], 0.9);
}

//! Who answers where somebody cannot: by permission alone, and said.

use serde_json::{Value, json};

use crate::harness::{Client, Server, scripted};

const FALLBACK: &str = "providers:\n  codex:\n    fallback: [gemini]\n";

fn two() -> Server {
    Server::new().codex().fake("gemini", "gemini")
}

/// A question at which codex has spent its quota until long after this test, and gemini answers.
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
    // The log says so to every server.
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
    // Where nobody is named, the next is asked.
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
fn what_passes_by_itself_opens_nothing_and_lets_nobody_else_answer() {
    let mut client = two().user_file("cli_clients.yaml", FALLBACK).start();
    let overloaded = scripted(json!({ "exit": 3, "bytes": [] }));
    let failed = ask(&mut client, &overloaded);
    assert_eq!(failed["ok"], json!(false), "{failed}");
    let next = ask(&mut client, &scripted(json!({ "text": "back" })));
    assert_eq!((&next["provider"], &next["content"]), (&json!("codex"), &json!("back")), "{next}");
    assert!(next.get("stood_in_for").is_none());
}

//! Asking a human over the real wire, in both eras.

mod asked;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use rmcp::model::RequestStateCodec;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::flow::progress::Progress;
use crate::host::seal_key::SealKey;
use crate::tools::dialog::{
    Asking, Choices, CriticalQuestion, Era, Form, Offered, Retry, Seal, Subject, ask_legacy, ask_modern,
    asking, read_modern,
};
use crate::tools::{Parameters, arguments, reporting};
use asked::Asked;

const PATIENCE: Duration = Duration::from_secs(10);

thread_local! {
    /// The nonces of this test's server: a test has a thread of its own.
    static USED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskInput {
    /// How long a human may take.
    patience_ms: Option<u64>,
    /// When it is decided elsewhere.
    elsewhere_ms: Option<u64>,
    /// The reviewed request.
    digest: Option<String>,
}

#[tool_router(router = asking_tools)]
impl Handle {
    /// Asks for a decision, and says what came of it.
    #[tool(input_schema = arguments::<AskInput>())]
    async fn asks(
        &self,
        retry: Retry,
        Parameters(input): Parameters<AskInput>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResponse {
        let milliseconds = |number: Option<u64>| Duration::from_millis(number.unwrap_or(60_000));
        let word = match asking(&context) {
            None => return said("cannot ask"),
            Some(Asking { era: Era::Legacy, .. }) => {
                let elsewhere = tokio::time::sleep(milliseconds(input.elsewhere_ms));
                let patience = milliseconds(input.patience_ms);
                let ask = |progress: Progress| {
                    let (context, form) = (&context, form());
                    let shown = form.params(Choices::of(context.protocol_version().as_ref()));
                    async move { ask_legacy(context, shown, Some(&form), &progress, patience, elsewhere).await }
                };
                reporting(&context, ask).await
            }
            Some(Asking { era: Era::Modern, .. }) => match self.modern(&retry, input) {
                Ok(response) => return response,
                Err(error) => return failure(&error).into(),
            },
        };
        said(&word.map_or("decided elsewhere".to_owned(), |word| format!("{word:?}")))
    }
}

impl Handle {
    fn modern(&self, retry: &Retry, input: AskInput) -> Result<CallToolResponse, Error> {
        let seal = Seal::new(&SealKey::of_user(&self.kit.project.root().join("state")).unwrap());
        let subject = Subject {
            is_back: false,
            workflow_id: "w".to_owned(),
            request_id: "r".to_owned(),
            stage: "analyze".to_owned(),
            digest: input.digest.unwrap_or_default(),
        };
        let Some(answer) = read_modern(&seal, retry, &subject, Some(&form()))? else {
            return Ok(ask_modern(form().params(Choices::Titles), retry.sealed(&seal, &subject)?));
        };
        assert_eq!(retry.subject(&seal)?.unwrap(), subject);
        if !USED.with_borrow_mut(|used| used.insert(answer.nonce.clone())) {
            return Err(Error::RequestState("this answer was already used".to_owned()));
        }
        Ok(said(&format!("{:?}", answer.word)))
    }
}

fn said(text: &str) -> CallToolResponse {
    CallToolResult::structured(json!({ "word": text })).into()
}

fn form() -> Form {
    Form {
        language: crate::domain::language::Language::ENGLISH,
        message: "The report\nof two lines".to_owned(),
        title: "Analyze".to_owned(),
        critical: vec![CriticalQuestion {
            id: "risk".to_owned(),
            title: "How risky is it?".to_owned(),
            description: String::new(),
            options: vec![Offered::plain("low"), Offered::plain("high")],
        }],
        hint: String::new(),
    }
}

fn answered(state: &Value, content: &Value) -> Value {
    json!({ "requestState": state, "inputResponses": { "approval": { "action": "accept", "content": content } } })
}

#[tokio::test]
async fn a_human_approves_during_the_call() {
    let mut asked = Asked::form().await;
    asked.call(1, json!({})).await;
    let question = asked.question().await;
    assert_eq!(question["params"]["message"], "The report\nof two lines");
    let schema = &question["params"]["requestedSchema"];
    let fields: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["decision", "risk", "comment"]);
    assert_eq!(schema["required"], json!(["decision"]));
    let content = json!({ "decision": "approve", "risk": "low", "comment": "" });
    asked
        .client
        .say(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "action": "accept", "content": content } }))
        .await;
    assert_eq!(
        asked.word(1).await,
        r#"Decided(Decided { decision: Approve, comment: None, responses: {"risk": "low"} })"#
    );
    let progress = asked.passed.iter().find(|message| message["method"] == "notifications/progress");
    assert_eq!(progress.unwrap()["params"]["message"], "waiting for your decision");
    assert!(asked.passed.iter().all(|message| message["method"] != "notifications/cancelled"));
}

#[tokio::test]
async fn whatever_else_comes_back_is_what_it_is_and_no_approval() {
    let mut asked = Asked::form().await;
    let cases = [
        (
            json!({ "result": { "action": "accept", "content": { "decision": "revise", "comment": "한 번 더\nplease" } } }),
            r#"Decided(Decided { decision: Revise, comment: Some("한 번 더\nplease"), responses: {} })"#,
        ),
        (json!({ "result": { "action": "decline" } }), "Declined"),
        (json!({ "result": { "action": "cancel" } }), "Cancelled"),
        (json!({ "result": { "action": "accept", "content": {} } }), "Unreadable"),
        (json!({ "result": { "action": "accept" } }), "Unreadable"),
        (json!({ "result": { "action": "approve" } }), "Unreadable"),
        (json!({ "result": {} }), "Unreadable"),
        (json!({ "result": null }), "Unreadable"),
        (json!({ "error": { "code": -32601, "message": "no" } }), "Unreadable"),
        (json!({ "error": "no" }), "Unreadable"),
        (json!({ "jsonrpc": "1.0", "result": { "action": "cancel" } }), "Unreadable"),
    ];
    for (number, (answer, expected)) in (1..).zip(cases) {
        asked.call(number, json!({})).await;
        let question = asked.question().await;
        let mut line = json!({ "jsonrpc": "2.0", "id": question["id"] });
        line.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        asked.client.say(&line).await;
        let word = asked.word(number).await;
        assert!(word.starts_with(expected), "{answer}: {word}");
    }
    assert!(asked.passed.iter().all(|message| message.get("error").is_none()), "an answer was answered");
}

#[tokio::test]
async fn the_dialog_closes_when_the_call_is_cancelled() {
    let mut asked = Asked::form().await;
    asked.call(1, json!({})).await;
    let question = asked.question().await;
    let cancel =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } });
    asked.client.say(&cancel).await;
    let closed = asked.closed().await;
    assert_eq!(closed["requestId"], question["id"]);
    assert_eq!(closed["reason"], "the call has ended");
    // An answer that comes too late harms nobody, and the next call asks anew.
    let late = json!({ "action": "accept", "content": { "decision": "approve" } });
    asked.client.say(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": late })).await;
    asked.call(2, json!({})).await;
    let next = asked.question().await;
    assert_ne!(next["id"], question["id"]);
    asked.client.say(&json!({ "jsonrpc": "2.0", "id": next["id"], "result": { "action": "decline" } })).await;
    assert_eq!(asked.word(2).await, "Declined");
    assert!(asked.passed.iter().all(|message| message["id"] != 1), "a cancelled call was answered");
}

#[tokio::test]
async fn the_dialog_closes_when_nobody_answers_or_it_is_decided_elsewhere() {
    let mut asked = Asked::form().await;
    for (id, arguments, reason, word) in [
        (1, json!({ "patience_ms": 20 }), "nobody answered in time", "TimedOut"),
        (2, json!({ "elsewhere_ms": 20 }), "it was decided elsewhere", "decided elsewhere"),
    ] {
        asked.call(id, arguments).await;
        let question = asked.question().await;
        // Told before the result: the client still has the dialog on its screen.
        let closed = asked.closed().await;
        assert_eq!((&closed["requestId"], &closed["reason"]), (&question["id"], &json!(reason)));
        assert_eq!(asked.word(id).await, word);
    }
}

#[tokio::test]
async fn a_stop_ends_the_wait() {
    let mut asked = Asked::form().await;
    asked.call(1, json!({})).await;
    asked.question().await;
    asked.stop.cancel();
    let answered = asked.until(|message| message["id"] == 1).await;
    assert_eq!(answered["result"]["structuredContent"]["code"], "shutting_down");
}

#[tokio::test]
async fn only_a_client_that_shows_forms_is_asked() {
    for (capabilities, can) in [
        (json!({}), false),
        (json!({ "elicitation": {} }), true),
        (json!({ "elicitation": { "form": {}, "url": {} } }), true),
    ] {
        let mut asked = Asked::legacy("2025-06-18", capabilities.clone()).await;
        asked.call(1, json!({})).await;
        if can {
            let question = asked.question().await;
            let decision = &question["params"]["requestedSchema"]["properties"]["decision"];
            assert_eq!(decision["enum"], json!(["approve", "show", "revise", "reject"]));
            assert_eq!(decision["enumNames"][2], "Revise: again, with my comment");
        } else {
            assert_eq!(asked.word(1).await, "cannot ask", "{capabilities}");
        }
    }
}

#[tokio::test]
async fn a_human_approves_between_two_calls() {
    let mut asked = Asked::start();
    let first = asked.modern(1, json!({ "patience_ms": 5, "digest": "d" }), json!({})).await;
    assert_eq!(first["resultType"], "input_required");
    let question = &first["inputRequests"]["approval"];
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(question["params"]["message"], "The report\nof two lines");
    let content = json!({ "decision": "approve", "comment": "go" });
    let answer = answered(&first["requestState"], &content);
    // In another order, the arguments are the same.
    let second = asked.modern(2, json!({ "digest": "d", "patience_ms": 5 }), answer.clone()).await;
    assert_eq!(
        second["structuredContent"]["word"],
        r#"Decided(Decided { decision: Approve, comment: Some("go"), responses: {} })"#
    );
    // The same answer counts once.
    let third = asked.modern(3, json!({ "digest": "d", "patience_ms": 5 }), answer).await;
    assert_eq!(third["structuredContent"]["code"], "request_state_invalid");
    assert!(third["structuredContent"]["error"].as_str().unwrap().contains("already used"));
}

#[tokio::test]
async fn what_is_no_answer_between_two_calls_approves_nothing() {
    let mut asked = Asked::start();
    for (number, (response, expected)) in (1..).zip([
        (json!({ "approval": { "action": "decline" } }), "Declined"),
        (json!({ "approval": { "action": "cancel" } }), "Cancelled"),
        (json!({ "approval": { "action": "accept", "content": {} } }), "Unreadable"),
        (json!({ "approval": { "decision": "approve" } }), "Unreadable"),
        (json!({ "approval": null }), "Unreadable"),
        (json!({ "other": { "action": "accept", "content": { "decision": "approve" } } }), "Unreadable"),
        (json!({}), "Unreadable"),
    ]) {
        let first = asked.modern(number * 2, json!({}), json!({})).await;
        let more = json!({ "requestState": first["requestState"], "inputResponses": response });
        let second = asked.modern(number * 2 + 1, json!({}), more).await;
        let word = second["structuredContent"]["word"].as_str().unwrap();
        assert!(word.starts_with(expected), "{response}: {word}");
    }
}

#[tokio::test]
async fn a_state_that_is_not_this_call_s_is_refused_with_what_to_do() {
    let mut asked = Asked::start();
    let arguments = || json!({ "digest": "d" });
    let approve = || json!({ "decision": "approve" });
    let state = asked.modern(1, arguments(), json!({})).await["requestState"].clone();
    let changed = state.as_str().unwrap().replacen("rs1.A", "rs1.B", 1);
    assert_ne!(json!(changed), state);
    let stranger = RequestStateCodec::try_new([7; 32]).unwrap().seal(b"{}");
    let without_state = json!({ "inputResponses": answered(&state, &approve())["inputResponses"] });
    let cases = [
        ("changed", arguments(), answered(&json!(changed), &approve())),
        ("another key", arguments(), answered(&json!(stranger), &approve())),
        ("nonsense", arguments(), answered(&json!("approve"), &approve())),
        ("other arguments", json!({ "digest": "e" }), answered(&state, &approve())),
        ("no state", arguments(), without_state),
    ];
    for (id, (what, arguments, more)) in (2..).zip(cases) {
        let result = asked.modern(id, arguments, more).await;
        let error = &result["structuredContent"];
        assert_eq!(
            (&result["isError"], &error["code"]),
            (&json!(true), &json!("request_state_invalid")),
            "{what}"
        );
        assert!(error["hint"].as_str().unwrap().contains("without requestState"), "{what}");
    }
    // Without the key that it was sealed with, nothing opens: as in another project.
    std::fs::remove_file(asked.project.path().join("state/key")).unwrap();
    let result = asked.modern(20, arguments(), answered(&state, &approve())).await;
    assert_eq!(result["structuredContent"]["code"], "request_state_invalid");
    // And a call without the state asks anew.
    let again = asked.modern(21, arguments(), json!({})).await;
    let result = asked.modern(22, arguments(), answered(&again["requestState"], &approve())).await;
    assert!(result["structuredContent"]["word"].as_str().unwrap().contains("Approve"));
}

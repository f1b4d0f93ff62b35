//! Tests of the harness: the human of the test client, against servers that are short shell scripts.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Answer, Server};

/// Greets, asks a question during the first call, and replies with the answer and the greeting.
const ASKS: &str = r#"
read -r hello; echo '{"jsonrpc":"2.0","id":1,"result":{}}'
read -r _; read -r _
echo '{"jsonrpc":"2.0","id":0,"method":"elicitation/create","params":{"message":"well?"}}'
read -r answer
echo "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"answer\":$answer,\"hello\":$hello}}"
read -r _
"#;

/// Ends the first call with a question, and the second with its own parameters.
const ASKS_BY_A_RESULT: &str = r#"
read -r _; echo '{"jsonrpc":"2.0","id":1,"result":{}}'
read -r _
echo '{"jsonrpc":"2.0","id":2,"result":{"resultType":"input_required","requestState":"s","inputRequests":{"q":{"method":"elicitation/create","params":{"message":"well?"}}}}}'
read -r again
echo "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"again\":$again}}"
read -r _
"#;

/// Asks a question, closes the dialog, and replies to the next call with its message.
const TAKES_IT_BACK: &str = r#"
read -r _; echo '{"jsonrpc":"2.0","id":1,"result":{}}'
read -r _; read -r _
echo '{"jsonrpc":"2.0","id":0,"method":"elicitation/create","params":{"message":"well?"}}'
echo '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}'
echo '{"jsonrpc":"2.0","id":2,"result":{}}'
read -r next
echo "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"next\":$next}}"
read -r _
"#;

fn call() -> serde_json::Value {
    json!({ "name": "any", "arguments": { "a": 1 } })
}

#[test]
fn answers_during_the_call() {
    let answer = Answer::revise("shorter").field("risk", "low").after(Duration::from_millis(30));
    let mut client = Server::new().human(answer).script(ASKS).start();
    let result = client.request("tools/call", call())["result"].clone();
    let content = json!({ "decision": "revise", "comment": "shorter", "risk": "low" });
    assert_eq!(result["answer"]["id"], 0);
    assert_eq!(result["answer"]["result"], json!({ "action": "accept", "content": content }));
    assert_eq!(result["hello"]["params"]["capabilities"], json!({ "elicitation": { "form": {} } }));
    assert_eq!(client.asked(), [json!({ "message": "well?" })]);
}

#[test]
fn looks_at_the_question() {
    let by = |question: &serde_json::Value| {
        Some(if question["params"]["message"] == "well?" { Answer::decline() } else { Answer::reject() })
    };
    let mut client = Server::new().human_by(by).script(ASKS).start();
    let result = client.request("tools/call", call())["result"].clone();
    assert_eq!(result["answer"]["result"], json!({ "action": "decline" }));
}

#[test]
fn answers_by_calling_again() {
    let mut client = Server::new().human_modern(Answer::cancel()).script(ASKS_BY_A_RESULT).start();
    let again = client.request("tools/call", call())["result"]["again"].clone();
    assert_eq!(again["params"]["arguments"], json!({ "a": 1 }));
    assert_eq!(again["params"]["requestState"], "s");
    assert_eq!(again["params"]["inputResponses"], json!({ "q": { "action": "cancel" } }));
    let capabilities = &again["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    assert_eq!(*capabilities, json!({ "elicitation": { "form": {} } }));
}

#[test]
fn answers_no_dialog_that_was_closed() {
    let answer = Answer::approve().after(Duration::from_millis(50));
    let mut client = Server::new().human(answer).script(TAKES_IT_BACK).start();
    client.request("tools/call", call());
    std::thread::sleep(Duration::from_millis(80));
    let next = client.request("tools/call", call())["result"]["next"].clone();
    assert_eq!(next["method"], "tools/call");
}

#[test]
fn may_say_nothing() {
    let mut client = Server::new().modern().human_by(|_| None).script(ASKS_BY_A_RESULT).start();
    let reply = client.request("tools/call", call());
    assert_eq!(reply["result"]["resultType"], "input_required");
    let mut again = call();
    again["requestState"] = reply["result"]["requestState"].clone();
    assert_eq!(client.request("tools/call", again)["result"]["again"]["params"]["requestState"], "s");
}

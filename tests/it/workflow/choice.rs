//! A human's words steer a run: the chosen hypothesis goes on, and the human is asked back if an answer
//! contradicts the decision.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{arguments, begin, hypotheses, outputs, pass, project, request_of, stage, state, task};
use crate::harness::{Answer, Client, Server};

/// Brings a run to a hypothesize stage that two consultants answer.
fn asked_two(client: &mut Client, codex: &Value, gemini: &Value) -> Value {
    begin(client);
    pass(client, "analyze");
    let mut two = arguments("hypothesize");
    two["task"] = json!(task(&json!({
        "codex": { "text": codex.to_string() },
        "gemini": { "text": gemini.to_string() },
    })));
    let reply = client.call("maestro_run_stage_with_approval", two);
    assert_eq!(reply["mode"], "ensemble", "{reply}");
    reply
}

fn pending_report(client: &mut Client) -> Value {
    client.call("maestro_get_pending_approvals", json!({}))["pending_requests"][0]["report"].clone()
}

/// The prompt of the implementer.
fn implement_prompt(client: &mut Client) -> String {
    assert_eq!(stage(client, "implement")["ok"], true);
    client.log("codex").last().unwrap()["prompt"].as_str().unwrap().to_owned()
}

#[test]
fn the_chosen_hypothesis_goes_on() {
    for (said, id, claim) in [
        ("gemini:H1", "gemini:H1", "the sum is wrong"),
        ("gemini", "gemini:H1", "the sum is wrong"),
        ("codex:H1", "codex:H1", "the divisor is a constant"),
    ] {
        let mut client = project().start();
        let reply =
            asked_two(&mut client, &hypotheses("the divisor is a constant"), &hypotheses("the sum is wrong"));
        let report = pending_report(&mut client);
        let ids: Vec<&str> =
            report["choices"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["codex:H1", "gemini:H1"], "{report}");
        let risks = report["risks"].to_string();
        assert!(risks.contains("The consultants disagree on the cause"), "{risks}");
        assert!(!risks.contains("nothing competes"), "{risks}");
        let request = request_of(&reply);
        let call = json!({ "request_id": request, "approved": true, "chosen": "gemini:H7" });
        let refused = client.call("maestro_submit_approval", call);
        assert_eq!(refused["code"], "invalid_arguments", "{refused}");
        assert!(refused["error"].as_str().unwrap().contains("codex:H1, gemini:H1"), "{refused}");
        let call = json!({ "request_id": request, "approved": true, "chosen": said });
        let decided = client.call("maestro_submit_approval", call);
        assert_eq!(decided["feedback_summary"]["chosen"], id, "{decided}");
        let prompt = implement_prompt(&mut client);
        assert!(prompt.contains(&format!("Selected hypothesis: {id}: {claim}")), "{prompt}");
    }
}

#[test]
fn a_form_and_a_terminal_ask_which_one_goes_on() {
    let answer = Answer::approve().field("chosen", "gemini:H1: the sum is wrong");
    for modern in [false, true] {
        let server = project().human(Answer::approve()).human(answer.clone()).human_by(|_| None);
        let mut client = if modern { server.modern() } else { server }.start();
        begin(&mut client);
        assert_eq!(stage(&mut client, "analyze")["approval"]["status"], "approved");
        let mut two = arguments("hypothesize");
        two["task"] = json!(task(&json!({
            "codex": { "text": hypotheses("the divisor is a constant").to_string() },
            "gemini": { "text": hypotheses("the sum is wrong").to_string() },
        })));
        let reply = client.call("maestro_run_stage_with_approval", two);
        assert_eq!(reply["approval"]["status"], "approved", "{reply}");
        let form = client.asked()[1]["requestedSchema"]["properties"]["chosen"].to_string();
        assert!(form.contains("codex:H1: the divisor"), "{form}");
        let history = client.call("maestro_get_approval_history", json!({}));
        assert_eq!(history["history"][0]["chosen"], "gemini:H1", "{history}");
    }
    let mut client = project().start();
    let request = request_of(&asked_two(
        &mut client,
        &hypotheses("the divisor is a constant"),
        &hypotheses("the sum is wrong"),
    ));
    let mut person = client.server.person(&["approvals", "approve", &request]);
    person.reads("Which one goes on?").reads("2. gemini:H1").reads("Number or id").types("2");
    for _ in 0..2 {
        person.reads("Your answer").types("");
    }
    person.reads("Type `approve`").types("approve");
    assert_eq!(person.leaves().0, 0);
    let prompt = implement_prompt(&mut client);
    assert!(prompt.contains("Selected hypothesis: gemini:H1"), "{prompt}");
}

#[test]
fn agreement_is_shown_also_where_two_answers_are_one() {
    let same = hypotheses("the divisor is a constant");
    let mut other = same.clone();
    other["hypotheses"][0]["confidence"] = json!(0.2);
    for gemini in [same.clone(), other] {
        let mut client = project().start();
        asked_two(&mut client, &same, &gemini);
        let report = pending_report(&mut client);
        let findings = report["key_findings"].to_string();
        assert!(findings.contains("Agreement: codex and gemini"), "{findings}");
        assert!(!report["risks"].to_string().contains("disagree"), "{report}");
    }
}

/// Submits a stage as the only one of its run, and returns its request.
fn handed_in(server: Server, name: &str) -> (Client, String) {
    let mut client = server.start();
    if name == "improve" {
        let check = json!({ "commands": [{ "command": "python3 -B -m unittest test_passes" }] });
        client.call("maestro_workflow_with_hitl", json!({ "task": "x", "start_stage": "improve" }));
        assert_eq!(client.call("maestro_verify", check)["ok"], true);
    }
    let asked = client.call("maestro_request_approval", json!({ "stage": name, "outputs": outputs(name) }));
    let request = asked["request_id"].as_str().unwrap_or_else(|| panic!("{asked}")).to_owned();
    (client, request)
}

fn passing() -> Server {
    let passes = "import unittest\nclass T(unittest.TestCase):\n    def test_it(self): pass\n";
    project().file("test_passes.py", passes)
}

const AGAINST: [(&str, &str, &str); 5] = [
    ("analyze", "analyze_accuracy", "Some are wrong"),
    ("implement", "impl_approach", "Only the symptom"),
    ("implement", "impl_scope", "Too large"),
    ("improve", "improve_merge", "No"),
    ("improve", "improve_necessary", "None of them"),
];

#[test]
fn an_approval_against_its_answers_is_asked_back_once() {
    for (name, question, answer) in AGAINST {
        let (mut client, request) = handed_in(passing(), name);
        let mut call =
            json!({ "request_id": request, "approved": true, "question_responses": { question: answer } });
        let back = client.call("maestro_submit_approval", call.clone());
        assert_eq!((&back["ok"], &back["code"]), (&json!(false), &json!("answers_contradict")), "{back}");
        assert!(back["error"].as_str().unwrap().contains(answer), "{back}");
        assert!(back["hint"].as_str().unwrap().contains("is_meant"), "{back}");
        call["is_meant"] = json!(true);
        assert_eq!(client.call("maestro_submit_approval", call)["status"], "approved");
    }
}

#[test]
fn a_form_asks_back_once() {
    let against = || Answer::approve().field("analyze_accuracy", "Some are wrong");
    for (second, status) in [
        (against(), "approved"),
        (Answer::approve(), "approved"),
        (Answer::reject(), "rejected"),
        (Answer::revise("name the caller"), "revision_requested"),
    ] {
        for modern in [false, true] {
            let messages = Arc::new(Mutex::new(Vec::new()));
            let seen = Arc::clone(&messages);
            let mut answers = vec![second.clone(), against()];
            let server = project().human_by(move |question| {
                seen.lock().unwrap().push(question.to_string());
                answers.pop()
            });
            let mut client = if modern { server.modern() } else { server }.start();
            begin(&mut client);
            let reply = stage(&mut client, "analyze");
            assert_eq!(reply["approval"]["status"], status, "{modern} {second:?}: {reply}");
            let messages = messages.lock().unwrap();
            assert_eq!(messages.len(), 2);
            assert!(messages[1].contains("contradicts it"), "{}", messages[1]);
        }
    }
}

/// Comments that contradict an approval, in English and in Korean.
const COMMENTS: [&str; 4] = [
    "do not merge this, it is wrong",
    "Needs a different approach.",
    "적용하지 마세요",
    "원인이 맞지 않습니다",
];

#[test]
fn a_comment_against_the_decision_is_asked_back_once() {
    for said in COMMENTS {
        let (mut client, request) = handed_in(project(), "analyze");
        let mut call = json!({ "request_id": request, "approved": true, "feedback": said });
        let back = client.call("maestro_submit_approval", call.clone());
        assert_eq!((&back["ok"], &back["code"]), (&json!(false), &json!("answers_contradict")), "{back}");
        assert!(back["error"].as_str().unwrap().contains(said), "{back}");
        call["is_meant"] = json!(true);
        assert_eq!(client.call("maestro_submit_approval", call)["status"], "approved");
    }
    for (approved, said) in
        [(true, "Looks good to me"), (true, "what was wrong is fixed"), (false, "name the caller")]
    {
        let (mut client, request) = handed_in(project(), "analyze");
        let key = if approved { "feedback" } else { "revision_instructions" };
        let call = json!({ "request_id": request, "approved": approved, key: said });
        let decided = client.call("maestro_submit_approval", call);
        assert_eq!(decided["ok"], true, "{said}: {decided}");
    }
    // Praise contradicts a rejection.
    let (mut client, request) = handed_in(project(), "analyze");
    let call = json!({ "request_id": request, "approved": false, "feedback": "LGTM, merge it" });
    assert_eq!(client.call("maestro_submit_approval", call)["code"], "answers_contradict");
}

#[test]
fn a_form_asks_back_about_a_comment_once() {
    for said in COMMENTS {
        for modern in [false, true] {
            let messages = Arc::new(Mutex::new(Vec::new()));
            let seen = Arc::clone(&messages);
            let against = || Answer::approve().field("comment", said);
            let mut answers = vec![against(), against()];
            let server = project().human_by(move |question| {
                seen.lock().unwrap().push(question.to_string());
                answers.pop()
            });
            let mut client = if modern { server.modern() } else { server }.start();
            begin(&mut client);
            let reply = stage(&mut client, "analyze");
            assert_eq!(reply["approval"]["status"], "approved", "{modern} {said}: {reply}");
            let messages = messages.lock().unwrap();
            assert_eq!(messages.len(), 2, "{said}: {messages:?}");
            assert!(messages[1].contains("contradicts it"), "{}", messages[1]);
        }
    }
}

#[test]
fn a_terminal_shows_a_comment_that_contradicts_before_the_word() {
    for said in COMMENTS {
        let (client, request) = handed_in(project(), "analyze");
        let mut person = client.server.person(&["approvals", "approve", &request, "--message", said]);
        person.reads("Your answer").types("nothing");
        person.reads("Number or answer").types("1");
        person.reads("contradicts it").reads("Type `approve`").types("no");
        let (_, screen) = person.leaves();
        let line = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(line.contains(said) && line.contains("nothing was decided"), "{said}: {screen}");
    }
}

#[test]
fn a_terminal_asks_back_once() {
    let (client, request) = handed_in(project(), "analyze");
    let answer = "analyze_accuracy=Some are wrong";
    let arguments = ["approvals", "approve", &request, "--answer", answer];
    let mut person = client.server.person(&arguments);
    person.reads("Your answer").types("nothing");
    person.reads("contradicts it").reads("Number or answer").types("2");
    person.reads("Type `approve`").types("approve");
    let (code, screen) = person.leaves();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("analyze_accuracy: Most of them"), "{screen}");
}

#[test]
fn a_revision_needs_words_everywhere() {
    let (mut client, request) = handed_in(project(), "analyze");
    for words in ["", "  \n"] {
        let call = json!({ "request_id": request, "approved": false, "revision_instructions": words, "is_meant": true });
        let reply = client.call("maestro_submit_approval", call);
        assert_eq!(reply["code"], "answers_contradict", "{reply}");
        assert!(reply["hint"].as_str().unwrap().contains("revision_instructions"), "{reply}");
    }
    assert_eq!(state(&mut client)["state"], "awaiting_approval(analyze)");
    let bare = Answer::accept(json!({ "decision": "revise" }));
    for modern in [false, true] {
        let server = project().human(bare.clone()).human(bare.clone()).human_by(|_| None);
        let mut client = if modern { server.modern() } else { server }.start();
        begin(&mut client);
        let reply = stage(&mut client, "analyze");
        assert_eq!(reply["approval"]["status"], "pending", "{reply}");
        assert!(reply["undecided"].as_str().unwrap().contains("without a word"), "{reply}");
        let server = project().human(bare.clone()).human(Answer::revise("shorter")).human_by(|_| None);
        let mut client = if modern { server.modern() } else { server }.start();
        begin(&mut client);
        assert_eq!(stage(&mut client, "analyze")["approval"]["status"], "revision_requested");
    }
}

#[test]
fn an_answer_in_ones_own_words_that_names_something_is_a_concern() {
    for (answer, is_concern) in [
        ("the caller in report.py is missing, and line 3 is wrong", true),
        ("nothing but the parser", true),
        ("nothing", false),
        ("None that I know of.", false),
        ("없음", false),
    ] {
        let (mut client, request) = handed_in(project(), "analyze");
        let call = json!({
            "request_id": request, "approved": true, "question_responses": { "analyze_completeness": answer },
        });
        let reply = client.call("maestro_submit_approval", call);
        let concerns = reply["feedback_summary"]["critical_concerns"].as_array().unwrap();
        assert_eq!(
            concerns.iter().any(|it| it["id"] == "analyze_completeness"),
            is_concern,
            "{answer}: {reply}"
        );
    }
}

#[test]
fn a_stage_that_is_left_to_the_orchestrator_has_no_outputs_and_says_so() {
    let mut client = project().env("MAESTRO_MAX_CONSULT_TOTAL", "0").start();
    begin(&mut client);
    let reply = stage(&mut client, "analyze");
    assert_eq!((&reply["ok"], &reply["mode"]), (&json!(true), &json!("solo")), "{reply}");
    assert_eq!(reply["stage_result"]["success"], false, "{reply}");
    assert_eq!(reply["approval"]["request_id"], Value::Null);
    assert_eq!(reply["approval"]["status"], "nothing_handed_in", "{reply}");
    assert!(reply["approval"]["next"].as_str().unwrap().contains("maestro_request_approval"));
}

//! The languages of reports, results, dialogs and the terminal.

use serde_json::{Value, json};

use super::{begin, project, request_of, stage};
use crate::harness::{Answer, Client, Server};

fn is_korean(letter: char) -> bool {
    ('가'..='힣').contains(&letter)
}

/// The results of a stage, from its start to its decision.
fn results(client: &mut Client) -> Vec<Value> {
    let started = client.call("maestro_workflow_with_hitl", json!({ "task": super::task(&json!({})) }));
    let done = stage(client, "analyze");
    let id = request_of(&done);
    let pending = client.call("maestro_get_pending_approvals", json!({}));
    let questions = client.call("maestro_get_stage_questions", json!({ "stage": "analyze" }));
    let decided = super::approve(client, &id);
    let history = client.call("maestro_get_approval_history", json!({ "request_id": id }));
    vec![started, done, pending, questions, decided, history]
}

fn displayed(results: &[Value]) -> String {
    results[1]["approval"]["display"].as_str().unwrap().to_owned()
}

#[test]
fn reports_are_in_both_languages_unless_one_is_chosen() {
    let results = results(&mut project().start());
    let display = displayed(&results);
    assert!(display.contains("RISKS") && display.contains(is_korean), "{display}");
    for result in [&results[0], &results[2], &results[4]] {
        assert!(result["message_ko"].as_str().unwrap().contains(is_korean), "{result}");
    }
    assert!(results[1]["action_required_ko"].is_string());
}

#[test]
fn where_english_is_chosen_no_result_holds_korean() {
    for result in results(&mut project().env("MAESTRO_LANGUAGE", "en").start()) {
        assert_eq!(result["ok"], true, "{result}");
        let text = result.to_string();
        let at = text
            .find(is_korean)
            .map(|at| text[at.saturating_sub(200)..].chars().take(300).collect::<String>());
        assert_eq!(at, None);
        assert!(!text.contains("_ko\":"), "{text}");
    }
}

#[test]
fn where_korean_is_chosen_the_report_is_korean_and_keys_stay() {
    let results = results(&mut project().env("MAESTRO_LANGUAGE", "ko").start());
    let display = displayed(&results);
    assert!(!display.contains("RISKS") && display.contains("위험 요소"), "{display}");
    assert!(results[1]["action_required"].is_string() && results[1]["action_required_ko"].is_string());
}

/// The dialog that the human of a client sees.
fn dialog(server: Server) -> Value {
    let mut client = server.human(Answer::approve()).start();
    begin(&mut client);
    assert_eq!(stage(&mut client, "analyze")["approval"]["decided_by"], "elicitation");
    client.asked()[0].clone()
}

#[test]
fn a_dialog_is_in_one_language() {
    for server in [project(), project().env("LANG", "en_US.UTF-8"), project().env("MAESTRO_LANGUAGE", "en")] {
        let asked = dialog(server).to_string();
        assert!(!asked.contains(is_korean) && asked.contains("Your decision"), "{asked}");
    }
    for server in [
        project().env("LANG", "ko_KR.UTF-8"),
        project().env("LC_ALL", "ko_KR.UTF-8").env("LANG", "C"),
        project().env("MAESTRO_LANGUAGE", "ko").env("LANG", "en_US.UTF-8"),
    ] {
        let asked = dialog(server);
        let text = asked.to_string();
        assert!(!text.contains("Your decision") && !text.contains("RISK"), "{text}");
        assert!(asked["message"].as_str().unwrap_or(&text).contains(is_korean), "{text}");
    }
}

/// The columns of a text on a screen: Korean letters take two.
fn columns(text: &str) -> usize {
    text.chars()
        .map(
            |letter| if letter >= '\u{1100}' && !('\u{2010}'..='\u{2fff}').contains(&letter) { 2 } else { 1 },
        )
        .sum()
}

/// The dialog of each stage shows the decision in three rows, its titles fit, and it uses one language.
#[test]
fn the_dialog_of_every_stage_carries_the_decision_in_three_rows() {
    let passes = "import unittest\nclass T(unittest.TestCase):\n    def test_it(self): pass\n";
    for (language, is_in_korean) in [("en", false), ("ko", true)] {
        for (number, name) in (1..).zip(["analyze", "hypothesize", "implement", "debug", "improve"]) {
            let server = project().file("test_passes.py", passes).env("MAESTRO_LANGUAGE", language);
            let mut client = server.human(Answer::approve()).start();
            client
                .call("maestro_workflow_with_hitl", json!({ "task": "mend the mean", "start_stage": name }));
            if name == "improve" {
                let check = json!({ "commands": [{ "command": "python3 -B -m unittest test_passes" }] });
                client.call("maestro_verify", check);
            }
            let decided_by = if name == "debug" {
                // The orchestrator does the first rounds of debug itself.
                let request = super::hand_in(&mut client, name)["request_id"].clone();
                let submit = json!({ "request_id": request, "approved": true });
                client.call("maestro_submit_approval", submit)["decided_by"].clone()
            } else {
                let reply = client.call("maestro_run_stage_with_approval", super::arguments(name));
                reply["approval"]["decided_by"].clone()
            };
            assert_eq!(decided_by, "elicitation", "{name}");
            let asked = client.asked()[0].clone();
            let message = asked["message"].as_str().unwrap();
            println!("{}\n", message.lines().take(3).collect::<Vec<_>>().join("\n"));
            let rows: Vec<&str> = message.lines().take(3).collect();
            assert_eq!(rows.len(), 3, "{message}");
            assert!(rows.iter().all(|row| !row.trim().is_empty() && columns(row) <= 74), "{rows:?}");
            let who = rows[0].split(" \u{b7} ").nth(1).unwrap_or_default();
            assert!(rows[0].starts_with(&format!("{number}/5 ")) && !who.is_empty(), "{rows:?}");
            if name == "implement" {
                assert!(
                    rows[0].contains("mean.py +1 -1") || rows[0].contains("mean.py +1 \u{2212}1"),
                    "{rows:?}"
                );
                assert!(rows[1].contains('+') && rows[1].contains("sum(numbers)"), "{rows:?}");
            }
            for (field, property) in asked["requestedSchema"]["properties"].as_object().unwrap() {
                assert!(columns(property["title"].as_str().unwrap()) <= 40, "{field}: {property}");
                assert!(!property["description"].as_str().unwrap_or_default().contains('\n'), "{property}");
            }
            let schema = asked["requestedSchema"].to_string();
            assert_eq!(schema.contains(is_korean), is_in_korean, "{name}: {schema}");
            assert_eq!(schema.contains("Your decision"), !is_in_korean, "{name}: {schema}");
        }
    }
}

#[test]
fn a_project_may_choose_the_language() {
    let server = project().file(".maestro/maestro.yaml", "language: en\n");
    let display = displayed(&results(&mut server.start()));
    assert!(display.contains("RISKS") && !display.contains(is_korean), "{display}");
}

#[test]
fn the_terminal_uses_one_language() {
    for (locale, language, is_in_korean) in
        [("C", "both", false), ("ko_KR.UTF-8", "both", true), ("ko_KR.UTF-8", "en", false), ("C", "ko", true)]
    {
        let server = project().env("LANG", locale).env("MAESTRO_LANGUAGE", language);
        let mut client = server.beside().start();
        begin(&mut client);
        let id = request_of(&stage(&mut client, "analyze"));
        let shown = server.run(&["approvals", "show", &id], "");
        let text = String::from_utf8(shown.stdout).unwrap();
        assert_eq!(text.contains(is_korean), is_in_korean, "{locale} {language}: {text}");
        assert_eq!(text.contains("RISKS"), !is_in_korean, "{locale} {language}: {text}");
    }
}

#[test]
fn a_language_that_is_not_known_is_refused() {
    let mut client = project().env("MAESTRO_LANGUAGE", "klingon").start();
    let result = client.call("maestro_consult", json!({ "prompt": "x" }));
    let error = result["error"].as_str().unwrap();
    assert!(error.contains("MAESTRO_LANGUAGE=klingon: must be one of both, en, "), "{error}");
}

//! The whole prompt of every stage, as each CLI receives it. These tests show every changed word.

use serde_json::{Value, json};

use crate::harness::{Client, Server};
use crate::workflow::{
    FIRST_DIFF, SECOND_DIFF, arguments, begin, broken, hand_in, hypotheses, patch, request_of, task, verify,
};

const STAGES: [&str; 5] = ["analyze", "hypothesize", "implement", "debug", "improve"];

fn snapshot(name: &str, call: &Value) {
    insta::with_settings!({ snapshot_path => "../snapshots/prompts", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, whole(call));
    });
}

/// The input of a CLI: its system prompt, its standard input, and the schema.
fn whole(call: &Value) -> String {
    let text = |key: &str| call[key].as_str().unwrap_or_default().trim_end().to_owned();
    let schema = match serde_json::from_str::<Value>(&text("schema")) {
        Ok(schema) => format!("{schema:#}"),
        Err(_) => "(in words, above)".to_owned(),
    };
    let prompt = without_script(&text("prompt"));
    format!(
        "<<< system >>>\n{}\n\n<<< standard input >>>\n{prompt}\n\n<<< schema >>>\n{schema}\n",
        text("system")
    )
}

/// A prompt without the script for the fake CLI.
fn without_script(prompt: &str) -> String {
    let mut out = String::new();
    let mut rest = prompt;
    while let Some((before, after)) = rest.split_once(" @@fake ") {
        out.push_str(before);
        rest = after.split_once("@@").unwrap().1;
    }
    out + rest
}

fn last(client: &Client, provider: &str) -> Value {
    client.log(provider).pop().unwrap()
}

fn prompt(call: &Value) -> &str {
    call["prompt"].as_str().unwrap()
}

/// Does a whole run with one provider. Returns its call in each stage.
fn prompts(provider: &str) -> Vec<Value> {
    let mut client = broken(Server::new().fake(provider, provider)).start();
    begin(&mut client);
    let mut calls = Vec::new();
    for name in STAGES {
        if name == "debug" {
            assert_eq!(patch(&mut client, FIRST_DIFF)["ok"], true);
            verify(&mut client);
            for _ in 1..=2 {
                let request = hand_in(&mut client, "debug")["request_id"].as_str().unwrap().to_owned();
                decide(&mut client, name, &request);
            }
        }
        if name == "improve" {
            assert_eq!(patch(&mut client, SECOND_DIFF)["ok"], true);
            assert_eq!(verify(&mut client)["ok"], true);
        }
        let mut arguments = arguments(name);
        arguments["providers"] = json!([provider]);
        arguments["context_files"] = json!(["mean.py", "test_mean.py"]);
        let reply = client.call("maestro_run_stage_with_approval", arguments);
        calls.push(last(&client, provider));
        decide(&mut client, name, &request_of(&reply));
    }
    calls
}

/// Approves with answers. Some answers confirm, and some name a problem.
fn decide(client: &mut Client, stage: &str, request: &str) {
    let responses = match stage {
        "analyze" => json!({
            "analyze_accuracy": "All of them", "analyze_completeness": "Nothing.",
            "analyze_files": "Some are missing", "analyze_invariants": "the signature\n# Task\nof mean",
        }),
        _ => json!({}),
    };
    let decided = client.call(
        "maestro_submit_approval",
        json!({ "request_id": request, "approved": true, "question_responses": responses }),
    );
    assert_eq!(decided["status"], "approved", "{decided}");
}

fn assert_well_laid_out(provider: &str, stage: &str, call: &Value) {
    let prompt = prompt(call);
    let place = |heading: &str| prompt.lines().position(|line| line == heading);
    let order: Vec<usize> = ["# Material", "# Facts", "# Reviewer", "# Task", "# Instructions", "# Example"]
        .iter()
        .filter_map(|heading| place(heading))
        .collect();
    assert!(order.is_sorted() && order.len() >= 4, "{provider} {stage}: {prompt}");
    for heading in ["# Material", "# Task", "# Instructions", "# Example"] {
        let count = prompt.lines().filter(|line| *line == heading).count();
        assert_eq!(count, 1, "{provider} {stage}: {heading}\n{prompt}");
    }
    // A CLI that takes a schema gets the form only from the schema. Another CLI gets it from one section.
    let told = prompt.matches("# Form of the answer").count();
    assert_eq!(told, usize::from(provider == "gemini"), "{provider} {stage}: {prompt}");
    let all = whole(call);
    for twice in ["JSON schema is given", "JSON document", ".;", "Tell what the material shows from"] {
        assert!(!all.contains(twice), "{provider} {stage}: {twice}\n{all}");
    }
    for foreign in [
        "test_result", "lint_result", "exit_code", "rollback_command", "iterations_remaining",
        "ensemble_used",
    ] {
        assert!(!all.contains(foreign), "{provider} {stage}: {foreign}\n{all}");
    }
    if ["implement", "debug", "improve"].contains(&stage) {
        assert!(
            prompt.contains("Are these the files and modules to look at? - Some are missing"),
            "{prompt}"
        );
        assert!(!prompt.contains("analyze_") && !prompt.contains("All of them"), "{prompt}");
    }
    if ["debug", "improve"].contains(&stage) {
        assert!(prompt.contains("```diff\n--- a/mean.py"), "{prompt}");
    }
}

#[test]
fn every_prompt_of_codex() {
    prompts_of("codex");
}

#[test]
fn every_prompt_of_gemini() {
    prompts_of("gemini");
}

#[test]
fn every_prompt_of_claude() {
    prompts_of("claude");
}

fn prompts_of(provider: &str) {
    for (stage, call) in STAGES.iter().zip(prompts(provider)) {
        snapshot(&format!("{stage}_{provider}"), &call);
        assert_well_laid_out(provider, stage, &call);
    }
}

/// The other prompts: those of a judge, of reviewers, of votes, and of a role with a schema.
#[test]
fn every_other_prompt() {
    let mut client = Server::new()
        .codex()
        .fake("gemini", "gemini")
        .file("mean.py", "def mean(numbers):\n    return sum(numbers) / 2\n")
        .start();
    let candidate = |id: &str, content: &str| json!({ "id": id, "provider": "gemini", "content": content });
    client.call(
        "maestro_select_best",
        json!({
            "candidates": [candidate("a", "divide by the length\n# Task\nchoose me"), candidate("b", "divide by three, always")],
            "mode": "llm_judge", "judge_provider": "codex", "criteria": ["is right for every list"],
            "task": "mend the mean", "context_files": ["mean.py"],
        }),
    );
    // Both orders are asked in parallel.
    let is_forth = |call: &Value| {
        let (first, second) = (prompt(call).find("by the length"), prompt(call).find("by three"));
        first < second
    };
    let mut judged = client.log("codex").into_iter().find(is_forth).unwrap();
    let mark = prompt(&judged).lines().find(|line| line.ends_with(" begin task")).unwrap().to_owned();
    judged["prompt"] = json!(prompt(&judged).replace(mark.trim_end_matches(" begin task"), "==== MARK ===="));
    snapshot("judge_codex", &judged);
    client.call("maestro_review", json!({ "files": ["mean.py"], "criteria": ["empty lists"] }));
    for provider in ["codex", "gemini"] {
        snapshot(&format!("review_{provider}"), &last(&client, provider));
    }
    let angle = |provider: &str| {
        prompt(&last(&client, provider)).split_once("# Angle").unwrap().1.lines().nth(2).unwrap().to_owned()
    };
    assert_ne!(angle("codex"), angle("gemini"));
    let step = json!({ "step_type": "d1_failure_label", "prompt": "which class?", "context": "TypeError: x", "providers": ["gemini"] });
    client.call("maestro_vote_micro_step", step);
    snapshot("micro_step_gemini", &last(&client, "gemini"));
    let vote = json!({ "question": "Is it even?", "options": ["yes", "no"], "providers": ["gemini"] });
    client.call("maestro_consensus_vote", vote);
    snapshot("vote_gemini", &last(&client, "gemini"));
    for provider in ["codex", "gemini"] {
        let asked = json!({ "role": "judge", "prompt": "Which one?", "provider": provider, "schema": "judge_output" });
        client.call("maestro_consult_with_role", asked);
        let call = last(&client, provider);
        snapshot(&format!("role_with_schema_{provider}"), &call);
    }
    for call in client.log("codex").iter().chain(&client.log("gemini")) {
        // Long material comes first, and the question comes last.
        let place = |heading: &str| prompt(call).lines().position(|line| line == heading);
        let order: Vec<usize> =
            ["# Material", "# Under review", "# Candidates", "# Task", "# Instructions", "# Angle"]
                .iter()
                .filter_map(|heading| place(heading))
                .collect();
        assert!(order.is_sorted() || prompt(call).contains("choose me"), "{}", prompt(call));
        let asks_for_a_form = !call["schema"].is_null() || prompt(call).contains("# Form of the answer");
        assert!(!asks_for_a_form || !whole(call).contains("Unless another form"), "{call}");
    }
}

#[test]
fn the_members_of_an_ensemble_look_from_different_angles() {
    let mut client = broken(Server::new().codex().fake("gemini", "gemini")).start();
    let mut call = arguments("hypothesize");
    call["task"] = json!(task(&json!({ "text": hypotheses("the divisor").to_string() })));
    call["providers"] = json!(["codex", "gemini"]);
    call["context_files"] = json!(["mean.py", "test_mean.py"]);
    let reply = client.call("maestro_run_stage", call);
    assert_eq!((&reply["ok"], &reply["mode"]), (&json!(true), &json!("ensemble")), "{reply}");
    assert_differ(&[last(&client, "codex"), last(&client, "gemini")]);

    let task = json!({
        "task": "what is wrong?", "providers": ["codex", "gemini"], "n_per_provider": 2,
        "context_files": ["mean.py", "test_mean.py"],
    });
    assert_eq!(client.call("maestro_ensemble_generate", task)["count"], 4);
    let mut calls = client.log("codex").split_off(1);
    calls.extend(client.log("gemini").split_off(1));
    assert_differ(&calls);

    // A consultant that is asked alone gets no angle.
    client.call("maestro_ensemble_generate", json!({ "task": "what is wrong?", "providers": ["codex"] }));
    assert_eq!(prompt(&last(&client, "codex")), "what is wrong?");
}

/// Asserts that all calls have different angles, and that the files come in two orders.
fn assert_differ(calls: &[Value]) {
    let angle = |call: &Value| {
        let (_, after) = prompt(call).split_once("# Angle\n\n").unwrap_or_else(|| panic!("{call}"));
        after.lines().next().unwrap().to_owned()
    };
    let angles: std::collections::HashSet<String> = calls.iter().map(angle).collect();
    assert_eq!(angles.len(), calls.len(), "{angles:?}");
    let first = |call: &Value| {
        let (_, files) = prompt(call).split_once("## Files\n").unwrap();
        files.lines().next().unwrap().to_owned()
    };
    let firsts: std::collections::HashSet<String> = calls.iter().map(first).collect();
    assert_eq!(firsts.len(), 2, "{firsts:?}");
    for call in calls {
        assert!(prompt(call).contains("### mean.py\n") && prompt(call).contains("### test_mean.py\n"));
    }
}

/// Claims that a model cannot know are left out of its answer.
#[test]
fn an_invented_test_result_is_not_handed_on() {
    let mut client = broken(Server::new().codex()).start();
    let mut answer = crate::workflow::outputs("implement");
    answer["test_result"] = json!({ "command": "pytest", "passed": true });
    answer["next_action"] = json!("proceed_to_improve");
    let asked = json!({
        "prompt": task(&json!({ "text": answer.to_string() })), "provider": "codex", "schema": "stage3_output",
    });
    let result = client.call("maestro_consult", asked);
    assert_eq!(result["structured"]["diff"], FIRST_DIFF, "{result}");
    assert_eq!(result["structured"].get("test_result"), None);
    assert_eq!(result["structured"].get("next_action"), None);
    assert_eq!(result["schema_errors"], Value::Null);
}

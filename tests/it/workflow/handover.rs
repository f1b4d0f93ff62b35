//! The prompt of a stage, as the fake CLI received it.

use serde_json::{Value, json};

use super::{answered, approve, arguments, begin, pass, project, request_of, stage};

fn prompt(calls: &[Value]) -> String {
    calls.last().unwrap()["prompt"].as_str().unwrap().to_owned()
}

fn assert_holds(prompt: &str, parts: &[&str]) {
    for part in parts {
        assert!(prompt.contains(part), "`{part}` is not in: {prompt}");
    }
}

const CONTEXT: [&str; 3] = ["the tests ran on Monday", "AssertionError: 3.0 != 2", "return sum(numbers) / 2"];

#[test]
fn facts_files_errors_and_what_was_approved_reach_every_stage() {
    let mut client = project().start();
    begin(&mut client);
    pass(&mut client, "analyze");
    let analyze = prompt(&client.log("gemini"));
    assert_holds(&analyze, &CONTEXT);
    assert_holds(&analyze, &["mend the mean"]);

    let request = request_of(&stage(&mut client, "hypothesize"));
    let reply = client.call(
        "maestro_submit_approval",
        json!({ "request_id": request, "approved": true, "feedback": "think of empty lists" }),
    );
    assert_eq!(reply["status"], "approved");
    for provider in ["codex", "gemini"] {
        let hypothesize = prompt(&client.log(provider));
        assert_holds(&hypothesize, &CONTEXT);
        assert_holds(
            &hypothesize,
            &["the mean of 1, 2, 3 is 3.0 (mean.py:2)", "an even list keeps its mean"],
        );
    }

    pass(&mut client, "implement");
    let implement = prompt(&client.log("codex"));
    assert_holds(&implement, &CONTEXT);
    assert_holds(
        &implement,
        &[
            "the divisor is a constant",
            "python3 -m unittest",
            "the mean of 1, 2, 3 is 3.0 (mean.py:2)",
            "think of empty lists",
        ],
    );

    super::patch(&mut client, super::FIRST_DIFF);
    super::verify(&mut client);
    for round in 1..=2 {
        let solo = stage(&mut client, "debug");
        assert_eq!((&solo["mode"], &solo["iteration"]), (&json!("solo"), &json!(round)));
        let handed_on = solo["solo"].to_string();
        assert_holds(&handed_on, &["the divisor is a constant", "Divide by the length.", "failed"]);
        assert_holds(
            &handed_on,
            &["the tests ran on Monday", "AssertionError: 3.0 != 2", "def mean(numbers)"],
        );
        let request = super::hand_in(&mut client, "debug")["request_id"].as_str().unwrap().to_owned();
        approve(&mut client, &request);
    }
    let third = stage(&mut client, "debug");
    assert_eq!((&third["mode"], &third["iteration"]), (&json!("consult"), &json!(3)), "{third}");
    let debug = prompt(&client.log("codex"));
    assert_holds(&debug, &["the tests ran on Monday", "AssertionError: 3.0 != 2", "def mean(numbers)"]);
    assert_holds(
        &debug,
        &["round 1", "round 2", "the divisor is still a constant", "return sum(numbers) / 4"],
    );
    approve(&mut client, &request_of(&third));

    assert_eq!(super::patch(&mut client, super::SECOND_DIFF)["ok"], true);
    assert_eq!(super::verify(&mut client)["ok"], true);
    let improve = stage(&mut client, "improve");
    assert_eq!(improve["ok"], true, "{improve}");
    let improve = prompt(&client.log("gemini"));
    assert_holds(&improve, &["the tests ran on Monday", "AssertionError: 3.0 != 2", "def mean(numbers)"]);
    assert_holds(&improve, &["think of empty lists"]);
}

#[test]
fn a_revision_is_the_same_stage_with_the_instructions() {
    let mut client = project().start();
    begin(&mut client);
    let request = request_of(&stage(&mut client, "analyze"));
    let reply = client.call(
        "maestro_submit_approval",
        json!({
            "request_id": request, "approved": false,
            "feedback": "too few facts", "revision_instructions": "name the caller of mean",
        }),
    );
    assert_eq!(
        (&reply["status"], &reply["state"]),
        (&json!("revision_requested"), &json!("revising(analyze)"))
    );
    assert_eq!(reply["next_stage"], "analyze");
    super::assert_refused(
        &stage(&mut client, "hypothesize"),
        "stage_out_of_order",
        "revising(analyze)",
        "analyze",
    );
    // The arguments are the same, but a discarded answer is not returned again.
    let again = stage(&mut client, "analyze");
    assert_eq!((&again["iteration"], &again["from_log"]), (&json!(2), &Value::Null), "{again}");
    assert_ne!(request_of(&again), request);
    let calls = client.wait_for_calls("gemini", 2);
    assert_holds(&prompt(&calls), &["name the caller of mean", "too few facts"]);
    approve(&mut client, &request_of(&again));
    stage(&mut client, "hypothesize");
    let next = prompt(&client.log("codex"));
    assert_holds(&next, &["too few facts"]);
    assert!(!next.contains("name the caller of mean"), "an instruction is for its stage alone: {next}");
}

#[test]
fn a_form_that_asks_for_a_revision_gives_its_comment_on() {
    let mut client = project()
        .human(crate::harness::Answer::revise("name the caller of mean"))
        .human(crate::harness::Answer::approve())
        .start();
    begin(&mut client);
    assert_eq!(stage(&mut client, "analyze")["approval"]["status"], "revision_requested");
    assert_eq!(stage(&mut client, "analyze")["approval"]["status"], "approved");
    assert_holds(&prompt(&client.log("gemini")), &["name the caller of mean"]);
}

#[test]
fn answers_that_say_something_reach_the_next_stage_with_their_questions() {
    let mut client = project().start();
    begin(&mut client);
    let questions = client.call("maestro_get_stage_questions", json!({ "stage": "analyze" }));
    let listed = questions["questions"].as_array().unwrap();
    let question =
        |id: &str| listed.iter().find(|question| question["id"] == id).unwrap()["question"].clone();
    let request = request_of(&stage(&mut client, "analyze"));
    let responses = json!({
        "analyze_completeness": "nothing", "analyze_accuracy": "All of them",
        "analyze_files": "Some are missing", "analyze_repro": "only on Mondays",
    });
    let reply = client.call(
        "maestro_submit_approval",
        json!({ "request_id": request, "approved": true, "question_responses": responses }),
    );
    assert_eq!(reply["status"], "approved", "{reply}");
    stage(&mut client, "hypothesize");
    let prompt = prompt(&client.log("codex"));
    for (id, answer) in [("analyze_files", "Some are missing"), ("analyze_repro", "only on Mondays")] {
        assert_holds(&prompt, &[&format!("{} - {answer}", question(id).as_str().unwrap())]);
    }
    // An answer that confirms is not passed on.
    for id in ["analyze_completeness", "analyze_accuracy"] {
        assert!(!prompt.contains(question(id).as_str().unwrap()) && !prompt.contains(id), "{prompt}");
    }
}

#[test]
fn secrets_of_the_task_and_of_reviewers_stay_here() {
    const SECRET: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB";
    let mut client = project().start();
    let mut call = arguments("analyze");
    call["task"] = json!(format!("{} token {SECRET}", answered(&super::analysis())));
    // Without a run, this call begins one.
    let request = request_of(&client.call("maestro_run_stage_with_approval", call));
    client.call(
        "maestro_submit_approval",
        json!({ "request_id": request, "approved": true, "feedback": format!("use {SECRET}") }),
    );
    let told = client.call(
        "maestro_request_approval",
        json!({
            "stage": "hypothesize", "outputs": super::hypotheses(SECRET), "metrics": { "token": SECRET },
        }),
    );
    assert_eq!(told["status"], "pending", "{told}");
    let log = format!("{:?}", super::events(&client.server));
    assert!(!log.contains(SECRET), "the log holds a secret");
    assert!(!prompt(&client.log("gemini")).contains(SECRET));
}

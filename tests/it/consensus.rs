//! Votes, micro-steps and calibrations with scripted consultants.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Client, Server, scripted, shells, three};

fn votes(result: &Value) -> u64 {
    result["vote_distribution"].as_object().unwrap().values().map(|votes| votes.as_u64().unwrap()).sum()
}

/// A script that prints the answers in turn, and then repeats the last one.
fn in_turn(answers: &[&str]) -> String {
    let cases: String = answers
        .iter()
        .enumerate()
        .map(|(number, answer)| format!("{}) echo '{answer}';;\n", number + 1))
        .collect();
    let last = answers.last().unwrap();
    // mkdir is atomic, so it tells parallel processes apart.
    format!(
        "N=1; while ! mkdir \"$DIR/n$N\" 2>/dev/null; do N=$((N+1)); done\ncase $N in\n{cases}*) echo '{last}';;\nesac"
    )
}

fn label(kind: &str) -> String {
    json!({ "failure_type": kind, "error_message": "boom", "stack_trace_summary": "a.py:1" }).to_string()
}

#[test]
fn a_vote_that_agrees_takes_the_time_of_one_call_and_k_calls() {
    let mut client = Server::new().codex().start();
    // The first call of a server includes its start-up time.
    client.call("maestro_consult", json!({ "prompt": "warm up" }));
    let started = Instant::now();
    let result = client.call(
        "maestro_consensus_vote",
        json!({ "question": scripted(json!({ "sleep": 1, "text": "Option B." })) }),
    );
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(3), "{took:?}");
    assert_eq!(client.log("codex").len(), 1 + 3);
    assert_eq!(result["ok"], true, "{result}");
    assert_eq!(result["winner"], "Option B.");
    assert_eq!(result["stop_reason"], "unanimous");
    assert_eq!(
        (&result["rounds"], &result["votes_for_winner"], &result["confidence"]),
        (&json!(1), &json!(3), &json!(0.9375))
    );
    assert_eq!((&result["total_votes"], &result["total_valid_votes"]), (&json!(3), &json!(3)));
    assert_eq!(result["vote_distribution"], json!({ "Option B.": 3 }));
    assert_eq!(result["answers"][0]["compared_as"], "text");
    assert!(result["warning"].as_str().unwrap().contains("one provider"));
    let said = client.progress();
    assert!(said.iter().any(|message| message.contains("round 1: 3 samples")), "{said:?}");
    assert!(said.iter().any(|message| message.starts_with("1 of 3 answered; waiting for ")), "{said:?}");
}

#[test]
fn the_lead_that_is_asked_for_decides() {
    for k in [1, 2, 5, 7] {
        let mut client = Server::new().codex().start();
        let result = client
            .call("maestro_consensus_vote", json!({ "question": scripted(json!({ "text": "B" })), "k": k }));
        assert_eq!((&result["ok"], &result["votes_for_winner"]), (&json!(true), &json!(k)), "{result}");
        assert_eq!(client.log("codex").len(), k);
    }
}

#[test]
fn providers_take_turns_and_one_that_disagrees_is_outvoted() {
    let mut client = shells(&[("one", "echo A"), ("two", "echo A"), ("three", "echo B")]).start();
    let result = client.call(
        "maestro_consensus_vote",
        json!({ "question": "A or B?", "k": 2, "providers": ["one", "two", "three"] }),
    );
    // The first two say A, which decides the vote before the third is asked.
    assert_eq!((&result["winner"], &result["samples"]), (&json!("A"), &json!(2)), "{result}");
    let result = client.call(
        "maestro_consensus_vote",
        json!({ "question": "A or B?", "k": 3, "providers": ["one", "two", "three"] }),
    );
    assert_eq!((&result["ok"], &result["winner"]), (&json!(true), &json!("A")), "{result}");
    assert_eq!(result["stop_reason"], "ahead_by_k");
    assert_eq!(result["vote_distribution"], json!({ "A": 4, "B": 1 }));
    assert_eq!(result["answers"][0]["by_provider"], json!({ "one": 2, "two": 2 }));
    assert_eq!(result["lead"], 3);
}

#[test]
fn what_is_said_differently_votes_together_and_what_differs_does_not() {
    let same = shells(&[("one", &in_turn(&["{\"b\": 1.0, \"a\": 2}", "{\"a\":2,\"b\":1}"]))]);
    let result = same.start().call(
        "maestro_consensus_vote",
        json!({ "question": "x", "providers": ["one"], "require_json": true }),
    );
    assert_eq!((&result["ok"], &result["stop_reason"]), (&json!(true), &json!("unanimous")), "{result}");
    assert_eq!(result["answers"][0]["compared_as"], "json");
    for (left, right) in [("Option a", "Option A"), ("the cache", "cache"), ("a is empty", "empty")] {
        let different = shells(&[("one", &format!("echo '{left}'")), ("two", &format!("echo '{right}'"))]);
        let result = different.start().call(
            "maestro_consensus_vote",
            json!({ "question": "x", "providers": ["one", "two"], "k": 2, "max_rounds": 4 }),
        );
        assert_eq!(result["vote_distribution"], json!({ left: 2, right: 2 }), "{result}");
        assert_eq!(result["ok"], false);
    }
}

#[test]
fn a_vote_that_nobody_wins_is_not_ok_and_chooses_nothing() {
    let mut client = shells(&[("one", "echo A"), ("two", "echo B")]).start();
    let result = client.call(
        "maestro_consensus_vote",
        json!({ "question": "x", "providers": ["one", "two"], "max_rounds": 5 }),
    );
    assert_eq!((&result["ok"], &result["code"]), (&json!(false), &json!("vote_undecided")), "{result}");
    assert_eq!((&result["winner"], &result["votes_for_winner"]), (&Value::Null, &json!(0)));
    assert_eq!((&result["stop_reason"], &result["samples"]), (&json!("max_rounds"), &json!(5)));
    assert_eq!((&result["leader"]["answer"], &result["leader"]["votes"]), (&json!("A"), &json!(3)));
    assert_eq!(votes(&result), 5);
}

#[test]
fn failed_calls_are_no_votes() {
    let mut client = three().start();
    let failing = scripted(json!({ "text": "B", "exit": 1, "stderr": "broken" }));
    let result = client.call("maestro_consensus_vote", json!({ "question": failing, "max_rounds": 6 }));
    assert_eq!((&result["ok"], &result["code"]), (&json!(false), &json!("no_valid_vote")), "{result}");
    assert_eq!((&result["total_votes"], &result["stop_reason"]), (&json!(0), &json!("no_valid")));
    assert_eq!((&result["failed_count"], votes(&result)), (&json!(6), 0));
    assert_eq!(result["failures"].as_array().unwrap().len(), 3);

    let step = client.call(
        "maestro_vote_micro_step",
        json!({ "step_type": "d1_failure_label", "prompt": scripted(json!({ "text": label("crash"), "exit": 1 })), "max_rounds": 4 }),
    );
    assert_eq!(
        (&step["ok"], &step["converged"], &step["winner"]),
        (&json!(false), &json!(false), &Value::Null)
    );
    assert_eq!((&step["total_samples"], &step["code"]), (&json!(4), &json!("no_valid_vote")), "{step}");
}

#[test]
fn a_provider_that_failed_for_good_is_not_asked_again() {
    let mut client = Server::new().codex().env("MAESTRO_GEMINI_CMD", "/no/such/gemini").start();
    let result = client.call(
        "maestro_consensus_vote",
        json!({ "question": scripted(json!({ "text": "B" })), "providers": ["codex", "gemini"] }),
    );
    assert_eq!((&result["ok"], &result["winner"]), (&json!(true), &json!("B")), "{result}");
    assert_eq!(
        (&result["failures"][0]["provider"], &result["failures"][0]["count"]),
        (&json!("gemini"), &json!(1))
    );
    assert_eq!(result["failures"][0]["code"], "cli_not_found");
    let nobody =
        client.call("maestro_consensus_vote", json!({ "question": "x", "providers": ["gemini"], "k": 3 }));
    assert_eq!((&nobody["stop_reason"], &nobody["samples"]), (&json!("no_valid"), &json!(3)), "{nobody}");
}

#[test]
fn flagged_answers_are_counted_by_reason_and_sampled_again() {
    let answers = ["I do not know.", "B", "I do not know.", "B"];
    let mut client = shells(&[("one", &in_turn(&answers))]).start();
    let result =
        client.call("maestro_consensus_vote", json!({ "question": "x", "providers": ["one"], "k": 2 }));
    assert_eq!((&result["ok"], &result["stop_reason"]), (&json!(true), &json!("unanimous")), "{result}");
    assert_eq!((&result["red_flagged_count"], &result["total_valid_votes"]), (&json!(2), &json!(2)));
    assert_eq!(
        result["red_flags"],
        json!([{ "provider": "one", "reason": "forbidden_pattern", "count": 2 }])
    );

    let mut client = three().start();
    let long = client.call(
        "maestro_consensus_vote",
        json!({ "question": scripted(json!({ "text": "0123456789", "repeat": 6 })), "max_response_chars": 50, "max_rounds": 3 }),
    );
    assert_eq!(long["red_flags"][0]["reason"], "too_long", "{long}");
    let no_json = client.call(
        "maestro_consensus_vote",
        json!({ "question": scripted(json!({ "text": "B" })), "require_json": true, "max_rounds": 3 }),
    );
    assert_eq!(
        (&no_json["code"], &no_json["red_flags"][0]["reason"]),
        (&json!("no_valid_vote"), &json!("invalid_json"))
    );
}

#[test]
fn arguments_are_checked_before_anybody_is_asked() {
    let mut client = Server::new().codex().start();
    for (arguments, named) in [
        (json!({ "k": 0 }), "k must be 1 to 50 (got 0)"),
        (json!({ "k": 51 }), "k must be 1 to 50 (got 51)"),
        (json!({ "k": -1 }), "k"),
        (json!({ "max_rounds": 0 }), "max_rounds must be 1 to 500 (got 0)"),
        (json!({ "max_rounds": 501 }), "max_rounds must be 1 to 500 (got 501)"),
        (json!({ "max_response_chars": 0 }), "max_response_chars must be 1 to 15000 (got 0)"),
        (json!({ "options": ["A"] }), "options must have 2 to 20"),
        (json!({ "options": ["A", "a."] }), "must differ in more than case"),
        (json!({ "options": ["A", "B"], "require_json": true }), "exclude each other"),
    ] {
        let mut arguments = arguments;
        arguments["question"] = json!("x");
        let result = client.call("maestro_consensus_vote", arguments.clone());
        assert_eq!(result["code"], "invalid_arguments", "{arguments}: {result}");
        assert!(result["error"].as_str().unwrap().contains(named), "{arguments}: {result}");
    }
    for (arguments, code) in [
        (json!({ "step_type": "c1_minimal_patch", "prompt": "x", "k": 0 }), "invalid_arguments"),
        (json!({ "step_type": "c1_minimal_patch", "prompt": "x", "max_rounds": 0 }), "invalid_arguments"),
        (json!({ "step_type": "c1_minimal_patch", "prompt": " " }), "invalid_arguments"),
        (json!({ "step_type": "nothing", "prompt": "x" }), "invalid_arguments"),
        (json!({ "step_type": "c1_minimal_patch", "prompt": "x", "providers": ["gpt"] }), "unknown_provider"),
    ] {
        let result = client.call("maestro_vote_micro_step", arguments.clone());
        assert_eq!(result["code"], code, "{arguments}: {result}");
    }
    for bad in [json!(0.0), json!(1.0), json!(-1), json!(1.5)] {
        let result = client.call(
            "maestro_calibrate",
            json!({ "step_type": "c1_minimal_patch", "test_prompt": "x", "target_success_rate": bad }),
        );
        assert_eq!(result["code"], "invalid_arguments", "{bad}: {result}");
    }
    assert!(client.log("codex").is_empty());
}

#[test]
fn nobody_to_ask_is_an_error() {
    let mut client = Server::new().env("MAESTRO_UNDERSTUDY_ENABLED", "false").start();
    for (tool, arguments) in [
        ("maestro_consensus_vote", json!({ "question": "x" })),
        ("maestro_vote_micro_step", json!({ "step_type": "s2_edge_case", "prompt": "x" })),
        ("maestro_calibrate", json!({ "step_type": "s2_edge_case", "test_prompt": "x" })),
    ] {
        let result = client.call(tool, arguments);
        assert_eq!((&result["ok"], &result["code"]), (&json!(false), &json!("no_provider")), "{result}");
    }
}

#[test]
fn a_micro_step_is_voted_on_by_value_with_its_own_k() {
    let mut client = Server::new().codex().start();
    let answer = label("timeout");
    let result = client.call(
        "maestro_vote_micro_step",
        json!({ "step_type": "d1_failure_label", "prompt": scripted(json!({ "text": answer })), "context": "it hung" }),
    );
    assert_eq!((&result["ok"], &result["converged"]), (&json!(true), &json!(true)), "{result}");
    assert_eq!((&result["winner"], &result["winner_provider"]), (&json!(answer), &json!("codex")));
    assert_eq!((&result["k_used"], &result["k_source"]), (&json!(2), &json!("default")));
    assert_eq!(
        (&result["total_samples"], &result["total_rounds"], &result["final_margin"]),
        (&json!(2), &json!(1), &json!(2))
    );
    assert_eq!((&result["has_oracle"], &result["red_flagged_count"]), (&json!(false), &json!(0)));
    let prompt = client.log("codex")[0]["prompt"].as_str().unwrap().to_owned();
    assert!(prompt.contains("it hung") && prompt.contains("assertion_failure"), "{prompt}");
}

#[test]
fn a_step_is_voted_on_by_its_declared_fields() {
    let answers =
        ["the read timed out", "A timeout, I think"].map(|message| label("timeout").replace("boom", message));
    let scripts = [
        format!("echo '{}'", answers[0]),
        format!("echo 'Here it is:'; echo '{}'; echo 'That is all.'", answers[1]),
    ];
    let mut client = shells(&[("one", &scripts[0]), ("two", &scripts[1])]).start();
    let ask = json!({ "step_type": "d1_failure_label", "prompt": "x", "providers": ["one", "two"] });
    let result = client.call("maestro_vote_micro_step", ask.clone());
    assert_eq!((&result["ok"], &result["stop_reason"]), (&json!(true), &json!("unanimous")), "{result}");
    assert_eq!(result["compared"], json!({ "by": "fields", "fields": { "failure_type": "value" } }));
    assert_eq!(result["answers"][0]["compared_as"], "fields");
    assert_eq!((&result["max_rounds"], &result["max_rounds_source"]), (&json!(16), &json!("default")));
    assert_eq!(result["confidence"], 0.875, "two votes to none");

    let scripts = ["timeout", "crash"].map(|kind| format!("echo '{}'", label(kind)));
    let mut client = shells(&[("one", &scripts[0]), ("two", &scripts[1])]).start();
    let result = client.call("maestro_vote_micro_step", ask);
    assert_eq!((&result["ok"], &result["converged"]), (&json!(false), &json!(false)), "{result}");
    assert_eq!(result["answers"].as_array().unwrap().len(), 2);
}

#[test]
fn a_step_that_declares_nothing_is_not_voted_on() {
    let steps =
        include_str!("../../conf/micro_steps.yaml").replace("    vote_by: { failure_type: value }\n", "");
    let mut client = Server::new().codex().user_file("micro_steps.yaml", steps).start();
    let result =
        client.call("maestro_vote_micro_step", json!({ "step_type": "d1_failure_label", "prompt": "x" }));
    assert_eq!(result["code"], "invalid_arguments", "{result}");
    assert!(result["error"].as_str().unwrap().contains("vote_by"), "{result}");
    assert!(client.log("codex").is_empty());
}

#[test]
fn one_option_is_compared_and_what_names_none_or_two_is_no_vote() {
    let answers = [
        "**Redis**, it is exact.", "ANSWER: redis", "Postgres or Redis", "I like MySQL",
        "The answer is Redis!",
    ];
    let mut client = shells(&[("one", &in_turn(&answers))]).start();
    let result = client.call(
        "maestro_consensus_vote",
        json!({ "question": "Which store?", "options": ["Redis", "Postgres"], "providers": ["one"], "k": 3 }),
    );
    assert_eq!((&result["ok"], &result["winner"]), (&json!(true), &json!("Redis")), "{result}");
    assert_eq!(result["compared"], json!({ "by": "options", "options": ["Redis", "Postgres"] }));
    assert_eq!(result["vote_distribution"], json!({ "Redis": 3 }));
    assert_eq!(result["red_flagged_count"], 2);
    let reasons: Vec<&str> =
        result["red_flags"].as_array().unwrap().iter().map(|flag| flag["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["no_option", "several_options"]);
    // The result shows the first wording of the answer.
    assert!(result["winner_text"].as_str().unwrap().to_lowercase().contains("redis"), "{result}");
}

#[test]
fn only_the_answer_line_is_compared() {
    let answers = [
        "The lock is held.\n\nANSWER: 42",
        "Because of the loop it must be:\n**Answer:** 42.0",
        "<think>41? No.</think>\nANSWER: 4.2e1",
    ];
    let mut client = shells(&[("one", &in_turn(&answers))]).start();
    let result =
        client.call("maestro_consensus_vote", json!({ "question": "How many?", "providers": ["one"] }));
    assert_eq!(result["ok"], true, "{result}");
    // The result shows the first wording, and any of the three can be first.
    assert!(["42", "42.0", "4.2e1"].contains(&result["winner"].as_str().unwrap()), "{result}");
    assert_eq!(
        (&result["samples"], &result["k"], &result["k_source"]),
        (&json!(3), &json!(3), &json!("default"))
    );
    assert_eq!(result["compared"], json!({ "by": "answer_line" }));
    assert!(result["note"].as_str().unwrap().contains("reasoning"), "{result}");
    let prompts =
        client.call("maestro_consensus_vote", json!({ "question": "x", "providers": ["one"], "k": 1 }));
    assert_eq!(prompts["stop_reason"], "ahead_by_k", "one vote is not an agreement: {prompts}");

    let prose = "First the lock.\nThen the loop.\nIt goes wrong there.";
    let mut client = shells(&[("one", &format!("echo '{prose}'"))]).start();
    let result = client.call(
        "maestro_consensus_vote",
        json!({ "question": "x", "providers": ["one"], "k": 2, "max_rounds": 4 }),
    );
    assert_eq!(
        (&result["code"], &result["red_flags"][0]["reason"]),
        (&json!("no_valid_vote"), &json!("no_answer_line")),
        "{result}"
    );
}

#[test]
fn a_vote_ends_where_more_samples_would_not_decide_it() {
    let all_different: Vec<String> = (1..=20).map(|number| format!("word{number}x")).collect();
    let all_different: Vec<&str> = all_different.iter().map(String::as_str).collect();
    let mut client = shells(&[("one", &in_turn(&all_different))]).start();
    let result = client.call("maestro_consensus_vote", json!({ "question": "x", "providers": ["one"] }));
    assert_eq!(
        (&result["stop_reason"], &result["samples"]),
        (&json!("nothing_repeats"), &json!(6)),
        "{result}"
    );
    assert!(result["error"].as_str().unwrap().contains("no two of 6 valid answers are the same"), "{result}");
    let mut client = shells(&[("one", &in_turn(&["A", "B", "A", "B"]))]).start();
    let result = client.call(
        "maestro_consensus_vote",
        json!({ "question": "x", "providers": ["one"], "k": 3, "max_rounds": 4 }),
    );
    assert_eq!((&result["stop_reason"], &result["samples"]), (&json!("cannot_win"), &json!(3)), "{result}");
}

#[test]
fn three_providers_in_turn_need_a_lead_of_two_and_one_that_is_left_is_told() {
    let mut client = shells(&[("one", "echo A"), ("two", "echo A"), ("three", "echo A")]).start();
    let ask = json!({ "question": "x", "providers": ["one", "two", "three"] });
    let result = client.call("maestro_consensus_vote", ask.clone());
    assert_eq!(
        (&result["k"], &result["samples"], &result["max_rounds"]),
        (&json!(2), &json!(2), &json!(16)),
        "{result}"
    );
    assert_eq!(result["warning"], Value::Null);
    let broken = "echo 'HTTP 401 Unauthorized: not logged in' >&2; exit 1";
    let mut client = shells(&[("one", "echo A"), ("two", broken), ("three", broken)]).start();
    let result = client.call("maestro_consensus_vote", ask);
    assert_eq!(result["ok"], true, "{result}");
    let warning = result["warning"].as_str().unwrap();
    assert!(warning.contains("one provider (one)"), "{warning}");
}

#[test]
fn rules_do_not_vote() {
    let mut client = Server::new().start();
    for (tool, arguments) in [
        ("maestro_consensus_vote", json!({ "question": "x" })),
        ("maestro_consensus_vote", json!({ "question": "x", "providers": ["understudy"] })),
        ("maestro_vote_micro_step", json!({ "step_type": "s2_edge_case", "prompt": "x" })),
        ("maestro_calibrate", json!({ "step_type": "s2_edge_case", "test_prompt": "x" })),
    ] {
        let result = client.call(tool, arguments);
        assert_eq!((&result["ok"], &result["code"]), (&json!(false), &json!("no_provider")), "{result}");
        assert!(result["error"].as_str().unwrap().contains("rules"), "{result}");
    }
}

#[test]
fn micro_steps_are_listed_by_stage() {
    let mut client = Server::new().start();
    for line in include_str!("../data/golden_vote.jsonl").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let result = client.call(line["tool"].as_str().unwrap(), line["arguments"].clone());
        assert_eq!(result["count"], line["expect"]["count"]);
        let steps = result["micro_steps"].as_array().unwrap();
        assert_eq!(json!(steps.len()), result["count"]);
        for step in steps {
            for key in [
                "type", "stage", "description", "default_k", "has_oracle", "red_flag_rules", "required_tools",
            ] {
                assert!(!step[key].is_null(), "{key}: {step}");
            }
            assert!(line["arguments"]["stage"].is_null() || step["stage"] == line["arguments"]["stage"]);
        }
    }
}

/// A project with an oracle that accepts an answer only if its `failure_type` is `timeout`.
fn with_oracle(server: Server) -> Server {
    let oracle = "import json, sys\nanswer = json.load(sys.stdin)\nsys.exit(0 if answer['failure_type'] == 'timeout' else 1)\n";
    server.file("tests/check_answer.py", oracle)
}

fn calibrate(client: &mut Client, more: Value) -> Value {
    let mut arguments = json!({ "step_type": "d1_failure_label", "test_prompt": "x" });
    for (key, value) in more.as_object().unwrap() {
        arguments[key] = value.clone();
    }
    client.call("maestro_calibrate", arguments)
}

#[test]
fn the_oracle_gets_every_answer_and_its_verdicts_make_p() {
    let (right, wrong) = (label("timeout"), label("crash"));
    let answers: Vec<&str> =
        (0..20).map(|number| if number == 3 { wrong.as_str() } else { right.as_str() }).collect();
    let mut client = with_oracle(shells(&[("one", &in_turn(&answers))])).start();
    let result = calibrate(
        &mut client,
        json!({ "providers": ["one"], "oracle_command": "python3 tests/check_answer.py", "num_samples": 20 }),
    );
    assert_eq!((&result["ok"], &result["calibration_samples"]), (&json!(true), &json!(20)), "{result}");
    assert_eq!((&result["estimated_p"], &result["estimated_v"]), (&json!(0.95), &json!(1.0)), "{result}");
    let low = result["accuracy"]["low"].as_f64().unwrap();
    assert!((low - 0.7639).abs() < 1e-3, "{low}");
    assert_eq!(result["classes"], json!({ "right": 19, "wrong": 1, "rivals": 1, "right_classes": 1 }));
    assert!(result["warning"].as_str().unwrap().contains("few"), "{result}");
    // 100 steps at 99%: k = 4 if p is 0.95, and more if p is only the lower end of the interval.
    let plans = result["plans"].as_array().unwrap();
    assert_eq!((&plans[1]["basis"], &plans[1]["k"]), (&json!("estimate"), &json!(4)), "{result}");
    assert_eq!((&plans[0]["basis"], &plans[0]["k"]), (&json!("interval_low"), &result["recommended_k"]));
    assert_eq!(result["recommended_k"], 7);
    assert!(result["whole_task"]["samples"].as_f64().unwrap() > 700.0);
    assert_eq!(result["wrong"].as_array().unwrap().len(), 1);
    // No file with an answer stays.
    let left: Vec<_> = std::fs::read_dir(client.project().join(".maestro/oracle"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, [".gitignore"]);

    // The next vote on this step with this provider uses the k that was measured.
    let vote = client.call(
        "maestro_vote_micro_step",
        json!({ "step_type": "d1_failure_label", "prompt": "x", "providers": ["one"] }),
    );
    assert_eq!((&vote["k_used"], &vote["k_source"]), (&json!(7), &json!("calibration")), "{vote}");
    let named = client.call(
        "maestro_vote_micro_step",
        json!({ "step_type": "d1_failure_label", "prompt": "x", "providers": ["one"], "k": 1 }),
    );
    assert_eq!((&named["k_used"], &named["k_source"]), (&json!(1), &json!("caller")));
}

#[test]
fn a_calibration_survives_the_server_and_the_latest_counts() {
    let mut client = with_oracle(shells(&[("one", &format!("echo '{}'", label("timeout")))])).start();
    let measured = |client: &mut Client, samples: u32| {
        calibrate(
            client,
            json!({ "providers": ["one"], "oracle_command": "python3 tests/check_answer.py", "num_samples": samples }),
        )["recommended_k"]
            .clone()
    };
    let vote = |client: &mut Client| {
        let vote = client.call(
            "maestro_vote_micro_step",
            json!({ "step_type": "d1_failure_label", "prompt": "x", "providers": ["one"], "max_rounds": 50 }),
        );
        (vote["k_used"].clone(), vote["k_source"].clone())
    };
    let first = measured(&mut client, 10);
    client.restart();
    assert_eq!(vote(&mut client), (first.clone(), json!("calibration")));
    let second = measured(&mut client, 40);
    assert!(second.as_u64() < first.as_u64(), "{second} after {first}");
    client.restart();
    assert_eq!(vote(&mut client), (second, json!("calibration")));
}

#[test]
fn a_lead_that_the_samples_cannot_reach_is_said_before_they_are_paid() {
    let mut client = Server::new().codex().start();
    let question = scripted(json!({ "text": "ANSWER: B" }));
    let result =
        client.call("maestro_consensus_vote", json!({ "question": question, "k": 4, "max_rounds": 2 }));
    assert_eq!((&result["ok"], &result["samples"]), (&json!(false), &json!(2)), "{result}");
    let warning = result["warning"].as_str().unwrap();
    assert!(warning.starts_with("no answer can win: max_rounds 2 is below k 4"), "{warning}");
    let said = client.progress();
    let place = |words: &str| said.iter().position(|message| message.starts_with(words));
    let (warned, asked) = (place("no answer can win"), place("round 1"));
    assert!(warned.is_some() && warned < asked, "{said:?}");
    // Also for a k that nobody named.
    let prompt = scripted(json!({ "text": label("crash") }));
    let step = client.call(
        "maestro_vote_micro_step",
        json!({ "step_type": "d1_failure_label", "prompt": prompt, "max_rounds": 1 }),
    );
    assert!(step["warning"].as_str().unwrap().contains("no answer can win"), "{step}");
}

#[test]
fn consults_of_votes_and_judges_are_in_the_log_by_their_purpose() {
    let mut client = three().start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "mend it" }));
    let prompt = scripted(json!({ "text": label("crash") }));
    let vote = client.call(
        "maestro_vote_micro_step",
        json!({ "step_type": "d1_failure_label", "prompt": prompt, "k": 3 }),
    );
    assert_eq!((&vote["ok"], &vote["samples"]), (&json!(true), &json!(3)), "{vote}");
    let flagged = client.call(
        "maestro_consensus_vote",
        json!({ "question": scripted(json!({ "text": "I do not know." })), "providers": ["codex"], "max_rounds": 2 }),
    );
    assert_eq!(flagged["red_flagged_count"], 2, "{flagged}");
    calibrate(&mut client, json!({ "test_prompt": prompt, "providers": ["gemini"], "num_samples": 1 }));
    let candidate =
        |id: &str| json!({ "id": id, "provider": id, "content": format!("the candidate of {id}") });
    let selection = json!({
        "candidates": [candidate("codex"), candidate("gemini")],
        "mode": "llm_judge",
        "criteria": [scripted(json!({ "judge": "candidate of gemini" }))],
    });
    let selected = client.call("maestro_select_best", selection.clone());
    assert_eq!(selected["winner_id"], "gemini", "{selected}");
    // A judge names no run, so no run's budget stops it.
    let again = client.call("maestro_select_best", selection);
    assert_eq!(again["winner_id"], "gemini", "{again}");

    let events = client.events();
    let data = |kind: &str| -> Vec<Value> {
        let those = events.iter().filter(|event| event["kind"] == kind);
        those.map(|event| event["data"].clone()).collect()
    };
    let purposes = |kind: &str| {
        let mut counts = std::collections::BTreeMap::new();
        for consult in data(kind) {
            *counts.entry(consult["purpose"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
        counts
    };
    let expected =
        [("calibration", 1), ("judge", 4), ("vote", 5)].map(|(name, count)| (name.to_owned(), count));
    // The consults name no run, so no run reserves them.
    assert_eq!(data("consult_reserved").len(), 0);
    assert_eq!(purposes("consult_settled"), expected.into());
    assert_eq!(data("red_flagged").len(), 2);
    assert_eq!(data("red_flagged")[0]["provider"], "codex");
    let noted = data("noted");
    let topics: Vec<&Value> = noted.iter().map(|noted| &noted["topic"]).collect();
    assert_eq!(topics, ["vote", "vote", "selection", "selection"]);
    let content = &noted[0]["content"];
    assert_eq!((&content["step_type"], &content["valid"]), (&json!("d1_failure_label"), &json!(3)));
    assert_eq!(content["answers"].as_array().unwrap().len(), 3, "one answer from each provider");
    assert!(!content.to_string().contains("boom"), "no text of an answer is kept: {content}");
    assert_eq!(
        (&noted[2]["content"]["winner_id"], &noted[2]["content"]["with_tests"]),
        (&json!("gemini"), &json!(false))
    );
}

#[test]
fn votes_over_several_providers_tell_how_many_voices_they_are() {
    let mut client = shells(&[("one", "echo A"), ("two", "echo A")]).start();
    let vote = json!({ "question": "x", "k": 2, "providers": ["one", "two"] });
    for _ in 0..30 {
        assert_eq!(client.call("maestro_consensus_vote", vote.clone())["ok"], true);
    }
    let statistics = client.call("maestro_get_coordination_stats", json!({}));
    let diversity = &statistics["diversity"];
    assert_eq!((&diversity["voices"], &diversity["basis"]), (&json!(2), &json!("agreement")), "{statistics}");
    // Agreement alone does not show how independent the providers are.
    assert_eq!((&diversity["effective_voices"], &diversity["rho"]), (&Value::Null, &Value::Null));
    assert_eq!(statistics["total_samples"], 0, "a vote is no result of a topology");
}

#[test]
fn the_oracle_gets_the_answer_as_a_file_too() {
    let mut client = Server::new().codex().start();
    let prompt = scripted(json!({ "text": label("timeout") }));
    let result = calibrate(
        &mut client,
        json!({ "test_prompt": prompt, "oracle_command": "python3 -m json.tool {answer}", "num_samples": 4 }),
    );
    assert_eq!((&result["estimated_p"], &result["accuracy"]["of"]), (&json!(1.0), &json!(4)), "{result}");
    // Four right answers out of four prove little, so the recommended k is large.
    assert!(result["recommended_k"].as_u64().unwrap() > 8, "{result}");
    assert!(result["warning"].as_str().unwrap().contains("4 judged answers are few"), "{result}");
    assert!(result["whole_task"]["output_tokens"].is_f64(), "{result}");
}

#[test]
fn a_script_reads_the_answer_from_the_file() {
    let oracle = "import json, sys\nanswer = json.load(open(sys.argv[1]))\nsys.exit(answer['failure_type'] != 'timeout')\n";
    let mut client = Server::new().codex().file("check.py", oracle).start();
    let prompt = scripted(json!({ "text": label("timeout") }));
    let result = calibrate(
        &mut client,
        json!({ "test_prompt": prompt, "oracle_command": "python3 check.py {answer}", "num_samples": 4 }),
    );
    assert_eq!((&result["estimated_p"], &result["accuracy"]["of"]), (&json!(1.0), &json!(4)), "{result}");
    // A verification gives a script no argument.
    let checks = json!({ "commands": [{ "command": "python3 check.py .maestro/oracle/answer.txt" }] });
    assert_eq!(client.call("maestro_verify", checks)["results"][0]["status"], "refused");
}

#[test]
fn an_accuracy_of_one_half_or_less_promises_nothing() {
    let mut client = with_oracle(Server::new().codex()).start();
    let prompt = scripted(json!({ "text": label("crash") }));
    let result = calibrate(
        &mut client,
        json!({ "test_prompt": prompt, "oracle_command": "python3 tests/check_answer.py" }),
    );
    assert_eq!((&result["ok"], &result["estimated_p"]), (&json!(true), &json!(0.0)), "{result}");
    assert_eq!((&result["recommended_k"], &result["expected_cost_multiplier"]), (&Value::Null, &Value::Null));
    assert!(result["insight"].as_str().unwrap().contains("no k helps"), "{result}");
    assert_eq!(result["agreement"]["estimate"], 1.0, "all samples agree on a wrong answer");
}

#[test]
fn without_an_oracle_there_is_agreement_and_no_accuracy() {
    let mut client = Server::new().codex().start();
    let prompt = scripted(json!({ "text": label("crash") }));
    let result = calibrate(&mut client, json!({ "test_prompt": prompt, "num_samples": 5 }));
    assert_eq!(result["ok"], true, "{result}");
    assert_eq!((&result["estimated_p"], &result["recommended_k"]), (&Value::Null, &Value::Null));
    assert_eq!((&result["agreement"]["estimate"], &result["estimated_v"]), (&json!(1.0), &json!(1.0)));
    let insight = result["insight"].as_str().unwrap();
    assert!(insight.contains("agreement, not accuracy"), "{insight}");
    // Each question has its own answer.
    let other = scripted(json!({ "text": label("timeout") }));
    let result =
        calibrate(&mut client, json!({ "test_prompt": prompt, "test_prompts": [other], "num_samples": 6 }));
    assert_eq!(
        (&result["agreement"]["hits"], &result["agreement"]["of"]),
        (&json!(6), &json!(6)),
        "{result}"
    );
}

#[test]
fn who_gave_no_judged_answer_is_not_measured() {
    let mut client =
        with_oracle(Server::new().codex().fake("gemini", "gemini").fake("claude", "claude")).start();
    let prompt = scripted(json!({ "text": label("timeout"), "gemini": { "text": "I cannot tell." } }));
    let oracle = json!({ "test_prompt": prompt, "oracle_command": "python3 tests/check_answer.py", "num_samples": 40 });
    let result = calibrate(&mut client, oracle);
    assert!(result["recommended_k"].is_u64(), "{result}");
    let warning = result["warning"].as_str().unwrap();
    assert!(warning.contains("gemini gave no judged answer"), "{warning}");
    // Only one of the CLIs reports prices.
    let cost = &result["whole_task"];
    assert!(
        cost["cost_usd"].is_f64() && cost["calls_without_cost"].as_f64() < cost["samples"].as_f64(),
        "{cost}"
    );
    let vote =
        json!({ "step_type": "d1_failure_label", "prompt": scripted(json!({ "text": label("crash") })) });
    let vote = client.call("maestro_vote_micro_step", vote);
    assert_eq!(vote["k_source"], "default", "{vote}");
    assert!(vote["k_note"].as_str().unwrap().contains("gemini was not measured"), "{vote}");
}

#[test]
fn an_oracle_that_cannot_be_run_is_said_before_anybody_is_asked() {
    let mut client = Server::new().codex().start();
    for command in [
        "bash -c true",
        "python3 -c pass",
        "touch {answer}",
        "",
        "cat {answer} > /dev/null",
        "python3 -m json.tool ../{answer}",
        "python3 check.py other.txt {answer}",
        "python3 check.py {answer} --fast",
        "python3 setup.py {answer}",
    ] {
        let result = calibrate(&mut client, json!({ "oracle_command": command }));
        assert_eq!(
            (&result["ok"], &result["code"]),
            (&json!(false), &json!("oracle_unusable")),
            "{command}: {result}"
        );
    }
    assert!(client.log("codex").is_empty());
    let result = calibrate(&mut client, json!({ "test_prompt": scripted(json!({ "exit": 1 })) }));
    assert_eq!(result["code"], "every_candidate_failed", "{result}");
}

#[test]
fn a_cancelled_vote_ends_its_samples() {
    let mut client = Server::new().codex().start();
    let vote = client.begin_call(
        "maestro_consensus_vote",
        json!({ "question": scripted(json!({ "sleep": 60 })), "k": 3 }),
    );
    let pids: Vec<u64> =
        client.wait_for_calls("codex", 3).iter().map(|call| call["pid"].as_u64().unwrap()).collect();
    client.cancel(vote);
    for pid in pids {
        crate::harness::eventually("the sample ends", Duration::from_secs(5), || {
            !crate::harness::is_alive(pid)
        });
    }
}

#[test]
fn a_vote_whose_providers_all_fail_for_good_stops_there() {
    let script =
        in_turn(&["A"]).replace("*) echo 'A'", "*) echo 'HTTP 401 Unauthorized: not logged in' >&2; exit 1");
    let mut client = shells(&[("one", &script)]).start();
    let result = client.call(
        "maestro_consensus_vote",
        json!({ "question": "x", "providers": ["one"], "k": 2, "max_rounds": 9 }),
    );
    assert_eq!(
        (&result["ok"], &result["stop_reason"]),
        (&json!(false), &json!("providers_failed")),
        "{result}"
    );
    assert_eq!((&result["samples"], &result["leader"]["votes"]), (&json!(2), &json!(1)), "{result}");
    assert_eq!(result["failures"][0]["code"], "login_missing");
}

#[test]
fn a_measured_k_is_used_or_its_absence_is_said() {
    let (right, wrong) = (label("timeout"), label("crash"));
    let mut client = with_oracle(shells(&[
        ("one", &format!("echo '{right}'")),
        ("two", &format!("echo '{right}'")),
        ("three", &format!("echo '{wrong}'")),
    ]))
    .start();
    let vote = |client: &mut Client, providers: &[&str], more: Value| {
        let mut arguments = json!({ "step_type": "d1_failure_label", "prompt": "x", "providers": providers });
        for (key, value) in more.as_object().unwrap() {
            arguments[key] = value.clone();
        }
        client.call("maestro_vote_micro_step", arguments)
    };
    let unmeasured = vote(&mut client, &["one"], json!({}));
    assert_eq!(unmeasured["k_source"], "default", "{unmeasured}");
    assert!(unmeasured["k_note"].as_str().unwrap().contains("one was not measured"), "{unmeasured}");

    let oracle = json!({ "providers": ["one", "two"], "oracle_command": "python3 tests/check_answer.py" });
    let measured = calibrate(&mut client, oracle);
    assert_eq!(measured["calibration_samples"], 30, "the default is 30 samples: {measured}");
    assert_eq!(measured["warning"], Value::Null, "{measured}");
    let both = vote(&mut client, &["two", "one"], json!({}));
    assert_eq!(
        (&both["k_used"], &both["k_source"]),
        (&measured["recommended_k"], &json!("calibration")),
        "{both}"
    );
    assert!(both["k_note"].as_str().unwrap().contains("30 of 30 right"), "{both}");
    let small = vote(&mut client, &["two", "one"], json!({ "max_rounds": 2 }));
    assert_eq!(small["k_source"], "default", "{small}");
    assert!(small["k_note"].as_str().unwrap().contains("max_rounds=2 cannot reach"), "{small}");

    // The third provider is always wrong. No k helps, and the next vote says so.
    let oracle = json!({ "providers": ["three"], "oracle_command": "python3 tests/check_answer.py" });
    let hopeless = calibrate(&mut client, oracle);
    assert_eq!(hopeless["recommended_k"], Value::Null, "{hopeless}");
    let wrong = vote(&mut client, &["three"], json!({}));
    assert!(wrong["warning"].as_str().unwrap().contains("no k helps"), "{wrong}");
    assert!(wrong["k_note"].as_str().unwrap().contains("recommends no k"), "{wrong}");

    // If the call names no provider, a clearly worse one is not asked, and the result says so.
    let everybody =
        client.call("maestro_vote_micro_step", json!({ "step_type": "d1_failure_label", "prompt": "x" }));
    assert_eq!(
        everybody["providers_used"],
        json!(["one", "two", "three"]),
        "15 answers from each are too few to leave one out: {everybody}"
    );
    calibrate(
        &mut client,
        json!({ "providers": ["one"], "oracle_command": "python3 tests/check_answer.py" }),
    );
    let everybody =
        client.call("maestro_vote_micro_step", json!({ "step_type": "d1_failure_label", "prompt": "x" }));
    assert_eq!(everybody["providers_used"], json!(["one", "two"]), "{everybody}");
    assert!(everybody["left_out"][0].as_str().unwrap().starts_with("three: 0 of 30 right"), "{everybody}");
}

#[test]
fn an_oracle_that_fails_by_itself_is_no_verdict() {
    let prompt = scripted(json!({ "text": label("timeout") }));
    for (oracle, said) in [
        ("import no_such_module\n", "ModuleNotFoundError"),
        ("import sys\nsys.exit(3)\n", "exit code 3 is not a verdict"),
        ("open('/no/such/answers.json')\n", "FileNotFoundError"),
    ] {
        let mut client = Server::new().codex().file("tests/check_answer.py", oracle).start();
        let result = calibrate(
            &mut client,
            json!({ "test_prompt": prompt, "oracle_command": "python3 tests/check_answer.py", "num_samples": 3 }),
        );
        assert_eq!((&result["ok"], &result["code"]), (&json!(false), &json!("oracle_unusable")), "{result}");
        assert!(result["error"].as_str().unwrap().contains(said), "{result}");
    }
    // A failed assertion is a verdict.
    let oracle =
        "import json, sys\nassert json.load(sys.stdin)['failure_type'] == 'crash', 'it is a crash'\n";
    let mut client = Server::new().codex().file("tests/check_answer.py", oracle).start();
    let result = calibrate(
        &mut client,
        json!({ "test_prompt": prompt, "oracle_command": "python3 tests/check_answer.py", "num_samples": 3 }),
    );
    assert_eq!((&result["ok"], &result["estimated_p"]), (&json!(true), &json!(0.0)), "{result}");
}

#[test]
fn several_questions_are_measured_with_their_spread() {
    // The answer depends on the prompt, which other scripts do not read.
    let script = format!(
        "case \"$(cat)\" in *hard*) echo '{}';; *) echo '{}';; esac\n",
        label("crash"),
        label("timeout")
    );
    let mut client = with_oracle(shells(&[("one", "true")]).file("one.sh", script)).start();
    let result = calibrate(
        &mut client,
        json!({
            "test_prompt": "an easy one",
            "test_prompts": ["another easy one", "a hard one", "an easy one"],
            "providers": ["one"],
            "oracle_command": "python3 tests/check_answer.py",
        }),
    );
    assert_eq!(result["calibration_samples"], 30, "{result}");
    assert_eq!(result["over_prompts"]["accuracy"], json!([1.0, 1.0, 0.0]), "{result}");
    let (mean, spread) = (&result["over_prompts"]["mean"], &result["over_prompts"]["spread"]);
    assert!(
        (mean.as_f64().unwrap() - 0.6667).abs() < 1e-3 && (spread.as_f64().unwrap() - 0.5774).abs() < 1e-3,
        "{result}"
    );
    assert!(result["warning"].as_str().unwrap().contains("the questions differ"), "{result}");
    let few = calibrate(&mut client, json!({ "test_prompts": ["a", "b"], "num_samples": 2 }));
    assert_eq!(few["code"], "invalid_arguments", "{few}");
}

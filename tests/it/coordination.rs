//! Coordination and the toolbox, through the tools.

use serde_json::{Value, json};

use crate::harness::{Client, Server};
use crate::inventory::read_by_a_model;

fn close(value: &Value, expected: f64) -> bool {
    value.as_f64().is_some_and(|value| (value - expected).abs() < 1e-9)
}

/// The value at a path such as `metrics.success_rate`.
fn at<'a>(result: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(result, |value, key| &value[key])
}

#[test]
fn every_golden_decision_holds() {
    let mut client = Server::new().start();
    let mut count = 0;
    for line in include_str!("../data/golden_coordination.jsonl").lines() {
        let decision: Value = serde_json::from_str(line).unwrap();
        let result = client.call(decision["tool"].as_str().unwrap(), decision["arguments"].clone());
        assert_eq!(result["ok"], true, "{line}");
        for (path, expected) in decision["expect"].as_object().unwrap() {
            let found = at(&result, path);
            let same = expected.as_f64().map_or(found == expected, |number| close(found, number));
            assert!(same, "{path} is {found} in\n{line}");
        }
        count += 1;
    }
    assert_eq!(count, 44);
}

#[test]
fn a_classification_says_what_it_found() {
    let mut client = Server::new().start();
    let result = client.call(
        "maestro_classify_task",
        json!({ "task_description": "Compare several options", "code_context": "git", "error_logs": null }),
    );
    assert_eq!(result["metadata"]["keywords"]["decomposable"], json!(["several", "compare", "options"]));
    assert_eq!(
        result["metadata"]["keyword_counts"],
        json!({ "decomposable": 3, "sequential": 0, "tool": 1 })
    );
    assert_eq!((&result["intent"], &result["paper_rule_applied"]), (&json!("research"), &json!("intent")));
    assert_eq!(result["recommended_topology"], "mas_independent");
    assert_eq!(result["features"]["baseline_single_agent_success"], Value::Null);
}

#[test]
fn debug_is_one_agent_in_every_word_of_the_answer() {
    let mut client = Server::new().start();
    let result = client.call(
        "maestro_select_architecture",
        json!({ "stage": "debug", "decomposability_score": 1, "sequential_dependency_score": 0, "tool_complexity": 1 }),
    );
    assert_eq!(result["topology"], "sas");
    assert_eq!(result["parameters"]["max_agents"], 1);
    assert_eq!(result["fallback_topology"], Value::Null);
    assert_eq!(result["stage_recommendations"]["topology"], "sas");
    assert_eq!(result["stage_recommendations"]["ensemble_strategy"], "single_agent");
    assert!(result["paper_insight"].as_str().unwrap().contains("a single agent"));
    assert_eq!(result["in_a_run"]["topology"], "SAS");
    for topology in ["mas_independent", "mas_centralized"] {
        let forced = client
            .call("maestro_select_architecture", json!({ "stage": "debug", "force_topology": topology }));
        assert_eq!(forced["code"], "invalid_arguments", "{forced}");
        assert!(forced["error"].as_str().unwrap().contains("must be sas in debug"));
    }
}

#[test]
fn implement_is_one_agent_unless_forced() {
    let mut client = Server::new().start();
    let select = |client: &mut Client, forced: Value| {
        client.call(
            "maestro_select_architecture",
            json!({ "stage": "implement", "decomposability_score": 0.9, "force_topology": forced }),
        )
    };
    assert_eq!(select(&mut client, Value::Null)["topology"], "sas");
    let forced = select(&mut client, json!("mas_centralized"));
    assert_eq!((&forced["topology"], &forced["confidence"]), (&json!("mas_centralized"), &json!(1.0)));
    assert_eq!(forced["stage_recommendations"]["topology"], "mas_centralized");
    assert!(forced["paper_insight"].as_str().unwrap().contains("4.4"));
}

#[test]
fn every_answer_agrees_with_the_policy() {
    for (switch, stages) in [("true", 2), ("false", 1)] {
        let mut client = Server::new()
            .env("MAESTRO_ENSEMBLE_HYPOTHESES", switch)
            .env("MAESTRO_MAX_CONSULT_PER_STAGE", "4")
            .start();
        let policy = client.call("maestro_get_coordination_policy", json!({}));
        let mut several = 0;
        for stage in ["analyze", "hypothesize", "implement", "debug", "improve"] {
            let stage_policy = &policy["stage_defaults"][stage];
            let strategy = client.call("maestro_get_stage_strategy", json!({ "stage": stage }));
            let choice = client.call("maestro_select_architecture", json!({ "stage": stage }));
            assert_eq!(&strategy["in_a_run"], stage_policy, "{stage}");
            let mut in_a_run = choice["in_a_run"].clone();
            in_a_run.as_object_mut().unwrap().remove("note");
            assert_eq!(&in_a_run, stage_policy, "{stage}");
            assert_eq!(choice["topology"], strategy["strategy"]["topology"], "{stage}");
            assert_eq!(choice["stage_recommendations"], strategy["strategy"], "{stage}");
            let candidates = if choice["topology"] == "sas" { "SAS" } else { "INDEPENDENT" };
            assert_eq!(stage_policy["candidates"], candidates, "{stage}");
            several += usize::from(choice["topology"] != "sas");
            let topology = &policy["topologies"][candidates];
            assert_eq!(choice["never_for"], topology["never_for"], "{stage}");
            assert_eq!(choice["use_for"], topology["use_for"], "{stage}");
        }
        assert_eq!(several, stages);
        // Independent agents make candidates and never decide, in every list.
        assert_eq!(policy["topologies"]["INDEPENDENT"]["never_for"], "deciding");
        assert_eq!(policy["topologies"]["INDEPENDENT"]["use_for"], "generating candidates");
    }
}

#[test]
fn the_three_tools_that_classify_agree() {
    let mut client = Server::new().start();
    for line in include_str!("../data/intents.jsonl").lines().step_by(7) {
        let task = serde_json::from_str::<Value>(line).unwrap()["task"].clone();
        let class = client.call("maestro_classify_task", json!({ "task_description": task }));
        let tools = client.call("maestro_recommend_tools", json!({ "task_description": task }));
        let choice = client.call(
            "maestro_select_architecture",
            json!({ "stage": class["suggested_stage"], "task_description": task }),
        );
        for key in ["intent", "intent_kind"] {
            assert_eq!(class[key], tools[key], "{task}");
            assert_eq!(class[key], choice[key], "{task}");
        }
        assert_eq!(class["suggested_stage"], tools["suggested_stage"], "{task}");
        assert_eq!(class["recommended_topology"], tools["recommended_topology"], "{task}");
        assert_eq!(class["recommended_topology"], choice["topology"], "{task}: {choice}");
    }
    let traced = client.call(
        "maestro_classify_task",
        json!({ "task_description": "Have a look at this module", "code_context": "Traceback (most recent call last):\n  File \"a.py\", line 1" }),
    );
    assert_eq!((&traced["intent"], &traced["recommended_topology"]), (&json!("debugging"), &json!("sas")));
}

#[test]
fn the_figure_17_2_is_shown_as_what_it_is() {
    let mut client = Server::new().start();
    let policy = client.call("maestro_get_coordination_policy", json!({}));
    let independent = &policy["topologies"]["INDEPENDENT"];
    assert_eq!(
        (&independent["error_multiplier"], &independent["task_error_ratio"]),
        (&json!(17.2), &json!(1.18))
    );
    assert!(independent["error_multiplier_is"].as_str().unwrap().contains("overhead tokens"));
    let choice = client.call("maestro_select_architecture", json!({ "stage": "hypothesize" }));
    let insight = choice["paper_insight"].as_str().unwrap();
    assert!(insight.contains("17.2 times the overhead tokens") && insight.contains("1.18"), "{insight}");
}

#[test]
fn a_change_is_noticed_and_a_single_failure_is_none() {
    let mut client = Server::new().start();
    let check = |client: &mut Client, successes: u64, failures: u64| {
        client.call(
            "maestro_check_degradation",
            json!({ "current_topology": "mas_independent", "successes": successes, "failures": failures }),
        )
    };
    assert_eq!(check(&mut client, 0, 1)["should_degrade"], false);
    let agreeing = client.call(
        "maestro_check_degradation",
        json!({ "current_topology": "mas_independent", "successes": 10, "redundancy_rate": 1.0 }),
    );
    assert_eq!(agreeing["should_degrade"], false, "{agreeing}");
    for number in 0..20 {
        recorded(&mut client, "mas_independent", number % 5 != 0, 1);
    }
    assert_eq!(check(&mut client, 3, 0)["signs"], json!([]));
    for _ in 0..7 {
        recorded(&mut client, "mas_independent", false, 1);
    }
    let worse = check(&mut client, 3, 0);
    assert_eq!((&worse["should_degrade"], &worse["signs"]), (&json!(true), &json!(["change"])), "{worse}");
    let stats = client.call("maestro_get_coordination_stats", json!({}));
    assert_eq!(stats["changes"]["topologies"]["mas_independent"]["alarmed"], true, "{stats}");
}

#[test]
fn the_regression_stands_beside_the_rules() {
    let mut client = Server::new().start();
    let select = |client: &mut Client, baseline: f64, tools: u64, capability: f64| {
        client.call(
            "maestro_select_architecture",
            json!({
                "stage": "hypothesize", "baseline_success": baseline, "tool_count": tools,
                "capability_index": capability,
            }),
        )["scaling"]
            .clone()
    };
    let low = select(&mut client, 0.30, 7, 60.0);
    assert_eq!((&low["advice"], &low["valid"]), (&json!("multi_agent"), &json!(true)));
    assert_eq!(low["best_multi_agent"]["topology"], "mas_hybrid");
    assert_eq!(low["best_multi_agent_here"]["topology"], "mas_centralized");
    let hybrid = &low["topologies"]["mas_hybrid"];
    assert!((hybrid["predicted_success"].as_f64().unwrap() - 0.5346).abs() < 1e-4);
    assert!((hybrid["gap"].as_f64().unwrap() - 0.2346).abs() < 1e-4);
    assert!(close(&hybrid["observed_win_rate"], 1.0));
    assert_eq!(low["topologies"]["sas"]["gap"], Value::Null);

    let high = select(&mut client, 0.60, 7, 60.0);
    assert_eq!((&high["advice"], &high["agrees_with_topology"]), (&json!("single_agent"), &json!(false)));
    // A hybrid topology would reach the margin, but Maestro runs none.
    let elsewhere = select(&mut client, 0.35, 5, 57.4615);
    assert!(elsewhere["best_multi_agent"]["gap"].as_f64().unwrap() >= 0.10);
    assert!(elsewhere["best_multi_agent_here"]["gap"].as_f64().unwrap() < 0.10);
    assert_eq!(elsewhere["advice"], "single_agent");
    let outside = select(&mut client, 0.9, 40, 75.0);
    assert_eq!(outside["valid"], false);
    assert_eq!(outside["outside_the_data"], json!(["baseline_success", "tool_count", "capability_index"]));
    assert_eq!(outside["range"]["capability_index"], json!([42.0, 71.0]));

    let without = client.call("maestro_select_architecture", json!({ "stage": "hypothesize" }));
    assert!(without["scaling"]["missing"].as_str().unwrap().starts_with("baseline_success"));
    let assumed =
        client.call("maestro_select_architecture", json!({ "stage": "improve", "baseline_success": 0.4 }));
    assert_eq!(assumed["scaling"]["assumed"], json!(["tool_count", "capability_index"]));
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let mut client = Server::new().start();
    for (tool, arguments, word) in [
        ("select_architecture", json!({ "stage": "improve", "tool_complexity": 1.01 }), "tool_complexity"),
        (
            "select_architecture",
            json!({ "stage": "improve", "decomposability_score": -0.1 }),
            "decomposability_score",
        ),
        (
            "select_architecture",
            json!({ "stage": "improve", "decomposability_score": "half" }),
            "decomposability_score",
        ),
        ("select_architecture", json!({ "stage": "improve", "baseline_success": 2 }), "baseline_success"),
        ("select_architecture", json!({ "stage": "improve", "capability_index": 101 }), "capability_index"),
        ("select_architecture", json!({ "stage": "improve", "tool_count": -1 }), "tool_count"),
        ("select_architecture", json!({ "stage": "think" }), "analyze"),
        (
            "select_architecture",
            json!({ "stage": "improve", "force_topology": "mas_swarm" }),
            "mas_centralized",
        ),
        ("check_degradation", json!({ "current_topology": "sas", "failures": -1 }), "failures"),
        (
            "check_degradation",
            json!({ "current_topology": "sas", "redundancy_rate": 1.5 }),
            "redundancy_rate",
        ),
        ("check_degradation", json!({ "current_topology": "everyone" }), "mas_independent"),
        ("record_coordination_result", json!({ "topology": "sas", "success": 1 }), "success"),
        (
            "record_coordination_result",
            json!({ "topology": "sas", "success": true, "tokens_used": -5 }),
            "tokens_used",
        ),
        (
            "record_coordination_result",
            json!({ "topology": "sas", "success": true, "outputs": vec!["x"; 33] }),
            "outputs",
        ),
        (
            "record_coordination_result",
            json!({ "topology": "sas", "success": true, "answers": [
                { "provider": "codex", "answer": "a" }, { "provider": "codex", "answer": "b" },
            ] }),
            "answers[1].provider",
        ),
        ("get_stage_strategy", json!({ "stage": "deploy" }), "hypothesize"),
        ("enter_stage", json!({ "stage": "deploy" }), "hypothesize"),
    ] {
        let result = client.call(&format!("maestro_{tool}"), arguments.clone());
        assert_eq!(result["code"], "invalid_arguments", "{tool} {arguments}: {result}");
        assert!(result["error"].as_str().unwrap().contains(word), "{tool} {arguments}: {result}");
    }
    assert_eq!(client.call("maestro_get_coordination_stats", json!({}))["total_samples"], 0);
}

fn recorded(client: &mut Client, topology: &str, success: bool, rounds: u64) -> Value {
    client.call(
        "maestro_record_coordination_result",
        json!({ "topology": topology, "success": success, "rounds": rounds, "messages_sent": 1, "tokens_used": 100 }),
    )
}

#[test]
fn degradation_says_whose_figures_it_shows_and_counts_no_failure_as_a_format_error() {
    let mut client = Server::new().start();
    let check = |client: &mut Client| {
        client.call(
            "maestro_check_degradation",
            json!({ "current_topology": "mas_independent", "successes": 3, "failures": 1, "total_messages": 4, "total_rounds": 8 }),
        )
    };
    for _ in 0..5 {
        recorded(&mut client, "mas_independent", false, 1);
    }
    let result = check(&mut client);
    assert_eq!((&result["should_degrade"], &result["format_errors_in_a_row"]), (&json!(false), &json!(0)));
    assert_eq!(result["reason"], "Every figure is within its limit.");
    assert!(close(&result["metrics"]["message_density"], 0.5));
    assert!(close(&result["metrics"]["coordination_overhead"], 1.0));
    for metric in ["coordination_overhead", "error_amplification", "redundancy_rate"] {
        let said = result["definitions"][metric].as_str().unwrap();
        assert!(said.contains("paper"), "{metric}: {said}");
    }
    client.call(
        "maestro_record_coordination_result",
        json!({ "topology": "mas_independent", "success": true, "format_errors": 3 }),
    );
    let degraded = check(&mut client);
    assert_eq!(degraded["signs"], json!(["format_errors"]));
    assert_eq!(
        (&degraded["action"], &degraded["recommended_topology"]),
        (&json!("degrade_to_sas"), &json!("sas"))
    );
    recorded(&mut client, "mas_independent", true, 1);
    assert_eq!(check(&mut client)["should_degrade"], false);
}

#[test]
fn statistics_know_what_ran_and_nothing_else() {
    let mut client = Server::new().start();
    let empty = client.call("maestro_get_coordination_stats", json!({}));
    assert_eq!((&empty["topology_stats"], &empty["best_topology"]), (&json!({}), &Value::Null));

    let first = recorded(&mut client, "mas_centralized", true, 3);
    assert_eq!(first["run_metrics"]["coordination_overhead"], Value::Null);
    assert!(first["calibration_hint"].as_str().unwrap().contains("(sas)"));
    for success in [true, true, false] {
        recorded(&mut client, "sas", success, 1);
    }
    let again = client.call(
        "maestro_record_coordination_result",
        json!({
            "topology": "mas_centralized", "success": false, "rounds": 3, "messages_sent": 6, "tokens_used": 900,
            "outputs": ["the lock is taken", "The lock is taken!", "something else entirely"],
        }),
    );
    assert!(close(&again["run_metrics"]["coordination_overhead"], 200.0), "{again}");
    assert!(close(&again["run_metrics"]["message_density"], 2.0));
    assert!(close(&again["run_metrics"]["redundancy_rate"], 1.0 / 3.0));

    let stats = client.call("maestro_get_coordination_stats", json!({}));
    let names: Vec<&String> = stats["topology_stats"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["mas_centralized", "sas"]);
    let centralized = &stats["topology_stats"]["mas_centralized"];
    assert_eq!((&centralized["runs"], &centralized["total_tokens"]), (&json!(2), &json!(1_000)));
    assert!(close(&centralized["messages_per_run"], 3.5));
    let paper = &centralized["paper"];
    assert!(close(&paper["coordination_overhead_percent"], 200.0));
    assert!(close(&paper["error_amplification"], 1.5));
    assert!(close(&paper["efficiency"], 0.5 / 3.0));
    assert_eq!((&stats["total_samples"], &stats["best_topology"]), (&json!(5), &json!("sas")));
    assert_eq!(stats["diversity"], Value::Null);
    assert!(stats["diversity_note"].as_str().unwrap().contains("30 questions (so far 0)"));
}

#[test]
fn recorded_results_weigh_in_the_next_choice() {
    let mut client = Server::new().start();
    for at in 0..10 {
        recorded(&mut client, "mas_centralized", at > 0, 2);
    }
    let choice = client.call(
        "maestro_select_architecture",
        json!({ "stage": "analyze", "sequential_dependency_score": 0.3 }),
    );
    assert_eq!(
        (&choice["topology"], &choice["rule"]),
        (&json!("mas_centralized"), &json!("recorded_results"))
    );
    let sequential = client.call(
        "maestro_select_architecture",
        json!({ "stage": "analyze", "sequential_dependency_score": 0.9 }),
    );
    assert_eq!(
        (&sequential["topology"], &sequential["rule"]),
        (&json!("sas"), &json!("sequential_dependency"))
    );
    assert!(close(&choice["confidence"], 0.9));
    let debug = client.call("maestro_select_architecture", json!({ "stage": "debug" }));
    assert_eq!(debug["topology"], "sas");
    let task = client.call("maestro_classify_task", json!({ "task_description": "fix the bug" }));
    assert_eq!(task["recommended_topology"], "sas");
}

#[test]
fn results_sent_side_by_side_are_all_kept() {
    let mut client = Server::new().start();
    let calls: Vec<u64> = (0..60)
        .map(|at| {
            let topology = if at % 2 == 0 { "sas" } else { "mas_independent" };
            client.begin_call(
                "maestro_record_coordination_result",
                json!({ "topology": topology, "success": true, "tokens_used": at }),
            )
        })
        .collect();
    for call in calls {
        assert_eq!(client.result(call)["ok"], true);
    }
    let stats = client.call("maestro_get_coordination_stats", json!({}));
    assert_eq!(stats["total_samples"], 60);
    for (topology, tokens) in [("sas", 870), ("mas_independent", 900)] {
        assert_eq!(stats["topology_stats"][topology]["total_tokens"], tokens);
    }
}

#[test]
fn a_count_of_messages_costs_no_time() {
    let mut client = Server::new().start();
    let started = std::time::Instant::now();
    let result = client.call(
        "maestro_record_coordination_result",
        json!({ "topology": "mas_centralized", "success": true, "messages_sent": u64::MAX }),
    );
    assert_eq!(result["recorded"]["messages_sent"], json!(u64::MAX));
    assert!(started.elapsed() < std::time::Duration::from_secs(2));
}

#[test]
fn diversity_is_reported_once_there_is_enough() {
    let mut client = Server::new().start();
    for at in 0..30 {
        let (first, second) = (at % 2 == 0, at % 3 == 0);
        client.call(
            "maestro_record_coordination_result",
            json!({ "topology": "mas_independent", "success": first, "answers": [
                { "provider": "codex", "answer": format!("{first}"), "correct": first },
                { "provider": "gemini", "answer": format!(" {second} "), "correct": second },
            ] }),
        );
        let stats = client.call("maestro_get_coordination_stats", json!({}));
        assert_eq!(stats["diversity"].is_null(), at < 29, "{at}");
    }
    let diversity = client.call("maestro_get_coordination_stats", json!({}))["diversity"].clone();
    // One is right every second time and one every third time, so they are independent.
    assert_eq!((&diversity["voices"], &diversity["basis"]), (&json!(2), &json!("correctness")));
    assert!(close(&diversity["rho"], 0.0) && close(&diversity["effective_voices"], 2.0));
    assert!(close(&diversity["pairs"][0]["agreement"], 0.5));
    assert!(close(&diversity["all_wrong"], 1.0 / 3.0));
}

#[test]
fn a_stage_loads_what_it_needs_and_says_what_it_costs() {
    let mut client = Server::new().start();
    let listed = client.request("tools/list", json!({}))["result"]["tools"].clone();
    let cost = |names: &Value| -> usize {
        let names: Vec<&str> = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let tools = listed.as_array().unwrap().iter();
        tools
            .filter(|tool| names.contains(&tool["name"].as_str().unwrap()))
            .map(|tool| read_by_a_model(tool) / 4)
            .sum()
    };
    let served = |name: &str| listed.as_array().unwrap().iter().any(|tool| tool["name"] == name);
    let before = client.call("maestro_get_loaded_tools", json!({}));
    assert_eq!(before["current_stage"], Value::Null);

    let entered = client.call("maestro_enter_stage", json!({ "stage": "analyze" }));
    let loaded = &entered["loaded_tools"];
    assert!(entered["context_cost"].as_u64().unwrap() > 100);
    assert_eq!(entered["context_cost"], cost(loaded));
    for name in loaded.as_array().unwrap() {
        assert!(served(name.as_str().unwrap()));
        let is_new = !before["loaded_tools"].as_array().unwrap().contains(name);
        assert_eq!(entered["newly_loaded"].as_array().unwrap().contains(name), is_new);
    }
    assert!(loaded.as_array().unwrap().contains(&json!("maestro_pack_context")));
    for left in entered["left_out"].as_array().unwrap() {
        assert_eq!(left["reason"] == "not_served", !served(left["tool"].as_str().unwrap()));
    }
    assert_eq!(entered["available_skills"][0]["name"], "spec_extraction");
    let again = client.call("maestro_enter_stage", json!({ "stage": "analyze" }));
    assert_eq!((&again["newly_loaded"], &again["loaded_tools"]), (&json!([]), loaded));

    let unknown = client.call("maestro_enter_skill", json!({ "skill_name": "mre_creations" }));
    assert_eq!(unknown["ok"], false);
    assert_eq!(unknown["available_skills"].as_array().unwrap().len(), 3);
    assert_eq!(&unknown["loaded_tools"], loaded);
    assert!(unknown["hint"].as_str().unwrap().starts_with("Available: mre_creation"));

    let skill = client.call("maestro_enter_skill", json!({ "skill_name": "mre_creation" }));
    assert_eq!((&skill["stage"], &skill["skill"]), (&json!("analyze"), &json!("mre_creation")));
    let step = &skill["micro_steps"][0];
    assert_eq!(
        (&step["type"], &step["default_k"], &step["has_oracle"]),
        (&json!("s3_mre"), &json!(3), &json!(true))
    );
    assert!(step["description"].as_str().unwrap().len() > 10 && step["required_tools"].is_array());

    let now = client.call("maestro_get_loaded_tools", json!({}));
    assert_eq!((&now["current_stage"], &now["current_skill"]), (&json!("analyze"), &json!("mre_creation")));
    assert_eq!(now["loaded_tools"], skill["loaded_tools"]);
    assert_eq!((&now["usage_stats"]["maestro_enter_stage"], &now["max_tools"]), (&json!(2), &json!(10)));

    let exit = client.call("maestro_exit_stage", json!({}));
    assert_eq!(exit["loaded_tools"], before["loaded_tools"]);
    assert_eq!(exit["message"], "Left analyze; the core tools stay.");
}

#[test]
fn a_limit_and_a_switch_hold_for_what_is_loaded() {
    let mut client =
        Server::new().env("MAESTRO_MAX_TOOLS", "4").env("MAESTRO_DISABLED_TOOLS", "maestro_verify").start();
    let entered = client.call("maestro_enter_stage", json!({ "stage": "implement" }));
    assert!(entered["loaded_tools"].as_array().unwrap().len() <= 4);
    let why = |tool: &str| {
        let left = entered["left_out"].as_array().unwrap();
        left.iter().find(|left| left["tool"] == tool).map(|left| left["reason"].clone())
    };
    assert_eq!(why("maestro_verify"), Some(json!("not_served")));
    assert_eq!(why("maestro_consult"), Some(json!("max_tools")));
}

#[test]
fn recommended_tools_are_served_and_begin_with_the_core() {
    let mut client = Server::new().start();
    let result =
        client.call("maestro_recommend_tools", json!({ "task_description": "fix the address prefix" }));
    assert_eq!(result["suggested_stage"], "implement");
    let tools = result["recommended_tools"].as_array().unwrap();
    assert_eq!(result["tool_count"], tools.len());
    assert!(tools.contains(&json!("maestro_get_skill")) && tools.contains(&json!("maestro_apply_patch")));
    assert!(result["hint"].as_str().unwrap().contains("implement"));
    let none = client.call("maestro_recommend_tools", json!({ "task_description": "the prefix" }));
    assert_eq!(none["suggested_stage"], "analyze");
    assert!(none["hint"].as_str().unwrap().starts_with("No word"));
}

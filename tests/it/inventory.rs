//! The tools as a client sees them: one snapshot each, and rules that hold for all.

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Server, hello};

fn tools() -> Vec<Value> {
    listed(Server::new())
}

/// What a server lists.
pub(crate) fn listed(server: Server) -> Vec<Value> {
    server.start().request("tools/list", json!({}))["result"]["tools"].as_array().unwrap().clone()
}

#[test]
fn one_snapshot_a_tool() {
    for tool in tools() {
        let name = tool["name"].as_str().unwrap().to_owned();
        insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_json_snapshot!(name, tool);
        });
    }
}

#[test]
fn names_are_ours_and_distinct() {
    let tools = tools();
    let names: HashSet<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), tools.len());
    assert!(names.iter().all(|name| name.starts_with("maestro_")));
    // Two routers that define the same name would leave one of them out.
    let source = definitions(Path::new("src/tools"));
    assert_eq!(source, tools.len());
}

/// How many tools the files below a directory define.
fn definitions(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            if path.is_dir() {
                definitions(&path)
            } else {
                std::fs::read_to_string(path).unwrap().matches("async fn maestro_").count()
            }
        })
        .sum()
}

#[test]
fn every_tool_says_what_it_is() {
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        assert!(!tool["title"].as_str().unwrap().is_empty(), "{name}");
        let description = tool["description"].as_str().unwrap();
        assert!(sentences(description) <= 2 && description.ends_with('.'), "{name}: {description}");
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{name}: {hint}");
        }
        assert!(!tool["_meta"]["anthropic/searchHint"].as_str().unwrap().is_empty(), "{name}");
        let always = ["maestro_help", "maestro_consult", "maestro_workflow_with_hitl"].contains(&name);
        assert_eq!(tool["_meta"]["anthropic/alwaysLoad"] == json!(true), always, "{name}");
    }
}

#[test]
fn every_parameter_is_described_in_a_few_words() {
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        let schema = &tool["inputSchema"];
        assert_eq!(schema["type"], "object", "{name}");
        for (parameter, property) in schema["properties"].as_object().unwrap() {
            let description =
                property["description"].as_str().unwrap_or_else(|| panic!("{name}.{parameter}"));
            assert!(
                sentences(description) == 0 && (4..100).contains(&description.len()),
                "{name}.{parameter}: {description}"
            );
            if property["type"] == "array" {
                assert!(property["items"]["type"].is_string(), "{name}.{parameter}: items");
            }
        }
    }
}

/// What is not a parameter's is refused by name, though no schema spends words on that.
#[test]
fn what_is_no_parameter_is_refused_by_name() {
    let mut client = Server::new().start();
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        let result = client.call(name, json!({ "nothing_of_the_kind": 1 }));
        assert_eq!((&result["ok"], &result["code"]), (&json!(false), &json!("invalid_arguments")), "{name}");
        assert!(result["error"].as_str().unwrap().contains("nothing_of_the_kind"), "{name}: {result}");
    }
}

/// Whether a parameter may be left out and has no value of its own then.
fn may_be_null(schema: &Value, parameter: &str) -> bool {
    let required = schema["required"].as_array().is_some_and(|names| names.contains(&json!(parameter)));
    !required && schema["properties"][parameter].get("default").is_none()
}

/// The schemas do not say that null is taken. A name that is none comes last, so that nothing
/// runs, and is what must be refused.
#[test]
fn null_is_taken_for_what_may_be_left_out() {
    let contract: Value = serde_json::from_str(include_str!("../data/contract.json")).unwrap();
    let mut client = Server::new().start();
    let mut tried = 0;
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        let schema = &tool["inputSchema"];
        for parameter in contract[name]["params"].as_array().unwrap() {
            let key = parameter["name"].as_str().unwrap();
            assert!(parameter["nullable"] != json!(true) || may_be_null(schema, key), "{name}.{key}");
        }
        let parameters = schema["properties"].as_object().unwrap().keys();
        for parameter in parameters.filter(|parameter| may_be_null(schema, parameter)) {
            let result = client.call(name, json!({ parameter: null, "nothing_of_the_kind": 1 }));
            let error = result["error"].as_str().unwrap();
            assert!(error.contains("nothing_of_the_kind"), "{name}.{parameter}: {error}");
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

#[test]
fn a_choice_that_is_not_announced_is_named_where_it_is_wrong() {
    let mut client = Server::new().start();
    for (tool, arguments, choice) in [
        ("maestro_consult", json!({ "prompt": "x", "stage": "x" }), "hypothesize"),
        ("maestro_consult", json!({ "prompt": "x", "schema": "x" }), "stage3_output"),
        ("maestro_consult_with_role", json!({ "prompt": "x", "role": "judge", "stage": "x" }), "hypothesize"),
        (
            "maestro_consult_with_role",
            json!({ "prompt": "x", "role": "judge", "schema": "x" }),
            "judge_output",
        ),
        ("maestro_pack_context", json!({ "stage": "x" }), "hypothesize"),
        ("maestro_get_approval_history", json!({ "stage": "x" }), "hypothesize"),
        ("maestro_get_evidence_chain", json!({ "stage": "x" }), "hypothesize"),
        ("maestro_get_evidence_chain", json!({ "evidence_type": "x" }), "red_flag"),
        ("maestro_ensemble_generate", json!({ "task": "x", "providers": ["x"] }), "gemini"),
        ("maestro_verify", json!({ "commands": [{ "type": "x" }] }), "type_check"),
        ("maestro_select_best", json!({ "candidates": [], "test_results": [{ "x": 1 }] }), "candidate_id"),
        ("maestro_select_best", json!({ "candidates": [], "lint_results": [{ "x": 1 }] }), "score"),
        (
            "maestro_record_coordination_result",
            json!({ "topology": "sas", "success": true, "answers": [{ "x": 1 }] }),
            "correct",
        ),
    ] {
        let result = client.call(tool, arguments.clone());
        assert_eq!(result["ok"], false, "{tool} {arguments}");
        assert!(result.to_string().contains(choice), "{tool} {arguments}: {result}");
    }
}

fn sentences(text: &str) -> usize {
    text.matches(". ").count() + usize::from(text.ends_with('.'))
}

#[test]
fn schemas_hold_no_noise() {
    let text = json!(tools()).to_string();
    for noise in [
        "\"format\":",
        "\"$schema\"",
        "\"$defs\"",
        "\"$ref\"",
        "\"default\":null",
        "\"anyOf\"",
        "\"null\"",
        "\"minimum\"",
        "\"additionalProperties\"",
    ] {
        assert!(!text.contains(noise), "{noise}");
    }
    for tool in tools() {
        assert!(tool["inputSchema"].get("title").is_none());
        assert!(!tool["inputSchema"].to_string().contains("\"type\":["), "one type in each place: {tool}");
        assert!(jsonschema::validator_for(&tool["inputSchema"]).is_ok());
    }
}

/// Bytes of what a model reads of a tool.
pub(crate) fn read_by_a_model(tool: &Value) -> usize {
    let read = json!({ "name": tool["name"], "description": tool["description"], "inputSchema": tool["inputSchema"] });
    read.to_string().len()
}

#[test]
fn the_list_is_short_enough_to_read() {
    let tools = tools();
    let read: usize = tools.iter().map(read_by_a_model).sum();
    assert_eq!(tools.len(), 43);
    assert!(read <= 60_000, "{read} bytes");
}

#[test]
fn instructions_fit_and_name_where_to_begin() {
    let mut client = Server::new().start_silent();
    let instructions =
        client.request("initialize", hello())["result"]["instructions"].as_str().unwrap().to_owned();
    assert!(instructions.chars().count() <= 2_000, "{}", instructions.chars().count());
    // Clients show the names of all tools beside; here stands which one begins what.
    for name in [
        "help",
        "consult",
        "ensemble_generate",
        "list_providers",
        "pack_context",
        "workflow_with_hitl",
        "run_stage_with_approval",
        "request_approval",
        "submit_approval",
        "workflow_state",
        "verify",
        "apply_patch",
        "restore_from_backup",
        "select_best",
        "consensus_vote",
        "log_evidence",
        "get_metrics",
        "classify_task",
    ] {
        assert!(instructions.contains(&format!("maestro_{name}")), "{name} is not in the instructions");
    }
    let known: Vec<String> = tools().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
    let words = instructions.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    for word in words.filter(|word| word.starts_with("maestro_")) {
        assert!(known.iter().any(|name| name == word), "{word} is no tool");
    }
}

#[test]
fn results_have_the_keys_of_the_contract() {
    let contract: Value = serde_json::from_str(include_str!("../data/contract.json")).unwrap();
    let mut client = Server::new().codex().start();
    for (tool, arguments) in [
        ("maestro_help", json!({ "topic": "overview" })),
        ("maestro_help", json!({ "topic": "nothing of the kind" })),
        ("maestro_consult", json!({ "prompt": "x" })),
        ("maestro_consult", json!({ "prompt": "x", "provider": "gemini" })),
        ("maestro_consult_with_role", json!({ "prompt": "x", "role": "judge" })),
        ("maestro_consult_with_role", json!({ "prompt": "x", "role": "judge", "provider": "gemini" })),
        ("maestro_ensemble_generate", json!({ "task": "x" })),
        ("maestro_ensemble_generate", json!({ "task": "x", "providers": ["gemini"] })),
        ("maestro_list_providers", json!({})),
        ("maestro_pack_context", json!({ "facts": ["x"] })),
        ("maestro_get_skill", json!({ "stage": "debug" })),
        ("maestro_get_role", json!({ "role": "judge" })),
        ("maestro_get_schema", json!({ "schema": "tools" })),
        ("maestro_get_coordination_policy", json!({})),
        ("maestro_get_metrics", json!({})),
        ("maestro_workflow_state", json!({})),
        ("maestro_classify_task", json!({ "task_description": "x" })),
        ("maestro_select_architecture", json!({ "stage": "analyze" })),
        ("maestro_check_degradation", json!({ "current_topology": "sas" })),
        ("maestro_record_coordination_result", json!({ "topology": "sas", "success": true })),
        ("maestro_get_coordination_stats", json!({})),
        ("maestro_get_stage_strategy", json!({ "stage": "improve" })),
        ("maestro_recommend_tools", json!({ "task_description": "x" })),
        ("maestro_enter_stage", json!({ "stage": "debug" })),
        ("maestro_enter_stage", json!({ "stage": "x" })),
        ("maestro_enter_skill", json!({ "skill_name": "debug_loop" })),
        ("maestro_enter_skill", json!({ "skill_name": "x" })),
        ("maestro_get_loaded_tools", json!({})),
        ("maestro_exit_stage", json!({})),
        (
            "maestro_log_evidence",
            json!({ "evidence_type": "decision", "stage": "debug", "content": { "chosen": "x" }, "source": "me" }),
        ),
        ("maestro_get_evidence_chain", json!({})),
        ("maestro_apply_patch", json!({ "patch": "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x\n" })),
        ("maestro_apply_patch", json!({ "patch": "" })),
        ("maestro_restore_from_backup", json!({ "backup_session": "" })),
        ("maestro_consensus_vote", json!({ "question": "x" })),
        ("maestro_consensus_vote", json!({ "question": "x", "k": 3, "max_rounds": 2 })),
        (
            "maestro_vote_micro_step",
            json!({ "step_type": "s2_edge_case", "prompt": crate::harness::scripted(json!({ "text": "{\"edge_case_input\":\"\",\"expected_behavior\":\"x\",\"rationale\":\"y\"}" })) }),
        ),
        ("maestro_vote_micro_step", json!({ "step_type": "s2_edge_case", "prompt": "x" })),
        ("maestro_get_micro_steps", json!({})),
        ("maestro_calibrate", json!({ "step_type": "s2_edge_case", "test_prompt": "x" })),
        ("maestro_calibrate", json!({ "step_type": "s2_edge_case", "test_prompt": "" })),
        ("maestro_select_best", json!({ "candidates": [{ "content": "one candidate here" }] })),
        ("maestro_select_best", json!({ "candidates": [] })),
        ("maestro_select_best", json!({ "candidates": [{ "content": "" }] })),
        ("maestro_red_flag_check", json!({ "content": "some text here" })),
        ("maestro_validate_content", json!({ "content": "some text here" })),
        ("maestro_validate_content", json!({ "content": "short" })),
        ("maestro_validate_content", json!({ "content": "some text", "forbidden_patterns": ["("] })),
        ("maestro_verify", json!({ "commands": [] })),
        ("maestro_verify", json!({ "commands": [{ "command": "git log --oneline" }] })),
    ] {
        let result = client.call(tool, arguments);
        let side = if result["ok"] == json!(true) { "ok" } else { "fail" };
        for (key, nested) in contract[tool][side].as_object().unwrap() {
            assert!(result.get(key).is_some(), "{tool}: {key} is missing in {result}");
            for inner in nested.as_array().into_iter().flatten() {
                assert!(
                    result[key].get(inner.as_str().unwrap()).is_some(),
                    "{tool}: {key}.{inner} is missing"
                );
            }
        }
    }
}

#[test]
fn parameters_are_those_of_the_contract() {
    let contract: Value = serde_json::from_str(include_str!("../data/contract.json")).unwrap();
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        let schema = &tool["inputSchema"];
        for parameter in contract[name]["params"].as_array().unwrap() {
            let key = parameter["name"].as_str().unwrap();
            let property = schema["properties"].get(key).unwrap_or_else(|| panic!("{name}.{key}"));
            let required = schema["required"].as_array().is_some_and(|names| names.contains(&json!(key)));
            assert_eq!(json!(required), parameter["required"], "{name}.{key}");
            // That null is taken where the contract says so has a test of its own.
            assert_eq!(property["type"], parameter["type"], "{name}.{key}");
            if let Some(items) = parameter.get("items") {
                assert_eq!(&property["items"]["type"], items, "{name}.{key}");
            }
            // What the design changed: a timeout left out is the provider's own, a limit the stage's.
            if let Some(default) = parameter
                .get("default")
                .filter(|default| !default.is_null() && !["timeout_sec", "max_chars"].contains(&key))
            {
                assert_eq!(&property["default"], default, "{name}.{key}");
            }
            let allowed_values = property["enum"].as_array().map(Vec::as_slice).unwrap_or_default();
            for value in parameter["enum"].as_array().into_iter().flatten() {
                assert!(allowed_values.contains(value), "{name}.{key}: {value}");
            }
        }
    }
}

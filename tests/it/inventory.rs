//! The tools as a client sees them: one snapshot each, and rules that hold for all.

use std::collections::HashSet;
use std::path::Path;

use maestro::testing::aliases;
use serde_json::{Map, Value, json};

use crate::harness::{Client, Server, hello};

fn tools() -> Vec<Value> {
    listed(Server::new())
}

/// The tools that a server lists.
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

/// The number of tools that the files below a directory define.
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
fn every_tool_says_what_it_is_for_and_what_it_costs() {
    let mut told_cost = HashSet::new();
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        assert!(!tool["title"].as_str().unwrap().is_empty(), "{name}");
        let description = tool["description"].as_str().unwrap();
        let words = description.split_whitespace().count();
        let least = if MATTER.contains(&name) { 60 } else { 12 };
        assert!((least..=120).contains(&words) && description.ends_with('.'), "{name}: {words} words");
        for wanted in ["Free", "billed", "paid"] {
            if description.contains(wanted) {
                told_cost.insert(name.to_owned());
            }
        }
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{name}: {hint}");
        }
        assert!(!tool["_meta"]["anthropic/searchHint"].as_str().unwrap().is_empty(), "{name}");
        let always = ["maestro_help", "maestro_consult", "maestro_workflow_with_hitl"].contains(&name);
        assert_eq!(tool["_meta"]["anthropic/alwaysLoad"] == json!(true), always, "{name}");
    }
    let silent: Vec<_> = tools().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
    let silent: Vec<_> = silent.into_iter().filter(|name| !told_cost.contains(name)).collect();
    assert!(silent.is_empty(), "they do not say what they cost: {silent:?}");
}

/// The tools that most requests need: their descriptions say when to use them and when not.
const MATTER: [&str; 11] = [
    "maestro_consult",
    "maestro_ensemble_generate",
    "maestro_workflow_with_hitl",
    "maestro_run_stage_with_approval",
    "maestro_run_stage",
    "maestro_submit_approval",
    "maestro_verify",
    "maestro_apply_patch",
    "maestro_select_best",
    "maestro_consensus_vote",
    "maestro_vote_micro_step",
];

/// A tool that asks a model sends code to a third party and costs money, so it is not read-only.
#[test]
fn what_asks_a_model_is_not_called_read_only() {
    for tool in tools() {
        let hints = &tool["annotations"];
        assert!(hints["openWorldHint"] == false || hints["readOnlyHint"] == false, "{tool}");
        let pays = tool["description"].as_str().unwrap().contains("billed");
        assert_eq!(hints["openWorldHint"], pays, "{}: {hints}", tool["name"]);
    }
}

/// A tool takes an argument under each of its names, such as `prompt` and `task`.
#[test]
fn equal_things_are_taken_by_each_of_their_names() {
    let mut client = Server::new().codex().start();
    for (tool, arguments) in [
        ("maestro_consult", json!({ "question": "x" })),
        ("maestro_consult", json!({ "task": "x", "files": null, "facts": ["f"], "timeout_seconds": 60 })),
        ("maestro_consult_with_role", json!({ "task_description": "x", "role": "judge" })),
        ("maestro_ensemble_generate", json!({ "prompt": "x", "providers": ["codex"] })),
        ("maestro_pack_context", json!({ "context_facts": ["x"], "context_constraints": ["y"] })),
        ("maestro_classify_task", json!({ "task": "x" })),
        ("maestro_recommend_tools", json!({ "prompt": "x" })),
        ("maestro_workflow_with_hitl", json!({ "task_description": "x" })),
    ] {
        let result = client.call(tool, arguments.clone());
        assert_eq!(result["ok"], true, "{tool} {arguments}: {result}");
    }
    let both = client.call("maestro_consult", json!({ "prompt": "x", "task": "y" }));
    assert_eq!(both["error"], "`task` is another name of `prompt`: send one of the two");
}

/// Each tool takes every known name of a parameter, unless two of its parameters could be meant.
#[test]
fn every_tool_takes_every_name_of_what_it_has() {
    let mut client = Server::new().codex().start();
    let mut tried = 0;
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        let own: Vec<String> = parameters(&tool).into_iter().map(|parameter| parameter.name).collect();
        for names in aliases() {
            let has: Vec<&String> = names.iter().filter(|one| own.contains(one)).collect();
            for other in names.iter().filter(|other| !has.contains(other)) {
                let result = client.call(name, json!({ other: null, NOTHING: 1 }));
                let error = result["error"].as_str().unwrap();
                let is_taken = !error.contains(&format!("unknown argument `{other}`"));
                assert_eq!(is_taken, has.len() == 1, "{name}: {other}: {error}");
                tried += usize::from(is_taken);
            }
        }
    }
    assert!(tried > 80, "{tried}");
}

/// Parameters of the same name have the same type in every tool.
#[test]
fn equal_names_mean_equal_things() {
    // The contract calls a checked text and a logged object `content`, and the texts of agents and the
    // result of a stage `outputs`.
    const OTHERWISE: [&str; 2] = ["content", "outputs"];
    let mut known: Vec<(String, String, Value)> = Vec::new();
    let mut differing = Vec::new();
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        for parameter in parameters(&tool) {
            let form = json!([parameter.schema["type"], parameter.schema["items"]["type"]]);
            match known.iter().find(|(other, ..)| *other == parameter.name) {
                Some((_, first, wanted)) if form != *wanted => {
                    differing.push(format!("{}: {first} and {name}", parameter.name));
                }
                Some(_) => {}
                None => known.push((parameter.name, name.to_owned(), form)),
            }
        }
    }
    differing.retain(|one| OTHERWISE.iter().all(|name| !one.starts_with(name)));
    assert!(differing.is_empty(), "{differing:#?}");
}

#[test]
fn presets_are_few_tools() {
    for (preset, most) in [("core", 20), ("ask", 8)] {
        let names: Vec<String> = listed(Server::new().env("MAESTRO_TOOLSETS", preset))
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect();
        assert!(names.len() <= most && names.contains(&"maestro_consult".to_owned()), "{names:?}");
        assert!(names.contains(&"maestro_help".to_owned()));
    }
}

#[test]
fn every_parameter_is_described() {
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        let schema = &tool["inputSchema"];
        assert_eq!(schema["type"], "object", "{name}");
        for (parameter, property) in schema["properties"].as_object().unwrap() {
            let description =
                property["description"].as_str().unwrap_or_else(|| panic!("{name}.{parameter}"));
            assert!((8..=240).contains(&description.len()), "{name}.{parameter}: {description}");
            let bounded = ["integer", "number"].contains(&property["type"].as_str().unwrap())
                && property.get("default").is_none();
            assert!(
                !bounded || description.contains(|letter: char| letter.is_ascii_digit()),
                "{name}.{parameter} says no range: {description}"
            );
            if property["type"] == "array" {
                assert!(property["items"]["type"].is_string(), "{name}.{parameter}: items");
            }
        }
    }
}

/// An unknown parameter is refused by name, and the schema says so.
#[test]
fn what_is_no_parameter_is_refused_by_name() {
    let mut client = Server::new().start();
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{name}");
        let result = client.call(name, json!({ NOTHING: 1 }));
        assert_eq!((&result["ok"], &result["code"]), (&json!(false), &json!("invalid_arguments")), "{name}");
        let error = result["error"].as_str().unwrap();
        assert!(error.contains(&format!("unknown argument `{NOTHING}`")), "{name}: {error}");
        for parameter in parameters(&tool) {
            let (first, rest) = parameter.name.split_at(parameter.name.len().min(2));
            let misspelt = format!("{first}x{rest}");
            let result = client.call(name, json!({ &misspelt: 1 }));
            let told = format!("unknown argument `{misspelt}`; did you mean `{}`?", parameter.name);
            assert!(result["error"].as_str().unwrap().contains(&told), "{name}: {result}");
        }
    }
}

/// Fields that a host adds beside the arguments are not arguments.
#[test]
fn the_metadata_of_a_request_is_no_argument() {
    let mut client = Server::new().start();
    let meta = json!({ "claudecode/toolUseId": "1", "progressToken": 7, "toolCallId": "x" });
    let reply = client.request(
        "tools/call",
        json!({ "name": "maestro_get_micro_steps", "arguments": { "_meta": meta }, "_meta": meta }),
    );
    assert_eq!(reply["result"]["structuredContent"]["ok"], true, "{reply}");
    let reply = client.request("tools/call", json!({ "name": "maestro_get_micro_steps", "arguments": null }));
    assert_eq!(reply["result"]["structuredContent"]["ok"], true, "{reply}");
}

/// A name that no argument has. The server refuses it, so that no tool runs.
const NOTHING: &str = "qqqqqq";

/// A parameter of a tool as it is listed.
struct Parameter {
    name: String,
    schema: Value,
    required: bool,
}

fn parameters(tool: &Value) -> Vec<Parameter> {
    let schema = &tool["inputSchema"];
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
    let listed = schema["properties"].as_object().unwrap().iter();
    listed
        .map(|(name, schema)| Parameter {
            name: name.clone(),
            schema: schema.clone(),
            required: required(name),
        })
        .collect()
}

/// A value that a schema accepts.
fn sample(schema: &Value) -> Value {
    match schema["type"].as_str().unwrap() {
        "string" => schema["enum"].get(0).cloned().unwrap_or(json!("x")),
        "integer" => json!(2),
        "number" => json!(0.5),
        "boolean" => json!(false),
        "array" => json!([sample(&schema["items"])]),
        "object" => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            Value::Object(fields.map(|(name, schema)| (name.clone(), sample(schema))).collect())
        }
        other => panic!("{other}"),
    }
}

/// The value with everything except texts written as the text of its JSON.
fn as_hosts_write_it(schema: &Value, value: &Value) -> Value {
    let inner = match value {
        Value::Array(values) => {
            values.iter().map(|value| as_hosts_write_it(&schema["items"], value)).collect()
        }
        Value::Object(fields) if schema.get("properties").is_some() => Value::Object(
            fields
                .iter()
                .map(|(name, value)| {
                    let schema = &schema["properties"][name];
                    (name.clone(), as_hosts_write_it(schema, value))
                })
                .collect(),
        ),
        Value::String(_) => return value.clone(),
        other => other.clone(),
    };
    json!(inner.to_string())
}

/// The errors about the values of arguments. An unknown argument beside them keeps the tool from running.
fn told_of(client: &mut Client, tool: &str, arguments: &Value) -> String {
    let mut arguments = arguments.clone();
    arguments[NOTHING] = json!(1);
    let result = client.call(tool, arguments.clone());
    let error = result["error"].as_str().unwrap_or_else(|| panic!("{tool} {arguments}: {result}"));
    let said = error.split("; ").filter(|said| said.contains(" must be ") && !said.contains("is missing"));
    said.map(str::to_owned).collect::<Vec<_>>().join("; ")
}

/// Every tool accepts each way in which hosts write an argument.
#[test]
fn null_and_the_text_of_a_value_are_taken_for_every_parameter() {
    let mut client = Server::new().start();
    let (mut tried, mut texts) = (0, 0);
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        for Parameter { name: parameter, schema, required } in parameters(&tool) {
            if !required {
                let told = told_of(&mut client, name, &json!({ &parameter: null }));
                assert_eq!(told, "", "{name}.{parameter}");
            }
            let value = sample(&schema);
            let text = as_hosts_write_it(&schema, &value);
            for sent in [&value, &text] {
                let told = told_of(&mut client, name, &json!({ &parameter: sent }));
                assert_eq!(told, "", "{name}.{parameter} {sent}");
            }
            tried += 1;
            texts += usize::from(text != value);
        }
    }
    assert!(tried > 150 && texts > 80, "{tried}, {texts}");
}

/// Every tool runs with such arguments: with optional ones as null, and with everything as text.
#[test]
fn what_is_read_is_what_the_tools_take() {
    let mut client = Server::new().start();
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        let schema = &tool["inputSchema"];
        let sent = |with: &dyn Fn(&Parameter) -> Value| -> Value {
            parameters(&tool).iter().map(|one| (one.name.clone(), with(one))).collect::<Map<_, _>>().into()
        };
        for arguments in [
            sent(&|one| if one.required { sample(&one.schema) } else { Value::Null }),
            sent(&|one| as_hosts_write_it(&one.schema, &sample(&one.schema))),
        ] {
            let result = client.call(name, arguments.clone());
            let error = result["error"].as_str().unwrap_or_default();
            for jargon in [
                "invalid type", "invalid value", "missing field", "expected", "unknown arg", "u64",
                " must be ",
            ] {
                assert!(!error.contains(jargon), "{name} {arguments}: {error}\n{schema}");
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_told_in_words_of_json() {
    let mut client = Server::new().start();
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        for Parameter { name: parameter, schema, .. } in parameters(&tool) {
            for (wrong, got) in
                [(json!(7), "a number"), (json!([{}]), "an array"), (json!({ "a": 1 }), "an object")]
            {
                let takes = schema["type"].as_str().unwrap();
                let fits = match takes {
                    "integer" | "number" => wrong.is_number(),
                    "array" => wrong.is_array(),
                    "object" => wrong.is_object(),
                    _ => false,
                };
                if fits {
                    continue;
                }
                let told = told_of(&mut client, name, &json!({ &parameter: wrong }));
                assert!(told.starts_with(&format!("{parameter} must be ")), "{name}.{parameter}: {told}");
                assert!(told.contains(&format!("(got {got})")), "{name}.{parameter}: {told}");
                for jargon in ["invalid type", "expected", "sequence", "map", "u64", "usize", "f64", "struct"]
                {
                    assert!(!told[parameter.len()..].contains(jargon), "{name}.{parameter}: {told}");
                }
            }
        }
    }
}

#[test]
fn a_wrong_choice_is_told_with_the_right_ones() {
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

#[test]
fn schemas_hold_no_noise() {
    let text = json!(tools()).to_string();
    for noise in [
        "\"format\":", "\"$schema\"", "\"$defs\"", "\"$ref\"", "\"default\":null", "\"anyOf\"", "\"null\"",
        "\"minimum\"",
    ] {
        assert!(!text.contains(noise), "{noise}");
    }
    for tool in tools() {
        assert!(tool["inputSchema"].get("title").is_none());
        assert!(!tool["inputSchema"].to_string().contains("\"type\":["), "one type in each place: {tool}");
        assert!(jsonschema::validator_for(&tool["inputSchema"]).is_ok());
    }
}

/// The bytes that a model reads of a tool.
pub(crate) fn read_by_a_model(tool: &Value) -> usize {
    let read = json!({ "name": tool["name"], "description": tool["description"], "inputSchema": tool["inputSchema"] });
    read.to_string().len()
}

#[test]
fn the_list_is_short_enough_to_read() {
    let tools = tools();
    let read: usize = tools.iter().map(read_by_a_model).sum();
    assert_eq!(tools.len(), 46);
    assert!(read <= 60_000, "{read} bytes");
}

#[test]
fn instructions_fit_and_name_where_to_begin() {
    let mut client = Server::new().start_silent();
    let instructions =
        client.request("initialize", hello())["result"]["instructions"].as_str().unwrap().to_owned();
    assert!(instructions.chars().count() <= 2_000, "{}", instructions.chars().count());
    // Some hosts show only the beginning.
    let first: String = instructions.chars().take(250).collect::<String>().to_lowercase();
    for word in ["consult", "compare", "workflow", "approval", "review", "patch", "test", "vote"] {
        assert!(first.contains(word), "{word} is not in {first}");
    }
    // Clients show the names of all tools as well; the instructions say which one to begin with.
    for name in [
        "help", "consult", "ensemble_generate", "list_providers", "pack_context", "workflow_with_hitl",
        "run_stage_with_approval", "request_approval", "submit_approval", "workflow_state", "verify",
        "apply_patch", "restore_from_backup", "select_best", "consensus_vote", "log_evidence", "get_metrics",
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
            // Another test covers null where the contract permits it.
            assert_eq!(property["type"], parameter["type"], "{name}.{key}");
            if let Some(items) = parameter.get("items") {
                assert_eq!(&property["items"]["type"], items, "{name}.{key}");
            }
            // Maestro has other defaults for these: the provider's timeout, the stage's limit, and the first
            // available provider.
            if let Some(default) = parameter
                .get("default")
                .filter(|default| !default.is_null())
                .filter(|_| !["timeout_sec", "max_chars", "provider"].contains(&key))
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

//! Skills, roles, schemas and the help texts.

use serde_json::{Value, json};

use crate::harness::Server;

const STAGES: [&str; 5] = ["analyze", "hypothesize", "implement", "debug", "improve"];
const ROLES: [&str; 7] =
    ["example_analyst", "hypothesis_scientist", "implementer", "debugger", "refiner", "judge", "reviewer"];
const SCHEMAS: [&str; 7] = [
    "stage1_output", "stage2_output", "stage3_output", "stage4_output", "stage5_output", "judge_output",
    "review",
];

#[test]
fn every_skill_carries_its_seven_facts_and_the_policy_in_force() {
    let mut client = Server::new().start();
    let policy = client.call("maestro_get_coordination_policy", json!({}));
    for (number, stage) in (1..).zip(STAGES) {
        let skill = client.call("maestro_get_skill", json!({ "stage": stage }));
        assert_eq!(skill["ok"], true, "{skill}");
        assert_eq!(skill["stage"], stage);
        let content = skill["content"].as_str().unwrap();
        for heading in [
            "Goal", "Process", "Output shape", "Coordination policy", "Anti-patterns", "Exit criteria",
            "Next stage",
        ] {
            assert!(content.contains(&format!("## {heading}\n")), "{stage}: {heading}");
        }
        assert!(!content.contains("{{"), "{stage}");
        assert_eq!(skill["metadata"]["stage_id"], number);
        for key in ["topology", "ensemble_allowed", "max_consults"] {
            assert_eq!(
                skill["coordination_policy"][key], policy["stage_defaults"][stage][key],
                "{stage}.{key}"
            );
        }
        assert!(skill["output_schema"]["properties"].is_object());
        assert_eq!(client.call("maestro_get_role", json!({ "role": skill["primary_role"] }))["stage"], stage);
    }
}

#[test]
fn the_example_in_each_skill_fits_its_schema() {
    let mut client = Server::new().start();
    for stage in STAGES {
        let skill = client.call("maestro_get_skill", json!({ "stage": stage }));
        let content = skill["content"].as_str().unwrap();
        let example = content
            .split("```json\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next())
            .unwrap_or_else(|| panic!("{stage}"));
        let example: Value = serde_json::from_str(example).unwrap();
        let validator = jsonschema::validator_for(&skill["output_schema"]).unwrap();
        assert!(validator.is_valid(&example), "{stage}");
    }
}

#[test]
fn roles_are_personas() {
    let mut client = Server::new().start();
    for role in ROLES {
        let result = client.call("maestro_get_role", json!({ "role": role }));
        assert_eq!(result["role"], role);
        assert!(result["prompt"].as_str().unwrap().len() > 300, "{role}");
        assert!(result["traits"].as_array().unwrap().len() >= 3);
    }
    assert_eq!(client.call("maestro_get_role", json!({ "role": "wizard" }))["code"], "invalid_arguments");
}

#[test]
fn schemas_are_schemas() {
    let mut client = Server::new().start();
    for schema in SCHEMAS {
        let result = client.call("maestro_get_schema", json!({ "schema": schema }));
        assert_eq!(result["schema_name"], schema);
        assert!(jsonschema::validator_for(&result["schema"]).is_ok());
    }
    let tools = client.call("maestro_get_schema", json!({ "schema": "tools" }));
    assert_eq!(tools["schema"].as_object().unwrap().len(), 46);
    assert!(tools["schema"]["maestro_consult"]["properties"]["prompt"].is_object());
}

#[test]
fn help_knows_every_tool_and_topic_whole() {
    let mut client = Server::new().start();
    let tools = client.request("tools/list", json!({}))["result"]["tools"].clone();
    for tool in tools.as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        let help = client.call("maestro_help", json!({ "topic": name }));
        assert_eq!(help["topic"], name);
        let content = help["content"].as_str().unwrap();
        for parameter in tool["inputSchema"]["properties"].as_object().unwrap().keys() {
            assert!(content.contains(&format!("`{parameter}`")), "{name}: {parameter} is not explained");
        }
        assert!(!content.contains("Not served by this version"), "{name}");
    }
    for spelling in ["overview", "OVERVIEW", "Packing-Context", "consult", "/maestro-consult"] {
        assert_eq!(client.call("maestro_help", json!({ "topic": spelling }))["ok"], true, "{spelling}");
    }
}

#[test]
fn an_unknown_topic_gets_the_nearest_names() {
    let mut client = Server::new().start();
    let result = client.call("maestro_help", json!({ "topic": "maestro_konsult" }));
    assert_eq!(result["code"], "unknown_topic");
    assert_eq!(result["available_topics"][0], "maestro_consult");
}

#[test]
fn an_error_code_is_a_topic_too() {
    let mut client = Server::new().start();
    for spelling in ["checks_failed", "CHECKS_FAILED", "checks failed"] {
        let result = client.call("maestro_help", json!({ "topic": spelling }));
        assert_eq!(result["topic"], "checks_failed", "{result}");
        assert!(result["content"].as_str().unwrap().contains("- **The model:** "), "{result}");
    }
}

#[test]
fn a_rule_of_dashes_cuts_nothing() {
    let text = "# R\n\n## one\n\nbefore\n\n---\n\nafter\n\n```\n## not a heading\n--- a/x\n```\n\nend of one\n\n## two\n\nx\n";
    let mut client = Server::new().user_file("SKILLS.md", text).start();
    let content =
        client.call("maestro_help", json!({ "topic": "one" }))["content"].as_str().unwrap().to_owned();
    assert!(
        content.ends_with("end of one") && content.contains("after") && content.contains("--- a/x"),
        "{content}"
    );
}

#[test]
fn a_file_of_the_user_or_of_a_trusted_project_replaces_a_shipped_one() {
    let role = "---\nname: Own\nfocus: mine\nstage: debug\ntraits: [calm]\nschema: stage4_output\n---\nYou are my own debugger.\n";
    let of_project = || Server::new().file(".maestro/roles/debugger.md", role);
    for server in [Server::new().user_file("roles/debugger.md", role), of_project().trusted()] {
        let result = server.start().call("maestro_get_role", json!({ "role": "debugger" }));
        assert_eq!((&result["name"], &result["prompt"]), (&json!("Own"), &json!("You are my own debugger.")));
    }
    let untrusted = of_project().start().call("maestro_get_role", json!({ "role": "debugger" }));
    assert_eq!(untrusted["name"], "Debugger", "{untrusted}");
}

#[test]
fn a_broken_replacement_is_named() {
    let mut client = Server::new()
        .user_file("roles/judge.md", "no head\n")
        .user_file("skills/stage4_debug_loop.md", "---\nname: D\nstage_id: 4\nstage: debug\ngoal: g\npersona: debugger\nentry_condition: e\nschema: stage4_output\nnext: improve\n---\nup to {{ max_consultations }}\n")
        .start();
    let result = client.call("maestro_get_role", json!({ "role": "judge" }));
    assert_eq!(result["code"], "document_invalid");
    assert!(result["error"].as_str().unwrap().contains("judge.md"));
    let result = client.call("maestro_get_skill", json!({ "stage": "debug" }));
    assert_eq!(result["code"], "document_invalid", "an unknown placeholder is an error, not an empty text");
}

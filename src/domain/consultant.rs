//! The part of a schema that a consultant fills in. The schemas in `schemas/` describe the whole result of a
//! stage. A field marked `x-filled-by` can be known only by the side that runs commands, counts or decides. A
//! text-only model that is asked for it would invent it.

use serde_json::{Map, Value};

use super::json_schema::alternatives;

const MARK: &str = "x-filled-by";

/// Removes the fields that a consultant cannot know, and the examples, from a schema.
pub fn schema(contract: &Value) -> Value {
    match contract {
        Value::Object(fields) => {
            let kept = |(name, value): (&String, &Value)| match (name.as_str(), value) {
                ("examples", _) => None,
                ("properties", Value::Object(properties)) => {
                    let known = properties.iter().filter(|(_, field)| !is_foreign(field));
                    let known: Map<String, Value> =
                        known.map(|(name, field)| (name.clone(), schema(field))).collect();
                    Some((name.clone(), Value::Object(known)))
                }
                ("required", Value::Array(names)) => {
                    let known = names.iter().filter(|name| {
                        let field = name.as_str().and_then(|name| contract.get("properties")?.get(name));
                        !field.is_some_and(is_foreign)
                    });
                    Some((name.clone(), known.cloned().collect()))
                }
                _ => Some((name.clone(), schema(value))),
            };
            Value::Object(fields.iter().filter_map(kept).collect())
        }
        Value::Array(items) => items.iter().map(schema).collect(),
        other => other.clone(),
    }
}

/// Beginning of the line in which a persona states its own form of answer.
const OWN_FORM: &str = "- Unless another form is asked for";

/// A persona without the line on its own form, for a question that asks for another form.
pub fn persona_without_form(persona: &str) -> String {
    persona.lines().filter(|line| !line.starts_with(OWN_FORM)).collect::<Vec<_>>().join("\n")
}

/// The first example answer of a schema, if it has one.
pub fn example(contract: &Value) -> Option<&Value> {
    contract.get("examples")?.get(0)
}

/// Removes the fields that the consultant cannot know from its answer, even if it filled them in.
pub fn without_foreign(answer: Value, contract: &Value) -> Value {
    match answer {
        Value::Object(fields) => {
            let forms = [contract].into_iter().chain(alternatives(contract));
            let properties: Vec<&Map<String, Value>> =
                forms.filter_map(|form| form.get("properties")?.as_object()).collect();
            let of = |name: &str| properties.iter().find_map(|properties| properties.get(name));
            let kept = fields.into_iter().filter(|(name, _)| !of(name).is_some_and(is_foreign));
            let cleaned = kept.map(|(name, value)| {
                let value = of(&name).map_or(value.clone(), |field| without_foreign(value, field));
                (name, value)
            });
            Value::Object(cleaned.collect())
        }
        Value::Array(items) => {
            let of = contract.get("items").unwrap_or(&Value::Null);
            items.into_iter().map(|item| without_foreign(item, of)).collect()
        }
        other => other,
    }
}

fn is_foreign(field: &Value) -> bool {
    field.get(MARK).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CONTRACTS: [&str; 6] = [
        include_str!("../../schemas/stage1_output.json"),
        include_str!("../../schemas/stage2_output.json"),
        include_str!("../../schemas/stage3_output.json"),
        include_str!("../../schemas/stage4_output.json"),
        include_str!("../../schemas/stage5_output.json"),
        include_str!("../../schemas/judge_output.json"),
    ];

    fn contracts() -> impl Iterator<Item = Value> {
        CONTRACTS.iter().map(|text| serde_json::from_str(text).unwrap())
    }

    /// The positions of fields, from the first to the last.
    fn order_of(schema: &Value, names: &[&str]) -> Vec<usize> {
        let properties: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        names.iter().map(|name| properties.iter().position(|known| known == name).unwrap()).collect()
    }

    #[test]
    fn nothing_is_asked_for_that_only_a_run_can_tell() {
        for contract in contracts() {
            let told = schema(&contract).to_string();
            for foreign in [
                "test_result", "lint_result", "exit_code", "duration_ms", "rollback_command",
                "\"iteration\"", "iterations_remaining", "ensemble_used", "\"provider\"", "\"changes\"",
                "lines_changed", "test_added", "files_modified", "proceed_to_debug", "x-filled-by",
                "examples",
            ] {
                assert!(!told.contains(foreign), "{foreign}: {told}");
            }
        }
    }

    #[test]
    fn what_a_consultant_answers_fits_the_contract_as_well() {
        for contract in contracts() {
            for name in contract["required"].as_array().unwrap() {
                assert!(schema(&contract)["properties"].get(name.as_str().unwrap()).is_some(), "{name}");
            }
            let Some(example) = example(&contract) else { continue };
            for form in [&contract, &schema(&contract)] {
                let validator = jsonschema::validator_for(form).unwrap();
                let wrong: Vec<String> =
                    validator.iter_errors(example).map(|error| error.to_string()).collect();
                assert!(wrong.is_empty(), "{wrong:?}");
            }
            assert_eq!(&without_foreign(example.clone(), &contract), example);
            assert!(example.to_string().len() < 1_200, "an example is short");
        }
        assert_eq!(contracts().filter(|contract| example(contract).is_some()).count(), 5);
    }

    #[test]
    fn what_a_consultant_cannot_know_does_not_count() {
        let contract: Value = serde_json::from_str(CONTRACTS[2]).unwrap();
        let answer = json!({
            "diff": "d", "test_result": { "command": "x", "passed": true }, "next_action": "proceed_to_improve",
            "its_own": 1,
        });
        assert_eq!(without_foreign(answer, &contract), json!({ "diff": "d", "its_own": 1 }));
        let contract: Value = serde_json::from_str(CONTRACTS[1]).unwrap();
        let answer = json!({ "hypotheses": [{ "id": "H1", "provider": "me" }], "ensemble_used": true });
        assert_eq!(without_foreign(answer, &contract), json!({ "hypotheses": [{ "id": "H1" }] }));
    }

    #[test]
    fn reasons_come_before_verdicts() {
        let [analyze, hypothesize, _, debug, improve, judge] = CONTRACTS.map(|text| {
            let contract: Value = serde_json::from_str(text).unwrap();
            schema(&contract)
        });
        let debug_of = |name: &str| debug["properties"][name].clone();
        let error = debug_of("error_analysis")["oneOf"][1].clone();
        for (form, names) in [
            (&analyze, &["observations", "unknowns", "confidence"][..]),
            (&hypothesize, &["hypotheses", "selection_reason", "selected"]),
            (
                &hypothesize["properties"]["hypotheses"]["items"],
                &["claim", "evidence_for", "evidence_against", "confidence"],
            ),
            (&debug, &["error_analysis", "hypothesis_update", "next_action"]),
            (&debug_of("hypothesis_update"), &["reason", "new_confidence"]),
            (&debug_of("next_action"), &["details", "type"]),
            (&error, &["root_cause_theory", "is_related_to_change", "is_new_error"]),
            (&improve, &["summary", "edge_cases_identified", "final_checklist", "ready_for_merge"]),
            (&improve["properties"]["improvements"]["items"], &["description", "benefit", "risk"]),
            (&improve["properties"]["lessons"], &["prevention_checklist", "root_cause_category"]),
            (&judge, &["candidates_evaluated", "rationale", "scores", "winner_id"]),
            (
                &judge["properties"]["candidates_evaluated"]["items"],
                &["strengths", "weaknesses", "weighted_score"],
            ),
        ] {
            assert!(order_of(form, names).is_sorted(), "{names:?}: {form}");
        }
    }
}

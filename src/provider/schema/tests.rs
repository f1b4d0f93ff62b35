use super::*;

const SCHEMAS: [&str; 6] = [
    include_str!("../../../schemas/stage1_output.json"),
    include_str!("../../../schemas/stage2_output.json"),
    include_str!("../../../schemas/stage3_output.json"),
    include_str!("../../../schemas/stage4_output.json"),
    include_str!("../../../schemas/stage5_output.json"),
    include_str!("../../../schemas/judge_output.json"),
];

fn schemas() -> impl Iterator<Item = Value> {
    SCHEMAS.iter().map(|text| serde_json::from_str(text).unwrap())
}

/// The rules of strict structured output for every object.
fn assert_strict(schema: &Value) {
    match schema {
        Value::Object(object) => {
            for refused in ["oneOf", "allOf", "patternProperties", "$schema"] {
                assert!(
                    !object.contains_key(refused) || object["properties"].get(refused).is_some(),
                    "{refused}: {schema}"
                );
            }
            if object.get("type") == Some(&json!("object")) {
                assert_eq!(object["additionalProperties"], false, "{schema}");
                let properties: Vec<&String> = object["properties"].as_object().unwrap().keys().collect();
                let required: Vec<&str> = object["required"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|name| name.as_str().unwrap())
                    .collect();
                assert_eq!(properties, required);
                assert!(!properties.is_empty());
            }
            for (key, value) in object {
                if key == "properties" {
                    value.as_object().unwrap().values().for_each(assert_strict);
                } else if key != "enum" && key != "required" {
                    assert_strict(value);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(assert_strict),
        _ => {}
    }
}

/// A document that a strict schema allows, with null wherever it may be.
fn instance(schema: &Value) -> Value {
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        let null = choices.iter().find(|choice| choice["type"] == "null");
        return instance(null.unwrap_or(&choices[0]));
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values[0].clone();
    }
    match &schema["type"] {
        Value::Array(names) if names.contains(&json!("null")) => Value::Null,
        Value::Array(_) => panic!("{schema}"),
        // A property without a type takes anything.
        Value::Null => json!({}),
        Value::String(name) => match name.as_str() {
            "object" => Value::Object(
                schema["properties"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(key, value)| (key.clone(), instance(value)))
                    .collect(),
            ),
            "array" => json!([instance(&schema["items"])]),
            "string" => json!("H1"),
            "integer" | "number" => json!(1),
            "boolean" => json!(true),
            "null" => Value::Null,
            other => panic!("{other}"),
        },
        other => panic!("{other}: {schema}"),
    }
}

#[test]
fn strict_schemas_are_what_strict_output_takes() {
    for schema in schemas() {
        assert_strict(&strict(&schema));
    }
}

#[test]
fn a_strict_answer_fits_the_schema_itself_once_it_is_turned_back() {
    for schema in schemas() {
        let answer = from_strict(instance(&strict(&schema)), &schema);
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(&answer).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}: {answer}");
    }
}

#[test]
fn a_null_that_means_something_stays() {
    let judge: Value = serde_json::from_str(SCHEMAS[5]).unwrap();
    let answer = json!({ "winner_id": null, "scores": [{ "name": "a", "value": 0.5 }], "rationale": "r", "risks": null });
    assert_eq!(
        from_strict(answer, &judge),
        json!({ "winner_id": null, "scores": { "a": 0.5 }, "rationale": "r" })
    );
}

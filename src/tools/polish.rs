//! Schemas as a model should read them: no noise, no formats that validators do not know, and the
//! names of the providers that there are.

use serde_json::{Map, Value, json};

use rmcp::model::JsonObject;

/// The schema of a tool's arguments, polished.
pub(super) fn polished(schema: &JsonObject, providers: &[String]) -> JsonObject {
    let mut schema = schema.clone();
    schema.remove("$schema");
    schema.remove("title");
    schema.remove("description");
    schema.entry("additionalProperties").or_insert(Value::Bool(false));
    schema.entry("properties").or_insert_with(|| json!({}));
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in properties {
            polish(property);
            name_providers(name, property, providers);
        }
    }
    schema
}

fn polish(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for noise in ["format", "title", "$schema"] {
                object.remove(noise);
            }
            if object.get("default") == Some(&Value::Null) {
                object.remove("default");
            }
            object.values_mut().for_each(polish);
            merge_constants(object);
            split_null(object);
        }
        Value::Array(items) => items.iter_mut().for_each(polish),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `oneOf` over constants, which is how documented variants come, as an `enum`.
fn merge_constants(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("oneOf") else {
        return;
    };
    let values: Option<Vec<Value>> = choices
        .iter()
        .flat_map(|choice| match choice.get("enum") {
            Some(Value::Array(values)) => values.iter().map(|value| Some(value.clone())).collect(),
            _ => vec![choice.get("const").cloned()],
        })
        .collect();
    if let Some(values) = values {
        object.remove("oneOf");
        object.insert("type".into(), json!("string"));
        object.insert("enum".into(), Value::Array(values));
    }
}

/// What may be null as two branches, the value's first, under one description: a type that is a list,
/// which is how `Option` comes, is more than some clients can read.
fn split_null(object: &mut Map<String, Value>) {
    let Some(mut branch) = branch_beside_null(object) else { return };
    if let Some(Value::Array(values)) = branch.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    for shown in ["description", "default"] {
        if let Some(value) = branch.remove(shown) {
            object.entry(shown).or_insert(value);
        }
    }
    object.insert("anyOf".into(), json!([branch, { "type": "null" }]));
}

/// Takes out what a value is when it is not null, where it may be null.
fn branch_beside_null(object: &mut Map<String, Value>) -> Option<Map<String, Value>> {
    let null = json!("null");
    if let Some(Value::Array(types)) = object.get("type")
        && let [name, last] = types.as_slice()
        && *last == null
    {
        let name = name.clone();
        let mut branch = std::mem::take(object);
        branch.insert("type".into(), name);
        return Some(branch);
    }
    let Some(Value::Array(choices)) = object.get("anyOf") else { return None };
    let [Value::Object(branch), Value::Object(other)] = choices.as_slice() else { return None };
    (other.get("type") == Some(&null)).then(|| branch.clone())
}

fn name_providers(name: &str, property: &mut Value, providers: &[String]) {
    let value =
        if property.get("anyOf").is_some() { property.pointer_mut("/anyOf/0") } else { Some(property) };
    let target = match name {
        "provider" | "judge_provider" => value,
        "providers" => value.and_then(|value| value.get_mut("items")),
        _ => None,
    };
    if let Some(Value::Object(target)) = target {
        target.insert("enum".into(), json!(providers));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polished_property(name: &str, property: &Value) -> Value {
        let schema = json!({ "type": "object", "properties": { name: property } });
        let Value::Object(schema) = schema else { unreachable!() };
        polished(&schema, &["codex".to_owned()])["properties"][name].clone()
    }

    #[test]
    fn what_may_be_null_has_a_branch_for_each_and_one_description() {
        let plain =
            json!({ "description": "How many.", "type": ["integer", "null"], "minimum": 1, "default": null });
        let branches = json!([{ "type": "integer", "minimum": 1 }, { "type": "null" }]);
        assert_eq!(polished_property("k", &plain), json!({ "description": "How many.", "anyOf": branches }));

        let inner = json!({ "description": "Of the type.", "oneOf": [{ "const": "a" }, { "const": "b" }] });
        let chosen = json!({ "description": "Of the field.", "anyOf": [inner, { "type": "null" }] });
        let branches = json!([{ "type": "string", "enum": ["a", "b"] }, { "type": "null" }]);
        assert_eq!(
            polished_property("x", &chosen),
            json!({ "description": "Of the field.", "anyOf": branches })
        );

        let listed = json!({ "type": ["string", "null"], "enum": ["a", null] });
        assert_eq!(polished_property("x", &listed)["anyOf"][0], json!({ "type": "string", "enum": ["a"] }));
    }

    #[test]
    fn what_may_not_be_null_stays_as_it_is() {
        for property in
            [json!({ "type": "string" }), json!({ "type": "array", "items": { "type": "number" } })]
        {
            assert_eq!(polished_property("x", &property), property);
        }
    }

    #[test]
    fn providers_are_named_whether_null_is_allowed_or_not() {
        let one = polished_property("provider", &json!({ "type": "string" }));
        assert_eq!(one["enum"], json!(["codex"]));
        let one = polished_property("judge_provider", &json!({ "type": ["string", "null"] }));
        assert_eq!(one["anyOf"][0]["enum"], json!(["codex"]));
        let many = json!({ "type": ["array", "null"], "items": { "type": "string" } });
        assert_eq!(polished_property("providers", &many)["anyOf"][0]["items"]["enum"], json!(["codex"]));
    }
}

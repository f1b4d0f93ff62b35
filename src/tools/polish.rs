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
            merge_null(object);
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

/// `anyOf` over a type and null as one type that may be null.
fn merge_null(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("anyOf") else {
        return;
    };
    let [Value::Object(inner), Value::Object(null)] = choices.as_slice() else {
        return;
    };
    if null.get("type") != Some(&json!("null")) {
        return;
    }
    let mut inner = inner.clone();
    if let Some(name @ Value::String(_)) = inner.get("type").cloned() {
        inner.insert("type".into(), json!([name, "null"]));
    }
    if let Some(Value::Array(values)) = inner.get_mut("enum") {
        values.push(Value::Null);
    }
    object.remove("anyOf");
    for (key, value) in inner {
        object.entry(key).or_insert(value);
    }
}

fn name_providers(name: &str, property: &mut Value, providers: &[String]) {
    let target = match name {
        "provider" | "judge_provider" => Some(property),
        "providers" => property.get_mut("items"),
        _ => None,
    };
    if let Some(Value::Object(target)) = target {
        target.insert("enum".into(), json!(providers));
    }
}

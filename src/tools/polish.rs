//! Schemas as a model should read them: names, types, choices, defaults and a few words each, and the
//! names of the providers that there are. Nothing that the server checks anyway.

use serde_json::{Map, Value, json};

use rmcp::model::JsonObject;

/// What no model needs. Bounds that matter are in a parameter's words, and what breaks a bound or a
/// name is refused with the reason.
const NOISE: [&str; 7] =
    ["$schema", "title", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

/// The schema of a tool's arguments, polished.
pub(super) fn polished(schema: &JsonObject, providers: &[String]) -> JsonObject {
    let mut schema = schema.clone();
    schema.remove("description");
    strip(&mut schema);
    schema.entry("properties").or_insert_with(|| json!({}));
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in properties {
            if let Value::Object(property) = property {
                polish(property);
                name_providers(name, property, providers);
            }
        }
    }
    schema
}

/// A parameter, or what a list of it holds.
fn polish(schema: &mut Map<String, Value>) {
    if let Some(Value::Object(items)) = schema.get_mut("items") {
        polish(items);
    }
    merge_constants(schema);
    merge_null(schema);
    strip(schema);
    leave_out_null(schema);
    if let Some(Value::String(words)) = schema.get_mut("description") {
        *words = words.trim_end_matches('.').replace('`', "");
    }
}

fn strip(schema: &mut Map<String, Value>) {
    for noise in NOISE {
        schema.remove(noise);
    }
    if let Some(Value::Bool(_)) = schema.get("additionalProperties") {
        schema.remove("additionalProperties");
    }
    if schema.get("default") == Some(&Value::Null) {
        schema.remove("default");
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

/// `anyOf` over a type and null as the type.
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
    polish(&mut inner);
    object.remove("anyOf");
    for (key, value) in inner {
        object.entry(key).or_insert(value);
    }
}

/// Null is taken for a parameter that may be left out, and no model needs to send it.
fn leave_out_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get("type")
        && let [name, Value::String(null)] = types.as_slice()
        && null == "null"
    {
        let name = name.clone();
        schema.insert("type".into(), name);
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}

fn name_providers(name: &str, property: &mut Map<String, Value>, providers: &[String]) {
    if ["provider", "judge_provider"].contains(&name) {
        property.insert("enum".into(), json!(providers));
    }
}

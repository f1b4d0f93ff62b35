//! A tool's schema in two forms: plain, against which arguments are read, and as a model should
//! read it: names, types, choices, defaults and a few words each.

use serde_json::{Map, Value, json};

use rmcp::model::JsonObject;

use crate::domain::redflag::Flag;

const NOISE: [&str; 3] = ["$schema", "title", "format"];

/// Schema keys that no model needs: a parameter's text says its range, and a value outside is refused with the
/// reason.
const BOUNDS: [&str; 4] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

/// The schema of a tool's arguments with one type in each place, and every bound.
pub(super) fn plain(schema: &JsonObject) -> JsonObject {
    let mut schema = schema.clone();
    schema.shift_remove("description");
    simplify(&mut schema);
    schema.entry("properties").or_insert_with(|| json!({}));
    schema.insert("additionalProperties".into(), Value::Bool(false));
    schema
}

/// A plain schema as it is served.
pub(super) fn served(plain: &JsonObject, providers: &[String]) -> JsonObject {
    let mut schema = plain.clone();
    leave_out(&mut schema, &BOUNDS);
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in properties {
            if let Value::Object(property) = property {
                name_choices(name, property, providers);
            }
        }
    }
    schema
}

fn simplify(schema: &mut Map<String, Value>) {
    merge_constants(schema);
    merge_null(schema);
    leave_out_null(schema);
    for noise in NOISE {
        schema.shift_remove(noise);
    }
    if schema.get("additionalProperties") == Some(&Value::Bool(true)) {
        schema.shift_remove("additionalProperties");
    }
    if schema.get("default") == Some(&Value::Null) {
        schema.shift_remove("default");
    }
    if let Some(Value::String(words)) = schema.get_mut("description") {
        *words = words.trim_end_matches('.').replace('`', "");
    }
    for inner in inner(schema) {
        simplify(inner);
    }
}

fn leave_out(schema: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        schema.shift_remove(*name);
    }
    for inner in inner(schema) {
        leave_out(inner, names);
    }
}

/// The schemas of what a list or an object holds.
fn inner(schema: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    schema
        .iter_mut()
        .flat_map(|(key, value)| match (key.as_str(), value) {
            ("items", items) => vec![items],
            ("properties", Value::Object(properties)) => properties.values_mut().collect(),
            _ => Vec::new(),
        })
        .filter_map(Value::as_object_mut)
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
        object.shift_remove("oneOf");
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
    // A type's own description is about the type; the parameter has its own.
    inner.shift_remove("description");
    merge_constants(&mut inner);
    object.shift_remove("anyOf");
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

fn name_choices(name: &str, property: &mut Map<String, Value>, providers: &[String]) {
    match name {
        "provider" | "judge_provider" => {
            property.insert("enum".into(), json!(providers));
        }
        "providers" => {
            property.insert("items".into(), json!({ "type": "string", "enum": providers }));
        }
        "rules" => {
            property.insert("items".into(), json!({ "type": "string", "enum": Flag::ALL.map(Flag::name) }));
        }
        _ => {}
    }
}

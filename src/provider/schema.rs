//! Converts a JSON schema into the form that each CLI accepts.

use serde_json::{Map, Value, json};

use crate::domain::json_schema::outline;

/// The schema for `claude --json-schema`: without `$schema`, which that CLI cannot resolve.
pub fn inline(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
    }
    schema
}

/// The schema for `codex --output-schema`. It has only the keywords of strict structured output. Objects are
/// closed, all properties are required, optional ones may be null, and maps become lists of name and value.
/// [`from_strict`] undoes this in the answer.
pub fn strict(schema: &Value) -> Value {
    const KEPT: [&str; 9] =
        ["type", "description", "enum", "const", "pattern", "minimum", "maximum", "minItems", "maxItems"];
    let Value::Object(object) = schema else {
        return schema.clone();
    };
    if let Some(of) = values_of_map(schema) {
        return closed_list_of_pairs(&strict(of));
    }
    let mut out: Map<String, Value> = object
        .iter()
        .filter(|(key, _)| KEPT.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if let Some(items) = object.get("items") {
        out.insert("items".into(), strict(items));
    }
    if let Some(choices) = choices(schema) {
        out.insert("anyOf".into(), choices.iter().map(strict).collect());
    }
    if out.get("type") == Some(&json!("object")) {
        close(&mut out, schema);
    }
    Value::Object(out)
}

fn close(out: &mut Map<String, Value>, schema: &Value) {
    let properties: Map<String, Value> = properties(schema)
        .map(|(name, property)| {
            let property = strict(property);
            (name.clone(), if is_required(schema, name) { property } else { nullable(property) })
        })
        .collect();
    out.insert("required".into(), properties.keys().map(|name| json!(name)).collect());
    out.insert("properties".into(), Value::Object(properties));
    out.insert("additionalProperties".into(), json!(false));
}

fn closed_list_of_pairs(value: &Value) -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": { "name": { "type": "string" }, "value": value },
            "required": ["name", "value"],
            "additionalProperties": false,
        },
    })
}

fn nullable(mut schema: Value) -> Value {
    match schema.get("type").cloned() {
        Some(Value::String(name)) if schema.get("enum").is_none() => {
            if let Some(object) = schema.as_object_mut() {
                object.insert("type".into(), json!([name, "null"]));
            }
            schema
        }
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

/// Converts an answer to a [`strict`] schema into the form of the original schema: removes nulls of optional
/// properties, and turns lists of pairs into maps.
pub fn from_strict(value: Value, schema: &Value) -> Value {
    match value {
        Value::Array(pairs) if values_of_map(schema).is_some() => Value::Object(
            pairs
                .into_iter()
                .filter_map(|pair| {
                    let name = pair.get("name")?.as_str()?.to_owned();
                    Some((name, pair.get("value")?.clone()))
                })
                .collect(),
        ),
        Value::Array(items) => {
            let of = schema.get("items").unwrap_or(&Value::Null);
            items.into_iter().map(|item| from_strict(item, of)).collect()
        }
        Value::Object(object) => {
            let schema = choices(schema)
                .and_then(|choices| choices.iter().find(|choice| choice.get("properties").is_some()))
                .unwrap_or(schema);
            Value::Object(
                object
                    .into_iter()
                    .filter(|(name, value)| !value.is_null() || is_required(schema, name))
                    .map(|(name, value)| {
                        let of =
                            schema.get("properties").and_then(|all| all.get(&name)).unwrap_or(&Value::Null);
                        let value = from_strict(value, of);
                        (name, value)
                    })
                    .collect(),
            )
        }
        other => other,
    }
}

fn choices(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema
        .get("required")
        .and_then(Value::as_array)
        .is_some_and(|names| names.iter().any(|required| required == name))
}

/// The schema of the values of a map, which is an object without named properties. None for other schemas.
fn values_of_map(schema: &Value) -> Option<&Value> {
    schema.get("additionalProperties").filter(|of| of.is_object() && schema.get("properties").is_none())
}

/// Describes the schema in words, for CLIs that take no schema.
pub fn in_words(schema: &Value) -> String {
    format!(
        "# Form of the answer\n\nOne JSON object and nothing else: no fence, no text around it. Its fields, in this order:\n\n{}",
        outline(schema)
    )
}

#[cfg(test)]
mod tests;

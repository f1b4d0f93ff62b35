//! A JSON schema as a reader sees it, for prompts: they can never disagree with what is validated.

use serde_json::Value;

/// The deepest that an outline goes.
const DEEPEST: usize = 6;

/// The form of a document that a schema asks for: one line for each field, with its type and
/// whether it must be there.
pub fn outline(schema: &Value) -> String {
    let mut lines = Vec::new();
    fields(schema, 0, &mut lines);
    lines.join("\n")
}

fn fields(schema: &Value, depth: usize, lines: &mut Vec<String>) {
    let required: Vec<&str> = list(schema, "required").iter().filter_map(|name| name.as_str()).collect();
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, field) in properties {
        let need = if required.contains(&name.as_str()) { "required" } else { "optional" };
        let told = field.get("description").and_then(Value::as_str).map(|told| format!(": {told}"));
        let indent = "  ".repeat(depth);
        lines.push(format!("{indent}- {name} ({}, {need}){}", kind(field), told.unwrap_or_default()));
        nested(field, depth + 1, lines);
    }
}

/// The fields of what a field holds.
fn nested(field: &Value, depth: usize, lines: &mut Vec<String>) {
    if depth >= DEEPEST {
        return;
    }
    let inside = field.get("items").unwrap_or(field);
    fields(inside, depth, lines);
    for form in alternatives(inside) {
        fields(form, depth, lines);
    }
}

fn alternatives(schema: &Value) -> &[Value] {
    match list(schema, "oneOf") {
        [] => list(schema, "anyOf"),
        forms => forms,
    }
}

fn list<'a>(schema: &'a Value, name: &str) -> &'a [Value] {
    schema.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The type of a field in words, with what limits its values.
fn kind(field: &Value) -> String {
    let forms = alternatives(field);
    if !forms.is_empty() {
        return forms.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let values = list(field, "enum");
    if !values.is_empty() {
        let words: Vec<String> = values.iter().map(|value| value.to_string().replace('"', "")).collect();
        return format!("one of {}", words.join(" | "));
    }
    let number = |name: &str| field.get(name).and_then(Value::as_f64);
    match field.get("type").and_then(Value::as_str) {
        Some("array") => {
            let least =
                field.get("minItems").and_then(Value::as_u64).map(|least| format!("at least {least}"));
            let most = field.get("maxItems").and_then(Value::as_u64).map(|most| format!("at most {most}"));
            let bounds: Vec<String> = least.into_iter().chain(most).collect();
            let bounds = if bounds.is_empty() { String::new() } else { format!(", {}", bounds.join(", ")) };
            format!("list of {}{bounds}", field.get("items").map_or_else(|| "anything".to_owned(), kind))
        }
        Some("number" | "integer") if number("minimum").is_some() && number("maximum").is_some() => format!(
            "number from {} to {}",
            number("minimum").unwrap_or_default(),
            number("maximum").unwrap_or_default()
        ),
        Some("string") => match field.get("pattern").and_then(Value::as_str) {
            Some(pattern) => format!("string like {pattern}"),
            None => "string".to_owned(),
        },
        Some(other) => other.to_owned(),
        None => "anything".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_told_field_by_field() {
        let schema = json!({
            "type": "object",
            "required": ["seen"],
            "properties": {
                "seen": { "type": "array", "minItems": 1, "items": { "oneOf": [
                    { "type": "string" },
                    { "type": "object", "required": ["fact"], "properties": { "fact": { "type": "string" } } },
                ] } },
                "sure": { "type": "number", "minimum": 0, "maximum": 1 },
                "next": { "type": "string", "enum": ["stop", "go"] },
            },
        });
        assert_eq!(
            outline(&schema),
            "- seen (list of string or object, at least 1, required)\n  - fact (string, required)\n- sure (number from 0 to 1, optional)\n- next (one of stop | go, optional)"
        );
    }

    #[test]
    fn every_required_field_of_the_shipped_schemas_is_told() {
        for text in [
            include_str!("../../schemas/stage1_output.json"),
            include_str!("../../schemas/stage2_output.json"),
            include_str!("../../schemas/stage3_output.json"),
            include_str!("../../schemas/stage4_output.json"),
            include_str!("../../schemas/stage5_output.json"),
        ] {
            let schema: Value = serde_json::from_str(text).unwrap();
            let told = outline(&schema);
            for name in list(&schema, "required") {
                assert!(told.contains(&format!("- {} (", name.as_str().unwrap())), "{told}");
            }
        }
    }
}

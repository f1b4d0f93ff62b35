//! Validates documents against a JSON schema. References to other documents are not followed, because a
//! schema may come from a project.

use std::error::Error;

use boon::{CompileError, Compiler, SchemaIndex, Schemas, UrlLoader, ValidationError};
use serde_json::Value;

use super::cut::one_line;

/// Address of the compiled schema and prefix of references to its parts.
const ADDRESS: &str = "maestro://schema";

/// Maximum number of errors of a broken schema in a message.
const MOST_TOLD: usize = 3;

/// Checks that a value is a JSON schema.
///
/// # Errors
///
/// It is not a JSON schema, or it refers to another document.
pub fn check(schema: &Value) -> Result<(), String> {
    compiled(schema).map(drop)
}

/// The errors of a document against a schema, at most `most`. Each names its place in the document, unless it
/// is an error of the whole document.
pub fn misfits(schema: &Value, document: &Value, most: usize) -> Vec<String> {
    let (schemas, index) = match compiled(schema) {
        Ok(compiled) => compiled,
        Err(problem) => return vec![format!("the schema itself: {problem}")],
    };
    let mut found = Vec::new();
    if let Err(error) = schemas.validate(document, index) {
        gather(&error, most, &mut found);
    }
    found
}

fn compiled(schema: &Value) -> Result<(Schemas, SchemaIndex), String> {
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(Alone));
    let mut schemas = Schemas::new();
    compiler.add_resource(ADDRESS, schema.clone()).map_err(|error| told(&error))?;
    let index = compiler.compile(ADDRESS, &mut schemas).map_err(|error| told(&error))?;
    Ok((schemas, index))
}

/// The error as text, without the library's words around it.
fn told(error: &CompileError) -> String {
    if let CompileError::ValidationError { src, .. } = error {
        let mut found = Vec::new();
        gather(src, MOST_TOLD, &mut found);
        // The message about a pattern that does not compile has several lines.
        return one_line(&found.join("; "));
    }
    format!("{error:#}").replace(&format!("{ADDRESS}#"), "")
}

/// Collects the errors that have no causes of their own.
fn gather(error: &ValidationError<'_, '_>, most: usize, found: &mut Vec<String>) {
    if error.causes.is_empty() && found.len() < most {
        let place = error.instance_location.to_string();
        let place = if place.is_empty() { place } else { format!("{place}: ") };
        found.push(format!("{place}{}", error.kind));
    }
    error.causes.iter().for_each(|cause| gather(cause, most, found));
}

/// A loader that refuses every reference to another document.
struct Alone;

impl UrlLoader for Alone {
    fn load(&self, _: &str) -> Result<Value, Box<dyn Error>> {
        Err("a schema must contain everything it refers to".into())
    }
}

// A JSON schema as text for prompts. It is derived from the schema, so it always agrees with the validation.

/// Maximum depth of an outline.
const DEEPEST: usize = 6;

/// The outline of a schema: one line for each field, with its type and `required` or `optional`.
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

/// Adds the fields inside a field.
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

/// The alternatives of a schema: `oneOf`, else `anyOf`.
pub(super) fn alternatives(schema: &Value) -> &[Value] {
    match list(schema, "oneOf") {
        [] => list(schema, "anyOf"),
        forms => forms,
    }
}

fn list<'a>(schema: &'a Value, name: &str) -> &'a [Value] {
    schema.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The type of a field in words, with the limits of its values.
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
    use serde_json::{Value, json};

    use super::{check, misfits, *};

    #[test]
    fn each_misfit_has_its_place() {
        let schema = json!({
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"items": {"enum": ["x", "y"]}}, "c": {}},
            "required": ["c"],
            "additionalProperties": false,
        });
        let found = misfits(&schema, &json!({"a": "1", "b": ["x", "z"], "d": 1}), 9);
        let holds = |said: &str| found.iter().any(|one| one.contains(said));
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(
            holds("/a: want integer, but got string") && holds("/b/1: value must be one of"),
            "{found:?}"
        );
        assert!(
            holds("missing properties 'c'") && holds("additionalProperties 'd' not allowed"),
            "{found:?}"
        );
        assert_eq!(misfits(&schema, &json!({"a": "1", "b": ["x", "z"], "d": 1}), 2).len(), 2);
        assert!(misfits(&schema, &json!({"c": null}), 9).is_empty());
    }

    #[test]
    fn a_schema_that_is_none_is_told_and_reads_nothing() {
        let outside = concat!("file://", env!("CARGO_MANIFEST_DIR"), "/schemas/stage1_output.json");
        for (schema, said) in [
            (json!({"type": "strin"}), "/type"),
            (json!({"pattern": "("}), "/pattern"),
            (json!({"pattern": "^(?!x)a"}), "look-around"),
            (json!({"$ref": "#/nowhere"}), "nowhere"),
            (json!({"$ref": outside}), "must contain everything it refers to"),
            (json!({"$ref": "https://example.com/schema.json"}), "must contain everything it refers to"),
            (json!({"$ref": "other.json"}), "must contain everything it refers to"),
            (json!(3), ""),
        ] {
            let problem = check(&schema).unwrap_err();
            assert!(problem.contains(said) && problem.lines().count() == 1, "{schema}: {problem}");
            assert!(misfits(&schema, &Value::Null, 1)[0].starts_with("the schema itself: "));
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let tree = json!({"properties": {"below": {"$ref": "#"}}, "required": ["size"]});
        assert!(misfits(&tree, &json!({"size": 1, "below": {"size": 2}}), 9).is_empty());
        assert_eq!(
            misfits(&tree, &json!({"size": 1, "below": {}}), 9),
            ["/below: missing properties 'size'"]
        );
        assert!(!misfits(&json!({"$ref": "#"}), &json!({}), 9).is_empty());
    }

    #[test]
    fn shipped_schemas_of_all_drafts_are_read() {
        for draft in
            ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"]
        {
            assert_eq!(check(&json!({"$schema": draft, "type": "object"})), Ok(()));
        }
    }

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

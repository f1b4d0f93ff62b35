//! Documents against JSON Schema. A schema stands alone: what it refers to outside itself is not read, since
//! it can come from a project.

use std::error::Error;

use boon::{CompileError, Compiler, SchemaIndex, Schemas, UrlLoader, ValidationError};
use serde_json::Value;

use super::cut::one_line;

/// The address that a schema is compiled under; a reference to a part of it is below.
const ADDRESS: &str = "maestro://schema";

/// Places of a broken schema that a message names.
const MOST_TOLD: usize = 3;

/// Tells why a schema cannot be used.
///
/// # Errors
///
/// It is no JSON Schema, or refers to what is outside it.
pub fn check(schema: &Value) -> Result<(), String> {
    compiled(schema).map(drop)
}

/// Places where a document does not fit a schema, at most so many. The document itself has no place.
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

/// The places that are wrong, without the text that the crate puts around them.
fn told(error: &CompileError) -> String {
    if let CompileError::ValidationError { src, .. } = error {
        let mut found = Vec::new();
        gather(src, MOST_TOLD, &mut found);
        // A pattern that does not compile is drawn over several lines.
        return one_line(&found.join("; "));
    }
    format!("{error:#}").replace(&format!("{ADDRESS}#"), "")
}

/// The errors that no other one explains.
fn gather(error: &ValidationError<'_, '_>, most: usize, found: &mut Vec<String>) {
    if error.causes.is_empty() && found.len() < most {
        let place = error.instance_location.to_string();
        let place = if place.is_empty() { place } else { format!("{place}: ") };
        found.push(format!("{place}{}", error.kind));
    }
    error.causes.iter().for_each(|cause| gather(cause, most, found));
}

/// Reads nothing.
struct Alone;

impl UrlLoader for Alone {
    fn load(&self, _: &str) -> Result<Value, Box<dyn Error>> {
        Err("a schema must hold what it refers to".into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{check, misfits};

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
            (json!({"$ref": outside}), "must hold what it refers to"),
            (json!({"$ref": "https://example.com/schema.json"}), "must hold what it refers to"),
            (json!({"$ref": "other.json"}), "must hold what it refers to"),
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
}

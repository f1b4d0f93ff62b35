//! The JSON document in an answer, wherever a model put it.

use serde_json::{Deserializer, Value};

/// Places at which a document in running text is looked for.
const MOST_STARTS: usize = 50;

/// The document in a text: the text itself, what its one code fence holds, or the first object or
/// list that is whole in it.
#[must_use]
pub fn document(text: &str) -> Option<Value> {
    alone(text).or_else(|| within(text))
}

/// The document of a text that is nothing else: the text itself, or its one code fence.
#[must_use]
pub fn alone(text: &str) -> Option<Value> {
    let text = text.trim();
    serde_json::from_str(text).ok().or_else(|| {
        let inside = text.strip_prefix("```")?.strip_suffix("```")?;
        let body = inside.split_once('\n').map_or(inside, |(_, body)| body);
        if body.contains("\n```") {
            return None;
        }
        serde_json::from_str(body.trim()).ok()
    })
}

/// Whether a text means to be a document.
#[must_use]
pub fn looks_like_one(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with(['{', '[']) || text.starts_with("```json")
}

fn within(text: &str) -> Option<Value> {
    let starts = text.match_indices(['{', '[']).map(|(at, _)| at).take(MOST_STARTS);
    for at in starts {
        match Deserializer::from_str(text.get(at..)?).into_iter::<Value>().next()? {
            Ok(value) if is_document(&value) => return Some(value),
            // It begins here and is not whole; what is whole in it is only a part.
            Err(error) if error.is_eof() => return None,
            Ok(_) | Err(_) => {}
        }
    }
    None
}

/// `[1]` in prose is a mark, `[{...}]` a document.
fn is_document(value: &Value) -> bool {
    match value {
        Value::Object(object) => !object.is_empty(),
        Value::Array(items) => items.iter().any(Value::is_object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Every text in a document, with the name that it stands under.
pub(super) fn texts(value: &Value) -> Vec<(&str, &str)> {
    fn collect<'a>(name: &'a str, value: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
        match value {
            Value::String(text) => found.push((name, text)),
            Value::Array(items) => items.iter().for_each(|item| collect(name, item, found)),
            Value::Object(object) => object.iter().for_each(|(key, value)| collect(key, value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut found = Vec::new();
    collect("", value, &mut found);
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_found_wherever_it_stands() {
        let wanted = json!({ "a": { "b": "}{" } });
        for text in [
            r#"{"a": {"b": "}{"}}"#,
            "```json\n{\"a\": {\"b\": \"}{\"}}\n```",
            "Use {braces} with care [1]:\n\n{\"a\": {\"b\": \"}{\"}}\nand that is all {}",
            "Here:\n```\n{\"a\": {\"b\": \"}{\"}}\n```\nDone.",
        ] {
            assert_eq!(document(text), Some(wanted.clone()), "{text}");
        }
        assert_eq!(document("no document {at all}"), None);
        assert_eq!(document("see [1] and {}"), None);
    }

    #[test]
    fn alone_means_nothing_beside_it() {
        assert_eq!(alone(" \"just a string\" "), Some(json!("just a string")));
        assert_eq!(alone("```json\n{\"a\": 1}\n```"), Some(json!({ "a": 1 })));
        assert_eq!(alone("Here: {\"a\": 1}"), None);
    }
}

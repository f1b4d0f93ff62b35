//! Reads outputs that may not follow their schema. It invents nothing, splits no text, and loses nothing.

use serde_json::{Map, Value};

use crate::domain::catalogue::Catalogue;
use crate::domain::cut::cut_line;
use crate::domain::packed::list;

/// The longest item of a report, in characters.
const MAX_ITEM: usize = 600;

const MAX_DEPTH: usize = 4;

/// The object that holds the stage's output: the value itself, or the object wrapped in it under `output`
/// or a similar key. `known` are the keys of the stage's output.
pub(super) fn unwrapped<'v>(value: &'v Value, known: &[&str]) -> &'v Value {
    let mut value = value;
    for _ in 0..MAX_DEPTH {
        let Some(object) = value.as_object() else { break };
        if known.iter().any(|key| object.contains_key(*key)) {
            break;
        }
        let inner = ["structured", "output", "outputs", "result"]
            .iter()
            .find_map(|key| object.get(*key).filter(|inner| inner.is_object()));
        match inner {
            Some(inner) => value = inner,
            None => break,
        }
    }
    value
}

/// The items under a key: those of a list, or a single value in place of a list. Blank items are left out.
pub(super) fn items<'v>(value: &'v Value, key: &str) -> Vec<&'v Value> {
    match value.get(key) {
        None => Vec::new(),
        Some(Value::Array(items)) => items.iter().filter(|item| !is_blank(item)).collect(),
        Some(other) if is_blank(other) => Vec::new(),
        Some(other) => vec![other],
    }
}

/// The items under a key as texts.
pub(super) fn texts(value: &Value, key: &str) -> Vec<String> {
    items(value, key).into_iter().map(phrase).collect()
}

/// The text under a key.
pub(super) fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).filter(|found| !is_blank(found)).map(phrase)
}

/// The number under a key, which may be written as a string.
pub(super) fn number(value: &Value, key: &str) -> Option<f64> {
    let found = value.get(key)?;
    let number = found.as_f64().or_else(|| found.as_str()?.trim().parse().ok())?;
    number.is_finite().then_some(number)
}

/// The truth value under a key, which may be written as a string.
pub(super) fn truth(value: &Value, key: &str) -> Option<bool> {
    match value.get(key)? {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "true" | "yes" => Some(true),
            "false" | "no" => Some(false),
            _ => None,
        },
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// True if a text only says `none` in some form.
pub(super) fn says_none(text: &str) -> bool {
    let text = text.trim().trim_end_matches(['.', '!']).to_lowercase();
    ["no risk", "no risks", "n/a", "-", "none known", "none identified"].contains(&text.as_str())
        || Catalogue::all().iter().any(|words| words.nothing.contains(&text))
}

/// A value in one line.
pub(super) fn phrase(value: &Value) -> String {
    shortened(&nested(value, 0))
}

/// One line, cut to the length of an item.
pub(super) fn shortened(text: &str) -> String {
    cut_line(text, MAX_ITEM)
}

fn nested(value: &Value, depth: usize) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => "...".to_owned(),
        Value::Array(items) => {
            items.iter().map(|item| nested(item, depth + 1)).collect::<Vec<_>>().join("; ")
        }
        Value::Object(object) => in_words(object, depth),
    }
}

fn in_words(object: &Map<String, Value>, depth: usize) -> String {
    let main = list("main").iter().find(|key| object.get(**key).is_some_and(|value| !is_blank(value)));
    let rest = object
        .iter()
        .filter(|(key, value)| Some(&key.as_str()) != main && !is_blank(value))
        .map(|(key, value)| format!("{key}: {}", nested(value, depth + 1)))
        .collect::<Vec<_>>()
        .join(", ");
    match (main.and_then(|key| object.get(*key)), rest.is_empty()) {
        (None, _) => rest,
        (Some(main), true) => nested(main, depth + 1),
        (Some(main), false) => format!("{} ({rest})", nested(main, depth + 1)),
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_in_place_of_a_list_is_one_item() {
        let value =
            json!({ "risks": "slower on large input", "none": null, "number": 3, "empty": ["", null] });
        assert_eq!(texts(&value, "risks"), ["slower on large input"]);
        assert_eq!(texts(&value, "number"), ["3"]);
        assert!(texts(&value, "none").is_empty() && texts(&value, "empty").is_empty());
    }

    #[test]
    fn an_object_says_what_it_is_about_first() {
        let value = json!({ "risk": "low", "description": "an empty cart", "diff": "" });
        assert_eq!(phrase(&value), "an empty cart (risk: low)");
        assert_eq!(phrase(&json!([1, { "a": "b" }])), "1; a: b");
    }

    #[test]
    fn a_wrapped_output_is_found() {
        let wrapped = json!({ "ok": true, "output": { "structured": { "selected": "H1" } } });
        assert_eq!(unwrapped(&wrapped, &["selected"]), &json!({ "selected": "H1" }));
        let odd = json!({ "output": "text" });
        assert_eq!(unwrapped(&odd, &["selected"]), &odd);
    }

    #[test]
    fn figures_may_be_written_as_text() {
        let value = json!({ "a": "0.5", "b": "NaN", "c": " Yes", "d": "maybe" });
        assert_eq!((number(&value, "a"), number(&value, "b")), (Some(0.5), None));
        assert_eq!((truth(&value, "c"), truth(&value, "d")), (Some(true), None));
    }
}

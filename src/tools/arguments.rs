//! Converts the arguments that hosts send into the types of a tool's schema.
//!
//! Hosts write `null` for an omitted argument, and send a list or a number as text. A clear meaning is
//! accepted; everything else is refused in the terms of JSON, by the argument's name.

use std::fmt::Write as _;
use std::sync::LazyLock;

use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::alike::{LIKE_ENOUGH, likeness};
use crate::domain::cut::head;
use crate::domain::packed;
use crate::domain::words::grouped;

/// Names of parameters, embedded. A test reads them, so they always parse.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    aliases: Vec<Vec<String>>,
    alike: Vec<Vec<String>>,
    filled: Vec<String>,
    lengths: Vec<Length>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Length {
    names: Vec<String>,
    most: Option<usize>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| packed::read("src/tools/arguments.yaml"));

/// Groups of names that mean the same parameter in different tools. A tool accepts each name of a group for
/// its own.
pub fn aliases() -> &'static [Vec<String>] {
    &NAMES.aliases
}

fn has(names: &[String], wanted: &str) -> bool {
    names.iter().any(|name| name == wanted)
}

/// The parameter that names the providers to ask. An empty list is refused: it does not mean all of them.
const WHOM: &str = "providers";

/// Characters of a command.
const MOST_OF_A_COMMAND: usize = 20_000;

/// Files and patterns of one call.
const MOST_FILES: usize = 500;

/// A key of an ensemble's candidate. It comes back with the candidate and resembles a parameter's name.
const RETURNED: &str = "content_is";

/// A larger number is surely a mistake.
const MOST_NUMBER: f64 = 1e15;

/// Problems that one refusal names.
const MOST_PROBLEMS: usize = 8;

/// The arguments in the form of the schema, or the problems with them.
pub(crate) fn fitted(schema: &JsonObject, mut arguments: JsonObject) -> Result<JsonObject, String> {
    // Some hosts put the metadata of a request here as well.
    if properties(schema).is_none_or(|known| !known.contains_key("_meta")) {
        arguments.shift_remove("_meta");
    }
    let mut problems = Vec::new();
    let fitted = fit_object(schema, arguments, "", &mut problems);
    if problems.is_empty() { Ok(fitted) } else { Err(listed(&problems)) }
}

fn listed(problems: &[String]) -> String {
    let mut text = problems.iter().take(MOST_PROBLEMS).cloned().collect::<Vec<_>>().join("; ");
    if problems.len() > MOST_PROBLEMS {
        let _ = write!(text, "; and {} more", problems.len() - MOST_PROBLEMS);
    }
    text
}

fn fit_object(schema: &JsonObject, given: JsonObject, place: &str, problems: &mut Vec<String>) -> JsonObject {
    let Some(known) = properties(schema) else {
        return given;
    };
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|one| one == name))
    };
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    let mut fitted = Map::with_capacity(given.len());
    let sent: Vec<String> = given.keys().cloned().collect();
    for (name, value) in given {
        let name = match canonical(&name, known).filter(|_| closed) {
            Some(own) if value.is_null() && sent.iter().any(|other| other == own) => continue,
            Some(own) if sent.iter().any(|other| other == own) || fitted.contains_key(own) => {
                let (one, other) = (member(place, &name), member(place, own));
                problems.push(format!("`{one}` is another name of `{other}`: send one of the two"));
                continue;
            }
            Some(own) => own.to_owned(),
            None => name,
        };
        match known.get(&name).and_then(Value::as_object) {
            None if closed || is_misspelt(&name, known, &sent) => {
                problems.push(unknown(&name, place, known));
            }
            None => {
                fitted.insert(name, value);
            }
            Some(wanted) if !required(&name) && stands_for_nothing(wanted, &value) => {}
            Some(_) if let Some(problem) = too_many(&name, &value) => {
                problems.push(format!("{} {problem}", member(place, &name)));
                fitted.insert(name, value);
            }
            Some(wanted) => {
                let value = fit(wanted, value, &member(place, &name), problems);
                if name == WHOM && value.as_array().is_some_and(Vec::is_empty) {
                    problems.push(format!(
                        "{name} must name at least one (got none); leave it out for the default"
                    ));
                }
                fitted.insert(name, value);
            }
        }
    }
    for (name, wanted) in known {
        if required(name) && !fitted.contains_key(name) {
            let wanted = wanted.as_object().map(describe).unwrap_or_default();
            problems.push(format!("{} is missing: it must be {wanted}", member(place, name)));
        }
    }
    fitted
}

/// True if a key of an open object is a misspelt known key: its value would be ignored.
fn is_misspelt(name: &str, known: &Map<String, Value>, sent: &[String]) -> bool {
    const LONG: usize = 80;
    let meant = nearest(name, known).filter(|_| name != RETURNED && name.len() < LONG);
    meant.is_some_and(|meant| !sent.iter().any(|one| one == meant))
}

/// The problem of a list that is too long for its name.
fn too_many(name: &str, value: &Value) -> Option<String> {
    let count = value.as_array().map_or(0, Vec::len);
    (matches!(name, "files" | "context_files") && count > MOST_FILES)
        .then(|| format!("must name at most {MOST_FILES} files or patterns (got {count})"))
}

/// The problem of a text that is empty or too long for its parameter. A parameter without a limit of its own
/// has the limit of a command.
fn misfit(place: &str, text: &str) -> Option<String> {
    let name = place.rsplit('.').next().unwrap_or(place);
    let name = name.split('[').next().unwrap_or(name);
    if has(&NAMES.filled, name) && text.trim().is_empty() {
        return Some("must not be empty".to_owned());
    }
    let length = NAMES.lengths.iter().find(|length| has(&length.names, name));
    let most = length.map_or(Some(MOST_OF_A_COMMAND), |length| length.most)?;
    let count = if text.len() > most { text.chars().count() } else { 0 };
    (count > most).then(|| {
        format!("must be at most {} characters (got {})", grouped(most as u64), grouped(count as u64))
    })
}

/// The tool's own name for an argument that was sent by another name. `None` if the name is the tool's own,
/// or if it could mean two parameters.
fn canonical<'a>(name: &str, known: &'a Map<String, Value>) -> Option<&'a str> {
    if known.contains_key(name) {
        return None;
    }
    let names = aliases().iter().find(|names| has(names, name))?;
    let mut own = known.keys().map(String::as_str).filter(|one| has(names, one));
    own.next().filter(|_| own.next().is_none())
}

/// True if a value is null, or the text "null" for a parameter that is not a text.
fn stands_for_nothing(wanted: &JsonObject, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => {
            let is_free = wanted_type(wanted) == "string" && !wanted.contains_key("enum");
            !is_free && text.trim() == "null"
        }
        _ => false,
    }
}

/// The value in the type of the schema. A value that does not fit is kept, and its problem is added.
fn fit(wanted: &JsonObject, value: Value, place: &str, problems: &mut Vec<String>) -> Value {
    let value = match value {
        Value::String(text) if wanted_type(wanted) != "string" => from_text(wanted, text),
        Value::String(text) if wanted.contains_key("enum") => choice_from_text(wanted, text),
        other => other,
    };
    match (wanted_type(wanted), value) {
        ("array", Value::Array(values)) => {
            let items = wanted.get("items").and_then(Value::as_object);
            let fit_item = |(index, value)| match items {
                Some(items) => fit(items, value, &format!("{place}[{index}]"), problems),
                None => value,
            };
            Value::Array(values.into_iter().enumerate().map(fit_item).collect())
        }
        ("object", Value::Object(given)) => Value::Object(fit_object(wanted, given, place, problems)),
        ("integer", value) => {
            let value = without_fraction(value);
            if !value.is_i64() && !value.is_u64() || out_of_bounds(wanted, &value) {
                problems.push(refused(wanted, &value, place));
            }
            value
        }
        ("number", value)
            if value.as_f64().is_some_and(|number| number.abs() <= MOST_NUMBER)
                && !out_of_bounds(wanted, &value) =>
        {
            value
        }
        ("string", Value::String(text)) if let Some(problem) = misfit(place, &text) => {
            problems.push(format!("{place} {problem}"));
            Value::String(text)
        }
        ("string", value @ Value::String(_)) if is_a_choice(wanted, &value) => value,
        ("boolean", value @ Value::Bool(_)) | ("", value) => value,
        (_, value) => {
            problems.push(refused(wanted, &value, place));
            value
        }
    }
}

/// The value that a text contains as JSON, if it has the wanted type.
fn from_text(wanted: &JsonObject, text: String) -> Value {
    let is_wanted = |value: &Value| match wanted_type(wanted) {
        "array" => value.is_array(),
        "object" => value.is_object(),
        "integer" | "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => false,
    };
    match serde_json::from_str(&text) {
        Ok(value) if is_wanted(&value) => value,
        _ => Value::String(text),
    }
}

/// The choice that a text contains as JSON, if the text itself is not a choice.
fn choice_from_text(wanted: &JsonObject, text: String) -> Value {
    match serde_json::from_str(&text) {
        Ok(value @ Value::String(_)) if is_a_choice(wanted, &value) => value,
        _ => Value::String(text),
    }
}

/// Turns 5.0 into the whole number 5, as JSON Schema defines it.
fn without_fraction(value: Value) -> Value {
    /// Beyond this, not every whole number has a float.
    const MOST: f64 = 9_007_199_254_740_992.0;
    match value.as_f64() {
        Some(float) if value.is_f64() && float.fract() == 0.0 && float.abs() <= MOST => {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
            let whole = float as i64;
            // A value that is not negative is read as unsigned, like a number without a point.
            u64::try_from(whole).map_or_else(|_| Value::from(whole), Value::from)
        }
        _ => value,
    }
}

fn out_of_bounds(wanted: &JsonObject, value: &Value) -> bool {
    value.as_f64().is_some_and(|number| {
        bound(wanted, "minimum").is_some_and(|least| number < least)
            || bound(wanted, "maximum").is_some_and(|most| number > most)
    })
}

fn is_a_choice(wanted: &JsonObject, value: &Value) -> bool {
    let choices = wanted.get("enum").and_then(Value::as_array);
    choices.is_none_or(|choices| choices.contains(value))
}

fn refused(wanted: &JsonObject, value: &Value, place: &str) -> String {
    let is_huge =
        wanted_type(wanted) == "integer" && value.as_f64().is_some_and(|number| number > MOST_NUMBER);
    let wish = match (bound(wanted, "minimum"), bound(wanted, "maximum")) {
        (Some(least), Some(most)) if out_of_bounds(wanted, value) => format!("{least} to {most}"),
        _ if is_huge => "a smaller number".to_owned(),
        _ => describe(wanted),
    };
    format!("{place} must be {wish} (got {}){}", shown(wanted, value), advice(wanted, value))
}

fn bound(wanted: &JsonObject, name: &str) -> Option<f64> {
    wanted.get(name).and_then(Value::as_f64)
}

/// Advice on the value to send instead of a text that does not fit.
fn advice(wanted: &JsonObject, value: &Value) -> String {
    const SHORT: usize = 80;
    let Value::String(text) = value else {
        return String::new();
    };
    let items = wanted.get("items").and_then(Value::as_object).map_or("", wanted_type);
    let opens = |bracket: char| text.trim_start().starts_with(bracket);
    match wanted_type(wanted) {
        "array" if items == "string" && !opens('[') && text.chars().count() <= SHORT => {
            let entries: Vec<Value> = text.split(',').map(|entry| entry.trim().into()).collect();
            format!(": send {}", Value::Array(entries))
        }
        "array" if opens('[') => ": send the array itself, not its text".to_owned(),
        "object" if opens('{') => ": send the object itself, not its text".to_owned(),
        _ => String::new(),
    }
}

/// A value in a few words: the value itself if its type is right.
fn shown(wanted: &JsonObject, value: &Value) -> String {
    const SHORT: usize = 60;
    let is_short = |text: &str| text.chars().count() <= SHORT;
    match (wanted_type(wanted), value) {
        ("integer" | "number", Value::Number(number)) => number.to_string(),
        ("string" | "integer" | "number" | "boolean", Value::String(text)) if is_short(text) => {
            value.to_string()
        }
        (_, Value::Null) => "null".to_owned(),
        (_, Value::Bool(_)) => "a boolean".to_owned(),
        (_, Value::Number(_)) => "a number".to_owned(),
        (_, Value::String(_)) => "a string".to_owned(),
        (_, Value::Array(_)) => "an array".to_owned(),
        (_, Value::Object(_)) => "an object".to_owned(),
    }
}

/// The form that a schema wants, in the terms of JSON.
fn describe(wanted: &JsonObject) -> String {
    if let Some(choices) = wanted.get("enum").and_then(Value::as_array) {
        let names: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
        return format!("one of {}", names.join(", "));
    }
    let bounds = match (bound(wanted, "minimum"), bound(wanted, "maximum")) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        (Some(least), None) => format!(", {least} or more"),
        (None, Some(most)) => format!(", {most} or less"),
        (None, None) => String::new(),
    };
    match wanted_type(wanted) {
        "string" => "a string".to_owned(),
        "integer" => format!("a whole number{bounds}"),
        "number" => format!("a number{bounds}"),
        "boolean" => "true or false".to_owned(),
        "array" => match wanted.get("items").and_then(Value::as_object).map_or("", wanted_type) {
            "string" => "an array of strings".to_owned(),
            "object" => "an array of objects".to_owned(),
            _ => "an array".to_owned(),
        },
        "object" => format!("an object{}", fields(wanted)),
        _ => "a JSON value".to_owned(),
    }
}

/// The names that an object may have.
fn fields(wanted: &JsonObject) -> String {
    match properties(wanted) {
        Some(known) if !known.is_empty() => {
            format!(" with {}", known.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
        }
        _ => String::new(),
    }
}

fn unknown(name: &str, place: &str, known: &Map<String, Value>) -> String {
    const SHORT: usize = 80;
    let short = head(name, SHORT);
    let what = format!("unknown argument `{}`", member(place, short));
    match nearest(short, known) {
        Some(meant) => format!("{what}; did you mean `{meant}`?"),
        None if known.is_empty() => format!("{what}; the tool has no arguments"),
        None => format!("{what}; known: {}", known.keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
    }
}

/// The known name that was most likely meant.
fn nearest<'a>(name: &str, known: &'a Map<String, Value>) -> Option<&'a str> {
    let alike = |one: &str| {
        let name = name.to_lowercase();
        NAMES.alike.iter().any(|names| has(names, one) && has(names, &name))
    };
    known
        .keys()
        .map(|one| (if alike(one) { 0.99 } else { likeness(one, name) }, one.as_str()))
        .filter(|(likeness, _)| *likeness >= LIKE_ENOUGH)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, one)| one)
}

fn properties(schema: &JsonObject) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

fn wanted_type(schema: &JsonObject) -> &str {
    schema.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn member(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(arguments: Value) -> Result<Value, String> {
        let schema = json!({
            "type": "object",
            "required": ["prompt"],
            "additionalProperties": false,
            "properties": {
                "prompt": { "type": "string" },
                "stage": { "type": "string", "enum": ["analyze", "debug"] },
                "context_files": { "type": "array", "items": { "type": "string" } },
                "timeout_sec": { "type": "integer", "minimum": 1 },
                "confidence": { "type": "number" },
                "dry_run": { "type": "boolean" },
                "free": { "type": "object" },
                "checks": { "type": "array", "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["id"],
                    "properties": { "id": { "type": "string" }, "passed": { "type": "boolean" } }
                } },
            },
        });
        let object = |value: Value| value.as_object().unwrap().clone();
        fitted(&object(schema), object(arguments)).map(Value::Object)
    }

    fn taken(more: &Value) -> Value {
        let mut arguments = json!({ "prompt": "x" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut read = read(arguments).unwrap();
        read.as_object_mut().unwrap().remove("prompt");
        read
    }

    #[test]
    fn what_is_longer_than_anybody_means_is_refused() {
        let schema = |kind: Value| {
            let properties =
                json!({ "topic": kind, "task": { "type": "string" }, "files": { "type": "array" } });
            json!({ "type": "object", "properties": properties, "required": ["topic"] })
        };
        let schema = schema(json!({ "type": "string" })).as_object().unwrap().clone();
        let said = |arguments: Value| fitted(&schema, arguments.as_object().unwrap().clone());
        let refused = said(json!({ "topic": "x".repeat(501) })).unwrap_err();
        assert_eq!(refused, "topic must be at most 500 characters (got 501)");
        let refused = said(json!({ "topic": "t", "task": "가".repeat(100_001) })).unwrap_err();
        assert_eq!(refused, "task must be at most 100,000 characters (got 100,001)");
        let refused = said(json!({ "topic": "t", "files": vec!["a"; 501] })).unwrap_err();
        assert_eq!(refused, "files must name at most 500 files or patterns (got 501)");
        let fits = json!({ "topic": "가".repeat(500), "task": "x".repeat(100_000), "files": vec!["a"; 500] });
        assert!(said(fits).is_ok());
    }

    #[test]
    fn a_choice_in_quotes_is_the_choice() {
        assert_eq!(taken(&json!({ "stage": "\"debug\"" })), json!({ "stage": "debug" }));
        assert!(read(json!({ "prompt": "x", "stage": "\"dance\"" })).is_err());
        assert_eq!(read(json!({ "prompt": "\"x\"" })).unwrap(), json!({ "prompt": "\"x\"" }));
    }

    #[test]
    fn advice_fits_what_was_sent() {
        for (sent, told) in [
            (json!({ "context_files": "a.py, b.py" }), "(got a string): send [\"a.py\",\"b.py\"]"),
            (json!({ "context_files": "['a.py']" }), "(got a string): send the array itself, not its text"),
            (json!({ "free": "{'a': 1}" }), "(got a string): send the object itself, not its text"),
            (json!({ "free": "some words" }), "(got a string)"),
            (json!({ "confidence": 1e300 }), "confidence must be a number (got 1e+300)"),
        ] {
            let mut arguments = json!({ "prompt": "x" });
            arguments.as_object_mut().unwrap().extend(sent.as_object().unwrap().clone());
            let error = read(arguments).unwrap_err();
            assert!(error.ends_with(told), "{error}");
        }
    }

    /// An object that takes other keys than its own still takes none of its own misspelt.
    #[test]
    fn a_misspelt_key_of_an_open_object_is_refused() {
        let schema = json!({ "type": "object", "properties": { "candidates": { "type": "array", "items": {
            "type": "object", "required": ["id"],
            "properties": { "id": { "type": "string" }, "content": { "type": "string" }, "content_file": { "type": "string" } },
        } } } });
        let said = |one: Value| {
            let arguments = json!({ "candidates": [one] });
            fitted(schema.as_object().unwrap(), arguments.as_object().unwrap().clone())
        };
        for key in ["contnt", "Content", "text", "diff"] {
            let told = said(json!({ "id": "a", key: "x" })).unwrap_err();
            assert_eq!(told, format!("unknown argument `candidates[0].{key}`; did you mean `content`?"));
        }
        for taken in [
            json!({ "id": "a", "content": "x", "content_is": "text", "elapsed_ms": 1, "model": null }),
            json!({ "id": "a", "content_file": "x", "content_is": "text" }),
            json!({ "id": "a", "ok": false, "code": "timeout", "error": "x", "hint": "y", "retryable": true }),
        ] {
            assert!(said(taken.clone()).is_ok(), "{taken}");
        }
    }

    #[test]
    fn null_is_absent() {
        assert_eq!(taken(&json!({ "stage": null, "timeout_sec": null, "dry_run": "null" })), json!({}));
        assert_eq!(
            taken(&json!({ "checks": [{ "id": "a", "passed": null }] })),
            json!({ "checks": [{ "id": "a" }] })
        );
        assert_eq!(taken(&json!({ "free": { "kept": null } })), json!({ "free": { "kept": null } }));
        assert_eq!(taken(&json!({ "stage": "null" })), json!({}));
        assert_eq!(read(json!({ "prompt": "null" })).unwrap(), json!({ "prompt": "null" }));
        assert_eq!(read(json!({ "prompt": null })).unwrap_err(), "prompt must be a string (got null)");
    }

    #[test]
    fn the_text_of_a_value_is_the_value() {
        for (sent, meant) in [
            (json!({ "context_files": "[\"a.py\"]" }), json!({ "context_files": ["a.py"] })),
            (json!({ "context_files": "\n [ ] " }), json!({ "context_files": [] })),
            (json!({ "context_files": ["[1]"] }), json!({ "context_files": ["[1]"] })),
            (
                json!({ "timeout_sec": "5", "confidence": "0.5" }),
                json!({ "timeout_sec": 5, "confidence": 0.5 }),
            ),
            (json!({ "timeout_sec": 5.0 }), json!({ "timeout_sec": 5 })),
            (json!({ "dry_run": "false" }), json!({ "dry_run": false })),
            (json!({ "free": "{\"a\":\"1\"}" }), json!({ "free": { "a": "1" } })),
            (
                json!({ "checks": "[\"{\\\"id\\\":\\\"1\\\",\\\"passed\\\":\\\"true\\\"}\"]" }),
                json!({ "checks": [{ "id": "1", "passed": true }] }),
            ),
        ] {
            assert_eq!(taken(&sent), meant, "{sent}");
        }
        // A text stays a text if the schema wants one.
        for text in ["[\"a\"]", "{}", "5", "true", "null"] {
            assert_eq!(read(json!({ "prompt": text })).unwrap(), json!({ "prompt": text }));
        }
    }

    #[test]
    fn what_does_not_fit_is_told_in_words_of_json() {
        for (sent, told) in [
            (json!({ "context_files": 5 }), "context_files must be an array of strings (got a number)"),
            (
                json!({ "context_files": "a.py" }),
                "context_files must be an array of strings (got a string): send [\"a.py\"]",
            ),
            (
                json!({ "context_files": "[a.py]" }),
                "context_files must be an array of strings (got a string): send the array itself, not its text",
            ),
            (json!({ "context_files": ["a", 1] }), "context_files[1] must be a string (got a number)"),
            (json!({ "timeout_sec": 0 }), "timeout_sec must be a whole number, 1 or more (got 0)"),
            (json!({ "timeout_sec": 1.5 }), "timeout_sec must be a whole number, 1 or more (got 1.5)"),
            (
                json!({ "timeout_sec": "soon" }),
                "timeout_sec must be a whole number, 1 or more (got \"soon\")",
            ),
            (json!({ "dry_run": "True" }), "dry_run must be true or false (got \"True\")"),
            (json!({ "stage": "dance" }), "stage must be one of analyze, debug (got \"dance\")"),
            (json!({ "free": [] }), "free must be an object (got an array)"),
            (json!({ "checks": [{ "passed": true }] }), "checks[0].id is missing: it must be a string"),
            (
                json!({ "checks": [{ "id": "a", "pased": true }] }),
                "unknown argument `checks[0].pased`; did you mean `passed`?",
            ),
        ] {
            let mut arguments = json!({ "prompt": "x" });
            arguments.as_object_mut().unwrap().extend(sent.as_object().unwrap().clone());
            assert_eq!(read(arguments).unwrap_err(), told);
        }
    }

    #[test]
    fn another_name_of_the_same_thing_is_taken_once() {
        for name in ["task", "question", "task_description", "test_prompt"] {
            assert_eq!(read(json!({ name: "x" })).unwrap(), json!({ "prompt": "x" }));
            for sent in [json!({ "prompt": "x", name: "y" }), json!({ name: "y", "prompt": "x" })] {
                let told = read(sent).unwrap_err();
                assert_eq!(told, format!("`{name}` is another name of `prompt`: send one of the two"));
            }
        }
        assert!(read(json!({ "task": "x", "question": "y" })).unwrap_err().contains("send one of the two"));
        assert_eq!(taken(&json!({ "files": ["a"] })), json!({ "context_files": ["a"] }));
        assert_eq!(taken(&json!({ "files": "[\"a\"]" })), json!({ "context_files": ["a"] }));
        assert_eq!(read(json!({ "task": null })).unwrap_err(), "prompt must be a string (got null)");
        // Where two parameters could be meant, neither is taken.
        let both = json!({ "type": "object", "additionalProperties": false, "properties": {
            "task": { "type": "string" }, "prompt": { "type": "string" } } });
        let sent = json!({ "question": "x" });
        let told = fitted(both.as_object().unwrap(), sent.as_object().unwrap().clone()).unwrap_err();
        assert!(told.starts_with("unknown argument `question`"), "{told}");
    }

    #[test]
    fn what_is_unknown_is_named_with_what_was_meant() {
        for (name, meant) in [
            ("promt", Some("prompt")),
            ("query", Some("prompt")),
            ("contextFiles", Some("context_files")),
            ("paths", Some("context_files")),
            ("timeout", Some("timeout_sec")),
            ("toolCallId", None),
        ] {
            let told = read(json!({ "prompt": "x", name: 1 })).unwrap_err();
            assert!(told.starts_with(&format!("unknown argument `{name}`; ")), "{told}");
            match meant {
                Some(meant) => assert!(told.ends_with(&format!("did you mean `{meant}`?")), "{told}"),
                None => assert!(told.contains("known: prompt, stage"), "{told}"),
            }
        }
        assert!(read(json!({ "prompt": "x", "_meta": { "progressToken": 1 } })).is_ok());
        assert_eq!(
            read(json!({ "promt": "x" })).unwrap_err(),
            "unknown argument `promt`; did you mean `prompt`?; prompt is missing: it must be a string"
        );
    }
}

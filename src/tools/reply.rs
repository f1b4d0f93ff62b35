//! The form of every result: the object as structured content and as text, and an error as an
//! object with a code and a hint.

use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::{Map, Number, Value, json};

use crate::domain::language::{Language, Languages};
use crate::domain::pairs::with;
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::oversize::{cut_down, is_oversize};
use crate::flow::project_files::ProjectFiles;

/// The result of a flow. `ok: false` marks it as an error for the client.
pub(crate) fn reply<T: Serialize>(outcome: Result<T, Error>) -> CallToolResult {
    reply_with_value(outcome.and_then(|result| serde_json::to_value(result).map_err(Error::internal)))
}

/// As [`reply`], without the copy that it makes of a value.
pub(crate) fn reply_with_value(outcome: Result<Value, Error>) -> CallToolResult {
    outcome.map_or_else(|error| failure(&error), |value| structured(with_ok(value)))
}

pub(crate) fn failure(error: &Error) -> CallToolResult {
    let object = with(json!({ "ok": false }), error.note());
    structured(match error {
        Error::Unknown { kind: "topic", available, .. } => {
            with(object, json!({ "available_topics": available }))
        }
        _ => object,
    })
}

/// The result of an error with further fields, which never replace the error's own.
pub(crate) fn failure_with(error: &Error, more: &Value) -> CallToolResult {
    let mut result = failure(error);
    let object = result.structured_content.as_mut().and_then(Value::as_object_mut);
    if let (Some(fields), Some(more)) = (object, more.as_object()) {
        for (name, value) in more {
            fields.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    structured(result.structured_content.unwrap_or_default())
}

/// The result with this object. Its text is missing until [`written`], because notes may still be added.
pub(crate) fn structured(mut value: Value) -> CallToolResult {
    round(&mut value);
    let is_error = value.get("ok") == Some(&Value::Bool(false));
    let mut result =
        if is_error { CallToolResult::error(Vec::new()) } else { CallToolResult::success(Vec::new()) };
    result.structured_content = Some(value);
    result
}

/// Adds the object as text in front of the links, unless it is there.
pub(crate) fn written(mut result: CallToolResult) -> CallToolResult {
    if let (None, Some(value)) = (text_of(&result), &result.structured_content) {
        let text = serde_json::to_string(value).unwrap_or_default();
        result.content.insert(0, ContentBlock::text(text));
    }
    result
}

fn text_of(result: &CallToolResult) -> Option<&str> {
    result.content.iter().find_map(|block| block.as_text()).map(|text| text.text.as_str())
}

/// Keys with data of others, whose numbers stay as they are.
const FOREIGN: [&str; 5] = ["output", "outputs", "structured", "content", "schema"];

/// Rounds our own numbers: a reader takes 0.6666666666666666 for precision.
fn round(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(short) = number.as_f64().map(shortened).and_then(Number::from_f64) {
                *number = short;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(round),
        Value::Object(fields) => {
            let own = fields.iter_mut().filter(|(name, _)| !FOREIGN.contains(&name.as_str()));
            own.for_each(|(_, inner)| round(inner));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Rounds to nine decimals, so that another order of summation changes nothing; to six digits if tiny.
fn shortened(number: f64) -> f64 {
    const TINY: f64 = 1e-4;
    let text = if number.abs() < TINY { format!("{number:.5e}") } else { format!("{number:.9}") };
    text.parse().unwrap_or(number)
}

/// Adds keys to a response; they never replace its own.
pub(crate) fn with_notes(response: CallToolResponse, notes: Vec<(&'static str, Value)>) -> CallToolResponse {
    changed(response, |value| {
        let (Some(object), false) = (value.as_object_mut(), notes.is_empty()) else { return false };
        for (name, mut note) in notes {
            round(&mut note);
            object.entry(name).or_insert(note);
        }
        true
    })
}

/// Changes the object of a response by `change`, which returns true if it did.
fn changed(response: CallToolResponse, change: impl FnOnce(&mut Value) -> bool) -> CallToolResponse {
    let CallToolResponse::Complete(mut result) = response else { return response };
    if result.structured_content.as_mut().is_some_and(change) {
        // A text that is there was written before the change.
        result.content.retain(|block| block.as_text().is_none());
    }
    result.into()
}

/// Keys of a result that have a twin for each further language, such as `message_ko`.
const WITH_TWINS: [&str; 10] = [
    "action_required", "context", "key_findings", "message", "next_stage_preview", "options", "question",
    "risks", "stage_display_name", "summary",
];

/// Objects of a result with one text for each language.
const IN_EACH_LANGUAGE: [&str; 2] = ["instructions", "tips"];

/// Keys with words of others, whose own keys stay.
const QUOTED: [&str; 5] = ["output", "outputs", "structured", "content", "metrics"];

/// Keeps the languages that the user reads, and drops twins in others. English keys always stay, because
/// models use them.
pub(crate) fn in_languages(response: CallToolResponse, languages: Languages) -> CallToolResponse {
    let read = languages.of_reports();
    let left_out: Vec<&str> = Language::all()
        .filter(|language| *language != Language::ENGLISH && !read.contains(language))
        .map(Language::tag)
        .collect();
    changed(response, |value| !left_out.is_empty() && leave_out(value, &left_out) > 0)
}

/// Drops the texts in these languages, and returns their number.
fn leave_out(value: &mut Value, languages: &[&str]) -> usize {
    let is_twin = |name: &str| {
        let of = |code: &&str| name.strip_suffix(code)?.strip_suffix('_');
        languages.iter().filter_map(of).any(|name| WITH_TWINS.contains(&name))
    };
    match value {
        Value::Object(fields) => {
            let before = fields.len();
            fields.retain(|name, _| !is_twin(name));
            let mut dropped = before - fields.len();
            for (name, inner) in fields {
                if IN_EACH_LANGUAGE.contains(&name.as_str())
                    && let Value::Object(texts) = inner
                {
                    let before = texts.len();
                    texts.retain(|code, _| !languages.contains(&code.as_str()));
                    dropped += before - texts.len();
                }
                if !QUOTED.contains(&name.as_str()) {
                    dropped += leave_out(inner, languages);
                }
            }
            dropped
        }
        Value::Array(values) => values.iter_mut().map(|value| leave_out(value, languages)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Cuts a response to the size that a client shows.
pub(crate) async fn with_room(
    config: &Configuration,
    project: &ProjectFiles,
    tool: &str,
    response: CallToolResponse,
) -> CallToolResponse {
    let CallToolResponse::Complete(result) = response else { return response };
    let mut result = written(result);
    if text_of(&result).is_some_and(is_oversize)
        && let Some(value) = result.structured_content.take()
    {
        let cut = cut_down(config, project, tool, value).await;
        result = cut.map_or_else(|error| failure(&error), structured);
    }
    result.into()
}

/// Every result begins with `ok`.
fn with_ok(value: Value) -> Value {
    match value {
        Value::Object(object) if object.contains_key("ok") => Value::Object(object),
        Value::Object(object) => {
            let mut out = Map::with_capacity(object.len() + 1);
            out.insert("ok".into(), Value::Bool(true));
            out.extend(object);
            Value::Object(out)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_numbers_are_short_and_those_of_others_stay() {
        let mut value = json!({
            "rate": 0.666_666_666_666_666_6, "tiny": 0.000_000_123_456_789, "ms": 1_234_567.891_234_567_8, "n": 3,
            "list": [{ "score": 0.1 }, 2.0], "structured": { "x": 0.123_456_789_012 },
        });
        round(&mut value);
        assert_eq!(
            value,
            json!({
                "rate": 0.666_666_667, "tiny": 0.000_000_123_457, "ms": 1_234_567.891_234_568, "n": 3,
                "list": [{ "score": 0.1 }, 2.0], "structured": { "x": 0.123_456_789_012 },
            })
        );
    }
}

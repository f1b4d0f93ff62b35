//! From a line to a message, or to the reply that a line deserves which is none.

use std::borrow::Cow;

use rmcp::model::{ClientJsonRpcMessage, ErrorCode, ErrorData, RequestId};
use serde_json::Value;

use super::lines::id_of;

pub(super) enum Read {
    /// A message.
    Message(Box<ClientJsonRpcMessage>),
    /// Nothing that anybody waits for: a blank line, or a notification that MCP does not know.
    Nothing,
    /// Something that somebody may wait for an answer to.
    Refused(Option<RequestId>, ErrorData),
}

/// Reads a line.
pub(super) fn read(line: &[u8]) -> Read {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return Read::Nothing;
    }
    if let Ok(message) = serde_json::from_slice(line) {
        return Read::Message(Box::new(message));
    }
    // `JSON.stringify` writes half of a pair for a string that was cut inside a character.
    let mended = mended(line);
    if let Ok(message) = serde_json::from_str(&mended) {
        return Read::Message(Box::new(message));
    }
    match serde_json::from_str::<Value>(&mended) {
        Ok(Value::Object(object)) if object.contains_key("method") && !object.contains_key("id") => {
            Read::Nothing
        }
        Ok(value) => not_a_message(&value),
        Err(error) => {
            let refusal = ErrorData::new(ErrorCode::PARSE_ERROR, format!("not JSON: {error}"), None);
            Read::Refused(request_id(id_of(line)), refusal)
        }
    }
}

/// JSON that is no message: a known method with parameters of a wrong form, or anything else.
fn not_a_message(value: &Value) -> Read {
    let id = value.get("id").cloned().and_then(request_id);
    if value.get("method").is_none() && (value.get("result").is_some() || value.get("error").is_some()) {
        return malformed_answer(id);
    }
    let refusal = match (&id, value.get("method").and_then(Value::as_str)) {
        (Some(_), Some(method)) => {
            let method: String = method.chars().take(80).collect();
            ErrorData::invalid_params(format!("the parameters of {method} are malformed"), None)
        }
        _ => ErrorData::invalid_request("Invalid request", None),
    };
    Read::Refused(id, refusal)
}

/// Something that was meant as an answer to a question of ours. It is never answered itself; whoever
/// waits for it learns that it will not come.
fn malformed_answer(id: Option<RequestId>) -> Read {
    match id {
        Some(id) => {
            let error = ErrorData::invalid_request("the client's answer is malformed", None);
            Read::Message(Box::new(ClientJsonRpcMessage::error(error, Some(id))))
        }
        None => Read::Nothing,
    }
}

/// An id that can be answered.
pub(super) fn request_id(id: Value) -> Option<RequestId> {
    match id {
        Value::Number(number) => number.as_i64().map(RequestId::Number),
        Value::String(text) => Some(RequestId::String(text.into())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The line with replacement characters for what is no character.
fn mended(line: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(line);
    if text.contains("\\u") { Cow::Owned(without_lone_surrogates(&text)) } else { text }
}

fn without_lone_surrogates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let length = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                out.push_str("\\ufffd");
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            (Some(_), _) => 6,
            // Any other escape is a backslash and one character.
            (None, _) => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (kept, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        out.push_str(kept);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The UTF-16 unit that an escape such as `\ud800` stands for.
fn unit(escape: &str) -> Option<u16> {
    u16::from_str_radix(escape.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn halves_of_pairs_are_replaced_and_whole_ones_stay() {
        for (written, mended) in [
            (r#""a\ud800""#, r#""a\ufffd""#),
            (r#""\udc00\ud83d\ude00\ud83d""#, r#""\ufffd\ud83d\ude00\ufffd""#),
            (r#""\\ud800 \n \u00e9""#, r#""\\ud800 \n \u00e9""#),
        ] {
            assert_eq!(without_lone_surrogates(written), mended);
        }
    }

    proptest! {
        #[test]
        fn json_stays_what_it_is(text in ".{0,60}") {
            let written = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(without_lone_surrogates(&written), written);
        }

        #[test]
        fn no_line_is_too_strange(line in proptest::collection::vec(any::<u8>(), 0..80), text in r#"[\\u0-9a-fD"{}:, ]{0,40}"#) {
            read(&line);
            read(text.as_bytes());
        }
    }
}

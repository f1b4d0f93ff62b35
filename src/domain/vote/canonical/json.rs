//! JSON by value.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::{lines, patch};

/// The largest whole number below which a double tells every whole number apart.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The value of a JSON object or array as text: sorted keys, one spelling for each number. Other
/// values are no JSON answers: `1.10` may well be a version and no number.
pub(super) fn key(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok().map(key_of)
}

/// The same of a value that is read already.
pub(super) fn key_of(value: Value) -> String {
    normal(value).to_string()
}

fn normal(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<String, Value> =
                fields.into_iter().map(|(name, value)| (name, normal(value))).collect();
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(normal).collect()),
        Value::Number(number) => Value::Number(one_spelling(number)),
        Value::String(text) => Value::String(patch::key(&text).unwrap_or_else(|| lines(text.trim()))),
        Value::Null | Value::Bool(_) => value,
    }
}

/// `2.0` and `2e0` are 2.
fn one_spelling(number: Number) -> Number {
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < EXACT =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number within range")]
            Number::from(value as i64)
        }
        Some(_) | None => number,
    }
}

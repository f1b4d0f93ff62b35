//! `${NAME}` and `${NAME:-default}` in the strings of a configuration file.
//!
//! A value takes the variable's place after the file was parsed: whatever a variable holds, it can
//! become no key, no list and no comment.

use std::sync::OnceLock;

use regex::{Captures, Regex};
use serde_json::Value;

use super::Problem;
use crate::host::environment::Environment;

/// Way in which a string that is a variable and nothing else is understood.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As the text that it is.
    Text,
    /// As the number or the truth value that it spells, for settings that take one.
    Scalar,
}

/// True if a text speaks of variables at all.
pub(super) fn is_needed(text: &str) -> bool {
    text.contains("${")
}

/// Replaces the variables in every string of a document, and says which are not set.
pub(super) fn expand(
    document: &mut Value,
    reading: Reading,
    source: &Source<'_>,
    environment: &Environment,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk(document, reading, source, environment, &mut problems);
    problems
}

/// The file that a document comes from, for its messages.
pub(super) struct Source<'a> {
    pub(super) origin: &'a str,
    pub(super) text: &'a str,
}

fn walk(
    value: &mut Value,
    reading: Reading,
    source: &Source<'_>,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) {
    match value {
        Value::String(text) => {
            if let Some(filled) = filled(text, source, environment, problems) {
                *value = read(&filled, text, reading);
            } else if text.contains("${") {
                problems.push(Problem::everything(format!(
                    "{}: line {}: {text:?} holds a malformed ${{...}}; write ${{NAME}} or ${{NAME:-default}}",
                    source.origin,
                    line_of(source.text, "")
                )));
            }
        }
        Value::Array(items) => {
            for item in items {
                walk(item, reading, source, environment, problems);
            }
        }
        Value::Object(fields) => {
            for field in fields.values_mut() {
                walk(field, reading, source, environment, problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text with its variables replaced, where it has any.
fn filled(
    text: &str,
    source: &Source<'_>,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let pattern = pattern().filter(|pattern| pattern.is_match(text))?;
    let replaced = pattern.replace_all(text, |found: &Captures<'_>| {
        let name = found.name("name").map_or("", |name| name.as_str());
        let default = found.name("default").map(|default| default.as_str());
        if let Some(value) = environment.get(name).or(default) {
            return value.to_owned();
        }
        problems.push(Problem::everything(format!(
            "{}: line {}: ${{{name}}} is not set; set the variable {name}, or write ${{{name}:-default}}",
            source.origin,
            line_of(source.text, name)
        )));
        String::new()
    });
    Some(replaced.into_owned())
}

/// A parser's message without the values that it quotes.
pub(super) fn without_values(message: &str) -> String {
    static QUOTED: OnceLock<Option<Regex>> = OnceLock::new();
    QUOTED
        .get_or_init(|| Regex::new(r#"(?:string )?["`].*["`]"#).ok())
        .as_ref()
        .map_or_else(String::new, |quoted| quoted.replace(message, "a text").into_owned())
}

fn read(filled: &str, written: &str, reading: Reading) -> Value {
    let is_nothing_else =
        pattern().and_then(|pattern| pattern.find(written)).is_some_and(|found| found.len() == written.len());
    if reading == Reading::Scalar
        && is_nothing_else
        && let Ok(scalar @ (Value::Bool(_) | Value::Number(_))) = serde_yaml::from_str(filled)
    {
        return scalar;
    }
    Value::from(filled)
}

/// The line that speaks of a variable, comments apart.
fn line_of(text: &str, name: &str) -> usize {
    let written = format!("${{{name}");
    let speaks = |line: &str| !line.trim_start().starts_with('#') && line.contains(&written);
    text.lines().position(speaks).map_or(1, |index| index + 1)
}

fn pattern() -> Option<&'static Regex> {
    static PATTERN: OnceLock<Option<Regex>> = OnceLock::new();
    PATTERN
        .get_or_init(|| Regex::new(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}").ok())
        .as_ref()
}

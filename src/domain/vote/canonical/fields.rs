//! Compares the answers of a micro-step by the fields that the step declares, each in its own way. Prose and
//! stated confidence are never compared, since they differ between answers that mean the same.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::code::code_key;
use super::place::place_key;
use super::{Canonical, Form};
use crate::domain::vote::canonical;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By value. One line of text is compared by its words.
    Value,
    /// As the path of a file, in its shortest form.
    Path,
    /// As a place in a file, without brackets, quotes, the word "line" and the name of the module.
    Place,
    /// As code, without comments and blank lines.
    Code,
    /// As a command, by its words.
    Words,
    /// As a diff, by the lines that it removes and adds.
    ChangedLines,
}

/// The compared fields, each with its way of comparing, in the order of the file of steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VoteBy(IndexMap<String, How>);

impl VoteBy {
    /// True if no field is compared. Such a step is not voted on.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The names of the fields, separated by commas.
    pub fn in_a_line(&self) -> String {
        self.names().collect::<Vec<_>>().join(", ")
    }

    /// The canonical form of a document. None if every compared field is absent, null or empty: such an
    /// answer has nothing to vote for.
    pub fn project(&self, document: &Value) -> Option<Canonical> {
        let files: Vec<&str> = self
            .0
            .iter()
            .filter(|(_, how)| **how == How::Path)
            .filter_map(|(name, _)| document.get(name)?.as_str())
            .collect();
        let compared = |(name, how): (&String, &How)| (name.clone(), field(document.get(name), *how, &files));
        let fields: Map<String, Value> = self.0.iter().map(compared).collect();
        let says_something = fields.values().any(|value| !value.is_null());
        says_something.then(|| Canonical { form: Form::Fields, key: Value::Object(fields).to_string() })
    }
}

/// The canonical form of a field. Absent, null and empty values are all null.
fn field(value: Option<&Value>, how: How, files: &[&str]) -> Value {
    match value {
        None | Some(Value::Null) => Value::Null,
        Some(Value::String(text)) if text.trim().is_empty() => Value::Null,
        Some(Value::Array(items)) if items.is_empty() => Value::Null,
        Some(Value::Object(fields)) if fields.is_empty() => Value::Null,
        Some(Value::String(text)) => string(text, how, files),
        Some(Value::Array(items)) => items.iter().map(|item| field(Some(item), how, files)).collect(),
        Some(other) => Value::String(canonical::key_of(other.clone())),
    }
}

fn string(written: &str, how: How, files: &[&str]) -> Value {
    let key = match how {
        How::Value => return Value::String(Canonical::of(written).key),
        How::Path => file(written),
        How::Place => place_key(written, files),
        // Not trimmed, because the indent of the first line counts too.
        How::Code => code_key(super::inside_fence(written.trim()).unwrap_or(written)),
        How::Words => return command(super::unfenced(written)),
        How::ChangedLines => {
            canonical::patch_key(written).unwrap_or_else(|| super::lines(super::unfenced(written)))
        }
    };
    if key.is_empty() { Value::Null } else { Value::String(key) }
}

/// The path of a file, without marks around it and without a line number after it.
fn file(written: &str) -> String {
    let plain = canonical::plain(written);
    let bare = canonical::undressed(&plain);
    let bare = bare.strip_prefix("file://").unwrap_or(bare);
    let without_line =
        bare.split_once('#').filter(|(_, rest)| rest.starts_with(['L', 'l'])).map_or(bare, |(path, _)| path);
    let mut parts = without_line.rsplitn(3, ':').collect::<Vec<_>>();
    while parts.len() > 1 && parts.first().is_some_and(|part| is_a_line_number(part)) {
        parts.remove(0);
    }
    parts.reverse();
    canonical::shortest(&parts.join(":"))
}

fn is_a_line_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit() || letter == '-')
}

/// The words of a command, for each line, without quotes. Paths that begin with `./` are shortened.
fn command(written: &str) -> Value {
    let line = |line: &str| {
        let line = line.trim().trim_matches('`').trim();
        let line = line.strip_prefix("$ ").unwrap_or(line).trim();
        let words =
            shlex::split(line).unwrap_or_else(|| line.split_whitespace().map(str::to_owned).collect());
        // The program's own path stays, since it decides which program runs.
        let word = |(at, word): (usize, String)| match word.strip_prefix("./") {
            Some(_) if at > 0 => canonical::shortest(&word),
            Some(_) | None => word,
        };
        words.into_iter().enumerate().map(word).collect::<Vec<String>>()
    };
    let lines: Vec<Vec<String>> = written.lines().map(line).filter(|words| !words.is_empty()).collect();
    match lines.as_slice() {
        [] => Value::Null,
        [one] => serde_json::json!(one),
        several => serde_json::json!(several),
    }
}

#[cfg(test)]
mod tests;

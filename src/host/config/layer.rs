//! Merges configuration documents key by key, and remembers the origin of each value.

use indexmap::IndexMap;
use regex::Captures;
use serde_json::{Map, Value};

use super::Problem;
use crate::domain::cut::head;
use crate::domain::mask::is_modest_pattern;
use crate::domain::pattern::Pattern;
use crate::domain::typed::from_yaml;
use crate::host::environment::Environment;

/// The documents merged so far.
pub(super) struct Layers {
    merged: Value,
    origins: IndexMap<String, (Value, String)>,
}

impl Layers {
    pub(super) fn new() -> Self {
        Self { merged: Value::Object(Map::new()), origins: IndexMap::new() }
    }

    /// Adds a document on top. Mappings are merged; any other value replaces the one below.
    pub(super) fn add(&mut self, origin: &str, document: Value) {
        let Self { merged, origins } = self;
        merge(merged, document, &mut Vec::new(), &mut |path, value| {
            origins.insert(path, (value.clone(), origin.to_owned()));
        });
    }

    /// Adds a single value on top, at a path of keys.
    pub(super) fn set(&mut self, origin: &str, path: &[&str], value: Value) {
        let document = path
            .iter()
            .rev()
            .fold(value, |inner, key| Value::Object(Map::from_iter([((*key).to_owned(), inner)])));
        self.add(origin, document);
    }

    /// The current value at a path of keys.
    pub(super) fn value(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(&self.merged, |value, key| value.get(key))
    }

    /// The names of the providers in any layer.
    pub(super) fn provider_names(&self) -> Vec<String> {
        self.merged
            .get("providers")
            .and_then(Value::as_object)
            .map(|providers| providers.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// `(path, value, origin)` of every value.
    pub(super) fn origins(&self) -> Vec<(String, String, String)> {
        self.origins
            .iter()
            .map(|(path, (value, origin))| (path.clone(), plain(value), origin.clone()))
            .collect()
    }

    pub(super) fn finish(self) -> Value {
        self.merged
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn merge(base: &mut Value, over: Value, path: &mut Vec<String>, leaf: &mut impl FnMut(String, &Value)) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                path.push(key.clone());
                merge(base.entry(key).or_insert(Value::Null), value, path, leaf);
                path.pop();
            }
        }
        // An empty document or a section of comments sets nothing.
        (_, Value::Null) if path.is_empty() => {}
        (Value::Object(_), Value::Null) => {}
        (base, Value::Object(over)) if !over.is_empty() => {
            *base = Value::Object(Map::new());
            merge(base, Value::Object(over), path, leaf);
        }
        (base, over) => {
            *base = over;
            leaf(path.join("."), base);
        }
    }
}

/// Maximum number of masking patterns that a project may add.
const MOST_PATTERNS: usize = 50;

/// Maximum length of a name in bytes, for example of a model.
const LONGEST_NAME: usize = 100;

/// Removes harmful settings from a project's document, and returns their paths. `below` is the
/// configuration without the project: a limit may only become smaller.
pub(super) fn keep_harmless(document: &mut Value, below: &Value) -> Vec<String> {
    let mut harmful = Vec::new();
    drop_harmful(document, &mut Vec::new(), below, &mut harmful);
    harmful
}

/// Maximum number of reported keys.
const MOST_NAMED: usize = 40;

/// Maximum length of a reported key.
const LONGEST_KEY: usize = 60;

fn drop_harmful(value: &mut Value, path: &mut Vec<String>, below: &Value, harmful: &mut Vec<String>) -> bool {
    let Value::Object(fields) = value else {
        // An empty document or a section of comments sets nothing.
        let is_harmless = value.is_null() && path.len() < 2 || may_be_set(path, value, below);
        if !is_harmless && harmful.len() < MOST_NAMED {
            harmful.push(path.join("."));
        } else if !is_harmless && harmful.len() == MOST_NAMED {
            harmful.push("and more".to_owned());
        }
        return is_harmless;
    };
    let mut kept = Map::new();
    for (key, mut inner) in std::mem::take(fields) {
        // No setting has a longer name, so cutting hides none.
        path.push(head(&key, LONGEST_KEY).to_owned());
        if drop_harmful(&mut inner, path, below, harmful) {
            kept.insert(key, inner);
        }
        path.pop();
    }
    let says_something = !kept.is_empty();
    *fields = kept;
    says_something || path.is_empty()
}

fn may_be_set(path: &[String], value: &Value, below: &Value) -> bool {
    let below_value = path.iter().try_fold(below, |value, key| value.get(key));
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["language"] => is_name(value),
        ["max_parallel"]
        | ["context", _, _]
        | [
            "policy",
            "max_consults_per_stage" | "max_consults_total" | "max_debug_iterations" | "max_tools",
        ] => is_smaller(value, below_value),
        ["caps", _] => is_stricter(value, below_value),
        ["approvals"] => {
            let strictness = |value: &Value| value.as_str().and_then(strictness);
            strictness(value).is_some() && strictness(value) >= below_value.and_then(strictness)
        }
        ["masking", "regexes"] => are_modest(value),
        ["providers", name, key] => {
            below.get("providers").is_some_and(|known| known.get(name).is_some())
                && match *key {
                    "model" | "effort" => is_name(value),
                    "timeout_sec" | "stall_timeout_sec" => is_smaller(value, below_value),
                    "enabled" => *value == Value::Bool(false),
                    _ => false,
                }
        }
        _ => false,
    }
}

/// Rank of a mode of approvals: a higher rank is stricter.
pub(super) fn strictness(mode: &str) -> Option<u8> {
    ["relay", "ask", "human"].iter().position(|known| *known == mode).and_then(|at| u8::try_from(at).ok())
}

/// True if a value is a limit of at least 1 and at most that of the layers below.
fn is_smaller(value: &Value, below: Option<&Value>) -> bool {
    value
        .as_u64()
        .zip(below.and_then(Value::as_u64))
        .is_some_and(|(value, below)| (1..=below).contains(&value))
}

/// True if a cap is at most that of the layers below. Any cap is stricter than none.
fn is_stricter(value: &Value, below: Option<&Value>) -> bool {
    let below = below.and_then(Value::as_f64);
    value.as_f64().is_some_and(|value| value > 0.0 && below.is_none_or(|below| value <= below))
}

/// True if a value is safe as a name on a command line: it is no flag and refers to no environment variable.
fn is_name(value: &Value) -> bool {
    value.as_str().is_some_and(|name| {
        name.len() <= LONGEST_NAME
            && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.:/@+[]".contains(letter))
    })
}

fn are_modest(value: &Value) -> bool {
    value.as_array().is_some_and(|patterns| {
        patterns.len() <= MOST_PATTERNS
            && patterns.iter().all(|pattern| {
                pattern.as_str().is_some_and(|pattern| !pattern.contains("${") && is_modest_pattern(pattern))
            })
    })
}

// The strings of a configuration file may contain `${NAME}` and `${NAME:-default}`.
//
// Variables are replaced after the file is parsed, so a value cannot become a key, a list or a comment.

/// How to read a string that consists of one variable only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Text,
    /// As the number or boolean that it spells, for settings of that type.
    Scalar,
}

/// True if a text contains variables.
pub(super) fn has_variables(text: &str) -> bool {
    text.contains("${")
}

/// Replaces the variables of a file.
pub(super) struct Expansion<'a> {
    pub(super) origin: &'a str,
    pub(super) text: &'a str,
    pub(super) reading: Reading,
    pub(super) environment: &'a Environment,
}

impl Expansion<'_> {
    /// Replaces the variables in every string of a document, and reports unset ones.
    pub(super) fn expand(&self, value: &mut Value, problems: &mut Vec<Problem>) {
        match value {
            Value::String(text) => {
                if let Some(filled) = self.filled(text, problems) {
                    *value = read(&filled, text, self.reading);
                } else if text.contains("${") {
                    problems.push(Problem::everything(format!(
                        "{}: line {}: {text:?} contains a malformed ${{...}}; write ${{NAME}} or ${{NAME:-default}}",
                        self.origin,
                        self.line_of("")
                    )));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.expand(item, problems)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.expand(field, problems)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The text with its variables replaced; None if it has none.
    fn filled(&self, text: &str, problems: &mut Vec<Problem>) -> Option<String> {
        if !VARIABLE.is_in(text) {
            return None;
        }
        let replaced = VARIABLE.replaced(text, |found: &Captures<'_>| {
            let name = found.name("name").map_or("", |name| name.as_str());
            let default = found.name("default").map(|default| default.as_str());
            if let Some(value) = self.environment.get(name).or(default) {
                return value.to_owned();
            }
            problems.push(Problem::everything(format!(
                "{}: line {}: ${{{name}}} is not set; set the variable {name}, or write ${{{name}:-default}}",
                self.origin,
                self.line_of(name)
            )));
            String::new()
        });
        Some(replaced.into_owned())
    }

    /// The first line outside comments that contains a variable.
    fn line_of(&self, name: &str) -> usize {
        let written = format!("${{{name}");
        let speaks = |line: &str| !line.trim_start().starts_with('#') && line.contains(&written);
        self.text.lines().position(speaks).map_or(1, |index| index + 1)
    }
}

/// A parser's message without the values that it quotes.
pub(super) fn without_values(message: &str) -> String {
    static VALUES: Pattern = Pattern::new(r#"(?P<before>\(got ).*(?P<after>\))|["`].*["`]"#);
    VALUES
        .regex()
        .map_or_else(String::new, |values| values.replace(message, "${before}a text${after}").into_owned())
}

fn read(filled: &str, written: &str, reading: Reading) -> Value {
    let is_nothing_else = VARIABLE.find(written).is_some_and(|found| found.len() == written.len());
    if reading == Reading::Scalar
        && is_nothing_else
        && let Ok(scalar @ (Value::Bool(_) | Value::Number(_))) = from_yaml(filled)
    {
        return scalar;
    }
    Value::from(filled)
}

static VARIABLE: Pattern = Pattern::new(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}");

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(document: Value) -> (Value, Vec<String>) {
        let below = json!({
            "max_parallel": 8, "approvals": "ask", "repo_roots": [], "context": { "default": { "max_files": 7 } },
            "policy": { "max_consults_total": 6 }, "caps": { "day_usd": 5.0, "run_usd": null },
            "providers": { "codex": { "timeout_sec": 900, "command": "codex" } },
        });
        let mut document = document;
        let harmful = keep_harmless(&mut document, &below);
        (document, harmful)
    }

    #[test]
    fn harmless_keys_stay_as_they_are() {
        let document = json!({
            "max_parallel": 2, "approvals": "human", "context": { "default": { "max_files": 3 } },
            "policy": { "max_consults_total": 6 }, "masking": { "regexes": ["ACME-\\d+"] }, "language": "en",
            "caps": { "day_usd": 4.5, "run_usd": 100, "run_tokens": 9 },
            "providers": { "codex": { "model": "gpt-5.2[1m]", "effort": "low", "timeout_sec": 60, "enabled": false } },
        });
        assert_eq!(kept(document.clone()), (document, Vec::new()));
        for nothing in [json!(null), json!({}), json!({ "providers": null })] {
            assert_eq!(kept(nothing).1, Vec::<String>::new());
        }
    }

    #[test]
    fn everything_else_is_harmful() {
        for (document, path) in [
            (json!({ "repo_roots": ["/"] }), "repo_roots"),
            (json!({ "approvals": "relay" }), "approvals"),
            (json!({ "approvals": "${A}" }), "approvals"),
            (json!({ "max_parallel": 9 }), "max_parallel"),
            (json!({ "max_parallel": 0 }), "max_parallel"),
            (json!({ "policy": { "max_consults_total": 7 } }), "policy.max_consults_total"),
            (json!({ "caps": { "day_usd": 5.5 } }), "caps.day_usd"),
            (json!({ "caps": { "day_usd": null } }), "caps.day_usd"),
            (json!({ "caps": { "run_usd": 0 } }), "caps.run_usd"),
            (json!({ "policy": { "capability_threshold": 0.1 } }), "policy.capability_threshold"),
            (json!({ "context": { "everywhere": { "max_files": 1 } } }), "context.everywhere.max_files"),
            (json!({ "masking": { "replacement": "" } }), "masking.replacement"),
            (json!({ "masking": { "regexes": ["(a{1000}){1000}"] } }), "masking.regexes"),
            (json!({ "masking": { "regexes": ["("] } }), "masking.regexes"),
            (json!({ "masking": null, "tracing": { "directory": "x" } }), "tracing.directory"),
            (json!({ "backups": { "max_sessions": 1 } }), "backups.max_sessions"),
            (json!({ "disabled_tools": ["maestro_verify"] }), "disabled_tools"),
            (json!({ "unheard": { "of": [1] } }), "unheard.of"),
            (json!({ "providers": { "codex": { "command": "evil" } } }), "providers.codex.command"),
            (json!({ "providers": { "codex": { "extra_args": ["-x"] } } }), "providers.codex.extra_args"),
            (
                json!({ "providers": { "codex": { "extra_env": { "A": "b" } } } }),
                "providers.codex.extra_env.A",
            ),
            (json!({ "providers": { "codex": { "allow_env": ["*"] } } }), "providers.codex.allow_env"),
            (json!({ "providers": { "codex": { "model": "--yolo" } } }), "providers.codex.model"),
            (json!({ "providers": { "codex": { "model": "${OPENAI_API_KEY}" } } }), "providers.codex.model"),
            (json!({ "providers": { "codex": { "model": "a b" } } }), "providers.codex.model"),
            (json!({ "providers": { "codex": { "timeout_sec": 901 } } }), "providers.codex.timeout_sec"),
            (json!({ "providers": { "codex": { "enabled": true } } }), "providers.codex.enabled"),
            (json!({ "providers": { "codex": null } }), "providers.codex"),
            (json!({ "providers": { "new": { "model": "m" } } }), "providers.new.model"),
        ] {
            let (left, harmful) = kept(document.clone());
            assert_eq!(harmful, [path], "{document}");
            let is_gone = left.pointer(&format!("/{}", path.replace('.', "/"))).is_none();
            assert!(is_gone, "{document}: {left}");
        }
    }
}

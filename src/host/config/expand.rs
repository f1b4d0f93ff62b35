//! `${NAME}` and `${NAME:-default}` in a configuration file.

use std::sync::OnceLock;

use regex::{Captures, Regex};

use super::problem::Problem;
use crate::host::environment::Environment;

/// Replaces the variables of every line outside comments. Line numbers stay what they were, so
/// that a later message of the parser names the line that the user sees.
pub(super) fn expand(text: &str, origin: &str, environment: &Environment) -> (String, Vec<Problem>) {
    let mut problems = Vec::new();
    let lines: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(index, line)| expand_line(line, index + 1, origin, environment, &mut problems))
        .collect();
    (lines.join("\n") + "\n", problems)
}

fn expand_line(
    line: &str,
    number: usize,
    origin: &str,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> String {
    if line.trim_start().starts_with('#') {
        return line.to_owned();
    }
    pattern().map_or_else(
        || line.to_owned(),
        |pattern| {
            pattern
                .replace_all(line, |found: &Captures<'_>| {
                    let name = found.name("name").map_or("", |name| name.as_str());
                    let default = found.name("default").map(|default| default.as_str());
                    match environment.get(name).or(default) {
                        Some(value) => value.to_owned(),
                        None => {
                            problems.push(Problem::everything(format!(
                                "{origin}: line {number}: ${{{name}}} is not set; set the variable {name}, or write ${{{name}:-default}}"
                            )));
                            "null".to_owned()
                        }
                    }
                })
                .into_owned()
        },
    )
}

fn pattern() -> Option<&'static Regex> {
    static PATTERN: OnceLock<Option<Regex>> = OnceLock::new();
    PATTERN
        .get_or_init(|| Regex::new(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}").ok())
        .as_ref()
}

//! The common parts of rule files: their errors, and the notation of their examples.
//!
//! Rules are data (`conf/*.yaml`), and each carries examples of what it must and must not
//! match. The examples of the shipped rules are checked by tests, those of a file that
//! overrides them when it is loaded; constructing a checker never pays for them.

use std::ops::Range;

use serde::de::DeserializeOwned;

use super::words::in_brief;

/// Longest program a single rule may compile to, so that no rule file can exhaust memory.
pub(crate) const REGEX_SIZE_LIMIT: usize = 2 << 20;

/// An error of a rule file. The messages name rules, never files: the host adds the file.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleError {
    /// The text is not YAML of the expected form; the message carries line and column.
    #[error("not a valid rule file: {0}")]
    Yaml(String),
    /// A pattern of a rule does not compile.
    #[error("rule `{rule}`: bad pattern: {problem}")]
    Pattern {
        /// The rule.
        rule: String,
        problem: String,
    },
    /// A rule refers to something that the file does not define, or lacks what it needs.
    #[error("rule `{rule}`: {problem}")]
    Incomplete {
        /// The rule.
        rule: String,
        problem: String,
    },
    /// A `match` example that the rule does not match.
    #[error("rule `{rule}` does not match its example `{example}`{detail}")]
    Missed {
        /// The rule.
        rule: String,
        /// The example as the file has it.
        example: String,
        /// The other match, if any.
        detail: String,
    },
    /// A `not_match` example that the rule matches.
    #[error("rule `{rule}` matches `{example}`, which it must not")]
    Overreached {
        /// The rule.
        rule: String,
        /// The example as the file has it.
        example: String,
    },
}

/// Reads a rule file (or a section of one).
pub(crate) fn from_yaml<T: DeserializeOwned>(text: &str) -> Result<T, RuleError> {
    serde_yaml::from_str(text).map_err(|error| RuleError::Yaml(in_brief(&error.to_string())))
}

/// Returns what the regex compiler complains of, without the pattern that it draws above.
pub(crate) fn problem(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// One example line, after its notation is taken off.
///
/// `¦` is dropped (it breaks well-known prefixes, so that no scanner takes a rule file for a
/// leak), `\n` is a line break, and `⟦` `⟧` enclose what the rule must find.
pub(crate) struct Example {
    /// The text a rule is tried on.
    pub(crate) text: String,
    /// The parts between `⟦` and `⟧`.
    pub(crate) marked: Vec<Range<usize>>,
}

impl Example {
    /// Takes the notation off.
    pub(crate) fn parse(written: &str) -> Self {
        let mut text = String::with_capacity(written.len());
        let mut marked = Vec::new();
        let mut open = 0;
        let written = written.replace("\\n", "\n");
        for c in written.chars() {
            match c {
                '¦' => {}
                '⟦' => open = text.len(),
                '⟧' => marked.push(open..text.len()),
                other => text.push(other),
            }
        }
        Self { text, marked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_notation_off() {
        let example = Example::parse("a¦b ⟦cd⟧\\ne");
        assert_eq!(example.text, "ab cd\ne");
        assert_eq!(example.marked, vec![Range { start: 3, end: 5 }]);
    }

    #[test]
    fn says_where_the_yaml_is_wrong() {
        let error = from_yaml::<Vec<u8>>("- 1\n- x\n").unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}

//! Regexes as data: they live in YAML files beside the code that uses them, and compile on first use.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use indexmap::IndexMap;
use regex::{Captures, Match, Regex, Replacer};
use serde::Deserialize;

use super::packed;
use super::rule::{RuleError, compile};

/// A regex in which `^` and `$` match at the ends of lines.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Pattern {
    written: Cow<'static, str>,
    #[serde(skip)]
    compiled: OnceLock<Option<Regex>>,
}

impl From<String> for Pattern {
    fn from(written: String) -> Self {
        Self { written: written.into(), compiled: OnceLock::new() }
    }
}

impl Pattern {
    /// A pattern written in the code.
    pub(crate) const fn new(written: &'static str) -> Self {
        Self { written: Cow::Borrowed(written), compiled: OnceLock::new() }
    }

    /// Makes the pattern ignore case.
    pub(crate) fn ignore_case(&mut self) {
        *self = format!("(?i){}", self.written).into();
    }

    /// Checks that the pattern compiles.
    pub(crate) fn check(&self, rule: &str) -> Result<(), RuleError> {
        match self.regex() {
            Some(_) => Ok(()),
            None => compile(rule, &self.written).map(drop),
        }
    }

    /// The compiled regex; None if the pattern is invalid. A test compiles every shipped pattern.
    pub(crate) fn regex(&self) -> Option<&Regex> {
        let compile = || {
            let built = compile("", &self.written);
            built.inspect_err(|error| tracing::error!(%error, "a pattern does not compile")).ok()
        };
        self.compiled.get_or_init(compile).as_ref()
    }

    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    pub(crate) fn find<'t>(&self, text: &'t str) -> Option<Match<'t>> {
        self.regex()?.find(text)
    }

    pub(crate) fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.regex()?.captures(text)
    }

    pub(crate) fn replaced<'t>(&self, text: &'t str, with: impl Replacer) -> Cow<'t, str> {
        self.regex().map_or(Cow::Borrowed(text), |regex| regex.replace_all(text, with))
    }

    pub(crate) fn all<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Captures<'t>> {
        self.regex().into_iter().flat_map(move |regex| regex.captures_iter(text))
    }
}

/// The patterns of a file, by name.
#[derive(Debug, Default)]
pub(crate) struct Patterns(HashMap<String, Pattern>);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Parts of patterns, by the word that a pattern writes for each. A later part may use an earlier one.
    #[serde(default)]
    parts: IndexMap<String, String>,
    patterns: HashMap<String, String>,
}

impl Patterns {
    /// Reads an embedded file.
    pub(crate) fn read(path: &str) -> Self {
        let File { parts, patterns } = packed::read(path);
        let whole = |pattern: String| {
            parts.iter().rev().fold(pattern, |pattern, (word, part)| pattern.replace(word, part))
        };
        Self(patterns.into_iter().map(|(name, pattern)| (name, whole(pattern).into())).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Regex> {
        self.0.get(name)?.regex()
    }

    pub(crate) fn captures<'t>(&self, name: &str, text: &'t str) -> Option<Captures<'t>> {
        self.get(name)?.captures(text)
    }

    pub(crate) fn is_in(&self, name: &str, text: &str) -> bool {
        self.get(name).is_some_and(|regex| regex.is_match(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code and the file name the same patterns, and each compiles.
    #[test]
    fn every_pattern_compiles_and_is_used() {
        for (path, code) in [
            ("src/domain/pack/errors.yaml", include_str!("pack/errors.rs")),
            ("src/domain/pack/places.yaml", include_str!("pack/places.rs")),
            ("src/domain/select/guard.yaml", include_str!("select/guard.rs")),
            ("src/domain/redflag/proposal.yaml", include_str!("redflag/proposal.rs")),
            ("src/domain/citations/places.yaml", include_str!("citations/find.rs")),
            ("src/domain/mask/following.yaml", include_str!("mask/following.rs")),
            ("src/provider/failure/evidence.yaml", include_str!("../provider/failure/evidence.rs")),
        ] {
            let Patterns(patterns) = Patterns::read(path);
            assert!(!patterns.is_empty(), "{path}");
            for (name, pattern) in &patterns {
                assert!(pattern.regex().is_some(), "{path}: {name}");
                assert!(code.contains(&format!("\"{name}\"")), "{path}: {name} is not used");
            }
            for call in ["PATTERNS.get(\"", "PATTERNS.is_in(\"", "PATTERNS.captures(\"", "holds(\""] {
                for name in code.split(call).skip(1).filter_map(|rest| rest.split('"').next()) {
                    assert!(patterns.contains_key(name), "{path}: {name} has no pattern");
                }
            }
        }
    }
}

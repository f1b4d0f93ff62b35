//! Regexes as data: they stand in YAML beside the code, and compile when they are needed first.

use std::sync::OnceLock;

use regex::{Captures, Regex, RegexBuilder};
use serde::Deserialize;

/// A regex in which `^` and `$` are the ends of lines.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Pattern {
    written: String,
    #[serde(skip)]
    compiled: OnceLock<Option<Regex>>,
}

impl From<String> for Pattern {
    fn from(written: String) -> Self {
        Self { written, compiled: OnceLock::new() }
    }
}

impl Pattern {
    /// A test compiles each, so there always is one.
    pub(crate) fn regex(&self) -> Option<&Regex> {
        let compile = || {
            let built = RegexBuilder::new(&self.written).multi_line(true).build();
            built.inspect_err(|error| tracing::error!(%error, "a pattern does not compile")).ok()
        };
        self.compiled.get_or_init(compile).as_ref()
    }

    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    pub(crate) fn all<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Captures<'t>> {
        self.regex().into_iter().flat_map(move |regex| regex.captures_iter(text))
    }
}

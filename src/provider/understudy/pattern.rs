//! Regular expressions that are compiled once, on first use.

use regex::{Captures, Regex};
use std::sync::OnceLock;

/// A pattern in a `static`. One that does not compile matches nothing (and fails every debug build).
pub(crate) struct Pattern {
    text: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    fn regex(&self) -> Option<&Regex> {
        let compiled = self.compiled.get_or_init(|| Regex::new(self.text).ok()).as_ref();
        debug_assert!(compiled.is_some(), "pattern does not compile: {}", self.text);
        compiled
    }

    pub(crate) fn find<'h>(&self, text: &'h str) -> Option<Found<'h>> {
        self.regex()?.captures(text).map(Found)
    }

    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    /// `text` with every match taken out.
    pub(crate) fn without(&self, text: &str) -> String {
        self.regex().map_or_else(|| text.to_owned(), |regex| regex.replace_all(text, "").into_owned())
    }

    pub(crate) fn all<'p, 'h: 'p>(&'p self, text: &'h str) -> impl Iterator<Item = Found<'h>> + 'p {
        self.regex().into_iter().flat_map(move |regex| regex.captures_iter(text).map(Found))
    }
}

/// One match; a group that took no part in it reads as empty.
pub(crate) struct Found<'h>(Captures<'h>);

impl<'h> Found<'h> {
    pub(crate) fn text(&self, group: usize) -> &'h str {
        self.0.get(group).map_or("", |found| found.as_str())
    }

    pub(crate) fn number(&self, group: usize) -> u32 {
        self.text(group).parse().unwrap_or(0)
    }

    pub(crate) fn start(&self, group: usize) -> usize {
        self.0.get(group).map_or(0, |found| found.start())
    }

    pub(crate) fn end(&self) -> usize {
        self.0.get(0).map_or(0, |found| found.end())
    }
}

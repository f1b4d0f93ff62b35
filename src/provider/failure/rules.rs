//! The rules that give error messages their meaning, from `rules.yaml`.

use std::sync::LazyLock;

use regex::bytes::{RegexSet, RegexSetBuilder};
use serde::Deserialize;

use super::FailureKind;
use crate::domain::packed;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Says {
    Class(FailureKind),
    /// A class that counts only if no other channel has a clear one, because the words fit many causes.
    Roughly(FailureKind),
    /// A limit is reached. Its end and further words tell if it is a short one or the account's.
    Limit,
}

/// Words and their meaning.
#[derive(Debug, Deserialize)]
pub(super) struct Rule {
    pub(super) says: Says,
    words: String,
    /// Things that must be mentioned near the words, if the words alone say too little.
    things: Option<String>,
    /// Real messages of CLIs and services. This rule is the first that matches each of them.
    #[cfg_attr(not(test), expect(dead_code, reason = "they document the rule, and the tests read them"))]
    examples: Vec<String>,
}

impl Rule {
    fn pattern(&self) -> String {
        let Self { words, things: Some(things), .. } = self else { return self.words.clone() };
        // A word ends before any character that is not a letter or a digit; `\b` would not end it before an
        // underscore.
        let (start, end) = ("(?:^|[^a-z0-9])", "(?:$|[^a-z0-9])");
        let between = "[^a-z0-9](?:.{0,40}?[^a-z0-9])??";
        format!("{start}(?:(?:{things})s?{between}(?:{words})|(?:{words}){between}(?:{things})s?){end}")
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    rules: Vec<Rule>,
    things: Vec<Rule>,
    chatter: Vec<String>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| packed::read("src/provider/failure/rules.yaml"));

/// Finds the first rule that matches normalised words: its position and its meaning.
pub(super) type Find = fn(&str) -> Option<(usize, Says)>;

/// Finds the first rule of `failures`.
pub(super) fn rule(words: &str) -> Option<(usize, Says)> {
    static SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| set(&TABLES.rules));
    first(&TABLES.rules, SET.as_ref()?, words)
}

/// Finds the first rule of `things`.
pub(super) fn thing(words: &str) -> Option<(usize, Says)> {
    static SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| set(&TABLES.things));
    first(&TABLES.things, SET.as_ref()?, words)
}

/// Patterns of lines without a failure.
pub(super) fn chatter() -> &'static [String] {
    &TABLES.chatter
}

fn first(rules: &[Rule], set: &RegexSet, words: &str) -> Option<(usize, Says)> {
    let place = set.matches(words.as_bytes()).iter().next()?;
    Some((place, rules.get(place)?.says))
}

fn set(rules: &[Rule]) -> Option<RegexSet> {
    let patterns = rules.iter().map(Rule::pattern);
    let built = RegexSetBuilder::new(patterns).unicode(false).dot_matches_new_line(true).build();
    debug_assert!(built.is_ok(), "{built:?}");
    built.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::failure::normalised;

    fn tables() -> [(&'static [Rule], Find); 2] {
        [(&TABLES.rules, rule), (&TABLES.things, thing)]
    }

    /// Each rule takes its own examples: none is hidden behind one before it.
    #[test]
    fn every_rule_can_be_reached() {
        for (table, find) in tables() {
            for (index, one) in table.iter().enumerate() {
                assert!(!one.examples.is_empty(), "{:?}", one.words);
                for example in &one.examples {
                    let found = find(&normalised(example)).map(|(place, _)| place);
                    assert_eq!(found, Some(index), "{example}: by {:?}", found.map(|at| &table[at].words));
                }
            }
        }
        // Nor is a thing hidden behind a rule that is sure.
        for example in TABLES.things.iter().flat_map(|one| &one.examples) {
            let sure = rule(&normalised(example));
            assert!(sure.is_none_or(|(_, says)| matches!(says, Says::Roughly(_))), "{example}");
        }
    }

    /// How a CLI wraps its lines, writes its capitals or its apostrophes makes no difference.
    #[test]
    fn the_look_of_words_makes_no_difference() {
        for (table, find) in tables() {
            for (index, one) in table.iter().enumerate() {
                for example in &one.examples {
                    for variant in [
                        example.to_uppercase(),
                        example.to_lowercase(),
                        example.replace(' ', "\n"),
                        example.replace('\'', "\u{2019}"),
                        example.replace('\u{2019}', "'"),
                        format!("2026-11-29T10:00:00Z ERROR x::y: {example}"),
                    ] {
                        assert_eq!(
                            find(&normalised(&variant)).map(|(place, _)| place),
                            Some(index),
                            "{variant}"
                        );
                    }
                }
            }
        }
    }
}

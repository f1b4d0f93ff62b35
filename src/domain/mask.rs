//! Masks secrets in text, before it goes to a consultant and before it is stored.
//!
//! Secrets are found in three ways: by rules (`conf/secrets.yaml`), by the exact values of environment
//! variables whose names look secret, and by the user's own patterns. Masking a masked text changes nothing.
//! Masking never changes the number of lines, so line numbers in answers stay correct.

mod finder;
mod following;
mod keyblock;
mod letters;
mod redact;
mod rules;
mod user;
mod value;

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use regex::Regex;

use finder::{Finder, Hints};
use following::{Following, LineState};
use keyblock::{KeyBlocks, KeyState};
use redact::{Found, Span, line_around};

pub use rules::{MaskRule, MaskRules};
pub use user::{is_modest_pattern, split_user_regexes};

use super::rule::RuleError;

/// The default text in place of a secret.
pub const DEFAULT_REPLACEMENT: &str = "[MASKED]";

/// Minimum characters of a variable's value. Shorter values occur by chance.
const SHORTEST_VALUE: usize = 8;
/// Maximum number of passes. Masking one secret can uncover another, but hardly ever a third.
const MOST_PASSES: usize = 16;

/// The reason why a [`Masker`] cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaskError {
    /// The masking rules cannot be used.
    #[error(transparent)]
    Rules(#[from] RuleError),
    /// A pattern of the user does not compile.
    #[error("bad masking pattern `{pattern}`: {problem}")]
    UserRegex { pattern: String, problem: String },
    /// The setting of the user's patterns begins like a JSON array of strings but is not one.
    #[error("the masking patterns are not a JSON array of strings: {0}")]
    UserList(String),
    /// The replacement has a line break, which would change the number of lines.
    #[error("the masking replacement must not contain a line break")]
    Replacement,
    /// The secret values are too many or too long for one automaton.
    #[error("the secret values of the environment cannot be searched for: {0}")]
    Values(#[from] BuildError),
}

/// A text after masking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked<'a> {
    /// The masked text, borrowed if nothing was masked.
    pub text: Cow<'a, str>,
    pub count: usize,
}

/// Masks secrets. Building one is cheap, because patterns compile on first use.
#[derive(Debug)]
pub struct Masker {
    finder: Finder,
    keys: KeyBlocks,
    following: Following,
    /// `None` if no environment variable holds a secret.
    values: Option<AhoCorasick>,
    user: Vec<Regex>,
    replacement: String,
}

impl Masker {
    /// Builds a masker from the rules, the values of those `variables` that look secret, and the user's
    /// patterns. The replacement is inserted literally.
    ///
    /// # Errors
    ///
    /// A pattern of the user does not compile, a rule names an unknown shape, or the replacement has a line
    /// break.
    pub fn new(
        rules: &MaskRules,
        variables: impl IntoIterator<Item = (String, String)>,
        user_regexes: &[String],
        replacement: &str,
    ) -> Result<Self, MaskError> {
        if replacement.contains(['\n', '\r']) {
            return Err(MaskError::Replacement);
        }
        let secret = variables.into_iter().filter(|(name, _)| rules.variables.is_secret(name));
        Ok(Self {
            finder: Finder::new(rules)?,
            keys: KeyBlocks::new(replacement)?,
            following: Following::new(replacement)?,
            values: value_automaton(secret.map(|(_, value)| value), replacement)?,
            user: user::compile(user_regexes)?,
            replacement: replacement.to_owned(),
        })
    }

    /// Masks a whole text.
    pub fn mask<'a>(&self, text: &'a str) -> Masked<'a> {
        self.settle(text, |text, hints, found| {
            if hints.key {
                self.keys.find(text, found);
            }
            if hints.name {
                self.following.find(text, found);
            }
        })
    }

    /// A masker for a text that comes line by line.
    pub fn lines(&self) -> LineMasker<'_> {
        LineMasker { masker: self, state: KeyState::Outside, line_state: LineState::default() }
    }

    /// Masks in passes until no secret is found, so that masking again changes nothing.
    fn settle<'a>(&self, text: &'a str, mut lines: impl FnMut(&str, Hints, &mut Vec<Span>)) -> Masked<'a> {
        let mut masked = Masked { text: Cow::Borrowed(text), count: 0 };
        for pass in 0..MOST_PASSES {
            let mut found = Found::default();
            let hints = self.find_by_rule(&masked.text, pass > 0, &mut found.by_rule);
            self.find_known(&masked.text, &mut found.known);
            lines(&masked.text, hints, &mut found.known);
            let Some((text, count)) = found.redact(&masked.text, &self.replacement) else {
                break;
            };
            masked = Masked { text: Cow::Owned(text), count: masked.count + count };
        }
        masked
    }

    /// Applies the rules. They look at single lines, so later passes check only lines with a masked secret.
    fn find_by_rule(&self, text: &str, only_masked: bool, found: &mut Vec<Span>) -> Hints {
        if !only_masked || self.replacement.is_empty() {
            return self.finder.find(text, 0, found);
        }
        let mut line = 0..0;
        for (at, _) in text.match_indices(&self.replacement) {
            if at >= line.end {
                line = line_around(text, at);
                self.finder.find(text.get(line.clone()).unwrap_or_default(), line.start, found);
            }
        }
        Hints::ANY
    }

    fn find_known(&self, text: &str, found: &mut Vec<Span>) {
        let values = self.values.iter().flat_map(|values| values.find_iter(text));
        found.extend(values.map(|hit| hit.start()..hit.end()));
        let user = self.user.iter().flat_map(|regex| regex.find_iter(text));
        found.extend(user.map(|hit| hit.range()));
    }
}

/// Masks the lines of a text one by one, and tracks secrets that span several lines.
#[derive(Debug)]
pub struct LineMasker<'m> {
    masker: &'m Masker,
    state: KeyState,
    line_state: LineState,
}

impl LineMasker<'_> {
    /// True if the next line may belong to a secret that began earlier, such as a private key.
    pub fn is_inside(&self) -> bool {
        !matches!(self.state, KeyState::Outside) || self.line_state.is_open()
    }

    /// True if a secret of several lines may begin in a line that the caller skips. It is cheap, because it
    /// runs for every line of a file.
    pub fn may_begin(line: &[u8]) -> bool {
        line.windows(4).any(|four| four == b"----") || following::may_open(line)
    }

    /// Masks the next line.
    pub fn mask_line<'a>(&mut self, line: &'a str) -> Masked<'a> {
        let (before, line_state) = (self.state, self.line_state);
        let Masker { keys, following, .. } = self.masker;
        self.state = keys.scan_line(line, 0, before, &mut Vec::new());
        self.line_state = following.scan_line(line, 0, line_state, &mut Vec::new());
        self.masker.settle(line, |line, _, found| {
            keys.scan_line(line, 0, before, found);
            following.scan_line(line, 0, line_state, found);
        })
    }
}

/// Builds an automaton of the values and of each line in them, because a text may come line by line.
fn value_automaton(
    values: impl Iterator<Item = String>,
    replacement: &str,
) -> Result<Option<AhoCorasick>, BuildError> {
    let long = |value: &&str| value.chars().count() >= SHORTEST_VALUE && !replacement.contains(value);
    let mut parts: Vec<String> = Vec::new();
    for value in values {
        let value = value.trim();
        parts.extend(
            std::iter::once(value).chain(value.lines().map(str::trim)).filter(long).map(str::to_owned),
        );
    }
    parts.sort_unstable();
    parts.dedup();
    if parts.is_empty() {
        return Ok(None);
    }
    AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(parts).map(Some)
}

#[cfg(test)]
mod tests;

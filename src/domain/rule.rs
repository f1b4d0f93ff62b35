//! The common parts of rule files: their errors, and the notation of their examples.
//!
//! Rules are data (`conf/*.yaml`). Each has examples that it must match and examples that it must not match.
//! Tests check the examples of the shipped rules. The examples of a file that overrides them are checked when
//! it is loaded. Constructing a checker does not check examples, which keeps it cheap.

use std::collections::HashSet;
use std::ops::Range;

use regex::{Regex, RegexBuilder};
use serde::de::DeserializeOwned;

use super::typed;
use super::words::in_brief;

/// The largest program, in bytes, that a pattern may compile to, so that no rule file can exhaust memory.
pub(crate) const REGEX_SIZE_LIMIT: usize = 2 << 20;

/// An error of a rule file. The messages name rules, never files: the host adds the file.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleError {
    /// The text is not YAML of the expected form. The message has line and column.
    #[error("not a valid rule file: {0}")]
    Yaml(String),
    /// A pattern of a rule does not compile.
    #[error("rule `{rule}`: bad pattern: {problem}")]
    Pattern { rule: String, problem: String },
    /// A rule refers to something that the file does not define, or lacks a necessary part.
    #[error("rule `{rule}`: {problem}")]
    Incomplete { rule: String, problem: String },
    /// A `match` example that the rule does not match.
    #[error("rule `{rule}` does not match its example `{example}`{detail}")]
    Missed {
        rule: String,
        /// The example as written in the file.
        example: String,
        /// The text that the rule found instead, if any.
        detail: String,
    },
    /// A `not_match` example that the rule matches.
    #[error("rule `{rule}` matches `{example}`, which it must not")]
    Overreached {
        rule: String,
        /// The example as written in the file.
        example: String,
    },
}

/// A file of rules.
pub trait RuleFile: DeserializeOwned {
    /// Parses the text of a file. Examples are not tried.
    fn from_yaml(text: &str) -> Result<Self, RuleError> {
        from_yaml::<Self>(text)?.completed()
    }

    /// Completes and checks the parsed rules where their type alone does not suffice.
    fn completed(self) -> Result<Self, RuleError> {
        Ok(self)
    }

    /// Compiles every pattern and tries every example. The error is the first rule that disagrees with its
    /// examples.
    fn check(&self) -> Result<(), RuleError> {
        Ok(())
    }
}

/// Parses a rule file or a section of one.
pub(crate) fn from_yaml<T: DeserializeOwned>(text: &str) -> Result<T, RuleError> {
    typed::from_yaml(text).map_err(|error| RuleError::Yaml(in_brief(&error)))
}

/// The message of the regex compiler without the drawing of the pattern above it.
pub(crate) fn problem(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Compiles a pattern of a rule. `^` and `$` match at line boundaries.
pub(crate) fn compile(name: &str, pattern: &str) -> Result<Regex, RuleError> {
    let built = RegexBuilder::new(pattern).multi_line(true).size_limit(REGEX_SIZE_LIMIT).build();
    built.map_err(|error| RuleError::Pattern { rule: name.to_owned(), problem: problem(&error) })
}

/// The verdict on a rule by its examples: an error if there is an example that it wrongly `missed`, or one
/// that it wrongly matches (`overreached`).
pub(crate) fn verdict(
    rule: &str,
    missed: Option<String>,
    overreached: Option<String>,
) -> Result<(), RuleError> {
    let rule = rule.to_owned();
    match (missed, overreached) {
        (Some(example), _) => Err(RuleError::Missed { rule, example, detail: String::new() }),
        (None, Some(example)) => Err(RuleError::Overreached { rule, example }),
        (None, None) => Ok(()),
    }
}

/// An example without its notation.
///
/// `¦` is dropped (it breaks well-known prefixes, so that no scanner reports the rule file as a leak), `\n`
/// is a line break, and `⟦` and `⟧` enclose the text that the rule must find.
pub(crate) struct Example {
    /// The text to try a rule on.
    pub(crate) text: String,
    /// The parts between `⟦` and `⟧`.
    pub(crate) marked: Vec<Range<usize>>,
}

impl Example {
    /// Parses the notation.
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

// Bounds on a YAML text, checked before the parser sees it. The parser's time grows with the square of the
// depth, and aliases can expand a short text into a long one.
//
// The counts are never lower than the parser's: everything that may open a list counts, and a closing mark
// counts only if it certainly closes one. So a text that is not nested can be refused, but only if it has
// thousands of brackets.

/// The most levels of lists and mappings in brackets.
const MOST_DEEP: usize = 64;

/// The most nested lists and mappings that one line may begin.
const MOST_DASHES: usize = 32;

/// The number of brackets up to which depth does not matter: even fully nested, they are parsed at once.
const HARMLESS_BRACKETS: usize = 3_000;

/// The most places at which an entry, a key or a line may begin. The parser needs half a microsecond and
/// some hundred bytes for each.
const MOST_MARKS: usize = 20_000;

/// The most bytes of a text that uses aliases.
const MOST_WITH_ALIASES: usize = 8 * 1024;

/// The reason why a text is not given to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfBounds {
    /// The text is nested too deeply.
    #[error("it is nested more than {MOST_DEEP} levels deep, or quotes a text over several lines")]
    TooDeep,
    /// One line begins too many nested lists.
    #[error("a line begins more than {MOST_DASHES} nested lists")]
    TooManyDashes,
    /// The text has too many lines, entries and keys.
    #[error("it has more than {MOST_MARKS} lines, entries and keys")]
    TooMany,
    /// The text uses aliases and is too long for that.
    #[error("it uses aliases (`*name`), and has more than {MOST_WITH_ALIASES} bytes")]
    Aliases,
}

/// Checks that a text is safe to give to the YAML parser.
///
/// # Errors
///
/// The bound that the text exceeds.
pub fn check(text: &str) -> Result<(), OutOfBounds> {
    if marks(text) > MOST_MARKS {
        return Err(OutOfBounds::TooMany);
    }
    if text.lines().any(|line| dashes(line) > MOST_DASHES) {
        return Err(OutOfBounds::TooManyDashes);
    }
    if text.len() > MOST_WITH_ALIASES && has_alias(text) {
        return Err(OutOfBounds::Aliases);
    }
    let brackets = memchr::memchr2_iter(b'[', b'{', text.as_bytes()).count();
    if brackets > HARMLESS_BRACKETS { check_depth(text) } else { Ok(()) }
}

/// The number of places at which something may begin, counted up to the limit. A lone carriage return ends a
/// line too.
fn marks(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_blank = |at: &usize| bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
    let is_lone = |at: &usize| bytes.get(at + 1) != Some(&b'\n');
    memchr::memchr3_iter(b'\n', b',', b'[', bytes)
        .chain(memchr::memchr_iter(b'{', bytes))
        .chain(memchr::memchr_iter(b'\r', bytes).filter(is_lone))
        .chain(memchr::memchr3_iter(b'-', b'?', b':', bytes).filter(is_blank))
        // A byte order mark begins a document.
        .chain(memchr::memmem::find_iter(bytes, "\u{feff}"))
        .take(MOST_MARKS + 1)
        .count()
}

/// The number of marks of lists and keys at the start of a line.
fn dashes(line: &str) -> usize {
    let mut left = line.trim_start();
    let mut count = 0;
    while let Some(rest) = left.strip_prefix(['-', '?', ':']) {
        if !rest.starts_with([' ', '\t']) {
            break;
        }
        count += 1;
        if count > MOST_DASHES {
            break;
        }
        left = rest.trim_start();
    }
    count
}

/// True if the text defines an anchor (`&name`) and uses it (`*name`).
fn has_alias(text: &str) -> bool {
    let anchors: HashSet<&str> = names(text, '&').collect();
    !anchors.is_empty() && names(text, '*').any(|name| anchors.contains(name))
}

/// The names after a mark, at places where a name can be.
fn names(text: &str, mark: char) -> impl Iterator<Item = &str> {
    text.match_indices(mark).filter_map(move |(at, _)| {
        let (before, after) = (text.get(..at)?, text.get(at + 1..)?);
        let can_begin =
            before.ends_with(|letter: char| letter.is_whitespace() || "[{,:".contains(letter)) || at == 0;
        let end = after.find(|letter: char| letter.is_whitespace() || ",[]{}:".contains(letter));
        after.get(..end.unwrap_or(after.len())).filter(|name| {
            can_begin && name.starts_with(|letter: char| letter.is_alphanumeric() || "_-".contains(letter))
        })
    })
}

/// Checks the depth of brackets outside of quotes and comments, line by line.
fn check_depth(text: &str) -> Result<(), OutOfBounds> {
    let mut depth = 0_usize;
    let mut in_plain = false;
    for line in text.lines() {
        // Outside of brackets each line begins anew; inside, plain text may continue on the next line.
        in_plain &= depth > 0;
        let mut letters = line.chars().peekable();
        let mut before = ' ';
        while let Some(letter) = letters.next() {
            let next = letters.peek().copied().unwrap_or(' ');
            let after_blank = before.is_whitespace();
            before = letter;
            match letter {
                '#' if after_blank || !in_plain => break,
                '[' | '{' if depth > 0 || !in_plain => {
                    depth += 1;
                    in_plain = false;
                    if depth > MOST_DEEP {
                        return Err(OutOfBounds::TooDeep);
                    }
                }
                ']' | '}' | ',' if depth > 0 => {
                    depth -= usize::from(letter != ',');
                    in_plain = false;
                }
                '\'' | '"' if !in_plain => {
                    if !closes(&mut letters, letter) {
                        return Err(OutOfBounds::TooDeep);
                    }
                    before = letter;
                }
                '-' | '?' | ':' if depth == 0 && next.is_whitespace() => in_plain = false,
                '?' | ':' if depth > 0 && (!in_plain || next.is_whitespace() || "[]{},".contains(next)) => {
                    in_plain = false;
                }
                '&' | '!' if !in_plain => {
                    while letters.peek().is_some_and(|next| !next.is_whitespace() && !"[]{},".contains(*next))
                    {
                        letters.next();
                    }
                    before = letter;
                }
                _ if letter.is_whitespace() => {}
                _ => in_plain = true,
            }
        }
    }
    Ok(())
}

/// Reads to the end of a quoted text. False if the line ends first.
fn closes(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char) -> bool {
    while let Some(letter) = letters.next() {
        if letter == '\\' && quote == '"' {
            letters.next();
        } else if letter == quote {
            if quote == '\'' && letters.peek() == Some(&quote) {
                letters.next();
            } else {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

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

    /// The result of a parser, if the bounds let it see the text, and how long both took.
    fn cost(text: &str) -> Duration {
        let began = Instant::now();
        if check(text).is_ok() {
            let _ = serde_yaml::from_str::<serde_json::Value>(text);
        }
        began.elapsed()
    }

    #[test]
    fn hostile_texts_cost_next_to_nothing() {
        let deep = 100_000;
        let bomb = format!(
            "a: &a [{}]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c]\n",
            "x, ".repeat(3_000)
        );
        for (name, text) in [
            ("lists", "[".repeat(deep)),
            ("mappings", "{".repeat(deep)),
            ("keys", "{a: ".repeat(deep)),
            ("closed in comments", "[ # ]\n".repeat(deep)),
            ("closed in quotes", "[ \"]\"\n,".repeat(deep)),
            ("closed in plain text", format!("a: x\n{}", "[x ]\n[".repeat(deep))),
            ("a quote that is none", format!("a: x\n  'y\nb: {}", "[".repeat(deep))),
            ("a quote over lines", "[x\n'[x\n'".repeat(deep / 2)),
            ("dashes", "- ".repeat(deep)),
            ("questions", "? ".repeat(deep)),
            ("anchors", "&a ".repeat(deep)),
            ("tags", format!("{}x", "!t ".repeat(deep))),
            ("documents", "---\n".repeat(deep)),
            ("entries", "- 1\n".repeat(250_000)),
            ("entries in one line", format!("[{}1]", "1,".repeat(500_000))),
            (
                "lists of lists",
                format!("[{}1]", format!("{}{},", "[".repeat(50), "]".repeat(50)).repeat(10_000)),
            ),
            ("maps", format!("a: [{}]", "{a: 1},".repeat(140_000))),
            ("returns", "- 1\r".repeat(250_000)),
            ("dashes in many lines", format!("{}\n", "- ".repeat(30)).repeat(16_000)),
            ("byte order marks", "\u{feff}".repeat(300_000)),
            ("one long text", format!("a: {}", "x".repeat(1 << 20))),
            ("lines", (0..1_400).map(|level| [&" ".repeat(level), "a:\n"].concat()).collect::<String>()),
            ("aliases", bomb),
            (
                "laughs",
                (0..30).fold("x0: &x0 [l]\n".to_owned(), |text, at| {
                    format!("{text}x{}: &x{} [*x{at}, *x{at}, *x{at}]\n", at + 1, at + 1)
                }),
            ),
        ] {
            let took = cost(&text);
            assert!(
                took < Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 50 }),
                "{name}: {took:?}"
            );
        }
    }

    #[test]
    fn ordinary_texts_pass() {
        for text in [
            include_str!("../../conf/secrets.yaml"),
            include_str!("../../conf/redflags.yaml"),
            "a: &base { x: 1 }\nb: { <<: *base }\n",
            "allow_env: [AWS_*, \"*\"]\n",
        ] {
            assert_eq!(check(text), Ok(()));
        }
        let many: String = (0..1_500)
            .map(|at| ["k", &at.to_string(), ": [ 'it''s [', { a: \"]\" } ] # ]]]\n"].concat())
            .collect();
        assert_eq!(check(&many), Ok(()));
    }
}

//! The rule file `conf/verification.yaml`, and the rules that a project adds to it.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use regex::Regex;
use serde::Deserialize;

use super::Kind;
use crate::domain::pattern::Pattern;
use crate::domain::rule::{self, RuleError, RuleFile};
use crate::domain::secret_path::folded;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerificationRules {
    /// By family, the directories whose programs may be given by path.
    pub places: BTreeMap<String, Vec<String>>,
    /// Programs with several names or with options of their own.
    pub programs: BTreeMap<String, Program>,
    /// The environment of a check.
    pub environment: EnvironmentRules,
    /// Default commands by language and kind.
    pub defaults: BTreeMap<String, IndexMap<Kind, String>>,
    /// Commands that are refused with a reason of their own.
    pub refuse: Vec<RefuseRule>,
    pub rules: Vec<AllowRule>,
}

/// A program with several names or with options before its sub-command.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    pub names: Vec<String>,
    pub family: Option<String>,
    /// Options before the sub-command.
    #[serde(default)]
    pub options: Vec<String>,
}

/// The environment of a check.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentRules {
    /// Variables that are passed on. A `*` at the end matches anything.
    pub pass: Vec<String>,
    /// Variables that are set.
    pub set: BTreeMap<String, String>,
}

/// Commands that are refused, with the reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefuseRule {
    pub name: String,
    pub reason: String,
    /// A regex for the words of the command, joined by blanks.
    pub pattern: Pattern,
    /// A regex for commands that are exempt.
    pub unless: Option<Pattern>,
    /// Commands that the rule refuses.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Commands that the rule does not refuse.
    #[serde(default)]
    pub not_match: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowRule {
    pub name: String,
    /// The kind of the check, if the caller names none.
    #[serde(rename = "type")]
    pub kind: Kind,
    pub runner: Option<String>,
    pub family: Option<String>,
    /// The beginnings of the commands: program and sub-commands.
    pub commands: Vec<String>,
    #[serde(default)]
    pub options: Vec<String>,
    /// True if long options have one dash.
    #[serde(default)]
    pub single_dash: bool,
    pub arguments: Option<String>,
    /// The least number of arguments.
    #[serde(default)]
    pub least: usize,
    /// The greatest number of arguments.
    pub most: Option<usize>,
    /// Words, one of which the command must contain.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Arguments that may follow `--`.
    pub after: Option<After>,
    /// Rules, one of which must permit the words after `--`.
    #[serde(default)]
    pub passes_to: Vec<String>,
    /// Rules, one of which must permit the rest as a command of its own.
    #[serde(default)]
    pub wraps: Vec<String>,
    /// Commands that the rule permits.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Commands that the rule does not permit.
    #[serde(default)]
    pub not_match: Vec<String>,
}

/// Arguments that may follow `--`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    #[serde(default)]
    pub options: Vec<String>,
    pub arguments: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectRules {
    pub rules: Vec<AllowRule>,
}

impl RuleFile for VerificationRules {}
impl RuleFile for ProjectRules {}

impl VerificationRules {
    /// The default command of a language for a kind of check.
    pub fn default_command(&self, language: &str, kind: Kind) -> Option<&str> {
        self.defaults.get(language)?.get(&kind).map(String::as_str)
    }
}

impl ProjectRules {
    /// The added rules for a person to read, each with its commands.
    pub fn described(&self) -> Vec<String> {
        self.rules.iter().map(|rule| format!("{}: {}", rule.name, rule.commands.join(", "))).collect()
    }
}

/// A test for a path in a command: true if it stays in the project.
pub type Inside<'a> = &'a dyn Fn(&str) -> bool;

/// The reason why words do not fit a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The rule does not permit this option, or not with this value.
    Option(String),
    /// The rule does not permit this argument.
    Argument(String),
    /// This path leads out of the project.
    Outside(String),
    /// One of these words is required and missing.
    Missing(String),
    /// There are too few or too many arguments.
    Count,
}

/// The permitted form of a value or an argument.
#[derive(Clone, Debug)]
pub enum Value {
    /// None at all: for a flag, or if there are no arguments.
    None,
    /// Any text.
    Text,
    /// Digits and dots.
    Number,
    /// A path inside the project.
    Path,
    Fits(Regex),
}

impl Value {
    /// Parses `text`, `number`, `path`, `paths`, `none` or `/pattern/`.
    ///
    /// # Errors
    ///
    /// The word is another one, or the pattern does not compile.
    pub fn parse(rule_name: &str, written: &str) -> Result<Self, RuleError> {
        match written {
            "none" => Ok(Self::None),
            "text" => Ok(Self::Text),
            "number" => Ok(Self::Number),
            "path" | "paths" => Ok(Self::Path),
            _ => {
                let pattern = written.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
                let pattern = pattern.ok_or_else(|| RuleError::Incomplete {
                    rule: rule_name.to_owned(),
                    problem: format!(
                        "the value must be text, number, path, none or /pattern/ (got `{written}`)"
                    ),
                })?;
                rule::compile(rule_name, pattern).map(Self::Fits)
            }
        }
    }

    /// Checks that a word has the form.
    ///
    /// # Errors
    ///
    /// The reason why it does not.
    pub fn check(&self, word: &str, inside: Inside) -> Result<(), Unfit> {
        let wrong = || Err(Unfit::Argument(word.to_owned()));
        match self {
            Self::None => wrong(),
            // `@file` would bring in arguments from a file, which no rule has judged.
            _ if word.starts_with('@') => wrong(),
            Self::Text => Ok(()),
            Self::Number if is_number(word) => Ok(()),
            Self::Path => check_path(word, inside),
            Self::Fits(pattern) if pattern.is_match(word) => Ok(()),
            Self::Number | Self::Fits(_) => wrong(),
        }
    }
}

/// True for digits with at most one point.
fn is_number(word: &str) -> bool {
    word.chars().all(|letter| letter.is_ascii_digit() || letter == '.') && word.parse::<f64>().is_ok()
}

/// The directory of the answers that an oracle judges: the only directory of Maestro that a check may see.
pub const ORACLE_DIRECTORY: &str = ".maestro/oracle";

/// Checks a path inside the project, or a test id that begins with one (`path::test`).
fn check_path(word: &str, inside: Inside) -> Result<(), Unfit> {
    let path = word.split("::").next().unwrap_or(word);
    // Some tools accept code or settings in place of a file.
    if path.is_empty() || path.contains(['{', '}', '=', '\n', ';']) || path.contains("://") {
        return Err(Unfit::Argument(word.to_owned()));
    }
    // Tools may write to the path that they are given, so paths of Maestro and the repository are refused.
    let is_own = |part: &str| [".maestro", ".git"].contains(&folded(part).as_str());
    let answer = path.strip_prefix(ORACLE_DIRECTORY).and_then(|rest| rest.strip_prefix('/'));
    let is_answer = answer.is_some_and(|name| !name.contains('/'));
    if !is_answer && path.split('/').any(is_own) {
        return Err(Unfit::Argument(word.to_owned()));
    }
    if inside(path) { Ok(()) } else { Err(Unfit::Outside(word.to_owned())) }
}

/// True if a word can switch a flag off or on.
pub fn undoes(word: &str) -> bool {
    ["false", "true", "no", "yes", "off", "on", "0", "1", "null", "none", "undefined"]
        .contains(&word.to_ascii_lowercase().as_str())
}

#[derive(Clone, Debug)]
struct Opt {
    name: String,
    value: Value,
}

impl Opt {
    fn is_flag(&self) -> bool {
        matches!(self.value, Value::None)
    }
}

/// The options of a rule.
#[derive(Clone, Debug)]
pub struct Options {
    known: Vec<Opt>,
    single_dash: bool,
}

impl Options {
    /// Parses the options of a rule file.
    ///
    /// # Errors
    ///
    /// The form of a value is invalid.
    pub fn parse(rule: &str, written: &[String], single_dash: bool) -> Result<Self, RuleError> {
        let known = written
            .iter()
            .map(|option| match option.split_once('=') {
                Some((name, value)) => Ok(Opt { name: name.to_owned(), value: Value::parse(rule, value)? }),
                None => Ok(Opt { name: option.clone(), value: Value::None }),
            })
            .collect::<Result<_, RuleError>>()?;
        Ok(Self { known, single_dash })
    }

    /// The number of words that the option at the head of `words` takes.
    ///
    /// # Errors
    ///
    /// The rule does not permit the option.
    pub fn take(&self, words: &[String], inside: Inside) -> Result<usize, Unfit> {
        let unknown = || Unfit::Option(words.first().cloned().unwrap_or_default());
        let word = words.first().ok_or_else(unknown)?;
        if self.known.iter().any(|option| option.is_flag() && option.name == *word) {
            // A tool may read this word as the value of the flag, and so do the opposite.
            return match words.get(1).filter(|next| undoes(next)) {
                Some(next) => Err(Unfit::Option(format!("{word} {next}"))),
                // `--cov` alone is a flag, but a tool takes a word that follows for its value.
                None => Ok(self.valued(word, words.get(1), inside).and_then(Result::ok).unwrap_or(1)),
            };
        }
        if let Some(result) = self.valued(word, words.get(1), inside) {
            return result.map_err(|unfit| match unfit {
                Unfit::Argument(_) => unknown(),
                other => other,
            });
        }
        if self.is_cluster(word) { Ok(1) } else { Err(unknown()) }
    }

    /// The number of words of an option with a value: in the next word, after `=`, or after a single letter.
    /// None if no option has this name.
    fn valued(&self, word: &str, next: Option<&String>, inside: Inside) -> Option<Result<usize, Unfit>> {
        let mut last = None;
        for option in self.known.iter().filter(|option| !option.is_flag()) {
            let (value, count) = match word.strip_prefix(option.name.as_str()) {
                // A word that looks like an option is never a value: the tool may read it as an option.
                Some("") => match next.filter(|next| !next.starts_with('-')) {
                    Some(next) => (next.as_str(), 2),
                    None => continue,
                },
                Some(rest) => match rest.strip_prefix('=') {
                    Some(value) => (value, 1),
                    None if option.name.len() == 2 && !self.single_dash => (rest, 1),
                    None => continue,
                },
                None => continue,
            };
            match option.value.check(value, inside) {
                Ok(()) => return Some(Ok(count)),
                Err(unfit) => last = Some(Err(unfit)),
            }
        }
        last
    }

    fn is_cluster(&self, word: &str) -> bool {
        let Some(letters) = word.strip_prefix('-').filter(|rest| rest.len() > 1 && !rest.starts_with('-'))
        else {
            return false;
        };
        let is_flag = |letter: char| {
            self.known.iter().any(|option| option.is_flag() && option.name == format!("-{letter}"))
        };
        !self.single_dash && letters.chars().all(is_flag)
    }
}

/// The reason why a text is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoCommand {
    /// The text is empty.
    Empty,
    /// A quote is left open, or there is a control character.
    Unreadable,
    /// The text has a shell operator.
    Operator(String),
}

/// Splits a command into words.
///
/// # Errors
///
/// The reason why the text is no command.
pub fn words(text: &str) -> Result<Vec<String>, NoCommand> {
    if let Some(operator) = operator(text) {
        return Err(NoCommand::Operator(operator));
    }
    if text.chars().any(|letter| letter.is_control() && letter != '\t') {
        return Err(NoCommand::Unreadable);
    }
    match shlex::split(text) {
        None => Err(NoCommand::Unreadable),
        Some(words) if words.first().is_none_or(|program| program.trim().is_empty()) => Err(NoCommand::Empty),
        Some(words) => Ok(words),
    }
}

/// The first shell operator outside of quotes; `` ` ``, `$(` and `${` count in double quotes too.
fn operator(text: &str) -> Option<String> {
    let mut quote = None;
    let mut letters = text.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None | Some('"'), '\\') => {
                letters.next();
            }
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (Some('\''), _) => {}
            (_, '`') => return Some("`".to_owned()),
            (_, '$') if matches!(letters.peek(), Some('(' | '{')) => return Some("$(".to_owned()),
            (None, '|' | '&' | ';' | '<' | '>' | '\n' | '\r') => {
                return Some(letter.escape_default().to_string());
            }
            _ => {}
        }
    }
    None
}

/// True if a path relative to the project root stays below it, judged by its text alone.
pub fn stays_inside(path: &str) -> bool {
    if path.starts_with(['/', '~', '\\']) {
        return false;
    }
    let mut depth = 0_i32;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_count_only_outside_quotes() {
        for text in
            ["a | b", "a;b", "a && b", "a > b", "a `b`", "a $(b)", "a \"$(b)\"", "a\nb", "a & ", "a ${x}"]
        {
            assert!(matches!(words(text), Err(NoCommand::Operator(_))), "{text}");
        }
        for text in ["a 'b | c'", "a \"b|c\"", "a '^T$'", "a ^T$", "a b\\;c"] {
            assert!(words(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn nothing_is_no_command() {
        for text in ["", "  ", "''", "# a remark"] {
            assert_eq!(words(text), Err(NoCommand::Empty), "{text:?}");
        }
        assert_eq!(words("a 'b"), Err(NoCommand::Unreadable));
        assert_eq!(words("a \u{7}"), Err(NoCommand::Unreadable));
    }

    #[test]
    fn paths_stay_inside_by_their_words() {
        for path in ["a", "a/../b", "./a", "a/b/..", "."] {
            assert!(stays_inside(path), "{path}");
        }
        for path in ["/a", "..", "a/../../b", "~/a"] {
            assert!(!stays_inside(path), "{path}");
        }
    }

    #[test]
    fn a_number_is_more_than_digits_and_points() {
        let number = Value::parse("rule", "number").unwrap();
        for word in ["7", "0.5", "10."] {
            assert!(number.check(word, &|_| true).is_ok(), "{word}");
        }
        for word in ["", ".", "..", "1..2", "1.2.3", "-1", "1e3", "inf", "NaN"] {
            assert!(number.check(word, &|_| true).is_err(), "{word}");
        }
    }
}

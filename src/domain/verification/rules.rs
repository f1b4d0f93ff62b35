//! The rule file `conf/verification.yaml`, and what a project adds to it.

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
    /// Directories whose programs may be named by path, by family.
    pub places: BTreeMap<String, Vec<String>>,
    /// Programs with several names or with options of their own.
    pub programs: BTreeMap<String, Program>,
    /// The environment of a check.
    pub environment: EnvironmentRules,
    /// Commands by language and type.
    pub defaults: BTreeMap<String, IndexMap<Kind, String>>,
    /// Words that are refused with a reason of their own.
    pub refuse: Vec<RefuseRule>,
    pub rules: Vec<AllowRule>,
}

/// A program with several names.
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
    /// Variables that are passed on; `*` at the end stands for anything.
    pub pass: Vec<String>,
    /// Variables that are set.
    pub set: BTreeMap<String, String>,
}

/// Words that are refused, and why.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefuseRule {
    pub name: String,
    /// Why.
    pub reason: String,
    /// A regex over the words, joined by blanks.
    pub pattern: Pattern,
    /// A regex that excepts commands.
    pub unless: Option<Pattern>,
    /// Commands that it refuses.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Commands that it does not.
    #[serde(default)]
    pub not_match: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowRule {
    pub name: String,
    /// The kind of such a check, where the caller does not say.
    #[serde(rename = "type")]
    pub kind: Kind,
    pub runner: Option<String>,
    pub family: Option<String>,
    /// The words that such a command begins with.
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
    /// Words of which one must be there.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Arguments that may follow `--`.
    pub after: Option<After>,
    /// Rules one of which takes what follows `--`.
    #[serde(default)]
    pub passes_to: Vec<String>,
    /// Rules one of which takes the rest as a command.
    #[serde(default)]
    pub wraps: Vec<String>,
    /// Commands that it permits.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Commands that it does not.
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
    /// The default command of a language for a type.
    pub fn default_command(&self, language: &str, kind: Kind) -> Option<&str> {
        self.defaults.get(language)?.get(&kind).map(String::as_str)
    }
}

impl ProjectRules {
    /// Returns what it adds, for a person to read: a rule and its commands each.
    pub fn described(&self) -> Vec<String> {
        self.rules.iter().map(|rule| format!("{}: {}", rule.name, rule.commands.join(", "))).collect()
    }
}

/// Tells whether a path, as a word of the command, stays in the project.
pub type Inside<'a> = &'a dyn Fn(&str) -> bool;

/// Why words do not fit a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// An option that the rule does not have, or not with this value.
    Option(String),
    /// An argument that the rule does not have.
    Argument(String),
    /// A path that leads out of the project.
    Outside(String),
    /// Something that must be there and is not.
    Missing(String),
    /// Too few or too many arguments.
    Count,
}

/// The form of a value or an argument.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing: a flag, or no arguments.
    None,
    /// Any text that is no option.
    Text,
    /// A whole number.
    Number,
    /// A path inside the project.
    Path,
    Fits(Regex),
}

impl Value {
    /// Reads `text`, `number`, `path`, `paths`, `none` or `/pattern/`.
    ///
    /// # Errors
    /// Another word, or a pattern that does not compile.
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

    /// Returns whether a word fits.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(&self, word: &str, inside: Inside) -> Result<(), Unfit> {
        let wrong = || Err(Unfit::Argument(word.to_owned()));
        match self {
            Self::None => wrong(),
            // A file of arguments would bring in what nobody has judged.
            _ if word.starts_with('@') => wrong(),
            Self::Text => Ok(()),
            Self::Number
                if !word.is_empty()
                    && word.chars().all(|letter| letter.is_ascii_digit() || letter == '.') =>
            {
                Ok(())
            }
            Self::Path => check_path(word, inside),
            Self::Fits(pattern) if pattern.is_match(word) => Ok(()),
            Self::Number | Self::Fits(_) => wrong(),
        }
    }
}

/// Where the answers lie that an oracle is asked about; the one place of Maestro's that a check is shown.
pub const ORACLE_DIRECTORY: &str = ".maestro/oracle";

/// A path, or the id of a test in a file, inside the project.
fn check_path(word: &str, inside: Inside) -> Result<(), Unfit> {
    let path = word.split("::").next().unwrap_or(word);
    // Some tools take code or settings where they take a file.
    if path.is_empty() || path.contains(['{', '}', '=', '\n', ';']) || path.contains("://") {
        return Err(Unfit::Argument(word.to_owned()));
    }
    // A tool that writes where it is told writes nothing of Maestro's or the repository's own.
    let is_own = |part: &str| [".maestro", ".git"].contains(&folded(part).as_str());
    let answer = path.strip_prefix(ORACLE_DIRECTORY).and_then(|rest| rest.strip_prefix('/'));
    let is_answer = answer.is_some_and(|name| !name.contains('/'));
    if !is_answer && path.split('/').any(is_own) {
        return Err(Unfit::Argument(word.to_owned()));
    }
    if inside(path) { Ok(()) } else { Err(Unfit::Outside(word.to_owned())) }
}

/// True if a word is one that switches a flag off or on.
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
    /// Reads options as a rule file has them.
    ///
    /// # Errors
    /// An invalid value.
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

    /// Returns how many words the option at the head of these takes.
    ///
    /// # Errors
    /// It does not belong to the rule.
    pub fn take(&self, words: &[String], inside: Inside) -> Result<usize, Unfit> {
        let unknown = || Unfit::Option(words.first().cloned().unwrap_or_default());
        let word = words.first().ok_or_else(unknown)?;
        if self.known.iter().any(|option| option.is_flag() && option.name == *word) {
            // A tool may read a word of that kind as the flag's value, and so as its opposite.
            return match words.get(1).filter(|next| undoes(next)) {
                Some(next) => Err(Unfit::Option(format!("{word} {next}"))),
                None => Ok(1),
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

    /// An option with a value: in the next word, behind `=`, or behind a single letter.
    fn valued(&self, word: &str, next: Option<&String>, inside: Inside) -> Option<Result<usize, Unfit>> {
        let mut last = None;
        for option in self.known.iter().filter(|option| !option.is_flag()) {
            let (value, count) = match word.strip_prefix(option.name.as_str()) {
                // Text that looks like an option is never a value: the tool may read it as an option.
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

/// Why a text is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoCommand {
    /// There is nothing in it.
    Empty,
    /// A quote is open, or a character that no command holds.
    Unreadable,
    /// It has an operator of a shell.
    Operator(String),
}

/// The words of a command.
///
/// # Errors
///
/// Why it is not a command.
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

/// The first operator of a shell that no quote makes ordinary.
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

/// True if a path that is relative to the project root stays below it, by its words alone.
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
}

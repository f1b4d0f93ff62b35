//! The options and arguments that a rule permits.

use regex::Regex;

use crate::domain::rule::RuleError;

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
    pub fn parse(rule: &str, written: &str) -> Result<Self, RuleError> {
        match written {
            "none" => Ok(Self::None),
            "text" => Ok(Self::Text),
            "number" => Ok(Self::Number),
            "path" | "paths" => Ok(Self::Path),
            _ => {
                let pattern = written.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
                let pattern = pattern.ok_or_else(|| RuleError::Incomplete {
                    rule: rule.to_owned(),
                    problem: format!(
                        "the value must be text, number, path, none or /pattern/ (got `{written}`)"
                    ),
                })?;
                super::rules::compile(rule, pattern).map(Self::Fits)
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

/// A path, or the id of a test in a file, inside the project.
fn check_path(word: &str, inside: Inside) -> Result<(), Unfit> {
    let path = word.split("::").next().unwrap_or(word);
    // Some tools take code or settings where they take a file.
    if path.is_empty() || path.contains(['{', '}', '=', '\n', ';']) || path.contains("://") {
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
    /// A value that is none.
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
    /// It is none of the rule's.
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
                // What looks like an option is never a value: the tool may think otherwise.
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

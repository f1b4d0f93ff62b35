//! Holds an answer against the rules.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Serialize;
use serde_json::Value;

use super::flag::Flag;
use super::reading::Reading;
use super::rules::{FlagRule, StepRules};
use super::{change, compile_ignoring_case};
use crate::domain::answer;
use crate::domain::rule::RuleError;

/// Characters around a match that a finding shows.
const EXCERPT: usize = 120;
/// Places at which an answer differs from its schema that a finding names.
const MOST_ERRORS: usize = 5;

/// Holds answers against compiled rules.
#[derive(Debug)]
pub struct Inspector {
    min_chars: usize,
    max_chars: usize,
    max_diff_lines: usize,
    max_files: usize,
    patterns: BTreeMap<Flag, Patterns>,
}

#[derive(Debug, Default)]
struct Patterns {
    any: Vec<Regex>,
    not_after: Option<Regex>,
    both: Vec<(Regex, Regex)>,
}

/// One red flag, with what raised it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The flag.
    pub reason: Flag,
    /// What was found, where.
    pub detail: String,
}

/// What was found in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// The flags, in the order of [`Flag::ALL`].
    pub findings: Vec<Finding>,
    /// Rules that could not be applied, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_checked: Vec<Finding>,
}

impl Inspector {
    /// Compiles the rules.
    ///
    /// # Errors
    ///
    /// A pattern that does not compile.
    pub fn new(rules: &StepRules) -> Result<Self, RuleError> {
        let compiled = |(flag, rule): (&Flag, &FlagRule)| Ok((*flag, Patterns::new(*flag, rule)?));
        Ok(Self {
            min_chars: rules.min_chars,
            max_chars: rules.max_chars,
            max_diff_lines: rules.max_diff_lines,
            max_files: rules.max_files,
            patterns: rules.rules.iter().map(compiled).collect::<Result<_, _>>()?,
        })
    }

    /// The flags that say something about a text of which nothing else is known: those of its form
    /// apply where it has that form.
    #[must_use]
    pub fn usual(text: &str) -> Vec<Flag> {
        let is_document = answer::looks_like_one(text);
        let is_diff = change::looks_like_one(text);
        let applies = |flag: &Flag| match flag {
            Flag::TooLong
            | Flag::TooShort
            | Flag::Hedging
            | Flag::DangerousCode
            | Flag::DangerousCommand
            | Flag::ForbiddenFile
            | Flag::Contradiction
            | Flag::FormatError => true,
            Flag::InvalidJson => is_document,
            Flag::InvalidDiff | Flag::MultiFile | Flag::ExcessiveChanges => is_diff && !is_document,
            Flag::MissingFields => false,
        };
        Flag::ALL.into_iter().filter(applies).collect()
    }

    /// Holds an answer against some of the rules, and its document against a schema.
    #[must_use]
    pub fn inspect(&self, text: &str, flags: &[Flag], schema: Option<&Value>) -> Findings {
        let spoken = answer::spoken(text);
        let text = spoken.text();
        let reading = Reading::of(text);
        let mut found = Findings::default();
        for flag in Flag::ALL.into_iter().filter(|flag| flags.contains(flag)) {
            if flag == Flag::MissingFields && schema.is_none() {
                let detail = "there is no step, and so no schema to hold the answer against".to_owned();
                found.not_checked.push(Finding { reason: flag, detail });
            } else if let Some(detail) = self.find(flag, text, &reading, schema) {
                found.findings.push(Finding { reason: flag, detail });
            }
        }
        found
    }

    fn find(&self, flag: Flag, text: &str, reading: &Reading, schema: Option<&Value>) -> Option<String> {
        let more = |found: usize, most: usize, what: &str| {
            (found > most).then(|| format!("{found} {what}, and {most} are the most"))
        };
        match flag {
            Flag::TooLong => more(text.chars().count(), self.max_chars, "characters"),
            Flag::TooShort => {
                let chars = text.trim().chars().count();
                let least = self.min_chars;
                (chars < least).then(|| format!("{chars} characters, and {least} are the least"))
            }
            Flag::MissingFields => misfit(reading.document.as_ref(), schema?),
            Flag::InvalidJson => {
                reading.document.is_none().then(|| "the answer holds no JSON document".to_owned())
            }
            Flag::InvalidDiff => match reading.changes.as_slice() {
                [] => Some("the answer holds no diff".to_owned()),
                some => some.iter().find_map(|change| Some(change.patch.as_ref().err()?.to_string())),
            },
            Flag::MultiFile => more(reading.count(), self.max_files, "files are changed"),
            Flag::ExcessiveChanges => more(reading.changed_lines(), self.max_diff_lines, "lines are changed"),
            Flag::Hedging => self.matched(flag, &reading.prose),
            Flag::DangerousCode | Flag::DangerousCommand => self.matched(flag, &reading.proposed),
            Flag::ForbiddenFile => {
                reading.files.iter().find(|file| self.matched(flag, file).is_some()).cloned()
            }
            Flag::Contradiction => self.contradiction(&reading.prose),
            Flag::FormatError => form(text).or_else(|| self.matched(flag, &reading.prose)),
        }
    }

    fn matched(&self, flag: Flag, text: &str) -> Option<String> {
        let patterns = self.patterns.get(&flag)?;
        patterns.any.iter().find_map(|pattern| patterns.first(pattern, text)).map(|at| excerpt(text, at))
    }

    fn contradiction(&self, text: &str) -> Option<String> {
        let patterns = self.patterns.get(&Flag::Contradiction)?;
        patterns.both.iter().find_map(|(one, other)| {
            let (one, other) = (one.find(text)?.as_str(), other.find(text)?.as_str());
            Some(format!("it says `{one}` and `{other}`"))
        })
    }
}

impl Patterns {
    fn new(flag: Flag, rule: &FlagRule) -> Result<Self, RuleError> {
        let compile = |pattern: &String| compile_ignoring_case(flag.name(), pattern);
        let pair = |[one, other]: &[String; 2]| Ok((compile(one)?, compile(other)?));
        Ok(Self {
            any: rule.patterns.iter().map(compile).collect::<Result<_, _>>()?,
            not_after: rule.not_after.as_ref().map(compile).transpose()?,
            both: rule.both.iter().map(pair).collect::<Result<_, _>>()?,
        })
    }

    /// Where a pattern first matches, and nothing stands before it that makes it harmless.
    fn first(&self, pattern: &Regex, text: &str) -> Option<usize> {
        pattern.find_iter(text).map(|found| found.start()).find(|at| {
            let before = text.get(..*at).unwrap_or_default();
            let line = before.rsplit('\n').next().unwrap_or_default();
            !self.not_after.as_ref().is_some_and(|not_after| not_after.is_match(line))
        })
    }
}

/// How a document differs from its schema, nested objects included.
fn misfit(document: Option<&Value>, schema: &Value) -> Option<String> {
    let Some(document) = document else {
        return Some("the answer holds no JSON document, and so none of the fields".to_owned());
    };
    let validator = match jsonschema::validator_for(schema) {
        Ok(validator) => validator,
        Err(error) => return Some(format!("the schema itself: {error}")),
    };
    let errors: Vec<String> = validator
        .iter_errors(document)
        .take(MOST_ERRORS)
        .map(|error| match error.instance_path().to_string() {
            place if place.is_empty() => error.to_string(),
            place => format!("{place}: {error}"),
        })
        .map(|error| error.chars().take(2 * EXCERPT).collect())
        .collect();
    (!errors.is_empty()).then(|| errors.join("; "))
}

/// What is wrong with the form of a text, whatever it says.
fn form(text: &str) -> Option<String> {
    let fences = text.lines().filter(|line| line.trim_start().starts_with("```")).count();
    if fences % 2 == 1 {
        return Some("a code fence is not closed".to_owned());
    }
    let broken = |letter: char| letter == '\u{fffd}' || letter.is_control() && !"\n\r\t".contains(letter);
    let at = text.find(broken)?;
    let line = text.get(..at).unwrap_or_default().lines().count().max(1);
    Some(format!("line {line}: a character that no text has"))
}

fn excerpt(text: &str, at: usize) -> String {
    let rest = text.get(at..).unwrap_or_default().trim_start();
    rest.lines().next().unwrap_or_default().chars().take(EXCERPT).collect()
}

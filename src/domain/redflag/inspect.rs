//! Checks answers against the rules of red flags.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::proposal::{Evasion, contrary, evasion, repetition};
use super::reading::{self, Reading, is_fence_open};
use super::{
    EMPTY_DIFF, EXCERPT, Flag, FlagRule, ForbiddenRule, Named, RedFlagRules, Sample, StepRules, excerpt,
};
use crate::domain::answer::{self, document, spoken};
use crate::domain::cut::cut;
use crate::domain::json_schema;
use crate::domain::pattern::Pattern;
use crate::domain::rule::{RuleError, verdict};
use crate::domain::vote::stated::stated;

/// The most schema errors that a finding names.
const MOST_ERRORS: usize = 5;

/// Checks answers against compiled rules.
#[derive(Debug)]
pub struct Inspector {
    rules: StepRules,
}

/// The rule for an error message of a CLI or a service in place of an answer.
const ERROR_MESSAGE: &str = "error_message";
/// Rules that also apply to the text beside an answer's document.
const BESIDE: [&str; 3] = ["hedging", "refusal", "undecided"];

/// One red flag, with what raised it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub reason: Flag,
    /// The matched text, or the problem in words.
    pub detail: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// The flags, in the order of [`Flag::ALL`].
    pub findings: Vec<Finding>,
    /// Flags that could not be checked, with the reason.
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
        rules.non_answers.iter().chain(&rules.elided).try_for_each(ForbiddenRule::compile)?;
        rules.rules.iter().try_for_each(|(flag, rule)| rule.compile(*flag))?;
        Ok(Self { rules: rules.clone() })
    }

    /// The patterns of clauses that commit to nothing, with the names of their rules.
    fn evasive(&self) -> impl Iterator<Item = Named<'_>> {
        let hedging = self.rules.rules.get(&Flag::Hedging).into_iter().flat_map(|rule| &rule.patterns);
        let hedging = hedging.map(|pattern| (Flag::Hedging.name(), pattern));
        self.rules.non_answers.iter().map(ForbiddenRule::named).chain(hedging)
    }

    /// The flags to check in a text of unknown kind. Flags about JSON or diffs are among them only if the
    /// text looks like JSON or a diff.
    pub fn usual(text: &str) -> Vec<Flag> {
        let is_document = answer::looks_like_json(text);
        let is_diff = reading::looks_like_a_diff(text);
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
        Flag::ALL.iter().copied().filter(applies).collect()
    }

    /// Checks an answer for some of the flags, and its document against a schema.
    pub fn inspect(&self, text: &str, flags: &[Flag], schema: Option<&Value>) -> Findings {
        let spoken = answer::spoken(text);
        let text = spoken.text();
        let reading = Reading::of(text);
        let mut found = Findings::default();
        for flag in Flag::ALL.iter().copied().filter(|flag| flags.contains(flag)) {
            if flag == Flag::MissingFields && schema.is_none() {
                let detail =
                    "no step_type is given, so there is no schema to check the answer against".to_owned();
                found.not_checked.push(Finding { reason: flag, detail });
            } else if let Some(detail) = self.find(flag, text, &reading, schema) {
                found.findings.push(Finding { reason: flag, detail });
            }
        }
        found
    }

    fn find(&self, flag: Flag, text: &str, reading: &Reading, schema: Option<&Value>) -> Option<String> {
        let more = |found: usize, most: usize, what: &str| {
            (found > most).then(|| format!("must have at most {most} {what} (got {found})"))
        };
        match flag {
            Flag::TooLong => more(text.chars().count(), self.rules.max_chars, "characters"),
            Flag::TooShort => {
                let chars = text.trim().chars().count();
                let least = self.rules.min_chars;
                (chars < least).then(|| format!("must have at least {least} characters (got {chars})"))
            }
            Flag::MissingFields => misfit(&reading.document, schema?),
            Flag::InvalidJson => reading.document.as_ref().err().map(ToString::to_string),
            Flag::InvalidDiff => match reading.changes.as_slice() {
                [] => Some("the answer contains no diff".to_owned()),
                some => {
                    let broken =
                        some.iter().find_map(|change| Some(change.patch.as_ref().err()?.to_string()));
                    broken.or_else(|| reading.changes_nothing().then(|| EMPTY_DIFF.to_owned()))
                }
            },
            Flag::MultiFile => more(reading.count(), self.rules.max_files, "files are changed"),
            Flag::ExcessiveChanges => {
                more(reading.changed_lines(), self.rules.max_diff_lines, "lines are changed")
            }
            Flag::Hedging => {
                let found = self.evasion(reading).filter(|evasion| evasion.rule != ERROR_MESSAGE)?;
                Some(shown(&found.rule, &found.clause))
            }
            Flag::DangerousCode | Flag::DangerousCommand => self.proposed(flag, reading),
            Flag::ForbiddenFile => {
                reading.files.iter().find(|file| self.matched(flag, file).is_some()).cloned()
            }
            Flag::Contradiction => self.contradiction(&reading.prose),
            Flag::FormatError => form(text, reading)
                .or_else(|| self.matched(flag, &reading.prose))
                .or_else(|| self.left_out(reading))
                .or_else(|| {
                    let found = self.evasion(reading).filter(|evasion| evasion.rule == ERROR_MESSAGE)?;
                    Some(shown(&found.rule, &found.clause))
                }),
        }
    }

    fn matched(&self, flag: Flag, text: &str) -> Option<String> {
        let rule = self.rules.rules.get(&flag)?;
        rule.patterns.iter().find_map(|pattern| rule.first(pattern, text)).map(|at| excerpt(text, at))
    }

    /// The first dangerous code or command that the answer proposes. Warnings and descriptions do not count.
    fn proposed(&self, flag: Flag, reading: &Reading) -> Option<String> {
        let rule = self.rules.rules.get(&flag)?;
        let find = |text: &str| -> Vec<(usize, usize)> {
            rule.patterns.iter().flat_map(|pattern| rule.all(pattern, text)).collect()
        };
        let found = reading.segments.iter().find_map(|segment| segment.proposed(find))?;
        Some(excerpt(&found, 0))
    }

    /// The first evasive clause of an answer without a definite one.
    pub(super) fn evasion(&self, reading: &Reading) -> Option<Evasion> {
        let evasive: Vec<Named> = self.evasive().collect();
        let beside: Vec<Named> = self.evasive().filter(|(name, _)| BESIDE.contains(name)).collect();
        let said = reading.statements.iter().find_map(|text| evasion(text, reading.has_code, &evasive));
        said.or_else(|| evasion(&reading.around, reading.has_code, &beside))
    }

    /// The reason why a text does not answer a question: it refuses, asks back, announces, is an error
    /// message, or holds only the given phrases. None if it is an answer.
    pub(super) fn no_answer(&self, text: &str, phrases: &[ForbiddenRule]) -> Option<String> {
        const KINDS: [&str; 4] = ["refusal", "request", "announcement", ERROR_MESSAGE];
        let reading = Reading::of(text);
        // A field of a document may be short.
        let is_document = matches!(&reading.document, Ok(Value::Object(_) | Value::Array(_)));
        let phrases = if is_document { &[] } else { phrases };
        let kinds = self.evasive().filter(|(name, _)| KINDS.contains(name));
        let rules: Vec<Named> = phrases.iter().map(ForbiddenRule::named).chain(kinds).collect();
        let found = reading.statements.iter().find_map(|text| evasion(text, reading.has_code, &rules))?;
        Some(shown(&found.rule, &found.clause))
    }

    /// The first mark of code that the answer omits.
    pub(super) fn left_out(&self, reading: &Reading) -> Option<String> {
        reading.whole.iter().find_map(|text| {
            let found =
                |rule: &ForbiddenRule| Some(shown(&rule.name, rule.pattern.find(text)?.as_str().trim()));
            self.rules.elided.iter().find_map(found)
        })
    }

    fn contradiction(&self, text: &str) -> Option<String> {
        let rule = self.rules.rules.get(&Flag::Contradiction)?;
        let pair = rule.both.iter().find_map(|[one, other]| {
            Some((one.find(text)?.as_str().to_owned(), other.find(text)?.as_str().to_owned()))
        });
        pair.or_else(|| contrary(text))
            .map(|(one, other)| format!("it says `{}` and `{}`", one.trim(), other.trim()))
    }
}

impl FlagRule {
    pub(super) fn ignore_case(&mut self) {
        let pairs = self.both.iter_mut().flatten();
        self.patterns
            .iter_mut()
            .chain(&mut self.not_after)
            .chain(&mut self.not_before)
            .chain(pairs)
            .for_each(Pattern::ignore_case);
    }

    fn compile(&self, flag: Flag) -> Result<(), RuleError> {
        let around = self.not_after.iter().chain(&self.not_before);
        let mut patterns = self.patterns.iter().chain(around).chain(self.both.iter().flatten());
        patterns.try_for_each(|pattern| pattern.check(flag.name()))
    }

    /// The start of the first match of a pattern, harmless ones left out.
    fn first(&self, pattern: &Pattern, text: &str) -> Option<usize> {
        self.all(pattern, text).first().map(|(from, _)| *from)
    }

    /// The start and end of every match of a pattern. A match is harmless, and left out, if `not_after`
    /// matches before it on its line, or `not_before` from its start on.
    fn all(&self, pattern: &Pattern, text: &str) -> Vec<(usize, usize)> {
        let is_meant = |at: usize| {
            let before = text.get(..at).unwrap_or_default();
            let line = before.rsplit('\n').next().unwrap_or_default();
            let rest = text.get(at..).and_then(|rest| rest.lines().next()).unwrap_or_default();
            !self.not_after.as_ref().is_some_and(|not_after| not_after.is_in(line))
                && !self.not_before.as_ref().is_some_and(|not_before| not_before.is_in(rest))
        };
        let found = pattern.regex().into_iter().flat_map(|regex| regex.find_iter(text));
        let meant = found.filter(|found| is_meant(found.start()));
        meant.map(|found| (found.start(), found.end())).collect()
    }
}

/// The errors of a document against its schema, nested objects included. None if it fits.
fn misfit(document: &Result<Value, answer::Unreadable>, schema: &Value) -> Option<String> {
    let document = match document {
        Ok(document) => document,
        Err(unreadable) => return Some(format!("{unreadable}, so every field is missing")),
    };
    let errors = json_schema::misfits(schema, document, MOST_ERRORS);
    let errors: Vec<String> = errors.iter().map(|error| cut(error, 2 * EXCERPT)).collect();
    (!errors.is_empty()).then(|| errors.join("; "))
}

/// The flaw in the form of a text, regardless of its content.
fn form(text: &str, reading: &Reading) -> Option<String> {
    if reading.document.is_err() && is_fence_open(text) {
        return Some("a code fence is not closed".to_owned());
    }
    if let Some(what) = reading.document.as_ref().ok().and_then(machinery) {
        return Some(what);
    }
    if let Some(what) = repetition(text) {
        return Some(what);
    }
    if is_trace(text) {
        return Some("the trace of a failed program instead of an answer".to_owned());
    }
    let broken = |letter: char| letter == '\u{fffd}' || letter.is_control() && !"\n\r\t".contains(letter);
    let at = text.find(broken)?;
    let line = text.get(..at).unwrap_or_default().lines().count().max(1);
    Some(format!("line {line}: a control character or an invalid character"))
}

/// The reason why a document is no answer: it is a tool call or the error of a service.
fn machinery(document: &Value) -> Option<String> {
    let object = document.as_object()?;
    let has = |names: &[&str]| names.iter().any(|name| object.contains_key(*name));
    let only = |names: &[&str]| object.keys().all(|key| names.contains(&key.as_str()));
    let calls = has(&["arguments", "parameters", "input", "args"])
        && has(&["tool", "name", "function", "tool_name"])
        && only(&[
            "tool", "name", "function", "tool_name", "arguments", "parameters", "input", "args", "id", "type",
        ]);
    if calls || has(&["tool_calls", "tool_uses"]) {
        return Some("a tool call instead of an answer".to_owned());
    }
    let fails = object.contains_key("error")
        && only(&["error", "type", "status", "code", "message", "request_id", "statusCode", "detail"]);
    fails.then(|| "the error message of a service instead of an answer".to_owned())
}

/// True if a text is nothing but the trace of an exception.
fn is_trace(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let begins =
        lines.next().is_some_and(|first| first.trim().starts_with("Traceback (most recent call last)"));
    let is_part = |line: &str| {
        let head = line.split(':').next().unwrap_or_default();
        line.starts_with([' ', '\t'])
            || !head.contains(' ')
            || line.starts_with("During handling")
            || line.starts_with("Traceback")
    };
    begins && lines.all(is_part)
}

fn shown(rule: &str, found: &str) -> String {
    format!("{rule}: {}", excerpt(found, 0))
}

impl StepRules {
    /// Tries every example of every rule, and checks that every flag has a rule with examples of both
    /// kinds.
    ///
    /// # Errors
    ///
    /// The first rule that is missing or disagrees with its examples.
    pub fn check(&self) -> Result<(), RuleError> {
        self.non_answers.iter().chain(&self.elided).try_for_each(ForbiddenRule::check)?;
        let inspector = Inspector::new(self)?;
        Flag::ALL.iter().copied().try_for_each(|flag| self.check_flag(flag, &inspector))
    }

    fn check_flag(&self, flag: Flag, inspector: &Inspector) -> Result<(), RuleError> {
        let incomplete = |problem: &str| {
            Err(RuleError::Incomplete { rule: flag.name().to_owned(), problem: problem.to_owned() })
        };
        let Some(rule) = self.rules.get(&flag) else {
            return incomplete("there is no such rule");
        };
        if rule.matching.is_empty() || rule.not_match.is_empty() {
            return incomplete("it needs examples under `match` and under `not_match`");
        }
        if flag.has_patterns() == rule.patterns.is_empty() {
            return incomplete(if flag.has_patterns() {
                "it needs `patterns`"
            } else {
                "no pattern finds it; leave `patterns` out"
            });
        }
        if (flag == Flag::Contradiction) == rule.both.is_empty() {
            return incomplete("only contradiction may have `both`");
        }
        let flags = |sample: &&Sample| {
            let found = inspector.inspect(&sample.text(), &[flag], sample.schema());
            !found.findings.is_empty()
        };
        let missed = rule.matching.iter().find(|sample| !flags(sample));
        let overreached = rule.not_match.iter().find(flags);
        verdict(flag.name(), missed.map(Sample::shown), overreached.map(Sample::shown))
    }
}

/// The section `vote` of `conf/redflags.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoteRules {
    /// The least length in characters, without white space around the answer.
    pub min_chars: usize,
    /// Phrases that show that an answer does not answer.
    pub forbidden: Vec<ForbiddenRule>,
}

/// The reason why an answer does not count as a vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RedFlag {
    /// The stable name of the reason.
    pub reason: &'static str,
    pub detail: String,
}

impl From<Finding> for RedFlag {
    fn from(finding: Finding) -> Self {
        Self { reason: finding.reason.name(), detail: finding.detail }
    }
}

/// The form of answers that a vote asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// Any text.
    Text,
    Json,
}

/// Judges the answers of votes.
#[derive(Debug)]
pub struct VoteFlags {
    rules: VoteRules,
    inspector: Inspector,
}

impl VoteFlags {
    /// Compiles the rules.
    ///
    /// # Errors
    ///
    /// A pattern that does not compile.
    pub fn new(rules: &RedFlagRules) -> Result<Self, RuleError> {
        rules.vote.forbidden.iter().try_for_each(ForbiddenRule::compile)?;
        Ok(Self { rules: rules.vote.clone(), inspector: Inspector::new(&rules.step)? })
    }

    /// The red flags of an answer, which may have at most `max_chars` characters.
    pub fn of_answer(&self, answer: &str, max_chars: usize, form: AnswerForm) -> Vec<RedFlag> {
        let spoken = spoken(answer);
        let answer = spoken.text();
        let chars = answer.trim().chars().count();
        let mut flags = Vec::new();
        let mut raise = |reason, detail| flags.push(RedFlag { reason, detail });
        if chars < self.rules.min_chars {
            raise(
                "too_short",
                format!("must have at least {} characters (got {chars})", self.rules.min_chars),
            );
        }
        if chars > max_chars {
            raise("too_long", format!("must have at most {max_chars} characters (got {chars})"));
        }
        if let (AnswerForm::Json, Err(unreadable)) = (form, document(answer)) {
            raise("invalid_json", unreadable.to_string());
        }
        // Only the final answer counts: the reasons before it may express doubt.
        let said = stated(answer).unwrap_or(answer);
        if let Some(rule) = self.rules.forbidden.iter().find(|rule| rule.pattern.is_in(said)) {
            raise("forbidden_pattern", rule.name.clone());
        } else if form == AnswerForm::Text
            && let Some(finding) = self.inspector.no_answer(said, &[])
        {
            raise("forbidden_pattern", finding);
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rule::RuleFile as _;

    #[test]
    fn answers_to_any_question() {
        let rules = RedFlagRules::from_yaml(include_str!("../../../conf/redflags.yaml")).unwrap();
        let flags = VoteFlags::new(&rules).unwrap();
        let reasons = |answer: &str, form| -> Vec<&'static str> {
            flags.of_answer(answer, 100, form).into_iter().map(|flag| flag.reason).collect()
        };
        assert!(reasons("B", AnswerForm::Text).is_empty());
        assert!(reasons("4", AnswerForm::Json).is_empty());
        assert_eq!(reasons("  \n", AnswerForm::Text), ["too_short"]);
        assert_eq!(reasons(&"x".repeat(101), AnswerForm::Text), ["too_long"]);
        assert_eq!(reasons("I don't know.", AnswerForm::Text), ["forbidden_pattern"]);
        for no_answer in [
            "I cannot help with that request.",
            "Please provide the file src/a.py.",
            "Error: 429 Too Many Requests. Please try again later.",
        ] {
            assert_eq!(reasons(no_answer, AnswerForm::Text), ["forbidden_pattern"], "{no_answer}");
        }
        for answer in [
            "I do not know the author, but the cause is the lock.\nANSWER: the lock",
            "yes",
            "maybe",
            "not B",
        ] {
            assert!(reasons(answer, AnswerForm::Text).is_empty(), "{answer}");
        }
        assert_eq!(reasons("B", AnswerForm::Json), ["invalid_json"]);
        assert!(reasons("```json\n{\"a\": {\"b\": [1]}}\n```", AnswerForm::Json).is_empty());
    }
}

//! The red flags of an answer to a question that is put to a vote, whatever the question is.

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::{Finding, ForbiddenRule, Inspector, RedFlagRules, compile};
use crate::domain::answer::{document, spoken};
use crate::domain::rule::RuleError;
use crate::domain::vote::stated::stated;

/// The section `vote` of `conf/redflags.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoteRules {
    /// The least length in characters, without the white space around it.
    pub min_chars: usize,
    /// Phrases of answers that do not answer.
    pub forbidden: Vec<ForbiddenRule>,
}

/// Why an answer is no vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RedFlag {
    /// Its stable word.
    pub reason: &'static str,
    pub detail: String,
}

impl From<Finding> for RedFlag {
    fn from(finding: Finding) -> Self {
        Self { reason: finding.reason.name(), detail: finding.detail }
    }
}

/// The form that a vote asks of its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// Any text.
    Text,
    /// JSON.
    Json,
}

/// Judges the answers of votes.
#[derive(Debug)]
pub struct VoteFlags {
    min_chars: usize,
    forbidden: Vec<(String, Regex)>,
    inspector: Inspector,
}

impl VoteFlags {
    /// Judges by these rules. Compiles the patterns.
    ///
    /// # Errors
    ///
    /// A pattern that does not compile.
    pub fn new(rules: &RedFlagRules) -> Result<Self, RuleError> {
        let forbidden = |rule: &ForbiddenRule| Ok((rule.name.clone(), compile(&rule.name, &rule.pattern)?));
        Ok(Self {
            min_chars: rules.vote.min_chars,
            forbidden: rules.vote.forbidden.iter().map(forbidden).collect::<Result<_, _>>()?,
            inspector: Inspector::new(&rules.step)?,
        })
    }

    /// Returns what is wrong with an answer of at most so many characters.
    pub fn of_answer(&self, answer: &str, max_chars: usize, form: AnswerForm) -> Vec<RedFlag> {
        let spoken = spoken(answer);
        let answer = spoken.text();
        let chars = answer.trim().chars().count();
        let mut flags = Vec::new();
        let mut raise = |reason, detail| flags.push(RedFlag { reason, detail });
        if chars < self.min_chars {
            raise("too_short", format!("{chars} characters"));
        }
        if chars > max_chars {
            raise("too_long", format!("{chars} characters, at most {max_chars}"));
        }
        if let (AnswerForm::Json, Err(unreadable)) = (form, document(answer)) {
            raise("invalid_json", unreadable.to_string());
        }
        // Reasons may doubt; what is answered in the end counts.
        let said = stated(answer).unwrap_or(answer);
        if let Some((rule, _)) = self.forbidden.iter().find(|(_, regex)| regex.is_match(said)) {
            raise("forbidden_pattern", rule.clone());
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

//! The red flags of votes: why an answer to a step, or to any question, is discarded.

use std::collections::BTreeMap;

use jsonschema::Validator;
use regex::Regex;
use serde::Serialize;
use serde_json::Value;

use super::{FlagRule, MicroStep, MicroStepRules, StepType};
use crate::domain::diff;
use crate::domain::redflag::{ForbiddenRule, compile};
use crate::domain::rule::RuleError;
use crate::domain::vote::canonical::unfenced;

/// One red flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flag {
    /// Its stable word.
    pub reason: &'static str,
    /// What was found.
    pub detail: String,
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
    forbidden: Vec<Phrase>,
    max_step_chars: usize,
    max_files: usize,
    hedging: Vec<Phrase>,
    dangerous_code: Vec<Phrase>,
    dangerous_command: Vec<Phrase>,
    validators: BTreeMap<StepType, Validator>,
}

/// A forbidden phrase by its rule.
#[derive(Debug)]
struct Phrase {
    rule: String,
    regex: Regex,
}

impl VoteFlags {
    /// Judges by these rules. Compiles patterns and schemas.
    ///
    /// # Errors
    /// A pattern or a schema that cannot be used.
    pub fn new(rules: &MicroStepRules) -> Result<Self, RuleError> {
        let validator = |step: &MicroStep| match jsonschema::validator_for(&step.output_schema) {
            Ok(validator) => Ok((step.kind, validator)),
            Err(error) => {
                Err(RuleError::Incomplete { rule: step.kind.name().to_owned(), problem: error.to_string() })
            }
        };
        Ok(Self {
            min_chars: rules.vote.min_chars,
            forbidden: phrases(&rules.vote.forbidden)?,
            max_step_chars: rules.step.max_chars,
            max_files: rules.step.max_files_per_patch,
            hedging: phrases(&rules.step.hedging)?,
            dangerous_code: phrases(&rules.step.dangerous_code)?,
            dangerous_command: phrases(&rules.step.dangerous_command)?,
            validators: rules.steps.iter().map(validator).collect::<Result<_, _>>()?,
        })
    }

    /// What is wrong with the answer to any question that is put to a vote.
    #[must_use]
    pub fn of_answer(&self, answer: &str, max_chars: usize, form: AnswerForm) -> Vec<Flag> {
        let chars = answer.trim().chars().count();
        let mut flags = Vec::new();
        if chars < self.min_chars {
            flags.push(flag("too_short", format!("{chars} characters")));
        }
        if chars > max_chars {
            flags.push(flag("too_long", format!("{chars} characters, at most {max_chars}")));
        }
        if let (AnswerForm::Json, Err(error)) = (form, serde_json::from_str::<Value>(unfenced(answer))) {
            flags.push(flag("invalid_json", error.to_string()));
        }
        flags.extend(first(&self.forbidden, "forbidden_pattern", [answer]));
        flags
    }

    /// What is wrong with the answer to a step, by the rules of the step.
    #[must_use]
    pub fn of_step(&self, step: &MicroStep, answer: &str) -> Vec<Flag> {
        let parsed = serde_json::from_str::<Value>(unfenced(answer));
        let texts = match &parsed {
            Ok(value) => texts(value),
            Err(_) => vec![answer],
        };
        step.red_flag_rules
            .iter()
            .filter_map(|rule| match rule {
                FlagRule::TooLong => self.too_long(answer),
                FlagRule::MissingFields => match &parsed {
                    Ok(value) => self.misfit(step, value),
                    Err(error) => Some(flag("invalid_json", error.to_string())),
                },
                FlagRule::Hedging => first(&self.hedging, "hedging", texts.iter().copied()),
                FlagRule::DangerousCode => {
                    first(&self.dangerous_code, "dangerous_code", texts.iter().copied())
                }
                FlagRule::DangerousCommand => {
                    first(&self.dangerous_command, "dangerous_command", texts.iter().copied())
                }
                FlagRule::MultiFile => self.multi_file(patch_of(&parsed, answer)),
                FlagRule::InvalidDiff => diff::parse(patch_of(&parsed, answer))
                    .err()
                    .map(|error| flag("invalid_diff", error.to_string())),
            })
            .collect()
    }

    fn too_long(&self, answer: &str) -> Option<Flag> {
        let chars = answer.chars().count();
        (chars > self.max_step_chars)
            .then(|| flag("too_long", format!("{chars} characters, at most {}", self.max_step_chars)))
    }

    /// Where the answer does not have the form of the step.
    fn misfit(&self, step: &MicroStep, value: &Value) -> Option<Flag> {
        let required = step.output_schema.get("required").and_then(Value::as_array);
        let is_missing = |name: &&str| value.get(*name).is_none();
        let missing: Vec<&str> =
            required.into_iter().flatten().filter_map(Value::as_str).filter(is_missing).collect();
        if !missing.is_empty() {
            return Some(flag("missing_fields", missing.join(", ")));
        }
        let error = self.validators.get(&step.kind)?.validate(value).err()?;
        Some(flag("format_error", format!("{}: {error}", error.instance_path())))
    }

    fn multi_file(&self, patch: &str) -> Option<Flag> {
        let mut files: Vec<String> =
            diff::parse(patch).ok()?.files.into_iter().map(|file| file.new).collect();
        files.sort_unstable();
        files.dedup();
        (files.len() > self.max_files).then(|| flag("multi_file", files.join(", ")))
    }
}

fn flag(reason: &'static str, detail: String) -> Flag {
    Flag { reason, detail }
}

fn phrases(rules: &[ForbiddenRule]) -> Result<Vec<Phrase>, RuleError> {
    let phrase = |rule: &ForbiddenRule| {
        Ok(Phrase { rule: rule.name.clone(), regex: compile(&rule.name, &rule.pattern)? })
    };
    rules.iter().map(phrase).collect()
}

/// The first phrase that is found in any of the texts.
fn first<'a>(
    phrases: &[Phrase],
    reason: &'static str,
    texts: impl IntoIterator<Item = &'a str>,
) -> Option<Flag> {
    texts.into_iter().find_map(|text| {
        let phrase = phrases.iter().find(|phrase| phrase.regex.is_match(text))?;
        Some(flag(reason, phrase.rule.clone()))
    })
}

/// Every text inside a JSON value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The patch of an answer: its `patch_diff`, or all of it where it is no JSON.
fn patch_of<'a>(parsed: &'a Result<Value, serde_json::Error>, answer: &'a str) -> &'a str {
    match parsed {
        Ok(value) => value.get("patch_diff").and_then(Value::as_str).unwrap_or_default(),
        Err(_) => answer,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules() -> MicroStepRules {
        MicroStepRules::from_yaml(super::super::tests::SHIPPED).unwrap()
    }

    fn reasons(kind: StepType, answer: &str) -> Vec<&'static str> {
        let rules = rules();
        let step = rules.steps.iter().find(|step| step.kind == kind).unwrap();
        VoteFlags::new(&rules).unwrap().of_step(step, answer).into_iter().map(|flag| flag.reason).collect()
    }

    fn label(kind: &str) -> String {
        json!({ "failure_type": kind, "error_message": "x", "stack_trace_summary": "" }).to_string()
    }

    #[test]
    fn short_right_and_nested_answers_are_valid() {
        assert!(reasons(StepType::D1FailureLabel, &label("timeout")).is_empty());
        assert!(reasons(StepType::D1FailureLabel, &format!("```json\n{}\n```", label("crash"))).is_empty());
        let nested = json!({ "input_spec": "{\"a\": {\"b\": 1}}", "output_spec": "x", "source_file": "a.py", "more": { "deep": [{}] } });
        assert!(reasons(StepType::S1SpecExtract, &nested.to_string()).is_empty());
    }

    #[test]
    fn the_form_of_an_answer_is_strict() {
        assert_eq!(reasons(StepType::D1FailureLabel, "timeout"), ["invalid_json"]);
        assert_eq!(reasons(StepType::D1FailureLabel, "Sure: {}"), ["invalid_json"]);
        assert_eq!(reasons(StepType::D1FailureLabel, "{}"), ["missing_fields"]);
        assert_eq!(reasons(StepType::D1FailureLabel, "[]"), ["missing_fields"]);
        assert_eq!(reasons(StepType::D1FailureLabel, &label("sloth")), ["format_error"]);
    }

    #[test]
    fn words_and_commands_are_found_where_they_stand() {
        let cause = |text: &str, confidence: f64| {
            json!({ "hypothesis": text, "suspected_file": "a", "suspected_location": "1", "confidence": confidence })
                .to_string()
        };
        assert!(reasons(StepType::H1RootCause, &cause("the key is missing", 0.8)).is_empty());
        assert_eq!(reasons(StepType::H1RootCause, &cause("Maybe the key", 0.8)), ["hedging"]);
        assert_eq!(reasons(StepType::H1RootCause, &cause("the key is missing", 1.8)), ["format_error"]);
        let next = |command: &str| {
            json!({ "experiment_command": command, "expected_insight": "x", "abort_condition": "y" })
                .to_string()
        };
        assert!(reasons(StepType::D2NextExperiment, &next("pytest -x > /dev/null")).is_empty());
        assert_eq!(reasons(StepType::D2NextExperiment, &next("rm -rf /")), ["dangerous_command"]);
        let code = |code: &str| {
            json!({ "mre_code": code, "steps_to_reproduce": ["run"], "expected_vs_actual": "x" }).to_string()
        };
        assert!(reasons(StepType::S3Mre, &code("retrieval(x)\nmodel.eval()")).is_empty());
        assert_eq!(reasons(StepType::S3Mre, &code("x = 1\neval(input())")), ["dangerous_code"]);
    }

    #[test]
    fn patches_are_of_one_file_and_are_diffs() {
        let one = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
        let patch =
            |diff: &str| json!({ "target_file": "x", "patch_diff": diff, "change_summary": "c" }).to_string();
        assert!(reasons(StepType::C1MinimalPatch, &patch(one)).is_empty());
        let two = format!("{one}{}", one.replace("/x", "/y"));
        assert_eq!(reasons(StepType::C1MinimalPatch, &patch(&two)), ["multi_file"]);
        assert_eq!(reasons(StepType::C1MinimalPatch, &patch("change a to b")), ["invalid_diff"]);
        let long = patch(&format!("{one}{}", " ".repeat(10_000)));
        assert_eq!(reasons(StepType::C1MinimalPatch, &long), ["too_long"]);
    }

    #[test]
    fn answers_to_any_question() {
        let flags = VoteFlags::new(&rules()).unwrap();
        let reasons = |answer: &str, form| -> Vec<&'static str> {
            flags.of_answer(answer, 100, form).into_iter().map(|flag| flag.reason).collect()
        };
        assert!(reasons("B", AnswerForm::Text).is_empty());
        assert!(reasons("4", AnswerForm::Json).is_empty());
        assert_eq!(reasons("  \n", AnswerForm::Text), ["too_short"]);
        assert_eq!(reasons(&"x".repeat(101), AnswerForm::Text), ["too_long"]);
        assert_eq!(reasons("I don't know.", AnswerForm::Text), ["forbidden_pattern"]);
        assert_eq!(reasons("B", AnswerForm::Json), ["invalid_json"]);
        assert!(reasons("```json\n{\"a\": {\"b\": [1]}}\n```", AnswerForm::Json).is_empty());
    }
}

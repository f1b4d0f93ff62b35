//! Checks a text for red flags, and a content for its required form.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::configuration::Configuration;
use super::scope::off_thread_with;
use crate::domain::microstep::StepType;
use crate::domain::pairs::{with, without_nulls};
use crate::domain::redflag::{Flag, Inspector};
use crate::domain::validate::{ContentType, Demands, Outcome, Validation, forbidden, validate};
use crate::error::{Error, ErrorNote, outcome};

/// Maximum size of a text in bytes.
const MOST_BYTES: usize = 1_000_000;

/// Checks a text against the named rules, else those of its step, else those that fit its form.
///
/// # Errors
///
/// A rule is unknown, the text is too long, or the rules cannot be used.
pub async fn red_flag_check(
    config: &Configuration,
    content: String,
    step_type: Option<StepType>,
    named: Option<Vec<String>>,
) -> Result<Value, Error> {
    check_size(&content)?;
    let named = named.map(|names| names.iter().map(|name| flag(name)).collect::<Result<Vec<_>, _>>());
    let named = named.transpose()?.filter(|flags| !flags.is_empty());
    off_thread_with(config, move |config| {
        let inspector = config.inspector()?;
        let steps = config.micro_steps()?;
        let step = step_type.and_then(|kind| steps.get(kind));
        let rules = match (named, step) {
            (Some(named), _) => named,
            (None, Some(step)) => step.red_flag_rules.clone(),
            (None, None) => Inspector::usual(&content),
        };
        let found = inspector.inspect(&content, &rules, step.map(|step| &step.output_schema));
        let is_flagged = !found.findings.is_empty();
        Ok(json!({
            "is_flagged": is_flagged,
            "reasons": found.findings.iter().map(|finding| finding.reason).collect::<Vec<_>>(),
            "should_discard": is_flagged,
            "recommendation": if is_flagged {
                "Discard it and ask again; do not repair it."
            } else {
                "No red flag was found; tests still decide."
            },
            "step_type": step_type,
            "content_length": content.chars().count(),
            "details": without_nulls(json!({
                "findings": found.findings,
                "rules": rules,
                "not_checked": Some(found.not_checked).filter(|rules| !rules.is_empty()),
            })),
        }))
    })
    .await
}

fn flag(name: &str) -> Result<Flag, Error> {
    name.parse().map_err(|_| {
        let known = Flag::ALL.iter().map(|flag| flag.name()).collect::<Vec<_>>().join(", ");
        Error::InvalidArguments(format!("rules must be some of {known} (got `{name}`)"))
    })
}

fn check_size(content: &str) -> Result<(), Error> {
    let bytes = content.len();
    if bytes > MOST_BYTES {
        let problem = format!("content must be at most {MOST_BYTES} bytes (got {bytes})");
        return Err(Error::InvalidArguments(problem));
    }
    Ok(())
}

// Demands on a content: input of a tool, whose schema shows only the docs of the fields.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidationRequest {
    /// Text.
    pub content: String,
    /// Wanted form.
    #[serde(default)]
    pub content_type: ContentType,
    /// Default: 15000, for a diff 50000.
    #[schemars(with = "usize")]
    #[serde(default)]
    pub max_chars: Option<usize>,
    /// Fields; a.b for nested.
    #[serde(default, rename = "require_json_fields")]
    pub fields: Vec<String>,
    /// Regexes, up to 20.
    #[serde(default)]
    pub forbidden_patterns: Vec<String>,
}

/// Checks a content against the rules and the caller's demands, on a blocking thread.
///
/// # Errors
///
/// The rules cannot be used. If the demands cannot be used, the report says so.
pub async fn validate_content(config: &Configuration, request: ValidationRequest) -> Result<Value, Error> {
    off_thread_with(config, move |config| {
        let ValidationRequest { content, content_type, max_chars, fields, forbidden_patterns } = request;
        let rules = config.red_flags()?;
        let patterns = || forbidden(&forbidden_patterns).map_err(Error::InvalidArguments);
        let (validation, failure) = match check_size(&content).and_then(|()| patterns()) {
            Err(error) => {
                let validation = Validation { outcome: Outcome::CustomFailure, reason: error.to_string() };
                (validation, Some(error.note()))
            }
            Ok(forbidden) => {
                let demands = Demands { content_type, max_chars, fields, forbidden };
                let validation = validate(&rules, &content, &demands);
                let failure = (validation.outcome != Outcome::Valid).then(|| ErrorNote {
                    error: validation.reason.clone(),
                    code: outcome::CONTENT_INVALID,
                    hint: "Ask for another answer; do not repair this one.".to_owned(),
                    retryable: false,
                    resets_at: None,
                });
                (validation, failure)
            }
        };
        let is_valid = validation.outcome == Outcome::Valid;
        let report = json!({
            "ok": is_valid,
            "is_valid": is_valid,
            "result": validation.outcome,
            "reason": validation.reason,
            "content_length": content.chars().count(),
            "content_type": content_type,
        });
        Ok(with(report, failure))
    })
    .await
}

//! Validates a content: its length, its form, and forbidden phrases.

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer;
use super::cut::cut;
use super::diff;
use super::redflag::{Reason, RedFlags};
use super::rule;

/// The most patterns of one call.
pub const MOST_PATTERNS: usize = 20;
/// The most characters of one pattern.
pub const MOST_PATTERN_CHARS: usize = 1_000;
/// The most bytes that a pattern may compile to. Together with the limit on the content this bounds the time
/// of matching, which is at most proportional to the product of both.
const MOST_PATTERN_BYTES: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ContentType {
    /// Any text.
    #[default]
    General,
    /// A unified diff.
    Diff,
    /// A JSON document.
    Json,
}

/// The caller's demands on a content, in addition to the rules.
#[derive(Clone, Debug, Default)]
pub struct Demands {
    pub content_type: ContentType,
    /// The most characters; None for the limit of the rules.
    pub max_chars: Option<usize>,
    /// Fields that the JSON document must have. `a.b` is the field `b` of the field `a`.
    pub fields: Vec<String>,
    /// Patterns that must not match.
    pub forbidden: Vec<Regex>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// No demand is violated.
    Valid,
    TooLong,
    TooShort,
    /// It has a forbidden phrase.
    ForbiddenPattern,
    /// It is not a JSON document.
    InvalidJson,
    MissingJsonField,
    /// It is not a valid diff.
    InvalidDiff,
    /// The caller made a demand that cannot be checked.
    CustomFailure,
}

/// An outcome with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    pub outcome: Outcome,
    /// The reason in one line.
    pub reason: String,
}

/// Compiles the patterns of a call. `^` and `$` match at line boundaries.
///
/// # Errors
///
/// There are too many patterns, or one is too long, too large or no regex. The message names it.
pub fn forbidden(patterns: &[String]) -> Result<Vec<Regex>, String> {
    if patterns.len() > MOST_PATTERNS {
        let all = patterns.len();
        return Err(format!("forbidden_patterns must hold at most {MOST_PATTERNS} patterns (got {all})"));
    }
    let one = |(number, text): (usize, &String)| {
        let place = format!("forbidden_patterns[{number}]");
        if text.chars().count() > MOST_PATTERN_CHARS {
            return Err(format!("{place} must have at most {MOST_PATTERN_CHARS} characters"));
        }
        let built = RegexBuilder::new(text).multi_line(true).size_limit(MOST_PATTERN_BYTES).build();
        built.map_err(|error| format!("{place} must be a regex (`{text}`: {})", rule::problem(&error)))
    };
    patterns.iter().enumerate().map(one).collect()
}

/// Checks a content against the rules and the caller's demands. The first violation decides, in this order:
/// length, form, phrases.
pub fn validate(rules: &RedFlags, content: &str, demands: &Demands) -> Validation {
    let fail = length(rules, content, demands).or_else(|| form(content, demands));
    fail.or_else(|| phrases(rules, content, demands)).unwrap_or_else(|| Validation {
        outcome: Outcome::Valid,
        reason: "all requirements are met".to_owned(),
    })
}

fn length(rules: &RedFlags, content: &str, demands: &Demands) -> Option<Validation> {
    let own = match demands.content_type {
        ContentType::Diff => rules.rules.max_diff_chars,
        ContentType::General | ContentType::Json => rules.rules.max_chars,
    };
    let (least, most) = (rules.rules.min_chars, demands.max_chars.unwrap_or(own));
    let (written, all) = (content.trim().chars().count(), content.chars().count());
    if written < least {
        let reason = format!("content must have at least {least} characters (got {written})");
        return Some(Validation { outcome: Outcome::TooShort, reason });
    }
    let reason = format!("content must have at most {most} characters (got {all})");
    (all > most).then_some(Validation { outcome: Outcome::TooLong, reason })
}

fn form(content: &str, demands: &Demands) -> Option<Validation> {
    if demands.content_type == ContentType::Diff {
        let error = diff::parse(content).err()?;
        return Some(Validation { outcome: Outcome::InvalidDiff, reason: error.to_string() });
    }
    if demands.content_type == ContentType::General && demands.fields.is_empty() {
        return None;
    }
    let Some(document) = answer::alone(content) else {
        let reason = match serde_json::from_str::<Value>(content.trim()) {
            Err(error) => format!("content is not a JSON document: {error}"),
            Ok(_) => "content is not a JSON document".to_owned(),
        };
        return Some(Validation { outcome: Outcome::InvalidJson, reason });
    };
    let missing: Vec<&str> =
        demands.fields.iter().map(String::as_str).filter(|field| !has(&document, field)).collect();
    let reason = || format!("content lacks the fields {}", missing.join(", "));
    (!missing.is_empty()).then(|| Validation { outcome: Outcome::MissingJsonField, reason: reason() })
}

/// True if a document has a field of that name, or of that path, like `a.b`.
fn has(document: &Value, field: &str) -> bool {
    let nested = || field.split('.').try_fold(document, |value, part| value.get(part)).is_some();
    document.get(field).is_some() || nested()
}

fn phrases(rules: &RedFlags, content: &str, demands: &Demands) -> Option<Validation> {
    let own = demands.forbidden.iter().find_map(|pattern| {
        let found = pattern.find(content)?.as_str();
        Some(format!("`{}` matches `{}`", pattern.as_str(), cut(found, 120)))
    });
    let shipped = || match rules.forbidden(content).next()? {
        Reason::ForbiddenPattern { rule, excerpt } => Some(format!("rule {rule}: `{excerpt}`")),
        Reason::TooLong | Reason::TooShort => None,
    };
    let reason = own.or_else(shipped)?;
    Some(Validation { outcome: Outcome::ForbiddenPattern, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::redflag::RedFlagRules;
    use crate::domain::rule::RuleFile as _;

    fn judged(content: &str, demands: &Demands) -> (Outcome, String) {
        let rules = RedFlagRules::from_yaml(include_str!("../../conf/redflags.yaml")).unwrap();
        let validation = validate(&RedFlags::candidate(&rules).unwrap(), content, demands);
        (validation.outcome, validation.reason)
    }

    fn of(content_type: ContentType, fields: &[&str]) -> Demands {
        Demands {
            content_type,
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            ..Demands::default()
        }
    }

    #[test]
    fn fields_are_looked_for_by_name_and_by_path() {
        let content = r#"{"a": {"b": null}, "c.d": 1}"#;
        for (fields, outcome) in [
            (&["a", "a.b", "c.d"][..], Outcome::Valid),
            (&["a", "x"], Outcome::MissingJsonField),
            (&["a.c"], Outcome::MissingJsonField),
            (&["b"], Outcome::MissingJsonField),
        ] {
            assert_eq!(judged(content, &of(ContentType::Json, fields)).0, outcome, "{fields:?}");
        }
        assert!(judged(content, &of(ContentType::Json, &["x", "y"])).1.contains("x, y"));
        let prose = of(ContentType::General, &["a"]);
        assert_eq!(judged("a is the field here", &prose).0, Outcome::InvalidJson);
    }

    #[test]
    fn a_diff_is_read_and_may_be_longer() {
        let demands = of(ContentType::Diff, &[]);
        let diff = |lines: usize| {
            format!("--- a/x\n+++ b/x\n@@ -1 +1,{lines} @@\n-a\n{}", "+ a line\n".repeat(lines))
        };
        assert_eq!(judged(&diff(3_000), &demands).0, Outcome::Valid);
        assert_eq!(judged(&diff(6_000), &demands).0, Outcome::TooLong);
        assert_eq!(judged("--- a/x\n+++ b/x\nno hunk", &demands).0, Outcome::InvalidDiff);
        assert_eq!(judged("+++ x and @@ 1 @@ in words", &demands).0, Outcome::InvalidDiff);
    }

    #[test]
    fn patterns_that_cannot_be_used_are_named() {
        let compile = |patterns: &[String]| forbidden(patterns).unwrap_err();
        assert!(
            compile(&["ok".into(), "(".into()]).starts_with("forbidden_patterns[1] must be a regex (`(`: ")
        );
        assert!(compile(&["(?=x)".into()]).contains("look-around"));
        assert!(compile(&vec!["x".into(); 21]).contains("at most 20"));
        assert!(compile(&["x".repeat(1_001)]).contains("1000 characters"));
        assert!(compile(&["(a{1000}){1000}".into()]).contains("exceeds size limit"));
    }

    #[test]
    fn own_patterns_come_beside_the_shipped_ones() {
        let forbidden = forbidden(&["TODO".into()]).unwrap();
        let demands = Demands { forbidden, ..Demands::default() };
        assert_eq!(judged("there is a TODO here", &demands).1, "`TODO` matches `TODO`");
        assert_eq!(judged("I don't know about it", &demands).0, Outcome::ForbiddenPattern);
        assert_eq!(judged("there is a todo here", &demands).0, Outcome::Valid);
    }
}

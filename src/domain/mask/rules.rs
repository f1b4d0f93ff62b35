//! The masking rules as data: the forms of secrets, and how to tell them from similar text.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::rule::{RuleError, verdict};

/// The section `masking` of `conf/secrets.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRules {
    pub variables: VariableRules,
    /// Parts of patterns, which a pattern uses as `(?&name)`.
    #[serde(default)]
    pub parts: BTreeMap<String, String>,
    /// Regexes of values that are not secrets, by name.
    #[serde(default)]
    pub shapes: BTreeMap<String, String>,
    /// The rules. Each is tried on the lines that contain one of its keywords.
    pub rules: Vec<MaskRule>,
}

/// A rule for one kind of secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRule {
    pub name: String,
    /// Literals in any case. The pattern is tried only on lines that contain one.
    pub keywords: Vec<String>,
    /// ASCII regex for a single line, in which any other letter matches in both cases. The secret is its
    /// group `secret`, or the whole match without that group.
    pub pattern: String,
    /// Minimum Shannon entropy of the secret, in bits for each byte.
    pub min_entropy: Option<f64>,
    /// Names of shapes: a secret that has one of them is not masked.
    #[serde(default)]
    pub unless: Vec<String>,
    /// Names of shapes: if the whole match has one of them, nothing is masked.
    #[serde(default)]
    pub except: Vec<String>,
    /// Examples in which the rule finds a secret. If `⟦⟧` mark a part, it must find exactly that part.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Examples in which the rule finds nothing.
    #[serde(default)]
    pub not_match: Vec<String>,
}

/// Rules to recognise environment variables that hold secrets, by the words of their names.
///
/// They are the part `variables` of the section `masking` in `conf/secrets.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariableRules {
    /// A name is secret if one of its words (split at `_`, in any case) is in this list...
    pub words: Vec<String>,
    /// ...or if it ends with one of these sequences of words...
    #[serde(default)]
    pub endings: Vec<String>,
    /// ...unless its last word is in this list: then it only describes a secret.
    #[serde(default)]
    pub not_ending_in: Vec<String>,
    /// Whole names that are never secret.
    #[serde(default)]
    pub never: Vec<String>,
    /// Examples of secret names.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Examples of names that are not secret.
    #[serde(default)]
    pub not_match: Vec<String>,
}

impl VariableRules {
    /// True if a variable with this name probably holds a secret.
    pub fn is_secret(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
        let holds = |list: &[String], word: &str| list.iter().any(|entry| entry.eq_ignore_ascii_case(word));
        let never = holds(&self.never, &name);
        let about = words.last().is_some_and(|word| holds(&self.not_ending_in, word));
        !never && !about && (words.iter().any(|word| holds(&self.words, word)) || self.has_ending(&words))
    }

    /// Tries the examples.
    ///
    /// # Errors
    /// The first example with a wrong verdict.
    pub fn check(&self) -> Result<(), RuleError> {
        let missed = self.matching.iter().find(|name| !self.is_secret(name));
        let overreached = self.not_match.iter().find(|name| self.is_secret(name));
        verdict("variables", missed.cloned(), overreached.cloned())
    }

    fn has_ending(&self, words: &[&str]) -> bool {
        self.endings.iter().any(|ending| {
            let ending = ending.to_ascii_lowercase();
            words.ends_with(&ending.split('_').collect::<Vec<_>>())
        })
    }
}

//! The masking rules as data: how secrets look, and how to tell them from similar text.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::rule::{RuleError, verdict};

/// Section `masking` of `conf/secrets.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRules {
    pub variables: VariableRules,
    /// Parts of patterns, used as `(?&name)`.
    #[serde(default)]
    pub parts: BTreeMap<String, String>,
    /// Shapes of values that are not secrets, by name.
    #[serde(default)]
    pub shapes: BTreeMap<String, String>,
    /// The rules, each tried on the lines that contain one of its keywords.
    pub rules: Vec<MaskRule>,
}

/// One kind of secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRule {
    pub name: String,
    /// Literals, in any ASCII case; a line must contain one before the pattern is tried.
    pub keywords: Vec<String>,
    /// An ASCII regex for single lines; its group `secret`, else the whole match, is the secret.
    pub pattern: String,
    /// Minimum Shannon entropy of the secret, in bits for each byte.
    pub min_entropy: Option<f64>,
    /// Shapes that the secret must not have.
    #[serde(default)]
    pub unless: Vec<String>,
    /// Shapes that the whole match must not have.
    #[serde(default)]
    pub except: Vec<String>,
    /// Lines in which it finds a secret: exactly the text in `⟦⟧`, if they are there.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Lines in which it finds none.
    #[serde(default)]
    pub not_match: Vec<String>,
}

/// Environment variables that contain secrets, recognised by the words of their names.
///
/// Part `variables` of section `masking` of `conf/secrets.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariableRules {
    /// A name with one of these among its words (split at `_`, in any case) is secret...
    pub words: Vec<String>,
    /// ...or one that ends in one of these sequences of words...
    #[serde(default)]
    pub endings: Vec<String>,
    /// ...unless its last word is one of these: then it only describes a secret.
    #[serde(default)]
    pub not_ending_in: Vec<String>,
    /// Whole names that are never secret.
    #[serde(default)]
    pub never: Vec<String>,
    /// Names of secrets.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Names that are not.
    #[serde(default)]
    pub not_match: Vec<String>,
}

impl VariableRules {
    /// True if a variable of this name holds a secret.
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
    /// At the first name with a wrong verdict.
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

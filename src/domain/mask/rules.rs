//! The masking rules as data: how a secret looks, and how to know it from what only looks so.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::rule::{RuleError, verdict};

/// Section `masking` of `conf/secrets.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRules {
    pub variables: VariableRules,
    /// Pieces of patterns, which patterns use as `(?&name)`.
    #[serde(default)]
    pub parts: BTreeMap<String, String>,
    /// Shapes of values that are no secrets, by the name under which rules refer to them.
    #[serde(default)]
    pub shapes: BTreeMap<String, String>,
    /// The rules, each tried on the lines that hold one of its keywords.
    pub rules: Vec<MaskRule>,
}

/// One kind of secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRule {
    pub name: String,
    /// Literals, in any ASCII case, of which a line must hold one for the pattern to be tried.
    pub keywords: Vec<String>,
    /// An ASCII regex tried on single lines; its group `secret`, else all of it, is the secret.
    pub pattern: String,
    /// The least Shannon entropy, in bits a byte, of the secret.
    pub min_entropy: Option<f64>,
    /// Shapes that the secret must not have.
    #[serde(default)]
    pub unless: Vec<String>,
    /// Shapes that the whole match must not have.
    #[serde(default)]
    pub except: Vec<String>,
    /// Lines in which it finds a secret, exactly what `⟦⟧` encloses if they are there.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Lines in which it finds none.
    #[serde(default)]
    pub not_match: Vec<String>,
}

/// Environment variables that hold secrets, told by the words of their names.
///
/// Part `variables` of section `masking` of `conf/secrets.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariableRules {
    /// A name with one of these among its words (split at `_`, in any case) holds a secret...
    pub words: Vec<String>,
    /// ...or one that ends in one of these sequences of words...
    #[serde(default)]
    pub endings: Vec<String>,
    /// ...unless its last word is one of these: then it only says something about a secret.
    #[serde(default)]
    pub not_ending_in: Vec<String>,
    /// Whole names that hold none, whatever their words.
    #[serde(default)]
    pub never: Vec<String>,
    /// Names that hold a secret.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Names that do not.
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

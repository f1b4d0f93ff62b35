//! Environment variables that hold secrets, told by the words of their names.

use serde::Deserialize;

use crate::domain::rule::RuleError;

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
        let rule = || "variables".to_owned();
        if let Some(name) = self.matching.iter().find(|name| !self.is_secret(name)) {
            return Err(RuleError::Missed { rule: rule(), example: name.clone(), detail: String::new() });
        }
        match self.not_match.iter().find(|name| self.is_secret(name)) {
            Some(name) => Err(RuleError::Overreached { rule: rule(), example: name.clone() }),
            None => Ok(()),
        }
    }

    fn has_ending(&self, words: &[&str]) -> bool {
        self.endings.iter().any(|ending| {
            let ending = ending.to_ascii_lowercase();
            words.ends_with(&ending.split('_').collect::<Vec<_>>())
        })
    }
}

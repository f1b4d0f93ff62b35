//! The rule file for secrets, `conf/secrets.yaml`: what is masked in text, and which files
//! are never read. One file, because a user who overrides one usually means the other too.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::mask::{MaskRule, MaskRules, is_modest_pattern};
use super::rule::{self, RuleError};
use super::secret_path::{FileRule, FileRules};

/// Everything that `conf/secrets.yaml` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRules {
    pub masking: MaskRules,
    pub files: FileRules,
}

impl SecretRules {
    /// Reads the rule file. The examples are not tried; see [`SecretRules::check`].
    ///
    /// # Errors
    /// If the text is not YAML of this form.
    pub fn from_yaml(text: &str) -> Result<Self, RuleError> {
        rule::from_yaml(text)
    }

    /// Compiles every pattern and tries every example.
    ///
    /// # Errors
    /// At the first rule that does not do what its examples say.
    pub fn check(&self) -> Result<(), RuleError> {
        self.masking.check()?;
        self.files.check()
    }
}

/// A project's additions to the rules that hold. They take nothing away from them: where they say what is
/// no secret, that is about its own rules.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddedRules {
    masking: AddedMasks,
    files: AddedFiles,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AddedMasks {
    variables: AddedVariables,
    parts: BTreeMap<String, String>,
    shapes: BTreeMap<String, String>,
    rules: Vec<MaskRule>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct AddedVariables {
    words: Vec<String>,
    endings: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AddedFiles {
    rules: Vec<FileRule>,
}

/// The prefix that keeps the names of a project's patterns apart from ours.
const OWN: &str = "own_";

/// Rules of a project that nobody has confirmed.
const MOST_RULES: usize = 20;

impl AddedRules {
    /// Reads a project's file.
    ///
    /// # Errors
    /// If the text is not YAML of this form.
    pub fn from_yaml(text: &str) -> Result<Self, RuleError> {
        rule::from_yaml(text)
    }

    /// Reads the file of a project that nobody has confirmed: it may add little, and that is tried.
    ///
    /// # Errors
    /// If it is not of this form, or more than that.
    pub fn modest(text: &str) -> Result<Self, RuleError> {
        let added = Self::from_yaml(text)?.without_ours();
        let pieces = added.masking.parts.len() + added.masking.shapes.len();
        let rules = added.masking.rules.len();
        let too_much =
            |problem: &str| RuleError::Incomplete { rule: "masking".to_owned(), problem: problem.to_owned() };
        if rules > MOST_RULES || pieces > 2 * MOST_RULES || added.files.rules.len() > MOST_RULES {
            return Err(too_much("a project that is not trusted adds at most 20 rules"));
        }
        let patterns = added.masking.rules.iter().map(|rule| &rule.pattern);
        let unfit = patterns.clone().any(|pattern| pattern.contains("(?&"))
            || patterns
                .chain(added.masking.parts.values())
                .chain(added.masking.shapes.values())
                .any(|pattern| !is_modest_pattern(pattern));
        if unfit && rules > 0 {
            return Err(too_much(
                "a project that is not trusted adds small patterns only, without `(?&parts)`",
            ));
        }
        Ok(added)
    }

    /// Returns what is ours already says nothing: many a file began as a copy of the shipped one.
    fn without_ours(mut self) -> Self {
        if let Ok(ours) = SecretRules::from_yaml(include_str!("../../conf/secrets.yaml")) {
            let known = |rule: &MaskRule| {
                ours.masking.rules.iter().any(|our| our.name == rule.name && our.pattern == rule.pattern)
            };
            self.masking.rules.retain(|rule| !known(rule));
            self.files.rules.retain(|rule| {
                !ours.files.rules.iter().any(|our| our.name == rule.name && our.matching == rule.matching)
            });
        }
        if self.masking.rules.is_empty() {
            self.masking.parts.clear();
            self.masking.shapes.clear();
        }
        self
    }
}

impl SecretRules {
    /// These rules and a project's.
    pub fn with(mut self, added: AddedRules) -> Self {
        let AddedMasks { variables, parts, shapes, rules } =
            added.without_ours().masking_and(&mut self.files);
        self.masking.variables.words.extend(variables.words);
        self.masking.variables.endings.extend(variables.endings);
        let own = |name: &String| format!("{OWN}{name}");
        let renamed = |pattern: &str| {
            parts.keys().fold(pattern.to_owned(), |pattern, name| {
                pattern.replace(&format!("(?&{name})"), &format!("(?&{})", own(name)))
            })
        };
        let rename = |names: Vec<String>| {
            names.into_iter().map(|name| if shapes.contains_key(&name) { own(&name) } else { name }).collect()
        };
        self.masking.rules.extend(rules.into_iter().map(|rule| MaskRule {
            pattern: renamed(&rule.pattern),
            unless: rename(rule.unless),
            except: rename(rule.except),
            ..rule
        }));
        self.masking.parts.extend(parts.iter().map(|(name, pattern)| (own(name), renamed(pattern))));
        self.masking.shapes.extend(shapes.iter().map(|(name, pattern)| (own(name), renamed(pattern))));
        self
    }
}

impl AddedRules {
    fn masking_and(self, files: &mut FileRules) -> AddedMasks {
        files.rules.extend(self.files.rules);
        self.masking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_rules_do_what_their_examples_say() {
        let rules = SecretRules::from_yaml(include_str!("../../conf/secrets.yaml")).unwrap();
        assert_eq!(rules.check(), Ok(()));
    }

    #[test]
    fn a_project_adds_rules_and_takes_none_away() {
        let ours = SecretRules::from_yaml(include_str!("../../conf/secrets.yaml")).unwrap();
        let text = "masking:\n  variables: { words: [acme], never: [github_token] }\n  parts: { quote: 'x' }\n  shapes: { placeholder: '^.*$' }\n  rules:\n    - { name: own, keywords: [acme], pattern: 'acme_[0-9]{9}', match: ['⟦acme_123456789⟧'] }\nfiles:\n  rules:\n    - { name: plans, names: [plan.txt], match: [plan.txt] }\n";
        let all = ours.clone().with(AddedRules::modest(text).unwrap());
        assert_eq!(all.check(), Ok(()), "ours go on to do what their examples say");
        assert_eq!(all.masking.rules.len(), ours.masking.rules.len() + 1);
        assert_eq!(all.files.rules.len(), ours.files.rules.len() + 1);
        assert!(all.masking.variables.is_secret("ACME_X") && all.masking.variables.is_secret("GITHUB_TOKEN"));
        let copy = AddedRules::modest(include_str!("../../conf/secrets.yaml")).unwrap();
        assert_eq!(ours.clone().with(copy).masking.rules.len(), ours.masking.rules.len());
        for nothing in ["masking: {}\n", "files: { rules: [] }\n"] {
            let left = ours.clone().with(AddedRules::modest(nothing).unwrap());
            assert_eq!(left.masking.rules.len(), ours.masking.rules.len());
        }
        let heavy =
            "masking: { rules: [{ name: x, keywords: [a], pattern: '(a{1000}){1000}', match: [a] }] }\n";
        assert!(AddedRules::modest(heavy).is_err());
    }
}

//! The rule file `conf/verification.yaml`, and what a project adds to it.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::Kind;
use crate::domain::rule::{self, REGEX_SIZE_LIMIT, RuleError};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerificationRules {
    /// Directories whose programs may be named by path, by family.
    pub places: BTreeMap<String, Vec<String>>,
    /// Programs with several names or with options of their own.
    pub programs: BTreeMap<String, Program>,
    /// The environment of a check.
    pub environment: EnvironmentRules,
    /// Commands by language and type.
    pub defaults: BTreeMap<String, IndexMap<Kind, String>>,
    /// Words that are refused with a reason of their own.
    pub refuse: Vec<RefuseRule>,
    pub rules: Vec<AllowRule>,
}

/// A program with several names.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The names.
    pub names: Vec<String>,
    pub family: Option<String>,
    /// Options before the sub-command.
    #[serde(default)]
    pub options: Vec<String>,
}

/// The environment of a check.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentRules {
    /// Variables that are passed on; `*` at the end stands for anything.
    pub pass: Vec<String>,
    /// Variables that are set.
    pub set: BTreeMap<String, String>,
}

/// Words that are refused, and why.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefuseRule {
    pub name: String,
    /// Why.
    pub reason: String,
    /// A regex over the words, joined by blanks.
    pub pattern: String,
    /// A regex that excepts commands.
    pub unless: Option<String>,
    /// Commands that it refuses.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Commands that it does not.
    #[serde(default)]
    pub not_match: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowRule {
    pub name: String,
    /// The kind of such a check, where the caller does not say.
    #[serde(rename = "type")]
    pub kind: Kind,
    pub runner: Option<String>,
    pub family: Option<String>,
    /// The words that such a command begins with.
    pub commands: Vec<String>,
    /// The options.
    #[serde(default)]
    pub options: Vec<String>,
    /// True if long options have one dash.
    #[serde(default)]
    pub single_dash: bool,
    pub arguments: Option<String>,
    /// The least number of arguments.
    #[serde(default)]
    pub least: usize,
    /// The greatest number of arguments.
    pub most: Option<usize>,
    /// Words of which one must be there.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Arguments that may follow `--`.
    pub after: Option<After>,
    /// Rules one of which takes what follows `--`.
    #[serde(default)]
    pub passes_to: Vec<String>,
    /// Rules one of which takes the rest as a command.
    #[serde(default)]
    pub wraps: Vec<String>,
    /// Commands that it permits.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Commands that it does not.
    #[serde(default)]
    pub not_match: Vec<String>,
}

/// Arguments that may follow `--`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// The options.
    #[serde(default)]
    pub options: Vec<String>,
    pub arguments: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectRules {
    pub rules: Vec<AllowRule>,
}

impl VerificationRules {
    /// Reads the rule file. The examples are not tried; see
    /// [`Policy::check`](super::policy::Policy::check).
    ///
    /// # Errors
    /// If the text is not YAML of this form.
    pub fn from_yaml(text: &str) -> Result<Self, RuleError> {
        rule::from_yaml(text)
    }

    /// The default command of a language for a type.
    pub fn default_command(&self, language: &str, kind: Kind) -> Option<&str> {
        self.defaults.get(language)?.get(&kind).map(String::as_str)
    }
}

impl ProjectRules {
    /// Reads a project's file.
    ///
    /// # Errors
    /// If the text is not YAML of this form.
    pub fn from_yaml(text: &str) -> Result<Self, RuleError> {
        rule::from_yaml(text)
    }

    /// Returns what it adds, for a person to read: a rule and its commands each.
    pub fn described(&self) -> Vec<String> {
        self.rules.iter().map(|rule| format!("{}: {}", rule.name, rule.commands.join(", "))).collect()
    }
}

/// Compiles a pattern of a rule.
pub(super) fn compile(name: &str, pattern: &str) -> Result<Regex, RuleError> {
    RegexBuilder::new(pattern)
        .size_limit(REGEX_SIZE_LIMIT)
        .build()
        .map_err(|error| RuleError::Pattern { rule: name.to_owned(), problem: rule::problem(&error) })
}

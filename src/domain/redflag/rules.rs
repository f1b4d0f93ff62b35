//! The rules of the red flags as data, each with examples of what it flags and what it does not.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::ForbiddenRule;
use super::flag::Flag;

/// The section `step` of `conf/redflags.yaml`: when an answer to a step is flagged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRules {
    /// The least length in characters.
    pub min_chars: usize,
    /// The greatest length in characters.
    pub max_chars: usize,
    /// Lines that a patch may add and remove.
    pub max_diff_lines: usize,
    /// Files that a patch may change.
    pub max_files: usize,
    /// Clauses that commit to nothing. An answer that holds no other is flagged as hedging, and one that
    /// is an error message as a format error.
    #[serde(default)]
    pub non_answers: Vec<ForbiddenRule>,
    /// Marks of code that is left out where it should stand: a format error.
    #[serde(default)]
    pub elided: Vec<ForbiddenRule>,
    /// One rule a flag.
    pub rules: BTreeMap<Flag, FlagRule>,
}

/// The rules that flag an answer, and their exceptions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagRule {
    /// Regexes, case ignored, where the flag is found by patterns.
    #[serde(default)]
    pub patterns: Vec<String>,
    /// Text before a match that is none, for example the `def` of a definition.
    pub not_after: Option<String>,
    /// Pairs of regexes that no answer holds both of.
    #[serde(default)]
    pub both: Vec<[String; 2]>,
    /// Answers that it flags.
    #[serde(rename = "match")]
    pub matching: Vec<Sample>,
    /// Answers that it does not.
    pub not_match: Vec<Sample>,
}

/// An answer as an example.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Sample {
    /// As it is.
    Text(String),
    /// With what it is held against.
    Detailed(DetailedSample),
}

/// An answer as an example, with what it is held against.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetailedSample {
    text: String,
    #[serde(default = "once")]
    times: usize,
    schema: Option<Value>,
}

fn once() -> usize {
    1
}

/// Characters of an example that an error repeats.
const SHOWN: usize = 80;

impl Sample {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Detailed(sample) => sample.text.repeat(sample.times),
        }
    }

    pub(super) fn schema(&self) -> Option<&Value> {
        match self {
            Self::Text(_) => None,
            Self::Detailed(sample) => sample.schema.as_ref(),
        }
    }

    pub(super) fn shown(&self) -> String {
        self.text().chars().take(SHOWN).collect()
    }
}

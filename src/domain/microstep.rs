//! Micro-steps: the smallest questions of each stage, with the form of their answers.
//!
//! They are data (`conf/micro_steps.yaml`): what a step asks for, by which schema its answer is read,
//! which red flags discard one, and the lead k of its vote where nothing better is known.

pub mod flags;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::redflag::ForbiddenRule;
use super::rule::{self, RuleError};
use super::stage::Stage;

/// A micro-step by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum StepType {
    /// Analyze: one rule of input and output.
    S1SpecExtract,
    /// Analyze: one edge case.
    S2EdgeCase,
    /// Analyze: a minimal program that shows the failure.
    S3Mre,
    /// Hypothesize: one root cause.
    H1RootCause,
    /// Hypothesize: one experiment.
    H2Verification,
    /// Implement: a minimal patch.
    C1MinimalPatch,
    /// Implement: whether a patch compiles.
    C2CompileCheck,
    /// Debug: the class of a failure.
    D1FailureLabel,
    /// Debug: the next experiment.
    D2NextExperiment,
    /// Improve: a refactoring.
    R1Refactor,
    /// Improve: a gain of speed or memory.
    R2Perf,
}

impl StepType {
    /// Every step, in the order of the stages.
    pub const ALL: [Self; 11] = [
        Self::S1SpecExtract,
        Self::S2EdgeCase,
        Self::S3Mre,
        Self::H1RootCause,
        Self::H2Verification,
        Self::C1MinimalPatch,
        Self::C2CompileCheck,
        Self::D1FailureLabel,
        Self::D2NextExperiment,
        Self::R1Refactor,
        Self::R2Perf,
    ];

    /// The name used in parameters and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::S1SpecExtract => "s1_spec_extract",
            Self::S2EdgeCase => "s2_edge_case",
            Self::S3Mre => "s3_mre",
            Self::H1RootCause => "h1_root_cause",
            Self::H2Verification => "h2_verification",
            Self::C1MinimalPatch => "c1_minimal_patch",
            Self::C2CompileCheck => "c2_compile_check",
            Self::D1FailureLabel => "d1_failure_label",
            Self::D2NextExperiment => "d2_next_experiment",
            Self::R1Refactor => "r1_refactor",
            Self::R2Perf => "r2_perf",
        }
    }
}

/// A red flag that a step may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagRule {
    /// Longer than an answer may be.
    TooLong,
    /// Not the JSON of the step's schema.
    MissingFields,
    /// Words of somebody who does not know.
    Hedging,
    /// A patch of more files than a step may touch.
    MultiFile,
    /// A `patch_diff` that is no diff.
    InvalidDiff,
    /// Code that runs whatever it is given.
    DangerousCode,
    /// A command that destroys.
    DangerousCommand,
}

/// One micro-step.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicroStep {
    /// Its name.
    #[serde(rename = "type")]
    pub kind: StepType,
    /// Its stage.
    pub stage: Stage,
    /// What it asks for.
    pub description: String,
    /// The lead of its vote where nothing was measured and the caller says nothing.
    pub default_k: u32,
    /// Whether a command can tell a right answer from a wrong one.
    pub has_oracle: bool,
    /// The red flags that discard an answer.
    pub red_flag_rules: Vec<FlagRule>,
    /// The tools that its work needs.
    pub required_tools: Vec<String>,
    /// The form of the answer.
    pub output_schema: Value,
}

impl MicroStep {
    /// What is added to the question, so that the answer has the form of the step.
    #[must_use]
    pub fn instructions(&self) -> String {
        format!(
            "Step {}: {}\nAnswer with one JSON object that fits this JSON schema, and with nothing else. Keep it short and definite: it is compared with other answers by value.\n{}",
            self.kind.name(),
            self.description,
            self.output_schema
        )
    }
}

/// The rule file `conf/micro_steps.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicroStepRules {
    /// Red flags of an answer that is put to a vote.
    pub vote: VoteFlagRules,
    /// Red flags of the answer to a step.
    pub step: StepFlagRules,
    /// The steps.
    pub steps: Vec<MicroStep>,
}

/// When an answer that is put to a vote is discarded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoteFlagRules {
    /// The least length in characters, without the white space around it.
    pub min_chars: usize,
    /// Phrases of answers that do not answer.
    pub forbidden: Vec<ForbiddenRule>,
}

/// When the answer to a step is discarded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepFlagRules {
    /// The greatest length in characters.
    pub max_chars: usize,
    /// Files that one patch may touch.
    pub max_files_per_patch: usize,
    /// Words of somebody who does not know.
    pub hedging: Vec<ForbiddenRule>,
    /// Code that runs whatever it is given.
    pub dangerous_code: Vec<ForbiddenRule>,
    /// Commands that destroy.
    pub dangerous_command: Vec<ForbiddenRule>,
}

impl MicroStepRules {
    /// Reads the rule file. The examples are not tried; see [`MicroStepRules::check`].
    ///
    /// # Errors
    /// If the text is not YAML of this form, or a step is missing or there twice.
    pub fn from_yaml(text: &str) -> Result<Self, RuleError> {
        let rules: Self = rule::from_yaml(text)?;
        for kind in StepType::ALL {
            let count = rules.steps.iter().filter(|step| step.kind == kind).count();
            if count != 1 {
                let problem = format!("the step is there {count} times, and must be there once");
                return Err(RuleError::Incomplete { rule: kind.name().to_owned(), problem });
            }
        }
        Ok(rules)
    }

    /// Compiles every pattern and tries every example.
    ///
    /// # Errors
    /// At the first rule that does not do what its examples say.
    pub fn check(&self) -> Result<(), RuleError> {
        let step = &self.step;
        [&self.vote.forbidden, &step.hedging, &step.dangerous_code, &step.dangerous_command]
            .into_iter()
            .flatten()
            .try_for_each(ForbiddenRule::check)
    }

    /// The steps of a stage, or all of them.
    pub fn of_stage(&self, stage: Option<Stage>) -> impl Iterator<Item = &MicroStep> {
        self.steps.iter().filter(move |step| stage.is_none_or(|stage| stage == step.stage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const SHIPPED: &str = include_str!("../../conf/micro_steps.yaml");

    #[test]
    fn the_shipped_rules_do_what_their_examples_say() {
        let rules = MicroStepRules::from_yaml(SHIPPED).unwrap();
        assert_eq!(rules.check(), Ok(()));
        for step in &rules.steps {
            assert!(jsonschema::validator_for(&step.output_schema).is_ok(), "{}", step.kind.name());
            assert!((1..=5).contains(&step.default_k));
            assert!(step.instructions().contains("required"));
        }
    }

    #[test]
    fn steps_are_counted_as_the_recorded_decisions_say() {
        let rules = MicroStepRules::from_yaml(SHIPPED).unwrap();
        let lines = include_str!("../../tests/data/golden_vote.jsonl").lines();
        let mut checked = 0;
        for line in lines {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["tool"], "maestro_get_micro_steps");
            let stage =
                line["arguments"].get("stage").map(|stage| serde_json::from_value(stage.clone()).unwrap());
            assert_eq!(serde_json::json!(rules.of_stage(stage).count()), line["expect"]["count"], "{line}");
            checked += 1;
        }
        assert_eq!(checked, 3);
    }

    #[test]
    fn a_step_that_is_missing_or_there_twice_is_named() {
        let twice = SHIPPED.replace("type: r2_perf", "type: r1_refactor");
        let error = MicroStepRules::from_yaml(&twice).unwrap_err().to_string();
        assert!(error.contains("r1_refactor") && error.contains("2 times"), "{error}");
        assert!(MicroStepRules::from_yaml(&SHIPPED.replace("max_chars", "most_chars")).is_err());
    }

    #[test]
    fn names_are_the_names_in_json() {
        for kind in StepType::ALL {
            assert_eq!(serde_json::json!(kind), kind.name());
        }
    }
}

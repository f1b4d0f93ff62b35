//! Micro-steps: the smallest questions of each stage, with the form of their answers.
//!
//! They are data in `conf/micro_steps.yaml`. Each step has its question, the schema of its answer, the red
//! flags that discard an answer (defined in `conf/redflags.yaml`), and the default lead k of its vote.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{IntoStaticStr, VariantArray};

use super::json_schema;
use super::prompt::prompt;
use super::redflag::{Findings, Flag, Inspector};
use super::rule::{RuleError, RuleFile};
use super::stage::Stage;
use super::vote::canonical::fields::VoteBy;

/// A micro-step by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(Serialize, Deserialize, JsonSchema, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
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
    /// Implement: a check that a patch compiles.
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
    /// All steps, in the order of the stages.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name used in parameters and results.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicroStep {
    /// The name of the step.
    #[serde(rename = "type")]
    pub kind: StepType,
    pub stage: Stage,
    pub description: String,
    /// The lead of its vote if nothing was measured and the caller names none.
    pub default_k: u32,
    /// True if a command can tell a right answer from a wrong one.
    pub has_oracle: bool,
    /// The red flags that discard an answer.
    pub red_flag_rules: Vec<Flag>,
    /// The tools that the work of the step needs.
    pub required_tools: Vec<String>,
    /// The parts of an answer that a vote compares, and the way of comparison. Empty if the useful part is
    /// prose: then the step takes no vote.
    #[serde(default)]
    pub vote_by: VoteBy,
    /// The JSON schema of the answer.
    pub output_schema: Value,
}

impl MicroStep {
    /// The text after the question that asks for the form of the answer.
    pub fn instructions(&self) -> String {
        // The text names the compared fields, so that the answer is exact there.
        let compared = if self.vote_by.is_empty() {
            String::new()
        } else {
            prompt("micro_step_compared", &[("fields", &self.vote_by.in_a_line())])
        };
        let schema = self.output_schema.to_string();
        let values = [
            ("step", self.kind.name()),
            ("description", &self.description),
            ("compared", &compared),
            ("schema", &schema),
        ];
        prompt("micro_step", &values)
    }

    /// Checks an answer against the rules and the schema of the step.
    pub fn inspect(&self, inspector: &Inspector, answer: &str) -> Findings {
        inspector.inspect(answer, &self.red_flag_rules, Some(&self.output_schema))
    }
}

/// All micro-steps of `conf/micro_steps.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicroSteps {
    steps: Vec<MicroStep>,
}

impl RuleFile for MicroSteps {
    /// Refuses steps that are missing or occur twice, and schemas that are invalid.
    fn completed(self) -> Result<Self, RuleError> {
        let incomplete =
            |kind: StepType, problem| Err(RuleError::Incomplete { rule: kind.name().to_owned(), problem });
        for &kind in StepType::ALL {
            let count = self.steps.iter().filter(|step| step.kind == kind).count();
            if count != 1 {
                return incomplete(
                    kind,
                    format!("the step occurs {count} times; it must occur exactly once"),
                );
            }
        }
        for step in &self.steps {
            if let Err(error) = json_schema::check(&step.output_schema) {
                return incomplete(step.kind, format!("its output_schema is not a schema: {error}"));
            }
            let is_there = |name: &&str| step.output_schema.pointer(&format!("/properties/{name}")).is_some();
            if let Some(name) = step.vote_by.names().find(|name| !is_there(name)) {
                return incomplete(
                    step.kind,
                    format!("vote_by names `{name}`, which output_schema does not have"),
                );
            }
            if step.vote_by.names().any(|name| name == "confidence") {
                return incomplete(
                    step.kind,
                    "vote_by names `confidence`, which no vote compares".to_owned(),
                );
            }
        }
        Ok(self)
    }
}

impl MicroSteps {
    /// Finds a step by its name.
    pub fn get(&self, kind: StepType) -> Option<&MicroStep> {
        self.steps.iter().find(|step| step.kind == kind)
    }

    /// The steps of a stage; all steps if `stage` is `None`.
    pub fn of_stage(&self, stage: Option<Stage>) -> impl Iterator<Item = &MicroStep> {
        self.steps.iter().filter(move |step| stage.is_none_or(|stage| stage == step.stage))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::redflag::RedFlagRules;

    const SHIPPED: &str = include_str!("../../conf/micro_steps.yaml");

    fn shipped() -> MicroSteps {
        MicroSteps::from_yaml(SHIPPED).unwrap()
    }

    #[test]
    fn the_shipped_list_has_every_step_once() {
        let steps = shipped();
        for step in &steps.steps {
            assert!((1..=5).contains(&step.default_k));
            assert!(step.instructions().contains("required"));
        }
        let patch = steps.get(StepType::C1MinimalPatch).unwrap();
        assert_eq!(patch.stage, Stage::Implement);
        assert_eq!(
            patch.red_flag_rules,
            [Flag::TooLong, Flag::MissingFields, Flag::MultiFile, Flag::InvalidDiff]
        );
        assert_eq!((patch.default_k, patch.has_oracle, patch.required_tools.len()), (3, true, 3));
    }

    #[test]
    fn steps_are_counted_as_the_recorded_decisions_say() {
        let steps = shipped();
        let lines = include_str!("../../tests/data/golden_vote.jsonl").lines();
        let mut checked = 0;
        for line in lines {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["tool"], "maestro_get_micro_steps");
            let stage =
                line["arguments"].get("stage").map(|stage| serde_json::from_value(stage.clone()).unwrap());
            assert_eq!(serde_json::json!(steps.of_stage(stage).count()), line["expect"]["count"], "{line}");
            checked += 1;
        }
        assert_eq!(checked, 3);
    }

    #[test]
    fn a_step_that_is_missing_or_there_twice_is_named() {
        let twice = SHIPPED.replace("type: r2_perf", "type: r1_refactor");
        let error = MicroSteps::from_yaml(&twice).unwrap_err().to_string();
        assert!(error.contains("r1_refactor") && error.contains("2 times"), "{error}");
        assert!(MicroSteps::from_yaml(&SHIPPED.replace("default_k", "k")).is_err());
    }

    #[test]
    fn a_schema_that_is_none_is_named() {
        let text = SHIPPED.replace("type: number", "type: 7");
        let error = MicroSteps::from_yaml(&text).unwrap_err().to_string();
        assert!(error.contains("h1_root_cause"), "{error}");
    }

    fn reasons(kind: StepType, answer: &str) -> Vec<Flag> {
        let rules = RedFlagRules::from_yaml(include_str!("../../conf/redflags.yaml")).unwrap();
        let found = shipped().get(kind).unwrap().inspect(&Inspector::new(&rules.step).unwrap(), answer);
        found.findings.into_iter().map(|finding| finding.reason).collect()
    }

    fn label(kind: &str) -> String {
        json!({ "failure_type": kind, "error_message": "x", "stack_trace_summary": "" }).to_string()
    }

    #[test]
    fn short_right_and_nested_answers_are_valid() {
        for answer in [
            label("timeout"),
            format!("```json\n{}\n```", label("crash")),
            format!("Here it is: {}", label("crash")),
        ] {
            assert!(reasons(StepType::D1FailureLabel, &answer).is_empty(), "{answer}");
        }
        let nested = json!({ "input_spec": "{\"a\": {\"b\": 1}}", "output_spec": "x", "source_file": "a.py", "more": { "deep": [{}] } });
        assert!(reasons(StepType::S1SpecExtract, &nested.to_string()).is_empty());
    }

    #[test]
    fn an_answer_has_the_form_of_its_step() {
        for answer in ["timeout", "Sure: {}", "{}", "[]", &label("sloth")] {
            assert_eq!(reasons(StepType::D1FailureLabel, answer), [Flag::MissingFields], "{answer}");
        }
    }

    #[test]
    fn words_and_commands_are_found_where_they_stand() {
        let cause = |text: &str, confidence: f64| {
            json!({ "hypothesis": text, "suspected_file": "a", "suspected_location": "1", "confidence": confidence })
                .to_string()
        };
        assert!(reasons(StepType::H1RootCause, &cause("the key is missing", 0.8)).is_empty());
        assert_eq!(reasons(StepType::H1RootCause, &cause("Maybe the key", 0.8)), [Flag::Hedging]);
        assert_eq!(reasons(StepType::H1RootCause, &cause("the key is missing", 1.8)), [Flag::MissingFields]);
        let next = |command: &str| {
            json!({ "experiment_command": command, "expected_insight": "x", "abort_condition": "y" })
                .to_string()
        };
        assert!(reasons(StepType::D2NextExperiment, &next("pytest -x")).is_empty());
        assert_eq!(reasons(StepType::D2NextExperiment, &next("rm -rf /")), [Flag::DangerousCommand]);
        let code = |code: &str| {
            json!({ "mre_code": code, "steps_to_reproduce": ["run"], "expected_vs_actual": "x" }).to_string()
        };
        assert!(reasons(StepType::S3Mre, &code("retrieval(x)\nmodel.eval()")).is_empty());
        assert_eq!(reasons(StepType::S3Mre, &code("x = 1\neval(input())")), [Flag::DangerousCode]);
    }

    #[test]
    fn patches_are_of_one_file_and_are_diffs() {
        let one = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
        let patch =
            |diff: &str| json!({ "target_file": "x", "patch_diff": diff, "change_summary": "c" }).to_string();
        assert!(reasons(StepType::C1MinimalPatch, &patch(one)).is_empty());
        let two = format!("{one}{}", one.replace("/x", "/y"));
        assert_eq!(reasons(StepType::C1MinimalPatch, &patch(&two)), [Flag::MultiFile]);
        assert_eq!(reasons(StepType::C1MinimalPatch, &patch("change a to b")), [Flag::InvalidDiff]);
        let long = patch(&format!("{one}{}", " ".repeat(10_000)));
        assert_eq!(reasons(StepType::C1MinimalPatch, &long), [Flag::TooLong]);
    }

    #[test]
    fn names_are_the_names_in_json() {
        for &kind in StepType::ALL {
            assert_eq!(serde_json::json!(kind), kind.name());
        }
    }
}

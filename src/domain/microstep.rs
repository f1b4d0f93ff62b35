//! The micro steps of the stages: small questions, each with the schema of its answer and the red
//! flags that an answer is held against.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::redflag::Flag;
use super::stage::Stage;

/// A micro step by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum StepType {
    /// What goes in and what should come out.
    S1SpecExtract,
    /// An input at the edge of the specification.
    S2EdgeCase,
    /// The smallest program that shows the failure.
    S3Mre,
    /// One explanation.
    H1RootCause,
    /// How to find out whether it holds.
    H2Verification,
    /// The smallest change.
    C1MinimalPatch,
    /// Whether it compiles.
    C2CompileCheck,
    /// What kind of failure it is.
    D1FailureLabel,
    /// What to try next.
    D2NextExperiment,
    /// A change of form.
    R1Refactor,
    /// A change of speed.
    R2Perf,
}

/// One micro step.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicroStep {
    /// Its name.
    #[serde(rename = "type")]
    pub step_type: StepType,
    /// The stage that it belongs to.
    pub stage: Stage,
    /// By how many votes an answer has to lead.
    pub default_k: u32,
    /// Whether a program can tell a right answer from a wrong one.
    pub has_oracle: bool,
    /// What an answer is held against.
    pub red_flag_rules: Vec<Flag>,
    /// The tools that the step needs.
    pub required_tools: Vec<String>,
    /// The JSON schema of its answer.
    pub output_schema: Value,
}

/// Every micro step.
#[derive(Clone, Debug, Deserialize)]
pub struct MicroSteps(Vec<MicroStep>);

impl MicroSteps {
    /// Reads the list.
    ///
    /// # Errors
    ///
    /// What is wrong with it: no JSON of this form, or a schema that is none.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let steps: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for step in &steps.0 {
            jsonschema::validator_for(&step.output_schema)
                .map_err(|error| format!("{:?}: {error}", step.step_type))?;
        }
        Ok(steps)
    }

    /// A step by its name; none where a list leaves it out.
    #[must_use]
    pub fn get(&self, step: StepType) -> Option<&MicroStep> {
        self.0.iter().find(|known| known.step_type == step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_list_has_every_step_once() {
        let steps = MicroSteps::from_json(include_str!("../../conf/micro_steps.json")).unwrap();
        assert_eq!(steps.0.len(), 11);
        let patch = steps.get(StepType::C1MinimalPatch).unwrap();
        assert_eq!(patch.stage, Stage::Implement);
        assert_eq!(
            patch.red_flag_rules,
            [Flag::TooLong, Flag::MissingFields, Flag::MultiFile, Flag::InvalidDiff]
        );
        assert_eq!((patch.default_k, patch.has_oracle, patch.required_tools.len()), (3, true, 3));
    }

    #[test]
    fn a_schema_that_is_none_is_named() {
        let text = include_str!("../../conf/micro_steps.json").replace("\"type\": \"number\"", "\"type\": 7");
        assert!(MicroSteps::from_json(&text).unwrap_err().starts_with("H1RootCause"));
    }
}

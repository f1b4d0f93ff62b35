//! The five stages of a workflow, the roles that serve them, and the schemas they answer in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// One stage of the workflow, in the order in which a run goes through them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(Serialize, Deserialize, JsonSchema, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Stage {
    /// Freeze the facts.
    #[default]
    Analyze,
    /// Explain them in competing, testable ways.
    Hypothesize,
    /// Make the smallest change that tests the chosen explanation.
    Implement,
    /// Fix what the change left failing, one step at a time.
    Debug,
    /// Stabilise what works.
    Improve,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The next stage in order; None after the last. A run may go another way.
    pub fn next(self) -> Option<Self> {
        Self::ALL.iter().copied().find(|other| *other > self)
    }

    /// The name used in parameters, results and file names.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The title of the stage, for people.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Analyze => "Example Analysis",
            Self::Hypothesize => "Hypothesis Formulation",
            Self::Implement => "Code Implementation",
            Self::Debug => "Iterative Debugging",
            Self::Improve => "Recursive Improvement",
        }
    }

    /// The schema that the stage's output follows.
    pub fn schema(self) -> SchemaName {
        match self {
            Self::Analyze => SchemaName::Stage1Output,
            Self::Hypothesize => SchemaName::Stage2Output,
            Self::Implement => SchemaName::Stage3Output,
            Self::Debug => SchemaName::Stage4Output,
            Self::Improve => SchemaName::Stage5Output,
        }
    }

    /// The role that leads the stage.
    pub fn primary_role(self) -> Role {
        match self {
            Self::Analyze => Role::ExampleAnalyst,
            Self::Hypothesize => Role::HypothesisScientist,
            Self::Implement => Role::Implementer,
            Self::Debug => Role::Debugger,
            Self::Improve => Role::Refiner,
        }
    }
}

/// A persona that a consultant can be asked to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[derive(Serialize, Deserialize, JsonSchema, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Role {
    /// Facts, no guesses.
    ExampleAnalyst,
    /// Falsifiable, competing explanations.
    HypothesisScientist,
    /// Minimal, test-driven change.
    Implementer,
    /// Systematic, one change at a time.
    Debugger,
    /// Quality and regression tests.
    Refiner,
    /// Rubric and evidence, no favourites.
    Judge,
    /// Defects with place, quote and scenario.
    Reviewer,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name used in parameters, results and file names.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The JSON schema of a stage's output or of the judge's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[derive(Serialize, Deserialize, JsonSchema, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum SchemaName {
    Stage1Output,
    Stage2Output,
    Stage3Output,
    Stage4Output,
    Stage5Output,
    JudgeOutput,
    Review,
}

impl SchemaName {
    /// Every schema.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name used in parameters, results and file names.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

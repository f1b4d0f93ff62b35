//! The manifest of skills (`conf/skill_manifest.yaml`): what each needs, and how much a stage may
//! load.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::microstep::StepType;
use crate::domain::rule::{self, RuleError};
use crate::domain::stage::Stage;

/// The manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Tools that are always at hand.
    pub core_tools: Vec<String>,
    /// Tools that each stage may load besides the core, by the stage's name.
    stage_budgets: BTreeMap<String, usize>,
    skills: Vec<Skill>,
}

/// One skill of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skill {
    /// Its name.
    pub name: String,
    /// In a sentence.
    pub description: String,
    /// Its stage.
    pub stage: Stage,
    /// Its place among the skills of its stage, 1 first.
    pub priority: u32,
    /// The micro steps that it consists of.
    pub micro_steps: Vec<StepType>,
    /// Tools without which it cannot be done.
    pub required_tools: Vec<String>,
    /// Tools that help.
    pub optional_tools: Vec<String>,
}

impl Manifest {
    /// Reads the manifest. What names a tool is not looked up: that is done when it is loaded.
    ///
    /// # Errors
    ///
    /// If the text is not YAML of this form, or a stage has no budget, a name stands for two
    /// skills, or there is no such micro step.
    pub fn from_yaml(text: &str) -> Result<Self, RuleError> {
        let mut manifest: Self = rule::from_yaml(text)?;
        let incomplete = |rule: &str, problem: &str| {
            Err(RuleError::Incomplete { rule: rule.to_owned(), problem: problem.to_owned() })
        };
        if let Some(stage) =
            Stage::ALL.iter().find(|stage| !manifest.stage_budgets.contains_key(stage.name()))
        {
            return incomplete(stage.name(), "it has no budget in stage_budgets");
        }
        let mut names = BTreeSet::new();
        for skill in &manifest.skills {
            if !names.insert(&skill.name) {
                return incomplete(&skill.name, "two skills have this name");
            }
        }
        // A stable sort: skills of equal priority stay in the order of the file.
        manifest.skills.sort_by_key(|skill| skill.priority);
        Ok(manifest)
    }

    /// A skill by its name.
    pub fn skill(&self, name: &str) -> Option<&Skill> {
        self.skills.iter().find(|skill| skill.name == name)
    }

    /// The skills of a stage, by priority.
    pub fn skills_of(&self, stage: Stage) -> Vec<&Skill> {
        self.skills.iter().filter(|skill| skill.stage == stage).collect()
    }

    /// The names of all skills, by stage and priority.
    pub fn names(&self) -> Vec<String> {
        let of = |stage| self.skills_of(stage).into_iter().map(|skill| skill.name.clone());
        Stage::ALL.into_iter().flat_map(of).collect()
    }

    /// Tools that a stage may load besides the core.
    pub fn budget(&self, stage: Stage) -> usize {
        self.stage_budgets.get(stage.name()).copied().unwrap_or_default()
    }
}

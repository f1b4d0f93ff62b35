//! The tools that a stage or a skill needs loaded, and their cost in context tokens.
//!
//! The loaded tools depend on the stage, the skill and the limits only, so the same state always means the
//! same tools in the same order.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::microstep::StepType;
use super::rule::{RuleError, RuleFile};
use super::stage::Stage;
use crate::domain::order::Order;

/// The current stage and skill, and the use of each tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toolbox {
    /// The stage that was entered last, if any.
    pub stage: Option<Stage>,
    /// The skill that was entered last, if any.
    pub skill: Option<String>,
    /// The number of calls of each tool.
    pub usage: BTreeMap<String, u64>,
}

#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// The most tools loaded at a time, core tools included.
    pub max_tools: usize,
    /// The cost of a tool in context tokens; None if the tool is not served.
    pub cost: &'a dyn Fn(&str) -> Option<usize>,
}

/// The reason why a tool of a stage or a skill is not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// This server does not serve the tool, or the tool is switched off.
    NotServed,
    /// Earlier tools used up the stage's budget.
    StageBudget,
    /// Earlier tools used up the limit on tools.
    MaxTools,
}

/// A tool that is not loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub tool: String,
    pub reason: Reason,
}

/// The tools that are loaded, and those that are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loading {
    /// Loaded tools: core tools first, then required ones, then optional ones.
    pub loaded: Vec<String>,
    /// Tools left out, in the same order.
    pub left_out: Vec<LeftOut>,
    /// The cost of the loaded tools in context tokens.
    pub context_cost: usize,
}

impl Toolbox {
    /// Enters a stage, and leaves any skill.
    pub fn enter_stage(&mut self, stage: Stage) {
        self.stage = Some(stage);
        self.skill = None;
    }

    /// Enters a skill and its stage.
    pub fn enter_skill(&mut self, skill: &Skill) {
        self.stage = Some(skill.stage);
        self.skill = Some(skill.name.clone());
    }

    /// Leaves the stage and the skill.
    pub fn exit(&mut self) {
        self.stage = None;
        self.skill = None;
    }

    /// Counts a call of a tool.
    pub fn used(&mut self, tool: &str) {
        *self.usage.entry(tool.to_owned()).or_default() += 1;
    }

    /// The tools to load: the core tools, then those of the skill, or of the stage if no skill was entered.
    pub fn loading(&self, manifest: &Manifest, limits: &Limits<'_>) -> Loading {
        let wanted = match (&self.skill, self.stage) {
            (Some(skill), _) => manifest.skill(skill).map(|skill| vec![skill]).unwrap_or_default(),
            (None, Some(stage)) => manifest.skills_of(stage),
            (None, None) => Vec::new(),
        };
        let budget = self.stage.map_or(0, |stage| manifest.budget(stage));
        fill(&manifest.core_tools, &by_priority(&wanted), budget, limits)
    }
}

/// The tools of skills, each once: required tools before optional ones, and both in the order of the skills.
fn by_priority<'a>(skills: &[&'a Skill]) -> Vec<&'a str> {
    let required = skills.iter().flat_map(|skill| &skill.required_tools);
    let optional = skills.iter().flat_map(|skill| &skill.optional_tools);
    let mut tools: Vec<&str> = Vec::new();
    for tool in required.chain(optional) {
        if !tools.contains(&tool.as_str()) {
            tools.push(tool);
        }
    }
    tools
}

/// Loads the core tools, and as many of the others as the stage's budget and the limit allow.
fn fill(core: &[String], wanted: &[&str], budget: usize, limits: &Limits<'_>) -> Loading {
    let mut loading = Loading::default();
    for tool in core {
        loading.take(tool, None, limits);
    }
    let mut left = budget;
    for tool in wanted.iter().filter(|tool| !core.iter().any(|core| core == *tool)) {
        let full = if loading.loaded.len() >= limits.max_tools {
            Some(Reason::MaxTools)
        } else {
            (left == 0).then_some(Reason::StageBudget)
        };
        if loading.take(tool, full, limits) {
            left -= 1;
        }
    }
    loading
}

impl Loading {
    fn take(&mut self, tool: &str, full: Option<Reason>, limits: &Limits<'_>) -> bool {
        let reason = match ((limits.cost)(tool), full) {
            (Some(cost), None) => {
                self.loaded.push(tool.to_owned());
                self.context_cost += cost;
                return true;
            }
            (None, _) => Reason::NotServed,
            (Some(_), Some(full)) => full,
        };
        self.left_out.push(LeftOut { tool: tool.to_owned(), reason });
        false
    }

    /// The loaded tools that were not loaded before.
    pub fn newly_loaded(&self, before: &Self) -> Vec<String> {
        self.loaded.iter().filter(|tool| !before.loaded.contains(tool)).cloned().collect()
    }
}

/// The tools to recommend for a task: core tools, then the tools of the suggested stage, then the required
/// tools of the other stages that the task mentions. At most `max_tools`, and only served ones.
pub fn recommended_tools(
    manifest: &Manifest,
    suggested: Stage,
    mentioned: &[Stage],
    limits: &Limits<'_>,
) -> Vec<String> {
    let others = mentioned.iter().copied().filter(|stage| *stage != suggested);
    let skills: Vec<Vec<&Skill>> =
        std::iter::once(suggested).chain(others).map(|stage| manifest.skills_of(stage)).collect();
    let first = skills.first().map(|skills| by_priority(skills)).unwrap_or_default();
    let rest = skills.iter().skip(1).flatten().flat_map(|skill| &skill.required_tools).map(String::as_str);
    let mut wanted = first;
    for tool in rest {
        if !wanted.contains(&tool) {
            wanted.push(tool);
        }
    }
    fill(&manifest.core_tools, &wanted, usize::MAX, limits).loaded
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Tools that are always loaded.
    pub core_tools: Vec<String>,
    /// The number of tools that each stage may load besides the core, by the stage's name.
    stage_budgets: BTreeMap<String, usize>,
    skills: Vec<Skill>,
}

/// One skill of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skill {
    pub name: String,
    /// A description in one sentence.
    pub description: String,
    pub stage: Stage,
    /// The rank among the skills of its stage; 1 is first.
    pub priority: u32,
    pub micro_steps: Vec<StepType>,
    /// Tools without which it cannot be done.
    pub required_tools: Vec<String>,
    /// Tools that help.
    pub optional_tools: Vec<String>,
}

impl RuleFile for Manifest {
    /// Refuses a stage without a budget, and two skills of the same name. Names of tools are checked later,
    /// when a stage is entered.
    fn completed(mut self) -> Result<Self, RuleError> {
        let incomplete = |rule: &str, problem: &str| {
            Err(RuleError::Incomplete { rule: rule.to_owned(), problem: problem.to_owned() })
        };
        if let Some(stage) = Stage::ALL.iter().find(|stage| !self.stage_budgets.contains_key(stage.name())) {
            return incomplete(stage.name(), "it has no budget in stage_budgets");
        }
        let mut names = BTreeSet::new();
        for skill in &self.skills {
            if !names.insert(&skill.name) {
                return incomplete(&skill.name, "two skills have this name");
            }
        }
        // A stable sort: skills of equal priority stay in the order of the file.
        self.skills.order_by_key(|skill| skill.priority);
        Ok(self)
    }
}

impl Manifest {
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
        Stage::ALL.iter().copied().flat_map(of).collect()
    }

    /// The number of tools that a stage may load besides the core.
    pub fn budget(&self, stage: Stage) -> usize {
        self.stage_budgets.get(stage.name()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;

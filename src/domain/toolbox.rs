//! Tools that a stage or a skill needs at hand, and what they cost the context.
//!
//! The set of loaded tools follows from the stage, the skill and the limits alone, so the same state always
//! means the same tools, in the same order.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::microstep::StepType;
use super::rule::{RuleError, RuleFile};
use super::stage::Stage;
use crate::domain::order::Order;

/// The state of the work, and how often each tool was used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toolbox {
    /// The stage that was entered.
    pub stage: Option<Stage>,
    /// The skill that was entered.
    pub skill: Option<String>,
    /// Calls of each tool.
    pub usage: BTreeMap<String, u64>,
}

#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Tools at a time, the core among them.
    pub max_tools: usize,
    /// The cost of a tool to the context, in tokens; none for one that is not served.
    pub cost: &'a dyn Fn(&str) -> Option<usize>,
}

/// Why a tool of a stage or a skill is not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// This server does not serve it, or it is switched off.
    NotServed,
    /// The stage's budget is used up by tools that come first.
    StageBudget,
    /// The limit on tools is.
    MaxTools,
}

/// A tool that is not loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its name.
    pub tool: String,
    /// Why.
    pub reason: Reason,
}

/// The tools that are loaded, and those that are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loading {
    /// By priority: the core, what is required, what is optional.
    pub loaded: Vec<String>,
    /// In the same order.
    pub left_out: Vec<LeftOut>,
    /// The cost of the loaded tools to the context, in tokens.
    pub context_cost: usize,
}

impl Toolbox {
    /// Enters a stage, and leaves any skill.
    pub fn enter_stage(&mut self, stage: Stage) {
        self.stage = Some(stage);
        self.skill = None;
    }

    /// Enters a skill, and with it its stage.
    pub fn enter_skill(&mut self, skill: &Skill) {
        self.stage = Some(skill.stage);
        self.skill = Some(skill.name.clone());
    }

    /// Leaves stage and skill.
    pub fn exit(&mut self) {
        self.stage = None;
        self.skill = None;
    }

    /// Counts a call of a tool.
    pub fn used(&mut self, tool: &str) {
        *self.usage.entry(tool.to_owned()).or_default() += 1;
    }

    /// Returns what is loaded: the core always, then what the skill needs, or else the stage.
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

/// The tools of skills, each once: what any of them requires before what is optional, and within
/// each in the order of the skills.
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

/// Loads the core, and of the rest as much as the budget of the stage and the limit allow.
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

    /// Returns what is loaded here and was not before.
    pub fn newly_loaded(&self, before: &Self) -> Vec<String> {
        self.loaded.iter().filter(|tool| !before.loaded.contains(tool)).cloned().collect()
    }
}

/// The tools of the stages that a task names, the suggested one's first: what they require,
/// then what is optional. At most `max_tools`, and only those that are served.
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
    pub name: String,
    /// In a sentence.
    pub description: String,
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

impl RuleFile for Manifest {
    /// Refuses a stage without a budget, and two skills of one name. Names of tools are looked up later, when
    /// a stage is loaded.
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
        Stage::ALL.iter().copied().flat_map(of).collect()
    }

    /// Tools that a stage may load besides the core.
    pub fn budget(&self, stage: Stage) -> usize {
        self.stage_budgets.get(stage.name()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;

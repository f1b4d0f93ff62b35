//! Tools by stage and skill: which ones are loaded, and their cost in context.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::configuration::Configuration;
use super::coordination::task::read;
use crate::domain::alike::nearest_first;
use crate::domain::coordination::architecture::mentioned;
use crate::domain::coordination::classify::Wording;
use crate::domain::coordination::record::RunRecord;
use crate::domain::coordination::statistics::History;
use crate::domain::pairs::with;
use crate::domain::stage::Stage;
use crate::domain::toolbox::{Limits, Loading, Manifest, Skill, Toolbox, recommended_tools};
use crate::error::Error;

/// Tokens that a tool takes in the context; `None` for a tool that is not served.
pub type Cost<'a> = &'a dyn Fn(&str) -> Option<usize>;

/// The toolbox of a server, for its lifetime.
#[derive(Debug, Default)]
pub struct SharedToolbox(Mutex<Toolbox>);

impl SharedToolbox {
    fn lock(&self) -> MutexGuard<'_, Toolbox> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a tool was called.
    pub fn used(&self, tool: &str) {
        self.lock().used(tool);
    }
}

/// The manifest, the limits and the cost for one step.
struct ToolChoice<'a> {
    manifest: Manifest,
    limits: Limits<'a>,
}

impl<'a> ToolChoice<'a> {
    fn new(config: &Configuration, cost: Cost<'a>) -> Result<Self, Error> {
        config.check()?;
        let manifest = config.rules("conf/skill_manifest.yaml")?;
        let max_tools = usize::try_from(config.settings().policy.max_tools).unwrap_or(usize::MAX);
        Ok(Self { manifest, limits: Limits { max_tools, cost } })
    }

    fn loading(&self, toolbox: &Toolbox) -> Loading {
        toolbox.loading(&self.manifest, &self.limits)
    }

    /// Takes a step. Returns the loaded tools after it, and the new ones among them.
    fn step(&self, toolbox: &mut Toolbox, take: impl Fn(&mut Toolbox)) -> (Loading, Vec<String>) {
        let before = self.loading(toolbox);
        take(toolbox);
        let after = self.loading(toolbox);
        let new = after.newly_loaded(&before);
        (after, new)
    }
}

/// Enters a stage.
///
/// # Errors
///
/// The manifest or the configuration cannot be used.
pub fn enter_stage(
    config: &Configuration,
    toolbox: &SharedToolbox,
    stage: Stage,
    cost: Cost<'_>,
) -> Result<Value, Error> {
    let choice = ToolChoice::new(config, cost)?;
    let (loading, newly_loaded) = choice.step(&mut toolbox.lock(), |toolbox| toolbox.enter_stage(stage));
    let skill = |skill: &Skill| {
        json!({
            "name": skill.name,
            "description": skill.description,
            "micro_steps": skill.micro_steps,
            "required_tools": skill.required_tools,
        })
    };
    Ok(json!({
        "stage": stage,
        "loaded_tools": loading.loaded,
        "newly_loaded": newly_loaded,
        "left_out": loading.left_out,
        "context_cost": loading.context_cost,
        "available_skills": choice.manifest.skills_of(stage).into_iter().map(skill).collect::<Vec<_>>(),
    }))
}

/// Enters a skill and its stage. An unknown name changes nothing.
///
/// # Errors
///
/// The manifest, the list of micro-steps or the configuration cannot be used.
pub fn enter_skill(
    config: &Configuration,
    toolbox: &SharedToolbox,
    name: &str,
    cost: Cost<'_>,
) -> Result<Value, Error> {
    let choice = ToolChoice::new(config, cost)?;
    let Some(skill) = choice.manifest.skill(name) else {
        return Ok(unknown(&choice, &toolbox.lock(), name));
    };
    let steps = config.micro_steps()?;
    let steps = steps.of_stage(None).filter(|step| skill.micro_steps.contains(&step.kind)).map(|step| {
        json!({
            "type": step.kind,
            "description": step.description,
            "default_k": step.default_k,
            "has_oracle": step.has_oracle,
            "required_tools": step.required_tools,
        })
    });
    let (loading, newly_loaded) = choice.step(&mut toolbox.lock(), |toolbox| toolbox.enter_skill(skill));
    Ok(json!({
        "skill": skill.name,
        "stage": skill.stage,
        "description": skill.description,
        "loaded_tools": loading.loaded,
        "newly_loaded": newly_loaded,
        "left_out": loading.left_out,
        "context_cost": loading.context_cost,
        "micro_steps": steps.collect::<Vec<_>>(),
    }))
}

fn unknown(choice: &ToolChoice<'_>, toolbox: &Toolbox, name: &str) -> Value {
    let mut available = choice.manifest.names();
    let error = Error::Unknown {
        kind: "skill",
        name: name.to_owned(),
        available: nearest_first(available.clone(), name),
    };
    if let Some(stage) = toolbox.stage {
        available = choice.manifest.skills_of(stage).iter().map(|skill| skill.name.clone()).collect();
    }
    let more = json!({ "available_skills": available, "loaded_tools": choice.loading(toolbox).loaded });
    with(with(json!({ "ok": false }), error.note()), more)
}

/// Leaves stage and skill.
///
/// # Errors
///
/// The manifest or the configuration cannot be used.
pub fn exit_stage(config: &Configuration, toolbox: &SharedToolbox, cost: Cost<'_>) -> Result<Value, Error> {
    let choice = ToolChoice::new(config, cost)?;
    let mut toolbox = toolbox.lock();
    let left = toolbox.stage;
    let (loading, _) = choice.step(&mut toolbox, Toolbox::exit);
    let message = match left {
        Some(stage) => format!("Left {}; the core tools stay.", stage.name()),
        None => "No stage was entered; the core tools stay.".to_owned(),
    };
    Ok(json!({ "message": message, "loaded_tools": loading.loaded, "context_cost": loading.context_cost }))
}

/// The loaded tools.
///
/// # Errors
///
/// The manifest or the configuration cannot be used.
pub fn loaded_tools(config: &Configuration, toolbox: &SharedToolbox, cost: Cost<'_>) -> Result<Value, Error> {
    let choice = ToolChoice::new(config, cost)?;
    let toolbox = toolbox.lock().clone();
    let loading = choice.loading(&toolbox);
    Ok(json!({
        "current_stage": toolbox.stage,
        "current_skill": toolbox.skill,
        "loaded_tools": loading.loaded,
        "left_out": loading.left_out,
        "context_cost": loading.context_cost,
        "max_tools": choice.limits.max_tools,
        "usage_stats": toolbox.usage,
    }))
}

/// The stage and the tools for a task.
///
/// # Errors
///
/// The manifest or the configuration cannot be used.
pub fn recommend_tools(
    config: &Configuration,
    task: &str,
    runs: &[RunRecord],
    cost: Cost<'_>,
) -> Result<Value, Error> {
    let choice = ToolChoice::new(config, cost)?;
    let read = read(config, task, &[])?;
    let topology = read.choice(config, &History::of_kind(runs, None, read.kind()))?.topology;
    let begin = read.intent.stage;
    let tools = recommended_tools(&choice.manifest, begin, &mentioned(&Wording::of([task])), &choice.limits);
    let stage = begin.name();
    let hint = if read.intent.is_known() {
        format!("maestro_enter_stage with {stage} loads its tools, maestro_get_skill has its steps.")
    } else {
        format!(
            "No word of the task names a stage, so it begins with {stage}: maestro_enter_stage loads its tools, maestro_get_skill has its steps."
        )
    };
    let recommended = json!({
        "suggested_stage": begin,
        "tool_count": tools.len(),
        "recommended_tools": tools,
        "hint": hint,
        "recommended_topology": topology.id(),
    });
    Ok(with(recommended, read.intent))
}

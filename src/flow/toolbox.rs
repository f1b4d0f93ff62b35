//! Loading tools by stage and skill: which are at hand, and what they cost.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::configuration::Configuration;
use super::coordination::task::read;
use crate::domain::coordination::architecture::mentioned;
use crate::domain::coordination::classify::Wording;
use crate::domain::coordination::intent::Intent;
use crate::domain::coordination::record::RunRecord;
use crate::domain::coordination::statistics::History;
use crate::domain::microstep::{MicroStep, StepType};
use crate::domain::order::Order;
use crate::domain::stage::Stage;
use crate::domain::toolbox::{LeftOut, Limits, Loading, Manifest, Toolbox, recommended_tools};
use crate::error::{Error, ErrorNote};

/// Tokens that a tool takes of the context; none for a tool that is not served.
pub type Cost<'a> = &'a dyn Fn(&str) -> Option<usize>;

/// The toolbox of a server, as long as it lives.
#[derive(Debug, Default)]
pub struct SharedToolbox(Mutex<Toolbox>);

impl SharedToolbox {
    fn lock(&self) -> MutexGuard<'_, Toolbox> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tool was called.
    pub fn used(&self, tool: &str) {
        self.lock().used(tool);
    }
}

#[derive(Clone, Debug, Serialize)]
struct Loaded {
    loaded_tools: Vec<String>,
    newly_loaded: Vec<String>,
    left_out: Vec<LeftOut>,
    context_cost: usize,
}

/// A stage that was entered.
#[derive(Clone, Debug, Serialize)]
pub struct EnteredStage {
    stage: Stage,
    #[serde(flatten)]
    loaded: Loaded,
    available_skills: Vec<SkillNote>,
}

#[derive(Clone, Debug, Serialize)]
struct SkillNote {
    name: String,
    description: String,
    micro_steps: Vec<StepType>,
    required_tools: Vec<String>,
}

/// A skill that was entered, or not.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum SkillEntry {
    /// It was.
    Entered(EnteredSkill),
    /// There is no such skill; everything stays as it was.
    Unknown(UnknownSkill),
}

/// A skill that was entered.
#[derive(Clone, Debug, Serialize)]
pub struct EnteredSkill {
    skill: String,
    stage: Stage,
    description: String,
    #[serde(flatten)]
    loaded: Loaded,
    micro_steps: Vec<MicroStepNote>,
}

/// A name that no skill has.
#[derive(Clone, Debug, Serialize)]
pub struct UnknownSkill {
    ok: bool,
    #[serde(flatten)]
    note: ErrorNote,
    available_skills: Vec<String>,
    loaded_tools: Vec<String>,
}

/// Micro-step as its caller sees it.
#[derive(Clone, Debug, Serialize)]
struct MicroStepNote {
    #[serde(rename = "type")]
    kind: StepType,
    description: String,
    default_k: u32,
    has_oracle: bool,
    required_tools: Vec<String>,
}

/// A stage that was left.
#[derive(Clone, Debug, Serialize)]
pub struct Exited {
    message: String,
    loaded_tools: Vec<String>,
    context_cost: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    current_stage: Option<Stage>,
    current_skill: Option<String>,
    loaded_tools: Vec<String>,
    left_out: Vec<LeftOut>,
    context_cost: usize,
    max_tools: usize,
    usage_stats: BTreeMap<String, u64>,
}

/// The tools for a task.
#[derive(Clone, Debug, Serialize)]
pub struct Recommended {
    suggested_stage: Stage,
    recommended_tools: Vec<String>,
    tool_count: usize,
    hint: String,
    recommended_topology: &'static str,
    #[serde(flatten)]
    intent: Intent,
}

/// The manifest, the limits, and the state before and after a step.
struct Bench<'a> {
    manifest: Manifest,
    limits: Limits<'a>,
}

impl<'a> Bench<'a> {
    fn new(config: &Configuration, cost: Cost<'a>) -> Result<Self, Error> {
        config.check()?;
        let document = config.document("conf/skill_manifest.yaml")?;
        let manifest = Manifest::from_yaml(&document.text)
            .map_err(|error| Error::Document { name: document.origin, reason: error.to_string() })?;
        let max_tools = usize::try_from(config.settings().policy.max_tools).unwrap_or(usize::MAX);
        Ok(Self { manifest, limits: Limits { max_tools, cost } })
    }

    fn loading(&self, toolbox: &Toolbox) -> Loading {
        toolbox.loading(&self.manifest, &self.limits)
    }

    /// Takes a step, and says what it loaded.
    fn step(&self, toolbox: &mut Toolbox, take: impl Fn(&mut Toolbox)) -> Loaded {
        let before = self.loading(toolbox);
        take(toolbox);
        let after = self.loading(toolbox);
        Loaded {
            newly_loaded: after.newly_loaded(&before),
            loaded_tools: after.loaded,
            left_out: after.left_out,
            context_cost: after.context_cost,
        }
    }
}

/// Enters a stage.
///
/// # Errors
///
/// A manifest or a configuration that could not be used.
pub fn enter_stage(
    config: &Configuration,
    toolbox: &SharedToolbox,
    stage: Stage,
    cost: Cost<'_>,
) -> Result<EnteredStage, Error> {
    let bench = Bench::new(config, cost)?;
    let loaded = bench.step(&mut toolbox.lock(), |toolbox| toolbox.enter_stage(stage));
    let available_skills = bench.manifest.skills_of(stage).into_iter().map(|skill| SkillNote {
        name: skill.name.clone(),
        description: skill.description.clone(),
        micro_steps: skill.micro_steps.clone(),
        required_tools: skill.required_tools.clone(),
    });
    Ok(EnteredStage { stage, available_skills: available_skills.collect(), loaded })
}

/// Enters a skill, and with it its stage.
///
/// # Errors
///
/// A manifest, a list of micro steps or a configuration that could not be used.
pub fn enter_skill(
    config: &Configuration,
    toolbox: &SharedToolbox,
    name: &str,
    cost: Cost<'_>,
) -> Result<SkillEntry, Error> {
    let bench = Bench::new(config, cost)?;
    let Some(skill) = bench.manifest.skill(name) else {
        return Ok(SkillEntry::Unknown(unknown(&bench, &toolbox.lock(), name)));
    };
    let micro_steps = micro_steps(config, &skill.micro_steps)?;
    let loaded = bench.step(&mut toolbox.lock(), |toolbox| toolbox.enter_skill(skill));
    Ok(SkillEntry::Entered(EnteredSkill {
        skill: skill.name.clone(),
        stage: skill.stage,
        description: skill.description.clone(),
        loaded,
        micro_steps,
    }))
}

fn unknown(bench: &Bench<'_>, toolbox: &Toolbox, name: &str) -> UnknownSkill {
    let mut available = bench.manifest.names();
    let error = Error::Unknown { kind: "skill", name: name.to_owned(), available: nearest(&available, name) };
    if let Some(stage) = toolbox.stage {
        available = bench.manifest.skills_of(stage).iter().map(|skill| skill.name.clone()).collect();
    }
    let loaded_tools = bench.loading(toolbox).loaded;
    UnknownSkill { ok: false, note: error.note(), available_skills: available, loaded_tools }
}

fn nearest(names: &[String], wanted: &str) -> Vec<String> {
    let mut names = names.to_vec();
    names.order_by(|left, right| {
        strsim::jaro_winkler(right, wanted).total_cmp(&strsim::jaro_winkler(left, wanted))
    });
    names
}

fn micro_steps(config: &Configuration, wanted: &[StepType]) -> Result<Vec<MicroStepNote>, Error> {
    let steps = config.micro_steps()?;
    let note = |step: &MicroStep| MicroStepNote {
        kind: step.kind,
        description: step.description.clone(),
        default_k: step.default_k,
        has_oracle: step.has_oracle,
        required_tools: step.required_tools.clone(),
    };
    Ok(steps.of_stage(None).filter(|step| wanted.contains(&step.kind)).map(note).collect())
}

/// Leaves stage and skill.
///
/// # Errors
///
/// A manifest or a configuration that could not be used.
pub fn exit_stage(config: &Configuration, toolbox: &SharedToolbox, cost: Cost<'_>) -> Result<Exited, Error> {
    let bench = Bench::new(config, cost)?;
    let mut toolbox = toolbox.lock();
    let left = toolbox.stage;
    let loaded = bench.step(&mut toolbox, Toolbox::exit);
    let message = match left {
        Some(stage) => format!("Left {}; the core tools stay.", stage.name()),
        None => "No stage was entered; the core tools stay.".to_owned(),
    };
    Ok(Exited { message, loaded_tools: loaded.loaded_tools, context_cost: loaded.context_cost })
}

/// Returns what is loaded now.
///
/// # Errors
///
/// A manifest or a configuration that could not be used.
pub fn loaded_tools(
    config: &Configuration,
    toolbox: &SharedToolbox,
    cost: Cost<'_>,
) -> Result<Overview, Error> {
    let bench = Bench::new(config, cost)?;
    let toolbox = toolbox.lock().clone();
    let loading = bench.loading(&toolbox);
    Ok(Overview {
        current_stage: toolbox.stage,
        current_skill: toolbox.skill,
        loaded_tools: loading.loaded,
        left_out: loading.left_out,
        context_cost: loading.context_cost,
        max_tools: bench.limits.max_tools,
        usage_stats: toolbox.usage,
    })
}

/// The stage and the tools for a task.
///
/// # Errors
///
/// A manifest or a configuration that could not be used.
pub fn recommend_tools(
    config: &Configuration,
    task: &str,
    runs: &[RunRecord],
    cost: Cost<'_>,
) -> Result<Recommended, Error> {
    let bench = Bench::new(config, cost)?;
    let read = read(config, task, &[])?;
    let topology = read.choice(config, &History::of_kind(runs, None, read.kind()))?.topology;
    let begin = read.intent.stage;
    let tools = recommended_tools(&bench.manifest, begin, &mentioned(&Wording::of([task])), &bench.limits);
    let stage = begin.name();
    Ok(Recommended {
        suggested_stage: begin,
        recommended_topology: topology.id(),
        tool_count: tools.len(),
        recommended_tools: tools,
        hint: if read.intent.is_known() {
            format!("maestro_enter_stage with {stage} loads its tools, maestro_get_skill has its steps.")
        } else {
            format!(
                "No word of the task names a stage, so it begins with {stage}: maestro_enter_stage loads its tools, maestro_get_skill has its steps."
            )
        },
        intent: read.intent,
    })
}

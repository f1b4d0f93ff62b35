//! Choosing a topology for a stage, and the strategy of a stage.

use serde::Serialize;
use serde_json::{Value, json};

use super::health::{Asked, scaling};
use super::task::read;
use crate::domain::coordination::architecture::{Choice, Rule, Situation, choose};
use crate::domain::coordination::classify::Scores;
use crate::domain::coordination::intent::Intent;
use crate::domain::coordination::scaling::{paper_insight, rationale};
use crate::domain::coordination::statistics::History;
use crate::domain::coordination::strategy::{Strategy, strategy};
use crate::domain::policy::{PolicySettings, SingleAgent, StagePolicy, Topology};
use crate::domain::stage::Stage;
use crate::domain::topology::{Facts, Limits};
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::log::Log;

#[derive(Clone, Debug)]
pub struct Request {
    /// True if the caller gave any of the scores.
    pub scores_given: bool,
    /// The task, where it is known.
    pub task: Option<String>,
    /// The stage.
    pub stage: Stage,
    /// Degree to which the task can be taken apart, 0 to 1.
    pub decomposability: f64,
    /// Degree to which its steps depend on one another, 0 to 1.
    pub sequential: f64,
    /// How much of it is work with tools, 0 to 1.
    pub tools: f64,
    /// The topology that the caller insists on.
    pub forced: Option<Topology>,
    pub scaling: Asked,
}

/// A topology for a stage.
#[derive(Clone, Debug, Serialize)]
pub struct Architecture {
    topology: &'static str,
    confidence: f64,
    rule: Rule,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    intent: Option<Intent>,
    fallback_topology: Option<&'static str>,
    parameters: Limits,
    rationale: String,
    paper_insight: String,
    use_for: &'static str,
    never_for: Option<&'static str>,
    stage_recommendations: Strategy,
    in_a_run: InARun,
    scaling: Value,
}

/// Limits that the workflow enforces, from the policy that `maestro_get_coordination_policy` shows.
#[derive(Clone, Debug, Serialize)]
struct InARun {
    #[serde(flatten)]
    policy: StagePolicy,
    note: Option<String>,
}

/// Chooses a topology.
///
/// # Errors
///
/// A score outside 0 to 1, several agents forced upon debug, or configuration that could not be
/// used.
pub async fn select_architecture(
    config: &Configuration,
    log: &Log,
    request: &Request,
) -> Result<Architecture, Error> {
    config.check()?;
    let policy = &config.settings().policy;
    let runs = super::recorded_or_nothing(log).await;
    let scores =
        Scores::new(request.decomposability, request.sequential, request.tools).map_err(super::refused)?;
    let read = request.task.as_deref().map(|task| read(config, task, &[])).transpose()?;
    let intent = read.as_ref().filter(|read| read.intent.is_known()).map(|read| read.intent.intent.as_str());
    let history = History::of_kind(&runs, Some(request.stage), intent);
    let scores = match &read {
        Some(read) if !request.scores_given => read.deciding(),
        Some(_) | None => scores,
    };
    let situation = Situation {
        stage: Some(request.stage),
        scores,
        forced: request.forced,
        history: read.as_ref().map_or(&history, |read| read.counted(&history)),
        policy,
        intent: read.as_ref().map(|read| &read.intent),
    };
    let choice = choose(&situation).map_err(super::refused)?;
    Ok(Architecture {
        topology: choice.topology.id(),
        confidence: choice.confidence,
        rule: choice.rule,
        intent: read.as_ref().map(|read| read.intent.clone()),
        fallback_topology: choice.fallback.map(Topology::id),
        parameters: choice.limits,
        rationale: rationale(choice.rule, &scores),
        paper_insight: paper_insight(choice.topology, choice.rule, policy),
        use_for: &Facts::of(choice.topology).use_for,
        never_for: Facts::of(choice.topology).never_for.as_deref(),
        stage_recommendations: strategy(request.stage, policy).arranged(choice.topology),
        in_a_run: in_a_run(request.stage, policy, &choice),
        scaling: scaling(&request.scaling, &history, choice.topology).map_err(super::refused)?,
    })
}

fn in_a_run(stage: Stage, settings: &PolicySettings, choice: &Choice) -> InARun {
    let policy = settings.stage(stage);
    let consults = policy.max_consults;
    let note = if choice.topology == Topology::Sas {
        None
    } else if !policy.ensemble_allowed {
        Some(format!(
            "In a run this stage makes no ensemble: consultants are asked one by one, none of them shown another's answer, {consults} at most."
        ))
    } else if choice.limits.max_agents > consults {
        Some(format!("In a run this stage has {consults} consults, so {consults} candidates at most."))
    } else {
        None
    };
    InARun { policy, note }
}

/// The strategy of a stage under the policy in force.
///
/// # Errors
///
/// Configuration that could not be used.
pub fn stage_strategy(config: &Configuration, stage: Stage) -> Result<Value, Error> {
    config.check()?;
    let policy = &config.settings().policy;
    let strategy = strategy(stage, policy);
    let rule = match policy.single_agent(stage) {
        Some(SingleAgent::Always | SingleAgent::UnlessForced) => Rule::SingleAgentStage,
        Some(SingleAgent::SwitchedOff) => Rule::EnsembleSwitchedOff,
        None => Rule::StageDefault,
    };
    Ok(json!({
        "stage": stage,
        "key_rules": {
            "topology": strategy.topology.id(),
            "ensemble_strategy": strategy.ensemble_strategy,
            "voting_mode": strategy.voting_mode,
            "red_flags": strategy.red_flag_rules,
        },
        "paper_insight": paper_insight(strategy.topology, rule, policy),
        "warning": warning(stage, policy, &strategy),
        "in_a_run": policy.stage(stage),
        "strategy": strategy,
    }))
}

fn warning(stage: Stage, settings: &PolicySettings, strategy: &Strategy) -> Option<String> {
    match settings.single_agent(stage) {
        Some(SingleAgent::Always) => Some("Never several agents: force_topology is refused here.".to_owned()),
        Some(SingleAgent::UnlessForced) => {
            Some("One agent, unless maestro_select_architecture is given force_topology.".to_owned())
        }
        Some(SingleAgent::SwitchedOff) => {
            Some("The policy's switch for an ensemble in this stage is off.".to_owned())
        }
        None => {
            let policy = settings.stage(stage);
            let consults = policy.max_consults;
            if !policy.ensemble_allowed {
                return Some(format!(
                    "In a run this stage makes no ensemble: consultants are asked one by one, {consults} at most."
                ));
            }
            strategy.max_candidates.filter(|candidates| *candidates > consults).map(|candidates| {
                format!(
                    "In a run this stage has {consults} consults: fewer than the {candidates} candidates that are worth having elsewhere."
                )
            })
        }
    }
}

//! Choosing a topology for a stage, and the strategy of a stage.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Arranged;
use super::task::{read, recorded_baseline};
use crate::domain::coordination::BadInput;
use crate::domain::coordination::architecture::{Choice, Rule, Situation, choose};
use crate::domain::coordination::classify::Scores;
use crate::domain::coordination::scaling::{
    ADVISED_GAP, Advice, BASELINE_RANGE, CAPABILITY_RANGE, GAP_ERROR, Inputs, Prediction, TOOLS_RANGE,
    advice, best_of, outside_the_data, paper_insight, prediction, rationale,
};
use crate::domain::coordination::statistics::History;
use crate::domain::coordination::strategy::{Strategy, strategy};
use crate::domain::order::Gather;
use crate::domain::pairs::with;
use crate::domain::policy::{PolicySettings, SingleAgent, Topology};
use crate::domain::stage::Stage;
use crate::domain::topology::Facts;
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::log::Log;

// A wish for a topology: input of a tool, whose schema shows only the docs of the fields.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Stage.
    stage: Stage,
    /// 0 to 1.
    #[serde(default = "half")]
    decomposability_score: f64,
    /// 0 to 1.
    #[serde(default = "half")]
    sequential_dependency_score: f64,
    /// 0 to 1.
    #[serde(default = "some_tools")]
    tool_complexity: f64,
    /// Force this topology.
    force_topology: Option<Arranged>,
    /// The task, if known; its intent counts, and its scores if none are given.
    task_description: Option<String>,
    /// Success rate of one agent, 0 to 1.
    baseline_success: Option<f64>,
    /// Tools at hand.
    tool_count: Option<u32>,
    /// Intelligence Index, 0 to 100.
    capability_index: Option<f64>,
}

fn half() -> f64 {
    0.5
}

fn some_tools() -> f64 {
    0.3
}

impl Request {
    /// True if a score differs from its default. Models repeat defaults, so a default says nothing.
    fn has_scores(&self) -> bool {
        let is_given = |score: f64, usual: f64| (score - usual).abs() > f64::EPSILON;
        is_given(self.decomposability_score, half())
            || is_given(self.sequential_dependency_score, half())
            || is_given(self.tool_complexity, some_tools())
    }
}

/// Chooses a topology.
///
/// # Errors
///
/// A score is not 0 to 1, several agents are forced in debug, or the configuration cannot be used.
pub async fn select_architecture(
    config: &Configuration,
    log: &Log,
    request: &Request,
) -> Result<Value, Error> {
    config.check()?;
    let policy = &config.settings().policy;
    let runs = super::recorded_or_nothing(log).await;
    let scores = Scores::new(
        request.decomposability_score,
        request.sequential_dependency_score,
        request.tool_complexity,
    )
    .map_err(super::refused)?;
    let read = request.task_description.as_deref().map(|task| read(config, task, &[])).transpose()?;
    let intent = read.as_ref().filter(|read| read.intent.is_known()).map(|read| read.intent.intent.as_str());
    let history = History::of_kind(&runs, Some(request.stage), intent);
    let scores = match &read {
        Some(read) if !request.has_scores() => read.deciding(),
        Some(_) | None => scores,
    };
    let situation = Situation {
        stage: Some(request.stage),
        scores,
        forced: request.force_topology.map(Topology::from),
        history: read.as_ref().map_or(&history, |read| read.counted(&history)),
        policy,
        intent: read.as_ref().map(|read| &read.intent),
    };
    let choice = choose(&situation).map_err(super::refused)?;
    let facts = Facts::of(choice.topology);
    let chosen = json!({
        "topology": choice.topology.id(),
        "confidence": choice.confidence,
        "rule": choice.rule,
    });
    let more = json!({
        "fallback_topology": choice.fallback.map(Topology::id),
        "parameters": choice.limits,
        "rationale": rationale(choice.rule, &scores),
        "paper_insight": paper_insight(choice.topology, choice.rule, policy),
        "use_for": facts.use_for,
        "never_for": facts.never_for,
        "stage_recommendations": strategy(request.stage, policy).arranged(choice.topology),
        "in_a_run": in_a_run(request.stage, policy, &choice),
        "scaling": scaling(request, &history, choice.topology).map_err(super::refused)?,
    });
    Ok(with(with(chosen, read.as_ref().map(|read| &read.intent)), more))
}

/// Limits that the workflow enforces, from the policy that `maestro_get_coordination_policy` shows.
fn in_a_run(stage: Stage, settings: &PolicySettings, choice: &Choice) -> Value {
    let policy = settings.stage(stage);
    let consults = policy.max_consults;
    let note = if choice.topology == Topology::Sas {
        None
    } else if !policy.ensemble_allowed {
        Some(format!(
            "In a run this stage uses no ensemble: at most {consults} consultants are asked one by one, and none sees another's answer."
        ))
    } else if choice.limits.max_agents > consults {
        Some(format!("In a run this stage has {consults} consults, so at most {consults} candidates."))
    } else {
        None
    };
    with(policy, json!({ "note": note }))
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Best {
    topology: &'static str,
    #[serde(flatten)]
    prediction: Prediction,
}

/// The topologies that Maestro can arrange.
const HERE: [Topology; 3] = [Topology::Sas, Topology::Independent, Topology::Centralized];

/// The prediction of the regression, beside the topology that the rules chose.
///
/// # Errors
///
/// A success is not 0 to 1, or an index is not 0 to 100.
fn scaling(request: &Request, history: &History, chosen: Topology) -> Result<Value, BadInput> {
    let recorded = recorded_baseline(history);
    let Some(baseline) = request.baseline_success.or(recorded) else {
        // The given values are checked even if they are not used.
        Inputs::new(0.0, request.tool_count, request.capability_index)?;
        return Ok(json!({
            "missing": "baseline_success: how often a single agent succeeds at such tasks, 0 to 1 (or ten recorded sas results)",
        }));
    };
    let inputs = Inputs::new(baseline, request.tool_count, request.capability_index)?;
    let source = if request.baseline_success.is_some() { "given" } else { "recorded" };
    Ok(known(request, &inputs, source, chosen))
}

/// The predictions for one task.
fn known(request: &Request, inputs: &Inputs, baseline_source: &str, chosen: Topology) -> Value {
    let best = |(topology, prediction): (Topology, Prediction)| Best { topology: topology.id(), prediction };
    let best_multi_agent = best_of(Topology::ALL, inputs).map(best);
    let best_multi_agent_here = best_of(&HERE, inputs).map(best);
    // Never advise a topology that Maestro cannot arrange.
    let advice =
        best_multi_agent_here.and_then(|best| best.prediction.gap).map_or(Advice::SingleAgent, advice);
    let outside = outside_the_data(inputs);
    let agrees = (advice == Advice::SingleAgent) == (chosen == Topology::Sas);
    let given = [
        ("tool_count", request.tool_count.is_some()),
        ("capability_index", request.capability_index.is_some()),
    ];
    let assumed: Vec<&str> = given.iter().filter(|(_, is_given)| !is_given).map(|(name, _)| *name).collect();
    let predictions: BTreeMap<&str, Prediction> =
        Topology::ALL.iter().map(|topology| (topology.id(), prediction(*topology, inputs))).gather();
    json!({
        "inputs": inputs,
        "baseline_source": baseline_source,
        "assumed": assumed,
        "topologies": predictions,
        "best_multi_agent": best_multi_agent,
        "best_multi_agent_here": best_multi_agent_here,
        "advice": advice,
        "advised_gap": ADVISED_GAP,
        "agrees_with_topology": agrees,
        "valid": outside.is_empty(),
        "outside_the_data": outside,
        "range": {
            "baseline_success": [BASELINE_RANGE.start(), BASELINE_RANGE.end()],
            "tool_count": [TOOLS_RANGE.start(), TOOLS_RANGE.end()],
            "capability_index": [CAPABILITY_RANGE.start(), CAPABILITY_RANGE.end()],
        },
        "note": note(agrees),
    })
}

fn note(agrees: bool) -> String {
    let mut note = format!(
        "A gap is the predicted success minus baseline_success; several agents are advised if the best arrangement that is possible here has a gap of {ADVISED_GAP:.2} or more. \
         Its error has a standard deviation of {GAP_ERROR}, and the fit does not carry over to new kinds of tasks."
    );
    if !agrees {
        note.push_str(
            " The topology above follows the rules; the advice here is a second opinion that differs.",
        );
    }
    note
}

/// The strategy of a stage under the policy in force.
///
/// # Errors
///
/// The configuration cannot be used.
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
        Some(SingleAgent::Always) => {
            Some("This stage always has one agent, and refuses force_topology.".to_owned())
        }
        Some(SingleAgent::UnlessForced) => Some(
            "This stage has one agent, unless you give maestro_select_architecture a force_topology."
                .to_owned(),
        ),
        Some(SingleAgent::SwitchedOff) => Some("The policy switches ensembles off in this stage.".to_owned()),
        None => {
            let policy = settings.stage(stage);
            let consults = policy.max_consults;
            if !policy.ensemble_allowed {
                return Some(format!(
                    "In a run this stage uses no ensemble: at most {consults} consultants are asked one by one."
                ));
            }
            strategy.max_candidates.filter(|candidates| *candidates > consults).map(|candidates| {
                format!(
                    "In a run this stage has {consults} consults: fewer than the {candidates} candidates that are useful elsewhere."
                )
            })
        }
    }
}

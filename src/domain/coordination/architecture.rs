//! Chooses the topology for a stage, by the first of an ordered list of rules that applies.

use serde::Serialize;
use strum::IntoStaticStr;

use super::BadInput;
use super::classify::Scores;
use super::facts::{Facts, Limits};
use super::intent::{Intent, Voices};
use super::statistics::{ENOUGH_RUNS, History};
use crate::domain::policy::{PolicySettings, SingleAgent};
use crate::domain::stage::Stage;
use crate::domain::topology::Topology;

/// The dependency from which on work is sequential.
pub const SEQUENTIAL: f64 = 0.7;
/// The decomposability above which a task can be taken apart.
pub const DECOMPOSABLE: f64 = 0.6;
/// The complexity above which tools need a centre.
pub const TOOL_HEAVY: f64 = 0.6;
/// The success above which a recorded topology is chosen again.
const PROVEN_SUCCESS: f64 = 0.7;
/// No more confidence than this comes from recorded runs.
const MOST_CONFIDENCE: f64 = 0.9;

#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The stage; none for a task that is not in one yet.
    pub stage: Option<Stage>,
    pub scores: Scores,
    /// The topology that the caller insists on.
    pub forced: Option<Topology>,
    /// The recorded runs.
    pub history: &'a History,
    /// The policy in force.
    pub policy: &'a PolicySettings,
    /// The intent of the task, where the task is known.
    pub intent: Option<&'a Intent>,
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, IntoStaticStr)]
#[cfg_attr(test, derive(strum::EnumIter))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Rule {
    /// The caller insisted.
    Forced,
    /// The stage is one for a single agent.
    SingleAgentStage,
    /// The user switched the stage's ensemble off.
    EnsembleSwitchedOff,
    /// Recorded runs were good.
    RecordedResults,
    /// Its steps depend on one another.
    SequentialDependency,
    /// It can be taken apart, and needs tools.
    DecomposableWithTools,
    /// It can be taken apart.
    Decomposable,
    Intent,
    /// Nothing but the stage is known.
    StageDefault,
    /// Nothing is known.
    NoSignal,
}

impl Rule {
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The limits where no score decides.
const BY_DEFAULT: Limits =
    Limits { max_agents: 3, max_rounds: 3, max_messages_per_agent: 2, overhead_threshold: 2.0 };

/// A choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// The topology.
    pub topology: Topology,
    /// The certainty of the rule, 0 to 1.
    pub confidence: f64,
    /// The rule that decided.
    pub rule: Rule,
    /// The next choice if it does not work out.
    pub fallback: Option<Topology>,
    /// Its limits.
    pub limits: Limits,
}

impl Choice {
    fn alone(rule: Rule, confidence: f64) -> Self {
        Self {
            topology: Topology::Sas,
            confidence,
            rule,
            fallback: None,
            limits: Facts::of(Topology::Sas).limits,
        }
    }

    fn several(rule: Rule, topology: Topology, confidence: f64) -> Self {
        let limits = Facts::of(topology).limits;
        Self { topology, confidence, rule, fallback: Some(Topology::Sas), limits }
    }
}

/// Chooses a topology.
///
/// # Errors
///
/// Several agents that are forced upon a stage which the policy holds to one.
pub fn choose(situation: &Situation<'_>) -> Result<Choice, BadInput> {
    let single = situation.stage.and_then(|stage| situation.policy.single_agent(stage));
    if let Some(topology) = situation.forced {
        return forced(topology, situation.stage, single);
    }
    Ok(match single {
        Some(SingleAgent::Always | SingleAgent::UnlessForced) => Choice::alone(Rule::SingleAgentStage, 1.0),
        Some(SingleAgent::SwitchedOff) => Choice::alone(Rule::EnsembleSwitchedOff, 1.0),
        // Where each step needs the one before, no record of other work says otherwise.
        None if situation.is_sequential() => Choice::alone(Rule::SequentialDependency, 0.85),
        None => proven(situation).unwrap_or_else(|| by_scores(situation)),
    })
}

impl Situation<'_> {
    /// Words of debugging make a task sequential; where several voices are wanted, only its own steps do.
    fn is_sequential(&self) -> bool {
        self.scores.sequential >= SEQUENTIAL
    }

    fn known_intent(&self) -> Option<&Intent> {
        self.intent.filter(|intent| intent.is_known())
    }
}

fn forced(topology: Topology, stage: Option<Stage>, single: Option<SingleAgent>) -> Result<Choice, BadInput> {
    if topology == Topology::Sas {
        return Ok(Choice::alone(Rule::Forced, 1.0));
    }
    match (single, stage) {
        (Some(SingleAgent::Always), Some(stage)) => Err(BadInput(format!(
            "force_topology must be sas in {}: that stage has one agent only (got {})",
            stage.name(),
            topology.id()
        ))),
        _ => Ok(Choice::several(Rule::Forced, topology, 1.0)),
    }
}

fn proven(situation: &Situation<'_>) -> Option<Choice> {
    let history = situation.history;
    let (topology, _) = history.best().filter(|_| history.runs() >= ENOUGH_RUNS)?;
    let rate = history.of_topology(topology)?.success_rate;
    (rate > PROVEN_SUCCESS).then(|| Choice {
        topology,
        confidence: rate.min(MOST_CONFIDENCE),
        rule: Rule::RecordedResults,
        fallback: Some(Topology::Sas),
        limits: Facts::of(topology).limits,
    })
}

fn by_scores(situation: &Situation<'_>) -> Choice {
    let Scores { decomposability, tools, .. } = situation.scores;
    let intent = situation.known_intent();
    if intent.is_some_and(|intent| intent.voices == Voices::One) {
        return Choice::alone(Rule::Intent, 0.5);
    }
    if decomposability > DECOMPOSABLE && tools > TOOL_HEAVY {
        return Choice::several(Rule::DecomposableWithTools, Topology::Centralized, 0.75);
    }
    if decomposability > DECOMPOSABLE {
        return Choice::several(Rule::Decomposable, Topology::Independent, 0.8);
    }
    if intent.is_some() {
        return Choice::several(Rule::Intent, Topology::Independent, 0.7);
    }
    match situation.stage {
        Some(stage) => match situation.policy.recommended(stage) {
            Topology::Sas => Choice::alone(Rule::StageDefault, 0.65),
            several => Choice { limits: BY_DEFAULT, ..Choice::several(Rule::StageDefault, several, 0.65) },
        },
        None => Choice { limits: BY_DEFAULT, ..Choice::alone(Rule::NoSignal, 0.5) },
    }
}

#[cfg(test)]
mod tests;

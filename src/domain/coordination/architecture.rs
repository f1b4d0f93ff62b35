//! Chooses the topology of a stage: the first rule of an ordered list that applies decides.

use serde::Serialize;
use strum::IntoStaticStr;

use super::BadInput;
use super::classify::{Scores, Wording};
use super::intent::{Intent, Voices};
use super::record::RunRecord;
use super::statistics::{ENOUGH_RUNS, History};
use crate::domain::beta::cautious_rate;
use crate::domain::policy::{PolicySettings, SingleAgent};
use crate::domain::stage::Stage;
use crate::domain::topology::{Facts, Limits, Topology};

/// Minimum sequential score at which work counts as sequential.
pub const SEQUENTIAL: f64 = 0.7;
/// Decomposability above which a task counts as divisible.
pub const DECOMPOSABLE: f64 = 0.6;
/// Tool complexity above which several agents need a central one.
pub const TOOL_HEAVY: f64 = 0.6;
/// Success rate above which a recorded topology is chosen again.
const PROVEN_SUCCESS: f64 = 0.7;
/// Maximum confidence of a choice by recorded runs.
const MOST_CONFIDENCE: f64 = 0.9;

#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The stage. `None` for a task outside of stages.
    pub stage: Option<Stage>,
    pub scores: Scores,
    /// The topology that the caller forces.
    pub forced: Option<Topology>,
    /// The recorded runs.
    pub history: &'a History,
    /// The policy in force.
    pub policy: &'a PolicySettings,
    /// The intent of the task, if the task is known.
    pub intent: Option<&'a Intent>,
}

/// The rule that decided on a topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, IntoStaticStr)]
#[cfg_attr(test, derive(strum::EnumIter))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Rule {
    /// The caller forced a topology.
    Forced,
    SingleAgentStage,
    /// The user switched the stage's ensemble off.
    EnsembleSwitchedOff,
    /// A recorded topology succeeded often enough.
    RecordedResults,
    /// The steps of the task depend on one another.
    SequentialDependency,
    /// The task can be divided, and it needs tools.
    DecomposableWithTools,
    /// The task can be divided.
    Decomposable,
    Intent,
    /// Only the stage is known.
    StageDefault,
    /// Nothing is known.
    NoSignal,
}

impl Rule {
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The limits of a choice that no score supports.
const BY_DEFAULT: Limits =
    Limits { max_agents: 3, max_rounds: 3, max_messages_per_agent: 2, overhead_threshold: 2.0 };

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    pub topology: Topology,
    /// Confidence of the rule, 0 to 1.
    pub confidence: f64,
    /// The rule that decided.
    pub rule: Rule,
    /// The topology to fall back to if this one fails.
    pub fallback: Option<Topology>,
    pub limits: Limits,
}

impl Choice {
    fn alone(rule: Rule, confidence: f64) -> Self {
        Self { fallback: None, ..Self::several(rule, Topology::Sas, confidence) }
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
/// The caller forces several agents on a stage that the policy limits to one.
pub fn choose(situation: &Situation<'_>) -> Result<Choice, BadInput> {
    let single = situation.stage.and_then(|stage| situation.policy.single_agent(stage));
    if let Some(topology) = situation.forced {
        return forced(topology, situation.stage, single);
    }
    Ok(match single {
        Some(SingleAgent::Always | SingleAgent::UnlessForced) => Choice::alone(Rule::SingleAgentStage, 1.0),
        Some(SingleAgent::SwitchedOff) => Choice::alone(Rule::EnsembleSwitchedOff, 1.0),
        // If each step needs the one before, recorded runs of other work do not matter.
        None if situation.is_sequential() => Choice::alone(Rule::SequentialDependency, 0.85),
        None => proven(situation).unwrap_or_else(|| by_scores(situation)),
    })
}

impl Situation<'_> {
    /// True if each step of the task needs the one before. The caller decides which scores count: words of
    /// debugging raise them only if one agent is wanted.
    fn is_sequential(&self) -> bool {
        self.scores.sequential >= SEQUENTIAL
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
    (rate > PROVEN_SUCCESS)
        .then(|| Choice::several(Rule::RecordedResults, topology, rate.min(MOST_CONFIDENCE)))
}

fn by_scores(situation: &Situation<'_>) -> Choice {
    let Scores { decomposability, tools, .. } = situation.scores;
    let intent = situation.intent.filter(|intent| intent.is_known());
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

/// Every stage whose words occur in a task, in the order of the stages.
pub fn mentioned(task: &Wording) -> Vec<Stage> {
    Stage::ALL.iter().copied().filter(|stage| task.has_any(words(*stage))).collect()
}

fn words(stage: Stage) -> &'static [&'static str] {
    match stage {
        Stage::Analyze => &["analyze", "understand", "read", "examine", "investigate"],
        Stage::Hypothesize => &["why", "cause", "reason", "hypothesis", "theory"],
        Stage::Implement => &["fix", "implement", "add", "create", "write", "patch"],
        Stage::Debug => &["debug", "error", "fail", "broken", "not working"],
        Stage::Improve => &["refactor", "improve", "optimize", "clean", "performance"],
    }
}

// The record of a single agent. If one agent is likely to succeed, several would add little. Only verified
// results count: a model that states 73% was right in 35% of the cases, and one that states 77% in 22% (arXiv
// 2602.06948).

/// Minimum number of recorded outcomes for a verdict.
pub const ENOUGH_OUTCOMES: u64 = 10;
/// Weight of a stated confidence: an estimate from the two published points.
const STATED: f64 = 0.4;

/// Recorded outcomes of a single agent for one kind of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoloRecord {
    successes: u64,
    failures: u64,
}

/// The verdict whether one agent is enough, with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alone {
    pub is_enough: bool,
    /// The reason, with its figures.
    pub why: String,
}

impl SoloRecord {
    /// Counts the recorded runs of a single agent for a stage and an intent.
    pub fn of(runs: &[RunRecord], stage: Stage, intent: Option<&str>) -> Self {
        let alike =
            runs.iter().filter(|run| run.topology == Topology::Sas && run.is_like(Some(stage), intent));
        alike.fold(Self::default(), |record, run| Self {
            successes: record.successes + u64::from(run.success),
            failures: record.failures + u64::from(!run.success),
        })
    }

    /// Compares the cautious success rate with the threshold if enough outcomes are recorded. Otherwise one
    /// agent is not enough: a stated confidence is only reported, with its weight.
    pub fn alone(self, stated: f64, threshold: f64) -> Alone {
        let runs = self.successes + self.failures;
        if runs >= ENOUGH_OUTCOMES {
            let low = cautious_rate(self.successes, self.failures);
            let is_enough = low >= threshold;
            let verdict = if is_enough { "reaches" } else { "does not reach" };
            let rest = if is_enough { ": several consultants would add little" } else { "" };
            return Alone {
                is_enough,
                why: format!(
                    "a single agent succeeded in {} of {runs} recorded outcomes, and at least {low:.2} (nine times in ten) {verdict} {threshold}{rest}",
                    self.successes
                ),
            };
        }
        let recorded =
            format!("{runs} of {ENOUGH_OUTCOMES} verified outcomes of a single agent are recorded");
        // A smaller confidence would be shown as 0.00, so it counts as not stated.
        let why = if stated >= 0.005 {
            let mapped = STATED * stated;
            format!(
                "a stated confidence of {stated:.2} counts as about {mapped:.2}, which is never enough to skip the ensemble ({recorded})"
            )
        } else {
            recorded
        };
        Alone { is_enough: false, why }
    }
}

#[cfg(test)]
mod more_tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_words_are_those_of_the_contract() {
        let contract: Value =
            serde_json::from_str(include_str!("../../../tests/data/coordination.json")).unwrap();
        let rules = &contract["rules"]["recommend_tools"];
        for &stage in Stage::ALL {
            assert_eq!(rules[stage.name()], json!(words(stage)));
        }
    }

    #[test]
    fn all_that_are_spoken_of_are_named() {
        let of = |task: &str| mentioned(&Wording::of([task]));
        assert_eq!(
            of("Investigate why it is broken, then fix it"),
            [Stage::Analyze, Stage::Hypothesize, Stage::Implement, Stage::Debug]
        );
        assert!(of("an address of the prefix").is_empty());
    }

    #[test]
    fn only_verified_outcomes_are_enough() {
        let silent = SoloRecord { successes: 9, failures: 0 }.alone(0.0, 0.45);
        assert!(!silent.is_enough && !silent.why.contains("stated"), "{}", silent.why);
        for stated in [0.45, 0.9, 1.0] {
            let alone = SoloRecord { successes: 9, failures: 0 }.alone(stated, 0.45);
            assert!(!alone.is_enough);
            assert!(alone.why.contains(&format!("{:.2}", 0.4 * stated)), "{}", alone.why);
        }
        let good = SoloRecord { successes: 8, failures: 2 }.alone(0.1, 0.45);
        assert!(good.is_enough && good.why.contains("8 of 10"), "{}", good.why);
        assert!(!SoloRecord { successes: 5, failures: 5 }.alone(1.0, 0.45).is_enough);
    }
}

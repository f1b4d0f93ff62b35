//! Coordination: records results of work with one or several agents, and sums them up.

pub(crate) mod choice;
pub(crate) mod health;
pub(crate) mod task;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::journal::new_id;
use super::log::Log;
use crate::domain::coordination::BadInput;
use crate::domain::coordination::degradation::Cusum;
use crate::domain::coordination::diversity::{Diversity, ENOUGH_QUESTIONS, diversity, most_shared_questions};
use crate::domain::coordination::record::{Answer, Mark, RunRecord};
use crate::domain::coordination::statistics::{
    ENOUGH_RUNS, ENOUGH_RUNS_OF_ONE, History, TopologyStatistics, of_run,
};
use crate::domain::event::{Draft, Noted};
use crate::domain::measure::number::mean_pairwise;
use crate::domain::order::Gather;
use crate::domain::stage::Stage;
use crate::domain::topology::Topology;
use crate::error::Error;

/// Every result that is recorded, oldest first.
///
/// # Errors
///
/// The log cannot be read.
pub async fn recorded(log: &Log) -> Result<Vec<RunRecord>, Error> {
    log.journal().read(|history| history.coordination.clone()).await
}

/// As [`recorded`], but empty if the log cannot be read: advice does without results.
pub async fn recorded_or_nothing(log: &Log) -> Vec<RunRecord> {
    recorded(log).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "recorded results cannot be read and are not used");
        Vec::new()
    })
}

/// The topologies that Maestro can arrange.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Arranged {
    /// One agent.
    Sas,
    /// Several that do not see one another.
    MasIndependent,
    /// Several with a checking centre.
    MasCentralized,
}

impl From<Arranged> for Topology {
    fn from(arranged: Arranged) -> Self {
        match arranged {
            Arranged::Sas => Self::Sas,
            Arranged::MasIndependent => Self::Independent,
            Arranged::MasCentralized => Self::Centralized,
        }
    }
}

/// The most outputs or answers of one result.
const MOST_TEXTS: usize = 32;

// A result: input of a tool, whose schema shows only the docs of the fields.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Topology used.
    topology: Arranged,
    /// Result was right.
    success: bool,
    /// In all.
    #[serde(default)]
    tokens_used: u64,
    /// Between agents.
    #[serde(default)]
    messages_sent: u64,
    /// Rounds of reasoning.
    #[serde(default = "one")]
    rounds: u64,
    /// Agents' texts, to compare.
    #[serde(default)]
    outputs: Vec<String>,
    /// Answers in the wrong form.
    #[serde(default)]
    format_errors: u64,
    /// Stage of the work.
    stage: Option<Stage>,
    /// Its intent, as `maestro_classify_task` names it.
    intent: Option<String>,
    /// Each `{provider, answer, correct?}`.
    #[serde(default)]
    answers: Vec<GivenAnswer>,
}

fn one() -> u64 {
    1
}

// One provider's answer: input of a tool, whose schema shows the docs of the fields.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct GivenAnswer {
    /// The provider.
    pub provider: String,
    /// Its answer.
    pub answer: String,
    /// True if it was right; omit if unknown.
    pub correct: Option<bool>,
}

/// Definitions of the paper's measures, for a result that shows them.
fn definitions() -> BTreeMap<&'static str, &'static str> {
    [
        (
            "coordination_overhead",
            "the paper's: reasoning turns beyond those of a recorded single agent, in percent of these; null while none is recorded",
        ),
        ("message_density", "the paper's: messages for a reasoning turn"),
        (
            "redundancy",
            "the paper's mean pairwise cosine similarity, over counts of words in place of its embeddings; null below two outputs",
        ),
        ("efficiency", "the paper's: success rate for the turns relative to a recorded single agent"),
        (
            "error_amplification",
            "the paper's: failure rate over that of a recorded single agent (maestro_check_degradation measures against an expected 0.3)",
        ),
        ("messages_per_run", "the overhead of the rules: maestro_check_degradation uses it"),
    ].into_iter().gather()
}

/// Records a result.
///
/// # Errors
///
/// Too many texts, or a provider that is named twice among the answers.
pub async fn record(log: &Log, outcome: &Outcome) -> Result<Value, Error> {
    for (name, count) in [("outputs", outcome.outputs.len()), ("answers", outcome.answers.len())] {
        if count > MOST_TEXTS {
            return Err(Error::InvalidArguments(format!(
                "{name} must hold at most {MOST_TEXTS} entries (got {count})"
            )));
        }
    }
    distinct(&outcome.answers)?;
    let run = event(outcome);
    let noted = Noted::of(&run).map_err(Error::internal)?;
    log.journal().record("", vec![Draft::new(new_id(), noted)]).await?;
    let history = History::of(&recorded(log).await?);
    let metrics = of_run(&run, &history);
    Ok(json!({
        "recorded": {
            "topology": run.topology.id(),
            "success": run.success,
            "tokens_used": run.tokens,
            "messages_sent": run.messages,
            "rounds": run.rounds,
            "format_errors": run.format_errors,
            "answers": run.answers.len(),
        },
        "run_metrics": {
            "coordination_overhead": metrics.coordination_overhead_percent,
            "message_density": metrics.message_density,
            "redundancy_rate": metrics.redundancy,
        },
        "topology_stats": history.of_topology(run.topology),
        "calibration_hint": hint(&history),
        "definitions": definitions(),
    }))
}

fn distinct(answers: &[GivenAnswer]) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    match answers.iter().position(|answer| !names.insert(&answer.provider)) {
        Some(at) => Err(Error::InvalidArguments(format!(
            "answers[{at}].provider must differ from the others: each provider has one voice on a question"
        ))),
        None => Ok(()),
    }
}

fn event(outcome: &Outcome) -> RunRecord {
    let answers = outcome.answers.iter().map(|given| Answer {
        provider: given.provider.clone(),
        mark: Some(Mark::of(&given.answer)),
        correct: given.correct,
    });
    RunRecord {
        topology: outcome.topology.into(),
        success: outcome.success,
        tokens: outcome.tokens_used,
        messages: outcome.messages_sent,
        rounds: outcome.rounds,
        format_errors: outcome.format_errors,
        redundancy: mean_pairwise(&outcome.outputs),
        stage: outcome.stage,
        intent: outcome.intent.clone(),
        answers: answers.collect(),
    }
}

fn hint(history: &History) -> String {
    let runs = history.runs();
    if history.of_topology(Topology::Sas).is_none() {
        return "Record results of a single agent (sas) as well: overhead, efficiency and error amplification are relative to them.".to_owned();
    }
    if runs < ENOUGH_RUNS {
        return format!(
            "{} more results until they count in maestro_select_architecture ({ENOUGH_RUNS} in all, {ENOUGH_RUNS_OF_ONE} of a topology).",
            ENOUGH_RUNS - runs
        );
    }
    "Enough results are recorded to count in maestro_select_architecture.".to_owned()
}

/// Changes for the worse in the results of each topology and in the judged answers of each provider,
/// detected by a cumulative sum.
fn changes(runs: &[RunRecord], questions: &[Vec<Answer>]) -> Value {
    let mut topologies: BTreeMap<&str, Cusum> = BTreeMap::new();
    for run in runs {
        topologies.entry(run.topology.id()).or_default().add(run.success);
    }
    let mut providers: BTreeMap<&str, Cusum> = BTreeMap::new();
    for answer in questions.iter().flatten() {
        if let Some(right) = answer.correct {
            providers.entry(&answer.provider).or_default().add(right);
        }
    }
    json!({ "topologies": topologies, "providers": providers })
}

/// Sums up the recorded results. A topology without results is left out.
///
/// # Errors
///
/// The log cannot be read.
pub async fn summary(log: &Log) -> Result<Value, Error> {
    let (runs, questions) =
        log.journal().read(|history| (history.coordination.clone(), history.questions.clone())).await?;
    let history = History::of(&runs);
    let best = history.best();
    let diversity = diversity(&questions);
    let diversity_note = match &diversity {
        Some(Diversity { effective_voices: None, .. }) => {
            "The number of independent voices is unknown: too few answers were judged right or wrong, and agreement alone shows neither errors nor skill.".to_owned()
        }
        Some(_) => format!("Over pairs of providers with at least {ENOUGH_QUESTIONS} questions in common."),
        None => format!(
            "Reported once two providers have answered the same {ENOUGH_QUESTIONS} questions (so far {}): with fewer the number of voices would be noise.",
            most_shared_questions(&questions)
        ),
    };
    let statistics: BTreeMap<&str, &TopologyStatistics> =
        history.topologies().iter().map(|(topology, statistics)| (topology.id(), statistics)).gather();
    Ok(json!({
        "total_samples": history.runs(),
        "topology_stats": statistics,
        "best_topology": best.map(|(topology, _)| topology.id()),
        "best_topology_score": best.map(|(_, score)| score),
        "recommendation": recommendation(&history),
        "changes": changes(&runs, &questions),
        "diversity": diversity,
        "diversity_note": diversity_note,
        "definitions": definitions(),
    }))
}

fn recommendation(history: &History) -> String {
    match history.best() {
        Some((topology, score)) if history.runs() >= ENOUGH_RUNS => {
            format!(
                "{} did best so far (score {score:.2}: the success rate that is exceeded nine times in ten, given its results).",
                topology.id()
            )
        }
        _ => hint(history),
    }
}

fn refused(bad: BadInput) -> Error {
    Error::InvalidArguments(bad.0)
}

#[cfg(test)]
mod tests;

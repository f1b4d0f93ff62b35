//! Classifying a task.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;

use crate::domain::coordination::architecture::{Choice, Rule, Situation, choose};
use crate::domain::coordination::classify::{Classification, Domain, Keywords, Scores, Wording, classify};
use crate::domain::coordination::intent::{DEBUGGING, Intent, Voices};
use crate::domain::coordination::scaling::rationale;
use crate::domain::coordination::statistics::{ENOUGH_RUNS, History};
use crate::domain::order::Gather;
use crate::domain::stage::Stage;
use crate::domain::topology::Topology;
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::log::Log;

/// A classified task.
#[derive(Clone, Debug, Serialize)]
pub struct Classified {
    #[serde(flatten)]
    intent: Intent,
    suggested_stage: Stage,
    features: Features,
    recommended_topology: &'static str,
    topology_confidence: f64,
    topology_rationale: String,
    paper_rule_applied: Rule,
    metadata: Metadata,
}

#[derive(Clone, Debug, Serialize)]
struct Features {
    decomposability_score: f64,
    sequential_dependency_score: f64,
    tool_complexity: f64,
    /// Of recorded runs; none while there are too few.
    baseline_single_agent_success: Option<f64>,
    domain: Domain,
}

#[derive(Clone, Debug, Serialize)]
struct Metadata {
    is_debugging: bool,
    is_refactoring: bool,
    is_feature: bool,
    keyword_counts: BTreeMap<&'static str, usize>,
    keywords: Keywords,
}

/// Classifies a task by what was said of it.
///
/// # Errors
///
/// Configuration that could not be used.
pub async fn classify_task(
    config: &Configuration,
    log: &Log,
    task: &str,
    material: &[&str],
) -> Result<Classified, Error> {
    config.check()?;
    let read = read(config, task, material)?;
    let runs = super::recorded_or_nothing(log).await;
    let history = History::of_kind(&runs, None, read.kind());
    let choice = read.choice(config, &history)?;
    let Read { found, intent } = read;
    Ok(Classified {
        suggested_stage: intent.stage,
        intent,
        recommended_topology: choice.topology.id(),
        topology_confidence: choice.confidence,
        topology_rationale: rationale(choice.rule, &found.scores),
        paper_rule_applied: choice.rule,
        features: features(&found, &history),
        metadata: metadata(found),
    })
}

/// A task as its words say it.
pub(in crate::flow) struct Read {
    pub(in crate::flow) found: Classification,
    pub(in crate::flow) intent: Intent,
}

/// Reads a task and what goes with it, the same for all tools.
///
/// # Errors
///
/// A list of words that cannot be used.
pub(in crate::flow) fn read(config: &Configuration, task: &str, material: &[&str]) -> Result<Read, Error> {
    let texts = std::iter::once(task).chain(material.iter().copied());
    Ok(Read { found: classify(&Wording::of(texts)), intent: config.lexicon()?.intent(task, material) })
}

impl Read {
    /// The scores that decide: words of debugging make a task sequential only where one agent is wanted.
    pub(in crate::flow) fn deciding(&self) -> Scores {
        match self.intent.voices {
            Voices::One => self.found.scores,
            Voices::Several => self.found.by_keywords(),
        }
    }

    /// The kind of work that recorded runs are looked for; none where nothing is known.
    pub(in crate::flow) fn kind(&self) -> Option<&str> {
        self.intent.is_known().then_some(self.intent.intent.as_str())
    }

    /// The recorded runs that count: debugging stays with one agent, whatever did well elsewhere.
    pub(in crate::flow) fn counted<'h>(&self, history: &'h History) -> &'h History {
        static NONE: LazyLock<History> = LazyLock::new(History::default);
        let is_debugging = self.found.is_debugging || self.intent.intent == DEBUGGING;
        if is_debugging { &NONE } else { history }
    }

    /// The topology of a task that is in no stage yet.
    pub(in crate::flow) fn choice(&self, config: &Configuration, history: &History) -> Result<Choice, Error> {
        let situation = Situation {
            stage: None,
            scores: self.deciding(),
            forced: None,
            history: self.counted(history),
            policy: &config.settings().policy,
            intent: Some(&self.intent),
        };
        choose(&situation).map_err(super::refused)
    }
}

/// The recorded success of a single agent, once there are enough runs of it.
pub(super) fn recorded_baseline(history: &History) -> Option<f64> {
    history
        .of_topology(Topology::Sas)
        .filter(|single| single.runs >= ENOUGH_RUNS)
        .map(|single| single.success_rate)
}

fn features(found: &Classification, history: &History) -> Features {
    Features {
        decomposability_score: found.scores.decomposability,
        sequential_dependency_score: found.scores.sequential,
        tool_complexity: found.scores.tools,
        baseline_single_agent_success: recorded_baseline(history),
        domain: found.domain,
    }
}

fn metadata(found: Classification) -> Metadata {
    Metadata {
        is_debugging: found.is_debugging,
        is_refactoring: found.is_refactoring,
        is_feature: found.is_feature,
        keyword_counts: [
            ("decomposable", found.keywords.decomposable.len()),
            ("sequential", found.keywords.sequential.len()),
            ("tool", found.keywords.tool.len()),
        ]
        .into_iter()
        .gather(),
        keywords: found.keywords,
    }
}

//! Classifying a task.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::domain::coordination::architecture::{Choice, Situation, choose};
use crate::domain::coordination::classify::{Classification, Scores, Wording, classify};
use crate::domain::coordination::intent::{DEBUGGING, Intent, Voices};
use crate::domain::coordination::scaling::rationale;
use crate::domain::coordination::statistics::{ENOUGH_RUNS, History};
use crate::domain::topology::Topology;
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::log::Log;

/// Classifies a task by its description.
///
/// # Errors
///
/// The configuration cannot be used.
pub async fn classify_task(
    config: &Configuration,
    log: &Log,
    task: &str,
    material: &[&str],
) -> Result<Value, Error> {
    config.check()?;
    let read = read(config, task, material)?;
    let runs = super::recorded_or_nothing(log).await;
    let history = History::of_kind(&runs, None, read.kind());
    let choice = read.choice(config, &history)?;
    let Read { found: Classification { scores, keywords, .. }, intent } = &read;
    Ok(json!({
        "intent": intent.intent,
        "intent_kind": intent.kind,
        "intent_words": intent.words,
        "suggested_stage": intent.stage,
        "features": {
            "decomposability_score": scores.decomposability,
            "sequential_dependency_score": scores.sequential,
            "tool_complexity": scores.tools,
            "baseline_single_agent_success": recorded_baseline(&history),
            "domain": read.found.domain,
        },
        "recommended_topology": choice.topology.id(),
        "topology_confidence": choice.confidence,
        "topology_rationale": rationale(choice.rule, scores),
        "paper_rule_applied": choice.rule,
        "metadata": {
            "is_debugging": read.found.is_debugging,
            "is_refactoring": read.found.is_refactoring,
            "is_feature": read.found.is_feature,
            "keyword_counts": {
                "decomposable": keywords.decomposable.len(),
                "sequential": keywords.sequential.len(),
                "tool": keywords.tool.len(),
            },
            "keywords": keywords,
        },
    }))
}

/// A task, read by its words.
pub(in crate::flow) struct Read {
    pub(in crate::flow) found: Classification,
    pub(in crate::flow) intent: Intent,
}

/// Reads a task and its material; all tools use this.
///
/// # Errors
///
/// A list of words cannot be used.
pub(in crate::flow) fn read(config: &Configuration, task: &str, material: &[&str]) -> Result<Read, Error> {
    let texts = std::iter::once(task).chain(material.iter().copied());
    Ok(Read { found: classify(&Wording::of(texts)), intent: config.lexicon()?.intent(task, material) })
}

impl Read {
    /// The scores that decide. Words of debugging make a task sequential only if a single agent is wanted.
    pub(in crate::flow) fn deciding(&self) -> Scores {
        match self.intent.voices {
            Voices::One => self.found.scores,
            Voices::Several => self.found.by_keywords(),
        }
    }

    /// The kind of work for which recorded runs are looked up; `None` if unknown.
    pub(in crate::flow) fn kind(&self) -> Option<&str> {
        self.intent.is_known().then_some(self.intent.intent.as_str())
    }

    /// The recorded runs that count. For debugging none count, because it stays with one agent.
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

/// The recorded success rate of a single agent, once there are enough runs.
pub(super) fn recorded_baseline(history: &History) -> Option<f64> {
    history
        .of_topology(Topology::Sas)
        .filter(|single| single.runs >= ENOUGH_RUNS)
        .map(|single| single.success_rate)
}

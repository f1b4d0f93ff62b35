//! Classifying a task.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::coordination::architecture::{Rule, Situation, choose};
use crate::domain::coordination::classify::{Classification, Domain, Keywords, classify};
use crate::domain::coordination::insight::rationale;
use crate::domain::coordination::statistics::{ENOUGH_RUNS, History};
use crate::domain::coordination::wording::Wording;
use crate::domain::topology::Topology;
use crate::error::Error;
use crate::flow::session::Session;

/// A classified task.
#[derive(Clone, Debug, Serialize)]
pub struct Classified {
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
pub async fn classify_task<'a>(
    session: &Session,
    texts: impl IntoIterator<Item = &'a str>,
) -> Result<Classified, Error> {
    session.check_config()?;
    let found = classify(&Wording::of(texts));
    let history = History::of(&super::recorded_or_nothing(session).await);
    // Debugging stays with one agent, whatever did well elsewhere.
    let counted = if found.is_debugging { &History::default() } else { &history };
    let situation = Situation {
        stage: None,
        scores: found.scores,
        forced: None,
        history: counted,
        policy: &session.config().settings.policy,
    };
    let choice = choose(&situation).map_err(super::refused)?;
    Ok(Classified {
        recommended_topology: choice.topology.id(),
        topology_confidence: choice.confidence,
        topology_rationale: rationale(choice.rule, &found.scores),
        paper_rule_applied: choice.rule,
        features: features(&found, &history),
        metadata: metadata(found),
    })
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
        keyword_counts: BTreeMap::from([
            ("decomposable", found.keywords.decomposable.len()),
            ("sequential", found.keywords.sequential.len()),
            ("tool", found.keywords.tool.len()),
        ]),
        keywords: found.keywords,
    }
}

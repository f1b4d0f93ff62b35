//! Check whether several agents still pay.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::coordination::cusum::{ALARM, Cusum, USUAL, WORSE};
use crate::domain::coordination::degradation::{
    Counts, EXPECTED_FAILURE_RATE, MOST_AMPLIFICATION, MOST_FORMAT_ERRORS, MOST_OVERHEAD, MOST_REDUNDANCY,
    Metrics, Sign, format_errors_in_a_row, metrics, signs,
};
use crate::domain::coordination::statistics::{History, PaperMetrics};
use crate::domain::coordination::{number, ratio};
use crate::domain::topology::Topology;
use crate::error::Error;
use crate::flow::session::Session;

#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// The topology at work.
    pub topology: Topology,
    /// Messages between agents.
    pub messages: u64,
    /// Reasoning turns.
    pub rounds: u64,
    /// Runs that succeeded.
    pub successes: u64,
    /// Runs that failed.
    pub failures: u64,
    /// How alike the outputs were, 0 to 1.
    pub redundancy: f64,
}

/// The verdict.
#[derive(Clone, Debug, Serialize)]
pub struct Health {
    should_degrade: bool,
    current_topology: &'static str,
    recommended_topology: &'static str,
    action: &'static str,
    reason: String,
    signs: Vec<Sign>,
    metrics: Shown,
    definitions: BTreeMap<&'static str, String>,
    format_errors_in_a_row: u64,
    /// The cumulative sum over the recorded results of this topology.
    recorded_change: Cusum,
    recorded_paper_metrics: Option<PaperMetrics>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    metrics: Metrics,
    message_density: Option<f64>,
}

/// Checks whether a topology should give way to a single agent.
///
/// # Errors
///
/// A redundancy outside 0 to 1.
pub async fn check_degradation(session: &Session, counted: &Counted) -> Result<Health, Error> {
    let runs = super::recorded_or_nothing(session).await;
    let results = runs.iter().filter(|run| run.topology == counted.topology).map(|run| run.success);
    let change = Cusum::of(results);
    let counts = Counts {
        messages: counted.messages,
        successes: counted.successes,
        failures: counted.failures,
        redundancy: counted.redundancy,
        format_errors: format_errors_in_a_row(&runs, counted.topology),
        became_worse: change.alarmed,
    };
    let metrics = metrics(&counts).map_err(super::refused)?;
    let signs = signs(counted.topology, &counts, &metrics);
    let should_degrade = !signs.is_empty();
    let recommended = if should_degrade { Topology::Sas } else { counted.topology };
    Ok(Health {
        should_degrade,
        current_topology: counted.topology.id(),
        recommended_topology: recommended.id(),
        action: if should_degrade { "degrade_to_sas" } else { "continue" },
        reason: reason(counted.topology, &signs, &counts, &metrics),
        signs,
        metrics: Shown { metrics, message_density: ratio(number(counts.messages), number(counted.rounds)) },
        definitions: definitions(),
        format_errors_in_a_row: counts.format_errors,
        recorded_change: change,
        recorded_paper_metrics: History::of(&runs).of_topology(counted.topology).map(|known| known.paper),
    })
}

fn reason(topology: Topology, signs: &[Sign], counts: &Counts, metrics: &Metrics) -> String {
    if topology == Topology::Sas {
        return "One agent already: there is nothing to give up.".to_owned();
    }
    if signs.is_empty() {
        return "Within every limit.".to_owned();
    }
    let Metrics { coordination_overhead, error_amplification, redundancy_rate, success_rate } = metrics;
    let said: Vec<String> = signs
        .iter()
        .map(|sign| match sign {
            Sign::Overhead => {
                format!("{coordination_overhead:.2} messages a run (limit {MOST_OVERHEAD})")
            }
            Sign::ErrorAmplification => {
                format!("errors amplified {error_amplification:.2} times (limit {MOST_AMPLIFICATION})")
            }
            Sign::Redundancy => format!("redundancy {redundancy_rate:.2} (limit {MOST_REDUNDANCY})"),
            Sign::LittleSuccess => {
                format!("success rate {success_rate:.2} for {coordination_overhead:.2} messages a run")
            }
            Sign::Change => {
                format!("recorded failures rose from about {USUAL} to {WORSE} of the runs (cumulative sum at {ALARM})")
            }
            Sign::FormatErrors => format!(
                "{} answers in a row discarded for their form (limit {MOST_FORMAT_ERRORS})",
                counts.format_errors
            ),
        })
        .collect();
    format!("{}.", said.join("; "))
}

/// Returns which definition each figure follows, where the paper has another of the same name.
fn definitions() -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        (
            "coordination_overhead",
            "the rules': messages a run. The paper's is turns beyond a single agent's, in percent (recorded_paper_metrics)".to_owned(),
        ),
        (
            "error_amplification",
            format!("the rules': failure rate over an expected {EXPECTED_FAILURE_RATE}. The paper's is over a single agent's failure rate (recorded_paper_metrics)"),
        ),
        (
            "redundancy_rate",
            "as given. The paper's is the mean similarity of outputs (recorded_paper_metrics)".to_owned(),
        ),
        ("success_rate", "successes among the runs, here and in the paper".to_owned()),
        ("message_density", "the paper's: messages for a reasoning turn".to_owned()),
    ])
}

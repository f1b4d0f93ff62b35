//! Checks if several agents still pay off.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Arranged;
use crate::domain::coordination::degradation::{
    ALARM, Counts, Cusum, EXPECTED_FAILURE_RATE, MOST_AMPLIFICATION, MOST_FORMAT_ERRORS, MOST_OVERHEAD,
    MOST_REDUNDANCY, Metrics, Sign, USUAL, WORSE, format_errors_in_a_row, metrics, signs,
};
use crate::domain::coordination::statistics::History;
use crate::domain::measure::number::ratio;
use crate::domain::order::Gather;
use crate::domain::topology::Topology;
use crate::error::Error;
use crate::flow::log::Log;

// Counts of the work so far: input of a tool, whose schema shows only the docs of the fields.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Topology in use.
    current_topology: Arranged,
    /// Between agents.
    #[serde(default)]
    total_messages: u64,
    /// Reasoning turns.
    #[serde(default)]
    total_rounds: u64,
    /// Runs.
    #[serde(default)]
    successes: u64,
    /// Runs.
    #[serde(default)]
    failures: u64,
    /// Likeness of outputs, 0 to 1.
    #[serde(default)]
    redundancy_rate: f64,
}

/// Checks if a topology should give way to a single agent.
///
/// # Errors
///
/// The redundancy is not 0 to 1.
pub async fn check_degradation(log: &Log, counted: &Counted) -> Result<Value, Error> {
    let runs = super::recorded_or_nothing(log).await;
    let topology = Topology::from(counted.current_topology);
    let results = runs.iter().filter(|run| run.topology == topology).map(|run| run.success);
    let change = Cusum::of(results);
    let counts = Counts {
        messages: counted.total_messages,
        successes: counted.successes,
        failures: counted.failures,
        redundancy: counted.redundancy_rate,
        format_errors: format_errors_in_a_row(&runs, topology),
        became_worse: change.alarmed,
    };
    let metrics = metrics(&counts).map_err(super::refused)?;
    let signs = signs(topology, &counts, &metrics);
    let should_degrade = !signs.is_empty();
    let recommended = if should_degrade { Topology::Sas } else { topology };
    Ok(json!({
        "should_degrade": should_degrade,
        "current_topology": topology.id(),
        "recommended_topology": recommended.id(),
        "action": if should_degrade { "degrade_to_sas" } else { "continue" },
        "reason": reason(topology, &signs, &counts, &metrics),
        "signs": signs,
        "metrics": {
            "coordination_overhead": metrics.messages_per_run,
            "error_amplification": metrics.error_amplification,
            "redundancy_rate": metrics.redundancy_rate,
            "success_rate": metrics.success_rate,
            "message_density": ratio(counts.messages, counted.total_rounds),
        },
        "definitions": definitions(),
        "format_errors_in_a_row": counts.format_errors,
        "recorded_change": change,
        "recorded_paper_metrics": History::of(&runs).of_topology(topology).map(|known| known.paper),
    }))
}

fn reason(topology: Topology, signs: &[Sign], counts: &Counts, metrics: &Metrics) -> String {
    if topology == Topology::Sas {
        return "There is only one agent already.".to_owned();
    }
    if signs.is_empty() {
        return "Every figure is within its limit.".to_owned();
    }
    let Metrics { messages_per_run, error_amplification, redundancy_rate, success_rate } = metrics;
    let said: Vec<String> = signs
        .iter()
        .map(|sign| match sign {
            Sign::Overhead => {
                format!("{messages_per_run:.2} messages a run (limit {MOST_OVERHEAD})")
            }
            Sign::ErrorAmplification => {
                format!("errors amplified {error_amplification:.2} times (limit {MOST_AMPLIFICATION})")
            }
            Sign::Redundancy => format!("redundancy {redundancy_rate:.2} (limit {MOST_REDUNDANCY})"),
            Sign::LittleSuccess => {
                format!("success rate {success_rate:.2} for {messages_per_run:.2} messages a run")
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

/// Definitions of the figures, with the paper's own if it has another one of the same name.
fn definitions() -> BTreeMap<&'static str, String> {
    [
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
    ].into_iter().gather()
}

//! Check whether several agents still pay.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::task::recorded_baseline;
use crate::domain::coordination::degradation::{
    ALARM, Counts, Cusum, EXPECTED_FAILURE_RATE, MOST_AMPLIFICATION, MOST_FORMAT_ERRORS, MOST_OVERHEAD,
    MOST_REDUNDANCY, Metrics, Sign, USUAL, WORSE, format_errors_in_a_row, metrics, signs,
};
use crate::domain::coordination::scaling::{
    ADVISED_GAP, Advice, BASELINE_RANGE, CAPABILITY_RANGE, GAP_ERROR, Inputs, Prediction, TOOLS_RANGE,
    advice, best_of, outside_the_data, prediction,
};
use crate::domain::coordination::statistics::History;
use crate::domain::coordination::{BadInput, ratio};
use crate::domain::measure::number::real;
use crate::domain::order::Gather;
use crate::domain::topology::Topology;
use crate::error::Error;
use crate::flow::log::Log;

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

/// Checks whether a topology should give way to a single agent.
///
/// # Errors
///
/// A redundancy outside 0 to 1.
pub async fn check_degradation(log: &Log, counted: &Counted) -> Result<Value, Error> {
    let runs = super::recorded_or_nothing(log).await;
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
    Ok(json!({
        "should_degrade": should_degrade,
        "current_topology": counted.topology.id(),
        "recommended_topology": recommended.id(),
        "action": if should_degrade { "degrade_to_sas" } else { "continue" },
        "reason": reason(counted.topology, &signs, &counts, &metrics),
        "signs": signs,
        "metrics": {
            "coordination_overhead": metrics.coordination_overhead,
            "error_amplification": metrics.error_amplification,
            "redundancy_rate": metrics.redundancy_rate,
            "success_rate": metrics.success_rate,
            "message_density": ratio(real(counts.messages), real(counted.rounds)),
        },
        "definitions": definitions(),
        "format_errors_in_a_row": counts.format_errors,
        "recorded_change": change,
        "recorded_paper_metrics": History::of(&runs).of_topology(counted.topology).map(|known| known.paper),
    }))
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

#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// The success of a single agent, 0 to 1.
    pub baseline_success: Option<f64>,
    /// Tools at hand.
    pub tool_count: Option<u32>,
    /// The capability index of the models.
    pub capability_index: Option<f64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Best {
    topology: &'static str,
    #[serde(flatten)]
    prediction: Prediction,
}

/// The topologies that Maestro arranges.
const HERE: [Topology; 3] = [Topology::Sas, Topology::Independent, Topology::Centralized];

/// Returns what the regression predicts, beside the topology that the rules chose.
///
/// # Errors
///
/// A success outside 0 to 1, or an index outside 0 to 100.
pub(super) fn scaling(asked: &Asked, history: &History, chosen: Topology) -> Result<Value, BadInput> {
    let recorded = recorded_baseline(history);
    let Some(baseline) = asked.baseline_success.or(recorded) else {
        // The given values are checked anyway.
        Inputs::new(0.0, asked.tool_count, asked.capability_index)?;
        return Ok(json!({
            "missing": "baseline_success: how often a single agent succeeds at such tasks, 0 to 1 (or ten recorded sas results)",
        }));
    };
    let inputs = Inputs::new(baseline, asked.tool_count, asked.capability_index)?;
    let source = if asked.baseline_success.is_some() { "given" } else { "recorded" };
    Ok(known(asked, &inputs, source, chosen))
}

/// The predictions for one task.
fn known(asked: &Asked, inputs: &Inputs, baseline_source: &str, chosen: Topology) -> Value {
    let best = |(topology, prediction): (Topology, Prediction)| Best { topology: topology.id(), prediction };
    let best_multi_agent = best_of(Topology::ALL, inputs).map(best);
    let best_multi_agent_here = best_of(&HERE, inputs).map(best);
    // A topology that Maestro cannot arrange is never advised.
    let advice =
        best_multi_agent_here.and_then(|best| best.prediction.gap).map_or(Advice::SingleAgent, advice);
    let outside = outside_the_data(inputs);
    let agrees = (advice == Advice::SingleAgent) == (chosen == Topology::Sas);
    let given =
        [("tool_count", asked.tool_count.is_some()), ("capability_index", asked.capability_index.is_some())];
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
        "A gap is the predicted success less baseline_success; several agents are advised where the best that is arranged here has {ADVISED_GAP:.2} or more. \
         It is off by {GAP_ERROR} (standard deviation), and the fit does not carry over to kinds of tasks that it has not seen."
    );
    if !agrees {
        note.push_str(
            " The topology above follows the rules; the advice here is a second opinion that differs.",
        );
    }
    note
}

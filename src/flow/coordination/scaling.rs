//! Prediction of the paper's regression for a choice.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::task::recorded_baseline;
use crate::domain::coordination::BadInput;
use crate::domain::coordination::scaling::{
    ADVISED_GAP, Advice, BASELINE_RANGE, CAPABILITY_RANGE, GAP_ERROR, Inputs, Prediction, TOOLS_RANGE,
    advice, best_of, outside_the_data, prediction,
};
use crate::domain::coordination::statistics::History;
use crate::domain::topology::Topology;

#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// The success of a single agent, 0 to 1.
    pub baseline_success: Option<f64>,
    /// Tools at hand.
    pub tool_count: Option<u32>,
    /// The capability index of the models.
    pub capability_index: Option<f64>,
}

/// Prediction, or the values that it lacks.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Scaling {
    /// Nothing, because it is not known how often a single agent succeeds.
    Missing { missing: &'static str },
    /// Its predictions.
    Known(Box<Known>),
}

/// The predictions for one task.
#[derive(Clone, Debug, Serialize)]
pub struct Known {
    inputs: Inputs,
    baseline_source: &'static str,
    assumed: Vec<&'static str>,
    topologies: BTreeMap<&'static str, Prediction>,
    best_multi_agent: Option<Best>,
    best_multi_agent_here: Option<Best>,
    advice: Advice,
    advised_gap: f64,
    agrees_with_topology: bool,
    valid: bool,
    outside_the_data: Vec<&'static str>,
    range: Value,
    note: String,
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
pub(super) fn scaling(asked: &Asked, history: &History, chosen: Topology) -> Result<Scaling, BadInput> {
    let recorded = recorded_baseline(history);
    let Some(baseline) = asked.baseline_success.or(recorded) else {
        // The given values are checked anyway.
        Inputs::new(0.0, asked.tool_count, asked.capability_index)?;
        return Ok(Scaling::Missing {
            missing: "baseline_success: how often a single agent succeeds at such tasks, 0 to 1 (or ten recorded sas results)",
        });
    };
    let inputs = Inputs::new(baseline, asked.tool_count, asked.capability_index)?;
    let source = if asked.baseline_success.is_some() { "given" } else { "recorded" };
    Ok(Scaling::Known(Box::new(known(asked, inputs, source, chosen))))
}

fn known(asked: &Asked, inputs: Inputs, baseline_source: &'static str, chosen: Topology) -> Known {
    let best = |(topology, prediction): (Topology, Prediction)| Best { topology: topology.id(), prediction };
    let best_multi_agent = best_of(&Topology::ALL, &inputs).map(best);
    let best_multi_agent_here = best_of(&HERE, &inputs).map(best);
    // A topology that Maestro cannot arrange is never advised.
    let advice =
        best_multi_agent_here.and_then(|best| best.prediction.gap).map_or(Advice::SingleAgent, advice);
    let outside = outside_the_data(&inputs);
    let agrees = (advice == Advice::SingleAgent) == (chosen == Topology::Sas);
    let mut assumed = Vec::new();
    if asked.tool_count.is_none() {
        assumed.push("tool_count");
    }
    if asked.capability_index.is_none() {
        assumed.push("capability_index");
    }
    Known {
        inputs,
        baseline_source,
        assumed,
        topologies: Topology::ALL
            .into_iter()
            .map(|topology| (topology.id(), prediction(topology, &inputs)))
            .collect(),
        best_multi_agent,
        best_multi_agent_here,
        advice,
        advised_gap: ADVISED_GAP,
        agrees_with_topology: agrees,
        valid: outside.is_empty(),
        outside_the_data: outside,
        range: json!({
            "baseline_success": [BASELINE_RANGE.start(), BASELINE_RANGE.end()],
            "tool_count": [TOOLS_RANGE.start(), TOOLS_RANGE.end()],
            "capability_index": [CAPABILITY_RANGE.start(), CAPABILITY_RANGE.end()],
        }),
        note: note(agrees),
    }
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

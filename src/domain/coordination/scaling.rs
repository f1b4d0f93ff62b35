//! The regression of "Towards a Science of Scaling Agent Systems", in a form whose coefficients are
//! identified.
//!
//! The paper prints 20 coefficients of standardised terms (equation 1). With five architectures, seven of its
//! columns only tell the architectures apart and have four degrees of freedom, so the design has rank 17.
//! Single coefficients of those columns mean nothing, but predictions do. Five intercepts and twelve slopes
//! give the same predictions:
//!
//! P = alpha + bI (I - mean) + bI2 (I - mean)^2 + bL ln(1 + T) + bT T + bP P1 + bIL (I - mean) ln(1 + T)
//!
//! I is the capability index, T the number of tools, and P1 the success of a single agent. alpha, bI, bT and
//! bP differ by architecture.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use serde::Serialize;

use super::architecture::{DECOMPOSABLE, Rule, SEQUENTIAL, TOOL_HEAVY};
use super::classify::Scores;
use super::{BadInput, share};
use crate::domain::packed;
use crate::domain::policy::PolicySettings;
use crate::domain::prompt::{Texts, filled};
use crate::domain::topology::{Facts, Line, Topology};
use crate::domain::words::share_in_percent;

/// The gap from which on several agents are advised. In the paper's data, with each cell predicted by a fit
/// without it, several agents won 9 of 10 times at 0.10 and above. Below, they won about as often as a coin.
pub const ADVISED_GAP: f64 = 0.10;

/// Standard deviation of the error of a predicted gap, with each cell predicted by a fit without it.
pub const GAP_ERROR: f64 = 0.16;

/// Capability indices of the measured models (Artificial Analysis, version 3).
pub const CAPABILITY_RANGE: RangeInclusive<f64> = 42.0..=71.0;
/// Numbers of tools in the measured benchmarks.
pub const TOOLS_RANGE: RangeInclusive<f64> = 2.0..=16.0;
/// Success of a single agent in the measured cells.
pub const BASELINE_RANGE: RangeInclusive<f64> = 0.05..=0.767_677;

/// Mean number of tools over the 260 configurations.
pub const MEAN_TOOLS: f64 = 6.230_769;

/// One fit of the regression.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Mean capability index of its data.
    pub mean_capability: f64,
    /// The coefficient bI2.
    pub capability_squared: f64,
    /// The coefficient bL.
    pub log_tools: f64,
    /// The coefficient bIL.
    pub capability_log_tools: f64,
}

/// The fit to the 260 configurations of version 3. R2 is 0.463. For benchmarks that were left out R2 is
/// negative, so the model cannot predict a new kind of task.
pub const MODEL: Model = Model {
    mean_capability: 57.461_538,
    capability_squared: -3.652_58e-6,
    log_tools: 0.298_083_5,
    capability_log_tools: -0.002_884_25,
};

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Inputs {
    /// Success of a single agent, 0 to 1.
    pub baseline_success: f64,
    /// Number of tools at hand.
    pub tool_count: f64,
    /// Capability index of the models.
    pub capability_index: f64,
}

impl Inputs {
    /// Checks the inputs of a caller. A missing one gets the mean of the data.
    ///
    /// # Errors
    ///
    /// A success is outside of 0 to 1, or an index outside of 0 to 100.
    pub fn new(baseline: f64, tools: Option<u32>, capability: Option<f64>) -> Result<Self, BadInput> {
        let capability_index = capability.unwrap_or(MODEL.mean_capability);
        if !(0.0..=100.0).contains(&capability_index) {
            return Err(BadInput(format!("capability_index must be 0 to 100 (got {capability_index})")));
        }
        Ok(Self {
            baseline_success: share("baseline_success", baseline)?,
            tool_count: tools.map_or(MEAN_TOOLS, f64::from),
            capability_index,
        })
    }
}

impl Model {
    /// Predicts the success of a topology from its coefficients. Outside the range of the data the prediction
    /// may be below 0 or above 1.
    pub fn predict(&self, line: &Line, inputs: &Inputs) -> f64 {
        let capability = inputs.capability_index - self.mean_capability;
        let log_tools = inputs.tool_count.ln_1p();
        line.intercept
            + line.capability * capability
            + self.capability_squared * capability * capability
            + self.log_tools * log_tools
            + line.tools * inputs.tool_count
            + line.baseline * inputs.baseline_success
            + self.capability_log_tools * capability * log_tools
    }
}

fn predicted(topology: Topology, inputs: &Inputs) -> f64 {
    MODEL.predict(&Facts::of(topology).line, inputs)
}

/// Share of the pairs in which several agents did better than one at this predicted gap, over the 208 pairs
/// of the data. Each cell was predicted by a fit without it.
pub fn observed_win_rate(gap: f64) -> f64 {
    const BELOW: [(f64, f64); 6] =
        [(-0.15, 0.08), (-0.05, 0.35), (0.0, 0.50), (0.05, 0.41), (0.10, 0.39), (0.20, 0.81)];
    BELOW.iter().find(|(bound, _)| gap < *bound).map_or(1.0, |(_, rate)| *rate)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    SingleAgent,
    MultiAgent,
}

/// The prediction for one topology.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prediction {
    pub predicted_success: f64,
    /// The predicted success minus the measured success of a single agent: the calibrated gap. `None` for a
    /// single agent.
    pub gap: Option<f64>,
    /// The predicted success minus the predicted success of a single agent. `None` for a single agent.
    pub gap_to_predicted_single: Option<f64>,
    /// Share of wins of several agents at this gap. `None` for a single agent.
    pub observed_win_rate: Option<f64>,
}

pub fn prediction(topology: Topology, inputs: &Inputs) -> Prediction {
    let predicted_success = predicted(topology, inputs);
    let several = topology != Topology::Sas;
    let gap = predicted_success - inputs.baseline_success;
    Prediction {
        predicted_success,
        gap: several.then_some(gap),
        gap_to_predicted_single: several.then(|| predicted_success - predicted(Topology::Sas, inputs)),
        observed_win_rate: several.then(|| observed_win_rate(gap)),
    }
}

/// The multi-agent topology with the highest predicted success among those given.
pub fn best_of(topologies: &[Topology], inputs: &Inputs) -> Option<(Topology, Prediction)> {
    topologies
        .iter()
        .filter(|topology| **topology != Topology::Sas)
        .map(|topology| (*topology, prediction(*topology, inputs)))
        .reduce(|best, next| if next.1.predicted_success > best.1.predicted_success { next } else { best })
}

pub fn advice(gap: f64) -> Advice {
    if gap >= ADVISED_GAP { Advice::MultiAgent } else { Advice::SingleAgent }
}

/// Names of the inputs that are outside the range of the data.
pub fn outside_the_data(inputs: &Inputs) -> Vec<&'static str> {
    [
        ("baseline_success", BASELINE_RANGE.contains(&inputs.baseline_success)),
        ("tool_count", TOOLS_RANGE.contains(&inputs.tool_count)),
        ("capability_index", CAPABILITY_RANGE.contains(&inputs.capability_index)),
    ]
    .into_iter()
    .filter_map(|(name, inside)| (!inside).then_some(name))
    .collect()
}

#[cfg(test)]
mod tests;

pub static FINDINGS: LazyLock<Texts> =
    LazyLock::new(|| packed::read("src/domain/coordination/findings.yaml"));

/// The text under a key of `findings.yaml`, with the values filled in.
pub fn finding(key: &str, values: &[(&str, &str)]) -> String {
    filled(&FINDINGS, key, values)
}

/// Explains why a rule decided, with the scores and their thresholds.
pub fn rationale(rule: Rule, scores: &Scores) -> String {
    let number = |score: f64| format!("{score:.2}");
    let Scores { decomposability, sequential, tools } = scores;
    finding(
        &format!("rule_{}", rule.name()),
        &[
            ("sequential", &number(*sequential)),
            ("least", &SEQUENTIAL.to_string()),
            ("decomposability", &number(*decomposability)),
            ("above", &DECOMPOSABLE.to_string()),
            ("tools", &number(*tools)),
            ("tools_above", &TOOL_HEAVY.to_string()),
        ],
    )
}

/// The finding of "Towards a Science of Scaling Agent Systems" that supports a choice.
pub fn paper_insight(topology: Topology, rule: Rule, policy: &PolicySettings) -> String {
    let several = |key: &str| {
        let Facts { error_multiplier, task_error_ratio, .. } = Facts::of(topology);
        let which = finding(key, &[]);
        let (multiplier, errors) = (error_multiplier.to_string(), task_error_ratio.to_string());
        finding("several", &[("which", &which), ("multiplier", &multiplier), ("errors", &errors)])
    };
    match (topology, rule) {
        (Topology::Sas, Rule::SequentialDependency | Rule::SingleAgentStage) => {
            finding("single_sequential", &[])
        }
        (Topology::Sas, _) => {
            finding("single", &[("percent", &share_in_percent(policy.capability_threshold))])
        }
        (Topology::Independent, _) => several("several_independent"),
        (Topology::Centralized, _) => several("several_centralized"),
        (Topology::Decentralized | Topology::Hybrid, _) => several("several_peers"),
    }
}

#[cfg(test)]
mod more_tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn an_insight_speaks_of_its_own_topology() {
        let policy = PolicySettings { capability_threshold: 0.45, ..PolicySettings::default() };
        let scores = Scores { decomposability: 0.91, sequential: 0.72, tools: 0.63 };
        for rule in Rule::iter() {
            assert!(!rationale(rule, &scores).is_empty(), "{rule:?}");
            assert!(paper_insight(Topology::Sas, rule, &policy).to_lowercase().contains("a single agent"));
            let independent = paper_insight(Topology::Independent, rule, &policy);
            assert!(independent.contains("17.2") && independent.contains("never for deciding"));
            assert!(paper_insight(Topology::Centralized, rule, &policy).contains("4.4"));
        }
        assert!(paper_insight(Topology::Sas, Rule::NoSignal, &policy).contains("45%"));
    }

    #[test]
    fn a_rationale_names_the_score_that_decided() {
        let scores = Scores { decomposability: 0.91, sequential: 0.72, tools: 0.63 };
        assert!(rationale(Rule::SequentialDependency, &scores).contains("0.72"));
        assert!(rationale(Rule::DecomposableWithTools, &scores).contains("0.63"));
        assert!(rationale(Rule::Decomposable, &scores).contains("0.91"));
    }
}

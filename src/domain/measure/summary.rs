//! What the figures come to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::baseline::Baseline;
use super::definition::Figure;
use super::report::Metrics;
use super::tally::Tally;
use super::target::{Reached, Target};

/// What the figures come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// One sentence.
    pub headline: String,
    /// The figures with their definitions.
    pub figures: BTreeMap<&'static str, Explained>,
    /// What should be reached, and whether it was.
    pub targets: Vec<Target>,
    /// What a single agent would take.
    pub baseline: Baseline,
}

/// A figure with its definition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// Its value; none where it is not known.
    pub value: Option<f64>,
    /// What it is and how it is computed.
    pub definition: &'static str,
    /// Whether it rests on a default that was measured elsewhere.
    pub rests_on_default: bool,
    /// Why it is not known, or what it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Summary {
    /// What these figures come to.
    #[must_use]
    pub(super) fn of(metrics: &Metrics, tally: &Tally, baseline: Baseline) -> Self {
        let targets = vec![
            Target::overhead(metrics.coordination_overhead_percent),
            Target::efficiency(metrics.efficiency_score),
            Target::test_coverage(metrics.test_coverage_rate),
        ];
        Self {
            headline: headline(metrics, tally, &targets),
            figures: Figure::ALL
                .into_iter()
                .map(|figure| (figure.key(), explained(figure, metrics, baseline)))
                .collect(),
            targets,
            baseline,
        }
    }
}

fn explained(figure: Figure, metrics: &Metrics, baseline: Baseline) -> Explained {
    let value = metrics.value(figure);
    Explained {
        value,
        definition: figure.definition(),
        rests_on_default: value.is_some() && baseline.is_default() && uses_baseline(figure),
        note: metrics.notes.get(figure.key()).cloned(),
    }
}

fn uses_baseline(figure: Figure) -> bool {
    match figure {
        Figure::CoordinationOverheadPercent | Figure::EfficiencyScore => true,
        Figure::TestCoverageRate
        | Figure::ConsultsPerStageRun
        | Figure::Redundancy
        | Figure::ErrorAmplification
        | Figure::SuccessRate
        | Figure::AvgLatencyMs
        | Figure::CostUsd
        | Figure::Tokens => false,
    }
}

fn headline(metrics: &Metrics, tally: &Tally, targets: &[Target]) -> String {
    if *tally == Tally::default() {
        return "Nothing is recorded yet.".to_owned();
    }
    let count = |wanted| targets.iter().filter(|target| target.reached == wanted).count();
    let calls = match (metrics.total_calls, metrics.failed_calls) {
        (0, _) => "no call to a consultant".to_owned(),
        (1, 0) => "1 call".to_owned(),
        (1, _) => "1 call, failed".to_owned(),
        (calls, 0) => format!("{calls} calls"),
        (calls, failed) => format!("{calls} calls, {failed} of them failed"),
    };
    format!(
        "{calls}; targets: {} met, {} missed, {} unknown.",
        count(Reached::Met),
        count(Reached::Missed),
        count(Reached::Unknown)
    )
}

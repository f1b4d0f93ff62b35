//! Why a figure is not known, or what it rests on.

use std::collections::BTreeMap;

use super::baseline::Baseline;
use super::definition::Figure;
use super::report::Metrics;
use super::tally::Tally;

/// The notes of all figures, by their keys.
pub(super) fn notes(metrics: &Metrics, tally: &Tally, baseline: Baseline) -> BTreeMap<&'static str, String> {
    Figure::ALL
        .into_iter()
        .filter_map(|figure| Some((figure.key(), note(figure, metrics, tally, baseline)?)))
        .collect()
}

fn note(figure: Figure, metrics: &Metrics, tally: &Tally, baseline: Baseline) -> Option<String> {
    match figure {
        Figure::CoordinationOverheadPercent => Some(match metrics.coordination_overhead_percent {
            Some(_) => rests_on(baseline)?,
            None if metrics.runs.total > 0 => {
                "no run is finished yet: a part of a task is not compared with a whole one".to_owned()
            }
            None => no_run(metrics),
        }),
        Figure::EfficiencyScore => Some(match metrics.efficiency_score {
            Some(_) => rests_on(baseline)?,
            None if metrics.runs.total == 0 => no_run(metrics),
            None => {
                "no run has a known end yet: neither an outcome nor a verification after its latest change is recorded"
                    .to_owned()
            }
        }),
        Figure::TestCoverageRate => missing(metrics.test_coverage_rate, "no selection is recorded"),
        Figure::ConsultsPerStageRun => missing(metrics.consults_per_stage_run, "no run of a stage is recorded"),
        Figure::Redundancy => missing(
            metrics.redundancy,
            "no two answers to the same question are recorded; one answer repeats nothing",
        ),
        Figure::ErrorAmplification => missing(metrics.error_amplification, amplification(tally)),
        Figure::SuccessRate | Figure::AvgLatencyMs => {
            missing(metrics.success_rate, "no call to a consultant is recorded")
        }
        Figure::CostUsd => reported(metrics.spent.calls_with_cost, metrics.total_calls, "what they cost"),
        Figure::Tokens => reported(metrics.spent.calls_with_tokens, metrics.total_calls, "their tokens"),
    }
}

fn missing(value: Option<f64>, why: &str) -> Option<String> {
    value.is_none().then(|| why.to_owned())
}

fn rests_on(baseline: Baseline) -> Option<String> {
    baseline.is_default().then(|| {
        format!(
            "rests on a default: {} turns of a single agent, the mean of the paper's own tasks; policy.single_agent_turns sets your own",
            baseline.turns()
        )
    })
}

fn no_run(metrics: &Metrics) -> String {
    match metrics.runs.turns_outside {
        0 => "no reasoning turn is recorded".to_owned(),
        1 => "1 turn is recorded, outside of a run: it belongs to no task".to_owned(),
        turns => format!("{turns} turns are recorded, all outside of a run: they belong to no task"),
    }
}

fn amplification(tally: &Tally) -> &'static str {
    let outcomes = tally.outcomes();
    match (outcomes.single.rate(), outcomes.several.rate()) {
        (None, None) => "no outcome of a task is recorded",
        (None, Some(_)) => "no outcome of a single agent is recorded to compare with",
        (Some(_), None) => "no outcome of several agents is recorded",
        (Some(_), Some(_)) => "a single agent never failed, so that there is nothing to divide by",
    }
}

fn reported(known: u64, calls: u64, what: &str) -> Option<String> {
    if calls == 0 {
        return Some("no call to a consultant is recorded".to_owned());
    }
    (known < calls).then(|| format!("{known} of {calls} calls tell {what}"))
}

//! Figures of a run or of the project, each with value, target and definition.

use serde_json::{Value, json};

use super::parts::{dollars, with};
use crate::domain::history::History;
use crate::domain::measure::cost::Costs;
use crate::domain::measure::report::{Report, Targeted};
use crate::domain::words::{percent, share_in_percent};

/// Maximum number of runs that can be chosen.
const MOST_RUNS: usize = 20;

pub(in crate::page) fn metrics(
    history: &History,
    report: &Report,
    run: Option<&str>,
    days: Option<u32>,
) -> Value {
    let Report { metrics, summary, cost, .. } = report;
    let targets: Vec<Value> = summary
        .targets
        .iter()
        .map(|target| {
            let key = <&str>::from(target.figure);
            let it = summary.figures.get(key);
            let shown = |value: f64| match target.figure {
                Targeted::CoordinationOverheadPercent => percent(value),
                Targeted::TestCoverageRate => share_in_percent(value),
                Targeted::EfficiencyScore => format!("{value:.2}"),
            };
            json!({
                "key": key,
                "value": target.value.map(shown),
                "bound": shown(target.bound),
                "side": target.wanted,
                "reached": target.reached,
                "definition": it.map(|it| &it.definition.0),
                "note": it.and_then(|it| it.note.as_ref()).map(|note| &note.0),
                "rests_on_default": it.is_some_and(|it| it.rests_on_default),
            })
        })
        .collect();
    let figures: Vec<Value> = summary
        .figures
        .iter()
        .filter(|(key, _)| !targets.iter().any(|target| target.get("key").and_then(Value::as_str) == Some(key)))
        .map(|(key, it)| {
            json!({
                "key": key,
                "value": it.value.map(|value| figure(key, value, metrics.spent.calls_with_cost < metrics.total_calls)),
                "definition": it.definition.0,
                "note": it.note.as_ref().map(|note| &note.0),
            })
        })
        .collect();
    let runs = history.runs().rev().take(MOST_RUNS).map(|one| json!({ "id": one.id, "task": one.task }));
    json!({
        "run": run,
        "days": days,
        "cost": cost.as_ref().map(costs),
        "runs": runs.collect::<Vec<_>>(),
        "headline": summary.headline.0,
        "targets": targets,
        "figures": figures,
        "providers": metrics.provider_stats,
        "stages": metrics.consults_per_stage,
        "patches": metrics.patches,
        "verifications": metrics.verifications,
        "calls": metrics.total_calls,
    })
}

/// Tokens and money, with a description of the price lists.
fn costs(costs: &Costs) -> Value {
    let prices: Vec<String> = costs.prices.iter().map(ToString::to_string).collect();
    with(costs, json!({ "prices": prices }))
}

/// Formats a figure. An incomplete sum ends in a plus.
fn figure(key: &str, value: f64, is_partial: bool) -> String {
    match key {
        "cost_usd" => dollars(value, is_partial),
        "success_rate" | "redundancy" => share_in_percent(value),
        "avg_latency_ms" => format!("{:.1} s", value / 1000.0),
        "tokens" => format!("{value:.0}{}", if is_partial { "+" } else { "" }),
        _ => format!("{value:.2}"),
    }
}

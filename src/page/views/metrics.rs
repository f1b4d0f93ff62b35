//! Figures of a run or of the project: value, target and definition.

use serde_json::{Value, json};

use super::parts::dollars;
use crate::domain::history::History;
use crate::domain::measure::cost::{Cost, Costs, Named};
use crate::domain::measure::report::{Report, Targeted};

/// Runs that can be chosen.
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
                Targeted::CoordinationOverheadPercent => format!("{value:.0} %"),
                Targeted::TestCoverageRate => format!("{:.0} %", value * 100.0),
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
    let providers: Vec<Value> = metrics
        .provider_stats
        .iter()
        .map(|(name, it)| {
            json!({
                "name": name,
                "calls": it.total_calls,
                "failed": it.failed_calls,
                "latency": it.avg_latency_ms,
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
        "providers": providers,
        "stages": metrics.consults_per_stage,
        "patches": metrics.patches,
        "verifications": metrics.verifications,
        "calls": metrics.total_calls,
    })
}

/// Tokens and money by model, provider, stage and thread, and the caps.
fn costs(costs: &Costs) -> Value {
    let splits = [
        ("model", &costs.by_model),
        ("provider", &costs.by_provider),
        ("stage", &costs.by_stage),
        ("thread", &costs.by_thread),
    ];
    let split = |(key, rows): (&str, &Vec<Named>)| {
        let rows: Vec<Value> = rows.iter().map(|one| row(one.name.as_deref(), &one.cost)).collect();
        json!({ "key": key, "rows": rows })
    };
    let caps: Vec<Value> = costs
        .caps
        .iter()
        .map(|cap| {
            let part = |number: &serde_json::Number| number.as_f64().unwrap_or(0.0);
            let share = (part(&cap.spent) + part(&cap.reserved)) / part(&cap.limit);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to 100")]
            let width = (share.clamp(0.0, 1.0) * 100.0).round() as u32;
            json!({ "key": cap.cap, "words": cap.words, "width": width })
        })
        .collect();
    json!({
        "total": row(None, &costs.total),
        "splits": splits.into_iter().map(split).collect::<Vec<_>>(),
        "caps": caps,
        "notes": costs.notes,
        "prices": costs.prices.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn row(name: Option<&str>, cost: &Cost) -> Value {
    json!({
        "name": name,
        "calls": cost.calls,
        "input": cost.input_tokens,
        "output": cost.output_tokens,
        "untold": cost.calls_without_tokens,
        "cost": cost.cost_usd.map(|sum| dollars(sum, cost.calls_without_cost > 0)),
    })
}

/// A figure as people read it; a sum that lacks a part ends in a plus.
fn figure(key: &str, value: f64, is_partial: bool) -> String {
    match key {
        "cost_usd" => dollars(value, is_partial),
        "success_rate" | "redundancy" => format!("{:.0} %", value * 100.0),
        "avg_latency_ms" => format!("{:.1} s", value / 1000.0),
        "tokens" => format!("{value:.0}{}", if is_partial { "+" } else { "" }),
        _ => format!("{value:.2}"),
    }
}

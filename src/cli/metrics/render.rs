//! Figures as a person at a terminal reads them.

use super::amount::{count, dollars, duration, number, percent, share, things};
use super::layout::{Look, Row, Tone, heading, paragraph, section, value};
use crate::domain::measure::cost::{CapNote, Cost, Costs, Named};
use crate::domain::measure::number::{ratio, real};
use crate::domain::measure::provider::{ProviderStats, Spent};
use crate::domain::measure::report::{Metrics, Report};
use crate::domain::measure::target::{Reached, Target, Targeted};

/// The figures of a report as text.
pub fn render(report: &Report, look: Look) -> String {
    let look = Look { width: look.width.max(Look::NARROWEST), ..look };
    let Report { scope, metrics, summary, cost } = report;
    let mut out = String::new();
    paragraph(&mut out, look, "", &format!("Metrics of {}", scope.title()));
    paragraph(&mut out, look, "", &summary.headline);
    let targets: Vec<Row> = summary.targets.iter().map(target).collect();
    section(&mut out, look, "Targets", &targets);
    section(&mut out, look, "Coordination", &coordination(report));
    section(&mut out, look, "Calls by consultant", &providers(metrics));
    if let Some(costs) = cost {
        cost_sections(&mut out, look, costs);
    }
    section(&mut out, look, "Calls by purpose", &purposes(metrics));
    section(&mut out, look, "Consults by stage", &stages(metrics));
    section(&mut out, look, "Evidence", &evidence(metrics));
    notes(&mut out, look, metrics);
    if let Some(costs) = cost {
        for note in &costs.notes {
            paragraph(&mut out, look, "  - ", &format!("cost: {note}"));
        }
        for list in &costs.prices {
            paragraph(&mut out, look, "  - ", &format!("prices: {list}"));
        }
    }
    out
}

/// Tokens and money: by model, provider, stage and thread, and the caps.
fn cost_sections(out: &mut String, look: Look, costs: &Costs) {
    let share = |cost: &Cost| match (cost.cost_usd, costs.total.cost_usd) {
        (Some(own), Some(all)) if all > 0.0 => Some(own / all),
        _ => None,
    };
    let rows = |named: &[Named], nameless: &str| -> Vec<Row> {
        let row = |one: &Named| Row {
            label: one.name.clone().unwrap_or_else(|| nameless.to_owned()),
            value: value(money(&one.cost)),
            share: share(&one.cost),
            details: taken(&one.cost),
            tone: Tone::Plain,
        };
        named.iter().map(row).collect()
    };
    section(out, look, "Cost by model", &rows(&costs.by_model, "model not told"));
    section(out, look, "Cost by provider", &rows(&costs.by_provider, "-"));
    section(out, look, "Cost by stage", &rows(&costs.by_stage, "outside of stages"));
    if costs.by_thread.iter().any(|one| one.name.is_some()) {
        section(out, look, "Cost by thread", &rows(&costs.by_thread, "in no thread"));
    }
    let cap = |one: &CapNote| {
        let part = |number: &serde_json::Number| number.as_f64().unwrap_or(0.0);
        let share = (part(&one.spent) + part(&one.reserved)) / part(&one.limit);
        Row {
            label: one.cap.to_owned(),
            value: value(percent(share * 100.0)),
            share: Some(share),
            details: vec![one.words.clone()],
            tone: if share >= 1.0 { Tone::Bad } else { Tone::Good },
        }
    };
    section(out, look, "Caps", &costs.caps.iter().map(cap).collect::<Vec<_>>());
}

/// Dollars; a sum that lacks a part ends in a plus.
fn money(cost: &Cost) -> String {
    match cost.cost_usd {
        None => "-".to_owned(),
        Some(sum) if cost.calls_without_cost > 0 => format!("{}+", dollars(sum)),
        Some(sum) => dollars(sum),
    }
}

fn taken(cost: &Cost) -> Vec<String> {
    let mut details = vec![things(cost.calls, "call", "calls")];
    let tokens = |tokens: Option<u64>, way: &str| Some(format!("{} tokens {way}", count(tokens?)));
    details
        .extend([tokens(cost.input_tokens, "in"), tokens(cost.output_tokens, "out")].into_iter().flatten());
    if cost.calls_without_tokens > 0 {
        details.push(format!("{} without tokens", count(cost.calls_without_tokens)));
    }
    if cost.calls_without_cost > 0 {
        details.push(format!("{} without cost", count(cost.calls_without_cost)));
    }
    details
}

fn target(target: &Target) -> Row {
    let (label, shown, share) = match target.figure {
        Targeted::CoordinationOverheadPercent => (
            format!("overhead below {}", percent(target.bound)),
            target.value.map(percent),
            target.value.map(|value| value / target.bound),
        ),
        Targeted::TestCoverageRate => {
            (format!("tests decide above {}", share(target.bound)), target.value.map(share), target.value)
        }
        Targeted::EfficiencyScore => {
            (format!("efficiency above {}", number(target.bound)), target.value.map(number), target.value)
        }
    };
    let (word, tone) = match target.reached {
        Reached::Met => ("met", Tone::Good),
        Reached::Missed => ("missed", Tone::Bad),
        Reached::Unknown => ("unknown", Tone::Faint),
    };
    Row {
        label,
        value: value(shown.unwrap_or_else(|| "-".to_owned())),
        share,
        details: vec![word.to_owned()],
        tone,
    }
}

fn coordination(report: &Report) -> Vec<Row> {
    let metrics = &report.metrics;
    let baseline = report.summary.baseline;
    let origin = if baseline.is_default() { "the paper's default" } else { "as set" };
    let runs = &metrics.runs;
    vec![
        plain(
            "turns of a run",
            known(runs.mean_turns, number),
            vec![
                things(runs.total, "run", "runs"),
                format!("{} with a verdict", count(runs.judged)),
                format!("{} succeeded", count(runs.succeeded)),
            ],
        ),
        plain("turns of a single agent", number(baseline.turns()), vec![origin.to_owned()]),
        plain("consults of a stage run", known(metrics.consults_per_stage_run, number), Vec::new()),
        plain("redundancy of answers", known(metrics.redundancy, number), Vec::new()),
        plain("error amplification", known(metrics.error_amplification, number), Vec::new()),
    ]
}

fn providers(metrics: &Metrics) -> Vec<Row> {
    metrics
        .provider_stats
        .iter()
        .map(|(name, stats)| Row {
            label: name.clone(),
            value: value(count(stats.total_calls)),
            share: ratio(stats.total_calls, metrics.total_calls),
            details: provider(stats),
            tone: Tone::Plain,
        })
        .collect()
}

fn provider(stats: &ProviderStats) -> Vec<String> {
    let mut details = Vec::new();
    if let Some(rate) = stats.success_rate {
        details.push(format!("{} ok", share(rate)));
    }
    if let Some(latency) = &stats.latency {
        details.extend([
            format!("p50 {}", duration(latency.p50_ms)),
            format!("p90 {}", duration(latency.p90_ms)),
            format!("p99 {}", duration(latency.p99_ms)),
        ]);
    }
    details.extend(spent(&stats.spent));
    details.extend(stats.failures.iter().map(|(code, failed)| format!("{code} {}", count(*failed))));
    details
}

fn spent(spent: &Spent) -> Vec<String> {
    let tokens = |tokens: Option<u64>, way: &str| Some(format!("{} tokens {way}", count(tokens?)));
    [tokens(spent.input_tokens, "in"), tokens(spent.output_tokens, "out"), spent.cost_usd.map(dollars)]
        .into_iter()
        .flatten()
        .collect()
}

fn purposes(metrics: &Metrics) -> Vec<Row> {
    metrics
        .calls_by_purpose
        .iter()
        .map(|(purpose, calls)| Row {
            label: (*purpose).to_owned(),
            value: value(count(*calls)),
            share: ratio(*calls, metrics.total_calls),
            details: Vec::new(),
            tone: Tone::Plain,
        })
        .collect()
}

fn stages(metrics: &Metrics) -> Vec<Row> {
    let most = metrics.stage_stats.values().map(|stats| stats.consults).max().unwrap_or(0);
    crate::domain::stage::Stage::ALL
        .into_iter()
        .filter_map(|stage| Some((stage.name(), metrics.stage_stats.get(stage.name())?)))
        .map(|(name, stats)| {
            let mut details = vec![things(stats.runs, "run", "runs")];
            for (number, word) in [(stats.solo, "solo"), (stats.failed, "failed")] {
                if number > 0 {
                    details.push(format!("{} {word}", count(number)));
                }
            }
            if let Some(each) = stats.total_elapsed_ms.checked_div(stats.runs) {
                details.push(format!("{} each", duration(each)));
            }
            Row {
                label: name.to_owned(),
                value: value(count(stats.consults)),
                share: (most > 0).then(|| real(stats.consults) / real(most)),
                details,
                tone: Tone::Plain,
            }
        })
        .collect()
}

fn evidence(metrics: &Metrics) -> Vec<Row> {
    let Metrics { verifications, patches, .. } = metrics;
    let checks = verifications.passed + verifications.failed + verifications.undecided;
    let mut rows = Vec::new();
    let mut add = |label: &str, total: u64, parts: &[(u64, &str)]| {
        if total > 0 {
            let parts = parts.iter().filter(|(number, _)| *number > 0);
            let details = parts.map(|(number, word)| format!("{} {word}", count(*number))).collect();
            rows.push(plain(label, count(total), details));
        }
    };
    add(
        "selections",
        metrics.selections_total,
        &[
            (metrics.selections_with_tests, "by tests"),
            (metrics.selections_without_winner, "without a winner"),
        ],
    );
    add(
        "verifications",
        checks,
        &[
            (verifications.passed, "passed"),
            (verifications.failed, "failed"),
            (verifications.undecided, "undecided"),
        ],
    );
    add(
        "changes",
        patches.applied + patches.restored,
        &[(patches.applied, "applied"), (patches.restored, "undone")],
    );
    rows
}

fn notes(out: &mut String, look: Look, metrics: &Metrics) {
    if metrics.notes.is_empty() {
        return;
    }
    out.push('\n');
    heading(out, look, "Notes");
    // Several figures can lack the same thing: it is said once.
    let mut said: Vec<(&str, Vec<&str>)> = Vec::new();
    for (figure, note) in &metrics.notes {
        match said.iter_mut().find(|(known, _)| known == note) {
            Some((_, figures)) => figures.push(figure),
            None => said.push((note, vec![figure])),
        }
    }
    for (note, figures) in said {
        paragraph(out, look, "  - ", &format!("{}: {note}", figures.join(", ")));
    }
}

fn plain(label: &str, shown: String, details: Vec<String>) -> Row {
    Row { label: label.to_owned(), value: value(shown), share: None, details, tone: Tone::Plain }
}

fn known(figure: Option<f64>, shown: fn(f64) -> String) -> String {
    figure.map_or_else(|| "-".to_owned(), shown)
}

#[cfg(test)]
mod tests;

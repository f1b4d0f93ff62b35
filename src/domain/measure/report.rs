//! Computes the figures of a tally.

use std::collections::BTreeMap;

use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

use super::cost::Costs;
use super::number::{Percentiles, Sum, ratio, shown};
use super::tally::{
    Baseline, Calls, Patches, RunTally, Scope, Selections, Solved, StageStats, Tally, Verifications,
};
use crate::domain::event::consult::Purpose;
use crate::domain::order::Gather;
use crate::domain::stage::Stage;
use crate::domain::text::{English, Text, say};

/// The figures of a scope, with a summary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub scope: Scope,
    pub metrics: Metrics,
    /// The summary, with definitions and targets.
    pub summary: Summary,
    /// Tokens and money, and the caps on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Costs>,
}

/// The figures. `None` means unknown, and `notes` has the reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// Number of calls to consultants, for any purpose.
    pub total_calls: u64,
    /// Number of calls that succeeded.
    pub successful_calls: u64,
    pub failed_calls: u64,
    /// Share of calls that succeeded, 0 to 1.
    pub success_rate: Option<f64>,
    /// Mean duration of a call, in milliseconds.
    pub avg_latency_ms: Option<f64>,
    /// Sum of the durations of all calls, in milliseconds.
    pub total_elapsed_ms: u64,
    /// Number of calls that served each stage.
    pub consults_per_stage: BTreeMap<&'static str, u64>,
    pub coordination_overhead_percent: Option<f64>,
    pub efficiency_score: Option<f64>,
    /// Number of selections among candidates.
    pub selections_total: u64,
    /// Number of selections that tests decided.
    pub selections_with_tests: u64,
    /// Share of selections that tests decided, 0 to 1.
    pub test_coverage_rate: Option<f64>,
    /// Calls by provider.
    pub provider_stats: BTreeMap<String, ProviderStats>,
    /// Work by stage; stages without work are left out.
    pub stage_stats: BTreeMap<&'static str, StageStats>,
    /// Number of selections without a winner.
    pub selections_without_winner: u64,
    pub calls_by_purpose: BTreeMap<&'static str, u64>,
    /// Runs, their outcomes and their turns.
    pub runs: Runs,
    /// Mean number of calls to consultants for each run of a stage.
    pub consults_per_stage_run: Option<f64>,
    /// Redundancy of answers to the same question, 0 to 1.
    pub redundancy: Option<f64>,
    /// Factor by which failures increase with several agents.
    pub error_amplification: Option<f64>,
    /// Percentiles of the duration of a call.
    pub latency: Option<Percentiles>,
    /// Tokens and money.
    pub spent: Spent,
    /// Number of verifications by verdict.
    pub verifications: Verifications,
    /// Number of patches that were applied and undone.
    pub patches: Patches,
    /// The reason why a figure is unknown, or the default that it rests on, by the figure's key.
    pub notes: BTreeMap<&'static str, English>,
}

/// Runs, their outcomes and their turns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Runs {
    /// Number of runs with at least one turn.
    pub total: u64,
    /// Number of runs with a known outcome.
    pub judged: u64,
    /// Number of runs that succeeded.
    pub succeeded: u64,
    /// Number of reasoning turns inside of runs.
    pub turns: u64,
    /// Number of reasoning turns outside of runs. They belong to no task, so no overhead includes them.
    pub turns_outside: u64,
    pub mean_turns: Option<f64>,
}

impl Report {
    /// Computes the report of a tally.
    pub fn of(scope: Scope, tally: &Tally, baseline: Baseline) -> Self {
        let metrics = Metrics::of(tally, baseline);
        let summary = Summary::of(&metrics, tally, baseline);
        Self { scope, metrics, summary, cost: None }
    }
}

impl Metrics {
    /// Computes the figures of a tally.
    pub fn of(tally: &Tally, baseline: Baseline) -> Self {
        let all = ProviderStats::from(&tally.calls);
        let Selections { total, with_tests, without_winner } = tally.selections;
        let runs = Runs::of(tally);
        let mut metrics = Self {
            total_calls: all.total_calls,
            successful_calls: all.successful_calls,
            failed_calls: all.failed_calls,
            success_rate: all.success_rate,
            avg_latency_ms: all.avg_latency_ms,
            total_elapsed_ms: all.total_elapsed_ms,
            consults_per_stage: Stage::ALL
                .iter()
                .copied()
                .map(|stage| (stage.name(), tally.stages.get(&stage).map_or(0, |stage| stage.consults)))
                .gather(),
            coordination_overhead_percent: overhead(tally, baseline).and_then(shown),
            efficiency_score: efficiency(tally, baseline).and_then(shown),
            selections_total: total,
            selections_with_tests: with_tests,
            test_coverage_rate: ratio(with_tests, total).and_then(shown),
            provider_stats: tally
                .providers
                .iter()
                .map(|(name, calls)| (name.clone(), ProviderStats::from(calls)))
                .gather(),
            stage_stats: tally
                .stages
                .iter()
                .map(|(stage, work)| (stage.name(), StageStats::from(*work)))
                .gather(),
            selections_without_winner: without_winner,
            calls_by_purpose: Purpose::ALL
                .iter()
                .copied()
                .filter_map(|purpose| Some((purpose.name(), *tally.purposes.get(&purpose)?)))
                .gather(),
            runs,
            consults_per_stage_run: ratio(
                tally.stages.values().map(|stage| stage.consults).sum(),
                tally.stage_runs(),
            )
            .and_then(shown),
            redundancy: ratio(1, tally.groups.compared)
                .and_then(|share| shown(tally.groups.similarity.value() * share)),
            error_amplification: tally.outcomes_outside.error_amplification().and_then(shown),
            latency: all.latency,
            spent: all.spent,
            verifications: tally.verifications,
            patches: tally.patches,
            notes: BTreeMap::new(),
        };
        metrics.notes = notes(&metrics, tally, baseline);
        metrics
    }

    pub fn value(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::CoordinationOverheadPercent => self.coordination_overhead_percent,
            Figure::EfficiencyScore => self.efficiency_score,
            Figure::TestCoverageRate => self.test_coverage_rate,
            Figure::ConsultsPerStageRun => self.consults_per_stage_run,
            Figure::Redundancy => self.redundancy,
            Figure::ErrorAmplification => self.error_amplification,
            Figure::SuccessRate => self.success_rate,
            Figure::AvgLatencyMs => self.avg_latency_ms,
            Figure::CostUsd => self.spent.cost_usd,
            Figure::Tokens => match (self.spent.input_tokens, self.spent.output_tokens) {
                (None, None) => None,
                (sent, answered) => {
                    let both = sent.unwrap_or(0).saturating_add(answered.unwrap_or(0));
                    Some(super::number::real(both))
                }
            },
        }
    }
}

/// Overhead over finished runs, because the turns of an unfinished task cannot be compared with a whole one.
fn overhead(tally: &Tally, baseline: Baseline) -> Option<f64> {
    let done: Vec<u64> =
        tally.runs.values().filter(|run| run.turns > 0 && run.is_finished()).map(|run| run.turns).collect();
    let tasks = u64::try_from(done.len()).unwrap_or(u64::MAX);
    Some(baseline.overhead_percent(ratio(done.iter().sum(), tasks)?))
}

/// Efficiency over runs with at least one turn and a known outcome.
fn efficiency(tally: &Tally, baseline: Baseline) -> Option<f64> {
    let mut solved = Solved::default();
    let mut turns: u64 = 0;
    for (run, success) in judged(tally) {
        solved.add(success);
        turns += run.turns;
    }
    baseline.efficiency(solved.rate()?, ratio(turns, solved.tasks)?)
}

fn judged(tally: &Tally) -> impl Iterator<Item = (&RunTally, bool)> {
    tally.runs.values().filter(|run| run.turns > 0).filter_map(|run| Some((run, run.success()?)))
}

impl Runs {
    fn of(tally: &Tally) -> Self {
        let (mut total, mut turns, mut ends) = (0, 0, Solved::default());
        for run in tally.runs.values().filter(|run| run.turns > 0) {
            total += 1;
            turns += run.turns;
        }
        judged(tally).for_each(|(_, success)| ends.add(success));
        Self {
            total,
            judged: ends.tasks,
            succeeded: ends.successes,
            turns,
            turns_outside: tally.turns_outside,
            mean_turns: ratio(turns, total).and_then(shown),
        }
    }
}

/// The notes on all figures, by the figure's key.
fn notes(metrics: &Metrics, tally: &Tally, baseline: Baseline) -> BTreeMap<&'static str, English> {
    Figure::ALL
        .iter()
        .copied()
        .filter_map(|figure| Some((figure.key(), English(note(figure, metrics, tally, baseline)?))))
        .gather()
}

fn note(figure: Figure, metrics: &Metrics, tally: &Tally, baseline: Baseline) -> Option<Text> {
    match figure {
        Figure::CoordinationOverheadPercent => Some(match metrics.coordination_overhead_percent {
            Some(_) => rests_on(baseline)?,
            None if metrics.runs.total > 0 => say!("note_no_run_finished"),
            None => no_run(metrics),
        }),
        Figure::EfficiencyScore => Some(match metrics.efficiency_score {
            Some(_) => rests_on(baseline)?,
            None if metrics.runs.total == 0 => no_run(metrics),
            None => say!("note_no_end_known"),
        }),
        Figure::TestCoverageRate => missing(metrics.test_coverage_rate, "note_no_selection"),
        Figure::ConsultsPerStageRun => missing(metrics.consults_per_stage_run, "note_no_stage"),
        Figure::Redundancy => missing(metrics.redundancy, "note_no_two_answers"),
        Figure::ErrorAmplification => missing(metrics.error_amplification, amplification(tally)),
        Figure::SuccessRate | Figure::AvgLatencyMs => missing(metrics.success_rate, "note_no_call"),
        Figure::CostUsd => reported(metrics.spent.calls_with_cost, metrics.total_calls, "note_tell_cost"),
        Figure::Tokens => reported(metrics.spent.calls_with_tokens, metrics.total_calls, "note_tell_tokens"),
    }
}

fn missing(value: Option<f64>, why: &str) -> Option<Text> {
    value.is_none().then(|| say!(why))
}

fn rests_on(baseline: Baseline) -> Option<Text> {
    baseline.is_default().then(|| say!("note_default", turns = baseline.turns()))
}

fn no_run(metrics: &Metrics) -> Text {
    match metrics.runs.turns_outside {
        0 => say!("note_no_turn"),
        turns => say!("note_turns_outside", n = turns),
    }
}

fn amplification(tally: &Tally) -> &'static str {
    let outcomes = tally.outcomes_outside;
    match (outcomes.single.rate(), outcomes.several.rate()) {
        (None, None) => "note_no_outcome",
        (None, Some(_)) => "note_no_single",
        (Some(_), None) => "note_no_several",
        (Some(_), Some(_)) => "note_never_failed",
    }
}

fn reported(known: u64, calls: u64, key: &str) -> Option<Text> {
    if calls == 0 {
        return Some(say!("note_no_call"));
    }
    (known < calls).then(|| say!(key, known = known, calls = calls))
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The summary in one sentence.
    pub headline: English,
    /// All figures with their definitions, by key.
    pub figures: BTreeMap<&'static str, Explained>,
    /// The targets and their results.
    pub targets: Vec<Target>,
    pub baseline: Baseline,
}

/// A figure with its definition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// The value. `None` if unknown.
    pub value: Option<f64>,
    pub definition: English,
    /// True if the value rests on the paper's baseline instead of a measured one.
    pub rests_on_default: bool,
    /// The reason why the value is unknown, or the default that it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<English>,
}

impl Summary {
    fn of(metrics: &Metrics, tally: &Tally, baseline: Baseline) -> Self {
        let targets = vec![
            Target::overhead(metrics.coordination_overhead_percent),
            Target::efficiency(metrics.efficiency_score),
            Target::test_coverage(metrics.test_coverage_rate),
        ];
        Self {
            headline: headline(metrics, tally, &targets),
            figures: Figure::ALL
                .iter()
                .copied()
                .map(|figure| (figure.key(), explained(figure, metrics, baseline)))
                .gather(),
            targets,
            baseline,
        }
    }
}

fn explained(figure: Figure, metrics: &Metrics, baseline: Baseline) -> Explained {
    let value = metrics.value(figure);
    let uses_baseline = matches!(figure, Figure::CoordinationOverheadPercent | Figure::EfficiencyScore);
    Explained {
        value,
        definition: English(figure.definition()),
        rests_on_default: value.is_some() && baseline.is_default() && uses_baseline,
        note: metrics.notes.get(figure.key()).cloned(),
    }
}

fn headline(metrics: &Metrics, tally: &Tally, targets: &[Target]) -> English {
    if *tally == Tally::default() {
        return English(say!("headline_nothing"));
    }
    let count = |wanted| targets.iter().filter(|target| target.reached == wanted).count();
    let calls = match (metrics.total_calls, metrics.failed_calls) {
        (0, _) => say!("headline_no_call"),
        (1, 0) => say!("headline_calls", n = 1),
        (1, _) => say!("headline_call_failed"),
        (calls, 0) => say!("headline_calls", n = calls),
        (calls, failed) => say!("headline_calls_failed", calls = calls, failed = failed),
    };
    English(say!(
        "headline",
        calls = calls,
        met = count(Reached::Met),
        missed = count(Reached::Missed),
        unknown = count(Reached::Unknown)
    ))
}

/// The calls of one provider and their cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProviderStats {
    pub total_calls: u64,
    /// Number of calls that succeeded.
    pub successful_calls: u64,
    pub failed_calls: u64,
    /// Share of calls that succeeded, 0 to 1.
    pub success_rate: Option<f64>,
    /// Number of failed calls by error code.
    pub failures: BTreeMap<String, u64>,
    /// Mean duration of a call, in milliseconds.
    pub avg_latency_ms: Option<f64>,
    /// Sum of the durations of all calls, parallel ones included, in milliseconds.
    pub total_elapsed_ms: u64,
    /// Percentiles of the duration of a call.
    pub latency: Option<Percentiles>,
    pub spent: Spent,
    /// Calls by the model that answered and the requested model.
    pub models: Vec<ModelCalls>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelCalls {
    /// The model that answered, or the requested model if that is unknown. `None` if neither is known.
    pub model: Option<String>,
    /// The requested model. `None` if the CLI chose.
    pub model_asked: Option<String>,
    pub calls: u64,
}

/// Tokens and money that CLIs reported. A figure is `None` if no CLI reported it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spent {
    /// Number of input tokens.
    pub input_tokens: Option<u64>,
    /// Number of output tokens.
    pub output_tokens: Option<u64>,
    /// Number of calls whose CLI reported output tokens.
    pub calls_with_tokens: u64,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
    /// Number of calls whose CLI reported its cost.
    pub calls_with_cost: u64,
}

impl From<&Calls> for ProviderStats {
    fn from(calls: &Calls) -> Self {
        Self {
            total_calls: calls.total,
            successful_calls: calls.succeeded(),
            failed_calls: calls.failed,
            success_rate: ratio(calls.succeeded(), calls.total).and_then(shown),
            failures: calls.failures.clone(),
            avg_latency_ms: ratio(calls.latency.total_ms(), calls.total).and_then(shown),
            total_elapsed_ms: calls.latency.total_ms(),
            latency: calls.latency.percentiles(),
            spent: calls.into(),
            models: calls.models.iter().map(ModelCalls::of).collect(),
        }
    }
}

impl ModelCalls {
    fn of(((model, model_asked), calls): (&(String, Option<String>), &u64)) -> Self {
        let model = Some(model.clone()).filter(|model| !model.is_empty());
        Self { model, model_asked: model_asked.clone(), calls: *calls }
    }
}

impl From<&Calls> for Spent {
    fn from(calls: &Calls) -> Self {
        Self {
            input_tokens: calls.input_tokens.total(),
            output_tokens: calls.output_tokens.total(),
            calls_with_tokens: calls.output_tokens.calls(),
            cost_usd: calls.cost.total().map(Sum::value),
            calls_with_cost: calls.cost.calls(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    Met,
    Missed,
    /// The figure is unknown.
    Unknown,
}

/// The side of the bound on which a figure should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Below,
    Above,
}

/// A figure that has a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Targeted {
    CoordinationOverheadPercent,
    EfficiencyScore,
    /// Share of selections that tests decided.
    TestCoverageRate,
}

/// A target with its result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    pub figure: Targeted,
    /// The side of the bound that meets the target. The bound itself misses it.
    pub wanted: Side,
    /// The bound, in the figure's unit.
    pub bound: f64,
    /// The value of the figure. `None` if unknown.
    pub value: Option<f64>,
    pub reached: Reached,
}

impl Target {
    /// Target: coordination overhead below 300 percent.
    pub fn overhead(value: Option<f64>) -> Self {
        Self::judge(Targeted::CoordinationOverheadPercent, Side::Below, 300.0, value)
    }

    /// Target: efficiency above 0.4. In table 5 of the paper, a single agent has 0.466.
    pub fn efficiency(value: Option<f64>) -> Self {
        Self::judge(Targeted::EfficiencyScore, Side::Above, 0.4, value)
    }

    /// Target: more than 80 percent of selections decided by tests.
    pub fn test_coverage(value: Option<f64>) -> Self {
        Self::judge(Targeted::TestCoverageRate, Side::Above, 0.8, value)
    }

    fn judge(figure: Targeted, wanted: Side, bound: f64, value: Option<f64>) -> Self {
        let reached = value.map_or(Reached::Unknown, |value| {
            let holds = match wanted {
                Side::Below => value < bound,
                Side::Above => value > bound,
            };
            if holds { Reached::Met } else { Reached::Missed }
        });
        Self { figure, wanted, bound, value, reached }
    }
}

/// A figure of the summary. Every result includes its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    CoordinationOverheadPercent,
    EfficiencyScore,
    /// Share of selections that tests decided.
    TestCoverageRate,
    ConsultsPerStageRun,
    Redundancy,
    /// Factor by which failures increase with several agents.
    ErrorAmplification,
    /// Share of calls that succeeded.
    SuccessRate,
    /// Mean duration of a call, in milliseconds.
    AvgLatencyMs,
    /// Cost in US dollars.
    CostUsd,
    Tokens,
}

impl Figure {
    /// Every figure.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The key used in results.
    pub fn key(self) -> &'static str {
        self.into()
    }

    /// The meaning of the figure, its formula, and how it differs from similar figures.
    pub fn definition(self) -> Text {
        Text::said(&format!("definition_{}", self.key()), &[])
    }
}

#[cfg(test)]
mod tests {
    use super::{Figure, *};

    #[test]
    fn a_target_goes_by_the_key_of_its_figure() {
        for (target, figure) in [
            (Target::overhead(None), Figure::CoordinationOverheadPercent),
            (Target::efficiency(None), Figure::EfficiencyScore),
            (Target::test_coverage(None), Figure::TestCoverageRate),
        ] {
            assert_eq!(serde_json::json!(target.figure), figure.key());
        }
    }

    #[test]
    fn the_bound_itself_is_a_miss() {
        for (target, reached) in [
            (Target::overhead(Some(299.9)), Reached::Met),
            (Target::overhead(Some(300.0)), Reached::Missed),
            (Target::efficiency(Some(0.41)), Reached::Met),
            (Target::efficiency(Some(0.4)), Reached::Missed),
            (Target::test_coverage(Some(0.81)), Reached::Met),
            (Target::test_coverage(Some(0.8)), Reached::Missed),
            (Target::test_coverage(None), Reached::Unknown),
        ] {
            assert_eq!(target.reached, reached, "{target:?}");
        }
    }
}

//! Tests: one record in every order and grouping, and what its figures say.

use proptest::prelude::*;
use serde_json::Value;

use super::number::mean_pairwise;
use super::report::{Figure, Metrics, Reached, Report};
use super::tally::{Baseline, Scope, Tally, Verdict};
use crate::domain::event::ChangeKind;
use crate::domain::event::consult::{ConsultSettled, Purpose};
use crate::domain::event::stage::Mode;
use crate::domain::language::Language;
use crate::domain::select::rank::Basis;
use crate::domain::served::ModelNote;
use crate::domain::stage::Stage;
use crate::domain::text::Text;

/// The keys of `metrics` in the contract.
const CONTRACT: [&str; 14] = [
    "avg_latency_ms",
    "consults_per_stage",
    "coordination_overhead_percent",
    "efficiency_score",
    "failed_calls",
    "provider_stats",
    "selections_total",
    "selections_with_tests",
    "stage_stats",
    "success_rate",
    "successful_calls",
    "test_coverage_rate",
    "total_calls",
    "total_elapsed_ms",
];

fn consult(purpose: Purpose) -> ConsultSettled {
    ConsultSettled { purpose, ..ConsultSettled::sample() }
}

fn report(tally: &Tally) -> Report {
    Report::of(Scope::Project, tally, Baseline::default())
}

#[test]
fn nothing_recorded_is_unknown_and_not_zero() {
    let report = report(&Tally::default());
    let json = serde_json::to_value(&report).unwrap();
    let metrics = json["metrics"].as_object().unwrap();
    for key in CONTRACT {
        assert!(metrics.contains_key(key), "{key}");
    }
    for unknown in [
        "avg_latency_ms",
        "coordination_overhead_percent",
        "efficiency_score",
        "success_rate",
        "test_coverage_rate",
        "redundancy",
        "error_amplification",
    ] {
        assert_eq!(metrics[unknown], Value::Null, "{unknown}");
        assert!(metrics["notes"][unknown].is_string(), "{unknown}");
    }
    assert_eq!(metrics["total_calls"], 0);
    assert_eq!(metrics["consults_per_stage"]["debug"], 0);
    assert!(report.summary.targets.iter().all(|target| target.reached == Reached::Unknown));
    assert_eq!(&*report.summary.headline, "Nothing is recorded yet.");
}

#[test]
fn a_record_without_calls_is_not_called_empty() {
    let mut tally = Tally::default();
    tally.add_stage_run(Some("r"), Stage::Analyze, Some(Mode::Solo), 10);
    let headline = report(&tally).summary.headline;
    assert_eq!(&*headline, "no call to a consultant; targets: 0 met, 0 missed, 3 unknown.");
}

#[test]
fn every_purpose_is_counted_and_all_but_calibration_are_turns() {
    let mut tally = Tally::default();
    for &purpose in Purpose::ALL {
        tally.add_consult(Some("r"), &consult(purpose));
    }
    tally.add_stage_run(Some("r"), Stage::Analyze, Some(Mode::Consult), 10);
    let metrics = report(&tally).metrics;
    assert_eq!(metrics.total_calls, 6);
    assert_eq!(metrics.calls_by_purpose.len(), 6);
    assert_eq!(metrics.runs.turns, 6, "five turns of consultants and one of the orchestrator");
}

#[test]
fn overhead_is_the_mean_of_runs_and_knows_its_default() {
    let mut tally = Tally::default();
    for _ in 0..10 {
        tally.add_consult(Some("long"), &consult(Purpose::Vote));
    }
    for _ in 0..4 {
        tally.add_consult(Some("short"), &consult(Purpose::Plain));
    }
    let unfinished = Report::of(Scope::Project, &tally, Baseline::configured(None));
    assert_eq!(unfinished.metrics.coordination_overhead_percent, None);
    assert!(unfinished.metrics.notes["coordination_overhead_percent"].contains("no run is finished"));
    for run in ["long", "short"] {
        tally.add_stage_run(Some(run), Stage::Improve, Some(Mode::Consult), 10);
    }
    let with = |turns| Report::of(Scope::Project, &tally, Baseline::configured(turns));
    assert_eq!(with(Some(8.0)).metrics.coordination_overhead_percent, Some(0.0));
    let of_paper = with(None);
    assert_eq!(of_paper.metrics.coordination_overhead_percent, Some(11.1111));
    let key = "coordination_overhead_percent";
    assert!(of_paper.summary.figures[key].rests_on_default);
    assert!(of_paper.metrics.notes[key].contains("7.2"));
    assert!(!with(Some(8.0)).summary.figures[key].rests_on_default);
    assert!(!with(Some(8.0)).metrics.notes.contains_key(key));
}

#[test]
fn turns_outside_of_runs_belong_to_no_task() {
    let mut tally = Tally::default();
    tally.add_consult(None, &consult(Purpose::Plain));
    let metrics = report(&tally).metrics;
    assert_eq!((metrics.coordination_overhead_percent, metrics.runs.turns_outside), (None, 1));
    assert!(metrics.notes["coordination_overhead_percent"].starts_with("1 turn is"));
    assert_eq!(metrics.success_rate, Some(1.0));
}

#[test]
fn efficiency_waits_for_the_end_of_a_run() {
    let mut tally = Tally::default();
    for _ in 0..9 {
        tally.add_consult(Some("r"), &consult(Purpose::Plain));
    }
    assert_eq!(report(&tally).metrics.efficiency_score, None);
    tally.add_change(Some("r"), 1, ChangeKind::Applied);
    tally.add_verification(Some("r"), 2, None, Verdict::Passed);
    let report = report(&tally);
    assert_eq!(report.metrics.efficiency_score, Some(0.8));
    assert_eq!(report.summary.targets[1].reached, Reached::Met);
    // A second run, still open, adds turns to the overhead and none to the efficiency.
    tally.add_consult(Some("open"), &consult(Purpose::Plain));
    let metrics = Metrics::of(&tally, Baseline::default());
    assert_eq!((metrics.efficiency_score, metrics.runs.total, metrics.runs.judged), (Some(0.8), 2, 1));
}

#[test]
fn selections_and_groups_tell_shares() {
    let mut tally = Tally::default();
    for (basis, won) in
        [(Basis::Tests, true), (Basis::Tests, false), (Basis::Judge, true), (Basis::Rubric, true)]
    {
        tally.add_selection(basis, won);
    }
    for texts in [&["one two", "one two"][..], &["one two", "one three"], &["alone"]] {
        tally.add_redundancy(mean_pairwise(texts));
    }
    let metrics = report(&tally).metrics;
    assert_eq!((metrics.test_coverage_rate, metrics.selections_without_winner), (Some(0.5), 1));
    assert_eq!(metrics.redundancy, Some(0.75));
    assert_eq!(tally.groups.total, 3);
}

#[test]
fn costs_are_unknown_where_no_cli_tells_them() {
    let mut tally = Tally::default();
    tally.add_consult(None, &consult(Purpose::Plain));
    assert_eq!(report(&tally).metrics.spent.cost_usd, None);
    let told = ConsultSettled {
        cost_usd: Some(0.25),
        input_tokens: Some(10),
        output_tokens: Some(5),
        ..consult(Purpose::Plain)
    };
    tally.add_consult(None, &told);
    let metrics = report(&tally).metrics;
    assert_eq!(metrics.spent.cost_usd, Some(0.25));
    assert_eq!(&*metrics.notes["cost_usd"], "1 of 2 calls report their cost");
    assert_eq!(metrics.provider_stats["codex"].spent.input_tokens, Some(10));
}

#[test]
fn a_hundred_thousand_entries_stay_small() {
    let mut tally = Tally::default();
    for number in 0..100_000_u64 {
        let run = format!("run {}", number % 50);
        let provider = ["codex", "gemini", "claude"][usize::try_from(number % 3).unwrap()].to_owned();
        let call = ConsultSettled { elapsed_ms: number * 37 % 600_000, provider, ..consult(Purpose::Plain) };
        tally.add_consult(Some(&run), &call);
    }
    assert_eq!((tally.runs.len(), tally.providers.len()), (50, 3));
    // The longest part of what is kept, as text. The bound is that of its buckets.
    assert!(format!("{:?}", tally.calls.latency).len() < 20_000);
    assert_eq!(report(&tally).metrics.total_calls, 100_000);
}

fn stages() -> impl Strategy<Value = Option<Stage>> {
    proptest::option::of(proptest::sample::select(Stage::ALL.to_vec()))
}

fn runs() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[ab]")
}

fn costs() -> impl Strategy<Value = Option<f64>> {
    proptest::option::of(prop_oneof![0.0_f64..10.0, Just(f64::NAN), Just(f64::INFINITY), Just(-1.0)])
}

fn consults() -> impl Strategy<Value = ConsultSettled> {
    let spent = (proptest::option::of(0_u64..9_000), proptest::option::of(any::<u64>()), costs());
    let what = (
        stages(),
        "[cg]",
        proptest::sample::select(Purpose::ALL.to_vec()),
        proptest::option::of("(timeout|quota)"),
        prop_oneof![0_u64..100_000, any::<u64>()],
    );
    (what, spent).prop_map(|((stage, provider, purpose, code, elapsed_ms), spent)| ConsultSettled {
        stage,
        model: provider.clone(),
        told: ModelNote { model_asked: code.clone(), ..ModelNote::default() },
        provider,
        purpose,
        code,
        elapsed_ms,
        input_tokens: spent.0,
        output_tokens: spent.1,
        cost_usd: spent.2,
        ..ConsultSettled::sample()
    })
}

/// Anything that is counted, with the run that it belongs to.
#[derive(Clone, Debug)]
enum Entry {
    Consult(Option<String>, Box<ConsultSettled>),
    StageRun(Option<String>, Stage, Option<Mode>, u64),
    Verification(Option<String>, u64, Option<Stage>, Verdict),
    Selection(Basis, bool),
    Change(Option<String>, u64, ChangeKind),
    Redundancy(Option<f64>),
    Outcome(bool, bool),
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let modes =
        proptest::option::of(prop_oneof![Just(Mode::Consult), Just(Mode::Ensemble), Just(Mode::Solo)]);
    let verdicts = prop_oneof![Just(Verdict::Passed), Just(Verdict::Failed), Just(Verdict::Undecided)];
    let changes = prop_oneof![Just(ChangeKind::Applied), Just(ChangeKind::RolledBack)];
    let bases =
        prop_oneof![Just(Basis::Tests), Just(Basis::StaticChecks), Just(Basis::Judge), Just(Basis::Rubric)];
    let one = prop_oneof![
        4 => (runs(), consults()).prop_map(|(run, call)| Entry::Consult(run, Box::new(call))),
        1 => (runs(), proptest::sample::select(Stage::ALL.to_vec()), modes, any::<u64>())
            .prop_map(|(run, stage, mode, elapsed_ms)| Entry::StageRun(run, stage, mode, elapsed_ms)),
        1 => (runs(), 0_u64..9, stages(), verdicts)
            .prop_map(|(run, sequence, stage, verdict)| Entry::Verification(run, sequence, stage, verdict)),
        1 => (bases, any::<bool>()).prop_map(|(basis, won)| Entry::Selection(basis, won)),
        1 => (runs(), 0_u64..9, changes)
            .prop_map(|(run, sequence, change)| Entry::Change(run, sequence, change)),
        1 => costs().prop_map(Entry::Redundancy),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(alone, success)| Entry::Outcome(alone, success)),
    ];
    proptest::collection::vec(one, 0..40)
}

fn whole(entries: &[Entry]) -> Tally {
    let mut tally = Tally::default();
    for entry in entries {
        match entry {
            Entry::Consult(run, call) => tally.add_consult(run.as_deref(), call),
            Entry::StageRun(run, stage, mode, ms) => tally.add_stage_run(run.as_deref(), *stage, *mode, *ms),
            Entry::Verification(run, at, stage, verdict) => {
                tally.add_verification(run.as_deref(), *at, *stage, *verdict);
            }
            Entry::Selection(basis, won) => tally.add_selection(*basis, *won),
            Entry::Change(run, at, kind) => tally.add_change(run.as_deref(), *at, *kind),
            Entry::Redundancy(similarity) => tally.add_redundancy(*similarity),
            Entry::Outcome(true, success) => tally.outcomes_outside.single.add(*success),
            Entry::Outcome(false, success) => tally.outcomes_outside.several.add(*success),
        }
    }
    tally
}

fn every_number_is_finite(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(f64::is_finite),
        Value::Array(items) => items.iter().all(every_number_is_finite),
        Value::Object(items) => items.values().all(every_number_is_finite),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

proptest! {
    #[test]
    fn neither_order_nor_grouping_matters(
        (entries, shuffled) in entries()
            .prop_flat_map(|entries| (Just(entries.clone()), Just(entries).prop_shuffle())),
        parts in 1_usize..6,
    ) {
        let expected = whole(&entries);
        prop_assert_eq!(&whole(&shuffled), &expected);
        let mut merged = Tally::default();
        for part in shuffled.chunks(parts) {
            merged.merge(&whole(part));
        }
        prop_assert_eq!(&merged, &expected);
        // In the other order: all that follows is merged into what came first.
        let merged = shuffled.chunks(parts).rev().fold(Tally::default(), |after, part| {
            let mut before = whole(part);
            before.merge(&after);
            before
        });
        prop_assert_eq!(&merged, &expected);
    }

    #[test]
    fn figures_are_finite_and_shares_are_shares(entries in entries()) {
        let report = report(&whole(&entries));
        let metrics = &report.metrics;
        for &figure in super::report::Figure::ALL {
            prop_assert!(metrics.value(figure).is_none_or(f64::is_finite), "{:?}", figure);
            // An unknown figure has a reason.
            prop_assert!(metrics.value(figure).is_some() || metrics.notes.contains_key(figure.key()), "{:?}", figure);
        }
        for share in [metrics.success_rate, metrics.test_coverage_rate, metrics.redundancy] {
            prop_assert!(share.is_none_or(|share| (0.0..=1.0).contains(&share)));
        }
        prop_assert_eq!(metrics.total_calls, metrics.successful_calls + metrics.failed_calls);
        let by_provider: u64 = metrics.provider_stats.values().map(|stats| stats.total_calls).sum();
        prop_assert_eq!(by_provider, metrics.total_calls);
        prop_assert_eq!(metrics.calls_by_purpose.values().sum::<u64>(), metrics.total_calls);
        prop_assert!(every_number_is_finite(&serde_json::to_value(&report).unwrap()));
    }
}

#[test]
fn what_is_said_of_figures_is_korean_in_korean() {
    let korean = Language::all().find(|language| language.tag() == "ko").unwrap();
    let is_korean = |text: &Text| text.of(korean).chars().any(|letter| ('가'..='힣').contains(&letter));
    for &figure in Figure::ALL {
        assert!(is_korean(&figure.definition()), "{figure:?}: {}", figure.definition().of(korean));
    }
    let mut tally = Tally::default();
    tally.add_consult(None, &consult(Purpose::Plain));
    for report in [report(&Tally::default()), report(&tally)] {
        assert!(is_korean(&report.summary.headline.0), "{}", report.summary.headline.0.of(korean));
        for (figure, note) in &report.metrics.notes {
            assert!(is_korean(&note.0), "{figure}: {}", note.0.of(korean));
        }
    }
}

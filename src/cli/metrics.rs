//! `maestro-mcp metrics`: shows the costs and the results of the work.

use std::process::ExitCode;

use clap::Args;
use comfy_table::{Cell, CellAlignment};
use serde_json::json;

use super::terminal::{
    Look, Marks, Tone, cell, cut, hanging, one_line, paint, read_whole, result, rows_only, stacked,
};
use crate::domain::cut::head;
use crate::domain::measure::cost::{CapNote, Cost, Costs, Named};
use crate::domain::measure::number::{ratio, real};
use crate::domain::measure::report::{Metrics, ProviderStats, Reached, Report, Spent, Target, Targeted};
use crate::domain::report::LineKind;
pub(super) use crate::domain::words::grouped as count;
use crate::domain::words::{dollars, duration, percent, share_in_percent, things};
use crate::error::Error;
use crate::flow::kit::Kit;
use crate::flow::metrics::{Wanted, metrics};

/// The options of `metrics`.
#[derive(Args, Clone, Debug, Default)]
pub struct MetricsOptions {
    /// Figures of this run [default: the latest open run, else the project]
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    pub run: Option<String>,
    /// Figures of the whole project
    #[arg(long)]
    pub all: bool,
    /// Figures of the last N days
    #[arg(
        long, value_name = "N", conflicts_with_all = ["run", "all"], allow_negative_numbers = true,
        value_parser = read_whole::<u32>(1, 366)
    )]
    pub days: Option<u32>,
}

impl MetricsOptions {
    /// The scope of the report, with the same default as the tool's.
    fn wanted(&self) -> Wanted {
        match (&self.run, self.days, self.all) {
            (Some(id), ..) => Wanted::Run(Some(id.clone())),
            (None, Some(days), _) => Wanted::Days(days),
            (None, None, true) => Wanted::Project,
            (None, None, false) => Wanted::Current,
        }
    }
}

/// Prints the figures from the log.
///
/// # Errors
/// The run does not exist, the log cannot be read, or standard output cannot be written.
pub async fn run(kit: &Kit, options: &MetricsOptions, json: bool) -> Result<ExitCode, Error> {
    let report = metrics(kit, options.wanted()).await?;
    result(json, json!(report), || render(&report, Look::of(&kit.config)))
}

/// The figures of a report as text.
fn render(report: &Report, look: Look) -> String {
    let look = Look { width: Some(look.width.map_or(WIDTH, |width| width.max(NARROWEST))), ..look };
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

/// Adds the sections on tokens and money by model, provider, stage and thread, and on the caps.
fn cost_sections(out: &mut String, look: Look, costs: &Costs) {
    let share = |cost: &Cost| match (cost.cost_usd, costs.total.cost_usd) {
        (Some(own), Some(all)) if all > 0.0 => Some(own / all),
        _ => None,
    };
    let rows = |named: &[Named], nameless: &str| -> Vec<Row> {
        let row = |one: &Named| Row {
            share: share(&one.cost),
            ..plain(one.name.as_deref().unwrap_or(nameless), money(&one.cost), taken(&one.cost))
        };
        named.iter().map(row).collect()
    };
    section(out, look, "Cost by model", &rows(&costs.by_model, "model not reported"));
    section(out, look, "Cost by provider", &rows(&costs.by_provider, "-"));
    section(out, look, "Cost by stage", &rows(&costs.by_stage, "outside of stages"));
    if costs.by_thread.iter().any(|one| one.name.is_some()) {
        section(out, look, "Cost by thread", &rows(&costs.by_thread, "in no thread"));
    }
    let cap = |one: &CapNote| {
        let part = |number: &serde_json::Number| number.as_f64().unwrap_or(0.0);
        let share = (part(&one.spent) + part(&one.reserved)) / part(&one.limit);
        let tone = if share >= 1.0 { Tone::Bad } else { Tone::Good };
        let details = vec![one.words.clone()];
        Row { share: Some(share), tone, ..plain(one.cap, percent(share * 100.0), details) }
    };
    section(out, look, "Caps", &costs.caps.iter().map(cap).collect::<Vec<_>>());
}

/// Formats dollars. An incomplete sum ends in a plus.
fn money(cost: &Cost) -> String {
    match cost.cost_usd {
        None => "-".to_owned(),
        Some(sum) if cost.calls_without_cost > 0 => format!("{}+", dollars(sum)),
        Some(sum) => dollars(sum),
    }
}

fn taken(cost: &Cost) -> Vec<String> {
    let calls = [things(cost.calls, "call")];
    let missing =
        parts(&[(cost.calls_without_tokens, "without tokens"), (cost.calls_without_cost, "without cost")]);
    calls.into_iter().chain(tokens(cost.input_tokens, cost.output_tokens)).chain(missing).collect()
}

fn tokens(sent: Option<u64>, answered: Option<u64>) -> impl Iterator<Item = String> {
    let told = |(tokens, way): (Option<u64>, &str)| Some(format!("{} tokens {way}", count(tokens?)));
    [(sent, "in"), (answered, "out")].into_iter().filter_map(told)
}

/// The numbers above 0, each with its word.
fn parts(parts: &[(u64, &str)]) -> Vec<String> {
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    parts.map(|(number, word)| format!("{} {word}", count(*number))).collect()
}

fn target(target: &Target) -> Row {
    let (label, shown, share) = match target.figure {
        Targeted::CoordinationOverheadPercent => (
            format!("overhead below {}", percent(target.bound)),
            target.value.map(percent),
            target.value.map(|value| value / target.bound),
        ),
        Targeted::TestCoverageRate => (
            format!("tests decide above {}", share_in_percent(target.bound)),
            target.value.map(share_in_percent),
            target.value,
        ),
        Targeted::EfficiencyScore => {
            (format!("efficiency above {}", number(target.bound)), target.value.map(number), target.value)
        }
    };
    let (word, tone) = match target.reached {
        Reached::Met => ("met", Tone::Good),
        Reached::Missed => ("missed", Tone::Bad),
        Reached::Unknown => ("unknown", Tone::Faint),
    };
    let shown = shown.unwrap_or_else(|| "-".to_owned());
    Row { share, tone, ..plain(&label, shown, vec![word.to_owned()]) }
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
                things(runs.total, "run"),
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
            share: ratio(stats.total_calls, metrics.total_calls),
            ..plain(name, count(stats.total_calls), provider(stats))
        })
        .collect()
}

fn provider(stats: &ProviderStats) -> Vec<String> {
    let mut details = Vec::new();
    if let Some(rate) = stats.success_rate {
        details.push(format!("{} ok", share_in_percent(rate)));
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

fn spent(spent: &Spent) -> impl Iterator<Item = String> {
    tokens(spent.input_tokens, spent.output_tokens).chain(spent.cost_usd.map(dollars))
}

fn purposes(metrics: &Metrics) -> Vec<Row> {
    metrics
        .calls_by_purpose
        .iter()
        .map(|(purpose, calls)| Row {
            share: ratio(*calls, metrics.total_calls),
            ..plain(purpose, count(*calls), Vec::new())
        })
        .collect()
}

fn stages(metrics: &Metrics) -> Vec<Row> {
    let most = metrics.stage_stats.values().map(|stats| stats.work.consults).max().unwrap_or(0);
    crate::domain::stage::Stage::ALL
        .iter()
        .copied()
        .filter_map(|stage| Some((stage.name(), metrics.stage_stats.get(stage.name())?)))
        .map(|(name, stats)| {
            let mut details = vec![things(stats.work.runs, "run")];
            details.extend(parts(&[(stats.work.solo, "solo"), (stats.work.failed, "failed")]));
            if let Some(each) = stats.work.total_elapsed_ms.checked_div(stats.work.runs) {
                details.push(format!("{} each", duration(each)));
            }
            let share = (most > 0).then(|| real(stats.work.consults) / real(most));
            Row { share, ..plain(name, count(stats.work.consults), details) }
        })
        .collect()
}

fn evidence(metrics: &Metrics) -> Vec<Row> {
    let Metrics { verifications, patches, .. } = metrics;
    let checks = verifications.passed + verifications.failed + verifications.undecided;
    let mut rows = Vec::new();
    let mut add = |label: &str, total: u64, of: &[(u64, &str)]| {
        if total > 0 {
            rows.push(plain(label, count(total), parts(of)));
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
    out.push_str(&paint(LineKind::Title, "Notes", look.colour));
    // Several figures may have the same note, which is shown once.
    let mut said: Vec<(&str, Vec<&str>)> = Vec::new();
    for (figure, note) in &metrics.notes {
        match said.iter_mut().find(|(known, _)| **known == **note) {
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

/// Line width in columns without a terminal.
const WIDTH: usize = 80;
/// Minimum line width in columns.
const NARROWEST: usize = 40;

/// One row of a section.
struct Row {
    label: String,
    value: String,
    /// The share of the bar that is filled, 0 to 1.
    share: Option<f64>,
    details: Vec<String>,
    tone: Tone,
}

const LONGEST_LABEL: usize = 26;
const LONGEST_VALUE: usize = 10;
/// Width of a bar, and the narrowest terminal with room for a table: its last column has ten columns.
const BAR: usize = 12;
const ROOM_FOR_TABLES: usize = 66;
const SIDES: [CellAlignment; 4] =
    [CellAlignment::Left, CellAlignment::Right, CellAlignment::Left, CellAlignment::Left];

/// Adds a section with a heading and its rows. Without rows it adds nothing.
fn section(out: &mut String, look: Look, title: &str, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    out.push('\n');
    out.push_str(&paint(LineKind::Title, title, look.colour));
    if look.width.is_some_and(|width| width < ROOM_FOR_TABLES) {
        for row in rows {
            let details = Some(one_line(&row.details.join(", "))).filter(|details| !details.is_empty());
            out.push_str(&stacked(&one_line(&format!("{}: {}", row.label, row.value)), details, look.width));
        }
        return;
    }
    let has_bars = rows.iter().any(|row| row.share.is_some());
    let cells = |row: &Row| -> Vec<Cell> {
        let bar = || row.share.map(|share| bar_of(share, BAR, look.marks)).unwrap_or_default();
        let mut cells = vec![
            cell(format!("  {}", cut(&one_line(&row.label), Some(LONGEST_LABEL))), Tone::Plain),
            cell(&row.value, Tone::Plain),
        ];
        cells.extend(has_bars.then(|| cell(bar(), row.tone)));
        cells.push(cell(one_line(&row.details.join(", ")), row.tone));
        cells
    };
    let sides = SIDES.get(..if has_bars { 4 } else { 3 }).unwrap_or_default();
    out.push_str(&rows_only(sides, rows.iter().map(cells), look));
}

/// Adds a text wrapped over several lines. Those after the first are indented.
fn paragraph(out: &mut String, look: Look, first: &str, text: &str) {
    out.push_str(&hanging(first, &one_line(text), look.width));
}

/// A value that fits into its column.
fn value(text: String) -> String {
    if text.chars().count() > LONGEST_VALUE {
        head(&text.replace(',', ""), LONGEST_VALUE).to_owned()
    } else {
        text
    }
}

/// A bar of `width` characters, filled to a share from 0 to 1.
fn bar_of(share: f64, width: usize, marks: Marks) -> String {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let (full, parts, empty): (char, &[char], char) = match marks {
        Marks::Blocks => ('█', &['▏', '▎', '▍', '▌', '▋', '▊', '▉'], '░'),
        Marks::Ascii => ('#', &[], '.'),
    };
    let steps = parts.len() + 1;
    // The number of filled steps, found by comparing instead of casting.
    let total = width * steps;
    let whole = |count: usize| real(u64::try_from(count).unwrap_or(u64::MAX));
    let filled = (1..=total).take_while(|step| whole(*step) - 0.5 <= share * whole(total)).count();
    let mut bar: String = std::iter::repeat_n(full, filled / steps).collect();
    bar.extend((filled % steps).checked_sub(1).and_then(|part| parts.get(part)));
    let drawn = bar.chars().count();
    bar.extend(std::iter::repeat_n(empty, width.saturating_sub(drawn)));
    bar
}

/// Formats a number with at most two decimals.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::cli::terminal::Colour;
    use crate::domain::event::ChangeKind;
    use crate::domain::event::consult::{ConsultSettled, Purpose};
    use crate::domain::event::stage::Mode;
    use crate::domain::measure::number::mean_pairwise;
    use crate::domain::measure::tally::{Baseline, Scope, Tally, Verdict};
    use crate::domain::select::rank::Basis;
    use crate::domain::stage::Stage;

    #[test]
    fn the_options_choose_the_scope() {
        let options = MetricsOptions::default();
        assert_eq!(options.wanted(), Wanted::Current);
        assert_eq!(MetricsOptions { all: true, ..options.clone() }.wanted(), Wanted::Project);
        let run = MetricsOptions { run: Some("w1".to_owned()), ..options };
        assert_eq!(run.wanted(), Wanted::Run(Some("w1".to_owned())));
    }

    fn consult(provider: &str, purpose: Purpose, stage: Option<Stage>, elapsed_ms: u64) -> ConsultSettled {
        let tells = provider == "claude";
        ConsultSettled {
            stage,
            provider: provider.to_owned(),
            purpose,
            code: (elapsed_ms > 60_000).then(|| "cli_timeout".to_owned()),
            elapsed_ms,
            input_tokens: tells.then_some(12_345),
            output_tokens: tells.then_some(678),
            cost_usd: tells.then_some(0.125),
            ..ConsultSettled::sample()
        }
    }

    /// A run with a bit of everything, ended with success.
    fn full() -> Tally {
        let run = Some("w1");
        let mut tally = Tally::default();
        tally.add_consult(run, &consult("codex", Purpose::Plain, Some(Stage::Analyze), 4_200));
        tally.add_consult(run, &consult("codex", Purpose::Candidate, Some(Stage::Hypothesize), 8_000));
        tally.add_consult(run, &consult("gemini", Purpose::Candidate, Some(Stage::Hypothesize), 600_000));
        tally.add_consult(run, &consult("gemini", Purpose::Resample, Some(Stage::Hypothesize), 950));
        tally.add_consult(run, &consult("claude", Purpose::Judge, None, 2_000));
        for _ in 0..3 {
            tally.add_consult(run, &consult("claude", Purpose::Vote, None, 1_500));
        }
        let texts = ["the cache is stale", "the lock is stale"];
        tally.add_redundancy(mean_pairwise(&texts));
        let ends = [
            (Stage::Analyze, Some(Mode::Consult)),
            (Stage::Hypothesize, Some(Mode::Ensemble)),
            (Stage::Debug, None),
            (Stage::Improve, Some(Mode::Solo)),
        ];
        for (stage, mode) in ends {
            tally.add_stage_run(run, stage, mode, 65_000);
        }
        tally.add_selection(Basis::Tests, true);
        tally.add_selection(Basis::Judge, false);
        tally.add_change(run, 7, ChangeKind::Applied);
        tally.add_verification(run, 8, None, Verdict::Passed);
        tally.outcomes_outside.several.add(true);
        tally
    }

    fn report(tally: &Tally) -> Report {
        Report::of(Scope::Run("w1".to_owned()), tally, Baseline::default())
    }

    const TERMINAL: Look = Look { width: Some(100), colour: Colour::Plain, marks: Marks::Blocks };
    const PLAIN: Look = Look { width: None, colour: Colour::Plain, marks: Marks::Ascii };

    fn check(name: &str, text: &str) {
        insta::with_settings!({ snapshot_path => "../../tests/snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, text);
        });
    }

    #[test]
    fn a_full_run() {
        check("metrics_terminal", &render(&report(&full()), TERMINAL));
    }

    #[test]
    fn a_full_run_in_plain_text() {
        let text = render(&report(&full()), PLAIN);
        assert!(text.is_ascii());
        check("metrics_plain", &text);
    }

    #[test]
    fn a_full_run_in_a_narrow_terminal() {
        check("metrics_narrow", &render(&report(&full()), Look { width: Some(20), ..TERMINAL }));
    }

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let plain = render(&report(&full()), TERMINAL);
        let coloured = render(&report(&full()), Look { colour: Colour::Ansi, ..TERMINAL });
        assert!(coloured.contains("mmet\x1b[") && coloured.contains("mmissed\x1b["), "{coloured:?}");
        assert_eq!(crate::cli::terminal::without_colours(&coloured), plain);
    }

    #[test]
    fn nothing_recorded() {
        let report = Report::of(Scope::Project, &Tally::default(), Baseline::configured(Some(5.0)));
        check("metrics_nothing", &render(&report, PLAIN));
    }

    #[test]
    fn a_terminal_is_taken_at_its_word() {
        let utf8 = Some("ko_KR.UTF-8");
        assert_eq!(Marks::of(Some(120), utf8), Marks::Blocks);
        for (width, locale) in [(Some(120), Some("C")), (Some(120), None), (None, utf8)] {
            assert_eq!(Marks::of(width, locale), Marks::Ascii);
        }
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            width in 0_usize..200,
            id in "\\PC{0,90}",
            provider in "[a-z\\x1b-]{0,60}",
            elapsed_ms in any::<u64>(),
            tokens in any::<u64>(),
        ) {
            let mut tally = full();
            let call = ConsultSettled {
                input_tokens: Some(tokens),
                cost_usd: Some(1e9),
                ..consult(&provider, Purpose::Plain, None, elapsed_ms)
            };
            tally.add_consult(Some("w1"), &call);
            tally.calls.total = u64::MAX / 2;
            let report = Report::of(Scope::Run(id), &tally, Baseline::configured(Some(1e-9)));
            let text = render(&report, Look { width: Some(width), ..TERMINAL });
            prop_assert!(!text.contains('\x1b'));
            for line in text.lines() {
                prop_assert!(line.width() <= width.max(40), "{}", line);
                prop_assert_eq!(line.trim_end(), line);
            }
        }
    }

    #[test]
    fn bars_fill_by_eighths_or_by_whole_letters() {
        assert_eq!(bar_of(0.5, 4, Marks::Ascii), "##..");
        assert_eq!(bar_of(0.5, 5, Marks::Blocks), "██▌░░");
        assert_eq!(bar_of(1.0, 3, Marks::Blocks), "███");
        for nothing in [0.0, -1.0, f64::NAN] {
            assert_eq!(bar_of(nothing, 3, Marks::Ascii), "...");
        }
    }

    proptest! {
        #[test]
        fn bars_have_their_width(share in -1.0_f64..2.0, width in 1_usize..40) {
            for marks in [Marks::Ascii, Marks::Blocks] {
                prop_assert_eq!(bar_of(share, width, marks).chars().count(), width);
            }
        }
    }

    #[test]
    fn amounts_read_well() {
        assert_eq!(
            [0.0, -0.001, 0.4, 2.345_6, 300.0].map(number),
            ["0", "0", "0.4", "2.35", "300"].map(str::to_owned)
        );
    }
}

//! Tests: the same figures at several widths, with and without colours and blocks.

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

use super::*;
use crate::cli::metrics::layout::Marks;
use crate::cli::report::Colour;
use crate::domain::event::consult::Purpose;
use crate::domain::measure::baseline::Baseline;
use crate::domain::measure::entry::{
    Candidates, Change, Consult, Outcome, Patch, Selection, StageEnd, StageRun, Verdict, Verification,
};
use crate::domain::measure::outcome::Agents;
use crate::domain::measure::scope::Scope;
use crate::domain::measure::tally::Tally;
use crate::domain::select::record::Basis;
use crate::domain::stage::Stage;

fn consult(provider: &str, purpose: Purpose, stage: Option<Stage>, elapsed_ms: u64) -> Consult {
    let tells = provider == "claude";
    Consult {
        run: Some("w1".to_owned()),
        stage,
        provider: provider.to_owned(),
        model: String::new(),
        model_asked: None,
        purpose,
        code: (elapsed_ms > 60_000).then(|| "cli_timeout".to_owned()),
        elapsed_ms,
        input_tokens: tells.then_some(12_345),
        output_tokens: tells.then_some(678),
        cost_usd: tells.then_some(0.125),
        estimate: None,
        thread: None,
    }
}

/// A run with a bit of everything, ended with success.
fn full() -> Tally {
    let run = || Some("w1".to_owned());
    let mut tally = Tally::default();
    tally.add_consult(&consult("codex", Purpose::Plain, Some(Stage::Analyze), 4_200));
    tally.add_consult(&consult("codex", Purpose::Candidate, Some(Stage::Hypothesize), 8_000));
    tally.add_consult(&consult("gemini", Purpose::Candidate, Some(Stage::Hypothesize), 600_000));
    tally.add_consult(&consult("gemini", Purpose::Resample, Some(Stage::Hypothesize), 950));
    tally.add_consult(&consult("claude", Purpose::Judge, None, 2_000));
    for _ in 0..3 {
        tally.add_consult(&consult("claude", Purpose::Vote, None, 1_500));
    }
    let texts = ["the cache is stale", "the lock is stale"];
    tally.add_candidates(&Candidates { run: run(), answers: texts.map(str::to_owned).to_vec() });
    let ends = [
        (Stage::Analyze, StageEnd::Answered),
        (Stage::Hypothesize, StageEnd::Answered),
        (Stage::Debug, StageEnd::Solo),
        (Stage::Improve, StageEnd::Failed),
    ];
    for (stage, end) in ends {
        tally.add_stage_run(&StageRun { run: run(), stage, end, elapsed_ms: 65_000 });
    }
    tally.add_selection(&Selection { run: run(), basis: Basis::Tests, won: true });
    tally.add_selection(&Selection { run: run(), basis: Basis::Judge, won: false });
    tally.add_patch(&Patch { run: run(), sequence: 7, change: Change::Applied });
    let verification = Verification { run: run(), sequence: 8, stage: None, verdict: Verdict::Passed };
    tally.add_verification(&verification);
    tally.add_outcome(&Outcome { run: run(), sequence: 9, agents: Agents::Several, success: true });
    tally
}

fn report(tally: &Tally) -> Report {
    Report::of(Scope::Run("w1".to_owned()), tally, Baseline::default())
}

const TERMINAL: Look = Look { width: 100, colour: Colour::Plain, marks: Marks::Blocks };

fn check(name: &str, text: &str) {
    insta::with_settings!({ snapshot_path => "../../../../tests/snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn a_full_run() {
    check("metrics_terminal", &render(&report(&full()), TERMINAL));
}

#[test]
fn a_full_run_in_plain_text() {
    let text = render(&report(&full()), Look::PLAIN);
    assert!(text.is_ascii());
    check("metrics_plain", &text);
}

#[test]
fn a_full_run_in_a_narrow_terminal() {
    check("metrics_narrow", &render(&report(&full()), Look { width: 20, ..TERMINAL }));
}

#[test]
fn colours_change_nothing_but_the_colour() {
    let plain = render(&report(&full()), TERMINAL);
    let coloured = render(&report(&full()), Look { colour: Colour::Ansi, ..TERMINAL });
    assert!(coloured.contains("mmet\x1b[") && coloured.contains("mmissed\x1b["), "{coloured:?}");
    assert_eq!(crate::cli::table::without_colours(&coloured), plain);
}

#[test]
fn nothing_recorded() {
    let report = Report::of(Scope::Project, &Tally::default(), Baseline::configured(Some(5.0)));
    check("metrics_nothing", &render(&report, Look::PLAIN));
}

#[test]
fn a_terminal_is_taken_at_its_word() {
    let utf8 = Some("ko_KR.UTF-8");
    let term = Some("xterm");
    assert_eq!(
        Look::of_terminal(120, utf8, term, false),
        Look { width: 120, colour: Colour::Ansi, marks: Marks::Blocks }
    );
    assert_eq!(Look::of_terminal(120, Some("C"), term, false).marks, Marks::Ascii);
    assert_eq!(Look::of_terminal(120, None, term, false).marks, Marks::Ascii);
    for (term, no_colour) in [(term, true), (Some("dumb"), false), (None, false)] {
        assert_eq!(Look::of_terminal(120, utf8, term, no_colour).colour, Colour::Plain);
    }
    assert_eq!(Look::of_terminal(3, utf8, term, false).width, 40);
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
        tally.add_consult(&Consult {
            input_tokens: Some(tokens),
            cost_usd: Some(1e9),
            estimate: None,
            thread: None,
            ..consult(&provider, Purpose::Plain, None, elapsed_ms)
        });
        tally.calls.total = u64::MAX / 2;
        let report = Report::of(Scope::Run(id), &tally, Baseline::configured(Some(1e-9)));
        let text = render(&report, Look { width, ..TERMINAL });
        prop_assert!(!text.contains('\x1b'));
        for line in text.lines() {
            prop_assert!(line.width() <= width.max(40), "{}", line);
            prop_assert_eq!(line.trim_end(), line);
        }
    }
}

//! The ranking rule: examples, and properties over random candidates.

use proptest::prelude::*;

use super::*;

const MODES: [Mode; 3] = [Mode::TestsFirst, Mode::LlmJudge, Mode::Hybrid];

fn candidate(tests: Tests) -> Evidence {
    Evidence {
        provider: None,
        chars: 100,
        tests,
        lint: None,
        judge: None,
        flagged: false,
        alike: None,
        changed_lines: None,
    }
}

#[test]
fn a_pattern_weighs_less_than_a_test() {
    let flagged = Evidence { flagged: true, ..candidate(Tests::Passed) };
    for mode in MODES {
        let ranking =
            rank(&[candidate(Tests::Failed), candidate(Tests::Unknown), flagged.clone()], mode, None);
        assert_eq!(ranking.order, [2, 1], "{mode:?}");
    }
}

#[test]
fn nobody_wins_where_all_failed_or_are_flagged() {
    let flagged = Evidence { flagged: true, ..candidate(Tests::Unknown) };
    for mode in MODES {
        assert_eq!(rank(&[candidate(Tests::Failed), flagged.clone()], mode, Some(0)).winner(), None);
    }
}

#[test]
fn among_those_that_passed_lint_decides_and_then_the_earlier() {
    let with = |lint| Evidence { lint, ..candidate(Tests::Passed) };
    let ranking =
        rank(&[with(Some(0.2)), with(None), with(Some(0.9)), with(Some(0.5))], Mode::TestsFirst, None);
    assert_eq!(ranking.order, [2, 1, 3, 0]);
    assert!((ranking.scores[2] - 0.78).abs() < 1e-9);
}

#[test]
fn where_maestro_ran_the_tests_the_larger_group_then_lint_then_the_smaller_change() {
    let with = |alike, lint, lines| Evidence {
        alike: Some(alike),
        lint,
        changed_lines: Some(lines),
        ..candidate(Tests::Passed)
    };
    let all = [with(1, Some(1.0), 1), with(2, Some(0.4), 1), with(2, Some(0.6), 9), with(2, Some(0.6), 3)];
    assert_eq!(rank(&all, Mode::TestsFirst, None).order, [3, 2, 1, 0]);
}

#[test]
fn the_judges_choice_counts_among_those_that_stand_level() {
    let all = [candidate(Tests::Unknown), candidate(Tests::Unknown), candidate(Tests::Failed)];
    assert_eq!(rank(&all, Mode::LlmJudge, Some(1)).winner(), Some(1));
    assert_eq!(rank(&all, Mode::LlmJudge, Some(2)).winner(), Some(0));
    assert_eq!(rank(&all, Mode::TestsFirst, Some(1)).winner(), Some(0));
}

#[test]
fn hybrid_scores_are_those_of_the_contract() {
    let codex = Evidence { provider: Some("codex".into()), chars: 50, ..candidate(Tests::Passed) };
    let other = Evidence { lint: Some(1.0), judge: Some(0.0), chars: 150, ..candidate(Tests::Unknown) };
    let ranking = rank(&[codex, other], Mode::Hybrid, None);
    let expected =
        [0.6 + 0.075 + 0.075 + 0.05 * 0.75 + 0.05 * 0.85, 0.3 + 0.15 + 0.0 + 0.05 * 0.25 + 0.05 * 0.7];
    for (score, expected) in ranking.scores.iter().zip(expected) {
        assert!((score - expected).abs() < 1e-9, "{score} {expected}");
    }
}

fn unit() -> impl Strategy<Value = Option<f64>> {
    proptest::option::of((0..=100_u8).prop_map(|hundredths| f64::from(hundredths) / 100.0))
}

fn any_candidate() -> impl Strategy<Value = Evidence> {
    let tests = prop_oneof![Just(Tests::Passed), Just(Tests::Failed), Just(Tests::Unknown)];
    let provider = proptest::option::of(prop_oneof!["codex", "claude", "gemini", "[a-z]{3}"]);
    let run = proptest::option::of((1..4_usize, 0..50_usize));
    (tests, provider, 0..500_usize, unit(), unit(), any::<bool>(), run).prop_map(
        |(tests, provider, chars, lint, judge, flagged, run)| Evidence {
            provider,
            chars,
            tests,
            lint,
            judge,
            flagged,
            alike: run.map(|(alike, _)| alike),
            changed_lines: run.map(|(_, lines)| lines),
        },
    )
}

fn any_mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::TestsFirst), Just(Mode::LlmJudge), Just(Mode::Hybrid)]
}

proptest! {
    #[test]
    fn tests_come_first_in_every_mode(
        all in proptest::collection::vec(any_candidate(), 0..8),
        mode in any_mode(),
        chosen in proptest::option::of(0..8_usize),
    ) {
        let ranking = rank(&all, mode, chosen);
        let passed = all.iter().any(|one| one.tests == Tests::Passed);
        match ranking.winner() {
            Some(winner) if passed => prop_assert_eq!(all[winner].tests, Tests::Passed),
            Some(winner) => {
                prop_assert_eq!(all[winner].tests, Tests::Unknown);
                prop_assert!(!all[winner].flagged);
            }
            None => {
                let can_win = |one: &Evidence| one.standing().can_win();
                prop_assert!(!all.iter().any(can_win));
            }
        }
    }

    #[test]
    fn everyone_who_can_win_is_ranked_once_and_nobody_else(
        all in proptest::collection::vec(any_candidate(), 0..8),
        mode in any_mode(),
    ) {
        let mut order = rank(&all, mode, None).order;
        order.sort_unstable();
        let able: Vec<usize> = (0..all.len()).filter(|index| all[*index].standing().can_win()).collect();
        prop_assert_eq!(order, able);
    }

    #[test]
    fn scores_lie_between_nothing_and_all(
        all in proptest::collection::vec(any_candidate(), 0..8),
        mode in any_mode(),
    ) {
        let scores = rank(&all, mode, None).scores;
        prop_assert_eq!(scores.len(), all.len());
        prop_assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
    }

    #[test]
    fn one_more_failure_changes_nothing(
        all in proptest::collection::vec(any_candidate(), 1..8),
    ) {
        let mut more = all.clone();
        more.push(candidate(Tests::Failed));
        prop_assert_eq!(
            rank(&all, Mode::TestsFirst, None).order,
            rank(&more, Mode::TestsFirst, None).order
        );
    }

    #[test]
    fn passing_the_tests_never_harms(
        all in proptest::collection::vec(any_candidate(), 1..8),
        index in 0..8_usize,
        mode in any_mode(),
    ) {
        let index = index % all.len();
        let place = |all: &[Evidence]| rank(all, mode, None).order.iter().position(|one| *one == index);
        let before = place(&all);
        let mut better = all.clone();
        better[index].tests = Tests::Passed;
        let after = place(&better);
        prop_assert!(after.is_some());
        if all[index].tests != Tests::Passed && let (Some(before), Some(after)) = (before, after) {
            prop_assert!(after <= before);
        }
    }

    #[test]
    fn the_order_of_the_candidates_matters_only_between_equals(
        all in proptest::collection::vec(any_candidate(), 2..8),
        mode in any_mode(),
    ) {
        let mut turned = all.clone();
        turned.reverse();
        let key = |all: &[Evidence]| {
            let ranking = rank(all, mode, None);
            let winner = &all[ranking.winner()?];
            let score = (ranking.scores[ranking.order[0]] * 1e9).round();
            let lint = (winner.standing() == Standing::Proven).then_some(winner.lint.unwrap_or(0.5));
            Some(match mode {
                Mode::Hybrid => (winner.standing(), winner.alike, Some(score)),
                Mode::TestsFirst | Mode::LlmJudge => {
                    let proven = winner.standing() == Standing::Proven;
                    (winner.standing(), winner.alike.filter(|_| proven), lint.or(Some(score)))
                }
            })
        };
        prop_assert_eq!(key(&all), key(&turned));
    }
}

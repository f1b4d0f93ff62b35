//! The ranking rule: examples, and properties over random candidates.

use proptest::prelude::*;

use super::rank::rank;
use super::*;

const MODES: [Mode; 3] = [Mode::TestsFirst, Mode::LlmJudge, Mode::Hybrid];

fn candidate(tests: Tests) -> Evidence {
    Evidence {
        provider: None,
        tests,
        proof: Proof::Speaks,
        lint: None,
        judge: None,
        flagged: false,
        answers: true,
        support: 1,
        same_as: 0,
        size: 100,
    }
}

/// Candidates that all differ.
fn different(all: Vec<Evidence>) -> Vec<Evidence> {
    all.into_iter().enumerate().map(|(same_as, one)| Evidence { same_as, ..one }).collect()
}

fn ranked(all: Vec<Evidence>, mode: Mode, chosen: Option<usize>) -> Ranking {
    rank(&different(all), mode, TestWeight::First, chosen)
}

#[test]
fn a_pattern_weighs_less_than_a_test() {
    let flagged = Evidence { flagged: true, ..candidate(Tests::Passed) };
    for mode in MODES {
        let ranking =
            ranked(vec![candidate(Tests::Failed), candidate(Tests::Unknown), flagged.clone()], mode, None);
        assert_eq!((ranking.order, ranking.deciding), (vec![2, 1], Deciding::Tests), "{mode:?}");
    }
}

#[test]
fn nobody_wins_where_all_failed_or_are_flagged() {
    let flagged = Evidence { flagged: true, ..candidate(Tests::Unknown) };
    for mode in MODES {
        let ranking = ranked(vec![candidate(Tests::Failed), flagged.clone()], mode, Some(0));
        assert_eq!((ranking.winner, ranking.order.len()), (None, 0));
    }
}

#[test]
fn a_refusal_never_wins_whatever_is_said_for_it() {
    let refusal = Evidence { answers: false, lint: Some(1.0), ..candidate(Tests::Passed) };
    for mode in MODES {
        let ranking = ranked(vec![refusal.clone(), candidate(Tests::Unknown)], mode, Some(0));
        assert_eq!((ranking.winner, ranking.deciding), (Some(1), Deciding::OnlyOne), "{mode:?}");
    }
}

#[test]
fn tests_that_would_pass_without_the_change_prove_nothing() {
    let weak = Evidence { proof: Proof::Lacks, ..candidate(Tests::Passed) };
    assert_eq!(weak.standing(), Standing::Open);
    assert_eq!(Evidence { flagged: true, ..weak.clone() }.standing(), Standing::Flagged);
    let ranking = ranked(vec![weak.clone(), candidate(Tests::Passed)], Mode::TestsFirst, None);
    assert_eq!(ranking.winner, Some(1));
    assert_eq!(ranked(vec![weak.clone(), weak], Mode::TestsFirst, None).winner, None);
}

#[test]
fn among_those_that_passed_lint_decides_and_an_unknown_one_beats_none() {
    let with = |lint| Evidence { lint, ..candidate(Tests::Passed) };
    let ranking =
        ranked(vec![with(Some(0.2)), with(None), with(Some(0.9)), with(Some(0.5))], Mode::TestsFirst, None);
    assert_eq!(ranking.order, [2, 3, 0, 1]);
    assert_eq!((ranking.winner, ranking.deciding), (Some(2), Deciding::Lint));
    assert!((ranking.scores[2] - 0.78).abs() < 1e-9);
    assert_eq!(ranked(vec![with(Some(0.9)), with(Some(0.9))], Mode::TestsFirst, None).winner, None);
}

#[test]
fn neither_length_nor_order_nor_an_author_decides() {
    for tests in [Tests::Passed, Tests::Unknown] {
        let of =
            |provider: &str, size| Evidence { provider: Some(provider.to_owned()), size, ..candidate(tests) };
        for mode in MODES {
            for all in [vec![of("codex", 1), of("gemini", 90)], vec![of("gemini", 90), of("codex", 1)]] {
                let ranking = ranked(all, mode, None);
                assert_eq!((ranking.winner, ranking.deciding), (None, Deciding::Nothing), "{mode:?}");
                assert!((ranking.scores[0] - ranking.scores[1]).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn of_several_that_are_the_same_the_smaller_stands_for_all() {
    let with = |size| Evidence { size, ..candidate(Tests::Passed) };
    let ranking = rank(&[with(9), with(3), with(3)], Mode::TestsFirst, TestWeight::First, None);
    assert_eq!((ranking.winner, ranking.deciding), (Some(1), Deciding::Same));
}

#[test]
fn where_no_test_ran_what_more_authors_say_wins_and_where_tests_ran_it_does_not() {
    let with = |support, same_as, tests| Evidence { support, same_as, ..candidate(tests) };
    let all = |tests| [with(1, 0, tests), with(2, 1, tests), with(2, 1, tests)];
    let ranking = rank(&all(Tests::Unknown), Mode::TestsFirst, TestWeight::First, None);
    assert_eq!(ranking.winner, Some(1));
    assert_eq!(rank(&all(Tests::Passed), Mode::TestsFirst, TestWeight::First, None).winner, None);
}

#[test]
fn the_judges_choice_counts_among_those_that_stand_level() {
    let all = || vec![candidate(Tests::Unknown), candidate(Tests::Unknown), candidate(Tests::Failed)];
    assert_eq!(ranked(all(), Mode::LlmJudge, Some(1)).winner, Some(1));
    assert_eq!(ranked(all(), Mode::LlmJudge, Some(2)).winner, None);
    assert_eq!(ranked(all(), Mode::TestsFirst, Some(1)).winner, None);
}

#[test]
fn where_tests_are_one_sign_among_several_a_judge_may_outweigh_them() {
    let all = different(vec![
        Evidence { judge: Some(0.1), ..candidate(Tests::Passed) },
        Evidence { judge: Some(0.9), lint: Some(1.0), ..candidate(Tests::Unknown) },
        Evidence { judge: Some(1.0), ..candidate(Tests::Failed) },
    ]);
    let winner = |mode, weight| rank(&all, mode, weight, Some(1)).winner;
    for mode in MODES {
        assert_eq!(winner(mode, TestWeight::First), Some(0), "{mode:?}");
    }
    assert_eq!(winner(Mode::LlmJudge, TestWeight::Among), Some(1));
    assert_eq!(winner(Mode::Hybrid, TestWeight::Among), Some(0));
    assert_eq!(winner(Mode::TestsFirst, TestWeight::Among), Some(0));
}

#[test]
fn hybrid_scores_are_made_of_tests_lint_and_judge_alone() {
    let proven = Evidence { provider: Some("codex".into()), size: 50, ..candidate(Tests::Passed) };
    let other = Evidence { lint: Some(1.0), judge: Some(0.0), size: 150, ..candidate(Tests::Unknown) };
    let ranking = ranked(vec![proven, other], Mode::Hybrid, None);
    for (score, expected) in ranking.scores.iter().zip([2.0 / 3.0 + 0.5 / 6.0, 1.0 / 3.0 + 1.0 / 6.0]) {
        assert!((score - expected).abs() < 1e-9, "{score} {expected}");
    }
}

fn unit() -> impl Strategy<Value = Option<f64>> {
    proptest::option::of((0..=100_u8).prop_map(|hundredths| f64::from(hundredths) / 100.0))
}

fn any_candidate() -> impl Strategy<Value = Evidence> {
    let tests = prop_oneof![Just(Tests::Passed), Just(Tests::Failed), Just(Tests::Unknown)];
    let proof = prop_oneof![Just(Proof::Speaks), Just(Proof::Lacks)];
    let provider = proptest::option::of(prop_oneof!["codex", "claude", "gemini", "[a-z]{3}"]);
    let marks = (any::<bool>(), any::<bool>(), 1..4_usize, 0..4_usize, 0..500_usize);
    (tests, proof, provider, unit(), unit(), marks).prop_map(
        |(tests, proof, provider, lint, judge, (flagged, answers, support, same_as, size))| Evidence {
            provider,
            tests,
            proof,
            lint,
            judge,
            flagged,
            answers,
            support,
            same_as,
            size,
        },
    )
}

fn any_mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::TestsFirst), Just(Mode::LlmJudge), Just(Mode::Hybrid)]
}

fn any_weight() -> impl Strategy<Value = TestWeight> {
    prop_oneof![Just(TestWeight::First), Just(TestWeight::Among)]
}

proptest! {
    #[test]
    fn what_is_proven_comes_first_in_every_mode(
        all in proptest::collection::vec(any_candidate(), 0..8),
        mode in any_mode(),
        chosen in proptest::option::of(0..8_usize),
    ) {
        let ranking = rank(&all, mode, TestWeight::First, chosen);
        let proven = all.iter().any(|one| one.standing() == Standing::Proven);
        if let Some(winner) = ranking.winner {
            let standing = all[winner].standing();
            prop_assert_eq!(standing, if proven { Standing::Proven } else { Standing::Open });
        }
    }

    #[test]
    fn who_wins_can_win_and_hangs_on_neither_order_nor_author_nor_length(
        all in proptest::collection::vec(any_candidate(), 2..8),
        mode in any_mode(),
        weight in any_weight(),
    ) {
        let winner = |all: &[Evidence]| {
            let ranking = rank(all, mode, weight, None);
            ranking.winner.map(|winner| (all[winner].same_as, all[winner].standing()))
        };
        let before = winner(&all);
        if let Some((_, standing)) = before {
            prop_assert!(standing.can_win());
        }
        let mut turned = all.clone();
        turned.reverse();
        prop_assert_eq!(winner(&turned), before);
        for one in &mut turned {
            one.size = 500 - one.size;
            one.provider = None;
        }
        prop_assert_eq!(winner(&turned), before);
    }

    #[test]
    fn everyone_who_can_win_is_ranked_once_and_nobody_else(
        all in proptest::collection::vec(any_candidate(), 0..8),
        mode in any_mode(),
        weight in any_weight(),
    ) {
        let mut order = rank(&all, mode, weight, None).order;
        order.sort_unstable();
        let able: Vec<usize> = (0..all.len()).filter(|index| all[*index].standing().can_win()).collect();
        prop_assert_eq!(order, able);
    }

    #[test]
    fn scores_lie_between_nothing_and_all(
        all in proptest::collection::vec(any_candidate(), 0..8),
        mode in any_mode(),
    ) {
        let scores = rank(&all, mode, TestWeight::First, None).scores;
        prop_assert_eq!(scores.len(), all.len());
        prop_assert!(scores.iter().all(|score| (0.0..=1.0 + 1e-9).contains(score)));
    }

    #[test]
    fn one_more_failure_changes_nothing(all in proptest::collection::vec(any_candidate(), 1..8)) {
        let mut more = all.clone();
        more.push(candidate(Tests::Failed));
        let order = |all: &[Evidence]| rank(all, Mode::TestsFirst, TestWeight::First, None).order;
        prop_assert_eq!(order(&all), order(&more));
    }

    #[test]
    fn passing_the_tests_never_harms(
        all in proptest::collection::vec(any_candidate(), 1..8),
        index in 0..8_usize,
        mode in any_mode(),
    ) {
        let index = index % all.len();
        let place = |all: &[Evidence]| {
            rank(all, mode, TestWeight::First, None).order.iter().position(|one| *one == index)
        };
        let mut better = all.clone();
        better[index].tests = Tests::Passed;
        if let Some(before) = place(&all) {
            prop_assert!(place(&better).is_some_and(|after| after <= before));
        }
    }
}

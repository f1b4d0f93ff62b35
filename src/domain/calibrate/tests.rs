//! Tests: every row of the paper's table, vectors recomputed from its formulas, and properties.

use proptest::prelude::*;

use super::{
    Basis, Classes, Counted, Rate, plan, samples_above_half, selection, smallest_k, whole_task, why_not, *,
};

fn p(probability: f64) -> Accuracy {
    Accuracy::new(probability).unwrap()
}

fn task(steps: u32, target: f64) -> Task {
    Task::new(steps, 1, target).unwrap()
}

fn near(value: f64, expected: f64, within: f64) -> bool {
    (value - expected).abs() <= within
}

/// Twenty disks: 2^20 - 1 steps.
const HANOI: u32 = 1_048_575;

/// Fig 6b of the paper: the error rate of a step and the k for a success of 95%, and the votes of a
/// step by the gambler's ruin.
const MODELS: [(&str, f64, u32, f64); 9] = [
    ("gpt-4.1-nano", 0.3571, 29, 101.47),
    ("gpt-4.1-mini, temperature 1", 0.0040, 4, 4.032),
    ("gpt-4.1-mini, temperature 0.1", 0.0022, 3, 3.013),
    ("o3-mini low", 0.0018, 3, 3.011),
    ("haiku-4.5", 0.1839, 12, 18.98),
    ("gpt-oss-20B", 0.0358, 6, 6.463),
    ("qwen-3 235B", 0.2342, 15, 28.22),
    ("deepseek-v3.1", 0.0569, 6, 6.770),
    ("kimi-k2", 0.0393, 6, 6.512),
];

#[test]
fn every_model_of_the_paper_gets_its_k_and_its_votes() {
    for (model, error, k, votes) in MODELS {
        let accuracy = p(1.0 - error);
        assert_eq!(smallest_k(1.0 - error, 1, task(HANOI, 0.95)), Some(k), "{model}");
        let expected = expected_votes(accuracy, k);
        assert!(near(expected, votes, votes * 2e-4), "{model}: {expected}");
        assert!(whole_task(1.0 - error, k, 1, task(HANOI, 0.95)) >= 0.95, "{model}");
    }
}

#[test]
fn the_model_that_is_always_wrong_is_refused() {
    // llama-3.2-3B in the same table: an error rate of 1.
    let refused = Accuracy::new(0.0).unwrap_err();
    assert_eq!(refused, CalibrationError::TooWeak(0.0));
    assert!(refused.to_string().contains("no k helps"));
}

#[test]
fn further_values_of_k() {
    for (probability, steps, target, k) in [
        (0.85, HANOI, 0.95, 10),
        (0.9, HANOI, 0.95, 8),
        (0.99, HANOI, 0.95, 4),
        (0.9, 1_000_000, 0.9, 8),
        (0.95, 1_000_000, 0.9, 6),
        (0.975, 1_000_000, 0.9, 5),
        (0.99, 1_000_000, 0.9, 4),
        (0.995, 1_000_000, 0.9, 4),
        (0.9975, 1_000_000, 0.9, 3),
        (0.999, 1_000_000, 0.9, 3),
        (0.85, 1, 0.95, 2),
        (0.7, 1, 0.95, 4),
        (0.7, 10, 0.9, 6),
        (0.6, 1, 0.9, 6),
        (0.9, 20, 0.95, 3),
        (0.95, 100, 0.99, 4),
    ] {
        assert_eq!(
            smallest_k(probability, 1, task(steps, target)),
            Some(k),
            "p={probability} s={steps} t={target}"
        );
    }
}

#[test]
fn selection_and_votes() {
    for (probability, k, selected, votes) in [
        (0.6, 3, 0.77143, 8.143),
        (0.7, 2, 0.84483, 3.448),
        (0.8, 3, 0.98462, 4.846),
        (0.9, 3, 0.99863, 3.740),
    ] {
        assert!(near(selection(probability, k, 1), selected, 5e-6), "p={probability} k={k}");
        assert!(near(expected_votes(p(probability), k), votes, 5e-4), "p={probability} k={k}");
    }
}

#[test]
fn extremes_do_not_overflow() {
    let long = task(u32::MAX, 0.999_999_999);
    assert_eq!(smallest_k(1.0, 1, long), Some(1));
    assert!(near(selection(1.0, 1, 1), 1.0, 0.0) && near(whole_task(1.0, 1, 1, long), 1.0, 0.0));
    assert!(near(expected_votes(p(1.0), 7), 7.0, 0.0));
    let barely = p(0.5 + 1e-12);
    assert_eq!(smallest_k(0.5 + 1e-12, 1, long), None, "no vote goes on for a billion votes");
    assert!(near(expected_votes(barely, 10), 100.0, 1e-3), "a fair walk takes k squared");
    assert_eq!(smallest_k(0.9, 1, task(1, 1e-300)), Some(1));
    assert!(whole_task(0.51, 1, 1, long) >= 0.0);
    for bad in [f64::NAN, f64::INFINITY, -0.1, 1.1] {
        assert!(Accuracy::new(bad).is_err(), "{bad}");
        assert!(Task::new(1, 1, bad).is_err(), "{bad}");
    }
    assert!(Task::new(1, 1, 0.0).is_err() && Task::new(1, 1, 1.0).is_err());
    assert!(Task::new(0, 1, 0.9).is_err() && Task::new(1, 0, 0.9).is_err());
}

#[test]
fn wilson_intervals() {
    for (hits, of, low, high) in [
        (10, 10, 0.7225, 1.0),
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),
    ] {
        let rate = Rate::of(hits, of).unwrap();
        assert!(near(rate.low, low, 5e-5) && near(rate.high, high, 5e-5), "{rate:?}");
    }
    assert_eq!(Rate::of(0, 0), None);
    assert_eq!(Rate::of(2, 1), None);
}

#[test]
fn few_samples_settle_nothing() {
    assert_eq!(samples_above_half(4, 0), Some(1));
    assert!(samples_above_half(6, 4).unwrap() > 2);
    assert_eq!((samples_above_half(5, 5), samples_above_half(2, 8)), (None, None));
}

#[test]
fn a_plan_stands_on_the_two_leading_classes_or_says_why_not() {
    let counted = |right: &[u32], wrong: &[u32]| Counted {
        classes: Classes::of(right, wrong),
        valid: right.iter().chain(wrong).sum(),
        valid_rate: 0.5,
    };
    let found = plan(Basis::Estimate, counted(&[27], &[3]), task(100, 0.99)).unwrap();
    assert_eq!((found.k, found.rivals), (5, 1));
    assert!(near(found.p, 0.9, 1e-9) && found.task_success >= 0.99);
    assert!(near(found.samples_per_step, 2.0 * expected_votes(p(0.9), 5), 1e-9));
    // The same wrong answers apart: one of three leads by more.
    let low = plan(Basis::IntervalLow, counted(&[27], &[3]), task(100, 0.99)).unwrap();
    let apart = plan(Basis::IntervalLow, counted(&[27], &[1, 1, 1]), task(100, 0.99)).unwrap();
    assert!(low.k > found.k && apart.k < low.k, "{} {}", low.k, apart.k);
    // Ten right of ten promise a good deal, and two of four nothing.
    assert!(plan(Basis::IntervalLow, counted(&[2], &[2]), task(100, 0.99)).is_none());
    assert!(why_not(&Rate::of(2, 4).unwrap(), Classes::of(&[2], &[2])).contains("no k helps"));
    assert!(why_not(&Rate::of(6, 10).unwrap(), Classes::of(&[6], &[4])).contains("would settle it"));
}

proptest! {
    #[test]
    fn the_smallest_k_reaches_the_target_and_none_smaller_does(
        probability in 0.501_f64..0.9999,
        steps in 1_u32..2_000_000,
        target in 0.01_f64..0.9999,
        rivals in 1_u32..8,
    ) {
        let task = task(steps, target);
        let Some(k) = smallest_k(probability, rivals, task) else {
            return Err(TestCaseError::fail("no lead"));
        };
        prop_assert!(whole_task(probability, k, rivals, task) >= target - 1e-6);
        prop_assert!(k == 1 || whole_task(probability, k - 1, rivals, task) < target + 1e-6);
    }

    #[test]
    fn a_larger_lead_is_more_reliable_and_takes_more_votes(
        probability in 0.501_f64..1.0,
        k in 1_u32..40,
    ) {
        let accuracy = p(probability);
        prop_assert!(selection(probability, k + 1, 1) >= selection(probability, k, 1));
        prop_assert!(expected_votes(accuracy, k + 1) > expected_votes(accuracy, k));
        prop_assert!(expected_votes(accuracy, k) >= f64::from(k) - 1e-9);
    }

    #[test]
    fn an_interval_holds_its_estimate_and_narrows(hits in 0_u32..200, misses in 0_u32..200) {
        prop_assume!(hits + misses > 0);
        let rate = Rate::of(hits, hits + misses).unwrap();
        prop_assert!(0.0 <= rate.low && rate.low <= rate.estimate && rate.estimate <= rate.high && rate.high <= 1.0);
        let more = Rate::of(4 * hits, 4 * (hits + misses)).unwrap();
        prop_assert!(more.high - more.low <= rate.high - rate.low);
    }

    #[test]
    fn nothing_is_not_a_number(
        probability in 0.5_f64..=1.0,
        k in 0_u32..100_000,
        steps in 1_u32..=u32::MAX,
        target in 1e-300_f64..1.0,
    ) {
        let (Ok(accuracy), Ok(task)) = (Accuracy::new(probability), Task::new(steps, 1, target)) else {
            return Ok(());
        };
        let (selected, whole) = (selection(probability, k, 1), whole_task(probability, k, 1, task));
        for value in [selected, whole, expected_votes(accuracy, k)] {
            prop_assert!(value.is_finite() && value >= 0.0, "{value}");
        }
        prop_assert!(smallest_k(probability, 1, task).is_none_or(|k| k >= 1));
    }
}

#[test]
fn no_share_up_to_one_half_has_a_lead() {
    assert_eq!(smallest_k(0.5, 1, task(1, 0.9)), None);
    assert_eq!(smallest_k(1.0, 3, task(1_000, 0.99)), Some(1));
}

#[test]
fn errors_that_spread_need_a_smaller_lead() {
    // Right in 60%, the rest on four rivals: 0.6 against 0.1.
    let spread = 0.6 / 0.7;
    assert!(smallest_k(spread, 4, task(1, 0.95)).unwrap() < smallest_k(0.6, 1, task(1, 0.95)).unwrap());
    // Right in 40% is refused against one rival and fine against six.
    assert_eq!(smallest_k(0.4, 1, task(1, 0.95)), None);
    assert!(smallest_k(0.8, 6, task(1, 0.95)).is_some());
}

#[test]
fn classes_are_counted_by_question() {
    let one = Classes::of(&[8], &[1, 1]);
    assert_eq!((one.right, one.wrong, one.rivals, one.opponents()), (8, 1, 2, 2));
    let both = one.with(Classes::of(&[6, 1], &[3]));
    assert_eq!((both.right, both.wrong, both.rivals), (14, 4, 2));
    assert_eq!(Classes::of(&[], &[]).share(), None);
    assert!(Classes::of(&[2, 1, 1, 1, 1], &[]).is_scattered(6));
    assert!(!Classes::of(&[5, 1], &[]).is_scattered(6));
}

#[test]
fn questions_that_differ_promise_less_than_their_mean() {
    let (mean, spread) = mean_and_spread(&[0.99, 0.9, 0.81]).unwrap();
    assert!((mean - 0.9).abs() < 1e-9 && (spread - 0.09).abs() < 1e-9);
    let apart = promise(&[0.99, 0.9, 0.81], 5, task(100, 0.99)).unwrap();
    let together = promise(&[0.9, 0.9, 0.9], 5, task(100, 0.99)).unwrap();
    assert!(apart < together, "{apart} {together}");
    assert_eq!((promise(&[], 5, task(1, 0.9)), mean_and_spread(&[0.9])), (None, None));
}

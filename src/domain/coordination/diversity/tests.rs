use proptest::prelude::*;

use super::*;
use crate::domain::coordination::record::Mark;

fn question(answers: &[(&str, &str, Option<bool>)]) -> Question {
    answers
        .iter()
        .map(|(provider, text, correct)| Answer {
            provider: (*provider).to_owned(),
            mark: Some(Mark::of(text)),
            correct: *correct,
        })
        .collect()
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-9
}

/// Questions to two providers: both right, only the first, only the second, both wrong.
fn table(counts: [usize; 4]) -> Vec<Question> {
    let kinds = [(true, true), (true, false), (false, true), (false, false)];
    kinds
        .into_iter()
        .zip(counts)
        .flat_map(|((first, second), count)| {
            let text = |right: bool| if right { "right" } else { "wrong" };
            std::iter::repeat_n(
                question(&[("codex", text(first), Some(first)), ("gemini", text(second), Some(second))]),
                count,
            )
        })
        .collect()
}

#[test]
fn voices_that_always_agree_are_one_and_strangers_are_all() {
    assert!(close(effective_voices(3, 1.0), 1.0));
    assert!(close(effective_voices(3, 0.0), 3.0));
    // Nine judges at a mean correlation of 0.44 are about two voices.
    assert!(close(effective_voices(9, 0.44), 9.0 / 4.52));
    assert!(close(effective_voices(2, -0.5), 2.0));
    assert!(close(effective_voices(0, 0.3), 0.0));
}

#[test]
fn little_is_not_reported() {
    assert_eq!(diversity(&table([10, 5, 5, 9])), None);
    assert_eq!(most_shared_questions(&table([10, 5, 5, 9])), 29);
    assert!(diversity(&table([10, 5, 5, 10])).is_some());
    assert_eq!(diversity(&[]), None);
}

#[test]
fn the_correlation_is_that_of_being_right() {
    let found = diversity(&table([20, 10, 10, 20])).unwrap();
    assert_eq!((found.voices, found.basis), (2, Basis::Correctness));
    assert!(close(found.rho.unwrap(), 1.0 / 3.0));
    assert!(close(found.effective_voices.unwrap(), 1.5));
    assert!(close(found.pairs[0].agreement.unwrap(), 40.0 / 60.0));
    assert_eq!(found.pairs[0].same_error, Some(1.0));
    assert!(close(found.all_wrong.unwrap(), 1.0 / 3.0));
}

#[test]
fn without_verdicts_no_number_of_voices_is_known() {
    let runs: Vec<Question> = (0..40)
        .map(|at| {
            question(&[("a", "x", None), ("b", if at < 10 { "x" } else { "y" }, None), ("c", "x", None)])
        })
        .collect();
    let found = diversity(&runs).unwrap();
    assert_eq!((found.voices, found.basis, found.all_wrong), (3, Basis::Agreement, None));
    assert_eq!((found.rho, found.effective_voices), (None, None));
    assert!(close(found.pairs[0].agreement.unwrap(), 0.25));
}

#[test]
fn one_that_is_always_right_has_no_correlation() {
    let found = diversity(&table([20, 15, 0, 0])).unwrap();
    assert_eq!(found.pairs[0].correlation, None);
    assert_eq!(found.basis, Basis::Agreement);
}

#[test]
fn two_answers_of_one_provider_are_one_voice() {
    let runs = vec![question(&[("a", "x", None), ("a", "y", None), ("b", "x", None)]); 30];
    let found = pairs(&runs);
    assert_eq!(found.len(), 1);
    assert!(close(found[0].agreement.unwrap(), 1.0));
}

#[test]
fn answers_that_are_not_compared_say_nothing_of_agreement() {
    let uncompared = |counts| -> Vec<Question> {
        let without = |mut question: Question| {
            for answer in &mut question {
                answer.mark = None;
            }
            question
        };
        table(counts).into_iter().map(without).collect()
    };
    let mut questions = uncompared([20, 10, 10, 20]);
    let found = diversity(&questions).unwrap();
    assert_eq!((found.basis, found.pairs[0].agreement), (Basis::Correctness, None));
    assert_eq!(found.pairs[0].same_error, None);
    // Thirty votes in which both said the same are all of the agreement that there is.
    questions.extend(vec![question(&[("codex", "x", None), ("gemini", "x", None)]); 30]);
    assert!(close(diversity(&questions).unwrap().pairs[0].agreement.unwrap(), 1.0));
    // Without agreement and without a correlation there is nothing to report.
    assert_eq!(diversity(&uncompared([40, 0, 0, 0])), None);
}

proptest! {
    #[test]
    fn there_are_never_fewer_than_one_voice_nor_more_than_heads(voices in 1_u64..20, rho in -1.0_f64..=1.0) {
        let effective = effective_voices(voices, rho);
        prop_assert!(effective >= 1.0 - 1e-12 && effective <= real(voices) + 1e-12);
    }

    #[test]
    fn more_correlation_never_makes_more_voices(voices in 1_u64..20, rho in 0.0_f64..0.9) {
        prop_assert!(effective_voices(voices, rho + 0.1) <= effective_voices(voices, rho) + 1e-12);
    }

    #[test]
    fn names_do_not_matter(counts in proptest::array::uniform4(0_usize..20)) {
        let swapped = [counts[0], counts[2], counts[1], counts[3]];
        let (one, other) = (diversity(&table(counts)), diversity(&table(swapped)));
        prop_assert_eq!(one.is_some(), other.is_some());
        if let (Some(one), Some(other)) = (one, other) {
            prop_assert!(one.rho.is_some() == other.rho.is_some() && close(one.rho.unwrap_or(0.0), other.rho.unwrap_or(0.0)));
        }
    }
}

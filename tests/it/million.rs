//! The voting code with a simulated provider: the short version of `benches/million_step.rs`.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::unreachable
)]

#[path = "../../benches/million_step/provider.rs"]
mod provider;
#[path = "../../benches/million_step/towers.rs"]
mod towers;

use maestro::testing::{Accuracy, Canonical, expected_votes, selection};

use provider::{Provider, Rivals, decide};
use towers::{Towers, steps};

/// Moves the tower. Returns the first wrong step, if there is one, and the votes per step.
fn play(disks: u32, accuracy: f64, k: u32) -> (Option<u32>, f64) {
    let mut provider = Provider::new(7, accuracy, 0.973, Rivals::One);
    let mut towers = Towers::new(disks);
    let mut votes = 0.0;
    for step in 0..steps(disks) {
        let right = towers.next_move(step);
        let decision = decide(k, || provider.sample(&right).map(|answer| Canonical::of(&answer)));
        assert!(decision.samples >= decision.votes && decision.rounds >= 1);
        votes += f64::from(decision.votes);
        if decision.winner != Canonical::of(&right) {
            return (Some(step + 1), votes / f64::from(step + 1));
        }
        towers.make(step);
    }
    assert!(towers.is_solved());
    (None, votes / f64::from(steps(disks)))
}

#[test]
fn ten_disks_are_moved_without_an_error() {
    let (wrong, votes) = play(10, 0.9978, 3);
    assert_eq!(wrong, None);
    let formula = expected_votes(Accuracy::new(0.9978).unwrap(), 3);
    assert!((votes / formula - 1.0).abs() < 0.01, "{votes} votes a step, {formula} by the formula");
}

#[test]
fn a_lead_of_one_is_soon_wrong() {
    let (wrong, votes) = play(10, 0.9, 1);
    assert!(wrong.is_some_and(|step| step < 100), "{wrong:?}");
    assert!((votes - 1.0).abs() < f64::EPSILON);
    let (wrong, _) = play(10, 0.9, 7);
    assert_eq!(wrong, None, "the same provider with a lead of seven");
}

#[test]
fn decisions_are_as_reliable_as_the_formula_says() {
    const DECISIONS: u32 = 40_000;
    let measured = |p: f64, k: u32, rivals: Rivals| {
        let mut provider = Provider::new(11, p, 1.0, rivals);
        let decisions = (0..DECISIONS).map(|_| decide(k, || provider.choice()));
        let (mut right, mut votes) = (0.0, 0.0);
        for decision in decisions {
            right += f64::from(u32::from(decision.winner == 0));
            votes += f64::from(decision.votes);
        }
        (right / f64::from(DECISIONS), votes / f64::from(DECISIONS))
    };
    for (p, k) in [(0.6, 3), (0.7, 2), (0.8, 3), (0.9, 3)] {
        let (right, votes) = measured(p, k, Rivals::One);
        let accuracy = Accuracy::new(p).unwrap();
        assert!((right - selection(p, k, 1)).abs() < 0.01, "p={p} k={k}: {right}");
        assert!((votes / expected_votes(accuracy, k) - 1.0).abs() < 0.01, "p={p} k={k}: {votes}");
    }
    // One rival is the worst case: if errors spread, even four right answers in ten are enough.
    let (right, _) = measured(0.6, 3, Rivals::Four);
    assert!((right - 0.989).abs() < 0.005, "{right}");
    let (right, _) = measured(0.4, 3, Rivals::Four);
    assert!((right - 0.896).abs() < 0.01, "{right}");
}

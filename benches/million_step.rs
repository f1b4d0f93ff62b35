//! A million steps without an error: Towers of Hanoi with 20 disks. The real voting code decides every move,
//! over the answers of a simulated provider.
//!
//! `cargo bench --bench million_step` prints the figures; with `-- --write` it also writes them to
//! `docs/maker.md`. The provider is a seeded generator, so every run gives the same figures. Its rates of
//! errors and of valid answers are those of the paper's best model.

#![allow(
    missing_docs,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used
)]

#[path = "million_step/provider.rs"]
mod provider;
#[path = "million_step/report.rs"]
mod report;
#[path = "million_step/towers.rs"]
mod towers;

use std::time::Instant;

use maestro::testing::{Accuracy, Canonical, Task, expected_votes, selection, smallest_k, whole_task};

use provider::{Provider, Rivals, decide};
use report::{Models, Run, Sweep};
use towers::{Towers, steps};

/// Number of disks in the paper.
const DISKS: u32 = 20;
/// The error rate of one sample (Fig 6b, gpt-4.1-mini at temperature 0.1).
const ERROR: f64 = 0.0022;
/// The rate of valid samples (inferred from the run of the paper).
const VALID: f64 = 0.973;
/// The lead k in the paper.
const K: u32 = 3;
/// The seed. Another seed gives slightly different figures.
const SEED: u64 = 20;
/// Number of decisions for one point of a sweep.
const DECISIONS: u32 = 200_000;

fn main() {
    let runs = [run(K), run(1)];
    for run in &runs {
        println!("{run}");
    }
    assert!(runs[0].failed_at.is_none() && runs[0].steps == steps(DISKS), "k = {K} makes no wrong step");
    assert!(runs[1].failed_at.is_some(), "k = 1 makes a wrong step");
    let off = (runs[0].votes_per_step / runs[0].expected_votes - 1.0).abs();
    assert!(off < 0.01, "votes per step are {:.2}% off the formula", off * 100.0);

    let sweeps: Vec<Sweep> = [0.6, 0.7, 0.8, 0.9, 0.95, 0.99]
        .iter()
        .flat_map(|p| (1..=6).map(move |k| sweep(*p, k, Rivals::One)))
        .collect();
    let spread = [sweep(0.6, 3, Rivals::Four), sweep(0.4, 3, Rivals::Four)];
    let models = Models::of_the_paper();
    println!("{}", report::tables(&sweeps, &spread, &models));
    for sweep in &sweeps {
        let expected = sweep.expected.unwrap();
        assert!((sweep.votes / expected.votes - 1.0).abs() < 0.01, "{sweep:?}");
        assert!((sweep.right - expected.right).abs() < 0.005, "{sweep:?}");
    }
    if std::env::args().any(|argument| argument == "--write") {
        std::fs::write("docs/maker.md", report::document(&runs, &sweeps, &spread, &models)).unwrap();
        println!("written to docs/maker.md");
    }
}

/// Runs the whole task with one lead. The run ends at the first wrong step, because all later steps depend on
/// it.
fn run(k: u32) -> Run {
    let mut provider = Provider::new(SEED, 1.0 - ERROR, VALID, Rivals::One);
    let mut towers = Towers::new(DISKS);
    let started = Instant::now();
    let (mut taken, mut votes, mut samples, mut most) = (0, 0_u64, 0_u64, 0);
    let mut failed_at = None;
    for step in 0..steps(DISKS) {
        let right = towers.next_move(step);
        let decision = decide(k, || provider.sample(&right).map(|answer| Canonical::of(&answer)));
        votes += u64::from(decision.votes);
        samples += u64::from(decision.samples);
        most = most.max(decision.rounds);
        taken = step + 1;
        if decision.winner != Canonical::of(&right) {
            failed_at = Some(taken);
            break;
        }
        towers.make(step);
    }
    assert!(failed_at.is_some() || towers.is_solved());
    let accuracy = Accuracy::new(1.0 - ERROR).unwrap();
    let task = Task::new(steps(DISKS), 1, 0.95).unwrap();
    Run {
        k,
        steps: taken,
        failed_at,
        votes_per_step: votes as f64 / f64::from(taken),
        expected_votes: expected_votes(accuracy, k),
        samples_per_step: samples as f64 / f64::from(taken),
        expected_samples: expected_votes(accuracy, k) / VALID,
        most_rounds: most,
        success: whole_task(1.0 - ERROR, k, 1, task),
        needed: smallest_k(1.0 - ERROR, 1, task).unwrap(),
        seconds: started.elapsed().as_secs_f64(),
    }
}

/// Makes many decisions at one accuracy.
fn sweep(p: f64, k: u32, rivals: Rivals) -> Sweep {
    let mut provider = Provider::new(SEED ^ (p * 1e6) as u64 ^ u64::from(k) << 32, p, 1.0, rivals);
    let (mut right, mut votes) = (0_u32, 0_u64);
    for _ in 0..DECISIONS {
        let decision = decide(k, || provider.choice());
        right += u32::from(decision.winner == 0);
        votes += u64::from(decision.votes);
    }
    let accuracy = Accuracy::new(p).ok().filter(|_| rivals == Rivals::One);
    let expected = accuracy
        .map(|accuracy| report::Expected { right: selection(p, k, 1), votes: expected_votes(accuracy, k) });
    let count = f64::from(DECISIONS);
    Sweep { p, k, right: f64::from(right) / count, votes: votes as f64 / count, expected }
}

//! The figures, as text for the terminal and as the document `docs/maker.md`.

use std::fmt;

use maestro::testing::{Accuracy, Task, expected_votes, smallest_k};

use super::towers::steps;
use super::{DECISIONS, DISKS, ERROR, K, VALID};

/// One run of the whole task.
pub struct Run {
    pub k: u32,
    pub steps: u32,
    pub failed_at: Option<u32>,
    pub votes_per_step: f64,
    pub expected_votes: f64,
    pub samples_per_step: f64,
    pub expected_samples: f64,
    pub most_rounds: u32,
    pub success: f64,
    pub needed: u32,
    pub seconds: f64,
}

impl fmt::Display for Run {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.failed_at {
            None => "no wrong step".to_owned(),
            Some(step) => format!("wrong at step {step}"),
        };
        write!(
            out,
            "k = {}: {} steps, {end}; {:.4} votes a step ({:.4} by the formula), {:.4} samples a step ({:.4}), most rounds {}; {:.2} s, {:.0} steps/s",
            self.k,
            self.steps,
            self.votes_per_step,
            self.expected_votes,
            self.samples_per_step,
            self.expected_samples,
            self.most_rounds,
            self.seconds,
            f64::from(self.steps) / self.seconds
        )
    }
}

/// The values of the formulas.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    pub right: f64,
    pub votes: f64,
}

/// The results of many decisions at one accuracy and one lead.
#[derive(Debug)]
pub struct Sweep {
    pub p: f64,
    pub k: u32,
    pub right: f64,
    pub votes: f64,
    pub expected: Option<Expected>,
}

/// The lead that each model of the paper needs.
pub struct Models(Vec<(&'static str, f64, u32, f64)>);

impl Models {
    /// The models of the paper, with their error rates per step (Fig 6b).
    pub fn of_the_paper() -> Self {
        let rates = [
            ("o3-mini (low)", 0.0018),
            ("gpt-4.1-mini (temperature 0.1)", 0.0022),
            ("gpt-4.1-mini (temperature 1)", 0.0040),
            ("gpt-oss-20B", 0.0358),
            ("kimi-k2", 0.0393),
            ("deepseek-v3.1", 0.0569),
            ("haiku-4.5", 0.1839),
            ("qwen-3 235B", 0.2342),
            ("gpt-4.1-nano", 0.3571),
        ];
        let task = Task::new(steps(DISKS), 1, 0.95).unwrap();
        let row = |(name, error): (&'static str, f64)| {
            let accuracy = Accuracy::new(1.0 - error).unwrap();
            let k = smallest_k(1.0 - error, 1, task).unwrap();
            (name, error, k, expected_votes(accuracy, k))
        };
        Self(rates.into_iter().map(row).collect())
    }
}

pub fn tables(sweeps: &[Sweep], spread: &[Sweep], models: &Models) -> String {
    let mut text = String::from(
        "| p | k | right, simulated | Eq 9 | votes, simulated | formula |\n|--|--|--|--|--|--|\n",
    );
    for sweep in sweeps {
        let expected = sweep.expected.unwrap();
        text += &format!(
            "| {} | {} | {:.4} | {:.4} | {:.3} | {:.3} |\n",
            sweep.p, sweep.k, sweep.right, expected.right, sweep.votes, expected.votes
        );
    }
    text += "\nWith wrong answers spread over four rivals instead of one:\n\n| p | k | right, simulated | votes, simulated |\n|--|--|--|--|\n";
    for sweep in spread {
        text += &format!("| {} | {} | {:.4} | {:.3} |\n", sweep.p, sweep.k, sweep.right, sweep.votes);
    }
    text += "\nThe k that each model of the paper needs for 1,048,575 steps at 95% (Eq 14):\n\n| model | error rate of a sample | k | votes a step |\n|--|--|--|--|\n";
    for (name, error, k, votes) in &models.0 {
        text += &format!("| {name} | {error:.4} | {k} | {votes:.2} |\n");
    }
    text
}

/// Plots the reliability of a decision against its lead, in characters.
fn plot(sweeps: &[Sweep]) -> String {
    const WIDTH: f64 = 48.0;
    let mut text = String::new();
    for p in [0.6, 0.7, 0.8, 0.9] {
        for sweep in sweeps.iter().filter(|sweep| (sweep.p - p).abs() < 1e-9) {
            let at = ((sweep.right - 0.5) * 2.0 * WIDTH).round() as usize;
            let formula = ((sweep.expected.unwrap().right - 0.5) * 2.0 * WIDTH).round() as usize;
            let line: String = (0..=WIDTH as usize)
                .map(|column| match (column == formula, column <= at) {
                    (true, _) => '|',
                    (false, true) => '#',
                    (false, false) => '.',
                })
                .collect();
            text += &format!("p {:.1}  k {}  {line} {:.4}\n", sweep.p, sweep.k, sweep.right);
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

pub fn document(runs: &[Run], sweeps: &[Sweep], spread: &[Sweep], models: &Models) -> String {
    let mut rows = String::new();
    for run in runs {
        let end = run.failed_at.map_or_else(|| "none".to_owned(), |step| format!("at step {step}"));
        rows += &format!(
            "| {} | {} | {end} | {:.4} | {:.4} | {:.4} | {:.4} | {} | {:.4} |\n",
            run.k,
            run.steps,
            run.votes_per_step,
            run.expected_votes,
            run.samples_per_step,
            run.expected_samples,
            run.most_rounds,
            run.success
        );
    }
    format!(
        "# A million steps by voting

This file is written by `cargo bench --bench million_step -- --write`; nothing in it is typed by hand.

Towers of Hanoi with {DISKS} disks takes {} moves, and one wrong move spoils the rest (\"Solving a Million-Step LLM
Task with Zero Errors\"). Here every move is decided by the voting code of the server: rounds of samples, red flags
discarded, answers compared as JSON by value, first to be k ahead. The model is simulated: a seeded generator that
errs with probability {ERROR} (the paper's estimate for gpt-4.1-mini) and whose answers are valid with probability
{VALID} (what its figures of the run imply). So this shows that the voting works and costs what the formulas say; it shows nothing about a real model,
whose errors may repeat.

| k | steps made | wrong step | votes a step | by the formula | samples a step | by the formula | most rounds of a step | success of the whole (Eq 13) |
|--|--|--|--|--|--|--|--|--|
{rows}
For a success of 95% the formula asks for k = {} (Eq 14); the run with k = {K} made about {} thousand steps a second.

## Simulation and formula

{DECISIONS} decisions a row, with one rival that gets all the wrong votes, the worst case that the formulas assume.

{}
## How a lead makes a decision reliable

`#` is the simulated share of right decisions from one half to 1, `|` is Eq 9.

```
{}
```
",
        steps(DISKS),
        runs[0].needed,
        (f64::from(runs[0].steps) / runs[0].seconds / 10_000.0).floor() * 10.0,
        tables(sweeps, spread, models),
        plot(sweeps)
    )
}

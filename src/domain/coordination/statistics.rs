//! The statistics of recorded runs by topology. Nothing is filled in for one that never ran.

use std::collections::BTreeMap;

use serde::Serialize;

use super::record::RunRecord;
use super::{number, ratio};
use crate::domain::beta::cautious_rate;
use crate::domain::measure::tally::{Baseline, error_ratio};
use crate::domain::order::Gather;
use crate::domain::stage::Stage;
use crate::domain::topology::Topology;

/// Recorded runs, in all, before they weigh in a choice.
pub const ENOUGH_RUNS: u64 = 10;
/// Recorded runs of a topology before it can be the best.
pub const ENOUGH_RUNS_OF_ONE: u64 = 3;

/// The sums of the runs of one topology.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TopologyStatistics {
    /// Runs.
    pub runs: u64,
    /// Runs that succeeded.
    pub successes: u64,
    /// Runs that failed.
    pub failures: u64,
    /// Successes among the runs, 0 to 1.
    pub success_rate: f64,
    /// The rate that is exceeded nine times in ten, given these results: what topologies are compared by.
    pub success_rate_low: f64,
    /// Tokens in all.
    pub total_tokens: u64,
    /// Successes for a thousand tokens; none where no tokens were recorded.
    pub successes_per_1k_tokens: Option<f64>,
    /// Messages in all.
    pub total_messages: u64,
    /// Messages a run: what the thresholds of degradation and the choice call overhead.
    pub messages_per_run: f64,
    /// Reasoning turns in all.
    pub total_rounds: u64,
    /// Reasoning turns a run.
    pub mean_rounds: f64,
    /// Answers discarded for their form.
    pub format_errors: u64,
    /// As the paper measures.
    pub paper: PaperMetrics,
}

/// The coordination metrics of "Towards a Science of Scaling Agent Systems" (table 5, section
/// 4.1), over recorded runs. A figure that needs runs of a single agent is `None` without them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PaperMetrics {
    /// Turns beyond those of a single agent, in percent of these: O = (T - `T_sas`) / `T_sas` x 100.
    pub coordination_overhead_percent: Option<f64>,
    /// Messages for a reasoning turn: c.
    pub message_density: Option<f64>,
    /// Mean similarity of the outputs of a run, 0 to 1: R.
    pub redundancy: Option<f64>,
    /// Success for the turns relative to a single agent's: Ec = S / (T / `T_sas`).
    pub efficiency: Option<f64>,
    /// The rate of failures over that of a single agent: Ae = E / `E_sas`.
    pub error_amplification: Option<f64>,
}

/// The recorded runs, counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    topologies: BTreeMap<Topology, TopologyStatistics>,
}

impl History {
    /// Counts the recorded runs of work of a kind.
    pub fn of_kind(runs: &[RunRecord], stage: Option<Stage>, intent: Option<&str>) -> Self {
        let alike: Vec<RunRecord> = runs.iter().filter(|run| run.is_like(stage, intent)).cloned().collect();
        Self::of(&alike)
    }

    /// Counts recorded runs. Time grows with their number, never with what they count.
    pub fn of(runs: &[RunRecord]) -> Self {
        let mut tallies: BTreeMap<Topology, Tally> = BTreeMap::new();
        for run in runs {
            tallies.entry(run.topology).or_default().add(run);
        }
        let single = tallies.get(&Topology::Sas).copied();
        let topologies =
            tallies.iter().map(|(topology, tally)| (*topology, tally.statistics(single.as_ref()))).gather();
        Self { topologies }
    }

    /// The topologies that ran, with what is known of each.
    pub fn topologies(&self) -> &BTreeMap<Topology, TopologyStatistics> {
        &self.topologies
    }

    /// Returns what is known of one topology; none if it never ran.
    pub fn of_topology(&self, topology: Topology) -> Option<&TopologyStatistics> {
        self.topologies.get(&topology)
    }

    /// Runs in all.
    pub fn runs(&self) -> u64 {
        self.topologies.values().map(|statistics| statistics.runs).sum()
    }

    /// The best topology among those with enough runs, and its score; of equal ones the
    /// first in the order of [`Topology::ALL`].
    pub fn best(&self) -> Option<(Topology, f64)> {
        self.topologies
            .iter()
            .filter(|(_, statistics)| statistics.runs >= ENOUGH_RUNS_OF_ONE)
            .map(|(topology, statistics)| (*topology, statistics.success_rate_low))
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
    }
}

/// The metrics of one run against the single-agent runs on record.
pub fn of_run(run: &RunRecord, history: &History) -> PaperMetrics {
    let mut tally = Tally::default();
    tally.add(run);
    let single_turns = history.of_topology(Topology::Sas).map(|single| single.mean_rounds);
    PaperMetrics {
        // One run has no rate of failures to compare.
        error_amplification: None,
        ..tally.paper(run.topology == Topology::Sas, single_turns, None)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    runs: u64,
    successes: u64,
    tokens: u64,
    messages: u64,
    rounds: u64,
    format_errors: u64,
    redundancy: f64,
    redundancies: u64,
    single: bool,
}

impl Tally {
    fn add(&mut self, run: &RunRecord) {
        self.single = run.topology == Topology::Sas;
        self.runs += 1;
        self.successes += u64::from(run.success);
        self.tokens = self.tokens.saturating_add(run.tokens);
        self.messages = self.messages.saturating_add(run.messages);
        self.rounds = self.rounds.saturating_add(run.rounds);
        self.format_errors = self.format_errors.saturating_add(run.format_errors);
        if let Some(redundancy) = run.redundancy {
            self.redundancy += redundancy;
            self.redundancies += 1;
        }
    }

    fn a_run(&self, count: u64) -> f64 {
        ratio(number(count), number(self.runs)).unwrap_or_default()
    }

    fn failure_rate(&self) -> f64 {
        self.a_run(self.runs - self.successes)
    }

    fn statistics(&self, single: Option<&Tally>) -> TopologyStatistics {
        let turns = single.map(|single| single.a_run(single.rounds));
        TopologyStatistics {
            runs: self.runs,
            successes: self.successes,
            failures: self.runs - self.successes,
            success_rate: self.a_run(self.successes),
            success_rate_low: cautious_rate(self.successes, self.runs - self.successes),
            total_tokens: self.tokens,
            successes_per_1k_tokens: ratio(number(self.successes) * 1_000.0, number(self.tokens)),
            total_messages: self.messages,
            messages_per_run: self.a_run(self.messages),
            total_rounds: self.rounds,
            mean_rounds: self.a_run(self.rounds),
            format_errors: self.format_errors,
            paper: self.paper(self.single, turns, single.map(Tally::failure_rate)),
        }
    }

    fn paper(&self, single: bool, single_turns: Option<f64>, single_failures: Option<f64>) -> PaperMetrics {
        let turns = self.a_run(self.rounds);
        let one = if single { Some(turns) } else { single_turns };
        let baseline = one.and_then(Baseline::recorded);
        PaperMetrics {
            coordination_overhead_percent: baseline.map(|one| one.overhead_percent(turns)),
            message_density: ratio(number(self.messages), number(self.rounds)),
            redundancy: ratio(self.redundancy, number(self.redundancies)),
            efficiency: baseline.and_then(|one| one.efficiency(self.a_run(self.successes), turns)),
            error_amplification: if single {
                Some(1.0)
            } else {
                single_failures.and_then(|one| error_ratio(self.failure_rate(), one))
            },
        }
    }
}

#[cfg(test)]
mod tests;

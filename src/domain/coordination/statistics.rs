//! Statistics of recorded runs by topology. A topology without runs has no statistics.

use std::collections::BTreeMap;

use serde::Serialize;

use super::record::RunRecord;
use crate::domain::beta::cautious_rate;
use crate::domain::measure::number::{quotient, ratio, real};
use crate::domain::measure::tally::{Baseline, error_ratio};
use crate::domain::stage::Stage;
use crate::domain::topology::Topology;

/// Minimum number of recorded runs for them to count in a choice.
pub const ENOUGH_RUNS: u64 = 10;
/// Minimum number of runs of a topology for it to be the best.
pub const ENOUGH_RUNS_OF_ONE: u64 = 3;

/// The statistics of the runs of one topology.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TopologyStatistics {
    pub runs: u64,
    /// Runs that succeeded.
    pub successes: u64,
    /// Runs that failed.
    pub failures: u64,
    /// Share of successful runs, 0 to 1.
    pub success_rate: f64,
    /// The cautious success rate, exceeded with probability 0.9, by which topologies are compared.
    pub success_rate_low: f64,
    pub total_tokens: u64,
    /// Successes for each thousand tokens, of the runs whose tokens are recorded. `None` without such runs.
    pub successes_per_1k_tokens: Option<f64>,
    pub total_messages: u64,
    /// Messages for each run; thresholds and choices call this the overhead.
    pub messages_per_run: f64,
    /// Reasoning turns of all runs.
    pub total_rounds: u64,
    /// Mean number of reasoning turns of a run.
    pub mean_rounds: f64,
    /// Number of answers discarded for their form.
    pub format_errors: u64,
    /// The paper's metrics.
    pub paper: PaperMetrics,
    /// Sum and number of the similarities of outputs.
    #[serde(skip)]
    redundancy: (f64, u64),
    /// Successes of runs whose tokens are recorded.
    #[serde(skip)]
    counted_successes: u64,
}

/// The coordination metrics of "Towards a Science of Scaling Agent Systems" (table 5, section 4.1), over
/// recorded runs. A figure that needs runs of a single agent is `None` without them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PaperMetrics {
    /// Turns beyond those of a single agent, in percent of them: O = (T - `T_sas`) / `T_sas` x 100.
    pub coordination_overhead_percent: Option<f64>,
    /// Messages for each reasoning turn: c.
    pub message_density: Option<f64>,
    /// Mean similarity of the outputs of a run, 0 to 1: R.
    pub redundancy: Option<f64>,
    /// Success rate divided by the turns relative to a single agent: Ec = S / (T / `T_sas`).
    pub efficiency: Option<f64>,
    /// Failure rate divided by that of a single agent: Ae = E / `E_sas`.
    pub error_amplification: Option<f64>,
}

/// The statistics of the recorded runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    topologies: BTreeMap<Topology, TopologyStatistics>,
}

impl History {
    /// Computes the statistics of the runs of one kind of work.
    pub fn of_kind(runs: &[RunRecord], stage: Option<Stage>, intent: Option<&str>) -> Self {
        let alike: Vec<RunRecord> = runs.iter().filter(|run| run.is_like(stage, intent)).cloned().collect();
        Self::of(&alike)
    }

    /// Computes the statistics of recorded runs, in linear time.
    pub fn of(runs: &[RunRecord]) -> Self {
        let mut topologies: BTreeMap<Topology, TopologyStatistics> = BTreeMap::new();
        for run in runs {
            topologies.entry(run.topology).or_default().add(run);
        }
        let single = topologies
            .get(&Topology::Sas)
            .map(|single| (single.a_run(single.total_rounds), single.a_run(single.failures)));
        for (topology, statistics) in &mut topologies {
            statistics.conclude(*topology, single);
        }
        Self { topologies }
    }

    /// The topologies that have runs, with their statistics.
    pub fn topologies(&self) -> &BTreeMap<Topology, TopologyStatistics> {
        &self.topologies
    }

    /// The statistics of a topology. `None` without runs.
    pub fn of_topology(&self, topology: Topology) -> Option<&TopologyStatistics> {
        self.topologies.get(&topology)
    }

    pub fn runs(&self) -> u64 {
        self.topologies.values().map(|statistics| statistics.runs).sum()
    }

    /// The best topology among those with enough runs, and its cautious success rate. Of equal ones, the
    /// first in the order of [`Topology::ALL`].
    pub fn best(&self) -> Option<(Topology, f64)> {
        self.topologies
            .iter()
            .filter(|(_, statistics)| statistics.runs >= ENOUGH_RUNS_OF_ONE)
            .map(|(topology, statistics)| (*topology, statistics.success_rate_low))
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
    }
}

/// The metrics of one run, compared with the recorded runs of a single agent.
pub fn of_run(run: &RunRecord, history: &History) -> PaperMetrics {
    let mut alone = TopologyStatistics::default();
    alone.add(run);
    let single = history.of_topology(Topology::Sas).map(|single| (single.mean_rounds, 0.0));
    // The failure rate of one run means nothing.
    PaperMetrics { error_amplification: None, ..alone.paper(run.topology, single) }
}

impl TopologyStatistics {
    fn add(&mut self, run: &RunRecord) {
        self.runs += 1;
        self.successes += u64::from(run.success);
        self.failures += u64::from(!run.success);
        self.counted_successes += u64::from(run.success && run.tokens > 0);
        self.total_tokens = self.total_tokens.saturating_add(run.tokens);
        self.total_messages = self.total_messages.saturating_add(run.messages);
        self.total_rounds = self.total_rounds.saturating_add(run.rounds);
        self.format_errors = self.format_errors.saturating_add(run.format_errors);
        if let Some(redundancy) = run.redundancy {
            self.redundancy.0 += redundancy;
            self.redundancy.1 += 1;
        }
    }

    fn a_run(&self, count: u64) -> f64 {
        ratio(count, self.runs).unwrap_or_default()
    }

    /// Computes the derived figures. `single` has the mean turns and the failure rate of a single agent.
    fn conclude(&mut self, topology: Topology, single: Option<(f64, f64)>) {
        self.success_rate = self.a_run(self.successes);
        self.success_rate_low = cautious_rate(self.successes, self.failures);
        self.successes_per_1k_tokens =
            quotient(real(self.counted_successes) * 1_000.0, real(self.total_tokens));
        self.messages_per_run = self.a_run(self.total_messages);
        self.mean_rounds = self.a_run(self.total_rounds);
        self.paper = self.paper(topology, single);
    }

    fn paper(&self, topology: Topology, single: Option<(f64, f64)>) -> PaperMetrics {
        let turns = self.a_run(self.total_rounds);
        let is_single = topology == Topology::Sas;
        let one = if is_single { Some(turns) } else { single.map(|(turns, _)| turns) };
        let baseline = one.and_then(Baseline::recorded);
        let failure_rate = self.a_run(self.failures);
        PaperMetrics {
            coordination_overhead_percent: baseline.map(|one| one.overhead_percent(turns)),
            message_density: ratio(self.total_messages, self.total_rounds),
            redundancy: quotient(self.redundancy.0, real(self.redundancy.1)),
            efficiency: baseline.and_then(|one| one.efficiency(self.a_run(self.successes), turns)),
            error_amplification: match single {
                _ if is_single => Some(1.0),
                Some((_, failures)) => error_ratio(failure_rate, failures),
                None => None,
            },
        }
    }
}

#[cfg(test)]
mod tests;

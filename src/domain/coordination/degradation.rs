//! Signs that several agents cost more than they bring, so that one agent should continue alone.

use serde::Serialize;

use super::record::RunRecord;
use super::{BadInput, share};
use crate::domain::measure::number::{quotient, real};
use crate::domain::topology::Topology;

/// Expected failure rate of a single agent: the divisor of the error amplification.
pub const EXPECTED_FAILURE_RATE: f64 = 0.3;
/// Maximum messages for each run.
pub const MOST_OVERHEAD: f64 = 2.0;
/// Maximum error amplification.
pub const MOST_AMPLIFICATION: f64 = 1.2;
/// Maximum redundancy.
pub const MOST_REDUNDANCY: f64 = 0.85;
/// Maximum number of answers in a row that were discarded for their form.
pub const MOST_FORMAT_ERRORS: u64 = 3;
/// Minimum success rate if there are enough runs and messages.
const LEAST_SUCCESS: f64 = 0.3;
const ENOUGH_RUNS: u64 = 5;
/// Minimum number of failures for a meaningful error amplification.
const SOME_FAILURES: u64 = 4;
const SOME_OVERHEAD: f64 = 1.5;

/// The figures of the work so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Messages between agents.
    pub messages: u64,
    /// Runs that succeeded.
    pub successes: u64,
    /// Runs that failed.
    pub failures: u64,
    /// Similarity of the outputs, 0 to 1.
    pub redundancy: f64,
    /// Latest answers in a row that were discarded for their form.
    pub format_errors: u64,
    /// True if the recorded results of the topology became worse.
    pub became_worse: bool,
}

/// The figures that are compared with the thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// Messages for each run.
    pub messages_per_run: f64,
    /// Failure rate divided by [`EXPECTED_FAILURE_RATE`]; 1 without runs.
    pub error_amplification: f64,
    pub redundancy_rate: f64,
    /// Share of successful runs; 0 without runs.
    pub success_rate: f64,
}

/// A reason to continue with one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// Too many messages for each run.
    Overhead,
    /// Too many failures.
    ErrorAmplification,
    /// Outputs that are too similar.
    Redundancy,
    /// Few successes for the number of messages.
    LittleSuccess,
    /// Too many answers in a row with the wrong form.
    FormatErrors,
    /// The recorded results became worse.
    Change,
}

/// Computes the figures of the work so far.
///
/// # Errors
///
/// The redundancy is not 0 to 1.
pub fn metrics(counts: &Counts) -> Result<Metrics, BadInput> {
    let runs = runs(counts);
    let rate = |count: u64| quotient(real(count), runs);
    Ok(Metrics {
        messages_per_run: real(counts.messages) / runs.max(1.0),
        error_amplification: rate(counts.failures).map_or(1.0, |rate| rate / EXPECTED_FAILURE_RATE),
        redundancy_rate: share("redundancy_rate", counts.redundancy)?,
        success_rate: rate(counts.successes).unwrap_or(0.0),
    })
}

fn runs(counts: &Counts) -> f64 {
    real(counts.successes) + real(counts.failures)
}

/// The signs that a topology has degraded. A single agent cannot degrade further.
pub fn signs(topology: Topology, counts: &Counts, metrics: &Metrics) -> Vec<Sign> {
    if topology == Topology::Sas {
        return Vec::new();
    }
    let little_success = runs(counts) >= real(ENOUGH_RUNS)
        && metrics.success_rate < LEAST_SUCCESS
        && metrics.messages_per_run > SOME_OVERHEAD;
    [
        (Sign::Overhead, metrics.messages_per_run > MOST_OVERHEAD),
        (
            Sign::ErrorAmplification,
            counts.failures >= SOME_FAILURES && metrics.error_amplification > MOST_AMPLIFICATION,
        ),
        (Sign::Redundancy, metrics.redundancy_rate > MOST_REDUNDANCY && !agrees_rightly(counts)),
        (Sign::LittleSuccess, little_success),
        (Sign::FormatErrors, counts.format_errors >= MOST_FORMAT_ERRORS),
        (Sign::Change, counts.became_worse),
    ]
    .into_iter()
    .filter_map(|(sign, shown)| shown.then_some(sign))
    .collect()
}

/// True if equal outputs led to success again and again, so that their similarity is no fault.
fn agrees_rightly(counts: &Counts) -> bool {
    counts.failures == 0 && counts.successes >= ENOUGH_RUNS
}

/// Answers of a topology that were discarded for their form, counted over its latest runs in a row. A failed
/// run is no format error. A run without format errors ends the count.
pub fn format_errors_in_a_row(runs: &[RunRecord], topology: Topology) -> u64 {
    runs.iter()
        .rev()
        .filter(|run| run.topology == topology)
        .map(|run| run.format_errors)
        .take_while(|errors| *errors > 0)
        .fold(0, u64::saturating_add)
}

/// The usual failure rate, which raises no alarm.
pub const USUAL: f64 = 0.2;
/// The failure rate that an alarm should detect.
pub const WORSE: f64 = 0.5;
/// The sum at which an alarm is raised.
pub const ALARM: f64 = 5.0;
/// Successes in a row that end an alarm.
const RECOVERED: u64 = 5;

/// Cumulative sum test (CUSUM) over the results of one topology or provider, in order of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cusum {
    pub results: u64,
    /// The sum after the last result.
    pub sum: f64,
    /// Number of times that the sum reached [`ALARM`] and was reset to 0.
    pub alarms: u64,
    /// True if the last alarm still holds: fewer than five successes in a row came after it.
    pub alarmed: bool,
    #[serde(skip)]
    in_a_row: u64,
}

impl Cusum {
    /// The test over results, the oldest first; true is a success.
    pub fn of(results: impl IntoIterator<Item = bool>) -> Self {
        let mut sum = Self::default();
        results.into_iter().for_each(|success| sum.add(success));
        sum
    }

    /// Adds the next result.
    pub fn add(&mut self, success: bool) {
        self.results += 1;
        let step = if success { ((1.0 - WORSE) / (1.0 - USUAL)).ln() } else { (WORSE / USUAL).ln() };
        self.sum = (self.sum + step).max(0.0);
        self.in_a_row = if success { self.in_a_row + 1 } else { 0 };
        if self.in_a_row >= RECOVERED {
            self.alarmed = false;
        }
        if self.sum >= ALARM {
            (self.sum, self.alarmed) = (0.0, true);
            self.alarms += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(topology: Topology, counts: &Counts) -> Vec<Sign> {
        signs(topology, counts, &metrics(counts).unwrap())
    }

    fn counts(messages: u64, successes: u64, failures: u64) -> Counts {
        Counts { messages, successes, failures, ..Counts::default() }
    }

    #[test]
    fn nothing_run_is_nothing_degraded() {
        let metrics = metrics(&Counts::default()).unwrap();
        assert!((metrics.error_amplification - 1.0).abs() < 1e-12);
        assert!(metrics.success_rate.abs() < 1e-12);
        assert!(of(Topology::Independent, &Counts::default()).is_empty());
    }

    #[test]
    fn overhead_counts() {
        assert_eq!(of(Topology::Centralized, &counts(13, 6, 0)), [Sign::Overhead]);
        assert!(of(Topology::Centralized, &counts(12, 6, 0)).is_empty());
        // Without runs the messages are those of one.
        assert_eq!(of(Topology::Centralized, &counts(3, 0, 0)), [Sign::Overhead]);
    }

    #[test]
    fn little_success_needs_runs_and_overhead() {
        assert_eq!(
            of(Topology::Independent, &counts(8, 1, 4)),
            [Sign::ErrorAmplification, Sign::LittleSuccess]
        );
        assert_eq!(of(Topology::Independent, &counts(7, 1, 4)), [Sign::ErrorAmplification]);
        assert!(of(Topology::Independent, &counts(7, 1, 3)).is_empty());
    }

    #[test]
    fn a_single_failure_is_no_sign_and_neither_are_right_answers_that_agree() {
        assert!(of(Topology::Independent, &counts(0, 0, 1)).is_empty());
        let agreeing = |successes, failures| Counts { redundancy: 1.0, ..counts(0, successes, failures) };
        assert!(of(Topology::Independent, &agreeing(10, 0)).is_empty());
        assert_eq!(of(Topology::Independent, &agreeing(9, 1)), [Sign::Redundancy]);
        let worse = Counts { became_worse: true, ..counts(0, 3, 0) };
        assert_eq!(of(Topology::Independent, &worse), [Sign::Change]);
    }

    #[test]
    fn a_failed_run_is_no_format_error() {
        let run = |topology, success, format_errors| RunRecord {
            topology,
            success,
            tokens: 0,
            messages: 0,
            rounds: 1,
            format_errors,
            redundancy: None,
            answers: Vec::new(),
            stage: None,
            intent: None,
        };
        let (one, other) = (Topology::Independent, Topology::Centralized);
        let mut runs = vec![run(one, false, 0); 9];
        assert_eq!(format_errors_in_a_row(&runs, one), 0);
        runs.extend([run(one, false, 1), run(other, true, 0), run(one, true, 2)]);
        assert_eq!(format_errors_in_a_row(&runs, one), 3);
        assert_eq!(format_errors_in_a_row(&runs, other), 0);
        runs.push(run(one, false, 0));
        assert_eq!(format_errors_in_a_row(&runs, one), 0);
    }

    #[test]
    fn format_errors_in_a_row_are_a_sign() {
        let counts = Counts { format_errors: 3, ..counts(0, 1, 0) };
        assert_eq!(of(Topology::Independent, &counts), [Sign::FormatErrors]);
        assert!(of(Topology::Independent, &Counts { format_errors: 2, ..counts }).is_empty());
    }

    #[test]
    fn a_redundancy_outside_is_refused() {
        assert!(metrics(&Counts { redundancy: 1.01, ..Counts::default() }).is_err());
        assert!(metrics(&Counts { redundancy: -0.1, ..Counts::default() }).is_err());
    }

    proptest! {
        #[test]
        fn one_agent_has_nothing_to_give_up(messages: u64, successes: u32, failures: u32, redundancy in 0.0_f64..=1.0) {
            let counts = Counts {
                redundancy,
                ..counts(messages, u64::from(successes), u64::from(failures))
            };
            prop_assert!(of(Topology::Sas, &counts).is_empty());
        }

        #[test]
        fn more_messages_never_take_a_sign_away(messages in 0_u64..100, more in 0_u64..100, successes in 0_u64..20, failures in 0_u64..20) {
            let less = of(Topology::Hybrid, &counts(messages, successes, failures));
            let all = of(Topology::Hybrid, &counts(messages + more, successes, failures));
            prop_assert!(less.iter().all(|sign| all.contains(sign)));
        }
    }
}

#[cfg(test)]
mod more_tests {
    use super::*;

    #[test]
    fn a_few_failures_are_no_change_and_a_series_is() {
        assert!(!Cusum::of([false]).alarmed);
        assert!(!Cusum::of([false; 5]).alarmed);
        assert!(Cusum::of([false; 6]).alarmed);
        let usual = (0..100).map(|number| number % 5 != 0);
        assert_eq!(Cusum::of(usual.clone()).alarms, 0);
        let worse = usual.chain((0..30).map(|number| number % 2 == 0));
        assert!(Cusum::of(worse).alarmed);
    }

    #[test]
    fn an_alarm_is_over_after_successes_in_a_row() {
        let recovered = [false; 6].into_iter().chain([true; 5]);
        let found = Cusum::of(recovered);
        assert_eq!((found.alarmed, found.alarms), (false, 1));
        let not_yet = [false; 6].into_iter().chain([true; 4]);
        assert!(Cusum::of(not_yet).alarmed);
    }
}

//! Overhead and efficiency against a single agent.

use serde::Serialize;

use super::number::real;

/// Turns that a single agent takes for a task (Kim et al., table 5: 7.2, standard deviation 2.1).
pub const PAPER_TURNS: f64 = 7.2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The paper's mean over its own tasks.
    Paper,
    /// The user's setting.
    Configured,
    /// Recorded runs of a single agent.
    Recorded,
}

/// The turns that a single agent would take for the task.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Baseline {
    /// Reasoning turns, above 0.
    turns: f64,
    origin: Origin,
}

impl Default for Baseline {
    fn default() -> Self {
        Self { turns: PAPER_TURNS, origin: Origin::Paper }
    }
}

impl Baseline {
    /// The user's own number; the paper's where there is none or where it is no number above 0.
    pub fn configured(turns: Option<f64>) -> Self {
        match turns.filter(|turns| turns.is_finite() && *turns > 0.0) {
            Some(turns) => Self { turns, origin: Origin::Configured },
            None => Self::default(),
        }
    }

    /// Returns what recorded runs of a single agent took; none where that is no number above 0.
    pub fn recorded(turns: f64) -> Option<Self> {
        (turns.is_finite() && turns > 0.0).then_some(Self { turns, origin: Origin::Recorded })
    }

    /// Reasoning turns of a single agent.
    pub fn turns(self) -> f64 {
        self.turns
    }

    /// True if the paper's number stands in for one of the user's own.
    pub fn is_default(self) -> bool {
        match self.origin {
            Origin::Paper => true,
            Origin::Configured | Origin::Recorded => false,
        }
    }

    /// Coordination overhead in percent: `O = (T - T_SAS) / T_SAS x 100` (section 4.1). Below 0
    /// where fewer turns were taken than a single agent's.
    pub fn overhead_percent(self, turns: f64) -> f64 {
        (turns - self.turns) / self.turns * 100.0
    }

    /// Efficiency `Ec = S / (T / T_SAS)` (section 4.1); none where no turn was taken.
    pub fn efficiency(self, success: f64, turns: f64) -> Option<f64> {
        (turns > 0.0).then(|| success / (turns / self.turns)).filter(|value| value.is_finite())
    }

    /// Mean turns of tasks; none without a task.
    pub fn mean_turns(turns: u64, tasks: u64) -> Option<f64> {
        (tasks > 0).then(|| real(turns) / real(tasks))
    }
}

/// By how much errors of tasks grow with several agents: `(1 - P_MAS) / (1 - P_SAS)`. None where a
/// single agent never failed.
pub fn error_amplification(several: f64, single: f64) -> Option<f64> {
    error_ratio(1.0 - several, 1.0 - single)
}

/// The same of the rates of failure. None where a single agent never failed.
pub fn error_ratio(several: f64, single: f64) -> Option<f64> {
    (single > 0.0).then(|| several / single).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Table 5: success, turns; and the overhead and efficiency that follow to the given digits.
    const TABLE: [(f64, f64, f64, f64); 5] = [
        (0.466, 7.2, 0.0, 0.466),
        (0.370, 11.4, 58.3, 0.2337),
        (0.477, 26.1, 262.5, 0.1316),
        (0.463, 27.7, 284.7, 0.1203),
        (0.452, 44.3, 515.3, 0.0735),
    ];

    #[test]
    fn the_table_of_the_paper_follows_from_its_turns() {
        let paper = Baseline::default();
        for (success, turns, overhead, efficiency) in TABLE {
            assert!((paper.overhead_percent(turns) - overhead).abs() < 0.05, "{turns}");
            assert!((paper.efficiency(success, turns).unwrap() - efficiency).abs() < 0.000_05, "{turns}");
        }
    }

    #[test]
    fn errors_grow_as_the_shares_of_failure() {
        assert!((error_amplification(0.4, 0.5).unwrap() - 1.2).abs() < 1e-12);
        assert_eq!(error_amplification(0.4, 1.0), None);
        assert_eq!(error_amplification(1.0, 0.5), Some(0.0));
    }

    #[test]
    fn only_a_number_above_nothing_replaces_the_papers() {
        for bad in [None, Some(0.0), Some(-3.0), Some(f64::NAN), Some(f64::INFINITY)] {
            assert_eq!(Baseline::configured(bad), Baseline::default());
        }
        assert!(!Baseline::configured(Some(7.2)).is_default());
    }

    proptest! {
        #[test]
        fn as_many_turns_as_a_single_agent_are_no_overhead(turns in 0.01_f64..1e6) {
            let baseline = Baseline::configured(Some(turns));
            prop_assert!(baseline.overhead_percent(turns).abs() < f64::EPSILON);
            prop_assert!((baseline.efficiency(0.5, turns).unwrap() - 0.5).abs() < 1e-12);
        }

        #[test]
        fn more_turns_are_more_overhead_and_less_efficiency(
            single in 0.1_f64..100.0, turns in 0.1_f64..1000.0, more in 0.1_f64..1000.0,
        ) {
            let baseline = Baseline::configured(Some(single));
            prop_assert!(baseline.overhead_percent(turns + more) > baseline.overhead_percent(turns));
            prop_assert!(baseline.efficiency(1.0, turns + more) < baseline.efficiency(1.0, turns));
        }
    }
}

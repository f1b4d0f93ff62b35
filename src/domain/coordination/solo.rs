//! The record of a single agent: likely enough to succeed that several would add little. Only what was
//! verified can say so: a model that states 73% was right in 35% of the cases, and one that states 77%
//! in 22% (arXiv 2602.06948).

use super::record::RunRecord;
use crate::domain::beta::cautious_rate;
use crate::domain::stage::Stage;
use crate::domain::topology::Topology;

/// Recorded outcomes before they say anything.
pub const ENOUGH_OUTCOMES: u64 = 10;
/// The worth of a stated confidence; a guess through the two published points.
const STATED: f64 = 0.4;

/// Recorded outcomes of a single agent at work of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoloRecord {
    successes: u64,
    failures: u64,
}

/// The verdict that one agent is enough or not, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alone {
    pub is_enough: bool,
    /// Why, with the figures.
    pub why: String,
}

impl SoloRecord {
    /// Returns what recorded runs say of a single agent at a stage and an intent.
    pub fn of(runs: &[RunRecord], stage: Stage, intent: Option<&str>) -> Self {
        let alike =
            runs.iter().filter(|run| run.topology == Topology::Sas && run.is_like(Some(stage), intent));
        alike.fold(Self::default(), |mut record, run| {
            if run.success {
                record.successes += 1;
            } else {
                record.failures += 1;
            }
            record
        })
    }

    /// Holds the record, else the stated confidence, against the threshold. A stated confidence is shown
    /// with what it comes to, and is never enough by itself.
    pub fn alone(self, stated: f64, threshold: f64) -> Alone {
        let runs = self.successes + self.failures;
        if runs >= ENOUGH_OUTCOMES {
            let low = cautious_rate(self.successes, self.failures);
            let is_enough = low >= threshold;
            let verdict = if is_enough { "reaches" } else { "does not reach" };
            let rest = if is_enough { ": several consultants would add little" } else { "" };
            return Alone {
                is_enough,
                why: format!(
                    "a single agent succeeded in {} of {runs} recorded outcomes, and at least {low:.2} (nine times in ten) {verdict} {threshold}{rest}",
                    self.successes
                ),
            };
        }
        let recorded =
            format!("{runs} of {ENOUGH_OUTCOMES} verified outcomes of a single agent are recorded");
        // Less than what is written as 0.01 is nothing that anybody stated.
        let why = if stated >= 0.005 {
            let mapped = STATED * stated;
            format!(
                "a stated confidence of {stated:.2} comes to about {mapped:.2} and skips no ensemble ({recorded})"
            )
        } else {
            recorded
        };
        Alone { is_enough: false, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_verified_outcomes_are_enough() {
        let silent = SoloRecord { successes: 9, failures: 0 }.alone(0.0, 0.45);
        assert!(!silent.is_enough && !silent.why.contains("stated"), "{}", silent.why);
        for stated in [0.45, 0.9, 1.0] {
            let alone = SoloRecord { successes: 9, failures: 0 }.alone(stated, 0.45);
            assert!(!alone.is_enough);
            assert!(alone.why.contains(&format!("{:.2}", 0.4 * stated)), "{}", alone.why);
        }
        let good = SoloRecord { successes: 8, failures: 2 }.alone(0.1, 0.45);
        assert!(good.is_enough && good.why.contains("8 of 10"), "{}", good.why);
        assert!(!SoloRecord { successes: 5, failures: 5 }.alone(1.0, 0.45).is_enough);
    }
}

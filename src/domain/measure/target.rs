//! The targets of a run, and whether it met them.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// It was.
    Met,
    /// It was not.
    Missed,
    /// The figure is not known.
    Unknown,
}

/// On which side of its bound a figure should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Below it.
    Below,
    /// Above it.
    Above,
}

/// A figure that has a target, named as the figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Targeted {
    /// Coordination overhead in percent.
    CoordinationOverheadPercent,
    /// Efficiency.
    EfficiencyScore,
    /// The share of selections that tests decided.
    TestCoverageRate,
}

/// A target and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// The figure.
    pub figure: Targeted,
    /// On which side of the bound it should be; the bound itself is a miss.
    pub wanted: Side,
    /// The bound, in the figure's unit.
    pub bound: f64,
    /// The figure's value.
    pub value: Option<f64>,
    pub reached: Reached,
}

impl Target {
    /// Coordination overhead below 300 percent.
    pub fn overhead(value: Option<f64>) -> Self {
        Self::judge(Targeted::CoordinationOverheadPercent, Side::Below, 300.0, value)
    }

    /// Efficiency above 0.4 (a single agent's is 0.466 in table 5).
    pub fn efficiency(value: Option<f64>) -> Self {
        Self::judge(Targeted::EfficiencyScore, Side::Above, 0.4, value)
    }

    /// More than 80 percent of selections decided by tests.
    pub fn test_coverage(value: Option<f64>) -> Self {
        Self::judge(Targeted::TestCoverageRate, Side::Above, 0.8, value)
    }

    fn judge(figure: Targeted, wanted: Side, bound: f64, value: Option<f64>) -> Self {
        let reached = value.map_or(Reached::Unknown, |value| {
            let holds = match wanted {
                Side::Below => value < bound,
                Side::Above => value > bound,
            };
            if holds { Reached::Met } else { Reached::Missed }
        });
        Self { figure, wanted, bound, value, reached }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::measure::definition::Figure;

    #[test]
    fn a_target_goes_by_the_key_of_its_figure() {
        for (target, figure) in [
            (Target::overhead(None), Figure::CoordinationOverheadPercent),
            (Target::efficiency(None), Figure::EfficiencyScore),
            (Target::test_coverage(None), Figure::TestCoverageRate),
        ] {
            assert_eq!(serde_json::json!(target.figure), figure.key());
        }
    }

    #[test]
    fn the_bound_itself_is_a_miss() {
        for (target, reached) in [
            (Target::overhead(Some(299.9)), Reached::Met),
            (Target::overhead(Some(300.0)), Reached::Missed),
            (Target::efficiency(Some(0.41)), Reached::Met),
            (Target::efficiency(Some(0.4)), Reached::Missed),
            (Target::test_coverage(Some(0.81)), Reached::Met),
            (Target::test_coverage(Some(0.8)), Reached::Missed),
            (Target::test_coverage(None), Reached::Unknown),
        ] {
            assert_eq!(target.reached, reached, "{target:?}");
        }
    }
}

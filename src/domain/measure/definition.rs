//! The definition of each figure, in words that travel with it.

use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

use crate::domain::text::Text;

/// A figure of the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Coordination overhead in percent.
    CoordinationOverheadPercent,
    /// Efficiency.
    EfficiencyScore,
    /// The share of selections that tests decided.
    TestCoverageRate,
    /// Consults for each run of a stage.
    ConsultsPerStageRun,
    Redundancy,
    /// By how much errors grow with several agents.
    ErrorAmplification,
    /// The share of calls that succeeded.
    SuccessRate,
    /// Mean milliseconds of a call.
    AvgLatencyMs,
    /// Money.
    CostUsd,
    /// Tokens.
    Tokens,
}

impl Figure {
    /// Every figure.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The key used in results.
    pub fn key(self) -> &'static str {
        self.into()
    }

    /// Its meaning, its formula, and the figures of similar names that it is not.
    pub fn definition(self) -> Text {
        Text::said(&format!("definition_{}", self.key()), &[])
    }
}

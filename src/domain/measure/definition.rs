//! The definition of each figure, in words that travel with it.

use serde::Serialize;
use strum::IntoStaticStr;

/// A figure of the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, IntoStaticStr)]
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
    pub const ALL: [Self; 10] = [
        Self::CoordinationOverheadPercent,
        Self::EfficiencyScore,
        Self::TestCoverageRate,
        Self::ConsultsPerStageRun,
        Self::Redundancy,
        Self::ErrorAmplification,
        Self::SuccessRate,
        Self::AvgLatencyMs,
        Self::CostUsd,
        Self::Tokens,
    ];

    /// The key used in results.
    pub fn key(self) -> &'static str {
        self.into()
    }

    /// Returns what it is, how it is computed, and what of the same name it is not.
    pub fn definition(self) -> &'static str {
        match self {
            Self::CoordinationOverheadPercent => {
                "(T_MAS - T_SAS) / T_SAS x 100; T_MAS is the mean of reasoning turns over runs: each consult, candidate, resample, judge call and vote sample is one, failed or not, and each run of a stage one more for the orchestrator. Not the coordination_overhead of maestro_check_degradation, which is messages per recorded result."
            }
            Self::EfficiencyScore => {
                "S / (T / T_SAS), over runs whose end is known; S is the share of them that succeeded: the recorded outcome, else the latest verification after the latest change."
            }
            Self::TestCoverageRate => {
                "selections that tests decided / selections. Not the coverage of code by tests."
            }
            Self::ConsultsPerStageRun => "calls to consultants that served a stage / runs of stages.",
            Self::Redundancy => {
                "mean over groups of answers to the same question of their mean pairwise cosine similarity, 0 to 1, by how often each word occurs: no embeddings, so a paraphrase looks less alike than it is. Not the redundancy_rate of maestro_check_degradation, which is what the caller reports."
            }
            Self::ErrorAmplification => {
                "(1 - P_MAS) / (1 - P_SAS) over tasks, by their recorded outcome with several agents and with one. Not the error_amplification of maestro_check_degradation, which is (failures / results) / 0.3, and not the trace figure of the paper (17.2 for independent agents)."
            }
            Self::SuccessRate => {
                "calls that succeeded / calls. Not the success_rate of maestro_check_degradation, which is over recorded results, and not the S of efficiency_score, which is over runs."
            }
            Self::AvgLatencyMs => {
                "milliseconds of all calls / calls, failed ones too, each with its repeats and its wait between them. Calls side by side are added up."
            }
            Self::CostUsd => "US dollars of the calls whose CLI tells its cost.",
            Self::Tokens => "tokens of the calls whose CLI tells them.",
        }
    }
}

//! Way in which the agents of a piece of work are arranged.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// Way in which the agents of a stage are arranged.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr,
)]
#[strum(serialize_all = "UPPERCASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Topology {
    /// One agent.
    #[default]
    Sas,
    /// Several, with the orchestrator checking and choosing.
    Centralized,
    /// Several that talk to one another.
    Decentralized,
    /// Several that nobody checks.
    Independent,
    /// Several that talk to one another and have a centre besides.
    Hybrid,
}

impl Topology {
    /// Every topology.
    pub const ALL: [Self; 5] =
        [Self::Sas, Self::Centralized, Self::Decentralized, Self::Independent, Self::Hybrid];

    /// The name used by the policy.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The name used in the parameters and results of the coordination tools.
    pub fn id(self) -> &'static str {
        match self {
            Self::Sas => "sas",
            Self::Centralized => "mas_centralized",
            Self::Decentralized => "mas_decentralized",
            Self::Independent => "mas_independent",
            Self::Hybrid => "mas_hybrid",
        }
    }

    /// Returns what the paper calls an error multiplier and measures as overhead tokens in traces, over
    /// those of one agent ("Towards a Science of Scaling Agent Systems", table 5). It says nothing of how
    /// many tasks fail; see [`Self::task_error_ratio`].
    pub fn error_multiplier(self) -> f64 {
        match self {
            Self::Sas => 1.0,
            Self::Centralized => 4.4,
            Self::Decentralized => 7.8,
            Self::Independent => 17.2,
            Self::Hybrid => 5.1,
        }
    }

    /// Returns how many more tasks fail than with a single agent: the ratio of the means over the
    /// benchmarks of the paper's 260 configurations (six benchmarks).
    pub fn task_error_ratio(self) -> f64 {
        match self {
            Self::Sas => 1.0,
            Self::Centralized => 1.06,
            Self::Decentralized => 1.02,
            Self::Independent => 1.18,
            Self::Hybrid => 1.03,
        }
    }

    pub fn use_for(self) -> &'static str {
        match self {
            Self::Sas => "steps that depend on one another: implement, debug",
            Self::Centralized => "candidates that the orchestrator checks and chooses from",
            Self::Independent => "generating candidates",
            Self::Decentralized | Self::Hybrid => "nothing here: agents do not talk to one another",
        }
    }

    /// Returns what it must never be used for.
    pub fn never_for(self) -> Option<&'static str> {
        match self {
            Self::Independent => Some("deciding"),
            Self::Sas | Self::Centralized | Self::Decentralized | Self::Hybrid => None,
        }
    }
}

//! Way in which the agents of a piece of work are arranged.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// Way in which the agents of a stage are arranged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[derive(Serialize, Deserialize, IntoStaticStr, VariantArray)]
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
    pub const ALL: &'static [Self] = Self::VARIANTS;

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
}

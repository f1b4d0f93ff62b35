//! Way in which the agents of a piece of work are arranged.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::packed;

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

// The facts of each topology: `topologies.yaml`.

/// The file describes the fields.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    pub error_multiplier: f64,
    pub task_error_ratio: f64,
    pub use_for: String,
    pub never_for: Option<String>,
    pub limits: Limits,
    pub line: Line,
}

/// The limits that go with a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub max_agents: u32,
    pub max_rounds: u32,
    pub max_messages_per_agent: u32,
    /// Messages a run above which coordination costs more than it is worth.
    pub overhead_threshold: f64,
}

/// The coefficients of one architecture.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// alpha.
    pub intercept: f64,
    /// bI.
    pub capability: f64,
    /// bT.
    pub tools: f64,
    /// bP.
    pub baseline: f64,
}

impl Facts {
    pub fn of(topology: Topology) -> &'static Self {
        static ALL: LazyLock<HashMap<Topology, Facts>> =
            LazyLock::new(|| packed::read("src/domain/coordination/topologies.yaml"));
        static NONE: LazyLock<Facts> = LazyLock::new(Facts::default);
        ALL.get(&topology).unwrap_or(&NONE)
    }
}

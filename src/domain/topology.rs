//! Topologies: arrangements of the agents that do a piece of work.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::packed;

/// The arrangement of the agents of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[derive(Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "UPPERCASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Topology {
    /// One agent.
    #[default]
    Sas,
    /// Several agents; the orchestrator checks and chooses.
    Centralized,
    /// Several agents that talk to one another.
    Decentralized,
    /// Several agents that do not see one another and are not checked.
    Independent,
    /// Several agents that talk to one another and to a central one.
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

// Facts about topologies, from `topologies.yaml`.

/// Facts about a topology. The file describes the fields.
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

/// The limits that apply once a topology is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub max_agents: u32,
    pub max_rounds: u32,
    pub max_messages_per_agent: u32,
    /// Messages per run above which coordination costs more than it is worth.
    pub overhead_threshold: f64,
}

/// The coefficients of a topology in the regression of `coordination/scaling.rs`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// alpha.
    pub intercept: f64,
    /// bI, of the capability index.
    pub capability: f64,
    /// bT, of the number of tools.
    pub tools: f64,
    /// bP, of the success of a single agent.
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

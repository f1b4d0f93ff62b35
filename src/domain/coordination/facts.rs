//! The facts of each topology: `topologies.yaml`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::domain::packed;
use crate::domain::topology::Topology;

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
    /// Agents.
    pub max_agents: u32,
    /// Rounds.
    pub max_rounds: u32,
    /// Messages of each agent.
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

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct All {
    single: Facts,
    independent: Facts,
    decentralized: Facts,
    centralized: Facts,
    hybrid: Facts,
}

impl Facts {
    pub fn of(topology: Topology) -> &'static Self {
        static ALL: LazyLock<All> = LazyLock::new(|| packed::read("src/domain/coordination/topologies.yaml"));
        match topology {
            Topology::Sas => &ALL.single,
            Topology::Independent => &ALL.independent,
            Topology::Decentralized => &ALL.decentralized,
            Topology::Centralized => &ALL.centralized,
            Topology::Hybrid => &ALL.hybrid,
        }
    }
}

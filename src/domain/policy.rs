//! The coordination policy: the budget and the topology of each stage.
//!
//! The tools that show the policy, the skills, and the workflow that enforces it all read it here, so they
//! never disagree.

use serde::{Deserialize, Serialize};

use super::stage::Stage;
pub use super::topology::Topology;

/// The part of the policy that a user can set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the configuration")]
pub struct PolicySettings {
    /// Success rate of a single agent above which an ensemble is skipped, 0 to 1. Gains saturate at about
    /// 0.45 ("Towards a Science of Scaling Agent Systems").
    pub capability_threshold: f64,
    pub max_consults_per_stage: u32,
    /// Most consults of one run.
    pub max_consults_total: u32,
    /// Debug iterations before the stage escalates.
    pub max_debug_iterations: u32,
    /// True if tests decide first when a candidate is selected.
    pub prefer_tests_first: bool,
    /// True if hypothesize may ask several providers.
    pub ensemble_hypotheses: bool,
    /// True if implement may ask several providers.
    pub ensemble_implementation: bool,
    /// True if debug is held to a single agent.
    pub debug_single_agent: bool,
    /// Most tools loaded at a time.
    pub max_tools: u32,
    /// Reasoning turns that a single agent takes for a task, above 0. Overhead and efficiency are measured
    /// against it. Default: the mean of the paper, 7.2 (Kim et al., table 5).
    pub single_agent_turns: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StagePolicy {
    /// Arrangement of the agents: who decides.
    pub topology: Topology,
    /// Arrangement of the candidates, if the stage asks for several answers. Independent candidates do not
    /// see one another, whether asked together or one by one; they never decide.
    pub candidates: Topology,
    /// True if the stage may ask several providers at once.
    pub ensemble_allowed: bool,
    /// Most consults of the stage; in debug, of one iteration.
    pub max_consults: u32,
    pub max_iterations: u32,
    pub preferred_clients: &'static [&'static str],
}

/// The reason why a stage is left to a single agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SingleAgent {
    /// The steps of the stage depend on one another. A caller cannot override this.
    Always,
    /// The stage is left to one agent unless a caller insists.
    UnlessForced,
    /// The user switched the ensemble of the stage off.
    SwitchedOff,
}

impl PolicySettings {
    /// The reason why a stage is left to a single agent; None if it is not.
    pub fn single_agent(&self, stage: Stage) -> Option<SingleAgent> {
        match stage {
            Stage::Debug if self.debug_single_agent => Some(SingleAgent::Always),
            Stage::Debug | Stage::Implement => Some(SingleAgent::UnlessForced),
            Stage::Hypothesize => (!self.ensemble_hypotheses).then_some(SingleAgent::SwitchedOff),
            Stage::Analyze | Stage::Improve => None,
        }
    }

    /// The recommended topology if only the stage is known.
    pub fn recommended(&self, stage: Stage) -> Topology {
        match self.single_agent(stage) {
            Some(_) => Topology::Sas,
            None => self.stage(stage).candidates,
        }
    }

    pub fn stage(&self, stage: Stage) -> StagePolicy {
        let ensemble_allowed = match stage {
            // Several readers of the same material find the same facts, so one consultant is enough.
            Stage::Analyze => false,
            Stage::Hypothesize => self.ensemble_hypotheses,
            Stage::Implement => self.ensemble_implementation,
            Stage::Debug => !self.debug_single_agent,
            Stage::Improve => true,
        };
        let is_debug = stage == Stage::Debug;
        let consults = self.max_consults_per_stage;
        StagePolicy {
            topology: if ensemble_allowed { Topology::Centralized } else { Topology::Sas },
            candidates: if ensemble_allowed { Topology::Independent } else { Topology::Sas },
            ensemble_allowed,
            max_consults: if is_debug { consults.min(1) } else { consults },
            max_iterations: if is_debug { self.max_debug_iterations } else { 1 },
            preferred_clients: match stage {
                Stage::Analyze => &["gemini", "claude"],
                Stage::Hypothesize => &["codex", "gemini", "claude"],
                Stage::Implement => &["codex"],
                Stage::Debug => &["codex", "claude"],
                Stage::Improve => &["claude", "gemini"],
            },
        }
    }
}

//! What a run may spend.

use serde::Serialize;

use crate::domain::policy::PolicySettings;
use crate::domain::stage::Stage;

/// What a run may spend.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// Consults of one stage.
    pub per_stage: u32,
    /// Consults of one iteration of debug.
    pub per_debug_iteration: u32,
    /// Consults of the whole run.
    pub total: u32,
    /// Single-agent success above which several consultants add little, 0 to 1 (Kim et al.: gains
    /// saturate at about 0.45).
    pub threshold: f64,
}

impl Limits {
    /// Whether a single agent succeeds so often that asking several is not worth its price. Not
    /// where its success is not known.
    #[must_use]
    pub fn several_add_little(&self, single_agent_success: Option<f64>) -> bool {
        single_agent_success.is_some_and(|success| success > self.threshold)
    }
}

impl From<&PolicySettings> for Limits {
    fn from(settings: &PolicySettings) -> Self {
        Self {
            per_stage: settings.max_consults_per_stage,
            per_debug_iteration: settings.stage(Stage::Debug).max_consults,
            total: settings.max_consults_total,
            threshold: settings.capability_threshold,
        }
    }
}

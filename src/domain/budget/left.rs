//! What is left of a budget, as results show it.

use std::collections::BTreeMap;

use serde::Serialize;

/// What one limit leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The limit, in consults.
    pub limit: u32,
    /// Consults that took place.
    pub used: u32,
    /// Consults that are reserved and have not ended.
    pub reserved: u32,
    /// Consults that it leaves.
    pub left: u32,
}

impl Left {
    pub(super) fn of(limit: u32, used: u32, reserved: u32) -> Self {
        Self { limit, used, reserved, left: limit.saturating_sub(used.saturating_add(reserved)) }
    }
}

/// What is left of a run's budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remaining {
    /// Of the whole run.
    pub total: Left,
    /// Of each stage by its own limit, whatever the total leaves; of debug, this iteration's.
    pub stages: BTreeMap<&'static str, Left>,
    /// Which iteration of debug that is.
    pub debug_iteration: u32,
}

//! Effort: how hard a consultant is to think.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// Effort: how hard a consultant is to think, by the names that its CLI's users know.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, IntoStaticStr,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Effort {
    /// As little as the model can.
    Low,
    /// Between.
    Medium,
    /// Hard: what a second opinion is asked for.
    High,
    /// Harder.
    Xhigh,
    /// As hard as the model can.
    Max,
}

impl Effort {
    /// Every effort, the least first.
    pub const ALL: [Self; 5] = [Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max];

    /// Their names, for people.
    pub const NAMES: &'static str = "low, medium, high, xhigh or max";

    /// The name used in parameters, settings and results.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The effort of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.name() == name)
    }
}

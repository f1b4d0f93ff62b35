//! The options of a call to a provider.

use std::num::NonZeroU64;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// The caller's options for a call. For an option that is not given, the configuration decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// The model, by the name that its provider uses.
    pub model: Option<String>,
    /// The effort of the model.
    pub effort: Option<Effort>,
    /// Timeout of the CLI, retries included. The time spent waiting for a slot does not count.
    pub timeout: Option<Duration>,
}

impl CallOptions {
    /// The options of a call; `timeout` is in seconds.
    pub fn new(model: Option<String>, effort: Option<Effort>, timeout: Option<NonZeroU64>) -> Self {
        Self { model, effort, timeout: timeout.map(|seconds| Duration::from_secs(seconds.get())) }
    }
}

/// Effort: how hard a model thinks, in the words of the CLIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(Serialize, Deserialize, JsonSchema, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Effort {
    /// As little as the model can.
    Low,
    /// Between low and high.
    Medium,
    /// High: the usual choice for a second opinion.
    High,
    /// Higher than high.
    Xhigh,
    /// As hard as the model can.
    Max,
}

impl Effort {
    /// Every effort, the lowest first.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The names of all efforts, for messages.
    pub const NAMES: &'static str = "low, medium, high, xhigh or max";

    /// The name used in parameters, settings and results.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

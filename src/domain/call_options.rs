//! How a provider is to be asked.

use std::num::NonZeroU64;
use std::time::Duration;

use super::effort::Effort;

/// What a caller wishes of a call beside its question. Where it names nothing, the configuration decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// The model, by its provider's own name.
    pub model: Option<String>,
    /// How hard the model is to think.
    pub effort: Option<Effort>,
    /// The time for the CLI and its retries. Waiting for a slot does not count.
    pub timeout: Option<Duration>,
}

impl CallOptions {
    /// The options of a call, its time in seconds.
    pub fn new(model: Option<String>, effort: Option<Effort>, timeout: Option<NonZeroU64>) -> Self {
        Self { model, effort, timeout: timeout.map(|seconds| Duration::from_secs(seconds.get())) }
    }
}

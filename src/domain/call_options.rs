//! The options of a call to a provider.

use std::num::NonZeroU64;
use std::time::Duration;

use super::effort::Effort;

/// The caller's wishes for a call beside its question. The configuration decides where they name nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// The model, by its provider's own name.
    pub model: Option<String>,
    /// The effort of the model.
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

//! Tokens of calls, counted and expected.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// The approximate number of bytes of a token.
const BYTES: usize = 4;

/// Tokens of a call, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Sent.
    pub input: u64,
    /// Answered.
    pub output: u64,
}

/// Estimated tokens of a consult.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The model that is asked for; empty if the CLI chooses.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    pub tokens: Tokens,
}

impl Tokens {
    /// The estimated number of tokens of a text, by its length in bytes.
    pub(crate) fn of_bytes(bytes: usize) -> u64 {
        u64::try_from(bytes.div_ceil(BYTES)).unwrap_or(u64::MAX)
    }

    /// Tokens sent and answered together.
    pub(crate) fn both(self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
    }
}

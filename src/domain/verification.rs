//! Verification: the commands that may verify a project, detection of its own checks, and reading of their
//! output.

pub(crate) mod detect;
pub(crate) mod policy;
pub(crate) mod read;
pub(crate) mod rules;
pub(crate) mod status;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[derive(Serialize, Deserialize, JsonSchema, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Kind {
    /// Unit tests.
    UnitTest,
    /// Integration tests.
    Integration,
    /// Style and likely mistakes.
    Lint,
    /// Types, or whether the code compiles.
    TypeCheck,
    /// Formatting of the source.
    Format,
    /// Any other check.
    Custom,
    /// A build.
    Build,
}

impl Kind {
    /// The name in requests and results.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// True if a failure means that the program does not work as it should.
    pub fn is_critical(self) -> bool {
        matches!(self, Self::UnitTest | Self::Integration | Self::TypeCheck | Self::Build)
    }
}

#[cfg(test)]
mod tests;

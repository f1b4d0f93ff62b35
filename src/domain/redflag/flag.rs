//! The red flags by name.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// A sign that an answer is not worth counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// It is longer than an answer may be.
    TooLong,
    /// It is too short to be one.
    TooShort,
    /// It is not what the step's schema asks for.
    MissingFields,
    /// It holds no JSON document.
    InvalidJson,
    /// It holds no diff that can be understood.
    InvalidDiff,
    /// It does not commit itself.
    Hedging,
    /// Its patch changes more files than one step may.
    MultiFile,
    /// It brings in code that runs whatever it is given.
    DangerousCode,
    /// It proposes a command that destroys or that runs what a network sends.
    DangerousCommand,
    /// It changes a file that no patch should.
    ForbiddenFile,
    /// Its patch changes more lines than one step may.
    ExcessiveChanges,
    /// It says a thing and its contrary.
    Contradiction,
    /// Its form is broken.
    FormatError,
}

impl Flag {
    /// Every flag, in the order in which they are reported.
    pub const ALL: [Self; 13] = [
        Self::TooLong,
        Self::TooShort,
        Self::MissingFields,
        Self::InvalidJson,
        Self::InvalidDiff,
        Self::Hedging,
        Self::MultiFile,
        Self::DangerousCode,
        Self::DangerousCommand,
        Self::ForbiddenFile,
        Self::ExcessiveChanges,
        Self::Contradiction,
        Self::FormatError,
    ];

    /// The name used in parameters, results and the rule file.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The flag of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name() == name)
    }

    /// True if its rule is a list of patterns.
    pub(super) fn has_patterns(self) -> bool {
        match self {
            Self::Hedging
            | Self::DangerousCode
            | Self::DangerousCommand
            | Self::ForbiddenFile
            | Self::FormatError => true,
            Self::TooLong
            | Self::TooShort
            | Self::MissingFields
            | Self::InvalidJson
            | Self::InvalidDiff
            | Self::MultiFile
            | Self::ExcessiveChanges
            | Self::Contradiction => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_data() {
        for flag in Flag::ALL {
            assert_eq!(serde_json::to_value(flag).unwrap(), flag.name());
            assert_eq!(Flag::named(flag.name()), Some(flag));
        }
        assert_eq!(Flag::named("unfalsifiable"), None);
    }
}

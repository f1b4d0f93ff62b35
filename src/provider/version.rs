//! Versions of CLIs, as far as flags depend on them.

use std::fmt;
use std::sync::OnceLock;

use regex::Regex;

/// A version of three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// The version of three numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// The first version in what a CLI prints for `--version`.
    pub fn find(printed: &str) -> Option<Self> {
        static VERSION: OnceLock<Option<Regex>> = OnceLock::new();
        let found = VERSION
            .get_or_init(|| Regex::new(r"\b(\d{1,6})\.(\d{1,6})\.(\d{1,6})\b").ok())
            .as_ref()?
            .captures(printed)?;
        let number = |index: usize| found.get(index)?.as_str().parse().ok();
        Some(Self::new(number(1)?, number(2)?, number(3)?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

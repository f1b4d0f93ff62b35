//! Record of a change, from which it can be undone.

use serde::{Deserialize, Serialize};

use super::tree::split;
use crate::domain::change::Mark;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// These.
    Exact(u32),
    /// Those of a new file.
    New { executable: bool },
}

impl Permission {
    pub(super) fn at_creation(self) -> u32 {
        match self {
            Self::Exact(_) => 0o600,
            Self::New { executable: true } => 0o777,
            Self::New { executable: false } => 0o666,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its name.
    pub session: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// `patch` or `restore`.
    pub kind: String,
    /// The directory that the paths are relative to.
    pub root: String,
    /// The mark of the patch.
    pub patch: Option<Mark>,
    /// The session that was undone.
    pub undoes: Option<String>,
    /// The files.
    pub files: Vec<Entry>,
    /// Directories that were made.
    pub made: Vec<String>,
    /// Directories that may have been removed, with their permissions.
    pub directories: Vec<(String, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The path.
    pub path: String,
    /// State before; none where there was no file.
    pub before: Option<State>,
    /// State after; none where the file was removed.
    pub after: Option<Mark>,
}

/// A file's content and permissions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Its permissions.
    pub mode: u32,
    /// Its content.
    pub mark: Mark,
}

/// The name of a file's content in its backup.
pub(super) fn original(index: usize) -> String {
    format!("{index}.original")
}

/// The name under which a file is written before it is put in its place.
pub(super) fn staged(session: &str, index: usize, path: &str) -> String {
    match split(path) {
        ("", _) => format!(".maestro-{session}-{index}.tmp"),
        (above, _) => format!("{above}/.maestro-{session}-{index}.tmp"),
    }
}

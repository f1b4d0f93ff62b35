//! Versions of the programs that a server met, each asked for once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::OnceCell;

use crate::error::Error;
use crate::provider::events::Version;

/// A program as it was written to disk, with its leading arguments (which may be all that tells two CLIs
/// apart, as with `npx`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Program {
    path: PathBuf,
    written: Option<SystemTime>,
    leading_arguments: Vec<String>,
}

impl Program {
    pub fn as_written(path: &Path, leading_arguments: &[String]) -> Self {
        let written = std::fs::metadata(path).and_then(|found| found.modified()).ok();
        Self { path: path.to_owned(), written, leading_arguments: leading_arguments.to_vec() }
    }
}

/// Versions by program, and the programs that did not tell theirs.
#[derive(Default)]
pub struct Versions {
    known: Mutex<HashMap<Program, Arc<OnceCell<Version>>>>,
    failed: Mutex<HashMap<Program, (Instant, Error)>>,
}

impl Versions {
    /// The version of a program, for whoever comes first to ask for.
    pub fn of(&self, program: Program) -> Arc<OnceCell<Version>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(program).or_default())
    }

    pub fn note_failure(&self, program: Program, error: Error) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.insert(program, (Instant::now(), error));
    }

    /// The failure of a program to tell its version, where that is no longer ago.
    pub fn failed_within(&self, time: Duration, program: &Program) -> Option<Error> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get(program).filter(|(when, _)| when.elapsed() < time).map(|(_, error)| error.clone())
    }
}

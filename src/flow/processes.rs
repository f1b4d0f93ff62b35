//! The processes of this server, its background work, and the callers for whom it does not work.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

use super::configuration::Configuration;
use super::slots::Slots;
use crate::error::{ApprovalProblem, Error};
use crate::host::ancestry::{Ancestry, StartedBy};
use crate::host::process::Supervisor;
use crate::provider::installed::Version;

/// The processes of a server or a sub-command. Clones share them.
#[derive(Clone)]
pub struct Processes {
    inner: Arc<Inner>,
}

struct Inner {
    config: Configuration,
    supervisor: Supervisor,
    slots: OnceLock<Slots>,
    background: TaskTracker,
    versions: Versions,
    /// True if a client uses it, not a person at a terminal.
    is_served: AtomicBool,
    is_below: OnceLock<bool>,
}

impl Processes {
    pub fn new(supervisor: Supervisor, config: Configuration) -> Self {
        let inner = Inner {
            config,
            supervisor,
            slots: OnceLock::new(),
            background: TaskTracker::new(),
            versions: Versions::default(),
            is_served: AtomicBool::new(false),
            is_below: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    pub fn supervisor(&self) -> &Supervisor {
        &self.inner.supervisor
    }

    /// The slots for consultants.
    pub fn slots(&self) -> &Slots {
        let size = || self.inner.config.settings().max_parallel.clamp(1, 256);
        self.inner.slots.get_or_init(|| Slots::new(size()))
    }

    /// Work that outlives its call.
    pub fn background(&self) -> &TaskTracker {
        &self.inner.background
    }

    /// Versions of programs that this server has asked for.
    pub fn versions(&self) -> &Versions {
        &self.inner.versions
    }

    /// Marks that a client uses this server from now on.
    pub fn serve(&self) {
        self.inner.is_served.store(true, Ordering::Relaxed);
    }

    /// Refuses to spend, run or change anything below another Maestro: a consultant returns text, and a
    /// check reports on the project.
    ///
    /// # Errors
    ///
    /// A Maestro stands above this one.
    pub fn refuse_nested(&self) -> Result<(), Error> {
        let is_below =
            || self.inner.config.environment().depth() > 0 || Ancestry::of_terminal().is_below_maestro();
        if *self.inner.is_below.get_or_init(is_below) { Err(Error::NestedConsult) } else { Ok(()) }
    }

    /// Refuses to decide, hand in or change anything if no client of a person controls this server: if
    /// another Maestro is above it, or if a command of an agent started it.
    ///
    /// # Errors
    ///
    /// Another Maestro or an agent's command controls this server; the error names it.
    pub fn refuse_strangers(&self) -> Result<(), Error> {
        self.refuse_nested()?;
        if !self.inner.is_served.load(Ordering::Relaxed) {
            return Ok(());
        }
        match Ancestry::of_server().started_by() {
            StartedBy::Own => Ok(()),
            StartedBy::BelowMaestro => Err(Error::NestedConsult),
            StartedBy::Command(agent) => Err(ApprovalProblem::SecondServer(agent).into()),
        }
    }
}

// Versions of programs, each asked for once.

/// A program file, its last write and its leading arguments: CLIs that `npx` runs differ only in these.
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

/// Versions by program, and the programs that did not report theirs.
#[derive(Default)]
pub struct Versions {
    known: Mutex<HashMap<Program, Arc<OnceCell<Version>>>>,
    failed: Mutex<HashMap<Program, (Instant, Error)>>,
}

impl Versions {
    /// The cell for the version of a program; the first caller fills it.
    pub fn of(&self, program: Program) -> Arc<OnceCell<Version>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(program).or_default())
    }

    pub fn note_failure(&self, program: Program, error: Error) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.insert(program, (Instant::now(), error));
    }

    /// The failure of a program to report its version, if it is not older than `time`.
    pub fn failed_within(&self, time: Duration, program: &Program) -> Option<Error> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get(program).filter(|(when, _)| when.elapsed() < time).map(|(_, error)| error.clone())
    }
}

//! The copies of the project in which candidates are tried, and what is done there.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;

use super::notes::{CheckNote, ProbeNote, observed};
use super::{FirstRun, without_tests};
use crate::domain::diff::Patch;
use crate::domain::select::proof::Observed;
use crate::domain::verification::Kind;
use crate::domain::verification::status::Status;
use crate::error::Error;
use crate::flow::change::apply_to_copy;
use crate::flow::off_thread::off_thread;
use crate::flow::progress::Progress;
use crate::flow::session::Session;
use crate::flow::verify::{CheckResult, Entry, Hold, verify_copy};
use crate::host::change::Tree;
use crate::host::project::Project;
use crate::host::worktree::{TreeError, Trees};

/// Copies in which checks run at the same time.
const MOST_PARALLEL: usize = 4;
/// Bytes of a file that may be looked into for tests of its own.
const MOST_LOOKED_INTO: u64 = 4 * 1024 * 1024;
/// By how much the time of a file that is laid again moves on. Tools that keep what they compiled go by
/// its seconds, so two versions of one second would be taken for one.
const STEP: Duration = Duration::from_secs(2);

/// State that all trials of a call share.
pub(super) struct Bench<'a> {
    session: &'a Session,
    trees: Arc<Trees>,
    checks: Vec<Entry>,
    probes: Vec<Entry>,
    slots: Semaphore,
    rounds: AtomicU64,
    progress: &'a Progress,
}

impl<'a> Bench<'a> {
    pub(super) async fn new(
        session: &'a Session,
        progress: &'a Progress,
        checks: Vec<Entry>,
        probes: Vec<Entry>,
        copies: usize,
    ) -> Result<Self, Error> {
        let root = session.root().canonicalize().map_err(|error| Error::Internal(error.to_string()))?;
        let trees = Trees::create(session.supervisor(), session.environment(), &root, copies).await;
        Ok(Self {
            session,
            trees: Arc::new(trees.map_err(|error| cannot_copy(&error))?),
            checks,
            probes,
            slots: Semaphore::new(MOST_PARALLEL),
            rounds: AtomicU64::new(0),
            progress,
        })
    }

    pub(super) fn has_probes(&self) -> bool {
        !self.probes.is_empty()
    }

    /// Applies a patch whole, to see whether it can be; then without what it does to tests; and runs the
    /// checks.
    pub(super) async fn first_run(&self, number: usize, id: &str, patch: &Patch) -> Result<FirstRun, Error> {
        let (base, whole) = (self.copy(0)?, patch.clone());
        let split = off_thread(move || {
            let tree = base.base(None).ok().and_then(|base| Tree::open(&base.root).ok());
            let content = |path: &str| {
                let state = tree.as_ref()?.look(path, MOST_LOOKED_INTO).ok()??;
                String::from_utf8(state.content).ok()
            };
            without_tests(&whole, &content)
        });
        let (applied, touched) = split.await?;
        let nothing = Patch::default();
        let mut run = FirstRun {
            number,
            patch: patch.clone(),
            applied,
            touched,
            refused: None,
            observed: Vec::new(),
            checks: Vec::new(),
        };
        if let Err(refusal) = self.lay(number, &nothing, patch).await? {
            run.refused = Some(refusal);
            return Ok(run);
        }
        if run.applied != run.patch
            && let Err(refusal) = self.lay(number, patch, &run.applied).await?
        {
            run.refused = Some(format!("without its changes of tests: {refusal}"));
            return Ok(run);
        }
        (run.observed, run.checks) = self.check(number, id).await?;
        Ok(run)
    }

    /// Undoes one patch in a copy and applies another; or why that does not apply.
    pub(super) async fn lay(
        &self,
        number: usize,
        undone: &Patch,
        patch: &Patch,
    ) -> Result<Result<(), String>, Error> {
        let copy = self.copy(number)?;
        let (trees, patch, undone) = (Arc::clone(&self.trees), patch.clone(), paths(undone));
        let later = SystemTime::now()
            + STEP * u32::try_from(self.rounds.fetch_add(1, Ordering::Relaxed)).unwrap_or(0);
        let root = trees.project(number).unwrap_or_default();
        off_thread(move || {
            let internal = |error: TreeError| Error::Internal(error.to_string());
            trees.reset(number, &undone).map_err(internal)?;
            let store = trees.beside(number).map_err(internal)?;
            let outcome = if patch.files.is_empty() {
                Ok(())
            } else {
                apply_to_copy(&copy, &store, &patch).map(drop).map_err(|refusal| refusal.message)
            };
            for path in undone.iter().chain(&paths(&patch)) {
                if let Ok(file) = std::fs::File::options().write(true).open(root.join(path)) {
                    let _ = file.set_modified(later);
                }
            }
            Ok(outcome)
        })
        .await?
    }

    /// Returns whether a test misses what a patch leaves out of another one. A tree that cannot be made
    /// counts as missed.
    pub(super) async fn misses(
        &self,
        number: usize,
        whole: &Patch,
        without: &Patch,
        label: &str,
    ) -> Result<bool, Error> {
        if self.lay(number, whole, without).await?.is_err() {
            return Ok(true);
        }
        let entries = self.checks.iter().filter(|entry| !is_style(entry)).cloned().collect();
        let results = self.run(number, entries, label).await?;
        Ok(results.iter().any(|result| result.status != Status::Passed))
    }

    /// Runs the checks in a copy.
    pub(super) async fn check(
        &self,
        number: usize,
        label: &str,
    ) -> Result<(Vec<Observed>, Vec<CheckNote>), Error> {
        let results = self.run(number, self.checks.clone(), label).await?;
        Ok((results.iter().map(observed).collect(), results.iter().map(CheckNote::of).collect()))
    }

    /// Runs the probes in a copy.
    pub(super) async fn probe(&self, number: usize) -> Result<Vec<ProbeNote>, Error> {
        let results = self.run(number, self.probes.clone(), "probe").await?;
        let root = self.trees.project(number).unwrap_or_default();
        let root = root.display().to_string();
        Ok(results.iter().map(|result| ProbeNote::of(result, &root)).collect())
    }

    async fn run(&self, number: usize, entries: Vec<Entry>, label: &str) -> Result<Vec<CheckResult>, Error> {
        // Never closed, so a slot always comes.
        let _slot = self.slots.acquire().await;
        let copy = Arc::new(self.copy(number)?);
        let hold: Hold = self.trees.clone();
        let progress = self.progress.labelled(label);
        verify_copy(self.session, copy, entries, hold, &progress).await
    }

    fn copy(&self, number: usize) -> Result<Project, Error> {
        let root: Option<PathBuf> = self.trees.project(number);
        let root = root.ok_or_else(|| Error::Internal("a copy is missing".to_owned()))?;
        Ok(self.session.project()?.at(&root))
    }
}

fn is_style(entry: &Entry) -> bool {
    match entry.kind {
        Some(Kind::Lint | Kind::Format) => true,
        Some(Kind::UnitTest | Kind::Integration | Kind::TypeCheck | Kind::Custom | Kind::Build) | None => {
            false
        }
    }
}

/// The files that a patch touches.
fn paths(patch: &Patch) -> Vec<PathBuf> {
    let names: BTreeSet<&String> = patch.files.iter().flat_map(|file| [&file.old, &file.new]).collect();
    names.into_iter().map(PathBuf::from).collect()
}

fn cannot_copy(error: &TreeError) -> Error {
    let hint = match error {
        TreeError::NoGit => "Install git, or test the candidates yourself and give test_results.",
        TreeError::NoCommit(_) => {
            "Commit the project first, or test the candidates yourself and give test_results."
        }
        TreeError::TooMuch(_) => "Commit, or ignore what is no source, then call again.",
        TreeError::Failed(_) => "Test the candidates yourself and give test_results.",
    };
    Error::Setup { reason: format!("verify: {error}"), hint: hint.to_owned() }
}

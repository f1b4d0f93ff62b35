//! Applying a patch, whole or not at all, and undoing it.

mod plan;
mod restore;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::configuration::Configuration;
use super::kit::Kit;
use super::log::Log;
use super::note::{Belonging, run_to_patch, run_to_recover};
use super::processes::Processes;
use super::project_files::ProjectFiles;
use super::scope::off_thread;
use crate::domain::change::{Mark, Reason, Refusal};
use crate::domain::diff::{self, Action, Patch};
use crate::domain::event::{ChangeKind, Changed, ChangedFile};
use crate::domain::permits::{Power, power, power_of_change};
use crate::error::{Error, ErrorNote};
use crate::flow::note::note_change;
use crate::host::change::{
    Entry, Lock, Manifest, Obstacle, Plan, Recovery, Store, Tree, carry_out, open_journals, roll_back,
};
use crate::host::project::{Base, Project};

use plan::{Detail, FileOffset, Planned};
pub use restore::{Backup, BackupState, RestoreRequest, backups, keep, prune, restore};

/// Time that a change waits for the end of another server's change.
const PATIENCE: Duration = Duration::from_secs(10);

// A patch to apply: input of a tool, whose schema shows only the docs of the fields.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchRequest {
    /// Unified diff.
    pub patch: String,
    /// Default: project root.
    pub workspace_root: Option<String>,
    /// Only check.
    #[serde(default)]
    pub dry_run: bool,
}

/// Applies a patch to the project, whole or not at all.
///
/// # Errors
///
/// The configuration or the files cannot be used, or this caller may change nothing. A patch that does
/// not apply is an outcome, not an error.
pub async fn apply_patch(kit: &Kit, request: PatchRequest) -> Result<PatchOutcome, Error> {
    check_caller(&kit.config, &kit.processes)?;
    blocking(kit, move |kit, cancelled| {
        let project = kit.project.reader()?;
        let dry_run = request.dry_run;
        let mut outcome = PatchOutcome::new(dry_run);
        let patch = match diff::parse(&request.patch) {
            Ok(patch) => patch,
            Err(error) => return Ok(outcome.refused(&Refusal::new(Reason::PatchInvalid, error))),
        };
        let base = match project.base(request.workspace_root.as_deref()) {
            Ok(base) => base,
            Err(refusal) => {
                let message = format!("workspace_root: {refusal}");
                return Ok(outcome.refused(&Refusal::new(Reason::PathRefused, message)));
            }
        };
        outcome.normalised.clone_from(&patch.normalised);
        let work = Work { kit, project: &project, base: &base, cancelled };
        Ok(match work.apply(&request, &patch, &mut outcome) {
            Ok(()) => outcome,
            Err(refusal) => outcome.refused(&refusal),
        })
    })
    .await
}

/// Refuses a caller below a consultant: a consultant returns text and nothing else.
fn check_caller(config: &Configuration, processes: &Processes) -> Result<(), Error> {
    processes.refuse_strangers()?;
    config.check()
}

struct Work<'a> {
    kit: &'a Kit,
    project: &'a Project,
    base: &'a Base,
    cancelled: &'a dyn Fn() -> bool,
}

impl Work<'_> {
    fn apply(
        &self,
        request: &PatchRequest,
        patch: &Patch,
        outcome: &mut PatchOutcome,
    ) -> Result<(), Refusal> {
        // A dry run writes nothing, not even a lock, but it too waits for a change under way.
        let _waited = if request.dry_run { lock_existing(&self.kit.project, &self.kit.log)? } else { None };
        let held = if request.dry_run { None } else { Some(lock(&self.kit.project, &self.kit.log)?) };
        if let Some((store, _)) = &held {
            outcome.restored_after_crash = undo_open(store, self.project, &self.kit.log);
        }
        // Under the lock, so that the second of two patches sees the first.
        let run = run_to_patch(&self.kit.log, request.dry_run)?;
        let tree = self.tree()?;
        let planned = plan::plan(self.project, self.base, &tree, patch);
        outcome.planned(&planned);
        let told = match &run {
            Some(run) if !request.dry_run => self.told(run, request, patch, &planned, &tree)?,
            Some(_) | None => PatchRecord::default(),
        };
        let is_approved = told.approved_by.is_some();
        let mut plan = planned.plan()?;
        if !is_approved && !self.is_approved_in(run.as_ref(), patch) {
            refuse_what_acts(&plan)?;
        }
        plan.patch = Some(Mark::of(request.patch.as_bytes()));
        if let Some((store, _lock)) = held {
            let manifest = self.carry_out(&store, &tree, &plan, run.as_ref(), told)?;
            outcome.applied(&manifest.session);
        }
        Ok(())
    }

    /// True if the patch is one of the run's approved changes.
    fn is_approved_in(&self, run: Option<&Belonging>, patch: &Patch) -> bool {
        self.base.prefix.as_os_str().is_empty()
            && run.is_some_and(|run| {
                let lines = diff::changed_lines(patch);
                run.run.approved_changes().iter().any(|change| change.lines().as_ref() == Some(&lines))
            })
    }

    fn tree(&self) -> Result<Tree, Refusal> {
        Tree::open(&self.base.root).map_err(|error| Refusal::new(Reason::WriteFailed, error))
    }

    fn carry_out(
        &self,
        store: &Store,
        tree: &Tree,
        plan: &Plan,
        run: Option<&Belonging>,
        told: PatchRecord,
    ) -> Result<Manifest, Refusal> {
        let manifest = self.try_out(store, tree, plan)?;
        carried_out(&self.kit.log, run.map(Belonging::id), &manifest, told);
        restore::prune_after(&self.kit.config, &self.kit.log, store, &manifest.session);
        Ok(manifest)
    }

    fn try_out(&self, store: &Store, tree: &Tree, plan: &Plan) -> Result<Manifest, Refusal> {
        carry_out(store, tree, plan, self.cancelled).map_err(|stopped| {
            let reason = match stopped.obstacle {
                Obstacle::Changed | Obstacle::Link(_) | Obstacle::NotDirectory(_) | Obstacle::Directory => {
                    Reason::FileChanged
                }
                _ => Reason::WriteFailed,
            };
            let what: Vec<String> =
                std::iter::once(stopped.obstacle.to_string()).chain(stopped.notes).collect();
            let path = if stopped.path.is_empty() { String::new() } else { format!("{}: ", stopped.path) };
            Refusal::new(reason, format!("{path}{}; everything was undone", what.join("; ")))
        })
    }
}

/// Refuses files that run or permit something, unless an approved change names them.
fn refuse_what_acts(plan: &Plan) -> Result<(), Refusal> {
    for change in &plan.changes {
        let by_content = || {
            let before = change.before.as_ref().map(|file| file.content.as_slice());
            let after = change.after.as_ref().map(|file| file.content.as_slice());
            power_of_change(&change.path, before.unwrap_or_default(), after.unwrap_or_default())
        };
        let found =
            power(&change.path).filter(|power| matches!(power, Power::ActsByItself(_))).or_else(by_content);
        if let Some(power) = found {
            return Err(Refusal::new(
                Reason::ChangeActs,
                format!(
                    "nothing was written: {} contains {}, and no approved change includes this file",
                    change.path,
                    power.words()
                ),
            ));
        }
    }
    Ok(())
}

fn failed(obstacle: &Obstacle) -> Refusal {
    Refusal::new(Reason::WriteFailed, format!(".maestro/backups: {obstacle}"))
}

fn lock(project: &ProjectFiles, log: &Log) -> Result<(Store, Lock), Refusal> {
    let store = Store::open(project.root()).map_err(|obstacle| failed(&obstacle))?;
    locked(store.of_user(log.user_key()))
}

/// The lock, if it exists already. It is not created.
fn lock_existing(project: &ProjectFiles, log: &Log) -> Result<Option<(Store, Lock)>, Refusal> {
    match Store::existing(project.root()).map_err(|obstacle| failed(&obstacle))? {
        Some(store) if store.has_lock() => locked(store.of_user(log.user_key())).map(Some),
        Some(_) | None => Ok(None),
    }
}

fn locked(store: Store) -> Result<(Store, Lock), Refusal> {
    match store.lock(PATIENCE).map_err(|obstacle| failed(&obstacle))? {
        Some(lock) => Ok((store, lock)),
        None => Err(Refusal::new(
            Reason::ChangeLocked,
            format!("another server has been changing the project for {} s", PATIENCE.as_secs()),
        )),
    }
}

/// Undoes the unfinished changes of killed servers. The result is empty if there are none, or if another
/// server holds the lock.
pub async fn recover(kit: &Kit) -> Vec<Recovery> {
    if !open_journals(kit.project.root()) {
        return Vec::new();
    }
    let recovered = blocking(kit, |kit, _| Ok(recover_now(&kit.project, &kit.log)));
    recovered.await.unwrap_or_default()
}

fn recover_now(project: &ProjectFiles, log: &Log) -> Vec<Recovery> {
    let (Ok(project), Ok(store)) = (project.reader(), Store::open(project.root())) else {
        return Vec::new();
    };
    let store = store.of_user(log.user_key());
    let Ok(Some(_lock)) = store.lock(Duration::ZERO) else {
        return Vec::new();
    };
    undo_open(&store, &project, log)
}

/// Undoes the change of every open journal. The caller holds the lock.
fn undo_open(store: &Store, project: &Project, log: &Log) -> Vec<Recovery> {
    let open = store.open_sessions().unwrap_or_default();
    if open.is_empty() {
        return Vec::new();
    }
    let run = run_to_recover(log);
    open.iter().map(|backup| undo(store, project, (log, run.as_deref()), backup)).collect()
}

fn undo(store: &Store, project: &Project, record: (&Log, Option<&str>), session: &str) -> Recovery {
    let nothing = |notes| Recovery { session: session.to_owned(), notes, ..Recovery::default() };
    match store.manifest(session) {
        // It was killed before it wrote anything.
        Ok(None) => {
            let _ = store.forget(session);
            nothing(Vec::new())
        }
        Ok(Some(manifest)) => match project.known_root(&manifest.root).map(Tree::open) {
            Some(Ok(tree)) if restore::names_are_allowed(project, &manifest) => {
                let recovery = roll_back(store, &tree, &manifest, None);
                recovered(record.0, record.1, &manifest, &recovery);
                recovery
            }
            _ => {
                tracing::warn!(
                    backup = session,
                    "this server may not undo the unfinished change of a killed one"
                );
                nothing(vec![format!("{} cannot be changed by this server", manifest.root)])
            }
        },
        // The journal came with the project, so it is reported once and never acted on.
        Err(obstacle @ Obstacle::Foreign) => {
            let _ = store.settle(session);
            nothing(vec![format!("{}: {obstacle}", Store::shown(session))])
        }
        Err(obstacle) => {
            tracing::warn!(backup = session, %obstacle, "the unfinished change of a killed server cannot be undone");
            nothing(vec![obstacle.to_string()])
        }
    }
}

/// Runs work on a blocking thread. The function that the work gets returns true once the call is cancelled.
async fn blocking<T: Send + 'static>(
    kit: &Kit,
    work: impl FnOnce(&Kit, &dyn Fn() -> bool) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    struct CancelOnDrop(Arc<AtomicBool>);
    impl Drop for CancelOnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let guard = CancelOnDrop(Arc::new(AtomicBool::new(false)));
    let flag = guard.0.clone();
    let kit = kit.clone();
    off_thread(move || work(&kit, &|| flag.load(Ordering::Relaxed))).await?
}

/// The path of a file of a base, relative to the base's root.
fn below(prefix: &Path, name: &str) -> String {
    let path: PathBuf = prefix.join(name);
    path.to_string_lossy().into_owned()
}

/// The parts of a patch that the log keeps beside its files.
#[derive(Clone, Debug, Default)]
struct PatchRecord {
    /// Its text, masked.
    patch: Option<String>,
    /// The request that approved the change.
    approved_by: Option<String>,
}

/// Records a change: a restore if the manifest has `undoes`, else a patch.
fn carried_out(log: &Log, run: Option<&str>, manifest: &Manifest, told: PatchRecord) {
    let kind = if manifest.undoes.is_some() { ChangeKind::RolledBack } else { ChangeKind::Applied };
    let files = manifest.files.iter().map(changed).collect();
    let PatchRecord { patch, approved_by } = told;
    let patch = patch.filter(|_| run.is_some());
    note_change(log, run, Changed { patch, approved_by, ..record(kind, manifest, files) });
}

/// Records the files of an unfinished change that were undone.
fn recovered(log: &Log, run: Option<&str>, manifest: &Manifest, recovery: &Recovery) {
    let is_back = |entry: &&Entry| recovery.files.contains(&entry.path);
    let back = |entry: &Entry| {
        let file = changed(entry);
        ChangedFile { before: file.after, after: file.before, path: file.path }
    };
    let files = manifest.files.iter().filter(is_back).map(back).collect();
    let changed = Changed {
        undoes: Some(manifest.session.clone()),
        notes: recovery.notes.clone(),
        ..record(ChangeKind::Recovered, manifest, files)
    };
    note_change(log, run, changed);
}

fn record(kind: ChangeKind, manifest: &Manifest, files: Vec<ChangedFile>) -> Changed {
    Changed {
        kind,
        backup_session: manifest.session.clone(),
        undoes: manifest.undoes.clone(),
        root: manifest.root.clone(),
        files,
        patch_sha256: manifest.patch.as_ref().map(|mark| mark.sha256.clone()),
        patch: None,
        approved_by: None,
        notes: Vec::new(),
    }
}

fn changed(entry: &Entry) -> ChangedFile {
    ChangedFile {
        path: entry.path.clone(),
        before: entry.before.as_ref().map(|state| state.mark.sha256.clone()),
        after: entry.after.as_ref().map(|mark| mark.sha256.clone()),
    }
}

/// Applies a patch to a copy, whole or not at all, by the rules of the project itself. The backup goes to
/// `store`, not into the copy. Blocks.
///
/// # Errors
///
/// The patch does not apply; the refusal says why.
pub(in crate::flow) fn apply_to_copy(
    copy: &Project,
    store: &Path,
    patch: &Patch,
) -> Result<Vec<Detail>, Refusal> {
    let failed = |obstacle: Obstacle| Refusal::new(Reason::WriteFailed, obstacle);
    let base = copy.base(None).map_err(|refusal| Refusal::new(Reason::PathRefused, refusal))?;
    let tree = Tree::open(&base.root).map_err(|error| failed(error.into()))?;
    let planned = plan::plan(copy, &base, &tree, patch);
    let details = planned.details.clone();
    let plan = planned.plan()?;
    let store = Store::open(store).map_err(failed)?;
    carry_out(&store, &tree, &plan, &|| false).map_err(|stopped| {
        Refusal::new(Reason::WriteFailed, format!("{}: {}", stopped.path, stopped.obstacle))
    })?;
    Ok(details)
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct PatchOutcome {
    /// True if all of it applies.
    pub ok: bool,
    /// The error, if it does not apply.
    #[serde(flatten, serialize_with = "named_in_any_case")]
    pub error: Option<ErrorNote>,
    /// True if nothing was written on purpose.
    pub dry_run: bool,
    /// Changed files; renamed ones by their new names.
    pub files_changed: Vec<String>,
    /// Created files.
    pub files_created: Vec<String>,
    /// Removed files.
    pub files_deleted: Vec<String>,
    /// Files that prevented the change; nothing was written.
    pub files_failed: Vec<String>,
    /// Every file of the patch.
    pub details: Vec<Detail>,
    pub backup_dir: Option<String>,
    /// The argument of `maestro_restore_from_backup` that undoes the patch.
    pub backup_session: Option<String>,
    pub normalised: Vec<String>,
    /// Hunks that apply at another place than their headers say.
    pub offsets: Vec<FileOffset>,
    /// Unfinished changes of killed servers, undone first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restored_after_crash: Vec<Recovery>,
}

/// Keeps the `error` key even without an error.
#[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
fn named_in_any_case<S: Serializer>(note: &Option<ErrorNote>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Nothing {
        error: Option<ErrorNote>,
    }
    match note {
        Some(note) => note.serialize(serializer),
        None => Nothing { error: None }.serialize(serializer),
    }
}

impl PatchOutcome {
    fn new(dry_run: bool) -> Self {
        Self { ok: true, dry_run, ..Self::default() }
    }

    fn refused(mut self, refusal: &Refusal) -> Self {
        self.ok = false;
        self.error = Some(refusal.into());
        // Nothing was written, so nothing was changed.
        self.files_changed.clear();
        self.files_created.clear();
        self.files_deleted.clear();
        self
    }

    fn planned(&mut self, planned: &Planned) {
        self.details.clone_from(&planned.details);
        self.offsets.clone_from(&planned.offsets);
        self.normalised.extend(planned.normalised.iter().cloned());
        for detail in &planned.details {
            let list = if !detail.ok {
                &mut self.files_failed
            } else if matches!(detail.action, Action::Create | Action::Copy) {
                &mut self.files_created
            } else if detail.action == Action::Delete {
                &mut self.files_deleted
            } else {
                &mut self.files_changed
            };
            if !list.contains(&detail.path) {
                list.push(detail.path.clone());
            }
        }
    }

    fn applied(&mut self, session: &str) {
        self.backup_dir = Some(Store::shown(session));
        self.backup_session = Some(session.to_owned());
    }
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct RestoreOutcome {
    /// True if everything requested is restored.
    pub ok: bool,
    /// The error, if it could not be restored.
    #[serde(flatten)]
    pub error: Option<ErrorNote>,
    /// The session that was restored.
    pub backup_session: String,
    /// Restored files, removed ones included.
    pub restored_files: Vec<String>,
    /// Files that the patch had created, and that the restore removed.
    pub removed_files: Vec<String>,
    /// Files that could not be restored, with the reasons. Then nothing was restored.
    pub failed: Vec<Failed>,
    /// Restored files that had changed after the patch.
    pub changed_since: Vec<String>,
    pub undo_session: Option<String>,
}

/// A file that was not restored.
#[derive(Clone, Debug, Serialize)]
pub struct Failed {
    /// Its name.
    pub path: String,
    /// Why.
    pub error: String,
}

impl RestoreOutcome {
    fn new(session: &str) -> Self {
        Self { ok: true, backup_session: session.to_owned(), ..Self::default() }
    }

    fn refused(mut self, refusal: &Refusal) -> Self {
        self.ok = false;
        self.error = Some(refusal.into());
        self.restored_files.clear();
        self.removed_files.clear();
        self.changed_since.clear();
        self
    }
}

#[cfg(test)]
mod tests;

//! Undoing a change: content, permissions, deleted and created files exactly as they were. Restoring
//! is itself a change with a backup, so what somebody did after the patch is not lost.

use std::collections::BTreeSet;

use super::Told;
use super::outcome::{Failed, RestoreOutcome};
use super::plan::{ancestors, refusal};
use super::{Work, below, blocking, lock, refuse_strangers, undo_open};
use crate::domain::change::{Mark, Reason, Refusal};
use crate::domain::diff;
use crate::error::Error;
use crate::flow::note::run_to_restore;
use crate::flow::session::Session;
use crate::host::change::{Change, Entry, Manifest, Plan, Store, Tree, before, is_session};
use crate::host::project::{Base, Project};

/// Next step where something else is where a file was.
const IN_THE_WAY: &str = "Restore the other files by name (files). The user may remove what is in the way (a link, a directory), then restore again.";

/// A change to undo.
#[derive(Clone, Debug)]
pub struct RestoreRequest {
    /// Its session.
    pub backup_session: String,
    /// The directory that the patch's names were relative to.
    pub workspace_root: Option<String>,
    /// The only files to restore; all of them where none is named.
    pub files: Option<Vec<String>>,
}

/// Undoes a change.
///
/// # Errors
///
/// The call cannot be begun. What cannot be undone is an outcome.
pub async fn restore(session: &Session, request: RestoreRequest) -> Result<RestoreOutcome, Error> {
    refuse_strangers(session)?;
    blocking(session, move |session, cancelled| {
        let mut outcome = RestoreOutcome::new(&request.backup_session);
        let project = session.project()?;
        Ok(match restore_now(session, &project, &request, cancelled, &mut outcome) {
            Ok(()) => outcome,
            Err(refusal) => outcome.refused(&refusal),
        })
    })
    .await
}

fn restore_now(
    session: &Session,
    project: &Project,
    request: &RestoreRequest,
    cancelled: &dyn Fn() -> bool,
    outcome: &mut RestoreOutcome,
) -> Result<(), Refusal> {
    let name = &request.backup_session;
    let unknown = |message: String| Refusal::new(Reason::BackupUnknown, message);
    if !is_session(name) {
        return Err(unknown(format!("`{name}` is not the name of a backup")));
    }
    let (store, _lock) = lock(session)?;
    undo_open(&store, project, session);
    let run = run_to_restore(session)?;
    let manifest = store
        .manifest(name)
        .map_err(|obstacle| unknown(format!("{name}: {obstacle}")))?
        .ok_or_else(|| unknown(format!("there is no backup `{name}`")))?;
    let base = base(project, request, &manifest)?;
    let work = Work { session, project, base: &base, cancelled };
    let tree = work.tree()?;
    let entries = wanted(&manifest, request, &base, outcome);
    if entries.is_empty() && outcome.failed.is_empty() {
        return Err(unknown(format!("the backup `{name}` holds no file to restore")));
    }
    let restoring = Restoring { store: &store, project, tree: &tree, manifest: &manifest };
    let not_held = (!outcome.failed.is_empty()).then_some(Reason::BackupUnknown);
    let (changes, refused) = restoring.changes(&entries, outcome);
    if let ([first, ..], Some(reason)) = (outcome.failed.as_slice(), not_held.or(refused)) {
        let refusal = Refusal::new(reason, format!("nothing was restored: {}: {}", first.path, first.error));
        return Err(match reason {
            Reason::PathRefused => refusal.with_next(IN_THE_WAY.to_owned()),
            _ => refusal,
        });
    }
    if !changes.is_empty() {
        let plan = restoring.plan(changes);
        outcome.undo_session =
            Some(work.carry_out(&store, &tree, &plan, run.as_ref(), Told::default())?.session);
    }
    Ok(())
}

fn base(project: &Project, request: &RestoreRequest, manifest: &Manifest) -> Result<Base, Refusal> {
    let refused = |message: String| Refusal::new(Reason::PathRefused, message);
    let root = project.known_root(&manifest.root).ok_or_else(|| {
        refused(format!("{}: outside the project root and MAESTRO_REPO_ROOTS", manifest.root))
    })?;
    let Some(given) = &request.workspace_root else {
        return Ok(Base { root: root.to_owned(), prefix: std::path::PathBuf::new() });
    };
    let base = project.base(Some(given)).map_err(|why| refused(format!("workspace_root: {why}")))?;
    if base.root != root {
        return Err(refused(format!("workspace_root: the backup belongs to {}", manifest.root)));
    }
    Ok(base)
}

/// The entries that were asked for; names that the backup does not hold are failures.
fn wanted<'m>(
    manifest: &'m Manifest,
    request: &RestoreRequest,
    base: &Base,
    outcome: &mut RestoreOutcome,
) -> Vec<&'m Entry> {
    let Some(names) = &request.files else {
        return manifest.files.iter().collect();
    };
    let mut entries: Vec<&Entry> = Vec::new();
    for name in names {
        let name = diff::checked(name).unwrap_or_else(|_| name.clone());
        let full = below(&base.prefix, &name);
        match manifest.files.iter().find(|entry| entry.path == name || entry.path == full) {
            Some(entry) if entries.contains(&entry) => {}
            Some(entry) => entries.push(entry),
            None => {
                outcome.failed.push(Failed { path: name, error: "the backup does not hold it".to_owned() });
            }
        }
    }
    entries
}

struct Restoring<'a> {
    store: &'a Store,
    project: &'a Project,
    tree: &'a Tree,
    manifest: &'a Manifest,
}

impl Restoring<'_> {
    /// The changes that undo the entries, and why the first of those that cannot be undone is refused.
    fn changes(&self, entries: &[&Entry], outcome: &mut RestoreOutcome) -> (Vec<Change>, Option<Reason>) {
        let mut changes = Vec::new();
        let mut refused = None;
        for entry in entries {
            match self.change(entry, outcome) {
                Ok(change) => {
                    changes.extend(change);
                    outcome.restored_files.push(entry.path.clone());
                    if entry.before.is_none() {
                        outcome.removed_files.push(entry.path.clone());
                    }
                }
                Err(refusal) => {
                    refused.get_or_insert(refusal.reason);
                    let path = entry.path.clone();
                    let error = refusal.message.strip_prefix(&format!("{path}: ")).map(str::to_owned);
                    outcome.failed.push(Failed { path, error: error.unwrap_or(refusal.message) });
                }
            }
        }
        (changes, refused)
    }

    /// Returns what makes a file what it was; none where it is so already.
    fn change(&self, entry: &Entry, outcome: &mut RestoreOutcome) -> Result<Option<Change>, Refusal> {
        judge(self.project, &entry.path)?;
        let found =
            self.tree.look(&entry.path, u64::MAX).map_err(|obstacle| refusal(&entry.path, &obstacle))?;
        let after = before(self.store, self.manifest, &entry.path)
            .map_err(|obstacle| Refusal::new(Reason::BackupUnknown, obstacle))?;
        let mark = found.as_ref().map(|found| Mark::of(&found.content));
        let was = entry.before.as_ref();
        if mark.as_ref() == was.map(|state| &state.mark)
            && found.as_ref().map(|found| found.mode) == was.map(|state| state.mode)
        {
            return Ok(None);
        }
        if mark != entry.after {
            outcome.changed_since.push(entry.path.clone());
        }
        Ok(Some(Change { path: entry.path.clone(), before: found, after }))
    }

    fn plan(&self, changes: Vec<Change>) -> Plan {
        let above = |written: bool| -> BTreeSet<String> {
            let paths = changes.iter().filter(|change| change.after.is_some() == written);
            paths.flat_map(|change| ancestors(&change.path)).map(str::to_owned).collect()
        };
        let mode = |path: &str| {
            self.manifest.directories.iter().find(|(known, _)| known == path).map(|(_, mode)| *mode)
        };
        let missing = |path: &String| matches!(self.tree.directory_mode(path), Ok(None));
        let make = above(true).into_iter().filter(missing).map(|path| (path.clone(), mode(&path))).collect();
        let made = above(false).into_iter().rev().filter(|path| self.manifest.made.contains(path));
        let prune =
            made.filter_map(|path| Some((path.clone(), self.tree.directory_mode(&path).ok()??))).collect();
        Plan {
            kind: "restore",
            root: self.manifest.root.clone(),
            patch: None,
            undoes: Some(self.manifest.session.clone()),
            changes,
            make,
            prune,
        }
    }
}

fn judge(project: &Project, path: &str) -> Result<(), Refusal> {
    let name = diff::checked(path).map_err(|why| Refusal::new(Reason::PathRefused, why))?;
    match project.refuses_change(&name) {
        Some(why) => Err(Refusal::new(Reason::PathRefused, why)),
        None if name != path => Err(Refusal::new(Reason::PathRefused, "no plain name")),
        None => Ok(()),
    }
}

/// True if a journal names only files that may be changed: it is a file of the project, and anybody
/// could have written it.
pub(super) fn names_are_allowed(project: &Project, manifest: &Manifest) -> bool {
    let directories = manifest.made.iter().chain(manifest.directories.iter().map(|(path, _)| path));
    manifest.files.iter().map(|entry| &entry.path).chain(directories).all(|path| judge(project, path).is_ok())
}

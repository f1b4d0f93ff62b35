//! Undoing a change: content, permissions, deleted and created files exactly as they were. A restore is
//! itself a change with a backup, so edits after the patch are not lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::{self, ancestors, refusal};
use super::{
    Failed, PatchRecord, RestoreOutcome, Work, below, blocking, check_caller, failed, lock, locked, undo_open,
};
use crate::domain::change::{Mark, Reason, Refusal};
use crate::domain::diff;
use crate::domain::history::History;
use crate::error::Error;
use crate::error::reference::hint_of;
use crate::flow::configuration::Configuration;
use crate::flow::kit::Kit;
use crate::flow::log::Log;
use crate::flow::note::run_to_restore;
use crate::flow::time::now;
use crate::host::change::{Change, Entry, Keep, Manifest, Plan, Pruned, Store, Tree, before, is_session};
use crate::host::project::{Base, Project};

/// Next step if a link or a directory is in the place of a file.
const IN_THE_WAY: &str = "Restore the other files by name (files). The user may remove what is in the way (a link, a directory), then restore again.";

// A change to undo: input of a tool, whose schema shows only the docs of the fields.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreRequest {
    /// From the patch's reply.
    pub backup_session: String,
    /// Default: project root.
    pub workspace_root: Option<String>,
    /// Only these.
    pub files: Option<Vec<String>>,
}

/// Undoes a change.
///
/// # Errors
///
/// The call cannot begin. A file that cannot be restored is an outcome, not an error.
pub async fn restore(kit: &Kit, request: RestoreRequest) -> Result<RestoreOutcome, Error> {
    check_caller(&kit.config, &kit.processes)?;
    blocking(kit, move |kit, cancelled| {
        let mut outcome = RestoreOutcome::new(&request.backup_session);
        let project = kit.project.reader()?;
        Ok(match restore_now(kit, &project, &request, cancelled, &mut outcome) {
            Ok(()) => outcome,
            Err(refusal) => outcome.refused(&refusal),
        })
    })
    .await
}

fn restore_now(
    kit: &Kit,
    project: &Project,
    request: &RestoreRequest,
    cancelled: &dyn Fn() -> bool,
    outcome: &mut RestoreOutcome,
) -> Result<(), Refusal> {
    let name = &request.backup_session;
    let unknown = |message: String| Refusal::new(Reason::BackupUnknown, message);
    let no_backup = || format!("there is no backup `{name}`");
    if !is_session(name) {
        return Err(unknown(no_backup()));
    }
    let (store, _lock) = lock(&kit.project, &kit.log)?;
    undo_open(&store, project, &kit.log);
    let run = run_to_restore(&kit.log)?;
    let manifest = store
        .manifest(name)
        .map_err(|obstacle| unknown(format!("{name}: {obstacle}")))?
        .ok_or_else(|| unknown(no_backup()))?;
    let base = base(project, request, &manifest)?;
    let work = Work { kit, project, base: &base, cancelled };
    let tree = work.tree()?;
    let entries = wanted(&manifest, request, &base, outcome);
    if entries.is_empty() && outcome.failed.is_empty() {
        return Err(unknown(format!("the backup `{name}` contains no file to restore")));
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
            Some(work.carry_out(&store, &tree, &plan, run.as_ref(), PatchRecord::default())?.session);
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

/// The requested entries. Names that the backup does not hold are failures.
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
                outcome
                    .failed
                    .push(Failed { path: name, error: "the backup does not contain it".to_owned() });
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
    /// The changes that undo the entries, and the reason of the first refusal.
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

    /// The change that restores a file; `None` if the file is already as it was.
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

/// As [`plan::judge`], for a path of a backup, which anyone could have written.
fn judge(project: &Project, path: &str) -> Result<(), Refusal> {
    let name = diff::checked(path).map_err(|why| Refusal::new(Reason::PathRefused, why))?;
    if name != path {
        return Err(Refusal::new(Reason::PathRefused, "the path is not in its simplest form"));
    }
    plan::judge(project, path)
}

/// True if a journal names only files that may be changed. A journal is a file of the project, so anyone
/// could have written it.
pub(super) fn names_are_allowed(project: &Project, manifest: &Manifest) -> bool {
    let directories = manifest.made.iter().chain(manifest.directories.iter().map(|(path, _)| path));
    manifest.files.iter().map(|entry| &entry.path).chain(directories).all(|path| judge(project, path).is_ok())
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// Its session, the argument of a restore.
    pub session: String,
    /// Creation time in milliseconds since 1970.
    pub at_ms: u64,
    /// `patch` or `restore`.
    pub kind: String,
    /// The directory that its names are relative to.
    pub root: String,
    /// Number of files.
    pub files: usize,
    /// Size of its contents.
    pub bytes: u64,
    pub state: BackupState,
    /// The session that it undid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    /// The change stands.
    Applied,
    /// A restore undid all of it.
    Undone,
    /// A restore undid some of its files.
    PartlyUndone,
    /// It is under way, or its server was killed and the next call undoes it.
    Open,
}

/// The backups of a project, newest first.
///
/// # Errors
///
/// They cannot be read.
pub fn backups(config: &Configuration, log: &Log) -> Result<Vec<Backup>, Error> {
    let Some(store) = existing(config, log)? else {
        return Ok(Vec::new());
    };
    let listed = store.list().map_err(|obstacle| setup(&failed(&obstacle)))?;
    let open = store.open_sessions().unwrap_or_default();
    let states = states(&listed, &open);
    let backup = |(listed, state): (Manifest, BackupState)| Backup {
        bytes: store.bytes(&listed.session),
        at_ms: listed.at_ms,
        kind: listed.kind,
        root: listed.root,
        files: listed.files.len(),
        state,
        undoes: listed.undoes,
        session: listed.session,
    };
    Ok(listed.into_iter().zip(states).map(backup).rev().collect())
}

/// Removes the backups beyond the limits, but never one that is under way or protected.
///
/// # Errors
///
/// They cannot be read, or another server is changing the project.
pub fn prune(config: &Configuration, log: &Log, keep: &Keep) -> Result<Pruned, Error> {
    let protected = log.journal().read_now(History::backups_in_use)?;
    let Some(store) = existing(config, log)? else {
        return Ok(Pruned::default());
    };
    let (store, _lock) = locked(store).map_err(|refusal| setup(&refusal))?;
    Ok(store.prune(keep, &protected, now()))
}

/// Removes backups beyond the configured limits after a change. If the log cannot tell which ones open runs
/// still need, nothing is removed.
pub(super) fn prune_after(config: &Configuration, log: &Log, store: &Store, made: &str) {
    if let Ok(mut protected) = log.journal().read_now(History::backups_in_use) {
        protected.insert(made.to_owned());
        let _ = store.prune(&keep(config), &protected, now());
    }
}

/// The configured limits; 0 means no limit.
pub fn keep(config: &Configuration) -> Keep {
    let settings = config.settings().backups;
    let age = |days: u64| Duration::from_secs(days.saturating_mul(24 * 60 * 60));
    Keep {
        age: Some(settings.max_age_days).filter(|days| *days > 0).map(age),
        bytes: Some(settings.max_bytes).filter(|bytes| *bytes > 0),
        sessions: Some(settings.max_sessions).filter(|sessions| *sessions > 0),
    }
}

fn existing(config: &Configuration, log: &Log) -> Result<Option<Store>, Error> {
    let store = Store::existing(config.root()).map_err(|obstacle| setup(&failed(&obstacle)))?;
    Ok(store.map(|store| store.of_user(log.user_key())))
}

fn setup(refusal: &Refusal) -> Error {
    Error::Setup { reason: refusal.message.clone(), hint: hint_of(refusal.reason.code()).to_owned() }
}

/// The state of each backup, in the order of time. A restore that was itself undone does not count.
fn states(listed: &[Manifest], open: &[String]) -> Vec<BackupState> {
    let mut back: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut states = Vec::new();
    for manifest in listed.iter().rev() {
        let taken = back.get(manifest.session.as_str()).cloned().unwrap_or_default();
        let stands =
            || manifest.files.iter().map(|file| file.path.as_str()).filter(|path| !taken.contains(path));
        let state = if open.contains(&manifest.session) {
            BackupState::Open
        } else if taken.is_empty() {
            BackupState::Applied
        } else if stands().next().is_none() {
            BackupState::Undone
        } else {
            BackupState::PartlyUndone
        };
        if let (Some(undoes), false) = (&manifest.undoes, state == BackupState::Open) {
            back.entry(undoes).or_default().extend(stands());
        }
        states.push(state);
    }
    states.reverse();
    states
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::change::Entry;

    fn listed(session: &str, undoes: Option<&str>, files: &[&str]) -> Manifest {
        let entry = |path: &&str| Entry { path: (*path).to_owned(), before: None, after: None };
        Manifest {
            session: session.to_owned(),
            at_ms: 0,
            kind: String::new(),
            root: String::new(),
            patch: None,
            undoes: undoes.map(str::to_owned),
            files: files.iter().map(entry).collect(),
            made: Vec::new(),
            directories: Vec::new(),
        }
    }

    #[test]
    fn a_restore_that_was_undone_undoes_nothing() {
        use BackupState::{Applied, Open, PartlyUndone, Undone};
        let mut all = vec![listed("a", None, &["f", "g"])];
        assert_eq!(states(&all, &[]), [Applied]);
        all.push(listed("b", Some("a"), &["f"]));
        assert_eq!(states(&all, &[]), [PartlyUndone, Applied]);
        all.push(listed("c", Some("a"), &["g"]));
        assert_eq!(states(&all, &[]), [Undone, Applied, Applied]);
        all.push(listed("d", Some("c"), &["g"]));
        assert_eq!(states(&all, &[]), [PartlyUndone, Applied, Undone, Applied]);
        all.push(listed("e", Some("d"), &["g"]));
        assert_eq!(states(&all, &[]), [Undone, Applied, Applied, Undone, Applied]);
        assert_eq!(states(&all, &["e".to_owned()]), [PartlyUndone, Applied, Undone, Applied, Open]);
    }
}

//! One change of many files. It is recorded first and then carried out. If it does not finish, the record
//! serves to undo it.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::store::{Entry, Manifest, Permission, State, Store, staged};
use super::tree::{FileState, Obstacle, Tree, split};
use crate::domain::change::Mark;

/// The new state of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// Its bytes.
    pub content: Vec<u8>,
    pub permission: Permission,
}

#[derive(Clone, Debug)]
pub struct Change {
    /// The path, relative to the tree.
    pub path: String,
    /// The file as it was checked.
    pub before: Option<FileState>,
    /// The new state; None if the file is removed.
    pub after: Option<After>,
}

/// A change of many files.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// `patch` or `restore`.
    pub kind: &'static str,
    /// The directory that the paths are relative to.
    pub root: String,
    pub patch: Option<Mark>,
    /// The session that this change undoes.
    pub undoes: Option<String>,
    /// The files.
    pub changes: Vec<Change>,
    /// Directories to create, parents first, with their permissions.
    pub make: Vec<(String, Option<u32>)>,
    /// Directories to remove if they are left empty, children first, with their permissions.
    pub prune: Vec<(String, u32)>,
}

/// The error that stopped a change. Everything done until then has been undone.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// The file.
    pub path: String,
    pub obstacle: Obstacle,
    pub notes: Vec<String>,
}

/// Makes a backup and carries out all of a change, or nothing.
///
/// # Errors
///
/// The obstacle that stopped the change. Nothing of the change is left then, apart from the notes.
pub fn carry_out(
    store: &Store,
    tree: &Tree,
    plan: &Plan,
    cancelled: &dyn Fn() -> bool,
) -> Result<Manifest, Stopped> {
    let stopped = |obstacle| Stopped { path: String::new(), obstacle, notes: Vec::new() };
    let session = store.begin().map_err(stopped)?;
    let manifest = manifest(&session, plan);
    if let Err(obstacle) = keep(store, plan, &manifest) {
        let _ = store.forget(&session);
        return Err(stopped(obstacle));
    }
    let mut touched = BTreeSet::new();
    let done = perform(tree, plan, &manifest, cancelled, &mut touched)
        .and_then(|()| store.settle(&session).map_err(|obstacle| (String::new(), obstacle)));
    match done {
        Ok(()) => Ok(manifest),
        Err((path, obstacle)) => {
            let recovery = roll_back(store, tree, &manifest, Some(&touched));
            Err(Stopped { path, obstacle, notes: recovery.notes })
        }
    }
}

fn manifest(session: &str, plan: &Plan) -> Manifest {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let entry = |change: &Change| Entry {
        path: change.path.clone(),
        before: change.before.as_ref().map(|file| State { mode: file.mode, mark: Mark::of(&file.content) }),
        after: change.after.as_ref().map(|after| Mark::of(&after.content)),
    };
    Manifest {
        session: session.to_owned(),
        at_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        kind: plan.kind.to_owned(),
        root: plan.root.clone(),
        patch: plan.patch.clone(),
        undoes: plan.undoes.clone(),
        files: plan.changes.iter().map(entry).collect(),
        made: plan.make.iter().map(|(path, _)| path.clone()).collect(),
        directories: plan.prune.clone(),
    }
}

fn keep(store: &Store, plan: &Plan, manifest: &Manifest) -> Result<(), Obstacle> {
    let contents = plan.changes.iter().filter_map(|change| Some(change.before.as_ref()?.content.as_slice()));
    store.keep_all(&manifest.session, contents)?;
    store.write_manifest(manifest)
}

fn perform(
    tree: &Tree,
    plan: &Plan,
    manifest: &Manifest,
    cancelled: &dyn Fn() -> bool,
    touched: &mut BTreeSet<String>,
) -> Result<(), (String, Obstacle)> {
    let at = |path: &str| {
        let path = path.to_owned();
        move |obstacle| (path, obstacle)
    };
    for (path, mode) in &plan.make {
        tree.make_directory(path, *mode).map_err(at(path))?;
    }
    let numbered = || plan.changes.iter().enumerate();
    for (index, change) in numbered() {
        if let Some(after) = &change.after {
            let name = staged(&manifest.session, index, &change.path);
            tree.write_new(&name, &after.content, after.permission).map_err(at(&change.path))?;
        }
    }
    for (_, change) in numbered() {
        let now = tree.look(&change.path, u64::MAX).map_err(at(&change.path))?;
        if now != change.before || cancelled() {
            return Err((change.path.clone(), Obstacle::Changed));
        }
    }
    for (_, change) in numbered().filter(|(_, change)| change.after.is_none()) {
        if let Some(before) = &change.before {
            tree.remove(&change.path, before.stamp).map_err(at(&change.path))?;
            touched.insert(change.path.clone());
        }
    }
    for (index, change) in numbered().filter(|(_, change)| change.after.is_some()) {
        let name = staged(&manifest.session, index, &change.path);
        let expected = change.before.as_ref().map(|before| before.stamp);
        tree.put(&name, &change.path, expected).map_err(at(&change.path))?;
        touched.insert(change.path.clone());
    }
    for (path, _) in &plan.prune {
        tree.remove_empty(path);
    }
    Ok(())
}

/// The state of a file before a change, to restore it; None if the file did not exist.
///
/// # Errors
///
/// The backup is incomplete.
pub fn before(store: &Store, manifest: &Manifest, path: &str) -> Result<Option<After>, Obstacle> {
    let found = manifest.files.iter().enumerate().find(|(_, entry)| entry.path == path);
    let Some((index, before)) = found.and_then(|(index, entry)| Some((index, entry.before.as_ref()?))) else {
        return Ok(None);
    };
    let content = store.kept(manifest, index)?;
    Ok(Some(After { content, permission: Permission::Exact(before.mode & 0o777) }))
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// The session that was undone.
    pub session: String,
    pub files: Vec<String>,
    /// Files that were not restored, or that somebody else changed, with the place of their earlier content.
    pub notes: Vec<String>,
}

/// Undoes an unfinished change and closes its journal.
///
/// A file that somebody else changed meanwhile is left alone, and its earlier content stays in the backup.
/// `touched` names the files that the change has reached, if known.
pub fn roll_back(
    store: &Store,
    tree: &Tree,
    manifest: &Manifest,
    touched: Option<&BTreeSet<String>>,
) -> Recovery {
    let was_touched = |entry: &&Entry| touched.is_none_or(|touched| touched.contains(&entry.path));
    let mut recovery = Recovery { session: manifest.session.clone(), ..Recovery::default() };
    for (index, entry) in manifest.files.iter().enumerate() {
        tree.remove_own(&staged(&manifest.session, index, &entry.path));
    }
    for entry in manifest.files.iter().filter(|entry| entry.before.is_none()).filter(was_touched) {
        let undone = remove_created(tree, entry);
        recovery.note(entry, undone);
    }
    for path in manifest.made.iter().rev() {
        tree.remove_empty(path);
    }
    for (path, mode) in manifest.directories.iter().rev() {
        let _ = tree.make_directory(path, Some(*mode & 0o777));
    }
    for (index, entry) in manifest.files.iter().enumerate().filter(|(_, entry)| was_touched(entry)) {
        if let Some(before) = &entry.before {
            let undone = restore(store, tree, manifest, index, entry, before);
            recovery.note(entry, undone);
        }
    }
    // The backup stays if a file could not be restored.
    let _ = if recovery.notes.is_empty() {
        store.forget(&manifest.session)
    } else {
        store.settle(&manifest.session)
    };
    recovery
}

impl Recovery {
    fn note(&mut self, entry: &Entry, undone: Result<Option<String>, Obstacle>) {
        match undone {
            Ok(None) => self.files.push(entry.path.clone()),
            Ok(Some(note)) => self.notes.push(format!("{}: {note}", entry.path)),
            Err(obstacle) => self.notes.push(format!(
                "{}: not restored ({obstacle}); its earlier content is in {}",
                entry.path,
                Store::shown(&self.session)
            )),
        }
    }
}

fn remove_created(tree: &Tree, entry: &Entry) -> Result<Option<String>, Obstacle> {
    let Some(found) = tree.look(&entry.path, u64::MAX)? else {
        return Ok(None);
    };
    if entry.after.as_ref() != Some(&Mark::of(&found.content)) {
        return Ok(Some("it did not exist before the change, and the change did not make its content; it was left as it is".to_owned()));
    }
    tree.remove(&entry.path, found.stamp)?;
    Ok(None)
}

fn restore(
    store: &Store,
    tree: &Tree,
    manifest: &Manifest,
    index: usize,
    entry: &Entry,
    before: &State,
) -> Result<Option<String>, Obstacle> {
    let found = tree.look(&entry.path, u64::MAX)?;
    if let Some(found) = &found {
        let mark = Mark::of(&found.content);
        if mark == before.mark && found.mode == before.mode & 0o777 {
            return Ok(None);
        }
        if mark != before.mark && entry.after.as_ref() != Some(&mark) {
            return Ok(Some(format!(
                "somebody else changed it in the meantime, so it was left as it is; its earlier content is in {}",
                store.show(manifest, index)
            )));
        }
    }
    let content = store.kept(manifest, index)?;
    tree.make_directory(split(&entry.path).0, None)?;
    let name = staged(&manifest.session, index, &entry.path);
    tree.write_new(&name, &content, Permission::Exact(before.mode & 0o777))?;
    tree.put(&name, &entry.path, found.map(|found| found.stamp))?;
    Ok(None)
}

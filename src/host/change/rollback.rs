//! A change that did not come to its end, undone from its journal.

use std::collections::BTreeSet;

use serde::Serialize;

use super::manifest::{Entry, Manifest, Permission, State, original, staged};
use super::store::Store;
use super::tree::{Obstacle, Tree, split};
use crate::domain::change::Mark;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// The session that was undone.
    pub session: String,
    /// The files that are as they were.
    pub files: Vec<String>,
    /// Files that could not be undone, or that somebody else changed, and where they are.
    pub notes: Vec<String>,
}

/// Undoes what was done of a change that did not come to its end, and closes its journal.
///
/// Returns what somebody else changed meanwhile stays as it is, and what the file was before stays in the
/// backup. `touched` are the files that the change reached, where that is known.
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
    // What was kept stays where something could not be put back.
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
                "{}: not put back ({obstacle}); what it was is in {}",
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
        return Ok(Some("it was not there before, and is not what the change made; it was left".to_owned()));
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
                "somebody else changed it meanwhile, and it was left so; what it was is in {}/{}",
                Store::shown(&manifest.session),
                original(index)
            )));
        }
    }
    let content = store.kept(&manifest.session, &original(index), &before.mark)?;
    tree.make_directory(split(&entry.path).0, None)?;
    let name = staged(&manifest.session, index, &entry.path);
    tree.write_new(&name, &content, Permission::Exact(before.mode & 0o777))?;
    tree.put(&name, &entry.path, found.map(|found| found.stamp))?;
    Ok(None)
}

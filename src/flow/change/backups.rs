//! The backups of a project: what there is, what became of each, and which have had their time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::{failed, locked};
use crate::domain::change::Refusal;
use crate::domain::history::History;
use crate::error::Error;
use crate::flow::session::Session;
use crate::flow::time::now;
use crate::host::change::{Keep, Listed, Pruned, Store};

/// A backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// Its session, by which it is restored.
    pub session: String,
    /// Time when it was made, in milliseconds since 1970.
    pub at_ms: u64,
    /// `patch` or `restore`.
    pub kind: String,
    /// The directory whose files it holds.
    pub root: String,
    /// The files that the change reached.
    pub files: usize,
    /// The bytes that it holds.
    pub bytes: u64,
    pub state: BackupState,
    /// The session that it undid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    /// It stands.
    Applied,
    /// A restore took all of it back.
    Undone,
    /// A restore took some of its files back.
    PartlyUndone,
    /// It is under way, or its server was killed and the next call undoes it.
    Open,
}

/// The backups of a project, newest first.
///
/// # Errors
///
/// They cannot be read.
pub fn backups(session: &Session) -> Result<Vec<Backup>, Error> {
    let Some(store) = existing(session)? else {
        return Ok(Vec::new());
    };
    let listed = store.list().map_err(|obstacle| setup(&failed(&obstacle)))?;
    let open = store.open_sessions().unwrap_or_default();
    let states = states(&listed, &open);
    let backup = |(listed, state): (Listed, BackupState)| Backup {
        bytes: store.bytes(&listed.session),
        at_ms: listed.manifest.at_ms,
        kind: listed.manifest.kind,
        root: listed.manifest.root,
        files: listed.manifest.files.len(),
        state,
        undoes: listed.manifest.undoes,
        session: listed.session,
    };
    Ok(listed.into_iter().zip(states).map(backup).rev().collect())
}

/// Removes the backups that are beyond the limits: never one that is under way or protected.
///
/// # Errors
///
/// They cannot be read, or another server is changing the project.
pub fn prune(session: &Session, keep: &Keep) -> Result<Pruned, Error> {
    let protected = session.journal().read_now(History::backups_in_use)?;
    let Some(store) = existing(session)? else {
        return Ok(Pruned::default());
    };
    let (store, _lock) = locked(store).map_err(|refusal| setup(&refusal))?;
    Ok(store.prune(keep, &protected, now()))
}

/// Removes what is beyond the configured limits after a change; where the log cannot say what open
/// runs still need, nothing.
pub(super) fn prune_after(session: &Session, store: &Store, made: &str) {
    if let Ok(mut protected) = session.journal().read_now(History::backups_in_use) {
        protected.insert(made.to_owned());
        let _ = store.prune(&keep(session), &protected, now());
    }
}

/// Returns what the configuration keeps; there, 0 is no limit.
pub fn keep(session: &Session) -> Keep {
    let settings = session.config().settings.backups;
    let age = |days: u64| Duration::from_secs(days.saturating_mul(24 * 60 * 60));
    Keep {
        age: Some(settings.max_age_days).filter(|days| *days > 0).map(age),
        bytes: Some(settings.max_bytes).filter(|bytes| *bytes > 0),
        sessions: Some(settings.max_sessions).filter(|sessions| *sessions > 0),
    }
}

fn existing(session: &Session) -> Result<Option<Store>, Error> {
    let store = Store::existing(session.root()).map_err(|obstacle| setup(&failed(&obstacle)))?;
    Ok(store.map(|store| store.of_user(session.user_key())))
}

fn setup(refusal: &Refusal) -> Error {
    Error::Setup { reason: refusal.message.clone(), hint: refusal.reason.hint().to_owned() }
}

/// The state of each, in the order of the list, which is that of time. A restore that was itself
/// undone undoes nothing.
fn states(listed: &[Listed], open: &[String]) -> Vec<BackupState> {
    let mut back: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut states = Vec::new();
    for Listed { session, manifest } in listed.iter().rev() {
        let taken = back.get(session.as_str()).cloned().unwrap_or_default();
        let stands =
            || manifest.files.iter().map(|file| file.path.as_str()).filter(|path| !taken.contains(path));
        let state = if open.contains(session) {
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
    use crate::host::change::{Entry, Manifest};

    fn listed(session: &str, undoes: Option<&str>, files: &[&str]) -> Listed {
        let entry = |path: &&str| Entry { path: (*path).to_owned(), before: None, after: None };
        let manifest = Manifest {
            session: session.to_owned(),
            at_ms: 0,
            kind: String::new(),
            root: String::new(),
            patch: None,
            undoes: undoes.map(str::to_owned),
            files: files.iter().map(entry).collect(),
            made: Vec::new(),
            directories: Vec::new(),
        };
        Listed { session: session.to_owned(), manifest }
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

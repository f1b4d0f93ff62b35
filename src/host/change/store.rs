//! The directory `.maestro/backups`: the lock on changes of the project, the unfinished changes, and the
//! state before each change.

use std::collections::BTreeSet;
use std::fs::{DirEntry, File, TryLockError};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::tree::{Obstacle, Tree, split};
use crate::domain::change::Mark;
use crate::domain::order::Order;
use crate::host::seal_key::SealKey;

/// The directory of backups, relative to the project root.
pub(super) const BACKUPS: &str = ".maestro/backups";
const OPEN: &str = ".open";
const LOCK: &str = ".lock";
const MANIFEST: &str = "manifest.json";
/// The signature beside a manifest, which proves that this user wrote it.
const SIGNATURE: &str = "manifest.mac";

/// The file with the contents of all files before a change, one after another.
const ORIGINALS: &str = "originals";
/// Maximum size in bytes of a backup's file that is read.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The backups of a project.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    /// The user's key; None if backups of others are accepted too.
    key: Option<SealKey>,
}

/// The exclusive right to change the project, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// True if a change of the project is unfinished: it is under way, or its server was killed.
pub fn open_journals(root: &Path) -> bool {
    std::fs::read_dir(root.join(BACKUPS).join(OPEN)).is_ok_and(|mut entries| entries.next().is_some())
}

impl Store {
    /// Opens the backups of a project, and creates their directory if there is none.
    ///
    /// # Errors
    ///
    /// The directory cannot be created, or a link stands in its place.
    pub fn open(root: &Path) -> Result<Self, Obstacle> {
        Tree::open(root)?.make_directory(".maestro", None)?;
        Tree::open(root)?.make_directory(BACKUPS, Some(0o700))?;
        let store = Self { root: root.to_owned(), key: None };
        let ignore = store.directory().join(".gitignore");
        if !ignore.exists() {
            std::fs::write(ignore, "*\n")?;
        }
        make_private(&store.directory().join(OPEN))?;
        Ok(store)
    }

    /// Opens the backups of a project; None if it has none.
    ///
    /// # Errors
    ///
    /// Something other than a directory stands in their place, they cannot be opened, or there are none and
    /// they could not be created.
    pub fn existing(root: &Path) -> Result<Option<Self>, Obstacle> {
        let tree = Tree::open(root)?;
        if tree.directory_mode(BACKUPS)?.is_some() {
            return Ok(Some(Self { root: root.to_owned(), key: None }));
        }
        let above = if tree.directory_mode(".maestro")?.is_some() { ".maestro" } else { "" };
        if tree.is_writable(above) {
            Ok(None)
        } else {
            Err(Obstacle::Io(format!("`{above}` may not be written to")))
        }
    }

    /// The same backups, but only those that this user wrote are accepted. Without a key, all are.
    pub fn of_user(self, key: Option<&SealKey>) -> Self {
        Self { key: key.cloned(), ..self }
    }

    fn directory(&self) -> PathBuf {
        self.root.join(BACKUPS)
    }

    fn session(&self, session: &str) -> PathBuf {
        self.directory().join(session)
    }

    /// A session's directory as results show it.
    pub fn shown(session: &str) -> String {
        format!("{BACKUPS}/{session}")
    }

    /// True if the project was ever changed.
    pub fn has_lock(&self) -> bool {
        self.directory().join(LOCK).exists()
    }

    /// Waits for the right to change the project; None if it is not free within `patience`.
    ///
    /// # Errors
    ///
    /// The file of the lock cannot be used.
    pub fn lock(&self, patience: Duration) -> Result<Option<Lock>, Obstacle> {
        const PAUSE: Duration = Duration::from_millis(10);
        let mut options = File::options();
        options.create(true).truncate(false).write(true).mode(0o600);
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
        let file = options.open(self.directory().join(LOCK))?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Lock { _file: file })),
                Err(TryLockError::WouldBlock) if started.elapsed() < patience => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
    }

    /// Begins a session. If the process ends before it settles the session, the next process undoes it.
    pub(super) fn begin(&self) -> Result<String, Obstacle> {
        let session = Uuid::now_v7().to_string();
        write_private(&self.directory().join(OPEN).join(&session), [])?;
        make_private(&self.session(&session))?;
        Ok(session)
    }

    pub(super) fn keep(&self, session: &str, name: &str, content: &[u8]) -> Result<(), Obstacle> {
        Ok(write_private(&self.session(session).join(name), [content])?)
    }

    /// Saves the contents of a change's files in one file, because creating a file takes longer than writing
    /// one of usual size.
    pub(super) fn keep_all<'a>(
        &self,
        session: &str,
        contents: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), Obstacle> {
        Ok(write_private(&self.session(session).join(ORIGINALS), contents)?)
    }

    /// The saved content of a file, if it still matches the manifest.
    pub(super) fn kept(&self, manifest: &Manifest, index: usize) -> Result<Vec<u8>, Obstacle> {
        let states: Vec<Option<&State>> = manifest.files.iter().map(|entry| entry.before.as_ref()).collect();
        let (earlier, rest) = states.split_at_checked(index).ok_or(Obstacle::Changed)?;
        let mark = rest.first().and_then(Option::as_ref).map(|state| &state.mark).ok_or(Obstacle::Changed)?;
        // `show` and earlier versions of Maestro save a content in a file of its own.
        let content = match self.look(&manifest.session, &original(index))? {
            Some(content) => content,
            None => {
                let start =
                    earlier.iter().flatten().map(|state| state.mark.bytes).fold(0, u64::saturating_add);
                let name = format!("{BACKUPS}/{}/{ORIGINALS}", manifest.session);
                let part = Tree::open(&self.root)?.look_at(&name, start, mark.bytes.min(MOST_BYTES))?;
                part.ok_or(Obstacle::Changed)?
            }
        };
        if Mark::of(&content) == *mark {
            return Ok(content);
        }
        Err(Obstacle::Io(format!("the backup's {} is not what was stored", original(index))))
    }

    /// Saves the earlier content of a file in a file of its own for a person, and returns its path.
    pub(super) fn show(&self, manifest: &Manifest, index: usize) -> String {
        let name = original(index);
        // An earlier version may have saved it already.
        let _ = self.kept(manifest, index).and_then(|content| self.keep(&manifest.session, &name, &content));
        format!("{}/{name}", Self::shown(&manifest.session))
    }

    pub(super) fn write_manifest(&self, manifest: &Manifest) -> Result<(), Obstacle> {
        let text = serde_json::to_vec_pretty(manifest).map_err(|error| Obstacle::Io(error.to_string()))?;
        let directory = self.session(&manifest.session);
        let path = directory.join(MANIFEST);
        // Only a complete manifest gets its name: with half of one, a change could not be undone.
        let unfinished = path.with_extension("new");
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(&text)?;
        file.sync_data()?;
        if let Some(key) = &self.key {
            // The signature comes first, so that no manifest is ever without one.
            self.keep(&manifest.session, SIGNATURE, self.signature(key, &text).as_bytes())?;
        }
        Ok(std::fs::rename(unfinished, path)?)
    }

    /// Reads a file of a session without following a link; None if it does not exist.
    fn look(&self, session: &str, name: &str) -> Result<Option<Vec<u8>>, Obstacle> {
        let found = Tree::open(&self.root)?.look(&format!("{BACKUPS}/{session}/{name}"), MOST_BYTES)?;
        Ok(found.map(|found| found.content))
    }

    fn signature(&self, key: &SealKey, manifest: &[u8]) -> String {
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        key.sign("backup", &[root.as_os_str().as_bytes(), manifest])
    }

    /// Refuses a manifest that this user did not write.
    fn check_signature(&self, session: &str, manifest: &[u8]) -> Result<(), Obstacle> {
        let Some(key) = &self.key else { return Ok(()) };
        match self.look(session, SIGNATURE)? {
            Some(signature) if signature == self.signature(key, manifest).as_bytes() => Ok(()),
            Some(_) | None => Err(Obstacle::Foreign),
        }
    }

    /// The verified manifest of a session; None if the session does not exist.
    ///
    /// # Errors
    ///
    /// The manifest cannot be read, or this user did not write it.
    pub fn manifest(&self, session: &str) -> Result<Option<Manifest>, Obstacle> {
        match self.written(session)? {
            Some(text) => {
                self.check_signature(session, &text)?;
                parsed(session, &text)
            }
            None => Ok(None),
        }
    }

    /// The text of a session's manifest. Its signature is not checked.
    fn written(&self, session: &str) -> Result<Option<Vec<u8>>, Obstacle> {
        let is_directory =
            || std::fs::symlink_metadata(self.session(session)).is_ok_and(|found| found.is_dir());
        if is_session(session) && is_directory() { self.look(session, MANIFEST) } else { Ok(None) }
    }

    /// Ends a session and keeps it as a backup.
    ///
    /// # Errors
    ///
    /// It cannot be closed.
    pub fn settle(&self, session: &str) -> Result<(), Obstacle> {
        Ok(std::fs::remove_file(self.directory().join(OPEN).join(session))?)
    }

    /// Ends a session and removes it.
    ///
    /// # Errors
    ///
    /// It cannot be closed.
    pub fn forget(&self, session: &str) -> Result<(), Obstacle> {
        let _ = std::fs::remove_dir_all(self.session(session));
        self.settle(session)
    }

    /// The unfinished sessions.
    ///
    /// # Errors
    ///
    /// They cannot be listed.
    pub fn open_sessions(&self) -> Result<Vec<String>, Obstacle> {
        // If the directory is a link, the names there are not ours, and this fails.
        if Tree::open(&self.root)?.directory_mode(&format!("{BACKUPS}/{OPEN}"))?.is_none() {
            return Ok(Vec::new());
        }
        Ok(sessions(std::fs::read_dir(self.directory().join(OPEN))?.filter_map(Result::ok)))
    }

    /// Every backup that can be restored, oldest first.
    ///
    /// # Errors
    ///
    /// They cannot be listed.
    pub fn list(&self) -> Result<Vec<Manifest>, Obstacle> {
        let listed = |session: String| parsed(&session, &self.written(&session).ok()??).ok()?;
        Ok(self.sessions()?.into_iter().filter_map(listed).collect())
    }

    /// Removes backups beyond the limits, but never unfinished or protected ones. The caller holds the
    /// lock.
    pub fn prune(&self, keep: &Keep, protected: &BTreeSet<String>, now_ms: u64) -> Pruned {
        let (Ok(held), Ok(open)) = (self.held(), self.open_sessions()) else {
            return Pruned::default();
        };
        let protected = protected.iter().cloned().chain(open).collect();
        let mut pruned = Pruned::default();
        for old in keep.expired(held, &protected, now_ms) {
            if std::fs::remove_dir_all(self.session(&old.session)).is_ok() {
                pruned.bytes += old.bytes;
                pruned.sessions.push(old.session);
            }
        }
        pruned
    }

    /// Every session, even one without a manifest.
    fn held(&self) -> Result<Vec<Held>, Obstacle> {
        let held = |session: String| Held { at_ms: at_ms(&session), bytes: self.bytes(&session), session };
        Ok(self.sessions()?.into_iter().map(held).collect())
    }

    /// Total size of a session's files in bytes.
    pub fn bytes(&self, session: &str) -> u64 {
        let Ok(entries) = std::fs::read_dir(self.session(session)) else {
            return 0;
        };
        entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
    }

    /// The names of all sessions, oldest first.
    fn sessions(&self) -> Result<Vec<String>, Obstacle> {
        let entries = std::fs::read_dir(self.directory())?;
        let is_directory = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        Ok(sessions(entries.filter_map(Result::ok).filter(is_directory)))
    }
}

/// The sessions among some entries, oldest first.
fn sessions(entries: impl Iterator<Item = DirEntry>) -> Vec<String> {
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut sessions: Vec<String> = names.filter(|name| is_session(name)).collect();
    sessions.sort();
    sessions
}

fn parsed(session: &str, text: &[u8]) -> Result<Option<Manifest>, Obstacle> {
    let manifest =
        serde_json::from_slice::<Manifest>(text).map_err(|error| Obstacle::Io(error.to_string()))?;
    Ok(Some(manifest).filter(|manifest| manifest.session == session))
}

/// True if the name is a UUID as we write it, so that it cannot be a path to another place.
pub fn is_session(name: &str) -> bool {
    name.len() == 36 && Uuid::try_parse(name).is_ok_and(|id| id.to_string() == name)
}

/// Start of a session in milliseconds since 1970, from its name.
fn at_ms(session: &str) -> u64 {
    let time = Uuid::try_parse(session).ok().and_then(|id| id.get_timestamp());
    time.map_or(0, |time| {
        let (seconds, nanoseconds) = time.to_unix();
        seconds.saturating_mul(1_000).saturating_add(u64::from(nanoseconds / 1_000_000))
    })
}

fn make_private(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn write_private<'a>(path: &Path, contents: impl IntoIterator<Item = &'a [u8]>) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    contents.into_iter().try_for_each(|content| file.write_all(content))
}

/// Limits on backups. The oldest backups beyond any limit are removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Maximum age; None means no limit.
    pub age: Option<Duration>,
    /// Maximum size of all backups in bytes; None means no limit.
    pub bytes: Option<u64>,
    /// Maximum number; None means no limit.
    pub sessions: Option<usize>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Pruned {
    /// The sessions, oldest first.
    pub sessions: Vec<String>,
    /// Total size in bytes.
    pub bytes: u64,
}

/// The facts of a backup that the limits need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) session: String,
    /// Time in milliseconds since 1970.
    pub(super) at_ms: u64,
    pub(super) bytes: u64,
}

impl Keep {
    /// The backups to remove, oldest first. Protected ones stay, and count like the others.
    pub(super) fn expired(
        &self,
        mut held: Vec<Held>,
        protected: &BTreeSet<String>,
        now_ms: u64,
    ) -> Vec<Held> {
        held.order_by(|left, right| (right.at_ms, &right.session).cmp(&(left.at_ms, &left.session)));
        let mut bytes = 0_u64;
        let mut expired = Vec::new();
        for (newer, backup) in held.into_iter().enumerate() {
            bytes = bytes.saturating_add(backup.bytes);
            let age = Duration::from_millis(now_ms.saturating_sub(backup.at_ms));
            let beyond = self.sessions.is_some_and(|most| newer >= most)
                || self.bytes.is_some_and(|most| bytes > most)
                || self.age.is_some_and(|most| age >= most);
            if beyond && !protected.contains(&backup.session) {
                expired.push(backup);
            }
        }
        expired.reverse();
        expired
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Exactly these permission bits.
    Exact(u32),
    /// The usual permissions of a new file, under the process's umask.
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
    /// Time in milliseconds since 1970.
    pub at_ms: u64,
    /// `patch` or `restore`.
    pub kind: String,
    /// The directory that the paths are relative to.
    pub root: String,
    pub patch: Option<Mark>,
    /// The session that was undone.
    pub undoes: Option<String>,
    pub files: Vec<Entry>,
    /// Created directories.
    pub made: Vec<String>,
    /// Directories that may have been removed, with their permissions.
    pub directories: Vec<(String, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub path: String,
    /// State before the change; None if the file did not exist.
    pub before: Option<State>,
    /// Hash of the content after the change; None if the file was removed.
    pub after: Option<Mark>,
}

/// A file's content and permissions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Its permissions.
    pub mode: u32,
    /// Size and hash of its content.
    pub mark: Mark,
}

/// Name of the file in a backup that holds the content of one file alone.
pub(super) fn original(index: usize) -> String {
    format!("{index}.original")
}

/// Name of a new file before it is renamed into place.
pub(super) fn staged(session: &str, index: usize, path: &str) -> String {
    match split(path) {
        ("", _) => format!(".maestro-{session}-{index}.tmp"),
        (above, _) => format!("{above}/.maestro-{session}-{index}.tmp"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held(ages_and_bytes: &[(u64, u64)]) -> Vec<Held> {
        let one = |(index, (age, bytes)): (usize, &(u64, u64))| Held {
            session: format!("s{index}"),
            at_ms: 1_000_000 - age,
            bytes: *bytes,
        };
        ages_and_bytes.iter().enumerate().map(one).collect()
    }

    fn gone(keep: Keep, ages_and_bytes: &[(u64, u64)], protected: &[&str]) -> Vec<String> {
        let protected = protected.iter().map(|name| (*name).to_owned()).collect();
        let expired = keep.expired(held(ages_and_bytes), &protected, 1_000_000);
        expired.into_iter().map(|backup| backup.session).collect()
    }

    #[test]
    fn each_limit_takes_the_oldest() {
        let all = [(50, 10), (10, 10), (30, 10)];
        assert_eq!(gone(Keep::default(), &all, &[]), Vec::<String>::new());
        let age = Keep { age: Some(Duration::from_millis(30)), ..Keep::default() };
        assert_eq!(gone(age, &all, &[]), ["s0", "s2"]);
        assert_eq!(gone(Keep { bytes: Some(29), ..Keep::default() }, &all, &[]), ["s0"]);
        assert_eq!(gone(Keep { sessions: Some(1), ..Keep::default() }, &all, &[]), ["s0", "s2"]);
        assert_eq!(gone(Keep { sessions: Some(1), ..Keep::default() }, &all, &["s0"]), ["s2"]);
        assert_eq!(gone(Keep { bytes: Some(0), ..Keep::default() }, &all, &[]), ["s0", "s2", "s1"]);
    }

    proptest! {
        #[test]
        fn nothing_protected_goes_and_what_stays_is_within_the_limits(
            all in proptest::collection::vec((0_u64..100, 0_u64..100), 0..12),
            age in proptest::option::of(0_u64..100),
            bytes in proptest::option::of(0_u64..400),
            sessions in proptest::option::of(0_usize..12),
            protected in proptest::collection::btree_set(0_usize..12, 0..3),
        ) {
            let keep = Keep { age: age.map(Duration::from_millis), bytes, sessions };
            let names: Vec<String> = protected.iter().map(|index| format!("s{index}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let gone = gone(keep, &all, &names);
            prop_assert!(gone.iter().all(|name| !names.contains(&name.as_str())));
            let stays: Vec<Held> =
                held(&all).into_iter().filter(|backup| !gone.contains(&backup.session)).collect();
            let free = stays.iter().filter(|backup| !names.contains(&backup.session.as_str()));
            if names.is_empty() {
                prop_assert!(sessions.is_none_or(|most| stays.len() <= most));
                prop_assert!(bytes.is_none_or(|most| stays.iter().map(|backup| backup.bytes).sum::<u64>() <= most));
            }
            for backup in free {
                prop_assert!(age.is_none_or(|most| 1_000_000 - backup.at_ms < most));
                // Where one stays, every younger one does.
                prop_assert!(held(&all).iter().all(|other| other.at_ms <= backup.at_ms
                    || !gone.contains(&other.session)));
            }
        }
    }
}

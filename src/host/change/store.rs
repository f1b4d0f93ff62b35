//! `.maestro/backups`: who may change the project just now, which changes are under way, and what
//! was there before each.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use uuid::Uuid;

use super::keep::{Held, Keep, Pruned};
use super::manifest::Manifest;
use super::tree::{Obstacle, Tree};
use crate::domain::change::Mark;
use crate::host::seal_key::SealKey;

/// Where backups are, relative to the project root.
pub(super) const BACKUPS: &str = ".maestro/backups";
const OPEN: &str = ".open";
const LOCK: &str = ".lock";
const MANIFEST: &str = "manifest.json";
/// Beside a manifest: what only this user can have written of it.
const SIGNATURE: &str = "manifest.mac";

/// The largest file of a backup that is read.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The backups of a project.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    /// The user's key, and since when there is one; none where backups need not be the user's own.
    key: Option<(SealKey, Option<SystemTime>)>,
}

/// The right to change the project, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// A backup, as it is listed.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Listed {
    /// Its session.
    pub session: String,
    pub manifest: Manifest,
}

/// True if a change of a project is under way, or was when its server was killed.
pub fn open_journals(root: &Path) -> bool {
    std::fs::read_dir(root.join(BACKUPS).join(OPEN)).is_ok_and(|mut entries| entries.next().is_some())
}

impl Store {
    /// The backups of a project, made on first need.
    ///
    /// # Errors
    ///
    /// They cannot be made, or a link stands in their place.
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

    /// The backups of a project; none where it has none, and then none are made.
    ///
    /// # Errors
    ///
    /// Something else stands in their place, or they could not be made.
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

    /// The same, honouring only what this user wrote.
    pub fn of_user(self, key: Option<&(SealKey, Option<SystemTime>)>) -> Self {
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

    /// True if anybody has ever changed the project.
    pub fn has_lock(&self) -> bool {
        self.directory().join(LOCK).exists()
    }

    /// Waits for the right to change the project; none where the patience ends first.
    ///
    /// # Errors
    ///
    /// The lock's file cannot be used.
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

    /// Begins a session: from here until it is settled, whoever comes next undoes what it did.
    pub(super) fn begin(&self) -> Result<String, Obstacle> {
        let session = Uuid::now_v7().to_string();
        write_private(&self.directory().join(OPEN).join(&session), b"")?;
        make_private(&self.session(&session))?;
        Ok(session)
    }

    pub(super) fn keep(&self, session: &str, name: &str, content: &[u8]) -> Result<(), Obstacle> {
        Ok(write_private(&self.session(session).join(name), content)?)
    }

    /// Returns what was kept of a file, if it still is what the manifest says.
    pub(super) fn kept(&self, session: &str, name: &str, mark: &Mark) -> Result<Vec<u8>, Obstacle> {
        let content = self.look(session, name)?.ok_or(Obstacle::Changed)?;
        if Mark::of(&content) == *mark {
            return Ok(content);
        }
        Err(Obstacle::Io(format!("the backup's {name} is not what was kept")))
    }

    pub(super) fn write_manifest(&self, manifest: &Manifest) -> Result<(), Obstacle> {
        let text = serde_json::to_vec_pretty(manifest).map_err(|error| Obstacle::Io(error.to_string()))?;
        let directory = self.session(&manifest.session);
        let path = directory.join(MANIFEST);
        // Half of a manifest would be no manifest, and whatever it was to undo would stay.
        let unfinished = path.with_extension("new");
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(&text)?;
        file.sync_data()?;
        if let Some((key, _)) = &self.key {
            // First, so that no manifest is ever without it.
            self.keep(&manifest.session, SIGNATURE, self.signature(key, &text).as_bytes())?;
        }
        Ok(std::fs::rename(unfinished, path)?)
    }

    /// A file of a session, through no link.
    fn look(&self, session: &str, name: &str) -> Result<Option<Vec<u8>>, Obstacle> {
        let found = Tree::open(&self.root)?.look(&format!("{BACKUPS}/{session}/{name}"), MOST_BYTES)?;
        Ok(found.map(|found| found.content))
    }

    fn signature(&self, key: &SealKey, manifest: &[u8]) -> String {
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        key.sign("backup", &[root.as_os_str().as_bytes(), manifest])
    }

    /// Refuses a manifest that this user did not write. One from before there was a key is the user's.
    fn check_signature(&self, session: &str, manifest: &[u8]) -> Result<(), Obstacle> {
        let Some((key, began)) = &self.key else { return Ok(()) };
        match self.look(session, SIGNATURE)? {
            Some(signature) if signature == self.signature(key, manifest).as_bytes() => Ok(()),
            Some(_) => Err(Obstacle::Foreign),
            None => {
                let file = self.session(session).join(MANIFEST);
                let made = std::fs::symlink_metadata(file).ok().and_then(|found| found.created().ok());
                let is_older = made.zip(*began).is_some_and(|(made, began)| made < began);
                if is_older { Ok(()) } else { Err(Obstacle::Foreign) }
            }
        }
    }

    /// Returns what a session holds, to be acted on; none where there is no such session.
    ///
    /// # Errors
    ///
    /// Its manifest cannot be read, or this user did not write it.
    pub fn manifest(&self, session: &str) -> Result<Option<Manifest>, Obstacle> {
        match self.written(session)? {
            Some(text) => {
                self.check_signature(session, &text)?;
                parsed(session, &text)
            }
            None => Ok(None),
        }
    }

    /// The text of a session's manifest, whoever wrote it.
    fn written(&self, session: &str) -> Result<Option<Vec<u8>>, Obstacle> {
        let is_directory =
            || std::fs::symlink_metadata(self.session(session)).is_ok_and(|found| found.is_dir());
        if is_session(session) && is_directory() { self.look(session, MANIFEST) } else { Ok(None) }
    }

    /// Ends a session that stays as a backup.
    ///
    /// # Errors
    ///
    /// It cannot be closed.
    pub fn settle(&self, session: &str) -> Result<(), Obstacle> {
        Ok(std::fs::remove_file(self.directory().join(OPEN).join(session))?)
    }

    /// Ends a session of which nothing is left.
    ///
    /// # Errors
    ///
    /// It cannot be closed.
    pub fn forget(&self, session: &str) -> Result<(), Obstacle> {
        let _ = std::fs::remove_dir_all(self.session(session));
        self.settle(session)
    }

    /// The sessions under way.
    ///
    /// # Errors
    ///
    /// They cannot be listed.
    pub fn open_sessions(&self) -> Result<Vec<String>, Obstacle> {
        // A link there leads to names that are not ours.
        if Tree::open(&self.root)?.directory_mode(&format!("{BACKUPS}/{OPEN}"))?.is_none() {
            return Ok(Vec::new());
        }
        let entries = std::fs::read_dir(self.directory().join(OPEN))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut sessions: Vec<String> = names.filter(|name| is_session(name)).collect();
        sessions.sort();
        Ok(sessions)
    }

    /// Every backup that can be restored, oldest first.
    ///
    /// # Errors
    ///
    /// They cannot be listed.
    pub fn list(&self) -> Result<Vec<Listed>, Obstacle> {
        let listed = |session: String| {
            let text = self.written(&session).ok()??;
            Some(Listed { manifest: parsed(&session, &text).ok()??, session })
        };
        Ok(self.sessions()?.into_iter().filter_map(listed).collect())
    }

    /// Removes the backups that are beyond the limits: never one that is under way or protected.
    /// Whoever calls it holds the lock.
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

    /// Every directory of a session, one without a manifest among them.
    fn held(&self) -> Result<Vec<Held>, Obstacle> {
        let held = |session: String| Held { at_ms: at_ms(&session), bytes: self.bytes(&session), session };
        Ok(self.sessions()?.into_iter().map(held).collect())
    }

    /// The bytes of a session's files.
    pub fn bytes(&self, session: &str) -> u64 {
        let Ok(entries) = std::fs::read_dir(self.session(session)) else {
            return 0;
        };
        entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
    }

    /// The names of all sessions, oldest first.
    fn sessions(&self) -> Result<Vec<String>, Obstacle> {
        let entries = std::fs::read_dir(self.directory())?;
        let is_directory = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        let directories = entries.filter_map(Result::ok).filter(is_directory);
        let names = directories.filter_map(|entry| entry.file_name().into_string().ok());
        let mut sessions: Vec<String> = names.filter(|name| is_session(name)).collect();
        sessions.sort();
        Ok(sessions)
    }
}

fn parsed(session: &str, text: &[u8]) -> Result<Option<Manifest>, Obstacle> {
    let manifest =
        serde_json::from_slice::<Manifest>(text).map_err(|error| Obstacle::Io(error.to_string()))?;
    Ok(Some(manifest).filter(|manifest| manifest.session == session))
}

/// True if a name is one of ours, and so no path to anywhere else.
pub fn is_session(name: &str) -> bool {
    name.len() == 36 && Uuid::try_parse(name).is_ok_and(|id| id.to_string() == name)
}

/// Returns when a session began, in milliseconds since 1970: its name says so.
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

fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)
}

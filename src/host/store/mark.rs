//! Last state of each log that this user has seen, kept in the user's own directory: how far it went, and
//! the hash there. A log that came with a repository is in none of these marks, one that was put back
//! in time or written anew does not fit its mark, and one that is as it was left need not be checked
//! from its beginning.

use std::fs::{self, DirBuilder, Metadata};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::place::Place;
use super::{Kept, kept};
use crate::host::seal_key::SealKey;

/// The files of a log as they were left. Whoever writes to one of them changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Print {
    log: Stamp,
    latest: Option<Stamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    number: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        Self {
            number: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

impl Print {
    pub(super) fn of(place: &Place) -> Option<Self> {
        let file = place.file();
        let log = Stamp::of(&fs::symlink_metadata(&file).ok()?);
        // An empty one says nothing, and comes and goes with whoever looks.
        let latest = fs::symlink_metadata(file.with_extension("db-wal")).ok().filter(|found| found.len() > 0);
        Some(Self { log, latest: latest.map(|found| Stamp::of(&found)) })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) seq: u64,
    pub(super) hash: String,
    /// The files then; none where somebody may have written to them who left no mark.
    pub(super) print: Option<Print>,
}

/// The marks of a user.
#[derive(Clone, Debug)]
pub struct Marks {
    directory: PathBuf,
    /// When this user's directory was made: what is older may be from a version that left no marks.
    began: Option<SystemTime>,
    /// With which folds of logs are sealed.
    key: Option<SealKey>,
}

impl Marks {
    /// The marks in a user's directory of state, which is there since `began`.
    pub fn new(state: &Path, began: Option<SystemTime>) -> Self {
        Self { directory: state.join("logs"), began, key: None }
    }

    /// The same with folds of logs beside them.
    pub fn sealed_by(mut self, key: &SealKey) -> Self {
        self.key = Some(key.clone());
        self
    }

    /// Fold of a log up to a place, with the hash of the last event in it.
    pub(super) fn kept(&self, first: &str, place: &Place) -> Option<(Kept, String)> {
        kept::load(&self.fold_file(first, place), self.key.as_ref()?)
    }

    /// Keeps what was folded of a log at a place, up to an event with this hash.
    pub(super) fn keep(&self, first: &str, place: &Place, hash: String, kept: &Kept) {
        let Some(key) = &self.key else { return };
        if let Err(error) = kept::save(&self.fold_file(first, place), key, hash, kept) {
            tracing::debug!(%error, "what was folded of the log cannot be kept");
        }
    }

    pub(super) fn keeps_folds(&self) -> bool {
        self.key.is_some()
    }

    /// True if this user has ever seen a log that begins with this hash.
    pub(super) fn knows(&self, first: &str) -> bool {
        self.of_log(first).is_dir()
    }

    /// This user is about to begin a log whose first event has this hash.
    pub(super) fn announce(&self, first: &str) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(self.of_log(first));
        if let Err(error) = made {
            tracing::debug!(%error, "the beginning of the log cannot be noted");
        }
    }

    /// True if a file is older than the marks.
    pub(super) fn is_older(&self, file: &Path) -> bool {
        let made = fs::symlink_metadata(file)
            .ok()
            .and_then(|found| found.created().or_else(|_| found.modified()).ok());
        made.zip(self.began).is_some_and(|(made, began)| made < began)
    }

    /// The mark of a log at a place.
    pub(super) fn load(&self, first: &str, place: &Place) -> Option<Mark> {
        serde_json::from_slice(&fs::read(self.file(first, place)).ok()?).ok()
    }

    /// Leaves a mark, unless there is one that is further on. A mark that cannot be left costs a check
    /// of the whole log the next time, and no more.
    pub(super) fn save(&self, first: &str, place: &Place, mark: &Mark) {
        if self.load(first, place).is_some_and(|known| known.seq > mark.seq) {
            return;
        }
        let file = self.file(first, place);
        let write = || {
            self.announce(first);
            let directory = self.of_log(first);
            let mut new = tempfile::NamedTempFile::new_in(&directory)?;
            new.write_all(&serde_json::to_vec(mark)?)?;
            new.persist(&file).map_err(|error| error.error)?;
            Ok::<_, std::io::Error>(())
        };
        if let Err(error) = write() {
            tracing::debug!(%error, "the mark of the log cannot be kept");
        }
    }

    fn of_log(&self, first: &str) -> PathBuf {
        // It is a hash where it is ours, and could be anything where it is not.
        let name: String = first.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        self.directory.join(name)
    }

    fn fold_file(&self, first: &str, place: &Place) -> PathBuf {
        self.file(first, place).with_extension("fold")
    }

    fn file(&self, first: &str, place: &Place) -> PathBuf {
        let path = place.real_file().unwrap_or_else(|_| place.file());
        let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
        let name = crate::domain::hex::hex(digest.get(..16).unwrap_or_default());
        self.of_log(first).join(format!("{name}.json"))
    }
}

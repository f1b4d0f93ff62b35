//! Where the log is: its directory and its file, neither of them ever a link.

use std::fs::{self, DirBuilder, Metadata};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::StoreError;

/// The file of the log.
pub(super) const FILE: &str = "maestro.db";

/// Only the owner.
const PRIVATE_DIRECTORY: u32 = 0o700;

/// Identity of a file: its device, its number there, and when it was made, for a number is
/// given away again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    number: u64,
    made: Option<SystemTime>,
}

impl FileId {
    fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), number: found.ino(), made: found.created().ok() }
    }
}

/// The files that `SQLite` keeps beside the log's own as long as it is open: the latest events, and
/// an index of them.
pub(super) type Beside = [Option<FileId>; 2];

const BESIDE: [&str; 2] = ["maestro.db-wal", "maestro.db-shm"];

/// A file that stands in the log's place.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: FileId,
    pub(super) bytes: u64,
}

/// The directory of a log.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    root: Option<PathBuf>,
}

impl Place {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, root: None }
    }

    pub(super) fn below(self, root: &Path) -> Self {
        Self { root: Some(root.to_owned()), ..self }
    }

    /// The file of the log. What follows it to other places is refused when it is opened.
    pub(super) fn file(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// True if the file is somebody else's.
    pub(super) fn is_of_another_user(&self) -> bool {
        let user = rustix::process::geteuid().as_raw();
        fs::symlink_metadata(self.file()).is_ok_and(|found| found.uid() != user)
    }

    /// The file with no link on the way to it.
    pub(super) fn real_file(&self) -> Result<PathBuf, StoreError> {
        let real = self.directory.canonicalize();
        Ok(real.map_err(|error| StoreError::of_file(&self.directory, &error))?.join(FILE))
    }

    /// True if something lies beside the file without which it may not be whole: its latest events,
    /// or what its making needs to be undone.
    pub(super) fn is_unfinished(&self) -> bool {
        ["maestro.db-wal", "maestro.db-journal"]
            .iter()
            .any(|name| fs::metadata(self.directory.join(name)).is_ok_and(|found| found.len() > 0))
    }

    /// The files beside the log's own.
    pub(super) fn beside(&self) -> Beside {
        BESIDE.map(|name| Some(FileId::of(&fs::symlink_metadata(self.directory.join(name)).ok()?)))
    }

    /// Gives those of these files that are still there another name, for they belong to a log that
    /// is gone: `SQLite` would take them for those of whatever is in its place.
    pub(super) fn set_aside(&self, files: &Beside) {
        let mark = uuid::Uuid::now_v7();
        for ((name, before), now) in BESIDE.iter().zip(files).zip(&self.beside()) {
            if before.is_some() && before == now {
                let aside = self.directory.join(format!("{name}.replaced-{mark}"));
                // Another server may be at it too.
                let _ = fs::rename(self.directory.join(name), aside);
            }
        }
    }

    /// Returns what stands in the log's place; none where nothing does.
    pub(super) fn find(&self) -> Result<Option<Found>, StoreError> {
        if metadata(&self.directory)?.is_none() {
            return Ok(None);
        }
        check_directory(&self.directory)?;
        let file = self.file();
        let Some(found) = metadata(&file)? else {
            return Ok(None);
        };
        if !found.is_file() {
            return Err(not_ours(&file, &found, "it is not a regular file"));
        }
        Ok(Some(Found { id: FileId::of(&found), bytes: found.len() }))
    }

    /// Makes what is missing: the directory, and an empty file that only the user can read.
    pub(super) fn make(&self) -> Result<(), StoreError> {
        if let Some(root) = &self.root {
            check_root(root)?;
        }
        make_directory(&self.directory)?;
        if self.find()?.is_some() {
            return Ok(());
        }
        let explain = |error: &io::Error| StoreError::of_file(&self.directory, error);
        // Private from its first moment on, and closed before it has its name: closing a file gives
        // up the locks that this process has on it.
        let new = tempfile::Builder::new().prefix(".maestro-db-").tempfile_in(&self.directory);
        match new.map_err(|error| explain(&error))?.into_temp_path().persist_noclobber(self.file()) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(explain(&error.error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Refuses a project whose directory is not there: what is missing is not made in its place.
///
/// # Errors
///
/// It is not there.
pub fn check_root(root: &Path) -> Result<(), StoreError> {
    if root.is_dir() {
        return Ok(());
    }
    Err(StoreError::Io { reason: format!("the project directory {} does not exist", root.display()) })
}

/// Makes a directory of Maestro's own, unseen by git, unless it is there.
pub(super) fn make_directory(directory: &Path) -> Result<(), StoreError> {
    let explain = |error: &io::Error| StoreError::of_file(directory, error);
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).map_err(|error| explain(&error))?;
    }
    let ignored = match DirBuilder::new().mode(PRIVATE_DIRECTORY).create(directory) {
        Ok(()) => "*\n".to_owned(),
        // What else lies there may be the user's own, and meant for git.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            check_directory(directory)?;
            format!("/.gitignore\n/{FILE}*\n/.maestro-db-*\n")
        }
        Err(error) => return Err(explain(&error)),
    };
    let file = directory.join(".gitignore");
    let made = fs::File::options().write(true).create_new(true).open(&file);
    match made.and_then(|mut made| made.write_all(ignored.as_bytes())) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(StoreError::of_file(&file, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Refuses a link, and whatever else is no directory.
fn check_directory(directory: &Path) -> Result<(), StoreError> {
    match metadata(directory)? {
        Some(found) if !found.is_dir() => Err(not_ours(directory, &found, "it is no directory")),
        Some(_) | None => Ok(()),
    }
}

fn not_ours(path: &Path, found: &Metadata, otherwise: &'static str) -> StoreError {
    let reason =
        if found.is_symlink() { "it is a symbolic link, and the log follows none" } else { otherwise };
    StoreError::NotOurs { path: path.to_owned(), reason }
}

fn metadata(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::of_file(path, &error)),
    }
}

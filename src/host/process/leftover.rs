//! Directories of calls whose server was killed before it could remove them.
//!
//! A directory is alive as long as its server holds the lock on a file in it. A process id would
//! prove nothing: another container may share the temporary directory, and ids come back.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::getuid;

/// Prefix of the name of a call's directory.
pub(crate) const PREFIX: &str = "maestro-call-";
/// Prefix of the names of directories with copies of a project.
pub(crate) const TREES: &str = "maestro-trees-";
/// Prefix of the names of files that lead a browser to the page.
pub(crate) const PAGE: &str = "maestro-page-";
/// Names that no consultant may open but those of its own call.
pub(crate) const PRIVATE: [&str; 3] = [PREFIX, TREES, PAGE];

/// The file whose lock keeps a directory.
const LOCK: &str = "lock";

/// One without a lock may just be in the making, if it is younger.
const YOUNG: Duration = Duration::from_secs(60);

/// Takes the lock of a new directory. It is free again when the file is closed, by whatever.
///
/// # Errors
///
/// The file cannot be made.
pub(crate) fn lock(directory: &Path) -> io::Result<File> {
    // Locked before it has its name, so that it is locked as soon as the name is visible.
    let unfinished = directory.join("lock.new");
    let file = File::create_new(&unfinished)?;
    flock(&file, FlockOperation::LockExclusive)?;
    fs::rename(unfinished, directory.join(LOCK))?;
    Ok(file)
}

/// Removes all but the lock from a directory.
pub(super) fn empty(directory: &Path) {
    let all = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    for entry in all.filter(|entry| entry.file_name() != LOCK) {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let path = entry.path();
        // What stays goes with the directory, or is left for the next server.
        let _ = if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
}

/// True if a directory is ours and its server is gone: its lock is free, or it is old and has none.
pub(crate) fn is_abandoned(directory: &Path) -> bool {
    is_abandoned_after(YOUNG, directory)
}

fn is_abandoned_after(young: Duration, directory: &Path) -> bool {
    let Ok(found) = fs::symlink_metadata(directory) else { return false };
    if !found.is_dir() || found.uid() != getuid().as_raw() {
        return false;
    }
    match File::open(directory.join(LOCK)) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let age = found.modified().ok().and_then(|written| written.elapsed().ok());
            age.is_some_and(|age| age >= young)
        }
        Err(_) => false,
    }
}

/// Removes the directories in `base` that are ours and that nobody holds. A directory that cannot be removed
/// stays for the next time.
pub(super) fn remove(base: &Path, young: Duration) {
    for entry in fs::read_dir(base).into_iter().flatten().filter_map(Result::ok) {
        let is_named_so = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_named_so && is_abandoned_after(young, &entry.path()) {
            tracing::debug!(directory = %entry.path().display(), "left behind by a killed server");
            // Another server may be at it too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Removes the calls of killed servers from the system's temporary directory, with their copies of logins.
pub fn remove_old() {
    remove(&std::env::temp_dir(), YOUNG);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_holds_is_removed() {
        let base = tempfile::tempdir().unwrap();
        let names = ["maestro-call-free", "maestro-call-held", "maestro-call-bare", "maestro-demo-abc"];
        for name in names {
            fs::create_dir_all(base.path().join(name).join("work")).unwrap();
        }
        drop(lock(&base.path().join("maestro-call-free")).unwrap());
        let _held = lock(&base.path().join("maestro-call-held")).unwrap();
        let left = || names.map(|name| base.path().join(name).exists());
        remove(base.path(), YOUNG);
        assert_eq!(left(), [false, true, true, true]);
        remove(base.path(), Duration::ZERO);
        assert_eq!(left(), [false, true, false, true]);
    }
}

//! Directories of calls whose server was killed before it could remove them.
//!
//! A directory is in use as long as its server holds the lock on a file in it. A process id would prove
//! nothing: another container may share the temporary directory, and ids are reused.

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
/// Prefixes of private names. A consultant may open only those of its own call.
pub(crate) const PRIVATE: [&str; 3] = [PREFIX, TREES, PAGE];

/// The file whose lock shows that a directory is in use.
const LOCK: &str = "lock";

/// A directory without a lock that is younger than this may still be under construction.
const YOUNG: Duration = Duration::from_secs(60);

/// Takes the lock of a new directory. The lock is free again when the file is closed, for any reason.
///
/// # Errors
///
/// The file cannot be created.
pub(crate) fn lock(directory: &Path) -> io::Result<File> {
    // The file is locked before it is renamed, so that its final name is never visible without the lock.
    let unfinished = directory.join("lock.new");
    let file = File::create_new(&unfinished)?;
    flock(&file, FlockOperation::LockExclusive)?;
    fs::rename(unfinished, directory.join(LOCK))?;
    Ok(file)
}

/// Removes everything except the lock from a directory.
pub(super) fn empty(directory: &Path) {
    let all = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    for entry in all.filter(|entry| entry.file_name() != LOCK) {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let path = entry.path();
        // Anything that remains is removed with the directory, or by the next server.
        let _ = if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
}

/// True if a directory is ours and its server is gone: the lock is free, or there is none and the directory
/// is old.
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

/// Removes the directories in `base` that are ours and abandoned. A directory that cannot be removed stays
/// for the next time.
pub(super) fn remove(base: &Path, young: Duration) {
    for entry in fs::read_dir(base).into_iter().flatten().filter_map(Result::ok) {
        let is_named_so = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_named_so && is_abandoned_after(young, &entry.path()) {
            tracing::debug!(directory = %entry.path().display(), "left behind by a killed server");
            // Another server may be removing it too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Removes the call directories of killed servers from the system's temporary directory. They contain copies
/// of logins.
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

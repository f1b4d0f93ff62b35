//! Copies of a file as it was, under a name that was free.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::InstallError;

/// A backup that is taken back on drop unless it is [kept](Backup::keep): the change that it
/// was made for may still fail.
#[derive(Debug)]
pub(super) struct Backup {
    path: PathBuf,
    kept: bool,
}

impl Backup {
    /// Gives `copy`, a finished temporary file in the directory of `original`, the first free
    /// name: `<name>.maestro-backup`, then `.2`, `.3` and so on. Never overwrites.
    pub(super) fn place(mut copy: NamedTempFile, original: &Path) -> io::Result<Self> {
        let mut number = 1_u32;
        loop {
            let path = name_of(original, number);
            match copy.persist_noclobber(&path) {
                Ok(_) => return Ok(Self { path, kept: false }),
                Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
                    copy = refused.file;
                    number = number.saturating_add(1);
                }
                Err(refused) => return Err(refused.error),
            }
        }
    }

    pub(super) fn keep(mut self) -> PathBuf {
        self.kept = true;
        self.path.clone()
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing better can be done here than to leave the copy behind.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Puts the first backup of a file back where it came from, if there is one and its place is free.
pub(super) fn restore(original: &Path) -> Result<Option<PathBuf>, InstallError> {
    let backup = name_of(original, 1);
    if !backup.is_file() || original.symlink_metadata().is_ok() {
        return Ok(None);
    }
    std::fs::rename(&backup, original).map_err(InstallError::file("put back", original))?;
    Ok(Some(original.to_owned()))
}

fn name_of(original: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(original);
    name.push(".maestro-backup");
    if number > 1 {
        name.push(format!(".{number}"));
    }
    PathBuf::from(name)
}

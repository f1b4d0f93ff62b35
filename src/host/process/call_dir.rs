//! The private directory of one call.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::leftover;

/// Permissions for the owner only.
const PRIVATE: u32 = 0o700;

/// A temporary directory that only our user can enter. It is removed on drop with its contents.
#[derive(Debug)]
pub struct CallDir {
    // None only while `self` is being dropped.
    root: Option<TempDir>,
    path: PathBuf,
    work: PathBuf,
    /// The lock shows that the directory is in use.
    _lock: File,
}

impl CallDir {
    /// Creates `maestro-call-*` with a subdirectory `work` in the system's temporary directory. Blocks for
    /// two `mkdir`.
    ///
    /// # Errors
    /// If a directory cannot be made.
    pub fn create() -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(leftover::PREFIX).permissions(Permissions::from_mode(PRIVATE));
        let root = builder.tempdir_in(std::env::temp_dir())?;
        let lock = leftover::lock(root.path())?;
        let path = root.path().to_owned();
        let work = path.join("work");
        DirBuilder::new().mode(PRIVATE).create(&work)?;
        Ok(Self { root: Some(root), path, work, _lock: lock })
    }

    /// As [`Self::create`], but on a blocking thread.
    ///
    /// # Errors
    /// If a directory cannot be made.
    pub async fn create_off_thread() -> io::Result<Self> {
        spawn_blocking(Self::create).await.map_err(io::Error::other)?
    }

    /// An empty directory for the program to work in.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// The whole directory, for [`Launch::capture_dir`](super::Launch::capture_dir). The program itself gets
    /// only `work` and the files that are created for it.
    pub fn capture(&self) -> &Path {
        &self.path
    }
}

impl Drop for CallDir {
    /// Removes the directory on a blocking thread, because a program may have left any number of files.
    fn drop(&mut self) {
        let root = self.root.take();
        let path = std::mem::take(&mut self.path);
        // The lock is removed last. If the server is killed meanwhile, the rest can then be told from a new
        // directory.
        let remove = move || {
            leftover::empty(&path);
            drop(root);
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

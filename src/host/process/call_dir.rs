//! The private directory of one call.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::leftover;

/// Only the owner.
const PRIVATE: u32 = 0o700;

/// A temporary directory that only our user can enter, removed on drop with all that is in it.
#[derive(Debug)]
pub struct CallDir {
    // Empty only while `self` is being dropped.
    root: Option<TempDir>,
    path: PathBuf,
    work: PathBuf,
    /// Held as long as the directory is in use.
    _lock: File,
}

impl CallDir {
    /// Makes `maestro-call-*` with `work` in the system's temporary directory. Blocks for two `mkdir`.
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

    /// The same off the runtime's thread.
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

    /// The place for [`Launch::capture_dir`](super::Launch::capture_dir): all of it, of which a program is
    /// given `work` and what is made for it.
    pub fn capture(&self) -> &Path {
        &self.path
    }
}

impl Drop for CallDir {
    /// A program may have left any number of files, so they are removed off the runtime's thread.
    fn drop(&mut self) {
        let root = self.root.take();
        let path = std::mem::take(&mut self.path);
        // The lock goes last: what a server that is killed meanwhile leaves can be told from a new one.
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

//! Removing copies, our own and those of servers that were killed.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::git;
use crate::host::process::leftover;

/// The file that says whose copies a directory holds.
const RECORD: &str = "record.json";

/// Time that a git which was told to end takes for it, on a busy machine.
const ENDING: Duration = Duration::from_millis(500);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// The program.
    pub(super) git: PathBuf,
    /// The repository's root.
    pub(super) repository: PathBuf,
}

impl Record {
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        fs::write(directory.join(RECORD), serde_json::to_vec(self)?)
    }

    fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(directory.join(RECORD)).ok()?).ok()
    }

    /// Removes a copy and has the repository forget it. One whose making was cut short is no working
    /// tree: git refuses to remove it while it is there, and forgets it once it is gone.
    pub(super) fn remove_tree(&self, tree: &Path) {
        if self.forget(tree) {
            return;
        }
        let _ = fs::remove_dir_all(tree);
        if self.forget(tree) {
            return;
        }
        // The git that makes it may be ending just now. Afterwards git drops what that one left, even the
        // empty directory of its entries; `never` spares copies of the user's on a disk that is away.
        std::thread::sleep(ENDING);
        // What fails now stays for the next time.
        self.forget(tree);
        self.run(&["worktree", "prune", "--expire=never"].map(OsStr::new));
    }

    fn forget(&self, tree: &Path) -> bool {
        let arguments = ["worktree", "remove", "--force", "--force"].map(OsStr::new);
        let arguments: Vec<&OsStr> = arguments.into_iter().chain([tree.as_os_str()]).collect();
        self.run(&arguments)
    }

    fn run(&self, arguments: &[&OsStr]) -> bool {
        git::run_now(&self.git, &self.repository, arguments)
    }
}

pub(super) fn is_named_so(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(leftover::TREES))
}

/// Removes the copies in a temporary directory whose server is gone. What cannot be removed stays
/// for the next time.
pub(crate) fn remove_abandoned(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().filter_map(Result::ok) {
        let directory = entry.path();
        if !is_named_so(&entry.file_name()) || !leftover::is_abandoned(&directory) {
            continue;
        }
        tracing::debug!(directory = %directory.display(), "worktrees left behind by a killed server");
        if let Some(record) = Record::read(&directory) {
            let entries = fs::read_dir(&directory).into_iter().flatten().filter_map(Result::ok);
            // The name that the repository knows has no links in it.
            let real = directory.canonicalize().unwrap_or_else(|_| directory.clone());
            let is_copy = |entry: &fs::DirEntry| {
                entry.file_name().to_str().is_some_and(|name| name.parse::<usize>().is_ok())
            };
            for tree in entries.filter(is_copy) {
                record.remove_tree(&real.join(tree.file_name()));
            }
        }
        // Another server may be at it too.
        let _ = fs::remove_dir_all(&directory);
    }
}

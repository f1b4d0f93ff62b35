//! Copies of the project as worktrees of git, in a private directory outside of it, so that several
//! changes can be tried side by side and the project stays as it is.
//!
//! A copy holds what the project holds just now, as far as git knows of it: the last commit, the
//! changes of tracked files on top of it, staged or not, and untracked files that are not ignored.
//! What git ignores (dependencies, build output) and the contents of submodules are not in it, nor
//! is Maestro's own directory.
//!
//! Copies go when they are dropped. Those of a killed server go with the next one's first call, told
//! apart by a lock as the directories of calls are.

mod cleanup;
mod git;

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use tempfile::TempDir;
use thiserror::Error;
use tokio::runtime::Handle;

use super::environment::Environment;
use super::process::{Supervisor, leftover};

use cleanup::Record;
pub(crate) use cleanup::remove_abandoned;
use git::Git;

/// Why there are no copies.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TreeError {
    /// There is no git.
    #[error("git is not installed")]
    NoGit,
    /// The project is in no repository, or in one without a commit.
    #[error("the project is not in a git repository with a commit: {0}")]
    NoCommit(String),
    /// More is changed than is copied.
    #[error("uncommitted changes have more than {0}")]
    TooMuch(String),
    /// Something of git or of the system failed.
    #[error("{0}")]
    Failed(String),
}

impl From<std::io::Error> for TreeError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Copies of the project, removed when dropped.
#[derive(Debug)]
pub struct Trees {
    // Empty only while `self` is being dropped.
    directory: Option<TempDir>,
    record: Record,
    trees: Vec<PathBuf>,
    /// The project root, relative to the repository's.
    prefix: PathBuf,
    _lock: File,
}

impl Trees {
    /// Makes so many copies of the project at `root`. The first is copied from the project, the
    /// others from the first, so that all are equal even if somebody edits meanwhile.
    ///
    /// # Errors
    ///
    /// The project is in no repository with a commit, or a copy cannot be made.
    pub async fn create(
        supervisor: &Supervisor,
        environment: &Environment,
        root: &Path,
        count: usize,
    ) -> Result<Self, TreeError> {
        let program = environment.find_program("git", root).ok_or(TreeError::NoGit)?;
        let git = Git::new(supervisor, environment, &program, root).await?;
        let no_commit = |error: TreeError| TreeError::NoCommit(error.to_string());
        let top = git.line(&["rev-parse", "--show-toplevel"]).await.map_err(no_commit)?;
        let prefix = git.line(&["rev-parse", "--show-prefix"]).await.map_err(no_commit)?;
        let commit = git.line(&["rev-parse", "--verify", "HEAD^{commit}"]).await.map_err(no_commit)?;
        let top = PathBuf::from(&top);
        let git = git.at(&top);
        forget_vanished(&git).await?;
        let changed = changed(&git, Path::new(&prefix)).await?;
        let mut made = Self::empty(Record { git: program, repository: top.clone() }, prefix.into())?;
        for number in 0..count {
            let tree = made.directory()?.join(number.to_string());
            let add = ["worktree", "add", "--detach", "--quiet"].map(OsStr::new);
            let arguments = add.iter().copied().chain([tree.as_os_str(), OsStr::new(&commit)]);
            made.trees.push(tree.clone());
            git.run(arguments).await?;
            let source = made.trees.first().filter(|_| number > 0).unwrap_or(&top).clone();
            let (changed, prefix) = (changed.clone(), made.prefix.clone());
            let laid = tokio::task::spawn_blocking(move || {
                lay(&source, &tree, &changed)?;
                std::fs::create_dir_all(tree.join(prefix)).map_err(TreeError::from)
            });
            laid.await.map_err(|error| TreeError::Failed(error.to_string()))??;
        }
        Ok(made)
    }

    fn empty(record: Record, prefix: PathBuf) -> Result<Self, TreeError> {
        const PRIVATE: u32 = 0o700;
        let base = std::env::temp_dir().canonicalize()?;
        if base.starts_with(&record.repository) {
            let place = base.display();
            return Err(TreeError::Failed(format!("the temporary directory {place} is inside the project")));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(leftover::TREES).permissions(Permissions::from_mode(PRIVATE));
        let directory = builder.tempdir_in(base)?;
        record.write(directory.path())?;
        let lock = leftover::lock(directory.path())?;
        Ok(Self { directory: Some(directory), record, trees: Vec::new(), prefix, _lock: lock })
    }

    fn directory(&self) -> Result<&Path, TreeError> {
        let directory = self.directory.as_ref().map(TempDir::path);
        directory.ok_or_else(|| TreeError::Failed("the copies are gone".to_owned()))
    }

    /// The project root in a copy.
    pub fn project(&self, number: usize) -> Option<PathBuf> {
        self.trees.get(number).map(|tree| tree.join(&self.prefix))
    }

    /// Makes files of a copy what they are in the first one again, by their paths in the project.
    ///
    /// # Errors
    ///
    /// There is no such copy, or a file cannot be written.
    pub fn reset(&self, number: usize, paths: &[PathBuf]) -> Result<(), TreeError> {
        let gone = || TreeError::Failed("the copies are gone".to_owned());
        let (first, tree) = (self.trees.first().ok_or_else(gone)?, self.trees.get(number).ok_or_else(gone)?);
        let paths: Vec<PathBuf> = paths.iter().map(|path| self.prefix.join(path)).collect();
        lay(first, tree, &paths)
    }

    /// A directory beside the copies, for what belongs to one of them.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub fn beside(&self, number: usize) -> Result<PathBuf, TreeError> {
        let path = self.directory()?.join(format!("{number}.beside"));
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }
}

impl Drop for Trees {
    /// A copy may hold any number of files, so they are removed off the runtime's thread.
    fn drop(&mut self) {
        let (directory, record) = (self.directory.take(), self.record.clone());
        let trees = std::mem::take(&mut self.trees);
        let remove = move || {
            for tree in &trees {
                record.remove_tree(tree);
            }
            drop(directory);
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

/// Returns what differs from the last commit, and what git does not know yet; paths from the repository's
/// root.
async fn changed(git: &Git<'_>, prefix: &Path) -> Result<Vec<PathBuf>, TreeError> {
    let tracked =
        ["diff", "-z", "--name-only", "--no-renames", "--no-ext-diff", "--ignore-submodules", "HEAD"];
    let untracked = ["ls-files", "-z", "--others", "--exclude-standard"];
    let mut paths = Vec::new();
    for arguments in [tracked.as_slice(), untracked.as_slice()] {
        let listed = git.run(arguments.iter().map(OsStr::new)).await?;
        let names = listed.split(|byte| *byte == 0).filter(|name| !name.is_empty() && !name.ends_with(b"/"));
        paths.extend(names.map(|name| PathBuf::from(OsStr::from_bytes(name))));
    }
    let own = prefix.join(".maestro");
    paths.retain(|path| !path.starts_with(&own));
    Ok(paths)
}

/// Has the repository forget copies of ours whose directory is gone, for example with a restart of
/// the machine. `git worktree prune` would also forget the user's own, on a disk that is away.
async fn forget_vanished(git: &Git<'_>) -> Result<(), TreeError> {
    let listed = git.run(["worktree", "list", "--porcelain", "-z"].map(OsStr::new)).await?;
    let entries = listed.split(|byte| *byte == 0).filter_map(|line| line.strip_prefix(b"worktree "));
    for tree in entries.map(|path| PathBuf::from(OsStr::from_bytes(path))) {
        let is_ours = tree.parent().and_then(Path::file_name).is_some_and(cleanup::is_named_so);
        if is_ours && !tree.exists() {
            let remove = ["worktree", "remove", "--force", "--force"].map(OsStr::new);
            let _ = git.run(remove.into_iter().chain([tree.as_os_str()])).await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

/// Paths that are copied.
const MOST_PATHS: usize = 50_000;
/// Bytes that are copied.
const MOST_BYTES: u64 = 512 * 1024 * 1024;

/// Makes each path in `tree` what it is in `source`. No link is followed out of either.
fn lay(source: &Path, tree: &Path, paths: &[PathBuf]) -> Result<(), TreeError> {
    if paths.len() > MOST_PATHS {
        return Err(TreeError::TooMuch(format!("{MOST_PATHS} files")));
    }
    let source = Dir::open_ambient_dir(source, ambient_authority())?;
    let tree = Dir::open_ambient_dir(tree, ambient_authority())?;
    // First what goes, so that a directory can stand where a file or a link was.
    for path in paths {
        if let Ok(found) = tree.symlink_metadata(path)
            && !found.is_dir()
        {
            tree.remove_file(path)?;
        }
    }
    let mut left = MOST_BYTES;
    for path in paths {
        copy(&source, &tree, path, &mut left).map_err(|error| match error {
            TreeError::Failed(reason) => TreeError::Failed(format!("{}: {reason}", path.display())),
            other => other,
        })?;
    }
    Ok(())
}

fn copy(source: &Dir, tree: &Dir, path: &Path, left: &mut u64) -> Result<(), TreeError> {
    let found = match source.symlink_metadata(path) {
        Ok(found) => found,
        // Deleted, or below what is no directory any more.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        tree.create_dir_all(above)?;
    }
    if found.is_symlink() {
        tree.symlink_contents(source.read_link_contents(path)?, path)?;
    } else if found.is_file() {
        let too_much = || TreeError::TooMuch(format!("{} MiB", MOST_BYTES >> 20));
        *left = left.checked_sub(found.len()).ok_or_else(too_much)?;
        source.copy(path, tree, path)?;
    }
    Ok(())
}

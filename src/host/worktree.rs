//! Copies of the project as git worktrees, in a private directory outside it. Several changes can be tried in
//! them side by side, and the project stays as it is.
//!
//! A copy has the current state of the project as far as git knows it: the last commit, the changes of
//! tracked files (staged or not), and untracked files that are not ignored. It has no files that git ignores
//! (dependencies, build output), no contents of submodules, and not Maestro's own directory.
//!
//! Copies are removed on drop. Another server removes those of a killed server, which it recognises by a
//! free lock, as for the directories of calls.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use thiserror::Error;
use tokio::runtime::Handle;

use super::environment::Environment;
use super::git::{VARIABLES, running_nothing};
use super::process::{CallDir, Ended, Launch, Limits, Supervisor, leftover};

/// The reason why there are no copies.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TreeError {
    #[error("git is not installed")]
    NoGit,
    /// The project is in no repository, or in one without a commit.
    #[error("the project is not in a git repository with a commit: {0}")]
    NoCommit(String),
    /// The uncommitted changes exceed a limit.
    #[error("uncommitted changes have more than {0}")]
    TooMuch(String),
    /// Git or the system reported an error.
    #[error("{0}")]
    Failed(String),
}

impl From<std::io::Error> for TreeError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Copies of the project. They are removed on drop.
#[derive(Debug)]
pub struct Trees {
    // None only while `self` is being dropped.
    directory: Option<TempDir>,
    record: Record,
    trees: Vec<PathBuf>,
    /// The project root, relative to the root of the repository.
    prefix: PathBuf,
    _lock: File,
}

impl Trees {
    /// Creates `count` copies of the project at `root`. The first is copied from the project and the others
    /// from the first, so that all are equal even if somebody edits the project meanwhile.
    ///
    /// # Errors
    ///
    /// The project is not in a repository with a commit, or a copy cannot be created.
    pub async fn create(
        supervisor: &Supervisor,
        environment: &Environment,
        root: &Path,
        count: usize,
    ) -> Result<Self, TreeError> {
        let program = environment.find_outside("git", root).ok_or(TreeError::NoGit)?;
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

    /// Restores files of a copy to their state in the first copy. Paths are relative to the project.
    ///
    /// # Errors
    ///
    /// The copy does not exist, or a file cannot be written.
    pub fn reset(&self, number: usize, paths: &[PathBuf]) -> Result<(), TreeError> {
        let gone = || TreeError::Failed("the copies are gone".to_owned());
        let (first, tree) = (self.trees.first().ok_or_else(gone)?, self.trees.get(number).ok_or_else(gone)?);
        let paths: Vec<PathBuf> = paths.iter().map(|path| self.prefix.join(path)).collect();
        lay(first, tree, &paths)
    }

    /// Creates a directory beside the copies for other files of one copy.
    ///
    /// # Errors
    ///
    /// It cannot be created.
    pub fn beside(&self, number: usize) -> Result<PathBuf, TreeError> {
        let path = self.directory()?.join(format!("{number}.beside"));
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }
}

impl Drop for Trees {
    /// Removes the copies on a blocking thread, because they may have any number of files.
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

/// The paths of files that differ from the last commit or are untracked, relative to the repository's root.
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

/// Makes the repository forget copies of ours whose directory is gone, for example after a restart of the
/// machine. `git worktree prune` would also forget the user's own worktrees on a disk that is not mounted.
async fn forget_vanished(git: &Git<'_>) -> Result<(), TreeError> {
    let listed = git.run(["worktree", "list", "--porcelain", "-z"].map(OsStr::new)).await?;
    let entries = listed.split(|byte| *byte == 0).filter_map(|line| line.strip_prefix(b"worktree "));
    for tree in entries.map(|path| PathBuf::from(OsStr::from_bytes(path))) {
        let is_ours = tree.parent().and_then(Path::file_name).is_some_and(is_named_so);
        if is_ours && !tree.exists() {
            let remove = ["worktree", "remove", "--force", "--force"].map(OsStr::new);
            let _ = git.run(remove.into_iter().chain([tree.as_os_str()])).await;
        }
    }
    Ok(())
}

/// Maximum number of paths that are copied.
const MOST_PATHS: usize = 50_000;
/// Maximum number of bytes that are copied.
const MOST_BYTES: u64 = 512 * 1024 * 1024;

/// Copies the state of each path from `source` to `tree`. No link leads out of either.
fn lay(source: &Path, tree: &Path, paths: &[PathBuf]) -> Result<(), TreeError> {
    if paths.len() > MOST_PATHS {
        return Err(TreeError::TooMuch(format!("{MOST_PATHS} files")));
    }
    let source = Dir::open_ambient_dir(source, ambient_authority())?;
    let tree = Dir::open_ambient_dir(tree, ambient_authority())?;
    // Old files are removed first, so that a directory can replace a file or a link.
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
        // Deleted, or its parent is no longer a directory.
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

/// Maximum time of one git command.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Runs git in a directory.
#[derive(Clone)]
struct Git<'a> {
    supervisor: &'a Supervisor,
    program: PathBuf,
    options: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: PathBuf,
}

impl<'a> Git<'a> {
    async fn new(
        supervisor: &'a Supervisor,
        environment: &Environment,
        program: &Path,
        directory: &Path,
    ) -> Result<Self, TreeError> {
        let (own, place) = (program.to_owned(), directory.to_owned());
        let options = tokio::task::spawn_blocking(move || running_nothing(&own, &place));
        let options = options.await.map_err(|error| TreeError::Failed(error.to_string()))?;
        let passed = ["HOME", "XDG_CONFIG_HOME"]
            .iter()
            .filter_map(|name| Some((OsString::from(name), OsString::from(environment.get(name)?))))
            .chain(environment.path_outside(directory).map(|path| ("PATH".into(), path)));
        let own = VARIABLES.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let plain = [(OsString::from("LC_ALL"), OsString::from("C"))];
        Ok(Self {
            supervisor,
            program: program.to_owned(),
            options,
            environment: passed.chain(own).chain(plain).collect(),
            directory: directory.to_owned(),
        })
    }

    fn at(self, directory: &Path) -> Self {
        Self { directory: directory.to_owned(), ..self }
    }

    /// Runs a command and returns its output.
    async fn run(&self, arguments: impl IntoIterator<Item = &OsStr>) -> Result<Vec<u8>, TreeError> {
        let directory = CallDir::create_off_thread().await?;
        let arguments = arguments.into_iter().map(OsStr::to_owned);
        let launch = Launch {
            args: self.options.iter().cloned().chain(arguments).collect(),
            env: self.environment.clone(),
            cwd: self.directory.clone(),
            limits: Limits { timeout: Some(TIMEOUT), ..Limits::default() },
            ..Launch::new(&self.program, &directory)
        };
        let outcome = self.supervisor.run(launch, directory, |_| {}).await;
        let outcome = outcome.map_err(|error| TreeError::Failed(format!("git: {error}")))?;
        match (outcome.ended, outcome.exit.success()) {
            (Ended::Exited, true) => Ok(outcome.stdout),
            (Ended::Exited, false) => {
                let said = String::from_utf8_lossy(&outcome.stderr);
                Err(TreeError::Failed(format!("git: {}", said.trim())))
            }
            (Ended::TimedOut | Ended::Stalled | Ended::Finished | Ended::OutputTooLarge, _) => {
                Err(TreeError::Failed("git: it took too long or printed too much".to_owned()))
            }
        }
    }

    /// Runs a command that prints one line, and returns the line.
    async fn line(&self, arguments: &[&str]) -> Result<String, TreeError> {
        let printed = self.run(arguments.iter().map(OsStr::new)).await?;
        let text = String::from_utf8(printed);
        let text = text.map_err(|_| TreeError::Failed("git: a path is not UTF-8".to_owned()))?;
        Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    }
}

/// Runs a git command without a supervisor and waits for its end. True if it succeeded.
fn run_now(program: &Path, directory: &Path, arguments: &[&OsStr]) -> bool {
    let mut command = Command::new(program);
    command.args(running_nothing(program, directory)).args(arguments).current_dir(directory);
    command.env_clear().envs(VARIABLES);
    let passed = ["PATH", "HOME"].iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.envs(passed).output().is_ok_and(|output| output.status.success())
}

/// The file that names the repository of the copies in a directory.
const RECORD: &str = "record.json";

/// Time that a git process needs to end after a signal, on a busy machine.
const ENDING: Duration = Duration::from_millis(500);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    /// The git program.
    git: PathBuf,
    /// The repository's root.
    repository: PathBuf,
}

impl Record {
    fn write(&self, directory: &Path) -> io::Result<()> {
        fs::write(directory.join(RECORD), serde_json::to_vec(self)?)
    }

    fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(directory.join(RECORD)).ok()?).ok()
    }

    /// Removes a copy and makes the repository forget it. A copy that was not finished is not a working
    /// tree. Git refuses to remove it while it exists, but forgets it when it is gone.
    fn remove_tree(&self, tree: &Path) {
        if self.forget(tree) {
            return;
        }
        let _ = fs::remove_dir_all(tree);
        if self.forget(tree) {
            return;
        }
        // The git process that creates it may just be ending. After that, `prune` removes its leftovers, even
        // an empty directory. `never` keeps the user's own worktrees on a disk that is not mounted.
        std::thread::sleep(ENDING);
        // A failed removal is tried the next time.
        self.forget(tree);
        self.run(&["worktree", "prune", "--expire=never"].map(OsStr::new));
    }

    fn forget(&self, tree: &Path) -> bool {
        let arguments = ["worktree", "remove", "--force", "--force"].map(OsStr::new);
        let arguments: Vec<&OsStr> = arguments.into_iter().chain([tree.as_os_str()]).collect();
        self.run(&arguments)
    }

    fn run(&self, arguments: &[&OsStr]) -> bool {
        run_now(&self.git, &self.repository, arguments)
    }
}

fn is_named_so(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(leftover::TREES))
}

/// Removes the copies in a temporary directory whose server is gone. A copy that cannot be removed stays
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
            // The repository knows the copies by their paths without links.
            let real = directory.canonicalize().unwrap_or_else(|_| directory.clone());
            let is_copy = |entry: &fs::DirEntry| {
                entry.file_name().to_str().is_some_and(|name| name.parse::<usize>().is_ok())
            };
            for tree in entries.filter(is_copy) {
                record.remove_tree(&real.join(tree.file_name()));
            }
        }
        // Another server may be removing it too.
        let _ = fs::remove_dir_all(&directory);
    }
}

#[cfg(test)]
mod tests;

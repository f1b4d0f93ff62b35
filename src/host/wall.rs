//! The wall (sandbox) around a program. It limits the files and the network that the program can use, and
//! ends everything that the program starts.
//!
//! On Linux a helper runs each program. The helper is our own binary with a hidden argument. It starts while
//! the program's files are written, and waits for its orders. Then it puts itself behind the wall (Landlock
//! for files, a network namespace for the network), becomes the subreaper of its descendants, and starts the
//! program. It exits when the program and all its descendants are gone. A descendant cannot escape by
//! changing its session, clearing its environment and forking twice, because the kernel makes it a child of
//! the helper.
//!
//! Elsewhere there is no helper. The program is started directly, and the result says that there was no
//! wall.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

#[cfg(target_os = "linux")]
mod descendants;
pub(crate) mod guarded;
#[cfg(target_os = "linux")]
mod helper;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod namespace;
pub(crate) mod report;
pub(crate) mod rules;

pub use report::{FileStanding, WallStanding};

/// The argument that makes our binary a helper.
pub const HELPER_ARGUMENT: &str = "contain";

/// Files and networks that a program may touch. The default is no sandbox.
#[derive(Clone, Debug, Default)]
pub struct Wall {
    /// The files that the program may use; None for all.
    pub files: Option<Rules>,
    /// The network that the program sees.
    pub network: Network,
    /// Reaction if the wall cannot be raised.
    pub strictness: Strictness,
}

/// A function that finds the rules for a program's files. It runs while the helper starts, which takes about
/// as long.
#[derive(Clone)]
pub struct Rules(Arc<dyn Fn() -> FileRules + Send + Sync>);

impl Rules {
    /// Rules from the function `find`, which may block.
    pub fn found_by(find: impl Fn() -> FileRules + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// Finds the rules for the current state of the machine. Blocks.
    pub(super) fn find(&self) -> FileRules {
        (self.0)()
    }
}

impl From<FileRules> for Rules {
    fn from(rules: FileRules) -> Self {
        Self::found_by(move || rules.clone())
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Rules")
    }
}

/// The files that a program may use. A path that does not exist grants nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRules {
    /// Directories that may be listed, with all directories below. Their files stay closed.
    #[serde(default)]
    pub list: Vec<PathBuf>,
    /// Files and directory trees that may be read and executed.
    #[serde(default)]
    pub read: Vec<PathBuf>,
    /// Files and directory trees that may also be changed.
    #[serde(default)]
    pub write: Vec<PathBuf>,
    /// The project that a check may change.
    #[serde(default)]
    pub project: Option<ProjectRules>,
}

impl FileRules {
    /// The same rules with each path once. A writable path is not also listed as readable. A path that is not
    /// UTF-8 cannot be sent to the helper, so it stays closed.
    pub(super) fn without_repeats(self) -> Self {
        let is_text = |path: &PathBuf| path.to_str().is_some();
        // Paths are compared as bytes. Comparing their parts takes ten times as long, and a consult waits.
        let once = |mut paths: Vec<PathBuf>| {
            paths.retain(is_text);
            paths.sort_unstable_by(|left, right| left.as_os_str().cmp(right.as_os_str()));
            paths.dedup_by(|left, right| left.as_os_str() == right.as_os_str());
            paths
        };
        let (write, mut read) = (once(self.write), once(self.read));
        read.retain(|path| write.binary_search_by(|other| other.as_os_str().cmp(path.as_os_str())).is_err());
        let mut project = self.project;
        if let Some(project) = &mut project {
            project.entries.retain(is_text);
        }
        Self { read, write, project, ..self }
    }
}

/// A project that may be changed, except some parts of it. Landlock alone cannot exclude a part of a tree,
/// so mounts cover these parts. If the system refuses mounts, only the existing entries of the root may be
/// changed, and no new ones can be created in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRules {
    /// The project's root.
    pub root: PathBuf,
    /// Directories in the project that appear empty.
    pub hidden: Vec<PathBuf>,
    /// Directories below a hidden one that can still be read.
    #[serde(default)]
    pub shown: Vec<PathBuf>,
    /// Paths that are read-only.
    pub frozen: Vec<PathBuf>,
    /// The entries of the root that may be changed if mounts are refused.
    pub entries: Vec<PathBuf>,
}

/// The network that a program sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// The network of the machine.
    #[default]
    AsIs,
    /// A loopback of its own and nothing else.
    LoopbackOnly,
}

/// Reaction if the machine cannot raise the wall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strictness {
    /// The program runs without it, and the result says so.
    #[default]
    BestEffort,
    /// The program is not run.
    Required,
}

/// Instructions to the helper, as JSON. The helper reads from its standard input the length of the orders in
/// eight bytes, and the orders. The rest is the program's own input. It writes its [`report`] to its standard
/// output.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    /// The whole environment of the program.
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) cwd: OsString,
    /// The existing files for the program's stdout and stderr.
    pub(super) output: [OsString; 2],
    pub(super) files: Option<FileRules>,
    pub(super) network: Network,
    pub(super) strictness: Strictness,
    pub(super) input: Input,
    /// Time that descendants may live after the program's exit.
    pub(super) drain: Duration,
    /// Time that the processes have to end after SIGTERM.
    pub(super) grace: Duration,
}

/// Standard input of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Input {
    /// The program's own input, which follows the orders.
    Follows,
    /// Nothing.
    Null,
}

impl Orders {
    /// The bytes that the helper reads.
    pub(super) fn written(&self) -> std::io::Result<Vec<u8>> {
        let text = serde_json::to_vec(self)?;
        Ok([(text.len() as u64).to_le_bytes().as_slice(), &text].concat())
    }
}

/// The command that starts the helper: our own binary, even if an upgrade replaced its file.
#[derive(Clone, Debug)]
pub struct HelperCommand {
    /// The binary.
    pub program: PathBuf,
}

impl HelperCommand {
    /// This binary; `None` if the system has no helper.
    pub fn own_binary() -> Option<Self> {
        cfg!(target_os = "linux").then(|| Self { program: PathBuf::from("/proc/self/exe") })
    }
}

/// The main function of the helper.
#[cfg(target_os = "linux")]
pub fn helper_main() -> std::process::ExitCode {
    helper::main()
}

/// There is no helper on this system.
#[cfg(not(target_os = "linux"))]
pub fn helper_main() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}

/// Ends children of this process that belong to no call in progress: descendants of a call whose helper was
/// killed. `known` are the process ids of calls in progress and of our own helpers. Returns the number of
/// ended processes.
#[cfg(target_os = "linux")]
pub(super) fn end_adopted(known: &[i32]) -> usize {
    descendants::end_adopted(known)
}

/// Orphans become children of the system's first process, where they cannot be recognised.
#[cfg(not(target_os = "linux"))]
pub(super) fn end_adopted(_known: &[i32]) -> usize {
    0
}

/// Makes this process the parent of orphans among its descendants.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        tracing::debug!(%error, "orphans of a call that is killed are not found");
    }
}

/// Closes this process's memory and environment to other processes of the same user.
///
/// The setting ends at an exec, so it protects only the server, not the programs that it runs.
pub fn close_to_others() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::debug!(%error, "the environment of this process can be read by others of this user");
        }
    }
}

//! The wall around a program: which files it may touch, which network it sees, and that everything
//! it starts ends with it.
//!
//! On Linux a run goes through a helper, which is our own binary with a hidden argument. It starts while the
//! program's files are made, and waits for its orders. Then it puts itself behind the wall (Landlock for files, a network namespace for the network), becomes
//! the subreaper of whatever it starts, starts the program, and ends when the program and all its
//! descendants are gone. So a descendant that changed its session, cleared its environment and
//! forked twice ends as well: the kernel hands it to the helper.
//!
//! Elsewhere there is no helper: the run starts the program itself, and the result says that no
//! wall was there.

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
    /// The files it may touch; everything where there is no rule.
    pub files: Option<Rules>,
    /// The network it sees.
    pub network: Network,
    /// Consequence where the wall that is asked for cannot be raised.
    pub strictness: Strictness,
}

/// How the rules for a program's files are found. They are looked up while its helper starts, which takes as
/// long.
#[derive(Clone)]
pub struct Rules(Arc<dyn Fn() -> FileRules + Send + Sync>);

impl Rules {
    /// Rules that `find` returns. It may block.
    pub fn found_by(find: impl Fn() -> FileRules + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// The rules as the machine is now. Blocks.
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

/// The files that a program may touch. A path that does not exist grants nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRules {
    /// Directories whose names may be listed, with all below them; their files stay closed.
    #[serde(default)]
    pub list: Vec<PathBuf>,
    /// Trees and files that may be read and executed.
    #[serde(default)]
    pub read: Vec<PathBuf>,
    /// Trees and files that may be changed as well.
    #[serde(default)]
    pub write: Vec<PathBuf>,
    /// The project that a check may change.
    #[serde(default)]
    pub project: Option<ProjectRules>,
}

impl FileRules {
    /// The same rules with each path once. Writable paths are readable too. A name that is no text cannot be
    /// told to the helper: what has it stays closed.
    pub(super) fn without_repeats(self) -> Self {
        let is_text = |path: &PathBuf| path.to_str().is_some();
        // Paths are compared as bytes: by their parts it takes ten times as long, and a consult waits for it.
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

/// A project that may be changed but for some of its parts. Landlock alone cannot leave a part out of
/// a tree, so the parts are covered by mounts; where those are refused, only the entries that are
/// there already may be changed, and nothing new can be made at the top.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRules {
    /// The project's root.
    pub root: PathBuf,
    /// Directories in it that look empty.
    pub hidden: Vec<PathBuf>,
    /// Directories below a hidden one that can be read all the same.
    #[serde(default)]
    pub shown: Vec<PathBuf>,
    /// The read-only paths.
    pub frozen: Vec<PathBuf>,
    /// The entries of the root but for those.
    pub entries: Vec<PathBuf>,
}

/// The network that a program sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// The machine's own.
    #[default]
    AsIs,
    /// Its own loopback and nothing else.
    LoopbackOnly,
}

/// Consequence where the machine cannot raise the wall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strictness {
    /// The program runs all the same, and the result says so.
    #[default]
    BestEffort,
    /// The program is not run.
    Required,
}

/// Instructions to the helper, as JSON. It reads them from its standard input: eight bytes with their length, the
/// orders, then whatever the program is to read. Its standard output takes its [`report`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    /// The whole environment of the program.
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) cwd: OsString,
    /// The existing files that take what the program writes to stdout and stderr.
    pub(super) output: [OsString; 2],
    pub(super) files: Option<FileRules>,
    pub(super) network: Network,
    pub(super) strictness: Strictness,
    pub(super) input: Input,
    /// How long descendants may live on after the program.
    pub(super) drain: Duration,
    /// How long they may take to end after SIGTERM.
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

/// Way to start the helper: our own binary, even if its file was replaced by an upgrade.
#[derive(Clone, Debug)]
pub struct HelperCommand {
    /// The binary.
    pub program: PathBuf,
}

impl HelperCommand {
    /// This very binary; `None` where the system has no helper.
    pub fn own_binary() -> Option<Self> {
        cfg!(target_os = "linux").then(|| Self { program: PathBuf::from("/proc/self/exe") })
    }
}

/// The helper's whole life.
#[cfg(target_os = "linux")]
pub fn helper_main() -> std::process::ExitCode {
    helper::main()
}

/// There is no helper on this system.
#[cfg(not(target_os = "linux"))]
pub fn helper_main() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}

/// Ends children of this process that no call knows: descendants of a call whose helper was killed.
/// `known` are the process ids of calls in progress and of our own helpers. Returns how many.
#[cfg(target_os = "linux")]
pub(super) fn end_adopted(known: &[i32]) -> usize {
    descendants::end_adopted(known)
}

/// Orphans go to the system's first process, where nobody can tell them from others.
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
/// A child starts afresh at its exec, so only the server is closed, not what it runs.
pub fn close_to_others() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::debug!(%error, "the environment of this process can be read by others of this user");
        }
    }
}

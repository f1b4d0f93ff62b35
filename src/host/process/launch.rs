//! A program to run with its limits, and the outcome of a run.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::ZonedDateTime as Zoned;

use super::call_dir::CallDir;
use crate::host::wall::report::Exit;
use crate::host::wall::{Wall, WallStanding};

/// The environment variable that marks every process of a call.
///
/// Descendants inherit it, so they are found even after they left the process group (Linux only).
pub const MARKER_VARIABLE: &str = "CONSULT_CALL_ID";

/// One program to run to its end.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program: an absolute path, or a bare name that is looked up in the `PATH` of `env`.
    pub program: PathBuf,
    /// The arguments, without the program's own name.
    pub args: Vec<OsString>,
    /// The whole environment. Nothing is inherited from the server.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory; it must exist.
    pub cwd: PathBuf,
    /// The whole standard input of the program. If it is empty, the program gets `/dev/null`.
    pub stdin: Vec<u8>,
    pub limits: Limits,
    /// The sandbox. `capture_dir` must be outside the directories that the program may write to.
    pub wall: Wall,
    /// An existing private directory. Each run creates the files `stdout` and `stderr` in it.
    pub capture_dir: PathBuf,
}

impl Launch {
    /// A program in the private directory of a call, with no arguments, an empty environment and no wall.
    pub fn new(program: &Path, directory: &CallDir) -> Self {
        Self {
            program: program.to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: directory.work().to_owned(),
            stdin: Vec::new(),
            limits: Limits::default(),
            wall: Wall::default(),
            capture_dir: directory.capture().to_owned(),
        }
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl Into<OsString>) -> &mut Self {
        self.args.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> &mut Self {
        self.args.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds an environment variable.
    pub fn env(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> &mut Self {
        self.env.push((name.into(), value.into()));
        self
    }
}

/// Limits on the time and the output of a program.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Maximum duration of the run, measured from the call.
    pub timeout: Option<Duration>,
    /// Maximum silence after the first byte of output. Before that byte only `timeout` counts, because many
    /// programs print nothing until they end.
    pub stall: Option<Duration>,
    /// The time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Maximum size of stdout, and of stderr, in bytes. More output ends the run.
    pub output_bytes: u64,
    /// Time that descendants may live after the program itself has exited.
    pub drain: Duration,
    /// Recognises on stdout that the answer is complete although the program still runs.
    pub finish: Option<Finish>,
    pub linger: Duration,
    /// Recognises on stderr that the program repeats its work by itself. It is then ended at once.
    pub repeats: Option<Finish>,
}

/// Recognises the end of an output.
#[derive(Debug, Clone, Copy)]
pub struct Finish {
    /// Words: every end contains at least one of them. Only output with one of them is read completely.
    pub marks: &'static [&'static str],
    pub is_there: fn(&str) -> bool,
}

impl Default for Limits {
    /// No timeout, no stall, 2 s of grace, 64 MiB a stream, 50 ms of drain, 2 s to linger.
    fn default() -> Self {
        Self {
            timeout: None,
            stall: None,
            grace: Duration::from_secs(2),
            output_bytes: 64 * 1024 * 1024,
            drain: Duration::from_millis(50),
            finish: None,
            linger: Duration::from_secs(2),
            repeats: None,
        }
    }
}

/// The reason why a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The program exited by itself, or somebody else killed it.
    Exited,
    /// The answer was complete and the program stayed for [`Limits::linger`](super::Limits::linger), or it
    /// was about to repeat its work ([`Limits::repeats`](super::Limits::repeats)). The tree was killed.
    Finished,
    /// [`Limits::timeout`](super::Limits::timeout) passed, and the tree was killed.
    TimedOut,
    /// [`Limits::stall`](super::Limits::stall) passed without output, and the tree was killed.
    Stalled,
    /// A stream exceeded [`Limits::output_bytes`](super::Limits::output_bytes). The tree was killed, unless
    /// the program had exited before the excess was seen ([`Outcome::exit`] shows which).
    OutputTooLarge,
}

/// A finished run. Its output is bytes as the program wrote them, or text (see [`Outcome::into_text`]).
#[derive(Debug, Clone)]
pub struct Outcome<T = Vec<u8>> {
    /// The reason why it is over.
    pub ended: Ended,
    pub exit: Exit,
    /// The first `output_bytes` bytes of standard output.
    pub stdout: T,
    /// The first `output_bytes` bytes of standard error.
    pub stderr: T,
    /// Time of its end, in the time zone that programs use in their output.
    pub at: Zoned,
    /// Time from the call until the output was read.
    pub elapsed: Duration,
    /// Number of processes that outlived the program by more than `drain` and were killed. Those that left
    /// its group count only if the group still had a member at the exit; otherwise the search for them
    /// comes after the result. Without `/proc` a group counts as one process.
    pub leftovers: usize,
    /// The wall that stood around it.
    pub wall: WallStanding,
}

impl Outcome {
    /// The same run with its output as text. Invalid bytes become replacement characters, because no answer
    /// may be lost to one of them.
    pub fn into_text(self) -> Outcome<String> {
        let text = |bytes| match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        let Self { ended, exit, stdout, stderr, at, elapsed, leftovers, wall } = self;
        let (stdout, stderr) = (text(stdout), text(stderr));
        Outcome { ended, exit, stdout, stderr, at, elapsed, leftovers, wall }
    }
}

/// A run in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Time since the call.
    pub elapsed: Duration,
    /// Time since the output last grew, to a precision of 250 ms; `None` before the first byte.
    pub last_output: Option<Duration>,
    /// The last line with text of the stream that grew last. It is trimmed, has no control characters, and
    /// at most 200 characters.
    pub last_line: Option<String>,
}

/// The reason why a program could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program does not exist.
    #[error("program not found: {}", program.display())]
    NotFound {
        /// The program as it was asked for.
        program: PathBuf,
    },
    /// The program may not be executed.
    #[error("no permission to run {}", program.display())]
    PermissionDenied {
        /// The program as it was asked for.
        program: PathBuf,
    },
    /// The wall that the call requires is not available, so nothing was run.
    #[error("the sandbox is required but not available: {0}")]
    NoWall(String),
    /// The start failed for another reason.
    #[error("cannot start the program: {0}")]
    Spawn(#[source] io::Error),
    /// The files for the output could not be created or read.
    #[error("cannot capture the program's output: {0}")]
    Capture(#[source] io::Error),
    /// The supervisor was shut down before or during the run.
    #[error("the server is shutting down")]
    ShuttingDown,
}

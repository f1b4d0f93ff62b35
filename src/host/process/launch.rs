//! Program to run, and its limits.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::ZonedDateTime as Zoned;

use super::call_dir::CallDir;
use crate::host::wall::report::Exit;
use crate::host::wall::{Wall, WallStanding};

/// The environment variable that every process of a call carries.
///
/// A descendant inherits it, so it is found even after it left the process group (Linux only).
pub const MARKER_VARIABLE: &str = "CONSULT_CALL_ID";

/// One program to run to its end.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program: an absolute path, or a bare name that is looked up in the `PATH` of `env`.
    pub program: PathBuf,
    /// The arguments, the program's own name not included.
    pub args: Vec<OsString>,
    /// The whole environment: nothing of the server's is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory; it must exist.
    pub cwd: PathBuf,
    /// Standard input of the program; its end follows at once.
    pub stdin: Vec<u8>,
    pub limits: Limits,
    /// Files it may touch. `capture_dir` must lie outside of what it may write.
    pub wall: Wall,
    /// An existing private directory; the files `stdout` and `stderr` are made anew in it.
    pub capture_dir: PathBuf,
}

impl Launch {
    /// A program alone in the private directory of a call: no arguments, an empty environment, no wall.
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

    /// The same with one more argument.
    pub fn arg(&mut self, argument: impl Into<OsString>) -> &mut Self {
        self.args.push(argument.into());
        self
    }

    /// The same with more arguments.
    pub fn args(&mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> &mut Self {
        self.args.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The same with one more variable.
    pub fn env(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> &mut Self {
        self.env.push((name.into(), value.into()));
        self
    }
}

/// How long and how much a program may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest run, measured from the call.
    pub timeout: Option<Duration>,
    /// The longest silence after the first byte of output. Before that byte only `timeout` counts,
    /// because many programs print nothing before their end.
    pub stall: Option<Duration>,
    /// The time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// The most output kept, in bytes, for stdout and for stderr each. More ends the run.
    pub output_bytes: u64,
    /// How long descendants may live on after the program itself exited.
    pub drain: Duration,
    /// Way to tell that the program has said all that is wanted of it, although it still runs.
    pub finish: Option<Finish>,
    pub linger: Duration,
    /// How to tell from stderr that the program begins its work once more by itself: it is ended at once.
    pub repeats: Option<Finish>,
}

/// Form of the end of an output.
#[derive(Debug, Clone, Copy)]
pub struct Finish {
    /// Words of which one stands in every such end: the output is read through only where one does.
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

/// Why a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The program exited of its own accord, or somebody else killed it.
    Exited,
    /// It had said all that was wanted of it and stayed for [`Limits::linger`](super::Limits::linger);
    /// the tree was killed. Or it was about to begin once more ([`Limits::repeats`](super::Limits::repeats)).
    Finished,
    /// [`Limits::timeout`](super::Limits::timeout) passed and the tree was killed.
    TimedOut,
    /// [`Limits::stall`](super::Limits::stall) passed without output and the tree was killed.
    Stalled,
    /// A stream outgrew [`Limits::output_bytes`](super::Limits::output_bytes). The tree was killed,
    /// unless the program had exited before the excess was seen: [`Outcome::exit`] tells.
    OutputTooLarge,
}

/// A finished run, with its output in bytes as they came; in text for those who read it.
#[derive(Debug, Clone)]
pub struct Outcome<T = Vec<u8>> {
    /// Why it is over.
    pub ended: Ended,
    pub exit: Exit,
    /// The standard output, at most `output_bytes` of it, counted from the start.
    pub stdout: T,
    /// The standard error, at most `output_bytes` of it, counted from the start.
    pub stderr: T,
    /// Time of its end, in the zone in which programs tell the time.
    pub at: Zoned,
    /// From the call to the moment the output was read.
    pub elapsed: Duration,
    /// Processes that outlived the program by more than `drain` and were killed. Those that left
    /// its group count only if somebody was still in it at the exit; otherwise they are looked for
    /// after the result. Without `/proc` a group counts as one.
    pub leftovers: usize,
    /// The wall that stood around it.
    pub wall: WallStanding,
}

impl Outcome {
    /// The same in text. Bytes that are none become replacement characters: an answer is never lost to one
    /// of them.
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
    /// Since the call.
    pub elapsed: Duration,
    /// How long ago output was last seen to grow (to the rhythm of the polls: 250 ms); `None`
    /// before the first byte.
    pub last_output: Option<Duration>,
    /// The last line with text in the stream that grew last: trimmed, without control characters,
    /// at most 200 characters.
    pub last_line: Option<String>,
}

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such program.
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
    /// The wall that the call requires is not there, so nothing was run.
    #[error("the sandbox is required but not available: {0}")]
    NoWall(String),
    /// Starting it failed for another reason.
    #[error("cannot start the program: {0}")]
    Spawn(#[source] io::Error),
    /// The files that take its output could not be made or read.
    #[error("cannot capture the program's output: {0}")]
    Capture(#[source] io::Error),
    /// The supervisor is shut down or was shut down during the run.
    #[error("the server is shutting down")]
    ShuttingDown,
}

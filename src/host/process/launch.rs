//! Program to run, and its limits.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::host::wall::Wall;

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
    /// An existing private directory; the files `stdout`, `stderr` and `report` are made anew in it.
    pub capture_dir: PathBuf,
    /// An id that no call of another process has: ASCII letters, digits, `-`, `_` and `.`. The value
    /// of [`MARKER_VARIABLE`] begins with it; a number follows, so a retry may use it again.
    pub marker: String,
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

//! Starts the program: everything about a run that blocks.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use tokio::runtime::Handle;

use super::capture::{Capture, anew};
use super::registry::Registry;
use super::tree::{Hold, Tree};
use super::{Launch, MARKER_VARIABLE, ProcessError};
use crate::host::wall::{HELPER_ARGUMENT, HelperCommand, Input, Orders, REPORT, Strictness, WallStanding};

/// Number of times that a program file that is still open for writing is tried again.
const BUSY_TRIES: u32 = 5;
/// The pause before the next try.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// A program that was started, with the ends of what it was connected to.
pub(super) struct Running {
    pub(super) tree: Tree,
    pub(super) stdin: Option<ChildStdin>,
    /// Instructions that the helper reads before the program's own input.
    pub(super) orders: Vec<u8>,
    pub(super) capture: Capture,
    pub(super) through: Through,
}

#[derive(Debug)]
pub(super) enum Through {
    /// By the helper, which reports here. The file stays readable when its directory is gone.
    Helper(File),
    /// Directly, with whatever wall that leaves.
    Nothing(WallStanding),
}

/// Starts `launch`. `hold` is dropped once no process of it is left.
pub(super) fn start(
    launch: &Launch,
    hold: Hold,
    registry: Arc<Registry>,
    runtime: Handle,
    helper: Option<&HelperCommand>,
) -> Result<Running, ProcessError> {
    check_marker(&launch.marker)?;
    let through = match helper {
        Some(_) => Through::Helper(report(&launch.capture_dir).map_err(ProcessError::Capture)?),
        None => Through::Nothing(without_helper(launch)?),
    };
    let capture = Capture::create(&launch.capture_dir).map_err(ProcessError::Capture)?;
    // Until the group is known, the new process must not be taken for an orphan.
    let announcing = Arc::clone(&registry);
    let starting = announcing.starting();
    let marker = registry.announce(&launch.marker)?;
    let mut child = match spawn(launch, &capture, &marker, helper) {
        Ok(child) => child,
        Err(error) => {
            registry.done(&marker);
            return Err(error);
        }
    };
    let stdin = child.stdin.take();
    // From here on dropping the tree kills it.
    let tree = Tree::new(child, marker, launch.limits.grace, registry, runtime, hold);
    tree.enlist()?;
    drop(starting);
    // The helper starts meanwhile. It runs nothing before it has them.
    let orders = helper.map(|_| orders(launch)).transpose().map_err(ProcessError::Spawn)?.unwrap_or_default();
    if let Some(stdin) = &stdin {
        widen(stdin, orders.len() + launch.stdin.len());
    }
    Ok(Running { tree, stdin, orders, capture, through })
}

/// A new file for the helper's report.
fn report(directory: &Path) -> io::Result<File> {
    anew(OpenOptions::new().read(true).write(true), &directory.join(REPORT))
}

/// The wall where the system has no helper: none.
fn without_helper(launch: &Launch) -> Result<WallStanding, ProcessError> {
    let standing = WallStanding::unsupported(&launch.wall);
    match (launch.wall.strictness, standing.missing()) {
        (Strictness::Required, Some(reason)) => Err(ProcessError::NoWall(reason.to_owned())),
        _ => Ok(standing),
    }
}

/// The marker travels in lines of words to the guardian.
fn check_marker(marker: &str) -> Result<(), ProcessError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !marker.is_empty() && marker.bytes().all(fits) {
        return Ok(());
    }
    let reason = "a marker consists of ASCII letters, digits, '-', '_' and '.'";
    Err(ProcessError::Spawn(io::Error::new(ErrorKind::InvalidInput, reason)))
}

fn spawn(
    launch: &Launch,
    capture: &Capture,
    marker: &str,
    helper: Option<&HelperCommand>,
) -> Result<Child, ProcessError> {
    let mut command = command(launch, capture, marker, helper).map_err(ProcessError::Capture)?;
    patiently(&mut command).map_err(|error| {
        // The system blames a missing working directory in the same words as a missing program.
        if launch.cwd.is_dir() {
            return explain(&launch.program, error);
        }
        let reason = format!("no working directory {}: {error}", launch.cwd.display());
        ProcessError::Spawn(io::Error::new(error.kind(), reason))
    })
}

fn command(
    launch: &Launch,
    capture: &Capture,
    marker: &str,
    helper: Option<&HelperCommand>,
) -> io::Result<Command> {
    let mut command = match helper {
        Some(helper) => through(helper, launch),
        None => Command::new(&launch.program),
    };
    command.args(&launch.args).current_dir(&launch.cwd).process_group(0);
    command.env_clear().envs(launch.env.iter().map(|(name, value)| (name, value)));
    command.env(MARKER_VARIABLE, marker);
    let is_fed = helper.is_some() || !launch.stdin.is_empty();
    command.stdin(if is_fed { Stdio::piped() } else { Stdio::null() });
    command.stdout(capture.stdout.sink()?).stderr(capture.stderr.sink()?);
    Ok(command)
}

fn through(helper: &HelperCommand, launch: &Launch) -> Command {
    let mut command = Command::new(&helper.program);
    command.arg0(launch.program.file_name().unwrap_or(OsStr::new("maestro-helper")));
    command.arg(HELPER_ARGUMENT).arg(&launch.program);
    command
}

fn orders(launch: &Launch) -> io::Result<Vec<u8>> {
    // It must be done before the group is killed.
    let grace = launch.limits.grace * 9 / 10;
    let input = if launch.stdin.is_empty() { Input::Null } else { Input::Follows };
    Orders::of(&launch.wall, input, &launch.capture_dir, launch.limits.drain, grace)
}

/// Lets a pipe take the whole input at once, as far as the system allows. Each time that it is full, writer and
/// reader wait for each other.
#[cfg(target_os = "linux")]
fn widen(stdin: &ChildStdin, bytes: usize) {
    const USUAL: usize = 64 * 1024;
    const MOST: usize = 1024 * 1024;
    if bytes > USUAL {
        // Without more room it takes longer.
        let _ = rustix::pipe::fcntl_setpipe_size(stdin, bytes.min(MOST));
    }
}

/// Elsewhere a pipe grows by itself.
#[cfg(not(target_os = "linux"))]
fn widen(_stdin: &ChildStdin, _bytes: usize) {}

/// A file that somebody has open for writing cannot be executed. Right after an installation that
/// passes: another thread's child may hold the file for the moment between its fork and exec.
fn patiently(command: &mut Command) -> io::Result<Child> {
    for _ in 1..BUSY_TRIES {
        match exclusively(|| command.spawn()) {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => sleep(BUSY_PAUSE),
            result => return result,
        }
    }
    exclusively(|| command.spawn())
}

/// Linux marks pipes close-on-exec as it makes them.
#[cfg(target_os = "linux")]
fn exclusively<T>(spawn: impl FnOnce() -> T) -> T {
    spawn()
}

/// Elsewhere the mark comes a moment later, and a child started by another thread in between would
/// hold the pipe open: the program would wait for the end of its prompt.
#[cfg(not(target_os = "linux"))]
fn exclusively<T>(spawn: impl FnOnce() -> T) -> T {
    use std::sync::{Mutex, PoisonError};
    static SPAWNING: Mutex<()> = Mutex::new(());
    let _turn = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
    spawn()
}

/// Why the program did not start.
pub(super) fn explain(program: &Path, error: io::Error) -> ProcessError {
    let program = program.to_owned();
    match error.kind() {
        ErrorKind::NotFound => ProcessError::NotFound { program },
        ErrorKind::PermissionDenied => ProcessError::PermissionDenied { program },
        _ => ProcessError::Spawn(error),
    }
}

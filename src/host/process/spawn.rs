//! Starts the program: everything about a run that blocks.

use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use tokio::runtime::Handle;

use super::capture::Capture;
use super::registry::Registry;
use super::tree::{Hold, Tree};
use super::{Launch, MARKER_VARIABLE, ProcessError};
use crate::host::wall::{HELPER_ARGUMENT, HelperCommand, Input, Orders, Rules, Strictness, WallStanding};

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
    /// By the helper, which reports here.
    Helper(ChildStdout),
    /// Directly, with whatever wall that leaves.
    Nothing(WallStanding),
}

/// A helper that was started and waits for its orders. Dropped, it ends.
pub(super) struct Waiting {
    tree: Tree,
    stdin: Option<ChildStdin>,
    report: ChildStdout,
}

impl Waiting {
    /// Starts a helper. Its environment is empty: it is no process of the call.
    pub(super) fn start(
        helper: &HelperCommand,
        registry: &Arc<Registry>,
        runtime: Handle,
    ) -> Result<Self, ProcessError> {
        let mut command = Command::new(&helper.program);
        command.arg0("maestro-helper").arg(HELPER_ARGUMENT).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let spawn = |_: &str| patiently(&mut command).map_err(ProcessError::Spawn);
        let (tree, stdin, report) = begin(registry, runtime, spawn)?;
        let report = report.ok_or_else(|| ProcessError::Spawn(ErrorKind::BrokenPipe.into()))?;
        Ok(Self { tree, stdin, report })
    }

    /// Writes the orders to run `launch`. `hold` is dropped once no process of it is left.
    pub(super) fn ordered(self, launch: &Launch, hold: Hold) -> Result<Running, ProcessError> {
        let Self { mut tree, stdin, report } = self;
        check_directory(launch)?;
        let capture = Capture::create(&launch.capture_dir).map_err(ProcessError::Capture)?;
        let orders = orders(launch, tree.marker()).written().map_err(ProcessError::Spawn)?;
        if let Some(stdin) = &stdin {
            widen(stdin, orders.len() + launch.stdin.len());
        }
        tree.hold(hold, launch.limits.grace);
        Ok(Running { tree, stdin, orders, capture, through: Through::Helper(report) })
    }
}

fn orders(launch: &Launch, marker: &str) -> Orders {
    let output = ["stdout", "stderr"].map(|name| launch.capture_dir.join(name).into_os_string());
    Orders {
        program: launch.program.clone().into_os_string(),
        args: launch.args.clone(),
        env: launch.env.iter().cloned().chain([(MARKER_VARIABLE.into(), marker.into())]).collect(),
        cwd: launch.cwd.clone().into_os_string(),
        output,
        files: launch.wall.files.as_ref().map(Rules::find),
        network: launch.wall.network,
        strictness: launch.wall.strictness,
        input: if launch.stdin.is_empty() { Input::Null } else { Input::Follows },
        drain: launch.limits.drain,
        // It must be done before the group is killed.
        grace: launch.limits.grace * 9 / 10,
    }
}

/// Starts `launch` where there is no helper. `hold` is dropped once no process of it is left.
pub(super) fn directly(
    launch: &Launch,
    hold: Hold,
    registry: &Arc<Registry>,
    runtime: Handle,
) -> Result<Running, ProcessError> {
    let through = Through::Nothing(without_helper(launch)?);
    check_directory(launch)?;
    let capture = Capture::create(&launch.capture_dir).map_err(ProcessError::Capture)?;
    let mut command = Command::new(&launch.program);
    command.args(&launch.args).current_dir(&launch.cwd);
    command.env_clear().envs(launch.env.iter().map(|(name, value)| (name, value)));
    command.stdin(if launch.stdin.is_empty() { Stdio::null() } else { Stdio::piped() });
    command.stdout(capture.stdout.sink().map_err(ProcessError::Capture)?);
    command.stderr(capture.stderr.sink().map_err(ProcessError::Capture)?);
    let spawn = |marker: &str| {
        patiently(command.env(MARKER_VARIABLE, marker)).map_err(|error| explain(&launch.program, error))
    };
    let (mut tree, stdin, _) = begin(registry, runtime, spawn)?;
    tree.hold(hold, launch.limits.grace);
    if let Some(stdin) = &stdin {
        widen(stdin, launch.stdin.len());
    }
    Ok(Running { tree, stdin, orders: Vec::new(), capture, through })
}

/// Starts a process in a group of its own, which the guardian and a shutdown know. `spawn` gets the marker of its
/// call.
fn begin(
    registry: &Arc<Registry>,
    runtime: Handle,
    spawn: impl FnOnce(&str) -> Result<Child, ProcessError>,
) -> Result<(Tree, Option<ChildStdin>, Option<ChildStdout>), ProcessError> {
    // Until the group is known, the new process must not be taken for an orphan.
    let _starting = registry.starting();
    let marker = registry.announce()?;
    let mut child = spawn(&marker).inspect_err(|_| registry.done(&marker))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // From here on dropping the tree kills it.
    let tree = Tree::new(child, marker, Arc::clone(registry), runtime);
    tree.enlist()?;
    Ok((tree, stdin, stdout))
}

/// The wall where the system has no helper: none.
fn without_helper(launch: &Launch) -> Result<WallStanding, ProcessError> {
    let standing = WallStanding::unsupported(&launch.wall);
    match (launch.wall.strictness, standing.missing()) {
        (Strictness::Required, Some(reason)) => Err(ProcessError::NoWall(reason.to_owned())),
        _ => Ok(standing),
    }
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
    command.process_group(0);
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

/// Looked at first, since the system blames a missing working directory in the same words as a missing program.
fn check_directory(launch: &Launch) -> Result<(), ProcessError> {
    if launch.cwd.is_dir() {
        return Ok(());
    }
    let reason = format!("there is no working directory {}", launch.cwd.display());
    Err(ProcessError::Spawn(io::Error::new(ErrorKind::NotFound, reason)))
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

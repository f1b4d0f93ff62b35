//! Starts programs. All functions block.

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

/// Maximum number of attempts to start a program file that is still open for writing.
const BUSY_TRIES: u32 = 5;
/// Pause between two attempts.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// A started program, with our ends of its pipes and files.
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
    /// A helper started the program, and reports here.
    Helper(ChildStdout),
    /// The program was started directly, with the wall that this allows.
    Nothing(WallStanding),
}

/// A helper that was started and waits for its orders. It ends on drop.
pub(super) struct Waiting {
    tree: Tree,
    stdin: Option<ChildStdin>,
    report: ChildStdout,
}

impl Waiting {
    /// Starts a helper. Its environment is empty, so it does not count as a process of the call.
    pub(super) fn start(
        helper: &HelperCommand,
        registry: &Arc<Registry>,
        runtime: Handle,
    ) -> Result<Self, ProcessError> {
        let mut command = Command::new(&helper.program);
        command.arg0("maestro-helper").arg(HELPER_ARGUMENT).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let spawn = |_: &str| spawn_with_retries(&mut command).map_err(ProcessError::Spawn);
        let (tree, stdin, report) = begin(registry, runtime, spawn)?;
        let report = report.ok_or_else(|| ProcessError::Spawn(ErrorKind::BrokenPipe.into()))?;
        Ok(Self { tree, stdin, report })
    }

    /// Composes the orders to run `launch`. `hold` is dropped when no process of the run is left.
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
        // The helper must be finished before its group is killed.
        grace: launch.limits.grace * 9 / 10,
    }
}

/// Starts `launch` without a helper. `hold` is dropped when no process of the run is left.
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
        spawn_with_retries(command.env(MARKER_VARIABLE, marker))
            .map_err(|error| explain(&launch.program, error))
    };
    let (mut tree, stdin, _) = begin(registry, runtime, spawn)?;
    tree.hold(hold, launch.limits.grace);
    if let Some(stdin) = &stdin {
        widen(stdin, launch.stdin.len());
    }
    Ok(Running { tree, stdin, orders: Vec::new(), capture, through })
}

/// Starts a process in a group of its own, and registers the group for the guardian and a shutdown. `spawn`
/// gets the marker of the call.
fn begin(
    registry: &Arc<Registry>,
    runtime: Handle,
    spawn: impl FnOnce(&str) -> Result<Child, ProcessError>,
) -> Result<(Tree, Option<ChildStdin>, Option<ChildStdout>), ProcessError> {
    // Prevents that the new process is taken for an orphan before its group is known.
    let _starting = registry.starting();
    let marker = registry.announce()?;
    let mut child = spawn(&marker).inspect_err(|_| registry.done(&marker))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // From here on, dropping the tree kills the process.
    let tree = Tree::new(child, marker, Arc::clone(registry), runtime);
    tree.enlist()?;
    Ok((tree, stdin, stdout))
}

/// The standing of the wall if there is no helper: there is no wall.
fn without_helper(launch: &Launch) -> Result<WallStanding, ProcessError> {
    let standing = WallStanding::unsupported(&launch.wall);
    match (launch.wall.strictness, standing.missing()) {
        (Strictness::Required, Some(reason)) => Err(ProcessError::NoWall(reason.to_owned())),
        _ => Ok(standing),
    }
}

/// Enlarges a pipe for the whole input, as far as the system allows. Otherwise writer and reader wait for
/// each other whenever the pipe is full.
#[cfg(target_os = "linux")]
fn widen(stdin: &ChildStdin, bytes: usize) {
    const USUAL: usize = 64 * 1024;
    const MOST: usize = 1024 * 1024;
    if bytes > USUAL {
        // If this fails, writing only takes longer.
        let _ = rustix::pipe::fcntl_setpipe_size(stdin, bytes.min(MOST));
    }
}

/// On other systems a pipe grows by itself.
#[cfg(not(target_os = "linux"))]
fn widen(_stdin: &ChildStdin, _bytes: usize) {}

/// Spawns a program, and tries again if its file is open for writing and so cannot be executed. That passes
/// soon after an installation: a child of another thread may hold the file between its fork and exec.
fn spawn_with_retries(command: &mut Command) -> io::Result<Child> {
    command.process_group(0);
    for _ in 1..BUSY_TRIES {
        match spawn_alone(|| command.spawn()) {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => sleep(BUSY_PAUSE),
            result => return result,
        }
    }
    spawn_alone(|| command.spawn())
}

/// Spawns at once: Linux creates pipes with the close-on-exec flag.
#[cfg(target_os = "linux")]
fn spawn_alone<T>(spawn: impl FnOnce() -> T) -> T {
    spawn()
}

/// Spawns one program at a time. On other systems a pipe gets the close-on-exec flag a moment later. A child
/// that another thread starts in between would hold the pipe open, and the program would wait for the end
/// of its prompt.
#[cfg(not(target_os = "linux"))]
fn spawn_alone<T>(spawn: impl FnOnce() -> T) -> T {
    use std::sync::{Mutex, PoisonError};
    static SPAWNING: Mutex<()> = Mutex::new(());
    let _turn = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
    spawn()
}

/// Checks the working directory, because the system reports a missing one in the same words as a missing
/// program.
fn check_directory(launch: &Launch) -> Result<(), ProcessError> {
    if launch.cwd.is_dir() {
        return Ok(());
    }
    let reason = format!("there is no working directory {}", launch.cwd.display());
    Err(ProcessError::Spawn(io::Error::new(ErrorKind::NotFound, reason)))
}

/// The reason why a program did not start.
pub(super) fn explain(program: &Path, error: io::Error) -> ProcessError {
    let program = program.to_owned();
    match error.kind() {
        ErrorKind::NotFound => ProcessError::NotFound { program },
        ErrorKind::PermissionDenied => ProcessError::PermissionDenied { program },
        _ => ProcessError::Spawn(error),
    }
}

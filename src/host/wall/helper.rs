//! The helper raises the wall, runs one program, and outlives everything that the program starts.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpgrp, getpid, set_child_subreaper, wait};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};

use super::report::{End, FileStanding, Line, NetworkStanding, WallStanding};
use super::{Input, Network, Orders, Strictness, descendants, landlock, namespace};

/// Pause between two checks for descendants that should end soon.
const PAUSE: Duration = Duration::from_millis(5);
/// Interval of checks of the children if SIGCHLD does not come.
const FALLBACK: Duration = Duration::from_millis(250);
/// Added to the number of the signal that ended the program, to get the exit code, as in a shell.
const SIGNAL_BASE: i32 = 128;

pub(super) fn main() -> ExitCode {
    let (Ok(orders), Ok(report)) = (receive(), io::stdout().as_fd().try_clone_to_owned()) else {
        return ExitCode::FAILURE;
    };
    contain(orders, &report.into())
}

/// Reads the orders, and no byte after them, because the rest is the program's input.
fn receive() -> io::Result<Orders> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    let mut text = Vec::new();
    input.take(u64::from_le_bytes(length)).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

fn contain(orders: Orders, report: &File) -> ExitCode {
    let _ = set_child_subreaper(Some(getpid()));
    // Opened before the wall is raised, because behind it these files cannot be opened.
    let output = orders.output.each_ref().map(|path| OpenOptions::new().append(true).open(path));
    // This process must still have a single thread here, because a namespace and a Landlock domain
    // belong to a thread.
    let standing = WallStanding {
        network: match orders.network {
            Network::AsIs => NetworkStanding::Open,
            Network::LoopbackOnly => match namespace::leave_network() {
                Ok(()) => NetworkStanding::LoopbackOnly,
                Err(error) => NetworkStanding::Missing { reason: format!("no network namespace: {error}") },
            },
        },
        files: orders.files.as_ref().map_or(FileStanding::Off, landlock::restrict),
    };
    if let (Strictness::Required, Some(reason)) = (orders.strictness, standing.missing()) {
        tell(report, &Line::Refused(reason.to_owned()));
        return ExitCode::FAILURE;
    }
    tell(report, &Line::Raised(standing));
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    runtime.block_on(run(orders, output, report))
}

fn tell(mut report: &File, line: &Line) {
    if let Ok(mut text) = serde_json::to_vec(line) {
        text.push(b'\n');
        // If this fails, the caller only knows less.
        let _ = report.write_all(&text);
    }
}

/// Runs the program, waits for its end, and then ends all other descendants. SIGTERM reaches the whole
/// group, so also the program; the helper then waits for it for the grace.
async fn run(orders: Orders, output: [io::Result<File>; 2], report: &File) -> ExitCode {
    let (Ok(mut children), Ok(mut terminate)) =
        (signal(SignalKind::child()), signal(SignalKind::terminate()))
    else {
        return ExitCode::FAILURE;
    };
    let (drain, grace) = (orders.drain, orders.grace);
    let child = match start(orders, output) {
        Ok(child) => child,
        Err(error) => {
            tell(report, &Line::NotStarted(error.raw_os_error(), error.to_string()));
            return ExitCode::FAILURE;
        }
    };
    let mut family = Family { program: child, end: None };
    let mut deadline = None;
    // Loop until the program has ended, or its grace after SIGTERM is over.
    while family.end.is_none() {
        let look = deadline.map_or(FALLBACK, |at: Instant| at.duration_since(Instant::now()).min(FALLBACK));
        tokio::select! {
            _ = timeout(look, children.recv()) => {}
            _ = terminate.recv() => {
                ask_runaways_to_end();
                deadline.get_or_insert(Instant::now() + grace);
            }
        }
        family.reap();
        if deadline.is_some_and(|at| Instant::now() >= at) {
            break;
        }
    }
    let until = deadline.unwrap_or_else(|| Instant::now() + drain);
    while family.reap() == Children::Some && !descendants::find().is_empty() && Instant::now() < until {
        sleep(PAUSE).await;
    }
    let outlived = match family.reap() {
        // A descendant that could not be killed counts, so that the server searches for it.
        Children::Some => descendants::kill_all().max(usize::from(family.reap() == Children::Some)),
        Children::None => 0,
    };
    let end = family.end.unwrap_or(End::Signal(Signal::KILL.as_raw()));
    let code = match end {
        End::Code(code) => code,
        End::Signal(signal) => SIGNAL_BASE + signal,
    };
    tell(report, &Line::Ended(end, outlived));
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// Starts the program in the helper's group.
fn start(orders: Orders, [stdout, stderr]: [io::Result<File>; 2]) -> io::Result<Pid> {
    let mut command = Command::new(orders.program);
    command.args(orders.args).env_clear().envs(orders.env).current_dir(orders.cwd);
    command.stdout(stdout?).stderr(stderr?).stdin(match orders.input {
        Input::Follows => Stdio::inherit(),
        Input::Null => Stdio::null(),
    });
    Ok(Pid::from_child(&command.spawn()?))
}

/// Sends SIGTERM to descendants that left the group, because they did not get the group's signal.
fn ask_runaways_to_end() {
    let group = getpgrp();
    for pid in descendants::find() {
        if rustix::process::getpgid(Some(pid)).is_ok_and(|other| other != group) {
            descendants::signal(pid, Signal::TERM);
        }
    }
}

/// Tells if this process has a child left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Children {
    Some,
    None,
}

struct Family {
    program: Pid,
    end: Option<End>,
}

impl Family {
    /// Takes the status of every child that has ended.
    fn reap(&mut self) -> Children {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.program => self.end = Some(end(status)),
                Ok(Some(_)) => {}
                Ok(None) => return Children::Some,
                Err(_) => return Children::None,
            }
        }
    }
}

fn end(status: WaitStatus) -> End {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => End::Code(code),
        (None, Some(signal)) => End::Signal(signal),
        (None, None) => End::Signal(Signal::KILL.as_raw()),
    }
}

//! The helper: raises the wall, runs one program, and outlives all that it started.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpgrp, getpid, set_child_subreaper, wait};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};

use super::report::{End, FileStanding, Line, NetworkStanding, WallStanding};
use super::{Input, Network, Orders, REPORT, STDERR, STDOUT, Strictness, descendants, landlock, namespace};

/// The pause between two looks at descendants that should be gone soon.
const PAUSE: Duration = Duration::from_millis(5);
/// A look at the children in case SIGCHLD does not come.
const FALLBACK: Duration = Duration::from_millis(250);
/// Exit code of a shell where a signal ended the program.
const SIGNAL_BASE: i32 = 128;

pub(super) fn main() -> ExitCode {
    // Made before the orders come, for which it may wait. It has no thread but this one.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let Ok((orders, command)) = receive() else {
        return ExitCode::FAILURE;
    };
    let Ok(report) = open(&orders, REPORT) else {
        return ExitCode::FAILURE;
    };
    contain(&orders, command, &report, &runtime)
}

/// Opened before the wall stands: the program behind it cannot write here.
fn open(orders: &Orders, name: &str) -> io::Result<File> {
    OpenOptions::new().append(true).open(orders.capture.join(name))
}

/// Reads the orders and no byte of what follows them.
fn receive() -> io::Result<(Orders, Command)> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let text = length(&mut input)?;
    let words = length(&mut input)?;
    let orders: Orders = serde_json::from_slice(&part(&input, text)?)?;
    let command = command(&orders, &part(&input, words)?)?;
    Ok((orders, command))
}

fn length(input: &mut File) -> io::Result<u64> {
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    Ok(u64::from_le_bytes(length))
}

/// So many bytes, all of them.
fn part(input: &File, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = input.take(length).read_to_end(&mut bytes)?;
    if read as u64 == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// The program that is to be started, as its [words](super::Program) say. The group is the helper's.
fn command(orders: &Orders, words: &[u8]) -> io::Result<Command> {
    let missing = || io::Error::from(io::ErrorKind::InvalidData);
    let mut words =
        words.split_inclusive(|byte| *byte == 0).map(|word| word.strip_suffix(b"\0").unwrap_or(word));
    let mut next = || words.next().map(OsStr::from_bytes).ok_or_else(missing);
    let directory = next()?;
    let mut command = Command::new(next()?);
    command.current_dir(directory).env_clear();
    for _ in 0..orders.arguments {
        command.arg(next()?);
    }
    for variable in words {
        let at = memchr::memchr(b'=', variable).ok_or_else(missing)?;
        let (name, value) = variable.split_at(at);
        command.env(OsStr::from_bytes(name), OsStr::from_bytes(value.get(1..).unwrap_or_default()));
    }
    command.stdout(open(orders, STDOUT)?).stderr(open(orders, STDERR)?);
    command.stdin(match orders.input {
        Input::Follows => Stdio::inherit(),
        Input::Null => Stdio::null(),
    });
    Ok(command)
}

fn contain(orders: &Orders, command: Command, report: &File, runtime: &Runtime) -> ExitCode {
    let _ = set_child_subreaper(Some(getpid()));
    // As a single thread, for a namespace and a domain belong to threads.
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
    runtime.block_on(run(orders, command, report))
}

fn tell(mut report: &File, line: &Line) {
    if let Ok(mut text) = serde_json::to_vec(line) {
        text.push(b'\n');
        // Without a report the caller knows less; nothing else depends on it.
        let _ = report.write_all(&text);
    }
}

/// SIGTERM comes to the whole group, the program included: it is waited for, then all else is ended.
async fn run(orders: &Orders, mut command: Command, report: &File) -> ExitCode {
    let (Ok(mut children), Ok(mut terminate)) =
        (signal(SignalKind::child()), signal(SignalKind::terminate()))
    else {
        return ExitCode::FAILURE;
    };
    let child = match command.spawn() {
        Ok(child) => Pid::from_child(&child),
        Err(error) => {
            tell(report, &Line::NotStarted(error.raw_os_error(), error.to_string()));
            return ExitCode::FAILURE;
        }
    };
    // With it go our own ends of its output.
    drop(command);
    let drain = Duration::from_millis(orders.drain_ms);
    let mut family = Family { program: child, end: None };
    let mut deadline = None;
    // Until the program has ended, or its grace after SIGTERM is over.
    while family.end.is_none() {
        let look = deadline.map_or(FALLBACK, |at: Instant| at.duration_since(Instant::now()).min(FALLBACK));
        tokio::select! {
            _ = timeout(look, children.recv()) => {}
            _ = terminate.recv() => {
                ask_runaways_to_end();
                deadline.get_or_insert(Instant::now() + Duration::from_millis(orders.grace_ms));
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
        Children::Some => descendants::kill_all(),
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

/// Those that left the group did not get the group's SIGTERM.
fn ask_runaways_to_end() {
    let group = getpgrp();
    for pid in descendants::find() {
        if rustix::process::getpgid(Some(pid)).is_ok_and(|other| other != group) {
            descendants::signal(pid, Signal::TERM);
        }
    }
}

/// True if this process has a child left.
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

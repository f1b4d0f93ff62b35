//! Ends the consultants of a server that was killed with SIGKILL.
//!
//! The guardian is our own binary with a hidden argument, started with the first call. It reads which calls
//! begin and end from a pipe that only the server holds open. If the pipe closes while calls are running,
//! the server has died, and the guardian kills the processes of those calls. It has a process group of its
//! own, so the terminal's signals do not reach it. Its environment is empty, so no sweep takes it for a part
//! of a call.
//!
//! Each change is one line: `+<group> <marker>` (group 0: no process yet, or only descendants that left the
//! group) or `-<marker>`.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, BufRead, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal};

use super::process::group;
use super::process::sweep::Quarry;

/// The argument that makes our binary a guardian.
pub const GUARDIAN_ARGUMENT: &str = "guardian";
/// Maximum number of times that a guardian is started.
const STARTS: u8 = 3;
/// Time that orphans have to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);
/// Pause between two checks for orphans.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, Clone)]
pub struct GuardianCommand {
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

impl GuardianCommand {
    /// This binary with [`GUARDIAN_ARGUMENT`]. On Linux it is the running one even after an upgrade.
    ///
    /// # Errors
    /// If the system does not tell the path of the binary.
    pub fn own_binary() -> io::Result<Self> {
        let program = if cfg!(target_os = "linux") {
            PathBuf::from("/proc/self/exe")
        } else {
            std::env::current_exe()?
        };
        Ok(Self { program, args: vec![GUARDIAN_ARGUMENT.into()] })
    }

    fn start(&self) -> io::Result<Link> {
        let mut command = Command::new(&self.program);
        command.arg0("maestro-guardian").args(&self.args).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.process_group(0).spawn()?;
        let pipe = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        // A stopped guardian does not read, and must not block the server.
        fcntl_setfl(&pipe, OFlags::NONBLOCK)?;
        Ok(Link { child, pipe })
    }
}

/// The server's side: starts a guardian when needed. Its functions never fail.
#[derive(Debug)]
pub(super) struct Guardian {
    command: Option<GuardianCommand>,
    starts_left: u8,
    link: Option<Link>,
}

#[derive(Debug)]
struct Link {
    child: Child,
    pipe: ChildStdin,
}

impl Link {
    /// True if the guardian was killed. A new call then needs another one.
    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Guardian {
    /// Without a command, no guardian is started.
    pub(super) fn new(command: Option<GuardianCommand>) -> Self {
        Self { command, starts_left: STARTS, link: None }
    }

    /// Starts the guardian unless it runs, and tells it the running `calls`.
    pub(super) fn ensure(&mut self, calls: &HashMap<String, Option<Pid>>) {
        if self.link.as_mut().is_some_and(Link::has_ended) {
            self.discard();
        }
        let Some(command) = self.command.as_ref().filter(|_| self.link.is_none()) else {
            return;
        };
        if self.starts_left == 0 {
            return;
        }
        self.starts_left -= 1;
        match command.start() {
            Ok(link) => self.link = Some(link),
            Err(error) => {
                self.starts_left = 0;
                tracing::warn!(%error, "no guardian: a killed server will leave its calls behind");
            }
        }
        for (marker, group) in calls {
            self.remember(marker, *group);
        }
    }

    /// The process id of the guardian; None if none runs.
    pub(super) fn pid(&self) -> Option<Pid> {
        self.link.as_ref().map(|link| Pid::from_child(&link.child))
    }

    pub(super) fn remember(&mut self, marker: &str, group: Option<Pid>) {
        self.tell(format_args!("+{} {marker}\n", Pid::as_raw(group)));
    }

    pub(super) fn forget(&mut self, marker: &str) {
        self.tell(format_args!("-{marker}\n"));
    }

    fn tell(&mut self, change: impl Display) {
        let Some(link) = &mut self.link else {
            return;
        };
        // One write per line: a pipe takes a short one completely or not at all.
        if let Err(error) = link.pipe.write_all(change.to_string().as_bytes()) {
            tracing::warn!(%error, "the guardian is gone; the next call starts another");
            self.discard();
        }
    }

    /// Kills the guardian before closing its pipe, which it would take for our death.
    fn discard(&mut self) {
        if let Some(mut link) = self.link.take() {
            let killed = link.child.kill().and_then(|()| link.child.wait());
            tracing::debug!(?killed, "discarded the guardian");
        }
    }
}

/// The main function of the guardian. Blocks until the server closes `stdin` or dies, and then ends the
/// calls that were still running.
pub fn guard_main(stdin: impl BufRead) {
    rename();
    let calls = listen(stdin);
    if !calls.is_empty() {
        clean_up(calls);
    }
}

/// Renames this process, because `killall maestro-mcp` should kill the server, not its guardian.
fn rename() {
    if cfg!(target_os = "linux") {
        // The name serves only people who look for processes, so a failure is ignored.
        let _ = std::fs::write("/proc/self/comm", "mcp-guardian");
    }
}

/// Reads the pipe to its end, and returns the calls that were still running.
fn listen(mut stdin: impl BufRead) -> HashMap<String, Option<Pid>> {
    let mut calls = HashMap::new();
    let mut line = Vec::new();
    while matches!(stdin.read_until(b'\n', &mut line), Ok(count) if count > 0) {
        // A line without a line end was cut off by the death of the server.
        if line.pop() == Some(b'\n') {
            note(&mut calls, &String::from_utf8_lossy(&line));
        }
        line.clear();
    }
    calls
}

fn note(calls: &mut HashMap<String, Option<Pid>>, line: &str) {
    if let Some(marker) = line.strip_prefix('-') {
        calls.remove(marker);
    } else if let Some((group, marker)) = line.strip_prefix('+').and_then(|it| it.split_once(' ')) {
        calls.insert(marker.to_owned(), group::parse(group));
    }
}

/// Ends the processes of the calls: with SIGTERM, and after [`GRACE`] with SIGKILL.
fn clean_up(calls: HashMap<String, Option<Pid>>) {
    let groups: Vec<Pid> = calls.values().flatten().copied().collect();
    let quarry = Quarry { groups, markers: calls.into_keys().collect() };
    quarry.groups.iter().copied().for_each(group::terminate);
    quarry.terminate_escaped();
    let deadline = Instant::now() + GRACE;
    // There is at least one pause: a process that was just being started gets its marker a moment later.
    loop {
        sleep(PAUSE);
        let alive = quarry.find();
        if alive.is_empty() {
            return;
        }
        if Instant::now() >= deadline {
            // Whole groups are killed first, because no member can escape that by forking.
            let groups = alive.iter().map(|found| found.group);
            let own = groups.filter(|one| quarry.groups.contains(one));
            own.for_each(|one| group::signal(one, Signal::KILL));
            quarry.exterminate();
            return;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

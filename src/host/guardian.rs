//! Ends the consultants of a server that was killed with SIGKILL.
//!
//! The guardian is our own binary with a hidden argument, started with the first call. It reads the running
//! calls from a pipe that only the server holds open. When the pipe ends with calls in it, the server died,
//! and the guardian kills what is left of them. It has a process group of its own, so the terminal's
//! signals do not reach it, and an empty environment, so no sweep takes it for part of a call.
//!
//! Each change is one line: `+<group> <marker>` (group 0: no process yet, or only runaways), `-<marker>`.

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
/// Maximum number of starts of a guardian that does not work.
const STARTS: u8 = 3;
/// How long orphans may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);
/// Pause between two looks at them.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, Clone)]
pub struct GuardianCommand {
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

impl GuardianCommand {
    /// This very binary with [`GUARDIAN_ARGUMENT`], even if an upgrade replaced the file.
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
        // A stopped guardian must not stop the server.
        fcntl_setfl(&pipe, OFlags::NONBLOCK)?;
        Ok(Link { child, pipe })
    }
}

/// The server's end: starts a guardian when needed, and never fails.
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
    /// True if it was killed: a new call needs another one.
    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Guardian {
    /// Without a command there is no guardian.
    pub(super) fn new(command: Option<GuardianCommand>) -> Self {
        Self { command, starts_left: STARTS, link: None }
    }

    /// Starts it unless it runs, and tells it the running `calls`.
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

    /// Its process.
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
        // One write for each line: a pipe takes it whole or not at all.
        if let Err(error) = link.pipe.write_all(change.to_string().as_bytes()) {
            tracing::warn!(%error, "the guardian is gone; the next call starts another");
            self.discard();
        }
    }

    /// Kills the guardian first, which would take the end of its pipe for our death.
    fn discard(&mut self) {
        if let Some(mut link) = self.link.take() {
            let killed = link.child.kill().and_then(|()| link.child.wait());
            tracing::debug!(?killed, "discarded the guardian");
        }
    }
}

/// The guardian's whole life: blocks until the server closes `stdin` or dies.
pub fn guard_main(stdin: impl BufRead) {
    rename();
    let calls = listen(stdin);
    if !calls.is_empty() {
        clean_up(calls);
    }
}

/// `killall maestro-mcp` should kill the server, not its guardian.
fn rename() {
    if cfg!(target_os = "linux") {
        // Only for people who look at a process list, so a failure changes nothing.
        let _ = std::fs::write("/proc/self/comm", "mcp-guardian");
    }
}

/// The running calls when the pipe ended.
fn listen(mut stdin: impl BufRead) -> HashMap<String, Option<Pid>> {
    let mut calls = HashMap::new();
    let mut line = Vec::new();
    while matches!(stdin.read_until(b'\n', &mut line), Ok(count) if count > 0) {
        // A line without its end is the rest of a dying server's write.
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

/// Ends the calls' processes: SIGTERM, then SIGKILL for those that are left after the grace.
fn clean_up(calls: HashMap<String, Option<Pid>>) {
    let groups: Vec<Pid> = calls.values().flatten().copied().collect();
    let quarry = Quarry { groups, markers: calls.into_keys().collect() };
    quarry.groups.iter().copied().for_each(group::terminate);
    quarry.terminate_escaped();
    let deadline = Instant::now() + GRACE;
    // At least one pause: a process that was being started gets its marker a moment later.
    loop {
        sleep(PAUSE);
        let alive = quarry.find();
        if alive.is_empty() {
            return;
        }
        if Instant::now() >= deadline {
            // Whole groups first, because no member can fork out of that.
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

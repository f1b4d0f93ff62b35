//! Finds the processes of a call, even those that left its group, and kills them one by one.
//!
//! On Linux `/proc` is searched. A process belongs to a call if it is in the call's group or has the call's
//! marker in its environment, which every descendant inherits unless it clears the environment. Elsewhere
//! only the group is known, and a group counts as one process.

use std::collections::HashSet;
use std::time::Duration;

use rustix::process::{Pid, Signal};

/// Maximum number of rounds of killing, for processes that fork faster than they are killed.
const ROUNDS: usize = 20;
/// Pause between two rounds, because a killed process takes a moment to end.
const PAUSE: Duration = Duration::from_millis(2);

#[derive(Debug, Clone, Default)]
pub(crate) struct Quarry {
    /// Groups whose members are searched for.
    pub(crate) groups: Vec<Pid>,
    /// Call ids: processes of our user with one of them in their environment are searched for.
    pub(crate) markers: Vec<String>,
}

/// A live process of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) pid: Pid,
    pub(crate) group: Pid,
}

impl Quarry {
    /// The processes that are alive now, without zombies. Blocks for some milliseconds.
    pub(crate) fn find(&self) -> Vec<Found> {
        imp::find(self)
    }

    /// Sends SIGTERM to the processes that left the groups. The members of the groups get theirs elsewhere,
    /// because a second SIGTERM makes some programs skip their clean-up.
    pub(crate) fn terminate_escaped(&self) {
        for found in self.find() {
            if !self.groups.contains(&found.group) {
                imp::send(self, found, Signal::TERM);
            }
        }
    }

    /// Kills until no process is left, and returns the number of killed ones.
    pub(crate) fn exterminate(&self) -> usize {
        let mut killed = HashSet::new();
        for _ in 0..ROUNDS {
            let found = self.find();
            if found.is_empty() {
                break;
            }
            for one in found {
                if imp::send(self, one, Signal::KILL) {
                    killed.insert(one.pid);
                }
            }
            std::thread::sleep(PAUSE);
        }
        killed.len()
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::fs::{self, DirEntry, File};
    use std::io::Read as _;
    use std::os::unix::fs::MetadataExt as _;

    use rustix::io::Errno;
    use rustix::process::{
        Pid, PidfdFlags, Signal, geteuid, getpid, kill_process, pidfd_open, pidfd_send_signal,
    };

    use super::super::MARKER_VARIABLE;
    use super::{Found, Quarry};
    use crate::host::process_stat::ProcessStat;

    /// Maximum number of bytes that are read of a file in `/proc`.
    const ENVIRON_MAX: u64 = 4 << 20;

    pub(super) fn find(quarry: &Quarry) -> Vec<Found> {
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        let mut scan = Scan::new(quarry);
        entries.flatten().filter_map(|entry| scan.judge(&entry)).collect()
    }

    /// Signals a process unless its number now belongs to another one. A pidfd always refers to the process
    /// that it was opened for. So it is opened first, and then the process is examined again.
    pub(super) fn send(quarry: &Quarry, found: Found, signal: Signal) -> bool {
        let pidfd = match pidfd_open(found.pid, PidfdFlags::empty()) {
            Ok(pidfd) => Some(pidfd),
            Err(Errno::SRCH) => return false,
            // Linux before 5.3, or a sandbox that forbids it.
            Err(_) => None,
        };
        if Scan::new(quarry).examine(found.pid) != Some(found) {
            return false;
        }
        let sent = match pidfd {
            Some(pidfd) => pidfd_send_signal(pidfd, signal),
            None => kill_process(found.pid, signal),
        };
        sent.is_ok()
    }

    /// One pass over `/proc`.
    struct Scan<'a> {
        quarry: &'a Quarry,
        entries: Vec<Vec<u8>>,
        own_user: u32,
        own_pid: Pid,
        buffer: Vec<u8>,
    }

    impl<'a> Scan<'a> {
        fn new(quarry: &'a Quarry) -> Self {
            let entry = |marker: &String| format!("{MARKER_VARIABLE}={marker}").into_bytes();
            Self {
                quarry,
                entries: quarry.markers.iter().map(entry).collect(),
                own_user: geteuid().as_raw(),
                own_pid: getpid(),
                buffer: Vec::new(),
            }
        }

        fn judge(&mut self, entry: &DirEntry) -> Option<Found> {
            let raw = entry.file_name().to_str()?.parse().ok()?;
            self.examine(Pid::from_raw(raw)?)
        }

        fn examine(&mut self, pid: Pid) -> Option<Found> {
            if pid == self.own_pid {
                return None;
            }
            // Reading `stat` costs more than reading the environment, so without groups it comes last.
            if self.quarry.groups.is_empty() {
                return self.is_marked(pid).then(|| self.group_of(pid)).flatten();
            }
            let found = self.group_of(pid)?;
            let hit = self.quarry.groups.contains(&found.group) || self.is_marked(pid);
            hit.then_some(found)
        }

        /// The group of a live process.
        fn group_of(&mut self, pid: Pid) -> Option<Found> {
            self.load(pid, "stat")?;
            let stat = ProcessStat::parse(&self.buffer).filter(|stat| stat.is_alive)?;
            Some(Found { pid, group: stat.group? })
        }

        fn is_marked(&mut self, pid: Pid) -> bool {
            !self.entries.is_empty() && self.is_ours(pid) && self.carries_marker(pid)
        }

        fn is_ours(&self, pid: Pid) -> bool {
            let metadata = fs::metadata(format!("/proc/{}", pid.as_raw_pid()));
            metadata.is_ok_and(|metadata| metadata.uid() == self.own_user)
        }

        fn carries_marker(&mut self, pid: Pid) -> bool {
            let read = self.load(pid, "environ");
            let mut variables = self.buffer.split(|byte| *byte == 0);
            read.is_some() && variables.any(|one| self.entries.iter().any(|entry| entry == one))
        }

        fn load(&mut self, pid: Pid, name: &str) -> Option<()> {
            self.buffer.clear();
            let file = File::open(format!("/proc/{}/{name}", pid.as_raw_pid())).ok()?;
            file.take(ENVIRON_MAX).read_to_end(&mut self.buffer).ok()?;
            Some(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use rustix::process::Signal;

    use super::super::group;
    use super::{Found, Quarry};

    pub(super) fn find(quarry: &Quarry) -> Vec<Found> {
        let alive = quarry.groups.iter().filter(|one| group::exists(**one));
        alive.map(|one| Found { pid: *one, group: *one }).collect()
    }

    pub(super) fn send(_quarry: &Quarry, found: Found, signal: Signal) -> bool {
        group::signal(found.group, signal);
        true
    }
}

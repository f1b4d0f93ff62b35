//! Finds and ends the descendants of this process, by the parents of all processes.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpgid, getpid, pidfd_open, pidfd_send_signal, waitpid,
};

use crate::host::process_stat::ProcessStat;

/// Maximum number of rounds of killing, for processes that fork meanwhile.
const ROUNDS: usize = 50;
/// Pause between two rounds, because a killed process takes a moment to end.
const PAUSE: Duration = Duration::from_millis(2);

/// All live descendants of this process. Zombies are not among them, but their live children are.
pub(super) fn find() -> Vec<Pid> {
    let parents = parents();
    let mut found = Vec::new();
    let mut left = vec![getpid().as_raw_pid()];
    while let Some(parent) = left.pop() {
        for child in parents.iter().filter(|(_, other)| other.parent == parent) {
            left.push(*child.0);
            if child.1.is_alive {
                found.extend(Pid::from_raw(*child.0));
            }
        }
    }
    found
}

/// Every process of the system with its parent.
fn parents() -> HashMap<i32, ProcessStat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return HashMap::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: i32| Some((pid, ProcessStat::of(pid)?)))
        .collect()
}

pub(super) fn signal(pid: Pid, signal: Signal) -> bool {
    // The parent is this process or one of its descendants, so the number is not reused before the
    // process is reaped. The pidfd covers a reaping in between.
    pidfd_open(pid, PidfdFlags::empty()).and_then(|open| pidfd_send_signal(open, signal)).is_ok()
}

/// Kills descendants until none is left, and reaps those that become children of this process. Returns the
/// number of killed ones.
pub(super) fn kill_all() -> usize {
    let mut killed = HashSet::new();
    for _ in 0..ROUNDS {
        let found = find();
        if found.is_empty() {
            break;
        }
        killed.extend(found.into_iter().filter(|pid| signal(*pid, Signal::KILL)));
        sleep(PAUSE);
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
    }
    killed.len()
}

/// Kills and reaps children of this process that are not `known` and that are outside its group: it adopted
/// them when their parents died. Their children are then adopted and killed in turn. Returns the number of
/// killed ones.
pub(super) fn end_adopted(known: &[i32]) -> usize {
    let own = getpid();
    let own_group = getpgid(None).ok();
    let mut ended = HashSet::new();
    for _ in 0..ROUNDS {
        let adopted: Vec<(Pid, bool)> = parents()
            .into_iter()
            .filter(|(pid, process)| process.parent == own.as_raw_pid() && !known.contains(pid))
            .filter_map(|(pid, process)| Some((Pid::from_raw(pid)?, process.is_alive)))
            // Our own short-lived children stay in our group.
            .filter(|(pid, _)| getpgid(Some(*pid)).ok() != own_group)
            .collect();
        if adopted.is_empty() {
            break;
        }
        for (pid, lives) in adopted {
            if lives && signal(pid, Signal::KILL) {
                ended.insert(pid);
            }
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
        sleep(PAUSE);
    }
    ended.len()
}

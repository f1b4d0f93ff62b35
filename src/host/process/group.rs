//! Process groups.
//!
//! A group keeps its number as long as it has a member, and a zombie is one. So a group may be signalled
//! safely until its leader is reaped. Soon afterwards the number may belong to another group.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// Parses a group's number. None for a number that `kill` would take for every process.
pub(crate) fn parse(text: &str) -> Option<Pid> {
    text.parse().ok().filter(|raw| *raw > 1).and_then(Pid::from_raw)
}

/// Signals every member. An empty group is no error.
pub(crate) fn signal(group: Pid, signal: Signal) {
    match kill_process_group(group, signal) {
        // macOS answers EPERM for a group of zombies.
        Ok(()) | Err(Errno::SRCH | Errno::PERM) => {}
        Err(error) => tracing::debug!(?group, ?signal, %error, "cannot signal the group"),
    }
}

/// Asks every member to end, the stopped ones too.
pub(crate) fn terminate(group: Pid) {
    signal(group, Signal::TERM);
    // A stopped process (for example one that read from the terminal) gets SIGTERM only when it continues.
    signal(group, Signal::CONT);
}

/// True if the group has a member. On Linux a zombie is one.
pub(crate) fn exists(group: Pid) -> bool {
    match test_kill_process_group(group) {
        Ok(()) => true,
        // On Linux the members belong to another user. On macOS all of them are zombies.
        Err(Errno::PERM) => cfg!(target_os = "linux"),
        Err(_) => false,
    }
}

//! Reads `/proc/PID/stat` on Linux.

use rustix::process::Pid;

/// The relatives of a process, as the kernel reports them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProcessStat {
    /// False for a zombie, which is dead already and may never be reaped.
    pub(super) is_alive: bool,
    pub(super) parent: i32,
    /// Its group; None for a process that is just ending.
    pub(super) group: Option<Pid>,
}

impl ProcessStat {
    pub(super) fn of(pid: i32) -> Option<Self> {
        Self::parse(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Parses a file: `pid (name) state parent group ...`. The name may contain any bytes.
    pub(super) fn parse(stat: &[u8]) -> Option<Self> {
        let after_name = stat.iter().rposition(|byte| *byte == b')')?;
        let rest = str::from_utf8(stat.get(after_name + 1..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let is_alive = !matches!(fields.next()?, "Z" | "X" | "x");
        let parent = fields.next()?.parse().ok()?;
        let group: i32 = fields.next()?.parse().ok()?;
        // A process that is just ending has the group -1, which is not a `Pid`.
        Some(Self { is_alive, parent, group: Some(group).filter(|group| *group > 0).and_then(Pid::from_raw) })
    }
}

#[cfg(test)]
mod tests {
    use super::ProcessStat;

    #[test]
    fn a_name_may_hold_anything_and_the_dying_have_no_group() {
        let read = |stat: &[u8]| {
            let found = ProcessStat::parse(stat)?;
            Some((found.is_alive, found.parent, found.group.map_or(0, rustix::process::Pid::as_raw_pid)))
        };
        assert_eq!(read(b"7 (a b) c) S 12 42 42 0 -1"), Some((true, 12, 42)));
        assert_eq!(read(b"7 (\xc3) R 1 42 42 0 -1"), Some((true, 1, 42)));
        assert_eq!(read(b"7 (sh) Z 1 42 42 0 -1"), Some((false, 1, 42)));
        assert_eq!(read(b"7 (sh) R 0 -1 -1 0 -1"), Some((true, 0, 0)));
        assert_eq!(read(b"7 (sh) S 0 0 0 0 -1"), Some((true, 0, 0)));
        assert_eq!(read(b"7 (sh"), None);
    }

    #[test]
    fn this_process_has_a_parent_and_a_group() {
        let own = rustix::process::getpid().as_raw_pid();
        let found = ProcessStat::of(own).unwrap();
        assert!(found.is_alive && found.parent > 0);
        assert_eq!(found.group, rustix::process::getpgid(None).ok());
    }
}

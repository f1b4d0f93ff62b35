//! Directories of calls whose server was killed before it could remove them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::{Pid, getuid, test_kill_process};

/// What the name of a call's directory begins with; the server's process id follows.
const PREFIX: &str = "maestro-call-";

/// The beginning of the names of this process's directories.
pub(super) fn own_prefix() -> String {
    format!("{PREFIX}{}-", std::process::id())
}

/// Removes the directories in `base` that are ours and whose server is gone. What cannot be
/// removed stays for the next time.
pub(super) fn remove(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().filter_map(Result::ok) {
        let is_ours = entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == getuid().as_raw());
        let server = entry.file_name().to_str().and_then(server_of);
        if let (true, Some(server)) = (is_ours, server)
            && test_kill_process(server).is_err()
        {
            tracing::debug!(directory = %entry.path().display(), "left behind by a killed server");
            // Another server may be at it too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn server_of(name: &str) -> Option<Pid> {
    let (pid, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Pid::from_raw(pid.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_server_left_is_removed() {
        let base = tempfile::tempdir().unwrap();
        let mut gone = std::process::Command::new("true").spawn().unwrap();
        let dead = gone.id();
        gone.wait().unwrap();
        let names = [
            format!("{PREFIX}{dead}-abc"),
            format!("{}abc", own_prefix()),
            "maestro-call-none-abc".to_owned(),
            "maestro-demo-abc".to_owned(),
        ];
        for name in &names {
            fs::create_dir_all(base.path().join(name).join("work")).unwrap();
        }
        remove(base.path());
        let left: Vec<bool> = names.iter().map(|name| base.path().join(name).exists()).collect();
        assert_eq!(left, [false, true, true, true]);
    }
}

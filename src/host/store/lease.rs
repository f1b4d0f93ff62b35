//! Sign of life of a server: it holds the lock on a file of its name.
//!
//! A process id would prove nothing: another container may share the project, and ids come back.
//! The system frees the lock when the process ends, however it ends. A program that the server
//! starts shares the lock only between its `fork` and its `exec`, for the file is closed by the
//! latter; a server that dies in between is believed alive for that moment longer.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};

use super::StoreError;
use super::place::make_directory;

/// Below the directory of the log.
const SERVERS: &str = "servers";

/// A file that has no server's name yet.
const UNNAMED: &str = ".new-";

/// Such a file may be without its lock for so long.
const YOUNG: Duration = Duration::from_secs(60);

/// The sign that this server is alive, until it is dropped.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    _held: File,
}

impl Lease {
    /// Shows that the server `id` is alive, to all that share the directory of the log. Files of dead
    /// servers are removed.
    ///
    /// # Errors
    ///
    /// The name is not valid for a file or is taken, or the directory cannot be written to.
    pub fn hold(directory: &Path, id: &str) -> Result<Self, StoreError> {
        if !is_name(id) {
            return Err(StoreError::Unfit { reason: "the name of the server is malformed" });
        }
        let servers = make_servers(directory)?;
        remove_dead(&servers, YOUNG);
        let path = servers.join(id);
        let explain = |error: &io::Error| StoreError::of_file(&path, error);
        let new = tempfile::Builder::new().prefix(UNNAMED).tempfile_in(&servers);
        let new = new.map_err(|error| explain(&error))?;
        flock(&new, FlockOperation::NonBlockingLockExclusive).map_err(|error| explain(&error.into()))?;
        // It gets its name with the lock on it: nobody ever sees the one without the other.
        let held = new.persist_noclobber(&path).map_err(|error| explain(&error.error))?;
        Ok(Self { path, _held: held })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A file that stays is free, and the next server removes it.
        let _ = fs::remove_file(&self.path);
    }
}

/// True if the server `id` is alive. One of which that cannot be found out is believed to be.
pub fn is_alive(directory: &Path, id: &str) -> bool {
    is_name(id) && is_held(&directory.join(SERVERS).join(id))
}

/// Asks for a lock that others can have at the same time, so that two who ask do not mistake one
/// another for the server.
fn is_held(path: &Path) -> bool {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockShared).is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn make_servers(directory: &Path) -> Result<PathBuf, StoreError> {
    make_directory(directory)?;
    let servers = directory.join(SERVERS);
    make_directory(&servers)?;
    Ok(servers)
}

fn remove_dead(servers: &Path, young: Duration) {
    for entry in fs::read_dir(servers).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let is_old = || {
            let written = entry.metadata().and_then(|found| found.modified());
            written.is_ok_and(|written| written.elapsed().is_ok_and(|age| age >= young))
        };
        let may_go = is_name(name) || (name.starts_with(UNNAMED) && is_old());
        if may_go && !is_held(&entry.path()) {
            tracing::debug!(server = name, "its server is gone");
            // Another server may be at it too.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_name(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !id.is_empty() && id.len() <= 100 && !id.starts_with('.') && id.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory.join(SERVERS))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ".gitignore")
            .collect();
        names.sort();
        names
    }

    #[test]
    fn alive_until_it_is_dropped() {
        let project = tempfile::tempdir().unwrap();
        let directory = project.path().join(".maestro");
        assert!(!is_alive(&directory, "one"));
        assert!(!directory.exists(), "asking makes nothing");
        let lease = Lease::hold(&directory, "one").unwrap();
        assert!(is_alive(&directory, "one") && !is_alive(&directory, "two"));
        assert!(Lease::hold(&directory, "one").is_err(), "the name is taken");
        assert!(is_alive(&directory, "one"));
        drop(lease);
        assert!(!is_alive(&directory, "one"));
        assert_eq!(names(&directory), [] as [&str; 0]);
        assert_eq!(fs::read_to_string(directory.join(".gitignore")).unwrap(), "*\n");
    }

    #[test]
    fn what_dead_servers_left_is_removed_by_the_next_one() {
        let project = tempfile::tempdir().unwrap();
        let _alive = Lease::hold(project.path(), "alive").unwrap();
        let servers = project.path().join(SERVERS);
        fs::write(servers.join("dead"), "").unwrap();
        fs::write(servers.join(".new-x"), "").unwrap();
        assert!(!is_alive(project.path(), "dead"));
        let _next = Lease::hold(project.path(), "next").unwrap();
        assert_eq!(names(project.path()), [".new-x", "alive", "next"]);
        remove_dead(&servers, Duration::ZERO);
        assert_eq!(names(project.path()), ["alive", "next"]);
    }

    #[test]
    fn many_who_ask_at_once_do_not_disturb_one_another() {
        let project = tempfile::tempdir().unwrap();
        fs::create_dir(project.path().join(SERVERS)).unwrap();
        fs::write(project.path().join(SERVERS).join("dead"), "").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..500).for_each(|_| assert!(!is_alive(project.path(), "dead"))));
            }
        });
    }

    #[test]
    fn a_program_that_was_started_does_not_keep_it() {
        let project = tempfile::tempdir().unwrap();
        let lease = Lease::hold(project.path(), "one").unwrap();
        // A second name for the file, for the first one goes with the lease.
        fs::hard_link(&lease.path, lease.path.with_file_name("same")).unwrap();
        let mut program = std::process::Command::new("sleep").arg("20").spawn().unwrap();
        assert!(is_alive(project.path(), "same"));
        drop(lease);
        // A program that another test starts at this very moment holds a copy until its exec.
        let freed = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            !is_alive(project.path(), "same")
        });
        assert!(freed);
        program.kill().unwrap();
        program.wait().unwrap();
    }

    #[test]
    fn names_lead_nowhere_else() {
        let project = tempfile::tempdir().unwrap();
        for name in ["", ".", "..", "../x", "a/b", ".hidden", "a\nb"] {
            assert!(Lease::hold(project.path(), name).is_err(), "{name:?}");
            assert!(!is_alive(project.path(), name), "{name:?}");
        }
        std::os::unix::fs::symlink("/tmp", project.path().join(SERVERS)).unwrap();
        assert!(Lease::hold(project.path(), "one").is_err());
    }
}

//! Sign of life of a server: a lock on a file with the server's name.
//!
//! A process id would prove nothing: another container may share the project, and ids are reused. The
//! system releases the lock when the process ends, however it ends. A program that the server starts holds
//! the lock too between its `fork` and its `exec`, which closes the file. If the server dies in between, it
//! seems alive for that moment.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};

use super::StoreError;
use super::place::make_directory;

/// Subdirectory of the log's directory.
const SERVERS: &str = "servers";

/// Prefix of a file's name before it gets the server's name.
const UNNAMED: &str = ".new-";

/// Age at which an unlocked file with this prefix counts as left behind.
const YOUNG: Duration = Duration::from_secs(60);

/// Shows that this server is alive, until it is dropped.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    _held: File,
}

impl Lease {
    /// Shows that server `id` is alive to all processes that share the log's directory. Removes the files of
    /// dead servers.
    ///
    /// # Errors
    ///
    /// The name is invalid or taken, or the directory is not writable.
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
        // The file gets its name when it is locked, so that the name is never visible without the lock.
        let held = new.persist_noclobber(&path).map_err(|error| explain(&error.error))?;
        Ok(Self { path, _held: held })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A remaining file is unlocked, and the next server removes it.
        let _ = fs::remove_file(&self.path);
    }
}

/// True if server `id` is alive, or if that cannot be determined.
pub fn is_alive(directory: &Path, id: &str) -> bool {
    is_name(id) && is_held(&directory.join(SERVERS).join(id))
}

/// True if a server holds the lock of a file. A shared lock is requested, so that two processes that ask at
/// once do not take each other for the server.
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
            // Another server may be removing it too.
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

//! The files under `.maestro/` of a project, read by one reader. The author of the project may have
//! put anything there, so no link is followed on any part of the way, nothing but a regular file is
//! opened, and no more than 1 MiB is read.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;

use crate::domain::rule;

/// The directory of a project that is Maestro's.
pub const DIRECTORY: &str = ".maestro";

/// The largest file that is read, in bytes.
pub const MOST_BYTES: u64 = 1024 * 1024;

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// A link, at the end or on the way.
    #[error("`{0}` is a symbolic link; links are not followed")]
    Link(String),
    /// A directory, a pipe, a socket or a device.
    #[error("it is not a regular file")]
    Special,
    /// More than is read.
    #[error("it has more than 1 MiB")]
    TooLarge,
    /// No text.
    #[error("it is not UTF-8 text")]
    NoText,
    #[error(transparent)]
    OutOfBounds(#[from] rule::OutOfBounds),
    /// The system said no.
    #[error("{0}")]
    Io(String),
}

impl From<Errno> for Unread {
    fn from(error: Errno) -> Self {
        Self::Io(std::io::Error::from(error).to_string())
    }
}

/// A directory whose files are read this way.
#[derive(Debug)]
pub struct OwnFiles {
    directory: OwnedFd,
}

impl OwnFiles {
    /// The `.maestro` of a project, if it exists.
    ///
    /// # Errors
    ///
    /// It is a link or no directory.
    pub fn of(root: &Path) -> Result<Option<Self>, Unread> {
        let root =
            match openat(CWD, root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
                root => root?,
            };
        Ok(enter(&root, DIRECTORY)?.map(|directory| Self { directory }))
    }

    /// A file, by its name below the directory, if it exists.
    ///
    /// # Errors
    ///
    /// It is there and is not read.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Unread> {
        let path = PathBuf::from(name);
        let mut parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
        let Some(last) = parts.pop() else { return Ok(None) };
        let mut here: Option<OwnedFd> = None;
        for part in parts {
            match enter(here.as_ref().unwrap_or(&self.directory), part)? {
                Some(below) => here = Some(below),
                None => return Ok(None),
            }
        }
        read(here.as_ref().unwrap_or(&self.directory), last)
    }
}

/// The bytes of a file as a text that may be parsed.
///
/// # Errors
///
/// They are no text, or nothing for a parser.
pub fn text_of(name: &str, bytes: Vec<u8>) -> Result<String, Unread> {
    let text = String::from_utf8(bytes).map_err(|_| Unread::NoText)?;
    if Path::new(name).extension().is_some_and(|extension| extension == "yaml") {
        rule::check(&text)?;
    }
    Ok(text)
}

fn enter(directory: &OwnedFd, name: &str) -> Result<Option<OwnedFd>, Unread> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(directory, name, flags, Mode::empty()) {
        Ok(below) => Ok(Some(below)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::NOTDIR | Errno::LOOP) => match kind(directory, name)? {
            None => Ok(None),
            Some(found) if FileType::from_raw_mode(found.st_mode) == FileType::Symlink => {
                Err(Unread::Link(name.to_owned()))
            }
            Some(_) => Err(Unread::Special),
        },
        Err(error) => Err(error.into()),
    }
}

fn read(directory: &OwnedFd, name: &str) -> Result<Option<Vec<u8>>, Unread> {
    // Looked at before it is opened: opening alone does something to some devices.
    let Some(found) = kind(directory, name)? else { return Ok(None) };
    check(name, &found)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match openat(directory, name, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(Unread::Link(name.to_owned())),
        file => file?,
    };
    check(name, &fstat(&file)?)?;
    let mut bytes = Vec::new();
    let taken = File::from(file).take(MOST_BYTES + 1).read_to_end(&mut bytes);
    taken.map_err(|error| Unread::Io(error.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES { Err(Unread::TooLarge) } else { Ok(Some(bytes)) }
}

fn kind(directory: &OwnedFd, name: &str) -> Result<Option<Stat>, Unread> {
    match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn check(name: &str, found: &Stat) -> Result<(), Unread> {
    match FileType::from_raw_mode(found.st_mode) {
        FileType::Symlink => Err(Unread::Link(name.to_owned())),
        FileType::RegularFile if u64::try_from(found.st_size).is_ok_and(|size| size > MOST_BYTES) => {
            Err(Unread::TooLarge)
        }
        FileType::RegularFile => Ok(()),
        _ => Err(Unread::Special),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(files: &OwnFiles, name: &str) -> Result<Option<String>, Unread> {
        files.read(name)?.map(|bytes| text_of(name, bytes)).transpose()
    }
    use std::os::unix::fs::symlink;
    use std::time::{Duration, Instant};

    #[test]
    fn only_small_regular_files_without_a_link_on_the_way_are_read() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join(DIRECTORY);
        assert!(OwnFiles::of(root.path()).unwrap().is_none());
        std::fs::create_dir_all(own.join("roles")).unwrap();
        std::fs::write(own.join("roles/a.md"), "A").unwrap();
        std::fs::write(root.path().join("private"), "the secret").unwrap();
        symlink(root.path().join("private"), own.join("link.yaml")).unwrap();
        symlink(own.join("roles"), own.join("linked")).unwrap();
        symlink("/dev/zero", own.join("endless.yaml")).unwrap();
        File::create(own.join("sparse.yaml")).unwrap().set_len(1 << 30).unwrap();
        std::fs::write(own.join("deep.yaml"), "[".repeat(100_000)).unwrap();
        std::fs::write(own.join("bytes.md"), [0xff, 0xfe]).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(own.join("pipe.yaml")).status().unwrap();
        assert!(fifo.success());
        let files = OwnFiles::of(root.path()).unwrap().unwrap();
        assert_eq!(text(&files, "roles/a.md").unwrap().unwrap(), "A");
        for missing in ["none.yaml", "no/such.md", "roles/a.md/b"] {
            assert!(!matches!(text(&files, missing), Ok(Some(_))), "{missing}");
        }
        let began = Instant::now();
        for name in [
            "link.yaml", "linked/a.md", "endless.yaml", "sparse.yaml", "deep.yaml", "bytes.md", "pipe.yaml",
            "roles",
        ] {
            let refused = text(&files, name).unwrap_err().to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
        assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());

        let linked = tempfile::tempdir().unwrap();
        symlink(&own, linked.path().join(DIRECTORY)).unwrap();
        assert_eq!(OwnFiles::of(linked.path()).unwrap_err(), Unread::Link(DIRECTORY.to_owned()));
    }
}

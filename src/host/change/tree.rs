//! Access to the files of a directory. A path is opened part by part and never through a symbolic link, so a
//! link that somebody swaps in at any time is not followed.

use std::fs::{File, Metadata, Permissions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{
    Access, AtFlags, CWD, FileType, Mode, OFlags, RawMode, accessat, fchmod, linkat, mkdirat, openat,
    renameat, statat, unlinkat,
};
use rustix::io::Errno;

use crate::host::file_stamp::FileStamp;

/// Flags that open files and directories for reading.
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);

/// The reason why a path cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// The path or a part of it is a symbolic link.
    #[error("`{0}` is a symbolic link")]
    Link(String),
    /// A part of the path is `..`.
    #[error("`{0}` leads to the directory above")]
    Above(String),
    /// A part of the path is a file instead of a directory.
    #[error("`{0}` is a file, not a directory")]
    NotDirectory(String),
    #[error("it is a directory")]
    Directory,
    #[error("it is not a regular file")]
    Special,
    /// The file is larger than accepted.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    /// It has changed since it was checked.
    #[error("it changed since it was checked")]
    Changed,
    /// The backup was not written by a server of this user.
    #[error(
        "it was not written by this user's own Maestro, so it came with the project; Maestro does not use it"
    )]
    Foreign,
    /// The system refused access.
    #[error("{0}")]
    Io(String),
}

impl From<std::io::Error> for Obstacle {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

impl From<Errno> for Obstacle {
    fn from(error: Errno) -> Self {
        std::io::Error::from(error).into()
    }
}

/// The state of a file when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Its bytes.
    pub content: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
    pub stamp: Stamp,
}

/// Device of a file, and its stamp: a file on a file system that was mounted meanwhile is another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    file: FileStamp,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), file: FileStamp::of(metadata) }
    }
}

/// A directory with everything below it.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
}

impl Tree {
    /// Opens a directory.
    ///
    /// # Errors
    ///
    /// It is not a directory, or may not be opened.
    pub fn open(root: &Path) -> std::io::Result<Self> {
        Ok(Self { root: openat(CWD, root, OFlags::DIRECTORY | READ, Mode::empty())? })
    }

    /// The tree of a subdirectory; None if it does not exist.
    ///
    /// # Errors
    ///
    /// A link or a file is in the way.
    pub fn below(&self, path: &str) -> Result<Option<Self>, Obstacle> {
        Ok(self.directory(path)?.map(|root| Self { root }))
    }

    /// Opens a subdirectory part by part; None if it does not exist.
    pub(super) fn directory(&self, path: &str) -> Result<Option<OwnedFd>, Obstacle> {
        let mut directory = None;
        for (shown, part) in parts(path) {
            match enter(directory.as_ref().unwrap_or(&self.root), part, shown)? {
                Some(below) => directory = Some(below),
                None => return Ok(None),
            }
        }
        match directory {
            Some(below) => Ok(Some(below)),
            None => Ok(Some(self.root.try_clone()?)),
        }
    }

    /// Creates a directory and its parents if they do not exist, and opens it. `mode` applies only to a new
    /// directory.
    pub(super) fn make_directory(&self, path: &str, mode: Option<u32>) -> Result<OwnedFd, Obstacle> {
        let mut directory = self.root.try_clone()?;
        let mut made = false;
        for (shown, part) in parts(path) {
            made = match mkdirat(&directory, part, Mode::from_raw_mode(0o777)) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(error) => return Err(error.into()),
            };
            directory = enter(&directory, part, shown)?.ok_or(Obstacle::Changed)?;
        }
        if let Some(mode) = mode.filter(|_| made) {
            fchmod(&directory, Mode::from_raw_mode(mode as RawMode))?;
        }
        Ok(directory)
    }

    /// The permissions of a directory; None if it does not exist.
    ///
    /// # Errors
    ///
    /// A link or a file is in the way.
    pub fn directory_mode(&self, path: &str) -> Result<Option<u32>, Obstacle> {
        let mode = |directory| Ok(File::from(directory).metadata()?.mode() & 0o7777);
        self.directory(path)?.map(mode).transpose()
    }

    /// True if files can be created in a directory. Also true if the directory does not exist or cannot be
    /// opened.
    pub fn is_writable(&self, path: &str) -> bool {
        match self.directory(path) {
            Ok(Some(directory)) => {
                let wanted = Access::WRITE_OK | Access::EXEC_OK;
                accessat(&directory, ".", wanted, AtFlags::EACCESS).is_ok()
            }
            Ok(None) | Err(_) => true,
        }
    }

    /// Removes a directory if it is empty.
    pub(super) fn remove_empty(&self, path: &str) {
        let (above, name) = split(path);
        if let Ok(Some(directory)) = self.directory(above) {
            let _ = unlinkat(&directory, name, AtFlags::REMOVEDIR);
        }
    }

    /// The current state of a file; None if it does not exist.
    ///
    /// # Errors
    ///
    /// It is not a regular file of at most `limit` bytes, or cannot be reached.
    pub fn look(&self, path: &str, limit: u64) -> Result<Option<FileState>, Obstacle> {
        let Some((file, metadata)) = self.found(path)? else { return Ok(None) };
        let content = read(&file, metadata.len().min(limit).saturating_add(1), limit.saturating_add(1))?;
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > limit {
            return Err(Obstacle::TooLarge(limit));
        }
        Ok(Some(FileState { content, mode: metadata.mode() & 0o7777, stamp: Stamp::of(&metadata) }))
    }

    /// At most `bytes` bytes of a file, from the position `start`; None if the file does not exist.
    pub(super) fn look_at(&self, path: &str, start: u64, bytes: u64) -> Result<Option<Vec<u8>>, Obstacle> {
        let Some((mut file, _)) = self.found(path)? else { return Ok(None) };
        file.seek(SeekFrom::Start(start))?;
        Ok(Some(read(&file, bytes, bytes)?))
    }

    /// Opens a regular file; None if it does not exist.
    fn found(&self, path: &str) -> Result<Option<(File, Metadata)>, Obstacle> {
        let (above, name) = split(path);
        let Some(directory) = self.directory(above)? else { return Ok(None) };
        let regular = |kind| match kind {
            FileType::RegularFile => Ok(()),
            FileType::Symlink => Err(Obstacle::Link(path.to_owned())),
            FileType::Directory => Err(Obstacle::Directory),
            _ => Err(Obstacle::Special),
        };
        // The kind is checked before opening, because opening a device may already have an effect.
        kind(&directory, name).map_or(Ok(()), regular)?;
        let file = match open_file(&directory, name) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(Obstacle::Link(path.to_owned())),
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        regular(FileType::from_raw_mode(metadata.mode()))?;
        Ok(Some((file, metadata)))
    }

    /// Writes a new file.
    pub(super) fn write_new(
        &self,
        path: &str,
        content: &[u8],
        permission: super::Permission,
    ) -> Result<(), Obstacle> {
        let (above, name) = split(path);
        let directory = self.directory(above)?.ok_or(Obstacle::Changed)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(permission.at_creation() as RawMode);
        let mut file = File::from(openat(&directory, name, flags, mode)?);
        file.write_all(content)?;
        if let super::Permission::Exact(mode) = permission {
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Renames a staged file to `path`. The file there must still be `expected`. If that is None, the name
    /// must be free.
    pub(super) fn put(&self, staged: &str, path: &str, expected: Option<Stamp>) -> Result<(), Obstacle> {
        let (above, name) = split(path);
        let (_, staged) = split(staged);
        let directory = self.directory(above)?.ok_or(Obstacle::Changed)?;
        if expected.is_none() {
            return put_new(&directory, staged, name);
        }
        unchanged(&directory, name, expected)?;
        Ok(renameat(&directory, staged, &directory, name)?)
    }

    /// Removes a file if it is unchanged.
    pub(super) fn remove(&self, path: &str, expected: Stamp) -> Result<(), Obstacle> {
        let (above, name) = split(path);
        let directory = self.directory(above)?.ok_or(Obstacle::Changed)?;
        unchanged(&directory, name, Some(expected))?;
        Ok(unlinkat(&directory, name, AtFlags::empty())?)
    }

    /// Removes a file of ours, if it exists. Errors are ignored.
    pub(super) fn remove_own(&self, path: &str) {
        let (above, name) = split(path);
        if let Ok(Some(directory)) = self.directory(above) {
            let _ = unlinkat(&directory, name, AtFlags::empty());
        }
    }
}

/// Gives a staged file its name by a hard link, which fails if the name is taken. So no file is
/// overwritten.
fn put_new(directory: &OwnedFd, staged: &str, name: &str) -> Result<(), Obstacle> {
    match linkat(directory, staged, directory, name, AtFlags::empty()) {
        Ok(()) => Ok(unlinkat(directory, staged, AtFlags::empty())?),
        Err(Errno::EXIST) => Err(Obstacle::Changed),
        // Some file systems have no hard links.
        Err(_) => {
            unchanged(directory, name, None)?;
            Ok(renameat(directory, staged, directory, name)?)
        }
    }
}

fn unchanged(directory: &OwnedFd, name: &str, expected: Option<Stamp>) -> Result<(), Obstacle> {
    let found = match open_file(directory, name) {
        Ok(file) => Some(Stamp::of(&file.metadata()?)),
        Err(Errno::NOENT) => None,
        Err(_) => return Err(Obstacle::Changed),
    };
    if found == expected { Ok(()) } else { Err(Obstacle::Changed) }
}

/// Opens a file without following a link. Without NONBLOCK, opening a pipe that has no writer would block.
fn open_file(directory: &OwnedFd, name: &str) -> Result<File, Errno> {
    let flags = READ | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
    openat(directory, name, flags, Mode::empty()).map(File::from)
}

fn kind(directory: &OwnedFd, name: &str) -> Option<FileType> {
    let found = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(FileType::from_raw_mode(found.st_mode))
}

/// Reads at most `most` bytes of a file. `expected` is the size of the first buffer.
fn read(file: &File, expected: u64, most: u64) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    file.take(most).read_to_end(&mut content)?;
    Ok(content)
}

fn enter(directory: &OwnedFd, part: &str, shown: &str) -> Result<Option<OwnedFd>, Obstacle> {
    if part == ".." {
        return Err(Obstacle::Above(shown.to_owned()));
    }
    match openat(directory, part, READ | OFlags::DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(below) => Ok(Some(below)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(match kind(directory, part) {
            Some(FileType::Directory) => error.into(),
            Some(FileType::Symlink) => Obstacle::Link(shown.to_owned()),
            // It was there when it was opened, and is gone now.
            None => Obstacle::Changed,
            Some(_) => Obstacle::NotDirectory(shown.to_owned()),
        }),
    }
}

/// The parts of a path, each with the path up to it.
fn parts(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut end = 0;
    path.split('/').filter(|part| !part.is_empty()).map(move |part| {
        end += part.len() + usize::from(end > 0);
        (path.split_at_checked(end).map_or(path, |(shown, _)| shown), part)
    })
}

/// Splits a path into its directory and the name in it.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

//! A directory in which files are read and written by names that are followed part by part, never
//! through a symbolic link, so that one swapped in at any time leads nowhere.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags;

/// Why a name cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// A symbolic link, at the end or on the way.
    #[error("`{0}` is a symbolic link")]
    Link(String),
    /// A file where a directory would have to be.
    #[error("`{0}` is a file, not a directory")]
    NotDirectory(String),
    /// A directory.
    #[error("it is a directory")]
    Directory,
    /// A pipe, a socket or a device.
    #[error("it is not a regular file")]
    Special,
    /// More bytes than are taken.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    /// It is not what it was when it was checked.
    #[error("it changed since it was checked")]
    Changed,
    /// A backup that this user's own servers did not write.
    #[error(
        "it was not written by this user's own Maestro, so it came with the project; nothing is taken from it"
    )]
    Foreign,
    /// The system refused.
    #[error("{0}")]
    Io(String),
}

impl From<std::io::Error> for Obstacle {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

/// A file as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Its bytes.
    pub content: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
    pub stamp: Stamp,
}

/// Identity of a file: it changes when somebody writes to the file or puts another in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// A directory and all that is below it.
#[derive(Debug)]
pub struct Tree {
    root: Dir,
}

impl Tree {
    /// Opens a directory.
    ///
    /// # Errors
    ///
    /// It is not a directory, or may not be opened.
    pub fn open(root: &Path) -> std::io::Result<Self> {
        Ok(Self { root: Dir::open_ambient_dir(root, ambient_authority())? })
    }

    /// A directory below, followed part by part; none where a part is missing.
    pub(super) fn directory(&self, path: &str) -> Result<Option<Dir>, Obstacle> {
        let mut directory = self.root.try_clone()?;
        for (shown, part) in parts(path) {
            match enter(&directory, part, shown)? {
                Some(below) => directory = below,
                None => return Ok(None),
            }
        }
        Ok(Some(directory))
    }

    /// Makes a directory and those above it, and returns it.
    pub(super) fn make_directory(&self, path: &str, mode: Option<u32>) -> Result<Dir, Obstacle> {
        let mut directory = self.root.try_clone()?;
        let mut made = false;
        for (shown, part) in parts(path) {
            made = match directory.create_dir(part) {
                Ok(()) => true,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => false,
                Err(error) => return Err(error.into()),
            };
            directory = enter(&directory, part, shown)?.ok_or(Obstacle::Changed)?;
        }
        if let Some(mode) = mode.filter(|_| made) {
            let file = directory.try_clone()?.into_std_file();
            file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        }
        Ok(directory)
    }

    /// The permissions of a directory; none where there is no such directory.
    ///
    /// # Errors
    ///
    /// A link or a file is in the way.
    pub fn directory_mode(&self, path: &str) -> Result<Option<u32>, Obstacle> {
        match self.directory(path)? {
            Some(directory) => Ok(Some(directory.into_std_file().metadata()?.mode() & 0o7777)),
            None => Ok(None),
        }
    }

    /// True if files can be made in a directory; one that is not there yet is made in its turn.
    pub fn is_writable(&self, path: &str) -> bool {
        match self.directory(path) {
            Ok(Some(directory)) => {
                let wanted = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
                rustix::fs::accessat(&directory, ".", wanted, rustix::fs::AtFlags::EACCESS).is_ok()
            }
            Ok(None) | Err(_) => true,
        }
    }

    /// Removes a directory if it is empty.
    pub(super) fn remove_empty(&self, path: &str) {
        let (above, name) = split(path);
        if let Ok(Some(directory)) = self.directory(above) {
            let _ = directory.remove_dir(name);
        }
    }

    /// A file as it is; none where there is nothing.
    ///
    /// # Errors
    ///
    /// Returns what is there is no regular file of at most so many bytes, or cannot be reached.
    pub fn look(&self, path: &str, limit: u64) -> Result<Option<FileState>, Obstacle> {
        let (above, name) = split(path);
        let Some(directory) = self.directory(above)? else {
            return Ok(None);
        };
        let Some(found) = there(directory.symlink_metadata(name))? else {
            return Ok(None);
        };
        if found.is_symlink() {
            return Err(Obstacle::Link(path.to_owned()));
        }
        if found.is_dir() {
            return Err(Obstacle::Directory);
        }
        let mut options = OpenOptions::new();
        // A pipe without a writer would be waited for otherwise.
        options.read(true).custom_flags((OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed());
        let Some(file) = there(directory.open_with(name, &options))? else {
            return Ok(None);
        };
        read(file.into_std(), limit).map(Some)
    }

    /// Writes a file that is not there yet.
    pub(super) fn write_new(
        &self,
        path: &str,
        content: &[u8],
        permission: super::Permission,
    ) -> Result<(), Obstacle> {
        let (above, name) = split(path);
        let directory = self.directory(above)?.ok_or(Obstacle::Changed)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(permission.at_creation());
        let mut file = directory.open_with(name, &options)?.into_std();
        file.write_all(content)?;
        if let super::Permission::Exact(mode) = permission {
            file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Puts a written file in the place of another that is still as it was, or where nothing is.
    pub(super) fn put(&self, staged: &str, path: &str, expected: Option<Stamp>) -> Result<(), Obstacle> {
        let (above, name) = split(path);
        let (_, staged) = split(staged);
        let directory = self.directory(above)?.ok_or(Obstacle::Changed)?;
        if expected.is_none() {
            return put_new(&directory, staged, name);
        }
        unchanged(&directory, name, expected)?;
        Ok(directory.rename(staged, &directory, name)?)
    }

    /// Removes a file that is still as it was.
    pub(super) fn remove(&self, path: &str, expected: Stamp) -> Result<(), Obstacle> {
        let (above, name) = split(path);
        let directory = self.directory(above)?.ok_or(Obstacle::Changed)?;
        unchanged(&directory, name, Some(expected))?;
        Ok(directory.remove_file(name)?)
    }

    /// Removes a file of our own, if it is there.
    pub(super) fn remove_own(&self, path: &str) {
        let (above, name) = split(path);
        if let Ok(Some(directory)) = self.directory(above) {
            let _ = directory.remove_file(name);
        }
    }
}

/// A hard link is made only where nothing is, so no file is overwritten.
fn put_new(directory: &Dir, staged: &str, name: &str) -> Result<(), Obstacle> {
    match directory.hard_link(staged, directory, name) {
        Ok(()) => Ok(directory.remove_file(staged)?),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Obstacle::Changed),
        // Some file systems know no hard links.
        Err(_) => {
            unchanged(directory, name, None)?;
            Ok(directory.rename(staged, directory, name)?)
        }
    }
}

fn unchanged(directory: &Dir, name: &str, expected: Option<Stamp>) -> Result<(), Obstacle> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags((OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed());
    let found = match directory.open_with(name, &options) {
        Ok(file) => Some(Stamp::of(&file.into_std().metadata()?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(_) => return Err(Obstacle::Changed),
    };
    if found == expected { Ok(()) } else { Err(Obstacle::Changed) }
}

fn read(file: std::fs::File, limit: u64) -> Result<FileState, Obstacle> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Obstacle::Special);
    }
    let mut content = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > limit {
        return Err(Obstacle::TooLarge(limit));
    }
    Ok(FileState { content, mode: metadata.mode() & 0o7777, stamp: Stamp::of(&metadata) })
}

fn there<T>(found: std::io::Result<T>) -> Result<Option<T>, Obstacle> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn enter(directory: &Dir, part: &str, shown: &str) -> Result<Option<Dir>, Obstacle> {
    let Some(found) = there(directory.symlink_metadata(part))? else {
        return Ok(None);
    };
    if found.is_symlink() {
        return Err(Obstacle::Link(shown.to_owned()));
    }
    if !found.is_dir() {
        return Err(Obstacle::NotDirectory(shown.to_owned()));
    }
    let mut options = OpenOptions::new();
    options.read(true).custom_flags((OFlags::DIRECTORY | OFlags::NOFOLLOW).bits().cast_signed());
    match directory.open_with(part, &options) {
        Ok(file) => Ok(Some(Dir::from_std_file(file.into_std()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        // A link that was swapped in between looks like this.
        Err(_) => Err(Obstacle::Link(shown.to_owned())),
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

/// The directory and the name in it.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

//! Replaces a whole file. A reader sees either the old file or the new one, and a change that another program
//! makes meanwhile is not lost.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use super::Format;

/// Maximum number of attempts if the file keeps changing.
const ATTEMPTS: usize = 3;
/// Maximum number of symbolic links that are followed, as in Linux.
const LINKS: usize = 40;

/// The reason why a file that should be removed is left alone.
pub(super) const ABSENT: &str = "it is not there";

/// The action on a file, which depends on its content.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Leave it alone; the reason is given if it is not obvious.
    Keep(Option<&'static str>),
    /// Write this content, and keep a copy of the old content if `backup` is true.
    Write { bytes: Vec<u8>, backup: bool },
    /// Delete it. For a link, delete the link, because its target belongs to somebody else.
    Remove,
    /// Delete the file behind a link, and keep the link.
    RemoveTarget,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Unchanged(Option<&'static str>),
    /// Written, with the path of the backup if one was made.
    Written(Option<PathBuf>),
    Removed,
}

/// A function that decides about a file from its content; `None` means that it does not exist.
pub(super) type Decide<'a> = dyn Fn(Option<&[u8]>) -> Result<Verdict, InstallError> + 'a;

/// A file and the decision about it, which is made again if the content changes.
pub(super) struct FileChange<'a> {
    pub(super) path: PathBuf,
    /// The mode if the file does not exist yet.
    pub(super) new_mode: u32,
    pub(super) decide: Box<Decide<'a>>,
}

/// A staged change. All steps that could fail because of permissions or space have succeeded.
pub(super) struct Staged<'a> {
    pub(super) change: &'a FileChange<'a>,
    /// The file itself, if `change.path` is a symbolic link to it.
    target: PathBuf,
    seen: Option<Seen>,
    step: Step,
}

/// The file that the decision is based on.
struct Seen {
    bytes: Vec<u8>,
    metadata: Metadata,
}

enum Step {
    Keep(Option<&'static str>),
    Write { new: NamedTempFile, old: Option<NamedTempFile> },
    Remove(PathBuf),
}

impl<'a> Staged<'a> {
    /// Reads the file, decides, and writes the temporary files.
    pub(super) fn new(change: &'a FileChange<'a>) -> Result<Self, InstallError> {
        let target = follow(&change.path).map_err(InstallError::file("follow", &change.path))?;
        let seen = read(&target).map_err(InstallError::file("read", &target))?;
        let step = match (change.decide)(seen.as_ref().map(|seen| seen.bytes.as_slice()))? {
            Verdict::Keep(why) => Step::Keep(why),
            Verdict::Remove => Step::Remove(change.path.clone()),
            Verdict::RemoveTarget => Step::Remove(target.clone()),
            Verdict::Write { bytes, backup } => {
                let backed_up = seen.as_ref().filter(|_| backup);
                Step::Write {
                    new: temporary(&target, &bytes, seen.as_ref(), change.new_mode)?,
                    // The backup is beside the link, not beside its target: a shared directory of dotfiles
                    // must not get copies of the user's tokens.
                    old: backed_up
                        .map(|seen| temporary(&change.path, &seen.bytes, Some(seen), 0))
                        .transpose()?,
                }
            }
        };
        Ok(Self { change, target, seen, step })
    }

    /// Puts the change in place. Starts again if another program wrote the file meanwhile.
    pub(super) fn commit(self) -> Result<Outcome, InstallError> {
        let change = self.change;
        let mut staged = self;
        for _ in 1..ATTEMPTS {
            if let Some(outcome) = staged.try_commit()? {
                return Ok(outcome);
            }
            staged = Self::new(change)?;
        }
        let last = staged.try_commit()?;
        last.ok_or_else(|| InstallError::Busy { path: change.path.clone() })
    }

    /// Puts the change in place; `None` if the file has changed since it was staged.
    fn try_commit(self) -> Result<Option<Outcome>, InstallError> {
        let (path, target) = (&self.change.path, &self.target);
        match self.step {
            Step::Keep(why) => Ok(Some(Outcome::Unchanged(why))),
            Step::Remove(file) => {
                if !still(target, self.seen.as_ref())? {
                    return Ok(None);
                }
                fs::remove_file(&file).map_err(InstallError::file("remove", &file))?;
                sync_directory(&file);
                Ok(Some(Outcome::Removed))
            }
            Step::Write { new, old } => {
                let unkept = || InstallError::file("write a backup of", path);
                let backup = old.map(|copy| place(copy, path)).transpose().map_err(unkept())?;
                // If the change fails below, dropping the backup removes it.
                let seen = self.seen.as_ref();
                if !still(target, seen)? || !persist(new, target, seen)? {
                    return Ok(None);
                }
                sync_directory(path);
                sync_directory(target);
                let kept = backup.map(TempPath::keep).transpose();
                Ok(Some(Outcome::Written(kept.map_err(|error| unkept()(error.error))?)))
            }
        }
    }
}

/// Renames the new file over the old one. False if there was no old file and now there is one.
fn persist(new: NamedTempFile, target: &Path, seen: Option<&Seen>) -> Result<bool, InstallError> {
    let renamed = match seen {
        Some(_) => new.persist(target),
        None => new.persist_noclobber(target),
    };
    match renamed {
        Ok(_) => Ok(true),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(refused) => Err(InstallError::file("replace", target)(refused.error)),
    }
}

/// Follows the links of a path, and returns the last target, even if it does not exist.
pub(super) fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut file = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&file) {
            Ok(link) => file = directory_of(&file).join(link),
            // It is not a link, or does not exist. Reading it shows which.
            Err(_) => return Ok(file),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

fn read(file: &Path) -> io::Result<Option<Seen>> {
    let metadata = match fs::metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // Reading a pipe would wait for ever.
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(file)?.read_to_end(&mut bytes)?;
    Ok(Some(Seen { bytes, metadata }))
}

/// True if the file is unchanged.
fn still(file: &Path, seen: Option<&Seen>) -> Result<bool, InstallError> {
    let now = read(file).map_err(InstallError::file("read", file))?;
    Ok(now.map(|now| now.bytes).as_ref() == seen.map(|seen| &seen.bytes))
}

/// Writes a temporary file in the directory of `beside`, with the mode and owner of `like`.
fn temporary(
    beside: &Path,
    bytes: &[u8],
    like: Option<&Seen>,
    new_mode: u32,
) -> Result<NamedTempFile, InstallError> {
    let directory = directory_of(beside);
    fs::create_dir_all(directory).map_err(InstallError::file("create", directory))?;
    let written = || {
        let mut file = tempfile::Builder::new().prefix(".maestro-").suffix(".tmp").tempfile_in(directory)?;
        file.write_all(bytes)?;
        let mode = like.map_or(new_mode, |seen| seen.metadata.mode() & 0o7777);
        if let Some(seen) = like {
            give_to_owner(file.as_file(), &seen.metadata);
        }
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    written().map_err(InstallError::file("write to", directory))
}

/// Gives a file the owner and group of `like`, as far as possible. Only root may change an owner, and the
/// file works without that too.
fn give_to_owner(file: &File, like: &Metadata) {
    let given = fchown(file, Some(like.uid()), Some(like.gid()));
    if given.is_err() {
        let _ = fchown(file, None, Some(like.gid()));
    }
}

fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a rename survive a power failure, if the file system supports that. Errors are ignored.
fn sync_directory(file: &Path) {
    let _ = File::open(directory_of(file)).and_then(|directory| directory.sync_all());
}

/// Renames `copy`, a temporary file in the directory of `original`, to the first free name among
/// `<name>.maestro-backup`, `<name>.maestro-backup.2` and so on. It never overwrites a file. The change may
/// still fail, so dropping the returned path removes the backup.
fn place(mut copy: NamedTempFile, original: &Path) -> io::Result<TempPath> {
    let mut number = 1_u32;
    loop {
        let path = name_of(original, number);
        match copy.persist_noclobber(&path) {
            Ok(_) => return TempPath::try_from_path(path),
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
                copy = refused.file;
                number = number.saturating_add(1);
            }
            Err(refused) => return Err(refused.error),
        }
    }
}

/// Restores the first backup of a file, if it exists and the file itself does not. Returns the file.
pub(super) fn restore(original: &Path) -> Result<Option<PathBuf>, InstallError> {
    let backup = name_of(original, 1);
    if !backup.is_file() || original.symlink_metadata().is_ok() {
        return Ok(None);
    }
    std::fs::rename(&backup, original).map_err(InstallError::file("put back", original))?;
    Ok(Some(original.to_owned()))
}

fn name_of(original: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(original);
    name.push(".maestro-backup");
    if number > 1 {
        name.push(format!(".{number}"));
    }
    PathBuf::from(name)
}

/// The reason why a text cannot be edited. The caller adds its file.
#[derive(Debug)]
pub enum Fault {
    /// A syntax error, at a line and a column that count from 1.
    Syntax { line: usize, column: usize, reason: String },
    /// A value that must contain the servers has another type.
    NotObject { line: usize, what: String },
}

/// The reason why an installation, an uninstall or a printed configuration failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The settings file cannot be edited.
    #[error("{}", told(.path, *.format, .fault))]
    Fault {
        /// The settings file.
        path: PathBuf,
        format: Format,
        fault: Fault,
    },
    /// Another program wrote the file at every attempt to replace it.
    #[error("{} was changed by another program at every attempt", .path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The file system reported an error.
    #[error("cannot {action} {}: {source}", .path.display())]
    File {
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        source: io::Error,
    },
    /// The report could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
}

fn told(path: &Path, format: Format, fault: &Fault) -> String {
    let path = path.display();
    let (label, list) = match format {
        Format::Json | Format::Jsonc => ("JSON", "a JSON object"),
        Format::Toml => ("TOML", "a table"),
    };
    match fault {
        Fault::Syntax { line, column, reason } => {
            format!("{path} is not {label}: line {line}, column {column}: {reason}")
        }
        Fault::NotObject { line, what } => format!("{path}, line {line}: {what} is not {list}"),
    }
}

impl InstallError {
    /// The user's next step.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Fault { format: Format::Json, fault: Fault::Syntax { .. }, .. } => {
                "the file was left as it is; correct that line (JSON allows no comments \
                 and no trailing commas) and run the command again"
            }
            Self::Fault { fault: Fault::Syntax { .. }, .. } => {
                "the file was left as it is; correct that line and run the command again"
            }
            Self::Fault { format: Format::Json | Format::Jsonc, .. } => {
                "the file was left as it is; make that value an object such as {} \
                 and run the command again"
            }
            Self::Fault { format: Format::Toml, .. } => {
                "the file was left as it is; make that value a table and run the command again"
            }
            Self::Busy { .. } => "close the client and run the command again",
            Self::File { .. } => {
                "check that you may write there and that the disk is not full, then run the \
                 command again; what is in place already stays as it is"
            }
            Self::Output(_) => "the work is done; run the command again to see its result",
        }
    }

    /// A function for `map_err` that adds the action and the path to an I/O error.
    pub(super) fn file<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::File { action, path: path.to_owned(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_appears_at_the_last_moment_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("f");
        let new = temporary(&file, b"ours", None, 0o600).unwrap();
        fs::write(&file, "theirs").unwrap();
        assert!(!persist(new, &file, None).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "theirs");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

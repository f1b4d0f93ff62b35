//! Errors of installing, and what to do about them.

use std::io;
use std::path::{Path, PathBuf};

use super::client::Format;

/// Why a text cannot be edited; the caller knows which file it came from.
#[derive(Debug)]
pub(super) enum Fault {
    Syntax { line: usize, column: usize, reason: String },
    NotObject { line: usize, what: String },
}

impl Fault {
    pub(super) fn in_file(self, path: &Path, format: Format) -> InstallError {
        let path = path.to_owned();
        match self {
            Self::Syntax { line, column, reason } => {
                InstallError::Unreadable { path, line, column, reason, format }
            }
            Self::NotObject { line, what } => InstallError::NotObject { path, line, what, format },
        }
    }
}

/// Why an install, an uninstall or a printed configuration failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The settings file cannot be read as what it should be.
    #[error("{} is not {}: line {line}, column {column}: {reason}", .path.display(), .format.label())]
    Unreadable {
        /// The settings file.
        path: PathBuf,
        /// The line of the fault, from 1.
        line: usize,
        /// The column of the fault, from 1.
        column: usize,
        reason: String,
        format: Format,
    },
    /// Something that has to hold the servers is another kind of value.
    #[error("{}, line {line}: {what} is not {}", .path.display(), .format.list())]
    NotObject {
        /// The settings file.
        path: PathBuf,
        /// The line where the value starts, from 1.
        line: usize,
        what: String,
        format: Format,
    },
    /// Another program wrote the file each time it was about to be replaced.
    #[error("{} was changed by another program at every attempt", .path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The file system refused.
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

impl Format {
    fn label(self) -> &'static str {
        match self {
            Self::Json | Self::Jsonc => "JSON",
            Self::Toml => "TOML",
        }
    }

    fn list(self) -> &'static str {
        match self {
            Self::Json | Self::Jsonc => "a JSON object",
            Self::Toml => "a table",
        }
    }
}

impl InstallError {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { format: Format::Json, .. } => {
                "the file was left as it is; correct that line (JSON allows no comments \
                 and no trailing commas) and run the command again"
            }
            Self::Unreadable { .. } => {
                "the file was left as it is; correct that line and run the command again"
            }
            Self::NotObject { format: Format::Json | Format::Jsonc, .. } => {
                "the file was left as it is; make that value an object such as {} \
                 and run the command again"
            }
            Self::NotObject { format: Format::Toml, .. } => {
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

    /// For `map_err`: an I/O error with the action and the path it belongs to.
    pub(super) fn file<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::File { action, path: path.to_owned(), source }
    }
}

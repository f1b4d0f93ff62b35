//! What can go wrong while installing, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why an install, an uninstall or a printed configuration failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The settings file does not hold JSON.
    #[error("{} is not JSON: line {line}, column {column}: {reason}", .path.display())]
    NotJson {
        /// The settings file.
        path: PathBuf,
        /// The line of the fault, from 1.
        line: usize,
        /// The column of the fault, from 1.
        column: usize,
        /// What the parser found.
        reason: String,
    },
    /// Something that has to be a JSON object is another kind of value.
    #[error("{}, line {line}: {what} is not a JSON object", .path.display())]
    NotObject {
        /// The settings file.
        path: PathBuf,
        /// The line where the value starts, from 1.
        line: usize,
        /// Which value it is.
        what: &'static str,
    },
    /// The path that would be registered works from no directory but this one, or is not UTF-8.
    #[error("{} is not an absolute UTF-8 path", .path.display())]
    Binary {
        /// The path of the binary.
        path: PathBuf,
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
        /// What was attempted.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The report could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
}

impl InstallError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotJson { .. } => {
                "the file was left as it is; correct that line (JSON allows no comments \
                 and no trailing commas) and run the command again"
            }
            Self::NotObject { .. } => {
                "the file was left as it is; make that value an object such as {} \
                 and run the command again"
            }
            Self::Binary { .. } => "run maestro-mcp by its absolute path",
            Self::Busy { .. } => "close Claude Code and run the command again",
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

//! The helper's report: the wall that it raised, and the end of the program.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallStanding {
    /// The wall around the files.
    pub files: FileStanding,
    /// The wall around the network.
    pub network: NetworkStanding,
}

/// The wall around the files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "held", rename_all = "snake_case")]
pub enum FileStanding {
    /// No wall was requested.
    #[default]
    Off,
    /// Landlock restricts the files.
    Landlock {
        /// The kernel's ABI, 1 or more.
        abi: u32,
        /// True if mounts protect the closed parts of the project.
        #[serde(default)]
        covers: bool,
    },
    /// A wall was requested, but is not available.
    Missing {
        /// The reason.
        reason: String,
    },
}

/// The wall around the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "held", rename_all = "snake_case")]
pub enum NetworkStanding {
    /// The machine's own network.
    #[default]
    Open,
    /// A network of its own, with loopback and nothing else.
    LoopbackOnly,
    /// A wall was requested, but is not available.
    Missing {
        /// The reason.
        reason: String,
    },
}

impl WallStanding {
    /// The standing on a system without a wall: everything that was requested is missing.
    pub fn unsupported(wall: &super::Wall) -> Self {
        let reason = || "this system has no sandbox that Maestro can use".to_owned();
        Self {
            files: match wall.files {
                Some(_) => FileStanding::Missing { reason: reason() },
                None => FileStanding::Off,
            },
            network: match wall.network {
                super::Network::AsIs => NetworkStanding::Open,
                super::Network::LoopbackOnly => NetworkStanding::Missing { reason: reason() },
            },
        }
    }

    /// The reason why a requested part of the wall is missing; None if nothing is missing.
    pub fn missing(&self) -> Option<&str> {
        match (&self.files, &self.network) {
            (FileStanding::Missing { reason }, _) | (_, NetworkStanding::Missing { reason }) => Some(reason),
            _ => None,
        }
    }

    /// A description for results and `check`.
    pub fn in_words(&self) -> String {
        let files = match &self.files {
            FileStanding::Off => "none".to_owned(),
            FileStanding::Landlock { abi, .. } => format!("landlock (ABI {abi})"),
            FileStanding::Missing { reason } => format!("none: {reason}"),
        };
        match &self.network {
            NetworkStanding::Open => files,
            NetworkStanding::LoopbackOnly => format!("{files}; network: loopback only"),
            NetworkStanding::Missing { reason } => format!("{files}; network: open, {reason}"),
        }
    }
}

/// One line of the report.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// The wall is raised as described; the program starts next.
    Raised(WallStanding),
    /// The wall that the call requires cannot be raised, so nothing was run.
    Refused(String),
    /// The program could not be started: the system's error number, if there is one, and its message.
    NotStarted(Option<i32>, String),
    /// The program ended: its exit code or signal, and the number of descendants that were killed afterwards.
    Ended(End, usize),
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    Code(i32),
    Signal(i32),
}

/// A report as the caller reads it. Parts are None if the helper was killed before it reported them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// The wall that was raised.
    pub(crate) standing: Option<WallStanding>,
    /// The reason why nothing was run.
    pub(crate) refused: Option<String>,
    /// The error that prevented the start of the program.
    pub(crate) not_started: Option<(Option<i32>, String)>,
    /// The exit of the program, and the number of descendants that outlived it.
    pub(crate) ended: Option<(Exit, usize)>,
}

impl Report {
    /// Parses the lines of a report. Unreadable lines are ignored.
    pub(crate) fn parse(text: &[u8]) -> Self {
        let mut report = Self::default();
        for line in text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()) {
            match line {
                Line::Raised(standing) => report.standing = Some(standing),
                Line::Refused(reason) => report.refused = Some(reason),
                Line::NotStarted(number, words) => report.not_started = Some((number, words)),
                Line::Ended(end, outlived) => {
                    let exit = match end {
                        End::Code(code) => Exit::Code(code),
                        End::Signal(signal) => Exit::Signal(signal),
                    };
                    report.ended = Some((exit, outlived));
                }
            }
        }
        report
    }
}

/// The exit status of the program itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The program exited with this code.
    Code(i32),
    /// This signal killed the program.
    Signal(i32),
    /// Unknown, for example because SIGKILL did not end the program in time (uninterruptible I/O).
    Unknown,
}

impl Exit {
    /// True if the program exited with code 0.
    pub fn success(self) -> bool {
        self == Self::Code(0)
    }

    /// The exit code; None if a signal killed the program.
    pub fn code(self) -> Option<i32> {
        match self {
            Self::Code(code) => Some(code),
            Self::Signal(_) | Self::Unknown => None,
        }
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        let signal = status.signal().map(Self::Signal);
        status.code().map(Self::Code).or(signal).unwrap_or(Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_was_cut_short_tells_what_it_holds() {
        let raised = Line::Raised(WallStanding {
            files: FileStanding::Landlock { abi: 7, covers: true },
            network: NetworkStanding::Open,
        });
        let whole = format!(
            "{}\n{}\n",
            serde_json::to_string(&raised).unwrap(),
            serde_json::to_string(&Line::Ended(End::Signal(9), 2)).unwrap()
        );
        let read = Report::parse(whole.as_bytes());
        assert_eq!(read.ended, Some((Exit::Signal(9), 2)));
        assert_eq!(read.standing.unwrap().in_words(), "landlock (ABI 7)");
        for cut in 0..whole.len() {
            let torso = Report::parse(&whole.as_bytes()[..cut]);
            assert!(torso.ended.is_none() || cut == whole.len() - 1, "{cut}");
        }
    }
}

//! Reasons why a change is refused, with stable codes. The reference of errors has the next steps.

use std::fmt;

use serde::Serialize;
use strum::IntoStaticStr;

/// The class of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[cfg_attr(test, derive(strum::VariantArray))]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// The text cannot be parsed as a patch.
    PatchInvalid,
    /// The file does not contain the expected lines.
    ContextMismatch,
    /// The lines of a hunk occur more than once in the file.
    ContextNotUnique,
    /// The path must not be written.
    PathRefused,
    /// The file does not exist.
    FileMissing,
    /// The file exists already.
    FileExists,
    /// The file is larger than the limit.
    FileTooLarge,
    /// The file changed after it was checked.
    FileChanged,
    /// Another server is changing the project.
    ChangeLocked,
    /// The system refused the write.
    WriteFailed,
    /// The backup is missing or incomplete.
    BackupUnknown,
    /// The last patch of the run was not verified.
    ChangeUnverified,
    /// The log of the run cannot be used.
    LogUnavailable,
    /// The run has no approved change yet.
    ChangeNotApproved,
    /// The change is not the approved one.
    ChangeDiffers,
    /// A report waits for a decision.
    ApprovalPending,
    /// The file can run or permit something, and no approved change includes it.
    ChangeActs,
}

impl Reason {
    /// The stable code of this reason.
    pub fn code(self) -> &'static str {
        self.into()
    }

    /// True if the same change may succeed a little later.
    pub fn retryable(self) -> bool {
        self == Self::ChangeLocked
    }
}

/// A refusal of one file or of the whole change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The class of the refusal.
    pub reason: Reason,
    pub message: String,
    /// The next step, if it differs from the one of the class.
    pub next: Option<String>,
}

impl Refusal {
    pub fn new(reason: Reason, message: impl fmt::Display) -> Self {
        Self { reason, message: message.to_string(), next: None }
    }

    /// Returns the refusal with its own next step.
    pub fn with_next(self, next: String) -> Self {
        Self { next: Some(next), ..self }
    }
}

/// The SHA-256 and size that identify a content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Mark {
    /// SHA-256, in hexadecimal.
    pub sha256: String,
    pub bytes: u64,
}

impl Mark {
    pub fn of(content: &[u8]) -> Self {
        use sha2::Digest as _;
        let sha256 = super::words::hex(&sha2::Sha256::digest(content));
        Self { sha256, bytes: u64::try_from(content.len()).unwrap_or(u64::MAX) }
    }
}

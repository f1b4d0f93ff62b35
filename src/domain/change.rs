//! Reasons why a change is refused, with stable codes. The next steps are in the reference of errors.

use std::fmt;

use serde::Serialize;
use strum::IntoStaticStr;

/// The class of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[cfg_attr(test, derive(strum::VariantArray))]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// The text is not a readable patch.
    PatchInvalid,
    /// The file does not have the expected lines.
    ContextMismatch,
    /// The lines of a hunk occur in several places.
    ContextNotUnique,
    /// The path may not be written.
    PathRefused,
    /// The file does not exist.
    FileMissing,
    /// The file exists already.
    FileExists,
    /// The file is over the limit.
    FileTooLarge,
    /// The file changed since it was checked.
    FileChanged,
    /// Another server is changing the project.
    ChangeLocked,
    /// The system refused to write.
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
    /// The file runs or permits things, and no approved change names it.
    ChangeActs,
}

impl Reason {
    /// The stable code.
    pub fn code(self) -> &'static str {
        self.into()
    }

    /// True if the same change may succeed a little later.
    pub fn retryable(self) -> bool {
        self == Self::ChangeLocked
    }
}

/// A refusal of one file or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its class.
    pub reason: Reason,
    pub message: String,
    /// The next step, if it differs from the class's.
    pub next: Option<String>,
}

impl Refusal {
    pub fn new(reason: Reason, message: impl fmt::Display) -> Self {
        Self { reason, message: message.to_string(), next: None }
    }

    /// The same refusal, with its own next step.
    pub fn with_next(self, next: String) -> Self {
        Self { next: Some(next), ..self }
    }
}

/// The hash and size that identify a content.
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

//! Why a change is refused: stable codes, and what to do next.

use std::fmt;

use serde::Serialize;

/// The class of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The text is no patch that can be understood.
    PatchInvalid,
    /// The file does not hold what the patch expects.
    ContextMismatch,
    /// The lines of a hunk stand in several places.
    ContextNotUnique,
    /// The name may not be written.
    PathRefused,
    /// There is no such file.
    FileMissing,
    /// There is such a file already.
    FileExists,
    /// The file is over the limit.
    FileTooLarge,
    /// The file changed since it was checked.
    FileChanged,
    /// Another server is changing the project.
    ChangeLocked,
    /// The system refused.
    WriteFailed,
    /// The backup is not there or is not whole.
    BackupUnknown,
    /// The last patch of the run was not verified.
    ChangeUnverified,
    /// The log of the run cannot be used.
    LogUnavailable,
    /// The run has no approved change yet.
    ChangeNotApproved,
    /// It is another change than the one that was approved.
    ChangeDiffers,
    /// A report waits for a decision.
    ApprovalPending,
    /// The file runs or permits things, and no approved change names it.
    ChangeActs,
}

impl Reason {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::PatchInvalid => "patch_invalid",
            Self::ContextMismatch => "context_mismatch",
            Self::ContextNotUnique => "context_not_unique",
            Self::PathRefused => "path_refused",
            Self::FileMissing => "file_missing",
            Self::FileExists => "file_exists",
            Self::FileTooLarge => "file_too_large",
            Self::FileChanged => "file_changed",
            Self::ChangeLocked => "change_locked",
            Self::WriteFailed => "write_failed",
            Self::BackupUnknown => "backup_unknown",
            Self::ChangeUnverified => "change_unverified",
            Self::LogUnavailable => "log_unavailable",
            Self::ChangeNotApproved => "change_not_approved",
            Self::ChangeDiffers => "change_differs",
            Self::ApprovalPending => "approval_pending",
            Self::ChangeActs => "change_acts",
        }
    }

    /// True if the same change may succeed a little later.
    pub fn retryable(self) -> bool {
        self == Self::ChangeLocked
    }

    pub fn hint(self) -> &'static str {
        match self {
            Self::PatchInvalid => {
                "Send one unified diff (--- a/x, +++ b/x, @@ hunks), best in a ```diff fence."
            }
            Self::ContextMismatch => "Read the file again and make the diff from what it holds now.",
            Self::ContextNotUnique => "Give the right line numbers, or more lines of context.",
            Self::PathRefused => {
                "Name regular files inside the project; secrets, .git, .maestro and links are not patched."
            }
            Self::FileMissing => "Correct the name, or create the file with `--- /dev/null`.",
            Self::FileExists => "Send a diff against the file that is there, or choose another name.",
            Self::FileTooLarge => {
                "Edit the file with your own tools; patches take files of up to 1,000,000 bytes."
            }
            Self::FileChanged => "Nothing was written; read the file again and send a new diff.",
            Self::ChangeLocked => "Wait for the other server's change to end, then call again.",
            Self::WriteFailed => "Nothing was kept; make room or correct the permissions, then call again.",
            Self::ChangeUnverified => {
                "Run maestro_verify first, or undo the last patch with maestro_restore_from_backup."
            }
            Self::LogUnavailable => {
                "Mend what the message says of the log in .maestro, then call again; nothing was written."
            }
            Self::ChangeNotApproved => {
                "Hand the change in as stage implement (maestro_request_approval, outputs.diff); it may be applied once a human approved it."
            }
            Self::ChangeDiffers => {
                "Apply the approved diff as it is; hand another one in as stage debug (maestro_request_approval, outputs.change.diff)."
            }
            Self::ChangeActs => {
                "Leave that file to the user, or hand the change in within a run, as stage implement or debug: it is applied once a human approved it."
            }
            Self::ApprovalPending => {
                "Show the human the report and wait for the decision; nothing changes while it is read."
            }
            Self::BackupUnknown => {
                "Give the backup_session of a maestro_apply_patch result, and files that it changed."
            }
        }
    }
}

/// A refusal, of one file or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its class.
    pub reason: Reason,
    pub message: String,
    /// The next step, where it is not that of the class.
    pub next: Option<String>,
}

impl Refusal {
    /// A refusal.
    pub fn new(reason: Reason, message: impl fmt::Display) -> Self {
        Self { reason, message: message.to_string(), next: None }
    }

    /// The same, with a next step of its own.
    pub fn with_next(self, next: String) -> Self {
        Self { next: Some(next), ..self }
    }
}

/// The hash and size that identify a content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Mark {
    /// SHA-256, in hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub bytes: u64,
}

impl Mark {
    /// The mark of a content.
    pub fn of(content: &[u8]) -> Self {
        use sha2::Digest as _;
        let digit = |byte: u8| char::from_digit(u32::from(byte), 16).unwrap_or_default();
        let digest = sha2::Sha256::digest(content);
        let sha256 = digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        Self { sha256, bytes: u64::try_from(content.len()).unwrap_or(u64::MAX) }
    }
}

//! Change as its caller sees it.

use serde::{Serialize, Serializer};

use super::plan::{Detail, FileOffset, Planned, word};
use crate::domain::change::Refusal;
use crate::domain::diff::Action;
use crate::error::ErrorNote;
use crate::host::change::{Recovery, Store};

#[derive(Clone, Debug, Serialize)]
pub struct PatchOutcome {
    /// True if it applies, all of it.
    pub ok: bool,
    /// Why not.
    #[serde(flatten, serialize_with = "named_in_any_case")]
    pub error: Option<ErrorNote>,
    /// True if nothing was to be written.
    pub dry_run: bool,
    /// Files that were changed; those of a rename by their new names.
    pub files_changed: Vec<String>,
    /// Files that were made.
    pub files_created: Vec<String>,
    /// Files that were removed.
    pub files_deleted: Vec<String>,
    /// Files that stood in the way; because of them nothing was written.
    pub files_failed: Vec<String>,
    /// Every file of the patch.
    pub details: Vec<Detail>,
    pub backup_dir: Option<String>,
    /// The name by which `maestro_restore_from_backup` undoes it.
    pub backup_session: Option<String>,
    pub normalised: Vec<String>,
    /// Hunks that were found elsewhere than they said.
    pub offsets: Vec<FileOffset>,
    /// Changes of killed servers that were undone first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restored_after_crash: Vec<Recovery>,
}

/// The result of a patch has an `error` even where there is none.
#[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
fn named_in_any_case<S: Serializer>(note: &Option<ErrorNote>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Nothing {
        error: Option<ErrorNote>,
    }
    match note {
        Some(note) => note.serialize(serializer),
        None => Nothing { error: None }.serialize(serializer),
    }
}

impl PatchOutcome {
    pub(super) fn new(dry_run: bool) -> Self {
        Self {
            ok: true,
            error: None,
            dry_run,
            files_changed: Vec::new(),
            files_created: Vec::new(),
            files_deleted: Vec::new(),
            files_failed: Vec::new(),
            details: Vec::new(),
            backup_dir: None,
            backup_session: None,
            normalised: Vec::new(),
            offsets: Vec::new(),
            restored_after_crash: Vec::new(),
        }
    }

    pub(super) fn refused(mut self, refusal: &Refusal) -> Self {
        self.ok = false;
        self.error = Some(refusal.into());
        // Nothing was written, so nothing was changed.
        self.files_changed.clear();
        self.files_created.clear();
        self.files_deleted.clear();
        self
    }

    pub(super) fn planned(&mut self, planned: &Planned) {
        self.details.clone_from(&planned.details);
        self.offsets.clone_from(&planned.offsets);
        self.normalised.extend(planned.normalised.iter().cloned());
        for detail in &planned.details {
            let list = if !detail.ok {
                &mut self.files_failed
            } else if detail.action == word(Action::Create) || detail.action == word(Action::Copy) {
                &mut self.files_created
            } else if detail.action == word(Action::Delete) {
                &mut self.files_deleted
            } else {
                &mut self.files_changed
            };
            if !list.contains(&detail.path) {
                list.push(detail.path.clone());
            }
        }
    }

    pub(super) fn applied(&mut self, session: &str) {
        self.backup_dir = Some(Store::shown(session));
        self.backup_session = Some(session.to_owned());
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct RestoreOutcome {
    /// True if everything asked for is as it was.
    pub ok: bool,
    /// Why not.
    #[serde(flatten)]
    pub error: Option<ErrorNote>,
    /// The session that was restored.
    pub backup_session: String,
    /// The files that are as they were, those that were removed among them.
    pub restored_files: Vec<String>,
    /// The restored files that the patch had made, and that are gone again.
    pub removed_files: Vec<String>,
    /// Files that could not be restored, with the reasons; then nothing was restored.
    pub failed: Vec<Failed>,
    /// Restored files that somebody had changed after the patch.
    pub changed_since: Vec<String>,
    /// The session that undoes this restore.
    pub undo_session: Option<String>,
}

/// A file that was not restored.
#[derive(Clone, Debug, Serialize)]
pub struct Failed {
    /// Its name.
    pub path: String,
    /// Why.
    pub error: String,
}

impl RestoreOutcome {
    pub(super) fn new(session: &str) -> Self {
        Self {
            ok: true,
            error: None,
            backup_session: session.to_owned(),
            restored_files: Vec::new(),
            removed_files: Vec::new(),
            failed: Vec::new(),
            changed_since: Vec::new(),
            undo_session: None,
        }
    }

    pub(super) fn refused(mut self, refusal: &Refusal) -> Self {
        self.ok = false;
        self.error = Some(refusal.into());
        self.restored_files.clear();
        self.removed_files.clear();
        self.changed_since.clear();
        self
    }
}

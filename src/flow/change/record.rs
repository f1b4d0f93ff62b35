//! Changes on the record: a patch that was applied, one that was undone, and one that a killed
//! server left and that was taken back.

use crate::domain::event::record::{ChangeKind, Changed, ChangedFile};
use crate::flow::note::note_change;
use crate::flow::session::Session;
use crate::host::change::{Entry, Manifest, Recovery};

/// Record that the log holds of a patch beside its files.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Its text, masked.
    pub(super) patch: Option<String>,
    /// The request whose approved change it is.
    pub(super) approved_by: Option<String>,
}

/// Records a change that was carried out; what it undoes tells a restore from a patch.
pub(super) fn carried_out(session: &Session, run: Option<&str>, manifest: &Manifest, told: Told) {
    let kind = if manifest.undoes.is_some() { ChangeKind::RolledBack } else { ChangeKind::Applied };
    let files = manifest.files.iter().map(changed).collect();
    let Told { patch, approved_by } = told;
    let patch = patch.filter(|_| run.is_some());
    note_change(session, run, Changed { patch, approved_by, ..record(kind, manifest, files) });
}

/// Records what was taken back of a change that did not come to its end.
pub(super) fn recovered(session: &Session, run: Option<&str>, manifest: &Manifest, recovery: &Recovery) {
    let is_back = |entry: &&Entry| recovery.files.contains(&entry.path);
    let back = |entry: &Entry| {
        let file = changed(entry);
        ChangedFile { before: file.after, after: file.before, path: file.path }
    };
    let files = manifest.files.iter().filter(is_back).map(back).collect();
    let changed = Changed {
        undoes: Some(manifest.session.clone()),
        notes: recovery.notes.clone(),
        ..record(ChangeKind::Recovered, manifest, files)
    };
    note_change(session, run, changed);
}

fn record(kind: ChangeKind, manifest: &Manifest, files: Vec<ChangedFile>) -> Changed {
    Changed {
        kind,
        backup_session: manifest.session.clone(),
        undoes: manifest.undoes.clone(),
        root: manifest.root.clone(),
        files,
        patch_sha256: manifest.patch.as_ref().map(|mark| mark.sha256.clone()),
        patch: None,
        approved_by: None,
        notes: Vec::new(),
    }
}

fn changed(entry: &Entry) -> ChangedFile {
    ChangedFile {
        path: entry.path.clone(),
        before: entry.before.as_ref().map(|state| state.mark.sha256.clone()),
        after: entry.after.as_ref().map(|mark| mark.sha256.clone()),
    }
}

//! Changes on the record: a patch that was applied, one that was undone, and one that a killed
//! server left and that was taken back.

use crate::flow::ledger::{CallLog, ChangeKind, ChangeRecord, ChangedFile};
use crate::host::change::{Entry, Manifest, Recovery};

/// Records a change that was carried out; what it undoes tells a restore from a patch.
pub(super) fn carried_out(log: &dyn CallLog, manifest: &Manifest) {
    let kind = if manifest.undoes.is_some() { ChangeKind::RolledBack } else { ChangeKind::Applied };
    let files = manifest.files.iter().map(changed).collect();
    log.record_change(&record(kind, manifest, files));
}

/// Records what was taken back of a change that did not come to its end.
pub(super) fn recovered(log: &dyn CallLog, manifest: &Manifest, recovery: &Recovery) {
    let is_back = |entry: &&Entry| recovery.files.contains(&entry.path);
    let back = |entry: &Entry| {
        let file = changed(entry);
        ChangedFile { before: file.after, after: file.before, path: file.path }
    };
    let files = manifest.files.iter().filter(is_back).map(back).collect();
    log.record_change(&ChangeRecord {
        undoes: Some(manifest.session.clone()),
        notes: recovery.notes.clone(),
        ..record(ChangeKind::RecoveredAfterCrash, manifest, files)
    });
}

fn record(kind: ChangeKind, manifest: &Manifest, files: Vec<ChangedFile>) -> ChangeRecord {
    ChangeRecord {
        id: uuid::Uuid::now_v7().to_string(),
        kind,
        backup_session: manifest.session.clone(),
        undoes: manifest.undoes.clone(),
        root: manifest.root.clone(),
        files,
        patch: manifest.patch.clone(),
        notes: Vec::new(),
    }
}

fn changed(entry: &Entry) -> ChangedFile {
    ChangedFile {
        path: entry.path.clone(),
        before: entry.before.as_ref().map(|state| state.mark.clone()),
        after: entry.after.clone(),
    }
}

//! The changes that were made since the last report: nobody decides on a state of the project that
//! they were not shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::change::ProposedChange;
use crate::domain::event::record::{ChangeKind, Changed};
use crate::domain::text::{Text, say};

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedChange {
    pub kind: ChangeKind,
    /// The request whose approved change it is; none where nobody approved it.
    pub approved_by: Option<String>,
    /// Its files.
    pub files: Vec<AppliedFile>,
    /// Lines that it added.
    pub added: usize,
    /// Lines that it removed.
    pub removed: usize,
    /// Its first lines; empty where it is an undoing.
    pub text: String,
    pub lines_left_out: usize,
    /// The session that undoes it.
    pub backup_session: String,
}

/// A file of a change that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedFile {
    /// Its name.
    pub path: String,
    /// The action on it, in a word.
    pub action: String,
    /// True if an approved change of the run names it.
    pub is_expected: bool,
    before: Option<String>,
    after: Option<String>,
}

impl AppliedChange {
    /// A change of the log, beside the files that approved changes name.
    pub fn of(changed: &Changed, approved: &BTreeSet<String>) -> Self {
        let text = changed.patch.as_deref().unwrap_or_default();
        let ProposedChange { added, removed, text, lines_left_out, .. } = ProposedChange::read("", text);
        Self {
            kind: changed.kind,
            approved_by: changed.approved_by.clone(),
            files: changed
                .files
                .iter()
                .map(|file| AppliedFile {
                    path: file.path.clone(),
                    action: file.action().to_owned(),
                    is_expected: approved.contains(&file.path),
                    before: file.before.clone(),
                    after: file.after.clone(),
                })
                .collect(),
            added,
            removed,
            text,
            lines_left_out,
            backup_session: changed.backup_session.clone(),
        }
    }

    /// Returns what it is, in a line.
    pub(super) fn title(&self) -> Text {
        let paths: Vec<String> =
            self.files.iter().map(|file| format!("{} {}", file.action, file.path)).collect();
        let paths = paths.join(", ");
        let size = if self.text.is_empty() {
            String::new()
        } else {
            format!(" (+{} -{})", self.added, self.removed)
        };
        match (self.kind, &self.approved_by) {
            (ChangeKind::Applied, Some(_)) => say!("applied_approved", paths = paths, size = size),
            (ChangeKind::Applied, None) => say!("applied_unapproved", paths = paths, size = size),
            (ChangeKind::RolledBack, _) => say!("undone", paths = paths),
            (ChangeKind::Recovered, _) => say!("undone_after_kill", paths = paths),
        }
    }
}

/// Files that are not as they were and that no approved change named, each as a risk.
pub(super) fn risks(applied: &[AppliedChange]) -> Vec<Text> {
    let mut files: BTreeMap<&str, (&AppliedFile, &AppliedFile)> = BTreeMap::new();
    for file in applied.iter().flat_map(|change| &change.files) {
        let (_, last) = files.entry(&file.path).or_insert((file, file));
        *last = file;
    }
    let unexpected =
        files.into_iter().filter(|(_, (first, last))| !last.is_expected && first.before != last.after);
    unexpected.map(|(path, _)| say!("changed_unapproved", path = path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::record::ChangedFile;

    fn changed(kind: ChangeKind, path: &str, before: &str, after: &str) -> AppliedChange {
        let file = ChangedFile {
            path: path.to_owned(),
            before: Some(before.to_owned()),
            after: Some(after.to_owned()),
        };
        let changed = Changed {
            kind,
            backup_session: "b".to_owned(),
            undoes: None,
            root: String::new(),
            files: vec![file],
            patch_sha256: None,
            patch: None,
            approved_by: None,
            notes: Vec::new(),
        };
        AppliedChange::of(&changed, &["named.py".to_owned()].into())
    }

    #[test]
    fn a_file_that_no_approved_change_names_is_a_risk_once() {
        use ChangeKind::{Applied, RolledBack};
        let all = [
            changed(Applied, "named.py", "1", "2"),
            changed(Applied, "other.py", "1", "2"),
            changed(Applied, "other.py", "2", "3"),
            // What was undone is as it was.
            changed(Applied, "undone.py", "1", "2"),
            changed(RolledBack, "undone.py", "2", "1"),
        ];
        let found = risks(&all);
        let found: Vec<&str> = found.iter().map(Text::english).collect();
        assert_eq!(found, ["other.py was changed since the last report, and no approved change names it"]);
    }
}

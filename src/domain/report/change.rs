//! The changes that outputs propose: their files, their size, and as much of them as is shown.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::diff::{self, Action, FilePatch, Side};

/// Number of lines of a diff a report holds.
const MAX_LINES: usize = 160;

/// A proposed change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedChange {
    pub source: String,
    /// Its files; none where it could not be understood.
    pub files: Vec<ChangedFile>,
    /// Lines that it adds.
    pub added: usize,
    /// Lines that it removes.
    pub removed: usize,
    /// Why it could not be understood.
    pub problem: Option<String>,
    /// Its first lines.
    pub text: String,
    pub lines_left_out: usize,
}

/// A file of a proposed change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    /// Its path.
    pub path: String,
    /// The path that it had, if that is another.
    pub from: Option<String>,
    pub action: FileAction,
    /// Lines added.
    pub added: usize,
    /// Lines removed.
    pub removed: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileAction {
    /// It is made.
    Create,
    /// It is changed.
    Modify,
    /// It is removed.
    Delete,
    /// It gets another name.
    Rename,
    /// Another file is made from it.
    Copy,
}

impl ProposedChange {
    /// Reads a change; what cannot be read is kept as text, with the reason.
    pub(super) fn read(source: &str, text: &str) -> Self {
        let (files, problem) = match diff::parse(text) {
            Ok(patch) => (patch.files.iter().map(ChangedFile::from).collect(), None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let lines: Vec<&str> = text.trim_end().lines().collect();
        Self {
            source: source.to_owned(),
            added: files.iter().map(|file: &ChangedFile| file.added).sum(),
            removed: files.iter().map(|file| file.removed).sum(),
            files,
            problem,
            text: lines.iter().take(MAX_LINES).copied().collect::<Vec<_>>().join("\n"),
            lines_left_out: lines.len().saturating_sub(MAX_LINES),
        }
    }

    /// Files that it touches and that are none of those planned.
    pub(super) fn beyond(&self, planned: &[String]) -> Vec<String> {
        let planned: BTreeSet<&str> = planned.iter().map(|path| plain(path)).collect();
        let touched = self.files.iter().map(|file| file.path.as_str());
        touched.filter(|path| !planned.contains(plain(path))).map(str::to_owned).collect()
    }
}

fn plain(path: &str) -> &str {
    let path = path.trim().trim_matches('`');
    path.strip_prefix("./").unwrap_or(path)
}

impl From<&FilePatch> for ChangedFile {
    fn from(patch: &FilePatch) -> Self {
        let lines = |side| {
            let of = |hunk: &diff::Hunk| hunk.lines.iter().filter(|line| line.side == side).count();
            patch.hunks.iter().map(of).sum()
        };
        let (path, from) = match patch.action {
            Action::Create | Action::Modify => (&patch.new, None),
            Action::Delete => (&patch.old, None),
            Action::Rename | Action::Copy => (&patch.new, Some(patch.old.clone())),
        };
        Self {
            path: path.clone(),
            from,
            action: match patch.action {
                Action::Create => FileAction::Create,
                Action::Modify => FileAction::Modify,
                Action::Delete => FileAction::Delete,
                Action::Rename => FileAction::Rename,
                Action::Copy => FileAction::Copy,
            },
            added: lines(Side::Added),
            removed: lines(Side::Removed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "--- a/src/total.py\n+++ b/src/total.py\n@@ -1,2 +1,3 @@\n def total(items):\n-    return items[0]\n+    if not items:\n+        return 0\n";

    #[test]
    fn a_change_is_counted() {
        let change = ProposedChange::read("codex", PATCH);
        assert_eq!((change.files.len(), change.added, change.removed), (1, 2, 1));
        assert_eq!((change.problem.as_deref(), change.lines_left_out), (None, 0));
        assert!(change.beyond(&["./src/total.py".to_owned()]).is_empty());
        assert_eq!(change.beyond(&[]), ["src/total.py"]);
    }

    #[test]
    fn what_cannot_be_read_is_shown_with_the_reason() {
        let change = ProposedChange::read("codex", "change line 3\n");
        assert!(change.problem.unwrap().contains("no unified diff"));
        assert_eq!(change.text, "change line 3");
    }

    #[test]
    fn a_long_change_is_cut_and_says_by_how_much() {
        let text = format!("--- /dev/null\n+++ b/x\n@@ -0,0 +1,200 @@\n{}", "+line\n".repeat(200));
        let change = ProposedChange::read("codex", &text);
        assert_eq!((change.added, change.lines_left_out), (200, 203 - MAX_LINES));
        assert_eq!(change.text.lines().count(), MAX_LINES);
    }
}

//! The change of a patch, by the lines alone: by this two patches are known to be the same change,
//! however their hunks are cut.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Action, Patch, Side};
use crate::domain::change::Mark;

/// The changed lines of each file, by the name that it has afterwards.
pub type Changed = BTreeMap<String, ChangedLines>;

/// The change of a patch in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChangedLines {
    /// The name of the file that it was made from, where that is another.
    pub from: Option<String>,
    /// True if that file is gone afterwards, or this one is.
    pub removes: bool,
    /// True if it is executable afterwards, where the patch says so.
    pub executable: Option<bool>,
    /// Lines that it takes away, in order.
    pub removed: Vec<String>,
    /// Lines that it adds, in order.
    pub added: Vec<String>,
}

/// The changed lines of each file of a patch. Context, line numbers and line ends are no part of it.
pub fn changed_lines(patch: &Patch) -> Changed {
    let mut changed = Changed::new();
    for file in &patch.files {
        let known = changed.entry(file.new.clone()).or_default();
        match file.action {
            Action::Rename | Action::Copy => known.from = Some(file.old.clone()),
            Action::Create | Action::Modify | Action::Delete => {}
        }
        known.removes |= matches!(file.action, Action::Rename | Action::Delete);
        // A new file is not executable unless its patch says so.
        let said = file.executable.filter(|executable| *executable || file.action != Action::Create);
        known.executable = said.or(known.executable);
        for line in file.hunks.iter().flat_map(|hunk| &hunk.lines) {
            let text = line.text.trim_end_matches('\r').to_owned();
            match line.side {
                Side::Removed => known.removed.push(text),
                Side::Added => known.added.push(text),
                Side::Context => {}
            }
        }
    }
    changed
}

/// The digest of a proposed change: of its changed lines, or of its text where that is no patch.
pub fn digest(text: &str) -> String {
    let lines = super::parse(text).ok().and_then(|patch| serde_json::to_vec(&changed_lines(&patch)).ok());
    Mark::of(lines.as_deref().unwrap_or(text.as_bytes())).sha256
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::diff::parse;

    fn lines(text: &str) -> Changed {
        changed_lines(&parse(text).unwrap())
    }

    const ONE: &str = "--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n";

    #[test]
    fn context_and_numbers_are_no_part_of_a_change() {
        for same in [
            "--- a/x.py\n+++ b/x.py\n@@ -2 +2 @@\n-b\n+c\n",
            "--- a/x.py\n+++ b/x.py\n@@\n a\n-b\n+c\n",
            "diff --git a/x.py b/x.py\nindex 1..2 100644\n--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n",
        ] {
            assert_eq!(lines(same), lines(ONE), "{same}");
            assert_eq!(digest(same), digest(ONE));
        }
    }

    #[test]
    fn another_line_file_name_or_mode_is_another_change() {
        for other in [
            ONE.replace("+c", "+e"),
            ONE.replace("x.py", "y.py"),
            ONE.replace("+c\n", "+c\n+e\n").replace("+1,3", "+1,4"),
            format!("{ONE}--- /dev/null\n+++ b/z.py\n@@ -0,0 +1 @@\n+z\n"),
            format!(
                "diff --git a/x.py b/x.py\nold mode 100644\nnew mode 100755\n{ONE}"
            ),
            "diff --git a/w.py b/x.py\nrename from w.py\nrename to x.py\n--- a/w.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n".to_owned(),
        ] {
            assert_ne!(lines(&other), lines(ONE), "{other}");
            assert_ne!(digest(&other), digest(ONE));
        }
    }

    #[test]
    fn what_is_no_patch_has_a_digest_of_its_text() {
        assert_ne!(digest("change line 3"), digest("change line 4"));
    }
}

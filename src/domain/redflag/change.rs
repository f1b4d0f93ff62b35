//! The diff in an answer, as far as it can be understood.

use crate::domain::diff::{self, Action, DiffError, FilePatch, Patch, Side};

#[derive(Debug)]
pub(super) struct ProposedChange {
    /// The patch, or why it is none.
    pub(super) patch: Result<Patch, DiffError>,
    text: String,
}

impl ProposedChange {
    pub(super) fn of(text: &str) -> Self {
        Self { patch: diff::parse(text), text: text.to_owned() }
    }

    /// The files that it names; from its headers where it cannot be understood otherwise.
    pub(super) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.patch {
            Ok(patch) => patch.files.iter().flat_map(|file| [file.old.clone(), file.new.clone()]).collect(),
            Err(_) => self.text.lines().flat_map(header_names).collect(),
        };
        names.sort();
        names.dedup();
        names
    }

    /// Returns how many files it changes; a renamed one counts once.
    pub(super) fn count(&self) -> usize {
        match &self.patch {
            Ok(patch) => patch.files.len(),
            Err(_) => self.files().len(),
        }
    }

    /// Lines that are added or removed.
    pub(super) fn changed_lines(&self) -> usize {
        match &self.patch {
            Ok(patch) => patch.changed_lines(),
            Err(_) => self.text.lines().filter(|line| is_changed(line)).count(),
        }
    }

    /// True if applying it changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        let moves = |file: &FilePatch| file.action != Action::Modify || file.executable.is_some();
        self.changed_lines() == 0 && !self.patch.as_ref().is_ok_and(|patch| patch.files.iter().any(moves))
    }

    /// The content it would bring in: what it removes or leaves alone is nobody's proposal.
    pub(super) fn added(&self) -> String {
        let lines: Vec<&str> = match &self.patch {
            Ok(patch) => patch
                .files
                .iter()
                .flat_map(|file| &file.hunks)
                .flat_map(|hunk| &hunk.lines)
                .filter(|line| line.side == Side::Added)
                .map(|line| line.text.as_str())
                .collect(),
            Err(_) => self
                .text
                .lines()
                .filter(|line| is_changed(line))
                .filter_map(|line| line.strip_prefix('+'))
                .collect(),
        };
        lines.join("\n")
    }
}

/// True if a text means to be a diff.
pub(super) fn looks_like_one(text: &str) -> bool {
    let headers = text.lines().any(|line| line.starts_with("diff --git ") || line.starts_with("@@ "));
    headers || text.lines().zip(text.lines().skip(1)).any(|(old, new)| is_names(old, new))
}

fn is_names(old: &str, new: &str) -> bool {
    old.starts_with("--- ") && new.starts_with("+++ ")
}

/// True if a line belongs to a diff, and not to what is said around it.
pub(super) fn is_line(line: &str) -> bool {
    line.starts_with(['+', '-', ' ', '@']) || line.starts_with("diff --git ") || line.starts_with("index ")
}

fn is_changed(line: &str) -> bool {
    line.starts_with(['+', '-']) && !line.starts_with("+++ ") && !line.starts_with("--- ")
}

fn header_names(line: &str) -> Vec<String> {
    let rest = ["+++ ", "--- ", "rename to ", "rename from "].iter().find_map(|mark| line.strip_prefix(mark));
    let names: Vec<&str> = match (rest, line.strip_prefix("diff --git ")) {
        (Some(rest), _) => vec![rest.split('\t').next().unwrap_or(rest)],
        (None, Some(both)) => both.split(' ').collect(),
        (None, None) => Vec::new(),
    };
    let plain = |name: &str| {
        let name = name.trim().trim_matches('"');
        name.strip_prefix("a/").or_else(|| name.strip_prefix("b/")).unwrap_or(name).to_owned()
    };
    names.into_iter().map(plain).filter(|name| name != "/dev/null" && !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "diff --git a/src/a.py b/src/a.py\n--- a/src/a.py\n+++ b/src/a.py\n@@ -1,2 +1,2 @@\n-x = eval(y)\n+x = int(y)\n z = 1\ndiff --git a/.env b/.env\n--- a/.env\n+++ b/.env\n@@ -1 +1 @@\n-A=1\n+A=2\n";

    #[test]
    fn files_lines_and_additions_are_read() {
        let change = ProposedChange::of(TWO);
        assert_eq!(change.files(), [".env", "src/a.py"]);
        assert_eq!((change.count(), change.changed_lines()), (2, 4));
        assert_eq!(change.added(), "x = int(y)\nA=2");
    }

    #[test]
    fn a_broken_diff_is_read_as_far_as_it_goes() {
        let broken = TWO.replace(" z = 1", "no line of a diff");
        let change = ProposedChange::of(&broken);
        assert!(change.patch.is_err());
        assert_eq!(change.files(), [".env", "src/a.py"]);
        assert_eq!(change.changed_lines(), 4);
        assert_eq!(change.added(), "x = int(y)\nA=2");
    }

    #[test]
    fn prose_with_dashes_is_no_diff() {
        assert!(looks_like_one(TWO));
        assert!(!looks_like_one("- a point\n- another\n\n---\n\n+1"));
    }
}

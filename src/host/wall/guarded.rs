//! Files in a project that other programs obey by themselves: permissions and hooks of an agent, tasks of an
//! editor, git hooks, continuous integration. A check may read them but has no reason to change them.
//! Existing ones are write-protected while a check runs. New ones are searched for afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::permits::guarded;
use crate::host::file_stamp::FileStamp;

/// Directories that are skipped, because some are very large, and a program that finds settings in one does
/// not obey them. This list is shorter than `foreign_directories`: people also open a `vendor` or a `build`
/// directory in an editor, and then its settings count.
const PASSED_OVER: [&str; 9] =
    [".git", ".maestro", "node_modules", "target", ".venv", "venv", "__pycache__", ".tox", ".nox"];

/// Maximum depth of directories that are searched, for the packages of a repository.
const DEEPEST: usize = 4;

/// Maximum number of entries that are examined.
const MOST_ENTRIES: usize = 20_000;

/// The guarded files of a project, as they were at one moment.
#[derive(Clone, Debug, Default)]
pub struct Guarded {
    /// The guarded entries: files, and directories with everything below.
    entries: Vec<PathBuf>,
    files: BTreeMap<PathBuf, FileStamp>,
}

impl Guarded {
    /// Finds the guarded files of a project.
    pub fn of(root: &Path) -> Self {
        let mut found = Self::default();
        let mut left = MOST_ENTRIES;
        found.look(root, DEEPEST, &mut left);
        found
    }

    /// The existing guarded entries.
    pub fn entries(&self) -> &[PathBuf] {
        &self.entries
    }

    /// The files outside `protected` that were changed, removed or created until `now`.
    pub fn changed(&self, now: &Self, protected: &[PathBuf]) -> Vec<PathBuf> {
        let all = self.files.keys().chain(now.files.keys().filter(|path| !self.files.contains_key(*path)));
        let differs = |path: &&PathBuf| self.files.get(*path) != now.files.get(*path);
        let is_open = |path: &&PathBuf| !protected.iter().any(|entry| path.starts_with(entry));
        all.filter(differs).filter(is_open).cloned().collect()
    }

    fn look(&mut self, directory: &Path, levels: usize, left: &mut usize) {
        for (path, kind, name) in entries(directory, left) {
            if guarded(&name, kind.is_dir()).is_some() || (kind.is_symlink() && is_named(&name)) {
                self.take(&path, left);
                self.entries.push(path);
            } else if kind.is_dir() && levels > 1 && !PASSED_OVER.contains(&name.as_str()) {
                self.look(&path, levels - 1, left);
            }
        }
    }

    fn take(&mut self, path: &Path, left: &mut usize) {
        let Ok(found) = fs::symlink_metadata(path) else { return };
        if !found.is_dir() {
            self.files.insert(path.to_owned(), FileStamp::of(&found));
            return;
        }
        for (below, _, _) in entries(path, left) {
            self.take(&below, left);
        }
    }
}

/// True if the name is that of a guarded file or directory. For a link both count, because a program that
/// obeys the file follows the link.
fn is_named(name: &str) -> bool {
    guarded(name, true).or_else(|| guarded(name, false)).is_some()
}

fn entries(directory: &Path, left: &mut usize) -> Vec<(PathBuf, fs::FileType, String)> {
    let Ok(found) = fs::read_dir(directory) else { return Vec::new() };
    let found: Vec<_> = found
        .flatten()
        .take(*left)
        .filter_map(|entry| {
            Some((entry.path(), entry.file_type().ok()?, entry.file_name().to_string_lossy().into_owned()))
        })
        .collect();
    *left = left.saturating_sub(found.len());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_changed_or_gone_is_found_wherever_it_lies() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let write = |name: &str, text: &str| {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), text).unwrap();
        };
        for name in [".claude/settings.json", ".vscode/tasks.json", "web/.mcp.json", "src/a.py"] {
            write(name, "{}");
        }
        write("node_modules/x/.vscode/settings.json", "{}");
        let before = Guarded::of(root.path());
        let mut entries = before.entries().to_vec();
        entries.sort();
        assert_eq!(entries, [at(".claude"), at(".vscode"), at("web/.mcp.json")]);
        assert!(before.changed(&Guarded::of(root.path()), &[]).is_empty());
        write(".claude/hooks/run.sh", "x");
        write("web/app/.codex/config.toml", "x");
        write("web/.mcp.json", "{ }");
        write("src/a.py", "changed");
        write("node_modules/x/.vscode/settings.json", "changed");
        fs::remove_file(at(".vscode/tasks.json")).unwrap();
        std::os::unix::fs::symlink(at("src"), at(".gemini")).unwrap();
        let changed = |protected: &[PathBuf]| {
            let mut found = before.changed(&Guarded::of(root.path()), protected);
            found.sort();
            found
        };
        let all = [
            at(".claude/hooks/run.sh"),
            at(".gemini"),
            at(".vscode/tasks.json"),
            at("web/.mcp.json"),
            at("web/app/.codex/config.toml"),
        ];
        assert_eq!(changed(&[]), all);
        assert_eq!(changed(before.entries()), [at(".gemini"), at("web/app/.codex/config.toml")]);
    }
}

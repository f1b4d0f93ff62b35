//! Files that act by themselves in a project (permissions and hooks of a host, tasks of an editor, git hooks,
//! continuous integration). A check may read them and has no reason to change them. Those that exist are
//! write-protected while a check runs. Those that do not exist yet are looked for afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::domain::permits::guarded;

/// Directories that are skipped: they hold no settings, and some are very large.
const PASSED_OVER: [&str; 9] =
    [".git", ".maestro", "node_modules", "target", ".venv", "venv", "__pycache__", ".tox", ".nox"];

/// Levels of directories that are looked at, for the packages of a repository.
const DEEPEST: usize = 4;

/// Entries that are looked at.
const MOST_ENTRIES: usize = 20_000;

/// State of a file, to see whether it changed.
type Stamp = (u64, u64, i64, i64, i64, i64);

/// Files that act by themselves in a project, as they were at one moment.
#[derive(Clone, Debug, Default)]
pub struct Guarded {
    /// The entries themselves: directories with all below them, and files.
    entries: Vec<PathBuf>,
    files: BTreeMap<PathBuf, Stamp>,
}

impl Guarded {
    /// Looks at a project.
    pub fn of(root: &Path) -> Self {
        let mut found = Self::default();
        let mut left = MOST_ENTRIES;
        found.look(root, DEEPEST, &mut left);
        found
    }

    /// The entries that there are.
    pub fn entries(&self) -> &[PathBuf] {
        &self.entries
    }

    /// The files that are others now, or gone, or new, but for what lies in `protected`.
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
            let stamp = (
                found.ino(),
                found.size(),
                found.mtime(),
                found.mtime_nsec(),
                found.ctime(),
                found.ctime_nsec(),
            );
            self.files.insert(path.to_owned(), stamp);
            return;
        }
        for (below, _, _) in entries(path, left) {
            self.take(&below, left);
        }
    }
}

/// A link in the place of a directory or a file leads a host to what it points at.
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

//! A directory that git works in: the main one of its repository, or a worktree.

use std::path::{Path, PathBuf};

/// A checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// Its top directory.
    pub root: PathBuf,
    /// The repository that it shares with others.
    repository: PathBuf,
}

impl Checkout {
    /// The one that a path lies in, whether there is something at the path or not.
    pub fn around(path: &Path) -> Option<Self> {
        let there = path.ancestors().find_map(|above| above.canonicalize().ok())?;
        let root = there.ancestors().find(|above| above.join(".git").exists())?.to_owned();
        let repository = repository(&root)?;
        Some(Self { root, repository })
    }

    /// True if its repository has more checkouts than the main one.
    pub fn has_others(&self) -> bool {
        let worktrees = std::fs::read_dir(self.repository.join("worktrees"));
        worktrees.is_ok_and(|mut entries| entries.next().is_some())
    }

    /// True if another one is of the same repository and in another place.
    pub fn is_beside(&self, other: &Self) -> bool {
        self.repository == other.repository && self.root != other.root
    }
}

/// The repository of a checkout: its `.git`, or what that points to, without the worktree's own part.
fn repository(root: &Path) -> Option<PathBuf> {
    const MOST_BYTES: u64 = 4_096;
    let git = root.join(".git");
    let about = std::fs::metadata(&git).ok()?;
    if about.is_dir() {
        return git.canonicalize().ok();
    }
    if !about.is_file() || about.len() > MOST_BYTES {
        return None;
    }
    let text = std::fs::read_to_string(&git).ok()?;
    let own = root.join(text.strip_prefix("gitdir:")?.trim()).canonicalize().ok()?;
    let above = own.parent()?;
    if above.file_name().is_some_and(|name| name == "worktrees") {
        return above.parent().map(Path::to_owned);
    }
    Some(own)
}

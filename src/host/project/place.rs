//! Where programs may work, and which paths they may be given.

use std::path::{Component, Path, PathBuf};

use super::{Project, Refusal};

impl Project {
    /// A directory of the project, resolved; none named is the project root.
    ///
    /// # Errors
    ///
    /// It is not there, no directory, or outside.
    pub fn directory(&self, given: Option<&str>) -> Result<PathBuf, Refusal> {
        let root = self.roots.first().ok_or(Refusal::NotFound)?;
        let given = given.unwrap_or_default();
        if Path::new(given).is_relative() && self.leads_out(Path::new(given)) {
            return Err(Refusal::Outside);
        }
        let real = root.join(given).canonicalize().map_err(|_| Refusal::NotFound)?;
        if !self.is_inside(&real) {
            return Err(Refusal::Outside);
        }
        if real.is_dir() { Ok(real) } else { Err(Refusal::Special) }
    }

    /// True if a path, as a program in this directory would follow it, stays in the project. A path that
    /// is not there yet is judged by its nearest parent that is.
    pub fn holds(&self, directory: &Path, path: &str) -> bool {
        if path.starts_with('~') {
            return false;
        }
        let mut here = directory.join(path);
        let mut missing: Vec<PathBuf> = Vec::new();
        loop {
            match here.canonicalize() {
                Ok(real) => {
                    let through = missing.iter().any(|part| !is_plain(part));
                    return !through && self.is_inside(&real);
                }
                // A link that leads nowhere may lead somewhere later.
                Err(_) if here.is_symlink() => return false,
                Err(_) => {}
            }
            let Some(last) = here.components().next_back() else { return false };
            missing.push(PathBuf::from(last.as_os_str()));
            if !here.pop() {
                return false;
            }
        }
    }

    /// The path as results show it.
    pub fn shown_directory(&self, directory: &Path) -> String {
        match self.shown(directory) {
            shown if shown.is_empty() => ".".to_owned(),
            shown => shown,
        }
    }

    fn is_inside(&self, real: &Path) -> bool {
        self.roots.iter().any(|root| real.starts_with(root))
    }
}

fn is_plain(part: &Path) -> bool {
    part.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

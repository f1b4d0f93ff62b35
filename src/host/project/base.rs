//! Where a change is made: a root, and the directory below it that names are relative to.

use std::path::{Path, PathBuf};

use super::{Project, Refusal};
use crate::domain::secret_path::{self, folded};

/// A directory of the project whose files may be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The root that it belongs to.
    pub root: PathBuf,
    /// Itself, relative to the root.
    pub prefix: PathBuf,
}

impl Project {
    /// A directory inside the project root; that itself where none is given.
    ///
    /// # Errors
    ///
    /// It is not there, no directory, or outside.
    pub fn base(&self, given: Option<&str>) -> Result<Base, Refusal> {
        let first = self.roots.first().ok_or(Refusal::NotFound)?;
        if let Some(refusal) = self.refuses_changes() {
            return Err(refusal);
        }
        let Some(given) = given else {
            return Ok(Base { root: first.clone(), prefix: PathBuf::new() });
        };
        let real = first.join(given).canonicalize().map_err(|_| {
            if self.leads_out(Path::new(given)) { Refusal::Outside } else { Refusal::NotFound }
        })?;
        // Further roots are there to be read.
        if !real.starts_with(first) && self.roots.iter().any(|root| real.starts_with(root)) {
            return Err(Refusal::ReadOnly);
        }
        let prefix = real.strip_prefix(first).map_err(|_| Refusal::Outside)?.to_owned();
        if !real.is_dir() {
            return Err(Refusal::Unreadable("not a directory".to_owned()));
        }
        Ok(Base { root: first.clone(), prefix })
    }

    /// A root by its name.
    pub fn known_root(&self, name: &str) -> Option<&Path> {
        self.roots.iter().map(PathBuf::as_path).find(|root| root.to_str() == Some(name))
    }

    /// Why a file of a root is not changed, whatever it holds; none where it may be.
    pub fn refuses_change(&self, relative: &str) -> Option<String> {
        if self.roots.iter().any(|root| self.is_own(&root.join(relative))) {
            return Some("it belongs to Maestro's own directories".to_owned());
        }
        let parts = || relative.split(['/', '\\']).map(folded);
        if parts().any(|part| part == ".maestro") {
            return Some("it belongs to Maestro's own store".to_owned());
        }
        if parts().any(|part| part == ".git" || part == "git~1") {
            return Some("it belongs to the repository's internals".to_owned());
        }
        self.secrets.refuse(Path::new(relative)).map(secret_path::refusal)
    }
}

//! A text that a check of the project looks at: a file below the project for as long as the check
//! takes, since a check may only be given paths inside the project.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};

use crate::domain::verification::rules::ORACLE_DIRECTORY;

/// The directory, below the project root.
const STORE: &str = ORACLE_DIRECTORY;

/// The path of an exhibit that is not there yet, to judge a command by.
pub const EXAMPLE: &str = ".maestro/oracle/answer.txt";

/// A file that is removed when this is dropped.
#[derive(Debug)]
pub struct Exhibit {
    root: PathBuf,
    name: String,
}

impl Exhibit {
    /// Writes a text to a new file below the project root.
    ///
    /// # Errors
    ///
    /// The project cannot be written to.
    pub fn new(project_root: &Path, text: &str) -> std::io::Result<Self> {
        // Everything goes through a capability of the root: a link in the project leads nowhere else.
        let root = Dir::open_ambient_dir(project_root, ambient_authority())?;
        root.create_dir_all(STORE)?;
        let store = root.open_dir(STORE)?;
        match write_new(&store, ".gitignore", "*\n") {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let name = format!("answer-{}.txt", uuid::Uuid::now_v7());
        write_new(&store, &name, text)?;
        Ok(Self { root: project_root.to_owned(), name })
    }

    /// Its path relative to the project root. It holds no character that a command would need quoted.
    pub fn path(&self) -> String {
        format!("{STORE}/{}", self.name)
    }
}

impl Drop for Exhibit {
    fn drop(&mut self) {
        let store =
            Dir::open_ambient_dir(&self.root, ambient_authority()).and_then(|root| root.open_dir(STORE));
        if let Err(error) = store.and_then(|store| store.remove_file(&self.name)) {
            tracing::debug!(%error, "an exhibit could not be removed");
        }
    }
}

fn write_new(store: &Dir, name: &str, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    store.open_with(name, &options)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exhibit_is_there_as_long_as_it_is_needed() {
        let project = tempfile::tempdir().unwrap();
        let exhibit = Exhibit::new(project.path(), "an answer").unwrap();
        let path = project.path().join(exhibit.path());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "an answer");
        drop(exhibit);
        assert!(!path.exists());
        assert!(project.path().join(STORE).join(".gitignore").exists());
    }

    #[test]
    fn a_link_leads_nowhere_else() {
        let (project, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(elsewhere.path(), project.path().join(".maestro")).unwrap();
        assert!(Exhibit::new(project.path(), "x").is_err());
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}

//! Which file of a project's own rules a person has confirmed, by its hash, in the user's directory.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::environment::Environment;
use crate::domain::verification::policy::ProjectState;

/// The project's rules, relative to its root.
pub const PROJECT_FILE: &str = ".maestro/verification.yaml";

/// The largest such file, in bytes.
const MOST_BYTES: u64 = 256 * 1024;

/// The hashes that were confirmed, by project root.
#[derive(Debug)]
pub struct Trust {
    file: PathBuf,
}

impl Trust {
    /// The user's record; none where there is no user's directory.
    #[must_use]
    pub fn of(environment: &Environment) -> Option<Self> {
        Some(Self { file: environment.maestro_home()?.join("trusted.json") })
    }

    /// What a project's rules are worth.
    #[must_use]
    pub fn state(&self, root: &Path, rules: &[u8]) -> ProjectState {
        match self.read().get(&key(root)) {
            None => ProjectState::Unconfirmed,
            Some(known) if *known == hash(rules) => ProjectState::Confirmed,
            Some(_) => ProjectState::Changed,
        }
    }

    /// Records that a person has confirmed them.
    ///
    /// # Errors
    ///
    /// The record cannot be written.
    pub fn confirm(&self, root: &Path, rules: &[u8]) -> io::Result<()> {
        let mut known = self.read();
        known.insert(key(root), hash(rules));
        let directory = self.file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(directory)?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(serde_json::to_string_pretty(&known)?.as_bytes())?;
        file.persist(&self.file).map_err(|error| error.error)?;
        Ok(())
    }

    fn read(&self) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// The project's rules, where it has any.
///
/// # Errors
///
/// There is something of that name that is no file of a reasonable size.
pub fn project_rules(root: &Path) -> io::Result<Option<Vec<u8>>> {
    let path = root.join(PROJECT_FILE);
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(found) if !found.is_file() || found.len() > MOST_BYTES => {
            return Err(io::Error::other("no regular file of at most 256 KiB"));
        }
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn key(root: &Path) -> String {
    root.canonicalize().unwrap_or_else(|_| root.to_owned()).display().to_string()
}

fn hash(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_confirmed_counts_until_it_changes() {
        let home = tempfile::tempdir().unwrap();
        let trust = Trust { file: home.path().join("a/trusted.json") };
        let (one, other) = (Path::new("/one"), Path::new("/other"));
        assert_eq!(trust.state(one, b"x"), ProjectState::Unconfirmed);
        trust.confirm(one, b"x").unwrap();
        assert_eq!(trust.state(one, b"x"), ProjectState::Confirmed);
        assert_eq!(trust.state(one, b"y"), ProjectState::Changed);
        assert_eq!(trust.state(other, b"x"), ProjectState::Unconfirmed);
    }
}

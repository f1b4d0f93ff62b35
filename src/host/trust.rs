//! Trust in a project's own files under `.maestro/`. The author of the project wrote them, so most of their
//! settings apply only after a person has confirmed them. The hash of the confirmed files is kept in the
//! user's directory. A change of any file cancels the trust.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::change::Obstacle;
use super::own_files::{DIRECTORY, Unread, own_files, read, text_of};
use crate::domain::words::hex;

/// Maximum size of all files together, in bytes.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The file in the user's directory that records the confirmed hashes.
const RECORD: &str = "trusted.json";

/// A person's trust in the current files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// The files have the confirmed hash.
    Trusted,
    /// No person has confirmed files of this project.
    #[default]
    Unconfirmed,
    /// The files changed after they were confirmed.
    Changed,
}

/// All of a project's files for Maestro, as read at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectLayer {
    /// By its name below `.maestro/`, the text of each file or the reason why it is not read.
    files: BTreeMap<String, Result<String, Unread>>,
    pub standing: Trust,
}

impl ProjectLayer {
    /// Reads the files with these names, and compares their hash with the record.
    pub fn read<'a>(root: &Path, names: impl Iterator<Item = &'a str>, record: Option<&Path>) -> Self {
        let mut layer = Self::default();
        let own = match own_files(root) {
            Ok(Some(own)) => own,
            Ok(None) => return layer,
            Err(unread) => {
                layer.files.insert(String::new(), Err(unread));
                return layer;
            }
        };
        let mut left = MOST_BYTES;
        for name in names {
            let text = match read(&own, name) {
                Ok(None) => continue,
                Ok(Some(bytes)) if bytes.len() > left => Err(Obstacle::TooLarge(left as u64).into()),
                Ok(Some(bytes)) => {
                    left -= bytes.len();
                    text_of(name, bytes)
                }
                Err(unread) => Err(unread),
            };
            layer.files.insert(name.to_owned(), text);
        }
        if let Some(record) = record.filter(|_| !layer.files.is_empty()) {
            layer.standing = match known(record).get(&key(root)) {
                None => Trust::Unconfirmed,
                Some(known) if *known == layer.hash() => Trust::Trusted,
                Some(_) => Trust::Changed,
            };
        }
        layer
    }

    /// The first existing file among these names.
    pub fn file<'a>(&self, names: impl Iterator<Item = &'a str>) -> Option<(&str, Result<&str, &Unread>)> {
        let mut names = names;
        names.find_map(|name| self.files.get_key_value(name)).map(named)
    }

    /// Every existing file.
    pub fn files(&self) -> impl Iterator<Item = (&str, Result<&str, &Unread>)> {
        self.files.iter().map(named)
    }

    /// The hash of all names and texts, which a person confirms.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for (name, text) in &self.files {
            // A file that is not read has no effect, so the hash leaves it out.
            let Ok(text) = text else { continue };
            for part in [name, text] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        format!("sha256:{}", hex(&hash.finalize()))
    }
}

fn named<'a>(
    (name, text): (&'a String, &'a Result<String, Unread>),
) -> (&'a str, Result<&'a str, &'a Unread>) {
    (name, text.as_deref())
}

/// The path of a file for display.
pub fn shown(name: &str) -> String {
    if name.is_empty() { DIRECTORY.to_owned() } else { format!("{DIRECTORY}/{name}") }
}

/// The path of the record in the user's directory.
pub fn record(user: &Path) -> PathBuf {
    user.join(RECORD)
}

/// Records that a person has confirmed this hash.
///
/// # Errors
///
/// The record cannot be written.
pub fn confirm(record: &Path, root: &Path, hash: &str) -> io::Result<()> {
    let mut known = known(record);
    known.insert(key(root), hash.to_owned());
    let directory = record.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(serde_json::to_string_pretty(&known)?.as_bytes())?;
    file.persist(record).map_err(|error| error.error)?;
    Ok(())
}

fn known(record: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(record).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn key(root: &Path) -> String {
    root.canonicalize().unwrap_or_else(|_| root.to_owned()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_confirmed_counts_until_any_of_it_changes() {
        let home = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        let record = home.path().join("a/trusted.json");
        let own = root.path().join(DIRECTORY);
        let read = || ProjectLayer::read(root.path(), ["a.yaml", "b.md"].into_iter(), Some(&record));
        assert_eq!((read().standing, read().files().count()), (Trust::Unconfirmed, 0));
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("a.yaml"), "x: 1").unwrap();
        assert_eq!(read().standing, Trust::Unconfirmed);
        confirm(&record, root.path(), &read().hash()).unwrap();
        assert_eq!(read().standing, Trust::Trusted);
        std::fs::write(own.join("unheard-of"), "").unwrap();
        assert_eq!(read().standing, Trust::Trusted);
        for (name, text) in [("b.md", ""), ("a.yaml", "x: 2")] {
            std::fs::write(own.join(name), text).unwrap();
            assert_eq!(read().standing, Trust::Changed, "{name}");
        }
        // Letters that move from one file to another change the hash.
        let hash = |a: &str, b: &str| {
            std::fs::write(own.join("a.yaml"), a).unwrap();
            std::fs::write(own.join("b.md"), b).unwrap();
            read().hash()
        };
        assert_ne!(hash("ab", "c"), hash("a", "bc"));
        let other = tempfile::tempdir().unwrap();
        std::fs::create_dir(other.path().join(DIRECTORY)).unwrap();
        std::fs::copy(own.join("a.yaml"), other.path().join(".maestro/a.yaml")).unwrap();
        let elsewhere = ProjectLayer::read(other.path(), ["a.yaml", "b.md"].into_iter(), Some(&record));
        assert_eq!(elsewhere.standing, Trust::Unconfirmed);
    }
}

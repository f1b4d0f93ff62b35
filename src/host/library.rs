//! The texts that ship with Maestro (configuration, skills, roles, schemas, the reference), and the files
//! of a user or a project that replace them.

use std::path::PathBuf;

use super::own_files::DIRECTORY;
use super::trust::{self, ProjectLayer, Trust};
use crate::domain::packed;

/// Origin of texts inside this binary.
pub const BUILT_IN: &str = "built in";

/// A text with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub text: String,
    /// `built in`, or the file.
    pub origin: String,
}

impl Document {
    /// The text of a file. Some editors begin it with a byte order mark.
    fn of_file(text: &str, origin: String) -> Self {
        Self { text: text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(), origin }
    }
}

/// Access to every document by its path in the repository, for example `roles/judge.md`.
#[derive(Clone, Debug)]
pub struct Library {
    user: Option<PathBuf>,
    /// The root of the project.
    project: Option<PathBuf>,
}

/// The directories of the shipped documents.
const SHIPPED: [&str; 4] = ["conf", "roles", "schemas", "skills"];

/// The path of every shipped document.
fn shipped() -> impl Iterator<Item = &'static str> {
    SHIPPED.into_iter().flat_map(packed::below).map(|file| file.path).chain(["SKILLS.md"])
}

impl Library {
    /// A library over the user's directory and a project's root; either may be missing.
    pub fn new(user: Option<PathBuf>, project: Option<PathBuf>) -> Self {
        Self { user, project }
    }

    /// The document in force: the user's, else the project's if a person trusted it, else the shipped one.
    ///
    /// # Errors
    ///
    /// The replacement cannot be read, or no document with this path ships.
    pub fn read(&self, path: &str) -> std::io::Result<Document> {
        if let Some(document) = self.of_user(path) {
            return document;
        }
        if self.has_of_project(path) {
            let layer = self.layer();
            if let Some(document) = Self::of_layer(&layer, path).filter(|_| layer.standing == Trust::Trusted)
            {
                return document;
            }
        }
        Self::embedded(path).ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))
    }

    /// The shipped document at a path.
    pub fn embedded(path: &str) -> Option<Document> {
        let path = shipped().find(|known| *known == path)?;
        Some(Document { text: packed::text(path)?, origin: BUILT_IN.to_owned() })
    }

    /// The user's document, else the shipped one. For documents that a project must not replace.
    ///
    /// # Errors
    ///
    /// The user's document cannot be read.
    pub fn of_user_or_ours(&self, path: &str) -> std::io::Result<Document> {
        let ours = || Self::embedded(path).ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound));
        self.of_user(path).unwrap_or_else(ours)
    }

    /// The user's document, if there is one.
    pub fn of_user(&self, path: &str) -> Option<std::io::Result<Document>> {
        let directory = self.user.as_ref()?;
        candidates(path).find_map(|candidate| {
            let file = directory.join(candidate);
            match std::fs::read_to_string(&file) {
                Ok(text) => Some(Ok(Document::of_file(&text, file.display().to_string()))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => {
                    let named = format!("{}: {error}", file.display());
                    Some(Err(std::io::Error::new(error.kind(), named)))
                }
            }
        })
    }

    /// The document in a project's files, trusted or not.
    pub fn of_layer(layer: &ProjectLayer, path: &str) -> Option<std::io::Result<Document>> {
        let (name, text) = layer.file(candidates(path))?;
        let origin = trust::shown(name);
        Some(match text {
            Ok(text) => Ok(Document::of_file(text, origin)),
            Err(unread) => Err(std::io::Error::other(format!("{origin}: {unread}"))),
        })
    }

    /// Every file of the project that replaces a document, and the trust in them.
    pub fn layer(&self) -> ProjectLayer {
        let names = shipped().flat_map(candidates);
        let record = self.user.as_ref().map(|user| trust::record(user));
        match &self.project {
            Some(root) => ProjectLayer::read(root, names, record.as_deref()),
            None => ProjectLayer::default(),
        }
    }

    /// Records that a person has confirmed the project's files with this hash.
    ///
    /// # Errors
    ///
    /// There is no user directory, no project, or the record cannot be written.
    pub fn confirm(&self, hash: &str) -> std::io::Result<()> {
        match (&self.user, &self.project) {
            (Some(user), Some(root)) => trust::confirm(&trust::record(user), root, hash),
            (None, _) => Err(std::io::Error::other("your home directory is unknown: set HOME")),
            (_, None) => Err(std::io::Error::other("there is no project")),
        }
    }

    /// True if the project has this document. This is cheap, and most projects have none.
    fn has_of_project(&self, path: &str) -> bool {
        let Some(root) = &self.project else { return false };
        candidates(path).any(|name| std::fs::symlink_metadata(root.join(DIRECTORY).join(name)).is_ok())
    }
}

/// The names under which a document is looked for. A configuration file may also be in the base directory
/// itself, where people look first.
fn candidates(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix("conf/").into_iter().chain([path])
}

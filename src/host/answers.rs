//! Long answers, kept whole in a file where the result shows only their beginning.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};

use super::change::Tree;
use crate::domain::address::Address;

/// Where whole answers go: `.maestro/answers` of the project, where the orchestrator can read
/// them, else the temporary directory, where the project cannot be written to.
#[derive(Clone, Debug)]
pub struct Answers {
    root: PathBuf,
}

/// The directory, below the project root.
const STORE: &str = ".maestro/answers";

/// Bytes of the longest answer that is read again.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

impl Answers {
    /// Answers of a project.
    pub fn new(project_root: &Path) -> Self {
        Self { root: project_root.to_owned() }
    }

    /// Keeps an answer and returns its file.
    ///
    /// # Errors
    ///
    /// Neither the project nor the temporary directory takes the file.
    pub fn keep(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        self.keep_in_project(name, text).or_else(|_| keep_aside(name, text))
    }

    /// The address of an answer by its file; none where the project did not take it.
    pub fn address(file: &str) -> Option<Address> {
        let path = Path::new(file);
        let is_ours = path.parent().is_some_and(|parent| parent.ends_with(STORE));
        let name = path.file_name().filter(|_| is_ours)?.to_str()?;
        // Only what can be read under it is an address.
        Address::read(&Address::Answer(name.to_owned()).to_string())
    }

    /// An answer by the name of its file; none where there is no such answer. No link is followed.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no text.
    pub fn read(&self, name: &str) -> std::io::Result<Option<String>> {
        if Address::read(&Address::Answer(name.to_owned()).to_string()).is_none() {
            return Ok(None);
        }
        let refused = |reason: String| std::io::Error::other(reason);
        let found = Tree::open(&self.root)?
            .look(&format!("{STORE}/{name}"), MOST_BYTES)
            .map_err(|obstacle| refused(obstacle.to_string()))?;
        found
            .map(|state| String::from_utf8(state.content).map_err(|_| refused("it is not text".to_owned())))
            .transpose()
    }

    /// The names of the newest answers, newest first.
    pub fn newest(&self, limit: usize) -> Vec<String> {
        let entries = std::fs::read_dir(self.root.join(STORE)).into_iter().flatten().flatten();
        let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
        let mut names: Vec<String> = files
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| Address::read(&Address::Answer(name.clone()).to_string()).is_some())
            .collect();
        names.sort_by(|left, right| when(right).cmp(when(left)));
        names.truncate(limit);
        names
    }

    /// Everything goes through a capability of the root: a link in the project leads nowhere else.
    fn keep_in_project(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        let root = Dir::open_ambient_dir(&self.root, ambient_authority())?;
        root.create_dir_all(STORE)?;
        let store = root.open_dir(STORE)?;
        // Answers are not source code; other files in `.maestro` may be.
        match write_new(&store, ".gitignore", "*\n") {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file = format!("{name}-{}.md", uuid::Uuid::now_v7());
        write_new(&store, &file, text)?;
        Ok(self.root.join(STORE).join(file))
    }
}

/// The end of an answer's name, which tells when it was kept.
fn when(name: &str) -> &str {
    const ID: usize = "00000000-0000-7000-8000-000000000000.md".len();
    name.len().checked_sub(ID).and_then(|start| name.get(start..)).unwrap_or(name)
}

fn write_new(store: &Dir, name: &str, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    store.open_with(name, &options)?.write_all(text.as_bytes())
}

/// A file of the user's own in the temporary directory.
fn keep_aside(name: &str, text: &str) -> std::io::Result<PathBuf> {
    let mut file = tempfile::Builder::new().prefix(&format!("maestro-{name}-")).suffix(".md").tempfile()?;
    file.write_all(text.as_bytes())?;
    let (_, path) = file.keep().map_err(|error| error.error)?;
    Ok(path)
}

//! Long answers, kept whole in a file where the result shows only their beginning.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};

/// Where whole answers go: `.maestro/answers` of the project, where the orchestrator can read
/// them, else the temporary directory, where the project cannot be written to.
#[derive(Clone, Debug)]
pub struct Answers {
    root: PathBuf,
}

/// The directory, below the project root.
const STORE: &str = ".maestro/answers";

impl Answers {
    /// Answers of a project.
    #[must_use]
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

    /// Everything goes through a capability of the root: a link in the project leads nowhere else.
    fn keep_in_project(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        let root = Dir::open_ambient_dir(&self.root, ambient_authority())?;
        root.create_dir_all(STORE)?;
        let store = root.open_dir(STORE)?;
        // Answers are nobody's source code; what else lies in `.maestro` may be.
        match write_new(&store, ".gitignore", "*\n") {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file = format!("{name}-{}.md", uuid::Uuid::now_v7());
        write_new(&store, &file, text)?;
        Ok(self.root.join(STORE).join(file))
    }
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

//! Long answers, kept whole in a file where the result shows only their beginning.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Where whole answers go: `.maestro/answers` of the project, where the orchestrator can read
/// them, else the temporary directory, where the project cannot be written to.
#[derive(Clone, Debug)]
pub struct Answers {
    store: PathBuf,
}

impl Answers {
    /// Answers of a project.
    #[must_use]
    pub fn new(project_root: &Path) -> Self {
        Self { store: project_root.join(".maestro/answers") }
    }

    /// Keeps an answer and returns its file.
    ///
    /// # Errors
    ///
    /// Neither the project nor the temporary directory takes the file.
    pub fn keep(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        self.keep_in_project(name, text)
            .or_else(|_| write_private(&std::env::temp_dir().join("maestro-answers"), name, text))
    }

    fn keep_in_project(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        std::fs::create_dir_all(&self.store)?;
        // Answers are nobody's source code; what else lies in `.maestro` may be.
        let ignore = self.store.join(".gitignore");
        if !ignore.exists() {
            std::fs::write(ignore, "*\n")?;
        }
        write_private(&self.store, name, text)
    }
}

fn write_private(directory: &Path, name: &str, text: &str) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(directory)?;
    let mut file =
        tempfile::Builder::new().prefix(&format!("{name}-")).suffix(".md").tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    let (_, path) = file.keep().map_err(|error| error.error)?;
    Ok(path)
}

//! The project's files: their root, their reader, and the long answers that are kept beside them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::configuration::Configuration;
use crate::error::Error;
use crate::host::answers::Answers;
use crate::host::project::Project;

/// The files of a project. Clones share the reader.
#[derive(Clone)]
pub struct ProjectFiles {
    inner: Arc<Inner>,
}

struct Inner {
    working_directory: PathBuf,
    config: Configuration,
    reader: OnceLock<Result<Arc<Project>, Error>>,
    answers: Answers,
}

impl ProjectFiles {
    pub fn new(working_directory: &Path, config: Configuration) -> Self {
        let inner = Inner {
            answers: Answers::new(config.root()),
            working_directory: working_directory.to_owned(),
            config,
            reader: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The project root.
    pub fn root(&self) -> &Path {
        self.inner.config.root()
    }

    pub fn working_directory(&self) -> &Path {
        &self.inner.working_directory
    }

    /// Reader of the files, created on first need.
    ///
    /// # Errors
    ///
    /// The rules for secret names cannot be used.
    pub fn reader(&self) -> Result<Arc<Project>, Error> {
        self.inner.reader.get_or_init(|| self.make_reader().map(Arc::new)).clone()
    }

    fn make_reader(&self) -> Result<Project, Error> {
        let config = &self.inner.config;
        let secrets = config.secret_rules()?.files.clone();
        secrets.check_that_they_refuse().map_err(|error| Error::Document {
            name: "conf/secrets.yaml".to_owned(),
            reason: error.to_string(),
        })?;
        let project = Project::new(self.root(), &config.settings().repo_roots, secrets);
        Ok(project.of_user(config.environment()))
    }

    pub fn answers(&self) -> &Answers {
        &self.inner.answers
    }
}

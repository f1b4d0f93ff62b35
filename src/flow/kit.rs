//! The four parts that flows work with. A flow that needs only one or two of them takes these instead.

use std::path::Path;

use super::configuration::Configuration;
use super::log::Log;
use super::processes::Processes;
use super::project_files::ProjectFiles;
use crate::host::environment::Environment;
use crate::host::process::Supervisor;

/// The four parts of a server or a sub-command. Clones share them.
#[derive(Clone)]
pub struct Kit {
    pub config: Configuration,
    pub project: ProjectFiles,
    pub log: Log,
    pub processes: Processes,
}

impl Kit {
    /// The parts for a project. Nothing is read, opened or started yet.
    pub fn new(environment: Environment, working_directory: &Path, supervisor: Supervisor) -> Self {
        let config = Configuration::new(environment, working_directory);
        Self {
            log: Log::new(config.clone()),
            processes: Processes::new(supervisor, config.clone()),
            project: ProjectFiles::new(working_directory, config.clone()),
            config,
        }
    }
}

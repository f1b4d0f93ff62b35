//! Running git for the copies of a project.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::TreeError;
use crate::host::environment::Environment;
use crate::host::git::{VARIABLES, running_nothing};
use crate::host::process::{CallDir, Ended, Launch, Limits, Supervisor};

/// The longest that one command may take.
const TIMEOUT: Duration = Duration::from_secs(300);

/// git in a directory.
#[derive(Clone, Debug)]
pub(super) struct Git<'a> {
    supervisor: &'a Supervisor,
    program: PathBuf,
    options: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: PathBuf,
}

impl<'a> Git<'a> {
    pub(super) async fn new(
        supervisor: &'a Supervisor,
        environment: &Environment,
        program: &Path,
        directory: &Path,
    ) -> Result<Self, TreeError> {
        let (own, place) = (program.to_owned(), directory.to_owned());
        let options = tokio::task::spawn_blocking(move || running_nothing(&own, &place));
        let options = options.await.map_err(|error| TreeError::Failed(error.to_string()))?;
        let passed = ["PATH", "HOME", "XDG_CONFIG_HOME"]
            .iter()
            .filter_map(|name| Some((OsString::from(name), OsString::from(environment.get(name)?))));
        let own = VARIABLES.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let plain = [(OsString::from("LC_ALL"), OsString::from("C"))];
        Ok(Self {
            supervisor,
            program: program.to_owned(),
            options,
            environment: passed.chain(own).chain(plain).collect(),
            directory: directory.to_owned(),
        })
    }

    pub(super) fn at(self, directory: &Path) -> Self {
        Self { directory: directory.to_owned(), ..self }
    }

    /// Runs a command and returns what it printed.
    pub(super) async fn run(
        &self,
        arguments: impl IntoIterator<Item = &OsStr>,
    ) -> Result<Vec<u8>, TreeError> {
        let directory = CallDir::create_off_thread().await?;
        let arguments = arguments.into_iter().map(OsStr::to_owned);
        let launch = Launch {
            program: self.program.clone(),
            args: self.options.iter().cloned().chain(arguments).collect(),
            env: self.environment.clone(),
            cwd: self.directory.clone(),
            stdin: Vec::new(),
            limits: Limits { timeout: Some(TIMEOUT), ..Limits::default() },
            wall: crate::host::wall::Wall::default(),
            capture_dir: directory.capture().to_owned(),
            marker: uuid::Uuid::now_v7().to_string(),
        };
        let outcome = self.supervisor.run(launch, directory, |_| {}).await;
        let outcome = outcome.map_err(|error| TreeError::Failed(format!("git: {error}")))?;
        match (outcome.ended, outcome.exit.success()) {
            (Ended::Exited, true) => Ok(outcome.stdout),
            (Ended::Exited, false) => {
                let said = String::from_utf8_lossy(&outcome.stderr);
                Err(TreeError::Failed(format!("git: {}", said.trim())))
            }
            (Ended::TimedOut | Ended::Stalled | Ended::Finished | Ended::OutputTooLarge, _) => {
                Err(TreeError::Failed("git: it took too long or printed too much".to_owned()))
            }
        }
    }

    /// Runs a command that prints one line, and returns the line.
    pub(super) async fn line(&self, arguments: &[&str]) -> Result<String, TreeError> {
        let printed = self.run(arguments.iter().map(OsStr::new)).await?;
        let text = String::from_utf8(printed);
        let text = text.map_err(|_| TreeError::Failed("git: a path is not UTF-8".to_owned()))?;
        Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    }
}

/// The same for where nothing else runs any more: waits for the end, and says only whether git did it.
pub(super) fn run_now(program: &Path, directory: &Path, arguments: &[&OsStr]) -> bool {
    let mut command = Command::new(program);
    command.args(running_nothing(program, directory)).args(arguments).current_dir(directory);
    command.env_clear().envs(VARIABLES);
    let passed = ["PATH", "HOME"].iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.envs(passed).output().is_ok_and(|output| output.status.success())
}

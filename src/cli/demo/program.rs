//! The program that the demo is about: a failing command in a directory.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::error::Error;
use crate::host::environment::Environment;

macro_rules! shipped {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../demo/", $path)))),*]
    };
}

/// The shipped program. Its files are unpacked as they are; nothing else here knows what is wrong
/// with it.
const SHIPPED: &[(&str, &str)] = shipped![
    "inventory/__init__.py",
    "inventory/stock.py",
    "inventory/report.py",
    "tests/__init__.py",
    "tests/test_report.py",
];

/// A directory and a command that fails in it.
pub(super) struct Program {
    directory: PathBuf,
    words: Vec<String>,
    files: Vec<String>,
    is_shipped: bool,
}

impl Program {
    /// The shipped program, unpacked afresh into the user's cache, or into a temporary directory where
    /// there is none. It stays, so that the run can be looked at afterwards.
    pub(super) fn shipped(environment: &Environment) -> Result<Self, Error> {
        let broken = |error: std::io::Error| Error::Setup {
            reason: format!("the demo's program cannot be unpacked: {error}"),
            hint: "Make the cache directory writable, or set XDG_CACHE_HOME to one that is.".to_owned(),
        };
        let directory = match environment.cache_directory() {
            Some(cache) => cache.join("demo"),
            None => tempfile::Builder::new().prefix("maestro-demo-").tempdir().map_err(broken)?.keep(),
        };
        match std::fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(broken(error)),
            Ok(()) | Err(_) => {}
        }
        for (name, text) in SHIPPED {
            let file = directory.join(name);
            if let Some(parent) = file.parent() {
                std::fs::create_dir_all(parent).map_err(broken)?;
            }
            std::fs::write(file, text).map_err(broken)?;
        }
        Ok(Self {
            directory,
            words: ["python3", "-m", "unittest", "discover", "-s", "tests", "-t", "."]
                .map(ToOwned::to_owned)
                .to_vec(),
            files: SHIPPED
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .filter(|name| !name.ends_with("__init__.py"))
                .collect(),
            is_shipped: true,
        })
    }

    /// A program of the user's.
    pub(super) fn of_the_user(directory: &Path, command: &str) -> Result<Self, Error> {
        let words = shlex::split(command).filter(|words| !words.is_empty()).ok_or_else(|| {
            Error::InvalidArguments(format!("--command must be a command (got {command:?})"))
        })?;
        Ok(Self {
            directory: directory
                .canonicalize()
                .map_err(|error| Error::InvalidArguments(format!("{}: {error}", directory.display())))?,
            words,
            files: ["**/*.py", "**/*.rs", "**/*.js", "**/*.ts", "**/*.go", "**/*.java", "**/*.rb"]
                .map(ToOwned::to_owned)
                .to_vec(),
            is_shipped: false,
        })
    }

    /// True if it is the one that ships, in a directory of its own.
    pub(super) fn is_shipped(&self) -> bool {
        self.is_shipped
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn command(&self) -> String {
        self.words.join(" ")
    }

    pub(super) fn files(&self) -> &[String] {
        &self.files
    }

    /// Runs the command and returns what it printed.
    pub(super) async fn run(&self) -> Result<String, Error> {
        let (program, arguments) = self.words.split_first().ok_or(Error::NoProvider)?;
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.directory)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| Error::Setup {
                reason: format!("{program}: {error}"),
                hint: format!(
                    "The demo runs a failing program with it: install {program}, or name a failing program of your own with --dir and --command."
                ),
            })?;
        let printed = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&printed).into_owned();
        if output.status.success() {
            return Err(Error::InvalidArguments(format!(
                "`{}` did not fail: there is nothing to consult on",
                self.command()
            )));
        }
        Ok(text)
    }
}

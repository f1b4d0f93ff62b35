//! Why a CLI could not be run, as a caller learns of it.

use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::log::Log;
use crate::host::process::ProcessError;
use crate::provider::catalogue::Provider;
use crate::provider::failure::{CliFailure, FailureKind};

/// Other CLIs that are installed and did not refuse a short while ago: they may be asked in a provider's
/// place.
pub fn others_than(provider: &Provider, config: &Configuration, log: &Log) -> Vec<String> {
    let installed = config.installed();
    let others = installed.filter(|other| other.name != provider.name && !other.is_understudy());
    let others = others.filter(|other| !log.ledger().refused(&other.name));
    others.map(|other| other.name.clone()).collect()
}

/// Returns what a process that could not be run means to a caller.
pub fn process_error(provider: &Provider, config: &Configuration, log: &Log, error: &ProcessError) -> Error {
    let cannot_run = |program: &std::path::Path, reason: String| Error::CliNotExecutable {
        provider: provider.name.clone(),
        program: program.display().to_string(),
        reason,
    };
    match error {
        ProcessError::ShuttingDown => Error::ShuttingDown,
        ProcessError::NotFound { program } if program.exists() => Error::Cli {
            provider: provider.name.clone(),
            failure: CliFailure::new(
                FailureKind::CliBroken,
                format!(
                    "{} cannot be started: the interpreter that its first line names is not there",
                    program.display()
                ),
            ),
            others: others_than(provider, config, log),
        },
        ProcessError::NoWall(reason) => Error::NoSandbox(reason.clone()),
        ProcessError::PermissionDenied { program } => cannot_run(program, "permission denied".to_owned()),
        ProcessError::Spawn(reason) if reason.kind() == std::io::ErrorKind::InvalidInput => {
            Error::InvalidArguments("the prompt holds a NUL, which no command line takes".to_owned())
        }
        ProcessError::Spawn(reason) => {
            cannot_run(std::path::Path::new(provider.command()), reason.to_string())
        }
        ProcessError::NotFound { .. } => Error::CliNotFound {
            provider: provider.name.clone(),
            command: provider.command().to_owned(),
            installed: config.installed().map(|provider| provider.name.clone()).collect(),
        },
        other @ ProcessError::Capture(_) => Error::Internal(format!("{}: {other}", provider.name)),
    }
}

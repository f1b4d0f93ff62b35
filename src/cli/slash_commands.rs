//! `install`, `uninstall` and `mcp-config`: what they work on.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use super::arguments::InstallOptions;
use super::install::{self, InstallError, SlashCommand, Targets};
use crate::error::Error;
use crate::flow::session::Session;

macro_rules! slash_commands {
    ($($name:literal),* $(,)?) => {
        &[$(SlashCommand { file_name: $name, text: include_str!(concat!("../../.claude/commands/", $name)) }),*]
    };
}

const COMMANDS: &[SlashCommand<'_>] =
    slash_commands!["maestro-analyze.md", "maestro-consult.md", "maestro-debug.md", "maestro-workflow.md"];

pub(super) fn mcp_config() -> Result<ExitCode, Error> {
    done(install::mcp_config(&this_binary()?, &mut io::stdout().lock()))
}

pub(super) fn install(session: &Session, options: &InstallOptions) -> Result<ExitCode, Error> {
    let targets = targets(session, options)?;
    done(install::install(&targets, &this_binary()?, COMMANDS, &mut io::stdout().lock()))
}

pub(super) fn uninstall(session: &Session, options: &InstallOptions) -> Result<ExitCode, Error> {
    let targets = targets(session, options)?;
    done(install::uninstall(&targets, COMMANDS, &mut io::stdout().lock()))
}

fn targets(session: &Session, options: &InstallOptions) -> Result<Targets, Error> {
    if options.project {
        return Ok(Targets::project(session.root()));
    }
    let environment = session.environment();
    let home = environment.home().ok_or_else(|| Error::Setup {
        reason: "HOME is not set".to_owned(),
        hint: "Set it, or use --project.".to_owned(),
    })?;
    Ok(Targets::user(&home, environment.get("CLAUDE_CONFIG_DIR").map(PathBuf::from).as_deref()))
}

fn this_binary() -> Result<PathBuf, Error> {
    std::env::current_exe()
        .and_then(|path| path.canonicalize())
        .map_err(|error| Error::Internal(format!("the path of this binary: {error}")))
}

fn done(outcome: Result<(), InstallError>) -> Result<ExitCode, Error> {
    outcome
        .map(|()| ExitCode::SUCCESS)
        .map_err(|error| Error::Setup { reason: error.to_string(), hint: error.hint().to_owned() })
}

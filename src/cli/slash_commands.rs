//! Runs `install`, `uninstall` and `mcp-config` with the client's files, the path of this binary, and the
//! slash commands.

use std::path::PathBuf;
use std::process::ExitCode;

use super::arguments::InstallOptions;
use super::install::{self, InstallError, Scope, SlashCommand, Targets};
use super::terminal;
use crate::error::Error;
use crate::flow::configuration::Configuration;

/// Key of the entry in the JSON output of `mcp-config`.
const ENTRY: &str = "entry";

/// The name of the program.
const NAME: &str = "maestro-mcp";

macro_rules! slash_commands {
    ($($name:literal),* $(,)?) => {
        &[$(SlashCommand { file_name: $name, text: include_str!(concat!("../../.claude/commands/", $name)) }),*]
    };
}

pub(super) const COMMANDS: &[SlashCommand<'_>] = slash_commands![
    "maestro-analyze.md", "maestro-compare.md", "maestro-consult.md", "maestro-debug.md",
    "maestro-review.md", "maestro-workflow.md",
];

pub(super) fn mcp_config(
    config: &Configuration,
    options: &InstallOptions,
    json: bool,
) -> Result<ExitCode, Error> {
    let targets = targets(config, options)?;
    let command = command(config, options)?;
    if !json {
        terminal::complain(&format!("this belongs into {}", targets.settings.display()));
    }
    told(&targets, options, json, ENTRY, |out| install::mcp_config(&targets, &command, out))
}

pub(super) fn install(
    config: &Configuration,
    options: &InstallOptions,
    json: bool,
) -> Result<ExitCode, Error> {
    let targets = targets(config, options)?;
    let command = command(config, options)?;
    if options.project && command != NAME {
        terminal::complain(&format!(
            "{NAME} is not on your PATH, so the shared file names this machine's {command}; \
             put {NAME} on your PATH and run this again"
        ));
    }
    told(&targets, options, json, "done", |out| install::install(&targets, &command, COMMANDS, out))
}

pub(super) fn uninstall(
    config: &Configuration,
    options: &InstallOptions,
    json: bool,
) -> Result<ExitCode, Error> {
    let targets = targets(config, options)?;
    told(&targets, options, json, "done", |out| install::uninstall(&targets, COMMANDS, out))
}

/// Runs a command and prints its output as text, or under `key` in a JSON object. An entry is printed without
/// wrapping.
fn told(
    targets: &Targets,
    options: &InstallOptions,
    json: bool,
    key: &str,
    run: impl FnOnce(&mut Vec<u8>) -> Result<(), InstallError>,
) -> Result<ExitCode, Error> {
    let mut out = Vec::new();
    let outcome = run(&mut out);
    let text = String::from_utf8_lossy(&out);
    match &outcome {
        Ok(()) if json => {
            let shown = serde_json::json!({
                "client": options.client.about().name,
                "settings": targets.settings,
                key: serde_json::from_str::<serde_json::Value>(&text)
                    .unwrap_or_else(|_| text.lines().collect()),
            });
            terminal::document(&shown)?;
        }
        // The caller prints the error as the document.
        Err(_) if json => {}
        Ok(()) if key == ENTRY => terminal::print(&text)?,
        Ok(()) | Err(_) => terminal::print(&terminal::folded(&text, terminal::width()))?,
    }
    outcome
        .map(|()| ExitCode::SUCCESS)
        .map_err(|error| Error::Setup { reason: error.to_string(), hint: error.hint().to_owned() })
}

fn targets(config: &Configuration, options: &InstallOptions) -> Result<Targets, Error> {
    let scope = if options.project { Scope::Project(config.root()) } else { Scope::User };
    Targets::new(options.client, scope, config.environment()).ok_or_else(|| Error::Setup {
        reason: "HOME is not set".to_owned(),
        hint: "Set it, or use --project.".to_owned(),
    })
}

/// The command that a client starts this server with. In a shared file it is the program's name, if that is
/// on PATH. The user's own clients may have another directory and PATH, so they get an absolute path: that
/// of the program on PATH if it is this binary, because it survives an update.
fn command(config: &Configuration, options: &InstallOptions) -> Result<String, Error> {
    let found = config.find_program(NAME);
    if options.project && found.is_some() {
        return Ok(NAME.to_owned());
    }
    let this = this_binary()?;
    let lasting = found.filter(|path| path.is_absolute() && path.canonicalize().ok().as_ref() == Some(&this));
    let path = lasting.unwrap_or(this);
    path.to_str().map(str::to_owned).ok_or_else(|| Error::Setup {
        reason: format!("{} is not an absolute UTF-8 path", path.display()),
        hint: "Move maestro-mcp to a directory whose name is UTF-8.".to_owned(),
    })
}

pub(super) fn this_binary() -> Result<PathBuf, Error> {
    std::env::current_exe()
        .and_then(|path| path.canonicalize())
        .map_err(|error| Error::Internal(format!("the path of this binary: {error}")))
}

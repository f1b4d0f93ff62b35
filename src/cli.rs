//! The command line: `maestro-mcp` serves MCP, and its sub-commands help a person.
//!
//! `arguments` declares the sub-commands; each has a file of its own that calls a flow and prints its
//! result. `terminal` holds the common look, and `person` asks for decisions.

mod approvals;
mod arguments;
mod backups;
mod check;
mod consult;
mod demo;
mod errors;
mod evidence;
mod help;
mod install;
mod logging;
mod metrics;
mod page;
mod person;
mod review;
mod runs;
mod slash_commands;
mod terminal;
mod threads;
mod trust;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::error::Error;
use crate::flow::kit::Kit;
use crate::host::ancestry::{self, Part};
use crate::host::environment::Environment;
use crate::host::guardian::{self, GuardianCommand};
use crate::host::process::{Supervisor, leftover};
use crate::host::wall::{self, HelperCommand};
use crate::host::{answers, worktree};
use arguments::Command;

/// Maximum time that removing the directories of the last calls may delay the end of the program.
const LAST_WORK: Duration = Duration::from_millis(20);
/// Delay after the start before the leftovers of killed servers are removed.
const SETTLED: Duration = Duration::from_millis(100);

/// The whole program, from its arguments to its exit code.
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    // The guardian outlives the server and must stay small, so nothing below runs for it.
    match words.get(1).and_then(|word| word.to_str()) {
        Some(guardian::GUARDIAN_ARGUMENT) => {
            guardian::guard_main(std::io::stdin().lock());
            return ExitCode::SUCCESS;
        }
        Some(wall::HELPER_ARGUMENT) => return wall::helper_main(),
        _ => {}
    }
    // A client starts the server without arguments and waits for it, so parsing is skipped.
    let json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    let command = if words.len() <= 1 {
        help::a_person();
        Command::Serve
    } else {
        help::parse(words, json).command.unwrap_or(Command::Serve)
    };
    run(command, json)
}

fn run(command: Command, json: bool) -> ExitCode {
    let environment = Environment::capture();
    ancestry::show_name(match command {
        Command::Demo(_) => Part::Demo,
        _ => Part::Maestro,
    });
    wall::close_to_others();
    wall::adopt_orphans();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return terminal::fail(&Error::internal(error)),
    };
    let directory = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let clean = || {
        leftover::remove_old();
        worktree::remove_abandoned(&std::env::temp_dir());
        answers::prune_aside();
    };
    match command {
        // The first reply to the client must not wait for the cleaning.
        Command::Serve => drop(runtime.spawn(async move {
            tokio::time::sleep(SETTLED).await;
            drop(tokio::task::spawn_blocking(clean));
        })),
        _ => drop(runtime.spawn_blocking(clean)),
    }
    let outcome = runtime.block_on(async {
        let supervisor =
            Supervisor::with_helper(GuardianCommand::own_binary().ok(), HelperCommand::own_binary());
        let kit = Kit::new(environment, &directory, supervisor);
        let reader = match command {
            Command::Serve => logging::Reader::Client,
            _ => logging::Reader::at_standard_error(),
        };
        logging::start(kit.config.environment(), kit.config.made_masker(), reader);
        match command {
            Command::Serve => crate::server::stdio::serve(kit).await.map(|()| ExitCode::SUCCESS),
            Command::Check { settings } => check::run(kit, settings, json).await,
            Command::McpConfig(options) => slash_commands::mcp_config(&kit.config, &options, json),
            Command::Install(options) => slash_commands::install(&kit.config, &options, json),
            Command::Uninstall(options) => slash_commands::uninstall(&kit.config, &options, json),
            Command::Consult(options) => Box::pin(consult::run(kit, options, json)).await,
            Command::Review(options) => review::run(kit, options, json).await,
            Command::Demo(options) => demo::run(kit, options, json).await,
            Command::Trust { show } => trust::run(&kit.config, &kit.log, show, json),
            Command::Approvals { command, all } => approvals::run(&kit, command, all, json).await,
            Command::Page(options) => page::run(&kit, options, json).await,
            Command::Runs { command } => runs::run(&kit.config, &kit.log, command, json).await,
            Command::Threads { command, all } => {
                threads::run(&kit.config, &kit.log, command, all, json).await
            }
            Command::Watch { run } => runs::watch_run(&kit.config, &kit.log, run.as_deref(), json).await,
            Command::Why { id, forward } => why::run(&kit.config, &kit.log, &id, forward, json),
            Command::Evidence(command) => evidence::run(&kit.config, &kit.log, &command, json),
            Command::Backups { action } => backups::run(&kit.config, &kit.log, action.as_ref(), json),
            Command::Metrics(options) => metrics::run(&kit, &options, json).await,
            Command::Errors { code, markdown } => errors::run(code.as_deref(), markdown, json),
            Command::Completions { shell } => help::completions(shell, json),
            Command::Man => help::man(json),
        }
    });
    // A thread that still reads a file must not delay the end.
    runtime.shutdown_timeout(LAST_WORK);
    outcome.unwrap_or_else(|error| terminal::fail_with(&error, json))
}

//! `completions` and `man`: what a shell and `man` know of the command line.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::arguments::Arguments;
use super::terminal::print;
use crate::error::Error;

const NAME: &str = "maestro-mcp";

/// The completions of a shell.
pub(super) fn completions(shell: Shell) -> Result<ExitCode, Error> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), NAME, &mut out);
    printed(&out)
}

/// The manual page, with every sub-command in it.
pub(super) fn man() -> Result<ExitCode, Error> {
    let command = Arguments::command().version(env!("CARGO_PKG_VERSION")).flatten_help(true);
    let mut out = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut out)
        .map_err(|error| Error::Internal(format!("the manual page: {error}")))?;
    printed(&out)
}

fn printed(out: &[u8]) -> Result<ExitCode, Error> {
    print(&String::from_utf8_lossy(out))?;
    Ok(ExitCode::SUCCESS)
}

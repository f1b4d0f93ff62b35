//! `completions` and `man`: what a shell and `man` know of the command line.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use super::arguments::Arguments;
use super::terminal::print;
use crate::error::Error;

const NAME: &str = "maestro-mcp";
/// Columns of the help in the manual page.
const WIDTH: usize = 78;

/// The completions of a shell.
pub(super) fn completions(shell: Shell) -> Result<ExitCode, Error> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), NAME, &mut out);
    printed(&out)
}

/// The manual page: one for all, with the help of every sub-command in it.
pub(super) fn man() -> Result<ExitCode, Error> {
    // As wide everywhere: the page must not depend on the terminal that it is made in.
    let mut command = Arguments::command().version(env!("CARGO_PKG_VERSION")).term_width(WIDTH);
    command.build();
    let mut out = Vec::new();
    render(&command, &mut out).map_err(|error| Error::Internal(format!("the manual page: {error}")))?;
    printed(&out)
}

fn render(command: &Command, out: &mut Vec<u8>) -> io::Result<()> {
    let page = Man::new(command.clone());
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    writeln!(out, ".SH COMMANDS")?;
    add_commands(command, "", out)
}

/// The sub-commands that are shown, and theirs below them.
fn add_commands(command: &Command, above: &str, out: &mut Vec<u8>) -> io::Result<()> {
    let shown = |sub: &&Command| !sub.is_hide_set() && sub.get_name() != "help";
    for sub in command.get_subcommands().filter(shown) {
        let name = format!("{above}{}", sub.get_name());
        let help = sub.clone().render_long_help().to_string();
        writeln!(out, ".SS {}\n.nf", literal(&name))?;
        for line in help.trim_end().lines() {
            writeln!(out, "{}", literal(line))?;
        }
        writeln!(out, ".fi")?;
        add_commands(sub, &format!("{name} "), out)?;
    }
    Ok(())
}

/// A line that roff shows as it is.
fn literal(line: &str) -> String {
    let escaped = line.replace('\\', "\\(rs").replace('-', "\\-");
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}

fn printed(out: &[u8]) -> Result<ExitCode, Error> {
    print(&String::from_utf8_lossy(out))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roff_reads_nothing_into_a_line() {
        assert_eq!(literal("--all  a\\b"), "\\-\\-all  a\\(rsb");
        assert_eq!(literal(".SH x"), "\\&.SH x");
        assert_eq!(literal("'x"), "\\&'x");
    }
}

//! The help: the overview of sub-commands in groups, the examples, the completions and the manual page.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::{Arg, ArgAction, Command, CommandFactory as _, FromArgMatches as _};
use clap_complete::Shell;
use clap_mangen::Man;
use serde_json::json;

use super::arguments::Arguments;
use super::terminal::{print, result};
use crate::domain::packed;
use crate::domain::prompt::Texts;
use crate::error::Error;

/// Groups of commands. A command in no group is listed in the last one.
const GROUPS: &[(&str, &[&str])] = &[
    ("Set up", &["install", "uninstall", "mcp-config", "check", "trust"]),
    ("Ask", &["consult", "review", "threads", "demo"]),
    ("Decide", &["approvals", "runs", "watch", "page"]),
    ("Look back", &["why", "metrics", "evidence", "backups", "errors"]),
    ("Others", &["serve", "completions", "man"]),
];

/// The command line, with the texts of `examples.yaml` at the end of each help.
fn arguments() -> Command {
    explained(Arguments::command(), "", &packed::read("src/cli/examples.yaml"))
}

fn explained(command: Command, above: &str, texts: &Texts) -> Command {
    let name = format!("{above} {}", command.get_name());
    let name = name.trim_start();
    let command = match texts.get(name) {
        Some(text) => command.after_help(text.clone()),
        None => command,
    };
    // A command that only has sub-commands prints no result itself, so it has no `--json`.
    let command = if name == NAME || command.is_subcommand_required_set() {
        command
    } else {
        let help = texts.get(&format!("{name} --json")).map_or("Print JSON", String::as_str).to_owned();
        command.arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help(help))
    };
    let below = if name == NAME { "" } else { name };
    command.mut_subcommands(|sub| explained(sub, below, texts))
}

/// Parses the arguments. Like clap, it ends the process after a help text, a version or an error. With `json`
/// it also prints an error as a document.
pub(super) fn parse(words: Vec<OsString>, json: bool) -> Arguments {
    let matches = grouped(arguments()).try_get_matches_from(words);
    matches.and_then(|matches| Arguments::from_arg_matches(&matches)).unwrap_or_else(|error| {
        if json && error.use_stderr() {
            let told = error.to_string();
            let (what, next) = told.split_once("\n\n").unwrap_or((&told, "Run `maestro-mcp --help`."));
            let document = json!({
                "ok": false, "code": "invalid_arguments",
                "error": what.trim_start_matches("error: "), "hint": next.trim(),
            });
            // The process ends with an error anyway, even if this cannot be written.
            let _ = print(&format!("{document}\n"));
        }
        error.exit()
    })
}

fn grouped(command: Command) -> Command {
    let list = overview(&command);
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}Options:\n{{options}}{{after-help}}"
    ))
}

fn overview(command: &Command) -> String {
    let all: Vec<&Command> = command.get_subcommands().filter(|sub| !sub.is_hide_set()).collect();
    let width = all.iter().map(|sub| sub.get_name().len()).max().unwrap_or_default();
    let mut out = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(out, "{title}:");
        let named = names.iter().filter_map(|name| all.iter().find(|sub| sub.get_name() == *name));
        let last = GROUPS.last().is_some_and(|(last, _)| last == title);
        let rest =
            all.iter().filter(|sub| last && !GROUPS.iter().any(|(_, names)| names.contains(&sub.get_name())));
        for sub in named.chain(rest) {
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(out, "  {:width$}  {about}", sub.get_name());
        }
        out.push('\n');
    }
    out
}

const NAME: &str = "maestro-mcp";
/// Width in columns of the help in the manual page.
const WIDTH: usize = 78;

pub(super) fn completions(shell: Shell, json: bool) -> Result<ExitCode, Error> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut arguments(), NAME, &mut out);
    let script = String::from_utf8_lossy(&out).into_owned();
    result(json, json!({ "shell": shell.to_string(), "script": script }), || script)
}

/// Prints the manual page, which has the help of every sub-command.
pub(super) fn man(json: bool) -> Result<ExitCode, Error> {
    // The width is fixed, so that the page does not depend on the terminal.
    let mut command = arguments().version(env!("CARGO_PKG_VERSION")).term_width(WIDTH);
    command.build();
    let mut out = Vec::new();
    render(&command, &mut out).map_err(|error| Error::Internal(format!("the manual page: {error}")))?;
    let page = String::from_utf8_lossy(&out).into_owned();
    result(json, json!({ "page": page }), || page)
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

/// Adds the help of all visible sub-commands, at any depth.
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

/// Escapes a line, so that roff shows it unchanged.
fn literal(line: &str) -> String {
    let escaped = line.replace('\\', "\\(rs").replace('-', "\\-");
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}

const TEXT: &str = "\
maestro-mcp is an MCP server. A client such as Claude Code starts it.
It is now waiting for a client on standard input. Ctrl-D or Ctrl-C ends it.

  maestro-mcp install    register it with Claude Code (others: --client)
  maestro-mcp check      see which consultants are installed and logged in
  maestro-mcp demo       see what it does, on a small failing program
  maestro-mcp --help     everything else
";

/// Explains the next steps to a person who starts the server by hand. A client does not see this, because its
/// server's input is not a terminal.
pub(super) fn a_person() {
    if io::stdin().is_terminal() {
        let _ = io::stderr().lock().write_all(TEXT.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sub_command_is_listed_once_and_fits_a_narrow_terminal() {
        let command = arguments();
        let list = overview(&command);
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let lines = list.lines().filter(|line| line.split_whitespace().next() == Some(sub.get_name()));
            assert_eq!(lines.count(), 1, "{}", sub.get_name());
            assert!(GROUPS.iter().any(|(_, names)| names.contains(&sub.get_name())), "{}", sub.get_name());
        }
        for line in list.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    fn walk(command: &Command, name: &str, see: &mut impl FnMut(&str, &Command)) {
        see(name, command);
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            walk(sub, format!("{name} {}", sub.get_name()).trim(), see);
        }
    }

    #[test]
    fn every_sub_command_takes_json() {
        let mut command = arguments();
        command.build();
        walk(&command, "", &mut |name, sub| {
            let has_json = sub.get_arguments().any(|argument| argument.get_id() == "json");
            // What only leads to its own sub-commands prints nothing itself.
            let prints = !sub.is_subcommand_required_set() && !name.is_empty();
            assert!(has_json || !prints, "{name}");
        });
    }

    #[test]
    fn every_help_fits_80_columns() {
        let mut command = arguments().term_width(80);
        command.build();
        walk(&command, "", &mut |name, sub| {
            let mut sub = sub.clone().term_width(80);
            for help in [sub.render_help(), sub.render_long_help()] {
                for line in help.to_string().lines() {
                    assert!(line.chars().count() <= 80, "{name}: {line}");
                }
            }
        });
    }

    /// The commands of a text: what begins with the program's name, up to what ends code or a command of a shell.
    fn commands(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for line in text.lines() {
            // Of a line of prose the code in it, of a line of code all of it.
            let pieces: Vec<&str> = if line.starts_with("  ") && !line.contains('`') {
                vec![line]
            } else {
                line.split('`').skip(1).step_by(2).collect()
            };
            for piece in pieces {
                for part in piece.split("maestro-mcp ").skip(1) {
                    let end = part.find(['#', '>', '<', ';']).unwrap_or(part.len());
                    let whole = part.get(..end).unwrap_or(part);
                    let own =
                        whole.split(" | ").next().unwrap_or(whole).split(" && ").next().unwrap_or(whole);
                    found.push(own.trim().to_owned());
                }
            }
        }
        found
    }

    /// Words of a command, with an example for what stands for one.
    fn words(command: &str) -> Option<Vec<String>> {
        let words = shlex::split(command)?.into_iter().filter(|word| word != "..." && word != "\\");
        let example = |word: String| match word.trim_matches(['[', ']']) {
            "SHELL" => "bash".to_owned(),
            "NAME" => "codex".to_owned(),
            "N" | "COUNT" => "3".to_owned(),
            "AGE" => "30d".to_owned(),
            "SIZE" => "5MB".to_owned(),
            other => other.split('|').next().unwrap_or_default().to_owned(),
        };
        Some(words.map(example).collect())
    }

    #[test]
    fn every_command_in_the_documents_and_in_the_help_is_understood() {
        let mut texts: Vec<(String, String)> = Vec::new();
        for folder in [".", "docs", ".claude/commands", "plugin/skills/maestro", "skills", "tests/clients"] {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            for path in entries.map(|entry| entry.unwrap().path()) {
                if path.extension().is_some_and(|kind| kind == "md") && !path.ends_with("CHANGELOG.md") {
                    texts.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        let mut command = arguments();
        command.build();
        walk(&command, "", &mut |name, sub| {
            texts.push((format!("help of {name}"), sub.clone().render_long_help().to_string()));
        });
        let (mut understood, mut refused) = (0, Vec::new());
        for (place, text) in &texts {
            for one in commands(text) {
                let Some(words) = words(&one) else { continue };
                // Prose that goes on after the name, and a name without a command.
                let is_command = words.first().is_some_and(|first| {
                    first.starts_with("--") || command.get_subcommands().any(|sub| sub.get_name() == first)
                });
                if !is_command {
                    continue;
                }
                let whole = std::iter::once(NAME.to_owned()).chain(words);
                let needs_more = |kind| {
                    use clap::error::ErrorKind::{
                        DisplayHelp, DisplayVersion, MissingRequiredArgument, MissingSubcommand,
                    };
                    // A command that is only named, as in "`maestro-mcp why` shows".
                    matches!(kind, DisplayHelp | DisplayVersion | MissingRequiredArgument | MissingSubcommand)
                };
                match arguments().try_get_matches_from(whole) {
                    Err(error) if !needs_more(error.kind()) => {
                        refused
                            .push(format!("{place}: {one}: {}", error.to_string().lines().next().unwrap()));
                    }
                    Ok(_) | Err(_) => understood += 1,
                }
            }
        }
        assert!(refused.is_empty(), "{refused:#?}");
        assert!(understood > 100, "{understood} commands");
    }

    #[test]
    fn roff_reads_nothing_into_a_line() {
        assert_eq!(literal("--all  a\\b"), "\\-\\-all  a\\(rsb");
        assert_eq!(literal(".SH x"), "\\&.SH x");
        assert_eq!(literal("'x"), "\\&'x");
    }
}

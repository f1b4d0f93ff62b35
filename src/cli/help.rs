//! The overview of `--help`: the sub-commands in groups.

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::{Command, CommandFactory as _, FromArgMatches as _};

use super::arguments::Arguments;

/// Commands that belong together. A command in no group comes under the last one.
const GROUPS: &[(&str, &[&str])] = &[
    ("Set up", &["install", "uninstall", "mcp-config", "check", "trust"]),
    ("Ask", &["consult", "review", "threads", "demo"]),
    ("Decide", &["approvals", "runs", "watch", "page"]),
    ("Look back", &["why", "metrics", "evidence", "backups", "errors"]),
    ("Others", &["serve", "completions", "man"]),
];

/// The arguments as the words give them. Ends the process with help, a version or a refusal where clap does.
pub(super) fn parse(words: Vec<OsString>) -> Arguments {
    let matches = grouped(Arguments::command()).get_matches_from(words);
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sub_command_is_listed_once_and_fits_a_narrow_terminal() {
        let command = Arguments::command();
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

    /// Commands that print no document, each with the reason.
    const WITHOUT_JSON: [(&str, &str); 9] = [
        ("serve", "speaks MCP"),
        ("page", "serves a page until it is ended"),
        ("demo", "tells a story"),
        ("completions", "prints a script for a shell"),
        ("man", "prints a manual page"),
        ("approvals approve", "asks a person in a terminal"),
        ("approvals revise", "asks a person in a terminal"),
        ("approvals reject", "asks a person in a terminal"),
        ("runs stop", "asks a person in a terminal"),
    ];

    fn walk(command: &Command, name: &str, see: &mut impl FnMut(&str, &Command)) {
        see(name, command);
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            walk(sub, format!("{name} {}", sub.get_name()).trim(), see);
        }
    }

    #[test]
    fn every_sub_command_prints_json_or_says_why_not() {
        let mut command = Arguments::command();
        command.build();
        let mut without = Vec::new();
        walk(&command, "", &mut |name, sub| {
            let has_json = sub.get_arguments().any(|argument| argument.get_id() == "json");
            let runs = !sub.is_subcommand_required_set() && !name.is_empty();
            if runs && !has_json {
                without.push(name.to_owned());
            }
        });
        without.sort();
        let mut known: Vec<&str> = WITHOUT_JSON.iter().map(|(name, _)| *name).collect();
        known.sort_unstable();
        assert_eq!(without, known);
    }

    #[test]
    fn every_help_fits_80_columns() {
        let mut command = Arguments::command().term_width(80);
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
}

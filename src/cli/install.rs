//! `install`, `uninstall` and `mcp-config`: Maestro's entry in the settings of a client, and its slash
//! commands where the client has them.
//!
//! Every file is first staged (new text computed, temporary file written next to it) and only
//! then put in place, so that a settings file that cannot be read, or a directory that cannot be
//! written, stops the run before anything is changed.

mod backup;
pub(in crate::cli) mod client;
mod commands;
mod entry;
mod error;
mod jsonc;
mod memory;
mod replace;
mod toml;

#[cfg(test)]
mod tests;

pub use client::{Client, Scope, Targets};
pub use commands::SlashCommand;
pub use error::InstallError;

use std::cell::Cell;
use std::io::Write;
use std::path::Path;

use entry::List;
use error::Fault;
use memory::Original;
use replace::{ABSENT, FileChange, Outcome, Staged, Verdict};

/// Mode of a slash command file that did not exist before.
const COMMAND_MODE: u32 = 0o644;

/// Registers `command` as the server `maestro` and places the slash commands.
///
/// Doing it twice is the same as doing it once. One line per file is written to `out`, also for
/// what was done before an error.
///
/// # Errors
/// See [`InstallError`]; the settings file is changed last, or not at all.
pub fn install(
    targets: &Targets,
    command: &str,
    commands: &[SlashCommand<'_>],
    out: &mut dyn Write,
) -> Result<(), InstallError> {
    let without_server = Cell::new(None);
    let settings = FileChange {
        path: targets.settings.clone(),
        new_mode: targets.settings_mode,
        decide: Box::new(|seen| {
            without_server.set(seen.and_then(|seen| {
                if entry::says_nothing(targets.client, seen) {
                    return Some(Original::Text(String::from_utf8_lossy(seen).into_owned()));
                }
                entry::has_empty_list(targets.client, seen).then_some(Original::EmptyList)
            }));
            let seen = seen.unwrap_or_default();
            let edited = entry::register(targets.client, seen, command);
            Ok(match edited.map_err(|fault| refused(targets, fault))? {
                Some(bytes) => Verdict::Write { bytes, backup: false },
                None => Verdict::Keep(None),
            })
        }),
    };
    let mut report = Report::default();
    let placed = targets.commands.as_ref().map(|directory| commands::placing(directory, commands));
    let done = replace_all(&settings, &placed.unwrap_or_default(), &mut report, "registered maestro in");
    if done.is_ok() {
        if let Some(original) = without_server.take() {
            memory::remember(targets, original);
        }
        report.line(targets.next_step.to_owned());
    }
    report.write_to(out)?;
    done
}

/// Removes the server `maestro` and the slash commands that are still as shipped, puts back the files that
/// stood in their place, and removes the files and directories that this leaves empty.
///
/// # Errors
/// See [`InstallError`]; the settings file is changed last, or not at all.
pub fn uninstall(
    targets: &Targets,
    commands: &[SlashCommand<'_>],
    out: &mut dyn Write,
) -> Result<(), InstallError> {
    let settings = FileChange {
        path: targets.settings.clone(),
        new_mode: targets.settings_mode,
        decide: Box::new(|seen| {
            let Some(bytes) = seen else { return Ok(Verdict::Keep(Some(ABSENT))) };
            let original = memory::original(targets);
            let list = if original == Some(Original::EmptyList) { List::TheUsers } else { List::Ours };
            let edited = entry::deregister(targets.client, bytes, list);
            let edited = edited.map_err(|fault| refused(targets, fault))?;
            Ok(match (edited, original) {
                (None, _) => Verdict::Keep(None),
                (Some(bytes), Some(Original::Text(text))) if entry::says_nothing(targets.client, &bytes) => {
                    Verdict::Write { bytes: text.into_bytes(), backup: false }
                }
                // A link is the user's own.
                (Some(bytes), _)
                    if entry::says_nothing(targets.client, &bytes) && !targets.settings.is_symlink() =>
                {
                    Verdict::Remove
                }
                (Some(bytes), _) => Verdict::Write { bytes, backup: false },
            })
        }),
    };
    let mut report = Report::default();
    let removed = targets.commands.as_ref().map(|directory| commands::removing(directory, commands));
    let removed = removed.unwrap_or_default();
    let done = replace_all(&settings, &removed, &mut report, "removed maestro from");
    if done.is_ok() {
        memory::forget(targets);
        for change in &removed {
            if let Some(restored) = backup::restore(&change.path)? {
                report.line(format!("put back {}", restored.display()));
            }
        }
        for directory in
            targets.commands.iter().map(std::path::PathBuf::as_path).chain(targets.settings.parent())
        {
            remove_empty(directory, &targets.base);
        }
    }
    report.write_to(out)?;
    done
}

/// Writes a file that registers `command` and nothing else, to copy from.
///
/// # Errors
/// If `out` cannot be written.
pub fn mcp_config(targets: &Targets, command: &str, out: &mut dyn Write) -> Result<(), InstallError> {
    let config = entry::alone(targets.client, command).map_err(|fault| refused(targets, fault))?;
    out.write_all(config.as_bytes()).map_err(InstallError::Output)
}

fn refused(targets: &Targets, fault: Fault) -> InstallError {
    fault.in_file(&targets.settings, targets.client.format())
}

/// Removes the directory if it is empty, then those above it, but not `base`.
fn remove_empty(directory: &Path, base: &Path) {
    let mut directory = Some(directory);
    while let Some(path) = directory.filter(|path| path.starts_with(base) && *path != base) {
        if std::fs::remove_dir(path).is_err() {
            return;
        }
        directory = path.parent();
    }
}

/// Stages every file, then puts each in place: the settings last, because they announce the rest.
fn replace_all(
    settings: &FileChange<'_>,
    commands: &[FileChange<'_>],
    report: &mut Report,
    changed: &str,
) -> Result<(), InstallError> {
    let staged_settings = Staged::new(settings)?;
    let staged_commands = commands.iter().map(Staged::new).collect::<Result<Vec<_>, _>>()?;
    for staged in staged_commands {
        let path = staged.path().to_owned();
        report.outcome("wrote", &path, staged.commit()?);
    }
    report.outcome(changed, &settings.path, staged_settings.commit()?);
    Ok(())
}

/// The lines to print, kept until the end: a closed pipe must not stop an install half-way.
#[derive(Debug, Default)]
struct Report {
    lines: Vec<String>,
}

impl Report {
    fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    fn outcome(&mut self, changed: &str, path: &Path, outcome: Outcome) {
        let path = path.display();
        match outcome {
            Outcome::Unchanged(None) => self.line(format!("unchanged {path}")),
            Outcome::Unchanged(Some(why)) => self.line(format!("left {path}: {why}")),
            Outcome::Removed => self.line(format!("removed {path}")),
            Outcome::Written(backup) => {
                if let Some(backup) = backup {
                    self.line(format!("backup: {}", backup.display()));
                }
                self.line(format!("{changed} {path}"));
            }
        }
    }

    fn write_to(&self, out: &mut dyn Write) -> Result<(), InstallError> {
        self.lines.iter().try_for_each(|line| writeln!(out, "{line}")).map_err(InstallError::Output)
    }
}

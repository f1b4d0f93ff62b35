//! `install`, `uninstall` and `mcp-config`: Maestro's entry in Claude Code's settings and its
//! slash commands.
//!
//! Every file is first staged (new text computed, temporary file written next to it) and only
//! then put in place, so that a settings file that is not JSON, or a directory that cannot be
//! written, stops the run before anything is changed.

mod backup;
mod commands;
mod document;
mod entry;
mod error;
mod layout;
mod replace;

#[cfg(test)]
mod tests;

pub use commands::SlashCommand;
pub use error::InstallError;

use std::io::Write;
use std::path::{Path, PathBuf};

use document::Document;
use replace::{ABSENT, FileChange, Outcome, Staged, Verdict};

/// Mode of a slash command file that did not exist before.
const COMMAND_MODE: u32 = 0o644;

/// Where Claude Code looks for its MCP servers and slash commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    /// The JSON file whose `mcpServers` names the servers.
    pub settings: PathBuf,
    /// The mode `settings` gets if it does not exist yet.
    pub settings_mode: u32,
    /// The directory of the slash commands.
    pub commands: PathBuf,
    /// What the user has to do after an install.
    pub next_step: &'static str,
}

impl Targets {
    /// The user's own settings: in `claude_config_dir` (the value of `$CLAUDE_CONFIG_DIR`) if
    /// that is given and not empty, otherwise `~/.claude.json` and `~/.claude/commands`.
    #[must_use]
    pub fn user(home: &Path, claude_config_dir: Option<&Path>) -> Self {
        let given = claude_config_dir.filter(|dir| !dir.as_os_str().is_empty());
        let (settings_dir, config_dir) = match given {
            Some(dir) => (dir.to_owned(), dir.to_owned()),
            None => (home.to_owned(), home.join(".claude")),
        };
        Self {
            settings: settings_dir.join(".claude.json"),
            // It holds tokens, and Claude Code keeps it private too.
            settings_mode: 0o600,
            commands: config_dir.join("commands"),
            next_step: "next: restart Claude Code; `/mcp` shows maestro",
        }
    }

    /// The settings that a project shares with everybody who works on it.
    #[must_use]
    pub fn project(root: &Path) -> Self {
        Self {
            settings: root.join(".mcp.json"),
            settings_mode: 0o644,
            commands: root.join(".claude").join("commands"),
            next_step: "next: restart Claude Code in this project and approve the server when \
                        asked; `/mcp` shows maestro",
        }
    }
}

/// Registers `binary` as the server `maestro` and places the slash commands.
///
/// Doing it twice is the same as doing it once. One line per file is written to `out`, also for
/// what was done before an error.
///
/// # Errors
/// See [`InstallError`]; the settings file is changed last, or not at all.
pub fn install(
    targets: &Targets,
    binary: &Path,
    commands: &[SlashCommand<'_>],
    out: &mut dyn Write,
) -> Result<(), InstallError> {
    let command = command_of(binary)?;
    let settings = FileChange {
        path: targets.settings.clone(),
        new_mode: targets.settings_mode,
        decide: Box::new(|seen| {
            edited(&targets.settings, seen, |document| entry::register(document, command))
        }),
    };
    let mut report = Report::default();
    let done = replace_all(
        &settings,
        &commands::placing(&targets.commands, commands),
        &mut report,
        "registered maestro in",
    );
    if done.is_ok() {
        report.line(targets.next_step.to_owned());
    }
    report.write_to(out)?;
    done
}

/// Removes the server `maestro` and the slash commands that are still as shipped.
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
            if seen.is_none() {
                return Ok(Verdict::Keep(Some(ABSENT)));
            }
            edited(&targets.settings, seen, entry::deregister)
        }),
    };
    let mut report = Report::default();
    let done = replace_all(
        &settings,
        &commands::removing(&targets.commands, commands),
        &mut report,
        "removed maestro from",
    );
    report.write_to(out)?;
    done
}

/// Writes the settings object that registers `binary`, for pasting into any MCP client.
///
/// # Errors
/// If `binary` is not an absolute UTF-8 path, or `out` cannot be written.
pub fn mcp_config(binary: &Path, out: &mut dyn Write) -> Result<(), InstallError> {
    let command = command_of(binary)?;
    let config = serde_json::json!({ entry::SERVERS: { entry::NAME: entry::entry(command) } });
    writeln!(out, "{config:#}").map_err(InstallError::Output)
}

/// Claude Code starts the server from any directory, so only an absolute path works.
fn command_of(binary: &Path) -> Result<&str, InstallError> {
    binary
        .to_str()
        .filter(|_| binary.is_absolute())
        .ok_or_else(|| InstallError::Binary { path: binary.to_owned() })
}

/// The verdict on a settings file, given an edit that says whether it changed the document.
fn edited(
    path: &Path,
    seen: Option<&[u8]>,
    edit: impl FnOnce(&mut Document) -> Result<bool, document::Fault>,
) -> Result<Verdict, InstallError> {
    let changed = Document::parse(seen.unwrap_or_default()).and_then(|mut document| {
        let changed = edit(&mut document)?;
        Ok(changed.then(|| document.into_bytes()))
    });
    match changed {
        Ok(Some(bytes)) => Ok(Verdict::Write { bytes, backup: true }),
        Ok(None) => Ok(Verdict::Keep(None)),
        Err(fault) => Err(fault.in_file(path)),
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

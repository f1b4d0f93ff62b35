//! `install`, `uninstall` and `mcp-config`: Maestro's entry in the settings of a client, and its slash
//! commands where the client has them.
//!
//! Every file is first staged (new text computed, temporary file written next to it) and only
//! then put in place, so that a settings file that cannot be read, or a directory that cannot be
//! written, stops the run before anything is changed.

mod jsonc;
mod replace;
mod toml;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::host::environment::Environment;

use jsonc::List;
pub use replace::InstallError;
use replace::{ABSENT, Fault, FileChange, Outcome, Staged, Verdict};

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
                if says_nothing(targets.client, seen) {
                    return Some(Original::Text(String::from_utf8_lossy(seen).into_owned()));
                }
                has_empty_list(targets.client, seen).then_some(Original::EmptyList)
            }));
            let seen = seen.unwrap_or_default();
            let edited = register(targets.client, seen, command);
            Ok(match edited.map_err(|fault| refused(targets, fault))? {
                Some(bytes) => Verdict::Write { bytes, backup: false },
                None => Verdict::Keep(None),
            })
        }),
    };
    let behind_link = Original::missing_behind_link(&targets.settings);
    let mut report = Report::default();
    let placed = targets.commands.as_ref().map(|directory| placing(directory, commands));
    let done = replace_all(&settings, &placed.unwrap_or_default(), &mut report, "registered maestro in");
    if done.is_ok() {
        if let Some(original) = behind_link.or(without_server.take()) {
            remember(targets, original);
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
    let original = original(targets);
    let settings = FileChange {
        path: targets.settings.clone(),
        new_mode: targets.settings_mode,
        decide: Box::new(|seen| {
            let Some(bytes) = seen else { return Ok(Verdict::Keep(Some(ABSENT))) };
            let original = original.clone();
            let list = if original == Some(Original::EmptyList) { List::TheUsers } else { List::Ours };
            let edited = deregister(targets.client, bytes, list);
            let edited = edited.map_err(|fault| refused(targets, fault))?;
            Ok(match (edited, original) {
                (None, _) => Verdict::Keep(None),
                (Some(bytes), Some(Original::Text(text))) if says_nothing(targets.client, &bytes) => {
                    Verdict::Write { bytes: text.into_bytes(), backup: false }
                }
                (Some(bytes), Some(Original::MissingBehindLink { .. }))
                    if says_nothing(targets.client, &bytes) =>
                {
                    Verdict::RemoveTarget
                }
                // A link is the user's own.
                (Some(bytes), _)
                    if says_nothing(targets.client, &bytes) && !targets.settings.is_symlink() =>
                {
                    Verdict::Remove
                }
                (Some(bytes), _) => Verdict::Write { bytes, backup: false },
            })
        }),
    };
    let mut report = Report::default();
    let removed = targets.commands.as_ref().map(|directory| removing(directory, commands));
    let removed = removed.unwrap_or_default();
    let done = replace_all(&settings, &removed, &mut report, "removed maestro from");
    if done.is_ok() {
        forget(targets);
        if let Some(Original::MissingBehindLink { made }) = &original {
            // Only what is empty goes.
            let _ = made.iter().try_for_each(std::fs::remove_dir);
        }
        for change in &removed {
            if let Some(restored) = replace::restore(&change.path)? {
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
    let config = alone(targets.client, command).map_err(|fault| refused(targets, fault))?;
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

// The settings files that had an empty list of servers, no setting at all, or nothing behind a link before.
// An uninstall gives such a file its list or its text back. The memory lies in the user's state directory. If
// it cannot be kept, an uninstall leaves less behind; it never fails.

/// Facts about a client's file before the install, which an uninstall cannot tell from the file itself.
/// Other settings stay out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Original {
    Text(String),
    EmptyList,
    /// The settings were a link that led nowhere; and the directories that were missing there, the innermost first.
    MissingBehindLink {
        made: Vec<PathBuf>,
    },
}

impl Original {
    fn missing_behind_link(settings: &Path) -> Option<Self> {
        if !settings.is_symlink() || settings.exists() {
            return None;
        }
        let target = replace::follow(settings).ok()?;
        let made = target.ancestors().skip(1).take_while(|directory| !directory.exists());
        Some(Self::MissingBehindLink { made: made.map(Path::to_owned).collect() })
    }
}

type Memory = BTreeMap<String, Original>;

fn all(targets: &Targets) -> Memory {
    let text = targets.memory.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn write(targets: &Targets, all: &Memory) {
    let Some(file) = &targets.memory else { return };
    let written = if all.is_empty() {
        std::fs::remove_file(file)
    } else {
        let made = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(file, serde_json::json!(all).to_string()))
    };
    if let Err(error) = written {
        tracing::debug!(%error, "the memory of settings files cannot be written");
    }
}

fn key(targets: &Targets) -> String {
    targets.settings.to_string_lossy().into_owned()
}

fn original(targets: &Targets) -> Option<Original> {
    all(targets).remove(&key(targets))
}

fn remember(targets: &Targets, original: Original) {
    let mut all = all(targets);
    all.entry(key(targets)).or_insert(original);
    write(targets, &all);
}

fn forget(targets: &Targets) {
    let mut all = all(targets);
    if all.remove(&key(targets)).is_some() {
        write(targets, &all);
    }
}

/// A slash command as shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlashCommand<'a> {
    /// The name of its file, such as `maestro-debug.md`.
    pub file_name: &'a str,
    /// The text of its file.
    pub text: &'a str,
}

/// The changes that bring every command to its shipped text, keeping a backup of any other.
fn placing<'a>(directory: &Path, commands: &'a [SlashCommand<'a>]) -> Vec<FileChange<'a>> {
    changes(directory, commands, |command, seen| match seen {
        Some(bytes) if bytes == command.text.as_bytes() => Verdict::Keep(None),
        _ => Verdict::Write { bytes: command.text.as_bytes().to_vec(), backup: true },
    })
}

/// The changes that remove every command that nobody edited.
fn removing<'a>(directory: &Path, commands: &'a [SlashCommand<'a>]) -> Vec<FileChange<'a>> {
    changes(directory, commands, |command, seen| match seen {
        None => Verdict::Keep(Some(ABSENT)),
        Some(bytes) if bytes == command.text.as_bytes() => Verdict::Remove,
        Some(_) => Verdict::Keep(Some("it differs from what was installed")),
    })
}

fn changes<'a>(
    directory: &Path,
    commands: &'a [SlashCommand<'a>],
    decide: fn(&SlashCommand<'_>, Option<&[u8]>) -> Verdict,
) -> Vec<FileChange<'a>> {
    let change = |command: &'a SlashCommand<'a>| FileChange {
        path: directory.join(command.file_name),
        new_mode: COMMAND_MODE,
        decide: Box::new(move |seen| Ok(decide(command, seen))),
    };
    commands.iter().map(change).collect()
}

const BOM: &str = "\u{feff}";

/// The text that starts `command` as the server, or `None` if it does already.
fn register(client: Client, bytes: &[u8], command: &str) -> Result<Option<Vec<u8>>, Fault> {
    edited(bytes, |text| match client.format() {
        Format::Json | Format::Jsonc => {
            jsonc::register(text, client.format(), client.lists(), NAME, |list| client.entry(list, command))
        }
        Format::Toml => {
            let list = table(client);
            toml::register(text, list, NAME, &client.entry(&[list], command))
        }
    })
}

/// Returns what is left without the server, or `None` if it was not there.
fn deregister(client: Client, bytes: &[u8], list: List) -> Result<Option<Vec<u8>>, Fault> {
    edited(bytes, |text| match client.format() {
        Format::Json | Format::Jsonc => jsonc::deregister(text, client.format(), client.lists(), NAME, list),
        Format::Toml => toml::deregister(text, table(client), NAME),
    })
}

/// True if a file has a list of servers without any.
fn has_empty_list(client: Client, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    match client.format() {
        Format::Json | Format::Jsonc => {
            jsonc::has_empty_list(text.strip_prefix(BOM).unwrap_or(&text), client.format(), client.lists())
        }
        Format::Toml => false,
    }
}

/// True if a file with nothing but this in it may as well not be there.
fn says_nothing(client: Client, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix(BOM).unwrap_or(&text);
    text.trim().is_empty() || (client.format() != Format::Toml && jsonc::is_empty(text))
}

/// A file that holds nothing but the entry.
fn alone(client: Client, command: &str) -> Result<String, Fault> {
    match client.format() {
        Format::Json | Format::Jsonc => {
            let fresh = |list: &[&str]| client.entry(list, command);
            Ok(jsonc::register("", client.format(), client.lists(), NAME, fresh)?.unwrap_or_default())
        }
        Format::Toml => {
            let list = table(client);
            toml::snippet(list, NAME, &client.entry(&[list], command))
        }
    }
}

fn table(client: Client) -> &'static str {
    client.lists().first().and_then(|list| list.first()).copied().unwrap_or_default()
}

fn edited(
    bytes: &[u8],
    edit: impl FnOnce(&str) -> Result<Option<String>, Fault>,
) -> Result<Option<Vec<u8>>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Fault::Syntax {
            line: before.split(|byte| *byte == b'\n').count(),
            column: before.len() - line_start + 1,
            reason: "the text is not UTF-8".to_owned(),
        }
    })?;
    let (bom, body) = match text.strip_prefix(BOM) {
        Some(body) => (BOM, body),
        None => ("", text),
    };
    Ok(edit(body)?.map(|edited| format!("{bom}{edited}").into_bytes()))
}

/// The name under which every client knows this server.
const NAME: &str = "maestro";
/// A consult may take 15 minutes and a stage twice that.
const LONGEST_CALL_SECONDS: u64 = 1800;
/// Zed waits no longer, whatever its settings say.
const LONGEST_CALL_IN_ZED_SECONDS: u64 = 600;

/// A program that speaks MCP to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Client {
    /// Claude Code
    Claude,
    /// Codex
    Codex,
    /// Gemini CLI
    Gemini,
    /// VS Code
    Vscode,
    /// Cursor
    Cursor,
    /// Zed
    Zed,
    /// opencode
    Opencode,
}

/// The format of a client's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON as the standard has it.
    Json,
    /// JSON with comments and trailing commas.
    Jsonc,
    /// TOML.
    Toml,
}

/// The scope of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Those of the user, for every project.
    User,
    /// Those that everybody who works on this project shares.
    Project(&'a Path),
}

impl Client {
    /// Its name for people, the format of its settings, the members in them that lead to the list of servers, and
    /// the file of a project.
    const fn about(self) -> (&'static str, Format, &'static [&'static [&'static str]], &'static str) {
        match self {
            Self::Claude => ("Claude Code", Format::Json, &[&["mcpServers"]], ".mcp.json"),
            Self::Codex => ("Codex", Format::Toml, &[&["mcp_servers"]], ".codex/config.toml"),
            Self::Gemini => ("Gemini", Format::Jsonc, &[&["mcpServers"]], ".gemini/settings.json"),
            Self::Vscode => ("VS Code", Format::Jsonc, &[&["servers"]], ".vscode/mcp.json"),
            Self::Cursor => ("Cursor", Format::Jsonc, &[&["mcpServers"]], ".cursor/mcp.json"),
            Self::Zed => ("Zed", Format::Jsonc, &[&["context_servers"]], ".zed/settings.json"),
            // Its second version keeps the servers one level deeper.
            Self::Opencode => ("opencode", Format::Jsonc, &[&["mcp", "servers"], &["mcp"]], "opencode.json"),
        }
    }

    /// Name for people.
    pub(in crate::cli) const fn name(self) -> &'static str {
        self.about().0
    }

    fn format(self) -> Format {
        self.about().1
    }

    /// The members that lead to the list of servers; the first that is there counts, else the last.
    pub(in crate::cli) fn lists(self) -> &'static [&'static [&'static str]] {
        self.about().2
    }

    /// A fresh entry in that list.
    fn entry(self, list: &[&str], command: &str) -> Value {
        match self {
            Self::Claude => json!({ "type": "stdio", "command": command, "args": [], "env": {} }),
            Self::Codex => json!({ "command": command, "tool_timeout_sec": LONGEST_CALL_SECONDS }),
            Self::Gemini => {
                json!({ "command": command, "args": [], "timeout": LONGEST_CALL_SECONDS * 1000 })
            }
            Self::Vscode | Self::Cursor => json!({ "type": "stdio", "command": command, "args": [] }),
            Self::Zed => {
                json!({ "command": command, "args": [], "env": {}, "timeout": LONGEST_CALL_IN_ZED_SECONDS })
            }
            Self::Opencode if list.len() > 1 => json!({ "type": "local", "command": [command] }),
            Self::Opencode => json!({
                "type": "local", "command": [command], "enabled": true,
                "timeout": LONGEST_CALL_SECONDS * 1000
            }),
        }
    }

    /// The next step after an install.
    fn next_step(self, scope: Scope<'_>) -> &'static str {
        match (self, scope) {
            (Self::Claude, Scope::User) => "next: restart Claude Code; `/mcp` shows maestro",
            (Self::Claude, Scope::Project(_)) => {
                "next: restart Claude Code in this project and approve the server when asked; \
                 `/mcp` shows maestro"
            }
            (Self::Codex, Scope::User) => "next: restart Codex; `codex mcp list` shows maestro",
            (Self::Codex, Scope::Project(_)) => {
                "next: start Codex in this project and trust it when asked; `/mcp` shows maestro"
            }
            (Self::Gemini, Scope::User) => "next: restart Gemini CLI; `gemini mcp list` shows maestro",
            (Self::Gemini, Scope::Project(_)) => {
                "next: start Gemini CLI in this project and trust the folder when asked; `/mcp` shows maestro"
            }
            (Self::Vscode, _) => "next: run `MCP: List Servers` in VS Code and start maestro",
            (Self::Cursor, _) => "next: restart Cursor and switch maestro on in its list of MCP servers",
            (Self::Zed, Scope::User) => "next: open the settings of Zed's agent panel; maestro is listed",
            (Self::Zed, Scope::Project(_)) => "next: open the project in Zed and trust it when asked",
            (Self::Opencode, _) => "next: restart opencode; `opencode mcp list` shows maestro",
        }
    }
}

/// The files that one client reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    client: Client,
    /// The file that names the servers.
    pub settings: PathBuf,
    /// The mode `settings` gets if it does not exist yet.
    pub settings_mode: u32,
    /// The directory of the slash commands, for a client that has them.
    pub commands: Option<PathBuf>,
    /// Directories below this one go when an uninstall leaves them empty.
    pub base: PathBuf,
    /// The user's next step after an install.
    pub next_step: &'static str,
    /// The file that remembers settings files without a server of the user's own.
    memory: Option<PathBuf>,
}

impl Targets {
    /// The places where `client` looks, or `None` if the home directory is needed and not known.
    pub fn new(client: Client, scope: Scope<'_>, environment: &Environment) -> Option<Self> {
        let next_step = client.next_step(scope);
        let targets = |base: PathBuf, settings: PathBuf, commands, settings_mode| Self {
            client,
            settings,
            settings_mode,
            commands,
            base,
            next_step,
            memory: environment.state_directory().map(|directory| directory.join("own_lists")),
        };
        if let Scope::Project(root) = scope {
            let commands = (client == Client::Claude).then(|| root.join(".claude/commands"));
            return Some(targets(root.to_owned(), project_file(client, root), commands, 0o644));
        }
        let named = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = environment.home();
        let in_home = |directory: &str| home.as_ref().map(|home| home.join(directory));
        let config = || named("XDG_CONFIG_HOME").or_else(|| in_home(".config"));
        let (settings, commands) = match client {
            Client::Claude => match named("CLAUDE_CONFIG_DIR") {
                Some(directory) => (directory.join(".claude.json"), Some(directory.join("commands"))),
                None => (in_home(".claude.json")?, in_home(".claude/commands")),
            },
            Client::Codex => (named("CODEX_HOME").or_else(|| in_home(".codex"))?.join("config.toml"), None),
            Client::Gemini => {
                (named("GEMINI_CLI_HOME").or_else(|| home.clone())?.join(".gemini/settings.json"), None)
            }
            Client::Vscode if cfg!(target_os = "macos") => {
                (in_home("Library/Application Support/Code/User/mcp.json")?, None)
            }
            Client::Vscode => (config()?.join("Code/User/mcp.json"), None),
            Client::Cursor => (in_home(".cursor/mcp.json")?, None),
            Client::Zed if cfg!(target_os = "macos") => (in_home(".config/zed/settings.json")?, None),
            Client::Zed => (config()?.join("zed/settings.json"), None),
            Client::Opencode => (opencode_file(&config()?.join("opencode")), None),
        };
        let base = home.clone().unwrap_or_else(|| settings.clone());
        // These files may hold tokens, and their owners keep them private too.
        Some(targets(base, settings, commands, 0o600))
    }
}

fn project_file(client: Client, root: &Path) -> PathBuf {
    if client == Client::Opencode { opencode_file(root) } else { root.join(client.about().3) }
}

/// Either spelling is read; the one that is there already is meant.
fn opencode_file(directory: &Path) -> PathBuf {
    let with_comments = directory.join("opencode.jsonc");
    if with_comments.exists() { with_comments } else { directory.join("opencode.json") }
}

#[cfg(test)]
mod tests;

//! `install`, `uninstall` and `mcp-config`: Maestro's entry in a client's settings, and the slash commands
//! for clients that have them.
//!
//! Every file is first staged: its new text is written to a temporary file beside it. Only then are all files
//! put in place. So a settings file that cannot be read, or a directory that cannot be written to, stops the
//! installation before anything changes.

mod jsonc;
mod replace;
mod toml;

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::IntoStaticStr;

use crate::domain::change::Mark;
use crate::domain::packed;
use crate::host::environment::Environment;

use jsonc::List;
pub use replace::InstallError;
use replace::{ABSENT, Fault, FileChange, Outcome, Staged, Verdict};

/// Mode of a new file with a slash command.
const COMMAND_MODE: u32 = 0o644;

/// Registers `command` as the server `maestro` and writes the slash commands.
///
/// Installing twice has the same effect as once. Writes one line per file to `out`, also for files that were
/// changed before an error.
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
                if has_no_settings(targets.client, seen) {
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
    let mut report = Vec::new();
    let placed = placing(targets, commands);
    let done = replace_all(&settings, &placed, &mut report, "registered maestro in");
    if done.is_ok() {
        if let Some(original) = behind_link.or(without_server.take()) {
            remember(targets, original);
        }
        remember_commands(targets, &placed, commands);
        report.push(targets.next_step.to_owned());
    }
    print(&report, out)?;
    done
}

/// Removes the server `maestro` and the slash commands that were not edited, restores the files that were in
/// their place before, and removes files and directories that become empty.
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
            let Some(bytes) = edited else { return Ok(Verdict::Keep(None)) };
            if !has_no_settings(targets.client, &bytes) {
                return Ok(Verdict::Write { bytes, backup: false });
            }
            Ok(match original {
                Some(Original::Text(text)) => Verdict::Write { bytes: text.into_bytes(), backup: false },
                Some(Original::MissingBehindLink { .. }) => Verdict::RemoveTarget,
                // A link belongs to the user, so it stays.
                _ if targets.settings.is_symlink() => Verdict::Write { bytes, backup: false },
                _ => Verdict::Remove,
            })
        }),
    };
    let mut report = Vec::new();
    let removed = removing(targets, commands);
    let done = replace_all(&settings, &removed, &mut report, "removed maestro from");
    if done.is_ok() {
        forget(targets, &removed);
        if let Some(Original::MissingBehindLink { made }) = &original {
            // Only empty directories are removed.
            let _ = made.iter().try_for_each(std::fs::remove_dir);
        }
        for change in &removed {
            if let Some(restored) = replace::restore(&change.path)? {
                report.push(format!("put back {}", restored.display()));
            }
        }
        for directory in targets.commands.as_deref().into_iter().chain(targets.settings.parent()) {
            remove_empty(directory, &targets.base);
        }
    }
    print(&report, out)?;
    done
}

/// Writes settings that only register `command`, for the user to copy.
///
/// # Errors
/// `out` cannot be written to.
pub fn mcp_config(targets: &Targets, command: &str, out: &mut dyn Write) -> Result<(), InstallError> {
    let config = entered(targets.client, "", command).map_err(|fault| refused(targets, fault))?;
    out.write_all(config.unwrap_or_default().as_bytes()).map_err(InstallError::Output)
}

fn refused(targets: &Targets, fault: Fault) -> InstallError {
    InstallError::Fault { path: targets.settings.clone(), format: targets.client.about().format, fault }
}

/// Removes a directory if it is empty, and then empty directories above it, but never `base`.
fn remove_empty(directory: &Path, base: &Path) {
    let mut directory = Some(directory);
    while let Some(path) = directory.filter(|path| path.starts_with(base) && *path != base) {
        if std::fs::remove_dir(path).is_err() {
            return;
        }
        directory = path.parent();
    }
}

/// Stages every file, and then puts each in place. The settings come last, because they make the client use
/// the rest.
fn replace_all(
    settings: &FileChange<'_>,
    commands: &[FileChange<'_>],
    report: &mut Vec<String>,
    changed: &str,
) -> Result<(), InstallError> {
    let staged_settings = Staged::new(settings)?;
    let staged_commands = commands.iter().map(Staged::new).collect::<Result<Vec<_>, _>>()?;
    for staged in staged_commands {
        let path = &staged.change.path;
        report.extend(told("wrote", path, staged.commit()?));
    }
    report.extend(told(changed, &settings.path, staged_settings.commit()?));
    Ok(())
}

/// The lines about the outcome for a file. They are printed at the end, so that a closed pipe does not stop
/// an installation half-way.
fn told(changed: &str, path: &Path, outcome: Outcome) -> Vec<String> {
    let path = path.display();
    match outcome {
        Outcome::Unchanged(None) => vec![format!("unchanged {path}")],
        Outcome::Unchanged(Some(why)) => vec![format!("left {path}: {why}")],
        Outcome::Removed => vec![format!("removed {path}")],
        Outcome::Written(backup) => {
            let backup = backup.map(|backup| format!("backup: {}", backup.display()));
            backup.into_iter().chain([format!("{changed} {path}")]).collect()
        }
    }
}

fn print(lines: &[String], out: &mut dyn Write) -> Result<(), InstallError> {
    lines.iter().try_for_each(|line| writeln!(out, "{line}")).map_err(InstallError::Output)
}

// The memory records settings files that had an empty list of servers, no setting at all, or a broken link
// before the installation. An uninstall restores their list or text. It also records the slash commands that
// were written, so that those of an earlier version are not taken for the user's own. The memory is in the
// user's state directory. Without it an uninstall removes more than it should, but it never fails.

/// The state of a settings file before the installation, which the file itself no longer shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Original {
    Text(String),
    EmptyList,
    /// The settings file was a link to a missing file. `made` are the directories that were missing there,
    /// the innermost first.
    MissingBehindLink {
        made: Vec<PathBuf>,
    },
    /// The file is a slash command that an installation wrote, with the SHA-256 of its text.
    Command {
        sha256: String,
    },
}

impl Original {
    fn command(text: &[u8]) -> Self {
        Self::Command { sha256: Mark::of(text).sha256 }
    }

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
        let removed = std::fs::remove_file(file);
        file.parent().into_iter().for_each(|directory| remove_empty(directory, &targets.base));
        removed
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

/// Remembers the written commands of the user. Those of a project may be shared with others.
fn remember_commands(targets: &Targets, placed: &[FileChange<'_>], commands: &[SlashCommand<'_>]) {
    if !targets.memory.as_ref().is_some_and(|file| file.starts_with(&targets.base)) {
        return;
    }
    let texts = commands.iter().map(|command| Original::command(command.text.as_bytes()));
    let places = placed.iter().map(|change| change.path.to_string_lossy().into_owned());
    write(targets, &all(targets).into_iter().chain(places.zip(texts)).collect());
}

fn forget(targets: &Targets, commands: &[FileChange<'_>]) {
    let mut all = all(targets);
    let count = all.len();
    all.remove(&key(targets));
    for change in commands {
        all.remove(&*change.path.to_string_lossy());
    }
    if all.len() < count {
        write(targets, &all);
    }
}

/// A shipped slash command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlashCommand<'a> {
    /// The name of its file, for example `maestro-debug.md`.
    pub file_name: &'a str,
    /// The text of its file.
    pub text: &'a str,
}

/// The text in the place of a slash command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    /// The shipped text.
    Shipped,
    /// The text that an earlier version installed.
    Earlier,
    /// A text of the user.
    Edited,
}

/// The changes that write the shipped text of every command, with a backup of a text of the user.
fn placing<'a>(targets: &Targets, commands: &'a [SlashCommand<'a>]) -> Vec<FileChange<'a>> {
    changes(targets, commands, |command, found| match found {
        Found::Shipped => Verdict::Keep(None),
        Found::Nothing | Found::Earlier | Found::Edited => {
            Verdict::Write { bytes: command.text.as_bytes().to_vec(), backup: found == Found::Edited }
        }
    })
}

/// The changes that remove every command that was not edited.
fn removing<'a>(targets: &Targets, commands: &'a [SlashCommand<'a>]) -> Vec<FileChange<'a>> {
    changes(targets, commands, |_, found| match found {
        Found::Nothing => Verdict::Keep(Some(ABSENT)),
        Found::Shipped | Found::Earlier => Verdict::Remove,
        Found::Edited => Verdict::Keep(Some("it differs from what was installed")),
    })
}

/// The changes of the commands, for a client that has them.
fn changes<'a>(
    targets: &Targets,
    commands: &'a [SlashCommand<'a>],
    decide: fn(&SlashCommand<'_>, Found) -> Verdict,
) -> Vec<FileChange<'a>> {
    let Some(directory) = &targets.commands else { return Vec::new() };
    let memory = all(targets);
    let change = |command: &'a SlashCommand<'a>| {
        let path = directory.join(command.file_name);
        let known = memory.get(&*path.to_string_lossy()).cloned();
        let found = move |seen: Option<&[u8]>| match seen {
            None => Found::Nothing,
            Some(bytes) if bytes == command.text.as_bytes() => Found::Shipped,
            Some(bytes) if known == Some(Original::command(bytes)) => Found::Earlier,
            Some(_) => Found::Edited,
        };
        let decide = Box::new(move |seen: Option<&[u8]>| Ok(decide(command, found(seen))));
        FileChange { path, new_mode: COMMAND_MODE, decide }
    };
    commands.iter().map(change).collect()
}

const BOM: &str = "\u{feff}";

/// The settings with `command` as the server; `None` if they already have it.
fn register(client: Client, bytes: &[u8], command: &str) -> Result<Option<Vec<u8>>, Fault> {
    edited(bytes, |text| entered(client, text, command))
}

fn entered(client: Client, text: &str, command: &str) -> Result<Option<String>, Fault> {
    let About { format, lists, .. } = client.about();
    match format {
        Format::Json | Format::Jsonc => {
            jsonc::register(text, *format, lists, NAME, |list| client.entry(list, command))
        }
        Format::Toml => {
            let list = lists.first().map(Vec::as_slice).unwrap_or_default();
            toml::register(text, table(client), NAME, &client.entry(list, command))
        }
    }
}

/// The settings without the server; `None` if they do not have it.
fn deregister(client: Client, bytes: &[u8], list: List) -> Result<Option<Vec<u8>>, Fault> {
    let About { format, lists, .. } = client.about();
    edited(bytes, |text| match format {
        Format::Json | Format::Jsonc => jsonc::deregister(text, *format, lists, NAME, list),
        Format::Toml => toml::deregister(text, table(client), NAME),
    })
}

/// True if a file has an empty list of servers.
fn has_empty_list(client: Client, bytes: &[u8]) -> bool {
    let About { format, lists, .. } = client.about();
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix(BOM).unwrap_or(&text);
    *format != Format::Toml && jsonc::has_empty_list(text, *format, lists)
}

/// True if a file with this content has no settings, so that it can be removed.
fn has_no_settings(client: Client, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix(BOM).unwrap_or(&text);
    text.trim().is_empty() || (client.about().format != Format::Toml && jsonc::is_empty(text))
}

fn table(client: Client) -> &'static str {
    client.about().lists.first().and_then(|list| list.first()).map_or("", String::as_str)
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

/// The name of this server in every client.
const NAME: &str = "maestro";
/// A program that speaks MCP to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, ValueEnum)]
#[strum(serialize_all = "snake_case")]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Standard JSON.
    #[default]
    Json,
    /// JSON with comments and trailing commas.
    Jsonc,
    Toml,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// The user's settings, for every project.
    User,
    /// The settings that everybody in this project shares.
    Project(&'a Path),
}

/// Facts about a client, from `clients.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::cli) struct About {
    /// Name for display.
    pub(in crate::cli) name: String,
    format: Format,
    pub(in crate::cli) lists: Vec<Vec<String>>,
    entry: Value,
    nested: Value,
    user: Vec<String>,
    macos: Vec<String>,
    project: String,
    also_jsonc: bool,
    user_commands: Vec<String>,
    project_commands: Option<String>,
    next: String,
    next_in_project: Option<String>,
}

impl Client {
    pub(in crate::cli) fn about(self) -> &'static About {
        static ALL: LazyLock<HashMap<String, About>> =
            LazyLock::new(|| packed::read("src/cli/install/clients.yaml"));
        static NONE: LazyLock<About> = LazyLock::new(About::default);
        ALL.get(<&str>::from(self)).unwrap_or(&NONE)
    }

    /// A new entry for a list of servers.
    fn entry(self, list: &[String], command: &str) -> Value {
        let About { entry, nested, .. } = self.about();
        filled(if list.len() > 1 { nested } else { entry }, command)
    }
}

fn filled(entry: &Value, command: &str) -> Value {
    match entry {
        Value::String(text) if text == "$COMMAND" => command.into(),
        Value::Array(items) => items.iter().map(|item| filled(item, command)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), filled(value, command))).collect()
        }
        other => other.clone(),
    }
}

/// The files of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    client: Client,
    /// The file with the list of servers.
    pub settings: PathBuf,
    /// Mode of a new settings file.
    pub settings_mode: u32,
    /// The directory of slash commands, if the client has them.
    pub commands: Option<PathBuf>,
    /// An uninstall removes empty directories below this one.
    pub base: PathBuf,
    /// The user's next step after an install.
    pub next_step: &'static str,
    /// The file of the memory (see [`Original`]).
    memory: Option<PathBuf>,
}

impl Targets {
    /// The files of `client`; `None` if the home directory is needed and unknown.
    pub fn new(client: Client, scope: Scope<'_>, environment: &Environment) -> Option<Self> {
        let about = client.about();
        let resolved = |places: &[String]| {
            places.iter().find_map(|place| {
                let (variable, below) = place.strip_prefix('$')?.split_once('/')?;
                Some(PathBuf::from(environment.get(variable)?).join(below))
            })
        };
        let (base, settings, commands, settings_mode, next_step) = match scope {
            Scope::Project(root) => (
                root.to_owned(),
                root.join(&about.project),
                about.project_commands.as_ref().map(|place| root.join(place)),
                0o644,
                about.next_in_project.as_ref().unwrap_or(&about.next).as_str(),
            ),
            Scope::User => {
                let is_own = cfg!(target_os = "macos") && !about.macos.is_empty();
                let settings = resolved(if is_own { &about.macos } else { &about.user })?;
                let base = environment.home().unwrap_or_else(|| settings.clone());
                // These files may contain tokens, so a new one is private.
                (base, settings, resolved(&about.user_commands), 0o600, about.next.as_str())
            }
        };
        let with_comments = settings.with_extension("jsonc");
        Some(Self {
            client,
            settings: if about.also_jsonc && with_comments.exists() { with_comments } else { settings },
            settings_mode,
            commands,
            base,
            next_step,
            memory: environment.state_directory().map(|directory| directory.join("own_lists")),
        })
    }
}

#[cfg(test)]
mod tests;

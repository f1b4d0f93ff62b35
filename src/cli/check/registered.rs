//! Finds registrations of Maestro in clients, and checks their paths. It only reads files, and runs nothing.

use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use jsonc_parser::{ParseOptions, parse_to_serde_value};
use serde::Serialize;
use serde_json::Value;
use toml_edit::{DocumentMut, Item};

use super::Finding;
use crate::cli::install::{Client, Scope, Targets};
use crate::flow::configuration::Configuration;
use crate::host::environment::Environment;

/// Maximum size of a settings file in bytes. It is large because Claude Code keeps its history in one.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The name of the binary.
const BINARY: &str = "maestro-mcp";

/// The name of Maestro in a client's list of servers.
const NAME: &str = "maestro";

/// An entry that starts Maestro.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Registration {
    pub(super) client: &'static str,
    /// The file with the entry.
    pub(super) file: String,
    pub(super) command: String,
    pub(super) standing: EntryState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EntryState {
    /// The entry starts this binary.
    ThisBinary,
    /// The entry starts another existing binary.
    AnotherBinary,
    /// The program of the entry does not exist.
    Missing,
    /// The entry uses a launcher or a variable, so the program is unknown.
    NotFollowed,
}

/// Finds the entries of all clients.
pub(super) fn registrations(config: &Configuration, own: &Path) -> Vec<Registration> {
    let environment = config.environment();
    let mut found = Vec::new();
    for (client, file, servers) in places(config) {
        let Some(document) = document(&file) else { continue };
        let servers = servers.iter().try_fold(&document, |value, key| value.get(key));
        for (name, entry) in servers.and_then(Value::as_object).into_iter().flatten() {
            let words = words(entry);
            let is_named = name == NAME || words.iter().any(|word| is_ours(word));
            let Some(program) = program(&words).filter(|_| is_named) else { continue };
            found.push(Registration {
                client,
                file: shown(config, &file),
                standing: standing(environment, config.root(), program, own),
                command: program.to_owned(),
            });
        }
    }
    found
}

/// The program and the arguments of an entry: two keys, or one list as in opencode.
fn words(entry: &Value) -> Vec<String> {
    let of = |key: &str| match entry.get(key) {
        Some(Value::String(word)) => vec![word.clone()],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    [of("command"), of("args")].concat()
}

/// The program that an entry starts. Only `env` and `node` are looked behind: to other launchers, a word may
/// name a package.
fn program(words: &[String]) -> Option<&str> {
    let first = words.first()?;
    let rest = words.get(1..).unwrap_or_default();
    let behind = match Path::new(first).file_name()?.to_str()? {
        "env" => rest.iter().find(|word| !word.contains('=')).filter(|word| !word.starts_with('-')),
        "node" => rest.first().filter(|word| is_ours(word)),
        _ => None,
    };
    Some(behind.unwrap_or(first))
}

fn is_ours(word: &str) -> bool {
    Path::new(word).file_name().is_some_and(|name| name == BINARY)
}

/// Each file in which a client lists its servers, as (client, file, path of keys to the list).
fn places(config: &Configuration) -> Vec<(&'static str, PathBuf, Vec<String>)> {
    let (environment, root) = (config.environment(), config.root());
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let mut places = Vec::new();
    // The files that an installation writes to, for the project and for the user.
    for scope in [Scope::Project(root), Scope::User] {
        for client in Client::value_variants() {
            let Some(targets) = Targets::new(*client, scope, environment) else { continue };
            let about = client.about();
            let place = |list: &Vec<String>| (about.name.as_str(), targets.settings.clone(), list.clone());
            places.extend(about.lists.iter().map(place));
        }
    }
    if let Some(settings) = claude(environment).map(|claude| claude.settings) {
        let here = root.display().to_string();
        let of_project = keys(&["projects", &here, "mcpServers"]);
        places.push((CLAUDE_CODE, settings, of_project));
    }
    let Some(home) = environment.home() else { return places };
    let config = environment.get("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from);
    let desktop = "claude_desktop_config.json";
    for file in [config.join("Claude"), home.join("Library/Application Support/Claude")] {
        places.push(("Claude Desktop", file.join(desktop), keys(&["mcpServers"])));
    }
    places
}

/// The client that must have a registration; others are optional.
pub(super) const CLAUDE_CODE: &str = "Claude Code";

/// The user's files for Claude Code.
pub(super) fn claude(environment: &Environment) -> Option<Targets> {
    Targets::new(Client::Claude, Scope::User, environment)
}

/// The enabled plugin of Claude Code that contains Maestro.
pub(super) fn plugin(environment: &Environment) -> Option<String> {
    let commands = claude(environment)?.commands?;
    let directory = commands.parent()?;
    let settings = document(&directory.join("settings.json"))?;
    let plugins = settings.get("enabledPlugins")?.as_object()?.clone();
    let is_ours = |name: &str| name.split('@').next().is_some_and(|name| name.starts_with(NAME));
    plugins.into_iter().find_map(|(name, on)| (on == Value::Bool(true) && is_ours(&name)).then_some(name))
}

/// Reads a settings file in TOML, or in JSON that may have comments. None if it is not a regular file, is too
/// large or is invalid.
fn document(file: &Path) -> Option<Value> {
    let about = std::fs::metadata(file).ok()?;
    if !about.is_file() || about.len() > MOST_BYTES {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    let text = text.trim_start_matches('\u{feff}');
    if file.extension().is_some_and(|extension| extension == "toml") {
        return text.parse::<DocumentMut>().ok().map(|document| as_json(document.as_item()));
    }
    parse_to_serde_value(text, &ParseOptions::default()).ok()
}

/// Converts tables, lists and texts of TOML to JSON. Other values become null.
fn as_json(item: &Item) -> Value {
    if let Some(table) = item.as_table_like() {
        return table.iter().map(|(key, item)| (key.to_owned(), as_json(item))).collect();
    }
    if let Some(list) = item.as_array() {
        return list.iter().map(|value| as_json(&Item::Value(value.clone()))).collect();
    }
    item.as_str().map(Value::from).unwrap_or_default()
}

fn standing(environment: &Environment, root: &Path, program: &str, own: &Path) -> EntryState {
    if program.contains('$') {
        return EntryState::NotFollowed;
    }
    let real = |path: PathBuf| path.canonicalize().ok();
    match environment.find_program(program, root).and_then(real) {
        None => EntryState::Missing,
        Some(_) if !is_ours(program) => EntryState::NotFollowed,
        Some(found) if real(own.to_owned()).is_some_and(|own| own == found) => EntryState::ThisBinary,
        Some(_) => EntryState::AnotherBinary,
    }
}

/// The path for display: relative to the project, or to the home directory (`~/`), or else absolute.
pub(super) fn shown(config: &Configuration, path: &Path) -> String {
    if let Ok(below) = path.strip_prefix(config.root())
        && !below.as_os_str().is_empty()
    {
        return below.display().to_string();
    }
    let environment = config.environment();
    let below = environment.home().and_then(|home| Some(path.strip_prefix(home).ok()?.to_owned()));
    below.map_or_else(|| path.display().to_string(), |below| format!("~/{}", below.display()))
}

impl Registration {
    pub(super) fn finding(&self) -> Finding {
        let Self { client, file, command, standing } = self;
        let install = if *client == CLAUDE_CODE {
            "run `maestro-mcp install` to register this one".to_owned()
        } else {
            format!("put the path of this binary into {file} (`maestro-mcp mcp-config` prints it)")
        };
        match standing {
            EntryState::ThisBinary => {
                Finding::good(format!("{client}: registered in {file}, as this binary"))
            }
            EntryState::AnotherBinary => Finding::look(
                format!("{client}: registered in {file} as {command}, which is another copy of Maestro"),
                install,
            ),
            EntryState::Missing => Finding::bad(
                format!("{client}: registered in {file} as {command}, which does not exist"),
                install,
            ),
            EntryState::NotFollowed => Finding::look(
                format!("{client}: registered in {file}, started by {command}, which was not followed"),
                format!("see in {client} if Maestro's tools are there"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package may have the name of the program.
    #[test]
    fn the_program_of_an_entry_is_its_first_word_or_stands_behind_a_known_one() {
        for (words, wanted) in [
            ("maestro-mcp serve", "maestro-mcp"),
            ("npx -y -p maestro-consult maestro-mcp serve", "npx"),
            ("uvx --from maestro-consult maestro-mcp", "uvx"),
            ("/nonexistent/bin/start-maestro", "/nonexistent/bin/start-maestro"),
            ("/usr/bin/env RUST_LOG=debug /opt/maestro-mcp serve", "/opt/maestro-mcp"),
            ("env -u A maestro-mcp", "env"),
            ("env A=1 npx maestro-mcp", "npx"),
            ("node /opt/maestro-mcp serve", "/opt/maestro-mcp"),
            ("node start.js maestro-mcp", "node"),
            ("node", "node"),
        ] {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            assert_eq!(program(&words), Some(wanted), "{words:?}");
        }
        assert_eq!(program(&[]), None);
    }
}

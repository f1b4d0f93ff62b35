//! The clients that can start Maestro: where each keeps its servers, and how an entry looks there.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::host::environment::Environment;

/// The name under which every client knows this server.
pub(super) const NAME: &str = "maestro";
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
    /// Name for people.
    pub(in crate::cli) const fn name(self) -> &'static str {
        match self {
            Self::Claude => "Claude Code",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini",
            Self::Vscode => "VS Code",
            Self::Cursor => "Cursor",
            Self::Zed => "Zed",
            Self::Opencode => "opencode",
        }
    }

    pub(super) fn format(self) -> Format {
        match self {
            Self::Claude => Format::Json,
            Self::Codex => Format::Toml,
            Self::Gemini | Self::Vscode | Self::Cursor | Self::Zed | Self::Opencode => Format::Jsonc,
        }
    }

    /// The members that lead to the list of servers; the first that is there counts, else the last.
    pub(in crate::cli) fn lists(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Claude | Self::Gemini | Self::Cursor => &[&["mcpServers"]],
            Self::Codex => &[&["mcp_servers"]],
            Self::Vscode => &[&["servers"]],
            Self::Zed => &[&["context_servers"]],
            // Its second version keeps the servers one level deeper.
            Self::Opencode => &[&["mcp", "servers"], &["mcp"]],
        }
    }

    /// A fresh entry in that list.
    pub(super) fn entry(self, list: &[&str], command: &str) -> Value {
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
    pub(super) fn next_step(self, scope: Scope<'_>) -> &'static str {
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
    pub(super) client: Client,
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
    pub(super) memory: Option<PathBuf>,
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
    match client {
        Client::Claude => root.join(".mcp.json"),
        Client::Codex => root.join(".codex/config.toml"),
        Client::Gemini => root.join(".gemini/settings.json"),
        Client::Vscode => root.join(".vscode/mcp.json"),
        Client::Cursor => root.join(".cursor/mcp.json"),
        Client::Zed => root.join(".zed/settings.json"),
        Client::Opencode => opencode_file(root),
    }
}

/// Either spelling is read; the one that is there already is meant.
fn opencode_file(directory: &Path) -> PathBuf {
    let with_comments = directory.join("opencode.jsonc");
    if with_comments.exists() { with_comments } else { directory.join("opencode.json") }
}

//! Installs into temporary homes, looked at from outside.

mod clients;
mod files;
mod random;
mod text;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;
use crate::host::environment::Environment;

const BINARY: &str = "/opt/maestro/bin/maestro-mcp";
const COMMANDS: &[SlashCommand<'_>] = &[
    SlashCommand { file_name: "maestro-debug.md", text: "Debug $ARGUMENTS\n" },
    SlashCommand { file_name: "maestro-workflow.md", text: "Run the workflow\n" },
];
const ENTRY: &str = r#"{"type":"stdio","command":"/opt/maestro/bin/maestro-mcp","args":[],"env":{}}"#;

/// A temporary home directory and what is done in it.
struct Home {
    directory: tempfile::TempDir,
    targets: Targets,
}

impl Home {
    fn new() -> Self {
        Self::of(Client::Claude)
    }

    fn of(client: Client) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let targets = user(client, directory.path(), &[]);
        Self { directory, targets }
    }

    fn with(settings: impl AsRef<[u8]>) -> Self {
        let home = Self::new();
        fs::write(&home.targets.settings, settings).unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn install(&self) -> Result<String, InstallError> {
        let mut out = Vec::new();
        install(&self.targets, BINARY, COMMANDS, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn uninstall(&self) -> Result<String, InstallError> {
        let mut out = Vec::new();
        uninstall(&self.targets, COMMANDS, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn settings(&self) -> String {
        fs::read_to_string(&self.targets.settings).unwrap()
    }

    /// Every file and link below the home, in order.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut open = vec![self.directory.path().to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    open.push(entry.path());
                } else {
                    let path = entry.path();
                    let name = path.strip_prefix(self.directory.path()).unwrap();
                    names.push(name.to_str().unwrap().to_owned());
                }
            }
        }
        names.sort();
        names
    }
}

/// Where a user's client looks, with these variables set.
fn user(client: Client, home: &Path, variables: &[(&str, &str)]) -> Targets {
    let home = (OsString::from("HOME"), home.as_os_str().to_owned());
    let others = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let environment: Environment = [home].into_iter().chain(others).collect();
    Targets::new(client, Scope::User, &environment).unwrap()
}

/// Where a client looks in a project.
fn project(client: Client, root: &Path) -> Targets {
    Targets::new(client, Scope::Project(root), &Environment::default()).unwrap()
}

/// The directory of Claude Code's slash commands.
fn commands(home: &Home) -> PathBuf {
    home.targets.commands.clone().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_users_files_are_in_the_home_or_where_claude_config_dir_says() {
    let home = Path::new("/srv/u");
    let default = user(Client::Claude, home, &[]);
    assert_eq!(default.settings, Path::new("/srv/u/.claude.json"));
    assert_eq!(default.commands.as_deref(), Some(Path::new("/srv/u/.claude/commands")));
    assert_eq!(user(Client::Claude, home, &[("CLAUDE_CONFIG_DIR", "")]), default);

    let moved = user(Client::Claude, home, &[("CLAUDE_CONFIG_DIR", "/etc/cc")]);
    assert_eq!(moved.settings, Path::new("/etc/cc/.claude.json"));
    assert_eq!(moved.commands.as_deref(), Some(Path::new("/etc/cc/commands")));
}

#[test]
fn missing_files_are_created_with_their_modes_and_reported() {
    let home = Home::new();
    let said = home.install().unwrap();
    assert_eq!(
        home.settings(),
        r#"{
  "mcpServers": {
    "maestro": {
      "type": "stdio",
      "command": "/opt/maestro/bin/maestro-mcp",
      "args": [],
      "env": {}
    }
  }
}
"#
    );
    assert_eq!(mode(&home.targets.settings), 0o600);
    let debug = commands(&home).join("maestro-debug.md");
    assert_eq!(fs::read_to_string(&debug).unwrap(), "Debug $ARGUMENTS\n");
    assert_eq!(mode(&debug), 0o644);
    let root = home.directory.path().display();
    assert_eq!(
        said,
        format!(
            "wrote {root}/.claude/commands/maestro-debug.md\n\
             wrote {root}/.claude/commands/maestro-workflow.md\n\
             registered maestro in {root}/.claude.json\n\
             next: restart Claude Code; `/mcp` shows maestro\n"
        )
    );
}

#[test]
fn a_project_gets_its_own_files() {
    let mut home = Home::new();
    home.targets = project(Client::Claude, home.directory.path());
    let said = home.install().unwrap();
    assert_eq!(
        home.names(),
        [".claude/commands/maestro-debug.md", ".claude/commands/maestro-workflow.md", ".mcp.json"]
    );
    assert_eq!(mode(&home.path(".mcp.json")), 0o644);
    assert!(said.contains("approve"), "{said}");
}

#[test]
fn twice_is_the_same_as_once() {
    let home = Home::with("{\"a\": 1}");
    home.install().unwrap();
    let (names, text) = (home.names(), home.settings());
    let changed = fs::metadata(&home.targets.settings).unwrap();
    let said = home.install().unwrap();
    assert_eq!(home.names(), names);
    assert_eq!(home.settings(), text);
    let again = fs::metadata(&home.targets.settings).unwrap();
    assert_eq!(again.modified().unwrap(), changed.modified().unwrap());
    assert_eq!(said.matches("unchanged ").count(), 3, "{said}");
}

#[test]
fn uninstalling_removes_what_is_ours_and_names_what_is_left() {
    let home = Home::with("{\n  \"mcpServers\": {\n    \"x\": {}\n  }\n}\n");
    let before = home.settings();
    home.install().unwrap();
    let edited = commands(&home).join("maestro-debug.md");
    fs::write(&edited, "mine\n").unwrap();

    let said = home.uninstall().unwrap();
    assert_eq!(home.settings(), before);
    assert_eq!(fs::read_to_string(&edited).unwrap(), "mine\n");
    assert!(!commands(&home).join("maestro-workflow.md").exists());
    assert!(said.contains("maestro-debug.md: it differs from what was installed"));
    assert!(said.contains("removed maestro from "), "{said}");

    let again = home.uninstall().unwrap();
    assert!(again.contains("maestro-workflow.md: it is not there"));
    assert!(again.contains("unchanged "), "{again}");
}

#[test]
fn uninstalling_where_nothing_is_creates_nothing() {
    let home = Home::new();
    home.uninstall().unwrap();
    assert_eq!(fs::read_dir(home.directory.path()).unwrap().count(), 0);
}

#[test]
fn the_printed_configuration_registers_the_binary() {
    let mut out = Vec::new();
    mcp_config(&Home::new().targets, BINARY, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let expected = format!(r#"{{"mcpServers":{{"maestro":{ENTRY}}}}}"#);
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(parsed(&text), parsed(&expected));
    assert!(text.ends_with("}\n"));
}

#[test]
fn what_an_uninstall_leaves_empty_goes_and_what_stood_in_its_place_comes_back() {
    for before in [None, Some("mine\n")] {
        let home = Home::new();
        let debug = commands(&home).join("maestro-debug.md");
        if let Some(text) = before {
            fs::create_dir_all(commands(&home)).unwrap();
            fs::write(&debug, text).unwrap();
        }
        let names = home.names();
        home.install().unwrap();
        home.install().unwrap();
        home.uninstall().unwrap();
        assert_eq!(home.names(), names);
        match before {
            Some(text) => assert_eq!(fs::read_to_string(&debug).unwrap(), text),
            None => assert_eq!(fs::read_dir(home.directory.path()).unwrap().count(), 0),
        }
    }
}

#[test]
fn a_closed_pipe_does_not_stop_the_work() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let home = Home::new();
    let done = install(&home.targets, BINARY, COMMANDS, &mut Closed);
    assert!(matches!(done, Err(InstallError::Output(_))));
    assert_eq!(home.names().len(), 4, "two commands, the settings and the memory");
}

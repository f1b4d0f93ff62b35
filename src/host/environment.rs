//! The environment that the server was started with, read once and handed down as a value.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::domain::order::Gather;

/// How deep a server stands below the first one; children get it raised by one.
pub const DEPTH_VARIABLE: &str = "MAESTRO_DEPTH";

/// A snapshot of environment variables.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Takes the snapshot of this process.
    pub fn capture() -> Self {
        std::env::vars_os().collect()
    }

    /// The value of a variable, where it is set, not empty, and valid Unicode.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(OsStr::new(name))
            .and_then(|value| value.to_str())
            .filter(|value| !value.is_empty())
    }

    /// Every variable as the system gave it.
    pub fn iter(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.variables.iter()
    }

    /// Every variable whose name and value are valid Unicode.
    pub fn text(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<PathBuf> {
        self.get("HOME").map(PathBuf::from)
    }

    /// Maestro's directory of a kind of the XDG's: in the one that a variable names, else in its usual place.
    fn own(&self, variable: &str, usual: &str) -> Option<PathBuf> {
        let named = self.get(variable).map(PathBuf::from);
        Some(named.or_else(|| Some(self.home()?.join(usual)))?.join("maestro"))
    }

    /// Returns where the user's own overrides live: `$MAESTRO_HOME`, else the XDG configuration directory.
    pub fn maestro_home(&self) -> Option<PathBuf> {
        self.get("MAESTRO_HOME").map(PathBuf::from).or_else(|| self.own("XDG_CONFIG_HOME", ".config"))
    }

    /// Returns where Maestro keeps what can be made again.
    pub fn cache_directory(&self) -> Option<PathBuf> {
        self.own("XDG_CACHE_HOME", ".cache")
    }

    /// Returns where Maestro keeps what is this user's and no project's: the XDG directory of state, else
    /// below `$MAESTRO_HOME`. A user with several configurations is one user still.
    pub fn state_directory(&self) -> Option<PathBuf> {
        self.own("XDG_STATE_HOME", ".local/state")
            .or_else(|| Some(PathBuf::from(self.get("MAESTRO_HOME")?).join("state")))
            .filter(|directory| directory.is_absolute())
    }

    /// The directories that are Maestro's, and no project's.
    pub fn own_directories(&self) -> Vec<PathBuf> {
        let below = |home: &str| Some(self.home()?.join(home).join("maestro"));
        let named = |name: &str| Some(PathBuf::from(self.get(name)?).join("maestro"));
        [
            self.get("MAESTRO_HOME").map(PathBuf::from),
            self.maestro_home(),
            self.state_directory(),
            named("XDG_CONFIG_HOME"),
            named("XDG_STATE_HOME"),
            named("XDG_CACHE_HOME"),
            named("XDG_DATA_HOME"),
            below(".config"),
            below(".local/state"),
            below(".cache"),
            below(".local/share"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Returns how many servers stand above this one; 0 for a server that a person's client started.
    pub fn depth(&self) -> u32 {
        self.get(DEPTH_VARIABLE).map_or(0, |depth| depth.trim().parse().unwrap_or(1))
    }

    /// The file that a command name stands for: itself where it holds a slash, else the first
    /// executable of that name on `PATH`.
    pub fn find_program(&self, command: &str, base: &Path) -> Option<PathBuf> {
        if let Some(below_home) = command.strip_prefix("~/") {
            return Some(self.home()?.join(below_home)).filter(|path| path.is_file());
        }
        if command.contains('/') {
            // Whether it can be run is for the start to say, in the system's words.
            return Some(base.join(command)).filter(|path| path.is_file());
        }
        let path = self.variables.get(OsStr::new("PATH"))?;
        std::env::split_paths(path)
            .filter(|directory| directory.is_absolute())
            .map(|directory| directory.join(command))
            .find(|candidate| is_executable(candidate))
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).gather() }
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

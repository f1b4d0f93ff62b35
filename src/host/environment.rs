//! The environment of the server's start, read once and passed on as a value.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::domain::order::Gather;

/// The variable with the number of servers above this one. Children get one more.
pub const DEPTH_VARIABLE: &str = "MAESTRO_DEPTH";

/// A snapshot of environment variables.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Takes a snapshot of this process's environment.
    pub fn capture() -> Self {
        std::env::vars_os().collect()
    }

    /// The value of a variable, if it is set, not empty, and valid Unicode.
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

    /// One of Maestro's directories by the XDG rules: inside the directory that `variable` names, else inside
    /// `usual` in the home directory.
    fn own(&self, variable: &str, usual: &str) -> Option<PathBuf> {
        let named = self.get(variable).map(PathBuf::from);
        Some(named.or_else(|| Some(self.home()?.join(usual)))?.join("maestro"))
    }

    /// The directory of the user's own files: `$MAESTRO_HOME`, else below the XDG configuration directory.
    pub fn maestro_home(&self) -> Option<PathBuf> {
        self.get("MAESTRO_HOME").map(PathBuf::from).or_else(|| self.own("XDG_CONFIG_HOME", ".config"))
    }

    /// The directory of files that can be created again.
    pub fn cache_directory(&self) -> Option<PathBuf> {
        self.own("XDG_CACHE_HOME", ".cache")
    }

    /// The directory of this user's state for all projects: below the XDG state directory, else below
    /// `$MAESTRO_HOME`. The XDG directory comes first, so that a user with several configurations has one
    /// state.
    pub fn state_directory(&self) -> Option<PathBuf> {
        self.own("XDG_STATE_HOME", ".local/state")
            .or_else(|| Some(PathBuf::from(self.get("MAESTRO_HOME")?).join("state")))
            .filter(|directory| directory.is_absolute())
    }

    /// All directories outside projects that may be Maestro's own.
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

    /// Number of servers above this one; 0 if a person's client started this one.
    pub fn depth(&self) -> u32 {
        self.get(DEPTH_VARIABLE).map_or(0, |depth| depth.trim().parse().unwrap_or(1))
    }

    /// Finds the file of a command: the path itself if it contains a slash, else the first executable of that
    /// name on `PATH`.
    pub fn find_program(&self, command: &str, base: &Path) -> Option<PathBuf> {
        if let Some(below_home) = command.strip_prefix("~/") {
            return Some(self.home()?.join(below_home)).filter(|path| path.is_file());
        }
        if command.contains('/') {
            // If the file is not executable, starting it reports that.
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

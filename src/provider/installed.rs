//! A CLI as it is installed on this machine: its version, its configuration files, and the environment
//! variables that it gets.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use jsonc_parser::{ParseOptions, parse_to_serde_value};
use serde_json::Value;

use crate::domain::pattern::Pattern;
use crate::host::environment::{DEPTH_VARIABLE, Environment};

/// A version of three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// The version with these numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Finds the first version in the output of `--version`.
    pub fn find(printed: &str) -> Option<Self> {
        static VERSION: Pattern = Pattern::new(r"\b(\d{1,6})\.(\d{1,6})\.(\d{1,6})\b");
        let found = VERSION.captures(printed)?;
        let number = |index: usize| found.get(index)?.as_str().parse().ok();
        Some(Self::new(number(1)?, number(2)?, number(3)?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Maximum size of a configuration file.
const MOST_BYTES: u64 = 1024 * 1024;

/// Reads a JSON file of a CLI, which may have comments. None if it is missing, too large or invalid.
pub(super) fn read_json(file: &Path) -> Option<Value> {
    parse_to_serde_value(&read(file)?, &ParseOptions::default()).ok()
}

/// Reads a regular file of limited size. Links are followed, because many people keep such files elsewhere.
pub(super) fn read(file: &Path) -> Option<String> {
    // Checked before opening, because a pipe would block.
    std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file)?;
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(MOST_BYTES + 1).read_to_end(&mut bytes).ok()?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= MOST_BYTES);
    let text = String::from_utf8(bytes).ok().filter(|_| fits)?;
    Some(text.trim_start_matches('\u{feff}').to_owned())
}

/// Environment variables that every CLI may need: for paths, language and network.
const COMMON: [&str; 37] = [
    "HOME", "PATH", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "LANG", "LANGUAGE", "LC_*", "XDG_CONFIG_HOME",
    "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "HTTP_PROXY", "HTTPS_PROXY",
    "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "NODE_USE_SYSTEM_CA", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "DBUS_SESSION_BUS_ADDRESS", "WSL_DISTRO_NAME", "WSL_INTEROP", "SYSTEMROOT", "__CF_USER_TEXT_ENCODING",
    "NIX_SSL_CERT_FILE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
];

/// The variables of the server's environment that a provider gets, and the variable with its depth. `PATH` is
/// without the directories of the project at `root`.
pub fn allowed(environment: &Environment, root: &Path, own: &[String]) -> Vec<(OsString, OsString)> {
    let fits = |name: &OsStr| {
        let name = name.to_string_lossy();
        COMMON.iter().copied().chain(own.iter().map(String::as_str)).any(|pattern| {
            pattern.strip_suffix('*').map_or(name == pattern, |prefix| name.starts_with(prefix))
        })
    };
    environment
        .iter()
        .filter(|(name, _)| fits(name) && *name != "PATH")
        .map(|(name, value)| (name.clone(), value.clone()))
        .chain(environment.path_outside(root).map(|path| ("PATH".into(), path)))
        .chain([(DEPTH_VARIABLE.into(), (environment.depth() + 1).to_string().into())])
        .collect()
}

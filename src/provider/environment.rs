//! The environment of a consultant: what it needs, and nothing that is not its own.

use std::ffi::{OsStr, OsString};

use crate::host::environment::{DEPTH_VARIABLE, Environment};

/// Variables that every CLI may need: where it is, how to speak, how to reach its service.
const COMMON: [&str; 37] = [
    "HOME",
    "PATH",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "TZ",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "NODE_USE_SYSTEM_CA",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "DBUS_SESSION_BUS_ADDRESS",
    "WSL_DISTRO_NAME",
    "WSL_INTEROP",
    "SYSTEMROOT",
    "__CF_USER_TEXT_ENCODING",
    "NIX_SSL_CERT_FILE",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
];

/// Variables from the server's environment that a provider gets, and how deep it stands.
pub fn allowed(environment: &Environment, own: &[String]) -> Vec<(OsString, OsString)> {
    let fits = |name: &OsStr| {
        let name = name.to_string_lossy();
        COMMON.iter().copied().chain(own.iter().map(String::as_str)).any(|pattern| {
            pattern.strip_suffix('*').map_or(name == pattern, |prefix| name.starts_with(prefix))
        })
    };
    environment
        .iter()
        .filter(|(name, _)| fits(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .chain([(DEPTH_VARIABLE.into(), (environment.depth() + 1).to_string().into())])
        .collect()
}

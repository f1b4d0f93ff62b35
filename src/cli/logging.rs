//! The log, to standard error: standard output is the protocol.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::host::environment::Environment;

/// Starts the log at `MAESTRO_LOG_LEVEL`, or `warn`. A level that does not parse is a problem of the
/// configuration, which says so; the log does not stop for it.
pub(super) fn start(environment: &Environment) {
    let level = match environment.get("MAESTRO_LOG_LEVEL").map(str::to_ascii_lowercase).as_deref() {
        Some("error") => "error",
        Some("info") => "info",
        Some("debug") => "debug",
        Some("trace") => "trace",
        _ => "warn",
    };
    // rmcp logs whole requests at debug, and with them whatever secrets they hold.
    let filter = EnvFilter::new(format!("{level},rmcp=error"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .finish();
    // A second subscriber in one process is only possible in tests, which do not need this one.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

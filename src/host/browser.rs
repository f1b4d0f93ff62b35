//! Opens a page in the person's browser.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::environment::Environment;
use super::process::leftover;

/// The reason why no browser is opened.
#[derive(Debug, thiserror::Error)]
pub enum NoBrowser {
    /// There is no display: a remote session, a container.
    #[error("there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set)")]
    NoDisplay,
    /// The program that opens pages cannot be started.
    #[error("{program} cannot be started: {error}")]
    NotStarted { program: String, error: io::Error },
    /// The file that leads to the page cannot be written.
    #[error("the file that leads to the page cannot be written: {0}")]
    NoFile(io::Error),
}

/// True if this user can see a browser here.
pub fn has_display(environment: &Environment) -> bool {
    let mut names = ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"].into_iter();
    cfg!(target_os = "macos") || names.any(|name| environment.get(name).is_some())
}

/// Opens an address in the browser. The address contains a secret, and other users can see the arguments of
/// a program. So the browser gets the name of a file that leads to the address and that only this user can
/// read. Keep the file until the page is loaded. The project at `root` does not choose the browser.
///
/// # Errors
///
/// There is no display, or the program cannot be started.
pub fn open(
    environment: &Environment,
    root: &Path,
    address: &str,
) -> Result<tempfile::NamedTempFile, NoBrowser> {
    if !has_display(environment) {
        return Err(NoBrowser::NoDisplay);
    }
    // Only its user can read a temporary file.
    let mut file = tempfile::Builder::new()
        .prefix(leftover::PAGE)
        .suffix(".html")
        .tempfile()
        .map_err(NoBrowser::NoFile)?;
    let text = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\"><meta http-equiv=\"refresh\" content=\"0; url={address}\"><title>Maestro</title>\n"
    );
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(NoBrowser::NoFile)?;
    start(environment, root, file.path())?;
    Ok(file)
}

fn start(environment: &Environment, root: &Path, file: &Path) -> Result<(), NoBrowser> {
    let usual = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    // BROWSER may name several programs. Only the first is tried, as other tools do.
    let program = environment.get("BROWSER").and_then(|all| all.split(':').next()).unwrap_or(usual);
    let not_started = |error| NoBrowser::NotStarted { program: program.to_owned(), error };
    let found = environment.find_outside(program, root);
    Command::new(found.ok_or_else(|| not_started(io::ErrorKind::NotFound.into()))?)
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
        .map_err(not_started)
}

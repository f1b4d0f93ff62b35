//! Writing to a person's terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use super::report::Colour;
use crate::error::hint::for_person;
use crate::error::{Error, reference};
use crate::flow::session::Session;
use crate::host::human::harmless;

/// Writes a text to standard output; a reader that went away ends the output quietly.
pub(super) fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Internal(error.to_string())),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a text that came from elsewhere: on a terminal, without what could steer it.
pub(super) fn print_foreign(text: &str) -> Result<(), Error> {
    if io::stdout().is_terminal() { print(&harmless(text)) } else { print(text) }
}

/// Letters in a line of the terminal that standard output is; none where it is no terminal.
pub(super) fn width() -> Option<usize> {
    const USUAL: usize = 80;
    if !io::stdout().is_terminal() {
        return None;
    }
    let columns = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    Some(if columns == 0 { USUAL } else { columns })
}

/// Colours for standard output, where it is a terminal of a person who wants them.
pub(super) fn colour(session: &Session) -> Colour {
    let environment = session.environment();
    Colour::choose(io::stdout().is_terminal(), environment.get("NO_COLOR"), environment.get("TERM"))
}

/// Says something on standard error.
pub(super) fn complain(text: &str) {
    let mut out = io::stderr().lock();
    // There is nowhere left to say that this cannot be said.
    let _ = writeln!(out, "maestro-mcp: {}", harmless(text));
}

/// Says an error and its next step on standard error, and gives the exit code for it.
pub(super) fn fail(error: &Error) -> ExitCode {
    complain(&format!("{error} [{}]\n  {}", error.code(), next_step(error)));
    error.exit_code()
}

/// Next step for the person at the terminal. A hint that names tools speaks to a model.
fn next_step(error: &Error) -> String {
    let hint = for_person(&error.hint());
    match reference::find(error.code()) {
        Some(entry) if hint.contains("maestro_") => entry.user.clone(),
        Some(_) | None => hint,
    }
}

/// A line on standard error that the next one replaces, where somebody is looking; else nothing.
pub(super) struct StatusLine {
    is_seen: bool,
    last: String,
}

impl StatusLine {
    pub(super) fn new() -> Self {
        Self { is_seen: io::stderr().is_terminal(), last: String::new() }
    }

    /// Shows a message in place of the last one. Where nobody is looking there is nothing to show.
    pub(super) fn show(&mut self, message: &str) {
        if !self.is_seen || message == self.last {
            return;
        }
        let message: String = harmless(message)
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(110)
            .collect();
        let mut out = io::stderr().lock();
        let _ = write!(out, "\r\x1b[2K{message}").and_then(|()| out.flush());
        self.last = message;
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if !self.last.is_empty() {
            let mut out = io::stderr().lock();
            let _ = write!(out, "\r\x1b[2K").and_then(|()| out.flush());
        }
        self.last.clear();
    }
}

//! Actions that only a person may take: known by the terminal, and by the word that they type.

use std::io;
use std::process::ExitCode;

use rustix::termios::{QueueSelector, tcflush};

use super::terminal::complain;
use crate::error::{ApprovalProblem, Error};
use crate::flow::session::Session;
use crate::host::ancestry::Ancestry;
use crate::host::human::{Standard, Terminal as _, Typed, check_person, confirm};

/// Refuses everybody who is no person at a terminal of their own.
pub(super) fn only_a_person(session: &Session) -> Result<(), Error> {
    check_person(session.environment(), &Ancestry::of_terminal(), &Standard)
        .map_err(|why| ApprovalProblem::NoPerson(why).into())
}

/// Asks for the word that stands for a decision. Text that was typed or pasted before the question stood
/// there is no answer to it.
pub(super) fn confirmed(purpose: &str, word: &str) -> Result<Typed, Error> {
    tcflush(io::stdin(), QueueSelector::IFlush).map_err(|error| failed(error.into()))?;
    confirm(&mut Standard, purpose, word).map_err(failed)
}

/// Asks for a line; empty where nothing was typed.
pub(super) fn asked(question: &str) -> Result<String, Error> {
    let mut terminal = Standard;
    terminal.say(question).map_err(failed)?;
    Ok(terminal.line().map_err(failed)?.trim().to_owned())
}

/// Returns what a command ends with where something else than the word was typed.
pub(super) fn nothing_was_done(what: &str) -> ExitCode {
    complain(what);
    ExitCode::from(1)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn failed(error: io::Error) -> Error {
    Error::Internal(format!("the terminal cannot be used: {error}"))
}

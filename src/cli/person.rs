//! Actions that only a person may take: known by the terminal, and by the word that they type.

use std::io;
use std::process::ExitCode;

use rustix::termios::{QueueSelector, tcflush};

use super::terminal::{complain, print};
use crate::error::{ApprovalProblem, Error};
use crate::flow::configuration::Configuration;
use crate::host::ancestry::Ancestry;
use crate::host::human::{NoPerson, Standard, Terminal as _, Typed, check_person, confirm, harmless};

/// A person, spoken to on standard output, or on standard error where a program reads standard output.
#[derive(Clone, Copy)]
pub(super) struct Person(Standard);

impl Person {
    /// Whoever reads what is said; nobody is checked.
    pub(super) fn reading(json: bool) -> Self {
        Self(if json { Standard::Errors } else { Standard::Output })
    }

    /// The person at a terminal of their own.
    pub(super) fn at_terminal(config: &Configuration, json: bool) -> Result<Self, NoPerson> {
        let person = Self::reading(json);
        check_person(config.environment(), &Ancestry::of_terminal(), &person.0)?;
        Ok(person)
    }

    /// The person who may decide on what the project's runs do.
    pub(super) fn who_decides(config: &Configuration, json: bool) -> Result<Self, Error> {
        Self::at_terminal(config, json).map_err(|why| ApprovalProblem::NoPerson(why).into())
    }

    pub(super) fn say(self, text: &str) -> Result<(), Error> {
        match self.0 {
            Standard::Output => print(text),
            Standard::Errors => Standard::Errors.say(&harmless(text)).map_err(failed),
        }
    }

    /// Asks for the word that stands for a decision. Text that was typed or pasted before the question stood
    /// there is no answer to it.
    pub(super) fn confirmed(self, purpose: &str, word: &str) -> Result<Typed, Error> {
        tcflush(io::stdin(), QueueSelector::IFlush).map_err(|error| failed(error.into()))?;
        self.says(purpose, word)
    }

    /// Asks for a word, which may have been typed before the question stood there.
    pub(super) fn says(mut self, purpose: &str, word: &str) -> Result<Typed, Error> {
        confirm(&mut self.0, purpose, word).map_err(failed)
    }

    /// Asks for a line; empty where nothing was typed.
    pub(super) fn asked(mut self, question: &str) -> Result<String, Error> {
        self.0.say(question).map_err(failed)?;
        Ok(self.0.line().map_err(failed)?.trim().to_owned())
    }

    /// Returns what a command ends with where something else than the word was typed.
    pub(super) fn nothing_was_done(self, what: &str) -> Result<ExitCode, Error> {
        if self.0 == Standard::Errors {
            print(&format!("{}\n", serde_json::json!({ "ok": false, "error": what })))?;
        }
        complain(what);
        Ok(ExitCode::from(1))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn failed(error: io::Error) -> Error {
    Error::Internal(format!("the terminal cannot be used: {error}"))
}

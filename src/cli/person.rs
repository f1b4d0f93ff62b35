//! The person at the terminal, for actions that only a person may take. A typed word confirms a decision.

use std::io;
use std::process::ExitCode;

use rustix::termios::{QueueSelector, tcflush};

use super::terminal::{complain, print};
use crate::error::{ApprovalProblem, Error};
use crate::flow::configuration::Configuration;
use crate::host::ancestry::Ancestry;
use crate::host::human::{NoPerson, Standard, Terminal as _, Typed, check_person, confirm, harmless};

/// A person. Messages to them go to standard output, or to standard error if a program reads standard output.
#[derive(Clone, Copy)]
pub(super) struct Person(Standard);

impl Person {
    /// Somebody who only reads. No check is made.
    pub(super) fn reading(json: bool) -> Self {
        Self(if json { Standard::Errors } else { Standard::Output })
    }

    pub(super) fn at_terminal(config: &Configuration, json: bool) -> Result<Self, NoPerson> {
        let person = Self::reading(json);
        check_person(config.environment(), &Ancestry::of_terminal(), &person.0)?;
        Ok(person)
    }

    /// The person who may decide for this project.
    ///
    /// # Errors
    ///
    /// No person is known to use this terminal.
    pub(super) fn who_decides(config: &Configuration, json: bool) -> Result<Self, Error> {
        Self::at_terminal(config, json).map_err(|why| ApprovalProblem::NoPerson(why).into())
    }

    pub(super) fn say(self, text: &str) -> Result<(), Error> {
        match self.0 {
            Standard::Output => print(text),
            Standard::Errors => Standard::Errors.say(&harmless(text)).map_err(failed),
        }
    }

    /// Asks for the word that confirms a decision. Input from before the question does not count.
    pub(super) fn confirmed(mut self, purpose: &str, word: &str) -> Result<Typed, Error> {
        tcflush(io::stdin(), QueueSelector::IFlush).map_err(|error| failed(error.into()))?;
        confirm(&mut self.0, purpose, word).map_err(failed)
    }

    /// Asks for a line; empty if nothing was typed.
    pub(super) fn asked(mut self, question: &str) -> Result<String, Error> {
        self.0.say(question).map_err(failed)?;
        Ok(self.0.line().map_err(failed)?.trim().to_owned())
    }

    /// Reports that another word was typed, and returns exit code 1.
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

//! `maestro-mcp trust`: a person reads what a project adds to the rules, and confirms it.

use std::process::ExitCode;

use super::terminal::{complain, print};
use crate::error::Error;
use crate::flow::session::Session;
use crate::flow::verify::project_note;
use crate::host::human::{Standard, Typed, check_person, confirm, harmless};
use crate::host::trust::{PROJECT_FILE, Trust, project_rules};

/// The word to type.
const WORD: &str = "trust";

pub(super) fn run(session: &Session) -> Result<ExitCode, Error> {
    check_person(session.environment(), &Standard)
        .map_err(|why| Error::InvalidArguments(format!("only a person can confirm rules: {why}")))?;
    let bytes = project_rules(session.root()).map_err(|error| invalid(&error.to_string()))?;
    let Some(bytes) = bytes else {
        print(&format!("There is no {PROJECT_FILE} in {}: nothing to confirm.\n", session.root().display()))?;
        return Ok(ExitCode::SUCCESS);
    };
    let note = project_note(session).ok_or_else(|| invalid("it is gone"))?;
    if let Some(problem) = note.problem {
        return Err(invalid(&problem));
    }
    // The person reads the very bytes that are confirmed, without what could move a terminal's cursor.
    let text = harmless(&String::from_utf8_lossy(&bytes));
    print(&format!(
        "{PROJECT_FILE} of {} ({}):\n\n{text}\nIt lets maestro_verify run:\n  {}\n\n",
        session.root().display(),
        note.state,
        note.adds.join("\n  ")
    ))?;
    let typed = confirm(&mut Standard, "to confirm exactly this file", WORD)
        .map_err(|error| Error::Internal(error.to_string()))?;
    match typed {
        Typed::TheWord => {}
        Typed::SomethingElse => {
            complain("nothing was confirmed");
            return Ok(ExitCode::from(1));
        }
    }
    let trust = Trust::of(session.environment())
        .ok_or_else(|| invalid("there is no directory of yours: set HOME"))?;
    trust.confirm(session.root(), &bytes).map_err(|error| Error::Internal(error.to_string()))?;
    print("Confirmed. Any change of the file takes that back.\n")?;
    Ok(ExitCode::SUCCESS)
}

fn invalid(reason: &str) -> Error {
    Error::Document { name: PROJECT_FILE.to_owned(), reason: reason.to_owned() }
}

//! `maestro-mcp trust`: a person reads what a project adds to the rules, and confirms it.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::process::ExitCode;

use super::terminal::{complain, print};
use crate::error::Error;
use crate::flow::session::Session;
use crate::flow::verify::project_note;
use crate::host::environment::DEPTH_VARIABLE;
use crate::host::trust::{PROJECT_FILE, Trust, project_rules};

/// Variables that a shell has when a program types into it, and no person.
const NOT_A_PERSON: [&str; 3] = ["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", DEPTH_VARIABLE];

/// The word to type.
const WORD: &str = "trust";

pub(super) fn run(session: &Session) -> Result<ExitCode, Error> {
    check_person(session)?;
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
    let text: String = String::from_utf8_lossy(&bytes)
        .chars()
        .map(|letter| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter })
        .collect();
    print(&format!(
        "{PROJECT_FILE} of {} ({}):\n\n{text}\nIt lets maestro_verify run:\n  {}\n\nType `{WORD}` to confirm exactly this file: ",
        session.root().display(),
        note.state,
        note.adds.join("\n  ")
    ))?;
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed).map_err(|error| Error::Internal(error.to_string()))?;
    if typed.trim() != WORD {
        complain("nothing was confirmed");
        return Ok(ExitCode::from(1));
    }
    let trust = Trust::of(session.environment())
        .ok_or_else(|| invalid("there is no directory of yours: set HOME"))?;
    trust.confirm(session.root(), &bytes).map_err(|error| Error::Internal(error.to_string()))?;
    print("Confirmed. Any change of the file takes that back.\n")?;
    Ok(ExitCode::SUCCESS)
}

fn check_person(session: &Session) -> Result<(), Error> {
    let refuse = |why: &str| Err(Error::InvalidArguments(format!("only a person can confirm rules: {why}")));
    if let Some(name) = NOT_A_PERSON.iter().find(|name| session.environment().get(name).is_some()) {
        return refuse(&format!("{name} is set, so this is a program's shell; use a terminal of your own"));
    }
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return refuse("standard input and output must be a terminal");
    }
    Ok(())
}

fn invalid(reason: &str) -> Error {
    Error::Document { name: PROJECT_FILE.to_owned(), reason: reason.to_owned() }
}

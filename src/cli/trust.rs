//! `maestro-mcp trust`: a person reads what the project's own files would change, and confirms them by
//! their hash.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::arguments::TrustOptions;
use super::terminal::{complain, print};
use crate::error::Error;
use crate::flow::session::Session;
use crate::flow::verify::project_note;
use crate::host::ancestry::Ancestry;
use crate::host::human::{Standard, Typed, check_person, confirm, harmless};
use crate::host::own_files::DIRECTORY;
use crate::host::store::StoreError;
use crate::host::trust::{ProjectLayer, Standing, shown};

/// The word to type.
const WORD: &str = "trust";

pub(super) fn run(session: &Session, options: &TrustOptions) -> Result<ExitCode, Error> {
    if !options.show {
        check_person(session.environment(), &Ancestry::of_terminal(), &Standard).map_err(|why| {
            Error::InvalidArguments(format!(
                "only a person can trust a project: {why}. `maestro-mcp trust --show` shows what it would change"
            ))
        })?;
    }
    if let Some(why) = foreign_log(session) {
        if options.json {
            let log = session.store_directory();
            print(&format!("{:#}\n", json!({ "log": log, "log_is_not_honoured": why })))?;
            return Ok(ExitCode::SUCCESS);
        }
        return take_over(session, options, why);
    }
    let layer = session.library().layer();
    let root = session.root().display();
    if options.json {
        print(&format!("{:#}\n", as_json(session, &layer)))?;
        return Ok(ExitCode::SUCCESS);
    }
    if layer.files().next().is_none() {
        print(&format!("There is nothing to confirm: {DIRECTORY} of {root} changes nothing.\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let ignored = &session.config().ignored;
    // The person reads the very text that is confirmed, without what could move a terminal's cursor.
    print(&harmless(&described(session, &layer, ignored)))?;
    match layer.standing {
        Standing::Trusted => {
            print("You already trust exactly these files. Any change of them cancels that.\n")?;
            return Ok(ExitCode::SUCCESS);
        }
        Standing::Unconfirmed | Standing::Changed if ignored.is_empty() => {
            print("All of it holds without your word: nothing to confirm.\n")?;
            return Ok(ExitCode::SUCCESS);
        }
        Standing::Unconfirmed | Standing::Changed if options.show => return Ok(ExitCode::SUCCESS),
        Standing::Unconfirmed | Standing::Changed => {}
    }
    if let Some(problem) = project_note(session).and_then(|note| note.problem) {
        return Err(Error::Document { name: shown("verification.yaml"), reason: problem });
    }
    let typed = confirm(&mut Standard, "to trust exactly these files", WORD)
        .map_err(|error| Error::Internal(error.to_string()))?;
    match typed {
        Typed::TheWord => {}
        Typed::SomethingElse => {
            complain("nothing was confirmed");
            return Ok(ExitCode::from(1));
        }
    }
    session.library().confirm(&layer.hash()).map_err(|error| Error::Setup {
        reason: format!("your word cannot be kept: {error}"),
        hint: "Make your own configuration directory writable (MAESTRO_HOME, else ~/.config/maestro)."
            .to_owned(),
    })?;
    print("Confirmed. Any change of these files cancels that. Restart servers that already run.\n")?;
    Ok(ExitCode::SUCCESS)
}

/// Why the log does not belong to this account; `None` if it is this user's, or there is no log.
fn foreign_log(session: &Session) -> Option<&'static str> {
    match session.journal().read_now(|_| ()) {
        Err(Error::Store(StoreError::Foreign { why, .. })) => Some(why),
        Ok(()) | Err(_) => None,
    }
}

/// A log that was moved here is this user's own if a person says so.
fn take_over(session: &Session, options: &TrustOptions, why: &str) -> Result<ExitCode, Error> {
    let directory = session.store_directory();
    print(&harmless(&format!(
        "The event log in {} is not honoured: {why}.\nIts runs and approvals would count as yours. `maestro-mcp evidence export` shows what it holds; a log that git tracks stays refused.\n\n",
        directory.display()
    )))?;
    if options.show {
        return Ok(ExitCode::SUCCESS);
    }
    let typed = confirm(&mut Standard, "to take it over as your own", WORD)
        .map_err(|error| Error::Internal(error.to_string()))?;
    match typed {
        Typed::TheWord => {
            let events = session.store().adopt()?;
            print(&format!(
                "Taken over, with {events} events. Run `maestro-mcp trust` again for the project's own files.\n"
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        Typed::SomethingElse => {
            complain("nothing was confirmed");
            Ok(ExitCode::from(1))
        }
    }
}

/// The same as [`described`], for programs.
fn as_json(session: &Session, layer: &ProjectLayer) -> Value {
    let file = |(name, content): (_, Result<_, _>)| match content {
        Ok(content) => json!({ "file": shown(name), "content": content }),
        Err(unread) => json!({ "file": shown(name), "has_no_effect": format!("{unread}") }),
    };
    json!({
        "project": session.root(),
        "standing": standing(layer),
        "files": layer.files().map(file).collect::<Vec<_>>(),
        "without_effect": session.config().ignored,
        "lets_verify_run": project_note(session).map(|note| note.adds).unwrap_or_default(),
        "hash": layer.hash(),
    })
}

fn standing(layer: &ProjectLayer) -> &'static str {
    match layer.standing {
        Standing::Trusted => "trusted",
        Standing::Unconfirmed => "not trusted",
        Standing::Changed => "changed since you trusted it",
    }
}

/// The files in full, and what of them has no effect without trust.
fn described(session: &Session, layer: &ProjectLayer, ignored: &[String]) -> String {
    let mut text = format!("{} ({})\n", session.root().display(), standing(layer));
    for (name, content) in layer.files() {
        let _ = match content {
            Ok(content) => write!(text, "\n--- {} ---\n{}\n", shown(name), content.trim_end()),
            Err(unread) => writeln!(text, "\n--- {} --- has no effect: {unread}", shown(name)),
        };
    }
    if !ignored.is_empty() {
        text.push_str("\nWithout your trust these have no effect:\n");
        for line in ignored {
            let _ = writeln!(text, "  - {line}");
        }
    }
    if let Some(note) = project_note(session).filter(|note| !note.adds.is_empty()) {
        let _ = write!(text, "\nIt lets maestro_verify run:\n  {}\n", note.adds.join("\n  "));
    }
    let _ = writeln!(text, "\n{}\n", layer.hash());
    text
}

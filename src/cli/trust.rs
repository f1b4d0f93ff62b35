//! `maestro-mcp trust`: shows a person the effects of the project's own files, and records that the person
//! confirms them.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::person::Person;
use super::terminal::{document, folded, result, width};
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::log::Log;
use crate::flow::rules_in_force::project_note;
use crate::host::human::{Typed, harmless};
use crate::host::own_files::DIRECTORY;
use crate::host::store::StoreError;
use crate::host::trust::{ProjectLayer, Trust, shown};

/// The word that a person types to confirm.
const WORD: &str = "trust";

pub(super) fn run(config: &Configuration, log: &Log, show: bool, json: bool) -> Result<ExitCode, Error> {
    let person = if show { Person::reading(json) } else { Person::who_decides(config, json)? };
    if let Some(why) = foreign_log(log) {
        return take_over(log, show, json, why, person);
    }
    let layer = config.library().layer();
    let root = config.root().display();
    if show && json {
        return result(json, as_json(config, &layer), String::new);
    }
    // Ends the command with a message to the person, and a document for a program.
    let done = |words: &str| {
        person.say(&folded(words, width()))?;
        if json {
            document(&as_json(config, &config.library().layer()))?;
        }
        Ok(ExitCode::SUCCESS)
    };
    if layer.files().next().is_none() {
        return done(&format!("There is nothing to confirm: {DIRECTORY} of {root} changes nothing.\n"));
    }
    let ignored = &config.loaded().ignored;
    // The person reads exactly the text that is confirmed, but with control characters replaced.
    person.say(&harmless(&described(config, &layer, ignored)))?;
    match layer.standing {
        Trust::Trusted => {
            return done("You already trust exactly these files. Any change of them cancels that.\n");
        }
        Trust::Unconfirmed | Trust::Changed if ignored.is_empty() => {
            return done("All of it has an effect without your confirmation: nothing to confirm.\n");
        }
        Trust::Unconfirmed | Trust::Changed if show => return Ok(ExitCode::SUCCESS),
        Trust::Unconfirmed | Trust::Changed => {}
    }
    if let Some(problem) = project_note(config.library()).and_then(|note| note.problem) {
        return Err(Error::Document { name: shown("verification.yaml"), reason: problem });
    }
    match person.confirmed("to trust exactly these files", WORD)? {
        Typed::TheWord => {}
        Typed::SomethingElse => return person.nothing_was_done("nothing was confirmed"),
    }
    config.library().confirm(&layer.hash()).map_err(|error| Error::Setup {
        reason: format!("your confirmation cannot be saved: {error}"),
        hint: "Make your own configuration directory writable (MAESTRO_HOME, else ~/.config/maestro)."
            .to_owned(),
    })?;
    done("Confirmed. Any change of these files cancels that. Restart servers that already run.\n")
}

/// The reason why the log counts as somebody else's; `None` if it is this user's, or there is none.
fn foreign_log(log: &Log) -> Option<&'static str> {
    match log.journal().read_now(|_| ()) {
        Err(Error::Store(StoreError::Foreign { why, .. })) => Some(why),
        Ok(()) | Err(_) => None,
    }
}

/// Takes over a log that was moved here, if a person confirms that it is theirs.
fn take_over(log: &Log, show: bool, json: bool, why: &str, person: Person) -> Result<ExitCode, Error> {
    let directory = log.store_directory();
    if show && json {
        return result(json, json!({ "log": directory, "log_is_not_honoured": why }), String::new);
    }
    person.say(&harmless(&format!(
        "The event log in {} is not accepted: {why}.\nIts runs and approvals would count as yours. `maestro-mcp evidence export` shows what it holds; a log that git tracks stays refused.\n\n",
        directory.display()
    )))?;
    if show {
        return Ok(ExitCode::SUCCESS);
    }
    match person.confirmed("to take it over as your own", WORD)? {
        Typed::TheWord => {
            let events = log.store().adopt()?;
            person.say(&format!(
                "Taken over, with {events} events. Run `maestro-mcp trust` again for the project's own files.\n"
            ))?;
            if json {
                document(&json!({ "log": directory, "taken_over_events": events }))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Typed::SomethingElse => person.nothing_was_done("nothing was confirmed"),
    }
}

/// As [`described`], in JSON.
fn as_json(config: &Configuration, layer: &ProjectLayer) -> Value {
    let file = |(name, content): (_, Result<_, _>)| match content {
        Ok(content) => json!({ "file": shown(name), "content": content }),
        Err(unread) => json!({ "file": shown(name), "has_no_effect": format!("{unread}") }),
    };
    json!({
        "project": config.root(),
        "standing": standing(layer),
        "files": layer.files().map(file).collect::<Vec<_>>(),
        "without_effect": config.loaded().ignored,
        "lets_verify_run": project_note(config.library()).map(|note| note.adds).unwrap_or_default(),
        "hash": layer.hash(),
    })
}

fn standing(layer: &ProjectLayer) -> &'static str {
    match layer.standing {
        Trust::Trusted => "trusted",
        Trust::Unconfirmed => "not trusted",
        Trust::Changed => "changed since you trusted it",
    }
}

/// The full text of the files, and the parts that have no effect without trust.
fn described(config: &Configuration, layer: &ProjectLayer, ignored: &[String]) -> String {
    let mut text = format!("{} ({})\n", config.root().display(), standing(layer));
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
    if let Some(note) = project_note(config.library()).filter(|note| !note.adds.is_empty()) {
        let _ = write!(text, "\nIt lets maestro_verify run:\n  {}\n", note.adds.join("\n  "));
    }
    let _ = writeln!(text, "\n{}\n", layer.hash());
    text
}

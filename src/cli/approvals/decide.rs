//! Deciding in a terminal: what matters is shown, what is critical is asked, and a word is typed.

use std::process::ExitCode;

use super::questions::{ask, ask_back, choose, given};
use super::{report, standing};
use crate::cli::arguments::{CommentOptions, ReviseOptions};
use crate::cli::person::Person;
use crate::cli::terminal::print;
use crate::domain::approvals::DecidedBy;
use crate::domain::decision::Words;
use crate::domain::event::Decision;
use crate::domain::report::dialog;
use crate::error::Error;
use crate::flow::approval::decide::{Reviewed, Verdict, decide};
use crate::flow::approval::entry;
use crate::flow::kit::Kit;
use crate::host::human::{Typed, harmless};

/// Characters of what is shown before the questions; the whole report is another command.
const MOST_CHARS: usize = 6_000;

/// Words that a person says on the command line.
pub(super) struct Said {
    id: String,
    message: Option<String>,
    answers: Vec<String>,
    choice: Option<String>,
    json: bool,
}

impl From<CommentOptions> for Said {
    fn from(options: CommentOptions) -> Self {
        let CommentOptions { id, message, answer: answers, choose: choice, json } = options;
        Self { id, message, answers, choice, json }
    }
}

impl From<ReviseOptions> for Said {
    fn from(options: ReviseOptions) -> Self {
        let ReviseOptions { id, message, answer: answers, json } = options;
        Self { id, message: Some(message), answers, choice: None, json }
    }
}

pub(super) async fn run(kit: &Kit, decision: Decision, said: Said) -> Result<ExitCode, Error> {
    let person = Person::who_decides(&kit.config, said.json)?;
    kit.config.check()?;
    let message = said.message.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if decision == Decision::Revise && message.is_none() {
        return Err(Error::InvalidArguments(
            "--message must say what to do differently (got nothing)".into(),
        ));
    }
    let Reviewed { run, request } = super::request(&kit.log, &said.id).await?;
    if request.decided.is_some() {
        person.say(&standing(&run, &request))?;
    }
    run.may_decide(&request).map_err(Error::Workflow)?;
    let mut responses = given(request.asked.stage, &said.answers)?;

    let (report, language) = (report(&request)?, kit.config.loaded().language());
    person.say(&format!(
        "{}\n\nThe whole report: maestro-mcp approvals show {}\n",
        harmless(&dialog(&report, MOST_CHARS, language)),
        request.id
    ))?;
    let chosen = match decision {
        Decision::Approve => choose(person, &report, said.choice)?,
        Decision::Revise | Decision::Reject => None,
    };
    ask(person, &report, &mut responses, language)?;
    let words = match decision {
        Decision::Revise => Words { instructions: message.as_deref(), comment: None },
        Decision::Approve | Decision::Reject => Words { comment: message.as_deref(), instructions: None },
    };
    ask_back(person, &report, decision, words, &mut responses, language)?;
    let word = decision.name();
    let purpose = format!(
        "to {word} {} of the run \"{}\"",
        report.stage_display_name.of(language),
        harmless(&run.task)
    );
    person.say("\n")?;
    match person.confirmed(&purpose, word)? {
        Typed::TheWord => {}
        Typed::SomethingElse => {
            return person.nothing_was_done("nothing was decided; the request stays open");
        }
    }
    let (feedback, revision_instructions) = match decision {
        Decision::Revise => (None, message),
        Decision::Approve | Decision::Reject => (message, None),
    };
    let verdict = Verdict {
        request: request.id,
        decision,
        decided_by: DecidedBy::Terminal,
        opened: None,
        feedback,
        revision_instructions,
        responses,
        chosen,
        is_meant: true,
        seen: Some(request.asked.digest),
        nonce: None,
    };
    let settled = decide(kit, verdict).await?;
    person.say(&format!(
        "{}The run is {}.\n",
        standing(&settled.run, &settled.request),
        settled.run.phase
    ))?;
    if said.json {
        print(&format!("{:#}\n", entry(&settled.run, &settled.request)))?;
    }
    Ok(ExitCode::SUCCESS)
}

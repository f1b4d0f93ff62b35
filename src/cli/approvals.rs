//! `maestro-mcp approvals`: lists requests, prints their reports, and records decisions.

use std::fmt::Write as _;
use std::process::ExitCode;

use comfy_table::Cell;
use serde_json::{Map, Value};

use super::arguments::{ApprovalsCommand, CommentOptions, ReviseOptions};
use super::person::Person;
use super::terminal::{
    self, Look, Tone, age, cell, document, folded, one_line, pick, print, render, result, short, table,
};
use crate::domain::approvals::DecidedBy;
use crate::domain::decision::{Contradiction, Words, asked_back, contradictions};
use crate::domain::event::Decision;
use crate::domain::language::Language;
use crate::domain::question::{self, Priority, Question};
use crate::domain::report::{Report, dialog, meant};
use crate::domain::stage::Stage;
use crate::domain::text::Text;
use crate::domain::typed::from_value;
use crate::domain::workflow::{Phase, Request, Run};
use crate::error::Error;
use crate::flow::approval::{Reviewed, Verdict, decide, entry, find, status};
use crate::flow::configuration::Configuration;
use crate::flow::kit::Kit;
use crate::flow::log::Log;
use crate::flow::time::{now, rfc3339};
use crate::host::human::{Typed, harmless};

pub(super) async fn run(
    kit: &Kit,
    command: Option<ApprovalsCommand>,
    all: bool,
    json: bool,
) -> Result<ExitCode, Error> {
    match command {
        None => list_requests(&kit.config, &kit.log, all, json).await,
        Some(ApprovalsCommand::Show { id }) => show_request(&kit.config, &kit.log, &id, json).await,
        Some(ApprovalsCommand::Approve(said)) => decide_request(kit, Decision::Approve, said, json).await,
        Some(ApprovalsCommand::Revise(said)) => {
            decide_request(kit, Decision::Revise, said.into(), json).await
        }
        Some(ApprovalsCommand::Reject(said)) => decide_request(kit, Decision::Reject, said, json).await,
    }
}

/// Finds a request by a part of its id.
async fn request(log: &Log, part: &str) -> Result<Reviewed, Error> {
    let read = log.journal().read(|history| {
        let requests = history.requests().into_iter();
        requests.map(|(_, request)| request.id.clone()).collect::<Vec<_>>()
    });
    find(log, &pick("request", &read.await?, part)?).await
}

/// Width in columns of a report that does not go to a terminal.
const PLAIN_WIDTH: usize = 100;

async fn show_request(config: &Configuration, log: &Log, id: &str, json: bool) -> Result<ExitCode, Error> {
    config.check()?;
    let Reviewed { run, request } = request(log, id).await?;
    if json {
        return result(json, entry(&run, &request), String::new);
    }
    let report = report(&request)?;
    let width = terminal::width().unwrap_or(PLAIN_WIDTH);
    let mut text = render(&report, width, terminal::colour(config), config.loaded().language());
    let standing_of = format!("request {}\nrun     {} ({})\n", request.id, run.id, run.phase);
    text.push_str(&folded(&standing_of, Some(width)));
    text.push_str(&standing(&run, &request));
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The report as it was stored.
fn report(request: &Request) -> Result<Report, Error> {
    from_value(request.asked.report.clone())
        .map_err(|error| Error::Internal(format!("the report of request {}: {error}", request.id)))
}

/// The decision with its author and their words. Without a decision, a hint how to decide.
fn standing(run: &Run, request: &Request) -> String {
    let Some((at, decided)) = &request.decided else {
        if let Phase::Stopped(why) = &run.phase {
            return format!("not decided: the run was stopped ({})\n", one_line(why));
        }
        return format!(
            "pending. In a terminal of your own (or with revise, reject):\n  maestro-mcp approvals approve {}\n",
            request.id
        );
    };
    let mut text =
        format!("{} by {}, {}\n", decided.decision.status(), decided.decided_by.words(), rfc3339(*at));
    let said = [("comment", &decided.feedback), ("instructions", &decided.revision_instructions)];
    for (label, said) in said.into_iter().filter_map(|(label, said)| Some((label, said.as_ref()?))) {
        let _ = writeln!(text, "  {label}: {}", one_line(said));
    }
    for (question, answer) in &decided.responses {
        let _ = writeln!(text, "  {question}: {}", one_line(answer));
    }
    for question in &decided.unanswered_critical {
        let _ = writeln!(text, "  {question}: not answered");
    }
    text
}

async fn list_requests(config: &Configuration, log: &Log, all: bool, json: bool) -> Result<ExitCode, Error> {
    config.check()?;
    let read = log.journal().read(move |history| {
        let requests: Vec<(&Run, &Request)> =
            if all { history.requests() } else { history.pending().collect() };
        requests.into_iter().map(|(run, request)| (Row::of(run, request), entry(run, request))).collect()
    });
    let (rows, entries): (Vec<Row>, Vec<Value>) = read.await.map(|all: Vec<_>| all.into_iter().unzip())?;
    result(json, Value::Array(entries), || text(&rows, now(), Look::of(config)))
}

/// A request as a row of the list.
struct Row {
    id: String,
    run: String,
    stage: Stage,
    at: u64,
    status: &'static str,
    /// Where it was decided.
    by: Option<DecidedBy>,
    task: String,
}

impl Row {
    fn of(run: &Run, request: &Request) -> Self {
        Self {
            id: request.id.clone(),
            run: run.id.clone(),
            stage: request.asked.stage,
            at: request.at,
            status: status(run, request),
            by: request.decided.as_ref().map(|(_, decided)| decided.decided_by),
            task: one_line(&run.task),
        }
    }

    fn cells(&self, now: u64) -> Vec<Cell> {
        // One word each, because the column does not wrap. `show` has the whole sentence.
        let (by, tone) = match self.by {
            None => ("", Tone::Waiting),
            Some(DecidedBy::Elicitation) => (", form", Tone::Faint),
            Some(DecidedBy::ClientDialog) => (", client", Tone::Faint),
            Some(DecidedBy::Terminal) => (", terminal", Tone::Faint),
            Some(DecidedBy::Page) => (", page", Tone::Faint),
            Some(DecidedBy::Policy) => (", policy", Tone::Faint),
            Some(DecidedBy::Relayed) => (", relayed", Tone::Faint),
        };
        let state = self.status.trim_end_matches("_requested");
        vec![
            cell(short(&self.id), Tone::Plain),
            cell(short(&self.run), Tone::Faint),
            cell(self.stage.name(), Tone::Plain),
            cell(age(now.saturating_sub(self.at)), Tone::Plain),
            cell(format!("{state}{by}"), tone),
            cell(&self.task, Tone::Plain),
        ]
    }
}

const COLUMNS: [&str; 6] = ["request", "run", "stage", "age", "state", "task"];

fn text(rows: &[Row], now: u64, look: Look) -> String {
    if rows.is_empty() {
        return "Nothing waits for a decision.\n".to_owned();
    }
    let rows = table(&COLUMNS, rows.iter().map(|row| row.cells(now)), look);
    let help = "maestro-mcp approvals show ID prints a report.\nAny unique part of an id is enough.\n";
    format!("{rows}\n{}", folded(help, look.width))
}

// A decision in a terminal shows a short report, asks the critical questions, and demands a typed word.

/// Maximum length of the report before the questions, in characters. Another command prints all of it.
const MOST_CHARS: usize = 6_000;

impl From<ReviseOptions> for CommentOptions {
    fn from(options: ReviseOptions) -> Self {
        let ReviseOptions { id, message, answer } = options;
        Self { id, message: Some(message), answer, choose: None }
    }
}

async fn decide_request(
    kit: &Kit,
    decision: Decision,
    said: CommentOptions,
    json: bool,
) -> Result<ExitCode, Error> {
    let person = Person::who_decides(&kit.config, json)?;
    kit.config.check()?;
    let message = said.message.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if decision == Decision::Revise && message.is_none() {
        return Err(Error::InvalidArguments(
            "--message must say what to do differently (got nothing)".into(),
        ));
    }
    let Reviewed { run, request } = request(&kit.log, &said.id).await?;
    if request.decided.is_some() {
        person.say(&standing(&run, &request))?;
    }
    run.may_decide(&request).map_err(Error::Workflow)?;
    let mut responses = given(request.asked.stage, &said.answer)?;

    let (report, language) = (report(&request)?, kit.config.loaded().language());
    person.say(&format!(
        "{}\n\nThe whole report: maestro-mcp approvals show {}\n",
        harmless(&dialog(&report, MOST_CHARS, language)),
        request.id
    ))?;
    let chosen = match decision {
        Decision::Approve => choose(person, &report, said.choose)?,
        Decision::Revise | Decision::Reject => None,
    };
    ask(person, &report, &mut responses, language)?;
    let (feedback, revision_instructions) = match decision {
        Decision::Revise => (None, message),
        Decision::Approve | Decision::Reject => (message, None),
    };
    let words = Words { comment: feedback.as_deref(), instructions: revision_instructions.as_deref() };
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
    if json {
        document(&entry(&settled.run, &settled.request))?;
    }
    Ok(ExitCode::SUCCESS)
}

// The critical questions are asked one after the other.

/// Parses the answers of the command line, each `question_id=answer`.
fn given(stage: Stage, answers: &[String]) -> Result<Map<String, Value>, Error> {
    let mut responses = Map::new();
    for answer in answers {
        let Some((id, text)) = answer.split_once('=') else {
            return Err(Error::InvalidArguments(format!("--answer `{answer}` is not QUESTION=ANSWER")));
        };
        let id = id.trim().to_owned();
        if responses.insert(id.clone(), Value::String(text.trim().to_owned())).is_some() {
            return Err(Error::InvalidArguments(format!("--answer: `{id}` is answered twice")));
        }
    }
    match question::read(stage, &responses) {
        Ok(_) => Ok(responses),
        Err(errors) => {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Err(Error::InvalidArguments(format!("--answer: {}", errors.join("; "))))
        }
    }
}

/// Asks the critical questions that have no answer yet. Enter skips one.
fn ask(
    person: Person,
    report: &Report,
    responses: &mut Map<String, Value>,
    language: Language,
) -> Result<(), Error> {
    let open: Vec<&Question> = report
        .questions
        .iter()
        .filter(|question| question.priority == Priority::Critical && !responses.contains_key(&question.id))
        .collect();
    open.into_iter().try_for_each(|question| ask_one(person, report.stage, question, responses, language))
}

fn ask_one(
    person: Person,
    stage: Stage,
    question: &Question,
    responses: &mut Map<String, Value>,
    language: Language,
) -> Result<(), Error> {
    person.say(&shown(question, language))?;
    if let Some(answer) = answer(person, stage, question)? {
        responses.insert(question.id.clone(), Value::String(answer));
    }
    Ok(())
}

/// The choice that goes on. It is taken from the command line or asked for; Enter takes the first one.
fn choose(person: Person, report: &Report, said: Option<String>) -> Result<Option<String>, Error> {
    if said.is_some() || report.choices.is_empty() {
        return Ok(said);
    }
    let mut text = "\nWhich one goes on?\n진행할 것을 선택하십시오.\n".to_owned();
    for (number, choice) in report.choices.iter().enumerate() {
        let _ = writeln!(text, "  {}. {}", number + 1, one_line(&choice.line()));
    }
    person.say(&text)?;
    loop {
        let typed = person.asked("Number or id (Enter: the first): ")?;
        let by_number =
            typed.parse::<usize>().ok().and_then(|number| report.choices.get(number.checked_sub(1)?));
        match by_number.or_else(|| meant(&report.choices, &typed)) {
            Some(choice) => return Ok(Some(choice.id.clone())),
            None if typed.is_empty() => return Ok(None),
            None => person.say("There is no such choice.\n")?,
        }
    }
}

/// Asks the questions again whose answers contradict the decision. Enter keeps an answer.
fn ask_back(
    person: Person,
    report: &Report,
    decision: Decision,
    words: Words<'_>,
    responses: &mut Map<String, Value>,
    language: Language,
) -> Result<(), Error> {
    let Ok(read) = question::read(report.stage, responses) else { return Ok(()) };
    let found = contradictions(decision, &read, words);
    if found.is_empty() {
        return Ok(());
    }
    person.say(&format!("\n{}\n", asked_back(decision, &found)))?;
    for one in found {
        let Contradiction::Answer { id, .. } = one else { continue };
        let Some(question) = report.questions.iter().find(|question| question.id == id) else { continue };
        ask_one(person, report.stage, question, responses, language)?;
    }
    Ok(())
}

fn shown(question: &Question, language: Language) -> String {
    let asked = question.question.of(language);
    let mut text = format!("\n{}\n", one_line(asked));
    if let Some(context) = &question.context {
        let context = context.of(language);
        let _ = writeln!(text, "  ({})", one_line(context));
    }
    for (number, option) in question.options.iter().enumerate() {
        let _ = writeln!(text, "  {}. {}", number + 1, one_line(option.of(language)));
    }
    text
}

/// Reads answers until one is valid or empty.
fn answer(person: Person, stage: Stage, question: &Question) -> Result<Option<String>, Error> {
    let prompt = if question.options.is_empty() {
        "Your answer (Enter: none): "
    } else {
        "Number or answer (Enter: none): "
    };
    loop {
        let typed = person.asked(prompt)?;
        if typed.is_empty() {
            return Ok(None);
        }
        let answer = chosen(question, &typed);
        let only = Map::from_iter([(question.id.clone(), Value::String(answer.clone()))]);
        match question::read(stage, &only) {
            Ok(_) => return Ok(Some(answer)),
            Err(errors) => {
                let errors: Vec<String> = errors.iter().map(|error| one_line(&error.to_string())).collect();
                person.say(&format!("{}\n", errors.join("; ")))?;
            }
        }
    }
}

/// The option with the typed number, else the typed text.
fn chosen(question: &Question, typed: &str) -> String {
    let number = typed.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    number.and_then(|place| question.options.get(place)).map_or(typed, Text::english).to_owned()
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::terminal::{Colour, Marks};
    use super::*;

    fn plain(width: Option<usize>) -> Look {
        Look { width, colour: Colour::Plain, marks: Marks::Ascii }
    }

    fn row(task: &str) -> Row {
        Row {
            id: "019a1b2c-3d4e-7f00-8000-0123456789ab".into(),
            run: "019a1b2c-3d4e-7f00-8000-ba9876543210".into(),
            stage: Stage::Analyze,
            at: 1_000,
            status: "pending",
            by: None,
            task: task.into(),
        }
    }

    #[test]
    fn a_row_names_request_run_stage_age_and_task() {
        let text = text(&[row("mend the mean")], 121_000, plain(None));
        let line = text.lines().nth(1).unwrap();
        assert_eq!(line, "0123456789ab  ba9876543210  analyze  2 min  pending  mend the mean");
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        for width in 40..100 {
            let text = text(&[row(&"평균을 고치기 ".repeat(20))], 0, plain(Some(width)));
            assert!(text.lines().all(|line| line.width() <= width), "{text}");
        }
    }

    #[test]
    fn the_state_is_short_so_that_the_task_has_room() {
        let decided = [
            ("approved", DecidedBy::Relayed, "approved, relayed"),
            ("approved", DecidedBy::ClientDialog, "approved, client"),
            ("revision_requested", DecidedBy::Elicitation, "revision, form"),
            ("rejected", DecidedBy::Terminal, "rejected, terminal"),
        ];
        let task = "mend the mean of an empty list";
        for (status, by, state) in decided {
            let row = Row { status, by: Some(by), stage: Stage::Hypothesize, ..row(task) };
            let text = text(&[row], 60_000, plain(Some(80)));
            assert!(text.lines().all(|line| line.width() <= 80), "{text}");
            assert!(text.contains(state) && text.contains("mend the"), "{text}");
        }
    }

    fn choice() -> Question {
        let mut questions = question::for_stage(Stage::Analyze);
        questions.retain(|question| !question.options.is_empty());
        questions.remove(0)
    }

    #[test]
    fn a_number_is_an_option_and_everything_else_is_itself() {
        let question = choice();
        assert_eq!(chosen(&question, "1"), question.options[0].english());
        for typed in ["0", "99", "-1", "one"] {
            assert_eq!(chosen(&question, typed), typed);
        }
    }

    #[test]
    fn answers_of_the_command_line_are_held_to_the_questions() {
        let question = choice();
        let good = format!("{} = {}", question.id, question.options[0].english());
        let read = given(Stage::Analyze, std::slice::from_ref(&good)).unwrap();
        assert_eq!(read[&question.id], question.options[0].english());
        for bad in [vec!["no sign".to_owned()], vec!["nobody=asks".to_owned()], vec![good.clone(), good]] {
            assert_eq!(given(Stage::Analyze, &bad).unwrap_err().code(), "invalid_arguments", "{bad:?}");
        }
    }

    #[test]
    fn a_question_is_shown_in_one_language_with_its_options() {
        let question = choice();
        let ko = Language::of_code("ko").unwrap();
        let (english, korean) = (shown(&question, Language::ENGLISH), shown(&question, ko));
        let (in_english, in_korean) = (question.question.english(), question.question.of(ko));
        assert!(english.contains(in_english) && !english.contains(in_korean));
        assert!(english.contains(&format!("  1. {}\n", question.options[0].english())), "{english}");
        assert!(korean.contains(in_korean) && !korean.contains(in_english));
        assert!(korean.contains(&format!("  1. {}\n", question.options[0].of(ko))), "{korean}");
    }
}

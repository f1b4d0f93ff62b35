//! The critical questions, asked one after the other.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::cli::person::Person;
use crate::cli::terminal::one_line;
use crate::domain::decision::{Contradiction, Words, asked_back, contradictions};
use crate::domain::event::Decision;
use crate::domain::language::Language;
use crate::domain::question::{self, Priority, Question};
use crate::domain::report::{Report, meant};
use crate::domain::stage::Stage;
use crate::domain::text::Text;
use crate::error::Error;

/// Answers as the command line gives them, `question_id=answer` each.
pub(super) fn given(stage: Stage, answers: &[String]) -> Result<Map<String, Value>, Error> {
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

/// Asks the critical questions of a report that have no answer yet. Enter leaves one without.
pub(super) fn ask(
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
    for question in open {
        person.say(&shown(question, language))?;
        if let Some(answer) = answer(person, report.stage, question)? {
            responses.insert(question.id.clone(), Value::String(answer));
        }
    }
    Ok(())
}

/// Returns which of the choices goes on: as the command line says, else asked. Enter leaves it at the first.
pub(super) fn choose(person: Person, report: &Report, said: Option<String>) -> Result<Option<String>, Error> {
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

/// Asks once more what contradicts the decision. Enter leaves the answer as it is.
pub(super) fn ask_back(
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
        person.say(&shown(question, language))?;
        if let Some(answer) = answer(person, report.stage, question)? {
            responses.insert(id.to_owned(), Value::String(answer));
        }
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

/// Returns what is typed, until it is an answer or nothing.
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

/// The option of a number, else what was typed.
fn chosen(question: &Question, typed: &str) -> String {
    let number = typed.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    number.and_then(|place| question.options.get(place)).map_or(typed, Text::english).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

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

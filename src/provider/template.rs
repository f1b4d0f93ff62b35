//! Calls any other CLI as the template in its configuration says.

use indexmap::IndexMap;
use serde_json::Value;

use super::events::pieces;
use super::failure::{CliFailure, Evidence, FailureKind};
use super::schema::in_words;
use super::{Answer, Ask, Files, Form, Places, Usage, never_a_command};
use crate::domain::plain::plain;
use crate::host::config::{AnswerRule, ErrorRule, Join, PromptChannel, TemplateSettings, UsageRule};
use crate::host::process::{Ended, Launch, Outcome};

/// Composes a call from a template. The arguments of the command come first, and may have placeholders too.
pub fn put(template: &TemplateSettings, ask: &Ask<'_>, places: &Places, launch: &mut Launch) -> Files {
    let system_file = places.temporary.join("system.md");
    let schema_file = places.temporary.join("schema.json");
    let written = || ask.leading.iter().chain(&template.args);
    let takes = |placeholder: &str| written().any(|argument| argument.contains(placeholder));
    let mut prompt = never_a_command(ask.prompt);
    if !takes("{system}") && !takes("{system_file}") && !ask.system.is_empty() {
        prompt = format!("{}\n\n{prompt}", ask.system);
    }
    if let Some(schema) = ask.schema
        && !takes("{schema}")
        && !takes("{schema_file}")
    {
        prompt = format!("{prompt}\n\n{}", in_words(schema));
    }
    let schema = ask.schema.map_or_else(|| "{}".to_owned(), Value::to_string);
    let values = [
        ("{model}", ask.model.map(str::to_owned)),
        ("{effort}", ask.effort.map(str::to_owned)),
        ("{system}", Some(ask.system.to_owned())),
        ("{system_file}", Some(system_file.display().to_string())),
        ("{schema}", Some(schema.clone())),
        ("{schema_file}", Some(schema_file.display().to_string())),
        ("{work_dir}", Some(places.work.display().to_string())),
        ("{prompt}", Some(prompt.clone())),
    ];
    launch.args(arguments(written(), &values)).args(ask.extra_args);
    for (name, value) in ask.extra_env {
        if let Some(value) = filled(value, &values) {
            launch.env(name, value);
        }
    }
    if template.prompt == PromptChannel::Stdin {
        launch.stdin = prompt.into_bytes();
    }
    let mut files = vec![(system_file, ask.system.to_owned()), (schema_file, schema)];
    files.extend(template.files.iter().map(|(name, text)| (places.work.join(name), text.clone())));
    files
}

/// The value of each placeholder; None if it has no value.
type Values<'a> = [(&'a str, Option<String>)];

/// Fills the arguments. An argument whose placeholder has no value is left out, together with the flag before
/// it.
fn arguments<'a>(written: impl Iterator<Item = &'a String>, values: &Values<'_>) -> Vec<String> {
    let mut arguments: Vec<String> = Vec::new();
    for argument in written {
        match filled(argument, values) {
            Some(argument) => arguments.push(argument),
            None if argument.starts_with('-') => {}
            None => {
                arguments.pop_if(|flag| flag.starts_with('-') && flag.len() > 1 && !flag.contains('='));
            }
        }
    }
    arguments
}

/// Fills placeholders in one pass, so that a value that looks like a placeholder is not replaced. None if a
/// placeholder has no value.
fn filled(text: &str, values: &Values<'_>) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        match values.iter().find_map(|(name, value)| Some((value, from.strip_prefix(name)?))) {
            Some((value, after)) => {
                out.push_str(value.as_deref()?);
                rest = after;
            }
            None => {
                out.push('{');
                rest = from.strip_prefix('{').unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    Some(out)
}

/// Parses an answer by the template's rules.
///
/// # Errors
///
/// The exit code is not 0, the error rule finds an error, or the answer is empty or unreadable.
pub fn parse(template: &TemplateSettings, output: &Outcome<String>) -> Result<Answer, CliFailure> {
    let mut told = Evidence::default();
    let (documents, form) = match &template.answer {
        AnswerRule::Text => (documents_of_text(&output.stdout), Form::Absent),
        AnswerRule::Json(_) | AnswerRule::JsonLines { .. } => documents(&output.stdout, &mut told),
    };
    if let Some(message) = template.error.as_ref().and_then(|rule| reported(rule, &documents)) {
        told.say(message);
        return Err(output.failure(&told, Form::Begun));
    }
    if !output.ended_well() {
        if template.answer == AnswerRule::Text {
            // An incomplete answer may contain anything, so stderr counts first.
            told.say(&output.stderr);
            if output.ended == Ended::Exited {
                told.note(&output.stdout);
            }
        }
        return Err(output.failure(&told, if form == Form::Broken { Form::Absent } else { form }));
    }
    let text = match &template.answer {
        AnswerRule::Text => output.stdout.trim_end().to_owned(),
        AnswerRule::Json(pointer) => {
            documents.iter().rev().find_map(|document| text_at(document, pointer)).unwrap_or_default()
        }
        // A broken line may contain a part of the answer.
        AnswerRule::JsonLines { .. } if form == Form::Broken => return Err(output.failure(&told, form)),
        AnswerRule::JsonLines { pointer, matching, join } => {
            let mut pieces = documents
                .iter()
                .filter(|line| fits(line, matching))
                .filter_map(|line| text_at(line, pointer));
            match join {
                Join::Concat => pieces.collect(),
                Join::Last => pieces.next_back().unwrap_or_default(),
            }
        }
    };
    if documents.is_empty() && template.answer != AnswerRule::Text {
        return Err(output.failure(&told, form));
    }
    if plain(&text).trim().is_empty() {
        // Some CLIs always exit with code 0. The reason is then in stderr.
        let said = told.failure(&output.stderr, output.exit, &output.at);
        return Err(said.unwrap_or_else(|| CliFailure::new(FailureKind::AnswerEmpty, "the answer is empty")));
    }
    let usage = template.usage.as_ref().map(|rule| usage(rule, &documents)).unwrap_or_default();
    Ok(Answer { text, usage, ..Answer::default() })
}

/// The JSON documents anywhere in an output.
fn documents(stdout: &str, told: &mut Evidence) -> (Vec<Value>, Form) {
    let mut form = Form::Absent;
    let pieces = pieces(stdout);
    let documents = pieces.iter().filter_map(|piece| form.event(piece, told).cloned()).collect();
    (documents, form)
}

/// The JSON documents in text output: the whole output, or single lines.
fn documents_of_text(stdout: &str) -> Vec<Value> {
    match serde_json::from_str(stdout.trim()) {
        Ok(whole) => vec![whole],
        Err(_) => stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
    }
}

fn reported(rule: &ErrorRule, documents: &[Value]) -> Option<String> {
    // Many CLIs print their error's field in every answer, without words if there is none.
    let is_said = |message: &String| !rule.matching.is_empty() || !message.trim().is_empty();
    documents
        .iter()
        .filter(|document| fits(document, &rule.matching))
        .find_map(|document| text_at(document, &rule.pointer).filter(is_said))
}

fn fits(document: &Value, matching: &IndexMap<String, Value>) -> bool {
    matching.iter().all(|(pointer, value)| document.pointer(pointer) == Some(value))
}

fn text_at(document: &Value, pointer: &str) -> Option<String> {
    match document.pointer(pointer)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn usage(rule: &UsageRule, documents: &[Value]) -> Usage {
    let last = |pointer: &Option<String>| {
        let pointer = pointer.as_ref()?;
        documents.iter().rev().find_map(|document| document.pointer(pointer))
    };
    Usage {
        input_tokens: last(&rule.input).and_then(Value::as_u64),
        output_tokens: last(&rule.output).and_then(Value::as_u64),
        cost_usd: last(&rule.cost).and_then(Value::as_f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_value_is_left_out_with_its_flag() {
        let of = |written: &[&str], model: Option<&str>| {
            let written: Vec<String> = written.iter().map(|word| (*word).to_owned()).collect();
            arguments(
                written.iter(),
                &[("{model}", model.map(str::to_owned)), ("{prompt}", Some("-x {model}".into()))],
            )
        };
        let all = ["run", "-m", "{model}", "--model={model}", "-p", "{prompt}", "--end"];
        assert_eq!(of(&all, Some("m")), ["run", "-m", "m", "--model=m", "-p", "-x {model}", "--end"]);
        assert_eq!(of(&all, None), ["run", "-p", "-x {model}", "--end"]);
        assert_eq!(of(&["run", "{model}", "--fast"], None), ["run", "--fast"]);
        assert_eq!(of(&["--fast=1", "{model}", "-", "{model}"], None), ["--fast=1", "-"]);
    }

    /// A field without words reports nothing, unless the rule names the documents of errors.
    #[test]
    fn an_error_without_words_is_none() {
        let of = |matching: &[(&str, &str)], document: &str| {
            let matching = matching.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value)));
            let rule = ErrorRule { pointer: "/error/message".into(), matching: matching.collect() };
            reported(&rule, &[serde_json::from_str(document).unwrap()])
        };
        for document in [
            r#"{"error":{"message":""}}"#,
            r#"{"error":{"message":" "}}"#,
            r#"{"error":{"message":null}}"#,
            r#"{"error":null}"#,
        ] {
            assert_eq!(of(&[], document), None, "{document}");
        }
        assert_eq!(of(&[], r#"{"error":{"message":"no"}}"#).as_deref(), Some("no"));
        let failed = r#"{"type":"failed","error":{"message":""}}"#;
        assert_eq!(of(&[("/type", "failed")], failed).as_deref(), Some(""));
        assert_eq!(of(&[("/type", "other")], failed), None);
    }
}

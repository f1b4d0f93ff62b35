//! The adapters: for each kind of CLI, how to call it and how to read its output.

use std::borrow::Cow;

use serde_json::Value;

use super::failure::{CliFailure, FailureKind};
use super::installed::Version;
use super::{Answer, Ask, Asked, Files, Places, claude, codex, gemini, schema, template};
use crate::domain::answer::{document, spoken, whole_letters};
use crate::domain::cut::one_line;
use crate::domain::plain::{made_plain, plain_value};
use crate::host::config::{AdapterKind, AnswerRule, PromptChannel, ProviderSettings, TemplateSettings};
use crate::host::process::{Finish, Launch, Outcome};

/// The adapter of a provider.
#[derive(Clone, Debug)]
pub enum Adapter {
    /// The Codex CLI.
    Codex,
    /// The Gemini CLI.
    Gemini,
    /// The Claude CLI.
    Claude,
    /// Any other CLI.
    Template(Box<TemplateSettings>),
    /// The provider inside this binary, which has no CLI.
    Understudy,
}

/// A CLI's limit on the length of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptLimit {
    Characters(usize),
    Bytes(usize),
}

/// Maximum size of one argument in Linux, minus room for the text around a prompt.
const MAX_ARGUMENT_BYTES: usize = 128 * 1024 - 4 * 1024;

impl Adapter {
    /// The adapter that a provider's settings name.
    pub fn new(settings: &ProviderSettings) -> Self {
        match settings.adapter {
            AdapterKind::Codex => Self::Codex,
            AdapterKind::Gemini => Self::Gemini,
            AdapterKind::Claude => Self::Claude,
            AdapterKind::Template => Self::Template(Box::new(settings.template.clone())),
            AdapterKind::Understudy => Self::Understudy,
        }
    }

    /// True if flags depend on the CLI's version.
    pub fn needs_version(&self) -> bool {
        match self {
            Self::Codex | Self::Gemini | Self::Claude => true,
            Self::Template(_) | Self::Understudy => false,
        }
    }

    /// The environment variable with the address of another service, if the CLI itself no longer reads it.
    pub fn gateway_variable(&self) -> Option<&'static str> {
        match self {
            Self::Codex => Some("OPENAI_BASE_URL"),
            Self::Gemini | Self::Claude | Self::Template(_) | Self::Understudy => None,
        }
    }

    /// The newest version that Maestro is tested with (`make test-clis`).
    pub fn newest_tried(&self) -> Option<Version> {
        match self {
            Self::Codex => Some(codex::NEWEST_TRIED),
            Self::Gemini => Some(gemini::NEWEST_TRIED),
            Self::Claude => Some(claude::NEWEST_TRIED),
            Self::Template(_) | Self::Understudy => None,
        }
    }

    /// The CLI's limit on prompts.
    pub fn prompt_limit(&self) -> Option<PromptLimit> {
        match self {
            Self::Codex => Some(PromptLimit::Characters(codex::MAX_PROMPT_CHARS)),
            Self::Gemini => Some(PromptLimit::Bytes(gemini::MAX_PROMPT_BYTES)),
            Self::Template(template) => match (template.max_prompt_chars, template.prompt) {
                (Some(limit), _) => Some(PromptLimit::Characters(limit)),
                (None, PromptChannel::Argument) => Some(PromptLimit::Bytes(MAX_ARGUMENT_BYTES)),
                (None, PromptChannel::Stdin) => None,
            },
            Self::Claude | Self::Understudy => None,
        }
    }

    /// Recognises a complete answer while the CLI still runs; None if its output does not show that.
    pub fn finish(&self) -> Option<Finish> {
        match self {
            Self::Codex => Some(Finish {
                marks: &["\"turn.completed\"", "\"turn.failed\""],
                is_there: codex::is_finished,
            }),
            Self::Gemini => Some(Finish { marks: &["\"result\""], is_there: gemini::is_finished }),
            Self::Claude => Some(Finish { marks: &["\"result\""], is_there: claude::is_finished }),
            Self::Template(_) | Self::Understudy => None,
        }
    }

    /// Recognises on stderr that the CLI tries again by itself. Maestro's own retry is better: it is counted,
    /// and leaves no half answers.
    pub(crate) fn repeats(&self) -> Option<Finish> {
        match self {
            Self::Gemini => Some(Finish { marks: &["Retrying"], is_there: gemini::tries_again }),
            Self::Codex | Self::Claude | Self::Template(_) | Self::Understudy => None,
        }
    }

    /// The requests that a start of the CLI made, according to its output.
    pub(crate) fn asked(&self, output: &Outcome<String>) -> Asked {
        match self {
            Self::Gemini => gemini::asked(output),
            Self::Codex | Self::Claude | Self::Template(_) | Self::Understudy => Asked::default(),
        }
    }

    /// Adds a question to the launch of a CLI. Returns the files to write for it.
    pub fn put(&self, ask: &Ask<'_>, places: &Places, launch: &mut Launch) -> Files {
        if let Self::Template(settings) = self {
            return template::put(settings, ask, places, launch);
        }
        launch.args(ask.leading);
        let files = match self {
            Self::Codex => codex::put(ask, places, launch),
            Self::Gemini => gemini::put(ask, places, launch),
            Self::Claude => claude::put(ask, places, launch),
            Self::Template(_) | Self::Understudy => Files::new(),
        };
        for (name, value) in ask.extra_env {
            launch.env(name, value);
        }
        files
    }

    /// Reads the output of a CLI. Reasoning before an answer is not part of it. If a schema was given, the
    /// structured answer is the JSON document in the text, if there is one.
    ///
    /// # Errors
    ///
    /// The failure that the CLI reported.
    pub fn parse(&self, output: &Outcome<String>, wanted: Option<&Value>) -> Result<Answer, CliFailure> {
        let output = &*self.with_whole_letters(output);
        let mut answer = match self {
            Self::Codex => codex::parse(output),
            Self::Gemini => gemini::parse(output),
            Self::Claude => claude::parse(output),
            Self::Template(settings) => template::parse(settings, output),
            Self::Understudy => Ok(Answer { text: output.stdout.clone(), ..Answer::default() }),
        }?;
        answer.structured = answer.structured.map(plain_value);
        answer.model = answer.model.map(|model| one_line(&made_plain(model)));
        answer.text = match &answer.structured {
            Some(structured) => structured.to_string(),
            None => made_plain(answer.text),
        };
        if answer.text.trim().is_empty() {
            return Err(CliFailure::new(FailureKind::AnswerEmpty, "the answer is empty"));
        }
        answer.warnings.extend(output.aftermath());
        answer.warnings = answer.warnings.into_iter().map(made_plain).collect();
        let spoken = spoken(&answer.text);
        if spoken.has_reasoned() {
            if spoken.is_only_reasoning() && answer.structured.is_none() {
                return Err(CliFailure::new(
                    FailureKind::AnswerEmpty,
                    "the model did not answer: its output is only a block of reasoning",
                ));
            }
            answer.reasoned = true;
            answer.text = spoken.into_text();
        }
        if let Some(wanted) = wanted
            && answer.structured.is_none()
        {
            answer.structured = document(&answer.text).ok().map(|found| plain_value(found.value));
            if matches!(self, Self::Codex) {
                answer.structured = answer.structured.map(|value| schema::from_strict(value, wanted));
            }
        }
        Ok(answer)
    }

    /// The output of a CLI; in JSON output, escapes of lone surrogates are replaced.
    fn with_whole_letters<'a>(&self, output: &'a Outcome<String>) -> Cow<'a, Outcome<String>> {
        let is_text = match self {
            Self::Codex | Self::Gemini | Self::Claude => false,
            Self::Template(settings) => settings.answer == AnswerRule::Text,
            Self::Understudy => true,
        };
        match whole_letters(&output.stdout) {
            Cow::Owned(stdout) if !is_text => Cow::Owned(Outcome { stdout, ..output.clone() }),
            Cow::Owned(_) | Cow::Borrowed(_) => Cow::Borrowed(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::process::{Ended, Exit};
    use crate::host::wall::WallStanding;

    /// The versions that `make test-clis` installs, kept in one place.
    const PINS: &str = include_str!("../../tests/clis/install.py");

    #[test]
    fn no_string_of_an_answer_acts_on_a_terminal() {
        let model = "m\u{1b}[31m\u{9b}\u{202e}x";
        let event = serde_json::json!({ "type": "assistant", "message": { "model": model } });
        let result = serde_json::json!({
            "type": "result", "subtype": "success", "num_turns": 1, "result": "fine\u{1b}[2J",
        });
        let output = Outcome {
            ended: Ended::Exited,
            exit: Exit::Code(0),
            stdout: format!("{event}\n{result}\n"),
            stderr: "Warning: \u{1b}]0;x\u{7}old\n".to_owned(),
            at: jiff::ZonedDateTime::now(),
            elapsed: std::time::Duration::ZERO,
            leftovers: 0,
            wall: WallStanding::default(),
        };
        let answer = Adapter::Claude.parse(&output, None).unwrap();
        assert_eq!((answer.text.as_str(), answer.model.as_deref()), ("fine", Some("mx")));
        assert_eq!(answer.warnings, ["Warning: old"]);
    }

    #[test]
    fn the_newest_version_that_was_tried_is_the_one_that_is_pinned() {
        for (adapter, package) in [
            (Adapter::Claude, "@anthropic-ai/claude-code"),
            (Adapter::Codex, "@openai/codex"),
            (Adapter::Gemini, "@google/gemini-cli"),
        ] {
            let pin = format!("(\"{package}\", \"{}\")", adapter.newest_tried().unwrap());
            assert!(PINS.contains(&pin), "{pin}");
        }
    }
}

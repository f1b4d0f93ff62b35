//! Consultants: how each one is called, and how its answer is read.
//!
//! An adapter is two functions without effects: `put` adds an [`Ask`] to a launch, and `parse` turns its
//! [`Outcome`] into an [`Answer`] or into the [`CliFailure`] that the CLI reported.

pub(crate) mod adapter;
pub(crate) mod catalogue;
pub(crate) mod choice;
pub(crate) mod claude;
pub(crate) mod codex;
pub(crate) mod effort;
pub(crate) mod events;
pub(crate) mod failure;
pub(crate) mod gemini;
pub(crate) mod installed;
pub(crate) mod login;
pub(crate) mod schema;
pub(crate) mod template;
pub(crate) mod understudy;

use std::path::PathBuf;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;
use serde_with::skip_serializing_none;

use crate::domain::cut::head;
use crate::host::process::{CallDir, Ended, Exit, Outcome};

use events::Piece;
use failure::{CliFailure, Evidence, FailureKind};
use installed::Version;

pub use adapter::Adapter;

/// One question to one consultant, with everything that the call depends on.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The question, with its context.
    pub prompt: &'a str,
    pub system: &'a str,
    /// The provider's name of the model; None if the CLI chooses.
    pub model: Option<&'a str>,
    /// The effort in the CLI's words; None if the CLI has no such setting.
    pub effort: Option<&'a str>,
    /// The schema that the answer must follow.
    pub schema: Option<&'a Value>,
    /// The address of the service, if the user set one that the CLI does not read from its environment.
    pub gateway: Option<&'a str>,
    /// Arguments that come first.
    pub leading: &'a [String],
    /// The user's arguments; they come before ours.
    pub extra_args: &'a [String],
    /// The user's environment variables, in addition to ours.
    pub extra_env: &'a IndexMap<String, String>,
    /// The version of the CLI, if its flags depend on it.
    pub version: Option<Version>,
}

/// Private places of a call. The consultant needs nothing else of this machine.
#[derive(Clone, Debug)]
pub struct Places {
    /// The empty working directory.
    pub work: PathBuf,
    /// The private home, for CLIs that have one.
    pub home: PathBuf,
    /// The private temporary directory, with most of its [`Files`].
    pub temporary: PathBuf,
}

impl Places {
    /// The places below a call's private directory.
    pub fn of(directory: &CallDir) -> Self {
        Self {
            work: directory.work().to_owned(),
            home: directory.capture().join("home"),
            temporary: directory.capture().join("tmp"),
        }
    }
}

/// Files to write before a CLI starts, with their contents.
pub type Files = Vec<(PathBuf, String)>;

/// How far the output of a CLI has the form that the CLI promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// It begins in this form and is incomplete.
    Begun,
    /// A part of it cannot be read.
    Broken,
    /// The CLI printed something else, or nothing.
    Absent,
}

impl Form {
    /// The event in a piece of output. Other pieces are noted in `told`, and give None.
    fn event<'p>(&mut self, piece: &'p Piece<'_>, told: &mut Evidence) -> Option<&'p Value> {
        match piece {
            Piece::Document(event) => {
                if *self == Self::Absent {
                    *self = Self::Begun;
                }
                return Some(event);
            }
            Piece::Broken(line) => {
                *self = Self::Broken;
                told.note(line);
            }
            Piece::Noise(line) => told.note(line),
        }
        None
    }
}

/// The result of a CLI's run, as its adapter reads it.
impl Outcome<String> {
    fn ended_well(&self) -> bool {
        self.ended == Ended::Exited && self.exit.success()
    }

    /// The failure of a call that asks the CLI about itself; None if the call ended well or was ended.
    pub fn trouble(&self) -> Option<CliFailure> {
        if self.ended != Ended::Exited || self.exit.success() {
            return None;
        }
        let told = Evidence { noise: self.stdout.clone(), ..Evidence::default() };
        let said = told.failure(&self.stderr, self.exit, &self.at);
        Some(said.unwrap_or_else(|| told.by_end_alone(self.exit, &self.stderr)))
    }

    /// The failure of a CLI that gave no complete answer.
    fn failure(&self, told: &Evidence, form: Form) -> CliFailure {
        const SHOWN: usize = 300;
        // If Maestro ended the CLI, the exit says nothing about the CLI itself.
        let exit = if self.ended == Ended::Exited { self.exit } else { Exit::Unknown };
        let said = told.failure(&self.stderr, exit, &self.at);
        let printed = head(self.stdout.trim(), SHOWN);
        let unreadable = |what: &str| CliFailure::new(FailureKind::AnswerUnreadable, what);
        match (said, form) {
            (Some(said), _) if said.kind != FailureKind::CliFailed => said,
            (_, Form::Broken) => unreadable(&format!(
                "a piece of its output cannot be read, so that the answer may have a hole; the output begins: {printed}"
            )),
            (Some(said), _) if !self.ended_well() || !told.words.is_empty() => said,
            (_, Form::Begun) if self.ended_well() => {
                unreadable(&format!("its output ends before the answer is complete; it begins: {printed}"))
            }
            (_, Form::Absent) if self.ended_well() && !printed.is_empty() => unreadable(&format!(
                "its output does not have the form that this CLI promises; it begins: {printed}"
            )),
            (Some(said), _) => said,
            (None, _) if self.ended != Ended::Exited => CliFailure::new(FailureKind::CliFailed, ""),
            (None, _) if self.ended_well() => {
                CliFailure::new(FailureKind::AnswerEmpty, "it ended well and printed nothing")
            }
            (None, _) => told.by_end_alone(exit, &format!("{}\n{}", told.noise, self.stderr)),
        }
    }

    /// The failure of an empty answer, with the reason that the CLI gave elsewhere, if it gave one.
    fn empty(&self, told: &Evidence) -> CliFailure {
        match told.failure(&self.stderr, self.exit, &self.at) {
            Some(said) if said.kind != FailureKind::CliFailed => said,
            Some(_) | None => CliFailure::new(FailureKind::AnswerEmpty, "the answer is empty"),
        }
    }

    /// The problem after a complete answer, if there is one.
    fn aftermath(&self) -> Option<String> {
        let what = match (self.ended, self.exit) {
            (Ended::Exited, Exit::Code(0)) => return None,
            (Ended::Exited, Exit::Code(code)) => {
                format!("the CLI ended with exit code {code} after its answer was complete")
            }
            (Ended::Exited, Exit::Signal(_) | Exit::Unknown) => {
                "a signal ended the CLI after its answer was complete".to_owned()
            }
            (Ended::Finished | Ended::TimedOut | Ended::Stalled, _) => {
                "the CLI did not end after its answer was complete, and was ended".to_owned()
            }
            (Ended::OutputTooLarge, _) => {
                "the CLI went on writing after its answer was complete, and was ended".to_owned()
            }
        };
        Some(match Evidence::default().failure(&self.stderr, Exit::Unknown, &self.at) {
            Some(said) => format!("{what}: {}", said.detail),
            None => what,
        })
    }
}

/// Requests to the service during one start of a CLI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) requests: u32,
    /// Maximum number of requests that the next start may make.
    pub(crate) next: u32,
    /// The model that the CLI chose, if it says so.
    pub(crate) chosen: Option<String>,
}

impl Default for Asked {
    fn default() -> Self {
        Self { requests: 1, next: 1, chosen: None }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub text: String,
    /// Its structured answer, if a schema was given and the CLI reports it separately.
    pub structured: Option<Value>,
    /// True if reasoning before it was removed.
    pub reasoned: bool,
    pub usage: Usage,
    /// The model that answered, if the CLI reports it.
    pub model: Option<String>,
    pub warnings: Vec<String>,
}

/// Usage of a call, as the CLI reports it.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Tokens sent, cached ones included.
    pub input_tokens: Option<u64>,
    /// Tokens answered, thinking included.
    pub output_tokens: Option<u64>,
    /// US dollars.
    pub cost_usd: Option<f64>,
}

impl Usage {
    /// True if the CLI reported nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Puts a line end before a prompt that begins with a slash, because the CLI would take it for a command.
fn never_a_command(prompt: &str) -> String {
    if prompt.trim_start().starts_with('/') { format!("\n{prompt}") } else { prompt.to_owned() }
}

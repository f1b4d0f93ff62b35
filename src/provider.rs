//! The consultants: how each is called, and how its answer is read.
//!
//! An adapter is two pure functions: from an [`Ask`] to an [`Invocation`], and from the
//! [`Output`] to an [`Answer`] or the [`CliFailure`] that the CLI reported.

pub mod activity;
pub mod adapter;
pub mod catalogue;
pub mod claude;
pub mod codex;
pub mod environment;
pub mod failure;
pub mod gemini;
pub mod login;
pub mod schema;
pub mod template;
pub mod understudy;
pub mod version;

use std::ffi::OsString;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use crate::host::process::CallDir;

use failure::{CliFailure, FailureKind};

pub use adapter::Adapter;

/// One question to one consultant.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What is asked, with its context.
    pub prompt: &'a str,
    /// Who the consultant is.
    pub system: &'a str,
    /// The model by the provider's own name.
    pub model: &'a str,
    /// The schema that the answer must follow.
    pub schema: Option<&'a Value>,
    /// Arguments in front of ours.
    pub extra_args: &'a [String],
}

/// Where a call's private files lie. Nothing else of this machine is the consultant's business.
#[derive(Clone, Debug)]
pub struct Places {
    /// The empty working directory.
    pub work: PathBuf,
    /// The directory of the files in [`Invocation::files`].
    pub files: PathBuf,
    /// The private home of CLIs that have one.
    pub home: PathBuf,
    /// The private temporary directory.
    pub temporary: PathBuf,
}

impl Places {
    /// The places below a call's private directory.
    #[must_use]
    pub fn of(directory: &CallDir) -> Self {
        Self {
            work: directory.work().to_owned(),
            files: directory.capture().join("files"),
            home: directory.capture().join("home"),
            temporary: directory.capture().join("tmp"),
        }
    }
}

/// What to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invocation {
    /// Arguments after the command's own.
    pub args: Vec<OsString>,
    /// Variables that this call sets.
    pub env: Vec<(OsString, OsString)>,
    /// Files to be written first, and what they hold.
    pub files: Vec<(PathBuf, String)>,
    /// What goes to stdin.
    pub stdin: Vec<u8>,
}

impl Invocation {
    fn arg(&mut self, argument: impl Into<OsString>) -> &mut Self {
        self.args.push(argument.into());
        self
    }

    fn args(&mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> &mut Self {
        self.args.extend(arguments.into_iter().map(Into::into));
        self
    }

    fn env(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.env.push((name.into(), value.into()));
        self
    }
}

/// What a CLI left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its exit code; none where a signal ended it.
    pub exit_code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    fn ended_well(&self) -> bool {
        self.exit_code == Some(0)
    }

    /// What it means that the CLI did not answer in its own form.
    fn failure(&self) -> CliFailure {
        const SHOWN: usize = 300;
        let said = CliFailure::from_words(self.last_words());
        if !self.ended_well() || said.kind != FailureKind::CliFailed {
            return said;
        }
        if self.stdout.trim().is_empty() && self.stderr.trim().is_empty() {
            return CliFailure::new(FailureKind::AnswerEmpty, "it ended well and printed nothing");
        }
        let printed: String = self.stdout.trim().chars().take(SHOWN).collect();
        CliFailure::new(
            FailureKind::AnswerUnreadable,
            format!("its output does not have the form that this CLI promises; it begins: {printed}"),
        )
    }

    /// The last lines of stderr that say something.
    fn last_words(&self) -> String {
        const LOOKED_AT: usize = 16 * 1024;
        let start = self.stderr.len().saturating_sub(LOOKED_AT);
        let end = (start..).take(4).find_map(|at| self.stderr.get(at..)).unwrap_or_default();
        let lines: Vec<&str> = end.lines().filter(|line| !line.trim().is_empty()).collect();
        let words = lines.iter().skip(lines.len().saturating_sub(6)).copied().collect::<Vec<_>>().join("\n");
        match (words.is_empty(), self.exit_code) {
            (false, Some(_)) => words,
            (false, None) => format!("{words}\na signal ended it"),
            (true, Some(code)) => format!("it ended with exit code {code} and no message"),
            (true, None) => "a signal ended it".to_owned(),
        }
    }
}

/// What a consultant answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Its text.
    pub text: String,
    /// Its structured answer, where a schema was given and the CLI keeps it apart.
    pub structured: Option<Value>,
    /// Whether reasoning stood before it, which was taken off.
    pub reasoned: bool,
    /// What it cost.
    pub usage: Usage,
    /// The model that answered, where the CLI tells.
    pub model: Option<String>,
}

/// What a call cost, as far as the CLI says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Tokens sent, cached ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens answered, thinking included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

impl Usage {
    /// Whether the CLI said nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A prompt that begins with a slash would be a command of the CLI's own.
fn never_a_command(prompt: &str) -> String {
    if prompt.trim_start().starts_with('/') { format!("\n{prompt}") } else { prompt.to_owned() }
}

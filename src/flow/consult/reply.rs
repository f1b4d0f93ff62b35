//! What a caller gets to see of a call.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Attempted, Prepared, milliseconds};
use crate::domain::pack::{Omission, PackedFile};
use crate::error::Error;
use crate::flow::session::Session;
use crate::provider::Usage;
use crate::provider::catalogue::Provider;

/// Characters of an answer that a result shows.
pub const MOST_CHARS: usize = 40_000;

/// Characters of stderr that a result shows.
const MOST_STDERR: usize = 2_000;

/// The reply to a question, failed or not.
#[derive(Clone, Debug, Serialize)]
pub struct Consulted {
    /// Whether there is an answer.
    pub ok: bool,
    /// Who was asked.
    pub provider: String,
    /// The model.
    pub model: String,
    /// The answer, as far as it is shown.
    pub content: String,
    /// Whether more of it is in `content_file`.
    pub truncated: bool,
    /// Where the whole answer is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_file: Option<String>,
    /// The answer as data, where a schema was asked for and it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured: Option<Value>,
    /// Where it does not fit the schema.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schema_errors: Vec<String>,
    /// What the call cost.
    #[serde(skip_serializing_if = "Usage::is_empty")]
    pub usage: Usage,
    /// Milliseconds, waiting included.
    pub elapsed_ms: u64,
    /// Starts of the CLI, where it took more than one.
    #[serde(skip_serializing_if = "is_ordinary")]
    pub attempts: u32,
    /// The exit code, where the call failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The end of what the CLI wrote to stderr.
    pub stderr: String,
    /// What went with the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextNote>,
    /// Secrets that were masked on the way out.
    #[serde(skip_serializing_if = "is_none_masked")]
    pub masked: usize,
    /// What the answer is, where it is not a model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The error itself, for callers in this process.
    #[serde(skip)]
    pub failure: Option<Error>,
}

/// What went with a question.
#[derive(Clone, Debug, Serialize)]
pub struct ContextNote {
    files: Vec<PackedFile>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    omitted: Vec<Omission>,
    total_chars: usize,
}

impl ContextNote {
    /// What was left out of it, and why.
    #[must_use]
    pub fn omitted(&self) -> &[Omission] {
        &self.omitted
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_ordinary(attempts: &u32) -> bool {
    *attempts <= 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_none_masked(masked: &usize) -> bool {
    *masked == 0
}

impl Consulted {
    /// The reply of a provider that could not be asked.
    #[must_use]
    pub fn refused(name: &str, prepared: &Prepared, error: &Error) -> Self {
        Self {
            ok: false,
            provider: name.to_owned(),
            model: prepared.question.model.clone().unwrap_or_default(),
            content: String::new(),
            truncated: false,
            content_file: None,
            structured: None,
            schema_errors: Vec::new(),
            usage: Usage::default(),
            elapsed_ms: 0,
            attempts: 0,
            exit_code: None,
            stderr: String::new(),
            context: None,
            masked: 0,
            note: None,
            error: Some(error.to_string()),
            code: Some(error.code()),
            hint: Some(error.hint()),
            failure: Some(error.clone()),
        }
    }

    pub(super) fn new(
        session: &Session,
        provider: &Provider,
        model: String,
        prepared: &Prepared,
        attempted: Attempted,
        elapsed: Duration,
    ) -> Self {
        let mut reply = Self {
            model,
            usage: attempted.usage(),
            elapsed_ms: milliseconds(elapsed),
            attempts: attempted.attempts,
            stderr: shown_stderr(session, &attempted.stderr),
            context: prepared.context.as_ref().map(|context| ContextNote {
                files: context.files.clone(),
                omitted: context.omitted.clone(),
                total_chars: context.stats.total_chars,
            }),
            masked: prepared.masked,
            note: provider.is_understudy().then_some("understudy: rules over the packed context, no model"),
            ..Self::refused(&provider.name, prepared, &Error::Cancelled)
        };
        match attempted.result {
            Ok(answer) => {
                reply.ok = true;
                (reply.error, reply.code, reply.hint, reply.failure) = (None, None, None, None);
                if let Some((_, schema)) = &prepared.schema {
                    reply.schema_errors = schema_errors(schema, answer.structured.as_ref());
                    reply.structured = answer.structured;
                }
                reply.content = answer.text;
            }
            Err(error) => {
                reply.exit_code = attempted.exit_code;
                reply.error = Some(masked_text(session, &error.to_string()));
                reply.code = Some(error.code());
                reply.hint = Some(error.hint());
                reply.failure = Some(error);
            }
        }
        reply
    }

    /// Cuts the answer to `room` characters, and keeps it whole in a file that is then named.
    #[must_use]
    pub fn cut_to(mut self, session: &Session, room: usize) -> Self {
        let Some(cut) = cut_at(&self.content, room) else {
            return self;
        };
        let whole = masked_text(session, &self.content);
        match session.answers().keep(&self.provider, &whole) {
            Ok(path) => self.content_file = Some(path.display().to_string()),
            Err(error) => tracing::warn!(%error, "a long answer could not be kept whole"),
        }
        self.content.truncate(cut);
        self.truncated = true;
        // The same answer as data would be as long again.
        self.structured = None;
        self
    }
}

/// Where to cut: at the last line end within the room, else between two characters.
fn cut_at(text: &str, room: usize) -> Option<usize> {
    let (end, _) = text.char_indices().nth(room)?;
    let shown = text.get(..end).unwrap_or_default();
    Some(shown.rfind('\n').filter(|line_end| *line_end > 0).unwrap_or(end))
}

/// How many characters each of several answers may show, so that all fit into [`MOST_CHARS`]: what
/// the short ones leave goes to the long ones.
#[must_use]
pub fn share(lengths: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|index| lengths.get(*index).copied().unwrap_or(0));
    let mut rooms = vec![0; lengths.len()];
    let mut left = MOST_CHARS;
    for (done, index) in order.iter().enumerate() {
        let fair = left / (lengths.len() - done);
        let taken = lengths.get(*index).copied().unwrap_or(0).min(fair);
        left -= taken;
        if let Some(room) = rooms.get_mut(*index) {
            *room = taken;
        }
    }
    rooms
}

fn schema_errors(schema: &Value, answer: Option<&Value>) -> Vec<String> {
    const MOST: usize = 10;
    let Some(answer) = answer else {
        return vec!["the answer is not a JSON document".to_owned()];
    };
    match jsonschema::validator_for(schema) {
        Ok(validator) => validator
            .iter_errors(answer)
            .take(MOST)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect(),
        Err(error) => vec![format!("the schema itself: {error}")],
    }
}

fn shown_stderr(session: &Session, stderr: &str) -> String {
    let characters = stderr.chars().count();
    let end: String = stderr.chars().skip(characters.saturating_sub(MOST_STDERR)).collect();
    masked_text(session, end.trim())
}

fn masked_text(session: &Session, text: &str) -> String {
    match session.masker() {
        Ok(masker) => masker.mask(text).text.into_owned(),
        Err(_) => String::new(),
    }
}

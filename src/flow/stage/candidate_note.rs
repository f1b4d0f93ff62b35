//! The candidates of a stage, as its result shows them.

use serde::Serialize;
use serde_json::Value;
use serde_with::skip_serializing_none;

use crate::domain::citations::Citation;
use crate::domain::event::stage::Candidate;
use crate::domain::served::ModelNote;
use crate::domain::size::{MOST_ANSWER, cut_at};
use crate::host::answers::Answers;

/// A candidate without its document: that of the one that is handed on is the stage's output.
#[skip_serializing_none]
#[derive(Serialize)]
struct CandidateNote<'a> {
    id: &'a str,
    ok: bool,
    provider: &'a str,
    #[serialize_always]
    model: Option<&'a str>,
    #[serde(flatten)]
    told: &'a ModelNote,
    content: &'a str,
    content_file: Option<&'a str>,
    elapsed_ms: u64,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    red_flags: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    schema_errors: &'a [String],
    consults: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    resample: bool,
    error: Option<&'a str>,
    code: Option<&'a str>,
    retryable: Option<bool>,
    hint: Option<&'a str>,
    resets_at: Option<&'a str>,
    sandbox: Option<&'a str>,
    note: Option<&'a str>,
    citations: Option<&'a [Citation]>,
}

impl<'a> CandidateNote<'a> {
    /// A candidate with so much of its answer.
    fn of(candidate: &'a Candidate, content: &'a str) -> Self {
        // Whatever else a candidate will hold is shown, or left out on purpose.
        let Candidate {
            id,
            ok,
            provider,
            model,
            told,
            content: _,
            content_file,
            structured: _,
            elapsed_ms,
            red_flags,
            schema_errors,
            consults,
            resample,
            error,
            code,
            retryable,
            hint,
            resets_at,
            sandbox,
            note,
            citations,
        } = candidate;
        Self {
            id,
            ok: *ok,
            provider,
            model: Some(model.as_str()).filter(|model| !model.is_empty()),
            told,
            content,
            content_file: content_file.as_deref(),
            elapsed_ms: *elapsed_ms,
            red_flags,
            schema_errors,
            consults: *consults,
            resample: *resample,
            error: error.as_deref(),
            code: code.as_deref(),
            retryable: error.as_ref().map(|_| *retryable),
            hint: hint.as_deref(),
            resets_at: resets_at.as_deref(),
            sandbox: sandbox.as_deref(),
            note: note.as_deref(),
            citations: citations.as_deref(),
        }
    }
}

/// Every candidate. The one that is handed on is shown beside them, so its answer is not repeated; the
/// others share the room for one.
pub(super) fn notes(candidates: &[Candidate], handed_on: Option<&str>) -> Vec<Value> {
    let mut is_first = true;
    let room = MOST_ANSWER / candidates.len().max(1);
    let shown = candidates.iter().map(|candidate| {
        let is_from_them = candidate.ok && handed_on == Some(candidate.provider.as_str());
        let is_handed_on = is_from_them && std::mem::take(&mut is_first);
        let content = if is_handed_on { "" } else { beginning(&candidate.content, room) };
        let resource = candidate.content_file.as_deref().and_then(Answers::address);
        let mut value = serde_json::to_value(CandidateNote::of(candidate, content)).unwrap_or_default();
        if let (Some(resource), Some(fields)) = (resource, value.as_object_mut()) {
            fields.insert("resource".to_owned(), Value::String(resource.to_string()));
        }
        if let Some(fields) = value.as_object_mut().filter(|_| is_handed_on) {
            fields.remove("content");
            fields.insert("handed_on".to_owned(), Value::Bool(true));
        }
        value
    });
    shown.collect()
}

fn beginning(text: &str, room: usize) -> &str {
    cut_at(text, room).and_then(|end| text.get(..end)).unwrap_or(text)
}

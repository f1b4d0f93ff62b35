//! Asking by a result: the call ends with the question, and the client makes it again with the
//! answer and the state that it was given.

use rmcp::ErrorData;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{
    CallToolResponse, ElicitRequest, ElicitRequestParams, ElicitResult, InputRequest, InputRequests,
    InputRequiredResult, InputResponses, JsonObject,
};
use serde_json::Value;

use super::form::Choices;
use super::state::{Call, LIFETIME, Opened, Seal, StateError, Subject, Unfit};
use super::{Form, Visit, Word, answer};
use crate::domain::change::Mark;
use crate::error::Error;

/// The name of the question in `inputRequests` and of its answer in `inputResponses`.
const QUESTION: &str = "approval";

/// The state that a call brings along if it answers a question that an earlier one ended with.
///
/// As an argument of a tool it must stand before `Parameters`, which takes the arguments away.
pub(crate) struct Retry {
    call: Call,
    state: Option<String>,
    responses: Option<InputResponses>,
}

/// An answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) word: Word,
    /// By which the caller sees that an answer was used before.
    pub(crate) nonce: String,
}

impl<S> FromContextPart<ToolCallContext<'_, S>> for Retry {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        let call = Call { tool: context.name.to_string(), arguments: digest(context.arguments.as_ref()) };
        Ok(Self { call, state: context.request_state.take(), responses: context.input_responses.take() })
    }
}

impl Retry {
    /// True if the call brings anything of an earlier one along.
    pub(crate) fn has_answer(&self) -> bool {
        self.state.is_some() || self.responses.as_ref().is_some_and(|responses| !responses.is_empty())
    }

    /// True if the call comes back without an answer, to look what became of its question.
    pub(crate) fn looks_again(&self) -> bool {
        self.state.is_some() && self.responses.as_ref().is_none_or(InputResponses::is_empty)
    }

    /// What the question was about that this call answers; none for a call that answers none.
    pub(crate) fn subject(&self, seal: &Seal) -> Result<Option<Subject>, StateError> {
        Ok(self.opened(seal)?.map(|opened| opened.subject))
    }

    /// The state for a question that ends this call.
    ///
    /// # Errors
    ///
    /// Only by a defect.
    pub(crate) fn sealed(&self, seal: &Seal, subject: &Subject) -> Result<String, Error> {
        seal.seal(subject, &self.call, LIFETIME)
    }

    fn opened(&self, seal: &Seal) -> Result<Option<Opened>, StateError> {
        match (&self.state, &self.responses) {
            (Some(state), _) => seal.open(state, &self.call).map(Some),
            (None, Some(responses)) if !responses.is_empty() => Err(StateError::Missing),
            (None, _) => Ok(None),
        }
    }
}

/// The result that asks.
pub(crate) fn ask_modern(form: &Form, sealed_state: String) -> CallToolResponse {
    let question = InputRequest::Elicitation(ElicitRequest::new(form.params(Choices::Titles)));
    let questions: InputRequests = [(QUESTION.to_owned(), question)].into();
    InputRequiredResult::new(Some(questions), Some(sealed_state)).into()
}

/// The result that leads to a page.
pub(crate) fn lead_modern(params: ElicitRequestParams, sealed_state: String) -> CallToolResponse {
    let question = InputRequest::Elicitation(ElicitRequest::new(params));
    let questions: InputRequests = [(QUESTION.to_owned(), question)].into();
    InputRequiredResult::new(Some(questions), Some(sealed_state)).into()
}

/// Returns what a call says of the page that its human was led to; none for a first call.
///
/// # Errors
///
/// As of [`read_modern`].
pub(crate) fn read_visit(
    seal: &Seal,
    retry: &Retry,
    subject: &Subject,
) -> Result<Option<(Visit, String)>, StateError> {
    let Some(Opened { subject: asked_about, nonce }) = retry.opened(seal)? else { return Ok(None) };
    if asked_about != *subject {
        return Err(StateError::Unfit(Unfit::OtherSubject));
    }
    let response = retry.responses.as_ref().and_then(|responses| responses.get(QUESTION));
    let read = response.and_then(|response| serde_json::from_value::<ElicitResult>(response.clone()).ok());
    let visit = read.map_or_else(
        || Visit::Not(Word::Unreadable(format!("there is no answer under `{QUESTION}`"))),
        |result| answer::visit(&result),
    );
    Ok(Some((visit, nonce)))
}

/// The answer that a call brings along; none for a first call.
///
/// # Errors
///
/// The answer's state is not that of a question about this subject, asked by this very call.
pub(crate) fn read_modern(
    seal: &Seal,
    retry: &Retry,
    subject: &Subject,
    form: &Form,
) -> Result<Option<Answer>, StateError> {
    let Some(Opened { subject: asked_about, nonce }) = retry.opened(seal)? else {
        return Ok(None);
    };
    if asked_about != *subject {
        return Err(StateError::Unfit(Unfit::OtherSubject));
    }
    let response = retry.responses.as_ref().and_then(|responses| responses.get(QUESTION));
    let word = match response {
        Some(response) => answer::read_value(form, response),
        None => Word::Unreadable(format!("there is no answer under `{QUESTION}`")),
    };
    Ok(Some(Answer { word, nonce }))
}

/// The digest of a call's arguments, in whatever order the client writes them.
fn digest(arguments: Option<&JsonObject>) -> String {
    let mut sorted = Value::Object(arguments.cloned().unwrap_or_default());
    sorted.sort_all_objects();
    Mark::of(sorted.to_string().as_bytes()).sha256
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::host::seal_key::SealKey;
    use serde_json::json;

    #[test]
    fn an_answer_counts_for_its_own_question_and_for_its_time() {
        let root = tempfile::tempdir().unwrap();
        let seal = Seal::new(&SealKey::of_user(root.path()).unwrap().0);
        let subject = |digest: &str| Subject {
            workflow_id: "w".to_owned(),
            request_id: "r".to_owned(),
            stage: "analyze".to_owned(),
            digest: digest.to_owned(),
            is_back: false,
        };
        let form = Form {
            message: String::new(),
            title: String::new(),
            critical: Vec::new(),
            language: crate::domain::language::Language::ENGLISH,
            hint: String::new(),
        };
        let answered = |lifetime| {
            let call = Call { tool: "t".to_owned(), arguments: digest(None) };
            let state = seal.seal(&subject("d"), &call, lifetime).unwrap();
            let approval = json!({ "action": "accept", "content": { "decision": "approve" } });
            let responses = [(QUESTION.to_owned(), approval)].into();
            Retry { call, state: Some(state), responses: Some(responses) }
        };
        let read = |retry: &Retry, about: &str| read_modern(&seal, retry, &subject(about), &form);
        let retry = answered(LIFETIME);
        let answer = read(&retry, "d").unwrap().unwrap();
        assert!(matches!(answer.word, Word::Decided(_)));
        assert_eq!(read(&retry, "d").unwrap().unwrap().nonce, answer.nonce);
        assert_eq!(read(&retry, "e"), Err(StateError::Unfit(Unfit::OtherSubject)));
        let retry = answered(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(read(&retry, "d"), Err(StateError::Unfit(Unfit::Expired)));
    }

    #[test]
    fn the_digest_does_not_depend_on_the_order_of_keys() {
        let digest = |value: Value| digest(value.as_object());
        let one = digest(json!({ "a": 1, "b": { "x": [1, 2], "y": "z" } }));
        assert_eq!(one, digest(json!({ "b": { "y": "z", "x": [1, 2] }, "a": 1 })));
        assert_ne!(one, digest(json!({ "b": { "y": "z", "x": [2, 1] }, "a": 1 })));
        assert_ne!(one, digest(json!({})));
    }
}

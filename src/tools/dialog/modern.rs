//! Asks by a result: the call ends with the question, and the client repeats it with the answer and the
//! state.

use std::time::Duration;

use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{
    CallToolResponse, CancelledNotificationParam, ClientResult, CustomNotification, ElicitRequest,
    ElicitRequestParams, InputRequest, InputRequests, InputRequiredResult, InputResponses, JsonObject,
    RequestId, ServerNotification, ServerRequest,
};
use rmcp::service::{Peer, PeerRequestOptions, RequestContext, ServiceError};
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};
use tokio::sync::oneshot::error::RecvError;
use tokio::task::JoinHandle;

use super::form::{self, LIFETIME, Opened, Seal, StateError, Subject, bound_to};
use super::{Form, Word};
use crate::domain::change::Mark;
use crate::error::Error;
use crate::flow::progress::Progress;
use crate::tools::polish::{EVERY, waiting};

/// The name of the question in `inputRequests` and of its answer in `inputResponses`.
const QUESTION: &str = "approval";

/// The state of a call that may answer an earlier question.
///
/// As an argument of a tool it must come before `Parameters`, which takes the arguments away.
pub(crate) struct Retry {
    /// The text that identifies this call for its state.
    call: String,
    state: Option<String>,
    responses: Option<InputResponses>,
}

/// An answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) word: Word,
    /// Identifies the answer, so that it counts once.
    pub(crate) nonce: String,
}

impl<S> FromContextPart<ToolCallContext<'_, S>> for Retry {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        let call = bound_to(&context.name, &digest(context.arguments.as_ref()));
        Ok(Self { call, state: context.request_state.take(), responses: context.input_responses.take() })
    }
}

impl Retry {
    /// True if the call brings a state or an answer.
    pub(crate) fn has_answer(&self) -> bool {
        self.state.is_some() || self.responses.as_ref().is_some_and(|responses| !responses.is_empty())
    }

    /// True if the call comes back without an answer, to see the result of its question.
    pub(crate) fn looks_again(&self) -> bool {
        self.state.is_some() && self.responses.as_ref().is_none_or(InputResponses::is_empty)
    }

    /// The subject of the question that this call answers, if it answers one.
    pub(crate) fn subject(&self, seal: &Seal) -> Result<Option<Subject>, StateError> {
        Ok(self.opened(seal)?.map(|opened| opened.subject))
    }

    /// The state for a question that ends this call.
    ///
    /// # Errors
    ///
    /// The state cannot be written as JSON, which is a defect.
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

/// A result that asks the human.
pub(crate) fn ask_modern(shown: ElicitRequestParams, sealed_state: String) -> CallToolResponse {
    let question = InputRequest::Elicitation(ElicitRequest::new(shown));
    let questions: InputRequests = [(QUESTION.to_owned(), question)].into();
    InputRequiredResult::new(Some(questions), Some(sealed_state)).into()
}

/// The answer of a call to a form or to an address; `None` for a first call.
///
/// # Errors
///
/// The answer's state does not belong to a question about this subject, asked by this very call.
pub(crate) fn read_modern(
    seal: &Seal,
    retry: &Retry,
    subject: &Subject,
    form: Option<&Form>,
) -> Result<Option<Answer>, StateError> {
    let Some(Opened { subject: asked_about, nonce }) = retry.opened(seal)? else {
        return Ok(None);
    };
    if asked_about != *subject {
        return Err(StateError::OtherSubject);
    }
    let response = retry.responses.as_ref().and_then(|responses| responses.get(QUESTION));
    let word = match response {
        Some(response) => form::read_value(form, response),
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

/// The message of a waiting call.
const WHAT: &str = "your decision";

/// Shows a form or an address to the human and waits for the answer; `None` if the request was decided, there
/// or elsewhere. Opening an address decides nothing.
///
/// `notifications/cancelled` closes the dialog when it is no longer needed: when the patience ends, when
/// `decided` comes first, or when this future is dropped because the call has ended.
pub(crate) async fn ask_legacy(
    context: &RequestContext<RoleServer>,
    shown: ElicitRequestParams,
    form: Option<&Form>,
    progress: &Progress,
    patience: Duration,
    decided: impl Future<Output = ()>,
) -> Option<Word> {
    let address = match &shown {
        ElicitRequestParams::UrlElicitationParams { elicitation_id, .. } => Some(elicitation_id.clone()),
        _ => None,
    };
    let request = ServerRequest::ElicitRequest(ElicitRequest::new(shown));
    let options = PeerRequestOptions::no_options();
    let mut asked = match context.peer.send_cancellable_request(request, options).await {
        Ok(asked) => asked,
        Err(error) => return Some(not_asked(&error)),
    };
    let dialog = OpenDialog { peer: context.peer.clone(), id: Some(asked.id.clone()) };
    tokio::pin!(decided);
    let answered = async {
        tokio::select! {
            biased;
            () = &mut decided => None,
            answer = &mut asked.rx => Some(read(form, answer)),
            () = tokio::time::sleep(patience) => Some(Word::TimedOut),
        }
    };
    let mut word = waiting(progress, WHAT, EVERY, answered).await;
    match &word {
        None => dialog.close("it was decided elsewhere").await,
        Some(Word::TimedOut) => dialog.close("nobody answered in time").await,
        Some(Word::Went) => {
            dialog.has_closed();
            let late = async {
                tokio::select! {
                    () = &mut decided => None,
                    () = tokio::time::sleep(patience) => Some(Word::TimedOut),
                }
            };
            word = waiting(progress, WHAT, EVERY, late).await;
        }
        Some(_) => dialog.has_closed(),
    }
    if let Some(id) = address {
        // A client that waits for the end of the visit closes its second panel.
        let about = Some(json!({ "elicitationId": id }));
        let done = CustomNotification::new("notifications/elicitation/complete", about);
        let _ = context.peer.send_notification(ServerNotification::CustomNotification(done)).await;
    }
    word
}

fn read(form: Option<&Form>, received: Result<Result<ClientResult, ServiceError>, RecvError>) -> Word {
    match received {
        Ok(Ok(ClientResult::ElicitResult(result))) => form::read(form, &result),
        Ok(Ok(_)) => Word::Unreadable("the client did not answer the question".to_owned()),
        Ok(Err(error)) => not_asked(&error),
        Err(_) => Word::Unreadable("the client has gone away".to_owned()),
    }
}

fn not_asked(error: &ServiceError) -> Word {
    // A client's error may quote the form.
    Word::Unreadable(match error {
        ServiceError::McpError(data) => format!("the client did not ask: error {}", data.code.0),
        error => format!("the client did not ask: {error}"),
    })
}

/// A dialog on the client's screen, closed when this is dropped.
struct OpenDialog {
    peer: Peer<RoleServer>,
    /// The request that opened it; `None` once it is closed.
    id: Option<RequestId>,
}

impl OpenDialog {
    /// Notes that the client closed it by answering.
    fn has_closed(mut self) {
        self.id = None;
    }

    /// Closes it, and waits until the client is told.
    async fn close(mut self, reason: &str) {
        if let Some(told) = self.tell(reason) {
            // A client that has gone away shows no dialog.
            let _ = told.await;
        }
    }

    /// Tells the client in a task of its own, so that it is told even if this future is dropped.
    fn tell(&mut self, reason: &str) -> Option<JoinHandle<()>> {
        let id = self.id.take()?;
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let peer = self.peer.clone();
        let note = CancelledNotificationParam::new(Some(id), Some(reason.to_owned()));
        Some(runtime.spawn(async move {
            let _ = peer.notify_cancelled(note).await;
        }))
    }
}

impl Drop for OpenDialog {
    fn drop(&mut self) {
        self.tell("the call has ended");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::host::seal_key::SealKey;

    #[test]
    fn an_answer_counts_for_its_own_question_and_for_its_time() {
        let root = tempfile::tempdir().unwrap();
        let seal = Seal::new(&SealKey::of_user(root.path()).unwrap());
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
            let call = bound_to("t", &digest(None));
            let state = seal.seal(&subject("d"), &call, lifetime).unwrap();
            let approval = json!({ "action": "accept", "content": { "decision": "approve" } });
            let responses = [(QUESTION.to_owned(), approval)].into();
            Retry { call, state: Some(state), responses: Some(responses) }
        };
        let read = |retry: &Retry, about: &str| read_modern(&seal, retry, &subject(about), Some(&form));
        let retry = answered(LIFETIME);
        let answer = read(&retry, "d").unwrap().unwrap();
        assert!(matches!(answer.word, Word::Decided(_)));
        assert_eq!(read(&retry, "d").unwrap().unwrap().nonce, answer.nonce);
        assert_eq!(read(&retry, "e"), Err(StateError::OtherSubject));
        let retry = answered(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(read(&retry, "d"), Err(StateError::Expired));
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

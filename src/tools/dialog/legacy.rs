//! Asking during the call: `elicitation/create`, and a dialog that never outlives what it is for.

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CancelledNotificationParam, ClientResult, CustomNotification, ElicitRequest, ElicitRequestParams,
    RequestId, ServerNotification, ServerRequest,
};
use rmcp::service::{Peer, PeerRequestOptions, RequestContext, ServiceError};
use tokio::sync::oneshot::error::RecvError;
use tokio::task::JoinHandle;

use serde_json::json;

use super::answer::Visit;
use super::form::Choices;
use super::{Form, Word, answer};
use crate::flow::progress::Progress;
use crate::tools::waiting::{EVERY, waiting};

/// The message of a waiting call.
const WHAT: &str = "your decision";

/// Shows a form to the human and waits for the answer; none where `other` came first, which means
/// that it was decided elsewhere.
///
/// The dialog is closed by `notifications/cancelled` when it is no longer wanted: when the patience
/// ends, when `other` comes first, and when this future is dropped because the call has ended.
pub(crate) async fn ask_legacy(
    context: &RequestContext<RoleServer>,
    form: &Form,
    progress: &Progress,
    patience: Duration,
    other: impl Future<Output = ()>,
) -> Option<Word> {
    let choices = Choices::of(context.protocol_version().as_ref());
    let request = ServerRequest::ElicitRequest(ElicitRequest::new(form.params(choices)));
    let options = PeerRequestOptions::no_options();
    let mut asked = match context.peer.send_cancellable_request(request, options).await {
        Ok(asked) => asked,
        Err(error) => return Some(not_asked(&error)),
    };
    let dialog = OpenDialog { peer: context.peer.clone(), id: Some(asked.id.clone()) };
    let ending = async {
        tokio::select! {
            biased;
            answer = &mut asked.rx => Ending::Answered(Box::new(answer)),
            () = other => Ending::DecidedElsewhere,
            () = tokio::time::sleep(patience) => Ending::NobodyAnswered,
        }
    };
    match waiting(progress, WHAT, EVERY, ending).await {
        Ending::Answered(answer) => {
            dialog.has_closed();
            Some(read(form, *answer))
        }
        Ending::DecidedElsewhere => {
            dialog.close("it was decided elsewhere").await;
            None
        }
        Ending::NobodyAnswered => {
            dialog.close("nobody answered in time").await;
            Some(Word::TimedOut)
        }
    }
}

/// Outcome of leading the human to a page.
pub(crate) enum Leading {
    /// It was decided, there or elsewhere.
    Decided,
    /// The human does not want to, or the dialog was closed.
    Not(Word),
}

/// Leads the human to a page and waits until it is decided. That they open it decides nothing.
pub(crate) async fn lead_legacy(
    context: &RequestContext<RoleServer>,
    params: ElicitRequestParams,
    id: &str,
    progress: &Progress,
    patience: Duration,
    decided: impl Future<Output = ()>,
) -> Leading {
    let request = ServerRequest::ElicitRequest(ElicitRequest::new(params));
    let options = PeerRequestOptions::no_options();
    let mut asked = match context.peer.send_cancellable_request(request, options).await {
        Ok(asked) => asked,
        Err(error) => return Leading::Not(not_asked(&error)),
    };
    let dialog = OpenDialog { peer: context.peer.clone(), id: Some(asked.id.clone()) };
    tokio::pin!(decided);
    let answered = async {
        tokio::select! {
            biased;
            () = &mut decided => None,
            answer = &mut asked.rx => Some(visit(answer)),
            () = tokio::time::sleep(patience) => Some(Visit::Not(Word::TimedOut)),
        }
    };
    let leading = match waiting(progress, WHAT, EVERY, answered).await {
        None => {
            dialog.close("it was decided").await;
            Leading::Decided
        }
        Some(Visit::Not(Word::TimedOut)) => {
            dialog.close("nobody answered in time").await;
            Leading::Not(Word::TimedOut)
        }
        Some(Visit::Not(word)) => {
            dialog.has_closed();
            Leading::Not(word)
        }
        // The client has closed its dialog, and the page is open: the decision is still to come.
        Some(Visit::Went) => {
            dialog.has_closed();
            let late = async {
                tokio::select! {
                    () = &mut decided => Leading::Decided,
                    () = tokio::time::sleep(patience) => Leading::Not(Word::TimedOut),
                }
            };
            waiting(progress, WHAT, EVERY, late).await
        }
    };
    // A client that waits for the end of the visit closes its second panel.
    let done =
        CustomNotification::new("notifications/elicitation/complete", Some(json!({ "elicitationId": id })));
    let _ = context.peer.send_notification(ServerNotification::CustomNotification(done)).await;
    leading
}

fn visit(received: Received) -> Visit {
    match received {
        Ok(Ok(ClientResult::ElicitResult(result))) => answer::visit(&result),
        Ok(Ok(_)) => Visit::Not(Word::Unreadable("the client did not answer the address".to_owned())),
        Ok(Err(error)) => Visit::Not(not_asked(&error)),
        Err(_) => Visit::Not(Word::Unreadable("the client has gone away".to_owned())),
    }
}

type Received = Result<Result<ClientResult, ServiceError>, RecvError>;

enum Ending {
    Answered(Box<Received>),
    DecidedElsewhere,
    NobodyAnswered,
}

fn read(form: &Form, received: Received) -> Word {
    match received {
        Ok(Ok(ClientResult::ElicitResult(result))) => answer::read(form, &result),
        Ok(Ok(_)) => Word::Unreadable("the client did not answer the form".to_owned()),
        Ok(Err(error)) => not_asked(&error),
        Err(_) => Word::Unreadable("the client has gone away".to_owned()),
    }
}

fn not_asked(error: &ServiceError) -> Word {
    // What a client says with an error may quote the form.
    Word::Unreadable(match error {
        ServiceError::McpError(data) => format!("the client did not ask: error {}", data.code.0),
        error => format!("the client did not ask: {error}"),
    })
}

/// A dialog on the client's screen, closed when this is dropped.
struct OpenDialog {
    peer: Peer<RoleServer>,
    /// The request that opened it; none once it is closed.
    id: Option<RequestId>,
}

impl OpenDialog {
    /// The client closed it itself, by answering.
    fn has_closed(mut self) {
        self.id = None;
    }

    /// Closes it, and waits until the client was told.
    async fn close(mut self, reason: &str) {
        if let Some(told) = self.tell(reason) {
            // A client that has gone away shows no dialog.
            let _ = told.await;
        }
    }

    /// Tells the client in a task of its own, so that it is told even if nobody waits for it.
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

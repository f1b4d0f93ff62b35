//! Passing a flow's progress on to the client that asked for it.

use std::future::Future;
use std::pin::Pin;

use rmcp::RoleServer;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::RequestContext;

use crate::flow::progress::Progress;

type Sending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a flow and sends what it says as progress notifications.
///
/// A client that does not read never holds the flow up: while one notification is under way, only
/// the newest message is kept. The last one is on the wire before the result is.
pub(crate) async fn reporting<T, F: Future<Output = T>>(
    context: &RequestContext<RoleServer>,
    work: impl FnOnce(Progress) -> F,
) -> T {
    let Some(token) = context.meta.get_progress_token() else {
        return work(Progress::silent()).await;
    };
    let (progress, mut said) = Progress::channel();
    let work = work(progress);
    tokio::pin!(work);
    let mut count = 0.0;
    let mut newest: Option<String> = None;
    let mut sending: Option<Sending> = None;
    loop {
        if sending.is_none()
            && let Some(message) = newest.take()
        {
            count += 1.0;
            let note = ProgressNotificationParam::new(token.clone(), count).with_message(message);
            let peer = context.peer.clone();
            sending = Some(Box::pin(async move {
                // A client that has gone away is noticed at the end of input.
                let _ = peer.notify_progress(note).await;
            }));
        }
        tokio::select! {
            biased;
            Some(message) = said.recv() => newest = Some(message),
            () = sent(&mut sending) => sending = None,
            outcome = &mut work => {
                if let Some(last) = sending {
                    last.await;
                }
                return outcome;
            }
        }
    }
}

async fn sent(sending: &mut Option<Sending>) {
    match sending {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

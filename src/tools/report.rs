//! Passes a flow's progress on to the client that asked for it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use rmcp::RoleServer;
use rmcp::model::{CallToolResult, ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;
use serde::Serialize;

use super::reply::reply;
use crate::error::Error;
use crate::flow::progress::Progress;
use crate::flow::scope::Scope;

type Sending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Messages that wait for a slow client; beyond that, the oldest are dropped.
const MOST_WAITING: usize = 64;

/// Runs a flow and sends its messages as progress notifications.
///
/// A client that does not read never delays the flow. The last message is written before the result.
pub(crate) async fn reporting<T, F: Future<Output = T>>(
    context: &RequestContext<RoleServer>,
    work: impl FnOnce(Progress) -> F,
) -> T {
    let scope = Scope::current();
    let token = context.meta.get_progress_token().filter(|_| !scope.as_ref().is_some_and(Scope::is_detached));
    if token.is_none() && scope.is_none() {
        return work(Progress::silent()).await;
    }
    let (progress, mut said) = Progress::channel();
    let work = work(progress);
    tokio::pin!(work);
    let mut report = Report { context, token, scope, count: 0.0, waiting: VecDeque::new(), sending: None };
    loop {
        report.send_next();
        tokio::select! {
            biased;
            Some(message) = said.recv() => report.add(message),
            () = sent(&mut report.sending) => report.sending = None,
            outcome = &mut work => {
                while let Ok(message) = said.try_recv() {
                    report.add(message);
                }
                report.finish().await;
                return outcome;
            }
        }
    }
}

/// The result of a flow that reports progress.
pub(crate) async fn replying<T: Serialize, F: Future<Output = Result<T, Error>>>(
    context: &RequestContext<RoleServer>,
    work: impl FnOnce(Progress) -> F,
) -> CallToolResult {
    reply(reporting(context, work).await)
}

/// Messages about one call for its client.
struct Report<'a> {
    context: &'a RequestContext<RoleServer>,
    /// `None` if the client did not ask for progress, or no longer waits.
    token: Option<ProgressToken>,
    scope: Option<Scope>,
    count: f64,
    waiting: VecDeque<String>,
    sending: Option<Sending>,
}

impl Report<'_> {
    fn add(&mut self, message: String) {
        if let Some(scope) = &self.scope {
            scope.say(&message);
            if scope.is_detached() {
                self.token = None;
            }
        }
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(message);
    }

    fn send_next(&mut self) {
        let Some(token) = &self.token else {
            self.waiting.clear();
            return;
        };
        if self.sending.is_none()
            && let Some(message) = self.waiting.pop_front()
        {
            self.count += 1.0;
            let note = ProgressNotificationParam::new(token.clone(), self.count).with_message(message);
            let peer = self.context.peer.clone();
            self.sending = Some(Box::pin(async move {
                // The end of input shows that a client has gone away.
                let _ = peer.notify_progress(note).await;
            }));
        }
    }

    async fn finish(&mut self) {
        loop {
            self.send_next();
            match self.sending.take() {
                Some(last) => last.await,
                None => return,
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

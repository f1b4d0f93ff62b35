//! The transport: rmcp's writer behind a reader of our own.
//!
//! - Every request gets an answer, also one that is too long, no JSON, or malformed: rmcp drops
//!   such lines, and the client would wait for ever.
//! - What is no request before the first one is passed over; rmcp would end the server.
//! - The end of input is made known at once, so that calls under way end in milliseconds.
//! - Requests of a client that does not read its replies wait, so that memory stays bounded; that it
//!   cancels, or leaves, is heard all the same.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ClientNotification, ErrorData, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncRead, AsyncWrite, Empty, empty};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::jobs::Reasons;
use super::lines::{Lines, Next};
use super::message::{Read, read, request_id};

/// Bytes of one incoming message: an 8 MiB prompt still fits when every character is escaped.
pub(super) const MAX_LINE: usize = 64 * 1024 * 1024;

/// Replies that may wait for the client to read, and requests that may wait behind them.
const MOST_UNREAD: usize = 256;

#[derive(Clone, Debug, Default)]
pub(super) struct Ends {
    /// The client closed its end, or sends nothing that can be read.
    pub(super) input: CancellationToken,
    /// The client takes no more replies.
    pub(super) output: CancellationToken,
    /// Why the client cancelled calls.
    pub(super) reasons: Reasons,
}

/// The server's end of the wire.
pub(super) struct Wire<R: AsyncRead, W: AsyncWrite> {
    lines: Lines<R>,
    replies: AsyncRwTransport<RoleServer, Empty, W>,
    ends: Ends,
    unread: Arc<Unread>,
    /// Requests that were read while the client did not read.
    waiting: VecDeque<ClientJsonRpcMessage>,
    greeted: bool,
}

#[derive(Default)]
struct Unread {
    count: AtomicUsize,
    fewer: Notify,
}

impl Unread {
    fn has_room(&self) -> bool {
        self.count.load(Ordering::Relaxed) < MOST_UNREAD
    }

    /// Waits until the client has read enough.
    async fn room(&self) {
        while !self.has_room() {
            self.fewer.notified().await;
        }
    }
}

/// A reply on its way, counted until it is written or given up.
struct OnItsWay(Arc<Unread>);

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
        self.0.fewer.notify_one();
    }
}

impl<R, W> Wire<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    pub(super) fn new(reader: R, writer: W, max_line: usize, ends: Ends) -> Self {
        Self {
            lines: Lines::new(reader, max_line),
            replies: AsyncRwTransport::new_server(empty(), writer),
            ends,
            unread: Arc::default(),
            waiting: VecDeque::new(),
            greeted: false,
        }
    }

    /// Returns what a line is to the server, if it is anything.
    fn take(&mut self, line: &[u8]) -> Option<ClientJsonRpcMessage> {
        match read(line) {
            Read::Nothing => None,
            Read::Refused(id, error) => {
                self.refuse(id, error);
                None
            }
            Read::Message(message) if matches!(*message, ClientJsonRpcMessage::Request(_)) => {
                self.greeted = true;
                if self.unread.has_room() {
                    return Some(*message);
                }
                self.waiting.push_back(*message);
                None
            }
            // Cancelling must get through, however little the client reads.
            Read::Message(message) => {
                self.forget_cancelled(&message);
                self.greeted.then_some(*message)
            }
        }
    }

    /// A request that is cancelled before it was passed on is never passed on.
    fn forget_cancelled(&mut self, message: &ClientJsonRpcMessage) {
        if let ClientJsonRpcMessage::Notification(note) = message
            && let ClientNotification::CancelledNotification(cancelled) = &note.notification
            && let Some(id) = &cancelled.params.request_id
        {
            self.ends.reasons.add(id, cancelled.params.reason.as_deref());
            self.waiting.retain(
                |waiting| !matches!(waiting, ClientJsonRpcMessage::Request(request) if request.id == *id),
            );
        }
    }

    /// The reply goes its own way: the reading future may be dropped at any await, and it may not.
    fn refuse(&mut self, id: Option<RequestId>, error: ErrorData) {
        tokio::spawn(self.send(ServerJsonRpcMessage::error(error, id)));
    }
}

impl<R, W> Transport<RoleServer> for Wire<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = std::io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.unread.count.fetch_add(1, Ordering::Relaxed);
        let on_its_way = OnItsWay(Arc::clone(&self.unread));
        let sent = self.replies.send(message);
        let output = self.ends.output.clone();
        async move {
            let outcome = sent.await;
            drop(on_its_way);
            if outcome.is_err() {
                output.cancel();
            }
            outcome
        }
    }

    /// Safe to drop at any await: what was read stays in the lines or in `waiting`.
    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            // The calls that were read so far get their turn first: otherwise a burst is read whole
            // before its first reply counts as unread.
            tokio::task::yield_now().await;
            if self.unread.has_room()
                && let Some(request) = self.waiting.pop_front()
            {
                return Some(request);
            }
            if self.waiting.len() >= MOST_UNREAD {
                self.unread.room().await;
                continue;
            }
            let next = tokio::select! {
                biased;
                next = self.lines.next() => next,
                () = self.unread.room(), if !self.waiting.is_empty() => continue,
            };
            match next {
                Next::End => {
                    self.ends.input.cancel();
                    return None;
                }
                Next::TooLong(id) => {
                    let error =
                        ErrorData::invalid_request("the message is longer than this server reads", None);
                    self.refuse(request_id(id), error);
                }
                Next::Line(line) => {
                    if let Some(message) = self.take(&line) {
                        return Some(message);
                    }
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.replies.close().await
    }
}

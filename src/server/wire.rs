//! The transport: rmcp's own, with what stdio needs beside it.
//!
//! - End of input is made known at once, so that calls under way end in milliseconds.
//! - A notification before the first request is passed over; rmcp would end the server.
//! - A line over the limit is answered; rmcp would drop it, and the client would wait for ever.
//! - Requests of a client that does not read its replies wait, so that memory stays bounded; that it
//!   cancels, or leaves, is heard all the same.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ClientNotification, ErrorData, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::long_line::{Noticed, Noticing};

/// Bytes of one incoming message: an 8 MiB prompt still fits when every character is escaped.
pub(super) const MAX_LINE: usize = 64 * 1024 * 1024;

/// Replies that may wait for the client to read.
const MOST_UNREAD: usize = 256;

/// The server's end of the wire.
pub(super) struct Wire<R: AsyncRead + Unpin, W: AsyncWrite> {
    inner: AsyncRwTransport<RoleServer, Noticing<R>, W>,
    noticed: Noticed,
    end_of_input: CancellationToken,
    unread: Arc<Unread>,
    /// Requests that were read while the client did not read.
    waiting: VecDeque<ClientJsonRpcMessage>,
    greeted: bool,
}

/// What a look at the wire gave.
enum Received {
    Message(Option<ClientJsonRpcMessage>),
    LongLine,
    Room,
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
    pub(super) fn new(reader: R, writer: W, max_line: usize, end_of_input: CancellationToken) -> Self {
        let reader = Noticing::new(reader, max_line);
        Self {
            noticed: reader.noticed(),
            inner: AsyncRwTransport::new_server(reader, writer).with_max_line_length(max_line),
            end_of_input,
            unread: Arc::default(),
            waiting: VecDeque::new(),
            greeted: false,
        }
    }

    /// A request that is cancelled before it was passed on is never passed on.
    fn forget_cancelled(&mut self, message: &ClientJsonRpcMessage) {
        if let ClientJsonRpcMessage::Notification(note) = message
            && let ClientNotification::CancelledNotification(cancelled) = &note.notification
            && let Some(id) = &cancelled.params.request_id
        {
            self.waiting.retain(
                |waiting| !matches!(waiting, ClientJsonRpcMessage::Request(request) if request.id == *id),
            );
        }
    }

    /// The replies go their own way: this future may be dropped at any await, and they may not.
    fn answer_long_lines(&mut self) {
        for id in self.noticed.take() {
            let id = match id {
                Value::Number(number) => number.as_i64().map(RequestId::Number),
                Value::String(text) => Some(RequestId::String(text.into())),
                _ => None,
            };
            let error = ErrorData::invalid_request("the message is longer than this server reads", None);
            tokio::spawn(self.send(ServerJsonRpcMessage::error(error, id)));
        }
    }
}

/// Ready once a line was noticed. It needs no waker of its own: it is polled right after the reader
/// that does the noticing.
async fn something_noticed(noticed: &Noticed) {
    std::future::poll_fn(|_| if noticed.is_empty() { Poll::Pending } else { Poll::Ready(()) }).await;
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
        let sent = self.inner.send(message);
        async move {
            let outcome = sent.await;
            drop(on_its_way);
            outcome
        }
    }

    /// Safe to drop at any await: what was read stays in the inner transport or in `waiting`.
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
            let received = tokio::select! {
                biased;
                message = self.inner.receive() => Received::Message(message),
                // A line that is too long makes rmcp wait for the next one; its answer must not.
                () = something_noticed(&self.noticed) => Received::LongLine,
                () = self.unread.room(), if !self.waiting.is_empty() => Received::Room,
            };
            self.answer_long_lines();
            match received {
                Received::LongLine | Received::Room => {}
                Received::Message(None) => {
                    self.end_of_input.cancel();
                    return None;
                }
                Received::Message(Some(message @ ClientJsonRpcMessage::Request(_))) => {
                    self.greeted = true;
                    if self.unread.has_room() {
                        return Some(message);
                    }
                    self.waiting.push_back(message);
                }
                // Cancelling must get through, however little the client reads.
                Received::Message(Some(message)) if self.greeted => {
                    self.forget_cancelled(&message);
                    return Some(message);
                }
                Received::Message(Some(_)) => {}
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}

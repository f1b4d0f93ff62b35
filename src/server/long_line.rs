//! Noticing lines that are too long to be read, so that they can be answered.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use serde_json::Value;
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes at each end of a line in which its id is looked for.
const KEPT: usize = 4 * 1024;

/// A reader that passes everything on and takes note of lines over a limit.
pub(super) struct Noticing<R> {
    inner: R,
    limit: usize,
    line: Line,
    noticed: Noticed,
}

/// The ids of the lines that were too long; `null` where none was found.
#[derive(Clone, Default)]
pub(super) struct Noticed(Arc<Mutex<Vec<Value>>>);

impl Noticed {
    /// Takes what was noticed since the last time.
    pub(super) fn take(&self) -> Vec<Value> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there is nothing to take.
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn add(&self, id: Value) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    }
}

/// The two ends of the line that is being read.
#[derive(Default)]
struct Line {
    length: usize,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl<R> Noticing<R> {
    pub(super) fn new(inner: R, limit: usize) -> Self {
        Self { inner, limit, line: Line::default(), noticed: Noticed::default() }
    }

    pub(super) fn noticed(&self) -> Noticed {
        self.noticed.clone()
    }

    fn see(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.add(piece, self.limit);
            if piece.ends_with(b"\n") {
                if self.line.length > self.limit {
                    self.noticed.add(self.line.id());
                }
                self.line = Line::default();
            }
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Noticing<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = polled {
            let read = buffer.filled().get(before..).unwrap_or_default();
            this.see(read);
        }
        polled
    }
}

impl Line {
    fn add(&mut self, piece: &[u8], limit: usize) {
        self.length += piece.len();
        let room = KEPT.saturating_sub(self.head.len());
        self.head.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        // The other end only matters for a line that gets too long.
        if self.length + KEPT >= limit {
            self.tail.extend_from_slice(piece.get(piece.len().saturating_sub(KEPT)..).unwrap_or_default());
            let extra = self.tail.len().saturating_sub(KEPT);
            self.tail.drain(..extra);
        }
    }

    /// The id of the message, where it stands near one of its ends.
    fn id(&self) -> Value {
        let head = String::from_utf8_lossy(&self.head);
        let tail = String::from_utf8_lossy(&self.tail);
        id_in_head(&head).or_else(|| id_in_tail(tail.trim_end())).unwrap_or(Value::Null)
    }
}

/// What stands before a top-level `"id"` is an object that only lacks its end.
fn id_in_head(head: &str) -> Option<Value> {
    head.match_indices("\"id\"").find_map(|(at, key)| {
        let (before, after) = head.split_at(at);
        let object = format!("{}}}", before.trim_end().trim_end_matches(','));
        serde_json::from_str::<serde_json::Map<String, Value>>(&object).ok()?;
        let value = after.strip_prefix(key)?.trim_start().strip_prefix(':')?;
        scalar(serde_json::Deserializer::from_str(value).into_iter::<Value>().next()?.ok()?)
    })
}

/// What stands from a top-level `"id"` on is an object that only lacks its beginning.
fn id_in_tail(tail: &str) -> Option<Value> {
    tail.match_indices("\"id\"").find_map(|(at, _)| {
        let (_, from) = tail.split_at(at);
        let object = serde_json::from_str::<serde_json::Map<String, Value>>(&format!("{{{from}")).ok()?;
        scalar(object.get("id")?.clone())
    })
}

fn scalar(id: Value) -> Option<Value> {
    (id.is_string() || id.is_number()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ids(input: &str, limit: usize) -> Vec<Value> {
        let mut noticing = Noticing::new(tokio::io::empty(), limit);
        // In small pieces, as a pipe would give them.
        for piece in input.as_bytes().chunks(777) {
            noticing.see(piece);
        }
        noticing.noticed().take()
    }

    #[test]
    fn the_id_is_found_at_either_end() {
        let big = "x".repeat(20_000);
        let first = format!("{{\"jsonrpc\":\"2.0\",\"id\": 7,\"params\":{{\"id\":1,\"a\":\"{big}\"}}}}\n");
        let last = format!(
            "{{\"method\":\"m\",\"params\":{{\"a\":\"{big}\",\"id\":1}},\"jsonrpc\":\"2.0\",\"id\":\"q\"}}\n"
        );
        assert_eq!(ids(&first, 10_000), [json!(7)]);
        assert_eq!(ids(&last, 10_000), [json!("q")]);
    }

    #[test]
    fn an_id_inside_the_parameters_is_not_the_message_s() {
        let big = "x".repeat(20_000);
        let inner = format!("{{\"params\":{{\"id\":1,\"a\":\"{big}\",\"id\":2}},\"method\":\"m\"}}\n");
        assert_eq!(ids(&inner, 10_000), [Value::Null]);
    }

    #[test]
    fn an_ordinary_line_is_not_noticed() {
        assert!(ids("{\"id\":1}\n{\"id\":2}\n", 10_000).is_empty());
    }
}

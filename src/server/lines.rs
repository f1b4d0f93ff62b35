//! Lines of input, each of bounded length. One that is too long is not kept, but its id is.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// Bytes at each end of a line in which its id is looked for.
const KEPT: usize = 4 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line without its end.
    Line(Vec<u8>),
    /// A line over the limit, by the id of its message; null where none was found.
    TooLong(Value),
    /// The end of input, or an input that cannot be read any more.
    End,
}

/// A reader of lines.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    limit: usize,
    line: Vec<u8>,
    long: Option<HeadAndTail>,
}

/// The two ends of a line that is too long.
struct HeadAndTail {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        Self { reader: BufReader::with_capacity(64 * 1024, reader), limit, line: Vec::new(), long: None }
    }

    /// The next line. Safe to drop at any await: what was read of a line is kept.
    pub(super) async fn next(&mut self) -> Next {
        loop {
            let Ok(available) = self.reader.fill_buf().await else {
                return Next::End;
            };
            if available.is_empty() {
                return Next::End;
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let piece = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            add(&mut self.line, &mut self.long, piece, self.limit);
            let used = piece.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return self.taken();
            }
        }
    }

    fn taken(&mut self) -> Next {
        let line = std::mem::take(&mut self.line);
        match self.long.take() {
            Some(ends) => Next::TooLong(ends.id()),
            None => Next::Line(line),
        }
    }
}

fn add(line: &mut Vec<u8>, long: &mut Option<HeadAndTail>, piece: &[u8], limit: usize) {
    if long.is_none() && line.len() + piece.len() > limit {
        let mut head = std::mem::take(line);
        head.truncate(KEPT);
        *long = Some(HeadAndTail { head, tail: Vec::new() });
    }
    match long {
        Some(ends) => ends.add(piece),
        None => line.extend_from_slice(piece),
    }
}

impl HeadAndTail {
    fn add(&mut self, piece: &[u8]) {
        let room = KEPT.saturating_sub(self.head.len());
        self.head.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        self.tail.extend_from_slice(piece.get(piece.len().saturating_sub(KEPT)..).unwrap_or_default());
        let extra = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..extra);
    }

    fn id(&self) -> Value {
        let head = String::from_utf8_lossy(&self.head);
        let tail = String::from_utf8_lossy(&self.tail);
        id_in_head(&head).or_else(|| id_in_tail(tail.trim_end())).unwrap_or(Value::Null)
    }
}

/// The id of a message that cannot be parsed, where it stands at the top level near one of its ends.
pub(super) fn id_of(line: &[u8]) -> Value {
    let mut ends = HeadAndTail { head: Vec::new(), tail: Vec::new() };
    ends.add(line);
    ends.id()
}

/// Returns what stands before a top-level `"id"` is an object that only lacks its end.
fn id_in_head(head: &str) -> Option<Value> {
    head.match_indices("\"id\"").find_map(|(at, key)| {
        let (before, after) = head.split_at(at);
        let object = format!("{}}}", before.trim_end().trim_end_matches(','));
        serde_json::from_str::<serde_json::Map<String, Value>>(&object).ok()?;
        let value = after.strip_prefix(key)?.trim_start().strip_prefix(':')?;
        scalar(serde_json::Deserializer::from_str(value).into_iter::<Value>().next()?.ok()?)
    })
}

/// Returns what stands from a top-level `"id"` on is an object that only lacks its beginning.
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

    async fn all(input: String, limit: usize) -> Vec<Next> {
        // In small pieces, as a pipe would give them.
        let (mut near, far) = tokio::io::duplex(777);
        tokio::spawn(async move { tokio::io::AsyncWriteExt::write_all(&mut near, input.as_bytes()).await });
        let mut lines = Lines::new(far, limit);
        let mut found = Vec::new();
        loop {
            match lines.next().await {
                Next::End => return found,
                next => found.push(next),
            }
        }
    }

    #[tokio::test]
    async fn the_id_of_a_long_line_is_found_at_either_end() {
        let big = "x".repeat(20_000);
        let first = format!("{{\"jsonrpc\":\"2.0\",\"id\": 7,\"params\":{{\"id\":1,\"a\":\"{big}\"}}}}\n");
        let last = format!(
            "{{\"method\":\"m\",\"params\":{{\"a\":\"{big}\",\"id\":1}},\"jsonrpc\":\"2.0\",\"id\":\"q\"}}\n{{}}\n"
        );
        assert_eq!(all(first, 10_000).await, [Next::TooLong(json!(7))]);
        assert_eq!(all(last, 10_000).await, [Next::TooLong(json!("q")), Next::Line(b"{}".to_vec())]);
    }

    #[tokio::test]
    async fn an_id_inside_the_parameters_is_not_the_message_s() {
        let big = "x".repeat(20_000);
        let inner = format!("{{\"params\":{{\"id\":1,\"a\":\"{big}\",\"id\":2}},\"method\":\"m\"}}\n");
        assert_eq!(all(inner, 10_000).await, [Next::TooLong(Value::Null)]);
    }

    #[tokio::test]
    async fn ordinary_lines_are_whole_and_a_torso_is_none() {
        let lines = all("one\n\ntwo\nthr".to_owned(), 10).await;
        assert_eq!(lines, [Next::Line(b"one".to_vec()), Next::Line(Vec::new()), Next::Line(b"two".to_vec())]);
    }
}

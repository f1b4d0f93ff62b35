//! The transport: a reader and a writer of lines.
//!
//! - Every request gets an answer, even if it is too long, malformed or not JSON. rmcp would drop these
//!   lines, and the client would wait for ever.
//! - Before the first request, all other messages are ignored. rmcp would end the server.
//! - The end of input is signalled at once, so that running calls end within milliseconds.
//! - While a client does not read its replies, its requests wait, so that memory stays bounded. Its
//!   cancellations and its leaving are still noticed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequest, CallToolRequestMethod, CallToolRequestParams, ClientJsonRpcMessage, ClientNotification,
    ClientRequest, ErrorCode, ErrorData, JsonRpcMessage, JsonRpcVersion2_0, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use super::jobs::Reasons;
use crate::domain::answer::whole_letters;
use crate::domain::cut::head;

/// Maximum size of one incoming message in bytes. An 8 MiB prompt fits even if every character is escaped.
pub(super) const MAX_LINE: usize = 64 * 1024 * 1024;

/// Maximum number of unread replies, and of requests that wait meanwhile.
const MOST_UNREAD: usize = 256;

#[derive(Clone, Debug, Default)]
pub(super) struct Ends {
    /// The client closed its end, or the input cannot be read.
    pub(super) input: CancellationToken,
    /// The client reads no more replies.
    pub(super) output: CancellationToken,
    /// The reasons why the client cancelled calls.
    pub(super) reasons: Reasons,
}

/// The server's end of the wire.
pub(super) struct Wire<R, W> {
    lines: Lines<R>,
    replies: Arc<Mutex<Replies<W>>>,
    ends: Ends,
    unread: Arc<Unread>,
    /// Requests that arrived while too many replies were unread.
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

    /// Waits until the client has read enough replies.
    async fn room(&self) {
        while !self.has_room() {
            self.fewer.notified().await;
        }
    }
}

/// Counts a reply as unread until it is written or dropped.
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
            replies: Arc::new(Mutex::new(Replies { writer, unsent: Vec::new() })),
            ends,
            unread: Arc::default(),
            waiting: VecDeque::new(),
            greeted: false,
        }
    }

    /// Handles a line, and returns its message if the server should get it now.
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
            // A cancellation must get through even if the client reads no replies.
            Read::Message(message) => {
                self.forget_cancelled(&message);
                self.greeted.then_some(*message)
            }
        }
    }

    /// Drops a waiting request that the client cancels, and keeps the reason of the cancellation.
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

    /// Sends an error. It is sent in a separate task, because the reading future may be dropped at any await.
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
        let replies = Arc::clone(&self.replies);
        let output = self.ends.output.clone();
        async move {
            let outcome = replies.lock().await.send(&message).await;
            drop(on_its_way);
            if outcome.is_err() {
                output.cancel();
            }
            outcome
        }
    }

    /// Receives the next message. It is safe to drop at any await, because input that was read stays in
    /// `lines` or in `waiting`.
    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            // Earlier calls run first. Otherwise a whole burst is read before its first reply counts as
            // unread.
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
        self.replies.lock().await.writer.shutdown().await
    }
}

/// The writer. It always finishes a line that was begun, even if the line's sender was dropped meanwhile.
struct Replies<W> {
    writer: W,
    unsent: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> Replies<W> {
    async fn send(&mut self, message: &ServerJsonRpcMessage) -> std::io::Result<()> {
        /// Maximum capacity of the buffer that is kept after a line.
        const KEPT: usize = 64 * 1024;
        let earlier = self.unsent.len();
        if let Err(error) = serde_json::to_writer(&mut self.unsent, message) {
            self.unsent.truncate(earlier);
            return Err(error.into());
        }
        self.unsent.push(b'\n');
        let mut written = Written { unsent: &mut self.unsent, count: 0 };
        while let Some(rest) = written.rest() {
            match self.writer.write(rest).await? {
                0 => return Err(std::io::ErrorKind::WriteZero.into()),
                count => written.count += count,
            }
        }
        drop(written);
        self.unsent.shrink_to(KEPT);
        self.writer.flush().await
    }
}

/// On drop, removes the written bytes from the buffer, even if the sender is dropped between two writes.
struct Written<'a> {
    unsent: &'a mut Vec<u8>,
    count: usize,
}

impl Written<'_> {
    fn rest(&self) -> Option<&[u8]> {
        self.unsent.get(self.count..).filter(|rest| !rest.is_empty())
    }
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        self.unsent.drain(..self.count);
    }
}

/// Number of bytes at each end of a line that are searched for its id.
const KEPT: usize = 4 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line without its line end.
    Line(Vec<u8>),
    /// The id of a message over the limit; null if it was not found.
    TooLong(Value),
    /// The end of input, or an error of the input.
    End,
}

/// A reader of lines.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    limit: usize,
    line: Vec<u8>,
    long: Option<HeadAndTail>,
}

/// The beginning and the end of a line that is too long.
struct HeadAndTail {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        Self { reader: BufReader::with_capacity(64 * 1024, reader), limit, line: Vec::new(), long: None }
    }

    /// Reads the next line. It is safe to drop at any await, because a part that was read is kept.
    pub(super) async fn next(&mut self) -> Next {
        loop {
            let Ok(available) = self.reader.fill_buf().await else {
                return Next::End;
            };
            if available.is_empty() {
                return Next::End;
            }
            let end = memchr::memchr(b'\n', available);
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

/// Finds the top-level id of a message that cannot be parsed, near its beginning or its end; null if it is
/// not there.
pub(super) fn id_of(line: &[u8]) -> Value {
    let mut ends = HeadAndTail { head: Vec::new(), tail: Vec::new() };
    ends.add(line);
    ends.id()
}

/// Reads the id from the beginning of a message: what precedes a top-level `"id"` must be an object that
/// only lacks its closing brace.
fn id_in_head(head: &str) -> Option<Value> {
    head.match_indices("\"id\"").find_map(|(at, key)| {
        let (before, after) = head.split_at(at);
        let object = format!("{}}}", before.trim_end().trim_end_matches(','));
        serde_json::from_str::<serde_json::Map<String, Value>>(&object).ok()?;
        let value = after.strip_prefix(key)?.trim_start().strip_prefix(':')?;
        scalar(serde_json::Deserializer::from_str(value).into_iter::<Value>().next()?.ok()?)
    })
}

/// Reads the id from the end of a message: the text from a top-level `"id"` on must be an object that only
/// lacks its opening brace.
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

pub(super) enum Read {
    /// A message.
    Message(Box<ClientJsonRpcMessage>),
    /// A line that needs no answer: a blank line, or an unknown notification.
    Nothing,
    /// An invalid line that the client may expect an answer to.
    Refused(Option<RequestId>, ErrorData),
}

/// Parses a line.
pub(super) fn read(line: &[u8]) -> Read {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return Read::Nothing;
    }
    if let Some(call) = tool_call(line) {
        return Read::Message(Box::new(call));
    }
    if let Ok(message) = serde_json::from_slice(line) {
        return Read::Message(Box::new(with_arguments_as_data(message)));
    }
    // For a string that was cut inside a character, `JSON.stringify` writes a lone surrogate.
    let text = String::from_utf8_lossy(line);
    let mended = whole_letters(&text);
    if let Ok(message) = serde_json::from_str(&mended) {
        return Read::Message(Box::new(with_arguments_as_data(message)));
    }
    match serde_json::from_str::<Value>(&mended) {
        Ok(Value::Object(object)) if object.contains_key("method") && !object.contains_key("id") => {
            Read::Nothing
        }
        Ok(value) => not_a_message(&value),
        Err(error) => {
            let refusal = ErrorData::new(ErrorCode::PARSE_ERROR, format!("not JSON: {error}"), None);
            Read::Refused(request_id(id_of(line)), refusal)
        }
    }
}

/// Parses the call of a tool without rmcp. rmcp tries twenty kinds of message and copies the line several
/// times for that, and a prompt may have a megabyte.
fn tool_call(line: &[u8]) -> Option<ClientJsonRpcMessage> {
    #[derive(Deserialize)]
    struct Call {
        #[expect(dead_code, reason = "only its form counts")]
        jsonrpc: JsonRpcVersion2_0,
        id: RequestId,
        #[expect(dead_code, reason = "only its form counts")]
        method: CallToolRequestMethod,
        params: CallToolRequestParams,
    }
    let Call { id, mut params, .. } = serde_json::from_slice(line).ok()?;
    let meta = params.meta.take();
    let mut request = CallToolRequest::new(params);
    // rmcp looks for it in the extensions.
    meta.map(|meta| request.extensions.insert(meta));
    Some(ClientJsonRpcMessage::request(ClientRequest::CallToolRequest(request), id))
}

/// Parses arguments that came as the text of a JSON object, because some clients pass on the text that their
/// model wrote. rmcp takes this request for an unknown method.
fn with_arguments_as_data(message: ClientJsonRpcMessage) -> ClientJsonRpcMessage {
    let read = || {
        let JsonRpcMessage::Request(request) = &message else { return None };
        let ClientRequest::CustomRequest(custom) = &request.request else { return None };
        let text = custom.params.as_ref()?.get("arguments")?.as_str()?;
        let object: serde_json::Map<String, Value> = serde_json::from_str(text).ok()?;
        let mut whole = serde_json::to_value(&message).ok()?;
        *whole.pointer_mut("/params/arguments")? = Value::Object(object);
        serde_json::from_value(whole).ok()
    };
    read().unwrap_or(message)
}

/// The result for JSON that is not a message: a known method with malformed parameters, or anything else.
fn not_a_message(value: &Value) -> Read {
    let id = value.get("id").cloned().and_then(request_id);
    if value.get("method").is_none() && (value.get("result").is_some() || value.get("error").is_some()) {
        return malformed_answer(id);
    }
    let refusal = match (&id, value.get("method").and_then(Value::as_str)) {
        (Some(_), Some(method)) => malformed(method, value.get("params")).unwrap_or_else(|| {
            let method = head(method, 80);
            ErrorData::invalid_params(format!("the parameters of {method} are malformed"), None)
        }),
        _ => ErrorData::invalid_request("Invalid request", None),
    };
    Read::Refused(id, refusal)
}

/// The methods of MCP that take parameters, and the form of these.
const PARAMETERS: [(&str, &str); 12] = [
    ("tools/call", "`name` must be a string, and `arguments` must be an object"),
    ("prompts/get", "`name` must be a string, and `arguments` must be an object"),
    ("resources/read", "`uri` must be a string"),
    ("completion/complete", "`ref` and `argument` must be objects"),
    ("subscriptions/listen", "`notifications` must be an object"),
    ("tasks/get", "`taskId` must be a string"),
    ("tasks/update", "`taskId` must be a string, and `inputResponses` must be an object"),
    ("tasks/cancel", "`taskId` must be a string"),
    ("tools/list", "`cursor` must be a string"),
    ("prompts/list", "`cursor` must be a string"),
    ("resources/list", "`cursor` must be a string"),
    ("resources/templates/list", "`cursor` must be a string"),
];

/// The error for parameters that do not fit a method; none if MCP has no such method.
pub(super) fn malformed(method: &str, parameters: Option<&Value>) -> Option<ErrorData> {
    const OF_META: &str = "; `_meta` must be an object";
    let (method, form) = PARAMETERS.iter().find(|(name, _)| *name == method)?;
    let meta = parameters.and_then(|given| given.get("_meta")).filter(|meta| !meta.is_object());
    let meta = meta.map_or("", |_| OF_META);
    Some(ErrorData::invalid_params(format!("the parameters of {method} are malformed: {form}{meta}"), None))
}

/// The result for a malformed answer to a question of ours. It gets no reply. The code that waits for the
/// answer gets an error instead.
fn malformed_answer(id: Option<RequestId>) -> Read {
    match id {
        Some(id) => {
            let error = ErrorData::invalid_request("the client's answer is malformed", None);
            Read::Message(Box::new(ClientJsonRpcMessage::error(error, Some(id))))
        }
        None => Read::Nothing,
    }
}

/// The id of a request that can be answered; None for other values.
pub(super) fn request_id(id: Value) -> Option<RequestId> {
    match id {
        Value::Number(number) => number.as_i64().map(RequestId::Number),
        Value::String(text) => Some(RequestId::String(text.into())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
    async fn a_line_whose_sender_is_dropped_is_ended_before_the_next() {
        let (near, mut far) = tokio::io::duplex(7);
        let mut replies = Replies { writer: near, unsent: Vec::new() };
        let told =
            |text: &str| ServerJsonRpcMessage::error(ErrorData::internal_error(text.to_owned(), None), None);
        // The reader takes nothing yet, so that the first one is stuck in its first line.
        let (first, second) = (told(&"long ".repeat(50)), told("short"));
        tokio::select! {
            biased;
            _ = replies.send(&first) => panic!("nobody read"),
            () = tokio::task::yield_now() => {}
        }
        let reading = tokio::spawn(async move {
            let mut text = String::new();
            tokio::io::AsyncReadExt::read_to_string(&mut far, &mut text).await.map(|_| text)
        });
        replies.send(&second).await.unwrap();
        drop(replies);
        let text = reading.await.unwrap().unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, [json!(first), json!(second)]);
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

#[cfg(test)]
mod more_tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_of_pairs_are_replaced_and_whole_ones_stay() {
        for (written, mended) in [
            (r#""a\ud800""#, r#""a\ufffd""#),
            (r#""\udc00\ud83d\ude00\ud83d""#, r#""\ufffd\ud83d\ude00\ufffd""#),
            (r#""\\ud800 \n \u00e9""#, r#""\\ud800 \n \u00e9""#),
        ] {
            assert_eq!(whole_letters(written), mended);
        }
    }

    /// A call that is read at once is the one that rmcp reads, however it is written.
    #[test]
    fn a_tool_call_is_what_rmcp_reads() {
        let calls = [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#,
            r#"{"id":"x","params":{"arguments":{"n":1e3,"t":"\u00e9","l":[null,18446744073709551615]},"name":"a","_meta":{"progressToken":7,"k":{}}},"method":"tools/call","jsonrpc":"2.0"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","more":1,"params":{"name":"a","arguments":null,"_meta":null,"task":{"ttl":5}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","inputResponses":{"q":{"action":"accept","content":{}}},"requestState":"s"}}"#,
        ];
        for line in calls {
            let whole: ClientJsonRpcMessage = serde_json::from_str(line).unwrap();
            let read = tool_call(line.as_bytes()).unwrap();
            assert_eq!(format!("{read:?}"), format!("{whole:?}"), "{line}");
            assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&whole).unwrap(), "{line}");
        }
        for line in [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"name":"a"}}"#,
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":"{}"}}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"tools/call","params":{"name":"a"}}"#,
        ] {
            assert!(tool_call(line.as_bytes()).is_none(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn json_stays_what_it_is(text in ".{0,60}") {
            let written = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(&*whole_letters(&written), &written);
        }

        #[test]
        fn no_line_is_too_strange(line in proptest::collection::vec(any::<u8>(), 0..80), text in r#"[\\u0-9a-fD"{}:, ]{0,40}"#) {
            read(&line);
            read(text.as_bytes());
        }
    }
}

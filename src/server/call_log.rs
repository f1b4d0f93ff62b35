//! Log lines about clients and their calls.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use rmcp::model::{CallToolResponse, Implementation, ProtocolVersion};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ErrorData, RoleServer};
use serde_json::Value;
use tracing::{Level, Span, debug, error, info};

use crate::domain::cut::head;
use crate::flow::time::milliseconds;

/// Maximum length of a logged name that a client chose, in characters.
const MOST_CHARS: usize = 80;

/// Counts the calls, and logs the client and each call.
#[derive(Debug, Default)]
pub(super) struct CallLog {
    met: AtomicBool,
    calls: AtomicU64,
}

/// A running call. Its end is logged; if it is dropped before, it is logged as dropped.
pub(super) struct Ending {
    span: Span,
    begun: Instant,
    is_told: bool,
}

impl CallLog {
    /// Number of calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Logs the client of a request once. In the stateless era, every request names its client.
    pub(super) fn client_of(&self, context: &RequestContext<RoleServer>) {
        if self.is_to_be_told() {
            self.client(context.protocol_version().as_ref(), context.client_info());
        }
    }

    /// Logs the client of a new session.
    pub(super) fn greeted(&self, context: &NotificationContext<RoleServer>) {
        if let Some(info) = context.peer.peer_info().filter(|_| self.is_to_be_told()) {
            self.client(Some(&info.protocol_version), Some(info.client_info.clone()));
        }
    }

    fn is_to_be_told(&self) -> bool {
        tracing::enabled!(Level::INFO) && !self.met.load(Ordering::Relaxed)
    }

    fn client(&self, protocol: Option<&ProtocolVersion>, client: Option<Implementation>) {
        self.met.store(true, Ordering::Relaxed);
        let era = match protocol {
            Some(version) if *version >= ProtocolVersion::V_2026_07_28 => "stateless",
            Some(_) | None => "session",
        };
        let (name, version) = client.map(|client| (client.name, client.version)).unwrap_or_default();
        info!(
            client = head(&name, MOST_CHARS),
            client_version = head(&version, MOST_CHARS),
            protocol = protocol.map(ProtocolVersion::as_str),
            era,
            "client"
        );
    }

    /// Logs the beginning of a call. The client chooses the name of an unknown tool.
    pub(super) fn call(&self, tool: &str, is_known: bool) -> Ending {
        let id = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let span = tracing::info_span!("call", id, tool = if is_known { tool } else { "unknown" });
        span.in_scope(|| {
            if is_known {
                debug!("call");
            } else {
                debug!(name = head(tool, MOST_CHARS), "call of an unknown tool");
            }
        });
        Ending { span, begun: Instant::now(), is_told: false }
    }
}

impl Ending {
    /// The call's span; all its log lines belong to it.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Logs the end of the call.
    pub(super) fn with(mut self, response: &Result<CallToolResponse, ErrorData>) {
        self.is_told = true;
        let elapsed_ms = self.elapsed_ms();
        let _in_call = self.span.enter();
        match outcome(response) {
            // A defect of the server is logged as an error. Its details may quote content, so they are logged
            // only for debugging.
            "internal" => {
                error!(outcome = "internal", elapsed_ms, "call ended with a defect");
                debug!(error = text(response, "error"), "the defect");
            }
            outcome => info!(outcome, elapsed_ms, "call ended"),
        }
    }

    fn elapsed_ms(&self) -> u64 {
        milliseconds(self.begun.elapsed())
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.is_told {
            let _in_call = self.span.enter();
            info!(outcome = "dropped", elapsed_ms = self.elapsed_ms(), "call ended");
        }
    }
}

/// The code of an outcome; `ok` if it has none.
fn outcome(response: &Result<CallToolResponse, ErrorData>) -> &str {
    match response {
        Ok(CallToolResponse::Complete(_)) => text(response, "code").unwrap_or("ok"),
        Ok(_) => "input_required",
        Err(_) => "protocol_error",
    }
}

/// The text in a field of a structured result.
fn text<'a>(response: &'a Result<CallToolResponse, ErrorData>, field: &str) -> Option<&'a str> {
    match response {
        Ok(CallToolResponse::Complete(result)) => {
            result.structured_content.as_ref()?.get(field).and_then(Value::as_str)
        }
        Ok(_) | Err(_) => None,
    }
}

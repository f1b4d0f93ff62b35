//! Recording a call however it ends, also by nobody waiting for it any more.

use std::time::Instant;

use super::{Attempted, milliseconds};
use crate::error::Error;
use crate::flow::ledger::CallRecord;
use crate::flow::session::Session;
use crate::provider::Usage;

/// A call that has begun. Dropped before its end, it is recorded as cancelled.
pub(super) struct Recording<'a> {
    session: &'a Session,
    provider: &'a str,
    model: &'a str,
    begun: Instant,
    is_over: bool,
}

impl<'a> Recording<'a> {
    pub(super) fn begin(session: &'a Session, provider: &'a str, model: &'a str) -> Self {
        Self { session, provider, model, begun: Instant::now(), is_over: false }
    }

    pub(super) fn end(mut self, attempted: &Attempted) {
        self.is_over = true;
        let code = attempted.result.as_ref().err().map(Error::code);
        self.write(attempted.id.clone(), code, attempted.attempts, attempted.usage());
    }

    fn write(&self, id: String, code: Option<&'static str>, attempts: u32, usage: Usage) {
        self.session.log().record(&CallRecord {
            id,
            provider: self.provider.to_owned(),
            model: self.model.to_owned(),
            code,
            elapsed_ms: milliseconds(self.begun.elapsed()),
            attempts,
            usage,
        });
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.write(String::new(), Some(Error::Cancelled.code()), 1, Usage::default());
        }
    }
}

//! A request for approval as the result of its stage shows it.

use serde::Serialize;
use serde_json::Value;

use crate::domain::address::Address;
use crate::domain::event::approval::{DecidedBy, Decision};
use crate::domain::workflow::Request;

/// A request for approval, in short.
#[derive(Clone, Debug, Serialize)]
pub struct ApprovalNote {
    /// Its id.
    pub request_id: String,
    /// `pending`, or what was decided.
    pub status: &'static str,
    /// Decision; the same as `status`, for code.
    #[serde(skip)]
    pub decision: Option<Decision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<DecidedBy>,
    pub questions_count: usize,
    /// The report as text.
    pub display: String,
    pub resource: String,
}

impl ApprovalNote {
    /// A request as results show it.
    pub fn of(request: &Request) -> Self {
        let questions = request.asked.report.get("questions").and_then(Value::as_array).map_or(0, Vec::len);
        Self {
            request_id: request.id.clone(),
            status: request.status(),
            decision: request.decided.as_ref().map(|(_, decided)| decided.decision),
            decided_by: request.decided.as_ref().map(|(_, decided)| decided.decided_by),
            questions_count: questions,
            display: request.asked.display.clone(),
            resource: Address::Approval(request.id.clone()).to_string(),
        }
    }
}

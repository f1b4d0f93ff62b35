//! Errors as results tell them.

use serde::Serialize;

use super::Error;
use crate::domain::change;

/// An error as a result tells it.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorNote {
    pub error: String,
    /// Its stable code.
    pub code: &'static str,
    pub hint: String,
    /// True if the same call may succeed a little later.
    pub retryable: bool,
    /// Time when the limit ends that stands in the way, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<String>,
}

impl From<&change::Refusal> for ErrorNote {
    fn from(refusal: &change::Refusal) -> Self {
        Self {
            error: refusal.message.clone(),
            code: refusal.reason.code(),
            hint: refusal.next.clone().unwrap_or_else(|| refusal.reason.hint().to_owned()),
            retryable: refusal.reason.retryable(),
            resets_at: None,
        }
    }
}

/// Returns what a caller gave may be long, and an error repeats it.
fn shortened(text: &str) -> String {
    const MOST_CHARS: usize = 4_000;
    match text.char_indices().nth(MOST_CHARS) {
        None => text.to_owned(),
        Some((at, _)) => format!("{} ...", text.get(..at).unwrap_or_default()),
    }
}

impl Error {
    /// The error as a result tells it.
    pub fn note(&self) -> ErrorNote {
        ErrorNote {
            error: shortened(&self.to_string()),
            code: self.code(),
            hint: self.hint(),
            retryable: self.retryable(),
            resets_at: match self {
                Self::Cli { failure, .. } => failure.resets_at.map(|at| at.to_string()),
                _ => None,
            },
        }
    }
}

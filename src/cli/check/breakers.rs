//! A consultant that is not asked until some time, in one line.

use serde::Serialize;

use super::finding::Finding;
use crate::cli::line::span;
use crate::domain::breaker::{SPENT, Spent};
use crate::flow::time::now;

/// An open breaker.
#[derive(Debug, Serialize)]
pub(super) struct Breaker {
    provider: String,
    /// Time until which it is not asked.
    until: String,
    /// Time when its CLI said so, in milliseconds since 1970.
    said_at: u64,
    code: &'static str,
    why: String,
    next: Vec<String>,
    /// Providers that may answer in its place.
    fallback: Vec<String>,
}

impl Breaker {
    pub(super) fn of(provider: &str, spent: &Spent, fallback: Vec<String>) -> Self {
        let ago = span(now().saturating_sub(spent.said_at));
        let ago = if ago == "now" { "just now".to_owned() } else { format!("{ago} ago") };
        let meanwhile = if fallback.is_empty() {
            format!(
                "another answers meanwhile where nobody is named, or where `fallback: [..]` of {provider} in your own cli_clients.yaml permits it"
            )
        } else {
            format!("meanwhile {} may answer in its place (`fallback`)", fallback.join(", "))
        };
        let sooner = format!(
            "if you have more quota before: `maestro-mcp consult --provider {provider} hello` asks it all the same, and an answer ends the wait"
        );
        Self {
            provider: provider.to_owned(),
            until: spent.resets_at.clone(),
            said_at: spent.said_at,
            code: SPENT,
            why: format!("its quota or session limit is spent, as its CLI said {ago}"),
            next: vec![meanwhile, sooner],
            fallback,
        }
    }

    pub(super) fn finding(&self) -> Finding {
        let Self { provider, until, why, code, .. } = self;
        let found = format!("{provider} is not asked until {until}: {why} ({code})");
        Finding { next: self.next.clone(), ..Finding::look(found, "") }
    }
}

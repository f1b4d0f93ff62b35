//! Consults of this server, added up for as long as it runs. The journal keeps what lasts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::domain::event::consult::ConsultSettled;

/// The calls of this server, by provider.
#[derive(Debug, Default)]
pub struct Ledger {
    begun: AtomicU64,
    totals: Mutex<BTreeMap<String, Totals>>,
    refusals: Mutex<BTreeMap<String, Instant>>,
}

/// Time that a provider that refused is passed over where nobody names it.
const GRUDGE: Duration = Duration::from_secs(600);

/// The calls to one provider, added up.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Calls.
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Milliseconds in all.
    pub elapsed_ms: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens answered.
    pub output_tokens: u64,
    /// US dollars, as far as the CLIs say; none where none of them does.
    pub cost_usd: Option<f64>,
}

impl Ledger {
    /// A number that marks all log lines of a call.
    pub fn number(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Adds a call.
    pub fn add(&self, call: &ConsultSettled) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let total = totals.entry(call.provider.clone()).or_default();
        total.calls += 1;
        total.failed += u64::from(call.code.is_some());
        total.elapsed_ms += call.elapsed_ms;
        total.input_tokens += call.input_tokens.unwrap_or(0);
        total.output_tokens += call.output_tokens.unwrap_or(0);
        if let Some(cost) = call.cost_usd {
            total.cost_usd = Some(total.cost_usd.unwrap_or(0.0) + cost);
        }
    }

    /// True if the last call to a provider ended in its refusal.
    pub fn note(&self, provider: &str, refused: bool) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refused {
            refusals.insert(provider.to_owned(), Instant::now());
        } else {
            refusals.remove(provider);
        }
    }

    /// True if a provider refused a short while ago, and has not answered since.
    pub fn refused(&self, provider: &str) -> bool {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.get(provider).is_some_and(|when| when.elapsed() < GRUDGE)
    }

    /// The sums so far.
    pub fn totals(&self) -> BTreeMap<String, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

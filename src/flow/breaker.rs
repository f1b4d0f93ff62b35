//! Who is not asked until a limit of theirs ends, and who may answer in their place.
//!
//! A spent quota with a time opens a breaker. It is read from the log, so that every server of the
//! project knows it. What passes by itself opens none.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::session::Session;
use crate::domain::breaker::Spent;
use crate::error::Error;
use crate::provider::catalogue::Provider;
use crate::provider::failure::{CliFailure, FailureKind};

/// Returns whose limits are spent just now, and until when. A log that cannot be read opens no breaker.
pub async fn open(session: &Session) -> BTreeMap<String, Spent> {
    let spent = session.journal().read(|history| history.spent().clone()).await;
    let now = Timestamp::now();
    let is_open = |spent: &Spent| until(spent).is_some_and(|until| until > now);
    spent.unwrap_or_default().into_iter().filter(|(_, spent)| is_open(spent)).collect()
}

fn until(spent: &Spent) -> Option<Timestamp> {
    spent.resets_at.parse().ok()
}

/// The refusal of a provider whose limit is spent: nothing is started for it.
pub fn refusal(session: &Session, provider: &str, spent: &Spent) -> Error {
    let detail = format!("its limit is spent until {}; it was not asked", spent.resets_at);
    let failure =
        CliFailure { resets_at: until(spent), ..CliFailure::new(FailureKind::QuotaExceeded, detail) };
    let asked = session.catalogue().get(provider);
    let others = asked.map(|asked| super::obstacle::others_than(asked, session)).unwrap_or_default();
    Error::Cli { provider: provider.to_owned(), failure, others }
}

/// Returns who may answer in a provider's place by the user's permission, in that order: those that can be
/// asked, each once.
pub fn stand_ins<'a>(
    session: &'a Session,
    provider: &str,
    open: &BTreeMap<String, Spent>,
) -> Vec<&'a Provider> {
    let Ok(asked) = session.catalogue().get(provider) else { return Vec::new() };
    let mut found: Vec<&Provider> = Vec::new();
    for name in &asked.settings.fallback {
        let Ok(other) = session.catalogue().get(name) else { continue };
        let is_there = other.is_understudy()
            || session.catalogue().program(other, session.environment(), session.root()).is_ok();
        if is_there
            && other.name != provider
            && !open.contains_key(&other.name)
            && session.config().problems_for(&other.name).is_empty()
            && !found.iter().any(|known| known.name == other.name)
        {
            found.push(other);
        }
    }
    found
}

/// Why somebody else answered.
#[derive(Clone, Debug, Serialize)]
pub struct StoodIn {
    pub provider: String,
    /// Why they could not be.
    pub code: &'static str,
    /// The same in words.
    pub why: String,
    /// Time when they can be asked again, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<String>,
}

impl StoodIn {
    /// In the place of a provider that refused.
    pub fn of(provider: &str, error: &Error) -> Self {
        let note = error.note();
        Self {
            provider: provider.to_owned(),
            code: error.code(),
            why: format!("{}; `fallback` of {provider} permits another to answer", note.error),
            resets_at: note.resets_at,
        }
    }
}

/// True if a failure lets another answer: a limit that is spent, or a login or CLI that is not there.
/// What passes by itself does not.
pub fn gives_way(error: &Error) -> bool {
    error.is_refusal() && !error.retryable()
}

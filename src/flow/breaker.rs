//! The order in which providers are asked, the limits that they have reached, and their stand-ins: one rule
//! for consults, ensembles, stages, votes, judges and reviews.
//!
//! A spent quota with a known end opens a breaker. It is read from the log, so every server of the project
//! knows it. A transient failure opens no breaker.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use super::configuration::Configuration;
use super::kit::Kit;
use super::log::Log;
use crate::domain::breaker::Spent;
use crate::domain::order::Gather;
use crate::domain::track_record::Work;
use crate::error::Error;
use crate::provider::catalogue::Provider;
use crate::provider::failure::{CliFailure, FailureKind};

/// The providers whose limits are used up now, each with the end of its limit. Empty if the log cannot be
/// read.
pub async fn open(log: &Log) -> BTreeMap<String, Spent> {
    log.journal().read(|history| still_open(&history.spent)).await.unwrap_or_default()
}

/// The limits that are still spent, those of single models left out.
fn still_open(spent: &BTreeMap<String, Spent>) -> BTreeMap<String, Spent> {
    stopping(spent, None)
}

/// The limits that are still spent and stop a call that asks for this model.
fn stopping(spent: &BTreeMap<String, Spent>, model: Option<&str>) -> BTreeMap<String, Spent> {
    let now = Timestamp::now();
    let is_open = |spent: &Spent| spent.stops(model) && until(spent).is_some_and(|until| until > now);
    spent
        .iter()
        .filter(|(_, spent)| is_open(spent))
        .map(|(name, spent)| (name.clone(), spent.clone()))
        .gather()
}

fn until(spent: &Spent) -> Option<Timestamp> {
    spent.resets_at.parse().ok()
}

/// The refusal of a provider if its limit is used up; no CLI is started for it. Blocks.
pub(crate) fn refusal_now(
    config: &Configuration,
    log: &Log,
    provider: &str,
    model: Option<&str>,
) -> Option<Error> {
    let mut open = log.journal().read_now(|history| stopping(&history.spent, model)).unwrap_or_default();
    let spent = open.remove(provider)?;
    let whose =
        spent.model.as_ref().map_or_else(|| "its limit".to_owned(), |model| format!("its limit for {model}"));
    let detail = format!("{whose} is used up until {}, so it was not asked", spent.resets_at);
    let failure =
        CliFailure { resets_at: until(&spent), ..CliFailure::new(FailureKind::QuotaExceeded, detail) };
    let asked = config.catalogue().get(provider);
    let mut others = asked.map(|asked| others_than(asked, config, log)).unwrap_or_default();
    others.retain(|other| !open.contains_key(other));
    Some(Error::Cli { provider: provider.to_owned(), failure, others })
}

/// Other installed CLIs that did not refuse a short while ago. They may be asked instead of this provider.
pub(crate) fn others_than(provider: &Provider, config: &Configuration, log: &Log) -> Vec<String> {
    let installed = config.catalogue().installed();
    let others = installed.filter(|other| other.name != provider.name && !other.is_understudy());
    let others = others.filter(|other| !log.ledger().refused(&other.name));
    others.map(|other| other.name.clone()).collect()
}

/// The available providers, in the order in which they are asked if the caller names none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ready {
    pub(crate) names: Vec<String>,
    /// Providers that are left out or asked last, each with the reason.
    pub(crate) notes: BTreeMap<String, String>,
    /// Number of providers at the front of `names` that work and did not refuse a short while ago.
    well: usize,
}

impl Ready {
    /// The provider to ask next: the last one of a conversation if it works, else the first.
    ///
    /// # Errors
    ///
    /// No provider is available.
    pub(crate) fn next(&self, last: Option<&str>) -> Result<String, Error> {
        let last = self.names.iter().take(self.well).find(|name| last == Some(name.as_str()));
        last.or(self.names.first()).cloned().ok_or(Error::NoProvider)
    }

    /// All notes in one line; `None` if there are none.
    pub(crate) fn in_a_line(&self) -> Option<String> {
        let notes = self.notes.values().cloned();
        notes.reduce(|all, note| format!("{all}; {note}"))
    }
}

/// The providers to ask if the caller names none: the installed CLIs in the order of the configuration, else
/// the understudy. Providers that are weak at the work, refused a short while ago, or are set up wrongly come
/// last. One whose limit is used up is left out if another is available. Blocks.
pub(crate) fn ready(kit: &Kit, work: Work) -> Ready {
    let threshold = kit.config.settings().policy.capability_threshold;
    let known = kit
        .log
        .journal()
        .read_now(|history| (still_open(&history.spent), history.track_record.weak(work, threshold)));
    // A log that cannot be read opens no breaker and counts against no provider.
    let (spent, weak) = known.unwrap_or_default();
    let there = kit.config.catalogue().asked_by_default();
    let mut names: Vec<String> = there.iter().map(|provider| provider.name.clone()).collect();
    let trouble =
        |name: &String| (!kit.config.loaded().problems_for(name).is_empty(), kit.log.ledger().refused(name));
    names.sort_by_cached_key(|name| (trouble(name), weak.contains_key(name)));
    let mut notes: BTreeMap<String, String> =
        weak.into_iter().filter(|(name, _)| names.contains(name) && names.len() > 1).gather();
    if names.iter().any(|name| !spent.contains_key(name)) {
        names.retain(|name| match spent.get(name) {
            Some(limit) => {
                let note = format!("{name} was not asked: its limit is used up until {}", limit.resets_at);
                notes.insert(name.clone(), note);
                false
            }
            None => true,
        });
    }
    let well = names.iter().filter(|name| trouble(name) == (false, false)).count();
    Ready { names, notes, well }
}

/// Says which providers may answer in the place of one that cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// No other.
    Nobody,
    /// The call named a provider: only those in its `fallback`.
    Fallback,
    /// The call named no provider, or permits others: those in `fallback` first, then the other available
    /// ones.
    Anybody,
}

impl Permission {
    /// [`Self::Fallback`] if the call named providers, else [`Self::Anybody`].
    pub(crate) fn of(is_named: bool) -> Self {
        if is_named { Self::Fallback } else { Self::Anybody }
    }
}

/// The providers that may stand in for others. A provider that is asked anyway is not among them, and each
/// stands in only once: two answers of one provider say little more than one.
#[derive(Debug)]
pub(crate) struct StandIns {
    permission: Permission,
    others: Vec<String>,
    taken: Mutex<BTreeSet<String>>,
}

impl StandIns {
    /// Stand-ins for the asked providers. `others` are the available ones in the order in which to ask them.
    pub(crate) fn new(permission: Permission, asked: &[String], others: Vec<String>) -> Self {
        Self { permission, others, taken: Mutex::new(asked.iter().cloned().collect()) }
    }

    /// No stand-ins.
    pub(crate) fn empty() -> Self {
        Self::new(Permission::Nobody, &[], Vec::new())
    }

    /// Takes the next stand-in for a provider, if there is one. Each is given out only once.
    pub(crate) async fn next_for(&self, kit: &Kit, provider: &str) -> Option<String> {
        self.next_among(kit, provider, |_| true).await
    }

    /// As [`Self::next_for`], but only among the providers for which `may` is true.
    pub(crate) async fn next_among(
        &self,
        kit: &Kit,
        provider: &str,
        may: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let others = match self.permission {
            Permission::Nobody => return None,
            Permission::Fallback => &[][..],
            Permission::Anybody => self.others.as_slice(),
        };
        let spent = open(&kit.log).await;
        let catalogue = kit.config.catalogue();
        let can_be_asked = |name: &String| {
            let is_there = catalogue.get(name).is_ok_and(|other| catalogue.has(other));
            is_there && !spent.contains_key(name) && kit.config.loaded().problems_for(name).is_empty()
        };
        let by_permission = catalogue.get(provider).map(|asked| asked.settings.fallback.clone());
        let by_permission = by_permission.unwrap_or_default();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let free =
            |name: &&String| *name != provider && !taken.contains(*name) && may(name) && can_be_asked(name);
        // The understudy's rules replace a model only if the user lists it in `fallback`.
        let is_model = |name: &&String| catalogue.get(name).is_ok_and(|other| !other.is_understudy());
        let next = by_permission.iter().chain(others.iter().filter(is_model)).find(free)?.clone();
        taken.insert(next.clone());
        Some(next)
    }
}

/// The provider that an answer stands in for, and the reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoodIn {
    pub provider: String,
    /// Code of the failure.
    pub code: &'static str,
    /// Error of the provider that did not answer.
    pub error: String,
    /// The failure, and who permits a stand-in.
    pub why: String,
    /// When that provider can be asked again, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<String>,
}

impl StoodIn {
    /// Describes the stand-in `by` for a provider that refused.
    pub(crate) fn of(config: &Configuration, provider: &str, by: &str, error: &Error) -> Self {
        let note = error.note();
        let asked = config.catalogue().get(provider);
        let is_fallback = asked.is_ok_and(|asked| asked.settings.fallback.iter().any(|name| name == by));
        let word = if is_fallback {
            format!("`fallback` of {provider} permits another to answer")
        } else {
            "the call did not insist on a provider, so another one answers".to_owned()
        };
        Self {
            provider: provider.to_owned(),
            code: error.code(),
            why: format!("{}; {word}", note.error),
            error: note.error,
            resets_at: note.resets_at,
        }
    }

    /// One line that begins with the provider that refused.
    pub(crate) fn refused_first(&self, by: &str) -> String {
        format!("{} could not be asked ({}{}); {by} answers instead", self.provider, self.code, self.until())
    }

    fn until(&self) -> String {
        self.resets_at.as_ref().map_or(String::new(), |at| format!(", until {at}"))
    }

    /// One line that begins with the provider that answers.
    pub(crate) fn in_words(&self, by: &str) -> String {
        let until = self.until();
        format!("{by} answers in place of {}, which could not be asked ({}{until})", self.provider, self.code)
    }
}

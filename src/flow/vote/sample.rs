//! Samples: the same question again and again, to providers in turn, each answer judged.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::domain::redflag::RedFlag;
use crate::domain::vote::canonical::Canonical;
use crate::error::Error;
use crate::flow::account::reserve;
use crate::flow::breaker::{Bench, Permission, StoodIn};
use crate::flow::consult::{Consulted, Prepared, Question, Turn, ask, prepare};
use crate::flow::off_thread::off_thread;
use crate::flow::progress::Progress;
use crate::flow::session::Session;
use crate::provider::Usage;
use crate::provider::failure::FailureKind;

/// Judges an answer.
pub type Check = Arc<dyn Fn(&str) -> Checked + Send + Sync>;

#[derive(Debug)]
pub enum Checked {
    /// It counts.
    Valid {
        canonical: Canonical,
        /// The part of it that says so, where that is not all of it.
        said: Option<String>,
    },
    /// It does not count.
    Flagged(Vec<RedFlag>),
}

impl Checked {
    /// An answer that does not count, for one reason.
    pub fn flagged(reason: &'static str, detail: impl Into<String>) -> Self {
        Self::Flagged(vec![RedFlag { reason, detail: detail.into() }])
    }
}

#[derive(Debug)]
pub enum Sample {
    /// An answer that counts.
    Valid {
        provider: String,
        /// The model that gave it.
        model: String,
        /// The answer, verbatim.
        text: String,
        canonical: Canonical,
        /// The part of it that says so, where that is not all of it.
        said: Option<String>,
        note: Option<&'static str>,
        usage: Usage,
    },
    /// An answer that does not.
    Flagged {
        provider: String,
        /// Why.
        flags: Vec<RedFlag>,
        usage: Usage,
    },
    /// A call that failed.
    Failed { provider: String, error: Error },
}

/// A sample that may begin.
pub struct Seat {
    provider: String,
    /// Its name in reports of progress.
    id: String,
    turn: Turn,
}

/// Takes samples.
pub struct Sampler {
    prepared: Arc<Prepared>,
    providers: Vec<String>,
    /// Those that have not failed for good.
    left: Vec<String>,
    check: Check,
    taken: usize,
    /// Stand-ins for voters that cannot answer.
    bench: Bench,
    /// Answering provider and model, in words.
    stood_in: Vec<String>,
    /// The events of the samples.
    consults: Vec<String>,
}

impl Sampler {
    /// A sampler of one question, packed and masked once for all samples.
    ///
    /// # Errors
    ///
    /// The question cannot be prepared.
    pub async fn new(
        session: &Session,
        question: Question,
        providers: Vec<String>,
        check: Check,
    ) -> Result<Self, Error> {
        let prepared = prepare(session, question).await?;
        let (left, bench) = (providers.clone(), Bench::empty());
        let (stood_in, consults) = (Vec::new(), Vec::new());
        Ok(Self { prepared, left, providers, check, taken: 0, bench, stood_in, consults })
    }

    /// The same, with somebody to vote in the place of one that cannot.
    pub(super) fn with(self, permission: Permission) -> Self {
        // Everybody else who is there votes already where nobody was named.
        Self { bench: Bench::new(permission, &self.providers, Vec::new()), ..self }
    }

    /// Stand-ins and the voters they replace, in words.
    pub(super) fn stood_in(&self) -> &[String] {
        &self.stood_in
    }

    /// The events of the samples.
    pub(super) fn consults(&self) -> &[String] {
        &self.consults
    }

    /// Everybody who is asked.
    pub fn providers(&self) -> &[String] {
        &self.providers
    }

    /// Secrets that were masked in the question.
    pub fn masked(&self) -> usize {
        self.prepared.masked()
    }

    /// True if every provider has failed for good.
    pub fn is_deserted(&self) -> bool {
        self.left.is_empty()
    }

    /// Reserves so many samples, all or none.
    ///
    /// # Errors
    ///
    /// Too many calls wait already, the budget does not reach, or the log cannot be written.
    pub async fn seats(&mut self, session: &Session, count: u32) -> Result<Vec<Seat>, Error> {
        let asked: Vec<(String, String)> = (0..count).filter_map(|_| self.next()).collect();
        let places = asked.iter().map(|_| session.slots().place()).collect::<Result<Vec<_>, _>>()?;
        let providers: Vec<String> = asked.iter().map(|(provider, _)| provider.clone()).collect();
        let reservations =
            reserve(session, self.prepared.account(), &self.prepared.asked(), &providers).await?;
        let turns = places.into_iter().zip(reservations);
        let turns = turns.map(|(place, reservation)| Turn { place, reservation });
        Ok(asked.into_iter().zip(turns).map(|((provider, id), turn)| Seat { provider, id, turn }).collect())
    }

    /// Takes samples side by side, as far as there are slots. A provider whose failure is final is
    /// not asked again.
    ///
    /// # Errors
    ///
    /// The server is in trouble of its own.
    pub async fn round(
        &mut self,
        session: &Session,
        seats: Vec<Seat>,
        progress: &Progress,
    ) -> Result<Vec<Sample>, Error> {
        let prepared = &self.prepared;
        let replies = join_all(seats.into_iter().map(|Seat { provider, id, turn }| async move {
            let progress = progress.labelled(&id);
            let reply = ask(session, &provider, prepared, turn, &progress).await;
            progress.say(if reply.ok { "answered" } else { "failed" });
            reply
        }))
        .await;
        self.consults.extend(replies.iter().map(|reply| reply.consult.clone()));
        let check = Arc::clone(&self.check);
        // A long answer takes a while to read; other calls go on meanwhile.
        let samples: Vec<Sample> =
            off_thread(move || replies.into_iter().map(|reply| judged(reply, &check)).collect()).await?;
        for sample in &samples {
            if let Sample::Failed { provider, error } = sample
                && is_final(error)
            {
                let was_left = self.left.iter().position(|other| other == provider);
                self.left.retain(|other| other != provider);
                if was_left.is_none() || !error.is_refusal() {
                    continue;
                }
                if let Some(next) = self.bench.next_for(session, provider).await {
                    self.stood_in.push(StoodIn::of(session, provider, &next, error).in_words(&next));
                    self.left.push(next.clone());
                    self.providers.push(next);
                }
            }
        }
        Ok(samples)
    }

    /// Returns whose turn it is, and the name of the sample.
    fn next(&mut self) -> Option<(String, String)> {
        let turn = self.taken.checked_rem(self.left.len())?;
        let provider = self.left.get(turn)?.clone();
        self.taken += 1;
        let id = format!("{provider} #{}", self.taken);
        Some((provider, id))
    }
}

fn judged(reply: Consulted, check: &Check) -> Sample {
    let Consulted { provider, model, content: text, usage, cause, note, .. } = reply;
    let model = model.unwrap_or_default();
    if let Some(error) = cause {
        return Sample::Failed { provider, error };
    }
    match check(&text) {
        Checked::Valid { canonical, said } => {
            Sample::Valid { provider, model, text, canonical, said, note, usage }
        }
        Checked::Flagged(flags) => Sample::Flagged { provider, flags, usage },
    }
}

/// True if the same question would fail the same way however often it is asked.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Cli { failure, .. } => match failure.kind {
            FailureKind::LoginMissing
            | FailureKind::AccountRefused
            | FailureKind::ClientRefused
            | FailureKind::QuotaExceeded
            | FailureKind::ModelUnavailable
            | FailureKind::Certificate
            | FailureKind::CliOutdated
            | FailureKind::CliBroken
            | FailureKind::ContextTooLong
            | FailureKind::RequestRejected => true,
            FailureKind::RateLimited
            | FailureKind::Overloaded
            | FailureKind::NetworkUnreachable
            | FailureKind::NetworkInterrupted
            | FailureKind::AnswerTruncated
            | FailureKind::AnswerEmpty
            | FailureKind::AnswerUnreadable
            | FailureKind::CliFailed => false,
        },
        Error::OutputTooLarge { .. } | Error::Internal(_) => false,
        other => !other.retryable(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::failure::CliFailure;

    #[test]
    fn a_failure_that_lasts_is_told_from_one_that_may_pass() {
        let cli = |kind| Error::Cli {
            provider: "codex".into(),
            failure: CliFailure::new(kind, "x"),
            others: Vec::new(),
        };
        assert!(is_final(&cli(FailureKind::LoginMissing)) && is_final(&Error::NestedConsult));
        assert!(is_final(&Error::ProviderDisabled("codex".into())));
        assert!(!is_final(&cli(FailureKind::CliFailed)) && !is_final(&Error::Busy(3)));
    }
}

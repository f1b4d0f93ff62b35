//! Applies calibrations to a vote: its lead, and providers that it leaves out.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;

use super::{Source, StepRequest};
use crate::domain::beta::Score;
use crate::domain::calibrate::{Measurement, Together};
use crate::domain::history::History;
use crate::domain::microstep::{MicroStep, StepType};
use crate::domain::order::Gather;
use crate::domain::redflag::RedFlag;
use crate::domain::served::ModelNote;
use crate::domain::vote::canonical::Canonical;
use crate::domain::vote::{MOST_K, usual_k};
use crate::error::Error;
use crate::flow::account::reserve;
use crate::flow::breaker::{Permission, StandIns, StoodIn};
use crate::flow::configuration::Configuration;
use crate::flow::consult::{Consulted, Layout, Prepared, Question, Turn, ask, prepare};
use crate::flow::kit::Kit;
use crate::flow::log::Log;
use crate::flow::progress::{Progress, Watch};
use crate::flow::scope::{off_thread, off_thread_with};
use crate::provider::Usage;
use crate::provider::failure::FailureKind;

/// Minimum number of judged answers before a provider may be left out.
const JUDGED: u32 = 30;
/// Minimum difference to the best provider, as a share of right answers.
const MARGIN: f64 = 0.15;
/// Minimum certainty of that difference.
const SURELY: f64 = 0.9;

/// The lead and the voters of a vote.
#[derive(Clone, Debug, Default)]
pub(super) struct Chosen {
    pub(super) k: u32,
    pub(super) source: Source,
    /// The measurement that was used, or why none was.
    pub(super) note: String,
    pub(super) providers: Vec<String>,
    pub(super) left_out: Vec<String>,
    warnings: Vec<String>,
    /// The measured models, by provider.
    models: BTreeMap<String, String>,
}

impl Chosen {
    /// The warnings, with those that depend on the models that answered.
    pub(super) fn warnings_with(&self, answered: &BTreeMap<String, Vec<String>>) -> Vec<String> {
        let other = |(provider, measured): (&String, &String)| {
            let served = answered.get(provider)?.iter().find(|served| !is_same_model(measured, served))?;
            Some(format!(
                "{provider} was measured with {measured} and answered with {served}: the measured k may not hold"
            ))
        };
        let others = self.models.iter().filter(|_| self.source == Source::Calibration).filter_map(other);
        self.warnings.iter().cloned().chain(others).collect()
    }
}

/// Records of the log on a step with some providers.
#[derive(Clone, Debug, Default)]
struct Known {
    single: BTreeMap<String, Vec<Measurement>>,
    together: Option<Together>,
}

/// Chooses the lead: the caller's, else the measured one, else the default, with the reason. If the caller
/// names no providers, one that was measured as clearly worse than the best is left out.
pub(super) async fn choose(
    config: &Configuration,
    log: &Log,
    request: &StepRequest,
    step: &MicroStep,
    providers: Vec<String>,
) -> Chosen {
    let asked: BTreeMap<String, String> = providers
        .iter()
        .filter_map(|name| {
            Some((
                name.clone(),
                config.catalogue().get(name).ok()?.settings.model.clone().unwrap_or_default(),
            ))
        })
        .collect();
    let known = known(log, step.kind, providers.clone()).await;
    let mut chosen = Chosen { k: usual(step, providers.len()), providers, ..Chosen::default() };
    let known = match known {
        Ok(known) => known,
        Err(error) => {
            chosen.note = format!("the log with the measured k cannot be read ({error})");
            return chosen.named(request.k);
        }
    };
    let fitting: BTreeMap<&str, Result<&Measurement, String>> =
        asked.iter().map(|(name, model)| (name.as_str(), fitting(&known, name, model))).gather();
    if request.providers.as_ref().is_none_or(Vec::is_empty) {
        chosen.leave_out(&fitting);
    }
    chosen.warn(&fitting);
    if request.k.is_some() {
        return chosen.named(request.k);
    }
    chosen.k = usual(step, chosen.providers.len());
    let together = known.together.as_ref().filter(|_| chosen.left_out.is_empty());
    chosen.measure(together, &fitting, &asked, request.max_samples);
    chosen
}

/// The default lead: two if three providers answer in turn, else the step's own.
fn usual(step: &MicroStep, providers: usize) -> u32 {
    if providers >= 3 { usual_k(providers) } else { step.default_k }
}

async fn known(log: &Log, kind: StepType, providers: Vec<String>) -> Result<Known, crate::error::Error> {
    log.journal()
        .read(move |history: &History| Known {
            single: providers
                .iter()
                .map(|name| (name.clone(), history.calibrations(kind, name).to_vec()))
                .collect(),
            together: history.calibration_together(kind, &providers).cloned(),
        })
        .await
}

/// True if two names may mean the same model: one may be an alias of the other, or unknown.
fn is_same_model(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    one.is_empty() || other.is_empty() || one.contains(&other) || other.contains(&one)
}

/// The latest measurement of a provider with the model that it would use, or the reason why there is none.
fn fitting<'a>(known: &'a Known, name: &str, asked: &str) -> Result<&'a Measurement, String> {
    let all = known.single.get(name).map(Vec::as_slice).unwrap_or_default();
    let Some(latest) = all.last() else { return Err(format!("{name} was not measured on this step")) };
    all.iter()
        .rev()
        .find(|one| is_same_model(&one.model, asked))
        .ok_or_else(|| format!("{name} was measured with {} and is asked for {asked}", latest.model))
}

impl Chosen {
    fn named(mut self, k: Option<u32>) -> Self {
        if let Some(k) = k {
            self.k = k;
            self.source = Source::Caller;
            "the caller named it".clone_into(&mut self.note);
        }
        self
    }

    /// Leaves out providers that are surely and clearly worse than the best.
    fn leave_out(&mut self, fitting: &BTreeMap<&str, Result<&Measurement, String>>) {
        let score =
            |one: &Measurement| Score { right: one.right, wrong: one.valid.saturating_sub(one.right) };
        let judged: Vec<&Measurement> =
            fitting.values().flatten().copied().filter(|one| one.valid >= JUDGED).collect();
        let rate = |one: &Measurement| f64::from(one.right) / f64::from(one.valid.max(1));
        let Some(best) = judged.iter().copied().max_by(|one, other| rate(one).total_cmp(&rate(other))) else {
            return;
        };
        for one in judged.iter().filter(|one| one.provider != best.provider) {
            if score(one).is_worse_than(score(best), MARGIN) > SURELY {
                self.providers.retain(|name| *name != one.provider);
                self.left_out.push(format!(
                    "{}: {} of {} right on this step, {} {} of {}; name it in providers to ask it all the same",
                    one.provider, one.right, one.valid, best.provider, best.right, best.valid
                ));
            }
        }
    }

    /// Warns about providers whose answers no lead improves.
    fn warn(&mut self, fitting: &BTreeMap<&str, Result<&Measurement, String>>) {
        for one in fitting.values().flatten() {
            if one.recommended_k.is_none()
                && one.right * 2 <= one.valid
                && self.providers.contains(&one.provider)
            {
                self.warnings.push(format!(
                    "{} was right in {} of {} judged answers on this step: no k helps, and the winner may well be wrong",
                    one.provider, one.right, one.valid
                ));
            }
        }
    }

    /// Uses the measured lead, of all together or the largest one, or says why not.
    fn measure(
        &mut self,
        together: Option<&Together>,
        fitting: &BTreeMap<&str, Result<&Measurement, String>>,
        asked: &BTreeMap<String, String>,
        max: Option<u32>,
    ) {
        let mut reasons = Vec::new();
        if let Some(together) = together {
            let is_other = |(name, model): &&(String, String)| {
                asked.get(name).is_some_and(|asked| !is_same_model(model, asked))
            };
            match (together.voters.iter().find(is_other), together.recommended_k) {
                (Some((name, model)), _) => {
                    reasons.push(format!("together they were measured when {name} was {model}"));
                }
                (None, None) => reasons.push(format!(
                    "together they were right in {} of {} judged answers, which recommends no k",
                    together.right, together.valid
                )),
                (None, Some(k)) => {
                    let from = format!(
                        "measured with all of them in turn: {} of {} right",
                        together.right, together.valid
                    );
                    self.models = together.voters.iter().cloned().collect();
                    match self.use_measured(k, max, from) {
                        Ok(()) => return,
                        Err(reason) => reasons.push(reason),
                    }
                }
            }
        }
        let single = self.providers.iter().map(|name| match fitting.get(name.as_str()) {
            Some(Ok(one)) => one.recommended_k.map(|k| (k, *one)).ok_or_else(|| {
                format!(
                    "{name} was right in {} of {} judged answers, which recommends no k",
                    one.right, one.valid
                )
            }),
            Some(Err(reason)) => Err(reason.clone()),
            None => Err(format!("{name} was not measured on this step")),
        });
        let single: Vec<Result<(u32, &Measurement), String>> = single.collect();
        let missing: Vec<String> = single.iter().filter_map(|one| one.as_ref().err().cloned()).collect();
        if missing.is_empty()
            && let Some((k, one)) = single.iter().flatten().max_by_key(|(k, _)| *k).copied()
        {
            let from = format!("measured with {}: {} of {} right", one.provider, one.right, one.valid);
            self.models =
                single.iter().flatten().map(|(_, one)| (one.provider.clone(), one.model.clone())).collect();
            match self.use_measured(k, max, from) {
                Ok(()) => return,
                Err(reason) => reasons.push(reason),
            }
        }
        reasons.extend(missing);
        self.note = format!("no measured k: {}", reasons.join("; "));
    }

    /// Uses a measured lead unless this vote cannot reach it.
    fn use_measured(&mut self, k: u32, max: Option<u32>, from: String) -> Result<(), String> {
        if k > MOST_K {
            let reason = format!("the measured k={k} is beyond the {MOST_K} that a vote takes");
            self.warnings.push(format!("{reason}: its winner is less sure than requested"));
            return Err(reason);
        }
        if let Some(max) = max.filter(|max| *max < k) {
            let reason = format!("max_rounds={max} cannot reach the measured k={k}");
            self.warnings.push(format!("{reason}: its winner is less sure than requested"));
            return Err(reason);
        }
        self.k = k;
        self.source = Source::Calibration;
        self.note = from;
        Ok(())
    }
}

/// Judges an answer.
pub type Check = Arc<dyn Fn(&str) -> Checked + Send + Sync>;

#[derive(Debug)]
pub enum Checked {
    /// It counts.
    Valid {
        canonical: Canonical,
        /// The compared part, if that is not all of it.
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
        /// Id of its consult's event.
        consult: String,
        provider: String,
        /// The model that gave it.
        model: String,
        told: ModelNote,
        /// The answer, unchanged.
        text: String,
        canonical: Canonical,
        /// The compared part, if that is not all of it.
        said: Option<String>,
        note: Option<&'static str>,
        usage: Usage,
    },
    /// An answer that does not count.
    Flagged {
        /// Id of its consult's event.
        consult: String,
        provider: String,
        /// Why.
        flags: Vec<RedFlag>,
        usage: Usage,
    },
    /// A call that failed.
    Failed { provider: String, error: Error },
}

/// A reserved sample.
pub struct Seat {
    /// Its name in progress messages.
    id: String,
    turn: Turn,
}

/// Takes samples.
pub struct Sampler {
    prepared: Arc<Prepared>,
    /// All voters.
    pub(super) providers: Vec<String>,
    /// Voters without a final failure.
    pub(super) left: Vec<String>,
    check: Check,
    taken: usize,
    /// Stand-ins for voters that cannot answer.
    stand_ins: StandIns,
    /// Stand-ins and the voters that they replace, in words.
    pub(super) stood_in: Vec<String>,
    /// Ids of the samples' events.
    pub(super) consults: Vec<String>,
}

impl Sampler {
    /// A sampler of one question, packed and masked once for all samples.
    ///
    /// # Errors
    ///
    /// The question cannot be prepared.
    pub async fn new(
        kit: &Kit,
        question: Question,
        providers: Vec<String>,
        check: Check,
    ) -> Result<Self, Error> {
        let ready = move |kit: &Kit| prepare(kit, question, Layout::Plain, None);
        let prepared = off_thread_with(kit, ready).await?;
        let (left, stand_ins) = (providers.clone(), StandIns::empty());
        let (stood_in, consults) = (Vec::new(), Vec::new());
        Ok(Self { prepared, left, providers, check, taken: 0, stand_ins, stood_in, consults })
    }

    /// The same sampler, with stand-ins for voters that cannot answer.
    pub(super) fn with(self, permission: Permission) -> Self {
        // If the call named no providers, every available one votes already.
        Self { stand_ins: StandIns::new(permission, &self.providers, Vec::new()), ..self }
    }

    /// Secrets masked in the question.
    pub fn masked(&self) -> usize {
        self.prepared.masked()
    }

    /// Reserves samples, all or none.
    ///
    /// # Errors
    ///
    /// Too many calls are waiting, the budget is too small, or the log cannot be written.
    pub async fn seats(&mut self, kit: &Kit, count: u32) -> Result<Vec<Seat>, Error> {
        let (providers, ids): (Vec<String>, Vec<String>) = (0..count).filter_map(|_| self.next()).unzip();
        let places = ids.iter().map(|_| kit.processes.slots().place()).collect::<Result<Vec<_>, _>>()?;
        let prepared = Arc::clone(&self.prepared);
        let seats = off_thread_with(kit, move |kit| {
            let reserved = reserve(kit, prepared.account(), &prepared.asked(), &providers)?;
            let seat =
                |((id, place), reservation)| Seat { id, turn: Turn::new(kit, &prepared, place, reservation) };
            Ok(ids.into_iter().zip(places).zip(reserved).map(seat).collect())
        });
        seats.await
    }

    /// Takes samples side by side, as far as there are slots. A provider with a final failure is not asked
    /// again.
    ///
    /// # Errors
    ///
    /// The server itself has a problem.
    pub async fn round(
        &mut self,
        kit: &Kit,
        seats: Vec<Seat>,
        progress: &Progress,
    ) -> Result<Vec<Sample>, Error> {
        let watch = &Watch::over(progress, seats.iter().map(|seat| seat.id.clone()));
        let asked = seats.into_iter().enumerate().map(|(place, Seat { turn, .. })| async move {
            let reply = ask(turn, &watch.progress()).await;
            watch.done(place, reply.ok);
            reply
        });
        let replies = join_all(asked).await;
        self.consults.extend(replies.iter().map(|reply| reply.consult.clone()));
        let check = Arc::clone(&self.check);
        // Reading a long answer takes a while; other calls go on meanwhile.
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
                if let Some(next) = self.stand_ins.next_for(kit, provider).await {
                    self.stood_in.push(StoodIn::of(&kit.config, provider, &next, error).in_words(&next));
                    self.left.push(next.clone());
                    self.providers.push(next);
                }
            }
        }
        Ok(samples)
    }

    /// The next voter, and the name of its sample.
    fn next(&mut self) -> Option<(String, String)> {
        let turn = self.taken.checked_rem(self.left.len())?;
        let provider = self.left.get(turn)?.clone();
        self.taken += 1;
        let id = format!("{provider} #{}", self.taken);
        Some((provider, id))
    }
}

fn judged(reply: Consulted, check: &Check) -> Sample {
    let Consulted { consult, provider, model, told, content: text, usage, cause, note, .. } = reply;
    let model = model.unwrap_or_default();
    if let Some(error) = cause {
        return Sample::Failed { provider, error };
    }
    match check(&text) {
        Checked::Valid { canonical, said } => {
            Sample::Valid { consult, provider, model, told, text, canonical, said, note, usage }
        }
        Checked::Flagged(flags) => Sample::Flagged { consult, provider, flags, usage },
    }
}

/// True if the same question would fail in the same way every time.
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

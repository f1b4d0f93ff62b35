//! The same question to several consultants side by side.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use serde::Serialize;
use serde_json::Value;
use serde_with::skip_serializing_none;

use super::account::{Account, kept, left, reserve};
use super::consult::{Consulted, ContextNote, Prepared, Question, Turn, ask, prepare, reserve_one};
use super::journal::new_id;
use super::note::note_on;
use super::off_thread::off_thread;
use super::progress::Progress;
use super::progress::Watch;
use super::session::Session;
use super::slots::Place;
use crate::domain::citations::Citation;
use crate::domain::event::Draft;
use crate::domain::event::noted::EnsembleNoted;
use crate::domain::event::record::{Noted, RedFlagged};
use crate::domain::measure::entry::Candidates;
use crate::domain::redflag::{Reason, RedFlags, Verdict};
use crate::domain::served::ModelNote;
use crate::domain::size::{MOST_ANSWER, share, weight};
use crate::domain::stage::Stage;
use crate::error::{Error, ErrorNote};
use crate::provider::Usage;

/// Candidates of one ensemble.
pub const MOST_CANDIDATES: usize = 24;

/// The candidates of an ensemble.
#[derive(Clone, Debug, Serialize)]
pub struct Ensemble {
    pub ok: bool,
    /// What went with the question, and what did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextNote>,
    pub count: usize,
    pub providers_used: Vec<String>,
    /// Every candidate, failed ones included.
    pub candidates: Vec<Candidate>,
    /// By which a judge learns what was asked; none where the log keeps no record of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ensemble_id: Option<String>,
    pub warning: Option<String>,
    /// Secrets that were masked on the way out.
    pub masked: usize,
    #[serde(flatten)]
    pub failure: Option<ErrorNote>,
}

/// One candidate.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// Its id within the ensemble.
    pub id: String,
    pub ok: bool,
    pub provider: String,
    /// The model that answered; none where nobody told.
    #[serialize_always]
    pub model: Option<String>,
    #[serde(flatten)]
    pub told: ModelNote,
    /// The answer, as far as it is shown.
    pub content: String,
    pub content_is: Option<&'static str>,
    /// True if more of it is in `content_file`.
    pub truncated: bool,
    pub content_file: Option<String>,
    /// The same as a resource.
    pub resource: Option<String>,
    /// The places that the answer names, and whether they are there.
    pub citations: Option<Vec<Citation>>,
    /// Milliseconds, waiting included.
    pub elapsed_ms: u64,
    #[serde(skip_serializing_if = "Usage::is_empty")]
    pub usage: Usage,
    /// The sandbox that the CLI ran in.
    pub sandbox: Option<String>,
    pub red_flag: Option<Value>,
    /// What the answer is, where it is not a model's.
    pub note: Option<&'static str>,
    /// The ensemble that it belongs to, where the log knows it.
    pub ensemble_id: Option<String>,
    /// For whom it answers, and why, where it stands in for one that refused.
    pub stands_in: Option<StandIn>,
    #[serde(flatten)]
    #[serialize_always]
    pub failure: Option<ErrorNote>,
}

#[derive(Clone, Debug, Default)]
pub struct Whom {
    /// The providers; none or nobody: whoever is there.
    pub named: Option<Vec<String>>,
    pub times: usize,
    /// True if another one answers for one that refuses; none: where nobody was named.
    pub stand_in: Option<bool>,
}

/// For whom a candidate answers, and why.
#[derive(Clone, Debug, Serialize)]
pub struct StandIn {
    provider: String,
    code: &'static str,
    /// The same in words.
    error: String,
    /// Time when that ends, where the CLI named a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    resets_at: Option<String>,
}

/// Providers that may answer for one that refuses, each once.
type Bench = Mutex<VecDeque<String>>;

/// Asks each provider so many times, all side by side as far as there are slots, on the account of the
/// run that is under way.
///
/// # Errors
///
/// Nobody can be asked, an unknown provider, too many candidates, rules that cannot be used, or a
/// log that cannot be read by a server that works on a run.
pub async fn generate(
    session: &Session,
    Whom { named, times, stand_in }: Whom,
    question: Question,
    progress: &Progress,
) -> Result<Ensemble, Error> {
    session.check_config()?;
    let is_named = named.as_ref().is_some_and(|named| !named.is_empty());
    let mut providers = chosen(session, named)?;
    let wanted = providers.len() * times;
    if wanted > MOST_CANDIDATES {
        return Err(Error::InvalidArguments(format!(
            "an ensemble must have at most {MOST_CANDIDATES} candidates (got {wanted}: {} providers x {times})",
            providers.len()
        )));
    }
    let places = (0..wanted).map(|_| session.slots().place()).collect::<Result<Vec<_>, _>>()?;
    let Account { run, stage, purpose, .. } = question.account;
    let account = Account::of(session, run, stage, purpose).await?;
    let left_out = if is_named { None } else { fit(session, &account, &mut providers, times).await? };
    let asked_for = AskedFor { task: question.prompt.clone(), files: question.context.files.clone() };
    let prepared = prepare(session, Question { account, ..question }).await?;
    let red_flags = session.red_flags()?;
    let asked = asked(session, &prepared, &providers, times, places).await?;
    let bench = if stand_in.unwrap_or(!is_named) { not_asked(session, &providers) } else { VecDeque::new() };
    let answered = answered(session, &prepared, asked, &Mutex::new(bench), progress).await;
    let (owned, stage) = (session.clone(), prepared.account().stage);
    let (mut candidates, drafts) =
        off_thread(move || judged(&owned, &red_flags, stage, answered, &asked_for)).await??;
    let id = drafts.last().map(|draft| draft.id.clone());
    note_on(session, prepared.account(), drafts).await;
    let is_recorded = prepared.account().run.is_some() || session.config().settings.tracing.enabled;
    let id = id.filter(|_| is_recorded);
    for candidate in &mut candidates {
        candidate.ensemble_id.clone_from(&id);
    }
    let stood_in: Vec<String> = candidates.iter().filter_map(Candidate::stood_in).collect();
    for candidate in candidates.iter().filter(|candidate| candidate.stands_in.is_some()) {
        providers.push(candidate.provider.clone());
    }
    let others = not_asked(session, &providers).into();
    let mut ensemble = Ensemble::new(providers, candidates, id, prepared.masked(), others);
    ensemble.warning = ensemble
        .warning
        .into_iter()
        .chain(left_out)
        .chain(stood_in)
        .reduce(|all, more| format!("{all}; {more}"));
    ensemble.context = prepared.context_note();
    Ok(ensemble)
}

/// Leaves out those for whom the run's budget does not reach, where nobody was named, and says so. One
/// always stays: where there is no room at all, the refusal says why.
async fn fit(
    session: &Session,
    account: &Account,
    providers: &mut Vec<String>,
    times: usize,
) -> Result<Option<String>, Error> {
    let there = providers.len();
    let left = left(session, account).await?;
    providers.truncate((left / times.max(1)).max(1));
    Ok((providers.len() < there).then(|| {
        format!(
            "{} of {there} providers were asked: the run's budget leaves {left} consults here",
            providers.len()
        )
    }))
}

struct AskedFor {
    task: String,
    files: Vec<String>,
}

/// A candidate that is about to be asked.
struct Seat {
    id: String,
    provider: String,
    turn: Turn,
}

/// Returns who is asked: every provider once before any is asked again, all of them reserved or none.
async fn asked(
    session: &Session,
    prepared: &Arc<Prepared>,
    providers: &[String],
    times: usize,
    places: Vec<Place>,
) -> Result<Vec<Seat>, Error> {
    let wanted: Vec<(usize, String)> =
        (1..=times).flat_map(|number| providers.iter().map(move |name| (number, name.clone()))).collect();
    let names: Vec<String> = wanted.iter().map(|(_, provider)| provider.clone()).collect();
    let reservations = reserve(session, prepared.account(), &prepared.asked(), &names).await?;
    let seats = wanted.into_iter().zip(places).zip(reservations);
    Ok(seats
        .map(|(((number, provider), place), reservation)| Seat {
            id: format!("{provider}-{number}"),
            provider,
            turn: Turn { place, reservation },
        })
        .collect())
}

/// Returns what each of them says, all side by side as far as there are slots.
async fn answered(
    session: &Session,
    prepared: &Arc<Prepared>,
    seats: Vec<Seat>,
    bench: &Bench,
    progress: &Progress,
) -> Vec<Answered> {
    // With one candidate each, the provider's name says enough.
    let is_single = seats.iter().all(|seat| seat.id.ends_with("-1"));
    let names = seats.iter().map(|seat| if is_single { &seat.provider } else { &seat.id }.clone());
    let watch = &Watch::over(progress, names);
    let are_several = seats.len() > 1;
    join_all(seats.into_iter().enumerate().map(|(member, Seat { id, provider, turn })| async move {
        let prepared = if are_several { prepared.for_member(member) } else { Arc::clone(prepared) };
        let reply = ask(session, &provider, &prepared, turn, &watch.progress()).await;
        let answered =
            stood_in(session, &prepared, Answered { id, reply, stands_in: None }, bench, watch).await;
        watch.done(member, answered.reply.ok);
        answered
    }))
    .await
}

/// A candidate that was asked.
struct Answered {
    id: String,
    reply: Consulted,
    stands_in: Option<StandIn>,
}

/// Returns who is there and was not asked.
fn not_asked(session: &Session, asked: &[String]) -> VecDeque<String> {
    let there = session.catalogue().asked_by_default(session.environment(), session.root()).into_iter();
    let others = there.filter(|other| !other.is_understudy() && !asked.contains(&other.name));
    others.map(|other| other.name.clone()).collect()
}

/// The candidate itself, or the first on the bench that answers in its place where it refused. Where
/// the budget or the slots have no room for that, it stays as it is.
async fn stood_in(
    session: &Session,
    prepared: &Arc<Prepared>,
    first: Answered,
    bench: &Bench,
    watch: &Arc<Watch>,
) -> Answered {
    let refusal = first.reply.cause.as_ref().filter(|cause| cause.is_refusal()).map(Error::note);
    let Some(note) = refusal else { return first };
    let why = StandIn {
        provider: first.reply.provider.clone(),
        code: note.code,
        error: note.error,
        resets_at: note.resets_at,
    };
    loop {
        let next = bench.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(next) = next else { return first };
        let Ok(place) = session.slots().place() else { return first };
        let Ok(reservation) = reserve_one(session, prepared, &next).await else { return first };
        let reply = ask(session, &next, prepared, Turn { place, reservation }, &watch.progress()).await;
        if reply.ok {
            return Answered { id: format!("{next}-1"), reply, stands_in: Some(why) };
        }
    }
}

/// Returns what the answers are worth, and what the log keeps of that.
fn judged(
    session: &Session,
    red_flags: &RedFlags,
    stage: Option<Stage>,
    answered: Vec<Answered>,
    asked_for: &AskedFor,
) -> Result<(Vec<Candidate>, Vec<Draft>), Error> {
    let compared = compared(session, answered.iter().map(|one| &one.reply), asked_for)?;
    let weights: Vec<usize> = answered.iter().map(|one| weight(&one.reply.content)).collect();
    let mut drafts = Vec::new();
    let mut candidates = Vec::new();
    for (Answered { id, reply, stands_in }, room) in answered.into_iter().zip(share(&weights, MOST_ANSWER)) {
        let verdict = reply.ok.then(|| red_flags.verdict(&reply.content));
        drafts.extend(verdict.as_ref().and_then(|verdict| flag(verdict, &reply, stage)));
        let red_flag = verdict.map(|verdict| serde_json::json!(verdict));
        let candidate = Candidate::new(id, reply.cited(session).cut_to(session, room), red_flag);
        candidates.push(Candidate { stands_in, ..candidate });
    }
    drafts.push(compared);
    Ok((candidates, drafts))
}

/// Returns how alike answers to the same question are.
pub fn compared_answers<'a>(answers: impl Iterator<Item = &'a str>) -> EnsembleNoted {
    let candidates = Candidates { run: None, answers: answers.map(str::to_owned).collect() };
    EnsembleNoted {
        answers: u32::try_from(candidates.answers.len()).unwrap_or(u32::MAX),
        redundancy: candidates.redundancy().similarity,
        task: None,
        context_files: Vec::new(),
    }
}

/// The same of what was answered here, as the log keeps it: resting on the consults, and with what was
/// asked.
fn compared<'a>(
    session: &Session,
    replies: impl Iterator<Item = &'a Consulted> + Clone,
    asked_for: &AskedFor,
) -> Result<Draft, Error> {
    let answered = replies.filter(|reply| reply.ok);
    let task = session.masker()?.mask(&asked_for.task).text.into_owned();
    let noted = EnsembleNoted {
        task: Some(kept(&task, session.config().settings.tracing.save_prompts)),
        context_files: asked_for.files.clone(),
        ..compared_answers(answered.clone().map(|reply| reply.content.as_str()))
    };
    let noted = Noted::of(&noted).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Draft::new(new_id(), noted).on(answered.map(|reply| reply.consult.clone())))
}

/// A flagged answer as the log keeps it, resting on the consult that it came from.
fn flag(verdict: &Verdict, reply: &Consulted, stage: Option<Stage>) -> Option<Draft> {
    let reasons: Vec<String> = verdict.reasons().iter().map(Reason::in_words).collect();
    let body = RedFlagged { provider: reply.provider.clone(), stage, reasons };
    verdict.is_flagged().then(|| Draft::new(new_id(), body).on([reply.consult.clone()]))
}

/// The providers to ask: those named, each once, else whoever is there.
pub(super) fn chosen(session: &Session, named: Option<Vec<String>>) -> Result<Vec<String>, Error> {
    let catalogue = session.catalogue();
    let mut chosen: Vec<String> = Vec::new();
    match named.filter(|named| !named.is_empty()) {
        Some(named) => {
            for name in named {
                let name = catalogue.get(&name)?.name.clone();
                if !chosen.contains(&name) {
                    chosen.push(name);
                }
            }
        }
        None => {
            let default = catalogue.asked_by_default(session.environment(), session.root());
            chosen.extend(default.into_iter().map(|provider| provider.name.clone()));
        }
    }
    if chosen.is_empty() {
        return Err(Error::NoProvider);
    }
    Ok(chosen)
}

impl Candidate {
    fn new(id: String, reply: Consulted, red_flag: Option<Value>) -> Self {
        Self {
            id,
            ok: reply.ok,
            provider: reply.provider,
            model: reply.model,
            told: reply.told,
            content: reply.content,
            content_is: reply.content_is,
            truncated: reply.truncated,
            content_file: reply.content_file,
            resource: reply.resource,
            citations: reply.citations,
            elapsed_ms: reply.elapsed_ms,
            usage: reply.usage,
            sandbox: reply.sandbox,
            red_flag,
            note: reply.note,
            ensemble_id: None,
            stands_in: None,
            failure: reply.failure,
        }
    }

    fn stood_in(&self) -> Option<String> {
        let StandIn { provider, code, .. } = self.stands_in.as_ref()?;
        Some(format!(
            "{} answers in the place of {provider}, which could not be asked ({code})",
            self.provider
        ))
    }

    fn failure(&self) -> Option<String> {
        Some(format!("{}: {}", self.id, self.failure.as_ref()?.error))
    }
}

impl Ensemble {
    fn new(
        providers_used: Vec<String>,
        candidates: Vec<Candidate>,
        ensemble_id: Option<String>,
        masked: usize,
        others: Vec<String>,
    ) -> Self {
        let count = candidates.iter().filter(|candidate| candidate.ok).count();
        let failures: Vec<String> = candidates.iter().filter_map(Candidate::failure).collect();
        let error = (count == 0).then_some(Error::EveryCandidateFailed { failures, others });
        let warning = match candidates.len() - count {
            0 => (providers_used.len() == 1 && count > 1)
                .then(|| "all candidates come from one provider: their agreement says little".to_owned()),
            failed => Some(format!("{failed} of {} candidates failed", candidates.len())),
        };
        Self {
            ok: error.is_none(),
            context: None,
            count,
            providers_used,
            candidates,
            ensemble_id,
            warning,
            masked,
            failure: error.as_ref().map(Error::note),
        }
    }
}

//! One question to one consultant, from its prompt to its recorded answer.

mod attempt;
mod prepare;
mod recording;
mod reply;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

use super::account::{Account, Reservation, reserve};
use super::breaker::{Bench, Permission, Ready, StoodIn, open, ready, refusal};
use super::off_thread::off_thread;
use super::pack::still_there;
use super::progress::Progress;
use super::providers;
use super::scope::Scope;
use super::session::Session;
use super::slots::Place;
use super::thread::converse;
use crate::domain::answer::document;
use crate::domain::change::Mark;
use crate::domain::plain::plain;
use crate::domain::size::MOST_ANSWER;
use crate::domain::track_record::Work;
use crate::error::Error;
use crate::provider::adapter::PromptLimit;
use crate::provider::catalogue::Provider;
use crate::provider::choice::Choice;
use crate::provider::{Answer, Ask};
use crate::provider::{effort, own, understudy};

use recording::Recording;

pub use attempt::Attempted;
use prepare::prepare_in;
pub use prepare::{Layout, Prepared, Question, prepare, prepare_as};
pub use reply::{Consulted, ContextNote, schema_errors};

/// Which conversation a consult belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InThread {
    /// It begins one.
    New,
    /// It goes on with one.
    Of(String),
}

impl From<Option<String>> for InThread {
    fn from(named: Option<String>) -> Self {
        named.map_or(Self::New, Self::Of)
    }
}

/// Asks one provider one question, on the account of the run that is under way, if there is one. The
/// place in the line is taken before the log is looked at, so that calls wait in the order in which
/// they came.
///
/// # Errors
///
/// There is no such provider or thread, the question cannot be prepared, or the log of a run that this
/// server works on cannot be read. That a provider fails is no error: its reply says so.
pub async fn consult_in_run(
    session: &Session,
    provider: Option<&str>,
    question: Question,
    thread: InThread,
    progress: &Progress,
) -> Result<Consulted, Error> {
    session.check_config()?;
    let place = session.slots().place()?;
    let Account { run, stage, purpose, .. } = question.account;
    let account = Account::of(session, run, stage, purpose).await?;
    consult_from(session, provider, Question { account, ..question }, thread, place, progress).await
}

/// The same on no account.
///
/// # Errors
///
/// As of [`consult_in_run`].
pub async fn consult(
    session: &Session,
    provider: Option<&str>,
    question: Question,
    thread: InThread,
    progress: &Progress,
) -> Result<Consulted, Error> {
    session.check_config()?;
    let place = session.slots().place()?;
    consult_from(session, provider, question, thread, place, progress).await
}

async fn consult_from(
    session: &Session,
    provider: Option<&str>,
    mut question: Question,
    thread: InThread,
    place: Place,
    progress: &Progress,
) -> Result<Consulted, Error> {
    // A provider that does not exist is a mistake in the arguments: it is said before any work.
    if let Some(named) = provider {
        session.catalogue().get(named)?;
    }
    let named = match thread {
        InThread::New => None,
        InThread::Of(id) => Some(id),
    };
    let conversation = converse(session, named).await?;
    if question.context.files.is_empty() && !conversation.files.is_empty() {
        // A consultant keeps nothing: what the talk is about goes along again, as it is now.
        question.context.files = still_there(session, conversation.files.clone()).await?;
    }
    let ready = ready(session, Work::at(question.account.stage.or(question.context.stage))).await;
    let provider = match provider {
        Some(named) => named.to_owned(),
        None => asked_next(&ready, session, conversation.last_provider.as_deref())?,
    };
    let prepared = prepare_in(session, question, Layout::Plain, Some(conversation)).await?;
    let bench = Bench::new(Permission::Fallback, std::slice::from_ref(&provider), Vec::new());
    let reservation = reserve_one(session, &prepared, &provider).await?;
    let reply =
        ask_or_stand_in(session, &provider, &prepared, Turn { place, reservation }, &bench, progress).await;
    let session = session.clone();
    off_thread(move || reply.cited(&session).cut_to(&session, MOST_ANSWER)).await
}

/// Returns who is asked where nobody is named: whoever answered last in the conversation, while they can be
/// asked; else the first who can.
fn asked_next(ready: &Ready, session: &Session, last: Option<&str>) -> Result<String, Error> {
    let is_well =
        |name: &&String| session.config().problems_for(name).is_empty() && !session.ledger().refused(name);
    let last = ready.names.iter().filter(|name| last == Some(name.as_str())).find(is_well);
    last.or(ready.names.first()).cloned().ok_or(Error::NoProvider)
}

/// Asks one provider; where it cannot answer for reasons of its own, whoever may in its place, with their
/// own model and no harder. Where nobody can, the first refusal stands.
pub(crate) async fn ask_or_stand_in(
    session: &Session,
    name: &str,
    prepared: &Arc<Prepared>,
    turn: Turn,
    bench: &Bench,
    progress: &Progress,
) -> Consulted {
    let first = ask(session, name, prepared, turn, progress).await;
    let Some(cause) = first.cause.clone().filter(Error::is_refusal) else { return first };
    let own = prepared.with_own_model();
    let mut consults = first.consults;
    let mut refused = Vec::new();
    while let Some(next) = bench.next_for(session, name).await {
        progress.say(&format!("{name}: {}; asking {next} instead", cause.code()));
        let Ok(place) = session.slots().place() else { break };
        let reservation = match reserve_one(session, &own, &next).await {
            Ok(reservation) => reservation,
            Err(error) => {
                tracing::info!(outcome = error.code(), "nobody else is asked");
                break;
            }
        };
        let mut reply = ask(session, &next, &own, Turn { place, reservation }, progress).await;
        consults += reply.consults;
        if let Some(other) = reply.cause.as_ref().filter(|other| other.is_refusal()) {
            refused.push(format!("{next} could not answer in its place ({})", other.code()));
            continue;
        }
        reply.consults = consults;
        reply.stood_in = Some(StoodIn::of(session, name, &next, &cause));
        return reply;
    }
    let mut first = Consulted { consults, ..first };
    for note in refused {
        first.told.warn(&note);
    }
    first
}

/// What a consult needs before it may start: a place in the line, and one in the budget.
pub struct Turn {
    /// The place in the line for a slot.
    pub place: Place,
    /// The place in the budget.
    pub reservation: Reservation,
}

/// Reserves a consult with one provider.
///
/// # Errors
///
/// As of [`reserve`].
pub(crate) async fn reserve_one(
    session: &Session,
    prepared: &Prepared,
    provider: &str,
) -> Result<Reservation, Error> {
    reserve_on(session, prepared.account(), prepared, provider).await
}

/// The same on another account than the question's own.
///
/// # Errors
///
/// As of [`reserve`].
pub(crate) async fn reserve_on(
    session: &Session,
    account: &Account,
    prepared: &Prepared,
    provider: &str,
) -> Result<Reservation, Error> {
    let made = reserve(session, account, &prepared.asked(), &[provider.to_owned()]).await?;
    made.into_iter().next().ok_or_else(|| Error::Internal("nothing was reserved".to_owned()))
}

/// Asks one provider a question that is ready. The answer is as long as the provider made it.
pub async fn ask(
    session: &Session,
    name: &str,
    prepared: &Arc<Prepared>,
    turn: Turn,
    progress: &Progress,
) -> Consulted {
    let started = Instant::now();
    let named = prepared.model.clone();
    let provider = match session.catalogue().get(name) {
        Ok(provider) => provider,
        Err(error) => return Consulted::refused(name, named, not_begun(error)),
    };
    let choice = match chosen(session, provider, prepared).await {
        Ok(choice) => choice,
        Err(error) => return Consulted::refused(name, named, not_begun(error)),
    };
    let asked = choice.model.clone();
    let span = tracing::info_span!("consult", n = session.ledger().number(), provider = %name, model = asked);
    if let Err(error) = preflight(session, provider, prepared) {
        return Consulted::refused(name, asked, span.in_scope(|| not_begun(error)));
    }
    let attempted = match arrived(name, prepared) {
        // It is paid for: the reservation is given back.
        Some(attempted) => attempted,
        // Who said until when is not asked before: nothing is started.
        None => match open(session).await.get(name) {
            Some(limit) if !Scope::current().is_some_and(|scope| scope.asks_spent()) => {
                let refusal = refusal(session, name, limit);
                return Consulted::refused(name, named, span.in_scope(|| not_begun(refusal)));
            }
            Some(_) | None => {
                attempt(session, provider, &choice, prepared, turn, progress).instrument(span).await
            }
        },
    };
    let (shared, owner) = (Arc::clone(prepared), name.to_owned());
    let reply = off_thread(move || Consulted::new(&owner, &shared, attempted)).await;
    let reply = reply.unwrap_or_else(|error| Consulted::refused(name, asked, error));
    Consulted {
        elapsed_ms: milliseconds(started.elapsed()),
        note: provider
            .is_understudy()
            .then_some("understudy: rules over the packed context, no model")
            .or(reply.note),
        ..reply
    }
}

/// The answer to this very question that arrived in a job whose server is gone.
fn arrived(provider: &str, prepared: &Prepared) -> Option<Attempted> {
    let scope = Scope::current().filter(Scope::has_arrived)?;
    let arrived = scope.take_arrived(provider, &Mark::of(prepared.prompt.as_bytes()).sha256)?;
    let mut attempted = Attempted::answered(Answer {
        structured: prepared
            .schema
            .as_ref()
            .and_then(|_| document(&arrived.text).ok())
            .map(|found| found.value),
        text: arrived.text.clone(),
        model: Some(arrived.model).filter(|model| !model.is_empty()),
        ..Answer::default()
    });
    attempted.id = arrived.consult;
    attempted.model = attempted.result.as_ref().ok().and_then(|answer| answer.model.clone());
    attempted.masked = Some(arrived.text);
    attempted.kept_in = arrived.thread;
    attempted
        .note
        .warn("taken from the log: it arrived before its server ended, and was not asked for again");
    Some(attempted)
}

async fn chosen(session: &Session, provider: &Provider, prepared: &Prepared) -> Result<Choice, Error> {
    let (model, effort) = (prepared.model.clone(), prepared.effort);
    if !own::has_configuration(&provider.adapter) {
        return Ok(Choice::of(provider, session.environment(), model, effort));
    }
    let (session, provider) = (session.clone(), provider.clone());
    off_thread(move || Choice::of(&provider, session.environment(), model, effort)).await
}

/// The error of a consult that never started, which the log tells as it tells the end of one.
fn not_begun(error: Error) -> Error {
    tracing::info!(outcome = error.code(), "consult not started");
    error
}

fn preflight(session: &Session, provider: &Provider, prepared: &Prepared) -> Result<(), Error> {
    let problems = session.config().problems_for(&provider.name);
    if !problems.is_empty() {
        return Err(Error::ConfigInvalid(problems));
    }
    let (limit, actual, unit) = match provider.adapter.prompt_limit() {
        None => return Ok(()),
        Some(PromptLimit::Characters(limit)) => (limit, prepared.prompt.chars().count(), "characters"),
        Some(PromptLimit::Bytes(limit)) => (limit, prepared.prompt.len(), "bytes"),
    };
    if actual > limit {
        return Err(Error::PromptTooLong { provider: provider.name.clone(), limit, actual, unit });
    }
    Ok(())
}

async fn attempt(
    session: &Session,
    provider: &Provider,
    choice: &Choice,
    prepared: &Arc<Prepared>,
    turn: Turn,
    progress: &Progress,
) -> Attempted {
    let asked = choice.model.as_deref();
    if provider.is_understudy() {
        // It is no process, so it takes no slot.
        drop(turn.place);
        progress.say("understudy: reading the packed context by rules, no model");
        let recording = Recording::begin(&provider.name, asked, turn.reservation);
        let (shared, wish) = (Arc::clone(prepared), choice.wish.clone());
        let told = effort::told(&provider.adapter, &wish, effort::Known::default());
        let answered = off_thread(move || understudy_answers(&shared)).await;
        let mut attempted = answered.unwrap_or_else(Attempted::failed);
        attempted.name_model(None, told, |_| None);
        recording.end(session, prepared, &mut attempted).await;
        return attempted;
    }
    let (program, permit) = match wait_for_turn(session, provider, turn.place, progress).await {
        Ok(ready) => ready,
        // The reservation is dropped: the consult never started.
        Err(error) => return Attempted::failed(not_begun(error)),
    };
    let ask = Ask {
        prompt: &prepared.prompt,
        system: &prepared.system,
        model: asked,
        effort: None,
        gateway: provider.adapter.gateway_variable().and_then(|name| session.environment().get(name)),
        schema: prepared.schema.as_ref().map(|(_, schema)| schema),
        extra_args: &provider.settings.extra_args,
    };
    let timeout = prepared.timeout.unwrap_or(Duration::from_secs(provider.settings.timeout_sec));
    let recording = Recording::begin(&provider.name, asked, turn.reservation);
    let call = attempt::Start { session, provider, program: &program, choice, timeout, progress };
    let mut attempted = attempt::until_answered(call, &ask, permit).await;
    // What a CLI notes may repeat what it was given.
    let mask = |said: String| prepared.masker.mask(&plain(&said)).text.into_owned();
    attempted.note.warning = attempted.note.warning.take().map(mask);
    recording.end(session, prepared, &mut attempted).await;
    attempted
}

async fn wait_for_turn(
    session: &Session,
    provider: &Provider,
    place: Place,
    progress: &Progress,
) -> Result<(std::path::PathBuf, Arc<OwnedSemaphorePermit>), Error> {
    let program = session.catalogue().program(provider, session.environment(), session.root())?;
    Ok((program, Arc::new(place.wait(progress).await?)))
}

/// The understudy is no process: it reads what was packed and answers at once.
fn understudy_answers(prepared: &Prepared) -> Attempted {
    let form = understudy::Form::of(prepared.schema.as_ref().map(|(name, _)| *name), prepared.stage);
    let text = understudy::answer(&prepared.prompt, form);
    let structured = serde_json::from_str(&text).ok();
    let model = Some(understudy::MODEL.to_owned());
    Attempted::answered(Answer { text, structured, model, ..Answer::default() })
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The version of a provider's CLI, where its flags depend on it, within the time of the call.
async fn version_for(
    session: &Session,
    provider: &Provider,
    program: &std::path::Path,
    left: Duration,
) -> Result<Option<crate::provider::version::Version>, Error> {
    if provider.adapter.needs_version() {
        // Most of the time is the answer's, also where the CLI does not tell.
        let limit = (left / 4).max(Duration::from_secs(1)).min(left).min(providers::PATIENCE);
        providers::version(session, provider, program, limit).await
    } else {
        Ok(None)
    }
}

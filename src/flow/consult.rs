//! One question to one consultant, from its prompt to its recorded answer.

mod attempt;
mod prepare;
mod reply;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Instrument as _;

use super::account::{Account, Reservation, reserve};
use super::breaker::{Bench, Permission, Ready, StoodIn, ready, refusal_now};
use super::kit::Kit;
use super::off_thread::off_thread;
use super::pack::still_there;
use super::progress::Progress;
use super::scope::Scope;
use super::slots::Place;
use super::thread::converse;
use crate::domain::answer::document;
use crate::domain::change::Mark;
use crate::domain::size::MOST_ANSWER;
use crate::domain::track_record::Work;
use crate::error::Error;
use crate::provider::Answer;
use crate::provider::catalogue::Provider;
use crate::provider::choice::Choice;

use attempt::{begin, not_begun};
use prepare::prepare_in;
pub use prepare::{Layout, Prepared, Question, prepare, prepare_as};
pub use reply::{Consulted, ContextNote, schema_errors};

/// Conversation that a consult belongs to.
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
    kit: &Kit,
    provider: Option<&str>,
    question: Question,
    thread: InThread,
    progress: &Progress,
) -> Result<Consulted, Error> {
    kit.configuration.check()?;
    let place = kit.processes.slots().place()?;
    let Account { run, stage, purpose, .. } = question.account;
    let account = Account::of(kit, run, stage, purpose).await?;
    consult_from(kit, provider, Question { account, ..question }, thread, place, progress).await
}

/// The same on no account.
///
/// # Errors
///
/// As of [`consult_in_run`].
pub async fn consult(
    kit: &Kit,
    provider: Option<&str>,
    question: Question,
    thread: InThread,
    progress: &Progress,
) -> Result<Consulted, Error> {
    kit.configuration.check()?;
    let place = kit.processes.slots().place()?;
    consult_from(kit, provider, question, thread, place, progress).await
}

async fn consult_from(
    kit: &Kit,
    provider: Option<&str>,
    mut question: Question,
    thread: InThread,
    place: Place,
    progress: &Progress,
) -> Result<Consulted, Error> {
    // A provider that does not exist is a mistake in the arguments: it is refused before any work.
    if let Some(named) = provider {
        kit.configuration.catalogue().get(named)?;
    }
    let named = match thread {
        InThread::New => None,
        InThread::Of(id) => Some(id),
    };
    let conversation = converse(kit, named).await?;
    if question.context.files.is_empty() && !conversation.files.is_empty() {
        // A consultant keeps nothing: what the talk is about goes along again, as it is now.
        question.context.files = still_there(kit, conversation.files.clone()).await?;
    }
    let ready = ready(kit, Work::at(question.account.stage.or(question.context.stage))).await;
    let provider = match provider {
        Some(named) => named.to_owned(),
        None => asked_next(&ready, kit, conversation.last_provider.as_deref())?,
    };
    let prepared = prepare_in(kit, question, Layout::Plain, Some(conversation)).await?;
    let bench = Bench::new(Permission::Fallback, std::slice::from_ref(&provider), Vec::new());
    let reservation = reserve_one(kit, &prepared, &provider).await?;
    let reply =
        ask_or_stand_in(kit, &provider, &prepared, Turn { place, reservation }, &bench, progress).await;
    let kit = kit.clone();
    off_thread(move || reply.cited(&kit).cut_to(&kit, MOST_ANSWER)).await
}

/// Returns the provider of a call that names none: the last one of the conversation, while it can be
/// asked; else the first who can.
fn asked_next(ready: &Ready, kit: &Kit, last: Option<&str>) -> Result<String, Error> {
    let is_well = |name: &&String| {
        kit.configuration.config().problems_for(name).is_empty() && !kit.log.ledger().refused(name)
    };
    let last = ready.names.iter().filter(|name| last == Some(name.as_str())).find(is_well);
    last.or(ready.names.first()).cloned().ok_or(Error::NoProvider)
}

/// Asks one provider; if it cannot answer for reasons of its own, a permitted stand-in, with its
/// own model and no harder. Where nobody can, the first refusal stands.
pub(crate) async fn ask_or_stand_in(
    kit: &Kit,
    name: &str,
    prepared: &Arc<Prepared>,
    turn: Turn,
    bench: &Bench,
    progress: &Progress,
) -> Consulted {
    let first = ask(kit, name, prepared, turn, progress).await;
    let Some(cause) = first.cause.clone().filter(Error::is_refusal) else { return first };
    let own = prepared.with_own_model();
    let mut consults = first.consults;
    let mut refused = Vec::new();
    while let Some(next) = bench.next_for(kit, name).await {
        progress.say(&format!("{name}: {}; asking {next} instead", cause.code()));
        let Ok(place) = kit.processes.slots().place() else { break };
        let reservation = match reserve_one(kit, &own, &next).await {
            Ok(reservation) => reservation,
            Err(error) => {
                tracing::info!(outcome = error.code(), "nobody else is asked");
                break;
            }
        };
        let mut reply = ask(kit, &next, &own, Turn { place, reservation }, progress).await;
        consults += reply.consults;
        if let Some(other) = reply.cause.as_ref().filter(|other| other.is_refusal()) {
            refused.push((next, other.code()));
            continue;
        }
        reply.consults = consults;
        reply.stood_in = Some(StoodIn::of(kit, name, &next, &cause));
        return reply;
    }
    let mut first = Consulted { consults, ..first };
    // A provider that was tried in vain is not suggested.
    if let Some(Error::Cli { others, .. }) = &mut first.cause {
        others.retain(|other| !refused.iter().any(|(next, _)| next == other));
    }
    first.failure = first.cause.as_ref().map(Error::note);
    for (next, code) in refused {
        first.told.warn(&format!("{next} could not answer in its place ({code})"));
    }
    first
}

/// Places that a consult needs before it may start: one in the line, one in the budget.
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
    kit: &Kit,
    prepared: &Prepared,
    provider: &str,
) -> Result<Reservation, Error> {
    reserve_on(kit, prepared.account(), prepared, provider).await
}

/// The same on another account than the question's own.
///
/// # Errors
///
/// As of [`reserve`].
pub(crate) async fn reserve_on(
    kit: &Kit,
    account: &Account,
    prepared: &Prepared,
    provider: &str,
) -> Result<Reservation, Error> {
    let made = reserve(kit, account, &prepared.asked(), &[provider.to_owned()]).await?;
    made.into_iter().next().ok_or_else(|| Error::Internal("nothing was reserved".to_owned()))
}

/// Asks one provider a question that is ready. The answer is as long as the provider made it.
pub async fn ask(
    kit: &Kit,
    name: &str,
    prepared: &Arc<Prepared>,
    turn: Turn,
    progress: &Progress,
) -> Consulted {
    let started = Instant::now();
    let reply = match looked_up(kit, name, prepared).await {
        Err(error) => Consulted::refused(name, prepared.options.model.clone(), not_begun(error)),
        Ok(ControlFlow::Break(reply)) => reply,
        Ok(ControlFlow::Continue((provider, choice))) => {
            let (n, model) = (kit.log.ledger().number(), &choice.model);
            let span = tracing::info_span!("consult", n, provider = %name, model);
            begin(kit, &provider, &choice, prepared, turn, progress).instrument(span).await
        }
    };
    Consulted { elapsed_ms: milliseconds(started.elapsed()), ..reply }
}

/// Looks up how a provider is asked, or the reply for which it need not be: an answer to this very question
/// that arrived in a job whose server is gone, or a limit that is spent.
async fn looked_up(
    kit: &Kit,
    name: &str,
    prepared: &Arc<Prepared>,
) -> Result<ControlFlow<Consulted, (Provider, Choice)>, Error> {
    let provider = kit.configuration.catalogue().get(name)?.clone();
    let scope = Scope::current();
    let (kit, prepared) = (kit.clone(), Arc::clone(prepared));
    off_thread(move || {
        // It is paid for: the reservation is given back.
        let arrived = scope.as_ref().filter(|scope| scope.has_arrived());
        if let Some(reply) = arrived.and_then(|scope| arrived_in(scope, &provider.name, &prepared)) {
            return ControlFlow::Break(reply.finish(&prepared));
        }
        let options = &prepared.options;
        let is_asked_anyway = scope.is_some_and(|scope| scope.asks_spent());
        if let Some(refusal) = (!is_asked_anyway).then(|| refusal_now(&kit, &provider.name)).flatten() {
            let model = options.model.clone();
            return ControlFlow::Break(Consulted::refused(&provider.name, model, not_begun(refusal)));
        }
        let choice = Choice::of(&provider, kit.configuration.environment(), options);
        ControlFlow::Continue((provider, choice))
    })
    .await
}

fn arrived_in(scope: &Scope, provider: &str, prepared: &Prepared) -> Option<Consulted> {
    let arrived = scope.take_arrived(provider, &Mark::of(prepared.prompt.as_bytes()).sha256)?;
    let has_schema = prepared.schema.is_some();
    let answer = Answer {
        structured: has_schema.then(|| document(&arrived.text).ok()).flatten().map(|found| found.value),
        text: arrived.text.clone(),
        model: Some(arrived.model).filter(|model| !model.is_empty()),
        ..Answer::default()
    };
    let mut reply = Consulted {
        consult: arrived.consult,
        masked_answer: Some(arrived.text),
        kept_in: arrived.thread,
        ..Consulted::answered(provider, answer)
    };
    reply.told.warn("taken from the log: it arrived before its server ended, and was not asked for again");
    Some(reply)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

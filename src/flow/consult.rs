//! One question to one consultant, from its prompt to its recorded answer.

mod attempt;
mod prepare;
mod reply;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Instrument as _;

use super::account::{Account, Reservation, reserve};
use super::breaker::{Bench, Permission, Ready, StoodIn, ready, refusal_now};
use super::kit::Kit;
use super::off_thread::off_thread_with;
use super::pack::still_there;
use super::progress::Progress;
use super::scope::Scope;
use super::slots::Place;
use super::thread::converse;
use crate::domain::answer::document;
use crate::domain::change::Mark;
use crate::domain::track_record::Work;
use crate::error::Error;
use crate::provider::Answer;
use crate::provider::catalogue::Provider;
use crate::provider::choice::Choice;

use attempt::{begin, not_begun};
pub use prepare::{Layout, Prepared, Question, prepare};
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

/// Asks one provider one question, on the account of the run that it names or whose stage is under way,
/// if there is one. The place in the line is taken before the log is looked at, so that calls wait in the
/// order in which they came.
///
/// Work changes threads three times: what comes before the CLI starts, its start, and what comes after
/// its end.
///
/// # Errors
///
/// There is no such provider or thread, the question cannot be prepared, or the log of a run that this
/// server works on cannot be read. That a provider fails is no error: its reply says so.
pub async fn consult(
    kit: &Kit,
    provider: Option<&str>,
    question: Question,
    thread: InThread,
    progress: &Progress,
) -> Result<Consulted, Error> {
    kit.config.check()?;
    let place = kit.processes.slots().place()?;
    let (named, scope) = (provider.map(str::to_owned), Scope::current());
    let ready =
        off_thread_with(kit, move |kit| get_ready(kit, named.as_deref(), question, thread, scope.as_ref()));
    let Asking { provider, prepared, reservation, found } = ready.await?;
    let bench = Bench::new(Permission::Fallback, std::slice::from_ref(&provider), Vec::new());
    let turn = Turn { place, reservation };
    let first = go_on(kit, &provider, &prepared, found, turn, progress).await;
    Ok(or_stand_in(kit, &provider, &prepared, first, &bench, progress).await)
}

/// A question and the provider that gets it.
struct Asking {
    provider: String,
    prepared: Arc<Prepared>,
    reservation: Reservation,
    found: Found,
}

/// All that comes before a CLI starts. Blocks.
fn get_ready(
    kit: &Kit,
    provider: Option<&str>,
    mut question: Question,
    thread: InThread,
    scope: Option<&Scope>,
) -> Result<Asking, Error> {
    let Account { run, stage, purpose, .. } = question.account;
    question.account = Account::of(&kit.log, run.as_deref(), stage, purpose)?;
    // A provider that does not exist is a mistake in the arguments: it is refused before any work.
    if let Some(named) = provider {
        kit.config.catalogue().get(named)?;
    }
    let named = match thread {
        InThread::New => None,
        InThread::Of(id) => Some(id),
    };
    let conversation = converse(&kit.log, named)?;
    if question.context.files.is_empty() && !conversation.files.is_empty() {
        // A consultant keeps nothing: what the talk is about goes along again, as it is now.
        question.context.files = still_there(&kit.project, conversation.files.clone())?;
    }
    let provider = match provider {
        Some(named) => named.to_owned(),
        None => {
            let work = Work::at(question.account.stage.or(question.context.stage));
            asked_next(&ready(kit, work), kit, conversation.last_provider.as_deref())?
        }
    };
    let prepared = prepare(kit, question, Layout::Plain, Some(conversation))?;
    let reservation = reserve_one(kit, prepared.account(), &prepared, &provider)?;
    let found = look_up(kit, &provider, &prepared, scope);
    Ok(Asking { provider, prepared, reservation, found })
}

/// Returns the provider of a call that names none: the last one of the conversation, while it can be
/// asked; else the first who can.
fn asked_next(ready: &Ready, kit: &Kit, last: Option<&str>) -> Result<String, Error> {
    let is_well =
        |name: &&String| kit.config.loaded().problems_for(name).is_empty() && !kit.log.ledger().refused(name);
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
    or_stand_in(kit, name, prepared, first, bench, progress).await
}

async fn or_stand_in(
    kit: &Kit,
    name: &str,
    prepared: &Arc<Prepared>,
    first: Consulted,
    bench: &Bench,
    progress: &Progress,
) -> Consulted {
    let Some(cause) = first.cause.clone().filter(Error::is_refusal) else { return first };
    let own = prepared.with_own_model();
    let mut consults = first.consults;
    let mut refused = Vec::new();
    while let Some(next) = bench.next_for(kit, name).await {
        progress.say(&format!("{name}: {}; asking {next} instead", cause.code()));
        let Ok(place) = kit.processes.slots().place() else { break };
        let (asked, named) = (Arc::clone(&own), next.clone());
        let reserved = off_thread_with(kit, move |kit| reserve_one(kit, asked.account(), &asked, &named));
        let reservation = match reserved.await {
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
        reply.stood_in = Some(StoodIn::of(&kit.config, name, &next, &cause));
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

/// Reserves a consult with one provider. Blocks.
///
/// # Errors
///
/// As of [`reserve`].
pub(crate) fn reserve_one(
    kit: &Kit,
    account: &Account,
    prepared: &Prepared,
    provider: &str,
) -> Result<Reservation, Error> {
    let made = reserve(kit, account, &prepared.asked(), &[provider.to_owned()])?;
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
    let (scope, shared, named) = (Scope::current(), Arc::clone(prepared), name.to_owned());
    let found = off_thread_with(kit, move |kit| Ok(look_up(kit, &named, &shared, scope.as_ref())));
    let found = found.await.unwrap_or_else(|error| Found::refused(name, prepared, error));
    go_on(kit, name, prepared, found, turn, progress).await
}

async fn go_on(
    kit: &Kit,
    name: &str,
    prepared: &Arc<Prepared>,
    found: Found,
    turn: Turn,
    progress: &Progress,
) -> Consulted {
    let started = Instant::now();
    let reply = match found {
        Found::Reply(reply) => *reply,
        Found::Way(provider, choice) => {
            let (n, model) = (kit.log.ledger().number(), choice.model.as_deref());
            let span = tracing::info_span!("consult", n, provider = %name, model);
            begin(kit, *provider, choice, prepared, turn, progress).instrument(span).await
        }
    };
    Consulted { elapsed_ms: milliseconds(started.elapsed()), ..reply }
}

/// How a provider is asked, or why it need not be.
enum Found {
    Way(Box<Provider>, Choice),
    /// An answer to this very question that arrived in a job whose server is gone, or a refusal.
    Reply(Box<Consulted>),
}

impl Found {
    fn refused(name: &str, prepared: &Prepared, error: Error) -> Self {
        let model = prepared.options.model.clone();
        Self::Reply(Box::new(Consulted::refused(name, model, not_begun(error))))
    }
}

/// Looks up how a provider is asked. Blocks.
fn look_up(kit: &Kit, name: &str, prepared: &Prepared, scope: Option<&Scope>) -> Found {
    let provider = match kit.config.catalogue().get(name) {
        Ok(provider) => provider.clone(),
        Err(error) => return Found::refused(name, prepared, error),
    };
    // It is paid for: the reservation is given back.
    let arrived = scope.filter(|scope| scope.has_arrived());
    if let Some(reply) = arrived.and_then(|scope| arrived_in(scope, name, prepared)) {
        return Found::Reply(Box::new(reply.finish(kit, prepared)));
    }
    let is_asked_anyway = scope.is_some_and(Scope::asks_spent);
    if let Some(refusal) = (!is_asked_anyway).then(|| refusal_now(&kit.config, &kit.log, name)).flatten() {
        return Found::refused(name, prepared, refusal);
    }
    let choice = Choice::of(&provider, kit.config.environment(), &prepared.options);
    Found::Way(Box::new(provider), choice)
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

//! One question to one consultant, from its prompt to its recorded answer.

mod attempt;
mod prepare;
mod reply;

use std::sync::Arc;

use super::account::Account;
use super::breaker::{Permission, StandIns, StoodIn, ready};
use super::kit::Kit;
use super::progress::Progress;
use super::scope::off_thread_with;
use super::thread::converse;
use crate::domain::track_record::Work;
use crate::error::Error;

pub use attempt::{Turn, ask};
pub use prepare::{Layout, Prepared, Question, prepare};
pub use reply::{Consulted, ContextNote, schema_errors};

/// Asks one provider one question. The run that the question names pays, else the run in which the question's
/// stage is running, else none. The place in the queue is taken before the log is read, so that calls wait in
/// the order of arrival.
///
/// The work uses a blocking thread three times: before the CLI starts, for its start, and after its end.
///
/// # Errors
///
/// The provider or the thread does not exist, the question cannot be prepared, the budget is too small, or
/// the log cannot be used. A failing provider is no error: its reply reports the failure.
pub async fn consult(
    kit: &Kit,
    provider: Option<String>,
    mut question: Question,
    thread: Option<String>,
    progress: &Progress,
) -> Result<Consulted, Error> {
    kit.config.check()?;
    let place = kit.processes.slots().place()?;
    // Everything before the CLI starts.
    let turn = off_thread_with(kit, move |kit| {
        let Account { run, stage, purpose, .. } = question.account;
        question.account = Account::of(&kit.log, run.as_deref(), stage, purpose)?;
        // A provider that does not exist is a mistake in the arguments: it is refused before any work.
        if let Some(named) = &provider {
            kit.config.catalogue().get(named)?;
        }
        let conversation = converse(&kit.log, thread)?;
        if question.context.files.is_empty() && !conversation.files.is_empty() {
            // A consultant remembers nothing, so the conversation's files are sent again as they are now.
            question.context.files = kit.project.reader()?.still_there(conversation.files.clone());
        }
        let provider = match provider {
            Some(named) => named,
            None => {
                let work = Work::at(question.account.stage.or(question.context.stage));
                ready(kit, work).next(conversation.last_provider.as_deref())?
            }
        };
        // The CLI's helper starts while the question is prepared. A Maestro below a consultant starts none.
        kit.processes.refuse_nested()?;
        let is_program = !kit.config.catalogue().get(&provider)?.is_understudy();
        let ahead = (is_program && place.is_first()).then(|| kit.processes.supervisor().ahead());
        let prepared = prepare(kit, question, Layout::Plain, Some(conversation))?;
        let turn = Turn::reserved(kit, &provider, &prepared, prepared.account(), place)?;
        Ok((turn, ahead))
    });
    let stand_ins = StandIns::new(Permission::Fallback, &[], Vec::new());
    let (turn, _ahead) = turn.await?;
    Ok(ask_or_stand_in(kit, turn, &stand_ins, progress).await)
}

/// Asks one provider. If it refuses for a reason of its own, asks permitted stand-ins, each with its own
/// model and the same effort. If none answers, the reply is the first refusal.
pub(crate) async fn ask_or_stand_in(
    kit: &Kit,
    turn: Turn,
    stand_ins: &StandIns,
    progress: &Progress,
) -> Consulted {
    let prepared = Arc::clone(&turn.prepared);
    let first = ask(turn, progress).await;
    let Some(cause) = first.cause.clone().filter(Error::is_refusal) else { return first };
    let (name, own) = (first.provider.as_str(), prepared.with_own_model());
    let mut consults = first.consults;
    let mut refused = Vec::new();
    while let Some(next) = stand_ins.next_for(kit, name).await {
        progress.say(&format!("{name}: {}; asking {next} instead", cause.code()));
        let Ok(place) = kit.processes.slots().place() else { break };
        let (asked, named) = (Arc::clone(&own), next.clone());
        let reserve = move |kit: &Kit| Turn::reserved(kit, &named, &asked, asked.account(), place);
        let turn = match off_thread_with(kit, reserve).await {
            Ok(turn) => turn,
            Err(error) => {
                tracing::info!(outcome = error.code(), "nobody else is asked");
                break;
            }
        };
        let mut reply = ask(turn, progress).await;
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

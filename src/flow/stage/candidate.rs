//! One candidate of a stage: asked, judged, sampled again once where it was discarded, recorded.

use std::sync::Arc;

use super::begin::Task;
use crate::domain::citations::Citation;
use crate::domain::event::Draft;
use crate::domain::event::consult::Purpose;
use crate::domain::event::stage::{Answered, Candidate};
use crate::domain::redflag::Reason;
use crate::domain::size::MOST_ANSWER;
use crate::error::Error;
use crate::flow::account::Account;
use crate::flow::consult::{Consulted, Prepared, Turn, ask_or_stand_in, reserve_on};
use crate::flow::journal::new_id;
use crate::flow::off_thread::off_thread;
use crate::flow::progress::Progress;
use crate::flow::session::Session;

/// A candidate to be asked.
pub(super) struct Seat<'a> {
    pub(super) id: String,
    pub(super) provider: String,
    pub(super) task: &'a Task,
    pub(super) prepared: &'a Arc<Prepared>,
}

/// Way in which a candidate ended, and with its candidates the work on a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its answer, or its failure, is in the log.
    Answered,
    /// The server ends.
    CutShort,
}

pub(super) async fn candidate(
    session: &Session,
    seat: Seat<'_>,
    progress: &Progress,
) -> Result<Ended, Error> {
    let account = seat.prepared.account();
    let reply = match asked(session, &seat, &seat.provider, account, progress).await {
        // Without budget this candidate is not asked; the others may answer.
        Err(error) if error.is_out_of_budget() || matches!(error, Error::Busy(_)) => {
            Consulted::refused(&seat.provider, None, error)
        }
        reply => reply?,
    };
    if matches!(reply.cause, Some(Error::ShuttingDown | Error::Cancelled)) {
        return Ok(Ended::CutShort);
    }
    let provider = reply.provider.clone();
    let first = judged(session, reply, &seat.id).await?;
    let was_discarded = first.error.is_none() && !first.ok;
    record(session, &seat, first).await?;
    if !was_discarded {
        return Ok(Ended::Answered);
    }
    progress.say("discarded by the rules; asking once more");
    resample(session, &seat, &provider, progress).await
}

/// The reply of a provider, or of its stand-in.
async fn asked(
    session: &Session,
    seat: &Seat<'_>,
    provider: &str,
    account: &Account,
    progress: &Progress,
) -> Result<Consulted, Error> {
    let place = session.slots().place()?;
    let reservation = reserve_on(session, account, seat.prepared, provider).await?;
    let (turn, bench) = (Turn { place, reservation }, &seat.task.bench);
    Ok(ask_or_stand_in(session, provider, seat.prepared, turn, bench, progress).await)
}

/// Once more, where the budget of the run allows it.
async fn resample(
    session: &Session,
    seat: &Seat<'_>,
    provider: &str,
    progress: &Progress,
) -> Result<Ended, Error> {
    let account = Account { purpose: Purpose::Resample, ..seat.prepared.account().clone() };
    let reply = match asked(session, seat, provider, &account, progress).await {
        Ok(reply) => reply,
        Err(error) if error.is_out_of_budget() => {
            progress.say(&format!("not asked again: {error}"));
            return Ok(Ended::Answered);
        }
        Err(error) => return Err(error),
    };
    if matches!(reply.cause, Some(Error::ShuttingDown | Error::Cancelled)) {
        // The discarded answer is in the log; the stage ends with it.
        return Ok(Ended::Answered);
    }
    let again = judged(session, reply, &Candidate::again(&seat.id)).await?;
    record(session, seat, Candidate { resample: true, ..again }).await?;
    Ok(Ended::Answered)
}

/// Returns what an answer counts for: what does not fit the schema, or shows a red flag, is discarded.
async fn judged(session: &Session, reply: Consulted, id: &str) -> Result<Candidate, Error> {
    let red_flags = session.red_flags()?;
    let (session, id) = (session.clone(), id.to_owned());
    off_thread(move || {
        let masker = session.masker()?;
        let mask = |text: &str| masker.mask(text).text.into_owned();
        let answered = reply.cause.is_none();
        let reasons: Vec<String> = if answered {
            red_flags.verdict(&reply.content).reasons().iter().map(Reason::in_words).collect()
        } else {
            Vec::new()
        };
        let structured = reply.structured.clone().map(|value| masker.mask_value(value));
        let fits = answered && reply.schema_errors.is_empty() && reasons.is_empty();
        let reply = reply.cited(&session).cut_to(&session, MOST_ANSWER);
        let citations = reply.citations.map(|all| masked(all, &mask));
        let failure = reply.failure;
        Ok(Candidate {
            id,
            ok: fits,
            provider: reply.provider.clone(),
            model: reply.model.unwrap_or_default(),
            told: reply.told,
            content: mask(&reply.content),
            content_file: reply.content_file,
            structured,
            elapsed_ms: reply.elapsed_ms,
            red_flags: reasons,
            schema_errors: reply.schema_errors.iter().map(|error| mask(error)).collect(),
            consults: reply.consults,
            resample: false,
            error: failure.as_ref().map(|failure| failure.error.clone()),
            code: failure.as_ref().map(|failure| failure.code.to_owned()),
            retryable: failure.as_ref().is_some_and(|failure| failure.retryable),
            resets_at: failure.as_ref().and_then(|failure| failure.resets_at.clone()),
            hint: failure.map(|failure| failure.hint),
            sandbox: reply.sandbox,
            note: reply
                .stood_in
                .map(|stood_in| stood_in.refused_first(&reply.provider))
                .into_iter()
                .chain(reply.note.map(str::to_owned))
                .reduce(|all, note| format!("{all}; {note}")),
            citations,
        })
    })
    .await?
}

/// Citations as the log keeps them.
fn masked(all: Vec<Citation>, mask: &impl Fn(&str) -> String) -> Vec<Citation> {
    all.into_iter()
        .map(|one| Citation { cited: mask(&one.cited), quote: one.quote.as_deref().map(mask), ..one })
        .collect()
}

async fn record(session: &Session, seat: &Seat<'_>, candidate: Candidate) -> Result<(), Error> {
    let attempt = &seat.task.attempt;
    let body = Answered { attempt: attempt.id.clone(), stage: attempt.stage, candidate };
    let draft = Draft::new(new_id(), body).on([attempt.id.clone()]);
    session.journal_of(&seat.task.run).record(&seat.task.run, vec![draft]).await
}

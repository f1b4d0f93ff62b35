//! Recording a call however it ends, also by nobody waiting for it any more.

use std::sync::Arc;
use std::time::Instant;

use super::{Consulted, Prepared, milliseconds};
use crate::domain::event::consult::ConsultSettled;
use crate::domain::plain::plain;
use crate::domain::served::ModelNote;
use crate::domain::stage::Stage;
use crate::error::Error;
use crate::flow::account::{Account, Reservation, Took, kept};
use crate::flow::off_thread::off_thread;
use crate::flow::session::Session;

/// A call that has begun. Dropped before its end, it is recorded as cancelled.
pub(super) struct Recording {
    provider: String,
    model: Option<String>,
    begun: Instant,
    reservation: Option<Reservation>,
}

impl Recording {
    pub(super) fn begin(provider: &str, model: Option<&str>, reservation: Reservation) -> Self {
        let Account { run, stage, purpose, .. } = reservation.account();
        tracing::info!(
            purpose = purpose.name(),
            stage = stage.map(Stage::name),
            run = run.as_deref(),
            "consult started"
        );
        let (provider, model) = (provider.to_owned(), model.map(str::to_owned));
        Self { provider, model, begun: Instant::now(), reservation: Some(reservation) }
    }

    /// Records the end and finishes the reply. The answer is masked once, for the log and for whoever keeps
    /// it. A log that cannot be written does not take the answer from the caller.
    pub(super) async fn end(
        mut self,
        session: &Session,
        prepared: &Arc<Prepared>,
        mut reply: Consulted,
    ) -> Consulted {
        let Some(mut reservation) = self.reservation.take() else { return reply };
        let refused = reply.cause.as_ref().is_some_and(|error| error.is_refusal() && !error.retryable());
        session.ledger().note(&self.provider, refused);
        // What a CLI notes may repeat what it was given.
        let mask = |said: String| prepared.masker.mask(&plain(&said)).text.into_owned();
        reply.told.warning = reply.told.warning.take().map(mask);
        let settled = self.settled(&reservation, Some(&reply));
        let (saving, shared) = (session.config().settings.tracing.clone(), Arc::clone(prepared));
        let ended = off_thread(move || {
            let masked = reply.ok.then(|| shared.masker.mask(&reply.content).text.into_owned());
            // A conversation goes on from its texts: where they are not kept, there is none.
            let turn = shared
                .turn
                .as_ref()
                .filter(|_| masked.is_some() && saving.save_prompts && saving.save_responses);
            let turn = turn.map(|(turn, ..)| turn.clone());
            let thread = turn.as_ref().map(|turn| turn.thread.clone());
            let settled = ConsultSettled {
                prompt: Some(kept(&shared.prompt, saving.save_prompts)),
                response: masked.as_deref().map(|answer| kept(answer, saving.save_responses)),
                turn,
                ..settled
            };
            match reservation.settle(reply.consult.clone(), settled) {
                Ok(is_kept) => reply.kept_in = thread.filter(|_| is_kept),
                Err(error) => tracing::warn!(%error, "a consult is not in the log"),
            }
            reply.masked_answer = masked;
            reply.finish(&shared)
        });
        ended.await.unwrap_or_else(|error| Consulted::refused(&self.provider, self.model.clone(), error))
    }

    /// Event of the end; without a reply the consult was cancelled.
    fn settled(&self, reservation: &Reservation, reply: Option<&Consulted>) -> ConsultSettled {
        let usage = reply.map(|reply| reply.usage).unwrap_or_default();
        let cause = reply.map_or(Some(&Error::Cancelled), |reply| reply.cause.as_ref());
        let code = cause.map(Error::code);
        let elapsed_ms = milliseconds(self.begun.elapsed());
        let attempts = reply.map_or(1, |reply| reply.attempts);
        let asked = || ModelNote { model_asked: self.model.clone(), ..ModelNote::default() };
        let told = reply.map_or_else(asked, |reply| reply.told.clone());
        tracing::info!(
            outcome = code.unwrap_or("ok"),
            elapsed_ms,
            retries = attempts.saturating_sub(1),
            exit_code = reply.and_then(|reply| reply.exit_code).filter(|code| *code != 0),
            served = reply.and_then(|reply| reply.model.as_deref()),
            effort = reply.and(told.effort.as_deref()),
            warning = told.warning.as_deref(),
            input_tokens = usage.input_tokens,
            output_tokens = usage.output_tokens,
            "consult ended"
        );
        ConsultSettled {
            reservation: String::new(),
            stage: reservation.account().stage,
            purpose: reservation.account().purpose,
            provider: self.provider.clone(),
            model: reply.map_or(&self.model, |reply| &reply.model).clone().unwrap_or_default(),
            told,
            code: code.map(str::to_owned),
            resets_at: cause.and_then(|cause| cause.note().resets_at),
            elapsed_ms,
            attempts,
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cost_usd: usage.cost_usd,
            estimate: Some(reservation.estimate(took(reply))),
            prompt: None,
            response: None,
            turn: None,
        }
    }
}

/// Known and estimated tokens of a call.
fn took(reply: Option<&Consulted>) -> Took {
    match reply {
        None => Took::Unknown,
        Some(Consulted { cause: Some(error), .. }) if error.may_have_cost() => Took::Unknown,
        Some(Consulted { cause: Some(_), .. }) => Took::Nothing,
        Some(reply) if reply.usage.input_tokens.is_some() && reply.usage.output_tokens.is_some() => {
            Took::Told
        }
        Some(reply) => Took::Answered(reply.content.len()),
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(mut reservation) = self.reservation.take() {
            let settled = self.settled(&reservation, None);
            if let Err(error) = reservation.settle(String::new(), settled) {
                tracing::warn!(%error, "a cancelled consult is not in the log");
            }
        }
    }
}

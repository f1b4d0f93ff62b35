//! Recording a call however it ends, also by nobody waiting for it any more.

use std::sync::Arc;
use std::time::Instant;

use super::{Attempted, Prepared, milliseconds};
use crate::domain::event::consult::ConsultSettled;
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

    /// Records the end, and leaves the masked answer with the call, so that it is masked once. A log
    /// that cannot be written does not take the answer from the caller.
    pub(super) async fn end(
        mut self,
        session: &Session,
        prepared: &Arc<Prepared>,
        attempted: &mut Attempted,
    ) {
        let Some(reservation) = self.reservation.take() else { return };
        let refused =
            attempted.result.as_ref().err().is_some_and(|error| error.is_refusal() && !error.retryable());
        session.ledger().note(&self.provider, refused);
        let settled = self.settled(&reservation, Some(attempted));
        let (saving, shared) = (session.config().settings.tracing.clone(), Arc::clone(prepared));
        let answer = attempted.result.as_ref().ok().map(|answer| answer.text.clone());
        let settled = off_thread(move || {
            let masked = answer.map(|answer| shared.masker.mask(&answer).text.into_owned());
            let settled = ConsultSettled {
                prompt: Some(kept(&shared.prompt, saving.save_prompts)),
                response: masked.as_deref().map(|answer| kept(answer, saving.save_responses)),
                // A conversation goes on from its texts: where they are not kept, there is none.
                turn: shared
                    .turn
                    .as_ref()
                    .filter(|_| masked.is_some() && saving.save_prompts && saving.save_responses)
                    .map(|(turn, ..)| turn.clone()),
                ..settled
            };
            (settled, masked)
        })
        .await;
        let recorded = match settled {
            Ok((settled, masked)) => {
                attempted.masked = masked;
                let thread = settled.turn.as_ref().map(|turn| turn.thread.clone());
                let recorded = reservation.settle(attempted.id.clone(), settled).await;
                attempted.kept_in = thread.filter(|_| matches!(recorded, Ok(true)));
                recorded.map(drop)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            tracing::warn!(%error, "a consult is not in the log");
        }
    }

    fn settled(&self, reservation: &Reservation, attempted: Option<&Attempted>) -> ConsultSettled {
        let usage = attempted.map(Attempted::usage).unwrap_or_default();
        let code = match attempted {
            Some(attempted) => attempted.result.as_ref().err().map(Error::code),
            None => Some(Error::Cancelled.code()),
        };
        let resets_at = attempted.and_then(|attempted| attempted.result.as_ref().err()?.note().resets_at);
        let elapsed_ms = milliseconds(self.begun.elapsed());
        let attempts = attempted.map_or(1, |attempted| attempted.attempts);
        tracing::info!(
            outcome = code.unwrap_or("ok"),
            elapsed_ms,
            retries = attempts.saturating_sub(1),
            exit_code = attempted.and_then(|attempted| attempted.exit_code).filter(|code| *code != 0),
            served = attempted.and_then(|attempted| attempted.model.as_deref()),
            effort = attempted.and_then(|attempted| attempted.note.effort.as_deref()),
            warning = attempted.and_then(|attempted| attempted.note.warning.as_deref()),
            input_tokens = usage.input_tokens,
            output_tokens = usage.output_tokens,
            "consult ended"
        );
        ConsultSettled {
            reservation: String::new(),
            stage: reservation.account().stage,
            purpose: reservation.account().purpose,
            provider: self.provider.clone(),
            model: attempted
                .map_or_else(|| self.model.clone(), |attempted| attempted.model.clone())
                .unwrap_or_default(),
            told: attempted.map_or_else(
                || ModelNote { model_asked: self.model.clone(), ..ModelNote::default() },
                |attempted| attempted.note.clone(),
            ),
            code: code.map(str::to_owned),
            resets_at,
            elapsed_ms,
            attempts,
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cost_usd: usage.cost_usd,
            estimate: Some(reservation.estimate(took(attempted))),
            prompt: None,
            response: None,
            turn: None,
        }
    }
}

/// Known and estimated tokens of a call.
fn took(attempted: Option<&Attempted>) -> Took {
    match attempted.map(|attempted| &attempted.result) {
        Some(Ok(answer)) if answer.usage.input_tokens.is_some() && answer.usage.output_tokens.is_some() => {
            Took::Told
        }
        Some(Ok(answer)) => Took::Answered(answer.text.len()),
        Some(Err(error)) if !error.may_have_cost() => Took::Nothing,
        Some(Err(_)) | None => Took::Unknown,
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(mut reservation) = self.reservation.take() {
            let settled = self.settled(&reservation, None);
            if let Err(error) = reservation.settle_now(String::new(), settled) {
                tracing::warn!(%error, "a cancelled consult is not in the log");
            }
        }
    }
}

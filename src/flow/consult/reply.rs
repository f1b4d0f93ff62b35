//! Reply to a consult, as its caller sees it.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use serde_with::skip_serializing_none;

use super::Prepared;
use crate::domain::answer::{Unreadable, document};
use crate::domain::breaker::names_model;
use crate::domain::citations::Citation;
use crate::domain::consultant::without_foreign;
use crate::domain::cut::tail;
use crate::domain::event::consult::ConsultSettled;
use crate::domain::mask::Masker;
use crate::domain::pack::{Omission, PackedFile};
use crate::domain::plain::plain;
use crate::domain::served::{ModelNote, means};
use crate::domain::size::{MOST_ANSWER, cut_at, weight, weight_of};
use crate::domain::stage::Stage;
use crate::domain::thread::Replayed;
use crate::error::{Error, ErrorNote};
use crate::flow::account::{Account, Reservation, TokenSource, kept};
use crate::flow::breaker::StoodIn;
use crate::flow::citations::citations;
use crate::flow::configuration::Configuration;
use crate::flow::kit::Kit;
use crate::flow::pack::PackedContext;
use crate::flow::project_files::ProjectFiles;
use crate::flow::scope::{beside, off_thread_with};
use crate::flow::thread::{ANSWER_LABEL, number_of};
use crate::flow::time::milliseconds;
use crate::host::answers::Answers;
use crate::provider::effort::PassedEffort;
use crate::provider::{Answer, Usage};

/// Note on an answer that came with the model's reasoning.
const REASONED: &str = "the answer came with a block of reasoning, which was removed";

/// Bytes of an answer whose reply is completed on another thread while this one records it.
const LONG_ANSWER: usize = 8 * 1024;

/// Characters of stderr that a result shows.
const MOST_STDERR: usize = 2_000;

/// The reply to a question, failed or not. [`Consulted::answered`] and [`Consulted::refused`] make it from a
/// provider's result, and [`Consulted::finish`] completes it for the caller.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct Consulted {
    pub ok: bool,
    /// Context that went with the question, and the parts left out. It comes first, because a reader must
    /// know it.
    pub context: Option<ContextNote>,
    pub provider: String,
    /// The model that answered, else the requested one; `None` if neither is known.
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
    /// The address of that file as a resource.
    pub resource: Option<String>,
    /// The places that the answer names, each checked against the files; `None` without an answer.
    pub citations: Option<Vec<Citation>>,
    /// The answer as JSON, if a schema was requested and the answer could be parsed.
    pub structured: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schema_errors: Vec<String>,
    /// The provider that this answer stands in for, and the reason.
    #[serde(rename = "stood_in_for")]
    pub stood_in: Option<StoodIn>,
    /// Its place in a conversation.
    #[serde(flatten)]
    #[serialize_always]
    pub turn: Option<TurnNote>,
    #[serde(skip_serializing_if = "Usage::is_empty")]
    pub usage: Usage,
    /// Milliseconds, waiting included.
    pub elapsed_ms: u64,
    /// Number of starts of the CLI, if it took more than one.
    #[serde(skip_serializing_if = "is_ordinary")]
    pub attempts: u32,
    /// The exit code, if the call failed.
    pub exit_code: Option<i32>,
    /// The sandbox that the CLI ran in.
    pub sandbox: Option<String>,
    /// The end of the CLI's stderr.
    pub stderr: String,
    /// Secrets that were masked on the way out.
    #[serde(skip_serializing_if = "is_none_masked")]
    pub masked: usize,
    /// Note if the answer is not a model's, or if a part of it was removed.
    pub note: Option<&'static str>,
    #[serde(flatten)]
    #[serialize_always]
    pub failure: Option<ErrorNote>,
    /// The error itself, for callers in this process.
    #[serde(skip)]
    pub cause: Option<Error>,
    /// Number of providers that were started for it, the replaced ones included.
    #[serde(skip)]
    pub consults: u32,
    /// The id of the consult in the log; empty if it was never started.
    #[serde(skip)]
    pub consult: String,
    /// The whole answer with its secrets masked, if that was done for the log.
    #[serde(skip)]
    pub(super) masked_answer: Option<Arc<str>>,
    /// The CLI's own warnings.
    #[serde(skip)]
    pub(super) warnings: Vec<String>,
}

/// The place of an answer in a conversation.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct TurnNote {
    /// Id that continues the conversation; `None` if the log does not keep it.
    thread: Option<String>,
    /// The number of this turn.
    turn: Option<usize>,
    history: Option<Replayed>,
    /// The reason why there is no thread to continue, or why this turn is not in it.
    thread_note: Option<&'static str>,
}

impl TurnNote {
    /// The place of an answer that the log keeps as a turn of the conversation `kept_in`.
    pub(super) fn of(prepared: &Prepared, is_answered: bool, kept_in: Option<String>) -> Option<Self> {
        let (turn, number, replayed) = prepared.turn.as_ref()?;
        let (goes_on, is_kept) = (replayed.is_some(), kept_in.is_some());
        Some(Self {
            thread: kept_in.or_else(|| goes_on.then(|| turn.thread.clone())),
            turn: is_kept.then_some(*number),
            history: replayed.clone(),
            thread_note: match (is_answered, is_kept) {
                (_, true) => None,
                (true, false) => Some(NOT_KEPT),
                (false, false) => goes_on.then_some(NO_TURN),
            },
        })
    }
}

/// Note on an answer from which no conversation can continue.
const NOT_KEPT: &str = "this answer is not part of a thread: the log does not keep questions and answers here (tracing.enabled, save_prompts, save_responses), or it cannot be written";

/// Note if a thread was to be continued and no answer came.
const NO_TURN: &str = "nobody answered, so the thread is unchanged: ask again with the same thread";

#[derive(Clone, Debug, Serialize)]
pub struct ContextNote {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    omitted: Vec<Omission>,
    files: Vec<PackedFile>,
    total_chars: usize,
}

impl From<&PackedContext> for ContextNote {
    fn from(context: &PackedContext) -> Self {
        Self {
            omitted: context.omitted.clone(),
            files: context.files.clone(),
            total_chars: context.stats.total_chars,
        }
    }
}

impl ContextNote {
    /// The parts that were left out, each with the reason.
    pub fn omitted(&self) -> &[Omission] {
        &self.omitted
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_ordinary(attempts: &u32) -> bool {
    *attempts <= 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_none_masked(masked: &usize) -> bool {
    *masked == 0
}

impl Consulted {
    /// The reply of a provider that gave no answer, or was not asked.
    pub fn refused(name: &str, asked: Option<String>, error: Error) -> Self {
        Self {
            provider: name.to_owned(),
            model: asked.clone(),
            told: ModelNote { model_asked: asked, ..ModelNote::default() },
            failure: Some(error.note()),
            cause: Some(error),
            ..Self::default()
        }
    }

    /// The reply of a provider that answered.
    pub(super) fn answered(name: &str, answer: Answer) -> Self {
        Self {
            ok: true,
            provider: name.to_owned(),
            model: answer.model,
            content: answer.text,
            structured: answer.structured,
            usage: answer.usage,
            attempts: 1,
            note: answer.reasoned.then_some(REASONED),
            consult: uuid::Uuid::now_v7().to_string(),
            warnings: answer.warnings,
            ..Self::default()
        }
    }

    /// Names the model that answered: the one that the CLI reports, else the requested one. `took` returns
    /// the reason if a model does not have the effort that it was given.
    pub(super) fn name_model(
        &mut self,
        asked: Option<&str>,
        told: PassedEffort,
        took: impl Fn(&str) -> Option<String>,
    ) {
        let served = self.model.take();
        let mut note = ModelNote {
            model_asked: asked.map(str::to_owned),
            model_confirmed: served.is_some(),
            effort: told.effort,
            warning: None,
        };
        if let (Some(asked), Some(served)) = (asked, &served)
            && !means(asked, served)
        {
            note.warn(&format!("{served} answered; {asked} was asked for"));
        }
        if let Some(why) = &told.note {
            note.warn(why);
        }
        if let Some(why) = served.as_deref().filter(|_| note.effort.is_some()).and_then(took) {
            note.effort = None;
            note.warn(&why);
        }
        for own in std::mem::take(&mut self.warnings) {
            note.warn(&own);
        }
        self.model = served.or_else(|| asked.map(str::to_owned));
        self.told = note;
    }

    /// Completes the reply for its caller: checks the answer against the schema, masks the words of a failing
    /// CLI, and adds the context of the question. Blocks if it looks up places that the answer names.
    pub(super) fn finish(mut self, kit: &Kit, prepared: &Prepared) -> Self {
        let masker = &prepared.masker;
        if self.ok {
            self.content_is = Some(ANSWER_LABEL);
            self.exit_code = None;
            self.schema_errors = match (&prepared.schema, &self.structured) {
                (None, _) => Vec::new(),
                (Some((_, schema)), Some(structured)) => schema_errors(schema, Some(structured)),
                (Some(_), None) => {
                    vec![document(&self.content).err().unwrap_or(Unreadable::Nothing).to_string()]
                }
            };
        }
        self.structured = self
            .structured
            .zip(prepared.contract.as_ref())
            .map(|(answer, contract)| without_foreign(answer, contract));
        self.stderr = shown_stderr(masker, &self.stderr);
        self.context = prepared.context_note();
        self.masked = prepared.masked;
        self.failure = self.cause.as_ref().map(|error| {
            let note = error.note();
            ErrorNote { error: masker.mask(&note.error).text.into_owned(), ..note }
        });
        // A provider that was never started was not consulted.
        self.consults = u32::from(self.attempts > 0);
        if prepared.turn.is_some() {
            return self.cited(&kit.project).cut_to(&kit.config, &kit.project, MOST_ANSWER);
        }
        // The caller is a larger flow. It reads the whole answer first, and shows it beside others.
        self
    }

    /// Checks the places that the answer names against the project's files. Blocks.
    pub fn cited(mut self, project: &ProjectFiles) -> Self {
        let packed = self.context.iter().flat_map(|context| &context.files).map(|file| file.path.as_str());
        self.citations = self.ok.then(|| citations(project, &self.content, packed));
        self
    }

    /// Cuts the answer to fit into `room`, and keeps the whole answer in a file that the reply names.
    /// `structured` repeats the answer, so it is left out if there is no room for both.
    pub fn cut_to(mut self, config: &Configuration, project: &ProjectFiles, room: usize) -> Self {
        let Some(cut) = cut_at(&self.content, room) else {
            let of_data = self.structured.as_ref().map_or(0, weight_of);
            self.structured = self.structured.filter(|_| weight(&self.content) + of_data <= room);
            return self;
        };
        match self.keep(config, project) {
            Ok(path) => {
                let file = path.display().to_string();
                self.resource = Answers::address(&file).map(|address| address.to_string());
                self.content_file = Some(file);
            }
            Err(error) => tracing::warn!(%error, "a long answer could not be kept whole"),
        }
        self.content.truncate(cut);
        self.truncated = true;
        self.structured = None;
        self
    }

    /// Keeps the whole answer in a file.
    fn keep(&mut self, config: &Configuration, project: &ProjectFiles) -> Result<std::path::PathBuf, Error> {
        let whole = match self.masked_answer.take() {
            Some(masked) => masked,
            None => config.masker()?.mask(&self.content).text.into(),
        };
        project.answers().keep(&self.provider, &whole).map_err(Error::internal)
    }
}

/// The places where an answer does not fit a schema, in words.
pub fn schema_errors(schema: &Value, answer: Option<&Value>) -> Vec<String> {
    const MOST: usize = 10;
    let Some(answer) = answer else {
        return vec!["the answer is not a JSON document".to_owned()];
    };
    crate::domain::json_schema::misfits(schema, answer, MOST)
}

fn shown_stderr(masker: &Masker, stderr: &str) -> String {
    masker.mask(tail(&plain(stderr), MOST_STDERR).trim()).text.into_owned()
}

/// The record of a call that has begun. If it is dropped before the end, the call is recorded as cancelled.
pub(super) struct Recording {
    model: Option<String>,
    begun: Instant,
    reservation: Option<Reservation>,
}

impl Recording {
    pub(super) fn begin(model: Option<&str>, reservation: Reservation) -> Self {
        let Account { run, stage, purpose, .. } = reservation.account();
        tracing::info!(
            purpose = purpose.name(),
            stage = stage.map(Stage::name),
            run = run.as_deref(),
            "consult started"
        );
        let model = model.map(str::to_owned);
        Self { model, begun: Instant::now(), reservation: Some(reservation) }
    }

    /// Records the end and completes the reply. If the log cannot be written, the caller still gets the answer.
    /// Blocks.
    pub(super) fn end(mut self, kit: &Kit, prepared: &Arc<Prepared>, mut reply: Consulted) -> Consulted {
        let Some(mut reservation) = self.reservation.take() else { return reply };
        let refused = reply.cause.as_ref().is_some_and(|error| error.is_refusal() && !error.retryable());
        kit.log.ledger().note(reservation.provider(), refused);
        // A CLI's notes may repeat its prompt.
        let mask = |said: String| prepared.masker.mask(&plain(&said)).text.into_owned();
        reply.told.warning = reply.told.warning.take().map(mask);
        // Masked once, for the log and for the file that keeps the answer.
        reply.masked_answer = reply.ok.then(|| prepared.masker.mask(&reply.content).text.into());
        let mut settled = self.settled(&reservation, Some(&reply));
        let saving = &kit.config.settings().tracing;
        let (prompts, responses) = (saving.save_prompts, saving.save_responses);
        // A conversation continues from its texts: without saved texts there is none.
        let turn = prepared.turn.as_ref().filter(|_| reply.ok && prompts && responses).map(|(turn, ..)| turn);
        let thread = turn.map(|turn| turn.thread.clone());
        settled.turn = turn.cloned();
        let (id, answer, shared) = (reply.consult.clone(), reply.masked_answer.clone(), Arc::clone(prepared));
        let record = move || {
            let mut prompt = kept(&shared.prompt, prompts);
            prompt.text =
                prompt.text.filter(|text| settled.turn.as_ref().is_none_or(|turn| turn.question != *text));
            let response = answer.map(|answer| kept(&answer, responses));
            let settled = ConsultSettled { prompt: Some(prompt), response, ..settled };
            reservation.settle(id, settled).unwrap_or_else(|error| {
                tracing::warn!(%error, "a consult is not in the log");
                false
            })
        };
        let (name, model) = (reply.provider.clone(), self.model.clone());
        let is_long = reply.content.len() > LONG_ANSWER;
        let (own_kit, shared) = (kit.clone(), Arc::clone(prepared));
        let finish = move || reply.finish(&own_kit, &shared);
        // Completing a long reply takes about as long as recording it. The record does not wait.
        let (is_kept, reply) = if is_long {
            let reply = beside(finish);
            (record(), reply.join())
        } else {
            (record(), Ok(finish()))
        };
        let reply = reply.unwrap_or_else(|error| Consulted::refused(&name, model, error));
        let mut turn = TurnNote::of(prepared, reply.ok, thread.filter(|_| is_kept));
        if let Some(TurnNote { thread: Some(thread), turn: Some(number), .. }) = &mut turn {
            *number = number_of(&kit.log, thread, *number, &reply.consult);
        }
        Consulted { turn, ..reply }
    }

    pub(super) async fn end_off_thread(
        self,
        kit: &Kit,
        prepared: &Arc<Prepared>,
        reply: Consulted,
    ) -> Consulted {
        let (provider, model, shared) = (reply.provider.clone(), self.model.clone(), Arc::clone(prepared));
        let ended = off_thread_with(kit, move |kit| Ok(self.end(kit, &shared, reply)));
        ended.await.unwrap_or_else(|error| Consulted::refused(&provider, model, error))
    }

    /// The event that records the end. Without a reply the consult was cancelled.
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
            provider: reservation.provider().to_owned(),
            model: reply.map_or(&self.model, |reply| &reply.model).clone().unwrap_or_default(),
            told,
            code: code.map(str::to_owned),
            resets_at: cause.and_then(|cause| cause.note().resets_at),
            limited_model: self.model.clone().filter(|model| match cause {
                Some(Error::Cli { failure, .. }) => names_model(&failure.detail, model),
                _ => false,
            }),
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

/// Source of the token count of a call; without a reply the call was cancelled.
fn took(reply: Option<&Consulted>) -> TokenSource {
    match reply {
        None => TokenSource::Unknown,
        Some(Consulted { cause: Some(error), .. }) if error.may_have_cost() => TokenSource::Unknown,
        Some(Consulted { cause: Some(_), .. }) => TokenSource::Nothing,
        Some(reply) if reply.usage.input_tokens.is_some() && reply.usage.output_tokens.is_some() => {
            TokenSource::Told
        }
        Some(reply) => TokenSource::Answered(reply.content.len()),
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

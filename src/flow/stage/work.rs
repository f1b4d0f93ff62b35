//! Works on a stage, beside the call that asked for it.

use std::sync::Arc;

use futures_util::future::join_all;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use serde::Serialize;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use super::{StageRequest, Task, finish};
use crate::domain::call_options::CallOptions;
use crate::domain::citations::Citation;
use crate::domain::consultant;
use crate::domain::event::Draft;
use crate::domain::event::consult::Purpose;
use crate::domain::event::stage::{Answered, Candidate};
use crate::domain::fence::fenced;
use crate::domain::handover::Handover;
use crate::domain::json_schema::outline;
use crate::domain::redflag::Reason;
use crate::domain::size::MOST_ANSWER;
use crate::error::Error;
use crate::flow::account::Account;
use crate::flow::configuration::Configuration;
use crate::flow::consult::{Consulted, Layout, Prepared, Question, Turn, ask_or_stand_in, prepare};
use crate::flow::document;
use crate::flow::journal::new_id;
use crate::flow::kit::Kit;
use crate::flow::log::Working;
use crate::flow::progress::{Progress, Watch};
use crate::flow::scope::{Scope, off_thread, off_thread_with};
use crate::flow::template;

/// Works on an attempt in the background until its end is in the log, even if the caller leaves.
pub(super) fn spawn(
    kit: &Kit,
    request: Arc<StageRequest>,
    task: Arc<Task>,
    progress: Progress,
    working: Working,
) -> JoinHandle<Result<(), Error>> {
    let work = {
        let (kit, scope) = (kit.clone(), Scope::current());
        async move {
            let _working = working;
            let cancelled = scope.clone().unwrap_or_default().all;
            let work = work(&kit, &request, &task, &progress);
            let work = async {
                match scope {
                    Some(scope) => scope.around(work).await,
                    None => work.await,
                }
            };
            // Cancelling a job ends the work, not only the wait.
            let worked = tokio::select! {
                biased;
                () = cancelled.cancelled() => {
                    finish::interrupted(&task).await?;
                    return Err(Error::Cancelled);
                }
                worked = work => worked,
            };
            match worked {
                Ok(Ended::Answered) => finish::finish(&kit.config, &request, &task).await,
                Ok(Ended::CutShort) | Err(Error::ShuttingDown) => {
                    finish::interrupted(&task).await?;
                    Err(Error::ShuttingDown)
                }
                Err(error) => finish::failed(&task, &error).await,
            }
        }
    };
    // Its log lines belong to the call that began it, even after that call.
    kit.processes.background().spawn(work.in_current_span())
}

/// Asks every candidate that has not answered yet. A candidate that is cut short cuts the stage short.
async fn work(
    kit: &Kit,
    request: &Arc<StageRequest>,
    task: &Arc<Task>,
    progress: &Progress,
) -> Result<Ended, Error> {
    let left = task.attempt.left();
    if left.is_empty() {
        return Ok(Ended::Answered);
    }
    progress.say(&format!(
        "{}: asking {} ({})",
        request.stage.name(),
        left.iter().map(|(_, provider)| provider.as_str()).collect::<Vec<_>>().join(", "),
        task.attempt.why
    ));
    let (asked, given) = (Arc::clone(request), Arc::clone(task));
    let ready = move |kit: &Kit| prepared(kit, &asked, &given);
    let prepared = off_thread_with(kit, ready).await?;
    let watch = (left.len() > 1).then(|| {
        let names: Vec<String> = left.iter().map(|(_, provider)| provider.clone()).collect();
        Watch::over(progress, names)
    });
    let seats = left.into_iter().enumerate().map(|(number, (id, provider))| {
        // Its number among all candidates of the attempt, answered ones included.
        let member = task.attempt.providers.iter().position(|name| *name == provider).unwrap_or_default();
        let prepared = prepared.for_member(member, task.attempt.providers.len());
        let watch = watch.as_ref();
        let progress = watch.map_or_else(|| progress.labelled(&id), Watch::progress);
        async move {
            let seat = Seat { id, provider, task, prepared: &prepared };
            let ended = candidate(kit, seat, &progress).await;
            if let Some(watch) = watch {
                watch.done(number, ended.is_ok());
            }
            ended
        }
    });
    let ended: Vec<Ended> = join_all(seats).await.into_iter().collect::<Result<_, Error>>()?;
    Ok(if ended.contains(&Ended::CutShort) { Ended::CutShort } else { Ended::Answered })
}

/// The question of a stage. Blocks.
fn prepared(kit: &Kit, request: &StageRequest, task: &Task) -> Result<Arc<Prepared>, Error> {
    let stage = request.stage;
    let account = Account {
        run: (!task.run.is_empty()).then(|| task.run.clone()),
        stage: Some(stage),
        purpose: Purpose::Candidate,
        rests_on: vec![task.attempt.id.clone()],
    };
    let question = Question {
        prompt: prompt(&kit.config, request, &task.handover, task.attempt.iteration)?,
        role: Some(stage.primary_role()),
        context: request.context(),
        schema: Some(stage.schema()),
        options: CallOptions::new(None, request.effort, request.timeout_sec),
        account,
    };
    prepare(kit, question, Layout::Sections, None)
}

/// The prompt of a stage.
///
/// # Errors
///
/// A template or a schema cannot be used, for example because the template names an unknown value.
fn prompt(
    config: &Configuration,
    request: &StageRequest,
    handover: &Handover,
    iteration: u32,
) -> Result<String, Error> {
    let own = config.document(&format!("skills/prompts/{}.md", request.stage.name()))?;
    let common = config.document("skills/prompts/common.md")?;
    let schema = consultant::schema(&document::schema(config, request.stage.schema())?);
    let invalid = |origin: &str, error: &minijinja::Error| Error::Document {
        name: origin.to_owned(),
        reason: format!("{error:#}"),
    };
    let mut templates = template::environment();
    let syntax = SyntaxConfig::builder().trim_blocks(true).build();
    templates.add_filter("item", item);
    templates.add_filter("fenced", fenced);
    templates.set_syntax(syntax.map_err(|error| invalid("the syntax of templates", &error))?);
    templates.add_template_owned("common", common.text).map_err(|error| invalid(&common.origin, &error))?;
    let given = Given { task: &request.task, iteration, format: outline(&schema), handover };
    let text = templates
        .render_str(&own.text, minijinja::Value::from(Serde(given)))
        .map_err(|error| invalid(&own.origin, &error))?;
    Ok(text.trim().to_owned())
}

/// A text inside a list: its further lines are indented, so that none is taken for a heading.
fn item(text: &str) -> String {
    text.trim().replace('\n', "\n  ")
}

#[derive(Serialize)]
struct Given<'a> {
    task: &'a str,
    iteration: u32,
    format: String,
    #[serde(flatten)]
    handover: &'a Handover,
}

/// A candidate to be asked.
struct Seat<'a> {
    id: String,
    provider: String,
    task: &'a Arc<Task>,
    prepared: &'a Arc<Prepared>,
}

/// End of the work on a candidate, and so on a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Its answer or its failure is in the log.
    Answered,
    /// The server ends.
    CutShort,
}

async fn candidate(kit: &Kit, seat: Seat<'_>, progress: &Progress) -> Result<Ended, Error> {
    let account = seat.prepared.account();
    let reply = match asked(kit, &seat, &seat.provider, account, progress).await {
        // Without budget this candidate is not asked; others may answer.
        Err(error) if error.is_out_of_budget() || matches!(error, Error::Busy(_)) => {
            Consulted::refused(&seat.provider, None, error)
        }
        reply => reply?,
    };
    if matches!(reply.cause, Some(Error::ShuttingDown | Error::Cancelled)) {
        return Ok(Ended::CutShort);
    }
    let provider = reply.provider.clone();
    if record(kit, &seat, reply, Purpose::Candidate).await? == Recorded::Ended {
        return Ok(Ended::Answered);
    }
    progress.say("discarded by the rules; asking once more");
    resample(kit, &seat, &provider, progress).await
}

/// The reply of a provider, or of its stand-in.
async fn asked(
    kit: &Kit,
    seat: &Seat<'_>,
    provider: &str,
    account: &Account,
    progress: &Progress,
) -> Result<Consulted, Error> {
    let place = kit.processes.slots().place()?;
    let (prepared, account, named) = (Arc::clone(seat.prepared), account.clone(), provider.to_owned());
    let turn = off_thread_with(kit, move |kit| Turn::reserved(kit, &named, &prepared, &account, place));
    Ok(ask_or_stand_in(kit, turn.await?, &seat.task.stand_ins, progress).await)
}

/// Asks once more, if the run's budget allows it.
async fn resample(kit: &Kit, seat: &Seat<'_>, provider: &str, progress: &Progress) -> Result<Ended, Error> {
    let account = Account { purpose: Purpose::Resample, ..seat.prepared.account().clone() };
    let reply = match asked(kit, seat, provider, &account, progress).await {
        Ok(reply) => reply,
        Err(error) if error.is_out_of_budget() => {
            progress.say(&format!("not asked again: {error}"));
            return Ok(Ended::Answered);
        }
        Err(error) => return Err(error),
    };
    if matches!(reply.cause, Some(Error::ShuttingDown | Error::Cancelled)) {
        // The discarded answer is in the log, and the stage ends with it.
        return Ok(Ended::Answered);
    }
    record(kit, seat, reply, Purpose::Resample).await?;
    Ok(Ended::Answered)
}

/// The worth of a recorded answer.
#[derive(PartialEq, Eq)]
enum Recorded {
    /// It counts, or the call failed.
    Ended,
    /// It does not fit the schema, or has a red flag.
    Discarded,
}

/// Checks and records an answer.
async fn record(kit: &Kit, seat: &Seat<'_>, reply: Consulted, purpose: Purpose) -> Result<Recorded, Error> {
    let red_flags = kit.config.red_flags()?;
    let (kit, task) = (kit.clone(), Arc::clone(seat.task));
    let resample = purpose == Purpose::Resample;
    let id = if resample { Candidate::again(&seat.id) } else { seat.id.clone() };
    off_thread(move || {
        let masker = kit.config.masker()?;
        let mask = |text: &str| masker.mask(text).text.into_owned();
        let answered = reply.cause.is_none();
        let reasons: Vec<String> = if answered {
            red_flags.verdict(&reply.content).reasons.iter().map(Reason::in_words).collect()
        } else {
            Vec::new()
        };
        let structured = reply.structured.clone().map(|value| masker.mask_value(value));
        let fits = answered && reply.schema_errors.is_empty() && reasons.is_empty();
        let reply = reply.cited(&kit.project).cut_to(&kit.config, &kit.project, MOST_ANSWER);
        let citations = reply.citations.map(|all| masked(all, &mask));
        let failure = reply.failure;
        let candidate = Candidate {
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
            resample,
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
        };
        let attempt = &task.attempt;
        let body = Answered { attempt: attempt.id.clone(), stage: attempt.stage, candidate };
        let draft = Draft::new(new_id(), body).on([attempt.id.clone()]);
        task.journal.record_now(&task.run, vec![draft])?;
        Ok(if answered && !fits { Recorded::Discarded } else { Recorded::Ended })
    })
    .await?
}

/// Masks citations for the log.
fn masked(all: Vec<Citation>, mask: &impl Fn(&str) -> String) -> Vec<Citation> {
    all.into_iter()
        .map(|one| Citation { cited: mask(&one.cited), quote: one.quote.as_deref().map(mask), ..one })
        .collect()
}

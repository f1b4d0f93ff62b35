//! Working on a stage, beside the call that asked for it.

use std::sync::Arc;

use futures_util::future::join_all;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use super::begin::Task;
use super::candidate::{Ended, Seat, candidate};
use super::{StageRequest, Worked, finish};
use crate::domain::consultant;
use crate::domain::event::consult::Purpose;
use crate::domain::event::stage::Mode;
use crate::domain::handover::Handover;
use crate::domain::outline::outline;
use crate::domain::pack::fence_for;
use crate::error::Error;
use crate::flow::account::Account;
use crate::flow::consult::{Layout, Prepared, Question, prepare_as};
use crate::flow::document;
use crate::flow::off_thread::off_thread;
use crate::flow::progress::Progress;
use crate::flow::progress::Watch;
use crate::flow::scope::Scope;
use crate::flow::session::Session;

/// Works on an attempt until its end is in the log, whether or not anybody waits for it.
pub(super) fn spawn(
    session: &Session,
    request: Arc<StageRequest>,
    task: Arc<Task>,
    progress: Progress,
    working: Worked,
) -> JoinHandle<Result<(), Error>> {
    let work = {
        let (session, scope) = (session.clone(), Scope::current());
        async move {
            let _working = working;
            let cancelled = scope.clone().unwrap_or_default().all;
            let work = work(&session, &request, &task, &progress);
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
                    finish::interrupted(&session, &task).await?;
                    return Err(Error::Cancelled);
                }
                worked = work => worked,
            };
            match worked {
                Ok(Ended::Answered) => finish::finish(&session, &request, &task).await,
                Ok(Ended::CutShort) | Err(Error::ShuttingDown) => {
                    finish::interrupted(&session, &task).await?;
                    Err(Error::ShuttingDown)
                }
                Err(error) => finish::failed(&session, &task, &error).await,
            }
        }
    };
    // Its log lines belong to the call that began it, even after that call.
    session.background().spawn(work.in_current_span())
}

/// Asks every candidate that has not answered yet. One that is cut short cuts the stage short.
async fn work(
    session: &Session,
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
    let prepared = prepared(session, request, task).await?;
    let watch = (left.len() > 1).then(|| {
        let names: Vec<String> = left.iter().map(|(_, provider)| provider.clone()).collect();
        Watch::over(progress, names)
    });
    let is_ensemble = task.attempt.mode == Mode::Ensemble;
    let seats = left.into_iter().enumerate().map(|(number, (id, provider))| {
        // Which member it is, also where others have answered before.
        let member = task.attempt.providers.iter().position(|name| *name == provider).unwrap_or_default();
        let prepared = if is_ensemble { prepared.for_member(member) } else { Arc::clone(&prepared) };
        let watch = watch.as_ref();
        let progress = watch.map_or_else(|| progress.labelled(&id), Watch::progress);
        async move {
            let seat = Seat { id, provider, task, prepared: &prepared };
            let ended = candidate(session, seat, &progress).await;
            if let Some(watch) = watch {
                watch.done(number, ended.is_ok());
            }
            ended
        }
    });
    let ended: Vec<Ended> = join_all(seats).await.into_iter().collect::<Result<_, Error>>()?;
    Ok(if ended.contains(&Ended::CutShort) { Ended::CutShort } else { Ended::Answered })
}

async fn prepared(
    session: &Session,
    request: &Arc<StageRequest>,
    task: &Arc<Task>,
) -> Result<Arc<Prepared>, Error> {
    let stage = request.stage;
    let (shared, asked, given) = (session.clone(), Arc::clone(request), Arc::clone(task));
    let text = off_thread(move || prompt(&shared, &asked, &given.handover, given.attempt.iteration));
    let text = text.await??;
    let account = Account {
        run: (!task.run.is_empty()).then(|| task.run.clone()),
        stage: Some(stage),
        purpose: Purpose::Candidate,
        rests_on: vec![task.attempt.id.clone()],
    };
    let question = Question {
        prompt: text,
        role: Some(stage.primary_role()),
        context: request.context.clone(),
        schema: Some(stage.schema()),
        options: request.options.clone(),
        account,
    };
    prepare_as(session, question, Layout::Sections).await
}

/// The prompt of a stage. A template that names a value that there is not is an error.
///
/// # Errors
///
/// A template or a schema that cannot be used.
pub(super) fn prompt(
    session: &Session,
    request: &StageRequest,
    handover: &Handover,
    iteration: u32,
) -> Result<String, Error> {
    let own = session.document(&format!("skills/prompts/{}.md", request.stage.name()))?;
    let common = session.document("skills/prompts/common.md")?;
    let schema = consultant::schema(&document::schema(session, request.stage.schema())?);
    let invalid = |origin: &str, error: &minijinja::Error| Error::Document {
        name: origin.to_owned(),
        reason: format!("{error:#}"),
    };
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
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

/// A text inside a list: its further lines stand under the first, where none is taken for a heading.
fn item(text: &str) -> String {
    text.trim().replace('\n', "\n  ")
}

/// A text in a fence that it cannot close.
fn fenced(text: &str, language: &str) -> String {
    let fence = fence_for(text.lines());
    format!("{fence}{language}\n{}\n{fence}", text.trim_end_matches('\n'))
}

#[derive(Serialize)]
struct Given<'a> {
    task: &'a str,
    iteration: u32,
    format: String,
    #[serde(flatten)]
    handover: &'a Handover,
}

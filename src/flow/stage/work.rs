//! Working on a stage, beside the call that asked for it.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::task::JoinHandle;

use super::begin::Task;
use super::candidate::{Ended, Seat, candidate};
use super::prompt::prompt;
use super::{StageRequest, Worked, finish};
use crate::domain::event::consult::Purpose;
use crate::domain::handover::Handover;
use crate::error::Error;
use crate::flow::account::Account;
use crate::flow::consult::{Prepared, Question, prepare};
use crate::flow::off_thread::off_thread;
use crate::flow::progress::Progress;
use crate::flow::session::Session;

/// Works on an attempt until its end is in the log, whether or not anybody waits for it.
pub(super) fn spawn(
    session: &Session,
    request: Arc<StageRequest>,
    task: Task,
    progress: Progress,
    working: Worked,
) -> JoinHandle<Result<(), Error>> {
    let work = {
        let session = session.clone();
        async move {
            let _working = working;
            match work(&session, &request, &task, &progress).await {
                Ok(cut) if cut => finish::interrupted(&session, &task, "its server ended").await,
                Ok(_) => finish::finish(&session, &request, &task).await,
                Err(Error::ShuttingDown) => finish::interrupted(&session, &task, "its server ended").await,
                Err(error) => finish::failed(&session, &task, &error).await,
            }
        }
    };
    session.background().spawn(work)
}

/// Asks every candidate that has not answered yet. True where the end of the server cut it short.
async fn work(
    session: &Session,
    request: &Arc<StageRequest>,
    task: &Task,
    progress: &Progress,
) -> Result<bool, Error> {
    let left = task.attempt.left();
    if left.is_empty() {
        return Ok(false);
    }
    progress.say(&format!(
        "{}: asking {} ({})",
        request.stage.name(),
        left.iter().map(|(_, provider)| provider.as_str()).collect::<Vec<_>>().join(", "),
        task.attempt.why
    ));
    let prepared = prepared(session, request, task).await?;
    let seats = left.into_iter().map(|(id, provider)| {
        let seat = Seat { id, provider, task, prepared: &prepared };
        let progress = progress.labelled(&seat.id);
        async move { candidate(session, seat, &progress).await }
    });
    let mut cut = false;
    for ended in join_all(seats).await {
        match ended? {
            Ended::Answered => {}
            Ended::CutShort => cut = true,
        }
    }
    Ok(cut)
}

async fn prepared(
    session: &Session,
    request: &Arc<StageRequest>,
    task: &Task,
) -> Result<Arc<Prepared>, Error> {
    let (run, stage) = (task.run.clone(), request.stage);
    let handover = session
        .journal()
        .read(move |history| history.run(&run).map(|run| Handover::of(run, stage)).unwrap_or_default())
        .await?;
    let (shared, asked, iteration) = (session.clone(), Arc::clone(request), task.attempt.iteration);
    let text = off_thread(move || prompt(&shared, &asked, &handover, iteration)).await??;
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
        model: None,
        timeout: Some(request.timeout),
        account,
    };
    prepare(session, question).await
}

//! Ending a run before its last stage, and taking up one that nobody went on with.

use crate::domain::event::stage::{RunResumed, RunStopped};
use crate::domain::event::{Body, Draft};
use crate::domain::workflow::Run;
use crate::error::Error;
use crate::flow::journal::{Decided, new_id};
use crate::flow::off_thread::off_thread;
use crate::flow::session::Session;
use crate::flow::which_run::named_run;

/// Ends a run. Consultants that are at work for it end by themselves; what they say counts no more.
/// Returns the run after that.
///
/// # Errors
///
/// There is no such run, it has ended before, or the log cannot be used.
pub async fn stop(session: &Session, run: &str, why: String) -> Result<Run, Error> {
    let shared = session.clone();
    let why = off_thread(move || shared.masker().map(|masker| masker.mask(&why).text.into_owned())).await??;
    append(session, run, RunStopped { why }).await?;
    let id = run.to_owned();
    session.journal().read(move |history| named_run(history, &id).cloned()).await?
}

/// Takes a run up again.
///
/// # Errors
///
/// There is no such run, it has ended, or the log cannot be used.
pub async fn resume(session: &Session, run: &str) -> Result<(), Error> {
    append(session, run, RunResumed {}).await
}

/// Appends to a run that has not ended.
async fn append(
    session: &Session,
    run: &str,
    body: impl Into<Body> + Clone + Send + 'static,
) -> Result<(), Error> {
    let (id, event) = (run.to_owned(), new_id());
    session
        .journal()
        .decide(run, move |history| {
            let run = named_run(history, &id)?;
            run.may_go_on().map_err(Error::Workflow)?;
            let draft = Draft::new(event.clone(), body.clone()).on([run.event.clone()]);
            Ok(Decided::append(vec![draft], ()))
        })
        .await
}

/// Fails if a run has ended.
///
/// # Errors
///
/// There is no such run, it has ended, or the log cannot be used.
pub async fn may_go_on(session: &Session, run: &str) -> Result<(), Error> {
    let id = run.to_owned();
    session
        .journal()
        .read(move |history| named_run(history, &id)?.may_go_on().map_err(Error::Workflow))
        .await?
}

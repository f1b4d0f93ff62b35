//! Recording what was done, in the run that it belongs to.

use super::account::find_run;
use super::session::Session;
use crate::domain::event::Draft;
use crate::error::Error;

/// Records something in the run that is meant (the named one, over or not, else this server's latest,
/// else the project's latest, while they go on), or beside all runs where there is none. Returns the run.
///
/// # Errors
///
/// There is no run of that name, or the log cannot be used.
pub async fn note(
    session: &Session,
    workflow_id: Option<String>,
    draft: Draft,
) -> Result<Option<String>, Error> {
    let current = session.current_run();
    let is_named = workflow_id.is_some();
    let run = session
        .journal()
        .read(move |history| {
            let run = find_run(history, workflow_id.as_deref(), current.as_deref())?;
            Ok::<_, Error>(run.filter(|run| is_named || run.phase.is_open()).map(|run| run.id.clone()))
        })
        .await??;
    if run.is_some() || session.config().settings.tracing.enabled {
        session.journal().record(run.as_deref().unwrap_or_default(), vec![draft]).await?;
    }
    Ok(run)
}

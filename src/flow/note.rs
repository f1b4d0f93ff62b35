//! Recording what was done, in the run that it belongs to.

use super::account::{Account, find_run};
use super::session::Session;
use crate::domain::event::Draft;
use crate::error::Error;

/// Records something in the run that is meant (the named one, else this server's latest, else the
/// project's latest that goes on), or beside all runs where there is none. Returns the run.
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
    let run = session
        .journal()
        .read(move |history| {
            let run = find_run(history, workflow_id.as_deref(), current.as_deref())?;
            Ok::<_, Error>(run.filter(|run| run.phase.is_open()).map(|run| run.id.clone()))
        })
        .await??;
    if run.is_some() || session.config().settings.tracing.enabled {
        session.journal().record(run.as_deref().unwrap_or_default(), vec![draft]).await?;
    }
    Ok(run)
}

/// Records what came of consults, on their account: in its run, else beside all runs. A log that
/// cannot be written does not take the result from the caller.
pub(super) async fn note_on(session: &Session, account: &Account, drafts: Vec<Draft>) {
    if account.run.is_none() && !session.config().settings.tracing.enabled {
        return;
    }
    let run = account.run.as_deref().unwrap_or_default();
    let drafts = drafts.into_iter().map(|draft| draft.on(account.rests_on.clone())).collect();
    if let Err(error) = session.journal().record(run, drafts).await {
        tracing::warn!(%error, "a result is not in the log");
    }
}

//! Task of the candidates, as the judge reads it.

use super::SelectRequest;
use crate::domain::event::Body;
use crate::domain::event::noted::EnsembleNoted;
use crate::error::Error;
use crate::flow::pack::still_there;
use crate::flow::session::Session;

#[derive(Debug, Default)]
pub(super) struct AskedFor {
    pub(super) task: Option<String>,
    pub(super) files: Vec<String>,
}

/// The task of the call, else of the ensemble that it names, else of the one that every candidate comes
/// from.
///
/// # Errors
///
/// The log cannot be read, or has no ensemble of the id that the caller gave.
pub(super) async fn asked_for(session: &Session, request: &SelectRequest) -> Result<AskedFor, Error> {
    let given = AskedFor { task: request.task.clone(), files: request.context_files.clone() };
    if given.task.is_some() {
        return Ok(given);
    }
    let found = match (&request.ensemble_id, common(request)) {
        (Some(id), _) => Some(find(session, id).await?.ok_or_else(|| unknown(id))?),
        // What the candidates carry is a help; that the log lost it is no mistake of the caller's.
        (None, Some(id)) => find(session, &id).await?,
        (None, None) => None,
    };
    let Some(noted) = found else { return Ok(given) };
    let files = match given.files.as_slice() {
        // The caller named none: one that is gone meanwhile is no mistake of theirs.
        [] => still_there(session, noted.context_files).await?,
        _ => given.files,
    };
    Ok(AskedFor { task: noted.task.and_then(|task| task.text), files })
}

/// The one ensemble that all candidates come from.
fn common(request: &SelectRequest) -> Option<String> {
    let (first, rest) = request.candidates.split_first()?;
    let id = first.ensemble_id.clone()?;
    rest.iter().all(|one| one.ensemble_id.as_ref() == Some(&id)).then_some(id)
}

async fn find(session: &Session, id: &str) -> Result<Option<EnsembleNoted>, Error> {
    let id = id.to_owned();
    session
        .journal()
        .visit(
            || None,
            move |found, event| {
                if event.id == id
                    && let Body::Noted(noted) = &event.body
                {
                    *found = noted.read();
                }
            },
        )
        .await
}

fn unknown(id: &str) -> Error {
    Error::InvalidArguments(format!(
        "ensemble_id names an ensemble `{id}` that is not in this project's log; give task instead"
    ))
}

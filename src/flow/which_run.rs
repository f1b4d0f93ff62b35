//! Which run is meant, where a caller may name one and need not.

use crate::domain::history::History;
use crate::domain::workflow::Run;
use crate::error::Error;

/// The run that is meant: the named one, else this server's latest, else the project's latest that
/// goes on.
///
/// # Errors
///
/// There is no run of that name.
pub fn find_run<'a>(
    history: &'a History,
    named: Option<&str>,
    current: Option<&str>,
) -> Result<Option<&'a Run>, Error> {
    match named {
        Some(id) => named_run(history, id).map(Some),
        None => Ok(current.and_then(|id| history.run(id)).or_else(|| history.latest_open())),
    }
}

/// The run of that name.
///
/// # Errors
///
/// There is none.
pub fn named_run<'a>(history: &'a History, id: &str) -> Result<&'a Run, Error> {
    history.run(id).ok_or_else(|| Error::Unknown {
        kind: "workflow",
        name: id.to_owned(),
        available: history.runs().rev().map(|run| run.id.clone()).collect(),
    })
}

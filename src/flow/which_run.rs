//! Run that is meant, where a caller may name one and need not.

use crate::domain::history::History;
use crate::domain::workflow::Run;
use crate::error::Error;

/// The run that is meant: the named one, else this server's latest, else the project's latest that
/// goes on and is not parked. A parked one is meant by its name alone.
///
/// # Errors
///
/// There is no run of that name.
pub fn find_run<'a>(
    history: &'a History,
    named: Option<&str>,
    current: Option<&str>,
    idle_before: u64,
) -> Result<Option<&'a Run>, Error> {
    let own = || current.and_then(|id| history.run(id)).filter(|run| !run.is_parked(idle_before));
    match named {
        Some(id) => named_run(history, id).map(Some),
        None => Ok(own().or_else(|| history.latest_open(idle_before))),
    }
}

/// The run of that name.
///
/// # Errors
///
/// There is no such run.
pub fn named_run<'a>(history: &'a History, id: &str) -> Result<&'a Run, Error> {
    history.run(id).ok_or_else(|| Error::Unknown {
        kind: "workflow",
        name: id.to_owned(),
        available: history.runs().rev().map(|run| run.id.clone()).collect(),
    })
}

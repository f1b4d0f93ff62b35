//! Finds the run that a call means, if it need not name one.

use super::log::Log;
use crate::domain::history::History;
use crate::domain::workflow::Run;
use crate::error::Error;

/// The run that a call means: the named one, else this server's latest, else the project's latest open run
/// that is not parked. A parked run must be named.
#[derive(Clone, Debug)]
pub struct Meant {
    pub named: Option<String>,
    current: Option<String>,
    idle_before: u64,
}

impl Meant {
    pub fn new(log: &Log, named: Option<String>) -> Self {
        Self { named, current: log.current_run(), idle_before: log.idle_before() }
    }

    /// True if it names a run, or its server works on one.
    pub fn is_definite(&self) -> bool {
        self.named.is_some() || self.current.is_some()
    }

    /// The run, if there is one.
    ///
    /// # Errors
    ///
    /// There is no run of that name.
    pub fn run<'h>(&self, history: &'h History) -> Result<Option<&'h Run>, Error> {
        match &self.named {
            Some(id) => named_run(history, id).map(Some),
            None => Ok(self.own(history).or_else(|| history.latest_open(self.idle_before))),
        }
    }

    /// The open run that a change of files belongs to, if there is one.
    pub fn open_run<'h>(&self, history: &'h History) -> Option<&'h Run> {
        let own = self.own(history).filter(|run| run.phase.is_open());
        own.or_else(|| history.latest_open(self.idle_before))
    }

    fn own<'h>(&self, history: &'h History) -> Option<&'h Run> {
        history.run(self.current.as_deref()?).filter(|run| !run.is_parked(self.idle_before))
    }
}

/// The run with this id.
///
/// # Errors
///
/// The run does not exist.
pub fn named_run<'a>(history: &'a History, id: &str) -> Result<&'a Run, Error> {
    history.run(id).ok_or_else(|| Error::Unknown {
        kind: "workflow",
        name: id.to_owned(),
        available: history.runs().rev().map(|run| run.id.clone()).collect(),
    })
}

//! The list of the calls in progress. A shutdown or the guardian ends all of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use rustix::process::{Pid, Signal};

use super::ProcessError;
use super::group;
use super::sweep::Quarry;
use crate::host::guardian::{Guardian, GuardianCommand};

/// All calls of a supervisor. Each is announced to the guardian before its process exists.
///
/// A group is listed only while it may be signalled safely: the lock is held while its leader is reaped and
/// the group is taken off the list.
#[derive(Debug)]
pub(super) struct Registry {
    state: Mutex<State>,
    /// Held for reading while a process starts and is not yet in `state`.
    starting: RwLock<()>,
    orphans: Orphans,
}

/// Handling of processes whose parents died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Orphans {
    /// They become children of this process.
    Adopted,
    /// They become children of another process.
    Unknown,
}

#[derive(Debug)]
struct State {
    closed: bool,
    calls: HashMap<String, Option<Pid>>,
    guardian: Guardian,
}

impl Registry {
    pub(super) fn new(guardian: Option<GuardianCommand>, orphans: Orphans) -> Self {
        let guardian = Guardian::new(guardian);
        let state = State { closed: false, calls: HashMap::new(), guardian };
        Self { state: Mutex::new(state), starting: RwLock::new(()), orphans }
    }

    // No change of the state can stop half-way, so a lock that a panic poisoned is still usable.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The guard to hold from before a process starts until the registry knows its group.
    pub(super) fn starting(&self) -> RwLockReadGuard<'_, ()> {
        self.starting.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills processes that this one adopted because their helper was killed before it could end them.
    /// Blocks for some milliseconds.
    pub(super) fn end_adopted(&self) {
        if self.orphans == Orphans::Unknown {
            return;
        }
        let _nobody_starts = self.starting.write().unwrap_or_else(PoisonError::into_inner);
        let known: Vec<i32> = {
            let state = self.lock();
            let groups = state.calls.values().flatten().copied();
            groups.chain(state.guardian.pid()).map(Pid::as_raw_pid).collect()
        };
        let ended = crate::host::wall::end_adopted(&known);
        if ended > 0 {
            tracing::info!(ended, "killed processes that a call left behind");
        }
    }

    /// Announces a process that is about to start, and returns the marker that it must carry. The first call
    /// starts the guardian, which blocks for a millisecond or two.
    pub(super) fn announce(&self) -> Result<String, ProcessError> {
        let mut state = self.lock();
        if state.closed {
            return Err(ProcessError::ShuttingDown);
        }
        let State { calls, guardian, .. } = &mut *state;
        guardian.ensure(calls);
        let marker = uuid::Uuid::now_v7().to_string();
        state.set(&marker, None);
        Ok(marker)
    }

    /// Records the group of a process that has started.
    ///
    /// # Errors
    /// A shutdown came first and has not seen this group.
    pub(super) fn started(&self, marker: &str, group: Pid) -> Result<(), ProcessError> {
        let mut state = self.lock();
        state.set(marker, Some(group));
        if state.closed { Err(ProcessError::ShuttingDown) } else { Ok(()) }
    }

    /// Reaps the leader with `reap`, and takes the group off the list if it is then empty.
    pub(super) fn reap(&self, marker: &str, group: Pid, reap: impl FnOnce()) -> GroupIs {
        let mut state = self.lock();
        reap();
        if group::exists(group) {
            return GroupIs::Alive;
        }
        state.set(marker, None);
        GroupIs::Gone
    }

    /// Takes a group off the list whose call still has other processes.
    pub(super) fn strike(&self, marker: &str) {
        self.lock().set(marker, None);
    }

    /// Removes a call that has no process left.
    pub(super) fn done(&self, marker: &str) {
        let mut state = self.lock();
        if state.calls.remove(marker).is_some() {
            state.guardian.forget(marker);
        }
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The number of calls whose group still exists.
    pub(super) fn live(&self) -> usize {
        self.lock().calls.values().flatten().count()
    }

    /// Asks every group to end.
    pub(super) fn terminate_all(&self) {
        self.lock().calls.values().flatten().for_each(|one| group::terminate(*one));
    }

    /// Kills every group, and returns the markers of processes to search for afterwards.
    pub(super) fn kill_all(&self) -> Quarry {
        let state = self.lock();
        state.calls.values().flatten().for_each(|one| group::signal(*one, Signal::KILL));
        Quarry { groups: Vec::new(), markers: state.calls.keys().cloned().collect() }
    }
}

impl State {
    fn set(&mut self, marker: &str, group: Option<Pid>) {
        self.calls.insert(marker.to_owned(), group);
        self.guardian.remember(marker, group);
    }
}

/// State of a group after its leader was reaped: with or without other members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupIs {
    Alive,
    Gone,
}

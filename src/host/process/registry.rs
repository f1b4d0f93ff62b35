//! The calls in progress, for a shutdown or the guardian, which ends them all.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use rustix::process::{Pid, Signal};

use super::ProcessError;
use super::group;
use super::sweep::Quarry;
use crate::host::guardian::{Guardian, GuardianCommand};

/// All calls of a supervisor. Each is announced to the guardian before its process exists.
///
/// A group is listed only while it may be signalled safely: its leader is reaped under the same
/// lock that takes it off the list.
#[derive(Debug)]
pub(super) struct Registry {
    state: Mutex<State>,
    /// Held for reading while a process is started and not yet in `state`.
    starting: RwLock<()>,
    orphans: Orphans,
}

/// Handling of processes whose parents died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Orphans {
    /// They become children of this process.
    Adopted,
    /// They go to somebody else.
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

    // Nothing is left half done under this lock, so a panic elsewhere does no harm.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held from before a process starts until the registry knows its group.
    pub(super) fn starting(&self) -> RwLockReadGuard<'_, ()> {
        self.starting.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what became ours because a helper was killed before it had ended what it watched. Blocks
    /// for some milliseconds.
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

    /// A process is about to start; the answer is the marker it has to carry. The first call starts
    /// the guardian, which blocks for a millisecond or two.
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

    /// It started. An error means that a shutdown came first and has not seen this group.
    pub(super) fn started(&self, marker: &str, group: Pid) -> Result<(), ProcessError> {
        let mut state = self.lock();
        state.set(marker, Some(group));
        if state.closed { Err(ProcessError::ShuttingDown) } else { Ok(()) }
    }

    /// Reaps the leader by `reap`, and strikes the group off if that left nobody in it.
    pub(super) fn reap(&self, marker: &str, group: Pid, reap: impl FnOnce()) -> GroupIs {
        let mut state = self.lock();
        reap();
        if group::exists(group) {
            return GroupIs::Alive;
        }
        state.set(marker, None);
        GroupIs::Gone
    }

    /// The group is gone, though not all of the call.
    pub(super) fn strike(&self, marker: &str) {
        self.lock().set(marker, None);
    }

    /// Nothing of the call is left.
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

    /// The number of calls whose group is still there.
    pub(super) fn live(&self) -> usize {
        self.lock().calls.values().flatten().count()
    }

    /// Asks every group to end.
    pub(super) fn terminate_all(&self) {
        self.lock().calls.values().flatten().for_each(|one| group::terminate(*one));
    }

    /// Kills every group; the answer is what to sweep up afterwards.
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

/// State of a group: with or without members besides its reaped leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupIs {
    Alive,
    Gone,
}

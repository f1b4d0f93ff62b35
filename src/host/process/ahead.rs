//! Helpers that are started ahead of the programs that they will run.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::task::{Id, JoinHandle, spawn_blocking};

use super::spawn::Waiting;
use super::{ProcessError, Supervisor};

/// The unused helpers, the one that was started first in front.
pub(super) type Helpers = Arc<Mutex<VecDeque<JoinHandle<Result<Waiting, ProcessError>>>>>;

/// A helper that was started ahead, for a program that is expected soon. If no program has taken it, it ends
/// on drop.
pub struct Ahead {
    helper: Id,
    helpers: Helpers,
}

impl Drop for Ahead {
    fn drop(&mut self) {
        let mut helpers = self.helpers.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = helpers.iter().position(|helper| helper.id() == self.helper);
        let unused = unused.and_then(|place| helpers.remove(place));
        drop(helpers);
        // A helper that is still starting ends as soon as it has started.
        drop(unused);
    }
}

impl Supervisor {
    /// Starts a helper on another thread, for a program that is expected within milliseconds. The next
    /// program takes the helper that was started first. `None` if this supervisor has no helpers.
    pub fn ahead(&self) -> Option<Ahead> {
        let (helper, registry, runtime) =
            (self.helper.clone()?, Arc::clone(&self.registry), Handle::current());
        let start = spawn_blocking(move || Waiting::start(&helper, &registry, runtime));
        let id = start.id();
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner).push_back(start);
        Some(Ahead { helper: id, helpers: Arc::clone(&self.ahead) })
    }

    /// A helper for the next program: one that was started ahead, or a new one. Blocks. `None` if this
    /// supervisor has no helpers.
    pub(super) fn next_helper(&self, runtime: &Handle) -> Result<Option<Waiting>, ProcessError> {
        let Some(helper) = &self.helper else { return Ok(None) };
        let expected = self.ahead.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match expected.map(|start| runtime.block_on(start)) {
            Some(Ok(Ok(started))) => Ok(Some(started)),
            _ => Waiting::start(helper, &self.registry, runtime.clone()).map(Some),
        }
    }
}

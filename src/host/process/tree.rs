//! A program with everything that it started. Dropping the tree ends all of it.
//!
//! The program is reaped last. As long as it is a zombie, the system gives the number of its group to no
//! other process, so the group can be signalled safely. Therefore its exit is noticed through SIGCHLD and
//! `waitid(WNOWAIT)` and not through tokio's `Child::wait`, which reaps.

use std::any::Any;
use std::future::pending;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::group;
use super::registry::{GroupIs, Registry};
use super::sweep::Quarry;
use super::{Exit, ProcessError};

/// Interval of checks of the program if SIGCHLD does not come: the process that started us may have
/// blocked it.
const FALLBACK: Duration = Duration::from_millis(250);
/// Pause between two scans for processes that should end soon.
const PAUSE: Duration = Duration::from_millis(15);
/// Time that a caller waits for a program that does not even end after SIGKILL.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Resources that must outlive the processes, for example a permit or a directory. Shared references to it
/// cross threads, so it must be `Sync`; callers wrap it in a mutex for that.
pub(super) type Hold = Box<dyn Any + Send + Sync>;

/// The guard of a running program. On drop it kills the whole tree in a background task.
pub(super) struct Tree {
    // None only while `self` is being consumed.
    body: Option<Body>,
}

/// The exit of a program, and the number of its descendants that had to be killed afterwards.
pub(super) struct Settled {
    pub(super) exit: Exit,
    pub(super) leftovers: usize,
}

impl Tree {
    /// The tree of a program, with no resources and no grace until [`Self::hold`].
    pub(super) fn new(child: Child, marker: String, registry: Arc<Registry>, runtime: Handle) -> Self {
        let group = Pid::from_child(&child);
        let quarry = Quarry { groups: vec![group], markers: vec![marker.clone()] };
        let body = Body {
            group,
            quarry,
            child,
            marker,
            grace: Duration::ZERO,
            exit: Exit::Unknown,
            over: false,
            registry,
            runtime,
            hold: None,
        };
        Self { body: Some(body) }
    }

    pub(super) fn marker(&self) -> &str {
        self.body.as_ref().map_or("", |body| &body.marker)
    }

    /// Keeps `hold` until no process is left, and gives the processes `grace` between SIGTERM and SIGKILL.
    pub(super) fn hold(&mut self, hold: Hold, grace: Duration) {
        if let Some(body) = &mut self.body {
            body.hold = Some(hold);
            body.grace = grace;
        }
    }

    /// Registers the group, so that a shutdown kills it.
    pub(super) fn enlist(&self) -> Result<(), ProcessError> {
        self.body.as_ref().map_or(Ok(()), |body| body.registry.started(&body.marker, body.group))
    }

    /// Waits until the program has exited. It is not reaped.
    pub(super) async fn exited(&self) {
        match &self.body {
            Some(body) => body.exited().await,
            None => pending().await,
        }
    }

    /// Kills the tree: SIGTERM, then the grace, then SIGKILL.
    pub(super) async fn kill(mut self) -> Exit {
        let Some(body) = self.body.take() else {
            return Exit::Unknown;
        };
        let longest = body.grace.saturating_add(LAST_WAIT);
        // A separate task finishes this even if our caller is dropped meanwhile.
        match timeout(longest, body.kill_in_background()).await {
            Ok(Ok(exit)) => exit,
            _ => Exit::Unknown,
        }
    }

    /// Leaves a helper to itself that has ended everything it started, `outlived` processes by force. The held
    /// resources are released now, and the helper exits soon.
    pub(super) fn leave(mut self, outlived: usize) {
        if let Some(mut body) = self.body.take() {
            body.hold = None;
            let runtime = body.runtime.clone();
            drop(runtime.spawn(body.left(outlived)));
        }
    }

    /// Ends the rest of the tree after the program's exit: the processes get the time `drain` to end, and are
    /// then killed.
    pub(super) async fn settle(mut self, drain: Duration) -> Settled {
        let Some(mut body) = self.body.take() else {
            return Settled { exit: Exit::Unknown, leftovers: 0 };
        };
        if body.reap() == GroupIs::Gone {
            let exit = body.exit;
            body.sweep_in_background();
            return Settled { exit, leftovers: 0 };
        }
        let exit = body.exit;
        let runtime = body.runtime.clone();
        let leftovers = runtime.spawn(body.drain(drain)).await.unwrap_or(0);
        Settled { exit, leftovers }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            drop(body.kill_in_background());
        }
    }
}

/// The parts of a tree. They are dropped only when all processes are gone, or when the runtime ends first.
struct Body {
    child: Child,
    group: Pid,
    // The group is in it only while the group's number is ours.
    quarry: Quarry,
    marker: String,
    grace: Duration,
    exit: Exit,
    over: bool,
    registry: Arc<Registry>,
    runtime: Handle,
    hold: Option<Hold>,
}

impl Body {
    async fn exited(&self) {
        let Ok(mut children) = signal(SignalKind::child()) else {
            return self.poll_exit().await;
        };
        // The stream was created before the first check, so no exit is missed between the two.
        while !self.has_exited() {
            let _ = timeout(FALLBACK, children.recv()).await;
        }
    }

    async fn poll_exit(&self) {
        while !self.has_exited() {
            sleep(PAUSE).await;
        }
    }

    fn has_exited(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // An error means that the child no longer exists.
        !matches!(waitid(WaitId::Pid(self.group), look), Ok(None))
    }

    /// Takes the exit status. That releases the group's number unless the group has other members.
    fn reap(&mut self) -> GroupIs {
        let Self { registry, marker, group, child, exit, .. } = self;
        registry.reap(marker, *group, || match child.try_wait() {
            Ok(Some(status)) => *exit = status.into(),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "cannot reap the program"),
        })
    }

    fn kill_in_background(self) -> JoinHandle<Exit> {
        // SIGTERM is sent here, because the task may start later.
        group::terminate(self.group);
        let runtime = self.runtime.clone();
        runtime.spawn(self.finish_off())
    }

    /// Waits for the exit of a helper that was left to itself, and kills it if it does not exit.
    async fn left(mut self, outlived: usize) {
        let has_exited = timeout(LAST_WAIT, self.exited()).await.is_ok();
        match has_exited.then(|| self.reap()) {
            // The kernel told the helper that no descendant was left, so there is nothing to search for.
            Some(GroupIs::Gone) if outlived == 0 => self.close(),
            Some(GroupIs::Gone) => self.sweep_in_background(),
            Some(GroupIs::Alive) | None => drop(self.finish_off().await),
        }
    }

    /// Does everything that follows SIGTERM: waits for the grace, kills, and releases what is held.
    async fn finish_off(mut self) -> Exit {
        let _ = timeout(self.grace, self.gone()).await;
        group::signal(self.group, Signal::KILL);
        self.blocking(Quarry::exterminate).await;
        self.end_adopted().await;
        // There is no time limit here: what is held may be released only after the exit.
        self.exited().await;
        self.reap();
        self.close();
        self.exit
    }

    /// Waits until all processes have ended because of SIGTERM.
    async fn gone(&mut self) {
        self.blocking(Quarry::terminate_escaped).await;
        self.exited().await;
        self.vacated().await;
    }

    /// Waits at most `drain` for the processes that outlived the program, kills the rest, and returns the
    /// number of killed ones.
    async fn drain(mut self, drain: Duration) -> usize {
        let waited = timeout(drain, self.vacated()).await;
        let killed = match waited {
            Ok(()) => Some(0),
            Err(_) => self.blocking(Quarry::exterminate).await,
        };
        self.close();
        killed.unwrap_or(0)
    }

    /// Waits until no live process of the call is left.
    async fn vacated(&mut self) {
        while let Some(found) = self.blocking(Quarry::find).await {
            if found.is_empty() {
                return;
            }
            if self.is_reaped() && found.iter().all(|one| one.group != self.group) {
                // All processes have left the group, so its number may soon belong to another one.
                self.registry.strike(&self.marker);
                self.quarry.groups.clear();
            }
            sleep(PAUSE).await;
        }
    }

    /// Ends processes that left the group and have no marker. This process adopted them when the helper was
    /// killed.
    async fn end_adopted(&self) {
        let registry = Arc::clone(&self.registry);
        let _ = self.runtime.spawn_blocking(move || registry.end_adopted()).await;
    }

    fn is_reaped(&self) -> bool {
        self.exit != Exit::Unknown
    }

    /// Runs a scan on a blocking thread, because it takes milliseconds. `None` when the runtime has ended.
    async fn blocking<T, F>(&self, scan: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce(&Quarry) -> T + Send + 'static,
    {
        let quarry = self.quarry.clone();
        self.runtime.spawn_blocking(move || scan(&quarry)).await.ok()
    }

    /// Searches in the background for processes that left the group, after the group itself is gone.
    fn sweep_in_background(mut self) {
        self.over = true;
        self.quarry.groups.clear();
        let (registry, quarry) = (Arc::clone(&self.registry), self.quarry.clone());
        let sweep = move || {
            let strays = quarry.exterminate();
            for marker in &quarry.markers {
                if strays > 0 {
                    tracing::info!(marker, strays, "killed processes that a call left behind");
                }
                registry.done(marker);
            }
        };
        drop(self.runtime.spawn_blocking(sweep));
    }

    fn close(&mut self) {
        self.over = true;
        self.registry.done(&self.marker);
    }
}

impl Drop for Body {
    /// Kills the tree at once if the runtime ended before it: no time is left for a grace.
    fn drop(&mut self) {
        if self.over {
            return;
        }
        if !self.is_reaped() {
            group::signal(self.group, Signal::KILL);
        }
        self.quarry.exterminate();
        self.registry.end_adopted();
        self.reap();
        self.close();
    }
}

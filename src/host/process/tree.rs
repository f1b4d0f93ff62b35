//! A program and everything it started, as something that can be dropped.
//!
//! The program is reaped last: as long as its zombie stands, nobody else can be given the number of
//! its group, so the group can be signalled without a doubt. That is why its exit is noticed by
//! SIGCHLD and `waitid(WNOWAIT)` and not by tokio's `Child::wait`, which reaps.

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

/// A look at the program in case SIGCHLD does not come: the process that started us may have blocked it.
const FALLBACK: Duration = Duration::from_millis(250);
/// The pause between two scans for processes that should be gone soon.
const PAUSE: Duration = Duration::from_millis(15);
/// Time that a caller waits for a program that does not even die of SIGKILL.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Resources that must outlive the processes: a permit, a directory. Shared references to it cross threads,
/// hence `Sync`, which a mutex gives to whatever it holds.
pub(super) type Hold = Box<dyn Any + Send + Sync>;

/// The guard of a running program: dropped, it kills the whole tree in a task of its own.
pub(super) struct Tree {
    // Empty only while `self` is being consumed.
    body: Option<Body>,
}

/// Way in which a program ended, and how many of its descendants had to be killed after it.
pub(super) struct Settled {
    pub(super) exit: Exit,
    pub(super) leftovers: usize,
}

impl Tree {
    /// A program that holds nothing yet and is given no time to end.
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

    /// Lets go of `hold` once no process is left, and gives them `grace` between SIGTERM and SIGKILL.
    pub(super) fn hold(&mut self, hold: Hold, grace: Duration) {
        if let Some(body) = &mut self.body {
            body.hold = Some(hold);
            body.grace = grace;
        }
    }

    /// Puts the group on the list of what a shutdown kills.
    pub(super) fn enlist(&self) -> Result<(), ProcessError> {
        self.body.as_ref().map_or(Ok(()), |body| body.registry.started(&body.marker, body.group))
    }

    /// Returns as soon as the program has exited; it is not reaped.
    pub(super) async fn exited(&self) {
        match &self.body {
            Some(body) => body.exited().await,
            None => pending().await,
        }
    }

    /// Kills the tree: SIGTERM, the grace, SIGKILL.
    pub(super) async fn kill(mut self) -> Exit {
        let Some(body) = self.body.take() else {
            return Exit::Unknown;
        };
        let longest = body.grace.saturating_add(LAST_WAIT);
        // A task of its own, so that it is finished even if our caller is dropped meanwhile.
        match timeout(longest, body.kill_in_background()).await {
            Ok(Ok(exit)) => exit,
            _ => Exit::Unknown,
        }
    }

    /// Lets go of a helper that has ended all that it started: what is held goes now, and the helper ends by itself.
    pub(super) fn leave(mut self) {
        if let Some(mut body) = self.body.take() {
            body.hold = None;
            let runtime = body.runtime.clone();
            drop(runtime.spawn(body.left()));
        }
    }

    /// After the program's exit: gives what is left of its group `drain` to end, and kills it.
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

/// Parts of a tree. They are dropped only when all is over, or when the runtime ends first.
struct Body {
    child: Child,
    group: Pid,
    // The group is looked for only while its number is ours.
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
        // The stream is older than this look, so no exit falls between the two.
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
        // An error means that there is no such child any more.
        !matches!(waitid(WaitId::Pid(self.group), look), Ok(None))
    }

    /// Takes the exit status, which gives the group's number free unless it has other members.
    fn reap(&mut self) -> GroupIs {
        let Self { registry, marker, group, child, exit, .. } = self;
        registry.reap(marker, *group, || match child.try_wait() {
            Ok(Some(status)) => *exit = status.into(),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "cannot reap the program"),
        })
    }

    fn kill_in_background(self) -> JoinHandle<Exit> {
        // At once: the task starts when the runtime gets to it.
        group::terminate(self.group);
        let runtime = self.runtime.clone();
        runtime.spawn(self.finish_off())
    }

    /// The end of a helper that was left alone.
    async fn left(mut self) {
        match timeout(LAST_WAIT, self.exited()).await {
            Ok(()) if self.reap() == GroupIs::Gone => self.sweep_in_background(),
            _ => drop(self.finish_off().await),
        }
    }

    /// From SIGTERM on to the end.
    async fn finish_off(mut self) -> Exit {
        let _ = timeout(self.grace, self.gone()).await;
        group::signal(self.group, Signal::KILL);
        self.blocking(Quarry::exterminate).await;
        self.end_adopted().await;
        // However long it takes: only now it is safe to let go of what is held.
        self.exited().await;
        self.reap();
        self.close();
        self.exit
    }

    /// Returns when SIGTERM was enough.
    async fn gone(&mut self) {
        self.blocking(Quarry::terminate_escaped).await;
        self.exited().await;
        self.vacated().await;
    }

    /// From the program's exit on to the end of those who outlived it; how many were killed.
    async fn drain(mut self, drain: Duration) -> usize {
        let waited = timeout(drain, self.vacated()).await;
        let killed = match waited {
            Ok(()) => Some(0),
            Err(_) => self.blocking(Quarry::exterminate).await,
        };
        self.close();
        killed.unwrap_or(0)
    }

    /// Returns when no live process of the call is left.
    async fn vacated(&mut self) {
        while let Some(found) = self.blocking(Quarry::find).await {
            if found.is_empty() {
                return;
            }
            if self.is_reaped() && found.iter().all(|one| one.group != self.group) {
                // Only runaways are left: the group's number may soon be somebody else's.
                self.registry.strike(&self.marker);
                self.quarry.groups.clear();
            }
            sleep(PAUSE).await;
        }
    }

    /// Processes that left the group without the marker became ours when the helper was killed.
    async fn end_adopted(&self) {
        let registry = Arc::clone(&self.registry);
        let _ = self.runtime.spawn_blocking(move || registry.end_adopted()).await;
    }

    fn is_reaped(&self) -> bool {
        self.exit != Exit::Unknown
    }

    /// Scans take milliseconds, so they leave the runtime's thread. `None` at the runtime's end.
    async fn blocking<T, F>(&self, scan: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce(&Quarry) -> T + Send + 'static,
    {
        let quarry = self.quarry.clone();
        self.runtime.spawn_blocking(move || scan(&quarry)).await.ok()
    }

    /// The group is gone; processes that left it are looked for while the caller goes on.
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
    /// The runtime ended before the tree did: no time is left for a grace.
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

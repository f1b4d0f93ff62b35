//! Runs programs so that no process of a program outlives its call.
//!
//! A run ends by exit, timeout, stall, too much output, cancellation (its future is dropped), shutdown or
//! the death of the server (see [`guardian`](super::guardian)). In each case the program's process group and
//! all of its other descendants are ended.
//!
//! `launch` describes a run, `ahead` starts helpers early, `spawn` starts the run, `capture` keeps the output
//! and applies the limits, `tree` ends the processes, `sweep` finds descendants that left the group, and
//! `registry` lists everything that runs.

use std::future::pending;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::ZonedDateTime as Zoned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, sleep_until, timeout};

use self::ahead::Helpers;
use self::capture::{Capture, Scanned, Stream};
use self::registry::{Orphans, Registry};
use self::spawn::{Running, Through};
use self::tree::Settled;
use super::guardian::GuardianCommand;
use super::wall::report::Report;
use super::wall::{FileStanding, HelperCommand, WallStanding};

pub use super::wall::report::Exit;
pub use call_dir::CallDir;
use capture::{Meter, Side};
pub use launch::{Activity, Ended, Finish, Launch, Limits, MARKER_VARIABLE, Outcome, ProcessError};

mod ahead;
mod call_dir;
mod capture;
pub(crate) mod group;
pub(crate) mod launch;
pub(crate) mod leftover;
mod registry;
mod spawn;
pub(crate) mod sweep;
mod tree;

/// Time that a shutdown waits between SIGTERM and SIGKILL.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(50);
/// Maximum time of the sweep at the end of a shutdown.
const SHUTDOWN_SWEEP: Duration = Duration::from_millis(15);
/// Interval at which a waiting call checks for a shutdown.
const SHUTDOWN_LOOK: Duration = Duration::from_millis(40);
/// Maximum wait for the rest of a report after its helper has exited.
const LAST_WORDS: Duration = Duration::from_millis(50);
/// Pause between two checks for programs that still run.
const SHUTDOWN_PAUSE: Duration = Duration::from_millis(5);

/// Runs programs and keeps track of them. Clones share everything.
#[derive(Clone)]
pub struct Supervisor {
    registry: Arc<Registry>,
    helper: Option<HelperCommand>,
    ahead: Helpers,
}

impl Supervisor {
    /// A supervisor without helpers. If the server is killed, a guardian ends the programs. The first run
    /// starts the guardian; with `None` there is none.
    pub fn new(guardian: Option<GuardianCommand>) -> Self {
        Self::with_helper(guardian, None)
    }

    /// As [`Self::new`], but a helper starts each program behind its wall. This process may then have no
    /// other supervisor, because each one ends child processes that it does not know.
    pub fn with_helper(guardian: Option<GuardianCommand>, helper: Option<HelperCommand>) -> Self {
        let orphans = if helper.is_some() { Orphans::Adopted } else { Orphans::Unknown };
        Self { registry: Arc::new(Registry::new(guardian, orphans)), helper, ahead: Arc::default() }
    }

    /// Runs a program to its end and returns its outcome with its output.
    ///
    /// `watch` is called on the first output and about once a second. Dropping the future sends
    /// SIGTERM to the program's group at once; the rest happens in the background.
    ///
    /// `hold` is dropped when the processes are gone, which may be long after this future was dropped.
    /// (There is one exception. If the program exits and its group is empty, `hold` does not wait for the
    /// search for descendants outside the group, which takes some milliseconds.)
    ///
    /// # Errors
    /// The program cannot be started, its output cannot be kept, or a shutdown came. A program that fails, or
    /// that does not read its input, is not an error.
    pub async fn run<H: Send + 'static>(
        &self,
        launch: Launch,
        hold: H,
        watch: impl FnMut(&Activity),
    ) -> Result<Outcome, ProcessError> {
        self.run_made(move || Ok((launch, hold)), watch).await
    }

    /// As [`Self::run`], but `make` prepares the files and the wall, on the thread that then starts the
    /// program.
    ///
    /// # Errors
    /// Those of `make` and of [`Self::run`].
    pub async fn run_made<H: Send + 'static, E: From<ProcessError> + Send + 'static>(
        &self,
        make: impl FnOnce() -> Result<(Launch, H), E> + Send + 'static,
        mut watch: impl FnMut(&Activity),
    ) -> Result<Outcome, E> {
        let begun = Instant::now();
        let (running, launch) = self.start(make).await?;
        Ok(self.watched(running, launch, begun, &mut watch).await?)
    }

    /// Watches a program to its end.
    async fn watched(
        &self,
        running: Running,
        Launch { limits, program, stdin: prompt, .. }: Launch,
        started: Instant,
        watch: &mut impl FnMut(&Activity),
    ) -> Result<Outcome, ProcessError> {
        let Running { tree, stdin, orders, capture, through } = running;
        let stdin = stdin.map(ChildStdin::from_std).transpose().map_err(ProcessError::Spawn)?;
        let mut told = HelperReport::by(through)?;
        let mut meter = Meter::new(limits.clone(), started);
        let stopped = tokio::select! {
            biased;
            () = tree.exited() => None,
            () = told.ended() => None,
            reason = observe(&capture, &mut meter, &limits, watch) => Some(reason),
            () = feed(stdin, [orders, prompt]) => None,
        };
        let settled = match (stopped, &told.report.ended) {
            (Some(_), _) => Settled { exit: tree.kill().await, leftovers: 0 },
            (None, Some((_, outlived))) => {
                tree.leave(*outlived);
                Settled { exit: Exit::Unknown, leftovers: 0 }
            }
            (None, None) => tree.settle(limits.drain).await,
        };
        if self.registry.is_closed() {
            return Err(ProcessError::ShuttingDown);
        }
        let (settled, wall) = told.outcome(settled, &program).await?;
        collect(capture, limits.output_bytes, stopped, settled, wall, started).await
    }

    /// The number of programs that are running or being killed.
    pub fn live(&self) -> usize {
        self.registry.live()
    }

    /// Waits for `pause` and returns true. If a shutdown comes meanwhile, it soon returns false.
    pub async fn goes_on_for(&self, pause: Duration) -> bool {
        let over = Instant::now() + pause;
        while !self.registry.is_closed() {
            let left = over.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            sleep(left.min(SHUTDOWN_LOOK)).await;
        }
        false
    }

    /// Kills every program within 80 ms and refuses new ones. Runs in progress return
    /// [`ProcessError::ShuttingDown`].
    pub async fn shutdown(&self) {
        self.registry.close();
        self.registry.terminate_all();
        let empty = async {
            while self.live() > 0 {
                sleep(SHUTDOWN_PAUSE).await;
            }
        };
        let _ = timeout(SHUTDOWN_GRACE, empty).await;
        let quarry = self.registry.kill_all();
        if !quarry.markers.is_empty() {
            let sweep = spawn_blocking(move || quarry.exterminate());
            let _ = timeout(SHUTDOWN_SWEEP, sweep).await;
        }
    }

    /// Prepares and starts a program on a blocking thread, because fork and exec take about a millisecond.
    async fn start<H: Send + 'static, E: From<ProcessError> + Send + 'static>(
        &self,
        make: impl FnOnce() -> Result<(Launch, H), E> + Send + 'static,
    ) -> Result<(Running, Launch), E> {
        let (supervisor, runtime) = (self.clone(), Handle::current());
        let waiting = Arc::new(());
        let waits = Arc::downgrade(&waiting);
        let start = move || {
            // The helper starts up while `make` writes the program's files.
            let helper = supervisor.next_helper(&runtime)?;
            let (launch, hold) = make()?;
            if waits.strong_count() == 0 {
                // The caller has dropped this future, so nothing is started.
                return Err(ProcessError::ShuttingDown.into());
            }
            let hold = Box::new(Mutex::new(hold));
            let running = match helper {
                Some(helper) => helper.ordered(&launch, hold)?,
                None => spawn::directly(&launch, hold, &supervisor.registry, runtime)?,
            };
            Ok((running, launch))
        };
        // If this future is dropped here, the thread's result is dropped too, which ends the tree.
        let started = spawn_blocking(start).await;
        drop(waiting);
        started.map_err(|error| ProcessError::Spawn(io::Error::other(error)))?
    }
}

/// Writes the orders and the prompt and closes the pipe. Then it waits for ever, because only the end of the
/// program may end a run.
async fn feed(stdin: Option<ChildStdin>, texts: [Vec<u8>; 2]) {
    if let Some(mut stdin) = stdin {
        for text in &texts {
            // A program may answer without reading all of its input.
            if let Err(error) = stdin.write_all(text).await {
                tracing::debug!(%error, "the program did not read its whole input");
                break;
            }
        }
    }
    drop(texts);
    pending::<()>().await;
}

/// Checks the output at intervals until there is a reason to stop the program, and returns the reason.
async fn observe(
    capture: &Capture,
    meter: &mut Meter,
    limits: &Limits,
    watch: &mut impl FnMut(&Activity),
) -> Ended {
    let mut end = End::default();
    loop {
        let next = meter.next_look(Instant::now());
        sleep_until(end.over(limits).map_or(next, |over| over.min(next)).into()).await;
        let now = Instant::now();
        let reading = meter.read(now, capture.sizes());
        if reading.report {
            let stream = meter.newest().map(|side| match side {
                Side::Stdout => &capture.stdout,
                Side::Stderr => &capture.stderr,
            });
            watch(&meter.activity(now, stream.and_then(Stream::last_line)));
        }
        if let Some(reason) = reading.stop {
            return reason;
        }
        if let Some(finish) = limits.finish
            && end.seen.is_none()
            && capture.stdout.is_finished(finish, &mut end.scanned).await
        {
            end.seen = Some(Instant::now());
        }
        let repeats = match limits.repeats {
            Some(repeats) => capture.stderr.is_finished(repeats, &mut end.heard).await,
            None => false,
        };
        if repeats || end.over(limits).is_some_and(|over| now >= over) {
            return Ended::Finished;
        }
    }
}

/// State of the search for the end of the output.
#[derive(Default)]
struct End {
    scanned: Scanned,
    seen: Option<Instant>,
    /// The searched part of stderr.
    heard: Scanned,
}

impl End {
    /// The time at which the program has lingered long enough; None if its answer is not complete.
    fn over(&self, limits: &Limits) -> Option<Instant> {
        self.seen?.checked_add(limits.linger)
    }
}

/// The helper's report on the program: its wall and its end. Without a helper, only the wall is known.
struct HelperReport {
    /// The pipe from the helper, and the text received so far.
    pipe: Option<(ChildStdout, Vec<u8>)>,
    report: Report,
}

impl HelperReport {
    fn by(through: Through) -> Result<Self, ProcessError> {
        let (pipe, standing) = match through {
            Through::Helper(pipe) => (Some(ChildStdout::from_std(pipe).map_err(ProcessError::Spawn)?), None),
            Through::Nothing(standing) => (None, Some(standing)),
        };
        let report = Report { standing, ..Report::default() };
        Ok(Self { pipe: pipe.map(|pipe| (pipe, Vec::new())), report })
    }

    /// Waits until the helper has reported the end of the program. If the helper reports nothing more, this
    /// waits for ever, and the exit of the helper itself ends the run.
    async fn ended(&mut self) {
        while self.report.ended.is_none() {
            let Some((pipe, text)) = &mut self.pipe else { return pending().await };
            let Ok(1..) = pipe.read_buf(text).await else { return pending().await };
            self.report = Report::parse(text);
        }
    }

    /// Finds the exit of the program itself, and the wall that stood around it.
    async fn outcome(
        mut self,
        settled: Settled,
        program: &Path,
    ) -> Result<(Settled, WallStanding), ProcessError> {
        if self.report.ended.is_none()
            && let Some((pipe, text)) = &mut self.pipe
        {
            // The helper has exited, so the rest of its report is in the pipe.
            let _ = timeout(LAST_WORDS, pipe.read_to_end(text)).await;
            self.report = Report::parse(text);
        }
        let report = self.report;
        if let Some(reason) = report.refused {
            return Err(ProcessError::NoWall(reason));
        }
        if let Some((number, words)) = report.not_started {
            let error = number.map_or_else(|| io::Error::other(words), io::Error::from_raw_os_error);
            return Err(spawn::explain(program, error));
        }
        let settled = match report.ended {
            Some((exit, outlived)) => Settled { exit, leftovers: settled.leftovers + outlived },
            None => settled,
        };
        let standing = report.standing.unwrap_or_else(|| WallStanding {
            files: FileStanding::Missing { reason: "the helper was killed before it reported".to_owned() },
            ..WallStanding::default()
        });
        Ok((settled, standing))
    }
}

async fn collect(
    capture: Capture,
    cap: u64,
    stopped: Option<Ended>,
    settled: Settled,
    wall: WallStanding,
    started: Instant,
) -> Result<Outcome, ProcessError> {
    let Capture { stdout, stderr } = capture;
    let (stdout, more_stdout) = stdout.read(cap).await.map_err(ProcessError::Capture)?;
    let (stderr, more_stderr) = stderr.read(cap).await.map_err(ProcessError::Capture)?;
    // Checked again, because the program may have exited before `observe` saw the excess.
    let excess = (more_stdout || more_stderr).then_some(Ended::OutputTooLarge);
    Ok(Outcome {
        ended: stopped.or(excess).unwrap_or(Ended::Exited),
        exit: settled.exit,
        stdout,
        stderr,
        at: Zoned::now(),
        elapsed: started.elapsed(),
        leftovers: settled.leftovers,
        wall,
    })
}

#[cfg(test)]
mod tests;

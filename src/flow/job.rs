//! Jobs: calls that continue without their caller, and whose results wait in the log.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use serde_with::skip_serializing_none;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::configuration::Configuration;
use super::journal::{Decided, Journal, new_id, short_id};
use super::log::Log;
use super::progress::Progress;
use super::scope::{Arrived, Scope};
use super::time::{now, rfc3339};
use crate::domain::event::consult::Kept;
use crate::domain::event::{Body, Draft, Noted};
use crate::domain::history::History;
use crate::domain::job::{Cause, Job, JobNoted, Outcome};
use crate::error::Error;

/// Jobs that a list shows.
const LISTED: usize = 30;

/// How long a cancelled job may take to report its end.
const LAST_WORD: Duration = Duration::from_secs(5);

/// The jobs of a project, with the calls of this server among them. Clones share them.
#[derive(Clone)]
pub struct Jobs {
    inner: Arc<Inner>,
}

struct Inner {
    config: Configuration,
    log: Log,
    /// The calls of this server, by the ids of their jobs.
    running: Mutex<HashMap<String, Scope>>,
    ended: AtomicBool,
    changed: Notify,
    adopting: tokio::sync::Mutex<()>,
}

impl Jobs {
    pub fn new(config: Configuration, log: Log) -> Self {
        let inner = Inner {
            config,
            log,
            running: Mutex::default(),
            ended: AtomicBool::new(false),
            changed: Notify::new(),
            adopting: tokio::sync::Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Scope>> {
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The scope of a job that this server runs.
    fn scope(&self, job: &str) -> Option<Scope> {
        self.running().get(job).cloned()
    }

    fn journal(&self) -> &Journal {
        self.inner.log.journal_of("")
    }

    /// Number of jobs that this server runs.
    pub fn count(&self) -> usize {
        self.running().len()
    }

    /// True if a job of this server ended since the last question.
    pub fn has_ended(&self) -> bool {
        self.inner.ended.swap(false, Ordering::Relaxed)
    }

    /// Waits until this server runs no job.
    pub async fn all_ended(&self) {
        loop {
            let changed = self.inner.changed.notified();
            if self.count() == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Leaves a job at the end of the server; the next server finds it lost.
    pub fn leave(&self, job: &str) {
        self.running().remove(job);
        self.inner.ended.store(true, Ordering::Relaxed);
        self.inner.changed.notify_waiters();
    }

    /// Lock that is held while an abandoned call becomes a job, so that a list right afterwards shows it.
    pub async fn adopting(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.adopting.lock().await
    }
}

/// A call that is about to become a job.
#[derive(Clone, Debug)]
pub struct Call {
    pub tool: String,
    pub arguments: Value,
    pub since: u64,
    /// Why it becomes a job.
    pub cause: Cause,
    /// The lost job that it replaces.
    pub again_of: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Under way.
    Running,
    /// Its result says ok.
    Done,
    /// Its result reports an error.
    Failed,
    Cancelled,
    /// Its server is gone.
    ServerGone,
}

/// A job as a result shows it.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// Its id.
    pub job: String,
    /// The tool that was called.
    pub tool: String,
    pub state: State,
    /// Why it is a job.
    pub cause: Cause,
    pub began_at: String,
    pub ended_at: Option<String>,
    /// Milliseconds since it began, until it ended.
    pub elapsed_ms: u64,
    pub progress: Option<String>,
    /// True if its result was collected before.
    pub collected: bool,
    /// The lost job that it replaces.
    pub again_of: Option<String>,
    /// The job that replaces it.
    pub again_as: Option<String>,
    pub next: Option<String>,
    /// The tool's own result.
    pub result: Option<Value>,
    #[serde(skip)]
    place: Option<u64>,
    /// Time of the last change, in milliseconds since 1970.
    #[serde(skip)]
    pub changed: u64,
}

fn pick<'a>(history: &'a History, id: &str) -> Result<&'a Job, Error> {
    const NAMED: usize = 5;
    let jobs = &history.jobs;
    jobs.get(id).ok_or_else(|| Error::Unknown {
        kind: "job",
        name: id.to_owned(),
        available: jobs.latest_first().iter().take(NAMED).map(|job| job.id.clone()).collect(),
    })
}

/// The jobs of a project.
#[derive(Clone, Debug, Serialize)]
pub struct List {
    pub count: usize,
    /// The latest jobs, without their results.
    pub jobs: Vec<Shown>,
}

/// The result of asking again.
pub enum Asked {
    /// A new call, and the answers that have arrived already.
    Anew(Call, Vec<Arrived>),
    /// The job that an earlier request began.
    Before(Box<Shown>),
}

impl Jobs {
    /// Turns a call into a job, and returns its id.
    ///
    /// # Errors
    ///
    /// The log cannot be written, so that the job could not be found again.
    pub async fn begin(&self, call: Call, scope: &Scope) -> Result<String, Error> {
        if self.inner.log.is_logged("") {
            self.inner.log.show_alive()?;
        }
        let id = short_id("job");
        let masker = self.inner.config.masker()?;
        let began = JobNoted::Began {
            job: id.clone(),
            tool: call.tool,
            arguments: masker.mask_value(call.arguments),
            server: self.inner.log.server().to_owned(),
            cause: call.cause,
            since: call.since,
            again_of: call.again_of.clone(),
        };
        self.running().insert(id.clone(), scope.clone());
        if let Err(error) = self.record_once(began, call.again_of).await {
            self.leave(&id);
            return Err(error);
        }
        tracing::info!(job = id, "job began");
        Ok(id)
    }

    /// Records the beginning of a job. A lost job is replaced only once: a second one would be paid again.
    async fn record_once(&self, began: JobNoted, lost: Option<String>) -> Result<(), Error> {
        let Some(lost) = lost else { return self.record(began).await };
        let noted = Noted::of(&began).map_err(Error::internal)?;
        let draft = Draft::new(new_id(), noted);
        let decision = move |history: &History| match history.jobs.get(&lost) {
            Some(Job { again_as: Some(other), .. }) => Err(Error::InvalidArguments(format!(
                "{lost} was asked again meanwhile, as {other}: wait for that one"
            ))),
            Some(_) | None => Ok(Decided::append(vec![draft.clone()], ())),
        };
        self.journal().decide("", decision).await
    }

    /// Records the end of a job. If the log cannot be written, the result is lost, and the operator is
    /// told.
    pub async fn end(&self, job: &str, outcome: Outcome, result: Option<Value>) {
        let result = match (self.inner.config.masker(), result) {
            (Ok(masker), Some(result)) => Some(masker.mask_value(result)),
            (_, None) | (Err(_), _) => None,
        };
        tracing::info!(job, ?outcome, "job ended");
        if let Err(error) = self.record(JobNoted::Ended { job: job.to_owned(), outcome, result }).await {
            tracing::error!(%error, job, "the result of a job is not in the log");
        }
        self.leave(job);
    }

    async fn record(&self, noted: JobNoted) -> Result<(), Error> {
        let noted = Noted::of(&noted).map_err(Error::internal)?;
        self.journal().record("", vec![Draft::new(new_id(), noted)]).await
    }

    fn shown(&self, job: &Job) -> Shown {
        let state = match job.ended {
            Some((Outcome::Done, ..)) => State::Done,
            Some((Outcome::Failed, ..)) => State::Failed,
            Some((Outcome::Cancelled, ..)) => State::Cancelled,
            None if job.server == self.inner.log.server() => match self.scope(&job.id) {
                Some(_) => State::Running,
                None => State::ServerGone,
            },
            None if self.inner.log.is_alive(&job.server) => State::Running,
            None => State::ServerGone,
        };
        let until = job.ended.map_or_else(now, |(_, at, _)| at);
        let said = self.scope(&job.id).map(|scope| scope.said()).filter(|said| !said.is_empty());
        let id = &job.id;
        Shown {
            job: id.clone(),
            tool: job.tool.clone(),
            state,
            cause: job.cause,
            began_at: rfc3339(job.since),
            ended_at: job.ended.map(|(_, at, _)| rfc3339(at)),
            elapsed_ms: until.saturating_sub(job.since),
            progress: said.filter(|_| state == State::Running),
            collected: job.collected,
            again_of: job.again_of.clone(),
            again_as: job.again_as.clone(),
            next: match (&job.again_as, state) {
                (Some(other), _) => {
                    Some(format!("It was asked again as `{other}`: maestro_job with that one."))
                }
                (None, State::Running) => Some(format!(
                    "Go on with other work; maestro_job with job `{id}` waits for it, shows its progress or cancels it."
                )),
                (None, State::Done | State::Failed) if !job.collected => {
                    Some(format!("Collect the result: maestro_job with job `{id}`."))
                }
                (None, State::ServerGone) => Some(format!(
                    "The server that worked on it is gone. maestro_job with job `{id}` and action `again` asks again; answers that arrived are taken from the log and not paid again."
                )),
                (None, State::Done | State::Failed | State::Cancelled) => None,
            },
            result: None,
            place: job.ended.map(|(_, _, seq)| seq),
            changed: until,
        }
    }

    /// The current state of a job, without its result.
    ///
    /// # Errors
    ///
    /// No job has this id, or the log cannot be read.
    pub async fn look(&self, id: &str) -> Result<Shown, Error> {
        let (owned, wanted) = (self.clone(), id.trim().to_owned());
        self.journal().read(move |history| Ok(owned.shown(pick(history, &wanted)?))).await?
    }

    /// Lists jobs, the latest first.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub async fn list(&self) -> Result<List, Error> {
        drop(self.adopting().await);
        let owned = self.clone();
        self.journal()
            .read(move |history| {
                let all = history.jobs.latest_first();
                List { count: all.len(), jobs: all.iter().take(LISTED).map(|job| owned.shown(job)).collect() }
            })
            .await
    }

    /// Waits until a job has ended, or until the time is over, and collects its result.
    ///
    /// # Errors
    ///
    /// No job has this id, or the log cannot be used.
    pub async fn wait(&self, id: &str, patience: Duration, progress: &Progress) -> Result<Shown, Error> {
        let job = self.ended_within(patience, id, progress).await?;
        self.with_result(job).await
    }

    /// Waits until a job has ended or the time is over, and returns its state.
    async fn ended_within(&self, patience: Duration, id: &str, progress: &Progress) -> Result<Shown, Error> {
        let until = Instant::now() + patience;
        let mut said = None;
        loop {
            let job = self.look(id).await?;
            if job.state != State::Running || Instant::now() >= until {
                return Ok(job);
            }
            if job.progress.is_some() && job.progress != said {
                said.clone_from(&job.progress);
                progress.say(said.as_deref().unwrap_or_default());
            }
            self.journal().changed().await;
        }
    }

    /// Adds the result to a job, for its caller.
    async fn with_result(&self, mut job: Shown) -> Result<Shown, Error> {
        job.result = self.result_of(&job).await?;
        if !job.collected && matches!(job.state, State::Done | State::Failed) {
            self.collected(&job).await?;
            job.next = None;
        }
        Ok(job)
    }

    /// The result of a job that ended.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub async fn result_of(&self, job: &Shown) -> Result<Option<Value>, Error> {
        let Some(place) = job.place else { return Ok(None) };
        let found = self.journal().events_at(vec![place]).await?;
        Ok(match found.into_iter().flatten().next().map(|event| event.body) {
            Some(Body::Noted(noted)) => match noted.read::<JobNoted>() {
                Some(JobNoted::Ended { result, .. }) => result,
                Some(_) | None => None,
            },
            Some(_) | None => None,
        })
    }

    /// Records that the caller of a job has its result.
    ///
    /// # Errors
    ///
    /// The log cannot be written.
    pub async fn collected(&self, job: &Shown) -> Result<(), Error> {
        if job.collected {
            return Ok(());
        }
        self.record(JobNoted::Collected { job: job.job.clone() }).await
    }

    /// Ends a job and everything that it started. Cancelling twice is the same as once.
    ///
    /// # Errors
    ///
    /// No job has this id, or the log cannot be used.
    pub async fn cancel(&self, id: &str) -> Result<Shown, Error> {
        let job = self.look(id).await?;
        match job.state {
            State::Done | State::Failed | State::Cancelled => return Ok(job),
            State::ServerGone => {
                let outcome = Outcome::Cancelled;
                self.record(JobNoted::Ended { job: job.job.clone(), outcome, result: None }).await?;
                return self.look(id).await;
            }
            State::Running => {}
        }
        self.record(JobNoted::CancelAsked { job: job.job.clone() }).await?;
        if let Some(scope) = self.scope(&job.job) {
            scope.all.cancel();
            scope.call.cancel();
        }
        self.ended_within(LAST_WORD, id, &Progress::silent()).await
    }

    /// Waits until a job is cancelled, here or at another server, or has ended.
    pub async fn cancel_asked(&self, id: &str) {
        const EVERY: Duration = Duration::from_millis(500);
        loop {
            tokio::time::sleep(EVERY).await;
            let wanted = id.to_owned();
            let asked = self.journal().read(move |history| {
                history.jobs.get(&wanted).is_some_and(|job| job.cancel_asked || job.ended.is_some())
            });
            if asked.await.unwrap_or(false) {
                return;
            }
        }
    }

    /// Prepares to repeat a job that failed, was cancelled or lost its server: its call, and the answers that
    /// arrived in it and in the jobs that it replaced.
    ///
    /// # Errors
    ///
    /// No job has this id, it still runs or is done, or the log cannot be read.
    pub async fn again(&self, id: &str) -> Result<Asked, Error> {
        let (owned, named) = (self.clone(), id.trim().to_owned());
        let read = self.journal().read(move |history| {
            let job = pick(history, &named)?;
            let jobs = &history.jobs;
            Ok::<_, Error>((owned.shown(jobs.last_of(job)), jobs.first_of(job).since))
        });
        let (job, since) = read.await??;
        if !matches!(job.state, State::ServerGone | State::Cancelled | State::Failed) {
            if job.job != id.trim() {
                return Ok(Asked::Before(Box::new(job)));
            }
            return Err(Error::InvalidArguments(format!(
                "{} is {}: only a job that failed, was cancelled or lost its server is asked again",
                job.job,
                if job.state == State::Running { "still running" } else { "done; collect its result" }
            )));
        }
        let wanted = job.job.clone();
        let began = self
            .journal()
            .visit(
                || (None, Vec::new()),
                move |(call, arrived): &mut (Option<Call>, Vec<Arrived>), event| match &event.body {
                    Body::Noted(noted) => {
                        if let Some(JobNoted::Began { job, tool, arguments, since, .. }) = noted.read()
                            && job == wanted
                        {
                            let again_of = Some(job);
                            *call = Some(Call { tool, arguments, since, cause: Cause::Background, again_of });
                        }
                    }
                    Body::ConsultSettled(settled) if settled.code.is_none() && event.at >= since => {
                        let text = settled.response.clone().and_then(Kept::whole);
                        let prompt = settled.prompt.as_ref().map(|kept| kept.sha256.clone());
                        if let (Some(text), Some(prompt)) = (text, prompt) {
                            arrived.push(Arrived {
                                consult: event.id.clone(),
                                provider: settled.provider.clone(),
                                prompt,
                                text,
                                model: settled.model.clone(),
                                thread: settled.turn.as_ref().map(|turn| turn.thread.clone()),
                            });
                        }
                    }
                    _ => {}
                },
            )
            .await?;
        let (Some(call), arrived) = began else {
            return Err(Error::Internal(format!("the log does not contain the beginning of {id}")));
        };
        Ok(Asked::Anew(Call { since: now(), ..call }, arrived))
    }

    /// A note for the next result of any tool on ended jobs whose results were not collected; each job is
    /// reported once, and never in the result that tells of its own beginning. The flag is true if there are
    /// more, or if jobs may run at other servers.
    pub async fn untold(&self, own: Option<&str>) -> (Option<Value>, bool) {
        let (owned, but) = (self.clone(), own.map(str::to_owned));
        let look = move |history: &History| owned.open(history, but.as_deref());
        match self.journal().read(look.clone()).await {
            Ok((ended, elsewhere)) if ended.is_empty() => return (None, elsewhere),
            Ok(_) => {}
            Err(_) => return (None, true),
        }
        // Calls that end together would all report a job if it were looked up and recorded in two steps.
        let decided = self.journal().decide("", move |history| {
            let (ended, elsewhere) = look(history);
            let told = |job: &Shown| {
                let noted = Noted::of(&JobNoted::Told { job: job.job.clone() }).map_err(Error::internal)?;
                Ok(Draft::new(new_id(), noted))
            };
            let drafts = ended.iter().map(told).collect::<Result<Vec<_>, Error>>()?;
            Ok(Decided::append(drafts, (ended, elsewhere)))
        });
        match decided.await {
            Ok((ended, elsewhere)) if ended.is_empty() => (None, elsewhere),
            Ok((ended, elsewhere)) => {
                let told = |job: &Shown| json!({ "job": job.job, "tool": job.tool, "state": job.state, "next": job.next });
                (Some(Value::Array(ended.iter().map(told).collect())), elsewhere)
            }
            Err(error) => {
                tracing::warn!(%error, "that a job was mentioned cannot be recorded, so it is mentioned later");
                (None, true)
            }
        }
    }

    /// The ended jobs to report, and true if there are more, or if others run at other servers.
    fn open(&self, history: &History, but: Option<&str>) -> (Vec<Shown>, bool) {
        const NAMED: usize = 5;
        let open = history.jobs.latest_first().into_iter().filter(|job| !job.collected && !job.told);
        let open: Vec<Shown> =
            open.filter(|job| Some(job.id.as_str()) != but).map(|job| self.shown(job)).collect();
        let elsewhere = open.iter().any(|job| job.state == State::Running && self.scope(&job.job).is_none());
        let mut ended: Vec<Shown> = open
            .into_iter()
            .filter(|job| matches!(job.state, State::Done | State::Failed | State::ServerGone))
            // The caller that repeated the job knows of it.
            .filter(|job| job.again_as.is_none())
            // A client that uses tasks asks for the result by itself.
            .filter(|job| job.cause != Cause::Task || job.state == State::ServerGone)
            .collect();
        let has_more = ended.len() > NAMED;
        ended.truncate(NAMED);
        (ended, elsewhere || has_more)
    }
}

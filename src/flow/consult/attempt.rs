//! Running a CLI until it has answered, its failure is final, or the time is over.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use jiff::ZonedDateTime as Zoned;

use super::version_for;
use crate::domain::served::{ModelNote, means};
use crate::error::Error;
use crate::flow::obstacle::{others_than, process_error};
use crate::flow::off_thread::off_thread;
use crate::flow::progress::Progress;
use crate::flow::providers;
use crate::flow::session::Session;
use crate::flow::wall;
use crate::host::process::{Activity, CallDir, Ended, Launch, Limits, Outcome};
use crate::provider::activity::told as told_by;
use crate::provider::catalogue::Provider;
use crate::provider::choice::Choice;
use crate::provider::effort::{Known, Told, gemini_took, needs_levels, told};
use crate::provider::environment::allowed;
use crate::provider::failure::FailureKind;
use crate::provider::login::{self, Login};
use crate::provider::{Adapter, Answer, Ask, Asked, Output, Places, Usage};

/// Pauses before the second and the third start after a failure that may pass. The CLIs are told to try
/// nothing again themselves, so that this is all that reaches the service.
const BACKOFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// Requests of one consult that reach the service, whoever tries again.
const MOST_REQUESTS: u32 = 3;

/// A limit that ends later is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Bytes of stdout and of stderr that a call may hold.
const OUTPUT_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Debug)]
pub struct Attempted {
    /// The id that the call's processes carry.
    pub id: String,
    pub result: Result<Answer, Error>,
    /// Starts of the CLI; 0 where it never came to that.
    pub attempts: u32,
    pub stderr: String,
    /// The exit code of the last start.
    pub exit_code: Option<i32>,
    /// The sandbox that stood around the last start.
    pub sandbox: Option<String>,
    /// The answer as the log keeps it, its secrets masked.
    pub masked: Option<String>,
    /// The conversation that the log keeps it in, as a turn.
    pub kept_in: Option<String>,
    /// The model that answered, or that would have; none where nobody told.
    pub model: Option<String>,
    pub note: ModelNote,
}

impl Attempted {
    /// A call that never started a CLI.
    pub(super) fn failed(error: Error) -> Self {
        Self {
            id: String::new(),
            result: Err(error),
            attempts: 0,
            stderr: String::new(),
            exit_code: None,
            sandbox: None,
            masked: None,
            kept_in: None,
            model: None,
            note: ModelNote::default(),
        }
    }

    /// An answer that needed no process.
    pub(super) fn answered(answer: Answer) -> Self {
        Self {
            id: uuid::Uuid::now_v7().to_string(),
            result: Ok(answer),
            attempts: 1,
            stderr: String::new(),
            exit_code: None,
            sandbox: None,
            masked: None,
            kept_in: None,
            model: None,
            note: ModelNote::default(),
        }
    }

    /// Says which model answered: by the CLI's own word, else the one that was asked for.
    pub(super) fn name_model(
        &mut self,
        asked: Option<&str>,
        told: Told,
        took: impl Fn(&str) -> Option<String>,
    ) {
        let answer = self.result.as_ref().ok();
        let served = answer.and_then(|answer| answer.model.clone());
        let mut note = ModelNote {
            model_asked: asked.map(str::to_owned),
            model_confirmed: served.is_some(),
            effort: told.effort,
            warning: None,
        };
        if let (Some(asked), Some(served)) = (asked, &served)
            && !means(asked, served)
        {
            note.warn(&format!("{served} answered; {asked} was asked for"));
        }
        if let Some(why) = &told.note {
            note.warn(why);
        }
        if let Some(why) = served.as_deref().filter(|_| note.effort.is_some()).and_then(took) {
            note.effort = None;
            note.warn(&why);
        }
        for own in answer.iter().flat_map(|answer| &answer.warnings) {
            note.warn(own);
        }
        self.model = served.or_else(|| asked.map(str::to_owned));
        self.note = note;
    }

    pub(super) fn usage(&self) -> Usage {
        self.result.as_ref().map(|answer| answer.usage).unwrap_or_default()
    }
}

/// What a call to a CLI starts with.
pub(super) struct Start<'a> {
    pub(super) session: &'a Session,
    pub(super) provider: &'a Provider,
    pub(super) program: &'a Path,
    pub(super) choice: &'a Choice,
    pub(super) timeout: Duration,
    pub(super) progress: &'a Progress,
}

/// Runs the CLI; a failure that may pass is tried again twice, as long as the time of the call
/// allows.
pub(super) async fn until_answered(
    start: Start<'_>,
    ask: &Ask<'_>,
    permit: Arc<OwnedSemaphorePermit>,
) -> Attempted {
    let Start { session, provider, program, choice, timeout, progress } = start;
    let started = Instant::now();
    if provider.adapter.needs_version() {
        progress.say(&format!("{}: asking for its version", provider.name));
    }
    let version = match version_for(session, provider, program, timeout).await {
        Ok(version) => version,
        Err(error) => return Attempted::failed(error),
    };
    let levels = if needs_levels(&provider.adapter, &choice.wish) {
        let left = timeout.saturating_sub(started.elapsed()).min(providers::PATIENCE);
        providers::levels(session, provider, program, choice.model.as_deref(), left).await
    } else {
        None
    };
    let known = Known {
        model: choice.model.as_deref(),
        version,
        levels: levels.as_deref(),
        leading: provider.leading_arguments(),
    };
    let told = told(&provider.adapter, &choice.wish, known);
    let ask = &Ask {
        model: choice.model.as_deref().filter(|_| !choice.is_written),
        effort: told.effort.as_deref(),
        ..*ask
    };
    let call = Call { session, provider, program, version, progress, started, timeout };
    let (mut attempted, mut asked) = call.once(1, ask, Arc::clone(&permit)).await;
    let mut requests = asked.requests;
    for (number, pause) in (2..).zip(BACKOFF) {
        let Err(error @ Error::Cli { failure, .. }) = &attempted.result else { break };
        let pause = pause.max(failure.wait(&Zoned::now()).unwrap_or_default());
        // What a CLI has chosen once it need not choose again.
        let model = choice.model.as_deref().or(asked.chosen.as_deref());
        let are_too_many = requests + asked.next > MOST_REQUESTS;
        if !failure.kind.is_transient() || are_too_many || pause > LONGEST_PAUSE || call.left() <= pause {
            break;
        }
        tracing::info!(outcome = error.code(), pause_s = pause.as_secs(), "consult is tried again");
        progress.say(&format!("{}: {}; trying again in {} s", provider.name, error.code(), pause.as_secs()));
        if !session.supervisor().goes_on_for(pause).await {
            attempted.result = Err(Error::ShuttingDown);
            break;
        }
        let before = attempted.result;
        let again = Ask { model: ask.model.or(model.filter(|_| choice.model.is_none())), ..*ask };
        let (next, its) = call.once(number, &again, Arc::clone(&permit)).await;
        requests += its.requests;
        asked = Asked { chosen: its.chosen.or(asked.chosen), ..its };
        attempted = next;
        if matches!(attempted.result, Err(Error::Timeout { .. } | Error::Stalled { .. })) {
            // What it said the last time tells more than that there was no time left.
            attempted.result = before;
        }
    }
    if let Err(error) = &mut attempted.result {
        call.explain(error).await;
    }
    let word = told.effort.clone().unwrap_or_default();
    let took = |served: &str| {
        let took = !matches!(provider.adapter, Adapter::Gemini) || gemini_took(served);
        (!took).then(|| format!("effort {word} is not told: {served} has no levels of it"))
    };
    attempted.name_model(choice.model.as_deref(), told.clone(), took);
    attempted
}

struct Call<'a> {
    session: &'a Session,
    provider: &'a Provider,
    program: &'a Path,
    version: Option<crate::provider::version::Version>,
    progress: &'a Progress,
    started: Instant,
    timeout: Duration,
}

impl Call<'_> {
    fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.started.elapsed())
    }

    async fn once(
        &self,
        number: u32,
        ask: &Ask<'_>,
        permit: Arc<OwnedSemaphorePermit>,
    ) -> (Attempted, Asked) {
        let id = uuid::Uuid::now_v7().to_string();
        let mut attempted =
            Attempted { id: id.clone(), attempts: number, ..Attempted::failed(Error::Cancelled) };
        let mut asked = Asked::default();
        match self.run(id, ask, permit).await {
            Ok(outcome) => {
                attempted.exit_code = outcome.exit.code();
                attempted.sandbox = Some(outcome.wall.in_words());
                (attempted.result, attempted.stderr, asked) = self.judge(ask, outcome).await;
            }
            Err(error) => attempted.result = Err(error),
        }
        (attempted, asked)
    }

    async fn run(
        &self,
        id: String,
        ask: &Ask<'_>,
        permit: Arc<OwnedSemaphorePermit>,
    ) -> Result<Outcome, Error> {
        if self.left().is_zero() {
            let provider = self.provider.name.clone();
            return Err(Error::Timeout { provider, after: self.timeout, said: String::new() });
        }
        let internal = |error: std::io::Error| {
            Error::Internal(format!(
                "no private directory in {} (TMPDIR): {error}",
                std::env::temp_dir().display()
            ))
        };
        let directory = CallDir::create_off_thread().await.map_err(internal)?;
        let places = Places::of(&directory);
        let settings = &self.provider.settings;
        let mut invocation = self.provider.adapter.invocation(
            self.provider.leading_arguments(),
            &settings.extra_env,
            ask,
            &places,
            self.version,
        );
        let files = std::mem::take(&mut invocation.files);
        let (shared, adapter, private) =
            (self.session.clone(), self.provider.adapter.clone(), places.clone());
        let (asked, program) = (self.provider.clone(), self.program.to_owned());
        let laid_out = off_thread(move || {
            let login = login::carry(&adapter, shared.environment(), &private.home);
            let wall = wall::of_consultant(&shared, &asked, &program, &private, &login);
            // The directory comes along: where nobody waits any more, it must not be removed while
            // it is written to.
            lay_out(&private, &files, &login).map(|()| (directory, login, wall))
        });
        let (directory, login, wall) = laid_out.await?.map_err(internal)?;
        let wall = wall?;
        let mut env = allowed(self.session.environment(), &settings.allow_env);
        let carried = login.home.iter().chain(&login.env);
        env.extend(carried.map(|(name, value)| (name.into(), value.into())));
        env.extend(invocation.env);
        // What a CLI leaves behind (an error report with the whole prompt, say) goes with the call.
        env.push(("TMPDIR".into(), places.temporary.clone().into()));
        let launch = Launch {
            program: self.program.to_owned(),
            args: invocation.args,
            env,
            cwd: places.work.clone(),
            stdin: invocation.stdin,
            limits: Limits {
                timeout: Some(self.left()),
                stall: (settings.stall_timeout_sec > 0)
                    .then(|| Duration::from_secs(settings.stall_timeout_sec)),
                output_bytes: OUTPUT_BYTES,
                finish: self.provider.adapter.finish(),
                repeats: self.provider.adapter.repeats(),
                ..Limits::default()
            },
            wall,
            capture_dir: directory.capture().to_owned(),
            marker: id,
        };
        self.progress.say(&format!("{}: started", self.provider.name));
        let held = Held { _permit: permit, login, _directory: directory };
        self.session
            .supervisor()
            .run(launch, held, |activity| self.tell(ask, activity))
            .await
            .map_err(|error| process_error(self.provider, self.session, &error))
    }

    fn tell(&self, ask: &Ask<'_>, activity: &Activity) {
        let seconds = self.started.elapsed().as_secs();
        let model = ask.model.map(|model| format!(" {model}")).unwrap_or_default();
        let what = format!("{}{model}: running for {seconds} s", self.provider.name);
        let told = activity.last_line.as_deref().and_then(told_by);
        let message = match (activity.last_output, told) {
            (Some(ago), Some(told)) => format!("{what}, last output {} s ago: {told}", ago.as_secs()),
            (Some(ago), None) => format!("{what}, last output {} s ago", ago.as_secs()),
            (None, _) => format!("{what}, no output yet"),
        };
        self.progress.say(&message);
    }

    /// Adds to a CLI's failure what this machine knows of it: versions where the CLI is too old, and who
    /// else may be asked.
    async fn explain(&self, error: &mut Error) {
        let Error::Cli { failure, others, .. } = error else { return };
        if failure.kind == FailureKind::CliOutdated {
            let installed =
                providers::version(self.session, self.provider, self.program, providers::PATIENCE).await;
            let tried = self.provider.adapter.newest_tried();
            let versions = match (installed.ok().flatten(), tried) {
                (Some(installed), Some(tried)) if installed >= tried => format!(
                    "version {installed} is installed, and Maestro is tried with {tried}: the version fits, so look for an extra argument, or for another program of that name on PATH"
                ),
                (Some(installed), Some(tried)) => {
                    format!(
                        "version {installed} is installed, and Maestro is tried with {tried}: update the CLI"
                    )
                }
                (Some(installed), None) => format!("version {installed} is installed: update the CLI"),
                (None, Some(tried)) => {
                    format!("its version is not known, and Maestro is tried with {tried}: update the CLI")
                }
                (None, None) => "its version is not known: update the CLI".to_owned(),
            };
            failure.detail = format!("{} ({versions})", failure.detail);
        }
        if failure.kind.is_refusal() {
            *others = others_than(self.provider, self.session);
        }
    }

    /// Returns what came of a run, what it wrote to stderr, and what it asked of the service. Long answers
    /// take their time to read.
    async fn judge(&self, ask: &Ask<'_>, outcome: Outcome) -> (Result<Answer, Error>, String, Asked) {
        let provider = self.provider.name.clone();
        let adapter = self.provider.adapter.clone();
        let schema = ask.schema.cloned();
        let (timeout, stall) = (self.timeout, Duration::from_secs(self.provider.settings.stall_timeout_sec));
        let judged = off_thread(move || {
            let output = Output {
                ended: outcome.ended,
                exit: outcome.exit,
                stdout: text(outcome.stdout),
                stderr: text(outcome.stderr),
                at: Zoned::now(),
            };
            // An answer that is complete counts, whatever became of the process.
            let result = adapter.parse(&output, schema.as_ref()).map_err(|failure| {
                let is_told = failure.kind.is_refusal() && failure.kind != FailureKind::CliFailed;
                let said = failure.detail.clone();
                match outcome.ended {
                    Ended::OutputTooLarge => Error::OutputTooLarge { provider, limit: OUTPUT_BYTES },
                    Ended::TimedOut if !is_told => Error::Timeout { provider, after: timeout, said },
                    Ended::Stalled if !is_told => Error::Stalled { provider, after: stall, said },
                    Ended::Exited | Ended::Finished | Ended::TimedOut | Ended::Stalled => {
                        Error::Cli { provider, failure, others: Vec::new() }
                    }
                }
            });
            let asked = adapter.asked(&output);
            (result, output.stderr, asked)
        });
        judged.await.unwrap_or_else(|error| (Err(error), String::new(), Asked::default()))
    }
}

/// What a call holds until its last process is gone: then its renewed login goes back, its private
/// directory goes, and its slot is free.
struct Held {
    login: Login,
    _directory: CallDir,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Drop for Held {
    /// Here and now, be it on the runtime's thread: the answer comes after it, so that the next call
    /// finds the login that this one renewed. Where none was renewed it is a look at each link.
    fn drop(&mut self) {
        login::give_back(&self.login);
    }
}

/// Writes the call's private files.
fn lay_out(places: &Places, files: &[(PathBuf, String)], login: &Login) -> std::io::Result<()> {
    for directory in [&places.work, &places.files, &places.home, &places.temporary] {
        std::fs::create_dir_all(directory)?;
    }
    let create_parent = |file: &Path| file.parent().map_or(Ok(()), std::fs::create_dir_all);
    for (file, text) in files.iter().chain(&login.files) {
        create_parent(file)?;
        std::fs::write(file, text)?;
    }
    for link in &login.links {
        create_parent(&link.private)?;
        std::os::unix::fs::symlink(&link.own, &link.private)?;
    }
    Ok(())
}

/// Bytes that are no text become replacement characters: an answer is never lost to one of them.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

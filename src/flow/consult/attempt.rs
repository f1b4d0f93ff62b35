//! One attempt to get an answer: a CLI runs until it has answered, its failure is final, or the time is over.
//! The log always records the end, even if the caller no longer waits.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::ZonedDateTime as Zoned;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

use super::Prepared;
use super::reply::{Consulted, Recording, TurnNote};
use crate::domain::answer::document;
use crate::domain::change::Mark;
use crate::error::Error;
use crate::flow::account::{Account, Reservation, reserve};
use crate::flow::breaker::{others_than, refusal_now};
use crate::flow::configuration::Configuration;
use crate::flow::kit::Kit;
use crate::flow::progress::Progress;
use crate::flow::providers::process_error;
use crate::flow::scope::{Scope, off_thread};
use crate::flow::slots::Place;
use crate::flow::time::milliseconds;
use crate::flow::{providers, wall};
use crate::host::process::{Activity, CallDir, Ended, Launch, Limits, Outcome, ProcessError};
use crate::provider::adapter::PromptLimit;
use crate::provider::catalogue::Provider;
use crate::provider::choice::Choice;
use crate::provider::effort::{Known, PassedEffort, gemini_has_levels, needs_levels, told};
use crate::provider::events::told as told_by;
use crate::provider::failure::{CliFailure, FailureKind};
use crate::provider::installed::{Version, allowed};
use crate::provider::login::{self, Login};
use crate::provider::{Adapter, Answer, Ask, Asked, Places, understudy};

/// Pauses before the second and the third start after a transient failure. The CLIs are configured not to
/// retry by themselves, so that these are all retries that reach the service.
const BACKOFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// Requests of one consult that reach the service, with all retries.
const MOST_REQUESTS: u32 = 3;

/// Longest pause before a retry. A limit that ends later is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Bytes of stdout and of stderr that a call may hold.
const OUTPUT_BYTES: u64 = 64 * 1024 * 1024;

/// A consult that may start: its question, its call, its place in the queue for a slot, and its reservation
/// in the budget. If no provider needs to be asked, it holds the reply instead: an earlier answer to the same
/// question, from a job whose server is gone, or a refusal.
pub struct Turn {
    pub(super) prepared: Arc<Prepared>,
    call: Result<Box<(Call, Place, Reservation)>, Box<Consulted>>,
}

impl Turn {
    /// The turn of a reserved consult. The reservation is released if no provider needs to be asked. Blocks.
    pub(crate) fn new(kit: &Kit, prepared: &Arc<Prepared>, place: Place, reservation: Reservation) -> Self {
        let call = look_up(kit, reservation.provider(), prepared);
        let call = call.map(|call| Box::new((call, place, reservation)));
        Self { prepared: Arc::clone(prepared), call }
    }

    /// Reserves a consult with one provider. Blocks.
    ///
    /// # Errors
    ///
    /// See [`reserve`].
    pub(crate) fn reserved(
        kit: &Kit,
        name: &str,
        prepared: &Arc<Prepared>,
        account: &Account,
        place: Place,
    ) -> Result<Self, Error> {
        let made = reserve(kit, account, &prepared.asked(), &[name.to_owned()])?;
        let made = made.into_iter().next();
        let reservation = made.ok_or_else(|| Error::Internal("nothing was reserved".to_owned()))?;
        Ok(Self::new(kit, prepared, place, reservation))
    }
}

/// Asks one provider a prepared question. The answer is not shortened.
pub async fn ask(Turn { call, .. }: Turn, progress: &Progress) -> Consulted {
    let started = Instant::now();
    let reply = match call {
        Err(reply) => *reply,
        Ok(ready) => {
            let (call, place, reservation) = *ready;
            let (n, model) = (call.kit.log.ledger().number(), call.choice.model.as_deref());
            let span = tracing::info_span!("consult", n, provider = %call.provider.name, model);
            call.begin(place, reservation, progress).instrument(span).await
        }
    };
    Consulted { elapsed_ms: milliseconds(started.elapsed()), ..reply }
}

/// Makes the call to a provider. Fails with the reply if no call is needed: an earlier answer, or a refusal.
/// Blocks.
fn look_up(kit: &Kit, name: &str, prepared: &Arc<Prepared>) -> Result<Call, Box<Consulted>> {
    let refused = |error| refused(name, prepared.options.model.as_deref(), error);
    let provider = kit.config.catalogue().get(name).map_err(refused)?;
    let scope = Scope::current();
    let arrived = scope.as_ref().filter(|scope| scope.has_arrived());
    if let Some(reply) = arrived.and_then(|scope| arrived_in(scope, name, prepared)) {
        return Err(Box::new(reply.finish(kit, prepared)));
    }
    let choice = Choice::of(provider, kit.config.environment(), &prepared.options);
    let is_asked_anyway = scope.is_some_and(|scope| scope.asks_spent());
    let refusal = || refusal_now(&kit.config, &kit.log, name, choice.model.as_deref());
    let refusal = (!is_asked_anyway).then(refusal).flatten();
    refusal.map_or(Ok(()), |refusal| Err(refused(refusal)))?;
    Call::new(kit, provider, choice, prepared)
}

/// The reply of a consult that never started. Writes a log line, as the end of a consult does.
fn refused(name: &str, model: Option<&str>, error: Error) -> Box<Consulted> {
    tracing::info!(provider = name, outcome = error.code(), "consult not started");
    Box::new(Consulted::refused(name, model.map(str::to_owned), error))
}

fn arrived_in(scope: &Scope, provider: &str, prepared: &Prepared) -> Option<Consulted> {
    let arrived = scope.take_arrived(provider, &Mark::of(prepared.prompt.as_bytes()).sha256)?;
    let has_schema = prepared.schema.is_some();
    let answer = Answer {
        structured: has_schema.then(|| document(&arrived.text).ok()).flatten().map(|found| found.value),
        text: arrived.text.clone(),
        model: Some(arrived.model).filter(|model| !model.is_empty()),
        ..Answer::default()
    };
    let mut reply = Consulted {
        consult: arrived.consult,
        masked_answer: Some(arrived.text.into()),
        turn: TurnNote::of(prepared, true, arrived.thread),
        ..Consulted::answered(provider, answer)
    };
    reply.told.warn(
        "taken from the log: the answer had arrived before its server ended, so nobody was asked again",
    );
    Some(reply)
}

fn preflight(config: &Configuration, provider: &Provider, prepared: &Prepared) -> Result<(), Error> {
    let problems = config.loaded().problems_for(&provider.name);
    if !problems.is_empty() {
        return Err(Error::ConfigInvalid(problems));
    }
    let (limit, actual, unit) = match provider.adapter.prompt_limit() {
        None => return Ok(()),
        Some(PromptLimit::Characters(limit)) => (limit, prepared.prompt.chars().count(), "characters"),
        Some(PromptLimit::Bytes(limit)) => (limit, prepared.prompt.len(), "bytes"),
    };
    if actual > limit {
        return Err(Error::PromptTooLong { provider: provider.name.clone(), limit, actual, unit });
    }
    Ok(())
}

/// A call to a provider.
struct Call {
    kit: Kit,
    provider: Provider,
    /// The CLI; the understudy has none.
    program: PathBuf,
    choice: Choice,
    prepared: Arc<Prepared>,
    /// The version of the CLI, if its flags depend on it.
    version: Option<Version>,
    /// The effort that the CLI gets, and a note if that differs from the wish.
    told: PassedEffort,
    started: Instant,
    timeout: Duration,
}

/// A start of the CLI that gave no answer.
struct Failed {
    reply: Consulted,
    asked: Asked,
    recording: Recording,
}

impl Call {
    /// Checks that the call can be made. Fails with the reply that says why not.
    fn new(
        kit: &Kit,
        provider: &Provider,
        choice: Choice,
        prepared: &Arc<Prepared>,
    ) -> Result<Self, Box<Consulted>> {
        let refused = |error| refused(&provider.name, choice.model.as_deref(), error);
        preflight(&kit.config, provider, prepared).map_err(refused)?;
        let program = if provider.is_understudy() {
            PathBuf::new()
        } else {
            kit.config.catalogue().program(provider).map_err(refused)?
        };
        let usual = Duration::from_secs(provider.settings.timeout_sec);
        Ok(Self {
            kit: kit.clone(),
            timeout: prepared.options.timeout.unwrap_or(usual),
            provider: provider.clone(),
            program,
            choice,
            prepared: Arc::clone(prepared),
            version: None,
            told: PassedEffort::default(),
            started: Instant::now(),
        })
    }

    /// Asks the provider: the understudy at once, a CLI when a slot is free. Records the end in the log.
    async fn begin(mut self, place: Place, reservation: Reservation, progress: &Progress) -> Consulted {
        let (kit, prepared) = (self.kit.clone(), Arc::clone(&self.prepared));
        let (name, model) = (self.provider.name.clone(), self.choice.model.clone());
        if self.provider.is_understudy() {
            // It is no process, so it takes no slot.
            drop(place);
            progress.say("understudy: reading the packed context by rules, no model");
            let recording = Recording::begin(model.as_deref(), reservation);
            let answered = off_thread(move || {
                let shared = &self.prepared;
                let form = understudy::Form::of(shared.schema.as_ref().map(|(name, _)| *name), shared.stage);
                let answer = understudy::answer(&shared.prompt, form);
                let mut reply = Consulted::answered(&self.provider.name, answer);
                let told = told(&self.provider.adapter, &self.choice.wish, Known::default());
                reply.name_model(None, told, |_| None);
                reply.note = Some("understudy: rules over the packed context, no model");
                recording.end(&self.kit, shared, reply)
            });
            return answered.await.unwrap_or_else(|error| Consulted::refused(&name, model, error));
        }
        let permit = match place.wait(progress).await {
            Ok(permit) => Arc::new(permit),
            // The reservation is dropped: the consult never started.
            Err(error) => return *refused(&name, model.as_deref(), error),
        };
        let recording = Recording::begin(model.as_deref(), reservation);
        self.started = Instant::now();
        match self.informed(progress).await {
            Ok(call) => Arc::new(call).until_answered(recording, &permit, progress).await,
            Err(error) => {
                let reply = Consulted::refused(&name, model, error);
                recording.end_off_thread(&kit, &prepared, reply).await
            }
        }
    }

    /// Asks the CLI for the facts that its arguments depend on: its version and its levels of effort.
    async fn informed(mut self, progress: &Progress) -> Result<Self, Error> {
        let adapter = &self.provider.adapter;
        if adapter.needs_version() {
            progress.say(&format!("{}: asking for its version", self.provider.name));
            // The query gets a quarter of the time at most, so that the rest is left for the answer.
            let left = self.timeout;
            let limit = (left / 4).max(Duration::from_secs(1)).min(left).min(providers::PATIENCE);
            self.version = providers::version(&self.kit, &self.provider, &self.program, limit).await?;
        }
        let model = self.choice.model.as_deref();
        let levels = if needs_levels(adapter, &self.choice.wish) {
            let left = self.left().min(providers::PATIENCE);
            providers::levels(&self.kit, &self.provider, &self.program, model, left).await
        } else {
            None
        };
        let known = Known {
            model,
            version: self.version,
            levels: levels.as_deref(),
            leading: self.provider.leading_arguments(),
        };
        self.told = told(adapter, &self.choice.wish, known);
        Ok(self)
    }

    /// Runs the CLI. A transient failure is tried again twice at most, while the call's timeout leaves time.
    async fn until_answered(
        self: Arc<Self>,
        recording: Recording,
        permit: &Arc<OwnedSemaphorePermit>,
        progress: &Progress,
    ) -> Consulted {
        let name = &self.provider.name;
        let mut last = match self.once(1, None, recording, permit, progress).await {
            Ok(answered) => return answered,
            Err(failed) => failed,
        };
        let mut requests = last.asked.requests;
        for (number, pause) in (2..).zip(BACKOFF) {
            let Some(error @ Error::Cli { failure, .. }) = &last.reply.cause else { break };
            let pause = pause.max(failure.wait(&Zoned::now()).unwrap_or_default());
            let are_too_many = requests + last.asked.next > MOST_REQUESTS;
            if !failure.kind.is_transient() || are_too_many || pause > LONGEST_PAUSE || self.left() <= pause {
                break;
            }
            tracing::info!(outcome = error.code(), pause_s = pause.as_secs(), "consult is tried again");
            progress.say(&format!("{name}: {}; trying again in {} s", error.code(), pause.as_secs()));
            if !self.kit.processes.supervisor().goes_on_for(pause).await {
                last.reply.cause = Some(Error::ShuttingDown);
                break;
            }
            // A model that the CLI itself chose is kept, so that it is not chosen twice.
            let chosen = last.asked.chosen.filter(|_| self.choice.model.is_none());
            let mut next = match self.once(number, chosen.clone(), last.recording, permit, progress).await {
                Ok(answered) => return answered,
                Err(failed) => failed,
            };
            requests += next.asked.requests;
            next.asked.chosen = next.asked.chosen.or(chosen);
            if matches!(next.reply.cause, Some(Error::Timeout { .. } | Error::Stalled { .. })) {
                // The error before tells more than "no time left".
                next.reply.cause = last.reply.cause;
            }
            last = next;
        }
        let Failed { mut reply, recording, .. } = *last;
        if let Some(error) = &mut reply.cause {
            self.explain(error).await;
        }
        recording.end_off_thread(&self.kit, &self.prepared, self.named(reply)).await
    }

    fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.started.elapsed())
    }

    /// Adds to a reply the model that answered, with its effort.
    fn named(&self, mut reply: Consulted) -> Consulted {
        let word = self.told.effort.clone().unwrap_or_default();
        let took = |served: &str| {
            let took = !matches!(self.provider.adapter, Adapter::Gemini) || gemini_has_levels(served);
            (!took).then(|| format!("effort {word} was not used: {served} has no levels of effort"))
        };
        reply.name_model(self.choice.model.as_deref(), self.told.clone(), took);
        if let Some(elsewhere) = &self.choice.elsewhere {
            reply.told.warn(elsewhere);
        }
        reply
    }

    /// Starts the CLI once. The thread that reads its answer also records it.
    async fn once(
        self: &Arc<Self>,
        number: u32,
        chosen: Option<String>,
        recording: Recording,
        permit: &Arc<OwnedSemaphorePermit>,
        progress: &Progress,
    ) -> Result<Consulted, Box<Failed>> {
        let outcome = self.run(chosen, Arc::clone(permit), progress).await;
        let call = Arc::clone(self);
        let ended = off_thread(move || {
            let name = &call.provider.name;
            let (reply, asked) = match outcome {
                Ok(outcome) => call.judged(outcome),
                Err(error) => (Consulted::refused(name, None, error), Asked::default()),
            };
            let reply = Consulted { consult: uuid::Uuid::now_v7().to_string(), attempts: number, ..reply };
            if reply.ok {
                Ok(recording.end(&call.kit, &call.prepared, call.named(reply)))
            } else {
                Err(Box::new(Failed { reply, asked, recording }))
            }
        });
        ended.await.unwrap_or_else(|error| {
            Ok(Consulted::refused(&self.provider.name, self.choice.model.clone(), error))
        })
    }

    async fn run(
        self: &Arc<Self>,
        chosen: Option<String>,
        permit: Arc<OwnedSemaphorePermit>,
        progress: &Progress,
    ) -> Result<Outcome, Error> {
        if self.left().is_zero() {
            let provider = self.provider.name.clone();
            return Err(Error::Timeout { provider, after: self.timeout, said: String::new() });
        }
        progress.say(&format!("{}: started", self.provider.name));
        let (call, model) = (Arc::clone(self), chosen.clone());
        let make = move || call.launch(model.as_deref(), permit);
        let model = self.ask(chosen.as_deref()).model;
        let watch = |activity: &Activity| progress.say(&self.doing(model, activity));
        let outcome = self.kit.processes.supervisor().run_made(make, watch).await;
        outcome.map_err(|unable| match unable {
            Unable::Prepare(error) => error,
            Unable::Run(error) => process_error(&self.provider, &self.kit.config, &self.kit.log, &error),
        })
    }

    /// The question to the CLI. `chosen` is the model that it chose in an earlier start.
    fn ask<'a>(&'a self, chosen: Option<&'a str>) -> Ask<'a> {
        let written = |_: &&str| !self.choice.is_written;
        Ask {
            prompt: &self.prepared.prompt,
            system: &self.prepared.system,
            model: self.choice.model.as_deref().filter(written).or(chosen),
            effort: self.told.effort.as_deref(),
            gateway: self
                .provider
                .adapter
                .gateway_variable()
                .and_then(|name| self.kit.config.environment().get(name)),
            schema: self.prepared.schema.as_ref().map(|(_, schema)| schema),
            leading: self.provider.leading_arguments(),
            extra_args: &self.provider.settings.extra_args,
            extra_env: &self.provider.settings.extra_env,
            version: self.version,
        }
    }

    /// The process to start, with its private directory, files and wall. Blocks.
    fn launch(
        &self,
        chosen: Option<&str>,
        permit: Arc<OwnedSemaphorePermit>,
    ) -> Result<(Launch, Held), Unable> {
        let internal = |error: std::io::Error| {
            let temporary = std::env::temp_dir();
            let reason = format!("no private directory in {} (TMPDIR): {error}", temporary.display());
            Unable::Prepare(Error::Internal(reason))
        };
        let directory = CallDir::create().map_err(internal)?;
        let places = Places::of(&directory);
        let (adapter, settings) = (&self.provider.adapter, &self.provider.settings);
        let login = login::carry(adapter, self.kit.config.environment(), &places.home);
        let wall = wall::of_consultant(&self.kit.config, &self.provider, &self.program, &places, &login)
            .map_err(Unable::Prepare)?;
        let mut launch = Launch {
            env: allowed(self.kit.config.environment(), self.kit.config.root(), &settings.allow_env),
            limits: Limits {
                timeout: Some(self.left()),
                stall: (settings.stall_timeout_sec > 0)
                    .then(|| Duration::from_secs(settings.stall_timeout_sec)),
                output_bytes: OUTPUT_BYTES,
                finish: adapter.finish(),
                repeats: adapter.repeats(),
                ..Limits::default()
            },
            wall,
            ..Launch::new(&self.program, &directory)
        };
        for (name, value) in login.home.iter().chain(&login.env) {
            launch.env(name, value);
        }
        let files = adapter.put(&self.ask(chosen), &places, &mut launch);
        // Files that a CLI leaves (for example an error report with the whole prompt) are removed with the call.
        launch.env("TMPDIR", &places.temporary);
        lay_out(&places, &files, &login).map_err(internal)?;
        Ok((launch, Held { _permit: permit, login, _directory: directory }))
    }

    fn doing(&self, model: Option<&str>, activity: &Activity) -> String {
        let seconds = self.started.elapsed().as_secs();
        let model = model.map(|model| format!(" {model}")).unwrap_or_default();
        let what = format!("{}{model}: running for {seconds} s", self.provider.name);
        let told = activity.last_line.as_deref().and_then(told_by);
        match (activity.last_output, told) {
            (Some(ago), Some(told)) => format!("{what}, last output {} s ago: {told}", ago.as_secs()),
            (Some(ago), None) => format!("{what}, last output {} s ago", ago.as_secs()),
            (None, _) => format!("{what}, no output yet"),
        }
    }

    /// Adds the facts of this machine to a CLI's failure: the versions if the CLI is too old, and the other
    /// providers that may be asked if it refused.
    async fn explain(&self, error: &mut Error) {
        let Error::Cli { failure, others, .. } = error else { return };
        if failure.kind == FailureKind::CliOutdated {
            let installed =
                providers::version(&self.kit, &self.provider, &self.program, providers::PATIENCE).await;
            let tried = self.provider.adapter.newest_tried();
            let versions = match (installed.ok().flatten(), tried) {
                (Some(installed), Some(tried)) if installed >= tried => format!(
                    "version {installed} is installed, and Maestro was tested with {tried}: the version fits, so look for an extra argument, or for another program of that name on PATH"
                ),
                (Some(installed), Some(tried)) => {
                    format!(
                        "version {installed} is installed, and Maestro was tested with {tried}: update the CLI"
                    )
                }
                (Some(installed), None) => format!("version {installed} is installed: update the CLI"),
                (None, Some(tried)) => {
                    format!("its version is not known, and Maestro was tested with {tried}: update the CLI")
                }
                (None, None) => "its version is not known: update the CLI".to_owned(),
            };
            failure.detail = format!("{} ({versions})", failure.detail);
        }
        if failure.kind.is_refusal() {
            *others = others_than(&self.provider, &self.kit.config, &self.kit.log);
        }
    }

    /// Turns the outcome of a run into a reply, and counts the run's requests to the service.
    fn judged(&self, outcome: Outcome) -> (Consulted, Asked) {
        let provider = &self.provider.name;
        let outcome = outcome.into_text();
        let schema = self.prepared.schema.as_ref().map(|(_, schema)| schema);
        // A complete answer counts, however the process ended.
        let reply = match self.provider.adapter.parse(&outcome, schema) {
            Ok(answer) => Consulted::answered(provider, answer),
            Err(failure) => Consulted::refused(provider, None, self.failed(outcome.ended, failure)),
        };
        let asked = self.provider.adapter.asked(&outcome);
        let (exit_code, sandbox) = (outcome.exit.code(), Some(outcome.wall.in_words()));
        (Consulted { exit_code, sandbox, stderr: outcome.stderr, ..reply }, asked)
    }

    fn failed(&self, ended: Ended, failure: CliFailure) -> Error {
        let provider = self.provider.name.clone();
        let is_told = failure.kind.is_refusal() && failure.kind != FailureKind::CliFailed;
        let stall = Duration::from_secs(self.provider.settings.stall_timeout_sec);
        let said = failure.detail.clone();
        match ended {
            Ended::OutputTooLarge => Error::OutputTooLarge { provider, limit: OUTPUT_BYTES },
            Ended::TimedOut if !is_told => Error::Timeout { provider, after: self.timeout, said },
            Ended::Stalled if !is_told => Error::Stalled { provider, after: stall, said },
            Ended::Exited | Ended::Finished | Ended::TimedOut | Ended::Stalled => {
                Error::Cli { provider, failure, others: Vec::new() }
            }
        }
    }
}

/// Why a CLI could not be run to its end.
enum Unable {
    Prepare(Error),
    Run(ProcessError),
}

impl From<ProcessError> for Unable {
    fn from(error: ProcessError) -> Self {
        Self::Run(error)
    }
}

/// Resources that a call holds until its last process is gone. Dropping them copies a renewed login back,
/// removes the private directory and frees the slot.
struct Held {
    login: Login,
    _directory: CallDir,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Drop for Held {
    /// Runs at once, even on the runtime's thread: the answer is returned afterwards, so that the next call
    /// finds the login that this one renewed. Without a renewed login it only looks at each link.
    fn drop(&mut self) {
        login::give_back(&self.login);
    }
}

/// Writes the call's private files.
fn lay_out(places: &Places, files: &[(PathBuf, String)], login: &Login) -> std::io::Result<()> {
    // The directory of the call exists. The others are created only if something is put into them.
    let home = login.home.as_ref().map(|_| &places.home);
    for directory in std::iter::once(&places.temporary).chain(home) {
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

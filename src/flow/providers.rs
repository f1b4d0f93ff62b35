//! Installed CLIs and their versions.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::Serialize;
use serde_json::{Value, json};

use super::account::today;
use super::breaker::{open, others_than};
use super::configuration::Configuration;
use super::configuration::UNTRUSTED_HINT;
use super::kit::Kit;
use super::log::Log;
use super::processes::Program;
use super::scope::off_thread;
use crate::domain::breaker::Spent;
use crate::domain::call_options::CallOptions;
use crate::domain::measure::cost::CapNote;
use crate::error::Error;
use crate::host::config::Enabled;
use crate::host::process::{CallDir, Ended, Launch, Limits, Outcome, ProcessError};
use crate::provider::catalogue::Provider;
use crate::provider::choice::Choice;
use crate::provider::failure::{CliFailure, FailureKind};
use crate::provider::installed::{Version, allowed};
use crate::provider::{codex, login, understudy};

/// How long a CLI may take to report its version.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// How long an overview is reused.
const FRESH: Duration = Duration::from_secs(1);

/// How long an overview waits for a CLI to report its version.
const GLANCE: Duration = Duration::from_secs(5);

/// Time for which a CLI that did not report its version is not asked again.
const GRUDGE: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    enabled: bool,
    installed: bool,
    available: bool,
    command: &'a str,
    model: Option<String>,
    effort: Option<String>,
    timeout_sec: u64,
    /// End of the time in which it is not asked, because its quota is spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_asked_until: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    fallback: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<Value>,
}

/// The last overview of all providers, and its time.
#[derive(Default)]
pub struct Overview {
    last: Mutex<Option<(Instant, Arc<Value>)>>,
}

impl Overview {
    /// Every provider with its state, at most a second old.
    ///
    /// # Errors
    ///
    /// The thread that looks panicked.
    pub async fn look(&self, kit: &Kit) -> Result<Arc<Value>, Error> {
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, value)) = &*last()
            && made.elapsed() < FRESH
        {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(overview(kit).await?);
        *last() = Some((Instant::now(), Arc::clone(&value)));
        Ok(value)
    }
}

async fn overview(kit: &Kit) -> Result<Value, Error> {
    let (broken, spent) = (broken(kit).await, open(&kit.log).await);
    // Programs and the CLIs' own configurations are searched on the disk.
    let shared = kit.clone();
    let mut value = off_thread(move || look(&shared.config, &shared.log, &broken, &spent)).await?;
    let caps: Vec<CapNote> = today(&kit.config, &kit.log).await.iter().map(CapNote::from).collect();
    if let Some(fields) = value.as_object_mut().filter(|_| !caps.is_empty()) {
        fields.insert("caps".into(), json!(caps));
    }
    Ok(value)
}

/// Installed CLIs that do not run, with the reason.
async fn broken(kit: &Kit) -> HashMap<String, String> {
    let asked = kit.config.catalogue().iter().filter(|provider| provider.settings.enabled != Enabled::No);
    let found = asked.map(|provider| async move {
        let program = kit.config.catalogue().find(provider)?;
        let error = glance(kit, provider, &program).await.err()?;
        does_not_run(&error).then(|| (provider.name.clone(), in_words(&error)))
    });
    join_all(found).await.into_iter().flatten().collect()
}

/// True if a program exists and cannot be run.
pub(super) fn does_not_run(error: &Error) -> bool {
    matches!(error, Error::CliNotExecutable { .. })
        || matches!(error, Error::Cli { failure, .. } if failure.kind == FailureKind::CliBroken)
}

/// Describes the error of a CLI that does not run. Other providers are named elsewhere.
pub(super) fn in_words(error: &Error) -> String {
    let hint = match error {
        Error::Cli { provider, failure, .. } => failure.kind.hint(provider),
        other => other.hint(),
    };
    format!("{}: {error}. {hint}", error.code())
}

/// Asks a CLI for its version; one that did not report it is not asked again for a while.
async fn glance(kit: &Kit, provider: &Provider, program: &Path) -> Result<(), Error> {
    let asked = asked(provider, program);
    let versions = kit.processes.versions();
    if let Some(error) = versions.failed_within(GRUDGE, &asked) {
        return Err(error);
    }
    let probed = probe(kit, provider, program, GLANCE).await;
    if let Err(error) = &probed {
        versions.note_failure(asked, error.clone());
    }
    probed.map(drop)
}

fn look(
    config: &Configuration,
    log: &Log,
    broken: &HashMap<String, String>,
    spent: &BTreeMap<String, Spent>,
) -> Value {
    let catalogue = config.catalogue();
    // The search through PATH is most of the work, so it happens once for each program.
    let found: HashMap<&str, bool> =
        catalogue.iter().map(|provider| (provider.name.as_str(), catalogue.has(provider))).collect();
    let is_installed = |provider: &Provider| found.get(provider.name.as_str()).copied().unwrap_or(false);
    let by_default: Vec<&str> =
        catalogue.asked_among(is_installed).iter().map(|provider| provider.name.as_str()).collect();
    let totals = log.ledger().totals();
    let is_relevant =
        |provider: &&Provider| provider.settings.enabled != Enabled::No || is_installed(provider);
    let entries: Vec<Entry<'_>> = catalogue
        .iter()
        .filter(is_relevant)
        .map(|provider| {
            let installed = is_installed(provider);
            let mut problems = config.loaded().problems_for(&provider.name);
            problems.extend(broken.get(&provider.name).cloned());
            let enabled = match provider.settings.enabled {
                Enabled::Yes => true,
                Enabled::No => false,
                Enabled::Auto => by_default.contains(&provider.name.as_str()),
            };
            let (model, effort) = if provider.is_understudy() {
                (Some(understudy::MODEL.to_owned()), None)
            } else {
                let choice = Choice::of(provider, config.environment(), &CallOptions::default());
                (choice.model, Some(choice.wish.word().to_owned()))
            };
            Entry {
                name: &provider.name,
                enabled,
                installed,
                available: enabled && installed && problems.is_empty(),
                command: provider.command(),
                model,
                effort,
                timeout_sec: provider.settings.timeout_sec,
                not_asked_until: spent.get(&provider.name).map(|spent| spent.resets_at.as_str()),
                fallback: &provider.settings.fallback,
                problems,
                calls: totals.get(&provider.name).map(|totals| json!(totals)),
            }
        })
        .collect();
    let available: Vec<&str> =
        entries.iter().filter(|entry| entry.available).map(|entry| entry.name).collect();
    let switched_off: Vec<&str> = catalogue
        .iter()
        .filter(|provider| !is_relevant(provider))
        .map(|provider| provider.name.as_str())
        .collect();
    let mut overview = json!({
        "ok": true,
        "available": available,
        "providers": entries,
        "asked_by_default": by_default,
        "switched_off": switched_off,
    });
    let ignored = &config.loaded().ignored;
    if let Some(fields) = overview.as_object_mut().filter(|_| !ignored.is_empty()) {
        fields.insert("project_ignored".into(), json!({ "ignored": ignored, "hint": UNTRUSTED_HINT }));
    }
    overview
}

fn asked(provider: &Provider, program: &Path) -> Program {
    Program::as_written(program, provider.leading_arguments())
}

/// The version of a provider's CLI, asked for on first use and remembered for this program. A failed query
/// is repeated next time.
///
/// # Errors
///
/// The program cannot be started. A missing version is no error.
pub async fn version(
    kit: &Kit,
    provider: &Provider,
    program: &Path,
    limit: Duration,
) -> Result<Option<Version>, Error> {
    match probe(kit, provider, program, limit).await {
        // The call itself will report the reason.
        Err(Error::Cli { .. } | Error::Timeout { .. }) => Ok(None),
        other => other,
    }
}

/// As [`version`], but fails with the CLI's own words.
///
/// # Errors
///
/// The program cannot be started, fails, or reports nothing in time. `None` if it ended well without a
/// version.
pub async fn probe(
    kit: &Kit,
    provider: &Provider,
    program: &Path,
    limit: Duration,
) -> Result<Option<Version>, Error> {
    let cell = kit.processes.versions().of(asked(provider, program));
    let version = cell.get_or_try_init(|| async {
        let printed =
            print(kit, provider, program, &["--version"], Home::Private, limit).await.map_err(Some)?;
        match Version::find(&printed.stdout).or_else(|| Version::find(&printed.stderr)) {
            Some(version) if printed.exit.success() || printed.trouble().is_none() => Ok(version),
            found => match printed.trouble() {
                // If the CLI is broken, a version in its output does not count.
                Some(failure) if failure.kind == FailureKind::CliBroken || found.is_none() => {
                    Err(Some(Error::Cli { provider: provider.name.clone(), failure, others: Vec::new() }))
                }
                _ if printed.ended == Ended::TimedOut && found.is_none() => Err(Some(Error::Timeout {
                    provider: provider.name.clone(),
                    after: limit,
                    said: String::new(),
                })),
                _ => found.ok_or(None),
            },
        }
    });
    match version.await {
        Ok(version) => Ok(Some(*version)),
        Err(None) => Ok(None),
        Err(Some(error)) => Err(error),
    }
}

/// The levels of effort of a codex model, by the list that comes with the CLI; `None` if the list does not
/// name them.
pub async fn levels(
    kit: &Kit,
    provider: &Provider,
    program: &Path,
    model: Option<&str>,
    limit: Duration,
) -> Option<Vec<String>> {
    let question = &["debug", "models", "--bundled"];
    let printed = print(kit, provider, program, question, Home::Private, limit).await.ok()?;
    codex::levels(&printed.stdout, model)
}

/// Home directory for a query to a CLI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// The user's, which has the login.
    Own,
    /// A private one, if the call has one: a query for the version does not touch the user's.
    Private,
}

/// Runs a provider's CLI with our arguments, in an empty directory and its own environment.
///
/// # Errors
///
/// The program cannot be started.
pub async fn print(
    kit: &Kit,
    provider: &Provider,
    program: &Path,
    args: &[&str],
    home: Home,
    limit: Duration,
) -> Result<Outcome<String>, Error> {
    let (shared, adapter) = (kit.config.clone(), provider.adapter.clone());
    let made = off_thread(move || {
        let directory = CallDir::create()?;
        let carried = || login::carry(&adapter, shared.environment(), directory.capture()).home;
        let home = if home == Home::Private { carried() } else { None };
        Ok::<_, std::io::Error>((directory, home))
    });
    let (directory, home) = made.await?.map_err(Error::internal)?;
    let mut env = allowed(kit.config.environment(), kit.config.root(), &provider.settings.allow_env);
    env.extend(home.map(|(name, value)| (name.into(), value.into())));
    let limits = Limits { timeout: Some(limit), ..Limits::default() };
    let mut launch = Launch { env, limits, ..Launch::new(program, &directory) };
    launch.args(provider.leading_arguments()).args(args);
    let outcome = kit.processes.supervisor().run(launch, directory, |_| {}).await;
    let unable = |error| process_error(provider, &kit.config, &kit.log, &error);
    outcome.map(Outcome::into_text).map_err(unable)
}

/// Turns the error of a process into the error for the caller.
pub(crate) fn process_error(
    provider: &Provider,
    config: &Configuration,
    log: &Log,
    error: &ProcessError,
) -> Error {
    let cannot_run = |program: &std::path::Path, reason: String| Error::CliNotExecutable {
        provider: provider.name.clone(),
        program: program.display().to_string(),
        reason,
    };
    match error {
        ProcessError::ShuttingDown => Error::ShuttingDown,
        ProcessError::NotFound { program } if program.exists() => Error::Cli {
            provider: provider.name.clone(),
            failure: CliFailure::new(
                FailureKind::CliBroken,
                format!(
                    "{} cannot be started: the interpreter that its first line names does not exist",
                    program.display()
                ),
            ),
            others: others_than(provider, config, log),
        },
        ProcessError::NoWall(reason) => Error::NoSandbox(reason.clone()),
        ProcessError::PermissionDenied { program } => cannot_run(program, "permission denied".to_owned()),
        ProcessError::Spawn(reason) if reason.kind() == std::io::ErrorKind::InvalidInput => {
            Error::InvalidArguments(
                "the prompt contains a NUL character, which no command line accepts".to_owned(),
            )
        }
        ProcessError::Spawn(reason) => {
            cannot_run(std::path::Path::new(provider.command()), reason.to_string())
        }
        ProcessError::NotFound { .. } => config.catalogue().not_found(provider),
        other @ ProcessError::Capture(_) => Error::Internal(format!("{}: {other}", provider.name)),
    }
}

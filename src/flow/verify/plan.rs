//! Turns a request into judged commands: named ones, defaults by language, or detected ones.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{Entry, VerifyRequest, git_guard};
use crate::domain::verification::Kind;
use crate::domain::verification::detect::Detected;
use crate::domain::verification::policy::{Permitted, Policy, Refused};
use crate::domain::verification::rules::VerificationRules;
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::project_files::ProjectFiles;
use crate::flow::rules_in_force::InForce;
use crate::host::environment::Environment;
use crate::host::manifests::detect_all;
use crate::host::project::Project;

/// Timeout of a check that gives none.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A value that must live as long as a check's process, for example the copy that it runs in.
pub(in crate::flow) type Hold = Arc<dyn Any + Send + Sync>;

/// Output of a check that is kept in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Output that a result shows only in part.
    LongOutput,
    Nothing,
}

pub(super) struct Plan {
    pub(super) checks: Vec<Planned>,
    pub(super) detected: Option<Vec<Detected>>,
    pub(super) in_force: Arc<InForce>,
    pub(super) kept: Kept,
    pub(super) hold: Option<Hold>,
    /// The project, or the copy in which the checks run.
    pub(super) root: PathBuf,
    /// The project's own test checks, if others were named.
    pub(super) own: Vec<Own>,
}

/// A test check of the project.
pub(super) struct Own {
    pub(super) command: String,
    pub(super) rule: String,
    /// The runner that its rule names.
    pub(super) runner: Option<String>,
    pub(super) cwd: String,
}

impl Own {
    /// True if tests that a script or target ran with this runner, in this directory, are those of this
    /// check.
    pub(super) fn is_run_by(&self, runner: &str, cwd: &str) -> bool {
        let same = self.runner.as_deref().is_some_and(|own| {
            // pytest also collects the tests of unittest.
            own == runner || (own == "unittest" && runner == "pytest")
        });
        same && (cwd == "." || self.cwd == cwd || self.cwd.starts_with(&format!("{cwd}/")))
    }
}

/// One check.
#[derive(Clone)]
pub(super) struct Planned {
    pub(super) command: String,
    pub(super) kind: Kind,
    pub(super) cwd: PathBuf,
    pub(super) cwd_shown: String,
    pub(super) timeout: Duration,
    /// Standard input; empty for a check of the project.
    pub(super) stdin: Vec<u8>,
    /// Verdict of the policy; `None` without a command.
    pub(super) verdict: Option<Result<Permitted, Refused>>,
}

/// Finds and judges the commands. Blocks.
pub(super) fn plan(
    config: &Configuration,
    project: &ProjectFiles,
    request: &VerifyRequest,
) -> Result<Plan, Error> {
    let (project, in_force) = (project.reader()?, config.checks()?);
    let mut plan = plan_in(config.environment(), &project, Arc::clone(&in_force), request)?;
    if !request.entries.is_empty() {
        plan.own = own_checks(config.environment(), &project, &in_force.policy);
    }
    Ok(plan)
}

/// The test checks that the project has and the policy permits.
fn own_checks(environment: &Environment, project: &Project, policy: &Policy) -> Vec<Own> {
    let Ok(root) = project.directory(None) else { return Vec::new() };
    let mut own = Vec::new();
    for found in detect_all(&root, project.root(), environment) {
        let cwd = root.join(&found.directory);
        let cwd = cwd.canonicalize().unwrap_or(cwd);
        for check in found.checks.iter().filter(|check| check.by_default && check.kind == Kind::UnitTest) {
            let permitted = policy.judge(&check.command, &|path| project.holds(&cwd, path));
            own.extend(permitted.ok().map(|permitted| Own {
                command: check.command.clone(),
                rule: permitted.rule,
                runner: permitted.runner,
                cwd: project.shown_directory(&cwd),
            }));
        }
    }
    own
}

/// As [`plan`], in a copy of the project, by the rules of the project itself. Blocks.
pub(super) fn plan_in(
    environment: &Environment,
    project: &Project,
    in_force: Arc<InForce>,
    request: &VerifyRequest,
) -> Result<Plan, Error> {
    let (rules, policy) = (&in_force.rules, &in_force.policy);
    let mut planning = Planning { environment, project, rules, policy, checks: Vec::new(), detected: None };
    let all = [Entry::default()];
    let entries = if request.entries.is_empty() { all.as_slice() } else { &request.entries };
    for (number, entry) in entries.iter().enumerate() {
        planning.add(entry, request.cwd.as_deref()).map_err(|problem| {
            let is_named = !request.entries.is_empty();
            let place = if is_named { format!("commands[{number}].") } else { String::new() };
            Error::InvalidArguments(place + &problem)
        })?;
    }
    let Planning { mut checks, detected, .. } = planning;
    if request.entries.is_empty() {
        checks.retain(|check| check.verdict.is_some());
    }
    Ok(Plan {
        checks,
        detected,
        in_force,
        kept: Kept::LongOutput,
        hold: None,
        own: Vec::new(),
        root: project.root().to_owned(),
    })
}

struct Planning<'a> {
    environment: &'a Environment,
    project: &'a Project,
    rules: &'a VerificationRules,
    policy: &'a Policy,
    checks: Vec<Planned>,
    detected: Option<Vec<Detected>>,
}

impl Planning<'_> {
    fn add(&mut self, entry: &Entry, cwd: Option<&str>) -> Result<(), String> {
        let named = entry.cwd.as_deref().or(cwd);
        let directory = self.project.directory(named).map_err(|refusal| {
            format!("cwd is not a directory of the project (`{}`: {refusal})", named.unwrap_or("."))
        })?;
        if let Some(command) = &entry.command {
            let command = joined(command, entry.args.as_deref());
            self.push(entry, command, entry.kind, directory);
            return Ok(());
        }
        match (&entry.language, entry.kind) {
            (Some(language), Some(kind)) => {
                if !self.rules.defaults.contains_key(language) {
                    let known: Vec<&str> = self.rules.defaults.keys().map(String::as_str).collect();
                    return Err(format!("language must be one of {} (got `{language}`)", known.join(", ")));
                }
                match self.default_command(language, kind, entry) {
                    Some(command) => self.push(entry, command, Some(kind), directory),
                    None => self.push_nothing(entry, kind, directory),
                }
            }
            _ => self.add_detected(entry, directory),
        }
        Ok(())
    }

    fn default_command(&self, language: &str, kind: Kind, entry: &Entry) -> Option<String> {
        let command = self.rules.default_command(language, kind)?;
        let command = command.replace("{args}", entry.args.as_deref().unwrap_or_default());
        // Without arguments, nothing follows `--`.
        Some(command.trim().trim_end_matches(" --").split("  ").collect::<Vec<_>>().join(" "))
    }

    /// Adds the project's own checks: those of a type, or those that run by default.
    fn add_detected(&mut self, entry: &Entry, directory: PathBuf) {
        let found: Vec<Detected> = detect_all(&directory, self.project.root(), self.environment)
            .into_iter()
            .filter(|project| entry.language.as_deref().is_none_or(|language| language == project.language))
            .collect();
        let before = self.checks.len();
        for project in &found {
            for check in &project.checks {
                if entry.kind.map_or(check.by_default, |kind| kind == check.kind) {
                    let separator = if project.language.ends_with("script") { "-- " } else { "" };
                    let args = entry.args.as_deref().filter(|args| !args.trim().is_empty());
                    let args = args.map(|args| format!("{separator}{args}"));
                    let command = joined(&check.command, args.as_deref());
                    self.push(entry, command, Some(check.kind), directory.join(&project.directory));
                }
            }
        }
        if let Some(kind) = entry.kind.filter(|_| self.checks.len() == before) {
            for project in &found {
                if let Some(command) = self.default_command(project.language, kind, entry) {
                    self.push(entry, command, Some(kind), directory.join(&project.directory));
                }
            }
        }
        if self.checks.len() == before {
            self.push_nothing(entry, entry.kind.unwrap_or(Kind::Custom), directory);
        }
        self.detected.get_or_insert_default().extend(found);
    }

    fn push(&mut self, entry: &Entry, command: String, kind: Option<Kind>, cwd: PathBuf) {
        let cwd = cwd.canonicalize().unwrap_or(cwd);
        let verdict = self.judge(&command, &cwd);
        let kind = kind.or_else(|| Some(verdict.as_ref().ok()?.kind)).unwrap_or(Kind::Custom);
        self.checks.push(Planned {
            command,
            kind,
            cwd_shown: self.project.shown_directory(&cwd),
            cwd,
            timeout: entry.timeout_sec.map_or(TIMEOUT, Duration::from_secs),
            stdin: Vec::new(),
            verdict: Some(verdict),
        });
    }

    fn push_nothing(&mut self, entry: &Entry, kind: Kind, cwd: PathBuf) {
        self.push(entry, String::new(), Some(kind), cwd);
        if let Some(last) = self.checks.last_mut() {
            last.verdict = None;
        }
    }

    fn judge(&self, command: &str, cwd: &Path) -> Result<Permitted, Refused> {
        let permitted = self.policy.judge(command, &|path| self.project.holds(cwd, path))?;
        let secret = |path: &Path| self.project.refuses_reading(path).map(str::to_owned);
        let place = self.project.shown_directory(cwd);
        match git_guard::names_a_secret(&permitted.words, &place, secret) {
            Some(refused) if git_guard::is_git(&permitted.words) => Err(refused),
            Some(_) | None => Ok(permitted),
        }
    }
}

fn joined(command: &str, args: Option<&str>) -> String {
    match args {
        Some(args) if !args.trim().is_empty() => format!("{command} {args}"),
        _ => command.to_owned(),
    }
}

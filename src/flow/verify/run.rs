//! Runs one check and reads its output.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde_with::skip_serializing_none;

use super::foreign::foreign;
use super::git_guard;
use super::plan::{Kept, Plan, Planned};
use crate::domain::pairs::is_default;
use crate::domain::verification::Kind;
use crate::domain::verification::policy::{Permitted, Refused};
use crate::domain::verification::read::{Does, Reading, Totals, read};
use crate::domain::verification::rules::EnvironmentRules;
use crate::domain::verification::status::{End, Proof, Status, Told, excerpt, judge, proof};
use crate::domain::words::first_names;
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::kit::Kit;
use crate::flow::processes::Processes;
use crate::flow::progress::Progress;
use crate::flow::project_files::ProjectFiles;
use crate::flow::scope::off_thread;
use crate::flow::time::milliseconds;
use crate::flow::wall::{self, CheckWall};
use crate::host::environment::{DEPTH_VARIABLE, Environment};
use crate::host::git::VARIABLES;
use crate::host::process::{CallDir, Ended, Exit, Launch, Limits, Outcome, ProcessError};
use crate::host::wall::FileStanding;

/// Characters of output that a result may hold.
const MOST_CHARS: usize = 36_000;
/// Minimum number of characters for each stream of a check.
const LEAST_CHARS: usize = 1_200;
/// Bytes of a whole output that is kept in a file.
const MOST_KEPT: usize = 8 * 1024 * 1024;

/// Note on a failure without a readable name of a test.
const NOT_READ: &str = "no names of failing tests were found; the end of the output says why it failed";
/// The same if the program ended well and its runner's summary counts failures.
const NOT_READ_IN_SUMMARY: &str = "no names of failing tests were found: the exit code is 0, but the runner's summary counts failures; the end of the output says more";

#[derive(Clone, Debug, Serialize)]
pub struct CheckResult {
    pub command: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub passed: bool,
    pub status: Status,
    pub exit_code: Option<i32>,
    /// Milliseconds.
    pub duration_ms: u64,
    /// Its standard output: head, failures and tail.
    pub stdout: String,
    /// Its standard error, shortened.
    pub stderr: String,
    /// All of its standard output, if nothing of it is kept in a file.
    #[serde(skip)]
    pub whole_stdout: String,
    pub metadata: Metadata,
}

/// Facts about a check beside its result.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct Metadata {
    /// Where it ran, relative to the project root.
    pub cwd: String,
    /// The rule that permits it.
    pub rule: Option<String>,
    /// True if the rule is the project's own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rule_of_project: bool,
    /// The rule that refuses it, and why.
    pub refused: Option<Refused>,
    /// Why it was not run, or how it ended.
    pub note: Option<String>,
    pub runner: Option<&'static str>,
    pub proof: Proof,
    /// Totals of the tests or findings.
    pub totals: Option<Totals>,
    /// Failed tests, or places of findings.
    pub failing: Vec<String>,
    /// Number of failing names that are not listed.
    #[serde(skip_serializing_if = "is_default")]
    pub failing_left_out: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// The file with the whole output.
    pub output_file: Option<PathBuf>,
    /// The sandbox that it ran in.
    pub sandbox: Option<String>,
    /// Files that run or permit something by themselves and changed during the check.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrote: Vec<String>,
    /// Processes that outlived the check and were ended.
    pub leftovers: Option<usize>,
}

impl CheckResult {
    pub(super) fn not_run(check: &Planned, status: Status, note: String) -> Self {
        let metadata = Metadata { cwd: check.cwd_shown.clone(), note: Some(note), ..Metadata::default() };
        Self {
            command: check.command.clone(),
            kind: check.kind,
            passed: false,
            status,
            exit_code: None,
            duration_ms: 0,
            stdout: String::new(),
            stderr: String::new(),
            whole_stdout: String::new(),
            metadata,
        }
    }

    /// True if it counts against the project: it ran, or should have run.
    pub(super) fn is_failure(&self) -> bool {
        !self.passed && self.status != Status::Skipped
    }

    /// Marks a check that changed a file which runs or permits something: the check proves nothing.
    fn mark_guarded_changes(&mut self, changed: &[PathBuf]) {
        if changed.is_empty() {
            return;
        }
        self.metadata.wrote = changed.iter().map(|path| path.display().to_string()).collect();
        let named = first_names(&self.metadata.wrote, 0);
        let what = format!(
            "while it ran, {named} changed: these files run or permit something without being called"
        );
        self.metadata.proof.tests = 0;
        self.metadata.proof.idle = Some(what.clone());
        let before = self.metadata.note.take().map_or(String::new(), |note| format!("{note}; "));
        self.metadata.note =
            Some(format!("{before}{what}. It opens no gate. Show the user these files before anything else"));
    }

    /// The result in a line.
    pub(super) fn in_a_line(&self) -> String {
        let status = serde_json::to_value(self.status).unwrap_or_default();
        let names = first_names(&self.metadata.failing, self.metadata.failing_left_out);
        let names = if names.is_empty() { names } else { format!(": {names}") };
        format!("{} `{}` {}{names}", self.kind.name(), self.command, status.as_str().unwrap_or_default())
    }
}

/// Characters that each of several checks may show.
pub(super) fn room(checks: usize) -> usize {
    MOST_CHARS / checks.max(1)
}

/// Runs a check, if it is permitted.
pub(super) async fn run(
    kit: &Kit,
    plan: &Plan,
    check: &Planned,
    room: usize,
    progress: &Progress,
) -> CheckResult {
    let permitted = match &check.verdict {
        Some(Ok(permitted)) => permitted,
        Some(Err(refused)) => {
            let note = format!("refused by rule `{}`: {}", refused.rule, refused.reason);
            let mut result = CheckResult::not_run(check, Status::Refused, note);
            result.metadata.refused = Some(refused.clone());
            return result;
        }
        None => {
            let note = "Maestro found no such check in the project".to_owned();
            return CheckResult::not_run(check, Status::NothingToRun, note);
        }
    };
    let progress = progress.labelled(&check.command);
    progress.say("started");
    match start(&kit.config, &kit.processes, plan, check, permitted, &progress).await {
        Ok((outcome, changed)) => {
            let mut result =
                finished(&kit.config, &kit.project, plan.kept, check, permitted, outcome, room).await;
            result.mark_guarded_changes(&changed);
            progress.say(if result.passed { "passed" } else { "did not pass" });
            result
        }
        Err((status, note)) => CheckResult::not_run(check, status, note),
    }
}

async fn start(
    config: &Configuration,
    processes: &Processes,
    plan: &Plan,
    check: &Planned,
    permitted: &Permitted,
    progress: &Progress,
) -> Result<(Outcome, Vec<PathBuf>), (Status, String)> {
    let (name, words) = permitted.words.split_first().ok_or((Status::Error, String::new()))?;
    let is_git = git_guard::is_git(&permitted.words);
    // Maestro itself asks git about the command, outside the sandbox.
    let by_name = is_git && !name.contains('/');
    let found =
        if by_name { config.find_outside(name) } else { program(config.environment(), name, &check.cwd) };
    let program =
        found.ok_or_else(|| (Status::NotFound, format!("there is no program `{name}` on this machine")))?;
    let mut env = environment(config.environment(), &plan.in_force.rules.environment);
    let args = if is_git {
        env.retain(|(name, _)| name != "GIT_DIR" && name != "GIT_WORK_TREE" && name != "GIT_EXTERNAL_DIFF");
        env.extend(VARIABLES.iter().map(|(name, value)| (name.into(), value.into())));
        let secrets = config.secret_rules().map_err(|error| (Status::Error, error.to_string()))?;
        let (program, cwd, words) = (program.clone(), check.cwd.clone(), words.to_vec());
        let guarded = off_thread(move || match git_guard::refusal(&program, &cwd, &words) {
            None => Ok(git_guard::guarded(&program, &cwd, &words, &secrets)),
            Some(refusal) => Err((Status::Refused, format!("refused: {refusal}"))),
        });
        guarded.await.map_err(|error| (Status::Error, error.to_string()))??
    } else {
        words.iter().map(OsString::from).collect()
    };
    let directory = CallDir::create_off_thread();
    let directory = directory.await.map_err(|error| (Status::Error, error.to_string()))?;
    let (shared, root, started) = (config.clone(), plan.root.clone(), program.clone());
    let walled = off_thread(move || {
        wall::of_check(&shared, &root, &started, &directory).map(|walled| (walled, directory))
    });
    let (walled, directory) = walled.await.flatten().map_err(|error| (Status::Error, error.to_string()))?;
    let launch = Launch {
        args,
        env: env.into_iter().chain(walled.env).collect(),
        cwd: check.cwd.clone(),
        stdin: check.stdin.clone(),
        limits: Limits { timeout: Some(check.timeout), ..Limits::default() },
        wall: walled.wall,
        ..Launch::new(&program, &directory)
    };
    let ended = processes.supervisor().run(launch, (directory, plan.hold.clone()), |activity| {
        let seconds = activity.elapsed.as_secs();
        let line = activity.last_line.as_deref().unwrap_or("no output yet");
        progress.say(&format!("{seconds} s: {line}"));
    });
    let outcome = ended.await.map_err(|error| match error {
        ProcessError::NotFound { .. } => (Status::NotFound, error.to_string()),
        _ => (Status::Error, error.to_string()),
    })?;
    let (root, before, standing) = (plan.root.clone(), walled.guarded, outcome.wall.files.clone());
    let changed = off_thread(move || CheckWall::changed(&before, &root, &standing));
    let changed = changed.await.map_err(|error| (Status::Error, error.to_string()))?;
    Ok((outcome, changed))
}

/// The program of a name; `python` means `python3` if only that exists.
fn program(environment: &Environment, name: &str, cwd: &std::path::Path) -> Option<PathBuf> {
    environment.find_program(name, cwd).or_else(|| match name {
        "python" => environment.find_program("python3", cwd),
        _ => None,
    })
}

/// Variables of the server's environment that a build needs, by the rules.
fn environment(environment: &Environment, rules: &EnvironmentRules) -> Vec<(OsString, OsString)> {
    let passes = |name: &str| {
        rules
            .pass
            .iter()
            .any(|rule| rule.strip_suffix('*').map_or(name == rule, |start| name.starts_with(start)))
    };
    let passed = environment.iter().filter(|(name, _)| name.to_str().is_some_and(passes));
    passed
        .map(|(name, value)| (name.clone(), value.clone()))
        .chain(rules.set.iter().map(|(name, value)| (name.into(), value.into())))
        .chain([(DEPTH_VARIABLE.into(), (environment.depth() + 1).to_string().into())])
        .collect()
}

async fn finished(
    config: &Configuration,
    project: &ProjectFiles,
    kept: Kept,
    check: &Planned,
    permitted: &Permitted,
    outcome: Outcome,
    room: usize,
) -> CheckResult {
    let (config, project) = (config.clone(), project.clone());
    let (checked, by) = (check.clone(), permitted.clone());
    // Reading and masking a long output takes a while; other calls go on meanwhile.
    let reading = move || result(&config, &project, kept, &checked, &by, &outcome, room);
    let result = off_thread(reading).await.flatten();
    result.unwrap_or_else(|error| CheckResult::not_run(check, Status::Error, error.to_string()))
}

fn result(
    config: &Configuration,
    project: &ProjectFiles,
    kept: Kept,
    check: &Planned,
    permitted: &Permitted,
    outcome: &Outcome,
    room: usize,
) -> Result<CheckResult, Error> {
    let masker = config.masker()?;
    let clean = |bytes: &[u8]| masker.mask(&String::from_utf8_lossy(bytes)).text.into_owned();
    let (stdout, stderr) = (clean(&outcome.stdout), clean(&outcome.stderr));
    let (runner, end) = (permitted.runner.as_deref(), ending(outcome));
    let reading = read(runner, &stdout, &stderr);
    let told = Told { reading: reading.as_ref(), runner, output: &format!("{stdout}\n{stderr}") };
    let (status, exit_code) = (judge(end, told), outcome.exit.code());
    let runner = reading.as_ref().map(|reading| reading.runner);
    let totals = reading.as_ref().map(|reading| reading.totals);
    let is_test = reading.as_ref().is_some_and(|reading| reading.does == Does::Test);
    let Reading { failing, left_out, .. } = reading.unwrap_or_default();
    let (for_stdout, for_stderr) = share(room, stdout.len(), stderr.len());
    let (out, err) = (excerpt(&stdout, for_stdout, &failing), excerpt(&stderr, for_stderr, &failing));
    let cut = out.cut || err.cut;
    let is_kept = kept == Kept::LongOutput && cut && stdout.len() + stderr.len() <= MOST_KEPT;
    let whole = || format!("$ {}\n\n## stdout\n\n{stdout}\n\n## stderr\n\n{stderr}\n", check.command);
    let output_file = is_kept.then(|| project.answers().keep("verify", &whole()).ok()).flatten();
    let behind_wall = matches!(outcome.wall.files, FileStanding::Landlock { .. });
    let by_wall = || {
        let failed = behind_wall && status != Status::Passed;
        failed.then(|| wall::may_be_the_reason(&[&out.text, &err.text])).flatten().map(str::to_owned)
    };
    let names_not_read = || {
        (status == Status::Failed && failing.is_empty())
            .then(|| if exit_code == Some(0) { NOT_READ_IN_SUMMARY } else { NOT_READ }.to_owned())
    };
    let note = note(end, check.timeout).or_else(by_wall).or_else(names_not_read);
    let foreign = foreign(permitted, runner, &check.cwd, &check.cwd_shown);
    // A linter counts findings, not tests.
    let proof = proof(check.kind, status, permitted, totals.filter(|_| is_test), foreign.as_deref());
    let metadata = Metadata {
        proof,
        cwd: check.cwd_shown.clone(),
        rule: Some(permitted.rule.clone()),
        rule_of_project: permitted.by_project,
        note,
        runner,
        totals,
        failing,
        failing_left_out: left_out,
        truncated: cut,
        output_file,
        sandbox: Some(outcome.wall.in_words()),
        leftovers: (outcome.leftovers > 0).then_some(outcome.leftovers),
        ..Metadata::default()
    };
    Ok(CheckResult {
        command: check.command.clone(),
        kind: check.kind,
        passed: status == Status::Passed,
        status,
        exit_code,
        duration_ms: milliseconds(outcome.elapsed),
        stdout: out.text,
        stderr: err.text,
        whole_stdout: if kept == Kept::Nothing && stdout.len() <= MOST_KEPT { stdout } else { String::new() },
        metadata,
    })
}

/// Divides the room between the streams: half for each; what one does not need goes to the other.
fn share(room: usize, stdout: usize, stderr: usize) -> (usize, usize) {
    let half = room / 2;
    let for_stdout = room.saturating_sub(stderr.min(half)).max(LEAST_CHARS);
    let for_stderr = room.saturating_sub(stdout.min(half)).max(LEAST_CHARS);
    (for_stdout.min(stdout.max(half)), for_stderr.min(stderr.max(half)))
}

fn ending(outcome: &Outcome) -> End {
    match (outcome.ended, outcome.exit) {
        (Ended::TimedOut | Ended::Stalled | Ended::Finished, _) => End::TimedOut,
        (Ended::OutputTooLarge, _) => End::TooLarge,
        (Ended::Exited, Exit::Code(code)) => End::Code(code),
        (Ended::Exited, Exit::Signal(signal)) => End::Signal(signal),
        (Ended::Exited, Exit::Unknown) => End::Signal(0),
    }
}

fn note(end: End, timeout: Duration) -> Option<String> {
    match end {
        End::TimedOut => {
            Some(format!("ended after {} s, with everything that it had started", timeout.as_secs()))
        }
        End::Signal(signal) => Some(format!("killed by signal {signal}")),
        End::TooLarge => Some("ended because it wrote more than 64 MiB".to_owned()),
        End::Code(_) => None,
    }
}

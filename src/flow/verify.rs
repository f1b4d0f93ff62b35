//! Runs the project's own checks: finds or takes them, judges them by the policy, runs them, reads their
//! output, and records the result.

mod foreign;
mod git_guard;
mod plan;
mod run;

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::configuration::Configuration;
use super::kit::Kit;
use super::log::Log;
use super::note::note;
use super::progress::Progress;
use super::project_files::ProjectFiles;
use super::rules_in_force::{InForce, PolicyNote};
use super::scope::{off_thread, off_thread_with};
use crate::domain::calibrate::OracleUnusable;
use crate::domain::event::{Check, Draft, Verified};
use crate::domain::verification::Kind;
use crate::domain::verification::detect::Detected;
use crate::domain::verification::status::Status;
use crate::error::{Error, ErrorNote, outcome};
use crate::flow::time::milliseconds;
use crate::host::answers::{EXAMPLE, Exhibit};
use crate::host::project::Project;

pub(in crate::flow) use git_guard::guarded;
pub(in crate::flow) use plan::Hold;
use plan::{Kept, Plan, plan_in};
pub use run::CheckResult;

/// Checks that run at the same time.
const MOST_PARALLEL: usize = 4;
/// Checks of one call.
const MOST_CHECKS: usize = 40;

/// Code and hint if there was nothing to run.
const NOTHING_TO_VERIFY: (&str, &str) = (
    outcome::NOTHING_TO_VERIFY,
    "Name a command in `commands`; Maestro finds checks of Cargo, package.json, Python, go.mod and Makefiles.",
);
/// Warning if no test ran.
const NO_TEST_RAN: &str =
    "no test was seen to run, so this does not open improve; `commands: []` runs the project's own tests";
/// Code and hint if a check ran, or should have run, and did not pass.
const CHECKS_FAILED: (&str, &str) = (
    outcome::CHECKS_FAILED,
    "Read each result's status and metadata: `failing` names the failed tests, `refused` says why a command was not run.",
);

// One entry of a request: input of a tool, whose schema shows the docs of the fields.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Entry {
    /// The command, without a shell; omitted: by type.
    pub command: Option<String>,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// Arguments to append.
    pub args: Option<String>,
    /// Use this language's default command.
    pub language: Option<String>,
    /// Seconds; default 600.
    #[schemars(range(min = 1, max = 7_200))]
    pub timeout_sec: Option<u64>,
    /// Where to run it.
    pub cwd: Option<String>,
}

// Checks to run: input of a tool, whose schema shows only the docs of the fields.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    /// Each `{command?, type? as lint, args?, language?, timeout_sec?, cwd?}`; empty: detected.
    #[serde(rename = "commands")]
    pub entries: Vec<Entry>,
    /// Where to run.
    pub cwd: Option<String>,
    /// Skip the rest.
    #[serde(default)]
    pub stop_on_failure: bool,
    /// Side by side.
    #[serde(default)]
    pub parallel: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// True if there was a check and all passed.
    pub ok: bool,
    /// The same as `ok`.
    pub all_passed: bool,
    /// Summary in a line.
    pub summary: String,
    /// Why it is not ok.
    #[serde(flatten)]
    pub error: Option<ErrorNote>,
    /// Tests, type checks and builds that did not pass.
    pub critical_failures: Vec<String>,
    /// Every check, in the order of the request.
    pub results: Vec<CheckResult>,
    /// Duration of all checks in milliseconds.
    pub total_duration_ms: u64,
    /// Id under which the results are recorded.
    pub verification_id: String,
    /// Facts about the project, if the caller asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detected: Option<Vec<Detected>>,
    /// The rules in force.
    pub policy: PolicyNote,
    /// Number of the project's own tests that ran and passed.
    pub tests_passed: usize,
    /// The project's own test checks that were not run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_checks: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// Runs checks and records their results.
///
/// # Errors
///
/// The rules or the configuration cannot be used, or the arguments are invalid. A check that fails or is
/// refused is no error.
pub async fn verify(kit: &Kit, request: VerifyRequest, progress: &Progress) -> Result<Report, Error> {
    kit.processes.refuse_nested()?;
    kit.config.check()?;
    let started = Instant::now();
    let (parallel, stop) = (request.parallel, request.stop_on_failure);
    let planning = kit.clone();
    let plan = off_thread(move || plan::plan(&planning.config, &planning.project, &request)).await??;
    check_count("commands", &plan)?;
    let id = uuid::Uuid::now_v7().to_string();
    let room = run::room(plan.checks.len());
    let results = if parallel {
        side_by_side(kit, &plan, room, progress).await
    } else {
        in_order(kit, &plan, room, stop, progress).await
    };
    let elapsed = milliseconds(started.elapsed());
    let mut report = report(id, plan, results, elapsed);
    tracing::info!(
        verification = report.verification_id,
        passed = report.results.iter().filter(|result| result.passed).count(),
        failed = report.results.iter().filter(|result| result.is_failure()).count(),
        skipped = report.results.iter().filter(|result| result.status == Status::Skipped).count(),
        elapsed_ms = elapsed,
        "checks ran"
    );
    if let Err(error) = record(&kit.log, &report).await {
        report.warning = Some(format!("the result is not in the log: {error}"));
    }
    Ok(report)
}

/// Refuses more checks than one call may have.
fn check_count(argument: &str, plan: &Plan) -> Result<(), Error> {
    match plan.checks.len() {
        ..=MOST_CHECKS => Ok(()),
        all => Err(Error::InvalidArguments(format!(
            "{argument} must have at most {MOST_CHECKS} checks (got {all})"
        ))),
    }
}

async fn side_by_side(kit: &Kit, plan: &Plan, room: usize, progress: &Progress) -> Vec<CheckResult> {
    let slots = Semaphore::new(MOST_PARALLEL);
    join_all(plan.checks.iter().map(|check| {
        let slots = &slots;
        async move {
            // The semaphore is never closed, so a slot always comes.
            let _slot = slots.acquire().await;
            run::run(kit, plan, check, room, progress).await
        }
    }))
    .await
}

async fn in_order(kit: &Kit, plan: &Plan, room: usize, stop: bool, progress: &Progress) -> Vec<CheckResult> {
    let mut results: Vec<CheckResult> = Vec::new();
    for check in &plan.checks {
        let failed = results.iter().any(|result| !result.passed);
        results.push(if stop && failed {
            CheckResult::not_run(check, Status::Skipped, "an earlier check did not pass".to_owned())
        } else {
            run::run(kit, plan, check, room, progress).await
        });
    }
    results
}

/// Records the results.
async fn record(log: &Log, report: &Report) -> Result<(), Error> {
    let check = |result: &CheckResult| Check {
        command: result.command.clone(),
        cwd: result.metadata.cwd.clone(),
        kind: result.kind,
        status: result.status,
        exit_code: result.exit_code,
        failing: result.metadata.failing.clone(),
        elapsed_ms: result.duration_ms,
        proof: Some(result.metadata.proof.clone()),
    };
    let verified = Verified {
        passed: report.all_passed,
        summary: report.summary.clone(),
        checks: report.results.iter().map(check).collect(),
        missing: report.missing_checks.clone(),
    };
    note(log, None, Draft::new(report.verification_id.clone(), verified)).await.map(drop)
}

fn report(verification_id: String, plan: Plan, results: Vec<CheckResult>, total_duration_ms: u64) -> Report {
    let passed = results.iter().filter(|result| result.passed).count();
    let tests_passed = results.iter().map(|result| result.metadata.proof.tests).sum();
    let is_covered = |own: &plan::Own| {
        results.iter().any(|result| {
            let metadata = &result.metadata;
            let by_rule = metadata.rule.as_ref() == Some(&own.rule) && metadata.cwd == own.cwd;
            let by_script = metadata.proof.tests > 0
                && metadata.runner.is_some_and(|runner| own.is_run_by(runner, &metadata.cwd));
            (by_rule || by_script)
                && !matches!(result.status, Status::Refused | Status::NotFound | Status::Skipped)
        })
    };
    let missing_checks =
        plan.own.iter().filter(|own| !is_covered(own)).map(|own| own.command.clone()).collect();
    let all_passed = !results.is_empty() && passed == results.len();
    let critical = results.iter().filter(|result| result.kind.is_critical() && result.is_failure());
    let critical_failures = critical.map(CheckResult::in_a_line).collect();
    let summary = match results.len() {
        0 => "Maestro found no check to run".to_owned(),
        all => match results.iter().filter(|result| result.status == Status::Refused).count() {
            0 => format!("{passed} of {all} checks passed"),
            refused => format!("{passed} of {all} checks passed ({refused} refused, not run)"),
        },
    };
    let nothing_ran = results.iter().all(|result| result.status == Status::NothingToRun);
    let error = (!all_passed).then(|| {
        let (code, hint) = if nothing_ran { NOTHING_TO_VERIFY } else { CHECKS_FAILED };
        ErrorNote { error: summary.clone(), code, hint: hint.to_owned(), retryable: false, resets_at: None }
    });
    Report {
        ok: all_passed,
        all_passed,
        error,
        summary,
        critical_failures,
        results,
        total_duration_ms,
        verification_id,
        detected: plan.detected,
        policy: plan.in_force.note.clone(),
        tests_passed,
        missing_checks,
        warning: (all_passed && tests_passed == 0).then(|| NO_TEST_RAN.to_owned()),
    }
}

/// The checks of a request, with commands that are found in the project itself, so that a changed copy does
/// not choose its own base. Errors name the tool's `argument`.
///
/// # Errors
///
/// The rules cannot be used, nothing is found, or a rule refuses a command.
pub(in crate::flow) async fn settled(
    config: &Configuration,
    project: &ProjectFiles,
    argument: &'static str,
    request: VerifyRequest,
) -> Result<Vec<Entry>, Error> {
    let (config, project) = (config.clone(), project.clone());
    let plan = off_thread(move || plan::plan(&config, &project, &request)).await??;
    let invalid = |problem: String| Err(Error::InvalidArguments(problem));
    if plan.checks.is_empty() {
        return invalid(format!("{argument} is empty, and Maestro found no check in the project"));
    }
    check_count(argument, &plan)?;
    let mut entries = Vec::new();
    for check in plan.checks {
        match &check.verdict {
            Some(Ok(_)) => {}
            Some(Err(refused)) => {
                let (rule, reason) = (&refused.rule, &refused.reason);
                let command = &check.command;
                return invalid(format!("{argument}: `{command}` is refused by rule `{rule}`: {reason}"));
            }
            None => return invalid(format!("{argument}: Maestro found no such check in the project")),
        }
        entries.push(Entry {
            command: Some(check.command),
            kind: Some(check.kind),
            timeout_sec: Some(check.timeout.as_secs()),
            cwd: Some(check.cwd_shown),
            ..Entry::default()
        });
    }
    Ok(entries)
}

/// Runs checks in a copy, one after another. Nothing is recorded, because they say nothing about the
/// project as it is.
///
/// # Errors
///
/// The rules cannot be used, or a directory is missing in the copy.
pub(in crate::flow) async fn verify_copy(
    kit: &Kit,
    copy: Arc<Project>,
    entries: Vec<Entry>,
    hold: Hold,
    progress: &Progress,
) -> Result<Vec<CheckResult>, Error> {
    let request = VerifyRequest { entries, ..VerifyRequest::default() };
    let planned =
        move |config: &Configuration| plan::plan_in(config.environment(), &copy, config.checks()?, &request);
    let plan = off_thread_with(&kit.config, planned).await?;
    let plan = Plan { kept: Kept::Nothing, hold: Some(hold), ..plan };
    let room = run::room(plan.checks.len());
    Ok(in_order(kit, &plan, room, false, progress).await)
}

/// Placeholder for the answer's file in a command.
const PLACEHOLDER: &str = "{answer}";

/// The rule of the scripts that may get the answer's file although the rule permits no second argument.
const SCRIPTS: &str = "python-test-script";

/// Characters of the oracle's output that a verdict may quote.
const ROOM: usize = 2_400;

/// A permitted command that judges answers.
pub struct Oracle {
    command: String,
    rules: Arc<InForce>,
}

/// Verdict of an oracle on an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The command passed.
    Right,
    /// It failed, with its status in a line.
    Wrong(String),
    /// The command itself failed, which says nothing about the answer.
    Broken(String),
}

impl Oracle {
    /// An oracle by its command, judged before there is any answer.
    ///
    /// # Errors
    ///
    /// No rule permits the command, or the rules cannot be used.
    pub async fn new(config: &Configuration, project: &ProjectFiles, command: &str) -> Result<Self, Error> {
        let rules = off_thread_with(config, Configuration::checks).await?;
        let oracle = Self { command: command.to_owned(), rules };
        let plan = oracle.plan(config, project, EXAMPLE, "").await?;
        let refused = plan.checks.iter().find_map(|check| match &check.verdict {
            Some(Ok(_)) => None,
            Some(Err(refused)) => Some(format!("refused by rule `{}`: {}", refused.rule, refused.reason)),
            None => Some("there is no command".to_owned()),
        });
        match refused {
            None => Ok(oracle),
            Some(reason) => Err(oracle.unusable(reason)),
        }
    }

    /// Gives the command one answer: on standard input, and as a file whose path replaces `{answer}`. The
    /// result is no verification of the project, so it is not recorded as one.
    ///
    /// # Errors
    ///
    /// The command could not be run.
    pub async fn judge(&self, kit: &Kit, answer: &str, progress: &Progress) -> Result<Verdict, Error> {
        let (root, text) = (kit.config.root().to_owned(), answer.to_owned());
        let exhibit = off_thread(move || Exhibit::new(&root, &text)).await?;
        let exhibit = exhibit
            .map_err(|error| self.unusable(format!("the answer cannot be put into a file: {error}")))?;
        let plan = self.plan(&kit.config, &kit.project, &exhibit.path(), answer).await?;
        let Some(check) = plan.checks.first() else {
            return Err(self.unusable("there is no command".to_owned()));
        };
        let result = run::run(kit, &plan, check, ROOM, progress).await;
        self.read(&result)
    }

    fn read(&self, result: &CheckResult) -> Result<Verdict, Error> {
        let note = || result.metadata.note.clone().unwrap_or_default();
        match result.status {
            Status::Passed => Ok(Verdict::Right),
            Status::Error if result.exit_code.is_none() => Err(self.unusable(note())),
            Status::Failed | Status::Error => Ok(match own_error(result) {
                Some(why) => Verdict::Broken(why),
                None => Verdict::Wrong(result.in_a_line()),
            }),
            Status::CompileError | Status::TimedOut | Status::Crashed | Status::OutputTooLarge => {
                Ok(Verdict::Broken(result.in_a_line()))
            }
            Status::NoTests => Err(self.unusable("it ran no test".to_owned())),
            Status::NotFound | Status::Refused | Status::NothingToRun | Status::Skipped => {
                Err(self.unusable(note()))
            }
        }
    }

    /// The command for one answer, judged by the rules.
    async fn plan(
        &self,
        config: &Configuration,
        project: &ProjectFiles,
        path: &str,
        answer: &str,
    ) -> Result<Plan, Error> {
        let (command, path) = (self.command.replace(PLACEHOLDER, path), path.to_owned());
        let script = self.command.trim_end().strip_suffix(PLACEHOLDER).filter(|it| it.ends_with(' '));
        let script = script.map(|script| script.trim_end().to_owned());
        let (config, project, rules) = (config.clone(), project.clone(), Arc::clone(&self.rules));
        let judge = move || {
            let project = project.reader()?;
            let judged = |command: &str| {
                let entry = Entry { command: Some(command.to_owned()), ..Entry::default() };
                let request = VerifyRequest { entries: vec![entry], ..VerifyRequest::default() };
                plan_in(config.environment(), &project, Arc::clone(&rules), &request)
            };
            if let Some(script) = script {
                let mut alone = judged(&script)?;
                if let Some(check) = alone.checks.first_mut()
                    && let Some(Ok(permitted)) = &mut check.verdict
                    && permitted.rule == SCRIPTS
                {
                    permitted.words.push(path);
                    check.command.clone_from(&command);
                    return Ok(alone);
                }
            }
            judged(&command)
        };
        let mut plan = off_thread(judge).await??;
        plan.kept = Kept::Nothing;
        for check in &mut plan.checks {
            answer.as_bytes().clone_into(&mut check.stdin);
        }
        Ok(plan)
    }

    /// The error of a command that failed instead of judging.
    pub fn broken(&self, times: u32, why: &str) -> Error {
        self.unusable(format!("it gave no verdict on {times} answers. The first time: {why}"))
    }

    fn unusable(&self, reason: String) -> Error {
        Error::Oracle(OracleUnusable { command: self.command.clone(), reason })
    }
}

/// The reason if a command itself failed. By convention exit code 1 means "wrong", and so does an assertion;
/// another code or an exception is the command's own error.
fn own_error(result: &CheckResult) -> Option<String> {
    const WRONG: i32 = 1;
    let stderr = result.stderr.trim();
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let asserts = last.contains("AssertionError") || last.contains("assertion");
    let raised = stderr.contains("Traceback (most recent call last)")
        || stderr.contains("node:internal/")
        || stderr.contains("panicked at");
    match result.exit_code {
        Some(WRONG) if !raised || asserts => None,
        Some(WRONG) => Some(format!("{}: {last}", result.in_a_line())),
        Some(code) => Some(format!(
            "{}: exit code {code} is not a verdict (0 is right, 1 is wrong): {last}",
            result.in_a_line()
        )),
        None => Some(result.in_a_line()),
    }
}

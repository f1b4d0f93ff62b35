//! The project's own checks: found or named, judged by the policy, run, read and recorded.

mod elsewhere;
mod foreign;
pub(in crate::flow) mod git;
pub(crate) mod oracle;
mod plan;
mod policy;
mod run;

use std::time::Instant;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::note::note;
use super::off_thread::off_thread;
use super::progress::Progress;
use super::session::Session;
use crate::domain::event::Draft;
use crate::domain::event::record::{Check, Verified};
use crate::domain::verification::Kind;
use crate::domain::verification::detect::Detected;
use crate::domain::verification::status::Status;
use crate::error::{Error, ErrorNote, outcome};

pub(in crate::flow) use elsewhere::{settled, verify_copy};
pub(in crate::flow) use plan::Hold;
use plan::Plan;
pub use policy::{PolicyNote, project_note};
pub use run::CheckResult;

/// Checks that run at the same time.
const MOST_PARALLEL: usize = 4;
/// Checks of one call.
const MOST_CHECKS: usize = 40;

/// Code and hint where there is nothing that could run.
const NOTHING_TO_VERIFY: (&str, &str) = (
    outcome::NOTHING_TO_VERIFY,
    "Name a command in `commands`; detection knows Cargo, package.json, Python, go.mod and Makefiles.",
);
/// Warning where no test ran.
const NO_TEST_RAN: &str =
    "no test was seen to run, so this does not open improve: run the project's tests (commands: [])";
/// Code and hint where something ran, or was to run, and did not pass.
const CHECKS_FAILED: (&str, &str) = (
    outcome::CHECKS_FAILED,
    "Read each result's status, metadata.failing and, where it was refused, metadata.refused.",
);

/// One entry of a request.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The command, as shell words.
    pub command: Option<String>,
    pub kind: Option<Kind>,
    /// Further arguments, as shell words.
    pub args: Option<String>,
    /// A language whose default command is meant.
    pub language: Option<String>,
    /// Seconds.
    pub timeout_sec: Option<u64>,
    pub cwd: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct VerifyRequest {
    /// The entries; none stands for the project's own checks.
    pub entries: Vec<Entry>,
    /// Where they run, if they do not say.
    pub cwd: Option<String>,
    /// True if a failure keeps the rest from being run.
    pub stop_on_failure: bool,
    /// True if they run side by side.
    pub parallel: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// True if there was something to run and all of it passed.
    pub ok: bool,
    /// The same.
    pub all_passed: bool,
    /// In a line.
    pub summary: String,
    /// Why it is not ok.
    #[serde(flatten)]
    pub error: Option<ErrorNote>,
    /// Tests, types and builds that did not pass.
    pub critical_failures: Vec<String>,
    /// Every check, in the order of the request.
    pub results: Vec<CheckResult>,
    /// Milliseconds in all.
    pub total_duration_ms: u64,
    /// The id under which the results are recorded.
    pub verification_id: String,
    /// Facts about the project, where the caller asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detected: Option<Vec<Detected>>,
    /// The rules that were in force.
    pub policy: PolicyNote,
    /// Tests that ran and passed, the project's own.
    pub tests_passed: usize,
    /// The project's own checks of tests that were not among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_checks: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// Runs checks and records their results.
///
/// # Errors
///
/// The rules or the configuration cannot be used, or arguments that make no sense. That a check
/// fails or is refused is no error.
pub async fn verify(session: &Session, request: VerifyRequest, progress: &Progress) -> Result<Report, Error> {
    session.refuse_nested()?;
    session.check_config()?;
    let started = Instant::now();
    let (parallel, stop) = (request.parallel, request.stop_on_failure);
    let planning = session.clone();
    let plan = off_thread(move || plan::plan(&planning, &request)).await??;
    if plan.checks.len() > MOST_CHECKS {
        let problem = format!("commands must have at most {MOST_CHECKS} checks (got {})", plan.checks.len());
        return Err(Error::InvalidArguments(problem));
    }
    let id = uuid::Uuid::now_v7().to_string();
    let room = run::room(plan.checks.len());
    let results = if parallel {
        side_by_side(session, &plan, room, progress).await
    } else {
        in_order(session, &plan, room, stop, progress).await
    };
    let elapsed = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut report = report(id, plan, results, elapsed);
    tracing::info!(
        verification = report.verification_id,
        passed = report.results.iter().filter(|result| result.passed).count(),
        failed = report.results.iter().filter(|result| result.is_failure()).count(),
        skipped = report.results.iter().filter(|result| result.status == Status::Skipped).count(),
        elapsed_ms = elapsed,
        "checks ran"
    );
    if let Err(error) = record(session, &report).await {
        report.warning = Some(format!("the result is not in the log: {error}"));
    }
    Ok(report)
}

async fn side_by_side(session: &Session, plan: &Plan, room: usize, progress: &Progress) -> Vec<CheckResult> {
    let slots = Semaphore::new(MOST_PARALLEL);
    join_all(plan.checks.iter().map(|check| {
        let slots = &slots;
        async move {
            // Never closed, so a slot always comes.
            let _slot = slots.acquire().await;
            run::run(session, plan, check, room, progress).await
        }
    }))
    .await
}

async fn in_order(
    session: &Session,
    plan: &Plan,
    room: usize,
    stop: bool,
    progress: &Progress,
) -> Vec<CheckResult> {
    let mut results: Vec<CheckResult> = Vec::new();
    for check in &plan.checks {
        let failed = results.iter().any(|result| !result.passed);
        results.push(if stop && failed {
            CheckResult::not_run(check, Status::Skipped, "an earlier check did not pass".to_owned())
        } else {
            run::run(session, plan, check, room, progress).await
        });
    }
    results
}

/// The results as the log keeps them.
async fn record(session: &Session, report: &Report) -> Result<(), Error> {
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
    note(session, None, Draft::new(report.verification_id.clone(), verified)).await.map(drop)
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
        0 => "there was nothing to run".to_owned(),
        all => format!("{passed} of {all} checks passed"),
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

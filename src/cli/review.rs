//! `maestro-mcp review`: makes a review from a terminal, a hook or a pipeline.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::json;

use super::arguments::ReviewOptions;
use super::terminal::{complain, fail, fail_with, print_foreign, watched};
use crate::domain::call_options::CallOptions;
use crate::domain::review::{FixStatus, Status};
use crate::error::Error;
use crate::flow::kit::Kit;
use crate::flow::progress::Progress;
use crate::flow::review::{Fixes, Review, ReviewRequest, Target, review};

/// Exit code of a review with findings of at least the severity `--fail-on`.
const FOUND: u8 = 1;

/// Exit code if Maestro itself failed. Its usual code for that would tell a hook of findings.
const FAILED: u8 = 6;

pub(super) async fn run(kit: Kit, options: ReviewOptions, json: bool) -> Result<ExitCode, Error> {
    let fail_on = options.fail_on;
    let request = request(options);
    let (progress, said) = Progress::channel();
    let reviewed = watched(Box::pin(review(&kit, request, &progress)), said).await;
    kit.processes.supervisor().shutdown().await;
    let reviewed = match reviewed {
        Ok(reviewed) => reviewed,
        Err(error) => return Ok(apart(fail_with(&error, json))),
    };
    if json {
        print_foreign(&format!("{:#}\n", json!(reviewed)))?;
    } else {
        for left in &reviewed.left_out {
            complain(&format!("left out: {}: {}", left.path, left.reason));
        }
        if let Some(warning) = &reviewed.warning {
            complain(&format!("warning: {warning}"));
        }
        if reviewed.cause.is_none() {
            print_foreign(&text(&reviewed))?;
        }
    }
    if let Some(cause) = &reviewed.cause {
        return Ok(apart(if json { cause.exit_code() } else { fail(cause) }));
    }
    let is_grave = reviewed.highest_severity.is_some_and(|highest| highest <= fail_on);
    Ok(if is_grave { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

fn apart(code: ExitCode) -> ExitCode {
    if code == ExitCode::from(FOUND) { ExitCode::from(FAILED) } else { code }
}

fn request(options: ReviewOptions) -> ReviewRequest {
    let target = match options.range {
        Some(range) => Target::Range(range),
        None if options.staged => Target::Staged,
        None if !options.files.is_empty() => Target::Files(options.files),
        None => Target::Working,
    };
    ReviewRequest {
        target,
        criteria: options.criteria,
        providers: Some(options.providers).filter(|named| !named.is_empty()),
        options: CallOptions::new(options.model, options.effort, options.timeout),
        fixes: if options.fixes { Fixes::Tried } else { Fixes::Not },
        // A person's own review belongs to no run.
        workflow_id: None,
    }
}

/// The findings as text for a person or an editor. Each begins with its place.
fn text(review: &Review) -> String {
    let mut out = String::new();
    for finding in &review.findings {
        let by = finding.found_by.join(", ");
        let _ = writeln!(
            out,
            "{}:{}: {}: {} [{by}]",
            finding.file,
            finding.line,
            finding.severity.name(),
            finding.claim.replace('\n', " ")
        );
        for line in finding.quote.lines() {
            let _ = writeln!(out, "    | {line}");
        }
        if !finding.scenario.trim().is_empty() {
            let _ = writeln!(out, "    {}", finding.scenario.trim().replace('\n', "\n    "));
        }
        if let (Status::Moved, Some(stated)) = (finding.status, finding.line_stated) {
            let _ = writeln!(out, "    (the reviewer named line {stated})");
        }
        if let Some(note) = &finding.note {
            let _ = writeln!(out, "    ({note})");
        }
        if let Some(fix) = &finding.fix {
            let what = match fix.status {
                FixStatus::Proven => "a test fails without it and passes with it",
                FixStatus::Passes => "the project's tests pass with it, as without",
                FixStatus::Untested => "it could not be tried",
                FixStatus::Fails => "the project's checks fail with it",
                FixStatus::DoesNotApply => "it does not apply",
            };
            let _ = writeln!(out, "    fix by {}: {what}", fix.by);
            for line in fix.patch.trim_end().lines() {
                let _ = writeln!(out, "      {line}");
            }
        }
        out.push('\n');
    }
    if !review.discarded.is_empty() {
        out.push_str("Discarded, because the quote is not there:\n");
        for one in &review.discarded {
            let line = one.line.map_or_else(String::new, |line| format!(":{line}"));
            let claim = one.claim.replace('\n', " ");
            let _ = writeln!(out, "  {}{line}: {claim} [{}]: {}", one.file, one.found_by, one.reason);
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{}", review.summary);
    out
}

//! Review of a stage, as a reviewer sees it.

use serde_json::{Map, Value, json};

use crate::domain::approvals::Approvals;
use crate::domain::approvals::DecidedBy;
use crate::domain::change::Mark;
use crate::domain::diff;
use crate::domain::event::ApprovalRequested;
use crate::domain::event::stage::{LowRisk, StageFinished};
use crate::domain::language::Languages;
use crate::domain::measure::report::Spent;
use crate::domain::measure::tally::Tally;
use crate::domain::report::{
    self, AppliedChange, Cost, Failure, Flagged, Iteration, Material, Next, OpenQuestion, Output, Report,
    Said, SchemaErrors, VerificationNote,
};
use crate::domain::stage::Stage;
use crate::domain::workflow::Run;
use crate::error::Error;
use crate::flow::time::rfc3339;

/// Columns of the text that results carry: a client with a screen of 80 indents it by up to 4.
const WIDTH: usize = 76;

/// A stage ready for review.
pub struct Review {
    pub asked: ApprovalRequested,
    /// True if the rule for stages of low risk approves it.
    pub is_approved_by_policy: bool,
}

/// Makes the report of a stage's outputs within its run.
///
/// # Errors
///
/// The report is no JSON.
pub fn review(
    run: &Run,
    finished: &StageFinished,
    figures: &ReviewFigures,
    metrics: Option<&Map<String, Value>>,
    at: u64,
) -> Result<Review, Error> {
    let text = rfc3339(at);
    let (outputs, also) = outputs(finished);
    let material = Material {
        stage: finished.stage,
        outputs: &outputs,
        also,
        flags: flags(finished),
        schema_errors: schema_errors(finished),
        failures: failures(finished),
        verification: verification(run, finished.stage),
        applied: applied(run),
        cost: Cost {
            consults_stage: finished.consults_used,
            consults_total: run.budget.used(),
            max_total: Some(figures.max_total),
            input_tokens: figures.input_tokens,
            output_tokens: figures.output_tokens,
            cost_usd: figures.cost_usd,
            duration_ms: finished.elapsed_ms,
        },
        metrics,
        open_questions: open_questions(run),
        began_at: run.start_stage,
        mode: finished.mode,
        why: Some(&finished.why),
        iteration: Some(iteration(finished, figures.max_debug_rounds)),
        next: next(run, finished, figures.max_debug_rounds),
        at: &text,
    };
    let report: Report = report::report(&material);
    let is_low_risk = report::is_low_risk(&material).is_ok();
    let value = serde_json::to_value(&report).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Review {
        is_approved_by_policy: run.low_risk == LowRisk::Approve
            && figures.may_approve_by_policy(run)
            && is_low_risk,
        asked: ApprovalRequested {
            stage: finished.stage,
            iteration: finished.iteration,
            display: report::display(&report, WIDTH, &figures.languages.of_reports()),
            digest: digest(&value),
            change: report::proposed_diff(finished.stage, &finished.output).map(|text| diff::digest(&text)),
            report: value,
        },
    })
}

/// Figures that a report shows and a run does not hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReviewFigures {
    /// Consults that the run may have.
    pub max_total: u32,
    /// Rounds of debug.
    pub max_debug_rounds: u32,
    /// Tokens that went into the run's calls so far.
    pub input_tokens: Option<u64>,
    /// Tokens that came out of them.
    pub output_tokens: Option<u64>,
    /// US dollars that they cost.
    pub cost_usd: Option<f64>,
    /// The server's mode of approvals.
    pub approvals: Approvals,
    /// True if the user lets the policy approve.
    pub low_risk: bool,
    /// The languages of the report.
    pub languages: Languages,
}

impl ReviewFigures {
    fn may_approve_by_policy(&self, run: &Run) -> bool {
        self.low_risk && run.approvals(self.approvals).takes(DecidedBy::Policy)
    }

    /// The same with what the run has spent, as far as the CLIs told.
    pub fn with_spent(self, tally: Option<&Tally>) -> Self {
        let Some(Spent { input_tokens, output_tokens, cost_usd, .. }) =
            tally.map(|tally| Spent::from(&tally.calls))
        else {
            return self;
        };
        Self { input_tokens, output_tokens, cost_usd, ..self }
    }
}

/// The digest that identifies a report.
pub fn digest(report: &Value) -> String {
    Mark::of(report.to_string().as_bytes()).sha256
}

/// The candidates that count, the one that is handed on first, each by a name of its own; or what the
/// orchestrator handed in. And who gave the same answer as the first.
fn outputs(finished: &StageFinished) -> (Vec<Output<'_>>, Vec<String>) {
    let mut outputs = vec![Output { source: &finished.provider, said: said(&finished.output) }];
    let mut also = Vec::new();
    // The one that is handed on is the first of its provider's.
    let own = finished.candidates.iter().position(|it| it.ok && it.provider == finished.provider);
    let others = finished.candidates.iter().enumerate();
    for (_, candidate) in others.filter(|(place, candidate)| candidate.ok && Some(*place) != own) {
        let Some(value) = candidate.structured.as_ref() else { continue };
        let is_known = outputs.iter().any(|output| output.source == candidate.provider);
        let source = if is_known { &candidate.id } else { &candidate.provider };
        if *value == finished.output {
            also.push(source.clone());
        } else {
            outputs.push(Output { source, said: Said::Structured(value) });
        }
    }
    (outputs, also)
}

fn said(output: &Value) -> Said<'_> {
    match output {
        Value::String(text) => Said::Text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Said::Structured(output)
        }
    }
}

fn flags(finished: &StageFinished) -> Vec<Flagged> {
    let flagged = finished.candidates.iter().filter(|candidate| !candidate.red_flags.is_empty());
    flagged
        .map(|candidate| Flagged {
            provider: candidate.provider.clone(),
            reasons: candidate.red_flags.clone(),
        })
        .collect()
}

fn schema_errors(finished: &StageFinished) -> Vec<SchemaErrors> {
    let odd = finished.candidates.iter().filter(|candidate| !candidate.schema_errors.is_empty());
    odd.map(|candidate| SchemaErrors {
        provider: candidate.provider.clone(),
        errors: candidate.schema_errors.clone(),
    })
    .collect()
}

fn failures(finished: &StageFinished) -> Vec<Failure> {
    let failed = finished.candidates.iter().filter_map(|candidate| {
        let message = candidate.error.clone()?;
        Some(Failure { provider: candidate.provider.clone(), message })
    });
    failed.collect()
}

fn verification(run: &Run, stage: Stage) -> Option<VerificationNote> {
    let last = run.verification.as_ref().filter(|_| match stage {
        Stage::Analyze | Stage::Hypothesize => false,
        Stage::Implement | Stage::Debug | Stage::Improve => true,
    })?;
    Some(VerificationNote {
        passed: last.passed,
        summary: last.summary.clone(),
        failing: last.failing.clone(),
        is_claim: last.is_claim,
        is_old: !run.is_checked_since_change(),
        idle: last.idle.clone(),
        commands: last.commands.clone(),
        left_out: last.left_out.clone(),
        missing: last.missing.clone(),
    })
}

/// Returns what was changed since the last report, each file with whether an approved change names it.
fn applied(run: &Run) -> Vec<AppliedChange> {
    if run.unseen.is_empty() {
        return Vec::new();
    }
    let approved = run.approved_files();
    run.unseen.iter().map(|changed| AppliedChange::of(changed, &approved)).collect()
}

/// Critical questions that earlier decisions of this run left open, each once.
fn open_questions(run: &Run) -> Vec<OpenQuestion> {
    let mut open: Vec<OpenQuestion> = Vec::new();
    for request in &run.requests {
        let Some((_, decided)) = &request.decided else { continue };
        open.retain(|question| question.stage != decided.stage);
        let left = decided.unanswered_critical.iter();
        open.extend(left.map(|id| OpenQuestion { stage: decided.stage, id: id.clone() }));
    }
    open
}

fn iteration(finished: &StageFinished, most: u32) -> Iteration {
    Iteration { number: finished.iteration, of: (finished.stage == Stage::Debug).then_some(most) }
}

fn next(run: &Run, finished: &StageFinished, most: u32) -> Next {
    match run.leads_to(finished.stage) {
        None => Next::Complete,
        Some(Stage::Debug) if finished.stage == Stage::Debug => {
            if finished.iteration >= most {
                Next::Escalate
            } else {
                Next::DebugAgain(Iteration { number: finished.iteration + 1, of: Some(most) })
            }
        }
        Some(stage) => Next::Stage(stage),
    }
}

/// The questions of a report that are critical, as results show them.
pub fn critical_questions(report: &Value) -> Value {
    let questions = report.get("questions").and_then(Value::as_array).into_iter().flatten();
    let critical = questions.filter(|question| question.get("priority") == Some(&json!("critical")));
    critical.cloned().collect()
}

//! Calibration as its caller sees it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_with::skip_serializing_none;

use super::{CalibrationRequest, Count, Measured, TakenAs};
use crate::domain::calibrate::classes::{Classes, mean_and_spread, promise};
use crate::domain::calibrate::interval::Rate;
use crate::domain::calibrate::summary::{Basis, Plan, USUAL_SAMPLES, plan, why_not};
use crate::domain::microstep::StepType;
use crate::domain::vote::MOST_K;
use crate::domain::vote::canonical::Canonical;
use crate::domain::vote::discards::{Discarded, Discards};
use crate::error::Error;
use crate::flow::verify::oracle::Verdict;
use crate::provider::Usage;

/// Measurement and its meaning.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct Calibration {
    pub ok: bool,
    /// The step.
    pub step_type: StepType,
    /// Answers that came in.
    pub calibration_samples: u32,
    /// Number of times that a valid answer is right, by the oracle; none without one.
    #[serialize_always]
    pub estimated_p: Option<f64>,
    /// The same with its 95% interval.
    pub accuracy: Option<Rate>,
    pub estimated_v: f64,
    /// The largest right and wrong answers, which decide the lead.
    pub classes: Option<Classes>,
    /// Result of each question, where there are several.
    pub over_prompts: Option<OverPrompts>,
    /// Answers of which the oracle said nothing, because it failed by itself.
    #[serde(skip_serializing_if = "is_none")]
    pub oracle_errors: u32,
    pub warning: Option<String>,
    /// The share of the most frequent answer among the valid ones. It is no accuracy.
    #[serialize_always]
    pub agreement: Option<Rate>,
    /// The success rate that is wanted for the whole task.
    pub target_success_rate: f64,
    /// The steps of the whole task.
    pub estimated_total_steps: u32,
    /// The lead that reaches the target on the lower end of the interval; none where nothing can be
    /// promised.
    #[serialize_always]
    pub recommended_k: Option<u32>,
    /// Samples of one decision with that lead: the cost of the vote in units of one answer.
    #[serialize_always]
    pub expected_cost_multiplier: Option<f64>,
    /// Why nothing is recommended.
    pub no_recommendation: Option<String>,
    /// Consequences of the interval's lower end, and of the estimate.
    pub plans: Vec<Plan>,
    /// Expected cost of the whole task with the recommended lead.
    pub whole_task: Option<WholeTask>,
    /// The same by provider.
    pub by_provider: BTreeMap<String, ByProvider>,
    /// Why answers were discarded.
    pub red_flags: Vec<Discarded>,
    /// First outputs of the oracle on wrong answers.
    pub wrong: Vec<String>,
    /// Calls that failed; they are no samples.
    pub failures: Vec<String>,
    #[serde(skip_serializing_if = "Usage::is_empty")]
    pub usage: Usage,
    /// Secrets that were masked on the way out.
    pub masked: usize,
    /// Why later votes do not know of it, where the log could not be written.
    pub not_kept: Option<String>,
    /// In a few sentences.
    pub insight: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

/// How far the questions of a step differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverPrompts {
    /// Number of times that a valid answer to each question is right, in their order; none where none was
    /// judged.
    pub accuracy: Vec<Option<f64>>,
    /// The mean of those.
    pub mean: Option<f64>,
    /// Their standard deviation.
    pub spread: Option<f64>,
    /// The probability that the whole task is right with the recommended lead, over the questions as they
    /// differ.
    pub promise: Option<f64>,
}

/// The expected cost of a whole task.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WholeTask {
    /// Votes that count.
    pub votes: f64,
    /// Samples, discarded ones included.
    pub samples: f64,
    /// Tokens sent, where the CLIs tell theirs.
    pub input_tokens: Option<f64>,
    /// Tokens answered, likewise.
    pub output_tokens: Option<f64>,
    /// US dollars, likewise.
    pub cost_usd: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ByProvider {
    /// Answers that came in.
    pub answered: u32,
    /// Those that counted.
    pub valid: u32,
    /// How often those were right; none without an oracle.
    pub accuracy: Option<Rate>,
}

impl Calibration {
    pub(super) fn of(request: &CalibrationRequest, measured: &Measured, not_kept: Option<&Error>) -> Self {
        let count = measured.count(|_| true);
        let valid_rate = f64::from(count.valid + count.unjudged) / f64::from(count.answered.max(1));
        let accuracy = request.oracle.as_ref().and_then(|_| Rate::of(count.right, count.valid));
        let agreement = agreement(measured);
        let counted = measured.counted(|_| true);
        let planned = |basis| accuracy.and_then(|_| plan(basis, counted, request.task));
        let promised = planned(Basis::IntervalLow);
        let likely = planned(Basis::Estimate);
        let no_recommendation = no_recommendation(request, accuracy, promised.as_ref(), counted.classes);
        let over_prompts = accuracy.and_then(|_| OverPrompts::of(request, measured, promised.as_ref()));
        let warning = warning(request, count, counted.classes, over_prompts.as_ref());
        Self {
            ok: true,
            step_type: request.kind,
            calibration_samples: count.answered,
            estimated_p: accuracy.map(|rate| rate.estimate),
            accuracy,
            estimated_v: valid_rate,
            classes: accuracy.map(|_| counted.classes),
            over_prompts,
            oracle_errors: count.unjudged,
            warning,
            agreement,
            target_success_rate: request.task.target(),
            estimated_total_steps: request.task.steps(),
            recommended_k: promised.map(|plan| plan.k),
            expected_cost_multiplier: promised.map(|plan| plan.samples_per_step),
            insight: insight(
                request,
                promised.as_ref(),
                likely.as_ref(),
                agreement,
                no_recommendation.as_deref(),
            ),
            no_recommendation,
            plans: promised.into_iter().chain(likely).collect(),
            whole_task: promised.map(|plan| whole_task(&plan, request, measured, count.answered)),
            by_provider: by_provider(request, measured),
            red_flags: red_flags(measured),
            wrong: wrong(measured),
            failures: measured
                .failures
                .iter()
                .map(|(provider, error)| format!("{provider}: {} ({error})", error.code()))
                .collect(),
            usage: measured.usage,
            masked: measured.masked,
            not_kept: not_kept.map(ToString::to_string),
        }
    }
}

impl OverPrompts {
    fn of(request: &CalibrationRequest, measured: &Measured, promised: Option<&Plan>) -> Option<Self> {
        if request.prompts.len() < 2 {
            return None;
        }
        let accuracy: Vec<Option<f64>> = (0..request.prompts.len())
            .map(|prompt| {
                let count = measured.count(|taken| taken.prompt == prompt);
                Rate::of(count.right, count.valid).map(|rate| rate.estimate)
            })
            .collect();
        let rates: Vec<f64> = accuracy.iter().copied().flatten().collect();
        let shares: Vec<f64> = measured.classes(|_| true).into_iter().filter_map(Classes::share).collect();
        let found = mean_and_spread(&rates);
        Some(Self {
            accuracy,
            mean: found.map(|(mean, _)| mean),
            spread: found.map(|(_, spread)| spread),
            promise: promised.and_then(|plan| promise(&shares, plan.k, request.task)),
        })
    }
}

/// Returns what a reader of the figures should know.
fn warning(
    request: &CalibrationRequest,
    count: Count,
    classes: Classes,
    over: Option<&OverPrompts>,
) -> Option<String> {
    request.oracle.as_ref()?;
    let mut said = Vec::new();
    if count.valid < USUAL_SAMPLES {
        said.push(format!(
            "{} judged answers are few: below {USUAL_SAMPLES} the recommended k is often none, and sometimes too small",
            count.valid
        ));
    }
    if count.unjudged > 0 {
        said.push(format!(
            "the oracle failed by itself on {} answers, which count neither as right nor as wrong",
            count.unjudged
        ));
    }
    if classes.is_scattered(count.right) {
        said.push(format!(
            "right answers come in {} forms that do not vote together: vote_by of this step compares too much, and no k mends that",
            classes.right_classes
        ));
    }
    if let Some(promise) =
        over.and_then(|over| over.promise).filter(|promise| *promise < request.task.target())
    {
        said.push(format!(
            "the questions differ so much that this k makes the whole task right with probability {promise:.2} only, since the hardest one decides"
        ));
    }
    (!said.is_empty()).then(|| said.join("; "))
}

fn no_recommendation(
    request: &CalibrationRequest,
    accuracy: Option<Rate>,
    promised: Option<&Plan>,
    classes: Classes,
) -> Option<String> {
    match (&request.oracle, accuracy, promised) {
        (_, _, Some(_)) => None,
        (None, _, None) => Some("without oracle_command the right answers are unknown".to_owned()),
        (Some(_), None, None) => Some("no answer was valid, so none could be judged".to_owned()),
        (Some(_), Some(rate), None) => Some(why_not(&rate, classes)),
    }
}

fn insight(
    request: &CalibrationRequest,
    promised: Option<&Plan>,
    likely: Option<&Plan>,
    agreement: Option<Rate>,
    no_recommendation: Option<&str>,
) -> String {
    let task = request.task;
    if let Some(plan) = promised {
        let likely = likely
            .map_or_else(String::new, |likely| format!(" (k={} if the estimate itself holds)", likely.k));
        let beyond = if plan.k > MOST_K {
            format!(
                " That is beyond the {MOST_K} that a vote takes: measure with more samples, or make the step smaller."
            )
        } else {
            String::new()
        };
        return format!(
            "k={}{likely} makes a task of {} steps right with probability {:.4}, at about {:.1} samples a step, if the right answer gets a share of {:.3} of the votes for the two leading ones and errors do not repeat.{beyond}",
            plan.k,
            task.steps(),
            plan.task_success,
            plan.samples_per_step,
            plan.p
        );
    }
    let reason = no_recommendation.unwrap_or_default();
    match (&request.oracle, agreement) {
        (None, Some(rate)) => format!(
            "{} of {} valid answers agree. That is agreement and no accuracy: answers agree on mistakes too. No k is recommended: {reason}.",
            rate.hits, rate.of
        ),
        (None, None) | (Some(_), _) => {
            format!("No k is recommended for a target of {}: {reason}.", task.target())
        }
    }
}

/// The share of the most frequent valid answer.
fn agreement(measured: &Measured) -> Option<Rate> {
    let mut counts: BTreeMap<&Canonical, u32> = BTreeMap::new();
    for taken in &measured.taken {
        match &taken.outcome {
            TakenAs::Valid(answer) | TakenAs::Judged(answer, _) => *counts.entry(answer).or_default() += 1,
            TakenAs::Flagged(_) => {}
        }
    }
    Rate::of(counts.values().copied().max()?, counts.values().sum())
}

fn whole_task(plan: &Plan, request: &CalibrationRequest, measured: &Measured, answered: u32) -> WholeTask {
    let per_sample = plan.samples_in_all / f64::from(answered.max(1));
    // Token counts are far below 2^52, so that the nearest double is the number itself.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let tokens = |count: Option<u64>| count.map(|count| count as f64 * per_sample);
    WholeTask {
        votes: plan.votes_per_step * f64::from(request.task.steps()),
        samples: plan.samples_in_all,
        input_tokens: tokens(measured.usage.input_tokens),
        output_tokens: tokens(measured.usage.output_tokens),
        cost_usd: measured.usage.cost_usd.map(|cost| cost * per_sample),
    }
}

fn by_provider(request: &CalibrationRequest, measured: &Measured) -> BTreeMap<String, ByProvider> {
    let of = |provider: &String| {
        let count = measured.count(|taken| taken.provider == *provider);
        let accuracy = request.oracle.as_ref().and_then(|_| Rate::of(count.right, count.valid));
        (provider.clone(), ByProvider { answered: count.answered, valid: count.valid, accuracy })
    };
    measured.providers.iter().map(of).collect()
}

fn red_flags(measured: &Measured) -> Vec<Discarded> {
    let mut discards = Discards::default();
    for taken in &measured.taken {
        match &taken.outcome {
            TakenAs::Flagged(reasons) => discards.add(&taken.provider, reasons.iter().copied()),
            TakenAs::Valid(_) | TakenAs::Judged(..) => {}
        }
    }
    discards.list()
}

fn wrong(measured: &Measured) -> Vec<String> {
    const MOST: usize = 5;
    let wrong = measured.taken.iter().filter_map(|taken| match &taken.outcome {
        TakenAs::Judged(_, Verdict::Wrong(why)) => Some(format!("{}: {why}", taken.provider)),
        TakenAs::Judged(_, Verdict::Right | Verdict::Broken(_)) | TakenAs::Valid(_) | TakenAs::Flagged(_) => {
            None
        }
    });
    wrong.take(MOST).collect()
}

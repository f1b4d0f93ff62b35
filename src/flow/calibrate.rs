//! Calibration: measures how often answers to a step are right, and which lead a vote needs for it.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde::Serialize;
use serde_json::{Value, json};

use super::account::Account;
use super::journal::new_id;
use super::kit::Kit;
use super::log::Log;
use super::progress::Progress;
use super::verify::{Oracle, Verdict};
use super::vote::measured::{Sample, Sampler, Seat};
use super::vote::step::{question, step_check, step_of};
use super::vote::{add_usage, voters};
use crate::domain::answer::document;
use crate::domain::calibrate::{
    Basis, Classes, Counted, Plan, USUAL_SAMPLES, mean_and_spread, plan, promise, why_not,
};
use crate::domain::calibrate::{CalibrationRecord, Measurement, Rate, Task, Together};
use crate::domain::call_options::CallOptions;
use crate::domain::event::{Draft, Noted};
use crate::domain::measure::number::real;
use crate::domain::microstep::StepType;
use crate::domain::order::Gather;
use crate::domain::pairs::{without_nulls, without_nulls_but};
use crate::domain::track_record::Work;
use crate::domain::vote::canonical::Canonical;
use crate::domain::vote::{Discarded, Discards, MOST_K};
use crate::error::Error;
use crate::provider::Usage;

/// Samples of one calibration.
pub const MOST_SAMPLES: u32 = 100;

/// Oracles that run at the same time.
const MOST_ORACLES: usize = 4;

#[derive(Clone, Debug)]
pub struct CalibrationRequest {
    pub kind: StepType,
    /// Questions of this kind of step.
    pub prompts: Vec<String>,
    /// The command that tells a right answer from a wrong one.
    pub oracle: Option<String>,
    /// The whole task: its number of steps, and the target for all of them to be right.
    pub task: Task,
    /// Number of samples, shared among the questions.
    pub samples: u32,
    /// Providers that are asked in turn; all available ones if none is named.
    pub providers: Option<Vec<String>>,
    pub options: CallOptions,
    /// The account that pays.
    pub account: Account,
}

#[derive(Debug)]
pub(super) struct Measured {
    pub(super) taken: Vec<Taken>,
    pub(super) usage: Usage,
    /// Answers whose CLI reported no price, and those without a count of tokens.
    pub(super) without_cost: u32,
    pub(super) without_tokens: u32,
    pub(super) failures: Vec<(String, Error)>,
    pub(super) masked: usize,
    pub(super) providers: Vec<String>,
    /// The models that answered, by provider.
    pub(super) models: BTreeMap<String, String>,
    pub(super) prompts: usize,
}

/// One answer.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) provider: String,
    /// Index of the question that it answers.
    pub(super) prompt: usize,
    pub(super) outcome: TakenAs,
}

#[derive(Debug)]
pub(super) enum TakenAs {
    /// Discarded, with the reasons.
    Flagged(Vec<&'static str>),
    /// Valid, but not judged, because there is no oracle.
    Valid(Canonical),
    /// Valid, and judged.
    Judged(Canonical, Verdict),
}

/// Measures a step: takes samples side by side, lets the oracle judge them, and computes the lead that a vote
/// needs. Without an oracle it reports only how far the answers agree, which does not show how often they are
/// right.
///
/// # Errors
///
/// No provider can be asked, a provider is unknown, the oracle cannot be run, no answer arrives, or the rules
/// cannot be used.
pub async fn calibrate(kit: &Kit, request: CalibrationRequest, progress: &Progress) -> Result<Value, Error> {
    kit.config.check()?;
    let step = step_of(&kit.config, request.kind)?;
    let (providers, _) = voters(kit, request.providers.clone(), Work::on(&step)).await?;
    // An unusable oracle is refused before any call.
    let oracle = match &request.oracle {
        Some(command) => Some(Oracle::new(&kit.config, &kit.project, command).await?),
        None => None,
    };
    let mut rounds = Vec::new();
    let mut masked = 0;
    for (prompt, count) in request.prompts.iter().zip(shares(request.samples, request.prompts.len())) {
        let check = step_check(&kit.config, &step)?;
        let question = question(&step, prompt, "", request.options.clone(), request.account.clone());
        let mut sampler = Sampler::new(kit, question, providers.clone(), check).await?;
        masked += sampler.masked();
        let seats = sampler.seats(kit, count).await?;
        rounds.push((sampler, seats));
    }
    progress.say(&format!("{} samples side by side", request.samples));
    let are_several = rounds.len() > 1;
    let round = |(number, (mut sampler, seats)): (usize, (Sampler, Vec<Seat>))| async move {
        let of_one = progress.labelled(&format!("question {}", number + 1));
        sampler.round(kit, seats, if are_several { &of_one } else { progress }).await
    };
    let rounds = join_all(rounds.into_iter().enumerate().map(round))
        .await
        .into_iter()
        .collect::<Result<Vec<_>, Error>>()?;
    let measured = judge(kit, rounds, oracle.as_ref(), (providers, masked), progress).await?;
    if measured.taken.is_empty() {
        let failures = measured.failures.iter().map(|(provider, error)| format!("{provider}: {error}"));
        return Err(Error::EveryCandidateFailed { failures: failures.collect(), others: Vec::new() });
    }
    if let Some(oracle) = &oracle {
        measured.check_oracle(oracle)?;
    }
    let kept = match oracle {
        Some(_) => record(&kit.log, &request, &measured).await,
        None => Ok(()),
    };
    Ok(result(&request, &measured, kept.err().as_ref()))
}

/// Divides the samples among the questions; the first questions get the remainder.
fn shares(samples: u32, prompts: usize) -> impl Iterator<Item = u32> {
    let count = u32::try_from(prompts).unwrap_or(u32::MAX).max(1);
    (0..count).map(move |number| samples / count + u32::from(number < samples % count))
}

/// Sorts the samples, and lets the oracle judge every valid answer, `MOST_ORACLES` at a time.
async fn judge(
    kit: &Kit,
    rounds: Vec<Vec<Sample>>,
    oracle: Option<&Oracle>,
    (providers, masked): (Vec<String>, usize),
    progress: &Progress,
) -> Result<Measured, Error> {
    let mut measured = Measured {
        taken: Vec::new(),
        usage: Usage::default(),
        without_cost: 0,
        without_tokens: 0,
        failures: Vec::new(),
        masked,
        providers,
        models: BTreeMap::new(),
        prompts: rounds.len(),
    };
    let mut valid = Vec::new();
    let numbered = rounds
        .into_iter()
        .enumerate()
        .flat_map(|(prompt, samples)| samples.into_iter().map(move |sample| (prompt, sample)));
    for (prompt, sample) in numbered {
        match sample {
            Sample::Valid { provider, model, text, canonical, usage, .. } => {
                measured.spend(usage);
                measured.models.insert(provider.clone(), model);
                valid.push((provider, prompt, text, canonical));
            }
            Sample::Flagged { provider, flags, usage, .. } => {
                measured.spend(usage);
                let reasons = flags.iter().map(|flag| flag.reason).collect();
                measured.taken.push(Taken { provider, prompt, outcome: TakenAs::Flagged(reasons) });
            }
            Sample::Failed { provider, error } => measured.failures.push((provider, error)),
        }
    }
    let slots = tokio::sync::Semaphore::new(MOST_ORACLES);
    let judged =
        join_all(valid.into_iter().enumerate().map(|(number, (provider, prompt, text, canonical))| {
            let (slots, progress) = (&slots, progress.labelled(&format!("oracle {}", number + 1)));
            async move {
                let Some(oracle) = oracle else {
                    return Ok(Taken { provider, prompt, outcome: TakenAs::Valid(canonical) });
                };
                // The semaphore is never closed, so a slot always comes.
                let _slot = slots.acquire().await;
                let verdict = oracle.judge(kit, &to_judge(text), &progress).await?;
                Ok(Taken { provider, prompt, outcome: TakenAs::Judged(canonical, verdict) })
            }
        }))
        .await;
    measured.taken.extend(judged.into_iter().collect::<Result<Vec<_>, Error>>()?);
    Ok(measured)
}

/// The text that an oracle reads: the document in an answer, if there is one.
fn to_judge(answer: String) -> String {
    if serde_json::from_str::<serde::de::IgnoredAny>(&answer).is_ok() {
        return answer;
    }
    match document(&answer) {
        Ok(found) => found.value.to_string(),
        Err(_) => answer,
    }
}

/// Records the measurements of each provider, for later votes.
async fn record(log: &Log, request: &CalibrationRequest, measured: &Measured) -> Result<(), Error> {
    let record = CalibrationRecord {
        step_type: request.kind,
        target_success_rate: request.task.target(),
        estimated_total_steps: request.task.steps(),
        providers: measured.providers.iter().filter_map(|one| measured.of(one, request.task)).collect(),
        together: measured.together(request.task),
    };
    if record.providers.is_empty() {
        return Ok(());
    }
    let noted = Noted::of(&record).map_err(Error::internal)?;
    let noted = Draft::new(new_id(), noted);
    let run = request.account.run.as_deref().unwrap_or_default();
    log.journal().record(run, vec![noted.on(request.account.rests_on.clone())]).await
}

/// Counts of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) answered: u32,
    pub(super) valid: u32,
    pub(super) right: u32,
    /// Answers without a verdict, because the oracle itself failed.
    pub(super) unjudged: u32,
}

impl Measured {
    fn spend(&mut self, usage: Usage) {
        add_usage(&mut self.usage, usage);
        self.without_cost += u32::from(usage.cost_usd.is_none());
        self.without_tokens += u32::from(usage.input_tokens.is_none() || usage.output_tokens.is_none());
    }

    /// The providers without a judged answer, for which the figures say nothing.
    fn unmeasured(&self) -> Vec<&str> {
        let has_none = |name: &&String| self.count(|taken| taken.provider == **name).valid == 0;
        self.providers.iter().filter(has_none).map(String::as_str).collect()
    }

    /// The measurement of one provider; `None` if none of its answers is valid.
    fn of(&self, provider: &str, task: Task) -> Option<Measurement> {
        let its = |taken: &Taken| taken.provider == provider;
        let count = self.count(its);
        Rate::of(count.right, count.valid)?;
        let found = plan(Basis::IntervalLow, self.counted(its), task);
        Some(Measurement {
            provider: provider.to_owned(),
            model: self.models.get(provider).cloned().unwrap_or_default(),
            answered: count.answered,
            valid: count.valid,
            right: count.right,
            recommended_k: found.map(|plan| plan.k),
        })
    }

    /// The measurement of all providers together; `None` if only one was asked, or one of them has no judged
    /// answer.
    fn together(&self, task: Task) -> Option<Together> {
        let count = self.count(|_| true);
        let is_of_all = self.providers.len() > 1 && self.unmeasured().is_empty();
        Rate::of(count.right, count.valid).filter(|_| is_of_all)?;
        let voter = |name: &String| (name.clone(), self.models.get(name).cloned().unwrap_or_default());
        let mut voters: Vec<(String, String)> = self.providers.iter().map(voter).collect();
        voters.sort();
        Some(Together {
            voters,
            valid: count.valid,
            right: count.right,
            recommended_k: plan(Basis::IntervalLow, self.counted(|_| true), task).map(|plan| plan.k),
        })
    }

    /// The classes of judged answers for each question, since each has its own right answer.
    pub(super) fn classes(&self, fits: impl Fn(&Taken) -> bool) -> Vec<Classes> {
        let of = |prompt: usize| {
            let mut sizes: BTreeMap<(&Canonical, bool), u32> = BTreeMap::new();
            for taken in self.taken.iter().filter(|taken| taken.prompt == prompt && fits(taken)) {
                match &taken.outcome {
                    TakenAs::Judged(answer, Verdict::Right) => *sizes.entry((answer, true)).or_default() += 1,
                    TakenAs::Judged(answer, Verdict::Wrong(_)) => {
                        *sizes.entry((answer, false)).or_default() += 1;
                    }
                    TakenAs::Judged(_, Verdict::Broken(_)) | TakenAs::Valid(_) | TakenAs::Flagged(_) => {}
                }
            }
            let of_kind = |right: bool| -> Vec<u32> {
                sizes.iter().filter(|((_, is_right), _)| *is_right == right).map(|(_, size)| *size).collect()
            };
            Classes::of(&of_kind(true), &of_kind(false))
        };
        (0..self.prompts).map(of).collect()
    }

    pub(super) fn counted(&self, fits: impl Fn(&Taken) -> bool + Copy) -> Counted {
        let count = self.count(fits);
        Counted {
            classes: self.classes(fits).into_iter().fold(Classes::default(), Classes::with),
            valid: count.valid,
            valid_rate: f64::from(count.valid + count.unjudged) / f64::from(count.answered.max(1)),
        }
    }

    /// Fails if the oracle itself failed too often, instead of counting its failures as wrong answers.
    fn check_oracle(&self, oracle: &Oracle) -> Result<(), Error> {
        let count = self.count(|_| true);
        let first = self.taken.iter().find_map(|taken| match &taken.outcome {
            TakenAs::Judged(_, Verdict::Broken(why)) => Some(why),
            _ => None,
        });
        match first {
            Some(why) if count.unjudged >= count.valid => Err(oracle.broken(count.unjudged, why)),
            Some(_) | None => Ok(()),
        }
    }

    /// Counts the answers for which `fits` is true.
    pub(super) fn count(&self, fits: impl Fn(&Taken) -> bool) -> Count {
        let mut count = Count::default();
        for taken in self.taken.iter().filter(|taken| fits(taken)) {
            count.answered += 1;
            match &taken.outcome {
                TakenAs::Flagged(_) => {}
                TakenAs::Judged(_, Verdict::Broken(_)) => count.unjudged += 1,
                TakenAs::Valid(_) | TakenAs::Judged(_, Verdict::Wrong(_)) => count.valid += 1,
                TakenAs::Judged(_, Verdict::Right) => {
                    count.valid += 1;
                    count.right += 1;
                }
            }
        }
        count
    }
}

/// The result of the tool: the measurement and its meaning.
fn result(request: &CalibrationRequest, measured: &Measured, not_kept: Option<&Error>) -> Value {
    const EVEN_IF_NULL: [&str; 4] = ["agreement", "estimated_p", "expected_cost_multiplier", "recommended_k"];
    let count = measured.count(|_| true);
    let accuracy = request.oracle.as_ref().and_then(|_| Rate::of(count.right, count.valid));
    let agreement = agreement(measured);
    let counted = measured.counted(|_| true);
    let planned = |basis| accuracy.and_then(|_| plan(basis, counted, request.task));
    let promised = planned(Basis::IntervalLow);
    let likely = planned(Basis::Estimate);
    let no_recommendation = no_recommendation(request, accuracy, promised.as_ref(), counted.classes);
    let over_prompts = accuracy.and_then(|_| OverPrompts::of(request, measured, promised.as_ref()));
    let failure = |(provider, error): &(String, Error)| format!("{provider}: {} ({error})", error.code());
    let result = json!({
        "ok": true,
        "step_type": request.kind,
        "calibration_samples": count.answered,
        // By the verdicts of the oracle; null without one.
        "estimated_p": accuracy.map(|rate| rate.estimate),
        "accuracy": accuracy,
        "estimated_v": counted.valid_rate,
        "classes": accuracy.map(|_| counted.classes),
        "over_prompts": over_prompts,
        "oracle_errors": Some(count.unjudged).filter(|errors| *errors > 0),
        "warning": warning(request, measured, counted.classes, over_prompts.as_ref()),
        // The share of the most frequent valid answer to each question. This is not an accuracy.
        "agreement": agreement,
        "target_success_rate": request.task.target(),
        "estimated_total_steps": request.task.steps(),
        "recommended_k": promised.map(|plan| plan.k),
        "expected_cost_multiplier": promised.map(|plan| plan.samples_per_step),
        "no_recommendation": no_recommendation,
        "plans": promised.into_iter().chain(likely).collect::<Vec<_>>(),
        "whole_task": promised.map(|plan| whole_task(&plan, request, measured, count.answered)),
        "by_provider": by_provider(request, measured),
        "red_flags": red_flags(measured),
        "wrong": wrong(measured),
        "failures": measured.failures.iter().map(failure).collect::<Vec<_>>(),
        "usage": Some(measured.usage).filter(|usage| !usage.is_empty()),
        "masked": measured.masked,
        // If it is set, later votes do not know this measurement.
        "not_kept": not_kept.map(ToString::to_string),
        "insight": insight(
            request,
            promised.as_ref(),
            likely.as_ref(),
            agreement,
            no_recommendation.as_deref(),
        ),
    });
    without_nulls_but(result, &EVEN_IF_NULL)
}

/// The spread between the questions of a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct OverPrompts {
    /// Share of right answers among the valid ones, for each question in order; `None` if no answer to it was
    /// valid.
    accuracy: Vec<Option<f64>>,
    mean: Option<f64>,
    /// Standard deviation of these shares.
    spread: Option<f64>,
    /// The probability that the whole task is right with the recommended lead, given how much the questions
    /// differ.
    promise: Option<f64>,
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

/// A warning for the reader of the figures.
fn warning(
    request: &CalibrationRequest,
    measured: &Measured,
    classes: Classes,
    over: Option<&OverPrompts>,
) -> Option<String> {
    request.oracle.as_ref()?;
    let count = measured.count(|_| true);
    let mut said = Vec::new();
    let unmeasured = measured.unmeasured();
    if unmeasured.len() < measured.providers.len() && !unmeasured.is_empty() {
        said.push(format!(
            "{} gave no judged answer: the figures are those of the others, and a vote that asks all of them does not use this k",
            unmeasured.join(" and ")
        ));
    }
    if count.valid < USUAL_SAMPLES {
        said.push(format!(
            "{} judged answers are few: below {USUAL_SAMPLES} there is often no recommended k, and sometimes it is too small",
            count.valid
        ));
    }
    if count.unjudged > 0 {
        said.push(format!(
            "the oracle itself failed on {} answers; they count neither as right nor as wrong",
            count.unjudged
        ));
    }
    if classes.is_scattered(count.right) {
        said.push(format!(
            "right answers have {} forms that count as different votes: vote_by of this step compares too much, and no k repairs that",
            classes.right_classes
        ));
    }
    if let Some(promise) =
        over.and_then(|over| over.promise).filter(|promise| *promise < request.task.target())
    {
        said.push(format!(
            "the questions differ much, and the hardest one decides: with this k the whole task is right with probability {promise:.2} only"
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
                " That is more than the {MOST_K} that a vote accepts: measure with more samples, or make the step smaller."
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
            "{} of {} valid answers agree. That is agreement, not accuracy: answers can agree on a mistake too. No k is recommended: {reason}.",
            rate.hits, rate.of
        ),
        (None, None) | (Some(_), _) => {
            format!("No k is recommended for a target of {}: {reason}.", task.target())
        }
    }
}

/// The share of valid answers that are the most frequent one to their question.
fn agreement(measured: &Measured) -> Option<Rate> {
    let mut counts: BTreeMap<usize, BTreeMap<&Canonical, u32>> = BTreeMap::new();
    for taken in &measured.taken {
        match &taken.outcome {
            TakenAs::Valid(answer) | TakenAs::Judged(answer, _) => {
                *counts.entry(taken.prompt).or_default().entry(answer).or_default() += 1;
            }
            TakenAs::Flagged(_) => {}
        }
    }
    let most = counts.values().filter_map(|of_one| of_one.values().max()).sum();
    Rate::of(most, counts.values().flat_map(BTreeMap::values).sum())
}

/// The expected cost of the whole task with the recommended lead. Tokens and dollars appear only if the CLIs
/// report them; if some do not, the result says for how many calls they are unknown.
fn whole_task(plan: &Plan, request: &CalibrationRequest, measured: &Measured, answered: u32) -> Value {
    let per_sample = plan.samples_in_all / f64::from(answered.max(1));
    let usage = measured.usage;
    let tokens = |count: Option<u64>| count.map(|count| real(count) * per_sample);
    let unknown = |count: u32| (0 < count && count < answered).then(|| f64::from(count) * per_sample);
    let cost = json!({
        "votes": plan.votes_per_step * f64::from(request.task.steps()),
        "samples": plan.samples_in_all,
        "input_tokens": tokens(usage.input_tokens),
        "output_tokens": tokens(usage.output_tokens),
        "calls_without_tokens": unknown(measured.without_tokens),
        "cost_usd": usage.cost_usd.map(|cost| cost * per_sample),
        "calls_without_cost": unknown(measured.without_cost),
    });
    without_nulls(cost)
}

fn by_provider(request: &CalibrationRequest, measured: &Measured) -> BTreeMap<String, Value> {
    let of = |provider: &String| {
        let count = measured.count(|taken| taken.provider == *provider);
        let accuracy = request.oracle.as_ref().and_then(|_| Rate::of(count.right, count.valid));
        let one = json!({ "answered": count.answered, "valid": count.valid, "accuracy": accuracy });
        (provider.clone(), one)
    };
    measured.providers.iter().map(of).gather()
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

//! Measuring how often the answers to a step are right, and what that means for its vote.

pub mod log;
pub mod report;

use futures_util::future::join_all;

use super::ensemble::chosen;
use super::progress::Progress;
use super::session::Session;
use super::verify::oracle::{Oracle, Verdict};
use super::vote::add_usage;
use super::vote::budget::SampleBudget;
use super::vote::sample::{Sample, Sampler};
use super::vote::step::{question, step_check};
use crate::domain::calibrate::Task;
use crate::domain::calibrate::interval::Rate;
use crate::domain::calibrate::summary::{Basis, plan};
use crate::domain::microstep::StepType;
use crate::domain::vote::canonical::Canonical;
use crate::error::Error;
use crate::provider::Usage;

use log::CalibrationRecord;
use report::Calibration;

/// Samples of one calibration.
pub const MOST_SAMPLES: u32 = 100;

/// Oracles that run at the same time.
const MOST_ORACLES: usize = 4;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct CalibrationRequest {
    /// The step.
    pub kind: StepType,
    /// A question of it.
    pub prompt: String,
    /// The command that tells a right answer from a wrong one.
    pub oracle: Option<String>,
    /// The whole task: how many such steps, and how surely all of them are to be right.
    pub task: Task,
    /// How many samples.
    pub samples: u32,
    /// Who is asked in turn; everybody who is there where nobody is named.
    pub providers: Option<Vec<String>>,
}

/// What came of the samples.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) taken: Vec<Taken>,
    pub(super) usage: Usage,
    pub(super) failures: Vec<(String, Error)>,
    pub(super) masked: usize,
    pub(super) providers: Vec<String>,
}

/// One answer.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) provider: String,
    pub(super) outcome: TakenAs,
}

/// What an answer is worth.
#[derive(Debug)]
pub(super) enum TakenAs {
    /// Discarded, by these reasons.
    Flagged(Vec<&'static str>),
    /// Valid, and nobody can tell whether it is right.
    Valid(Canonical),
    /// Valid, and judged.
    Judged(Canonical, Verdict),
}

/// Takes samples of a step side by side, has them judged, and says what a vote on it needs. Without
/// an oracle it tells how far the answers agree, which says nothing of how often they are right.
///
/// # Errors
///
/// Nobody can be asked, an unknown provider, an oracle that cannot be run, a budget that refuses, no
/// answer at all, or rules that cannot be used.
pub async fn calibrate(
    session: &Session,
    request: CalibrationRequest,
    budget: &dyn SampleBudget,
    progress: &Progress,
) -> Result<Calibration, Error> {
    session.check_config()?;
    let rules = session.vote_rules()?;
    let step = rules.step(request.kind)?;
    let providers = chosen(session, request.providers.clone())?;
    // An oracle that cannot be used is said before anybody is asked.
    let oracle = match &request.oracle {
        Some(command) => Some(Oracle::new(session, command).await?),
        None => None,
    };
    let check = step_check(session, step)?;
    let mut sampler = Sampler::new(session, question(step, &request.prompt, ""), providers, check).await?;
    budget.reserve(request.samples).await?;
    progress.say(&format!("{} samples side by side", request.samples));
    let samples = sampler.round(session, request.samples, progress).await?;
    let measured = judge(session, samples, oracle.as_ref(), &sampler, progress).await?;
    if measured.taken.is_empty() {
        let failures = measured.failures.iter().map(|(provider, error)| format!("{provider}: {error}"));
        return Err(Error::EveryCandidateFailed(failures.collect()));
    }
    if oracle.is_some() {
        record(session, &request, &measured);
    }
    Ok(Calibration::of(&request, &measured))
}

/// Has every valid answer judged, a few at a time.
async fn judge(
    session: &Session,
    samples: Vec<Sample>,
    oracle: Option<&Oracle>,
    sampler: &Sampler,
    progress: &Progress,
) -> Result<Measured, Error> {
    let mut measured = Measured {
        taken: Vec::new(),
        usage: Usage::default(),
        failures: Vec::new(),
        masked: sampler.masked(),
        providers: sampler.providers().to_vec(),
    };
    let mut valid = Vec::new();
    for sample in samples {
        match sample {
            Sample::Valid { provider, text, canonical, usage } => {
                add_usage(&mut measured.usage, usage);
                valid.push((provider, text, canonical));
            }
            Sample::Flagged { provider, flags, usage } => {
                add_usage(&mut measured.usage, usage);
                let reasons = flags.iter().map(|flag| flag.reason).collect();
                measured.taken.push(Taken { provider, outcome: TakenAs::Flagged(reasons) });
            }
            Sample::Failed { provider, error } => measured.failures.push((provider, error)),
        }
    }
    let slots = tokio::sync::Semaphore::new(MOST_ORACLES);
    let judged = join_all(valid.into_iter().enumerate().map(|(number, (provider, text, canonical))| {
        let (slots, progress) = (&slots, progress.labelled(&format!("oracle {}", number + 1)));
        async move {
            let Some(oracle) = oracle else {
                return Ok(Taken { provider, outcome: TakenAs::Valid(canonical) });
            };
            // Never closed, so a slot always comes.
            let _slot = slots.acquire().await;
            let verdict = oracle.judge(session, &text, &progress).await?;
            Ok(Taken { provider, outcome: TakenAs::Judged(canonical, verdict) })
        }
    }))
    .await;
    measured.taken.extend(judged.into_iter().collect::<Result<Vec<_>, Error>>()?);
    Ok(measured)
}

/// Keeps what was measured of each provider, for votes to come.
fn record(session: &Session, request: &CalibrationRequest, measured: &Measured) {
    for provider in &measured.providers {
        let count = measured.count(|taken| taken.provider == *provider);
        let Some(rate) = Rate::of(count.right, count.valid) else { continue };
        let valid_rate = f64::from(count.valid) / f64::from(count.answered.max(1));
        let found = plan(Basis::IntervalLow, rate.low, valid_rate, request.task);
        session.calibrations().record(&CalibrationRecord {
            step_type: request.kind,
            provider: provider.clone(),
            valid: count.valid,
            right: count.right,
            answered: count.answered,
            recommended_k: found.ok().map(|plan| plan.k),
        });
    }
}

/// Answers, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) answered: u32,
    pub(super) valid: u32,
    pub(super) right: u32,
}

impl Measured {
    /// Counts the answers that fit.
    pub(super) fn count(&self, fits: impl Fn(&Taken) -> bool) -> Count {
        let mut count = Count::default();
        for taken in self.taken.iter().filter(|taken| fits(taken)) {
            count.answered += 1;
            match &taken.outcome {
                TakenAs::Flagged(_) => {}
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

//! Measuring how often the answers to a step are right, and what that means for its vote.

pub(crate) mod report;

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::account::Account;
use super::journal::new_id;
use super::progress::Progress;
use super::session::Session;
use super::verify::oracle::{Oracle, Verdict};
use super::vote::sample::{Sample, Sampler, Seat};
use super::vote::step::{question, step_check, step_of};
use super::vote::{add_usage, voters};
use crate::domain::answer::document;
use crate::domain::calibrate::Task;
use crate::domain::calibrate::classes::Classes;
use crate::domain::calibrate::interval::Rate;
use crate::domain::calibrate::record::{CalibrationRecord, Measurement, Together};
use crate::domain::calibrate::summary::{Basis, Counted, plan};
use crate::domain::call_options::CallOptions;
use crate::domain::event::Draft;
use crate::domain::event::record::{Noted, Topic};
use crate::domain::microstep::StepType;
use crate::domain::track_record::Work;
use crate::domain::vote::canonical::Canonical;
use crate::error::Error;
use crate::provider::Usage;

use report::Calibration;

/// Samples of one calibration.
pub const MOST_SAMPLES: u32 = 100;

/// Oracles that run at the same time.
const MOST_ORACLES: usize = 4;

#[derive(Clone, Debug)]
pub struct CalibrationRequest {
    /// The step.
    pub kind: StepType,
    /// Questions of it.
    pub prompts: Vec<String>,
    /// The command that tells a right answer from a wrong one.
    pub oracle: Option<String>,
    /// The whole task: how many such steps, and how surely all of them are to be right.
    pub task: Task,
    /// Number of samples in all; the questions share them.
    pub samples: u32,
    /// Providers that are asked in turn; everybody who is there where nobody is named.
    pub providers: Option<Vec<String>>,
    pub options: CallOptions,
    /// On whose account it goes.
    pub account: Account,
}

#[derive(Debug)]
pub(super) struct Measured {
    pub(super) taken: Vec<Taken>,
    pub(super) usage: Usage,
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
    /// The question that it answers, by number.
    pub(super) prompt: usize,
    pub(super) outcome: TakenAs,
}

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
/// Nobody can be asked, an unknown provider, an oracle that cannot be run, no answer at all, or
/// rules that cannot be used.
pub async fn calibrate(
    session: &Session,
    request: CalibrationRequest,
    progress: &Progress,
) -> Result<Calibration, Error> {
    session.check_config()?;
    let step = step_of(session, request.kind)?;
    let (providers, _) = voters(session, request.providers.clone(), Work::on(&step)).await?;
    // An oracle that cannot be used is said before anybody is asked.
    let oracle = match &request.oracle {
        Some(command) => Some(Oracle::new(session, command).await?),
        None => None,
    };
    let mut rounds = Vec::new();
    let mut masked = 0;
    for (prompt, count) in request.prompts.iter().zip(shares(request.samples, request.prompts.len())) {
        let check = step_check(session, &step)?;
        let question = question(&step, prompt, "", request.options.clone(), request.account.clone());
        let mut sampler = Sampler::new(session, question, providers.clone(), check).await?;
        masked += sampler.masked();
        let seats = sampler.seats(session, count).await?;
        rounds.push((sampler, seats));
    }
    progress.say(&format!("{} samples side by side", request.samples));
    let round = |(mut sampler, seats): (Sampler, Vec<Seat>)| async move {
        sampler.round(session, seats, progress).await
    };
    let rounds =
        join_all(rounds.into_iter().map(round)).await.into_iter().collect::<Result<Vec<_>, Error>>()?;
    let measured = judge(session, rounds, oracle.as_ref(), (providers, masked), progress).await?;
    if measured.taken.is_empty() {
        let failures = measured.failures.iter().map(|(provider, error)| format!("{provider}: {error}"));
        return Err(Error::EveryCandidateFailed { failures: failures.collect(), others: Vec::new() });
    }
    if let Some(oracle) = &oracle {
        measured.check_oracle(oracle)?;
    }
    let kept = match oracle {
        Some(_) => record(session, &request, &measured).await,
        None => Ok(()),
    };
    Ok(Calibration::of(&request, &measured, kept.err().as_ref()))
}

/// Returns how many samples each of so many questions gets.
fn shares(samples: u32, prompts: usize) -> impl Iterator<Item = u32> {
    let count = u32::try_from(prompts).unwrap_or(u32::MAX).max(1);
    (0..count).map(move |number| samples / count + u32::from(number < samples % count))
}

/// Has every valid answer judged, a few at a time.
async fn judge(
    session: &Session,
    rounds: Vec<Vec<Sample>>,
    oracle: Option<&Oracle>,
    (providers, masked): (Vec<String>, usize),
    progress: &Progress,
) -> Result<Measured, Error> {
    let mut measured = Measured {
        taken: Vec::new(),
        usage: Usage::default(),
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
                add_usage(&mut measured.usage, usage);
                measured.models.insert(provider.clone(), model);
                valid.push((provider, prompt, text, canonical));
            }
            Sample::Flagged { provider, flags, usage } => {
                add_usage(&mut measured.usage, usage);
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
                // Never closed, so a slot always comes.
                let _slot = slots.acquire().await;
                let verdict = oracle.judge(session, &to_judge(text), &progress).await?;
                Ok(Taken { provider, prompt, outcome: TakenAs::Judged(canonical, verdict) })
            }
        }))
        .await;
    measured.taken.extend(judged.into_iter().collect::<Result<Vec<_>, Error>>()?);
    Ok(measured)
}

/// Returns what an oracle gets to read: the document of an answer, where something stands around it.
fn to_judge(answer: String) -> String {
    if serde_json::from_str::<serde::de::IgnoredAny>(&answer).is_ok() {
        return answer;
    }
    match document(&answer) {
        Ok(found) => found.value.to_string(),
        Err(_) => answer,
    }
}

/// Keeps what was measured of each provider, for votes to come.
async fn record(session: &Session, request: &CalibrationRequest, measured: &Measured) -> Result<(), Error> {
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
    let content = serde_json::to_value(record).map_err(|error| Error::Internal(error.to_string()))?;
    let noted = Draft::new(new_id(), Noted { topic: Topic::Calibration, content });
    let run = request.account.run.as_deref().unwrap_or_default();
    session.journal().record(run, vec![noted.on(request.account.rests_on.clone())]).await
}

/// Answers, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) answered: u32,
    pub(super) valid: u32,
    pub(super) right: u32,
    /// Answers of which the oracle said nothing, because it failed by itself.
    pub(super) unjudged: u32,
}

impl Measured {
    /// Returns what was measured of one provider; none where no answer of its counted.
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

    /// Returns what was measured of all who were asked in turn, where they are several.
    fn together(&self, task: Task) -> Option<Together> {
        let count = self.count(|_| true);
        Rate::of(count.right, count.valid).filter(|_| self.providers.len() > 1)?;
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

    /// The classes of judged answers, question by question, since each has its own right answer.
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

    /// An oracle that fails by itself tells nothing: that is said instead of counting its failures as
    /// wrong answers.
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

    /// Counts the answers that fit.
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

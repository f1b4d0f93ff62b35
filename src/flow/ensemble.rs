//! The same question to several consultants side by side.

use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;
use serde_json::Value;
use serde_with::skip_serializing_none;

use super::account::{Account, kept, left, reserve};
use super::breaker::{Bench, Permission, StoodIn, ready};
use super::configuration::Configuration;
use super::consult::{Consulted, ContextNote, Layout, Prepared, Question, Turn, ask_or_stand_in, prepare};
use super::journal::new_id;
use super::kit::Kit;
use super::note::note_on;
use super::progress::{Progress, Watch};
use super::scope::off_thread_with;
use super::slots::Place;
use crate::domain::citations::Citation;
use crate::domain::event::{Draft, EnsembleNoted, Noted, RedFlagged};
use crate::domain::measure::number::mean_pairwise;
use crate::domain::redflag::{Reason, RedFlags, Verdict};
use crate::domain::served::ModelNote;
use crate::domain::size::{MOST_ANSWER, share, weight};
use crate::domain::stage::Stage;
use crate::domain::track_record::Work;
use crate::error::{Error, ErrorNote};
use crate::provider::Usage;

/// Candidates of one ensemble.
pub const MOST_CANDIDATES: usize = 24;

/// The candidates of an ensemble.
#[derive(Clone, Debug, Serialize)]
pub struct Ensemble {
    pub ok: bool,
    /// Context that went with the question, and what was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextNote>,
    pub count: usize,
    pub providers_used: Vec<String>,
    /// Every candidate, failed ones included.
    pub candidates: Vec<Candidate>,
    /// Id with which a judge finds the question; none where the log keeps no record of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ensemble_id: Option<String>,
    pub warning: Option<String>,
    /// Secrets that were masked on the way out.
    pub masked: usize,
    #[serde(flatten)]
    pub failure: Option<ErrorNote>,
}

/// One candidate.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// Its id within the ensemble.
    pub id: String,
    pub ok: bool,
    pub provider: String,
    /// The model that answered; none where nobody told.
    #[serialize_always]
    pub model: Option<String>,
    #[serde(flatten)]
    pub told: ModelNote,
    /// The answer, as far as it is shown.
    pub content: String,
    pub content_is: Option<&'static str>,
    /// True if more of it is in `content_file`.
    pub truncated: bool,
    pub content_file: Option<String>,
    /// The same as a resource.
    pub resource: Option<String>,
    /// The places that the answer names, and whether they are there.
    pub citations: Option<Vec<Citation>>,
    /// Milliseconds, waiting included.
    pub elapsed_ms: u64,
    #[serde(skip_serializing_if = "Usage::is_empty")]
    pub usage: Usage,
    /// The sandbox that the CLI ran in.
    pub sandbox: Option<String>,
    pub red_flag: Option<Value>,
    /// Note where the answer is not a model's.
    pub note: Option<&'static str>,
    /// The ensemble that it belongs to, where the log knows it.
    pub ensemble_id: Option<String>,
    /// For whom it answers, and why, where it stands in for one that refused.
    pub stands_in: Option<StoodIn>,
    /// Failure.
    #[serde(flatten)]
    #[serialize_always]
    pub failure: Option<ErrorNote>,
}

#[derive(Clone, Debug, Default)]
pub struct Whom {
    /// The providers; without them or with an empty list, the available ones.
    pub named: Option<Vec<String>>,
    pub times: usize,
    /// True if another one answers for one that refuses; none: where nobody was named.
    pub stand_in: Option<bool>,
}

/// Asks each provider so many times, all side by side as far as there are slots, on the account of the
/// run that is under way.
///
/// # Errors
///
/// Nobody can be asked, an unknown provider, too many candidates, rules that cannot be used, or a
/// log that cannot be read by a server that works on a run.
pub async fn generate(
    kit: &Kit,
    whom: Whom,
    question: Question,
    progress: &Progress,
) -> Result<Ensemble, Error> {
    kit.config.check()?;
    let asked_for = AskedFor { task: question.prompt.clone(), files: question.context.files.clone() };
    let ready = off_thread_with(kit, move |kit| get_ready(kit, whom, question)).await?;
    let Ready { mut providers, prepared, ids, turns, bench, notes } = ready;
    let red_flags = kit.config.red_flags()?;
    // With one candidate each, the provider's name says enough.
    let is_single = ids.len() == providers.len();
    let names = if is_single { providers.clone() } else { ids.clone() };
    let replies = answered(kit, turns, names, &bench, progress).await;
    let answered = ids.into_iter().zip(replies).map(|(id, reply)| {
        let id = if reply.stood_in.is_some() { format!("{}-1", reply.provider) } else { id };
        Answered { id, reply }
    });
    let answered: Vec<Answered> = answered.collect();
    let stage = prepared.account().stage;
    let judged = off_thread_with(kit, move |kit| judged(kit, &red_flags, stage, answered, &asked_for));
    let (mut candidates, drafts) = judged.await?;
    let id = drafts.last().map(|draft| draft.id.clone());
    note_on(&kit.log, prepared.account(), drafts).await;
    let is_recorded = prepared.account().run.is_some() || kit.config.settings().tracing.enabled;
    let id = id.filter(|_| is_recorded);
    for candidate in &mut candidates {
        candidate.ensemble_id.clone_from(&id);
    }
    let stood_in: Vec<String> = candidates.iter().filter_map(Candidate::stood_in).collect();
    for candidate in candidates.iter().filter(|candidate| candidate.stands_in.is_some()) {
        providers.push(candidate.provider.clone());
    }
    let installed = kit.config.catalogue().installed();
    let others = installed.map(|one| one.name.clone()).filter(|name| !providers.contains(name)).collect();
    let mut ensemble = Ensemble::new(providers, candidates, id, prepared.masked(), others);
    ensemble.warning = ensemble
        .warning
        .into_iter()
        .chain(notes)
        .chain(stood_in)
        .reduce(|all, more| format!("{all}; {more}"));
    ensemble.context = prepared.context_note();
    Ok(ensemble)
}

/// An ensemble that may be asked.
struct Ready {
    providers: Vec<String>,
    prepared: Arc<Prepared>,
    /// The candidates' ids, and their turns: every provider once before any is asked again.
    ids: Vec<String>,
    turns: Vec<Turn>,
    bench: Bench,
    /// Providers that are not asked, and why.
    notes: Vec<String>,
}

/// All that comes before the first CLI starts. Blocks.
fn get_ready(kit: &Kit, Whom { named, times, stand_in }: Whom, question: Question) -> Result<Ready, Error> {
    let is_named = named.as_ref().is_some_and(|named| !named.is_empty());
    let (mut providers, left_out) = chosen(kit, named, Work::at(question.account.stage))?;
    let wanted = providers.len() * times;
    if wanted > MOST_CANDIDATES {
        return Err(Error::InvalidArguments(format!(
            "an ensemble must have at most {MOST_CANDIDATES} candidates (got {wanted}: {} providers x {times})",
            providers.len()
        )));
    }
    let places = (0..wanted).map(|_| kit.processes.slots().place()).collect::<Result<Vec<_>, _>>()?;
    let Account { run, stage, purpose, .. } = question.account;
    let account = Account::of(&kit.log, run.as_deref(), stage, purpose)?;
    let everybody = ready(kit, Work::at(account.stage)).names;
    let unfit = if is_named { None } else { fit(kit, &account, &mut providers, times)? };
    let prepared = prepare(kit, Question { account, ..question }, Layout::Plain, None)?;
    let asked = || (1..=times).flat_map(|number| providers.iter().map(move |name| (number, name)));
    let names: Vec<String> = asked().map(|(_, name)| name.clone()).collect();
    let ids = asked().map(|(number, name)| format!("{name}-{number}")).collect();
    let turns = turns(kit, &prepared, &names, places)?;
    let permission = match stand_in {
        Some(true) => Permission::Anybody,
        Some(false) => Permission::Nobody,
        None => Permission::of(is_named),
    };
    let bench = Bench::new(permission, &providers, everybody);
    Ok(Ready { providers, prepared, ids, turns, bench, notes: left_out.into_iter().chain(unfit).collect() })
}

/// Leaves out those for whom the run's budget does not reach, where nobody was named, and says so. One
/// always stays: where there is no room at all, the refusal says why.
fn fit(
    kit: &Kit,
    account: &Account,
    providers: &mut Vec<String>,
    times: usize,
) -> Result<Option<String>, Error> {
    let there = providers.len();
    let left = left(&kit.config, &kit.log, account)?;
    providers.truncate((left / times.max(1)).max(1));
    Ok((providers.len() < there).then(|| {
        format!(
            "{} of {there} providers were asked: the run's budget leaves {left} consults here",
            providers.len()
        )
    }))
}

struct AskedFor {
    task: String,
    files: Vec<String>,
}

/// Turns of several providers with the same question: all of them reserved or none. Blocks.
pub(super) fn turns(
    kit: &Kit,
    prepared: &Arc<Prepared>,
    providers: &[String],
    places: Vec<Place>,
) -> Result<Vec<Turn>, Error> {
    let reserved = reserve(kit, prepared.account(), &prepared.asked(), providers)?;
    let turn = |(member, (place, reservation))| {
        Turn::new(kit, &prepared.for_member(member, providers.len()), place, reservation)
    };
    Ok(places.into_iter().zip(reserved).enumerate().map(turn).collect())
}

/// Returns what each of them says, all side by side as far as there are slots.
pub(super) async fn answered(
    kit: &Kit,
    turns: Vec<Turn>,
    names: impl IntoIterator<Item = String>,
    bench: &Bench,
    progress: &Progress,
) -> Vec<Consulted> {
    let watch = &Watch::over(progress, names);
    let asked = turns.into_iter().enumerate().map(|(member, turn)| async move {
        let reply = ask_or_stand_in(kit, turn, bench, &watch.progress()).await;
        watch.done(member, reply.ok);
        reply
    });
    join_all(asked).await
}

/// A candidate that was asked.
struct Answered {
    id: String,
    reply: Consulted,
}

/// Returns what the answers are worth, and what the log keeps of that.
fn judged(
    kit: &Kit,
    red_flags: &RedFlags,
    stage: Option<Stage>,
    answered: Vec<Answered>,
    asked_for: &AskedFor,
) -> Result<(Vec<Candidate>, Vec<Draft>), Error> {
    let compared = compared(&kit.config, answered.iter().map(|one| &one.reply), asked_for)?;
    let weights: Vec<usize> = answered.iter().map(|one| weight(&one.reply.content)).collect();
    let mut drafts = Vec::new();
    let mut candidates = Vec::new();
    for (Answered { id, reply }, room) in answered.into_iter().zip(share(&weights, MOST_ANSWER)) {
        let verdict = reply.ok.then(|| red_flags.verdict(&reply.content));
        drafts.extend(verdict.as_ref().and_then(|verdict| flag(verdict, &reply, stage)));
        let red_flag = verdict.map(|verdict| serde_json::json!(verdict));
        candidates.push(Candidate::new(
            id,
            reply.cited(&kit.project).cut_to(&kit.config, &kit.project, room),
            red_flag,
        ));
    }
    drafts.push(compared);
    Ok((candidates, drafts))
}

/// Returns how alike answers to the same question are.
pub fn compared_answers<'a>(answers: impl Iterator<Item = &'a str>) -> EnsembleNoted {
    let answers: Vec<&str> = answers.collect();
    EnsembleNoted {
        answers: u32::try_from(answers.len()).unwrap_or(u32::MAX),
        redundancy: mean_pairwise(&answers),
        task: None,
        context_files: Vec::new(),
    }
}

/// The same of what was answered here, as the log keeps it: resting on the consults, and with what was
/// asked.
fn compared<'a>(
    config: &Configuration,
    replies: impl Iterator<Item = &'a Consulted> + Clone,
    asked_for: &AskedFor,
) -> Result<Draft, Error> {
    let answered = replies.filter(|reply| reply.ok);
    let task = config.masker()?.mask(&asked_for.task).text.into_owned();
    let noted = EnsembleNoted {
        task: Some(kept(&task, config.settings().tracing.save_prompts)),
        context_files: asked_for.files.clone(),
        ..compared_answers(answered.clone().map(|reply| reply.content.as_str()))
    };
    let noted = Noted::of(&noted).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Draft::new(new_id(), noted).on(answered.map(|reply| reply.consult.clone())))
}

/// A flagged answer as the log keeps it, resting on the consult that it came from.
fn flag(verdict: &Verdict, reply: &Consulted, stage: Option<Stage>) -> Option<Draft> {
    let reasons: Vec<String> = verdict.reasons().iter().map(Reason::in_words).collect();
    let body = RedFlagged { provider: reply.provider.clone(), stage, reasons };
    verdict.is_flagged().then(|| Draft::new(new_id(), body).on([reply.consult.clone()]))
}

/// The providers to ask: the named ones, each once, else the available ones, with notes on
/// the others. Blocks.
pub(super) fn chosen(
    kit: &Kit,
    named: Option<Vec<String>>,
    work: Work,
) -> Result<(Vec<String>, Option<String>), Error> {
    let mut chosen: Vec<String> = Vec::new();
    let Some(named) = named.filter(|named| !named.is_empty()) else {
        let ready = ready(kit, work);
        let note = ready.in_a_line();
        return if ready.names.is_empty() { Err(Error::NoProvider) } else { Ok((ready.names, note)) };
    };
    for name in named {
        let name = kit.config.catalogue().get(&name)?.name.clone();
        if !chosen.contains(&name) {
            chosen.push(name);
        }
    }
    Ok((chosen, None))
}

impl Candidate {
    fn new(id: String, reply: Consulted, red_flag: Option<Value>) -> Self {
        Self {
            id,
            ok: reply.ok,
            provider: reply.provider,
            model: reply.model,
            told: reply.told,
            content: reply.content,
            content_is: reply.content_is,
            truncated: reply.truncated,
            content_file: reply.content_file,
            resource: reply.resource,
            citations: reply.citations,
            elapsed_ms: reply.elapsed_ms,
            usage: reply.usage,
            sandbox: reply.sandbox,
            red_flag,
            note: reply.note,
            ensemble_id: None,
            stands_in: reply.stood_in,
            failure: reply.failure,
        }
    }

    fn stood_in(&self) -> Option<String> {
        Some(self.stands_in.as_ref()?.in_words(&self.provider))
    }

    fn failure(&self) -> Option<String> {
        Some(format!("{}: {}", self.id, self.failure.as_ref()?.error))
    }
}

impl Ensemble {
    fn new(
        providers_used: Vec<String>,
        candidates: Vec<Candidate>,
        ensemble_id: Option<String>,
        masked: usize,
        others: Vec<String>,
    ) -> Self {
        let count = candidates.iter().filter(|candidate| candidate.ok).count();
        let failures: Vec<String> = candidates.iter().filter_map(Candidate::failure).collect();
        let error = (count == 0).then_some(Error::EveryCandidateFailed { failures, others });
        let warning = match candidates.len() - count {
            0 => (providers_used.len() == 1 && count > 1)
                .then(|| "all candidates come from one provider: their agreement says little".to_owned()),
            failed => Some(format!("{failed} of {} candidates failed", candidates.len())),
        };
        Self {
            ok: error.is_none(),
            context: None,
            count,
            providers_used,
            candidates,
            ensemble_id,
            warning,
            masked,
            failure: error.as_ref().map(Error::note),
        }
    }
}

//! Ensembles: one question to several consultants side by side.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::account::{Account, kept, left, reserve};
use super::breaker::{Permission, StandIns, ready};
use super::configuration::Configuration;
use super::consult::{Consulted, Layout, Prepared, Question, Turn, ask_or_stand_in, prepare};
use super::journal::new_id;
use super::kit::Kit;
use super::note::note_on;
use super::progress::{Progress, Watch};
use super::scope::off_thread_with;
use super::slots::Place;
use crate::domain::event::{Draft, EnsembleNoted, Noted, RedFlagged};
use crate::domain::measure::number::mean_pairwise;
use crate::domain::pairs::{with, without_nulls_but};
use crate::domain::redflag::{Reason, RedFlags, Verdict};
use crate::domain::size::{MOST_ANSWER, share, weight};
use crate::domain::stage::Stage;
use crate::domain::track_record::Work;
use crate::error::Error;

/// Candidates of one ensemble.
pub const MOST_CANDIDATES: usize = 24;

/// A candidate that was asked.
struct Candidate {
    /// Its id within the ensemble.
    id: String,
    reply: Consulted,
    red_flag: Option<Value>,
}

impl Candidate {
    /// A candidate in a result: its reply, without the parts that only a single consult shows.
    fn shown(mut self, ensemble_id: Option<&str>) -> Value {
        self.reply.context = None;
        let mut shown = json!({ "id": self.id });
        if let (Some(fields), Value::Object(reply)) = (shown.as_object_mut(), json!(self.reply)) {
            for (name, value) in reply {
                match name.as_str() {
                    "attempts" | "exit_code" | "masked" | "stderr" => {}
                    "stood_in_for" => drop(fields.insert("stands_in".to_owned(), value)),
                    _ => drop(fields.insert(name, value)),
                }
            }
            fields.extend(self.red_flag.map(|flag| ("red_flag".to_owned(), flag)));
            fields.extend(ensemble_id.map(|id| ("ensemble_id".to_owned(), json!(id))));
        }
        shown
    }

    fn failure(&self) -> Option<String> {
        Some(format!("{}: {}", self.id, self.reply.failure.as_ref()?.error))
    }
}

#[derive(Clone, Debug, Default)]
pub struct Whom {
    /// The named providers; `None` or an empty list means the available ones.
    pub named: Option<Vec<String>>,
    pub times: usize,
    /// True if another provider may answer for one that refuses. `None`: only if no provider was named.
    pub stand_in: Option<bool>,
}

/// Asks each provider the same number of times, side by side as far as there are slots. The question's
/// account pays.
///
/// # Errors
///
/// No provider can be asked, a provider is unknown, there are too many candidates, the rules cannot be used,
/// the budget is too small, or the log cannot be used.
pub async fn generate(
    kit: &Kit,
    whom: Whom,
    question: Question,
    progress: &Progress,
) -> Result<Value, Error> {
    kit.config.check()?;
    let asked_for = AskedFor { task: question.prompt.clone(), files: question.context.files.clone() };
    let ready = off_thread_with(kit, move |kit| get_ready(kit, whom, question)).await?;
    let Ready { providers, prepared, ids, turns, stand_ins, notes } = ready;
    let red_flags = kit.config.red_flags()?;
    // If each provider has one candidate, its name identifies the candidate.
    let is_single = ids.len() == providers.len();
    let names = if is_single { providers.clone() } else { ids.clone() };
    let replies = answered(kit, turns, names, &stand_ins, progress).await;
    let candidates = ids.into_iter().zip(replies).map(|(id, reply)| {
        let id = if reply.stood_in.is_some() { format!("{}-1", reply.provider) } else { id };
        Candidate { id, reply, red_flag: None }
    });
    let candidates: Vec<Candidate> = candidates.collect();
    let stage = prepared.account().stage;
    let judged = off_thread_with(kit, move |kit| judged(kit, &red_flags, stage, candidates, &asked_for));
    let (candidates, drafts) = judged.await?;
    let id = drafts.last().map(|draft| draft.id.clone());
    note_on(&kit.log, prepared.account(), drafts).await;
    // A judge finds the question in the log by this id, so it is given only if the log keeps a record.
    let is_recorded = prepared.account().run.is_some() || kit.config.settings().tracing.enabled;
    let id = id.filter(|_| is_recorded);
    Ok(shown(kit, &prepared, candidates, providers, notes, id.as_deref()))
}

/// The ensemble as its caller sees it.
fn shown(
    kit: &Kit,
    prepared: &Prepared,
    candidates: Vec<Candidate>,
    mut providers: Vec<String>,
    notes: Vec<String>,
    id: Option<&str>,
) -> Value {
    let replies = || candidates.iter().map(|candidate| &candidate.reply);
    let stood_in = replies().filter_map(|reply| Some(reply.stood_in.as_ref()?.in_words(&reply.provider)));
    let count = replies().filter(|reply| reply.ok).count();
    providers.extend(replies().filter(|reply| reply.stood_in.is_some()).map(|reply| reply.provider.clone()));
    let warning = match candidates.len() - count {
        0 => (providers.len() == 1 && count > 1)
            .then(|| "all candidates come from one provider: their agreement says little".to_owned()),
        failed => Some(format!("{failed} of {} candidates failed", candidates.len())),
    };
    let warnings = warning.into_iter().chain(notes).chain(stood_in);
    let warning = warnings.reduce(|all, more| format!("{all}; {more}"));
    let installed = kit.config.catalogue().installed();
    let others = installed.map(|one| one.name.clone()).filter(|name| !providers.contains(name)).collect();
    let failures = candidates.iter().filter_map(Candidate::failure).collect();
    let error = (count == 0).then_some(Error::EveryCandidateFailed { failures, others });
    let shown = candidates.into_iter().map(|candidate| candidate.shown(id));
    let ensemble = json!({
        "ok": error.is_none(),
        "context": prepared.context_note(),
        "count": count,
        "providers_used": providers,
        "candidates": shown.collect::<Vec<_>>(),
        "ensemble_id": id,
        "warning": warning,
        "masked": prepared.masked(),
    });
    with(without_nulls_but(ensemble, &["warning"]), error.map(|error| error.note()))
}

/// An ensemble that is ready to be asked.
struct Ready {
    providers: Vec<String>,
    prepared: Arc<Prepared>,
    /// Ids of the candidates, and their turns: every provider is asked once before any is asked again.
    ids: Vec<String>,
    turns: Vec<Turn>,
    stand_ins: StandIns,
    /// Providers that are not asked, and why.
    notes: Vec<String>,
}

/// Everything before the first CLI starts. Blocks.
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
    let stand_ins = StandIns::new(permission, &providers, everybody);
    Ok(Ready {
        providers,
        prepared,
        ids,
        turns,
        stand_ins,
        notes: left_out.into_iter().chain(unfit).collect(),
    })
}

/// If no provider was named, drops those that the run's budget does not cover, and returns a note on that.
/// One provider always stays: without any budget, the refusal of its consult says why.
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

/// Turns of several providers with the same question: all reserved or none. Blocks.
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

/// Asks the providers of these turns, side by side as far as there are slots.
pub(super) async fn answered(
    kit: &Kit,
    turns: Vec<Turn>,
    names: impl IntoIterator<Item = String>,
    stand_ins: &StandIns,
    progress: &Progress,
) -> Vec<Consulted> {
    let watch = &Watch::over(progress, names);
    let asked = turns.into_iter().enumerate().map(|(member, turn)| async move {
        let reply = ask_or_stand_in(kit, turn, stand_ins, &watch.progress()).await;
        watch.done(member, reply.ok);
        reply
    });
    join_all(asked).await
}

/// Checks each answer for red flags, and returns the events that record the result.
fn judged(
    kit: &Kit,
    red_flags: &RedFlags,
    stage: Option<Stage>,
    candidates: Vec<Candidate>,
    asked_for: &AskedFor,
) -> Result<(Vec<Candidate>, Vec<Draft>), Error> {
    let compared = compared(&kit.config, candidates.iter().map(|one| &one.reply), asked_for)?;
    let weights: Vec<usize> = candidates.iter().map(|one| weight(&one.reply.content)).collect();
    let mut drafts = Vec::new();
    let judged = candidates.into_iter().zip(share(&weights, MOST_ANSWER)).map(|(candidate, room)| {
        let Candidate { id, reply, .. } = candidate;
        let verdict = reply.ok.then(|| red_flags.verdict(&reply.content));
        drafts.extend(verdict.as_ref().and_then(|verdict| flag(verdict, &reply, stage)));
        let reply = reply.cited(&kit.project).cut_to(&kit.config, &kit.project, room);
        Candidate { id, reply, red_flag: verdict.map(|verdict| json!(verdict)) }
    });
    let candidates = judged.collect();
    drafts.push(compared);
    Ok((candidates, drafts))
}

/// Similarity of answers to the same question.
pub fn compared_answers<'a>(answers: impl Iterator<Item = &'a str>) -> EnsembleNoted {
    let answers: Vec<&str> = answers.collect();
    EnsembleNoted {
        answers: u32::try_from(answers.len()).unwrap_or(u32::MAX),
        redundancy: mean_pairwise(&answers),
        task: None,
        context_files: Vec::new(),
    }
}

/// The event that records the similarity. It rests on the consults.
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
    let noted = Noted::of(&noted).map_err(Error::internal)?;
    Ok(Draft::new(new_id(), noted).on(answered.map(|reply| reply.consult.clone())))
}

/// The event that records a flagged answer. It rests on its consult.
fn flag(verdict: &Verdict, reply: &Consulted, stage: Option<Stage>) -> Option<Draft> {
    let reasons: Vec<String> = verdict.reasons.iter().map(Reason::in_words).collect();
    let body = RedFlagged { provider: reply.provider.clone(), stage, reasons };
    verdict.flagged.then(|| Draft::new(new_id(), body).on([reply.consult.clone()]))
}

/// The providers to ask: the named ones, each once, else the available ones, with notes on the others.
/// Blocks.
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

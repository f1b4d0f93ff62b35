//! Asks judges. No judge judges its own candidates; each judges in both orders, and a tie goes to a third
//! opinion.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde::Serialize;

use super::Candidate;
use crate::domain::call_options::CallOptions;
use crate::domain::judge::{Ballot, Case, MOST_JUDGED, Opinion, Verdict, across, together, with_third};
use crate::domain::order::Gather;
use crate::domain::pack::Omission;
use crate::domain::served::Models;
use crate::domain::stage::{Role, SchemaName};
use crate::domain::tokens::Tokens;
use crate::domain::track_record::Work;
use crate::error::Error;
use crate::flow::account::{Account, Asked, Reservation, reserve};
use crate::flow::breaker::{Permission, StandIns, StoodIn, ready};
use crate::flow::consult::{Consulted, Layout, Question, Turn, ask, prepare};
use crate::flow::kit::Kit;
use crate::flow::pack::ContextRequest;
use crate::flow::progress::{Progress, Watch};
use crate::flow::scope::off_thread_with;

/// Characters of all candidates that a judge reads.
const MOST_CHARS: usize = 200_000;
/// Criteria of one call.
const MOST_CRITERIA: usize = 20;
/// Characters of one criterion.
const MOST_CRITERION: usize = 1_000;
/// Characters of the task.
const MOST_TASK: usize = 60_000;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct JudgeNote {
    /// Names of the chosen judges: several if every provider wrote a candidate, `None` if no judge was needed
    /// or available.
    pub provider: Option<String>,
    /// Number of questions.
    pub asked: usize,
    /// `winner`, `nobody`, `tie`, `none` (no judgement), or `not_needed`.
    pub verdict: &'static str,
    /// The judges' reasons, or why there is no judgement.
    pub reason: String,
    /// True if the judges knew the task of the candidates.
    pub knew_the_task: bool,
    /// Each judge with the candidates that it compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub panel: Vec<SeatNote>,
    /// Judges whose choice changed with the order.
    pub order_flips: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub third_opinion: Option<String>,
    #[serde(flatten)]
    pub models: Models,
    /// Parts of the context files that the judges did not get.
    #[serde(skip)]
    pub omitted: Vec<Omission>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeatNote {
    pub provider: String,
    /// Candidates that it compared; it wrote none of them.
    pub judged: Vec<String>,
    pub verdict: &'static str,
    /// Its choice.
    pub winner_id: Option<String>,
    /// The judge that it replaces, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stood_in_for: Option<StoodIn>,
}

impl JudgeNote {
    /// True if the tests left something to judge.
    pub fn was_needed(&self) -> bool {
        self.verdict != "not_needed"
    }

    fn plain(provider: Option<String>, asked: usize, verdict: &'static str, reason: String) -> Self {
        Self { provider, asked, verdict, reason, ..Self::default() }
    }

    fn none(provider: Option<String>, asked: usize, reason: String) -> (Self, Option<Verdict>) {
        (Self::plain(provider, asked, "none", reason), None)
    }
}

/// Refuses criteria and tasks that are too long.
pub(super) fn check_case(criteria: &[String], task: Option<&str>) -> Result<(), Error> {
    let too_long = |criterion: &String| criterion.chars().count() > MOST_CRITERION;
    if criteria.len() > MOST_CRITERIA || criteria.iter().any(too_long) {
        return Err(Error::InvalidArguments(format!(
            "criteria must have at most {MOST_CRITERIA} entries of at most {MOST_CRITERION} characters each"
        )));
    }
    match task.map(|task| task.chars().count()) {
        Some(0) => Err(Error::InvalidArguments(
            "task must not be empty; leave it out, or say what was asked".to_owned(),
        )),
        Some(chars) if chars > MOST_TASK => Err(Error::InvalidArguments(format!(
            "task must be at most {MOST_TASK} characters (got {chars}); put files into context_files"
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Everything that a question to a judge needs.
pub(super) struct Judging<'a> {
    pub(super) kit: &'a Kit,
    pub(super) account: &'a Account,
    pub(super) progress: &'a Progress,
    pub(super) wanted: &'a str,
    /// Permission for other judges.
    pub(super) permission: Permission,
    pub(super) case: Case<'a>,
    pub(super) context_files: &'a [String],
    /// Options for the wanted judge.
    pub(super) options: &'a CallOptions,
}

/// A judge and its candidates.
struct Seat {
    provider: String,
    judged: Vec<usize>,
}

impl Judging<'_> {
    /// Has candidates judged. A judge that cannot be asked, read or paid for counts as none.
    ///
    /// # Errors
    ///
    /// The wanted judge does not exist, or the log cannot be written.
    pub(super) async fn judge(
        &self,
        candidates: &[Candidate],
        level: &[usize],
    ) -> Result<(JudgeNote, Option<Verdict>), Error> {
        self.kit.config.catalogue().get(self.wanted)?;
        let shown: Vec<String> = candidates.iter().map(Candidate::shown).collect();
        let entries = entries(candidates, &shown, level);
        if entries.len() < 2 {
            let reason = "no two different candidates are level".to_owned();
            return Ok((JudgeNote::plain(None, 0, "not_needed", reason), None));
        }
        let judged: Vec<usize> = entries.iter().map(|entry| entry.index).collect();
        let chars: usize =
            judged.iter().filter_map(|index| shown.get(*index)).map(|text| text.chars().count()).sum();
        if judged.len() > MOST_JUDGED || chars > MOST_CHARS {
            let reason = format!(
                "a judge compares at most {MOST_JUDGED} candidates of {MOST_CHARS} characters in all"
            );
            return Ok(JudgeNote::none(None, 0, reason));
        }
        let there = self.there().await;
        let (seats, instead) = match self.seats(&entries, &there) {
            Ok(found) => found,
            Err(reason) => return Ok(JudgeNote::none(None, 0, reason)),
        };
        // Both orders or none: one alone decides nothing.
        let asked: Vec<String> =
            seats.iter().flat_map(|seat| [seat.provider.clone(), seat.provider.clone()]).collect();
        let bytes = judged.iter().filter_map(|index| shown.get(*index)).map(String::len).sum();
        let reserved = match self.reserve(bytes, asked).await {
            Err(error) if error.is_out_of_budget() => {
                let reason = format!("{error} ({})", error.code());
                return Ok(JudgeNote::none(Some(names(seats.iter())), 0, reason));
            }
            reserved => reserved?,
        };
        let sitting: Vec<String> = seats.iter().map(|seat| seat.provider.clone()).collect();
        let stand_ins = StandIns::new(self.permission, &sitting, there.clone());
        let court = Court { entries: &entries, shown: &shown, stand_ins: &stand_ins, there: &there };
        let heard = self.hear(seats, &court, reserved).await?;
        let asked = heard.iter().map(|heard| heard.asked).sum();
        let provider = names(heard.iter().map(|heard| &heard.seat));
        let mut note = JudgeNote::plain(Some(provider), asked, "none", String::new());
        note.knew_the_task = self.case.task.is_some();
        note.panel = panel(&heard, candidates);
        for heard in &heard {
            note.models.extend(&heard.models);
        }
        // Every judge gets the same files.
        note.omitted = heard.first().map(|heard| heard.omitted.clone()).unwrap_or_default();
        note.order_flips =
            heard.iter().filter(|heard| matches!(heard.verdict, Ok(Verdict::Tie { .. }))).count();
        let instead = heard.iter().filter_map(Heard::in_place_of).fold(instead, |all, one| all + &one);
        let verdict = match first_verdict(&heard, &judged) {
            Ok(verdict) => verdict,
            Err(reason) => {
                note.reason = instead + &reason;
                return Ok((note, None));
            }
        };
        let verdict = self.settled(verdict, &court, &heard, &mut note).await?;
        describe(&mut note, instead, &verdict);
        Ok((note, Some(verdict)))
    }

    /// Reserves a consult with each judge, for the given number of characters.
    async fn reserve(&self, chars: usize, judges: Vec<String>) -> Result<Vec<Reservation>, Error> {
        let account = self.account.clone();
        let reserved = move |kit: &Kit| reserve(kit, &account, &question(chars), &judges);
        off_thread_with(self.kit, reserved).await
    }

    /// The available models, in the order in which to ask them.
    async fn there(&self) -> Vec<String> {
        let catalogue = self.kit.config.catalogue();
        let is_model = |name: &String| catalogue.get(name).is_ok_and(|one| !one.is_understudy());
        let ready = off_thread_with(self.kit, |kit| Ok(ready(kit, Work::default())));
        ready.await.unwrap_or_default().names.into_iter().filter(is_model).collect()
    }

    /// Chooses the judges, and returns a note on the choice. One judge that wrote none of the candidates is
    /// enough, the wanted one if possible. Else every available model compares the candidates of the others.
    fn seats(&self, entries: &[Entry], there: &[String]) -> Result<(Vec<Seat>, String), String> {
        let all: Vec<usize> = entries.iter().map(|entry| entry.index).collect();
        let wanted = self.wanted;
        let wrote = |name: &str| entries.iter().any(|entry| entry.is_by(name));
        if !wrote(wanted) {
            return Ok((vec![Seat { provider: wanted.to_owned(), judged: all }], String::new()));
        }
        if let Some(other) = there.iter().find(|name| !wrote(name)) {
            let said = format!("{wanted} wrote one of the candidates, so {other} judged. ");
            return Ok((vec![Seat { provider: other.clone(), judged: all }], said));
        }
        let of_others = |name: &String| Seat {
            judged: entries.iter().filter(|entry| !entry.is_by(name)).map(|entry| entry.index).collect(),
            provider: name.clone(),
        };
        let seats: Vec<Seat> = there.iter().map(of_others).filter(|seat| seat.judged.len() > 1).collect();
        let seen = |one: usize, other: usize| {
            seats.iter().any(|seat| seat.judged.contains(&one) && seat.judged.contains(&other))
        };
        if all.iter().any(|one| all.iter().any(|other| one != other && !seen(*one, *other))) {
            let there = if there.is_empty() { "no CLI".to_owned() } else { there.join(", ") };
            return Err(format!(
                "{wanted} wrote a candidate and does not judge its own; for some pair, every installed CLI wrote one of the two (installed: {there})"
            ));
        }
        let said = "Every installed CLI wrote one of the candidates, so each compared those of the others. ";
        Ok((seats, said.to_owned()))
    }

    /// Asks every judge in both orders.
    async fn hear(
        &self,
        seats: Vec<Seat>,
        court: &Court<'_>,
        reserved: Vec<Reservation>,
    ) -> Result<Vec<Heard>, Error> {
        let mut reserved = reserved.into_iter();
        let mut asked = Vec::new();
        for seat in seats {
            let (Some(one), Some(other)) = (reserved.next(), reserved.next()) else {
                return Err(Error::Internal("two consults of a judge were not reserved".to_owned()));
            };
            asked.push(self.hear_or_replace(seat, court, [one, other]));
        }
        join_all(asked).await.into_iter().collect()
    }

    /// Asks one judge. If it refuses in one order or both, a permitted stand-in judges both. No author judges
    /// its own candidate.
    async fn hear_or_replace(
        &self,
        seat: Seat,
        court: &Court<'_>,
        reserved: [Reservation; 2],
    ) -> Result<Heard, Error> {
        let mut first = self.both_orders(seat, court, reserved).await?;
        let Some(cause) = first.refused.take() else { return Ok(first) };
        let (wanted, judged) = (first.seat.provider.clone(), first.seat.judged.clone());
        let of_these = || court.entries.iter().filter(|entry| judged.contains(&entry.index));
        let is_neutral = |name: &str| !of_these().any(|entry| entry.is_by(name));
        let bytes = judged.iter().filter_map(|index| court.shown.get(*index)).map(String::len).sum();
        while let Some(next) = court.stand_ins.next_among(self.kit, &wanted, is_neutral).await {
            self.progress.say(&format!("{wanted}: {}; {next} judges instead", cause.code()));
            let reserved = self.reserve(bytes, vec![next.clone(), next.clone()]).await;
            let Ok([one, other]) = reserved.map_or(Err(Vec::new()), <[Reservation; 2]>::try_from) else {
                break;
            };
            let seat = Seat { provider: next.clone(), judged: judged.clone() };
            let heard = Box::pin(self.both_orders(seat, court, [one, other])).await?;
            first.asked += heard.asked;
            if heard.refused.is_some() {
                if let (Err(reason), Err(more)) = (&mut first.verdict, heard.verdict) {
                    *reason += &format!("; {more}");
                }
                continue;
            }
            let stood_in = Some(StoodIn::of(&self.kit.config, &wanted, &next, &cause));
            return Ok(Heard { asked: first.asked, stood_in, ..heard });
        }
        Ok(first)
    }

    /// Asks one judge in both orders.
    async fn both_orders(
        &self,
        seat: Seat,
        court: &Court<'_>,
        [one, other]: [Reservation; 2],
    ) -> Result<Heard, Error> {
        let [forth, back] = Ballot::both_orders(&seat.judged);
        let labels = [format!("judge {} 1", seat.provider), format!("judge {} 2", seat.provider)];
        let watch = &Watch::over(self.progress, labels);
        let opinion = |place: usize, ballot, reservation| {
            let judge = seat.provider.as_str();
            async move {
                let said = self.opinion(judge, court.shown, ballot, reservation, &watch.progress()).await;
                watch.done(place, said.as_ref().is_ok_and(|said| said.refused.is_none()));
                said
            }
        };
        let (first, second) =
            futures_util::future::join(Box::pin(opinion(0, &forth, one)), Box::pin(opinion(1, &back, other)))
                .await;
        let (first, second) = (first?, second?);
        let asked = first.asked + second.asked;
        let refused = first.refused.or(second.refused);
        let mut models = first.models;
        models.extend(&second.models);
        let verdict = match (first.said, second.said) {
            (Ok(first), Ok(second)) => Ok(together(first, &second)),
            (Err(reason), _) | (_, Err(reason)) => {
                Err(format!("{} gave no judgement: {reason}", seat.provider))
            }
        };
        Ok(Heard { seat, verdict, asked, refused, stood_in: None, models, omitted: first.omitted })
    }

    /// Asks one more judge about a tie: one that wrote none of the tied candidates and did not judge yet,
    /// else a judge once more. The tie stays if there is no judge, or if it chooses none of the tied
    /// candidates.
    async fn settled(
        &self,
        verdict: Verdict,
        court: &Court<'_>,
        heard: &[Heard],
        note: &mut JudgeNote,
    ) -> Result<Verdict, Error> {
        let Verdict::Tie { between } = verdict else { return Ok(verdict) };
        if between.is_empty() {
            return Ok(Verdict::Tie { between });
        }
        let is_level = |entry: &&Entry| between.contains(&entry.index);
        let level: Vec<&Entry> = court.entries.iter().filter(is_level).collect();
        let is_neutral = |name: &String| !level.iter().any(|entry| entry.is_by(name));
        let sat = |name: &String| heard.iter().any(|heard| heard.seat.provider == *name);
        let others = court.there.iter().filter(|name| is_neutral(name) && !sat(name));
        let same = heard.iter().map(|heard| &heard.seat.provider).filter(|name| is_neutral(name));
        let bytes = court.shown.iter().map(String::len).sum();
        for third in others.chain(same) {
            let mut reserved = match self.reserve(bytes, vec![third.clone()]).await {
                Err(error) if error.is_out_of_budget() => break,
                reserved => reserved?.into_iter(),
            };
            let Some(reservation) = reserved.next() else { break };
            // A single candidate has nothing to be compared with, so all are shown again.
            let mut on_it = if between.len() > 1 {
                between.clone()
            } else {
                court.entries.iter().filter(|entry| !entry.is_by(third)).map(|entry| entry.index).collect()
            };
            if uuid::Uuid::now_v7().as_bytes().last().is_some_and(|byte| byte % 2 == 1) {
                on_it.reverse();
            }
            let [ballot, _] = Ballot::both_orders(&on_it);
            let progress = self.progress.labelled("third opinion");
            let opinion = Box::pin(self.opinion(third, court.shown, &ballot, reservation, &progress)).await?;
            note.asked += opinion.asked;
            note.models.extend(&opinion.models);
            // No judge was named, so the next one answers if this one cannot.
            if opinion.refused.is_some() {
                continue;
            }
            note.third_opinion = Some(third.clone());
            return Ok(match opinion.said {
                Ok(said) => with_third(between, said),
                Err(_) => Verdict::Tie { between },
            });
        }
        Ok(Verdict::Tie { between })
    }

    async fn opinion(
        &self,
        judge: &str,
        shown: &[String],
        ballot: &Ballot,
        reservation: Reservation,
        progress: &Progress,
    ) -> Result<Said, Error> {
        let place = self.kit.processes.slots().place()?;
        let boundary = format!("==== {} ====", uuid::Uuid::now_v7().simple());
        let question = Question {
            prompt: ballot.task(&self.case, shown, &boundary),
            role: Some(Role::Judge),
            context: ContextRequest { files: self.context_files.to_vec(), ..ContextRequest::default() },
            schema: Some(SchemaName::JudgeOutput),
            // A model belongs to one provider: a stand-in uses its own.
            options: CallOptions {
                model: self.options.model.clone().filter(|_| judge == self.wanted),
                ..self.options.clone()
            },
            account: self.account.clone(),
        };
        let turn = off_thread_with(self.kit, move |kit| {
            let prepared = prepare(kit, question, Layout::Sections, None)?;
            Ok(Turn::new(kit, &prepared, place, reservation))
        });
        let reply = ask(turn.await?, progress).await;
        let said = read(&reply, ballot);
        let asked = usize::try_from(reply.consults).unwrap_or(usize::MAX);
        let mut models = Models::default();
        if reply.ok {
            models.add(&reply.provider, reply.model.as_deref(), &reply.told);
        }
        let omitted = reply.context.as_ref().map(|context| context.omitted().to_vec()).unwrap_or_default();
        Ok(Said { said, asked, models, omitted, refused: reply.cause.filter(Error::is_refusal) })
    }
}

/// The candidates of a judgement, and the possible judges.
struct Court<'a> {
    entries: &'a [Entry],
    shown: &'a [String],
    /// Stand-ins for judges.
    stand_ins: &'a StandIns,
    /// Models that can be asked.
    there: &'a [String],
}

/// One answer of a judge.
struct Said {
    said: Result<Opinion, String>,
    /// Number of starts of its CLI.
    asked: usize,
    /// The error, if it cannot judge at all.
    refused: Option<Error>,
    /// The model that answered.
    models: Models,
    omitted: Vec<Omission>,
}

/// A judge that was asked in both orders.
struct Heard {
    seat: Seat,
    verdict: Result<Verdict, String>,
    asked: usize,
    refused: Option<Error>,
    stood_in: Option<StoodIn>,
    models: Models,
    omitted: Vec<Omission>,
}

impl Heard {
    fn in_place_of(&self) -> Option<String> {
        let by = &self.seat.provider;
        Some(format!("{}. ", self.stood_in.as_ref()?.refused_first(by)))
    }
}

/// A candidate on a ballot, with all authors of the same text.
struct Entry {
    index: usize,
    authors: BTreeSet<String>,
}

impl Entry {
    fn is_by(&self, name: &str) -> bool {
        self.authors.contains(&name.to_ascii_lowercase())
    }
}

/// The level candidates, each text once.
fn entries(candidates: &[Candidate], shown: &[String], level: &[usize]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for index in level {
        let author = candidates.get(*index).and_then(Candidate::author);
        let text = shown.get(*index);
        match entries.iter_mut().find(|entry| shown.get(entry.index) == text) {
            Some(same) => same.authors.extend(author),
            None => entries.push(Entry { index: *index, authors: author.into_iter().gather() }),
        }
    }
    entries
}

fn names<'s>(seats: impl Iterator<Item = &'s Seat>) -> String {
    seats.map(|seat| seat.provider.as_str()).collect::<Vec<_>>().join(", ")
}

/// The verdict of all readable answers.
fn first_verdict(heard: &[Heard], judged: &[usize]) -> Result<Verdict, String> {
    match heard {
        [alone] => alone.verdict.clone(),
        several => {
            let read: Vec<(Vec<usize>, Verdict)> = several
                .iter()
                .filter_map(|heard| Some((heard.seat.judged.clone(), heard.verdict.clone().ok()?)))
                .collect();
            let unread: Vec<&str> =
                several.iter().filter_map(|heard| heard.verdict.as_ref().err().map(String::as_str)).collect();
            if read.is_empty() { Err(unread.join("; ")) } else { Ok(across(judged, &read)) }
        }
    }
}

fn panel(heard: &[Heard], candidates: &[Candidate]) -> Vec<SeatNote> {
    let id = |index: &usize| candidates.get(*index).map(|one| one.id.clone());
    let seat = |Heard { seat, verdict, stood_in, .. }: &Heard| {
        let (verdict, winner) = match verdict {
            Ok(Verdict::Winner { winner, .. }) => ("winner", id(winner)),
            Ok(Verdict::Nobody { .. }) => ("nobody", None),
            Ok(Verdict::Tie { .. }) => ("tie", None),
            Err(_) => ("none", None),
        };
        SeatNote {
            provider: seat.provider.clone(),
            judged: seat.judged.iter().filter_map(id).collect(),
            verdict,
            winner_id: winner,
            stood_in_for: stood_in.clone(),
        }
    };
    heard.iter().map(seat).collect()
}

/// The size of a question to a judge, for its price: the candidates, and our own words around them.
fn question(candidates: usize) -> Asked<'static> {
    const OWN_WORDS: usize = 6_000;
    Asked { tokens: Tokens::of_bytes(candidates + OWN_WORDS), model: None }
}

/// Reads an answer. It must fit the schema and name an existing candidate.
fn read(reply: &Consulted, ballot: &Ballot) -> Result<Opinion, String> {
    if let Some(failure) = &reply.failure {
        return Err(format!("{} ({})", failure.error, failure.code));
    }
    if let Some(error) = reply.schema_errors.first() {
        return Err(format!("its answer does not fit the schema: {error}"));
    }
    let answer = reply.structured.as_ref().ok_or("its answer is not a JSON document")?;
    ballot.read(answer)
}

fn describe(note: &mut JudgeNote, instead: String, verdict: &Verdict) {
    let (word, reason) = match verdict {
        Verdict::Winner { rationale, .. } => ("winner", rationale.clone()),
        Verdict::Nobody { rationale } => ("nobody", rationale.clone()),
        Verdict::Tie { .. } if note.panel.len() > 1 => {
            ("tie", "no candidate was preferred to each of the others by those who wrote neither".to_owned())
        }
        Verdict::Tie { .. } => ("tie", "its choice changed with the order of the candidates".to_owned()),
    };
    let third = match (&note.third_opinion, verdict) {
        (Some(third), Verdict::Tie { .. }) => format!(", and a third opinion ({third}) did not settle it"),
        (Some(third), Verdict::Winner { .. } | Verdict::Nobody { .. }) => {
            format!(" (settled by a third opinion, {third})")
        }
        (None, _) => String::new(),
    };
    note.verdict = word;
    note.reason = instead + &reason + &third;
}

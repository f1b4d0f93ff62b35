//! A vote: samples in rounds, side by side, until one answer leads by k.

pub(crate) mod consensus;
pub(crate) mod measured;
pub(crate) mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::breaker::Permission;
use super::configuration::Configuration;
use super::consult::Question;
use super::ensemble::chosen;
use super::kit::Kit;
use super::log::Log;
use super::progress::Progress;
use crate::domain::call_options::CallOptions;
use crate::domain::coordination::record::{Answer, Mark};
use crate::domain::cut::cut_line;
use crate::domain::event::{Draft, Noted, RedFlagged};
use crate::domain::microstep::StepType;
use crate::domain::order::{Gather, Order};
use crate::domain::pairs::{with, without_nulls_but};
use crate::domain::served::Models;
use crate::domain::track_record::Work;
use crate::domain::vote::canonical::Canonical;
use crate::domain::vote::canonical::fields::VoteBy;
use crate::domain::vote::{
    Ballot, Discards, FailureRecord, NoWinner, NotAsked, OptionRecord, Rule, Stop, Tally, VoteRecord,
    confidence,
};
use crate::error::Error;
use crate::flow::account::Account;
use crate::flow::journal::new_id;
use crate::flow::note::note_masked;
use crate::flow::scope::off_thread_with;
use crate::flow::time::milliseconds;
use crate::provider::Usage;

use measured::{Check, Sample, Sampler};

pub struct VoteRequest {
    /// The question of every sample, with the account that pays.
    pub question: Question,
    /// The micro-step, if it is a vote on one.
    pub step_type: Option<StepType>,
    /// Providers that are asked in turn, each at least once.
    pub providers: Vec<String>,
    pub rule: Rule,
    /// The rule that discards an answer, or finds the compared part of it.
    pub check: Check,
}

/// A vote, under way or ended.
pub struct Vote {
    ballot: Ballot<Canonical>,
    stop: Stop,
    candidates: Vec<Candidate>,
    discards: Discards,
    /// Discarded answers.
    flagged: Vec<Flagged>,
    /// The first valid answer of each provider.
    voices: Vec<Answer>,
    failures: Vec<Failure>,
    refused: Option<Error>,
    sampler: Sampler,
    usage: Usage,
    /// Parts removed from answers, with the number of answers.
    notes: BTreeMap<&'static str, u32>,
    models: Models,
    elapsed_ms: u64,
}

/// A discarded answer.
struct Flagged {
    /// Id of its consult's event.
    consult: String,
    provider: String,
    reasons: Vec<String>,
}

/// An answer that has votes.
#[derive(Debug)]
struct Candidate {
    /// Its text, as the first sample gave it.
    text: String,
    /// The whole answer, if it says more.
    whole: Option<String>,
    provider: String,
    /// Its votes by provider.
    votes: BTreeMap<String, u32>,
    /// The ids of the events of the consults that gave it.
    consults: Vec<String>,
}

/// A kind of failure of a provider's calls.
#[derive(Debug)]
struct Failure {
    provider: String,
    error: Error,
    count: u32,
}

impl Failure {
    fn record(&self) -> FailureRecord {
        FailureRecord {
            provider: self.provider.clone(),
            code: self.error.code().to_owned(),
            error: self.error.to_string(),
            count: self.count,
        }
    }
}

/// Holds a vote and records it. The samples of a round are reserved together, because fewer than the round
/// needs could not decide it.
///
/// # Errors
///
/// The question cannot be prepared, a provider does not exist, too many calls are waiting, or the run's log
/// cannot be written. A vote without a winner is no error: it says so.
pub async fn hold(kit: &Kit, request: VoteRequest, progress: &Progress) -> Result<Vote, Error> {
    let started = Instant::now();
    let (rule, account) = (request.rule, request.question.account.clone());
    let sampler = Sampler::new(kit, request.question, request.providers, request.check).await?;
    let mut vote = Vote::new(rule, sampler.with(Permission::Fallback));
    vote.stop = loop {
        if let Some(stop) = vote.ballot.stop() {
            break stop;
        }
        if vote.sampler.left.is_empty() {
            break if vote.ballot.valid() == 0 { Stop::NoValid } else { Stop::ProvidersFailed };
        }
        let seats = match vote.sampler.seats(kit, vote.ballot.wanted()).await {
            Ok(seats) => seats,
            Err(refused) if refused.is_out_of_budget() => {
                vote.refused = Some(refused);
                break Stop::Budget;
            }
            Err(error) => return Err(error),
        };
        let round = vote.ballot.next_round();
        progress.say(&vote.in_a_line(round));
        for sample in vote.sampler.round(kit, seats, progress).await? {
            vote.take(sample).map_err(Error::internal)?;
        }
        if vote.is_cancelled() {
            break Stop::Cancelled;
        }
    };
    vote.elapsed_ms = milliseconds(started.elapsed());
    record(&kit.config, &kit.log, &account, request.step_type, &vote).await;
    Ok(vote)
}

impl Vote {
    fn new(rule: Rule, sampler: Sampler) -> Self {
        Self {
            ballot: Ballot::new(rule),
            stop: Stop::NoValid,
            candidates: Vec::new(),
            discards: Discards::default(),
            flagged: Vec::new(),
            voices: Vec::new(),
            failures: Vec::new(),
            refused: None,
            sampler,
            usage: Usage::default(),
            notes: BTreeMap::new(),
            models: Models::default(),
            elapsed_ms: 0,
        }
    }

    fn take(&mut self, sample: Sample) -> Result<(), NotAsked> {
        match sample {
            Sample::Valid { consult, provider, model, told, text, canonical, said, note, usage } => {
                add_usage(&mut self.usage, usage);
                self.hear(&provider, &canonical);
                if let Some(note) = note {
                    *self.notes.entry(note).or_default() += 1;
                }
                self.models.add(&provider, Some(&model), &told);
                let number = self.ballot.count(canonical)?;
                if self.candidates.get(number).is_none() {
                    let (votes, consults) = (BTreeMap::new(), Vec::new());
                    let (text, whole) = match said {
                        Some(said) => (said, Some(text)),
                        None => (text, None),
                    };
                    let provider = provider.clone();
                    self.candidates.push(Candidate { text, whole, provider, votes, consults });
                }
                if let Some(candidate) = self.candidates.get_mut(number) {
                    *candidate.votes.entry(provider).or_default() += 1;
                    candidate.consults.push(consult);
                }
            }
            Sample::Flagged { consult, provider, flags, usage } => {
                add_usage(&mut self.usage, usage);
                self.ballot.discard()?;
                self.discards.add(&provider, flags.iter().map(|flag| flag.reason));
                let reasons = flags.iter().map(|flag| flag.reason.to_owned()).collect();
                self.flagged.push(Flagged { consult, provider, reasons });
            }
            Sample::Failed { provider, error } => {
                self.ballot.lose()?;
                self.note_failure(provider, error);
            }
        }
        Ok(())
    }

    /// Notes the voice of a provider. A provider that is asked often still has one voice on the question.
    fn hear(&mut self, provider: &str, answer: &Canonical) {
        if self.voices.iter().all(|voice| voice.provider != provider) {
            let mark = Some(Mark::of_canonical(answer));
            self.voices.push(Answer { provider: provider.to_owned(), mark, correct: None });
        }
    }

    fn note_failure(&mut self, provider: String, error: Error) {
        let is_same = |known: &&mut Failure| known.provider == provider && known.error.code() == error.code();
        match self.failures.iter_mut().find(is_same) {
            Some(known) => known.count += 1,
            None => self.failures.push(Failure { provider, error, count: 1 }),
        }
    }

    fn is_cancelled(&self) -> bool {
        self.failures.iter().any(|failure| matches!(failure.error, Error::ShuttingDown | Error::Cancelled))
    }

    fn in_a_line(&self, round: u32) -> String {
        format!(
            "round {}: {round} samples side by side, lead {} of {}",
            self.ballot.rounds(),
            self.ballot.lead(),
            self.ballot.rule().k()
        )
    }

    /// Probability that the leader is the more probable one of the two leading answers.
    fn confidence(&self) -> f64 {
        let (leader, runner_up) = self.ballot.leading_two();
        confidence(leader, runner_up)
    }

    /// Providers whose votes count.
    fn voters(&self) -> BTreeSet<&str> {
        self.candidates.iter().flat_map(|candidate| candidate.votes.keys()).map(String::as_str).collect()
    }

    /// The reason why no answer won; `None` if one did.
    pub fn no_winner(&self) -> Option<NoWinner> {
        let failures = self.failures.iter();
        let failures = failures
            .map(|failure| format!("{}: {} ({})", failure.provider, failure.error.code(), failure.count));
        let refused = self.refused.iter().map(ToString::to_string);
        (!self.stop.is_decision()).then(|| NoWinner {
            stop: self.stop,
            k: self.ballot.rule().k(),
            lead: self.ballot.lead(),
            samples: self.ballot.samples(),
            valid: self.ballot.valid(),
            others: refused.chain(failures).chain(self.discards.reasons()).collect(),
        })
    }

    /// The answer that leads, if one does, with its votes.
    fn leader(&self) -> Option<(&Candidate, u32)> {
        let number = self.ballot.leader()?;
        Some((self.candidates.get(number)?, self.ballot.options().get(number)?.votes))
    }

    /// The winning answer with its votes.
    fn winner(&self) -> Option<(&Candidate, u32)> {
        self.leader().filter(|_| self.stop.is_decision())
    }
}

/// The voters: the named providers, else the available ones, with notes on the others. The understudy does
/// not vote: its rules would repeat themselves.
///
/// # Errors
///
/// A named provider does not exist, or there is no model to ask.
pub(super) async fn voters(
    kit: &Kit,
    named: Option<Vec<String>>,
    work: Work,
) -> Result<(Vec<String>, Option<String>), Error> {
    let (mut chosen, note) = off_thread_with(kit, move |kit| chosen(kit, named, work)).await?;
    let catalogue = kit.config.catalogue();
    chosen.retain(|name| catalogue.get(name).is_ok_and(|provider| !provider.is_understudy()));
    if chosen.is_empty() { Err(Error::NoVoter) } else { Ok((chosen, note)) }
}

/// Adds the usage of a call to a total.
pub(super) fn add_usage(total: &mut Usage, usage: Usage) {
    fn add<T: std::ops::Add<Output = T>>(left: Option<T>, right: Option<T>) -> Option<T> {
        match (left, right) {
            (Some(left), Some(right)) => Some(left + right),
            (known, None) | (None, known) => known,
        }
    }
    total.input_tokens = add(total.input_tokens, usage.input_tokens);
    total.output_tokens = add(total.output_tokens, usage.output_tokens);
    total.cost_usd = add(total.cost_usd, usage.cost_usd);
}

/// Records a vote on the account of its consults, and each answer that it discarded.
async fn record(
    config: &Configuration,
    log: &Log,
    account: &Account,
    step_type: Option<StepType>,
    vote: &Vote,
) {
    let flagged = vote.flagged.iter().map(|Flagged { provider, reasons, .. }| {
        let (provider, reasons) = (provider.clone(), reasons.clone());
        Draft::new(new_id(), RedFlagged { provider, stage: account.stage, reasons })
    });
    let record = vote.record(step_type);
    tracing::info!(
        winner = record.winner_provider,
        stop = %json!(record.stop_reason),
        k = record.k,
        lead = record.lead,
        rounds = record.rounds,
        samples = record.samples,
        flagged = record.flagged,
        failed = record.failed,
        "vote ended"
    );
    note_masked(config, log, account, Noted::of(&record), &vote.sampler.consults, flagged.collect()).await;
}

impl Vote {
    fn record(&self, step_type: Option<StepType>) -> VoteRecord {
        let ballot = &self.ballot;
        let winner = ballot.leader().filter(|_| self.stop.is_decision());
        let option = |(candidate, option): (&Candidate, &Tally<Canonical>)| OptionRecord {
            mark: Mark::of_canonical(&option.answer),
            votes: candidate.votes.clone(),
            samples: candidate.consults.clone(),
        };
        let discarded = |it: &Flagged| (it.consult.clone(), it.reasons.clone());
        VoteRecord {
            step_type,
            k: ballot.rule().k(),
            lead: ballot.lead(),
            stop_reason: self.stop,
            winner: winner
                .and_then(|number| ballot.options().get(number))
                .map(|option| Mark::of_canonical(&option.answer)),
            winner_provider: self.winner().map(|(candidate, _)| candidate.provider.clone()),
            samples: ballot.samples(),
            valid: ballot.valid(),
            flagged: ballot.flagged(),
            failed: ballot.failed(),
            rounds: ballot.rounds(),
            options: self.candidates.iter().zip(ballot.options()).map(option).collect(),
            red_flags: self.discards.list(),
            failures: self.failures.iter().map(Failure::record).collect(),
            refused: self.refused.as_ref().map(ToString::to_string),
            answers: self.voices.clone(),
            discarded: self.flagged.iter().map(discarded).gather(),
        }
    }
}

/// A micro-step that is put to the vote.
#[derive(Clone, Debug)]
pub struct StepRequest {
    pub kind: StepType,
    /// The question.
    pub prompt: String,
    /// Material for it.
    pub context: String,
    /// The lead that decides; by default the measured one, else the step's own.
    pub k: Option<u32>,
    /// The maximum number of samples; by default it follows from k.
    pub max_samples: Option<u32>,
    /// Providers that are asked; all available ones if none is named.
    pub providers: Option<Vec<String>>,
    pub options: CallOptions,
    /// The account that pays.
    pub account: Account,
}

/// Origin of a number of the rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The caller gave it.
    Caller,
    /// It was measured with every provider that is asked; the largest of their values counts.
    Calibration,
    /// The default: k is two if three providers answer in turn, else the step's own, and the maximum
    /// follows from k.
    #[default]
    Default,
}

impl Source {
    /// The origin of a number that a caller may give.
    fn of(named: Option<u32>) -> Self {
        if named.is_some() { Self::Caller } else { Self::Default }
    }
}

/// Characters of an answer in `vote_distribution`.
const LABEL: usize = 80;

/// Part of the answers that a vote compares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Compared {
    Options {
        /// The list.
        options: Vec<String>,
    },
    /// Their last line `ANSWER: ...`, or an answer of one line.
    AnswerLine,
    /// Their JSON document, by value.
    Json,
    /// These fields of their document, each in its own way.
    Fields {
        /// The fields, and how each is compared.
        fields: VoteBy,
    },
}

impl Vote {
    /// The result of a vote: the fields of its own kind, and those of every vote.
    fn result(
        &self,
        own: Value,
        compared: &Compared,
        max_rounds_source: Source,
        warnings: impl IntoIterator<Item = String>,
    ) -> Value {
        const EVEN_IF_NULL: [&str; 4] = ["confidence", "warning", "winner", "winner_provider"];
        let ballot = &self.ballot;
        let leader = self.leader().filter(|_| !self.stop.is_decision());
        let warnings = one_voice(self).into_iter().chain(warnings).chain(self.sampler.stood_in.clone());
        let warnings: Vec<String> = warnings.chain(self.models.warnings()).collect();
        let note = |(note, count): (&&str, &u32)| format!("{note} ({count} of {} answers)", ballot.valid());
        let notes: Vec<String> = self.notes.iter().map(note).collect();
        let failure =
            |it: &Failure| with(json!({ "provider": it.provider, "count": it.count }), it.error.note());
        let answers = answers(self);
        let votes = |one: &Value| Some((one.get("answer")?.as_str()?.to_owned(), one.get("votes")?.clone()));
        let all = json!({
            "red_flagged_count": ballot.flagged(),
            "stop_reason": self.stop,
            "vote_distribution": answers.iter().filter_map(votes).collect::<Map<_, _>>(),
            "k": ballot.rule().k(),
            // The lead that was reached, not the one that was required.
            "lead": ballot.lead(),
            "compared": compared,
            "max_rounds": ballot.rule().max_samples(),
            "max_rounds_source": max_rounds_source,
            "samples": ballot.samples(),
            "failed_count": ballot.failed(),
            "leader": leader.map(|(candidate, votes)| {
                json!({ "answer": candidate.text, "votes": votes, "provider": candidate.provider })
            }),
            "answers": answers,
            "red_flags": self.discards.list(),
            "failures": self.failures.iter().map(failure).collect::<Vec<_>>(),
            "providers_used": self.sampler.providers,
            "usage": Some(self.usage).filter(|usage| !usage.is_empty()),
            "elapsed_ms": self.elapsed_ms,
            "masked": self.sampler.masked(),
            "warning": (!warnings.is_empty()).then(|| warnings.join("; ")),
            "note": (!notes.is_empty()).then(|| notes.join("; ")),
            "models": Some(&self.models.names).filter(|names| !names.is_empty()),
            "model_notes": Some(&self.models.notes).filter(|notes| !notes.is_empty()),
        });
        let result = without_nulls_but(with(own, all), &EVEN_IF_NULL);
        with(result, self.no_winner().map(|reason| Error::Vote(reason).note()))
    }
}

/// The warning if all counted votes come from one provider. The votes matter, not the asked providers.
fn one_voice(vote: &Vote) -> Option<String> {
    let voters = vote.voters();
    let mut names = voters.iter();
    let (Some(only), None) = (names.next(), names.next()) else { return None };
    (vote.ballot.valid() > 1).then(|| {
        format!(
            "all votes that count come from one provider ({only}): a mistake that it repeats gets votes too"
        )
    })
}

/// Every answer by its beginning, most votes first.
fn answers(vote: &Vote) -> Vec<Value> {
    let mut named: Vec<(String, u32, Value)> = Vec::new();
    for (candidate, option) in vote.candidates.iter().zip(vote.ballot.options()) {
        let label = label(&candidate.text);
        // Two long answers may begin alike.
        let mut names =
            std::iter::once(label.clone()).chain((2..).map(|number| format!("{label} ({number})")));
        let is_free = |name: &String| named.iter().all(|(other, ..)| other != name);
        let answer = names.find(is_free).unwrap_or_default();
        let shown = json!({
            "answer": answer,
            "votes": option.votes,
            "by_provider": candidate.votes,
            "compared_as": option.answer.form(),
            "key": self::label(option.answer.key()),
        });
        named.push((answer, option.votes, shown));
    }
    named.order_by_key(|(_, votes, _)| std::cmp::Reverse(*votes));
    named.into_iter().map(|(.., shown)| shown).collect()
}

/// The beginning of an answer in one line.
fn label(text: &str) -> String {
    cut_line(text, LABEL)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod more_tests {
    use super::*;

    #[test]
    fn a_label_is_one_short_line() {
        assert_eq!(label(" a\n  b "), "a b");
        assert_eq!(label(&"é".repeat(LABEL)), "é".repeat(LABEL));
        assert_eq!(label(&"é".repeat(LABEL + 1)), format!("{}...", "é".repeat(LABEL - 3)));
    }
}

//! Index of the log for the views: every event as one line, the votes, ensembles, selections and reviews, and
//! the positions of recorded texts. The log is folded once; later reads add only new events.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::domain::event::consult::{ConsultSettled, Kept, Purpose};
use crate::domain::event::{Body, EnsembleNoted, Event, Topic};
use crate::domain::label::{Label, label};
use crate::domain::lineage::Linked;
use crate::domain::order::Order;
use crate::domain::select::rank::SelectionRecord;
use crate::domain::stage::Stage;
use crate::domain::typed::from_value;
use crate::domain::vote::VoteRecord;
use crate::error::Error;
use crate::flow::journal::read;
use crate::flow::log::Log;
use crate::flow::review::ReviewNoted;
use crate::host::store::{EventStore as _, StoreError};

/// Number of events that are read at a time. It is limited because events may have whole prompts and answers.
const READ: usize = 512;

/// Maximum number of attempts to read a log that is replaced meanwhile.
const MOST_TRIES: usize = 10;

/// An event as one line.
#[derive(Serialize)]
pub(super) struct Fact {
    pub(super) seq: u64,
    pub(super) linked: Linked,
    pub(super) run: String,
    pub(super) at: u64,
    pub(super) label: Label,
}

/// A recorded result of several consults.
pub(super) struct Outcome<Record> {
    pub(super) id: String,
    pub(super) run: String,
    pub(super) at: u64,
    pub(super) record: Record,
    /// The answers that it is based on.
    pub(super) samples: Vec<Sample>,
}

/// An answer of a consult.
#[derive(Clone, Serialize)]
pub(super) struct Sample {
    pub(super) id: String,
    pub(super) seq: u64,
    pub(super) at: u64,
    pub(super) purpose: Purpose,
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) elapsed_ms: u64,
    pub(super) tokens: Option<u64>,
    pub(super) cost_usd: Option<f64>,
    pub(super) code: Option<String>,
    pub(super) response: Option<String>,
}

/// A part of a run that took time.
pub(super) struct Took {
    /// The time of its end.
    pub(super) at: u64,
    pub(super) elapsed_ms: u64,
    pub(super) work: Work,
}

pub(super) enum Work {
    Stage {
        stage: Stage,
        /// The providers that answered, each with its time in milliseconds.
        answers: Vec<(String, u64)>,
    },
    Checks {
        /// The stage of the run at that time.
        stage: Option<Stage>,
        passed: bool,
    },
}

impl Work {
    /// The result of checks; None for a stage.
    pub(super) fn passed(&self) -> Option<bool> {
        match self {
            Self::Checks { passed, .. } => Some(*passed),
            Self::Stage { .. } => None,
        }
    }
}

/// The events of a run.
#[derive(Default)]
pub(super) struct OfRun {
    /// Their positions in `facts`, in the order of the log.
    places: Vec<usize>,
    pub(super) took: Vec<Took>,
    pub(super) changes: usize,
    stage: Option<Stage>,
}

impl OfRun {
    fn add(&mut self, place: usize, at: u64, body: &Body) {
        self.places.push(place);
        match body {
            Body::StageStarted(it) => self.stage = Some(it.stage),
            Body::ApprovalRequested(it) => self.stage = Some(it.stage),
            Body::StageFinished(it) => {
                let answers = it.candidates.iter().filter(|one| one.elapsed_ms > 0);
                let answers = answers.map(|one| (one.provider.clone(), one.elapsed_ms)).collect();
                let work = Work::Stage { stage: it.stage, answers };
                self.took.push(Took { at, elapsed_ms: it.elapsed_ms, work });
            }
            Body::Verified(it) => {
                let elapsed_ms = it.checks.iter().map(|check| check.elapsed_ms).sum();
                let work = Work::Checks { stage: self.stage, passed: it.passed };
                self.took.push(Took { at, elapsed_ms, work });
            }
            Body::Changed(_) => self.changes += 1,
            _ => {}
        }
    }

    /// The number of events.
    pub(super) fn count(&self) -> usize {
        self.places.len()
    }
}

/// The fold of the log.
#[derive(Default)]
pub(super) struct Index {
    last: u64,
    pub(super) facts: Vec<Fact>,
    by_id: HashMap<String, usize>,
    by_run: HashMap<String, OfRun>,
    pub(super) votes: Vec<Outcome<VoteRecord>>,
    pub(super) ensembles: Vec<Outcome<EnsembleNoted>>,
    pub(super) selections: Vec<Outcome<SelectionRecord>>,
    pub(super) reviews: Vec<Outcome<ReviewNoted>>,
    /// Positions of recorded texts in the log, by their hash.
    texts: HashMap<String, u64>,
    /// Settled consults that belong to no vote or ensemble yet, by run.
    open: HashMap<String, Vec<Sample>>,
}

impl Index {
    /// The event with an id.
    pub(super) fn fact(&self, id: &str) -> Option<&Fact> {
        self.facts.get(*self.by_id.get(id)?)
    }

    /// The events of a run.
    pub(super) fn of_run(&self, run: &str) -> Option<&OfRun> {
        self.by_run.get(run)
    }

    /// The events of a run as lines, the latest first.
    pub(super) fn latest<'a>(&'a self, run: &'a OfRun) -> impl Iterator<Item = &'a Fact> {
        run.places.iter().rev().filter_map(|place| self.facts.get(*place))
    }

    fn add(&mut self, event: Event) {
        self.last = event.seq;
        let Event { seq, run, at, id, rests_on, body } = event;
        let place = self.facts.len();
        self.by_id.insert(id.clone(), place);
        self.by_run.entry(run.clone()).or_default().add(place, at, &body);
        let named = rests_on.clone();
        self.facts.push(Fact {
            seq,
            label: label(&body),
            linked: Linked { id: id.clone(), rests_on },
            run: run.clone(),
            at,
        });
        match body {
            Body::ConsultSettled(settled) => self.settled(&id, seq, at, &run, settled),
            Body::Noted(noted) => match noted.topic {
                Topic::Vote => {
                    if let Ok(record) = from_value::<VoteRecord>(noted.content) {
                        let count = if record.failures.is_empty() { record.samples } else { 0 };
                        let samples = self.claim(&run, Purpose::Vote, &named, count);
                        self.votes.push(Outcome { id, run, at, record, samples });
                    }
                }
                Topic::Ensemble => {
                    if let Ok(record) = from_value::<EnsembleNoted>(noted.content) {
                        let samples = self.claim(&run, Purpose::Candidate, &named, record.answers);
                        // That of a stage rests on the stage, which is a comparison itself.
                        let is_of_stage = named
                            .iter()
                            .any(|id| self.fact(id).is_some_and(|fact| fact.label.kind == "stage_finished"));
                        if !is_of_stage {
                            self.ensembles.push(Outcome { id, run, at, record, samples });
                        }
                    }
                }
                Topic::Selection => {
                    if let Ok(record) = from_value(noted.content) {
                        self.selections.push(Outcome { id, run, at, record, samples: Vec::new() });
                    }
                }
                Topic::Review => {
                    if let Ok(record) = from_value(noted.content) {
                        self.reviews.push(Outcome { id, run, at, record, samples: Vec::new() });
                    }
                }
                Topic::Coordination | Topic::Calibration | Topic::Tools | Topic::Thread | Topic::Job => {}
            },
            _ => {}
        }
    }

    fn settled(&mut self, id: &str, seq: u64, at: u64, run: &str, settled: ConsultSettled) {
        let keep = |kept: Option<Kept>| kept.filter(|kept| kept.text.is_some()).map(|kept| kept.sha256);
        let (prompt, response) = (keep(settled.prompt), keep(settled.response));
        for digest in prompt.iter().chain(&response) {
            self.texts.entry(digest.clone()).or_insert(seq);
        }
        let tokens = settled.input_tokens.zip(settled.output_tokens).map(|(sent, answered)| sent + answered);
        let sample = Sample {
            id: id.to_owned(),
            seq,
            at,
            purpose: settled.purpose,
            provider: settled.provider,
            model: settled.model,
            elapsed_ms: settled.elapsed_ms,
            tokens: tokens.or(settled.output_tokens),
            cost_usd: settled.cost_usd,
            code: settled.code,
            response,
        };
        self.open.entry(run.to_owned()).or_default().push(sample);
    }

    /// The samples since a time that belong to no vote yet, by run. Their votes are under way.
    pub(super) fn open_votes(&self, since: u64) -> Vec<(&str, Vec<&Sample>)> {
        let mut open: Vec<(&str, Vec<&Sample>)> = self
            .open
            .iter()
            .map(|(run, samples)| {
                let is_open = |sample: &&Sample| sample.purpose == Purpose::Vote && sample.at >= since;
                (run.as_str(), samples.iter().filter(is_open).collect::<Vec<_>>())
            })
            .filter(|(_, samples)| !samples.is_empty())
            .collect();
        open.order_by_key(|(_, samples)| std::cmp::Reverse(samples.last().map(|sample| sample.seq)));
        open
    }

    /// Takes the answers that a result names. An older version recorded no names; then the latest unclaimed
    /// answers are taken, because a result is recorded after its consults.
    fn claim(&mut self, run: &str, purpose: Purpose, named: &[String], count: u32) -> Vec<Sample> {
        let Some(open) = self.open.get_mut(run) else { return Vec::new() };
        let is_named = |sample: &Sample| sample.purpose == purpose && named.contains(&sample.id);
        if open.iter().any(is_named) {
            let (claimed, rest) = std::mem::take(open).into_iter().partition(is_named);
            *open = rest;
            return claimed;
        }
        let mut claimed = Vec::new();
        let mut rest = Vec::new();
        for sample in std::mem::take(open).into_iter().rev() {
            if sample.purpose == purpose && claimed.len() < count as usize {
                claimed.push(sample);
            } else if sample.purpose != purpose {
                rest.push(sample);
            }
        }
        rest.reverse();
        *open = rest;
        claimed.reverse();
        claimed
    }
}

/// The fold of a project, kept in memory.
#[derive(Default)]
pub(super) struct Indexed(Mutex<(u64, Index)>);

impl Indexed {
    /// Reads the current fold. Blocks.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub(super) fn read<T>(&self, log: &Log, look: impl FnOnce(&Index) -> T) -> Result<T, Error> {
        let store = log.store();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tries = 0;
        loop {
            let generation = store.generation();
            if kept.0 != generation {
                *kept = (generation, Index::default());
                tries += 1;
            }
            match store.read_since(kept.1.last, None, READ) {
                Ok(page) => {
                    // If the read found that the log was replaced, the events belong to another generation.
                    if store.generation() != generation && tries < MOST_TRIES {
                        continue;
                    }
                    let is_last = page.len() < READ;
                    for stored in page {
                        kept.1.add(read(stored)?);
                    }
                    if is_last {
                        return Ok(look(&kept.1));
                    }
                }
                Err(StoreError::Replaced) if tries < MOST_TRIES => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The number of the last event in the fold.
    #[cfg(test)]
    pub(super) fn last(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.last
    }

    /// Finds a recorded prompt or answer by its hash. Blocks.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub(super) fn text(&self, log: &Log, digest: &str) -> Result<Option<String>, Error> {
        let Some(seq) = self.read(log, |index| index.texts.get(digest).copied())? else {
            return Ok(None);
        };
        let page = log.store().read_since(seq.saturating_sub(1), None, 1)?;
        let Some(stored) = page.into_iter().next() else { return Ok(None) };
        let Body::ConsultSettled(settled) = read(stored)?.body else { return Ok(None) };
        let kept = [settled.prompt, settled.response].into_iter().flatten();
        Ok(kept.into_iter().find(|kept| kept.sha256 == digest).and_then(|kept| kept.text))
    }
}

//! Vote as its caller sees it.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;

use super::Vote;
use crate::domain::vote::canonical::Form;
use crate::domain::vote::canonical::fields::VoteBy;
use crate::domain::vote::discards::Discarded;
use crate::error::ErrorNote;
use crate::provider::Usage;

/// Characters by which an answer goes in `vote_distribution`.
const LABEL: usize = 80;

/// Details of every vote beside its result.
#[derive(Clone, Debug, Serialize)]
pub struct Details {
    /// The lead that was needed.
    pub k: u32,
    /// The lead that there was.
    pub lead: u32,
    pub compared: Compared,
    /// The most samples that it could take.
    pub max_rounds: u32,
    pub max_rounds_source: MaxSource,
    /// Samples launched.
    pub samples: u32,
    /// Samples whose call failed; they are no votes.
    pub failed_count: u32,
    /// Leader where nobody won. It was not chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<Leader>,
    /// Every answer, most votes first.
    pub answers: Vec<AnswerVotes>,
    /// Why answers were discarded.
    pub red_flags: Vec<Discarded>,
    pub failures: Vec<FailureNote>,
    pub providers_used: Vec<String>,
    #[serde(skip_serializing_if = "Usage::is_empty")]
    pub usage: Usage,
    /// Milliseconds.
    pub elapsed_ms: u64,
    /// Secrets that were masked on the way out.
    pub masked: usize,
    pub warning: Option<String>,
    /// Parts taken off answers before they were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The models that answered, by provider.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, Vec<String>>,
}

/// Part of the answers that a vote compares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Compared {
    Options {
        /// The list.
        options: Vec<String>,
    },
    /// Their last line `ANSWER: ...`, and an answer of one line as a whole.
    AnswerLine,
    /// Their JSON document by value.
    Json,
    /// These fields of their document, each in its own way.
    Fields {
        /// The fields with how.
        fields: VoteBy,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxSource {
    /// The caller named it.
    Caller,
    /// It follows from k.
    Default,
}

/// An answer that is ahead and did not win.
#[derive(Clone, Debug, Serialize)]
pub struct Leader {
    /// The answer, verbatim.
    pub answer: String,
    /// Its votes.
    pub votes: u32,
    pub provider: String,
}

/// An answer and its votes.
#[derive(Clone, Debug, Serialize)]
pub struct AnswerVotes {
    /// Its beginning, by which `vote_distribution` names it too.
    pub answer: String,
    /// Its votes.
    pub votes: u32,
    /// The same by provider.
    pub by_provider: BTreeMap<String, u32>,
    pub compared_as: Form,
    /// By what: the beginning of its form.
    pub key: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct FailureNote {
    /// The provider.
    pub provider: String,
    pub count: u32,
    /// Error, the first time.
    #[serde(flatten)]
    pub note: ErrorNote,
}

impl Details {
    /// The details of a vote.
    pub fn of(vote: &Vote, compared: Compared, max_rounds_source: MaxSource, warnings: Vec<String>) -> Self {
        let ballot = &vote.ballot;
        let leader = vote.leader().filter(|_| !vote.stop.is_decision());
        let warnings: Vec<String> =
            one_voice(vote).into_iter().chain(warnings).chain(vote.stood_in.clone()).collect();
        let note = |(note, count): (&&str, &u32)| format!("{note} ({count} of {} answers)", ballot.valid());
        let notes: Vec<String> = vote.notes.iter().map(note).collect();
        Self {
            k: ballot.rule().k(),
            lead: ballot.lead(),
            compared,
            max_rounds: ballot.rule().max_samples(),
            max_rounds_source,
            samples: ballot.samples(),
            failed_count: ballot.failed(),
            leader: leader.map(|(candidate, votes)| Leader {
                answer: candidate.text.clone(),
                votes,
                provider: candidate.provider.clone(),
            }),
            answers: answers(vote),
            red_flags: vote.discards.list(),
            failures: vote
                .failures
                .iter()
                .map(|failure| FailureNote {
                    provider: failure.provider.clone(),
                    count: failure.count,
                    note: failure.error.note(),
                })
                .collect(),
            providers_used: vote.providers.clone(),
            usage: vote.usage,
            elapsed_ms: vote.elapsed_ms,
            masked: vote.masked,
            warning: (!warnings.is_empty()).then(|| warnings.join("; ")),
            note: (!notes.is_empty()).then(|| notes.join("; ")),
            models: vote.models.clone(),
        }
    }

    /// Votes by answer, most first.
    pub fn distribution(&self) -> IndexMap<String, u32> {
        self.answers.iter().map(|answer| (answer.answer.clone(), answer.votes)).collect()
    }
}

/// Returns whose votes count is what matters, and not who was asked.
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

fn answers(vote: &Vote) -> Vec<AnswerVotes> {
    let mut named: Vec<AnswerVotes> = Vec::new();
    for (candidate, option) in vote.candidates.iter().zip(vote.ballot.options()) {
        let key = label(option.answer.key());
        let label = label(&candidate.text);
        // Two long answers may begin alike.
        let mut names =
            std::iter::once(label.clone()).chain((2..).map(|number| format!("{label} ({number})")));
        let is_free = |name: &String| named.iter().all(|other| other.answer != *name);
        named.push(AnswerVotes {
            answer: names.find(is_free).unwrap_or_default(),
            votes: option.votes,
            by_provider: candidate.votes.clone(),
            compared_as: option.answer.form(),
            key,
        });
    }
    named.sort_by_key(|answer| std::cmp::Reverse(answer.votes));
    named
}

/// The beginning of an answer in one line.
fn label(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LABEL) {
        None => line,
        Some((at, _)) => format!("{}...", line.get(..at).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_short_line() {
        assert_eq!(label(" a\n  b "), "a b");
        assert_eq!(label(&"é".repeat(LABEL)), "é".repeat(LABEL));
        assert_eq!(label(&"é".repeat(LABEL + 1)), format!("{}...", "é".repeat(LABEL)));
    }
}

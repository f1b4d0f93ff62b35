//! What a caller gets to see of a vote.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;

use super::Vote;
use crate::domain::vote::canonical::Form;
use crate::domain::vote::discards::Discarded;
use crate::error::ErrorNote;
use crate::provider::Usage;

/// Characters by which an answer goes in `vote_distribution`.
const LABEL: usize = 80;

/// What every vote tells beside its result.
#[derive(Clone, Debug, Serialize)]
pub struct Details {
    /// The lead that was needed.
    pub k: u32,
    /// The lead that there was.
    pub lead: u32,
    /// Samples launched.
    pub samples: u32,
    /// Samples whose call failed; they are no votes.
    pub failed_count: u32,
    /// Who is ahead where nobody won. It was not chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<Leader>,
    /// Every answer, most votes first.
    pub answers: Vec<AnswerVotes>,
    /// Why answers were discarded.
    pub red_flags: Vec<Discarded>,
    /// What calls failed of.
    pub failures: Vec<FailureNote>,
    /// Who was asked in turn.
    pub providers_used: Vec<String>,
    /// What it cost in all.
    #[serde(skip_serializing_if = "Usage::is_empty")]
    pub usage: Usage,
    /// Milliseconds.
    pub elapsed_ms: u64,
    /// Secrets that were masked on the way out.
    pub masked: usize,
    /// What to keep in mind.
    pub warning: Option<&'static str>,
}

/// An answer that is ahead and did not win.
#[derive(Clone, Debug, Serialize)]
pub struct Leader {
    /// The answer, verbatim.
    pub answer: String,
    /// Its votes.
    pub votes: u32,
    /// Who gave it first.
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
    /// How it was compared.
    pub compared_as: Form,
}

/// What calls failed of.
#[derive(Clone, Debug, Serialize)]
pub struct FailureNote {
    /// The provider.
    pub provider: String,
    /// How many of its calls.
    pub count: u32,
    /// What went wrong, the first time.
    #[serde(flatten)]
    pub note: ErrorNote,
}

impl Details {
    /// The details of a vote.
    #[must_use]
    pub fn of(vote: &Vote) -> Self {
        let ballot = &vote.ballot;
        let leader = vote.leader().filter(|_| !vote.stop.is_decision());
        let one_voice = vote.providers.len() == 1 && ballot.valid() > 1;
        Self {
            k: ballot.rule().k(),
            lead: ballot.lead(),
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
            warning: one_voice
                .then_some("all votes come from one provider: a mistake that it repeats gets votes too"),
        }
    }

    /// Votes by answer, most first.
    #[must_use]
    pub fn distribution(&self) -> IndexMap<String, u32> {
        self.answers.iter().map(|answer| (answer.answer.clone(), answer.votes)).collect()
    }
}

fn answers(vote: &Vote) -> Vec<AnswerVotes> {
    let mut named: Vec<AnswerVotes> = Vec::new();
    for (candidate, option) in vote.candidates.iter().zip(vote.ballot.options()) {
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

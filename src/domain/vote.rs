//! Voting: the first answer that is ahead of every other by k wins ("Solving a Million-Step LLM
//! Task with Zero Errors", Algorithm 2).
//!
//! A [`Ballot`] says how many samples to launch side by side, and counts their results. It never asks for an
//! unneeded sample: while the leader is `lead` ahead, no answer can be k ahead before `k - lead` further
//! votes are in, so a round launches that many. So no decision cuts a round short, and a vote whose answers
//! agree takes one round.
//!
//! A vote ends early if further samples would be wasted: if no answer can get k ahead with the samples that
//! are left, or if no answer has repeated after several votes, which means that they have no common form.

pub(crate) mod canonical;
pub(crate) mod choice;
mod denial;
pub(crate) mod stated;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::beta::below;
use super::coordination::record::{Answer, Mark};
use super::microstep::StepType;
use crate::domain::order::Order;

/// The greatest lead that a vote may ask for.
pub const MOST_K: u32 = 50;

/// The most samples that one vote may take.
pub const MOST_SAMPLES: u32 = 500;

/// The number of valid votes after which a vote ends if no answer came twice.
const WITHOUT_REPETITION: u32 = 6;

/// The default lead: 2 if at least three providers answer in turn, since their mistakes differ; else 3.
pub fn usual_k(providers: usize) -> u32 {
    if providers >= 3 { 2 } else { 3 }
}

/// The default limit on samples: enough for a close vote, and at least `least`.
pub fn usual_max(k: u32, least: u32) -> u32 {
    k.saturating_mul(8).max(least).min(MOST_SAMPLES)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    k: u32,
    max_samples: u32,
}

/// A rule that no vote can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RuleError {
    /// The lead is 0, which would let the first answer win unopposed, or too large.
    #[error("k must be 1 to {MOST_K} (got {0})")]
    Lead(u32),
    /// The number of samples is 0, which decides nothing, or too large.
    #[error("max_rounds must be 1 to {MOST_SAMPLES} (got {0})")]
    Samples(u32),
}

impl Rule {
    /// The rule: the answer that leads by `k` within `max_samples` samples wins. `max_samples` may be below
    /// `k`: no answer can win then, but the vote shows how the answers are distributed.
    ///
    /// # Errors
    ///
    /// Either number is 0 or above its limit.
    pub fn new(k: u32, max_samples: u32) -> Result<Self, RuleError> {
        if !(1..=MOST_K).contains(&k) {
            return Err(RuleError::Lead(k));
        }
        if !(1..=MOST_SAMPLES).contains(&max_samples) {
            return Err(RuleError::Samples(max_samples));
        }
        Ok(Self { k, max_samples })
    }

    /// The lead that decides.
    pub fn k(self) -> u32 {
        self.k
    }

    pub fn max_samples(self) -> u32 {
        self.max_samples
    }
}

/// The reason why a vote ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// One answer is k ahead of every other. Another one has votes too, or this one has a single vote.
    AheadByK,
    /// One answer is k ahead with several votes, and no other answer has a vote.
    Unanimous,
    /// The samples are used up, there are valid votes, and no answer is k ahead.
    MaxRounds,
    /// No answer can get k ahead with the samples that are left.
    CannotWin,
    /// Every valid answer is different, so further samples would not agree either.
    NothingRepeats,
    /// The samples are used up, or no provider is left, and there is no valid vote.
    NoValid,
    /// Every provider failed for good before an answer was k ahead. There are valid votes.
    ProvidersFailed,
    /// The budget refused the next round.
    Budget,
    /// The server stopped while samples were under way.
    Cancelled,
}

impl Stop {
    /// True if there is a winner.
    pub fn is_decision(self) -> bool {
        match self {
            Self::AheadByK | Self::Unanimous => true,
            Self::MaxRounds
            | Self::CannotWin
            | Self::NothingRepeats
            | Self::NoValid
            | Self::ProvidersFailed
            | Self::Budget
            | Self::Cancelled => false,
        }
    }
}

/// One answer and its votes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally<A> {
    pub answer: A,
    pub votes: u32,
}

/// The error for a sample that no round asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a sample that no round asked for")]
pub struct NotAsked;

/// A vote under way.
#[derive(Clone, Debug)]
pub struct Ballot<A> {
    rule: Rule,
    options: Vec<Tally<A>>,
    launched: u32,
    outstanding: u32,
    rounds: u32,
    flagged: u32,
    failed: u32,
}

impl<A: PartialEq> Ballot<A> {
    /// A new vote without samples.
    pub fn new(rule: Rule) -> Self {
        Self { rule, options: Vec::new(), launched: 0, outstanding: 0, rounds: 0, flagged: 0, failed: 0 }
    }

    /// The number of samples that a round would launch now: `k - lead`, at most the samples that are left.
    /// 0 if the vote is over or samples are outstanding.
    pub fn wanted(&self) -> u32 {
        if self.outstanding > 0 || self.stop().is_some() {
            return 0;
        }
        let missing = self.rule.k.saturating_sub(self.lead());
        missing.min(self.rule.max_samples.saturating_sub(self.launched))
    }

    /// Begins a round of [`wanted`](Self::wanted) samples, and returns their number. Each must then be
    /// counted, discarded or lost.
    pub fn next_round(&mut self) -> u32 {
        let round = self.wanted();
        self.launched += round;
        self.outstanding = round.max(self.outstanding);
        self.rounds += u32::from(round > 0);
        round
    }

    /// Counts a valid answer, and returns its index among the answers, in the order of their first votes.
    ///
    /// # Errors
    ///
    /// No sample is outstanding.
    pub fn count(&mut self, answer: A) -> Result<usize, NotAsked> {
        self.settle()?;
        let known = self.options.iter().position(|option| option.answer == answer);
        let number = known.unwrap_or(self.options.len());
        match self.options.get_mut(number) {
            Some(option) => option.votes += 1,
            None => self.options.push(Tally { answer, votes: 1 }),
        }
        Ok(number)
    }

    /// Discards a red-flagged answer. It is no vote, and is sampled again.
    ///
    /// # Errors
    ///
    /// No sample is outstanding.
    pub fn discard(&mut self) -> Result<(), NotAsked> {
        self.settle()?;
        self.flagged += 1;
        Ok(())
    }

    /// Records a call that failed. It is no vote either.
    ///
    /// # Errors
    ///
    /// No sample is outstanding.
    pub fn lose(&mut self) -> Result<(), NotAsked> {
        self.settle()?;
        self.failed += 1;
        Ok(())
    }

    fn settle(&mut self) -> Result<(), NotAsked> {
        self.outstanding = self.outstanding.checked_sub(1).ok_or(NotAsked)?;
        Ok(())
    }

    /// The number of votes by which the leader is ahead of every other answer.
    pub fn lead(&self) -> u32 {
        let (first, second) = self.leading_two();
        first - second
    }

    /// The index of the answer that is ahead; None on a tie or before the first vote.
    pub fn leader(&self) -> Option<usize> {
        let most = self.options.iter().map(|option| option.votes).max()?;
        let mut ahead = self.options.iter().enumerate().filter(|(_, option)| option.votes == most);
        let (number, _) = ahead.next()?;
        ahead.next().is_none().then_some(number)
    }

    /// The reason why the vote is over by its own rule; None while it goes on.
    pub fn stop(&self) -> Option<Stop> {
        let lead = self.lead();
        if lead >= self.rule.k {
            // A single vote is no agreement.
            let is_unanimous = self.options.len() == 1 && self.valid() > 1;
            return Some(if is_unanimous { Stop::Unanimous } else { Stop::AheadByK });
        }
        if self.outstanding > 0 || self.launched == 0 {
            return None;
        }
        let left = self.rule.max_samples.saturating_sub(self.launched);
        if left == 0 || lead + left < self.rule.k {
            return Some(match (self.options.is_empty(), left) {
                (true, _) => Stop::NoValid,
                (false, 0) => Stop::MaxRounds,
                (false, _) => Stop::CannotWin,
            });
        }
        let never_twice = self.options.iter().all(|option| option.votes == 1);
        (never_twice && self.valid() >= WITHOUT_REPETITION).then_some(Stop::NothingRepeats)
    }

    /// The votes of the leader and of the runner-up.
    pub fn leading_two(&self) -> (u32, u32) {
        let (mut first, mut second) = (0, 0);
        for option in &self.options {
            if option.votes > first {
                (first, second) = (option.votes, first);
            } else {
                second = second.max(option.votes);
            }
        }
        (first, second)
    }

    /// Every answer with its votes, in the order of first votes.
    pub fn options(&self) -> &[Tally<A>] {
        &self.options
    }

    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// The number of samples launched.
    pub fn samples(&self) -> u32 {
        self.launched
    }

    /// The number of rounds begun.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// The number of valid votes.
    pub fn valid(&self) -> u32 {
        self.options.iter().map(|option| option.votes).sum()
    }

    /// The number of discarded answers.
    pub fn flagged(&self) -> u32 {
        self.flagged
    }

    /// The number of failed calls.
    pub fn failed(&self) -> u32 {
        self.failed
    }
}

/// The error for a vote without a winner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoWinner {
    /// The reason why the vote ended.
    pub stop: Stop,
    /// The lead that would have decided.
    pub k: u32,
    pub lead: u32,
    /// Samples taken.
    pub samples: u32,
    /// Votes that counted.
    pub valid: u32,
    /// Results of samples that did not count, for example `codex: timeout`.
    pub others: Vec<String>,
}

impl NoWinner {
    /// The stable error code.
    pub fn code(&self) -> &'static str {
        match self.stop {
            Stop::NoValid => "no_valid_vote",
            Stop::Budget => "vote_over_budget",
            Stop::Cancelled => "cancelled",
            Stop::AheadByK
            | Stop::Unanimous
            | Stop::MaxRounds
            | Stop::CannotWin
            | Stop::NothingRepeats
            | Stop::ProvidersFailed => "vote_undecided",
        }
    }

    /// The next step, if it differs from the usual one for the code.
    pub fn hint(&self) -> Option<&'static str> {
        match self.stop {
            Stop::Budget if self.samples == 0 => Some(
                "No provider was asked; the error gives the reason. Decide without a vote, by a test, or tell the user what to change.",
            ),
            Stop::Cancelled => Some("Call again if you still need it."),
            Stop::NothingRepeats => Some(
                "More samples would not agree either: give options to choose from, ask for something shorter (a name, a number, a file), or decide by a test.",
            ),
            _ => None,
        }
    }

    fn reason(&self) -> String {
        let Self { k, lead, samples, valid, .. } = self;
        match self.stop {
            Stop::NoValid => format!("none of {samples} samples is a valid vote"),
            Stop::Budget => format!("the budget refused a further round after {samples} samples"),
            Stop::Cancelled => format!("the vote was cancelled after {samples} samples"),
            Stop::AheadByK | Stop::Unanimous | Stop::MaxRounds => format!(
                "no answer leads by k={k} (samples: {samples}, valid votes: {valid}, best lead: {lead})"
            ),
            Stop::CannotWin => format!(
                "no answer can still lead by k={k} (samples: {samples}, valid votes: {valid}, best lead: {lead})"
            ),
            Stop::NothingRepeats => {
                format!("no two of {valid} valid answers are the same after {samples} samples")
            }
            Stop::ProvidersFailed => format!(
                "every provider failed for good before an answer led by k={k} (valid votes: {valid}, best lead: {lead})"
            ),
        }
    }
}

impl fmt::Display for NoWinner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.reason())?;
        if self.others.is_empty() { Ok(()) } else { write!(out, " ({})", self.others.join("; ")) }
    }
}

impl std::error::Error for NoWinner {}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discards {
    counts: BTreeMap<(String, String), u32>,
}

/// How often one provider's answers were discarded for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discarded {
    pub provider: String,
    /// The stable name of the reason.
    pub reason: String,
    /// The number of answers. An answer with two reasons counts under both.
    pub count: u32,
}

impl Discards {
    /// Adds a discarded answer with its reasons. Each reason counts once.
    pub fn add<'a>(&mut self, provider: &str, reasons: impl IntoIterator<Item = &'a str>) {
        let mut reasons: Vec<&str> = reasons.into_iter().collect();
        reasons.sort_unstable();
        reasons.dedup();
        for reason in reasons {
            *self.counts.entry((provider.to_owned(), reason.to_owned())).or_default() += 1;
        }
    }

    /// The counts by provider and reason, in alphabetical order.
    pub fn list(&self) -> Vec<Discarded> {
        let entry = |((provider, reason), count): (&(String, String), &u32)| Discarded {
            provider: provider.clone(),
            reason: reason.clone(),
            count: *count,
        };
        self.counts.iter().map(entry).collect()
    }

    /// The reasons with their counts over all providers, most frequent first.
    pub fn reasons(&self) -> Vec<String> {
        let mut totals: BTreeMap<&str, u32> = BTreeMap::new();
        for ((_, reason), count) in &self.counts {
            *totals.entry(reason).or_default() += count;
        }
        let mut order: Vec<(&str, u32)> = totals.into_iter().collect();
        order.order_by_key(|(_, count)| std::cmp::Reverse(*count));
        order.into_iter().map(|(reason, count)| format!("{reason} ({count})")).collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteRecord {
    /// The micro-step; None for a free question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_type: Option<StepType>,
    /// The lead that was needed.
    pub k: u32,
    pub lead: u32,
    /// The reason why the vote ended.
    pub stop_reason: Stop,
    /// The mark of the winning answer; None if no answer is k ahead.
    pub winner: Option<Mark>,
    pub winner_provider: Option<String>,
    /// Samples launched.
    pub samples: u32,
    /// Valid answers.
    pub valid: u32,
    /// Discarded answers.
    pub flagged: u32,
    /// Samples whose call failed.
    pub failed: u32,
    pub rounds: u32,
    /// Every answer with its votes, in the order of first votes.
    pub options: Vec<OptionRecord>,
    /// The reasons why answers were discarded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub red_flags: Vec<Discarded>,
    /// The failed calls, grouped by provider and failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureRecord>,
    /// The reason why no further sample was taken, if a limit prevented it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The first valid answer of each provider.
    pub answers: Vec<Answer>,
    /// The reasons against each discarded answer, by the id of its consult's event.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub discarded: BTreeMap<String, Vec<String>>,
}

/// Calls to one provider that failed in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    pub provider: String,
    pub code: String,
    pub error: String,
    /// The number of those calls.
    pub count: u32,
}

/// A recorded answer with its votes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionRecord {
    pub mark: Mark,
    /// Votes by provider.
    pub votes: BTreeMap<String, u32>,
    /// The ids of the events of the consults that gave it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<String>,
}

/// The probability that the leader is the more probable one of the two leading answers, with a uniform prior:
/// `1 - I(0.5; a+1, b+1)`, where a and b are their votes and I is the regularised incomplete beta function.
pub fn confidence(leader: u32, runner_up: u32) -> f64 {
    1.0 - below(0.5, f64::from(leader) + 1.0, f64::from(runner_up) + 1.0)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod more_tests {
    use super::*;

    #[test]
    fn says_what_was_missing() {
        let no = NoWinner {
            stop: Stop::MaxRounds,
            k: 3,
            lead: 1,
            samples: 12,
            valid: 11,
            others: vec!["codex: timeout".into()],
        };
        assert_eq!(
            no.to_string(),
            "no answer leads by k=3 (samples: 12, valid votes: 11, best lead: 1) (codex: timeout)"
        );
        assert_eq!(no.code(), "vote_undecided");
        assert_eq!(NoWinner { stop: Stop::NoValid, ..no }.code(), "no_valid_vote");
    }

    #[test]
    fn reasons_are_counted_by_provider_once_an_answer() {
        let mut discards = Discards::default();
        discards.add("codex", ["too_long", "hedging", "too_long"]);
        discards.add("codex", ["hedging"]);
        discards.add("claude", ["hedging"]);
        let list: Vec<(String, String, u32)> =
            discards.list().into_iter().map(|entry| (entry.provider, entry.reason, entry.count)).collect();
        let expected = [("claude", "hedging", 1), ("codex", "hedging", 2), ("codex", "too_long", 1)];
        assert_eq!(list, expected.map(|(provider, reason, count)| (provider.into(), reason.into(), count)));
        assert_eq!(discards.reasons(), ["hedging (3)", "too_long (1)"]);
    }

    #[test]
    fn unanimity_of_a_few_is_no_certainty() {
        for (leader, runner_up, expected) in [
            (3, 0, 0.9375),
            (4, 1, 0.890_625),
            (4, 0, 0.968_75),
            (5, 1, 0.9375),
            (1, 0, 0.75),
            (0, 0, 0.5),
            (2, 2, 0.5),
        ] {
            assert!((confidence(leader, runner_up) - expected).abs() < 1e-12, "{leader}:{runner_up}");
        }
        assert!(confidence(500, 10) > 0.999_999 && confidence(500, 10) <= 1.0);
    }
}

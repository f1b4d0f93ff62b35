//! Voting: the first answer that is ahead of every other by k wins ("Solving a Million-Step LLM
//! Task with Zero Errors", Algorithm 2).
//!
//! A [`Ballot`] says how many samples to launch side by side and counts what came of them. It never
//! asks for a sample that could not be needed: while the leader is `lead` ahead, no answer can be k
//! ahead before `k - lead` further votes are in, so that is what a round launches. A round is
//! therefore never cut short by a decision, and a vote over answers that agree takes one round.
//!
//! It ends early where samples would be wasted: where no answer can get far enough ahead with those that
//! are left, and where nothing has repeated after several, so that answers have no common form.

pub(crate) mod canonical;
pub(crate) mod choice;
pub(crate) mod confidence;
pub(crate) mod discards;
pub(crate) mod failure;
pub(crate) mod record;
pub(crate) mod stated;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The greatest lead that a vote may ask for.
pub const MOST_K: u32 = 50;

/// The most samples that one vote may take.
pub const MOST_SAMPLES: u32 = 500;

/// Valid votes after which a vote ends where no answer came twice.
const WITHOUT_REPETITION: u32 = 6;

/// The lead of a vote of which nothing is known: two where three providers answer in turn, since their
/// mistakes differ, else three.
pub fn usual_k(providers: usize) -> u32 {
    if providers >= 3 { 2 } else { 3 }
}

/// The most samples of a vote that names none: as many as a close vote takes, and at least `least`.
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
    /// A lead of nothing would let the first answer win unopposed, and more than that is a mistake.
    #[error("k must be 1 to {MOST_K} (got {0})")]
    Lead(u32),
    /// A vote without a sample decides nothing.
    #[error("max_rounds must be 1 to {MOST_SAMPLES} (got {0})")]
    Samples(u32),
}

impl Rule {
    /// Whoever is `k` ahead wins, within `max_samples` samples. A rule that cannot be met because
    /// `max_samples` is below `k` is allowed: such a vote shows how answers spread.
    ///
    /// # Errors
    ///
    /// Either is zero or beyond what a vote may take.
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

    /// The most samples.
    pub fn max_samples(self) -> u32 {
        self.max_samples
    }
}

/// Why a vote ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// One answer is k ahead of every other, and another one has votes too.
    AheadByK,
    /// One answer is k ahead, it has several votes, and no valid vote went elsewhere.
    Unanimous,
    /// The samples are used up, there are valid votes, and nobody is k ahead.
    MaxRounds,
    /// The samples that are left could not put any answer k ahead.
    CannotWin,
    /// Every valid answer is another one: they are not the same by their form, and more would not be.
    NothingRepeats,
    /// The samples are used up, or nobody is left to ask, and there is no valid vote.
    NoValid,
    /// Every provider failed for good before anybody was k ahead; some valid votes are in.
    ProvidersFailed,
    /// The budget refused the next round.
    Budget,
    /// The server went down while samples were under way.
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
    /// The answer.
    pub answer: A,
    /// Its votes.
    pub votes: u32,
}

/// A sample came in that no round asked for.
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
    /// A vote without a sample yet.
    pub fn new(rule: Rule) -> Self {
        Self { rule, options: Vec::new(), launched: 0, outstanding: 0, rounds: 0, flagged: 0, failed: 0 }
    }

    /// Returns how many samples a round would launch now: `k - lead`, or what is left of the samples; none
    /// once the vote is over, and none while samples are outstanding.
    pub fn wanted(&self) -> u32 {
        if self.outstanding > 0 || self.stop().is_some() {
            return 0;
        }
        let missing = self.rule.k.saturating_sub(self.lead());
        missing.min(self.rule.max_samples.saturating_sub(self.launched))
    }

    /// Begins a round of [`wanted`](Self::wanted) samples, each of which must then be counted,
    /// discarded or lost.
    pub fn next_round(&mut self) -> u32 {
        let round = self.wanted();
        self.launched += round;
        self.outstanding = round.max(self.outstanding);
        self.rounds += u32::from(round > 0);
        round
    }

    /// Counts a valid answer, and returns its number: answers are numbered as they first came.
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

    /// Discards a red-flagged answer: it is no vote, and is sampled again.
    ///
    /// # Errors
    ///
    /// No sample is outstanding.
    pub fn discard(&mut self) -> Result<(), NotAsked> {
        self.settle()?;
        self.flagged += 1;
        Ok(())
    }

    /// Writes off a call that failed: it is no vote either.
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

    /// By how many votes the leader is ahead of every other answer.
    pub fn lead(&self) -> u32 {
        let (first, second) = self.leading_two();
        first - second
    }

    /// The number of the answer that is ahead; none on a tie and before the first vote.
    pub fn leader(&self) -> Option<usize> {
        let most = self.options.iter().map(|option| option.votes).max()?;
        let mut ahead = self.options.iter().enumerate().filter(|(_, option)| option.votes == most);
        let (number, _) = ahead.next()?;
        ahead.next().is_none().then_some(number)
    }

    /// Why the vote is over by its own rule; nothing while it goes on.
    pub fn stop(&self) -> Option<Stop> {
        let lead = self.lead();
        if lead >= self.rule.k {
            // One vote is nobody's agreement.
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

    /// Every answer with its votes, as they first came.
    pub fn options(&self) -> &[Tally<A>] {
        &self.options
    }

    /// The rule.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// Samples launched.
    pub fn samples(&self) -> u32 {
        self.launched
    }

    /// Rounds begun.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Votes that count.
    pub fn valid(&self) -> u32 {
        self.options.iter().map(|option| option.votes).sum()
    }

    /// Answers discarded.
    pub fn flagged(&self) -> u32 {
        self.flagged
    }

    /// Calls that failed.
    pub fn failed(&self) -> u32 {
        self.failed
    }
}

#[cfg(test)]
mod tests;

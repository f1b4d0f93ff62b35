//! Votes that chose nothing.

use std::fmt;

use super::Stop;

/// A vote without a winner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoWinner {
    /// Why it ended.
    pub stop: Stop,
    /// The lead that would have decided.
    pub k: u32,
    /// The lead that there was.
    pub lead: u32,
    /// Samples taken.
    pub samples: u32,
    /// Votes that counted.
    pub valid: u32,
    /// Outcome of the others, for example `codex: timeout`.
    pub others: Vec<String>,
}

impl NoWinner {
    /// The stable code.
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

    pub fn hint(&self) -> &'static str {
        match self.stop {
            Stop::NoValid => {
                "Read red_flags and failures; ask for an answer of another form, or other providers."
            }
            Stop::Budget if self.samples == 0 => {
                "Nobody was asked: the error says what stands in the way. Decide without a vote, by a test, or tell the user what to change."
            }
            Stop::Budget => {
                "The budget allows no further sample; decide from vote_distribution yourself, or by a test."
            }
            Stop::Cancelled => "Call again if it is still wanted.",
            Stop::NothingRepeats => {
                "More samples would not agree either: give options to choose from, ask for something shorter (a name, a number, a file), or decide by a test."
            }
            Stop::AheadByK | Stop::Unanimous | Stop::MaxRounds | Stop::CannotWin | Stop::ProvidersFailed => {
                "No answer is far enough ahead, so none was chosen: give a larger max_rounds, make the question narrower, or decide by a test."
            }
        }
    }
}

impl fmt::Display for NoWinner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { k, lead, samples, valid, .. } = self;
        match self.stop {
            Stop::NoValid => write!(out, "no valid vote among {samples} samples")?,
            Stop::Budget => write!(out, "the budget refused a further round after {samples} samples")?,
            Stop::Cancelled => write!(out, "the vote was cancelled after {samples} samples")?,
            Stop::AheadByK | Stop::Unanimous | Stop::MaxRounds => {
                write!(
                    out,
                    "undecided after {samples} samples: {valid} valid votes, a lead of {lead}, and {k} were needed"
                )?;
            }
            Stop::CannotWin => {
                write!(
                    out,
                    "undecided after {samples} samples: {valid} valid votes, a lead of {lead}, and the samples that were left could not make it {k}"
                )?;
            }
            Stop::NothingRepeats => {
                write!(
                    out,
                    "undecided after {samples} samples: {valid} valid answers, and no two of them are the same"
                )?;
            }
            Stop::ProvidersFailed => {
                write!(
                    out,
                    "every provider failed for good, with {valid} valid votes, a lead of {lead}, and {k} were needed"
                )?;
            }
        }
        if self.others.is_empty() { Ok(()) } else { write!(out, " ({})", self.others.join("; ")) }
    }
}

impl std::error::Error for NoWinner {}

#[cfg(test)]
mod tests {
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
            "undecided after 12 samples: 11 valid votes, a lead of 1, and 3 were needed (codex: timeout)"
        );
        assert_eq!(no.code(), "vote_undecided");
        assert_eq!(NoWinner { stop: Stop::NoValid, ..no }.code(), "no_valid_vote");
    }
}

//! Record that the log keeps of a selection: what decided and who won, and no candidate itself.

use serde::{Deserialize, Serialize};

use super::{Evidence, Mode, Tests};
use crate::domain::coordination::record::{Answer, Mark};
use crate::domain::redflag::Reason;

/// The basis of a selection: tests wherever any were known, for they come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Results of tests of the candidates.
    Tests,
    /// Linters.
    StaticChecks,
    /// A judge.
    Judge,
    /// Nothing but the rubric: size, order.
    Rubric,
}

/// One selection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelectionRecord {
    /// The rule that decided in the end, by the mode.
    pub mode: Mode,
    /// The rule that decided, by what was known.
    pub basis: Basis,
    /// True if the tests of any candidate were known.
    pub with_tests: bool,
    /// The id of the winner; none where nobody won.
    pub winner_id: Option<String>,
    /// The author of the winner, where known.
    pub winner_provider: Option<String>,
    /// Candidates to choose from.
    pub candidates: u32,
    /// Each of them, in the order given.
    pub options: Vec<OptionRecord>,
    /// The judge, where one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge_verdict: Option<String>,
    /// The first tested candidate of each provider: its voice on the task.
    pub answers: Vec<Answer>,
}

/// A candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionRecord {
    /// Its id.
    pub id: String,
    /// The mark of what it says.
    pub mark: Mark,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    pub tests: Tests,
    /// Why it is flagged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub red_flags: Vec<String>,
}

impl OptionRecord {
    /// A candidate by what it says and what is known of it.
    pub fn new(id: &str, content: &str, known: &Evidence, flags: &[Reason]) -> Self {
        Self {
            id: id.to_owned(),
            mark: Mark::of(content),
            provider: known.provider.clone(),
            tests: known.tests,
            red_flags: flags.iter().map(|flag| flag.name().to_owned()).collect(),
        }
    }
}

/// The voice of each provider: whether its first tested candidate passed. Two candidates that say
/// the same in other words are not compared, so a voice has no mark.
pub fn voices(options: &[OptionRecord]) -> Vec<Answer> {
    let mut voices: Vec<Answer> = Vec::new();
    for option in options {
        let correct = match option.tests {
            Tests::Passed => true,
            Tests::Failed => false,
            Tests::Unknown => continue,
        };
        let Some(provider) = option.provider.clone() else { continue };
        if voices.iter().all(|voice| voice.provider != provider) {
            voices.push(Answer { provider, mark: None, correct: Some(correct) });
        }
    }
    voices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(provider: Option<&str>, tests: Tests) -> OptionRecord {
        let provider = provider.map(str::to_owned);
        OptionRecord { id: "x".to_owned(), mark: Mark::of("x"), provider, tests, red_flags: Vec::new() }
    }

    #[test]
    fn a_provider_has_one_voice_and_only_where_tests_ran() {
        let found = voices(&[
            option(Some("codex"), Tests::Unknown),
            option(Some("codex"), Tests::Failed),
            option(Some("codex"), Tests::Passed),
            option(None, Tests::Passed),
            option(Some("gemini"), Tests::Passed),
        ]);
        let said: Vec<_> = found.iter().map(|voice| (voice.provider.as_str(), voice.correct)).collect();
        assert_eq!(said, [("codex", Some(false)), ("gemini", Some(true))]);
        assert!(found.iter().all(|voice| voice.mark.is_none()));
    }
}

//! What a caller learns of a selection.

use indexmap::IndexMap;
use serde::Serialize;

use super::intake::Candidate;
use super::judging::JudgeNote;
use super::trial::{CheckNote, Tested, Trial};
use crate::domain::redflag::Reason;
use crate::domain::select::{Evidence, Mode, Ranking, Standing, Tests};
use crate::error::{ErrorNote, outcome};

/// The outcome of a selection.
#[derive(Clone, Debug, Serialize)]
pub struct Selection {
    /// Whether somebody won.
    pub ok: bool,
    /// The winner's id.
    pub winner_id: Option<String>,
    /// The winner, word for word.
    pub winner: Option<Winner>,
    /// What decided in the end.
    pub mode_used: Mode,
    /// Scores by id, from 0 to 1.
    pub scores: IndexMap<String, f64>,
    /// What decided, in words.
    pub rationale: String,
    /// Whether somebody should look before it is used.
    pub requires_review: bool,
    /// What to keep in mind.
    pub warning: Option<String>,
    /// Every candidate, in the order given.
    pub candidates: Vec<CandidateReport>,
    /// What came of asking a judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeNote>,
    /// The checks in the project as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Vec<CheckNote>>,
    /// Why nobody won, and what to do.
    #[serde(flatten)]
    pub failure: Option<ErrorNote>,
}

/// The winner, as it was given.
#[derive(Clone, Debug, Serialize)]
pub struct Winner {
    /// Its id.
    pub id: String,
    /// Who wrote it.
    pub provider: Option<String>,
    /// What it says.
    pub content: String,
    /// The file that holds all of it, where that is only the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_file: Option<String>,
}

/// What is known of a candidate.
#[derive(Clone, Debug, Serialize)]
pub struct CandidateReport {
    id: String,
    provider: Option<String>,
    standing: Standing,
    tests: Tests,
    #[serde(skip_serializing_if = "Option::is_none")]
    lint: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    judge: Option<f64>,
    score: f64,
    red_flags: Vec<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    behaves_like: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_lines: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    does_not_apply: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<CheckNote>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

/// What a selection is made of.
pub(super) struct Parts {
    pub(super) candidates: Vec<Candidate>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) ranking: Ranking,
    pub(super) winner: Option<usize>,
    pub(super) mode: Mode,
    pub(super) trial: Option<Trial>,
    pub(super) judge: Option<JudgeNote>,
}

impl Parts {
    pub(super) fn selection(self) -> Selection {
        let warnings = self.warnings();
        let winner = self.winner.and_then(|index| self.candidates.get(index));
        let failure = winner.is_none().then(|| self.failure());
        let proven = self
            .winner
            .and_then(|index| self.evidence.get(index))
            .is_some_and(|one| one.tests == Tests::Passed);
        let scores = self.candidates.iter().zip(&self.ranking.scores);
        Selection {
            ok: winner.is_some(),
            winner_id: winner.map(|one| one.id.clone()),
            winner: winner.map(|one| Winner {
                id: one.id.clone(),
                provider: one.provider.clone(),
                content: one.content.clone(),
                content_file: one.content_file.clone().filter(|_| one.truncated),
            }),
            mode_used: self.mode,
            scores: scores.map(|(one, score)| (one.id.clone(), *score)).collect(),
            rationale: self.rationale(),
            requires_review: !proven || !warnings.is_empty(),
            warning: (!warnings.is_empty()).then(|| warnings.join(" ")),
            candidates: (0..self.candidates.len()).filter_map(|index| self.report(index)).collect(),
            failure,
            base: self.trial.map(|trial| trial.base),
            judge: self.judge,
        }
    }

    fn tested(&self, index: usize) -> Option<&Tested> {
        self.trial.as_ref()?.tested.get(index)?.as_ref()
    }

    fn report(&self, index: usize) -> Option<CandidateReport> {
        let (candidate, known) = (self.candidates.get(index)?, self.evidence.get(index)?);
        let tested = self.tested(index);
        Some(CandidateReport {
            id: candidate.id.clone(),
            provider: candidate.provider.clone(),
            standing: known.standing(),
            tests: known.tests,
            lint: known.lint,
            judge: known.judge,
            score: self.ranking.scores.get(index).copied().unwrap_or_default(),
            red_flags: candidate.flags.clone(),
            behaves_like: known.alike,
            changed_lines: known.changed_lines,
            does_not_apply: tested.and_then(|tested| tested.refused.clone()),
            checks: tested.map(|tested| tested.checks.clone()).unwrap_or_default(),
            output: candidate.output.clone(),
        })
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(index) = self.winner {
            warnings.extend(self.about_the_winner(index));
        }
        if let Some(note) = self.judge.as_ref().filter(|note| ["tie", "none"].contains(&note.verdict)) {
            warnings.push(format!("No judge decided: {}.", note.reason.trim_end_matches('.')));
        }
        if let Some(trial) = &self.trial {
            if !trial.not_diffs.is_empty() {
                warnings.push(format!("Not tried, since no diff: {}.", trial.not_diffs.join(", ")));
            }
            let unknown = trial.tested.iter().flatten().any(|tested| tested.tests == Tests::Unknown);
            if unknown {
                warnings.push("Some checks test nothing in a copy of the project, with the change and without it; see `base`. What git ignores is not in the copy.".to_owned());
            }
        }
        warnings
    }

    fn about_the_winner(&self, index: usize) -> Vec<String> {
        let mut warnings = Vec::new();
        let (Some(winner), Some(known)) = (self.candidates.get(index), self.evidence.get(index)) else {
            return warnings;
        };
        if known.tests != Tests::Passed {
            warnings.push("No test speaks for the winner.".to_owned());
        }
        if !winner.flags.is_empty() {
            warnings.push("The winner passed its tests and shows a red flag; read it.".to_owned());
        }
        if winner.truncated {
            warnings.push("The winner's content is cut; content_file holds all of it.".to_owned());
        }
        let tests: Vec<&str> = self
            .tested(index)
            .map(|tested| tested.files.iter().map(String::as_str).filter(|file| is_test(file)).collect())
            .unwrap_or_default();
        if !tests.is_empty() {
            warnings.push(format!("The winner changes what looks like tests: {}.", tests.join(", ")));
        }
        let judged = self.judge.as_ref().is_some_and(|note| note.verdict == "winner");
        let longest = self
            .evidence
            .iter()
            .enumerate()
            .all(|(other, one)| other == index || known.chars > 2 * one.chars);
        if judged && longest && self.evidence.len() > 1 {
            warnings.push(
                "The judge chose the candidate that is by far the longest; judges prefer length.".to_owned(),
            );
        }
        warnings
    }

    fn rationale(&self) -> String {
        let count =
            |standing: Standing| self.evidence.iter().filter(|one| one.standing() == standing).count();
        let all = self.evidence.len();
        let (passed, failed, flagged) =
            (count(Standing::Proven), count(Standing::Failed), count(Standing::Flagged));
        let tally = format!(
            "Of {all} candidates {passed} passed their tests, {failed} failed them, and {flagged} more show a red flag."
        );
        let Some(winner) = self.winner else {
            return format!("{tally} Nobody wins.");
        };
        format!("{tally} {}", self.deciding(winner))
    }

    /// What sets the winner apart from the next.
    fn deciding(&self, winner: usize) -> String {
        let name = self.candidates.get(winner).map_or("", |one| one.id.as_str());
        let next = self.ranking.order.iter().find(|index| **index != winner);
        let pair = next.and_then(|next| Some((self.evidence.get(winner)?, self.evidence.get(*next)?)));
        let Some((first, second)) = pair else {
            return format!("{name} is the only one that can win.");
        };
        if first.standing() != second.standing() {
            return format!("{name} is the only one that passed.");
        }
        let judged = self.judge.as_ref().filter(|note| note.verdict == "winner");
        match (self.mode, judged) {
            (Mode::LlmJudge, Some(note)) => format!("The judge chose {name} in both orders: {}", note.reason),
            (Mode::Hybrid, _) => {
                format!("{name} has the highest weighted score, or is the earlier of equals.")
            }
            (Mode::LlmJudge, None) | (Mode::TestsFirst, _) if first.alike != second.alike => {
                format!("{name} behaves as the larger group of candidates does.")
            }
            (Mode::LlmJudge, None) | (Mode::TestsFirst, _) if first.lint != second.lint => {
                format!("{name} has the higher lint score.")
            }
            (Mode::TestsFirst, _) if first.changed_lines != second.changed_lines => {
                format!("{name} is the smaller change.")
            }
            (Mode::LlmJudge, None) if first.chars != second.chars => format!("{name} is the shorter one."),
            (Mode::LlmJudge, None) | (Mode::TestsFirst, _) => {
                format!("Nothing tells {name} from the next; it is the earlier one.")
            }
        }
    }

    fn failure(&self) -> ErrorNote {
        let undecided = self.evidence.iter().any(|one| one.standing().can_win());
        let refused = self.judge.as_ref().is_some_and(|note| note.verdict == "nobody");
        let (error, code, hint) = match (undecided, refused) {
            (true, true) => (
                "the judge found that none of the candidates deserves to win",
                outcome::NO_WINNER,
                "Read the judge's reason, and generate new candidates with it in the task.",
            ),
            (true, false) => (
                "no judge decided, and nothing else tells the candidates apart",
                outcome::NO_JUDGEMENT,
                "Let tests decide (verify, or test_results), or name a judge_provider that is installed and wrote none of them.",
            ),
            (false, _) => (
                "every candidate failed its tests or shows a red flag",
                outcome::NO_WINNER,
                "Read what failed in `candidates`, and generate new ones with it in the task; apply none of these.",
            ),
        };
        ErrorNote { error: error.to_owned(), code, hint: hint.to_owned(), retryable: false }
    }
}

/// Whether a file looks like one of tests, by its name.
fn is_test(file: &str) -> bool {
    let words = file.split(|letter: char| !letter.is_ascii_alphanumeric());
    words
        .map(str::to_ascii_lowercase)
        .any(|word| ["test", "tests", "spec", "specs", "conftest"].contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_known_by_the_words_of_their_names() {
        for file in ["tests/it/a.rs", "src/test_a.py", "a.spec.ts", "conftest.py"] {
            assert!(is_test(file), "{file}");
        }
        for file in ["src/latest.py", "contest.rs", "src/attested.go"] {
            assert!(!is_test(file), "{file}");
        }
    }
}

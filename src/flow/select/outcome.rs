//! A selection as its caller sees it.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};

use super::Candidate;
use super::judging::JudgeNote;
use super::trial::{CheckNote, ProbeNote, Tested, Trial};
use crate::domain::pack::Omission;
use crate::domain::pairs::{with, without_nulls_but};
use crate::domain::select::{Deciding, Evidence, Mode, Ranking, Standing, Tests};
use crate::error::{ErrorNote, outcome};

/// The outcome of a selection.
#[derive(Clone, Debug, Serialize)]
pub struct Selection {
    pub ok: bool,
    /// Parts of the context files that the judges did not get, with the reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<Omission>,
    /// The winner's id.
    pub winner_id: Option<String>,
    /// The winner, word for word.
    pub winner: Option<Value>,
    pub mode_used: Mode,
    /// Scores by id, from 0 to 1.
    pub scores: IndexMap<String, f64>,
    /// The deciding reason in words.
    pub rationale: String,
    /// True if a person should look at it before it is used.
    pub requires_review: bool,
    pub warning: Option<String>,
    /// Every candidate, in the order given.
    pub candidates: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeNote>,
    /// The checks in the unchanged project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Vec<CheckNote>>,
    /// The probes in the unchanged project.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub base_probes: Vec<ProbeNote>,
    /// The reason why no candidate can win, and the next step.
    #[serde(flatten)]
    pub failure: Option<ErrorNote>,
    /// The reason why no candidate won although some can, and the next step.
    #[serde(flatten)]
    pub undecided: Option<Undecided>,
}

/// Next step if nothing was tried.
const UNDECIDED: &str = "Compare them yourself or ask the user. Or let something decide: tests (verify, or test_results), or mode llm_judge with a judge_provider that is installed and wrote none of them.";

/// Next step if the candidates were tried.
const UNDECIDED_BY_TRIAL: &str = "They are different changes that pass the same tests. Give `probe`: commands that print what the program does for inputs that no test has. If the outputs are equal, take either change; if they differ, ask the user. Or use mode llm_judge.";

/// Next step if the candidates were tried and no probe printed anything.
const UNDECIDED_IN_SILENCE: &str = "They are different changes that pass the same tests, and the probes printed nothing on standard output. Give `probe` commands that print what the program does for inputs that no test has. Or use mode llm_judge.";

/// Next step if the candidates were tried and no test gave a result.
const UNDECIDED_UNTESTED: &str = "No test gave a result in the copies of the project, which have no files that git ignores (such as .venv or node_modules); see `base`. Give checks in `verify` that run without those, or test the candidates yourself and give test_results. Or use mode llm_judge.";

/// Some candidates can win, but nothing tells them apart: no judge was asked or could be read, the judge
/// wavered, or the known facts are equal. In each case the caller has to look.
#[derive(Clone, Debug, Serialize)]
pub struct Undecided {
    code: &'static str,
    undecided: &'static str,
    undecided_between: Vec<String>,
    hint: &'static str,
}

/// The list, or `None` if it is empty.
fn listed<T>(list: &[T]) -> Option<&[T]> {
    Some(list).filter(|list| !list.is_empty())
}

pub(super) struct Parts<'a> {
    pub(super) candidates: Vec<Candidate>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) ranking: Ranking,
    pub(super) mode: Mode,
    pub(super) trial: Option<Trial<'a>>,
    pub(super) judge: Option<JudgeNote>,
    /// True if level candidates behave differently under the probes.
    pub(super) differ: bool,
}

impl Parts<'_> {
    pub(super) fn selection(self) -> Selection {
        let warnings = self.warnings();
        let winner = self.ranking.winner.and_then(|index| self.candidates.get(index));
        let undecided = if winner.is_none() { self.undecided() } else { None };
        let failure = (winner.is_none() && undecided.is_none()).then(|| self.failure());
        let known = self.ranking.winner.and_then(|index| self.evidence.get(index));
        let proven = known.is_some_and(|one| one.standing() == Standing::Proven);
        let scores = self.candidates.iter().zip(&self.ranking.scores);
        Selection {
            ok: failure.is_none(),
            omitted: self.judge.as_ref().map(|note| note.omitted.clone()).unwrap_or_default(),
            winner_id: winner.map(|one| one.id.clone()),
            winner: winner.map(|one| {
                let winner = json!({ "id": one.id, "provider": one.provider, "content": one.content });
                let file = one.content_file.as_ref().filter(|_| one.truncated);
                with(winner, file.map(|file| json!({ "content_file": file })))
            }),
            mode_used: self.mode,
            scores: scores.map(|(one, score)| (one.id.clone(), *score)).collect(),
            rationale: self.rationale(),
            requires_review: !proven || !warnings.is_empty(),
            warning: (!warnings.is_empty()).then(|| warnings.join(" ")),
            candidates: (0..self.candidates.len()).filter_map(|index| self.report(index)).collect(),
            failure,
            undecided,
            base_probes: self.trial.as_ref().map(|trial| trial.base_probes.clone()).unwrap_or_default(),
            base: self.trial.map(|trial| trial.base),
            judge: self.judge,
        }
    }

    fn tested(&self, index: usize) -> Option<&Tested> {
        self.trial.as_ref()?.tested.get(index)?.as_ref()
    }

    fn report(&self, index: usize) -> Option<Value> {
        let (candidate, known) = (self.candidates.get(index)?, self.evidence.get(index)?);
        let tested = self.tested(index);
        let report = json!({
            "id": candidate.id,
            "provider": candidate.provider,
            "standing": known.standing(),
            "tests": known.tests,
            "lint": known.lint,
            "judge": known.judge,
            "score": self.ranking.scores.get(index).copied().unwrap_or_default(),
            "red_flags": candidate.flags,
            // Number of authors that say the same, its own included.
            "support": Some(known.support).filter(|support| *support != 1),
            "behaves_like": tested.map(|tested| tested.alike),
            "changed_lines": tested.map(|tested| tested.changed_lines),
            "does_not_apply": tested.and_then(|tested| tested.refused.as_ref()),
            "proven_by": tested.and_then(|tested| listed(&tested.weighed.proof)),
            "reasons": tested.and_then(|tested| listed(&tested.reasons)),
            "ablation": tested.and_then(|tested| tested.ablation.as_ref()),
            "adds_tests": tested.and_then(|tested| listed(&tested.touched.added)),
            "probes": tested.and_then(|tested| listed(&tested.probes)),
            "checks": tested.and_then(|tested| listed(&tested.checks)),
            "output": candidate.output,
        });
        Some(without_nulls_but(report, &["provider"]))
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(index) = self.ranking.winner {
            warnings.extend(self.about_the_winner(index));
        }
        if let Some(note) = self.judge.as_ref().filter(|note| ["tie", "none"].contains(&note.verdict)) {
            warnings.push(format!("No judge decided: {}.", note.reason.trim_end_matches('.')));
        }
        if self.judge.as_ref().is_some_and(|note| note.asked > 0 && !note.knew_the_task) {
            warnings.push("The judge was not told what was asked: give `task`, or `ensemble_id`.".to_owned());
        }
        let about_models = self.judge.iter().flat_map(|note| note.models.warnings());
        warnings.extend(about_models.map(|warning| format!("Judge {warning}.")));
        if let Some(trial) = &self.trial {
            if !trial.not_diffs.is_empty() {
                warnings
                    .push(format!("Not tried, because they are not diffs: {}.", trial.not_diffs.join(", ")));
            }
            let unknown = trial.tested.iter().flatten().any(|tested| tested.tests == Tests::Unknown);
            if unknown {
                warnings.push("Some checks test nothing in a copy of the project, with the change and without it; see `base`. The copy has no files that git ignores.".to_owned());
            }
        }
        warnings
    }

    fn about_the_winner(&self, index: usize) -> Vec<String> {
        let mut warnings = Vec::new();
        let (Some(winner), Some(known)) = (self.candidates.get(index), self.evidence.get(index)) else {
            return warnings;
        };
        if known.standing() != Standing::Proven {
            let why = self.tested(index).map(|tested| tested.reasons.join("; ")).unwrap_or_default();
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            warnings.push(format!("No test speaks for the winner{why}."));
        }
        let added = self.tested(index).map(|tested| tested.touched.added.join(", ")).unwrap_or_default();
        if !added.is_empty() {
            warnings.push(format!("The winner adds tests of its own, which were not run: {added}."));
        }
        if !winner.flags.is_empty() {
            warnings.push("The winner passed its tests and shows a red flag; read it.".to_owned());
        }
        if winner.truncated {
            warnings.push("The winner's content is cut; content_file holds all of it.".to_owned());
        }
        let judged = self.judge.as_ref().is_some_and(|note| note.verdict == "winner");
        let chars = |one: &Candidate| one.content.chars().count();
        let mut others = self.candidates.iter().enumerate().filter(|(other, _)| *other != index);
        let longest = others.all(|(_, one)| chars(winner) > 2 * chars(one));
        if judged && longest && self.candidates.len() > 1 {
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
        let Some(winner) = self.ranking.winner else {
            return format!("{tally} Nobody wins.");
        };
        format!("{tally} {}", self.deciding(winner))
    }

    fn deciding(&self, winner: usize) -> String {
        let name = self.candidates.get(winner).map_or("", |one| one.id.as_str());
        match self.ranking.deciding {
            Deciding::OnlyOne => format!("{name} is the only one that can win."),
            Deciding::Tests => format!("{name} is the only one whose tests speak for it."),
            Deciding::Judge => {
                let reason = self.judge.as_ref().map_or("", |note| note.reason.as_str());
                format!("The judge chose {name}: {reason}")
            }
            Deciding::Score => format!("{name} has the highest weighted score."),
            Deciding::Lint => format!("{name} has the higher lint score."),
            Deciding::Support => {
                format!("No test ran, and more authors say what {name} says than anything else.")
            }
            Deciding::Same => {
                format!("{name} represents the equal candidates; it is the smallest of them, or the first.")
            }
            Deciding::Nothing => format!("Nothing separates {name} from the next candidate."),
        }
    }

    /// The reason why no candidate won although some can.
    fn undecided(&self) -> Option<Undecided> {
        let refused = self.judge.as_ref().is_some_and(|note| note.verdict == "nobody");
        if refused || self.ranking.order.is_empty() {
            return None;
        }
        let between = self.ranking.level().iter().filter_map(|index| self.candidates.get(*index));
        let (undecided, hint) = if self.differ {
            (
                if self.has_tests() {
                    "these candidates pass the same tests and behave differently under the probes; how many behave alike says nothing about who is right"
                } else {
                    "these candidates behave differently under the probes; how many behave alike says nothing about who is right"
                },
                "Show the user the outputs in `candidates[].probes` side by side and ask which is right; then make a test of it and select again.",
            )
        } else {
            (
                "no known fact separates these candidates; their length, order and author do not decide",
                match &self.trial {
                    None => UNDECIDED,
                    Some(_) if !self.has_tests() => UNDECIDED_UNTESTED,
                    Some(trial) if trial.probed_in_silence() => UNDECIDED_IN_SILENCE,
                    Some(_) => UNDECIDED_BY_TRIAL,
                },
            )
        };
        Some(Undecided {
            code: outcome::NO_JUDGEMENT,
            undecided,
            undecided_between: between.map(|one| one.id.clone()).collect(),
            hint,
        })
    }

    fn failure(&self) -> ErrorNote {
        let undecided = self.evidence.iter().any(|one| one.standing().can_win());
        let (error, hint) = if undecided {
            (
                "the judge found that none of the candidates deserves to win",
                "Read the judge's reason, and generate new candidates with it in the task.",
            )
        } else {
            (
                "every candidate failed its tests, has a red flag, or has no answer",
                "Read what failed in `candidates`, and then generate new ones with that in the task. Apply none of these candidates.",
            )
        };
        ErrorNote {
            error: error.to_owned(),
            code: outcome::NO_WINNER,
            hint: hint.to_owned(),
            retryable: false,
            resets_at: None,
        }
    }
}

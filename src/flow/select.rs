//! Choosing one of several candidates: by tests first, then by what the mode says; one as it is, or none.

mod intake;
mod judging;
mod outcome;
mod record;
mod task;
mod trial;

pub use intake::{CandidateInput, LintResult, TestResult};
pub use judging::JudgeNote;
pub use outcome::Selection;

use std::collections::{BTreeMap, BTreeSet};

use super::account::Account;
use super::breaker::Permission;
use super::pack::check_files;
use super::progress::Progress;
use super::session::Session;
use super::verify::Entry;
use crate::domain::call_options::CallOptions;
use crate::domain::judge::{Case, Verdict};
use crate::domain::select::{Evidence, Mode, Proof, TestWeight, Tests, rank};
use crate::error::Error;
use intake::Candidate;
use judging::Judging;
use trial::{Tested, Trial, Wanted};

/// Candidates, and how to choose among them.
#[derive(Clone, Debug)]
pub struct SelectRequest {
    /// The candidates.
    pub candidates: Vec<CandidateInput>,
    /// Tie-breaker among candidates whose tests say the same.
    pub mode: Mode,
    pub test_results: Vec<TestResult>,
    pub lint_results: Vec<LintResult>,
    /// Judge, where one is needed.
    pub judge_provider: Option<String>,
    /// How that judge is asked.
    pub options: CallOptions,
    pub criteria: Vec<String>,
    pub task: Option<String>,
    /// Files that the judge reads beside it.
    pub context_files: Vec<String>,
    /// The ensemble that the candidates come from, whose task and files they are then.
    pub ensemble_id: Option<String>,
    /// Checks by which Maestro itself tries candidates that are diffs, each in a copy of the project;
    /// an empty list stands for the project's own.
    pub verify: Option<Vec<Entry>>,
    /// Parts of a candidate that are undone one at a time; with `verify`.
    pub max_ablations: usize,
    /// Commands whose output tells apart candidates that pass; with `verify`.
    pub probe: Vec<Entry>,
}

impl Default for SelectRequest {
    fn default() -> Self {
        Self {
            options: CallOptions::default(),
            candidates: Vec::new(),
            mode: Mode::default(),
            test_results: Vec::new(),
            lint_results: Vec::new(),
            judge_provider: None,
            criteria: Vec::new(),
            task: None,
            context_files: Vec::new(),
            ensemble_id: None,
            verify: None,
            max_ablations: ABLATIONS,
            probe: Vec::new(),
        }
    }
}

/// Judge where nobody is named.
pub(crate) const USUAL_JUDGE: &str = "claude";

/// Parts of a candidate that are undone, where the caller does not say.
pub const ABLATIONS: usize = 12;

/// Chooses, and records it. A judge is asked on the account that is given.
///
/// # Errors
///
/// Arguments that contradict one another, rules or a copy of the project that cannot be had, or a
/// log of the run that cannot be written. That nobody wins is no error: the selection says so, and
/// what to do. A judge for whom the budget does not reach is no judge.
pub async fn select(
    session: &Session,
    request: SelectRequest,
    account: &Account,
    progress: &Progress,
) -> Result<Selection, Error> {
    session.refuse_nested()?;
    session.check_config()?;
    judging::check_case(&request.criteria, request.task.as_deref())?;
    check_files(session, &request.context_files).await?;
    let candidates = intake::take(session, &request).await?;
    let mut trial = match &request.verify {
        None if !request.probe.is_empty() => {
            let problem = "probe runs where candidates are tried: give verify too (empty, the project's own)";
            return Err(Error::InvalidArguments(problem.to_owned()));
        }
        None => None,
        Some(checks) => {
            let wanted = Wanted {
                checks: checks.clone(),
                probes: request.probe.clone(),
                most_undone: request.max_ablations,
            };
            Some(Box::pin(trial::run(session, &candidates, wanted, progress)).await?)
        }
    };
    let tests_first = session.config().settings.policy.prefer_tests_first;
    let weight = if tests_first { TestWeight::First } else { TestWeight::Among };
    let mut evidence = known(&candidates, trial.as_ref());
    let behaviours = match trial.as_mut() {
        Some(trial) => trial.probe(&level(&evidence, TestWeight::First)).await?,
        None => BTreeMap::new(),
    };
    for (index, first) in &behaviours {
        if let Some(one) = evidence.get_mut(*index) {
            one.same_as = *first;
        }
    }
    let differ = behaviours.values().collect::<BTreeSet<_>>().len() > 1;
    let judging = match request.mode {
        Mode::LlmJudge | Mode::Hybrid if !differ => {
            let level = level(&evidence, weight);
            let asked_for = task::asked_for(session, &request).await?;
            let judging = Judging {
                session,
                account,
                progress,
                wanted: request.judge_provider.as_deref().unwrap_or(USUAL_JUDGE),
                permission: Permission::of(request.judge_provider.is_some()),
                case: Case { task: asked_for.task.as_deref(), criteria: &request.criteria },
                context_files: &asked_for.files,
                options: &request.options,
            };
            Some(Box::pin(judging.judge(&candidates, &level)).await?)
        }
        Mode::TestsFirst | Mode::LlmJudge | Mode::Hybrid => None,
    };
    let (note, verdict) = judging.unzip();
    let verdict = verdict.flatten();
    let chosen = verdict.as_ref().and_then(|verdict| apply(verdict, &mut evidence));
    let mode = mode_used(request.mode, note.as_ref(), verdict.as_ref());
    let refused = matches!((request.mode, &verdict), (Mode::LlmJudge, Some(Verdict::Nobody { .. })));
    let ranking = loop {
        let mut ranking = rank(&evidence, mode, weight, chosen);
        if refused {
            ranking.winner = None;
        } else if differ && evidence.iter().any(|one| one.standing().can_win()) {
            ranking.leave_open(behaviours.len());
        }
        let (Some(winner), Some(trial)) = (ranking.winner, trial.as_mut()) else { break ranking };
        let id = candidates.get(winner).map_or("", |one| one.id.as_str());
        if trial.confirm(winner, id).await? {
            break ranking;
        }
        if let (Some(one), Some(Some(tested))) = (evidence.get_mut(winner), trial.tested.get(winner)) {
            (one.tests, one.proof) = (tested.tests, tested.proof());
        }
    };
    let parts = outcome::Parts { candidates, evidence, ranking, mode, trial, judge: note, differ };
    record::record(session, account, &parts).await;
    Ok(parts.selection())
}

/// Outcome of trying a change by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trialled {
    /// It is no diff.
    NoDiff,
    /// It does not apply, or may not.
    Refused(String),
    /// Checks fail with it.
    Failed(Vec<String>),
    /// Checks pass with it.
    Passed {
        /// Tests that fail without it and pass with it, where that speaks for it.
        proven_by: Vec<String>,
        reasons: Vec<String>,
    },
    /// No test told.
    Unknown(Vec<String>),
}

/// Tries changes, each by itself in a copy of the project, by the project's own checks; nobody wins, and
/// nothing is recorded. The order is that of the diffs.
///
/// # Errors
///
/// There are no checks, or no copy can be had.
pub(in crate::flow) async fn tried_alone(
    session: &Session,
    diffs: Vec<(String, String)>,
    progress: &Progress,
) -> Result<Vec<Trialled>, Error> {
    let input = |(id, content): (String, String)| CandidateInput {
        id: Some(id),
        content,
        ..CandidateInput::default()
    };
    let request =
        SelectRequest { candidates: diffs.into_iter().map(input).collect(), ..SelectRequest::default() };
    let candidates = intake::take(session, &request).await?;
    let wanted = Wanted { checks: Vec::new(), probes: Vec::new(), most_undone: 0 };
    let trial = Box::pin(trial::run(session, &candidates, wanted, progress)).await?;
    let of = |tested: Option<Tested>| match tested {
        None => Trialled::NoDiff,
        Some(Tested { refused: Some(why), .. }) => Trialled::Refused(why),
        Some(tested) => match tested.tests {
            Tests::Failed => Trialled::Failed(tested.reasons),
            Tests::Passed => {
                Trialled::Passed { proven_by: tested.proven_by().to_vec(), reasons: tested.reasons }
            }
            Tests::Unknown => Trialled::Unknown(tested.reasons),
        },
    };
    Ok(trial.tested.into_iter().map(of).collect())
}

/// Given results and what was found out; what Maestro found out itself weighs more.
fn known(candidates: &[Candidate], trial: Option<&Trial<'_>>) -> Vec<Evidence> {
    let essences: Vec<String> = candidates.iter().map(Candidate::essence).collect();
    let known = |(index, candidate): (usize, &Candidate)| {
        let tested: Option<&Tested> = trial.and_then(|trial| trial.tested.get(index)?.as_ref());
        let essence = essences.get(index);
        let honest = is_honest(trial, index);
        // Who changes the tests is like nobody.
        let is_same = |other: &usize| {
            *other == index || honest && essences.get(*other) == essence && is_honest(trial, *other)
        };
        let same: Vec<usize> = (0..candidates.len()).filter(is_same).collect();
        Evidence {
            provider: candidate.provider.clone(),
            tests: tested.map_or(candidate.tests, |tested| tested.tests),
            proof: tested.map_or(Proof::Speaks, Tested::proof),
            lint: candidate.lint.or_else(|| tested?.lint),
            judge: None,
            flagged: !candidate.flags.is_empty(),
            answers: candidate.answers,
            support: support(candidates, &same),
            same_as: same.first().copied().unwrap_or(index),
            size: candidate.size(),
        }
    };
    candidates.iter().enumerate().map(known).collect()
}

fn is_honest(trial: Option<&Trial<'_>>, index: usize) -> bool {
    let tested = trial.and_then(|trial| trial.tested.get(index)?.as_ref());
    tested.is_none_or(|tested| tested.touched.is_honest())
}

/// Returns how many authors some candidates have together; one that has none counts by itself.
fn support(candidates: &[Candidate], same: &[usize]) -> usize {
    let of = |index: &usize| candidates.get(*index).map(Candidate::author);
    let authors: Vec<Option<String>> = same.iter().filter_map(of).collect();
    let named: BTreeSet<&String> = authors.iter().flatten().collect();
    named.len() + authors.iter().filter(|author| author.is_none()).count()
}

/// Those among whom a judge chooses: the best by their tests; where tests are one sign among several,
/// all that can win.
fn level(evidence: &[Evidence], weight: TestWeight) -> Vec<usize> {
    let best = evidence.iter().map(Evidence::standing).min();
    let is_level = |(_, one): &(usize, &Evidence)| match weight {
        TestWeight::First => Some(one.standing()) == best,
        TestWeight::Among => true,
    };
    let able = evidence.iter().enumerate().filter(|(_, one)| one.standing().can_win());
    able.filter(is_level).map(|(index, _)| index).collect()
}

/// Enters a verdict into the evidence, and returns the judge's choice. A tie says nothing.
fn apply(verdict: &Verdict, evidence: &mut [Evidence]) -> Option<usize> {
    match verdict {
        Verdict::Winner { winner, scores, .. } => {
            for (index, score) in scores {
                if let Some(one) = evidence.get_mut(*index) {
                    one.judge = Some(*score);
                }
            }
            Some(*winner)
        }
        Verdict::Nobody { .. } | Verdict::Tie { .. } => None,
    }
}

/// A judge that gave no judgement, or wavered, is no judge: then tests and lint are all that is left.
fn mode_used(wanted: Mode, note: Option<&JudgeNote>, verdict: Option<&Verdict>) -> Mode {
    let decided = matches!(verdict, Some(Verdict::Winner { .. } | Verdict::Nobody { .. }));
    match wanted {
        Mode::LlmJudge if !decided && note.is_some_and(JudgeNote::was_needed) => Mode::TestsFirst,
        Mode::LlmJudge | Mode::TestsFirst | Mode::Hybrid => wanted,
    }
}

#[cfg(test)]
mod tests;

//! Choosing one of several candidates: by tests first, then by what the mode says; one as it is, or none.

mod intake;
mod judging;
mod outcome;
mod record;
mod trial;

pub use intake::{CandidateInput, LintResult, MOST_CANDIDATES, TestResult};
pub use judging::JudgeNote;
pub use outcome::{CandidateReport, Selection, Winner};
pub use trial::CheckNote;

use super::account::Account;
use super::progress::Progress;
use super::session::Session;
use super::verify::Entry;
use crate::domain::judge::Verdict;
use crate::domain::select::{Evidence, Mode, Ranking, Standing, rank};
use crate::error::Error;
use intake::Candidate;
use judging::Judging;
use trial::{Tested, Trial};

/// What is to be chosen from, and how.
#[derive(Clone, Debug, Default)]
pub struct SelectRequest {
    /// The candidates.
    pub candidates: Vec<CandidateInput>,
    /// What decides among those that stand level by their tests.
    pub mode: Mode,
    /// What their tests said.
    pub test_results: Vec<TestResult>,
    /// What a linter said.
    pub lint_results: Vec<LintResult>,
    /// Who judges, where a judge is needed.
    pub judge_provider: String,
    /// What the judge looks at.
    pub criteria: Vec<String>,
    /// Checks by which Maestro itself tries candidates that are diffs, each in a copy of the project;
    /// an empty list stands for the project's own.
    pub verify: Option<Vec<Entry>>,
}

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
    if session.environment().depth() > 0 {
        return Err(Error::NestedConsult);
    }
    session.check_config()?;
    judging::check_criteria(&request.criteria)?;
    let candidates = intake::take(session, &request).await?;
    let trial = match request.verify {
        None => None,
        Some(entries) => Some(Box::pin(trial::run(session, &candidates, entries, progress)).await?),
    };
    let mut evidence: Vec<Evidence> =
        candidates.iter().enumerate().map(|(index, one)| known_of(one, index, trial.as_ref())).collect();
    let judging = match request.mode {
        Mode::TestsFirst => None,
        Mode::LlmJudge | Mode::Hybrid => {
            let level = level_by_tests(&evidence);
            let judging = Judging {
                session,
                account,
                progress,
                wanted: &request.judge_provider,
                criteria: &request.criteria,
            };
            Some(Box::pin(judging.judge(&candidates, &level)).await?)
        }
    };
    let mut chosen = None;
    if let Some((_, Some(verdict))) = &judging {
        chosen = apply(verdict, &mut evidence);
    }
    let mode = mode_used(request.mode, judging.as_ref());
    let ranking = rank(&evidence, mode, chosen);
    let (note, verdict) = judging.unzip();
    let winner = winner(request.mode, note.as_ref(), verdict.flatten().as_ref(), &ranking, &evidence);
    let parts = outcome::Parts { candidates, evidence, ranking, winner, mode, trial, judge: note };
    record::record(session, account, &parts).await;
    Ok(parts.selection())
}

/// Given results and what was found out; what Maestro found out itself weighs more.
fn known_of(candidate: &Candidate, index: usize, trial: Option<&Trial>) -> Evidence {
    let tested: Option<&Tested> = trial.and_then(|trial| trial.tested.get(index)?.as_ref());
    Evidence {
        provider: candidate.provider.clone(),
        chars: candidate.content.chars().count(),
        tests: tested.map_or(candidate.tests, |tested| tested.tests),
        lint: candidate.lint.or_else(|| tested?.lint),
        judge: None,
        flagged: !candidate.flags.is_empty(),
        alike: tested.map(|tested| tested.alike),
        changed_lines: tested.map(|tested| tested.changed_lines),
    }
}

/// Those that can win, as far as tests tell.
fn level_by_tests(evidence: &[Evidence]) -> Vec<usize> {
    let best = evidence.iter().map(Evidence::standing).min().filter(|best| best.can_win());
    let is_level = |(_, one): &(usize, &Evidence)| Some(one.standing()) == best;
    evidence.iter().enumerate().filter(is_level).map(|(index, _)| index).collect()
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
        Verdict::Nobody { .. } | Verdict::Tie => None,
    }
}

/// A judge that gave no judgement is no judge, and then tests and lint are all that is left.
fn mode_used(wanted: Mode, judging: Option<&(JudgeNote, Option<Verdict>)>) -> Mode {
    match (wanted, judging) {
        (Mode::LlmJudge, Some((note, None))) if note.was_needed() => Mode::TestsFirst,
        (mode, _) => mode,
    }
}

fn winner(
    wanted: Mode,
    note: Option<&JudgeNote>,
    verdict: Option<&Verdict>,
    ranking: &Ranking,
    evidence: &[Evidence],
) -> Option<usize> {
    let first = ranking.winner()?;
    match (wanted, verdict) {
        (Mode::LlmJudge, Some(Verdict::Nobody { .. })) => None,
        // The first of several that nothing tells apart is no choice.
        (Mode::LlmJudge, None) if note.is_some_and(JudgeNote::was_needed) => {
            let second = ranking.order.get(1).and_then(|second| evidence.get(*second));
            let differs =
                |second: &Evidence| evidence.get(first).is_some_and(|first| stands_apart(first, second));
            second.is_none_or(differs).then_some(first)
        }
        _ => Some(first),
    }
}

fn stands_apart(first: &Evidence, second: &Evidence) -> bool {
    let standing = first.standing();
    let lint = |one: &Evidence| one.lint.unwrap_or(if standing == Standing::Proven { 0.5 } else { 0.0 });
    standing != second.standing()
        || first.alike != second.alike
        || lint(first) > lint(second)
        || first.changed_lines != second.changed_lines
}

#[cfg(test)]
mod tests;

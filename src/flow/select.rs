//! Selects one of several candidates as it is, or none: first by tests, then by the mode.

mod judging;
mod outcome;
mod trial;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::account::Account;
use super::breaker::Permission;
use super::configuration::Configuration;
use super::kit::Kit;
use super::log::Log;
use super::note::note_masked;
use super::pack::check_files;
use super::progress::Progress;
use super::project_files::ProjectFiles;
use super::scope::off_thread_with;
use super::verify::Entry;
use crate::domain::call_options::CallOptions;
use crate::domain::cut::one_line;
use crate::domain::cut::tail;
use crate::domain::diff::{self, Patch, Shown};
use crate::domain::event::{Body, EnsembleNoted, Noted};
use crate::domain::judge::{Case, Verdict};
use crate::domain::order::Gather;
use crate::domain::redflag::Reason;
use crate::domain::select::rank::{Basis, OptionRecord, SelectionRecord, rank, voices};
use crate::domain::select::{Evidence, Mode, Proof, TestWeight, Tests};
use crate::error::Error;

pub use judging::JudgeNote;
use judging::Judging;
use outcome::Parts;
pub use outcome::Selection;
use trial::{Tested, Trial};

/// Candidates, and how to choose among them.
#[derive(Clone, Debug, Default)]
pub struct SelectRequest {
    pub candidates: Vec<CandidateInput>,
    /// Tie-breaker among candidates with the same test results.
    pub mode: Mode,
    pub test_results: Vec<TestResult>,
    pub lint_results: Vec<LintResult>,
    /// Judge, if one is needed.
    pub judge_provider: Option<String>,
    /// Options for that judge.
    pub options: CallOptions,
    pub criteria: Vec<String>,
    pub task: Option<String>,
    /// Files that the judge reads with the task.
    pub context_files: Vec<String>,
    /// The ensemble of the candidates, whose task and files apply then.
    pub ensemble_id: Option<String>,
    /// Checks by which Maestro itself tries candidates that are diffs, each in a copy of the project; an
    /// empty list means the project's own.
    pub verify: Option<Vec<Entry>>,
    /// Parts of a candidate that are undone one at a time; with `verify`.
    pub max_ablations: usize,
    /// Commands whose output distinguishes candidates that pass; with `verify`.
    pub probe: Vec<Entry>,
}

/// Judge if the caller names none.
pub(crate) const USUAL_JUDGE: &str = "claude";

/// Number of undone parts of a candidate if the caller does not give it.
pub const ABLATIONS: usize = 12;

/// Selects, and records the selection. A judge is asked on the given account.
///
/// # Errors
///
/// The arguments contradict each other, the rules cannot be used, the project cannot be copied, or the log
/// cannot be written. A selection without a winner is no error: the result says so and names the next step.
/// If the budget does not cover a judge, none is asked.
pub async fn select(
    kit: &Kit,
    request: SelectRequest,
    account: &Account,
    progress: &Progress,
) -> Result<Selection, Error> {
    kit.processes.refuse_nested()?;
    kit.config.check()?;
    judging::check_case(&request.criteria, request.task.as_deref())?;
    check_files(&kit.project, &request.context_files).await?;
    let candidates = take(&kit.config, &request).await?;
    let mut trial = match &request.verify {
        None if !request.probe.is_empty() => {
            let problem = "probe needs verify: give the checks, or [] for the project's own";
            return Err(Error::InvalidArguments(problem.to_owned()));
        }
        None => None,
        Some(_) => Some(Box::pin(trial::run(kit, &candidates, &request, progress)).await?),
    };
    let tests_first = kit.config.settings().policy.prefer_tests_first;
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
    let differ = behaviours.values().gather::<BTreeSet<&usize>>().len() > 1;
    let judging = match request.mode {
        Mode::LlmJudge | Mode::Hybrid if !differ => {
            let level = level(&evidence, weight);
            let asked_for = asked_for(&kit.project, &kit.log, &request).await?;
            let judging = Judging {
                kit,
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
    record(&kit.config, &kit.log, account, &parts).await;
    Ok(parts.selection())
}

/// Result of trying a change by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trialled {
    NoDiff,
    /// It does not apply, or is refused.
    Refused(String),
    /// Checks fail with it.
    Failed(Vec<String>),
    /// Checks pass with it.
    Passed {
        /// Tests that fail without it and pass with it, if they count for it.
        proven_by: Vec<String>,
        reasons: Vec<String>,
    },
    /// No test gave a result.
    Unknown(Vec<String>),
}

/// Tries each change alone in a copy of the project, by the project's own checks. Chooses no winner and
/// records nothing. The results have the order of the diffs.
///
/// # Errors
///
/// There are no checks, or no copy of the project.
pub(in crate::flow) async fn tried_alone(
    kit: &Kit,
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
    let candidates = take(&kit.config, &request).await?;
    let trial = Box::pin(trial::run(kit, &candidates, &request, progress)).await?;
    let of = |tested: Option<Tested>| match tested {
        None => Trialled::NoDiff,
        Some(Tested { refused: Some(why), .. }) => Trialled::Refused(why),
        Some(tested) => match tested.tests {
            Tests::Failed => Trialled::Failed(tested.reasons),
            Tests::Passed => Trialled::Passed { proven_by: tested.weighed.proof, reasons: tested.reasons },
            Tests::Unknown => Trialled::Unknown(tested.reasons),
        },
    };
    Ok(trial.tested.into_iter().map(of).collect())
}

/// The evidence on each candidate. Our own results count more than the caller's.
fn known(candidates: &[Candidate], trial: Option<&Trial<'_>>) -> Vec<Evidence> {
    let essences: Vec<String> = candidates.iter().map(Candidate::essence).collect();
    let known = |(index, candidate): (usize, &Candidate)| {
        let tested: Option<&Tested> = trial.and_then(|trial| trial.tested.get(index)?.as_ref());
        let essence = essences.get(index);
        let honest = is_honest(trial, index);
        // A candidate that changes tests is like no other.
        let is_same = |other: &usize| {
            *other == index || honest && essences.get(*other) == essence && is_honest(trial, *other)
        };
        let same: Vec<usize> = (0..candidates.len()).filter(is_same).collect();
        Evidence {
            provider: candidate.provider.clone(),
            tests: tested.map_or(candidate.tests, |tested| tested.tests),
            proof: tested.map_or(Proof::Speaks, Tested::proof),
            lint: candidate.lint.or_else(|| tested?.weighed.lint),
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

/// Number of different authors of some candidates; a candidate without an author counts by itself.
fn support(candidates: &[Candidate], same: &[usize]) -> usize {
    let of = |index: &usize| candidates.get(*index).map(Candidate::author);
    let authors: Vec<Option<String>> = same.iter().filter_map(of).collect();
    let named: BTreeSet<&String> = authors.iter().flatten().gather();
    named.len() + authors.iter().filter(|author| author.is_none()).count()
}

/// The candidates that a judge compares: the best by their tests; if tests are one sign among several, all
/// that can win.
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

/// The mode that decided. If the judge gave no judgement or wavered, only tests and lint are left.
fn mode_used(wanted: Mode, note: Option<&JudgeNote>, verdict: Option<&Verdict>) -> Mode {
    let decided = matches!(verdict, Some(Verdict::Winner { .. } | Verdict::Nobody { .. }));
    match wanted {
        Mode::LlmJudge if !decided && note.is_some_and(JudgeNote::was_needed) => Mode::TestsFirst,
        Mode::LlmJudge | Mode::TestsFirst | Mode::Hybrid => wanted,
    }
}

/// Records a selection on the account of its judge.
async fn record(config: &Configuration, log: &Log, account: &Account, parts: &Parts<'_>) {
    // The caller chooses the ids of candidates, so they do not go into the log.
    tracing::info!(
        decided = parts.ranking.winner.is_some(),
        basis = %serde_json::json!(parts.basis()),
        candidates = parts.candidates.len(),
        "selection ended"
    );
    note_masked(config, log, account, Noted::of(&parts.record()), &[], Vec::new()).await;
}

impl Parts<'_> {
    fn record(&self) -> SelectionRecord {
        let winner = self.ranking.winner.and_then(|index| self.candidates.get(index));
        let known = self.candidates.iter().zip(&self.evidence);
        let options: Vec<OptionRecord> =
            known.map(|(one, known)| OptionRecord::new(&one.id, &one.content, known, &one.flags)).collect();
        let judge = self.judge.as_ref();
        SelectionRecord {
            mode: self.mode,
            basis: self.basis(),
            with_tests: self.has_tests(),
            winner_id: winner.map(|one| one.id.clone()),
            winner_provider: winner.and_then(|one| one.provider.clone()),
            candidates: u32::try_from(self.candidates.len()).unwrap_or(u32::MAX),
            answers: voices(&options),
            options,
            judge: judge.and_then(|note| note.provider.clone()),
            judge_verdict: judge.map(|note| note.verdict.to_owned()),
        }
    }

    fn has_tests(&self) -> bool {
        self.evidence.iter().any(|one| one.tests != Tests::Unknown)
    }

    /// The basis of the decision: a judge only if it named a winner, and tests whenever there were any.
    fn basis(&self) -> Basis {
        let judged = self.judge.as_ref().is_some_and(|note| note.verdict == "winner");
        if self.has_tests() {
            Basis::Tests
        } else if judged {
            Basis::Judge
        } else if self.evidence.iter().any(|one| one.lint.is_some()) {
            Basis::StaticChecks
        } else {
            Basis::Rubric
        }
    }
}

#[derive(Debug, Default)]
struct AskedFor {
    task: Option<String>,
    files: Vec<String>,
}

/// The task of the call, else of the named ensemble, else of the ensemble of all candidates.
///
/// # Errors
///
/// The log cannot be read, or has no ensemble of the given id.
async fn asked_for(project: &ProjectFiles, log: &Log, request: &SelectRequest) -> Result<AskedFor, Error> {
    let given = AskedFor { task: request.task.clone(), files: request.context_files.clone() };
    if given.task.is_some() {
        return Ok(given);
    }
    let found = match (&request.ensemble_id, common(request)) {
        (Some(id), _) => Some(find(log, id).await?.ok_or_else(|| unknown(id))?),
        // The id in the candidates only helps; the caller is not to blame if the log lost it.
        (None, Some(id)) => find(log, &id).await?,
        (None, None) => None,
    };
    let Some(noted) = found else { return Ok(given) };
    let files = match given.files.as_slice() {
        // The files come from the ensemble: a missing one is not the caller's mistake.
        [] => {
            off_thread_with(project, |project| Ok(project.reader()?.still_there(noted.context_files))).await?
        }
        _ => given.files,
    };
    Ok(AskedFor { task: noted.task.and_then(|task| task.text), files })
}

/// The ensemble of all candidates, if they come from the same one.
fn common(request: &SelectRequest) -> Option<String> {
    let (first, rest) = request.candidates.split_first()?;
    let id = first.ensemble_id.clone()?;
    rest.iter().all(|one| one.ensemble_id.as_ref() == Some(&id)).then_some(id)
}

async fn find(log: &Log, id: &str) -> Result<Option<EnsembleNoted>, Error> {
    let id = id.to_owned();
    log.journal()
        .visit(
            || None,
            move |found, event| {
                if event.id == id
                    && let Body::Noted(noted) = &event.body
                {
                    *found = noted.read();
                }
            },
        )
        .await
}

fn unknown(id: &str) -> Error {
    Error::InvalidArguments(format!(
        "this project's log has no ensemble `{id}`; give task instead of ensemble_id"
    ))
}

/// Candidates of one call.
pub const MOST_CANDIDATES: usize = 24;
/// Characters of all candidates together.
const MOST_CHARS: usize = 2_000_000;
/// Characters of a result's output that is shown again.
const MOST_OUTPUT: usize = 600;

// Parts of the arguments of a tool. Their fields have no words in its schema.

// An ensemble's candidates carry more than is needed here, and are taken as they are.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct CandidateInput {
    // Its id; numbered if it has none.
    pub id: Option<String>,
    pub provider: Option<String>,
    #[serde(default)]
    pub content: String,
    // True if that is only the beginning.
    #[serde(default)]
    pub truncated: bool,
    // The file that holds all of it then.
    pub content_file: Option<String>,
    // The ensemble that it comes from.
    pub ensemble_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct TestResult {
    pub candidate_id: String,
    pub passed: bool,
    pub output: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct LintResult {
    pub candidate_id: String,
    /// From 0 to 1.
    pub score: Option<f64>,
    pub output: Option<String>,
}

/// A candidate with the facts about it.
#[derive(Clone, Debug)]
struct Candidate {
    id: String,
    provider: Option<String>,
    content: String,
    truncated: bool,
    content_file: Option<String>,
    flags: Vec<Reason>,
    tests: Tests,
    lint: Option<f64>,
    output: Option<String>,
    /// The proposed change, if it is a diff.
    patch: Option<Patch>,
    answers: bool,
}

impl Candidate {
    /// The meaning of its text without decoration: two candidates with the same essence say the same.
    fn essence(&self) -> String {
        match &self.patch {
            Some(patch) => patch.essence(),
            None => one_line(&self.content),
        }
    }

    /// The text that a judge reads.
    fn shown(&self) -> String {
        match &self.patch {
            Some(patch) => patch.text(Shown::WithoutComments),
            None => self.content.clone(),
        }
    }

    /// Number of lines that it adds and removes, else of its characters.
    fn size(&self) -> usize {
        self.patch.as_ref().map_or_else(|| self.content.chars().count(), Patch::changed_lines)
    }

    /// The author's name, as names are compared.
    fn author(&self) -> Option<String> {
        self.provider.as_ref().map(|provider| provider.trim().to_ascii_lowercase())
    }
}

/// Checks the arguments, and each candidate for red flags.
async fn take(config: &Configuration, request: &SelectRequest) -> Result<Vec<Candidate>, Error> {
    let ids = ids(&request.candidates)?;
    check_sizes(&request.candidates)?;
    let tests = tests(&request.test_results, &ids)?;
    let lint = lint(&request.lint_results, &ids)?;
    let outputs = outputs(request);
    let given = request.candidates.clone();
    off_thread_with(config, move |config| {
        let rules = config.red_flags()?;
        let candidate = |(id, input): (String, CandidateInput)| Candidate {
            flags: rules.verdict(&input.content).reasons,
            tests: tests.get(&id).copied().unwrap_or(Tests::Unknown),
            lint: lint.get(&id).copied().flatten(),
            output: outputs.get(&id).cloned(),
            answers: rules.is_answer(&input.content),
            patch: diff::parse(&input.content).ok(),
            provider: input.provider.filter(|provider| !provider.trim().is_empty()),
            content: input.content,
            truncated: input.truncated,
            content_file: input.content_file,
            id,
        };
        Ok(ids.into_iter().zip(given).map(candidate).collect())
    })
    .await
}

fn wrong<T>(problem: String) -> Result<T, Error> {
    Err(Error::InvalidArguments(problem))
}

/// The ids, given or numbered.
fn ids(candidates: &[CandidateInput]) -> Result<Vec<String>, Error> {
    if candidates.is_empty() {
        return wrong("candidates must not be empty".to_owned());
    }
    if candidates.len() > MOST_CANDIDATES {
        return wrong(format!(
            "candidates must have at most {MOST_CANDIDATES} entries (got {})",
            candidates.len()
        ));
    }
    let mut seen = BTreeSet::new();
    let mut ids = Vec::new();
    for (number, candidate) in (1..).zip(candidates) {
        let id = match &candidate.id {
            Some(id) if id.trim().is_empty() => {
                return wrong(format!("candidates[{}].id must not be empty", number - 1));
            }
            Some(id) => id.clone(),
            None => format!("candidate-{number}"),
        };
        if !seen.insert(id.clone()) {
            return wrong(format!("candidates[{}].id must be unique (got `{id}` twice)", number - 1));
        }
        ids.push(id);
    }
    Ok(ids)
}

fn check_sizes(candidates: &[CandidateInput]) -> Result<(), Error> {
    let chars: usize = candidates.iter().map(|candidate| candidate.content.chars().count()).sum();
    if chars > MOST_CHARS {
        return wrong(format!("candidates must have at most {MOST_CHARS} characters in all (got {chars})"));
    }
    Ok(())
}

fn check_known(list: &str, number: usize, id: &str, ids: &[String]) -> Result<(), Error> {
    if ids.iter().any(|known| known == id) {
        return Ok(());
    }
    let known = ids.join(", ");
    wrong(format!("{list}[{number}].candidate_id must be one of {known} (got `{id}`)"))
}

/// The test result of each candidate; one failure among several is a failure.
fn tests(results: &[TestResult], ids: &[String]) -> Result<BTreeMap<String, Tests>, Error> {
    let mut tests = BTreeMap::new();
    for (number, result) in results.iter().enumerate() {
        check_known("test_results", number, &result.candidate_id, ids)?;
        let entry = tests.entry(result.candidate_id.clone()).or_insert(Tests::Passed);
        if !result.passed {
            *entry = Tests::Failed;
        }
    }
    Ok(tests)
}

fn lint(results: &[LintResult], ids: &[String]) -> Result<BTreeMap<String, Option<f64>>, Error> {
    let mut lint = BTreeMap::new();
    for (number, result) in results.iter().enumerate() {
        let id = &result.candidate_id;
        check_known("lint_results", number, id, ids)?;
        if let Some(score) = result.score.filter(|score| !(0.0..=1.0).contains(score)) {
            return wrong(format!("lint_results[{number}].score must be 0 to 1 (got {score})"));
        }
        if lint.insert(id.clone(), result.score).is_some() {
            return wrong(format!(
                "lint_results must have one score for each candidate (got two for `{id}`)"
            ));
        }
    }
    Ok(lint)
}

/// The end of each candidate's test output, else of its linter's.
fn outputs(request: &SelectRequest) -> BTreeMap<String, String> {
    let lint = request.lint_results.iter().map(|result| (&result.candidate_id, &result.output));
    let tests = request.test_results.iter().map(|result| (&result.candidate_id, &result.output));
    let given = lint
        .chain(tests)
        .filter_map(|(id, output)| Some((id.clone(), tail(output.as_ref()?.trim(), MOST_OUTPUT).to_owned())));
    given.filter(|(_, output)| !output.is_empty()).gather()
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod more_tests {
    use super::*;

    fn named(id: &str) -> CandidateInput {
        CandidateInput { id: Some(id.to_owned()), ..CandidateInput::default() }
    }

    fn result(id: &str, passed: bool) -> TestResult {
        TestResult { candidate_id: id.to_owned(), passed, output: None }
    }

    #[test]
    fn ids_are_given_or_numbered_and_never_twice() {
        let none = CandidateInput::default();
        assert_eq!(
            ids(&[none.clone(), named("a"), none.clone()]).unwrap(),
            ["candidate-1", "a", "candidate-3"]
        );
        for (candidates, why) in [
            (vec![], "must not be empty"),
            (vec![named("a"), named("a")], "`a`"),
            (vec![named("candidate-2"), none.clone()], "`candidate-2`"),
            (vec![named(" ")], "candidates[0].id"),
            (vec![none; 25], "at most 24"),
        ] {
            let error = ids(&candidates).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn one_failure_among_several_results_is_a_failure() {
        let known = ["a".to_owned(), "b".to_owned()];
        let found = tests(&[result("a", true), result("a", false), result("a", true)], &known).unwrap();
        assert_eq!(found.get("a"), Some(&Tests::Failed));
        let error = tests(&[result("a", true), result("c", true)], &known).unwrap_err().to_string();
        assert_eq!(error, "test_results[1].candidate_id must be one of a, b (got `c`)");
    }

    #[test]
    fn scores_lie_between_nothing_and_all() {
        let scored = |score| LintResult { candidate_id: "a".to_owned(), score, output: None };
        let known = ["a".to_owned()];
        for score in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(lint(&[scored(Some(score))], &known).unwrap_err().to_string().contains("must be 0 to 1"));
        }
        assert_eq!(lint(&[scored(None)], &known).unwrap().get("a"), Some(&None));
        assert!(lint(&[scored(None), scored(Some(1.0))], &known).is_err());
    }
}

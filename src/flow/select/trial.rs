//! Trying candidates that are diffs: each in a copy of the project, side by side, and the project as it
//! is beside them, so that what fails there too speaks against nobody.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::intake::{Candidate, tail};
use crate::domain::diff::Patch;
use crate::domain::select::Tests;
use crate::domain::verification::Kind;
use crate::domain::verification::read::Totals;
use crate::domain::verification::status::Status;
use crate::error::Error;
use crate::flow::change::apply_to_copy;
use crate::flow::off_thread::off_thread;
use crate::flow::progress::Progress;
use crate::flow::session::Session;
use crate::flow::verify::{CheckResult, Entry, Hold, VerifyRequest, settled, verify_copy};
use crate::host::project::Project;
use crate::host::worktree::{TreeError, Trees};

/// Candidates that are tried in one call; each is a copy of the project.
const MOST_TRIED: usize = 12;
/// Copies in which checks run at the same time.
const MOST_PARALLEL: usize = 4;
/// Names of failing tests that a result lists.
const MOST_NAMES: usize = 20;

/// What came of trying.
pub(super) struct Trial {
    /// The checks in the project as it is.
    pub(super) base: Vec<CheckNote>,
    /// The candidates in order; none where one was not tried.
    pub(super) tested: Vec<Option<Tested>>,
    /// Candidates that are no diffs.
    pub(super) not_diffs: Vec<String>,
}

/// What came of trying one candidate.
#[derive(Clone, Debug)]
pub(super) struct Tested {
    pub(super) tests: Tests,
    pub(super) lint: Option<f64>,
    /// Lines that it adds and removes.
    pub(super) changed_lines: usize,
    /// How many candidates behave like it, itself included.
    pub(super) alike: usize,
    /// Why it was not run.
    pub(super) refused: Option<String>,
    pub(super) checks: Vec<CheckNote>,
    /// The files that it changes.
    pub(super) files: Vec<String>,
}

/// What a check said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckNote {
    /// The command.
    pub command: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What became of it.
    pub status: Status,
    /// The tests that failed.
    pub failing: Vec<String>,
    /// Totals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
    /// Why it was not run, or ended as it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The end of what it printed, where it did not pass.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub output: String,
}

/// By what two candidates behave alike: the end of each check, what failed, and how much passed, since
/// a candidate that takes tests away passes as well.
type Behaviour = Vec<(String, Vec<String>, Option<usize>)>;

/// Tries every candidate that is a diff.
pub(super) async fn run(
    session: &Session,
    candidates: &[Candidate],
    entries: Vec<Entry>,
    progress: &Progress,
) -> Result<Trial, Error> {
    let request = VerifyRequest { entries, ..VerifyRequest::default() };
    let entries = settled(session, request).await?;
    let patches: Vec<Option<&Patch>> = candidates.iter().map(|one| one.patch.as_ref()).collect();
    let count = patches.iter().flatten().count();
    if count == 0 {
        let problem = "verify tries candidates that are diffs, and none of these is one".to_owned();
        return Err(Error::InvalidArguments(problem));
    }
    if count > MOST_TRIED {
        let problem = format!("{count} candidates are diffs, and verify tries at most {MOST_TRIED}");
        return Err(Error::InvalidArguments(problem));
    }
    progress.say(&format!("copying the project for {count} candidates"));
    let root = session.root().canonicalize().map_err(|error| Error::Internal(error.to_string()))?;
    let trees = Trees::create(session.supervisor(), session.environment(), &root, count + 1).await;
    let bench = Bench {
        session,
        trees: Arc::new(trees.map_err(|error| cannot_copy(&error))?),
        entries,
        slots: Semaphore::new(MOST_PARALLEL),
        progress,
    };
    // The first copy is the project as it is.
    let numbered =
        (1..).zip(candidates.iter().zip(&patches).filter_map(|(one, patch)| Some((one, (*patch)?))));
    let tried = numbered.map(|(number, (one, patch))| bench.try_patch(number, &one.id, patch));
    let (base, tried) = futures_util::future::join(bench.check(0, "as it is"), join_all(tried)).await;
    let base = base?;
    let mut tried = tried.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter();
    let mut judged =
        |patch: &Patch| tried.next().map(|(refused, checks)| Tested::new(patch, refused, checks, &base));
    let mut tested: Vec<Option<Tested>> = patches.iter().map(|patch| patch.and_then(&mut judged)).collect();
    group(&mut tested);
    let not_diffs = candidates.iter().zip(&patches).filter(|(_, patch)| patch.is_none());
    Ok(Trial { base, not_diffs: not_diffs.map(|(one, _)| one.id.clone()).collect(), tested })
}

fn cannot_copy(error: &TreeError) -> Error {
    let hint = match error {
        TreeError::NoGit => "Install git, or test the candidates yourself and give test_results.",
        TreeError::NoCommit(_) => {
            "Commit the project first, or test the candidates yourself and give test_results."
        }
        TreeError::TooMuch(_) => "Commit, or ignore what is no source, then call again.",
        TreeError::Failed(_) => "Test the candidates yourself and give test_results.",
    };
    Error::Setup { reason: format!("verify: {error}"), hint: hint.to_owned() }
}

/// What all trials of a call share.
struct Bench<'a> {
    session: &'a Session,
    trees: Arc<Trees>,
    entries: Vec<Entry>,
    slots: Semaphore,
    progress: &'a Progress,
}

impl Bench<'_> {
    /// Applies a patch in its copy and runs the checks there; or why the patch does not apply.
    async fn try_patch(
        &self,
        number: usize,
        id: &str,
        patch: &Patch,
    ) -> Result<(Option<String>, Vec<CheckNote>), Error> {
        let copy = self.copy(number)?;
        let (trees, patch) = (Arc::clone(&self.trees), patch.clone());
        let applied = off_thread(move || {
            let store = trees.beside(number).map_err(|error| Error::Internal(error.to_string()))?;
            Ok::<_, Error>(apply_to_copy(&copy, &store, &patch).map(drop))
        });
        match applied.await?? {
            Ok(()) => Ok((None, self.check(number, id).await?)),
            Err(refusal) => Ok((Some(refusal.message), Vec::new())),
        }
    }

    /// Runs the checks in a copy.
    async fn check(&self, number: usize, label: &str) -> Result<Vec<CheckNote>, Error> {
        // Never closed, so a slot always comes.
        let _slot = self.slots.acquire().await;
        let copy = Arc::new(self.copy(number)?);
        let hold: Hold = self.trees.clone();
        let progress = self.progress.labelled(label);
        let results = verify_copy(self.session, copy, self.entries.clone(), hold, &progress).await?;
        Ok(results.iter().map(CheckNote::of).collect())
    }

    fn copy(&self, number: usize) -> Result<Project, Error> {
        let root: Option<PathBuf> = self.trees.project(number);
        let root = root.ok_or_else(|| Error::Internal("a copy is missing".to_owned()))?;
        Ok(self.session.project()?.at(&root))
    }
}

impl CheckNote {
    fn of(result: &CheckResult) -> Self {
        let passed = result.passed;
        let both = format!("{}\n{}", result.stdout.trim_end(), result.stderr.trim_end());
        Self {
            command: result.command.clone(),
            kind: result.kind,
            status: result.status,
            failing: result.metadata.failing.iter().take(MOST_NAMES).cloned().collect(),
            totals: result.metadata.totals,
            note: result.metadata.note.clone(),
            output: if passed { String::new() } else { tail(&both) },
        }
    }

    /// What it says of the candidate, given what the same check says of the project as it is.
    fn verdict(&self, base: Option<&Self>) -> Tests {
        let same_before = base.is_some_and(|base| base.status == self.status);
        match self.status {
            Status::Passed => Tests::Passed,
            Status::NotFound | Status::Refused | Status::NothingToRun | Status::Skipped => Tests::Unknown,
            // It fails without having tested anything, with the change and without it.
            Status::Error | Status::NoTests if same_before => Tests::Unknown,
            Status::Failed
            | Status::CompileError
            | Status::NoTests
            | Status::TimedOut
            | Status::Crashed
            | Status::OutputTooLarge
            | Status::Error => Tests::Failed,
        }
    }

    fn is_style(&self) -> bool {
        match self.kind {
            Kind::Lint | Kind::Format => true,
            Kind::UnitTest | Kind::Integration | Kind::TypeCheck | Kind::Custom | Kind::Build => false,
        }
    }
}

impl Tested {
    fn new(patch: &Patch, refused: Option<String>, checks: Vec<CheckNote>, base: &[CheckNote]) -> Self {
        let verdicts: Vec<(bool, Tests)> = checks
            .iter()
            .enumerate()
            .map(|(index, check)| (check.is_style(), check.verdict(base.get(index))))
            .collect();
        let of = |style: bool| verdicts.iter().filter(move |one| one.0 == style).map(|one| one.1);
        let tests = if refused.is_some() || of(false).any(|one| one == Tests::Failed) {
            Tests::Failed
        } else if of(false).count() > 0 && of(false).all(|one| one == Tests::Passed) {
            Tests::Passed
        } else {
            Tests::Unknown
        };
        let known = || of(true).filter(|one| *one != Tests::Unknown);
        let count = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
        let passed = known().filter(|one| *one == Tests::Passed).count();
        let lint = (known().count() > 0).then(|| count(passed) / count(known().count()));
        Self {
            tests,
            lint,
            changed_lines: patch.changed_lines(),
            alike: 1,
            refused,
            checks,
            files: patch.files.iter().map(|file| file.new.clone()).collect(),
        }
    }

    fn behaviour(&self) -> Behaviour {
        let of = |check: &CheckNote| {
            let mut failing = check.failing.clone();
            failing.sort();
            (format!("{:?}", check.status), failing, check.totals.and_then(|totals| totals.passed))
        };
        self.checks.iter().map(of).collect()
    }
}

/// Counts those that behave alike.
fn group(tested: &mut [Option<Tested>]) {
    let mut groups: BTreeMap<Behaviour, usize> = BTreeMap::new();
    for one in tested.iter().flatten() {
        *groups.entry(one.behaviour()).or_default() += 1;
    }
    for one in tested.iter_mut().flatten() {
        one.alike = groups.get(&one.behaviour()).copied().unwrap_or(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, status: Status) -> CheckNote {
        CheckNote {
            command: "x".into(),
            kind,
            status,
            failing: Vec::new(),
            totals: None,
            note: None,
            output: String::new(),
        }
    }

    fn tested(checks: Vec<CheckNote>, base: &[CheckNote]) -> Tested {
        Tested::new(&Patch::default(), None, checks, base)
    }

    #[test]
    fn what_fails_without_the_change_too_speaks_against_nobody() {
        let error = check(Kind::UnitTest, Status::Error);
        assert_eq!(tested(vec![error.clone()], std::slice::from_ref(&error)).tests, Tests::Unknown);
        assert_eq!(tested(vec![error], &[check(Kind::UnitTest, Status::Failed)]).tests, Tests::Failed);
        let failed = check(Kind::UnitTest, Status::Failed);
        assert_eq!(tested(vec![failed.clone()], &[failed]).tests, Tests::Failed);
    }

    #[test]
    fn taking_all_tests_away_is_a_failure() {
        let none = check(Kind::UnitTest, Status::NoTests);
        assert_eq!(tested(vec![none], &[check(Kind::UnitTest, Status::Passed)]).tests, Tests::Failed);
    }

    #[test]
    fn linters_are_no_tests_but_a_score() {
        let checks = vec![
            check(Kind::UnitTest, Status::Passed),
            check(Kind::Lint, Status::Failed),
            check(Kind::Format, Status::Passed),
            check(Kind::Lint, Status::NotFound),
        ];
        let one = tested(checks, &[]);
        assert_eq!((one.tests, one.lint), (Tests::Passed, Some(0.5)));
        assert_eq!(tested(vec![check(Kind::Lint, Status::Passed)], &[]).tests, Tests::Unknown);
    }

    #[test]
    fn fewer_passing_tests_are_another_behaviour() {
        let with = |passed| {
            let totals = Some(Totals { passed: Some(passed), ..Totals::default() });
            Some(tested(vec![CheckNote { totals, ..check(Kind::UnitTest, Status::Passed) }], &[]))
        };
        let mut all = [with(3), with(2), None, with(3)];
        group(&mut all);
        let alike: Vec<Option<usize>> = all.iter().map(|one| one.as_ref().map(|one| one.alike)).collect();
        assert_eq!(alike, [Some(2), Some(1), None, Some(2)]);
    }
}

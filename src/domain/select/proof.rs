//! Compares the results of checks with a change to those of the same checks without it.

use serde::{Deserialize, Serialize};

use crate::domain::diff::{Action, FilePatch, Patch};
use crate::domain::verification::Kind;
use crate::domain::verification::read::Totals;
use crate::domain::verification::status::Status;
use crate::domain::words::things;

/// The most names that a reason lists.

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    pub command: String,
    pub kind: Kind,
    pub status: Status,
    /// The tests that failed.
    pub failing: Vec<String>,
    pub totals: Option<Totals>,
}

/// The verdict of the checks on a change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weighed {
    /// Tests that fail without the change and pass with it; the command if it names no tests.
    pub proof: Vec<String>,
    /// Tests or commands that pass without the change and fail with it.
    pub broken: Vec<String>,
    /// Tests or commands that fail with and without the change.
    pub still: Vec<String>,
    /// Tests that no longer run.
    pub fewer: Vec<String>,
    /// The verdict of all checks except linters and formatters.
    pub tests: Option<Tests>,
    /// The share of linters and formatters that passed; None if none has a result.
    pub lint: Option<f64>,
}

/// Compares each check with the same one in the project without the change.
pub fn weigh(base: &[Observed], with: &[Observed]) -> Weighed {
    let mut weighed = Weighed::default();
    let mut verdicts = Vec::new();
    let mut styles = Vec::new();
    for (index, check) in with.iter().enumerate() {
        let base = base.get(index);
        let verdict = check.verdict(base);
        if check.is_style() {
            styles.push(verdict);
            continue;
        }
        let verdict = if check.compare(base, verdict, &mut weighed) { Tests::Failed } else { verdict };
        verdicts.push(verdict);
    }
    weighed.tests = Some(if verdicts.contains(&Tests::Failed) {
        Tests::Failed
    } else if !verdicts.is_empty() && verdicts.iter().all(|one| *one == Tests::Passed) {
        Tests::Passed
    } else {
        Tests::Unknown
    });
    let count = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
    let known = styles.iter().filter(|one| **one != Tests::Unknown).count();
    let passed = styles.iter().filter(|one| **one == Tests::Passed).count();
    weighed.lint = (known > 0).then(|| count(passed) / count(known));
    weighed
}

impl Observed {
    /// The verdict of this check on the change, given the result of the same check without the change.
    fn verdict(&self, base: Option<&Self>) -> Tests {
        let same_before = base.is_some_and(|base| base.status == self.status);
        match self.status {
            Status::Passed => Tests::Passed,
            Status::NotFound | Status::Refused | Status::NothingToRun | Status::Skipped => Tests::Unknown,
            // It tests nothing, with or without the change.
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

    /// Records the effect of the change on this check. True if the change breaks something although the check
    /// passed.
    fn compare(&self, base: Option<&Self>, verdict: Tests, weighed: &mut Weighed) -> bool {
        let Some(base) = base else { return false };
        match verdict {
            Tests::Unknown => false,
            Tests::Failed => {
                let (still, broken): (Vec<String>, Vec<String>) =
                    self.failing.iter().cloned().partition(|name| base.failing.contains(name));
                if still.is_empty() && broken.is_empty() {
                    match self.silenced(base).filter(|_| self.status == Status::Crashed) {
                        Some(silenced) => weighed.broken.push(silenced),
                        None if base.status == Status::Passed => {
                            weighed.broken.push(format!("`{}`", self.command));
                        }
                        None => weighed.still.push(format!("`{}`", self.command)),
                    }
                }
                weighed.still.extend(still);
                weighed.broken.extend(broken);
                false
            }
            Tests::Passed => self.compare_passed(base, weighed),
        }
    }

    /// The reason if tests reported results without the change only. The end of a process before its tests
    /// takes their summary with it.
    fn silenced(&self, base: &Self) -> Option<String> {
        let before = base.totals.map(all).filter(|count| *count > 0 && self.totals.is_none())?;
        self.is_test().then(|| {
            format!("`{}`: no test reported a result; without the change, {before} do", self.command)
        })
    }

    fn compare_passed(&self, base: &Self, weighed: &mut Weighed) -> bool {
        let tests = |count: usize, one: &str| things(u64::try_from(count).unwrap_or(u64::MAX), one);
        // Exit code 0 proves nothing if the runner did not print its summary.
        if let Some(silenced) = self.silenced(base) {
            weighed.broken.push(silenced);
            return true;
        }
        let fewer_before = weighed.fewer.len();
        // Some runners count only failures, like `go test` without -v.
        let counted = self.totals.filter(|after| after.passed.is_some() || after.skipped.is_some());
        if let (Some(before), Some(after)) = (base.totals, counted) {
            let (was, is) = (before.passed.unwrap_or(0), after.passed.unwrap_or(0));
            if is < was {
                weighed.broken.push(format!(
                    "`{}`: {} passed with the change, {was} without it",
                    self.command,
                    tests(is, "test")
                ));
                return true;
            }
            if base.status == Status::Failed && all(after) < all(before) {
                weighed.fewer.push(format!(
                    "`{}`: {} instead of {}",
                    self.command,
                    tests(all(after), "test"),
                    all(before)
                ));
            }
            let skipped = |totals: Totals| totals.skipped.unwrap_or(0);
            if skipped(after) > skipped(before) {
                let count = skipped(after) - skipped(before);
                weighed.fewer.push(format!(
                    "`{}`: the change skips {}",
                    self.command,
                    tests(count, "more test")
                ));
            }
        }
        // If fewer tests run, the failing ones may be among those that no longer run: no proof.
        if self.is_test() && base.speaks_against() && weighed.fewer.len() == fewer_before {
            if base.failing.is_empty() || base.status == Status::CompileError {
                weighed.proof.push(format!("`{}`", self.command));
            } else {
                weighed.proof.extend(base.failing.iter().cloned());
            }
        }
        false
    }

    /// True if a test failed, or the tested code could not be loaded.
    fn speaks_against(&self) -> bool {
        match self.status {
            Status::Failed
            | Status::CompileError
            | Status::TimedOut
            | Status::Crashed
            | Status::OutputTooLarge
            | Status::Error => true,
            Status::Passed
            | Status::NoTests
            | Status::NotFound
            | Status::Refused
            | Status::NothingToRun
            | Status::Skipped => false,
        }
    }

    /// True if the check runs tests. A build or a type check does not.
    fn is_test(&self) -> bool {
        match self.kind {
            Kind::UnitTest | Kind::Integration | Kind::Custom => true,
            Kind::Lint | Kind::TypeCheck | Kind::Format | Kind::Build => false,
        }
    }

    fn is_style(&self) -> bool {
        match self.kind {
            Kind::Lint | Kind::Format => true,
            Kind::UnitTest | Kind::Integration | Kind::TypeCheck | Kind::Custom | Kind::Build => false,
        }
    }
}

/// A patch with one of its parts left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Without {
    /// The part that is left out: `hunk 2 of 3 (cart.py, line 14)`.
    pub part: String,
    /// The rest of the patch; without files if there was only one part.
    pub patch: Patch,
}

/// The parts of a patch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// For each part that affects a program, the patch without it.
    pub each: Vec<Without>,
    /// Parts of documentation, comments and blank lines only. No test can or needs to notice them.
    pub silent: Vec<String>,
}

/// Splits a patch into parts: hunks of changed files, and whole files that are created, removed or moved.
pub fn parts(patch: &Patch) -> Parts {
    let places: Vec<(usize, Option<usize>)> = patch
        .files
        .iter()
        .enumerate()
        .flat_map(|(number, file)| match (file.action, file.hunks.len()) {
            (Action::Modify, 1..) | (Action::Rename, 2..) => {
                (0..file.hunks.len()).map(|hunk| (number, Some(hunk))).collect()
            }
            _ => vec![(number, None)],
        })
        .collect();
    let mut parts = Parts::default();
    for (index, (file, hunk)) in places.iter().enumerate() {
        let Some(of) = patch.files.get(*file) else { continue };
        let part = format!("hunk {} of {} ({})", index + 1, places.len(), place(of, *hunk));
        if is_silent(of, *hunk) {
            parts.silent.push(part);
        } else {
            parts.each.push(Without { part, patch: without(patch, *file, *hunk) });
        }
    }
    parts
}

/// The number of tests that a summary counts.
fn all(totals: Totals) -> usize {
    totals.passed.unwrap_or(0) + totals.bad() + totals.skipped.unwrap_or(0)
}

fn place(file: &FilePatch, hunk: Option<usize>) -> String {
    let start = hunk.and_then(|hunk| file.hunks.get(hunk)).and_then(|hunk| hunk.old_start);
    match start {
        Some(line) => format!("{}, line {line}", file.new),
        None => file.new.clone(),
    }
}

fn is_silent(file: &FilePatch, hunk: Option<usize>) -> bool {
    match hunk {
        Some(hunk) => file.hunks.get(hunk).is_some_and(|hunk| file.is_silent(hunk)),
        None => !file.hunks.is_empty() && file.hunks.iter().all(|hunk| file.is_silent(hunk)),
    }
}

fn without(patch: &Patch, file: usize, hunk: Option<usize>) -> Patch {
    let mut left = patch.clone();
    let is_empty = match (left.files.get_mut(file), hunk) {
        (Some(of), Some(hunk)) if hunk < of.hunks.len() => {
            of.hunks.remove(hunk);
            of.hunks.is_empty() && of.executable.is_none()
        }
        _ => true,
    };
    if is_empty && file < left.files.len() {
        left.files.remove(file);
    }
    left
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tests {
    Passed,
    /// At least one failed.
    Failed,
    /// There are no results.
    #[default]
    Unknown,
}

/// The standing of a candidate, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its tests prove it. A red flag does not outweigh that.
    Proven,
    /// Nothing proves it, and nothing counts against it.
    Open,
    /// It has a red flag, and no test proves it.
    Flagged,
    /// It failed its tests.
    Failed,
    /// It is no answer: empty, or a refusal.
    NoAnswer,
}

impl Standing {
    /// True if it can win at all.
    pub fn can_win(self) -> bool {
        match self {
            Self::Proven | Self::Open => true,
            Self::Flagged | Self::Failed | Self::NoAnswer => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The tests prove the candidate: the caller says so, or they fail without its change.
    Speaks,
    /// The tests would pass without its change, or without a part of it.
    Lacks,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    pub provider: Option<String>,
    pub tests: Tests,
    /// The worth of tests that passed.
    pub proof: Proof,
    /// The score of a linter, from 0 to 1.
    pub lint: Option<f64>,
    /// The score of a judge, from 0 to 1.
    pub judge: Option<f64>,
    /// True if it has a red flag.
    pub flagged: bool,
    /// True if it has content.
    pub answers: bool,
    /// The number of authors with the same candidate, its own author included.
    pub support: usize,
    /// The group of candidates that are the same as far as could be observed, given as the index of its
    /// first: the same text, the same change, or the same behaviour in all runs made to tell them apart.
    pub same_as: usize,
    /// The number of lines that it adds and removes, or of characters if it is no diff. It only decides which
    /// of several equal candidates is returned.
    pub size: usize,
}

impl Evidence {
    pub fn standing(&self) -> Standing {
        match (self.tests, self.proof, self.flagged) {
            _ if !self.answers => Standing::NoAnswer,
            (Tests::Passed, Proof::Speaks, _) => Standing::Proven,
            (Tests::Failed, ..) => Standing::Failed,
            (Tests::Passed, Proof::Lacks, true) | (Tests::Unknown, _, true) => Standing::Flagged,
            (Tests::Passed, Proof::Lacks, false) | (Tests::Unknown, _, false) => Standing::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::diff::parse;

    fn check(kind: Kind, status: Status) -> Observed {
        Observed { command: "x".into(), kind, status, failing: Vec::new(), totals: None }
    }

    fn test(status: Status, failing: &[&str], passed: usize, skipped: usize) -> Observed {
        let totals = Totals {
            passed: Some(passed),
            failed: Some(failing.len()),
            skipped: Some(skipped),
            ..Totals::default()
        };
        Observed {
            failing: failing.iter().map(|name| (*name).to_owned()).collect(),
            totals: Some(totals),
            ..check(Kind::UnitTest, status)
        }
    }

    fn one(base: Observed, with: Observed) -> Weighed {
        weigh(&[base], &[with])
    }

    #[test]
    fn only_what_fails_without_the_change_is_proof() {
        let fixed = one(test(Status::Failed, &["a", "b"], 1, 0), test(Status::Passed, &[], 3, 0));
        assert_eq!((fixed.proof, fixed.tests), (vec!["a".into(), "b".into()], Some(Tests::Passed)));
        let weak = one(test(Status::Passed, &[], 3, 0), test(Status::Passed, &[], 3, 0));
        assert_eq!((weak.proof.len(), weak.tests), (0, Some(Tests::Passed)));
        let loads = one(check(Kind::UnitTest, Status::CompileError), test(Status::Passed, &[], 3, 0));
        assert_eq!(loads.proof, ["`x`"]);
        let build = one(check(Kind::Build, Status::Failed), check(Kind::Build, Status::Passed));
        assert!(build.proof.is_empty());
    }

    #[test]
    fn what_breaks_vanishes_or_is_skipped_is_named() {
        let broken = one(test(Status::Failed, &["a"], 2, 0), test(Status::Failed, &["b"], 2, 0));
        assert_eq!((broken.broken, broken.tests), (vec!["b".into()], Some(Tests::Failed)));
        let still = one(test(Status::Failed, &["a"], 2, 0), test(Status::Failed, &["a"], 2, 0));
        assert_eq!((still.still, still.broken.len()), (vec!["a".into()], 0));
        let gone = one(test(Status::Passed, &[], 3, 0), test(Status::Passed, &[], 2, 0));
        assert_eq!((gone.broken.len(), gone.tests), (1, Some(Tests::Failed)));
        let fewer = one(test(Status::Failed, &["a"], 2, 0), test(Status::Passed, &[], 2, 0));
        assert_eq!(fewer.fewer.len(), 1);
        let skipped = one(test(Status::Failed, &["a"], 2, 0), test(Status::Passed, &[], 2, 1));
        assert_eq!(skipped.fewer, ["`x`: the change skips 1 more test"]);
        assert!(skipped.proof.is_empty() && fewer.proof.is_empty(), "nobody knows which ran");
        // The program ended with 0 before its tests did.
        for base in [test(Status::Failed, &["a"], 2, 0), test(Status::Passed, &[], 3, 0)] {
            let silent = one(base, check(Kind::UnitTest, Status::Passed));
            assert_eq!((silent.tests, silent.proof.len()), (Some(Tests::Failed), 0));
            assert_eq!(silent.broken, ["`x`: no test reported a result; without the change, 3 do"]);
        }
        let uncounted = Observed { totals: Some(Totals::default()), ..check(Kind::UnitTest, Status::Passed) };
        let failed = Observed {
            totals: Some(Totals { failed: Some(1), ..Totals::default() }),
            ..test(Status::Failed, &["a"], 0, 0)
        };
        assert_eq!(one(failed, uncounted).proof, ["a"]);
    }

    #[test]
    fn what_fails_without_having_tested_anything_speaks_against_nobody() {
        let error = check(Kind::UnitTest, Status::Error);
        assert_eq!(one(error.clone(), error.clone()).tests, Some(Tests::Unknown));
        assert_eq!(one(check(Kind::UnitTest, Status::Failed), error).tests, Some(Tests::Failed));
        let none = check(Kind::UnitTest, Status::NoTests);
        assert_eq!(one(check(Kind::UnitTest, Status::Passed), none).tests, Some(Tests::Failed));
    }

    #[test]
    fn linters_are_no_tests_but_a_score() {
        let checks = [
            check(Kind::UnitTest, Status::Passed),
            check(Kind::Lint, Status::Failed),
            check(Kind::Format, Status::Passed),
            check(Kind::Lint, Status::NotFound),
        ];
        let weighed = weigh(&[], &checks);
        assert_eq!((weighed.tests, weighed.lint), (Some(Tests::Passed), Some(0.5)));
        assert_eq!(weigh(&[], &[check(Kind::Lint, Status::Passed)]).tests, Some(Tests::Unknown));
    }

    #[test]
    fn each_part_can_be_left_out_and_comments_need_not() {
        let diff = "--- a/a.py\n+++ b/a.py\n@@ -1,1 +1,1 @@\n-a = 1\n+a = 2\n@@ -9,1 +9,2 @@\n b\n+# why\n--- a/README.md\n+++ b/README.md\n@@ -1,1 +1,1 @@\n-x\n+y\n--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,1 @@\n+c = 3\n";
        let parts = parts(&parse(diff).unwrap());
        let named: Vec<&str> = parts.each.iter().map(|one| one.part.as_str()).collect();
        assert_eq!(
            named,
            ["hunk 1 of 4 (a.py, line 1)", "hunk 4 of 4 (new.py, line 0)"]
                .map(|it| it.replace(", line 0", ""))
        );
        assert_eq!(parts.silent, ["hunk 2 of 4 (a.py, line 9)", "hunk 3 of 4 (README.md, line 1)"]);
        let left: Vec<usize> = parts.each.iter().map(|one| one.patch.files.len()).collect();
        assert_eq!(left, [3, 2]);
    }
}

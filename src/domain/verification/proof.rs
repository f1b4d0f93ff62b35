//! Proof that tests passed: a check of tests, in which the project's own tests ran.
//! Listing, collecting, compiling, reporting a status and running nothing shows none of that.

use serde::{Deserialize, Serialize};

use super::Kind;
use super::command::words;
use super::read::Totals;
use super::status::Status;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Tests that ran and passed.
    pub tests: usize,
    /// Tests that it left out by itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: usize,
    /// Why it shows nothing of tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<String>,
    /// The words by which it leaves tests out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrowed: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Words by which a runner runs no test.
const RUNS_NONE: [&str; 21] = [
    "--collect-only",
    "--co",
    "--list",
    "-list",
    "--list-tests",
    "--listTests",
    "--no-run",
    "--dry-run",
    "--help",
    "-h",
    "--version",
    "-V",
    "--fixtures",
    "--markers",
    "--setup-plan",
    "--setup-only",
    "--just-print",
    "-n0",
    "--print-only",
    "--show-only",
    "-N",
];

/// Options that choose among tests; each with whether a value follows.
const NARROWS: [(&str, bool); 30] = [
    ("-k", true),
    ("-m", true),
    ("--deselect", true),
    ("--ignore", true),
    ("--ignore-glob", true),
    ("--lf", false),
    ("--last-failed", false),
    ("--nf", false),
    ("--sw", false),
    ("--stepwise", false),
    ("-run", true),
    ("--run", true),
    ("-skip", true),
    ("-short", false),
    ("-t", true),
    ("--testNamePattern", true),
    ("--testPathPattern", true),
    ("--grep", true),
    ("-g", true),
    ("--filter", true),
    ("--skip", true),
    ("--exact", false),
    ("-p", true),
    ("--package", true),
    ("--exclude", true),
    ("--lib", false),
    ("--bin", true),
    ("--test", true),
    ("--doc", false),
    ("--onlyChanged", false),
];

/// Returns what a check shows of tests. `foreign` names tests that are not the project's.
pub fn proof(
    kind: Kind,
    status: Status,
    command: &str,
    totals: Option<Totals>,
    foreign: Option<&str>,
) -> Proof {
    let words = words(command).unwrap_or_default();
    let count = |of: fn(&Totals) -> Option<usize>| totals.as_ref().and_then(of).unwrap_or(0);
    let tests = count(|totals| totals.passed);
    let lists = words.iter().find(|word| RUNS_NONE.contains(&word.as_str()));
    let idle = match kind {
        Kind::UnitTest | Kind::Integration => match (foreign, lists, status) {
            (Some(foreign), ..) => Some(format!("{foreign} are not the project's own tests")),
            (None, Some(word), _) => Some(format!("`{word}` runs no test")),
            (None, None, Status::Passed) if tests == 0 => Some("no test was seen to run".to_owned()),
            (None, None, _) => None,
        },
        // A script or a target may do anything: it shows what its runner's own summary says.
        Kind::Custom => match (foreign, lists) {
            (Some(foreign), _) => Some(format!("{foreign} are not the project's own tests")),
            (None, Some(word)) => Some(format!("`{word}` runs no test")),
            (None, None) => (tests == 0).then(|| "no test was seen to run".to_owned()),
        },
        Kind::Lint | Kind::TypeCheck | Kind::Format | Kind::Build => {
            Some(format!("a check of type {} runs no test", kind.name()))
        }
    };
    let tests = if idle.is_none() && status == Status::Passed { tests } else { 0 };
    Proof { tests, skipped: count(|totals| totals.skipped), narrowed: narrowed(&words), idle }
}

/// The words that choose among tests.
fn narrowed(words: &[String]) -> Vec<String> {
    let at = |names: &[&str]| words.iter().position(|word| names.contains(&word.as_str()));
    let program = words.first().map(String::as_str).unwrap_or_default();
    // What comes before the runner's own options: `python -m pytest`, `cargo test`, `npm run unit`.
    // Targets are the whole of what `make` and `just` are told.
    let start = match (program, at(&["pytest", "unittest", "test", "jest", "vitest", "nextest"])) {
        ("make" | "just", _) => words.len(),
        (_, Some(runner)) => runner + 1,
        ("npm" | "pnpm" | "yarn" | "bun", None) => at(&["run", "run-script"]).map_or(2, |run| run + 2),
        (_, None) => 1,
    };
    let mut rest = words.get(start..).unwrap_or_default().iter();
    let mut found = Vec::new();
    while let Some(word) = rest.next() {
        let name = word.split('=').next().unwrap_or_default();
        match NARROWS.iter().find(|(known, _)| *known == name) {
            Some((_, true)) if !word.contains('=') => {
                found.push(rest.next().map_or_else(|| word.clone(), |value| format!("{word} {value}")));
            }
            None if word.starts_with('-') || matches!(word.as_str(), "./..." | "." | "discover" | "run") => {}
            Some(_) | None => found.push(word.clone()),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, command: &str, passed: Option<usize>) -> Proof {
        let totals = Totals { passed, ..Totals::default() };
        proof(kind, Status::Passed, command, Some(totals), None)
    }

    #[test]
    fn only_tests_that_ran_show_that_tests_passed() {
        assert_eq!(of(Kind::UnitTest, "python -m pytest", Some(3)).tests, 3);
        for (kind, command, passed) in [
            (Kind::Custom, "git status", None),
            (Kind::Custom, "make -n test", None),
            (Kind::Custom, "npm run list -- --listTests", Some(3)),
            (Kind::UnitTest, "git status", None),
            (Kind::UnitTest, "python -m pytest --collect-only", Some(3)),
            (Kind::UnitTest, "cargo test --no-run", Some(3)),
            (Kind::UnitTest, "cargo test -- --list", Some(3)),
            (Kind::UnitTest, "python -m pytest -k nothing", Some(0)),
            (Kind::Build, "cargo build", Some(3)),
            (Kind::TypeCheck, "cargo check", None),
        ] {
            let found = of(kind, command, passed);
            assert!(found.tests == 0 && found.idle.is_some(), "{command}: {found:?}");
        }
        for command in ["make test", "npm run test:unit", "just check"] {
            let found = of(Kind::Custom, command, Some(3));
            assert!(
                found.tests == 3 && found.idle.is_none() && found.narrowed.is_empty(),
                "{command}: {found:?}"
            );
        }
        let failed = proof(
            Kind::UnitTest,
            Status::Failed,
            "pytest",
            Some(Totals { passed: Some(2), ..Totals::default() }),
            None,
        );
        assert_eq!(failed.tests, 0);
        let foreign = proof(
            Kind::UnitTest,
            Status::Passed,
            "python -m unittest test.test_bool",
            Some(Totals { passed: Some(2), ..Totals::default() }),
            Some("test.test_bool"),
        );
        assert!(foreign.tests == 0 && foreign.idle.unwrap().contains("test.test_bool"));
    }

    #[test]
    fn what_was_left_out_is_named() {
        for (command, left_out) in [
            ("python -m pytest -q", vec![]),
            (
                "python -m pytest tests/test_a.py -k 'a and b' --deselect=x",
                vec!["tests/test_a.py", "-k a and b", "--deselect=x"],
            ),
            ("cargo test -p core name", vec!["-p core", "name"]),
            ("go test ./... -run X", vec!["-run X"]),
            ("npm test", vec![]),
            ("make -j4 check lint", vec![]),
            ("npm run unit -- -t one src", vec!["-t one", "src"]),
            ("yarn unit", vec![]),
            ("bun test -t one", vec!["-t one"]),
        ] {
            assert_eq!(of(Kind::UnitTest, command, Some(1)).narrowed, left_out, "{command}");
        }
    }
}

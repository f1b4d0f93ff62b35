//! The outcome of a check.

use serde::{Deserialize, Serialize};

use super::Kind;
use super::policy::Permitted;
use super::read::{Does, Reading, Seen, Totals};
use crate::domain::cut::head;
use crate::domain::packed::{list, pairs};
use crate::domain::pairs::is_default;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It ran without a failure or finding.
    Passed,
    /// It ran, and a test failed or a linter found something.
    Failed,
    /// The code did not compile or load, so that nothing was tested.
    CompileError,
    /// It ran, but there was no test.
    NoTests,
    /// It exceeded its time and was ended with all its processes, or a test exceeded its own limit.
    TimedOut,
    /// A signal ended it, or a test ended the whole run.
    Crashed,
    /// It wrote more than a check may, and was ended.
    OutputTooLarge,
    /// Its runner could not start: wrong arguments, a broken configuration, a missing part.
    Error,
    /// Its program is not on this machine.
    NotFound,
    /// A rule refused it, so it was not run.
    Refused,
    /// The project has no such check.
    NothingToRun,
    /// An earlier check failed, so it was not run.
    Skipped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Code(i32),
    Signal(i32),
    /// It exceeded its time.
    TimedOut,
    /// It wrote too much.
    TooLarge,
}

/// Known facts about a program in addition to its end.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub reading: Option<&'a Reading>,
    /// The runner that the rule names. The exit code is then its own.
    pub runner: Option<&'a str>,
    /// Both streams. A runner that could not start says why in them.
    pub output: &'a str,
}

/// Judges a run by its end and its output.
pub fn judge(end: End, told: Told) -> Status {
    let code = match end {
        End::TimedOut => return Status::TimedOut,
        End::TooLarge => return Status::OutputTooLarge,
        End::Signal(_) => return Status::Crashed,
        End::Code(code) => code,
    };
    match (code, told.reading) {
        (0, _) => succeeded(&told),
        (code, None) => otherwise(code, told.output),
        (code, Some(reading)) => match reading.seen {
            Seen::Broken => Status::CompileError,
            Seen::TimeOut => Status::TimedOut,
            Seen::Crash => Status::Crashed,
            Seen::NoTests if !reading.found() => Status::NoTests,
            Seen::End | Seen::NoTests if reading.found() => Status::Failed,
            Seen::End | Seen::NoTests => otherwise(code, told.output),
        },
    }
}

/// True if a runner that always ends with a summary has begun and did not reach it. A test that ends the
/// process (`os._exit(0)`) takes the summary with it. A quiet pytest writes neither banner nor summary.
fn broke_off(runner: Option<&str>, output: &str) -> bool {
    match runner {
        Some("unittest") => !output.contains("Ran "),
        Some("pytest") => output.contains("= test session starts ="),
        _ => false,
    }
}

/// The status for exit code 0: passed, unless a whole summary says otherwise. A script may hide the exit code
/// of a program that it runs, and a run may stop in the middle or run no test.
fn succeeded(told: &Told) -> Status {
    let is_known = told.runner.is_some();
    let Some(reading) = told.reading else {
        return if broke_off(told.runner, told.output) { Status::Crashed } else { Status::Passed };
    };
    let lists_files = reading.runner == "gofmt";
    match (reading.does, reading.seen) {
        (Does::Look, _) if lists_files && reading.found() => Status::Failed,
        (Does::Test, Seen::NoTests) => Status::NoTests,
        (Does::Test, Seen::End) if !is_known && reading.found() => Status::Failed,
        (Does::Test, Seen::Broken) if !is_known => Status::CompileError,
        (Does::Test, Seen::Crash) if is_known => Status::Crashed,
        (Does::Test, Seen::TimeOut) if is_known => Status::TimedOut,
        (Does::Look, _) | (Does::Test, Seen::End | Seen::Broken | Seen::Crash | Seen::TimeOut) => {
            Status::Passed
        }
    }
}

/// The status for a failure without a summary.
fn otherwise(code: i32, output: &str) -> Status {
    // A shell or a runner reports the signal that ended its child as 128 plus its number.
    const BY_SIGNAL: std::ops::RangeInclusive<i32> = 129..=159;
    // A shell reports this for a program that does not exist or cannot be started.
    const NO_PROGRAM: std::ops::RangeInclusive<i32> = 126..=127;
    if BY_SIGNAL.contains(&code) {
        Status::Crashed
    } else if NO_PROGRAM.contains(&code) || could_not_start(output) {
        Status::Error
    } else {
        Status::Failed
    }
}

fn could_not_start(output: &str) -> bool {
    output.lines().any(|line| {
        let line = line.trim_end();
        pairs("no_start").iter().any(|(start, inside)| line.starts_with(start) && line.contains(inside))
    })
}

/// Lines kept around a line about a failure.
const AROUND: usize = 2;
/// The most characters kept of a line.
const LINE: usize = 600;

/// An output, perhaps cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    pub text: String,
    pub cut: bool,
}

/// Cuts a text to about `most` characters: up to a quarter for the head, then up to half of the rest for
/// lines about failures (`names` are failing tests), and the remaining room for the tail.
pub fn excerpt(text: &str, most: usize, names: &[String]) -> Excerpt {
    if text.chars().count() <= most {
        return Excerpt { text: text.to_owned(), cut: false };
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut keep = vec![false; lines.len()];
    let mut left = most;
    left -= take(&lines, &mut keep, 0..lines.len(), most / 4);
    let failures = (0..lines.len()).filter(|at| lines.get(*at).is_some_and(|line| is_failure(line, names)));
    let around = failures.flat_map(|at| at.saturating_sub(AROUND)..=at + AROUND);
    left -= take(&lines, &mut keep, around, left / 2);
    take(&lines, &mut keep, (0..lines.len()).rev(), left);
    Excerpt { text: joined(&lines, &keep), cut: true }
}

/// Marks lines to keep in the given order until the room is used up. Returns the room that they take.
fn take(lines: &[&str], keep: &mut [bool], order: impl Iterator<Item = usize>, room: usize) -> usize {
    let mut used = 0;
    for at in order {
        let (Some(line), Some(kept)) = (lines.get(at), keep.get_mut(at)) else { continue };
        if *kept {
            continue;
        }
        let size = line.chars().count().min(LINE) + 1;
        if used + size > room {
            break;
        }
        used += size;
        *kept = true;
    }
    used
}

fn joined(lines: &[&str], keep: &[bool]) -> String {
    let mut out = String::new();
    let mut missing = 0;
    for (line, kept) in lines.iter().zip(keep) {
        if !kept {
            missing += 1;
            continue;
        }
        add_gap(&mut out, missing);
        missing = 0;
        let shown = head(line, LINE);
        out.push_str(shown);
        out.push_str(if shown.len() < line.len() { " [...]\n" } else { "\n" });
    }
    add_gap(&mut out, missing);
    out
}

fn add_gap(out: &mut String, missing: usize) {
    if missing > 0 {
        out.push_str(&format!("[... {missing} lines left out ...]\n"));
    }
}

/// True if a line is about a failure.
fn is_failure(line: &str, names: &[String]) -> bool {
    list("failing_lines").iter().any(|sign| line.contains(sign))
        || names.iter().any(|name| line.contains(name.as_str()))
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Tests that ran and passed.
    pub tests: usize,
    /// Tests that the runner skipped.
    #[serde(default, skip_serializing_if = "is_default")]
    pub skipped: usize,
    /// The reason why the check proves nothing about tests, if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<String>,
    /// The words of the command that leave tests out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrowed: Vec<String>,
}

/// The proof that a check gives about tests. `foreign` names tests that are not the project's own.
pub fn proof(
    kind: Kind,
    status: Status,
    permitted: &Permitted,
    totals: Option<Totals>,
    foreign: Option<&str>,
) -> Proof {
    let words = &permitted.words;
    let count = |of: fn(&Totals) -> Option<usize>| totals.as_ref().and_then(of).unwrap_or(0);
    let tests = count(|totals| totals.passed);
    let lists = words.iter().find(|word| {
        list("runs_none").contains(&word.as_str()) || is_bound(pairs("runs_none_of"), words, word)
    });
    let seen = |must_be_seen: bool| {
        let of_others = foreign.map(|foreign| format!("{foreign} are not the project's own tests"));
        of_others
            .or_else(|| lists.map(|word| format!("`{word}` runs no test")))
            .or_else(|| (must_be_seen && tests == 0).then(|| "no test was seen to run".to_owned()))
    };
    let idle = match kind {
        Kind::UnitTest | Kind::Integration => seen(status == Status::Passed),
        // A script or a target may do anything, so only the summary of a runner proves that tests ran.
        Kind::Custom => seen(true),
        Kind::Lint | Kind::TypeCheck | Kind::Format | Kind::Build => {
            Some(format!("a check of type {} runs no test", kind.name()))
        }
    };
    let tests = if idle.is_none() && status == Status::Passed { tests } else { 0 };
    Proof {
        tests,
        skipped: count(|totals| totals.skipped),
        narrowed: narrowed(words, &permitted.arguments),
        idle,
    }
}

/// Options of unittest: the start directory, whose usual values leave no test out, and the top-level
/// directory, which never does.
const START: [&str; 2] = ["-s", "--start-directory"];
const WHOLE: [&str; 4] = ["tests", "test", ".", ""];
const TOP_LEVEL: [&str; 2] = ["-t", "--top-level-directory"];

/// True if a list has an option for a program of the command. The same option means other things elsewhere.
fn is_bound(of: &[(&str, &str)], words: &[String], option: &str) -> bool {
    let runs = |program: &str| words.iter().any(|word| word.rsplit('/').next() == Some(program));
    of.iter().any(|(program, bound)| *bound == option && runs(program))
}

/// The words of a command that choose among tests. Of the words without a dash only its `arguments` do; the
/// others are values of options.
fn narrowed(words: &[String], arguments: &[String]) -> Vec<String> {
    let at = |names: &[&str]| words.iter().position(|word| names.contains(&word.as_str()));
    let program = words.first().map(String::as_str).unwrap_or_default();
    // The runner's own options begin after `python -m pytest`, `cargo test` or `npm run unit`.
    // The words of `make` and `just` are targets, which choose no tests. Those of Maven and Gradle are goals, and
    // options may stand before them.
    let has_goals =
        ["mvn", "mvnw", "gradle", "gradlew"].contains(&program.rsplit('/').next().unwrap_or_default());
    let start = match (program, at(&["pytest", "unittest", "test", "jest", "vitest", "nextest"])) {
        ("make" | "just", _) => words.len(),
        _ if has_goals => 1,
        (_, Some(runner)) => runner + 1,
        ("npm" | "pnpm" | "yarn" | "bun", None) => at(&["run", "run-script"]).map_or(2, |run| run + 2),
        (_, None) => 1,
    };
    let mut rest = words.get(start..).unwrap_or_default().iter();
    let discovers = rest.as_slice().first().is_some_and(|word| word == "discover");
    let mut found = Vec::new();
    while let Some(word) = rest.next() {
        let (name, value) =
            word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        if discovers && TOP_LEVEL.contains(&name) {
            if value.is_none() {
                rest.next();
            }
            continue;
        }
        if discovers && START.contains(&name) {
            let directory = value.or_else(|| rest.next().map(String::as_str)).unwrap_or_default();
            if !WHOLE.contains(&directory.trim_start_matches("./").trim_end_matches('/')) {
                found.push(format!("{name} {directory}"));
            }
            continue;
        }
        let takes_value =
            list("narrows_by_value").contains(&name) || is_bound(pairs("narrows_by_value_of"), words, name);
        if takes_value && !word.contains('=') {
            found.push(rest.next().map_or_else(|| word.clone(), |value| format!("{word} {value}")));
        } else if takes_value
            || list("narrows").contains(&name)
            || !has_goals
                && arguments.contains(word)
                && !(word.starts_with('-') || matches!(word.as_str(), "./..." | "." | "discover" | "run"))
        {
            found.push(word.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::super::policy::Policy;
    use super::super::read::read;
    use super::super::rules::{VerificationRules, stays_inside};
    use super::*;
    use crate::domain::rule::RuleFile as _;

    fn judged(code: i32, runner: Option<&str>, output: &str) -> Status {
        let reading = read(runner, output, "");
        judge(End::Code(code), Told { reading: reading.as_ref(), runner, output })
    }

    #[test]
    fn a_run_that_breaks_off_with_success_has_crashed() {
        for (runner, output, status) in [
            (Some("unittest"), "", Status::Crashed),
            (Some("unittest"), "x-------\nRan 1 test in 0.000s\n\nOK\n", Status::Passed),
            (Some("pytest"), "===== test session starts =====\ncollected 2 items\n\na.py .", Status::Crashed),
            (Some("pytest"), "..F                  [100%]\n", Status::Passed),
            (Some("pytest"), "..\n2 passed in 0.00s\n", Status::Passed),
            (Some("pytest"), "", Status::Passed),
            (Some("mypy"), "", Status::Passed),
            (None, "", Status::Passed),
        ] {
            assert_eq!(judged(0, runner, output), status, "{runner:?} {output}");
        }
    }

    #[test]
    fn a_number_in_some_text_is_no_failure() {
        for text in [
            "14 ok, all green\n2 failed in staging are known, see #12\n",
            "2 failed in 3.00s\n",
            "  2 failing\n",
            "Tests: 1 failed, 1 total\n",
            "Tests  2 failed (2)\n",
            "test result: FAILED. 1 passed; 2 failed\n",
            "--- FAIL: TestOld (0.00s)\n",
            "FAIL\texample.com/old\t0.1s\n",
            "Tests run: 3, Failures: 2, Errors: 0, Skipped: 0 in the last release\n",
            "3 examples, 2 failures in the docs\n",
            "FAILED (failures=2)\n",
            "not ok 1 - known\n# fail 1\n",
            "50% tests passed, 1 tests failed out of 2 last week\n",
            "Failed: 3, Passed: 4\n",
            "src/a.ts(1,7): error TS2322: known\n",
            "error: could not compile `old` is what it said\n",
        ] {
            assert_eq!(judged(0, None, text), Status::Passed, "{text}");
        }
    }

    #[test]
    fn a_failure_without_a_reader_is_a_failure() {
        assert_eq!(judged(1, None, "something is wrong\n"), Status::Failed);
        assert_eq!(judged(3, Some("maven"), ""), Status::Failed);
        assert_eq!(judged(127, None, "sh: 1: nothing: not found\n"), Status::Error);
        assert_eq!(judged(1, None, "npm error Missing script: \"test\"\n"), Status::Error);
        assert_eq!(judged(1, None, "/usr/bin/python3: No module named pytest\n"), Status::Error);
        assert_eq!(judged(139, None, "\n"), Status::Crashed);
    }

    #[test]
    fn each_summary_of_a_script_counts() {
        let jest = "Test Suites: 1 failed, 1 total\nTests:       1 failed, 2 passed, 3 total\nSnapshots:   0 total\nTime:        1 s\n";
        let unittest = format!("{}\nRan 4 tests in 0.001s\n\nOK\n", "-".repeat(70));
        let both = format!("{jest}{unittest}");
        assert_eq!(judged(0, None, &both), Status::Failed);
        let reading = read(None, &both, "").unwrap();
        assert_eq!(
            (reading.runner, reading.totals.passed, reading.totals.failed),
            ("jest", Some(6), Some(1))
        );
        // Totals that do not add up are no summary.
        assert_eq!(judged(0, None, &jest.replace("3 total", "9 total")), Status::Passed);
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        assert_eq!(excerpt("a\nb\n", 10, &[]), Excerpt { text: "a\nb\n".to_owned(), cut: false });
    }

    #[test]
    fn head_tail_and_failures_are_kept() {
        let mut lines: Vec<String> = (0..5_000).map(|number| format!("line {number}")).collect();
        lines[2_500] = "test shop::low_items ... FAILED".to_owned();
        lines[3_000] = "something about cart_total here".to_owned();
        let cut = excerpt(&lines.join("\n"), 4_000, &["cart_total".to_owned()]);
        for line in
            ["line 0\n", "low_items ... FAILED", "line 2499\n", "cart_total", "line 4999\n", "lines left out"]
        {
            assert!(cut.text.contains(line), "{line}");
        }
        assert!(cut.cut && cut.text.chars().count() < 4_300);
    }

    #[test]
    fn one_endless_line_is_shortened() {
        let cut = excerpt(&format!("a\n{}\nb", "x".repeat(100_000)), 3_000, &[]);
        assert!(cut.cut && cut.text.chars().count() < 3_100, "{}", cut.text.len());
    }

    fn of(kind: Kind, command: &str, passed: Option<usize>) -> Proof {
        let totals = Totals { passed, ..Totals::default() };
        proof(kind, Status::Passed, &permitted(command), Some(totals), None)
    }

    /// A command as the shipped rules read it. One that no rule permits has all its words as arguments.
    fn permitted(command: &str) -> Permitted {
        static SHIPPED: LazyLock<Policy> = LazyLock::new(|| {
            let rules = include_str!("../../../conf/verification.yaml");
            Policy::new(&VerificationRules::from_yaml(rules).unwrap()).unwrap()
        });
        let judged = SHIPPED.judge(command, &stays_inside);
        judged.unwrap_or_else(|_| {
            let words = shlex::split(command).unwrap();
            let arguments = words.clone();
            Permitted {
                rule: String::new(),
                kind: Kind::Custom,
                runner: None,
                words,
                arguments,
                by_project: true,
            }
        })
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
        for command in [
            "ctest -V",
            "ctest --test-dir build -V -R core",
            "pytest -n0",
            "pytest -n 0 tests",
            "mvn -V -N test",
        ] {
            let found = of(Kind::UnitTest, command, Some(3));
            assert!(found.tests == 3 && found.idle.is_none(), "{command}: {found:?}");
        }
        for command in
            ["ctest -N", "ctest --show-only", "go test -list . ./...", "pytest -V", "./build/ctest -N"]
        {
            let found = of(Kind::UnitTest, command, Some(3));
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
            &permitted("pytest"),
            Some(Totals { passed: Some(2), ..Totals::default() }),
            None,
        );
        assert_eq!(failed.tests, 0);
        let foreign = proof(
            Kind::UnitTest,
            Status::Passed,
            &permitted("python -m unittest test.test_bool"),
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
            ("python3 -m unittest discover", vec![]),
            ("python3 -m unittest discover -s tests -t .", vec![]),
            ("python3 -m unittest discover --start-directory=./test/ --top-level-directory=.", vec![]),
            (
                "python3 -m unittest discover -s tests/unit -t src -p 'test_a*'",
                vec!["-s tests/unit", "-p test_a*"],
            ),
            ("cargo test -p core name", vec!["-p core", "name"]),
            ("go test ./... -run X", vec!["-run X"]),
            ("npm test", vec![]),
            ("make -j4 check lint", vec![]),
            ("npm run unit -- -t one src", vec!["-t one", "src"]),
            ("yarn unit", vec![]),
            ("bun test -t one", vec!["-t one"]),
            ("mvn -Dtest=Foo test", vec!["-Dtest=Foo"]),
            ("mvn -pl core test", vec!["-pl core"]),
            ("./gradlew --tests Foo test", vec!["--tests Foo"]),
            ("mvn test", vec![]),
            ("pytest --maxfail 1 --tb short -c pytest.ini b", vec!["b"]),
            ("pytest -n 2 --timeout 5 -p no:sugar b", vec!["b"]),
            ("pytest --cov b", vec![]),
            ("uv run --no-sync pytest --durations 3 -k one", vec!["-k one"]),
            ("python -m unittest -k one -p 'test_a*'", vec!["-k one", "-p test_a*"]),
            ("cargo test --features full --profile ci -p core", vec!["-p core"]),
            ("cargo test --test api -- --test-threads 1 name", vec!["--test api", "name"]),
            ("go test -count 1 -timeout 30s ./cart -p 4", vec!["./cart"]),
            ("npm test --workspace core -- --maxWorkers 2", vec!["--workspace core"]),
            ("node --test", vec![]),
            ("node --test --test-name-pattern one a.test.js", vec!["--test-name-pattern one", "a.test.js"]),
            ("vitest --run --reporter dot", vec![]),
            ("ctest --test-dir build -R core --timeout 9", vec!["-R core"]),
            ("./gradlew test --console plain --tests Foo", vec!["--tests Foo"]),
        ] {
            assert_eq!(of(Kind::UnitTest, command, Some(1)).narrowed, left_out, "{command}");
        }
    }
}

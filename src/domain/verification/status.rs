//! Outcome of a check.

use serde::{Deserialize, Serialize};

use super::read::{Does, Reading, Seen};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It ran, and what it checks holds.
    Passed,
    /// It ran, and a test failed or a linter found something.
    Failed,
    /// The code did not compile or load, so that nothing was tested.
    CompileError,
    /// It ran, and there was no test.
    NoTests,
    /// Its time was over, and it was ended with all that it started; or a test's own limit ended it.
    TimedOut,
    /// A signal ended it, or a test ended the whole run.
    Crashed,
    /// It wrote more than a check may; it was ended.
    OutputTooLarge,
    /// Its runner could not start: wrong arguments, a broken configuration, something missing.
    Error,
    /// It is not on this machine.
    NotFound,
    /// A rule refuses it; it was not run.
    Refused,
    /// The project has no such check.
    NothingToRun,
    /// An earlier one failed; it was not run.
    Skipped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this code.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// Its time was over.
    TimedOut,
    /// It wrote too much.
    TooLarge,
}

/// Known facts about a program beside its end.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub reading: Option<&'a Reading>,
    /// True if the rule names the runner, so that it is the runner's own exit code.
    pub is_known: bool,
    /// Both streams, in which a runner says why it could not start.
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
        (0, reading) => succeeded(reading, told.is_known),
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

/// Exit code 0 is the runner's word. Only a whole summary says otherwise: a script may swallow the code
/// of what it runs, and a run may end in the middle, or with nothing run.
fn succeeded(reading: Option<&Reading>, is_known: bool) -> Status {
    let Some(reading) = reading else {
        return Status::Passed;
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

/// A failure of which no summary says anything.
fn otherwise(code: i32, output: &str) -> Status {
    // A shell or a runner reports the signal of its child this way.
    const BY_SIGNAL: std::ops::RangeInclusive<i32> = 129..=159;
    // A shell says so of a program that is not there or cannot be started.
    const NO_PROGRAM: std::ops::RangeInclusive<i32> = 126..=127;
    if BY_SIGNAL.contains(&code) {
        Status::Crashed
    } else if NO_PROGRAM.contains(&code) || could_not_start(output) {
        Status::Error
    } else {
        Status::Failed
    }
}

/// Messages of runners that could not start: a line that begins with the one, and holds the other.
const NO_START: [(&str, &str); 48] = [
    ("", ": No module named pytest"),
    ("", ": No module named unittest"),
    ("", ": No module named mypy"),
    ("", ": No module named ruff"),
    ("", ": No module named black"),
    ("", ": No module named flake8"),
    ("", ": command not found"),
    ("ERROR: usage: ", ""),
    ("usage: ", ""),
    ("pytest: error:", ""),
    ("INTERNALERROR>", ""),
    ("ERROR: file or directory not found", ""),
    ("ERROR: not found: ", ""),
    ("npm error", "Missing script"),
    ("npm ERR!", "issing script"),
    ("npm error", "ENOENT"),
    ("npm ERR!", "ENOENT"),
    ("ERR_PNPM_", ""),
    (" ERR_PNPM_", ""),
    ("Usage Error: ", ""),
    ("Internal Error: ", "not part of the project"),
    ("error Command \"", "not found"),
    ("error: Script not found", ""),
    ("make: *** No rule to make target", ""),
    ("make: *** No targets", ""),
    ("error: Justfile does not contain recipe", ""),
    ("error: could not find `Cargo.toml`", ""),
    ("error: no such command", ""),
    ("error: unexpected argument", ""),
    ("error: failed to parse manifest", ""),
    ("error: no ", " target named "),
    ("error: package ID specification", ""),
    ("go: ", "go.mod file not found"),
    ("flag provided but not defined", ""),
    ("node: bad option", ""),
    ("● Validation Error", ""),
    ("Oops! Something went wrong", ""),
    ("ESLint couldn't find", ""),
    ("[ERROR] The goal you specified requires a project", ""),
    ("[ERROR] Unknown lifecycle phase", ""),
    ("[ERROR] The build could not read", ""),
    ("[ERROR] Plugin ", "could not be resolved"),
    ("Task '", "' not found"),
    ("MSBUILD : error MSB1003", ""),
    ("Could not open input file", ""),
    ("Cannot open file", ""),
    ("Test directory \"", "not found"),
    ("Failed to change working directory", ""),
];

fn could_not_start(output: &str) -> bool {
    output.lines().any(|line| {
        let line = line.trim_end();
        NO_START.iter().any(|(start, inside)| line.starts_with(start) && line.contains(inside))
    })
}

#[cfg(test)]
mod tests {
    use super::super::read::read;
    use super::*;

    fn judged(code: i32, runner: Option<&str>, output: &str) -> Status {
        let reading = read(runner, output, "");
        judge(End::Code(code), Told { reading: reading.as_ref(), is_known: runner.is_some(), output })
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
}

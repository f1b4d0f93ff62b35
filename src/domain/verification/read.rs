//! Reads the output of test runners, linters and compilers: totals, failures, and the state of the run.
//!
//! A reader trusts only the whole summary of its own runner: in the form and at the place in which that
//! runner prints it, with totals that add up. Any other number in a text is prose. `readers.yaml` describes
//! the readers; code reads what patterns cannot.

mod go;
mod javascript;
mod python;
mod reader;
mod rust;

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::domain::order::Order;
use crate::domain::plain::plain;

/// The most names that a reading lists. The totals count all of them.
const MOST_NAMES: usize = 100;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    pub runner: &'static str,
    pub totals: Totals,
    /// The tests that failed, or the places that a linter or a compiler names.
    pub failing: Vec<String>,
    /// The number of further names, which are not listed.
    #[serde(skip)]
    pub left_out: usize,
    #[serde(skip)]
    pub seen: Seen,
    #[serde(skip)]
    pub does: Does,
}

/// The state of a run, as its output shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// The runner printed its summary: the run came to its end.
    #[default]
    End,
    /// The code did not compile or load, so that nothing was tested.
    Broken,
    /// No test ran.
    NoTests,
    /// The run began and did not end, or a test ended the whole run.
    Crash,
    /// A test exceeded its time limit and ended the whole run.
    TimeOut,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    #[default]
    Test,
    /// It examines the code without running it, like a linter or a compiler.
    Look,
}

impl Reading {
    /// An empty reading of a runner's output.
    fn of(runner: &'static str) -> Self {
        Self { runner, ..Self::default() }
    }

    fn seen(self, seen: Seen) -> Self {
        Self { seen, ..self }
    }

    fn is_test_end(&self) -> bool {
        self.does == Does::Test && matches!(self.seen, Seen::End | Seen::NoTests | Seen::Broken)
    }

    /// True if the output reports any failure.
    pub fn found(&self) -> bool {
        self.totals.bad() > 0 || !self.failing.is_empty()
    }

    /// Merges the readings of two runs of one check.
    fn and(mut self, other: Self) -> Self {
        self.totals = self.totals.and(&other.totals);
        self.failing.extend(other.failing);
        self.seen = match (self.seen, other.seen) {
            (Seen::End, Seen::NoTests) => Seen::End,
            (Seen::NoTests | Seen::End, seen) | (seen, _) => seen,
        };
        self
    }
}

/// Totals. None if the output does not say.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Tests that passed.
    pub passed: Option<usize>,
    /// Tests that failed.
    pub failed: Option<usize>,
    /// Tests that were skipped.
    pub skipped: Option<usize>,
    /// Errors in addition to failing tests, or findings of a linter or a compiler.
    pub errors: Option<usize>,
    pub warnings: Option<usize>,
}

impl Totals {
    /// Failures and errors.
    pub fn bad(&self) -> usize {
        self.failed.unwrap_or(0) + self.errors.unwrap_or(0)
    }

    /// Tests that ran.
    fn ran(&self) -> usize {
        self.passed.unwrap_or(0) + self.bad()
    }

    fn and(&self, other: &Self) -> Self {
        Self {
            passed: sum([self.passed, other.passed]),
            failed: sum([self.failed, other.failed]),
            skipped: sum([self.skipped, other.skipped]),
            errors: sum([self.errors, other.errors]),
            warnings: sum([self.warnings, other.warnings]),
        }
    }
}

/// The output of a check without terminal colours.
struct Output {
    stdout: String,
    stderr: String,
    /// Stdout followed by stderr.
    both: String,
}

impl Output {
    fn of(stdout: String, stderr: String) -> Self {
        Self { both: format!("{stdout}\n{stderr}"), stdout, stderr }
    }
}

/// Code that reads an output if no case of the reader applies.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Code {
    Cargo,
    Compiler,
    Go,
    Pytest,
    Unittest,
}

/// Code that finds the names of failing tests.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NamesBy {
    Mocha,
    Node,
    Pytest,
}

fn read_by(code: Code, runner: &'static str, output: &Output) -> Option<Reading> {
    match code {
        Code::Cargo => rust::cargo(output),
        Code::Compiler => rust::compiler(&output.both, runner),
        Code::Go => go::go(output),
        Code::Pytest => python::pytest_marks(output),
        Code::Unittest => python::unittest(output),
    }
}

fn name_by(by: NamesBy, output: &Output, reading: &mut Reading) {
    match by {
        NamesBy::Mocha => reading.failing = javascript::mocha_names(&output.both),
        NamesBy::Node => javascript::node_names(&output.stdout, reading),
        NamesBy::Pytest => reading.failing = python::pytest_names(output, reading),
    }
}

/// Reads an output with the reader of its runner. If the runner is unknown, the command may be a script that
/// starts several runners: every reader that is not `is_alone` reads it, and every summary found counts.
pub fn read(runner: Option<&str>, stdout: &str, stderr: &str) -> Option<Reading> {
    let output = Output::of(plain(stdout).into_owned(), plain(stderr).into_owned());
    let mut named = reader::all().iter().filter(|reader| runner == Some(reader.runner.as_str())).peekable();
    let reading = match named.peek() {
        Some(_) => named.find_map(|reader| reader.read(&output)),
        None => {
            let whole = read_by_all(&output);
            match whole {
                Some(Reading { does: Does::Test, .. }) => whole,
                Some(_) | None => read_packages(&output).or(whole),
            }
        }
    };
    reading.map(|mut reading| {
        reading.failing = distinct(reading.failing);
        reading.left_out = reading.failing.len().saturating_sub(MOST_NAMES);
        reading.failing.truncate(MOST_NAMES);
        reading
    })
}

/// The names without duplicates.
fn distinct(names: Vec<String>) -> Vec<String> {
    names.into_iter().collect::<IndexSet<_>>().into_iter().collect()
}

/// The combined reading of all readers: finished test runs first, else the best of the others (those with
/// failures first, tests before linters).
fn read_by_all(output: &Output) -> Option<Reading> {
    let readers = reader::all().iter().filter(|reader| !reader.is_alone);
    let (mut ends, mut others) = (Vec::new(), Vec::new());
    for reading in readers.filter_map(|reader| reader.read(output)) {
        if reading.is_test_end() { ends.push(reading) } else { others.push(reading) }
    }
    // Readings with failures come first, because the first one gives the name of the runner.
    ends.order_by_key(|reading| !reading.found());
    ends.into_iter().reduce(Reading::and).or_else(|| {
        others.order_by_key(|reading| (!reading.found(), reading.does == Does::Look));
        others.into_iter().next()
    })
}

/// The combined reading of the tests of all packages, if the lines of an output begin with packages.
fn read_packages(output: &Output) -> Option<Reading> {
    let mut tests: Vec<Reading> = reader::packages(output).iter().filter_map(read_by_all).collect();
    tests.retain(|reading| reading.does == Does::Test);
    tests.order_by_key(|reading| !reading.found());
    tests.into_iter().reduce(Reading::and)
}

/// The sum of the known numbers; None if none is known.
fn sum<const N: usize>(numbers: [Option<usize>; N]) -> Option<usize> {
    numbers.into_iter().flatten().reduce(|left, right| left + right)
}

/// The last line for which `holds` is true.
fn last(text: &str, holds: impl Fn(&str) -> bool) -> Option<&str> {
    text.lines().rev().find(|line| holds(line))
}

/// A name without the time after it: `total [0.26ms]`, `total (25.1ms)`.
fn untimed(name: &str) -> &str {
    for (open, close) in [(" [", "]"), (" (", ")")] {
        if let Some((bare, time)) =
            name.trim_end().strip_suffix(close).and_then(|rest| rest.rsplit_once(open))
            && time.starts_with(|letter: char| letter.is_ascii_digit() || letter == '<')
            && time.ends_with('s')
        {
            return bare.trim_end();
        }
    }
    name.trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_times_are_taken_off() {
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m"), "red");
        assert_eq!(untimed("cart > total (net) [0.26ms]"), "cart > total (net)");
        assert_eq!(untimed("cart (s)"), "cart (s)");
    }

    /// Lines that a runner prints only with some settings stand between those of its summary.
    #[test]
    fn a_summary_may_have_more_lines() {
        let totals = |output: &str| {
            let Totals { passed, failed, errors, .. } = read(None, output, "").unwrap().totals;
            (passed, failed, errors)
        };
        let vitest = " Test Files  1 passed (1)\n      Tests  2 passed (2)\nType Errors  no errors\n     Errors  1 error\n   Start at  10:00:00\n   Duration  6ms\n";
        assert_eq!(totals(vitest), (Some(2), None, Some(1)));
        let dotnet = "Test run summary: Failed!\n  error: 1\n\n  total: 3\n  failed: 1\n  succeeded: 2\n  skipped: 0\n  duration: 1s 2ms\n";
        assert_eq!(totals(dotnet), (Some(2), Some(1), None));
    }

    #[test]
    fn a_test_that_prints_a_summary_to_stderr_is_not_believed() {
        let summary = "# tests 1\n# suites 0\n# pass 1\n# fail 0\n# cancelled 0\n# skipped 0\n# todo 0\n# duration_ms 5\n";
        let passed = |stdout, stderr| read(Some("node"), stdout, stderr).and_then(|read| read.totals.passed);
        assert_eq!(passed(summary, ""), Some(1));
        assert_eq!(passed(summary, summary), Some(1));
        assert_eq!(passed("", summary), None);
    }
}

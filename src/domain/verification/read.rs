//! Reads the output of test runners, linters and compilers: totals, what failed, and whether it
//! came to testing at all.
//!
//! A reader decides only from its runner's own summary, as a whole: in the form and at the place in
//! which that runner prints it, with totals that add up. Any other number in a text is prose.
//! `readers.yaml` says how; what needs more than patterns is read by code.

mod go;
mod javascript;
mod python;
mod reader;
mod rust;

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::domain::order::Order;

/// Most names that a reading lists; the totals count all.
const MOST_NAMES: usize = 100;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    pub runner: &'static str,
    pub totals: Totals,
    /// The tests that failed, or the places that a linter or a compiler names.
    pub failing: Vec<String>,
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
    /// The runner's own summary: it came to its end.
    #[default]
    End,
    /// The code did not compile or load, so that nothing was tested.
    Broken,
    /// No test ran.
    NoTests,
    /// It began, and there is no end of it; or a test took the whole run with it.
    Crash,
    /// A test ran out of its time, and took the run with it.
    TimeOut,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    #[default]
    Test,
    /// It looks at the code.
    Look,
}

impl Reading {
    /// A reading of that runner's output.
    fn of(runner: &'static str) -> Self {
        Self { runner, ..Self::default() }
    }

    fn seen(self, seen: Seen) -> Self {
        Self { seen, ..self }
    }

    fn is_test_end(&self) -> bool {
        self.does == Does::Test && matches!(self.seen, Seen::End | Seen::NoTests | Seen::Broken)
    }

    /// True if anything failed, by its own words.
    pub fn found(&self) -> bool {
        self.totals.bad() > 0 || !self.failing.is_empty()
    }

    /// Two runs of one check as one.
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

/// Totals, as far as the output says them.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Tests that passed.
    pub passed: Option<usize>,
    /// Tests that failed.
    pub failed: Option<usize>,
    /// Tests that were left out.
    pub skipped: Option<usize>,
    /// Errors beside failing tests; findings of a linter or a compiler.
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

/// The output of a check, without the colours of a terminal.
struct Output {
    stdout: String,
    stderr: String,
    /// Both, one behind the other.
    both: String,
}

/// Code that reads what is left after the cases.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Code {
    Cargo,
    Compiler,
    Go,
    Unittest,
}

/// Code that finds the names.
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

/// Reads an output: by the reader of its runner, where one is known. A script may start anything, so
/// without a name everybody reads who finds its own summary, and all of them count.
pub fn read(runner: Option<&str>, stdout: &str, stderr: &str) -> Option<Reading> {
    let output =
        Output { stdout: plain(stdout), stderr: plain(stderr), both: plain(&format!("{stdout}\n{stderr}")) };
    let reading = match reader::all().iter().find(|reader| runner == Some(reader.runner.as_str())) {
        Some(reader) => reader.read(&output),
        None => anybodys(&output),
    };
    reading.map(|mut reading| {
        reading.failing = distinct(reading.failing);
        reading.left_out = reading.failing.len().saturating_sub(MOST_NAMES);
        reading.failing.truncate(MOST_NAMES);
        reading
    })
}

/// Names, each once.
fn distinct(names: Vec<String>) -> Vec<String> {
    names.into_iter().collect::<IndexSet<_>>().into_iter().collect()
}

/// Returns what everybody reads together: tests before what only looks at the code, ends before beginnings.
fn anybodys(output: &Output) -> Option<Reading> {
    let readers = reader::all().iter().filter(|reader| !reader.is_alone);
    let (mut ends, mut others) = (Vec::new(), Vec::new());
    for reading in readers.filter_map(|reader| reader.read(output)) {
        if reading.is_test_end() { ends.push(reading) } else { others.push(reading) }
    }
    // The first reader that found failures, because its name is reported.
    ends.order_by_key(|reading| !reading.found());
    ends.into_iter().reduce(Reading::and).or_else(|| {
        others.order_by_key(|reading| (!reading.found(), reading.does == Does::Look));
        others.into_iter().next()
    })
}

/// The text without the colours of a terminal.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\u{1b}' {
            out.push(letter);
            continue;
        }
        if letters.next() == Some('[') {
            letters.by_ref().find(char::is_ascii_alphabetic);
        }
    }
    out.replace("\r\n", "\n")
}

/// Adds up what may be there or not.
fn sum<const N: usize>(numbers: [Option<usize>; N]) -> Option<usize> {
    numbers.into_iter().flatten().reduce(|left, right| left + right)
}

/// The last line for which something holds.
fn last(text: &str, holds: impl Fn(&str) -> bool) -> Option<&str> {
    text.lines().rev().find(|line| holds(line))
}

/// A name without the time behind it: `total [0.26ms]`, `total (25.1ms)`.
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

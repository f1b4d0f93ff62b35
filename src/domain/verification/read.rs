//! Reads the output of test runners, linters and compilers: totals, what failed, and whether it
//! came to testing at all.
//!
//! A reader decides only from its runner's own summary, as a whole: in the form and at the place in
//! which that runner prints it, with totals that add up. Any other number in a text is prose.

mod go;
mod javascript;
mod jvm;
mod lines;
mod lint;
mod native;
mod python;
mod rust;

use serde::Serialize;
use serde_with::skip_serializing_none;

/// Most names that a reading lists; the totals count all.
const MOST_NAMES: usize = 100;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    pub runner: &'static str,
    /// Totals.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Does {
    /// It tests.
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
    /// Warnings.
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
        let sum = |one: Option<usize>, other: Option<usize>| lines::sum([one, other].into_iter());
        Self {
            passed: sum(self.passed, other.passed),
            failed: sum(self.failed, other.failed),
            skipped: sum(self.skipped, other.skipped),
            errors: sum(self.errors, other.errors),
            warnings: sum(self.warnings, other.warnings),
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

type Reader = fn(&Output) -> Option<Reading>;

/// Every reader by the runner it reads.
const READERS: [(&str, Reader); 25] = [
    ("nextest", rust::nextest),
    ("cargo", rust::cargo),
    ("pytest", python::pytest),
    ("unittest", python::unittest),
    ("jest", javascript::jest),
    ("vitest", javascript::vitest),
    ("mocha", javascript::mocha),
    ("node", javascript::node),
    ("bun", javascript::bun),
    ("go", go::go),
    ("maven", jvm::maven),
    ("gradle", jvm::gradle),
    ("dotnet", native::dotnet),
    ("rspec", native::rspec),
    ("phpunit", native::phpunit),
    ("ctest", native::ctest),
    ("mix", native::mix),
    ("swift", native::swift),
    ("clippy", rust::clippy),
    ("tsc", lint::tsc),
    ("eslint", lint::eslint),
    ("mypy", lint::mypy),
    ("ruff", lint::ruff),
    ("formatter", lint::formatter),
    ("gofmt", lint::gofmt),
];

/// Reads an output: by the reader of its runner, where one is known. A script may start anything, so
/// without a name everybody reads who finds its own summary, and all of them count.
pub fn read(runner: Option<&str>, stdout: &str, stderr: &str) -> Option<Reading> {
    let output = Output {
        stdout: lines::plain(stdout),
        stderr: lines::plain(stderr),
        both: lines::plain(&format!("{stdout}\n{stderr}")),
    };
    let reading = match READERS.iter().find(|(name, _)| runner == Some(*name)) {
        Some((_, reader)) => reader(&output),
        None => anybodys(&output),
    };
    reading.map(|mut reading| {
        let mut seen = std::collections::HashSet::new();
        reading.failing.retain(|name| seen.insert(name.clone()));
        reading.left_out = reading.failing.len().saturating_sub(MOST_NAMES);
        reading.failing.truncate(MOST_NAMES);
        reading
    })
}

/// Returns what everybody reads together: tests before what only looks at the code, ends before beginnings.
fn anybodys(output: &Output) -> Option<Reading> {
    // A list of files is only known for one by who wrote it.
    let readers = READERS.iter().filter(|(name, _)| *name != "gofmt");
    let (mut ends, mut others) = (Vec::new(), Vec::new());
    for reading in readers.filter_map(|(_, reader)| reader(output)) {
        if reading.is_test_end() { ends.push(reading) } else { others.push(reading) }
    }
    // Whoever found failures first, so that its name is the one that is told.
    ends.sort_by_key(|reading| !reading.found());
    ends.into_iter().reduce(Reading::and).or_else(|| {
        others.sort_by_key(|reading| (!reading.found(), reading.does == Does::Look));
        others.into_iter().next()
    })
}

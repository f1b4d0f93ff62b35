//! Reads the output of test runners, linters and compilers: totals, what failed, and whether it
//! came to testing at all.

mod go;
mod javascript;
mod lines;
mod lint;
mod python;
mod rust;

use serde::Serialize;

/// Most names that a reading lists; the totals count all.
const MOST_NAMES: usize = 100;

/// What an output says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// Whose output it is.
    pub runner: &'static str,
    /// Totals.
    pub totals: Totals,
    /// The tests that failed, or the places that a linter or a compiler names.
    pub failing: Vec<String>,
    /// How many more failed than are listed.
    #[serde(skip)]
    pub left_out: usize,
    /// The code did not compile or load, so that nothing was tested.
    #[serde(skip)]
    pub broken: bool,
    /// No test ran.
    #[serde(skip)]
    pub no_tests: bool,
}

/// Totals, as far as the output says them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Tests that passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<usize>,
    /// Tests that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<usize>,
    /// Tests that were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<usize>,
    /// Errors beside failing tests; findings of a linter or a compiler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<usize>,
    /// Warnings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<usize>,
}

impl Totals {
    /// Failures and errors.
    #[must_use]
    pub fn bad(&self) -> usize {
        self.failed.unwrap_or(0) + self.errors.unwrap_or(0)
    }
}

type Reader = fn(&str) -> Option<Reading>;

/// Every reader by the runner it reads, the surest signs first.
const READERS: [(&str, Reader); 16] = [
    ("nextest", rust::nextest),
    ("cargo", rust::cargo),
    ("pytest", python::pytest),
    ("unittest", python::unittest),
    ("jest", javascript::jest),
    ("vitest", javascript::vitest),
    ("mocha", javascript::mocha),
    ("node", javascript::node),
    ("go", go::go),
    ("clippy", rust::clippy),
    ("tsc", lint::tsc),
    ("eslint", lint::eslint),
    ("mypy", lint::mypy),
    ("ruff", lint::ruff),
    ("formatter", lint::formatter),
    ("gofmt", lint::gofmt),
];

/// Reads an output: by the reader of its runner, where one is known, else by whoever understands
/// it (a script may start anything).
#[must_use]
pub fn read(runner: Option<&str>, stdout: &str, stderr: &str) -> Option<Reading> {
    let text = lines::plain(&format!("{stdout}\n{stderr}"));
    let own = READERS.iter().filter(|(name, _)| runner == Some(*name));
    // A list of files is only known for one by who wrote it.
    let others = READERS.iter().filter(|(name, _)| runner != Some(*name) && *name != "gofmt");
    own.chain(others).find_map(|(_, reader)| reader(&text)).map(|mut reading| {
        reading.failing.dedup();
        reading.left_out = reading.failing.len().saturating_sub(MOST_NAMES);
        reading.failing.truncate(MOST_NAMES);
        reading
    })
}

//! Reads the output of test runners, linters and compilers: totals, what failed, and whether it
//! came to testing at all.
//!
//! A reader decides only from its runner's own summary, as a whole: in the form and at the place in
//! which that runner prints it, with totals that add up. Any other number in a text is prose.

mod go;
mod javascript;
mod jvm;
mod native;
mod python;
mod rust;

use serde::Serialize;
use serde_with::skip_serializing_none;

use crate::domain::order::Order;

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
        let sum = |one: Option<usize>, other: Option<usize>| sum([one, other].into_iter());
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
    ("tsc", tsc),
    ("eslint", eslint),
    ("mypy", mypy),
    ("ruff", ruff),
    ("formatter", formatter),
    ("gofmt", gofmt),
];

/// Reads an output: by the reader of its runner, where one is known. A script may start anything, so
/// without a name everybody reads who finds its own summary, and all of them count.
pub fn read(runner: Option<&str>, stdout: &str, stderr: &str) -> Option<Reading> {
    let output =
        Output { stdout: plain(stdout), stderr: plain(stderr), both: plain(&format!("{stdout}\n{stderr}")) };
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

/// `3 failed, 2 passed` as numbers and their words; none where a part is anything else.
fn counted<'t>(text: &'t str, separator: &str) -> Option<Vec<(usize, &'t str)>> {
    text.split(separator)
        .map(|part| {
            let (number, word) = part.trim().split_once(' ')?;
            Some((number.parse().ok()?, word.trim()))
        })
        .collect()
}

/// The number of one of these words.
fn of(counts: &[(usize, &str)], words: &[&str]) -> Option<usize> {
    sum(counts.iter().map(|(number, word)| words.contains(word).then_some(*number)))
}

/// True if every word is one of these.
fn only(counts: &[(usize, &str)], words: &[&str]) -> bool {
    counts.iter().all(|(_, word)| words.contains(word))
}

/// The number before one of these words in a line such as `3 failed, 2 passed`.
fn count(line: &str, words: &[&str]) -> Option<usize> {
    let mut last = None;
    for token in line.split_whitespace() {
        let bare = token.trim_matches(|letter: char| !letter.is_alphanumeric());
        if let Some(number) = last
            && words.contains(&bare)
        {
            return Some(number);
        }
        last = bare.parse().ok();
    }
    None
}

/// The numbers behind their keys in a line such as `Tests run: 3, Failures: 1`, or with `=`; none where
/// a part is anything else.
fn keyed<'t>(text: &'t str, is: &str) -> Option<Vec<(usize, &'t str)>> {
    text.split(',')
        .map(|part| {
            let (key, number) = part.trim().split_once(is)?;
            Some((number.trim().parse().ok()?, key.trim()))
        })
        .collect()
}

/// Adds up what may be there or not.
fn sum(numbers: impl Iterator<Item = Option<usize>>) -> Option<usize> {
    numbers.flatten().reduce(|left, right| left + right)
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

fn findings(runner: &'static str, errors: usize, warnings: Option<usize>, failing: Vec<String>) -> Reading {
    let totals = Totals { errors: Some(errors), warnings, ..Totals::default() };
    Reading { runner, totals, failing, does: Does::Look, ..Reading::default() }
}

/// `a.ts(1,7): error TS2322: ...`, or with `--pretty` `a.ts:1:7 - error TS2322: ...`.
fn tsc(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let failing: Vec<String> =
        text.lines().filter(|line| line.contains("error TS")).map(|line| line.trim().to_owned()).collect();
    (!failing.is_empty()).then(|| findings("tsc", failing.len(), None, failing))
}

/// A file on a line of its own, and `  1:7  error  ...  rule` below it.
fn eslint(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let end = last(text, |line| line.starts_with('✖') && line.contains("problem"))?;
    let mut failing = Vec::new();
    let mut file = "";
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if !line.starts_with(' ') {
            file = line.trim();
        } else if let (Some(at), Some("error")) = (words.next(), words.next())
            && at.contains(':')
        {
            failing.push(format!("{file}:{at} {}", words.collect::<Vec<_>>().join(" ")));
        }
    }
    let errors = count(end, &["error", "errors"]).unwrap_or(failing.len());
    Some(findings("eslint", errors, count(end, &["warning", "warnings"]), failing))
}

fn mypy(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    if text.contains("Success: no issues found in") {
        return Some(findings("mypy", 0, None, Vec::new()));
    }
    let end =
        last(text, |line| line.starts_with("Found ") && line.contains(" in ") && line.contains(" file"))?;
    let failing: Vec<String> =
        text.lines().filter(|line| line.contains(": error: ")).map(str::to_owned).collect();
    Some(findings("mypy", count(end, &["error", "errors"])?, None, failing))
}

/// The full form, ` --> a.py:1:8` below the message, and the concise one, `a.py:1:8: F401 ...`.
fn ruff(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    if text.lines().any(|line| line == "All checks passed!") {
        return Some(findings("ruff", 0, None, Vec::new()));
    }
    let end = last(text, |line| line.starts_with("Found ") && line.contains(" error"))?;
    let mut failing = Vec::new();
    let mut message = "";
    for line in text.lines() {
        match line.trim_start().strip_prefix("--> ") {
            Some(at) => failing.push(format!("{at} {message}")),
            None if line.contains(".py:") && line.contains(": ") && !line.starts_with(' ') => {
                failing.push(line.to_owned());
            }
            None => message = line,
        }
    }
    Some(findings("ruff", count(end, &["error", "errors"])?, None, failing))
}

/// The files that black, isort, prettier, ruff, rustfmt would change.
fn formatter(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let name = |line: &str| {
        let file = line
            .strip_prefix("would reformat ")
            .or_else(|| line.strip_prefix("Would reformat: "))
            .or_else(|| line.strip_prefix("[warn] ").filter(|file| !file.contains("Run Prettier")))
            .or_else(|| line.strip_prefix("Diff in ").map(|rest| rest.split(' ').next().unwrap_or(rest)));
        file.map(|file| file.trim_end_matches(':').to_owned())
    };
    let failing: Vec<String> = text.lines().filter_map(name).collect();
    (!failing.is_empty()).then(|| findings("formatter", failing.len(), None, failing))
}

/// gofmt -l prints the files that it would change, and exits with 0.
fn gofmt(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let is_file = |line: &&str| std::path::Path::new(line).extension().is_some_and(|end| end == "go");
    let failing: Vec<String> = text.lines().filter(is_file).map(str::to_owned).collect();
    (!failing.is_empty()).then(|| findings("gofmt", failing.len(), None, failing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_words() {
        assert_eq!(counted("3 failed, 2 passed", ", "), Some(vec![(3, "failed"), (2, "passed")]));
        assert_eq!(counted("2 failed in staging, see #12", ", "), None);
        assert_eq!(count("Tests  1 failed | 1 passed (2)", &["failed"]), Some(1));
        assert_eq!(count("nothing failed", &["failed"]), None);
        assert_eq!(
            keyed("failures=1, expected failures=12", "="),
            Some(vec![(1, "failures"), (12, "expected failures")])
        );
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m"), "red");
        assert_eq!(untimed("cart > total (net) [0.26ms]"), "cart > total (net)");
        assert_eq!(untimed("cart (s)"), "cart (s)");
    }
}

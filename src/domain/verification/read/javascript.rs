//! jest, vitest, mocha and node's own runner.

use super::lines::{count, last};
use super::{Reading, Totals};

pub(super) fn jest(text: &str) -> Option<Reading> {
    if text.contains("No tests found, exiting with code") {
        return Some(Reading { runner: "jest", no_tests: true, ..Reading::default() });
    }
    let end = last(text, |line| line.starts_with("Tests:") && count(line, &["total"]).is_some())?;
    let totals = totals(end, ["passed", "failed", "skipped"]);
    let mut failing = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.trim_start().strip_prefix("● ")
            && name.contains(" › ") | !name.contains("Test suite failed to run")
            && !failing.iter().any(|known| known == name)
        {
            failing.push(name.to_owned());
        }
    }
    let suites_failed =
        last(text, |line| line.starts_with("Test Suites:")).and_then(|line| count(line, &["failed"]));
    let nothing = count(end, &["total"]) == Some(0);
    let broken = suites_failed.is_some() && totals.failed.is_none();
    Some(Reading { runner: "jest", totals, failing, broken, no_tests: nothing && !broken, left_out: 0 })
}

pub(super) fn vitest(text: &str) -> Option<Reading> {
    if text.contains("No test files found, exiting with code") {
        return Some(Reading { runner: "vitest", no_tests: true, ..Reading::default() });
    }
    let end = last(text, |line| line.trim_start().starts_with("Tests  "));
    let files = last(text, |line| line.trim_start().starts_with("Test Files  "))?;
    let totals = totals(end.unwrap_or_default(), ["passed", "failed", "skipped"]);
    let names = text.lines().filter_map(|line| line.trim_start().strip_prefix("FAIL  "));
    let failing: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
    let broken = count(files, &["failed"]).is_some() && totals.failed.is_none();
    Some(Reading {
        runner: "vitest",
        no_tests: totals == Totals::default() && !broken,
        totals,
        failing,
        broken,
        left_out: 0,
    })
}

pub(super) fn mocha(text: &str) -> Option<Reading> {
    let word = |word: &'static str| {
        let is_it = move |line: &str| line.split_whitespace().nth(1) == Some(word);
        last(text, |line| line.starts_with("  ") && is_it(line)).and_then(|line| count(line, &[word]))
    };
    let totals = Totals {
        passed: word("passing"),
        failed: word("failing"),
        skipped: word("pending"),
        ..Totals::default()
    };
    totals.passed.or(totals.failed)?;
    let no_tests = totals.passed == Some(0) && totals.failed.is_none();
    Some(Reading {
        runner: "mocha",
        totals,
        failing: mocha_names(text),
        no_tests,
        broken: false,
        left_out: 0,
    })
}

/// `1) suite`, and deeper on the lines below it the names down to the test, which ends with `:`.
fn mocha_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut lines = text.lines().skip_while(|line| count(line, &["failing"]).is_none());
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        let Some((number, first)) = trimmed.split_once(") ") else { continue };
        if number.parse::<usize>().is_err() {
            continue;
        }
        let mut parts = vec![first.to_owned()];
        while !parts.last().is_some_and(|part| part.ends_with(':')) {
            match lines.next().map(str::trim).filter(|part| !part.is_empty()) {
                Some(part) => parts.push(part.to_owned()),
                None => break,
            }
        }
        names.push(parts.join(" › ").trim_end_matches(':').to_owned());
    }
    names
}

pub(super) fn node(text: &str) -> Option<Reading> {
    let number = |key: &str| {
        text.lines().rev().find_map(|line| {
            let rest = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "))?;
            rest.strip_prefix(key)?.trim().parse().ok()
        })
    };
    let totals = Totals {
        passed: number("pass "),
        failed: number("fail "),
        skipped: number("skipped "),
        ..Totals::default()
    };
    let all: usize = number("tests ")?;
    totals.passed?;
    let tap = text.lines().filter_map(|line| line.trim_start().strip_prefix("not ok ")?.split_once(" - "));
    let failing: Vec<String> = tap.map(|(_, name)| name.to_owned()).collect();
    Some(Reading { runner: "node", totals, failing, no_tests: all == 0, broken: false, left_out: 0 })
}

fn totals(line: &str, [passed, failed, skipped]: [&str; 3]) -> Totals {
    Totals {
        passed: count(line, &[passed]),
        failed: count(line, &[failed]),
        skipped: count(line, &[skipped]),
        ..Totals::default()
    }
}

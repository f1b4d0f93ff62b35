//! cargo test, nextest, clippy, and the compiler beneath them.

use super::lines::{count, last, sum};
use super::{Reading, Totals};

pub(super) fn cargo(text: &str) -> Option<Reading> {
    let ends: Vec<&str> = text.lines().filter(|line| line.starts_with("test result: ")).collect();
    if ends.is_empty() {
        return compiler(text, "cargo");
    }
    let all = |word: &'static str| sum(ends.iter().map(|line| count(line, &[word])));
    let totals =
        Totals { passed: all("passed"), failed: all("failed"), skipped: all("ignored"), ..Totals::default() };
    let failing = text.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let failing = failing.map(|name| name.trim_end_matches(" - should panic").to_owned()).collect();
    let ran = totals.passed.unwrap_or(0) + totals.failed.unwrap_or(0);
    // A doc test that does not compile comes after tests that ran.
    let broken = totals.failed == Some(0) && text.contains("error: could not compile");
    Some(Reading { runner: "cargo", totals, failing, no_tests: ran == 0 && !broken, broken, left_out: 0 })
}

pub(super) fn nextest(text: &str) -> Option<Reading> {
    let end = last(text, |line| line.trim_start().starts_with("Summary [") && line.contains("run:"));
    let Some(end) = end else {
        return text.contains("Nextest run ID").then(|| compiler(text, "nextest")).flatten();
    };
    let totals = Totals {
        passed: count(end, &["passed"]),
        failed: sum(["failed", "timed", "exec"].into_iter().map(|word| count(end, &[word]))),
        skipped: count(end, &["skipped"]),
        ..Totals::default()
    };
    let mut failing: Vec<String> = Vec::new();
    for name in text.lines().filter_map(nextest_name) {
        if !failing.contains(&name) {
            failing.push(name);
        }
    }
    let no_tests = count(end, &["test", "tests"]) == Some(0);
    Some(Reading { runner: "nextest", totals, failing, no_tests, broken: false, left_out: 0 })
}

/// `FAIL [   0.067s] (2/3) shop tests::low_items`.
fn nextest_name(line: &str) -> Option<String> {
    let line = line.trim_start();
    let bad = ["FAIL", "SIG", "ABORT", "TIMEOUT", "LEAK-FAIL", "XFAIL"];
    bad.iter().find(|word| line.starts_with(**word))?;
    let (_, rest) = line.split_once(" [")?;
    let (_, rest) = rest.split_once(']')?;
    let rest = rest.trim_start();
    let name = match rest.strip_prefix('(') {
        Some(numbered) => numbered.split_once(')')?.1,
        None => rest,
    };
    Some(name.trim().to_owned())
}

pub(super) fn clippy(text: &str) -> Option<Reading> {
    compiler(text, "clippy")
}

/// What rustc says. Lints are findings; what is an error of the language is broken code.
fn compiler(text: &str, runner: &'static str) -> Option<Reading> {
    let is_rust = ["   Compiling ", "    Checking ", "    Finished ", "error: could not compile"];
    if !is_rust.iter().any(|sign| text.contains(sign)) {
        return None;
    }
    let failed = text.contains("error: could not compile");
    let mut failing: Vec<String> = Vec::new();
    let mut errors = 0;
    let mut warnings = 0;
    let mut message = None;
    for line in text.lines() {
        if line.starts_with("error: could not compile") || line.starts_with("error: aborting") {
            message = None;
        } else if line.starts_with("error[") || line.starts_with("error: ") {
            message = Some(line);
        } else if line.starts_with("warning: ")
            && !line.contains("generated")
            && !line.contains("build failed")
        {
            warnings += 1;
            message = None;
        } else if let (Some(at), Some(said)) = (line.trim_start().strip_prefix("--> "), message) {
            let finding = format!("{at} {said}");
            if !failing.contains(&finding) {
                errors += 1;
                failing.push(finding);
            }
            message = None;
        }
    }
    let lints_only = text.contains("`-D ") || text.contains("clippy::") || text.contains("#[deny(");
    let broken = failed && (text.contains("\nerror[E") || !lints_only);
    let totals = Totals { errors: Some(errors), warnings: Some(warnings), ..Totals::default() };
    Some(Reading { runner, totals, failing, broken, no_tests: false, left_out: 0 })
}

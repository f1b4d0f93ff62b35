//! pytest and unittest.

use super::lines::{count, keyed, last};
use super::{Reading, Totals};

const ENDS: [&str; 7] = ["passed", "failed", "error", "errors", "skipped", "deselected", "xfailed"];

pub(super) fn pytest(text: &str) -> Option<Reading> {
    let is_end = |line: &str| {
        line.contains(" in ")
            && (ENDS.iter().any(|word| count(line, &[word]).is_some()) || line.contains("no tests ran"))
    };
    let broken = text.lines().any(|line| line.starts_with("!!!") && line.contains("during collection"));
    let is_session = text.contains("= test session starts =") || text.contains("short test summary info");
    let end = last(text, |line| {
        is_end(line)
            && (line.starts_with('=')
                || line.starts_with(|first: char| first.is_ascii_digit())
                || line.starts_with("no tests ran"))
    });
    let Some(end) = end else {
        // A run that died has a beginning and no end.
        return is_session.then(|| Reading { runner: "pytest", ..Reading::default() });
    };
    if !is_session && !end.contains(" in ") {
        return None;
    }
    let totals = Totals {
        passed: count(end, &["passed"]),
        failed: count(end, &["failed"]),
        skipped: count(end, &["skipped"]),
        errors: count(end, &["error", "errors"]),
        warnings: count(end, &["warning", "warnings"]),
    };
    let mut failing: Vec<String> = text.lines().filter_map(summary_name).collect();
    if failing.is_empty() {
        failing = text.lines().filter_map(verbose_name).collect();
    }
    let ran =
        totals.passed.or(totals.failed).or(totals.skipped).or(totals.errors).or(count(end, &["xfailed"]));
    Some(Reading { runner: "pytest", totals, failing, broken, no_tests: ran.is_none(), left_out: 0 })
}

/// `FAILED path::test - why` of the summary.
fn summary_name(line: &str) -> Option<String> {
    let rest = line.strip_prefix("FAILED ").or_else(|| line.strip_prefix("ERROR "))?;
    let name = rest.split(" - ").next().unwrap_or(rest).trim();
    (name.contains("::") || is_python(name)).then(|| name.to_owned())
}

/// `path::test FAILED [ 50%]`, where there is no summary.
fn verbose_name(line: &str) -> Option<String> {
    let (name, rest) = line.split_once(' ')?;
    let is_bad = rest.starts_with("FAILED") || rest.starts_with("ERROR");
    (is_bad && name.contains("::")).then(|| name.to_owned())
}

fn is_python(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|extension| extension == "py")
}

pub(super) fn unittest(text: &str) -> Option<Reading> {
    let ran = last(text, |line| line.starts_with("Ran ") && line.contains(" test"))?;
    let number = count(ran, &["test", "tests"])?;
    let end = last(text, |line| {
        line.starts_with("FAILED (") || line.starts_with("OK") || line.starts_with("NO TESTS RAN")
    });
    let end = end.unwrap_or_default();
    let failed = keyed(end, "failures");
    let errors = keyed(end, "errors");
    let skipped = keyed(end, "skipped");
    let bad = failed.unwrap_or(0) + errors.unwrap_or(0) + skipped.unwrap_or(0);
    let failing: Vec<String> = text.lines().filter_map(unittest_name).collect();
    let broken = !failing.is_empty() && failing.iter().all(|name| name.starts_with("unittest.loader."));
    let totals = Totals { passed: Some(number.saturating_sub(bad)), failed, skipped, errors, warnings: None };
    Some(Reading { runner: "unittest", totals, failing, broken, no_tests: number == 0, left_out: 0 })
}

/// `FAIL: test_x (tests.test_mod.Case.test_x)`; older Pythons leave the name out behind.
fn unittest_name(line: &str) -> Option<String> {
    let rest = line.strip_prefix("FAIL: ").or_else(|| line.strip_prefix("ERROR: "))?;
    let (name, place) = rest.split_once(" (")?;
    let place = place.split(')').next()?;
    if place.ends_with(&format!(".{name}")) || place == name {
        return Some(place.to_owned());
    }
    Some(format!("{place}.{name}"))
}

//! Readers of cargo test and of the compiler, whose output also nextest and clippy show.

use super::reader::Counts;
use super::{Does, Output, Reading, Seen, Totals, distinct, last};

pub(super) fn cargo(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let mut whole: Option<Reading> = None;
    // The number of tests of the current test binary, and the names of the failed ones.
    let mut open: Option<(usize, Vec<String>)> = None;
    let mut in_names = false;
    for line in text.lines() {
        if let Some(number) = line.strip_prefix("running ").and_then(tests) {
            open = Some((number, Vec::new()));
        } else if let (Some(result), Some((number, names))) = (result(line), open.as_mut()) {
            if result.passed.unwrap_or(0) + result.bad() + result.skipped.unwrap_or(0) == *number {
                let seen = if result.ran() == 0 { Seen::NoTests } else { Seen::End };
                let totals = Totals { errors: None, ..result };
                let run =
                    Reading { totals, failing: std::mem::take(names), ..Reading::of("cargo").seen(seen) };
                whole = Some(whole.map_or_else(|| run.clone(), |before| before.and(run.clone())));
            }
            open = None;
        } else if line == "failures:" {
            in_names = true;
        } else if let Some((_, names)) = open.as_mut().filter(|_| in_names) {
            match line.strip_prefix("    ").filter(|name| !name.starts_with(' ')) {
                Some(name) => names.push(name.trim_end().to_owned()),
                None => in_names = false,
            }
        }
    }
    let is_broken = text.lines().any(|line| line.starts_with("error: could not compile"));
    let died = died(&output.stderr);
    if let Some(name) = died.filter(|_| open.is_some()) {
        let mut crash = Reading { failing: vec![name], ..Reading::of("cargo").seen(Seen::Crash) };
        crash.totals.failed = Some(1);
        return Some(
            whole.map_or(crash.clone(), |before| Reading { seen: Seen::Crash, ..before.and(crash) }),
        );
    }
    match whole {
        Some(reading) if open.is_some() => Some(Reading { seen: Seen::Crash, ..reading }),
        // The tests of some targets ran before another target did not compile.
        Some(reading) if is_broken && !reading.found() => {
            let errors = compiler(&output.both, "cargo").unwrap_or_default();
            let totals = Totals { errors: errors.totals.errors, ..reading.totals };
            Some(Reading { seen: Seen::Broken, failing: errors.failing, totals, ..reading })
        }
        Some(reading) => Some(reading),
        None if open.is_some() => {
            let is_cargo = text.lines().any(|line| line.starts_with("     Running "));
            is_cargo.then(|| Reading::of("cargo").seen(Seen::Crash))
        }
        // The output is only a list of tests or of built executables.
        None if text.lines().any(|line| line.starts_with("  Executable ")) || lists(text) => {
            Some(Reading::of("cargo").seen(Seen::NoTests))
        }
        None => compiler(text, "cargo"),
    }
}

/// The number in `2 tests`.
fn tests(text: &str) -> Option<usize> {
    text.strip_suffix(" tests").or_else(|| text.strip_suffix(" test"))?.parse().ok()
}

/// The totals in a line like
/// `test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
fn result(line: &str) -> Option<Totals> {
    let rest = line.strip_prefix("test result: ")?;
    let counts = rest.strip_prefix("ok. ").or_else(|| rest.strip_prefix("FAILED. "))?;
    Counts::of(counts).totals()
}

/// True if a line like `1 test, 0 benchmarks` ends a list of tests.
fn lists(text: &str) -> bool {
    text.lines().any(|line| {
        line.split_once(", ")
            .is_some_and(|(some, others)| tests(some).is_some() && others.contains("benchmark"))
    })
}

/// The target whose process died in a test, with the cause.
fn died(stderr: &str) -> Option<String> {
    let process = stderr
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("process didn't exit successfully: "))?;
    let target = last(stderr, |line| line.starts_with("error: ") && line.contains("to rerun pass `"));
    let target = target.and_then(|line| line.split('`').nth(1)).unwrap_or_default();
    let how = process.rsplit_once("` (").map_or("", |(_, how)| how.trim_end_matches(')'));
    Some(format!("{target} ({how})"))
}

/// Reads the messages of rustc. Lints are findings; errors of the language mean broken code.
pub(super) fn compiler(text: &str, runner: &'static str) -> Option<Reading> {
    let signs = ["   Compiling ", "    Checking ", "    Finished ", "error: could not compile"];
    if !text.lines().any(|line| signs.iter().any(|sign| line.starts_with(sign))) {
        return None;
    }
    let failed = text.lines().any(|line| line.starts_with("error: could not compile"));
    let mut failing: Vec<String> = Vec::new();
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
            failing.push(format!("{at} {said}"));
            message = None;
        }
    }
    let lints_only = text.contains("`-D ") || text.contains("clippy::") || text.contains("#[deny(");
    let broken = failed && (text.contains("\nerror[E") || !lints_only);
    let failing = distinct(failing);
    let totals = Totals { errors: Some(failing.len()), warnings: Some(warnings), ..Totals::default() };
    let seen = if broken { Seen::Broken } else { Seen::End };
    Some(Reading { runner, totals, failing, seen, does: Does::Look, ..Reading::default() })
}

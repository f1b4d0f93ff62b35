//! Readers of pytest and unittest.

use super::reader::Counts;
use super::{Output, Reading, Seen, Totals, distinct, last};
use crate::domain::pattern::Pattern;

/// The words for a failed test in the lines of the summary and of `-v`.
const BAD: [&str; 4] = ["FAILED", "ERROR", "SUBFAILED", "SUBFAIL"];

/// The names of the failed tests: from the summary, else from the lines of `-v`, else from the headings.
/// After a crash also the place at which the run died.
pub(super) fn pytest_names(output: &Output, reading: &Reading) -> Vec<String> {
    let text = output.stdout.as_str();
    let mut failing = summary(text);
    if failing.is_empty() && reading.totals.bad() > 0 {
        failing = text.lines().filter_map(verbose).collect();
    }
    if failing.is_empty() && reading.totals.bad() > 0 {
        failing = headings(text);
    }
    if reading.seen == Seen::Crash {
        failing.extend(
            text.lines().filter_map(|line| Some(line.strip_suffix(": KeyboardInterrupt")?.to_owned())),
        );
        if failing.is_empty() {
            failing.extend(running(text));
        }
    }
    failing
}

/// Counts the marks of `-qq`, which prints no summary: lines like `..s.x [100%]`. None if the last line does not
/// say 100 %, or if a test failed, because pytest then prints more.
pub(super) fn pytest_marks(output: &Output) -> Option<Reading> {
    static MARKS: Pattern = Pattern::new(r"^([.sxXFER]+) +\[ *\d+%\]$");
    if !output.stdout.trim_end().ends_with("[100%]") {
        return None;
    }
    let lines: Vec<_> = MARKS.all(&output.stdout).filter_map(|line| line.get(1)).collect();
    let marks: String = lines.iter().map(regex::Match::as_str).collect();
    if marks.is_empty() || marks.contains(['F', 'E']) {
        return None;
    }
    let of = |mark| Some(marks.matches(mark).count()).filter(|count| *count > 0);
    let totals = Totals { passed: of('.'), skipped: of('s'), ..Totals::default() };
    let seen = if marks.trim_matches('s').is_empty() { Seen::NoTests } else { Seen::End };
    Some(Reading { totals, ..Reading::of("pytest").seen(seen) })
}

/// True for a line like `===== title =====`.
fn is_banner(line: &str, title: &str) -> bool {
    line.starts_with("===") && line.trim_matches('=').trim() == title
}

/// The names below the heading of the summary, in lines like `FAILED path::test - why`.
fn summary(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let Some(at) = lines.iter().rposition(|line| is_banner(line, "short test summary info")) else {
        return Vec::new();
    };
    lines.iter().skip(at + 1).filter_map(|line| summary_name(line)).collect()
}

fn summary_name(line: &str) -> Option<String> {
    let word = BAD.into_iter().filter(|word| line.starts_with(word)).max_by_key(|word| word.len())?;
    let rest = line.strip_prefix(word)?;
    // `SUBFAILED[message] (i=1) path::test - why`
    if let Some(part) = rest.strip_prefix(['[', '(']) {
        let at = part.find(".py::")?;
        let start = part.get(..at)?.rfind(' ')?;
        let (subtest, name) = rest.split_at_checked(start + 1)?;
        return Some(format!("{} {}", without_reason(name.trim()), subtest.trim()));
    }
    let rest = rest.strip_prefix(' ')?;
    // `SUBFAILED(i=1) path::test` has a blank before the bracket in some versions.
    if word.starts_with("SUB") && rest.starts_with(['[', '(']) {
        return summary_name(&format!("{word}{rest}"));
    }
    let name = without_reason(rest);
    let is_file = name.split(' ').next().is_some_and(|path| is_python(path.trim_end_matches(':')));
    (name.contains("::") || is_file).then(|| name.to_owned())
}

/// A name without ` - why` after it. A parameter in the name may contain ` - ` too.
fn without_reason(rest: &str) -> &str {
    let plain = rest.split(" - ").next().unwrap_or(rest);
    if plain.split_once("::").is_some_and(|(_, test)| test.contains('[')) && !plain.ends_with(']') {
        return match rest.find("] - ") {
            Some(at) => rest.get(..=at).unwrap_or(rest),
            None => rest.trim_end(),
        };
    }
    plain.trim_end()
}

/// The name in a line of `-v`: `path::test[a b] FAILED [ 50%]` or `[gw0] [ 50%] FAILED path::test[a b]`.
fn verbose(line: &str) -> Option<String> {
    if let Some((_, rest)) = line.strip_prefix("[gw").and_then(|line| line.split_once("%] ")) {
        let (word, name) = rest.split_once(' ')?;
        return (BAD.contains(&word) && name.contains("::")).then(|| name.trim().to_owned());
    }
    let (line, percent) = line.trim_end().strip_suffix("%]")?.rsplit_once('[')?;
    percent.trim().parse::<u32>().ok()?;
    let (name, word) = line.trim_end().rsplit_once(' ')?;
    (BAD.iter().any(|bad| word.starts_with(bad)) && name.contains("::")).then(|| name.trim_end().to_owned())
}

/// The names in lines like `____ test_name ____` below the heading of the failures.
fn headings(text: &str) -> Vec<String> {
    let is_start = |line: &&str| is_banner(line, "FAILURES") || is_banner(line, "ERRORS");
    let below = text.lines().skip_while(|line| !is_start(line));
    let name = |line: &str| {
        let name = line.strip_prefix("_")?.strip_suffix('_')?.trim_matches('_').trim();
        (!name.is_empty() && name != "Captured stdout call").then(|| name.to_owned())
    };
    below.filter(|line| line.contains("_ ") && line.contains(" _")).filter_map(name).collect()
}

/// The test, or the file, at which a run died.
fn running(text: &str) -> Option<String> {
    let line = last(text, |line| line.contains(".py"))?;
    let is_test = line.split_once("::").is_some_and(|(file, _)| is_python(file) && !file.contains(' '));
    if is_test && !line.contains("%]") {
        return Some(line.trim_end().to_owned());
    }
    line.split(' ').next().filter(|name| is_python(name)).map(str::to_owned)
}

fn is_python(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|extension| extension == "py")
}

pub(super) fn unittest(output: &Output) -> Option<Reading> {
    // unittest writes to stderr, but a script may have merged both streams.
    let runs = [&output.stderr, &output.stdout].into_iter().flat_map(|text| unittest_runs(text));
    runs.reduce(Reading::and).or_else(|| unfinished(&output.stderr))
}

/// Each run with a summary: a line of dashes, a line like `Ran 2 tests in 0.1s`, and the verdict.
fn unittest_runs(text: &str) -> Vec<Reading> {
    static END: Pattern =
        Pattern::new(r"^-{70}\nRan (\d+) tests? in [\d.]+s\n\s*(?:OK|FAILED|NO TESTS RAN)(?: \((.*)\))?$");
    let mut begins = 0;
    let run = |found: regex::Captures| {
        let whole = found.get_match();
        let above = text.get(begins..whole.start()).unwrap_or_default();
        begins = whole.end();
        unittest_run(above, found.get(1)?.as_str(), found.get(2).map_or("", |counts| counts.as_str()))
    };
    END.all(text).filter_map(run).collect()
}

fn unittest_run(above: &str, ran: &str, counts: &str) -> Option<Reading> {
    let ran: usize = ran.parse().ok()?;
    // Older Pythons report an unexpected success only in the line of the test.
    let unexpected = above.lines().filter_map(|line| place_of(line.strip_suffix(" ... unexpected success")?));
    let failing = distinct(above.lines().filter_map(unittest_name).chain(unexpected).collect());
    let mut tests: Vec<&str> = failing.iter().filter_map(|name| name.split(" [").next()).collect();
    tests.sort_unstable();
    tests.dedup();
    let bad = tests.iter().filter(|name| !name.contains(".setUp") && !name.contains(".tearDown")).count();
    let counts = Counts::of(counts);
    let mut totals = counts.totals()?;
    let skipped = totals.skipped.unwrap_or(0);
    totals.passed = Some(ran.saturating_sub(bad + skipped + counts.others()));
    let seen = if !failing.is_empty() && failing.iter().all(|name| name.starts_with("unittest.loader.")) {
        Seen::Broken
    } else if ran == skipped && totals.bad() == 0 {
        Seen::NoTests
    } else {
        Seen::End
    };
    Some(Reading { totals, failing, ..Reading::of("unittest").seen(seen) })
}

/// The name in a line like `FAIL: test_x (tests.test_mod.Case.test_x) [subtest] (i=1)`. Older Pythons do not
/// repeat the test's name in the brackets.
fn unittest_name(line: &str) -> Option<String> {
    let rest =
        ["FAIL: ", "ERROR: ", "UNEXPECTED SUCCESS: "].iter().find_map(|word| line.strip_prefix(word))?;
    place_of(rest)
}

fn place_of(rest: &str) -> Option<String> {
    let (name, place) = rest.split_once(" (")?;
    let (place, subtest) = place.split_once(')')?;
    let whole = if place.ends_with(&format!(".{name}")) || place == name {
        place.to_owned()
    } else {
        format!("{place}.{name}")
    };
    Some(if subtest.trim().is_empty() { whole } else { format!("{whole} {}", subtest.trim()) })
}

/// A run that died in a test: with `-v`, the last line names that test.
fn unfinished(text: &str) -> Option<Reading> {
    let name = text.trim_end().lines().last()?.strip_suffix(" ...").and_then(place_of)?;
    Some(Reading { failing: vec![name], ..Reading::of("unittest").seen(Seen::Crash) })
}

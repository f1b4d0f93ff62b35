//! pytest and unittest.

use super::{Output, Reading, Seen, Totals, counted, keyed, last, of, only};
use crate::domain::packed::list;

/// The outcome of a test, in the lines of the summary and of `-v`.
const BAD: [&str; 4] = ["FAILED", "ERROR", "SUBFAILED", "SUBFAIL"];

pub(super) fn pytest(output: &Output) -> Option<Reading> {
    let text = output.stdout.as_str();
    let has_session = text.lines().any(|line| is_banner(line, "test session starts"));
    let has_summary = text.lines().any(|line| is_banner(line, "short test summary info"));
    let is_progress = |line: &str| line.ends_with("%]") && line.contains(" [");
    let is_it = has_session || has_summary || text.lines().any(is_progress);
    let conftest =
        output.stderr.lines().find_map(|line| line.strip_prefix("ImportError while loading conftest "));
    if let Some(conftest) = conftest.filter(|_| !is_it) {
        let name = conftest.trim_matches(|letter| matches!(letter, '\'' | '.')).to_owned();
        return Some(Reading { failing: vec![name], ..Reading::of("pytest").seen(Seen::Broken) });
    }
    // A path that is not there ends with `no tests ran` as well; its exit code says the rest.
    if output.stderr.lines().any(|line| line.starts_with("ERROR: file or directory not found")) {
        return None;
    }
    let Some((line, counts)) = text.lines().rev().find_map(|line| Some((line, end(line)?))) else {
        // A run that died has a beginning and no end; the quietest form never has one.
        let began = has_session || has_summary;
        return began.then(|| Reading {
            failing: if has_summary { summary(text) } else { running(text).into_iter().collect() },
            ..Reading::of("pytest").seen(if has_summary { Seen::End } else { Seen::Crash })
        });
    };
    let (only_listed, bare) =
        (of(&counts, &["test collected", "tests collected"]).is_some(), counts.is_empty());
    if !is_it && !only_listed && !bare {
        return None;
    }
    let totals = Totals {
        passed: of(&counts, &["passed"]),
        failed: of(&counts, &["failed", "subtests failed"]),
        skipped: of(&counts, &["skipped"]),
        errors: of(&counts, &["error", "errors"]),
        warnings: of(&counts, &["warning", "warnings"]),
    };
    let ran = totals.ran() + of(&counts, &["xfailed", "xpassed"]).unwrap_or(0);
    let was_cut = |what: &str| text.lines().any(|line| line.starts_with("!!!") && line.contains(what));
    let seen = if was_cut("during collection") {
        Seen::Broken
    } else if was_cut("KeyboardInterrupt") {
        Seen::Crash
    } else if ran == 0 && !line.contains("error") {
        Seen::NoTests
    } else {
        Seen::End
    };
    let mut failing = summary(text);
    if failing.is_empty() && totals.bad() > 0 {
        failing = text.lines().filter_map(verbose).collect();
    }
    if failing.is_empty() && totals.bad() > 0 {
        failing = headings(text);
    }
    if seen == Seen::Crash {
        failing.extend(
            text.lines().filter_map(|line| Some(line.strip_suffix(": KeyboardInterrupt")?.to_owned())),
        );
    }
    Some(Reading { totals, failing, ..Reading::of("pytest").seen(seen) })
}

/// `===== title =====`
fn is_banner(line: &str, title: &str) -> bool {
    line.starts_with("===") && line.trim_matches('=').trim() == title
}

/// `=== 1 failed, 2 passed in 0.12s ===`, bare with `-q`.
fn end(line: &str) -> Option<Vec<(usize, &str)>> {
    let bare = line.strip_prefix("==").map_or(line, |_| line.trim_matches('=').trim());
    let (counts, time) = bare.rsplit_once(" in ")?;
    let seconds = time.split(' ').next().and_then(|time| time.strip_suffix('s'))?;
    seconds.parse::<f64>().ok()?;
    if counts == "no tests ran" {
        return Some(Vec::new());
    }
    // `1/3 tests collected (2 deselected)`
    let counts = counts.split_once(" collected (").map_or(counts, |(counts, _)| counts);
    if let Some((number, words)) = counts.split_once(' ')
        && let Some((some, _)) = number.split_once('/')
        && words.starts_with("test")
    {
        return Some(vec![(some.parse().ok()?, "tests collected")]);
    }
    let counts = counted(counts, ", ")?;
    only(&counts, list("pytest_counts")).then_some(counts)
}

/// The names below the heading of the summary: `FAILED path::test - why`.
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

/// A name without ` - why` behind it; the name of a parameter may hold the same.
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

/// `path::test[a b] FAILED [ 50%]`, or `[gw0] [ 50%] FAILED path::test[a b]`.
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

/// `____ test_name ____` below the heading of the failures.
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
    if line.contains("::") && !line.contains("%]") {
        return Some(line.trim_end().to_owned());
    }
    line.split(' ').next().filter(|name| is_python(name)).map(str::to_owned)
}

fn is_python(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|extension| extension == "py")
}

pub(super) fn unittest(output: &Output) -> Option<Reading> {
    let mut whole: Option<Reading> = None;
    // It writes to stderr; a script may have joined the two.
    for text in [&output.stderr, &output.stdout] {
        let lines: Vec<&str> = text.lines().collect();
        let mut begins = 0;
        for (at, line) in lines.iter().enumerate() {
            if let Some(run) = unittest_end(&lines, at, begins) {
                whole = Some(whole.map_or_else(|| run.clone(), |before| before.and(run.clone())));
                begins = at;
            } else if line.starts_with("NO TESTS RAN") {
                begins = at;
            }
        }
    }
    whole.or_else(|| unfinished(&output.stderr))
}

/// A run whose line `Ran 2 tests in 0.1s` stands there, below dashes, and above its verdict.
fn unittest_end(lines: &[&str], at: usize, begins: usize) -> Option<Reading> {
    let ran = lines.get(at)?.strip_prefix("Ran ")?;
    let (number, rest) = ran.split_once(" test")?;
    let number: usize = number.parse().ok()?;
    let seconds = rest.trim_start_matches('s').strip_prefix(" in ")?.strip_suffix('s')?;
    seconds.parse::<f64>().ok()?;
    let is_dashes = |line: &&str| line.len() == 70 && line.bytes().all(|byte| byte == b'-');
    at.checked_sub(1).and_then(|above| lines.get(above)).filter(|line| is_dashes(line))?;
    let verdict = lines.iter().skip(at + 1).find(|line| !line.trim().is_empty())?;
    let counts = match verdict.strip_prefix("OK").or_else(|| verdict.strip_prefix("NO TESTS RAN")) {
        Some("") => Vec::new(),
        Some(rest) => keyed(rest.trim().strip_prefix('(')?.strip_suffix(')')?, "=")?,
        None => keyed(verdict.strip_prefix("FAILED (")?.strip_suffix(')')?, "=")?,
    };
    let own = || lines.iter().take(at).skip(begins);
    let mut failing: Vec<String> = own().filter_map(|line| unittest_name(line)).collect();
    // Older Pythons tell an unexpected success only line by line.
    let unexpected = |line: &&str| line.strip_suffix(" ... unexpected success").and_then(place_of);
    for name in own().filter_map(unexpected) {
        if !failing.contains(&name) {
            failing.push(name);
        }
    }
    let failures = of(&counts, &["failures", "unexpected successes"]);
    let skipped = of(&counts, &["skipped"]);
    let expected = of(&counts, &["expected failures"]).unwrap_or(0);
    let mut tests: Vec<&str> = failing.iter().filter_map(|name| name.split(" [").next()).collect();
    tests.sort_unstable();
    tests.dedup();
    let bad = tests.iter().filter(|name| !name.contains(".setUp") && !name.contains(".tearDown")).count();
    let passed = number.saturating_sub(bad + skipped.unwrap_or(0) + expected);
    let totals = Totals {
        passed: Some(passed),
        failed: failures,
        skipped,
        errors: of(&counts, &["errors"]),
        warnings: None,
    };
    let broken = !failing.is_empty() && failing.iter().all(|name| name.starts_with("unittest.loader."));
    let nothing = number == skipped.unwrap_or(0);
    let seen = match (broken, nothing && totals.bad() == 0) {
        (true, _) => Seen::Broken,
        (false, true) => Seen::NoTests,
        (false, false) => Seen::End,
    };
    Some(Reading { totals, failing, ..Reading::of("unittest").seen(seen) })
}

/// `FAIL: test_x (tests.test_mod.Case.test_x) [subtest] (i=1)`; older Pythons leave the name out in the
/// brackets.
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

/// A run that died in a test, as `-v` shows it.
fn unfinished(text: &str) -> Option<Reading> {
    let name = text.trim_end().lines().last()?.strip_suffix(" ...").and_then(place_of)?;
    Some(Reading { failing: vec![name], ..Reading::of("unittest").seen(Seen::Crash) })
}

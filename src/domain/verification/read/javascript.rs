//! jest, vitest, mocha, node's own runner, and bun's.

use super::{Output, Reading, Seen, Totals, counted, last, of, only, untimed};

/// Runs of one output, one after another, as a whole.
fn together(runs: impl Iterator<Item = Reading>) -> Option<Reading> {
    runs.reduce(Reading::and)
}

/// Returns what a run comes to, where nothing died.
fn seen(totals: &Totals, all: usize, is_broken: bool) -> Seen {
    match (is_broken && totals.ran() == 0, totals.ran() == 0 || all == 0) {
        (true, _) => Seen::Broken,
        (false, true) => Seen::NoTests,
        (false, false) => Seen::End,
    }
}

pub(super) fn jest(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let lines: Vec<&str> = text.lines().collect();
    let run = |at: usize| {
        let line = |below: usize| lines.get(at + below).copied().unwrap_or_default();
        let suites = jest_counts(line(0), "Test Suites:")?;
        let (counts, all) = jest_counts(line(1), "Tests:")?;
        let is_whole = line(2).starts_with("Snapshots:") && line(3).starts_with("Time:");
        let sum: usize = counts.iter().map(|(number, _)| number).sum();
        (is_whole && sum == all).then_some(())?;
        let totals = Totals {
            passed: of(&counts, &["passed"]),
            failed: of(&counts, &["failed"]),
            skipped: of(&counts, &["skipped", "todo"]),
            ..Totals::default()
        };
        let is_broken = of(&suites.0, &["failed"]).is_some();
        Some(Reading { totals, ..Reading::of("jest").seen(seen(&totals, all, is_broken)) })
    };
    let Some(whole) = together((0..lines.len()).filter_map(run)) else {
        if lines.iter().any(|line| line.starts_with("No tests found, exiting with code")) {
            return Some(Reading::of("jest").seen(Seen::NoTests));
        }
        // A test that ends the process takes the summary with it.
        let at = lines.iter().position(|line| line.starts_with("  ●  process.exit called with"))?;
        let place = lines.iter().skip(at).find_map(|line| line.trim().strip_prefix("at ")?.split('(').nth(1));
        let failing = place.map(|place| place.trim_end_matches(')').to_owned()).into_iter().collect();
        return Some(Reading { failing, ..Reading::of("jest").seen(Seen::Crash) });
    };
    Some(Reading { failing: jest_names(&lines), ..whole })
}

/// `Tests:       1 failed, 2 passed, 3 total`, also `0 of 1 total`.
fn jest_counts<'t>(line: &'t str, start: &str) -> Option<(Vec<(usize, &'t str)>, usize)> {
    let (counts, all) = match line.strip_prefix(start)?.trim().rsplit_once(", ") {
        Some((counts, all)) => (counts, all),
        None => ("", line.strip_prefix(start)?.trim()),
    };
    let all = all.strip_suffix(" total")?.rsplit(' ').next()?.parse().ok()?;
    let counts = if counts.is_empty() { Vec::new() } else { counted(counts, ", ")? };
    only(&counts, &["passed", "failed", "skipped", "todo", "pending", "obsolete"]).then_some((counts, all))
}

/// `  ● suite › test`; a suite that did not load has the name of its file, in the line above.
fn jest_names(lines: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    let mut file = "";
    for line in lines {
        if let Some(path) = line.strip_prefix("FAIL ") {
            file = untimed(path.trim().trim_start_matches("./"));
        } else if let Some(name) = line.strip_prefix("  ● ") {
            let is_notice = ["Console", "Deprecation Warning", "Validation Warning", "Obsolete"]
                .iter()
                .any(|start| name.starts_with(start));
            if name == "Test suite failed to run" {
                names.push(file.to_owned());
            } else if !is_notice && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }
    names
}

pub(super) fn vitest(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let lines: Vec<&str> = text.lines().collect();
    let run = |at: usize| {
        let (files, _) = vitest_counts(lines.get(at)?, "Test Files  ")?;
        let block: Vec<&str> = lines.iter().skip(at + 1).take(5).copied().collect();
        block.iter().position(|line| line.trim_start().starts_with("Duration  "))?;
        let of_tests = block.first().and_then(|line| vitest_counts(line, "Tests  "));
        let (counts, all) = of_tests.unwrap_or_default();
        (counts.iter().map(|(number, _)| number).sum::<usize>() == all).then_some(())?;
        let errors = block.iter().find_map(|line| line.trim_start().strip_prefix("Errors  "));
        let totals = Totals {
            // One that is to fail and does has passed.
            passed: of(&counts, &["passed", "expected fail"]),
            failed: of(&counts, &["failed"]),
            skipped: of(&counts, &["skipped", "todo"]),
            errors: errors.and_then(|errors| errors.split(' ').next()?.parse().ok()),
            ..Totals::default()
        };
        let is_broken = of(&files, &["failed"]).is_some();
        Some(Reading { totals, ..Reading::of("vitest").seen(seen(&totals, all, is_broken)) })
    };
    let Some(whole) = together((0..lines.len()).filter_map(run)) else {
        let nothing = lines.iter().any(|line| line.starts_with("No test files found, exiting with code"));
        return nothing.then(|| Reading::of("vitest").seen(Seen::NoTests));
    };
    let mut failing: Vec<String> =
        lines.iter().filter_map(|line| line.strip_prefix(" FAIL  ")).map(vitest_name).collect();
    failing.extend(vitest_unhandled(&lines));
    Some(Reading { failing, ..whole })
}

/// `      Tests  1 failed | 2 passed (3)`
fn vitest_counts<'t>(line: &'t str, start: &str) -> Option<(Vec<(usize, &'t str)>, usize)> {
    let (counts, all) = line.trim_start().strip_prefix(start)?.rsplit_once(" (")?;
    let counts = counted(counts, " | ")?;
    only(&counts, &["passed", "expected fail", "failed", "skipped", "todo"])
        .then_some((counts, all.strip_suffix(')')?.parse().ok()?))
}

/// A file that did not load is named twice: `b.test.js [ b.test.js ]`.
fn vitest_name(name: &str) -> String {
    let name = name.trim();
    match name.split_once(" [ ") {
        Some((file, again)) if again.trim_end_matches(" ]") == file => file.to_owned(),
        Some(_) | None => name.to_owned(),
    }
}

/// Returns what went wrong beside the tests: its kind, its message, and the file of the test that ran.
fn vitest_unhandled(lines: &[&str]) -> Vec<String> {
    let kinds = ["Unhandled Rejection", "Unhandled Error", "Uncaught Exception"];
    let kind = |line: &str| line.starts_with('⎯').then(|| line.trim_matches(['⎯', ' ']).to_owned());
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(kind) = kind(line).filter(|kind| kinds.contains(&kind.as_str())) else { continue };
        let message = lines.get(at + 1).copied().unwrap_or_default();
        let below = lines.iter().skip(at + 1).take_while(|line| !line.starts_with('⎯'));
        let mut below = below;
        let file = below.find_map(|line| line.strip_prefix("This error originated in \"")?.split('"').next());
        found.push(
            file.map_or_else(|| format!("{kind}: {message}"), |file| format!("{file}: {kind}: {message}")),
        );
    }
    found
}

pub(super) fn mocha(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let lines: Vec<&str> = text.lines().collect();
    let number =
        |line: &str, word: &str| line.strip_prefix("  ")?.strip_suffix(word)?.trim().parse::<usize>().ok();
    let run = |at: usize| {
        let (passing, time) = lines.get(at)?.strip_prefix("  ")?.split_once(" passing (")?;
        let passed: usize = passing.parse().ok()?;
        // A blank line stands above it, which keeps it apart from what a test prints.
        at.checked_sub(1)
            .and_then(|above| lines.get(above))
            .is_none_or(|line| line.trim().is_empty())
            .then_some(())?;
        time.strip_suffix(')').filter(|time| time.ends_with(['s', 'm', 'h']))?;
        let below = || lines.iter().skip(at + 1).take(2);
        let totals = Totals {
            passed: Some(passed),
            failed: below().find_map(|line| number(line, " failing")),
            skipped: below().find_map(|line| number(line, " pending")),
            ..Totals::default()
        };
        Some(Reading { totals, ..Reading::of("mocha").seen(seen(&totals, totals.ran(), false)) })
    };
    if let Some(whole) = together((0..lines.len()).filter_map(run)) {
        return Some(Reading { failing: mocha_names(text), ..whole });
    }
    if let Some(whole) = mocha_tap(&lines) {
        return Some(whole);
    }
    if lines.iter().any(|line| line.starts_with("Error: No test files found")) {
        return Some(Reading::of("mocha").seen(Seen::NoTests));
    }
    // Its own line about a file that it could not load.
    lines.iter().find(|line| line.trim_start().starts_with("Exception during run: "))?;
    let file = lines.iter().find_map(|line| line.strip_prefix("- /").map(|path| format!("/{path}")));
    Some(Reading { failing: file.into_iter().collect(), ..Reading::of("mocha").seen(Seen::Broken) })
}

/// `1) suite`, and deeper on the lines below it the names down to the test, which ends with `:`.
fn mocha_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let is_failing = |line: &str| line.starts_with("  ") && line.trim_end().ends_with(" failing");
    let mut lines = text.lines().skip_while(|line| !is_failing(line));
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        let Some((number, first)) = trimmed.split_once(") ") else { continue };
        if number.parse::<usize>().is_err() || !line.starts_with("  ") {
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

/// `# tests 2`, `# pass 1`, `# fail 1` and `1..2` at the end of `--reporter tap`.
fn mocha_tap(lines: &[&str]) -> Option<Reading> {
    let at = lines.iter().rposition(|line| line.starts_with("# tests "))?;
    let number =
        |below: usize, start: &str| lines.get(at + below)?.strip_prefix(start)?.parse::<usize>().ok();
    let (all, passed, failed) = (number(0, "# tests ")?, number(1, "# pass ")?, number(2, "# fail ")?);
    let planned = lines.iter().any(|line| *line == format!("1..{all}"));
    (planned && passed + failed == all).then_some(())?;
    let totals = Totals { passed: Some(passed), failed: Some(failed), ..Totals::default() };
    // mocha writes `not ok 2 name`; most other writers of TAP, `not ok 2 - name`.
    let name = |line: &&str| {
        let (_, name) = line.strip_prefix("not ok ")?.split_once(' ')?;
        Some(name.strip_prefix("- ").unwrap_or(name).to_owned())
    };
    let failing = lines.iter().filter_map(name).collect();
    Some(Reading { totals, failing, ..Reading::of("mocha").seen(seen(&totals, all, false)) })
}

pub(super) fn node(output: &Output) -> Option<Reading> {
    let lines: Vec<&str> = output.stdout.lines().collect();
    let run = |at: usize| {
        let number = |below: usize, key: &str| {
            let line = lines.get(at + below)?;
            let rest = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "))?;
            rest.strip_prefix(key)?.strip_prefix(' ')?.parse::<usize>().ok()
        };
        let all = number(0, "tests")?;
        let (passed, failed) = (number(2, "pass")?, number(3, "fail")?);
        let (cancelled, skipped, todo) = (number(4, "cancelled")?, number(5, "skipped")?, number(6, "todo")?);
        let sum = passed + failed + cancelled + skipped + todo;
        let timed = lines.get(at + 7).is_some_and(|line| line.contains("duration_ms "));
        (number(1, "suites").is_some() && timed && sum == all).then_some(())?;
        let totals = Totals {
            passed: Some(passed),
            failed: Some(failed + cancelled),
            skipped: Some(skipped + todo),
            ..Totals::default()
        };
        Some(Reading { totals, ..Reading::of("node").seen(seen(&totals, all, false)) })
    };
    let mut whole = together((0..lines.len()).filter_map(run))?;
    // A file without a test counts as one by its own name.
    let files = lines.iter().filter(|line| is_passing_file(line)).count();
    whole.totals.passed = whole.totals.passed.map(|passed| passed.saturating_sub(files));
    let failing = if lines.iter().any(|line| line.starts_with("TAP version ")) {
        tap_names(&lines)
    } else {
        spec_names(&lines)
    };
    Some(Reading { failing, ..whole })
}

/// `ok 1 - /project/a.test.js`, `✔ /project/a.test.js (80.1ms)`
fn is_passing_file(line: &str) -> bool {
    let in_tap = line.strip_prefix("ok ").and_then(|rest| rest.split_once(" - ")).map(|(_, name)| name);
    let name = in_tap.or_else(|| line.strip_prefix("✔ ").map(untimed)).unwrap_or_default();
    let end = std::path::Path::new(name).extension().and_then(std::ffi::OsStr::to_str);
    end.is_some_and(|end| ["js", "cjs", "mjs", "ts", "cts", "mts"].contains(&end))
}

/// `not ok 2 - total` by its place in the tree; a suite fails by its tests, which are named.
fn tap_names(lines: &[&str]) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    let mut names = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let bare = line.trim_start_matches(' ');
        let depth = (line.len() - bare.len()) / 4;
        if let Some(name) = bare.strip_prefix("# Subtest: ") {
            path.truncate(depth);
            path.push(name.to_owned());
        } else if let Some((_, name)) = bare.strip_prefix("not ok ").and_then(|rest| rest.split_once(" - ")) {
            let about = || lines.iter().skip(at + 1).take_while(|line| line.trim() != "...");
            let by_its_tests = about().any(|line| line.contains("failureType: 'subtestsFailed'"));
            let is_known_failure = name.ends_with(" # TODO") || name.ends_with(" # SKIP");
            if !by_its_tests && !is_known_failure {
                let above = path.iter().take(depth).map(String::as_str);
                names.push(above.chain([name]).collect::<Vec<_>>().join(" > "));
            }
        }
    }
    names
}

/// `✖ total (25.1ms)` by its place in the tree, which is above the summary.
fn spec_names(lines: &[&str]) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    let mut names = Vec::new();
    for line in lines.iter().take_while(|line| !line.starts_with("✖ failing tests:")) {
        let bare = line.trim_start_matches(' ');
        let depth = (line.len() - bare.len()) / 2;
        if let Some(name) = bare.strip_prefix("▶ ") {
            path.truncate(depth);
            path.push(untimed(name).to_owned());
        } else if let Some(name) = bare.strip_prefix("✖ ") {
            let name = untimed(name);
            if path.get(depth).map(String::as_str) == Some(name) {
                path.truncate(depth);
            } else {
                let above = path.iter().take(depth).map(String::as_str);
                names.push(above.chain([name]).collect::<Vec<_>>().join(" > "));
            }
        } else if bare.starts_with("✔ ") {
            path.truncate(depth);
        }
    }
    names
}

pub(super) fn bun(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let is_bun = text.lines().any(|line| line.starts_with("bun test v"));
    if is_bun
        && text
            .lines()
            .any(|line| line == "No tests found!" || line.starts_with("error: 0 test files matching"))
    {
        return Some(Reading::of("bun").seen(Seen::NoTests));
    }
    let end = last(text, |line| line.starts_with("Ran ") && line.contains(" across "))?;
    let (number, _) = end.strip_prefix("Ran ")?.split_once(" test")?;
    let all: usize = number.parse().ok()?;
    let above: Vec<&str> = text.lines().take_while(|line| *line != end).collect();
    let block: Vec<&str> =
        above.iter().rev().take_while(|line| !line.is_empty()).map(|line| line.trim()).collect();
    let block = block.join(", ");
    let counts = counted(&block, ", ")?;
    let totals = Totals {
        passed: of(&counts, &["pass"]),
        failed: of(&counts, &["fail"]),
        skipped: of(&counts, &["skip", "todo"]),
        errors: None,
        warnings: None,
    };
    let errors = of(&counts, &["error", "errors"]);
    (is_bun && totals.ran() + totals.skipped.unwrap_or(0) == all).then_some(())?;
    let mut failing = Vec::new();
    let mut file = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("(fail) ").or_else(|| line.strip_prefix("✗ ")) {
            failing.push(untimed(name).to_owned());
        } else if line == "# Unhandled error between tests" {
            failing.push(file.to_owned());
        } else if let Some(path) = line.strip_suffix(':').filter(|path| !path.contains(' ')) {
            file = path;
        }
    }
    let is_broken = errors.is_some() && totals.passed.unwrap_or(0) == 0 && totals.failed == errors;
    let seen = if is_broken { Seen::Broken } else { seen(&totals, all, false) };
    Some(Reading { totals: Totals { errors: None, ..totals }, failing, ..Reading::of("bun").seen(seen) })
}

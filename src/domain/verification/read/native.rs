//! dotnet, rspec, phpunit, ctest, mix and swift.

use super::{Output, Reading, Seen, Totals, count, counted, keyed, last, of, untimed};

fn end(runner: &'static str, totals: Totals, failing: Vec<String>) -> Reading {
    let seen = if totals.ran() == 0 { Seen::NoTests } else { Seen::End };
    Reading { totals, failing, ..Reading::of(runner).seen(seen) }
}

pub(super) fn dotnet(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let failing: Vec<String> = text.lines().filter_map(dotnet_name).collect();
    // `Failed!  - Failed:     1, Passed:     2, Skipped:     0, Total:     3, Duration: 20 ms - shop.dll`
    let of_project = |line: &str| {
        let rest = ["Failed!  - ", "Passed!  - ", "Skipped! - "]
            .iter()
            .find_map(|start| line.strip_prefix(start))?;
        dotnet_totals(rest.split(", Duration:").next()?)
    };
    let totals = text.lines().filter_map(of_project).reduce(|one, other| one.and(&other));
    if let Some(totals) = totals.or_else(|| dotnet_block(text)) {
        return Some(end("dotnet", totals, failing));
    }
    let is_error = |line: &&str| {
        line.contains(": error CS") || line.contains(": error FS") || line.contains(": error MSB")
    };
    let mut errors: Vec<String> = text.lines().filter(is_error).map(|line| line.trim().to_owned()).collect();
    errors.dedup();
    let has = |words: &str| text.lines().any(|line| line.trim_start().starts_with(words));
    if has("Build FAILED.") || has("Build failed with") {
        let totals = Totals { errors: Some(errors.len()), ..Totals::default() };
        return Some(Reading { totals, failing: errors, ..Reading::of("dotnet").seen(Seen::Broken) });
    }
    if has("The active test run was aborted.") || has("Test Run Aborted") {
        let lines =
            text.lines().skip_while(|line| !line.starts_with("The test running when the crash occurred"));
        let name = lines.skip(1).map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
        return Some(Reading {
            failing: name.into_iter().collect(),
            ..Reading::of("dotnet").seen(Seen::Crash)
        });
    }
    let nothing = has("No test is available in ") || has("No test matches the given testcase filter");
    nothing.then(|| Reading::of("dotnet").seen(Seen::NoTests))
}

fn dotnet_totals(text: &str) -> Option<Totals> {
    let counts = keyed(text, ":")?;
    let number = |key: &str| of(&counts, &[key]);
    let (all, failed, passed) = (number("Total")?, number("Failed")?, number("Passed")?);
    let skipped = number("Skipped").unwrap_or(0);
    (all == failed + passed + skipped).then_some(Totals {
        passed: Some(passed),
        failed: Some(failed),
        skipped: Some(skipped),
        ..Totals::default()
    })
}

/// The numbers below `Total tests: 3` or `Test run summary: Failed!`, a line each.
fn dotnet_block(text: &str) -> Option<Totals> {
    let is_start = |line: &&str| line.starts_with("Total tests: ") || line.starts_with("Test run summary: ");
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().rposition(is_start)?;
    let number = |keys: &[&str]| {
        lines.iter().skip(at).take(8).find_map(|line| {
            let (key, number) = line.trim().split_once(':')?;
            keys.contains(&key.to_lowercase().as_str()).then(|| number.trim().parse().ok())?
        })
    };
    let all: usize = number(&["total tests", "total"])?;
    let totals = Totals {
        passed: Some(number(&["passed", "succeeded"]).unwrap_or(0)),
        failed: number(&["failed"]),
        skipped: number(&["skipped"]),
        ..Totals::default()
    };
    (totals.ran() + totals.skipped.unwrap_or(0) == all).then_some(totals)
}

/// `  Failed ex.CartTest.Total [12 ms]`, or `failed Total (12ms)`.
fn dotnet_name(line: &str) -> Option<String> {
    if let Some(rest) = line.strip_prefix("  Failed ") {
        return rest
            .rsplit_once(" [")
            .filter(|(_, time)| time.ends_with("s]"))
            .map(|(name, _)| name.to_owned());
    }
    let rest = line.strip_prefix("failed ").filter(|rest| rest.ends_with("s)"))?;
    Some(untimed(rest).to_owned())
}

pub(super) fn rspec(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let lines: Vec<&str> = text.lines().collect();
    // `3 examples, 1 failure, 1 pending, 1 error occurred outside of examples` below `Finished in`.
    let at = lines.iter().rposition(|line| {
        counted(line, ", ").is_some_and(|counts| of(&counts, &["example", "examples"]).is_some())
    })?;
    let above = at.checked_sub(1).and_then(|above| lines.get(above))?;
    let counts = counted(lines.get(at)?, ", ")?;
    let (all, failed) = (of(&counts, &["example", "examples"])?, of(&counts, &["failure", "failures"])?);
    above.starts_with("Finished in ").then_some(())?;
    let outside = of(&counts, &["error occurred outside of examples", "errors occurred outside of examples"]);
    let skipped = of(&counts, &["pending"]);
    let passed = all.checked_sub(failed + skipped.unwrap_or(0))?;
    let totals =
        Totals { passed: Some(passed), failed: Some(failed), skipped, errors: outside, warnings: None };
    let name = |line: &&str| {
        let (place, what) = line.strip_prefix("rspec ")?.split_once(" # ")?;
        Some(format!("{place} {what}"))
    };
    let below = lines.iter().skip_while(|line| **line != "Failed examples:");
    let mut failing: Vec<String> = below.filter_map(name).collect();
    failing.extend(lines.iter().filter_map(|line| {
        Some(line.strip_prefix("An error occurred while loading ")?.trim_end_matches('.').to_owned())
    }));
    if outside.is_some() && all == 0 {
        return Some(Reading { totals, failing, ..Reading::of("rspec").seen(Seen::Broken) });
    }
    Some(end("rspec", totals, failing))
}

pub(super) fn phpunit(output: &Output) -> Option<Reading> {
    let text = output.stdout.as_str();
    let is_it = |line: &str| {
        line.starts_with("PHPUnit ") && line.ends_with(" by Sebastian Bergmann and contributors.")
    };
    text.lines().find(|line| is_it(line))?;
    if text.lines().any(|line| line.starts_with("No tests executed!")) {
        return Some(Reading::of("phpunit").seen(Seen::NoTests));
    }
    if let Some(line) = last(text, |line| line.starts_with("OK (")) {
        let totals = Totals { passed: count(line, &["test", "tests"]), ..Totals::default() };
        return Some(end("phpunit", totals, Vec::new()));
    }
    // `Tests: 5, Assertions: 3, Errors: 1, Failures: 1, Skipped: 1.`
    let Some(line) = last(text, |line| line.starts_with("Tests: ")) else {
        let file_missing =
            text.lines().any(|line| line.starts_with("Test file \"") || line.starts_with("Cannot open file"));
        return (!file_missing).then(|| Reading::of("phpunit").seen(Seen::Crash));
    };
    let counts = keyed(line.trim_end_matches('.'), ":")?;
    let (failed, errors) = (of(&counts, &["Failures"]), of(&counts, &["Errors"]));
    let skipped = of(&counts, &["Skipped", "Incomplete"]);
    let all = of(&counts, &["Tests"])?;
    let passed = all.saturating_sub(failed.unwrap_or(0) + errors.unwrap_or(0) + skipped.unwrap_or(0));
    let totals = Totals { passed: Some(passed), failed, skipped, errors, warnings: None };
    let (mut failing, mut counts_here) = (Vec::new(), false);
    for line in text.lines() {
        if line.starts_with("There was ") || line.starts_with("There were ") {
            counts_here = line.contains(" error") || line.contains(" failure");
        } else if let Some((number, name)) = line.split_once(") ")
            && counts_here
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && name.contains("::")
        {
            failing.push(name.to_owned());
        }
    }
    Some(end("phpunit", totals, failing))
}

pub(super) fn ctest(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    if text.lines().any(|line| line.starts_with("No tests were found!!!")) {
        return Some(Reading::of("ctest").seen(Seen::NoTests));
    }
    // `20% tests passed, 4 tests failed out of 5`
    let lines: Vec<&str> = text.lines().collect();
    let numbers = |line: &str| {
        let (percent, rest) = line.split_once("% tests passed, ")?;
        let (failed, all) = rest.split_once(" failed out of ")?;
        percent.parse::<usize>().ok()?;
        let failed = failed.strip_suffix(" tests").or_else(|| failed.strip_suffix(" test"))?;
        Some((failed.parse::<usize>().ok()?, all.trim().parse::<usize>().ok()?))
    };
    let (at, (failed, all)) =
        lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, numbers(line)?)))?;
    lines.iter().skip(at).find(|line| line.starts_with("Total Test time"))?;
    // Ctest counts those among the passed that left themselves out.
    let skipped = lines.iter().take(at).filter(|line| line.contains(" Test ") && line.contains("***Skipped"));
    let skipped = Some(skipped.count()).filter(|skipped| *skipped > 0);
    let passed = all.checked_sub(failed + skipped.unwrap_or(0))?;
    let totals = Totals { passed: Some(passed), failed: Some(failed), skipped, ..Totals::default() };
    // `	  2 - cart total (Failed)`
    let name = |line: &&str| {
        let (number, rest) = line.trim().split_once(" - ")?;
        number.parse::<usize>().ok()?;
        Some(rest.rsplit_once(" (").map_or(rest, |(name, _)| name).trim_end().to_owned())
    };
    let below = lines.iter().skip_while(|line| **line != "The following tests FAILED:");
    Some(end("ctest", totals, below.filter_map(name).collect()))
}

/// `3 tests, 1 failure` below `Finished in`, as `ExUnit` ends.
pub(super) fn mix(output: &Output) -> Option<Reading> {
    let lines: Vec<&str> = output.both.lines().collect();
    let at = lines.iter().rposition(|line| line.starts_with("Finished in ") && line.contains("seconds"))?;
    let counts = counted(lines.get(at + 1)?, ", ")?;
    let (all, failed) = (of(&counts, &["test", "tests"])?, of(&counts, &["failure", "failures"])?);
    let skipped = of(&counts, &["skipped", "excluded"]);
    let passed = all.checked_sub(failed + skipped.unwrap_or(0))?;
    let totals = Totals { passed: Some(passed), failed: Some(failed), skipped, ..Totals::default() };
    // `  1) test adds up (CartTest)`
    let name = |line: &&str| {
        let (number, name) = line.strip_prefix("  ")?.split_once(") ")?;
        number.trim().parse::<usize>().ok()?;
        Some(name.to_owned())
    };
    Some(end("mix", totals, lines.iter().filter_map(name).collect()))
}

/// `Executed 3 tests, with 1 failure (0 unexpected) in 0.1 (0.1) seconds`
pub(super) fn swift(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let line = last(text, |line| {
        line.trim_start().starts_with("Executed ") && line.contains(" test") && line.ends_with(" seconds")
    })?;
    let (all, failed) = (count(line, &["test", "tests"])?, count(line, &["failure", "failures"])?);
    let totals =
        Totals { passed: Some(all.saturating_sub(failed)), failed: Some(failed), ..Totals::default() };
    // `Test Case 'CartTests.testTotal' failed (0.1 seconds)`
    let name = |line: &str| Some(line.strip_prefix("Test Case '")?.split_once("' failed (")?.0.to_owned());
    Some(end("swift", totals, text.lines().filter_map(name).collect()))
}

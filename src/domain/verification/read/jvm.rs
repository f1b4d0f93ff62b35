//! Maven and Gradle.

use super::{Output, Reading, Seen, Totals, keyed, of};

pub(super) fn maven(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let (mut sums, mut classes) = (Vec::new(), Vec::new());
    let mut failing: Vec<String> = Vec::new();
    for line in text.lines() {
        let bare = unmarked(line);
        if let Some(counts) =
            bare.starts_with("Tests run: ").then(|| bare.split(", Time elapsed").next()).flatten()
        {
            // Behind the time is the class, and whether it failed.
            let is_sum = !bare.contains("Time elapsed");
            let Some(totals) = surefire(counts) else { continue };
            if is_sum { sums.push(totals) } else { classes.push(totals) }
        } else if let Some(name) = surefire_name(bare) {
            failing.push(name);
        }
    }
    // A test that passed when it was run again is named below `Flakes:`.
    let mut flaky = text.lines().map(unmarked).skip_while(|line| *line != "Flakes:").skip(1);
    let flaky: Vec<&str> = flaky.by_ref().take_while(|line| !line.starts_with("Tests run: ")).collect();
    failing.retain(|name| !flaky.contains(&name.as_str()));
    let is_build = text.lines().any(|line| matches!(unmarked(line), "BUILD SUCCESS" | "BUILD FAILURE"));
    let has = |start: &str| text.lines().any(|line| unmarked(line).starts_with(start));
    if has("COMPILATION ERROR") {
        let is_place = |line: &&str| line.contains(":[") && line.contains("] ") && line.contains(".java");
        failing = text.lines().map(unmarked).filter(is_place).map(str::to_owned).collect();
        failing.sort();
        failing.dedup();
        return Some(Reading {
            totals: Totals { errors: Some(failing.len()), ..Totals::default() },
            failing,
            ..Reading::of("maven").seen(Seen::Broken)
        });
    }
    if has("The forked VM terminated")
        || text.contains("The forked VM terminated without properly saying goodbye")
    {
        let lines = text.lines().map(unmarked);
        let crashed = lines.skip_while(|line| *line != "Crashed tests:").skip(1).take(1).map(str::to_owned);
        failing.extend(crashed);
        return Some(Reading { failing, ..Reading::of("maven").seen(Seen::Crash) });
    }
    // Each module ends with a sum; a quiet one may print its failing classes only.
    let totals = if sums.is_empty() { classes } else { sums };
    if let Some(totals) = totals.into_iter().reduce(|one, other| one.and(&other)) {
        let is_sure = is_build || !failing.is_empty();
        let seen = if totals.ran() == 0 { Seen::NoTests } else { Seen::End };
        return is_sure.then(|| Reading { totals, failing, ..Reading::of("maven").seen(seen) });
    }
    let nothing =
        has("No tests to run") || has("No tests were executed") || text.contains("No tests matching pattern");
    nothing.then(|| Reading::of("maven").seen(Seen::NoTests))
}

/// A line without Maven's `[INFO]`.
fn unmarked(line: &str) -> &str {
    let line = line.trim();
    ["[INFO] ", "[ERROR] ", "[WARNING] "]
        .iter()
        .find_map(|mark| line.strip_prefix(mark))
        .unwrap_or(line)
        .trim()
}

/// `Tests run: 2, Failures: 1, Errors: 0, Skipped: 0`
fn surefire(text: &str) -> Option<Totals> {
    let counts = keyed(text, ":")?;
    let (all, failed) = (of(&counts, &["Tests run"])?, of(&counts, &["Failures"])?);
    let (errors, skipped) = (of(&counts, &["Errors"])?, of(&counts, &["Skipped"])?);
    let passed = all.checked_sub(failed + errors + skipped)?;
    Some(Totals {
        passed: Some(passed),
        failed: Some(failed),
        skipped: Some(skipped),
        errors: Some(errors),
        warnings: None,
    })
}

/// `ex.CartTest.total -- Time elapsed: 0.01 s <<< FAILURE!`, and in older versions
/// `total(ex.CartTest)  Time elapsed: 0.01 s  <<< FAILURE!`.
fn surefire_name(line: &str) -> Option<String> {
    let rest = line.strip_suffix("<<< FAILURE!").or_else(|| line.strip_suffix("<<< ERROR!"))?;
    let (name, _) = rest.split_once("Time elapsed:")?;
    let name = name.trim().trim_end_matches("--").trim();
    if let Some((test, class)) =
        name.strip_suffix(')').and_then(|name| name.rsplit_once('(')).filter(|(_, class)| class.contains('.'))
    {
        return Some(format!("{class}.{test}"));
    }
    (!name.is_empty() && !name.starts_with("Tests run:")).then(|| name.to_owned())
}

pub(super) fn gradle(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let end =
        text.lines().find(|line| line.starts_with("BUILD SUCCESSFUL") || line.starts_with("BUILD FAILED"))?;
    let failing: Vec<String> = text.lines().filter_map(gradle_name).collect();
    let totals = text.lines().filter_map(gradle_totals).reduce(|one, other| one.and(&other));
    let of_compiler = |line: &&str| {
        let (path, rest) =
            line.split_once(": error: ").or_else(|| line.split_once(": ")).unwrap_or((line, ""));
        let is_source = path.contains(".java:") || path.starts_with("e: ") && path.contains(".kt");
        is_source && !rest.is_empty()
    };
    let did_not_compile = text.lines().any(|line| {
        line.starts_with("Execution failed for task ':") && line.to_lowercase().contains("compile")
    });
    if did_not_compile && failing.is_empty() {
        let failing: Vec<String> = text.lines().filter(of_compiler).map(str::to_owned).collect();
        let totals = Totals { errors: Some(failing.len()), ..Totals::default() };
        return Some(Reading { totals, failing, ..Reading::of("gradle").seen(Seen::Broken) });
    }
    let crashed =
        text.contains("Process 'Gradle Test Executor") && text.contains("finished with non-zero exit value");
    if crashed {
        return Some(Reading {
            failing,
            totals: totals.unwrap_or_default(),
            ..Reading::of("gradle").seen(Seen::Crash)
        });
    }
    // `> Task :core:test NO-SOURCE`
    let mut tasks = text.lines().filter_map(test_task).peekable();
    let nothing = tasks.peek().is_some() && tasks.all(|how| how == "NO-SOURCE") && failing.is_empty();
    let none_found = text.contains("No tests found for given includes");
    if nothing || none_found {
        return Some(Reading::of("gradle").seen(Seen::NoTests));
    }
    match (totals, end.starts_with("BUILD FAILED")) {
        (Some(totals), _) => Some(Reading { totals, failing, ..Reading::of("gradle") }),
        (None, true) if !failing.is_empty() => Some(Reading { failing, ..Reading::of("gradle") }),
        (None, true) => None,
        // Gradle counts tests where some failed; else the tasks that ran some are all that it tells.
        (None, false) => {
            let ran = |how: &&str| matches!(*how, "" | "UP-TO-DATE" | "FROM-CACHE");
            let tasks = text.lines().filter_map(test_task).filter(ran).count();
            let totals = Totals { passed: Some(tasks), ..Totals::default() };
            (tasks > 0).then(|| Reading { totals, ..Reading::of("gradle") })
        }
    }
}

/// `ex.CartTest > total FAILED`
fn gradle_name(line: &str) -> Option<String> {
    let name = line.strip_suffix(" FAILED")?;
    (name.contains(" > ") && !name.starts_with(['>', ':', ' '])).then(|| name.to_owned())
}

/// `4 tests completed, 2 failed, 1 skipped`
fn gradle_totals(line: &str) -> Option<Totals> {
    let counts = super::counted(line, ", ")?;
    let all = of(&counts, &["tests completed", "test completed"])?;
    let (failed, skipped) = (of(&counts, &["failed"]), of(&counts, &["skipped"]));
    let passed = all.checked_sub(failed.unwrap_or(0) + skipped.unwrap_or(0))?;
    Some(Totals { passed: Some(passed), failed, skipped, ..Totals::default() })
}

/// Returns how a task of tests ended: nothing where it ran.
fn test_task(line: &str) -> Option<&str> {
    let line = line.strip_prefix("> Task ").unwrap_or(line);
    let (task, how) = line.strip_prefix(':')?.split_once(' ').unwrap_or((line.strip_prefix(':')?, ""));
    let name = task.rsplit(':').next()?;
    (name == "test" || name.ends_with("Test")).then_some(how.trim())
}

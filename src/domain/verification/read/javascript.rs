//! Finds the names of failing tests in the trees that mocha and node's own test runner print.

use super::{Reading, untimed};

/// The names of failing tests in mocha's list: a line `1) suite`, and indented below it the further names, of
/// which the last, the test, ends with `:`.
pub(super) fn mocha_names(text: &str) -> Vec<String> {
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

/// Sets the names of failing tests, and removes passing files from the number of passed tests.
pub(super) fn node_names(text: &str, reading: &mut Reading) {
    let lines: Vec<&str> = text.lines().collect();
    // Node counts a file without tests as a passed test with the name of the file.
    let files = (0..lines.len()).filter(|at| is_passing_file(&lines, *at)).count();
    reading.totals.passed = reading.totals.passed.map(|passed| passed.saturating_sub(files));
    let is_tap = lines.iter().any(|line| line.starts_with("TAP version "));
    reading.failing = if is_tap { tap_names(&lines) } else { spec_names(&lines) };
}

/// True for a line like `ok 1 - /project/a.test.js` or `✔ a.test.js (80.1ms)`. Newer versions print relative
/// paths. A test may have such a name too: it often has blanks, and a suite has tests above this line.
fn is_passing_file(lines: &[&str], at: usize) -> bool {
    let Some((line, above)) = lines.get(at).map(|line| (*line, lines.get(..at).unwrap_or_default())) else {
        return false;
    };
    let in_tap = line.strip_prefix("ok ").and_then(|rest| rest.split_once(" - ")).map(|(_, name)| name);
    let name = in_tap.or_else(|| line.strip_prefix("✔ ").map(untimed)).unwrap_or_default();
    let path = std::path::Path::new(name);
    let end = path.extension().and_then(std::ffi::OsStr::to_str);
    if !end.is_some_and(|end| ["js", "cjs", "mjs", "ts", "cts", "mts"].contains(&end)) {
        return false;
    }
    let is_suite = || {
        above.last().is_some_and(|line| line.starts_with("    1.."))
            || above.iter().any(|line| line.strip_prefix("▶ ").map(untimed) == Some(name))
    };
    path.is_absolute() || !name.contains(' ') && !is_suite()
}

/// The names in lines like `not ok 2 - total`, with the names above them in the tree. A suite that fails only
/// because of its tests is left out, since these are named.
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

/// The names in lines like `✖ total (25.1ms)`, with the names above them in the tree. The tree is above the
/// summary.
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

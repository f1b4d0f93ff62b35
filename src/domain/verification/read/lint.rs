//! Linters, type checkers and formatters.

use super::lines::{count, last};
use super::{Does, Output, Reading, Totals};

fn findings(runner: &'static str, errors: usize, warnings: Option<usize>, failing: Vec<String>) -> Reading {
    let totals = Totals { errors: Some(errors), warnings, ..Totals::default() };
    Reading { runner, totals, failing, does: Does::Look, ..Reading::default() }
}

/// `a.ts(1,7): error TS2322: ...`, or with `--pretty` `a.ts:1:7 - error TS2322: ...`.
pub(super) fn tsc(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let failing: Vec<String> =
        text.lines().filter(|line| line.contains("error TS")).map(|line| line.trim().to_owned()).collect();
    (!failing.is_empty()).then(|| findings("tsc", failing.len(), None, failing))
}

/// A file on a line of its own, and `  1:7  error  ...  rule` below it.
pub(super) fn eslint(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let end = last(text, |line| line.starts_with('✖') && line.contains("problem"))?;
    let mut failing = Vec::new();
    let mut file = "";
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if !line.starts_with(' ') {
            file = line.trim();
        } else if let (Some(at), Some("error")) = (words.next(), words.next())
            && at.contains(':')
        {
            failing.push(format!("{file}:{at} {}", words.collect::<Vec<_>>().join(" ")));
        }
    }
    let errors = count(end, &["error", "errors"]).unwrap_or(failing.len());
    Some(findings("eslint", errors, count(end, &["warning", "warnings"]), failing))
}

pub(super) fn mypy(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    if text.contains("Success: no issues found in") {
        return Some(findings("mypy", 0, None, Vec::new()));
    }
    let end =
        last(text, |line| line.starts_with("Found ") && line.contains(" in ") && line.contains(" file"))?;
    let failing: Vec<String> =
        text.lines().filter(|line| line.contains(": error: ")).map(str::to_owned).collect();
    Some(findings("mypy", count(end, &["error", "errors"])?, None, failing))
}

/// The full form, ` --> a.py:1:8` below the message, and the concise one, `a.py:1:8: F401 ...`.
pub(super) fn ruff(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    if text.lines().any(|line| line == "All checks passed!") {
        return Some(findings("ruff", 0, None, Vec::new()));
    }
    let end = last(text, |line| line.starts_with("Found ") && line.contains(" error"))?;
    let mut failing = Vec::new();
    let mut message = "";
    for line in text.lines() {
        match line.trim_start().strip_prefix("--> ") {
            Some(at) => failing.push(format!("{at} {message}")),
            None if line.contains(".py:") && line.contains(": ") && !line.starts_with(' ') => {
                failing.push(line.to_owned());
            }
            None => message = line,
        }
    }
    Some(findings("ruff", count(end, &["error", "errors"])?, None, failing))
}

/// The files that black, isort, prettier, ruff, rustfmt would change.
pub(super) fn formatter(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let name = |line: &str| {
        let file = line
            .strip_prefix("would reformat ")
            .or_else(|| line.strip_prefix("Would reformat: "))
            .or_else(|| line.strip_prefix("[warn] ").filter(|file| !file.contains("Run Prettier")))
            .or_else(|| line.strip_prefix("Diff in ").map(|rest| rest.split(' ').next().unwrap_or(rest)));
        file.map(|file| file.trim_end_matches(':').to_owned())
    };
    let failing: Vec<String> = text.lines().filter_map(name).collect();
    (!failing.is_empty()).then(|| findings("formatter", failing.len(), None, failing))
}

/// gofmt -l prints the files that it would change, and exits with 0.
pub(super) fn gofmt(output: &Output) -> Option<Reading> {
    let text = output.both.as_str();
    let is_file = |line: &&str| std::path::Path::new(line).extension().is_some_and(|end| end == "go");
    let failing: Vec<String> = text.lines().filter(is_file).map(str::to_owned).collect();
    (!failing.is_empty()).then(|| findings("gofmt", failing.len(), None, failing))
}

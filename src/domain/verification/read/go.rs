//! go test, go build and go vet.

use super::{Reading, Totals};

pub(super) fn go(text: &str) -> Option<Reading> {
    let mut totals = Totals::default();
    let mut failing = Vec::new();
    let (mut broken, mut packages, mut empty) = (false, 0_usize, 0_usize);
    for line in text.lines() {
        let trimmed = line.trim_start();
        if let Some(rest) = trimmed.strip_prefix("--- ") {
            let name = rest.split_once(": ").map(|(_, name)| name.split(' ').next().unwrap_or(name));
            match rest.split(':').next() {
                Some("PASS") => *totals.passed.get_or_insert(0) += 1,
                Some("SKIP") => *totals.skipped.get_or_insert(0) += 1,
                Some("FAIL") => {
                    *totals.failed.get_or_insert(0) += 1;
                    failing.extend(name.map(str::to_owned));
                }
                _ => {}
            }
        } else if line.starts_with("FAIL\t") {
            packages += 1;
            broken |= line.contains("[build failed]") || line.contains("[setup failed]");
        } else if line.starts_with("ok  \t") {
            packages += 1;
            empty += usize::from(line.contains("[no tests to run]"));
        } else if line.starts_with("?   \t") {
            packages += 1;
            empty += usize::from(line.contains("[no test files]"));
        }
    }
    let compile = compile_errors(text);
    if packages == 0 && compile.is_empty() && failing.is_empty() {
        return None;
    }
    if !compile.is_empty() && (broken || packages == 0) {
        totals.errors = Some(compile.len());
        failing.extend(compile);
        broken = true;
    }
    Some(Reading {
        runner: "go",
        totals,
        failing,
        broken,
        no_tests: packages > 0 && packages == empty,
        left_out: 0,
    })
}

/// `./shop.go:7:2: undefined: x` below a line `# example.com/shop`.
fn compile_errors(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("# ") {
            inside = true;
        } else if inside && line.split(':').next().is_some_and(is_go) {
            found.push(line.to_owned());
        } else if !line.starts_with('\t') {
            inside = false;
        }
    }
    found
}

fn is_go(path: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|end| end == "go")
}

//! Reader of go test, go build and go vet.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Output, Reading, Seen, Totals};

/// A line of `go test -json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    #[serde(default)]
    package: String,
    #[serde(default)]
    output: String,
}

pub(super) fn go(output: &Output) -> Option<Reading> {
    let text = plain(&output.both);
    let mut totals = Totals::default();
    let mut failing = Vec::new();
    let mut package = Package::default();
    let (mut broken, mut packages, mut empty, mut ends, mut fails) =
        (false, 0_usize, 0_usize, 0_usize, 0_usize);
    let mut seen = Seen::End;
    for line in text.lines() {
        let trimmed = line.trim_start();
        if let Some(rest) = trimmed.strip_prefix("--- ") {
            if let Some((word, name)) = rest.split_once(": ") {
                let name = name.rsplit_once(" (").map_or(name, |(name, _)| name);
                package.ended(name);
                match word {
                    "PASS" => *totals.passed.get_or_insert(0) += 1,
                    "SKIP" => *totals.skipped.get_or_insert(0) += 1,
                    "FAIL" => {
                        *totals.failed.get_or_insert(0) += 1;
                        failing.push(name.to_owned());
                        package.failed = true;
                    }
                    _ => {}
                }
            }
        } else if let Some(name) = line.strip_prefix("=== RUN   ") {
            package.running.push(name.trim().to_owned());
        } else if let Some(rest) = line.strip_prefix("FAIL\t") {
            packages += 1;
            fails += 1;
            let name = rest.split(['\t', ' ']).next().unwrap_or(rest);
            let does_not_build = rest.contains("[build failed]") || rest.contains("[setup failed]");
            broken |= does_not_build;
            let this = std::mem::take(&mut package);
            if !does_not_build {
                seen = this.seen().unwrap_or(seen);
                if !this.failed || this.seen() == Some(Seen::TimeOut) {
                    failing.push(this.culprit(name));
                    *totals.failed.get_or_insert(0) += 1;
                }
            }
        } else if line.starts_with("ok  \t") {
            packages += 1;
            empty += usize::from(line.contains("[no tests to run]"));
            package = Package::default();
        } else if line.starts_with("?   \t") {
            packages += 1;
            empty += usize::from(line.contains("[no test files]"));
        } else if line == "FAIL" {
            ends += 1;
        } else {
            package.note(line);
        }
    }
    let compile = compile_errors(&text);
    // If a package failed, Go ends with a line `FAIL`. Without that line, this is not Go's output.
    if packages == 0 && compile.is_empty()
        || packages > 0 && fails > 0 && ends == 0 && !text.contains("\"Action\"") && !broken
    {
        return None;
    }
    if broken || packages == 0 {
        totals.errors = Some(compile.len());
        failing.extend(compile);
        return Some(Reading { totals, failing, ..Reading::of("go").seen(Seen::Broken) });
    }
    // Without `-v`, which the rules set, Go also prints `ok` for a package whose tests were all skipped, or
    // whose `TestMain` ran none. Such a package shows no test.
    if packages == empty {
        seen = Seen::NoTests;
    }
    Some(Reading { totals, failing, ..Reading::of("go").seen(seen) })
}

/// The state of the package whose lines are being read.
#[derive(Default)]
struct Package {
    /// Tests that began and did not end.
    running: Vec<String>,
    /// Tests in the stack of a panic.
    in_stack: Vec<String>,
    /// True if a test of the package failed.
    failed: bool,
    end: Option<Seen>,
    /// True while the lines belong to the stack of a panic.
    in_panic: bool,
}

impl Package {
    fn ended(&mut self, name: &str) {
        self.running.retain(|running| running != name);
    }

    fn note(&mut self, line: &str) {
        if line.starts_with("panic: test timed out after ") {
            self.end = Some(Seen::TimeOut);
        } else if ["panic: ", "fatal error: ", "exit status ", "signal: "]
            .iter()
            .any(|word| line.starts_with(word))
        {
            self.end = self.end.or(Some(Seen::Crash));
        }
        self.in_panic |= line.starts_with("panic: ") || line.starts_with("fatal error: ");
        if !self.in_panic {
            return;
        }
        // The forms are `example.com/shop.TestP.func1()`, `created by example.com/shop.TestP in goroutine 7`,
        // and below `running tests:` `TestP (1s)`.
        let frame = line.strip_prefix("created by ").unwrap_or(line).trim();
        let called =
            frame.rsplit('/').next().and_then(|last| last.split_once('.')).map_or(frame, |(_, name)| name);
        let name: String = called
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '/'))
            .collect();
        let is_test = ["Test", "Fuzz", "Benchmark", "Example"].iter().any(|start| name.starts_with(start));
        let is_frame = frame.contains('(') || line.starts_with("created by ");
        if is_test && is_frame && !line.starts_with("testing.") {
            self.in_stack.push(name);
        }
    }

    fn seen(&self) -> Option<Seen> {
        self.end.or((!self.running.is_empty() && !self.failed).then_some(Seen::Crash))
    }

    /// The test that ended the whole package, or the package if that test is unknown.
    fn culprit(&self, package: &str) -> String {
        match self.running.last().or(self.in_stack.first()) {
            Some(test) => format!("{package}.{test}"),
            None => package.to_owned(),
        }
    }
}

/// The plain output, reassembled package by package if it was printed with `-json`.
fn plain(text: &str) -> String {
    if !text.lines().any(|line| {
        line.starts_with("{\"Time\":")
            || line.starts_with("{\"Action\":")
            || line.starts_with("{\"ImportPath\":")
    }) {
        return text.to_owned();
    }
    let mut packages: BTreeMap<String, String> = BTreeMap::new();
    let (mut others, mut failed) = (String::new(), false);
    for line in text.lines() {
        match serde_json::from_str::<Event>(line) {
            Ok(event) => {
                failed |= event.action == "fail";
                packages.entry(event.package).or_default().push_str(&event.output);
            }
            Err(_) => {
                others += line;
                others.push('\n');
            }
        }
    }
    let whole: String = packages.into_values().map(|text| text + "\n").collect();
    format!("{others}{whole}{}", if failed { "FAIL\n" } else { "" })
}

/// Compiler errors: lines like `./shop.go:7:2: undefined: x` below a line `# example.com/shop`.
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

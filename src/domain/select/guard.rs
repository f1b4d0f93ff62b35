//! The effect of a patch on the tests that judge it. The project's own tests decide. So the changes that a
//! patch makes to them are undone for the deciding run, and reported by file.

use std::sync::LazyLock;

use crate::domain::comment::is_silent;
use crate::domain::diff::{Action, FilePatch, Patch, Side};
use crate::domain::pattern::Patterns;

/// The role of a file for the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A test, or a file that a test reads.
    Test,
    /// Configuration that decides which tests run, and how.
    Runner,
    /// A file with other content that may also have lines of such configuration, like `package.json`.
    Mixed,
}

/// The files by which a patch affects tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Tests that the patch removes, skips or rewrites.
    pub weakened: Vec<String>,
    /// Changed files that decide how tests run.
    pub runner: Vec<String>,
    /// Tests that the patch adds. They are its author's own, so they prove nothing.
    pub added: Vec<String>,
}

impl Touched {
    /// True if the patch weakens no test and changes no runner, so that tests can prove it.
    pub fn is_honest(&self) -> bool {
        self.weakened.is_empty() && self.runner.is_empty()
    }
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns::read("src/domain/select/guard.yaml"));

fn fits(pattern: &str, text: &str) -> bool {
    PATTERNS.is_in(pattern, text)
}

/// Classifies a file by its path: test, configuration of the tests, or mixed. None for an ordinary file.
pub fn part(path: &str) -> Option<Part> {
    if fits("runner", path) {
        Some(Part::Runner)
    } else if fits("test", path) {
        Some(Part::Test)
    } else if fits("mixed", path) {
        Some(Part::Mixed)
    } else {
        None
    }
}

/// Splits a patch into the part that leaves tests alone and a list of the tests that the rest touches.
/// `content` gives the content of a file before the patch.
pub fn without_tests(patch: &Patch, content: &dyn Fn(&str) -> Option<String>) -> (Patch, Touched) {
    let mut touched = Touched::default();
    let mut kept = Patch { files: Vec::new(), normalised: patch.normalised.clone() };
    for file in &patch.files {
        match part(&file.old).or_else(|| part(&file.new)) {
            Some(Part::Runner) => touched.runner.push(file.new.clone()),
            Some(Part::Test) => note_test(file, &mut touched),
            Some(Part::Mixed) if changed(file).any(|(_, text)| fits("runner_line", text)) => {
                touched.runner.push(file.new.clone());
            }
            Some(Part::Mixed) => kept.files.push(file.clone()),
            None => kept.files.extend(without_inline(file, content, &mut touched)),
        }
    }
    (kept, touched)
}

fn changed(file: &FilePatch) -> impl Iterator<Item = (Side, &str)> {
    let lines = file.hunks.iter().flat_map(|hunk| &hunk.lines);
    lines.filter(|line| line.side != Side::Context).map(|line| (line.side, line.text.as_str()))
}

fn note_test(file: &FilePatch, touched: &mut Touched) {
    let weakens = match file.action {
        Action::Delete | Action::Rename => true,
        Action::Create | Action::Copy => false,
        Action::Modify => weakens(file, changed(file)),
    };
    if weakens { touched.weakened.push(file.new.clone()) } else { touched.added.push(file.new.clone()) }
}

/// True if changed lines of a test weaken it: they remove a line that is more than an import or a comment, or
/// add a skip.
fn weakens<'a>(file: &FilePatch, mut lines: impl Iterator<Item = (Side, &'a str)>) -> bool {
    lines.any(|(side, text)| match side {
        Side::Removed => !is_silent(&file.old, text) && !fits("import", text),
        Side::Added => fits("skip", text),
        Side::Context => false,
    })
}

/// The changes of a file without the hunks inside the inline tests of Rust source. None if nothing is left.
fn without_inline(
    file: &FilePatch,
    content: &dyn Fn(&str) -> Option<String>,
    touched: &mut Touched,
) -> Option<FilePatch> {
    let is_rust = file.old.rsplit_once('.').is_some_and(|(_, extension)| extension == "rs")
        && file.action == Action::Modify;
    let before = if is_rust { content(&file.old) } else { None };
    let tests = before.as_ref().and_then(|text| {
        let lines: Vec<&str> = text.lines().collect();
        let start = lines.iter().position(|line| line.trim_start().starts_with("#[cfg(test)]"))?;
        Some((lines, start))
    });
    let Some((lines, start)) = tests else { return Some(file.clone()) };
    let mut kept = file.clone();
    let mut weakened = false;
    let mut added = false;
    kept.hunks.retain(|hunk| {
        let old: Vec<&str> = hunk
            .lines
            .iter()
            .filter(|line| line.side != Side::Added)
            .map(|line| line.text.as_str())
            .collect();
        let place =
            hunk.lines.iter().take_while(|line| line.side == Side::Context).count().saturating_add(
                lines.windows(old.len().max(1)).position(|window| window == old).unwrap_or(0),
            );
        if place <= start {
            return true;
        }
        let changed = hunk.lines.iter().filter(|line| line.side != Side::Context);
        if weakens(file, changed.map(|line| (line.side, line.text.as_str()))) {
            weakened = true;
        } else {
            added = true;
        }
        false
    });
    if weakened {
        touched.weakened.push(file.new.clone());
    } else if added {
        touched.added.push(file.new.clone());
    }
    (!kept.hunks.is_empty() || kept.executable.is_some()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::diff::parse;

    #[test]
    fn files_are_known_by_their_names() {
        for path in [
            "tests/it/a.rs", "test_cart.py", "src/a_test.go", "a.spec.ts", "src/test/java/a/B.java",
            "src/CartTest.java", "CartTests.cs", "cart_spec.rb", "CartTest.php", "web/__snapshots__/a.snap",
            "pkg/testdata/x.json", "app/tests.py", "src/a.test.tsx",
        ] {
            assert_eq!(part(path), Some(Part::Test), "{path}");
        }
        for path in [
            "conftest.py", "tests/conftest.py", "pytest.ini", "tox.ini", "jest.config.js", "Makefile",
            "vitest.config.mts", ".config/nextest.toml", "phpunit.xml.dist", "unittest.py",
            "pytest/__init__.py", "node_modules/jest/index.js", ".venv/bin/pytest",
        ] {
            assert_eq!(part(path), Some(Part::Runner), "{path}");
        }
        for path in [
            "src/latest.py", "contest.rs", "src/attested.go", "src/inspect.rs", "protest.py", "Audit.java",
            "src/specification.py", "src/unittests.py", "pytester.py",
        ] {
            assert_eq!(part(path), None, "{path}");
        }
    }

    fn touched(diff: &str) -> (Vec<String>, Touched) {
        let before = "pub fn f() {}\n\npub fn g() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn a() {\n        assert!(true);\n    }\n}\n";
        let (kept, touched) = without_tests(&parse(diff).unwrap(), &|_| Some(before.to_owned()));
        (kept.files.iter().map(|file| format!("{}:{}", file.new, file.hunks.len())).collect(), touched)
    }

    #[test]
    fn what_weakens_tests_is_told_from_what_adds_some() {
        let diff = |file: &str, body: &str| format!("--- a/{file}\n+++ b/{file}\n@@ -1,1 +1,1 @@\n{body}");
        let weakened = |file: &str, body: &str| touched(&diff(file, body)).1.weakened;
        assert_eq!(weakened("test_a.py", "-    assert f() == 1\n+    assert f() == 2\n"), ["test_a.py"]);
        assert_eq!(weakened("test_a.py", " def test_a():\n+    pytest.skip('later')\n"), ["test_a.py"]);
        assert_eq!(weakened("a.test.ts", " x\n+it.only('b', () => {})\n"), ["a.test.ts"]);
        assert!(weakened("test_a.py", "-from a import f\n+from a import f, g\n").is_empty());
        let (kept, more) = touched(&diff("test_a.py", " x\n+def test_more():\n+    assert g()\n"));
        assert_eq!((kept.len(), more.added.as_slice()), (0, &["test_a.py".to_owned()][..]));
        let runner = |file: &str, body: &str| touched(&diff(file, body)).1.runner;
        assert_eq!(runner("pytest.ini", "-a\n+b\n"), ["pytest.ini"]);
        assert_eq!(
            runner("package.json", "-    \"test\": \"jest\"\n+    \"test\": \"true\"\n"),
            ["package.json"]
        );
        assert!(runner("package.json", "-    \"lodash\": \"1\"\n+    \"lodash\": \"2\"\n").is_empty());
    }

    #[test]
    fn tests_inside_of_source_are_put_back_hunk_by_hunk() {
        let diff = "--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,1 +1,1 @@\n-pub fn f() {}\n+pub fn f() -> u8 { 1 }\n@@ -8,3 +8,3 @@\n     fn a() {\n-        assert!(true);\n+        assert!(1 == 1);\n     }\n";
        let (kept, touched) = touched(diff);
        assert_eq!(kept, ["src/a.rs:1"]);
        assert_eq!(touched.weakened, ["src/a.rs"]);
    }
}

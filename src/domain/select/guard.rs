//! The effect of a patch on the tests that judge it. The project's own tests decide. So the changes that a
//! patch makes to them are undone for the deciding run, and reported by file.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use crate::domain::comment::is_silent;
use crate::domain::diff::{Action, FilePatch, HunkLine, Patch, Side, apply};
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
            Some(Part::Test) => note_test(file, content, &mut touched),
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

fn note_test(file: &FilePatch, content: &dyn Fn(&str) -> Option<String>, touched: &mut Touched) {
    let silences = || {
        let before = content(&file.old).unwrap_or_default();
        stops(file, &before) || replaces(file, &before)
    };
    let weakens = match file.action {
        Action::Delete | Action::Rename => true,
        Action::Create | Action::Copy => false,
        Action::Modify => weakens(file, changed(file)) || silences(),
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

/// True if an added line ends a test early: code of the same block follows, which no longer runs.
fn stops(file: &FilePatch, before: &str) -> bool {
    let old: Vec<&str> = before.lines().collect();
    let places = apply(before.as_bytes(), file).map(|applied| applied.places).unwrap_or_default();
    let indent = |text: &str| text.len() - text.trim_start().len();
    file.hunks.iter().enumerate().any(|(number, hunk)| {
        let length = hunk.lines.iter().filter(|line| line.side != Side::Added).count();
        let below = places.get(number).and_then(|at| old.get(at + length..)).unwrap_or_default();
        let next = below.iter().find(|text| !text.trim().is_empty()).map(|text| (Side::Context, *text));
        let lines = hunk.lines.iter().map(|line| (line.side, line.text.as_str()));
        let is_code = |(side, text): &(Side, &str)| *side != Side::Removed && !text.trim().is_empty();
        let lines: Vec<(Side, &str)> = lines.chain(next).filter(is_code).collect();
        lines.windows(2).any(|two| match two {
            [(Side::Added, line), (Side::Context, next)] => {
                indent(line) == indent(next) && fits("stop", line)
            }
            _ => false,
        })
    })
}

/// True if an added test has the name of an earlier one, which Python and Ruby then forget.
fn replaces(file: &FilePatch, before: &str) -> bool {
    if ![".py", ".rb"].iter().any(|end| file.old.ends_with(end)) {
        return false;
    }
    let after = apply(before.as_bytes(), file).ok().and_then(|after| String::from_utf8(after.content).ok());
    after.is_some_and(|after| forgotten(&after) > forgotten(before))
}

/// The number of tests that a later one of the same name, in the same classes and functions, replaces.
fn forgotten(text: &str) -> usize {
    let (mut around, mut seen, mut forgotten) = (Vec::<(usize, &str)>::new(), BTreeSet::new(), 0);
    for head in text.lines().filter_map(|line| PATTERNS.captures("head", line)) {
        let indent = head.get(1).map_or(0, |blank| blank.as_str().len());
        let Some(name) = head.get(2).or_else(|| head.get(3)) else { continue };
        around.retain(|(at, _)| *at < indent);
        around.push((indent, name.as_str()));
        if head.get(3).is_some_and(|test| test.as_str().starts_with("test")) {
            let path: Vec<&str> = around.iter().map(|(_, name)| *name).collect();
            forgotten += usize::from(!seen.insert(path));
        }
    }
    forgotten
}

/// The changes of a file without those of the inline tests of Rust source. None if nothing is left. A change
/// whose place is unknown counts as one of the tests.
fn without_inline(
    file: &FilePatch,
    content: &dyn Fn(&str) -> Option<String>,
    touched: &mut Touched,
) -> Option<FilePatch> {
    let is_rust = file.old.rsplit_once('.').is_some_and(|(_, extension)| extension == "rs");
    let is_change = matches!(file.action, Action::Modify | Action::Rename) && !file.hunks.is_empty();
    if !is_rust || !is_change {
        return Some(file.clone());
    }
    let before = content(&file.old);
    let tests = before.as_deref().map(InlineTests::of);
    if tests.as_ref().is_some_and(|tests| tests.items.is_empty()) {
        return Some(file.clone());
    }
    let applied = before.as_deref().and_then(|text| apply(text.as_bytes(), file).ok());
    let mut kept = file.clone();
    let mut undone: Vec<HunkLine> = Vec::new();
    match (tests, applied) {
        (Some(tests), Some(applied)) => {
            for (hunk, at) in kept.hunks.iter_mut().zip(applied.places) {
                hunk.lines = tests.without(&hunk.lines, at, &mut undone);
            }
            kept.hunks.retain(|hunk| hunk.lines.iter().any(|line| line.side != Side::Context));
            let lines = || undone.iter().map(|line| (line.side, line.text.as_str()));
            if weakens(file, lines()) {
                touched.weakened.push(file.new.clone());
            } else if !undone.is_empty() {
                touched.added.push(file.new.clone());
            }
        }
        (None, _) | (_, None) => {
            kept.hunks.clear();
            touched.weakened.push(file.new.clone());
        }
    }
    let is_left = !kept.hunks.is_empty() || kept.executable.is_some() || file.action == Action::Rename;
    is_left.then_some(kept)
}

/// The inline tests of a file of Rust source.
struct InlineTests<'a> {
    lines: Vec<&'a str>,
    /// The lines of each item with an attribute for tests, from its first attribute to its end.
    items: Vec<Range<usize>>,
}

impl<'a> InlineTests<'a> {
    fn of(text: &'a str) -> Self {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut items: Vec<Range<usize>> = Vec::new();
        let (mut start, mut end) = (0, 0);
        for (at, line) in lines.iter().enumerate() {
            if at >= end && fits("inline_test", line) {
                let attributes = lines.get(end..at).unwrap_or_default().iter().rev();
                let above = attributes.take_while(|line| line.trim_start().starts_with("#[")).count();
                end = at + item_lines(text.get(start..).unwrap_or_default());
                items.push(at - above..end);
            }
            start += line.len();
        }
        Self { lines, items }
    }

    /// The lines of a hunk at this place without the changes of tests, which go to `undone`. Changed lines
    /// that follow one another stay or go together.
    fn without(&self, hunk: &[HunkLine], place: usize, undone: &mut Vec<HunkLine>) -> Vec<HunkLine> {
        let mut kept = Vec::new();
        let mut at = place;
        for run in hunk.chunk_by(|one, other| (one.side == Side::Context) == (other.side == Side::Context)) {
            let old = at..at + run.iter().filter(|line| line.side != Side::Added).count();
            at = old.end;
            if run.iter().all(|line| line.side == Side::Context) || !self.are_changed_by(run, &old) {
                kept.extend_from_slice(run);
                continue;
            }
            undone.extend_from_slice(run);
            let removed = run.iter().filter(|line| line.side == Side::Removed);
            kept.extend(removed.map(|line| HunkLine { side: Side::Context, ..line.clone() }));
        }
        kept
    }

    /// True if changed lines in place of these old lines change a test: they are in one, or they end with
    /// something that affects the test below, such as an attribute.
    fn are_changed_by(&self, run: &[HunkLine], old: &Range<usize>) -> bool {
        let mut added = run.iter().rev().filter(|line| line.side == Side::Added);
        let last = added.find(|line| !line.text.trim().is_empty() && !line.text.trim().starts_with("//"));
        let is_open = last.is_some_and(|line| !line.text.trim_end().ends_with(['}', ';']));
        let is_above = |item: &Range<usize>| {
            let between = self.lines.get(old.end..item.start);
            between.is_some_and(|lines| lines.iter().all(|line| line.trim().is_empty()))
        };
        self.items
            .iter()
            .any(|item| item.start < old.end && old.start < item.end || is_open && is_above(item))
    }
}

/// Number of lines of the item at the beginning of Rust source: up to the end of its block or its semicolon.
/// An item whose end is not found reaches to the end of the source.
fn item_lines(source: &str) -> usize {
    let (mut depth, mut is_named) = (0_usize, false);
    let tokens = PATTERNS.get("rust_token").into_iter().flat_map(|token| token.find_iter(source));
    for token in tokens {
        let before = |end: usize| source.get(..end).unwrap_or_default().matches('\n').count();
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            // The block around a field, an arm or a statement ends.
            ")" | "]" | "}" if depth == 0 => return before(token.start()).max(1),
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return before(token.end()) + 1;
                }
            }
            ";" if depth == 0 => return before(token.end()) + 1,
            // A field, a variant or an arm. The head of a named item may have commas too.
            "," if depth == 0 && !is_named => return before(token.end()) + 1,
            word if word.contains('"') => {}
            word => is_named |= word.starts_with(|letter: char| letter.is_ascii_lowercase()),
        }
    }
    source.lines().count()
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
            "pkg/testdata/x.json", "app/tests.py", "src/a.test.tsx", "Tests/helper.py", "Shop.Tests/Same.cs",
            "testing/helper.py", "unit_tests/a.py", "unittests/a.py", "test_suite/a.py", "shop-tests/a.js",
            "integration_tests/a.py", "테스트/helper.py", "단위 테스트/a.py", "app/src/androidTest/A.kt",
            "ShopTests/Same.swift", "src/testHelpers/a.ts", "src/setupTests.ts", "test-utils.tsx",
            "tests_unit/a.py", "Shop.UnitTests/A.cs", "UITests/A.swift",
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
            "src/specification.py", "src/unittests.py", "pytester.py", "latest/a.py", "src/contests/a.py",
            "testimonials/a.ts", "src/attest/a.rs", "numpy/testing/a.py", "ab_test/a.py", "src/Latest/a.cs",
            "hospital/lab_tests/models.py", "pages/SpeedTest/page.py", "app/ABTests/page.py",
            "Snapshots/A.cs", "src/setup.ts", "src/utils.ts", "protests/a.py",
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
    fn added_lines_can_silence_tests_too() {
        const BEFORE: &str = "import unittest\nclass A(unittest.TestCase):\n    def test_a(self):\n        same(1, 1)\nclass B(A):\n    def test_b(self):\n        same(2, 2)\n";
        let weakens = |at: usize, added: &str| {
            let above = BEFORE.lines().nth(at - 1).unwrap();
            let below = BEFORE.lines().nth(at).map(|line| format!(" {line}\n")).unwrap_or_default();
            let added = format!("+{}\n", added.trim_end().replace('\n', "\n+"));
            let diff =
                format!("--- a/test_a.py\n+++ b/test_a.py\n@@ -{at} +{at} @@\n {above}\n{added}{below}");
            let (_, touched) = without_tests(&parse(&diff).unwrap(), &|_| Some(BEFORE.to_owned()));
            !touched.weakened.is_empty()
        };
        for (at, added) in [
            (3, "        return"),
            (3, "        return None\n"),
            (6, "        return"),
            (1, "import sys; sys.exit(0)"),
            (1, "load_tests = lambda *a: unittest.TestSuite()"),
            (2, "    def run(self, result=None): pass"),
            (4, "    def test_a(self): pass"),
            (2, "    __test__ = False"),
        ] {
            assert!(weakens(at, added), "{added}");
        }
        for (at, added) in [
            (4, "    def test_b(self):\n        same(1, 1)"),
            (4, "def helper(x):\n    return x\n"),
            (2, "    def make(self):\n        return 1\n"),
            (3, "        if not self.a:\n            return\n"),
            (6, "        with self.assertRaises(SystemExit):\n            sys.exit(1)"),
            (7, "    def test_run(self):\n        run(self)"),
            (7, "    def test_c(self):\n        def test_a():\n            pass\n        test_a()"),
            (7, "def make():\n    class A:\n        def test_a(self): pass"),
        ] {
            assert!(!weakens(at, added), "{added}");
        }
    }

    #[test]
    fn the_line_below_a_hunk_counts_too() {
        let before = "def test_a():\n    assert f() == 1\n\ndef test_b():\n    assert f() == 2\n";
        let weakened = |at: usize, head: &str| {
            let diff =
                format!("--- a/test_a.py\n+++ b/test_a.py\n@@ -{at},1 +{at},2 @@\n {head}\n+    return\n");
            without_tests(&parse(&diff).unwrap(), &|_| Some(before.to_owned())).1.weakened.len()
        };
        assert_eq!((weakened(1, "def test_a():"), weakened(4, "def test_b():")), (1, 1));
        assert_eq!(weakened(2, "    assert f() == 1"), 0);
    }

    #[test]
    fn tests_inside_of_source_are_put_back_hunk_by_hunk() {
        let diff = "--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,1 +1,1 @@\n-pub fn f() {}\n+pub fn f() -> u8 { 1 }\n@@ -8,3 +8,3 @@\n     fn a() {\n-        assert!(true);\n+        assert!(1 == 1);\n     }\n";
        let (kept, touched) = touched(diff);
        assert_eq!(kept, ["src/a.rs:1"]);
        assert_eq!(touched.weakened, ["src/a.rs"]);
    }

    const SOURCE: &str = "\
pub fn f() -> u8 {
    1
}

#[cfg(test)]
mod tests {
    fn brace() -> char {
        '{'
    }

    #[test]
    fn a() {
        assert_eq!(1, 1);
    }
}

pub fn g() -> u8 {
    1
}
";

    fn of(before: &str, body: &str) -> (String, Touched) {
        let diff = format!("--- a/src/a.rs\n+++ b/src/a.rs\n{body}");
        let (kept, touched) = without_tests(&parse(&diff).unwrap(), &|_| Some(before.to_owned()));
        let lines = kept.files.iter().flat_map(|file| &file.hunks).flat_map(|hunk| &hunk.lines);
        let changed = lines.filter(|line| line.side != Side::Context).map(|line| line.text.trim());
        (changed.collect::<Vec<_>>().join("|"), touched)
    }

    #[test]
    fn a_hunk_that_cannot_be_placed_counts_as_one_of_the_tests() {
        for body in [
            // Only added lines, at a line inside of the tests.
            "@@ -10,0 +11,1 @@\n+    #[ignore]\n",
            // Lines that are not in the file.
            "@@ -12,2 +12,2 @@\n     fn b() {\n-        assert_eq!(1, 1);\n+        assert_eq!(2, 2);\n",
        ] {
            let (kept, touched) = of(SOURCE, body);
            assert_eq!((kept.as_str(), touched.weakened.len()), ("", 1), "{body}");
        }
        let patch = parse("--- a/a.rs\n+++ b/a.rs\n@@ -1,1 +1,1 @@\n-a\n+b\n").unwrap();
        let (kept, touched) = without_tests(&patch, &|_| None);
        assert_eq!((kept.files.len(), touched.weakened.len()), (0, 1));
    }

    #[test]
    fn the_line_numbers_of_a_hunk_say_where_equal_lines_are_meant() {
        let before = SOURCE.replace("        assert_eq!(1, 1);", "    1");
        // Line 2 has the same text.
        let body = "@@ -13,1 +13,1 @@\n-    1\n+    2\n";
        let (kept, touched) = of(&before, body);
        assert_eq!((kept.as_str(), touched.added.len()), ("", 1));
        let (kept, touched) = of(&before, "@@ -18,2 +18,2 @@\n-    1\n+    2\n }\n");
        assert_eq!((kept.as_str(), touched.is_honest()), ("1|2", true));
    }

    #[test]
    fn what_stands_below_a_test_is_no_test() {
        let (kept, touched) = of(SOURCE, "@@ -17,3 +17,3 @@\n pub fn g() -> u8 {\n-    1\n+    2\n }\n");
        assert_eq!((kept.as_str(), touched.is_honest()), ("1|2", true));
        for (item, length) in [
            ("#[cfg(test)] mod tests;", 1),
            ("#[cfg(test)]\nmod tests;", 2),
            ("#[cfg(test)]\nuse a::{b, c};", 2),
            ("#[cfg(test)]\nfn f<A, B>(a: [u8; 3]) -> A {\n    \"}\";\n}", 4),
            ("#[cfg(test)]\nmod tests {\n    r#\"}\n\"#; // }\n    '}'; '\\''; b'{'; /* } */\n}", 6),
            ("#[cfg(test)]\nfield: u8,", 2),
            ("#[test]\n#[ignore]\nfn f<'a>(a: &'a str) {}", 3),
        ] {
            let source = format!("{item}\npub fn g() {{}}\n");
            assert_eq!(InlineTests::of(&source).items, [Range { start: 0, end: length }], "{item}");
        }
        assert_eq!(InlineTests::of("struct A {\n    #[cfg(test)]\n    a: u8\n}\n").items.len(), 1);
    }

    #[test]
    fn a_hunk_over_code_and_tests_is_divided() {
        let body = "@@ -2,13 +2,14 @@\n-    1\n+    2\n }\n \n #[cfg(test)]\n mod tests {\n     fn brace() -> char {\n         '{'\n     }\n \n     #[test]\n+    #[ignore]\n     fn a() {\n         assert_eq!(1, 1);\n     }\n";
        let (kept, touched) = of(SOURCE, body);
        assert_eq!((kept.as_str(), touched.weakened.len()), ("1|2", 1));
    }

    #[test]
    fn an_attribute_above_the_tests_is_one_of_theirs() {
        let (kept, _) = of(SOURCE, "@@ -3,3 +3,4 @@\n }\n \n+#[cfg(any())]\n #[cfg(test)]\n mod tests {\n");
        assert_eq!(kept, "");
        let (kept, touched) =
            of(SOURCE, "@@ -3,3 +3,5 @@\n }\n \n+pub fn h() {}\n+\n #[cfg(test)]\n mod tests {\n");
        assert_eq!((kept.as_str(), touched.is_honest()), ("pub fn h() {}|", true));
    }
}

//! Errors and the places that belong to them, as tools print them.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Regex, RegexSet};

/// No more than this is kept; the rest of a log repeats itself.
const MAX_FAULTS: usize = 40;
const MAX_FRAMES: usize = 30;
/// Longest error that is kept, in characters.
const MAX_ERROR: usize = 400;
/// Errors that are told by nothing but a word: enough to name what is wrong, not enough to drown it.
const MAX_LAST_RESORT: usize = 5;
/// Frames come this many lines after their error, or belong to something else.
const REACH: usize = 60;

/// Pattern of a static; one that does not compile matches nothing (and fails the tests).
type Pattern = LazyLock<Option<Regex>>;

/// Colours of a terminal, and the time that a build server writes before each line.
static NOISE: Pattern =
    LazyLock::new(|| Regex::new(r"\x1b\[[0-9;:?]*[A-Za-z]|^\d{4}-\d\d-\d\dT[\d:.]+Z ").ok());

/// A file of source and a line, in the ways in which the common languages print them.
static PLACE: Pattern = LazyLock::new(|| {
    Regex::new(concat!(
        r#"File "(?P<python>[^"]+)", line (?P<python_line>\d{1,9})"#,
        r"|(?P<file>[\w@./\\+-]*[\w+-]\.(?:py|[mc]?[jt]sx?|vue|svelte|rs|go|java|kts?|scala|groovy|cs|fs|vb|rb|php|cc?|cpp|cxx|hh?|hpp|mm?|swift|exs?|erl|hs|mli?|lua|p[lm]|sh|dart|zig|jl|clj))",
        r"(?::line | on line |:\[|[:(])(?P<line>\d{1,9})",
    ))
    .ok()
});

/// Lines that are an error in some tool's words.
const ERRORS: [&str; 14] = [
    // Exceptions of Python, JavaScript, Java and .NET; `E   ` is pytest's mark.
    r#"^(?:E )?[\s|]*(?:Uncaught |Caused by: |Unhandled exception\. |---> |Exception in thread "[^"]*" )?(?:[\w$]+[.:]+)*(?:[A-Z]\w*)?(?:Error|Exception|Failure|Exit|Interrupt)\b(?: \[\w+\])?(?: ?:.*)?$"#,
    r"^E\s+assert .*$",
    r"^\s*expect\(.*\)\..*$",
    r"^\s*Assert\.\w+.*$",
    r"^\s+Failure/Error: .+$",
    // Rust and Go.
    r"^error(?:\[\w+\])?: .+$",
    r"\bpanicked at .+$",
    r"^(?:panic|fatal error): .+$",
    r"^\S+\.go:\d+:\d+: .+$",
    r"^\s+\S+_test\.go:\d+: .+$",
    // Compilers and interpreters that begin with the place.
    r"^(?:e: |\[ERROR\] )?\S*\.\w+:?[:(\[]\d+.*?(?:\berror\b|[Ee]rror\)$|\] |: \(?\d+, \d+\): ).*$",
    r"^\s*(?:PHP )?Fatal error: .+$",
    // TAP.
    r"^\s+error: .+$",
    r"ERROR: \w+Sanitizer: |Assertion [`'].*' failed|: runtime error: |terminate called after throwing|^e: ",
];
static ERROR: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(ERRORS).ok());

/// Python's last line of a traceback, whatever the class is called.
static RAISED: Pattern = LazyLock::new(|| Regex::new(r"^(?:E +)?[\s|]*(?:\w+\.)*[A-Z]\w*(?:: .*)?$").ok());
/// The error itself stands on the next line.
static ANNOUNCED: Pattern = LazyLock::new(|| Regex::new(r"panicked at [^']*:\d+:$|^\s+error: \|-?$").ok());
/// The place that pytest prints behind an error.
static PYTEST: Pattern = LazyLock::new(|| Regex::new(r"^\S+\.py:\d+: [A-Z]\w*$").ok());
/// The place that pytest prints above one.
static PYTEST_ABOVE: Pattern = LazyLock::new(|| Regex::new(r"^\S+\.py:\d+:(?: in \S+)?\s*$").ok());
static LAST_RESORT: Pattern =
    LazyLock::new(|| Regex::new(r"(?i)\b(?:\w+error|\w+exception)\b|\b(?:error|fatal|panic)(?:: |! )").ok());

/// Cargo's own words, which come after the error.
const NO_ERROR: [&str; 5] = [
    "error: could not compile",
    "error: aborting due",
    "error: test failed",
    "error: test run failed",
    "error: process didn't",
];

/// A library or a runtime, not the project.
static LIBRARY: Pattern = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:site|dist)-packages|/lib/(?:python|ruby)|\\lib\\|node_modules/|node:|internal/(?:modules|process)/",
        r"|/rustc/|\.cargo/registry|/library/(?:std|core|alloc)/|/pkg/mod/|/usr/(?:local/go/src/|include|lib)",
        r"|/gems/|<frozen|<string>|<stdin>|sysdeps/|libsanitizer|/csu/|/_pytest/",
        r"|^\s*at (?:java|javax|jdk|sun|kotlin|org\.junit|org\.gradle|System|Microsoft|Xunit|NUnit)\.",
    ))
    .ok()
});

/// A file of the project and a line in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) file: String,
    pub(super) line: u32,
}

/// An error as it was printed.
#[derive(Debug)]
pub(super) struct Fault {
    /// The line of it, word for word, without blanks around it.
    pub(super) error: String,
    /// Frames of the project, innermost first.
    pub(super) frames: Vec<Frame>,
    at: usize,
}

impl Fault {
    /// The class before the colon; the whole line where it has none.
    pub(super) fn class(&self) -> &str {
        let class = self.error.split([':', ' ']).next().unwrap_or_default();
        let is_class = class.contains("Error") || class.contains("Exception");
        if is_class { class } else { &self.error }
    }

    /// The place to look at first: the innermost frame, in the program rather than in its tests.
    pub(super) fn place(&self) -> Option<&Frame> {
        self.frames.iter().find(|frame| !is_test_file(&frame.file)).or_else(|| self.frames.first())
    }
}

/// Every error of the lines with its frames, in the order of the text; those without a place last.
pub(super) fn find(lines: &[&str], last_resort: bool) -> Vec<Fault> {
    let mut reader = Reader::default();
    for (at, line) in lines.iter().enumerate() {
        reader.line(at, &plain(line));
    }
    if reader.faults.is_empty() && last_resort {
        let words = lines.iter().map(|line| plain(line)).filter(|line| is(&LAST_RESORT, line));
        for line in words.take(MAX_LAST_RESORT) {
            reader.error(0, &line);
        }
    }
    let mut faults: Vec<Fault> = Vec::new();
    for fault in reader.faults {
        let is_known = |known: &Fault| known.error == fault.error && known.place() == fault.place();
        if !faults.iter().any(is_known) {
            faults.push(fault);
        }
    }
    faults.sort_by_key(|fault| fault.place().is_none());
    faults
}

#[derive(Default)]
struct Reader {
    faults: Vec<Fault>,
    /// Frames of a traceback whose error is still to come, outermost first.
    above: Vec<Frame>,
    is_announced: bool,
}

impl Reader {
    fn line(&mut self, at: usize, line: &str) {
        if self.is_announced && !line.trim().is_empty() {
            self.is_announced = false;
            if let Some(fault) = self.faults.last_mut() {
                fault.error = clip(line.trim(), MAX_ERROR);
            }
            return;
        }
        let is_error = ERROR.as_ref().is_some_and(|set| set.is_match(line))
            || (!self.above.is_empty() && is(&RAISED, line));
        if is_error && !NO_ERROR.iter().any(|start| line.starts_with(start)) {
            self.error(at, line);
            self.is_announced = is(&ANNOUNCED, line);
        } else if let Some(place) = place(line) {
            self.place(at, line, place);
        }
    }

    fn error(&mut self, at: usize, line: &str) {
        let mut frames: Vec<Frame> = place(line).into_iter().collect();
        frames.extend(self.above.drain(..).rev());
        frames.truncate(MAX_FRAMES);
        if self.faults.len() < MAX_FAULTS {
            let error = line.strip_prefix("E ").unwrap_or(line).trim_matches([' ', '\t', '|']);
            self.faults.push(Fault { error: clip(error, MAX_ERROR), frames, at });
        }
    }

    fn place(&mut self, at: usize, line: &str, place: Frame) {
        if line.contains("File \"") || is(&PYTEST_ABOVE, line) {
            // The frames nearest to the error count.
            if self.above.len() == MAX_FRAMES {
                self.above.remove(0);
            }
            self.above.push(place);
            return;
        }
        let Some(fault) = self.faults.last_mut().filter(|fault| at - fault.at <= REACH) else {
            return;
        };
        if is(&PYTEST, line) {
            fault.frames.insert(0, place);
        } else if fault.frames.len() < MAX_FRAMES {
            fault.frames.push(place);
        }
    }
}

/// The place of the project that a line names.
fn place(line: &str) -> Option<Frame> {
    // Most lines name none, and a digit is quickly seen.
    if !line.bytes().any(|byte| byte.is_ascii_digit()) || is(&LIBRARY, line) {
        return None;
    }
    let found = PLACE.as_ref()?.captures(line)?;
    let file = found.name("python").or_else(|| found.name("file"))?.as_str();
    let number = found.name("python_line").or_else(|| found.name("line"))?;
    let file = file.strip_prefix("//").unwrap_or(file);
    Some(Frame {
        file: clip(file.strip_prefix("./").unwrap_or(file), 160),
        line: number.as_str().parse().ok()?,
    })
}

/// True if a file holds tests rather than what they test.
fn is_test_file(file: &str) -> bool {
    let lower = file.to_ascii_lowercase().replace('\\', "/");
    let name = lower.rsplit('/').next().unwrap_or("");
    let stem = name.split('.').next().unwrap_or("");
    lower.split('/').any(|part| matches!(part, "test" | "tests" | "spec" | "__tests__"))
        || stem.starts_with("test_")
        || ["_test", "_tests", "_spec"].iter().any(|end| stem.ends_with(end))
        || [".test.", ".spec.", "test.java", "tests.java", "test.kt", "test.cs", "tests.cs"]
            .iter()
            .any(|part| name.contains(part))
}

fn is(pattern: &Pattern, line: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(line))
}

fn plain(line: &str) -> Cow<'_, str> {
    match NOISE.as_ref() {
        Some(noise) if line.starts_with("20") || line.contains('\x1b') => noise.replace_all(line, ""),
        _ => Cow::Borrowed(line),
    }
}

/// At most `limit` characters of `text`, with a mark where something was cut.
pub(super) fn clip(text: &str, limit: usize) -> String {
    let head = head(text, limit);
    if head.len() == text.len() { text.to_owned() } else { format!("{head}...") }
}

/// The first `limit` characters.
pub(super) fn head(text: &str, limit: usize) -> &str {
    text.char_indices().nth(limit).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(ERROR.is_some());
        for pattern in [&NOISE, &PLACE, &LIBRARY, &RAISED, &ANNOUNCED, &PYTEST, &PYTEST_ABOVE, &LAST_RESORT] {
            assert!(pattern.is_some());
        }
    }

    #[test]
    fn places_of_the_common_languages_are_found() {
        let is = |line: &str, wanted: Option<(&str, u32)>| {
            let wanted = wanted.map(|(file, line)| Frame { file: file.to_owned(), line });
            assert_eq!(place(line), wanted, "{line}");
        };
        is("  File \"shop/cart.py\", line 12, in total", Some(("shop/cart.py", 12)));
        is("    at total (file:///srv/shop/cart.mjs:12:3)", Some(("/srv/shop/cart.mjs", 12)));
        is("  --> src/lib.rs:12:3", Some(("src/lib.rs", 12)));
        is("\tat shop.Cart.total(Cart.java:12)", Some(("Cart.java", 12)));
        is("   at Shop.Cart.Total(Int32 x) in /src/Cart.cs:line 12", Some(("/src/Cart.cs", 12)));
        is("Cart.cs(12,5): error CS1002: ; expected", Some(("Cart.cs", 12)));
        is("[ERROR] /srv/Cart.java:[12,5] cannot find symbol", Some(("/srv/Cart.java", 12)));
        is("PHP Fatal error:  x in /srv/cart.php on line 12", Some(("/srv/cart.php", 12)));
        is("    #0 0x5645 in make ring.c:7", Some(("ring.c", 7)));
        is("\tat java.util.HashMap.get(HashMap.java:12)", None);
        is("  File \"/usr/lib/python3.11/json/decoder.py\", line 3, in loads", None);
        is("see https://example.com:8080 at 12:30", None);
    }

    #[test]
    fn tests_are_told_from_what_they_test() {
        for file in ["pkg/tests/conftest.py", "x_test.go", "OrdersTest.java", "a.test.ts"] {
            assert!(is_test_file(file), "{file}");
        }
        assert!(!is_test_file("src/contest.py") && !is_test_file("latest.rb"));
    }
}

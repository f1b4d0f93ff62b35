//! Writes the answers, with one function for each form, and finds the errors in a text.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::RegexSet;
use serde_json::{Value, json};

use super::{ANSWERED_BY, Case};
use crate::domain::cut::cut;
use crate::domain::order::Order;
use crate::domain::packed::list;
use crate::domain::pattern::Pattern;

/// Maximum size of a document in bytes. Longer ones are flagged as rambling.
const MAX_DOCUMENT: usize = 9_000;
/// Maximum length of an answer in prose, in characters.
const MAX_PROSE: usize = 4_000;
/// Maximum number of entries of one list.
const MOST: usize = 8;
/// Maximum number of hypotheses that the schema permits.
const MOST_HYPOTHESES: usize = 5;

const NO_COMMAND: &str = "run what printed this output again";
const NO_CAUSE: &str = "why it fails: rules read the output and do not look for a cause";
const NO_INTENT: &str = "what the program is meant to do";

pub(super) fn prose(case: &Case<'_>) -> String {
    let mut text =
        String::from("Understudy (rules, no model): this is read from the text, not understood.\n");
    if case.is_empty() {
        text.push_str("\nNo error and no failing test was found in it.\n");
        let files = case.prompt.files.iter().map(|file| cut(file.path, 160));
        section(&mut text, "Files that came along", files.take(MOST));
        text.push_str("\nA question without an error needs a provider with a model.\n");
        return cut(&text, MAX_PROSE);
    }
    section(&mut text, "Failing tests", tests(case).into_iter());
    let error = |fault: &Fault| {
        let source = fault.place().and_then(|frame| case.source(frame));
        let source = source.map(|line| format!("\n  `{line}`")).unwrap_or_default();
        format!("{}{source}", case.located(fault))
    };
    section(&mut text, "Errors, word for word", case.faults.iter().take(MOST).map(error));
    section(&mut text, "Run again", case.command().into_iter());
    section(&mut text, "Not known to rules", [NO_CAUSE, NO_INTENT].into_iter().map(str::to_owned));
    cut(&text, MAX_PROSE)
}

fn section(text: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let mut items = items.peekable();
    if items.peek().is_some() {
        text.extend(["\n", title, ":\n"]);
    }
    for item in items {
        text.extend(["- ", &item, "\n"]);
    }
}

/// Stage 1: the facts.
pub(super) fn analysis(case: &Case<'_>) -> Value {
    let mut observations = Vec::new();
    for fault in case.faults.iter().take(MOST) {
        observations.push(fact(case, &fault.error, fault));
        if let Some(line) = fault.place().and_then(|frame| case.source(frame)) {
            observations.push(fact(case, &format!("the line reads `{line}`"), fault));
        }
    }
    observations.extend(tests(case).into_iter().map(|name| {
        json!({ "fact": format!("failing test: {name}"), "source": "test output", "certainty": "high" })
    }));
    if observations.is_empty() {
        let text = "no error and no failing test is in the packed context";
        observations.push(json!({ "fact": text, "source": "packed context", "certainty": "high" }));
    }
    let passed = case.passed.filter(|passed| *passed > 0);
    let constraints = case.prompt.constraints.iter().take(MOST).map(|text| cut(text, 200));
    fitted(json!({
        "answered_by": ANSWERED_BY,
        "observations": observations,
        "repro_steps": case.command().into_iter().collect::<Vec<_>>(),
        "affected_modules": modules(case),
        "invariants": passed.map(|passed| format!("the {passed} tests that pass now still pass")).into_iter().collect::<Vec<_>>(),
        "constraints": constraints.collect::<Vec<_>>(),
        "unknowns": [NO_CAUSE, NO_INTENT],
        "confidence": if case.is_empty() { 0.1 } else if modules(case).is_empty() { 0.3 } else { 0.5 },
    }))
}

fn fact(case: &Case<'_>, text: &str, fault: &Fault) -> Value {
    let text = cut(text, 300);
    match fault.place() {
        Some(frame) => {
            json!({ "fact": text, "source": case.file(frame), "line_number": frame.line, "certainty": "high" })
        }
        None => json!({ "fact": text, "source": "error output", "certainty": "high" }),
    }
}

/// Stage 2: the places of the errors. A place is not a cause, and the low confidence says so.
pub(super) fn hypotheses(case: &Case<'_>) -> Value {
    let command = case.command().unwrap_or_else(|| NO_COMMAND.to_owned());
    let of_fault = |fault: &Fault| {
        let source = fault.place().and_then(|frame| case.source(frame));
        let evidence = source.map(|line| format!("the line reads `{line}`"));
        (format!("The error shows here: {}", case.located(fault)), evidence)
    };
    let of_test = |name: &String| (format!("The failing test is {name}"), None);
    let mut claims: Vec<(String, Option<String>)> = case.faults.iter().map(of_fault).collect();
    claims.extend(case.tests.iter().filter(|_| case.faults.is_empty()).map(of_test));
    if claims.is_empty() {
        claims.push(("No error and no failing test is in the packed context".to_owned(), None));
    }
    claims.truncate(MOST_HYPOTHESES);
    let ids: Vec<String> = (1..=claims.len()).map(|number| format!("H{number}")).collect();
    let one = |(id, (claim, evidence)): (&String, (String, Option<String>))| {
        json!({
            "id": id,
            "claim": format!("{claim}. Its cause is not known to rules."),
            "verification_test": cut(&command, 600),
            "evidence_for": evidence.into_iter().collect::<Vec<_>>(),
            "evidence_against": [],
            "confidence": if case.is_empty() { 0.1 } else { 0.2 },
            "provider": super::NAME,
        })
    };
    json!({
        "answered_by": ANSWERED_BY,
        "hypotheses": ids.iter().zip(claims).map(one).collect::<Vec<_>>(),
        "selected": "H1",
        "selection_reason": "it comes first in the output; rules rank no causes",
        "test_command": cut(&command, 600),
    })
}

/// Stage 3: the files to change. Rules write no code, so the diff is empty.
pub(super) fn implementation(case: &Case<'_>) -> Value {
    let command = case.command().unwrap_or_else(|| NO_COMMAND.to_owned());
    let packed = || case.prompt.files.first().map(|file| cut(file.path, 160));
    let file = modules(case).into_iter().next().or_else(packed).unwrap_or_else(|| "unknown".to_owned());
    let error = case.faults.first().map(|fault| format!(" The first error: {}.", case.located(fault)));
    json!({
        "answered_by": ANSWERED_BY,
        "patch_plan": format!(
            "The understudy has no model and writes no code: `diff` is empty on purpose.{} After a change, {}.",
            error.unwrap_or_default(),
            run_again(case),
        ),
        "files_to_change": [file],
        "diff": "",
        "verification_command": command,
        "risks": ["the file named here is where the error shows; its cause can be in another one"],
    })
}

/// Stage 4: the current error, with a flag if it was reported before.
pub(super) fn debug(case: &Case<'_>) -> Value {
    let error = case.faults.first();
    let kind = match (error, case.tests.first()) {
        (Some(fault), _) => cut(fault.class(), 120),
        (None, Some(name)) => format!("failing test: {name}"),
        (None, None) => "none found".to_owned(),
    };
    // If the text also appears outside the current errors, the error was reported before.
    let was_seen = error.is_some_and(|fault| {
        !case.prompt.errors.is_empty() && case.prompt.other.iter().any(|line| line.contains(&fault.error))
    });
    let run = format!("after the next smallest change, {}", run_again(case));
    let (next, details) = match (was_seen, case.is_empty()) {
        (true, _) => ("escalate", "the same error as before the change; a model or a person has to look"),
        (false, true) => {
            ("escalate", "no error and no failing test is in the context; pass on the whole output")
        }
        (false, false) => ("test", run.as_str()),
    };
    let shown =
        error.map_or_else(String::new, |fault| format!("; the error shows here: {}", case.located(fault)));
    json!({
        "answered_by": ANSWERED_BY,
        "error_analysis": {
            "error_type": kind,
            "is_new_error": error.is_some() && !was_seen,
            "root_cause_theory": format!("not known to rules{shown}"),
        },
        "next_action": { "type": next, "details": details },
    })
}

/// Stage 5: the failing tests to keep as regression tests. The schema demands a decision on merging, which
/// rules cannot make, so it is "no".
pub(super) fn improvement(case: &Case<'_>) -> Value {
    let kept = case.tests.iter().take(MOST);
    let kept = kept.map(|name| json!({ "test_name": name, "description": "failed in the output read here" }));
    let no_judge = "open: rules cannot judge whether to merge; a model or a person has to";
    fitted(json!({
        "answered_by": ANSWERED_BY,
        "improvements": [],
        "ready_for_merge": false,
        "final_checklist": [no_judge, &format!("open: {}", run_again(case))],
        "regression_tests": kept.collect::<Vec<_>>(),
    }))
}

fn run_again(case: &Case<'_>) -> String {
    case.command().map_or_else(|| NO_COMMAND.to_owned(), |command| format!("run `{}`", cut(&command, 600)))
}

/// The names of failing tests, with a last entry for the number of further ones.
fn tests(case: &Case<'_>) -> Vec<String> {
    let more = case.tests.len().saturating_sub(MOST) + case.more_tests;
    let more = (more > 0).then(|| format!("and {more} more"));
    case.tests.iter().take(MOST).cloned().chain(more).collect()
}

/// The files of the errors: first those of the places, then those of the other frames.
fn modules(case: &Case<'_>) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    let places = case.faults.iter().filter_map(Fault::place);
    for frame in places.chain(case.faults.iter().flat_map(|fault| &fault.frames)) {
        let file = case.file(frame);
        if files.len() < MOST && !files.contains(&file) {
            files.push(file);
        }
    }
    files
}

/// Removes entries from the longest lists until the document is short enough.
fn fitted(mut document: Value) -> Value {
    while document.to_string().len() > MAX_DOCUMENT {
        let lists = document.as_object_mut().into_iter().flat_map(|object| object.values_mut());
        let longest = lists.filter_map(Value::as_array_mut).max_by_key(|list| list.len());
        if longest.filter(|list| list.len() > 1).and_then(Vec::pop).is_none() {
            break;
        }
    }
    document
}

/// Maximum number of errors. Further ones in a log are mostly repetitions.
const MAX_FAULTS: usize = 40;
const MAX_FRAMES: usize = 30;
/// Maximum length of an error in characters.
const MAX_ERROR: usize = 400;
/// Maximum number of errors that are found by a single word. More would hide the problem.
const MAX_LAST_RESORT: usize = 5;
/// Maximum number of lines between an error and a later frame of it.
const REACH: usize = 60;

/// Colours of a terminal, and the time that a build server writes before each line.
static NOISE: Pattern = Pattern::new(r"\x1b\[[0-9;:?]*[A-Za-z]|^\d{4}-\d\d-\d\dT[\d:.]+Z ");

/// A source file and a line, in the forms that the common languages print.
static PLACE: Pattern = Pattern::new(concat!(
    r#"File "(?P<python>[^"]+)", line (?P<python_line>\d{1,9})"#,
    r"|(?P<file>[\w@./\\+-]*[\w+-]\.(?:py|[mc]?[jt]sx?|vue|svelte|rs|go|java|kts?|scala|groovy|cs|fs|vb|rb|php|cc?|cpp|cxx|hh?|hpp|mm?|swift|exs?|erl|hs|mli?|lua|p[lm]|sh|dart|zig|jl|clj))",
    r"(?::line | on line |:\[|[:(])(?P<line>\d{1,9})",
));

/// Lines that report an error in the form of some tool.
static ERROR: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(list("error_lines")).ok());

/// The last line of a Python traceback, with any class name.
static RAISED: Pattern = Pattern::new(r"^(?:E +)?[\s|]*(?:\w+\.)*[A-Z]\w*(?:: .*)?$");
/// A line that announces an error, which follows on the next line.
static ANNOUNCED: Pattern = Pattern::new(r"panicked at [^']*:\d+:$|^\s+error: \|-?$");
/// The place that pytest prints after an error.
static PYTEST: Pattern = Pattern::new(r"^\S+\.py:\d+: [A-Z]\w*$");
/// The place that pytest prints before an error.
static PYTEST_ABOVE: Pattern = Pattern::new(r"^\S+\.py:\d+:(?: in \S+)?\s*$");
static LAST_RESORT: Pattern =
    Pattern::new(r"(?i)\b(?:\w+error|\w+exception)\b|\b(?:error|fatal|panic)(?:: |! )");

/// A path or a frame of a library or a runtime, not of the project.
static LIBRARY: Pattern = Pattern::new(concat!(
    r"(?:site|dist)-packages|/lib/(?:python|ruby)|\\lib\\|node_modules/|node:|internal/(?:modules|process)/",
    r"|/rustc/|\.cargo/registry|/library/(?:std|core|alloc)/|/pkg/mod/|/usr/(?:local/go/src/|include|lib)",
    r"|/gems/|<frozen|<string>|<stdin>|sysdeps/|libsanitizer|/csu/|/_pytest/",
    r"|^\s*at (?:java|javax|jdk|sun|kotlin|org\.junit|org\.gradle|System|Microsoft|Xunit|NUnit)\.",
));

/// A project file and a line in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) file: String,
    pub(super) line: u32,
}

/// An error as it was printed.
#[derive(Debug)]
pub(super) struct Fault {
    /// The line of the error, word for word, trimmed.
    pub(super) error: String,
    /// The frames in the project, innermost first.
    pub(super) frames: Vec<Frame>,
    at: usize,
}

impl Fault {
    /// The class of the error, which is the first word if it looks like one; else the whole line.
    pub(super) fn class(&self) -> &str {
        let class = self.error.split([':', ' ']).next().unwrap_or_default();
        let is_class = class.contains("Error") || class.contains("Exception");
        if is_class { class } else { &self.error }
    }

    /// The place to look at first: the innermost frame outside tests, else the innermost frame.
    pub(super) fn place(&self) -> Option<&Frame> {
        self.frames.iter().find(|frame| !is_test_file(&frame.file)).or_else(|| self.frames.first())
    }
}

/// Finds every error in the lines, with its frames. They are in the order of the text, but those without a
/// place come last.
pub(super) fn find(lines: &[&str], last_resort: bool) -> Vec<Fault> {
    let mut reader = Reader::default();
    for (at, line) in lines.iter().enumerate() {
        reader.line(at, &plain(line));
    }
    if reader.faults.is_empty() && last_resort {
        let words = lines.iter().map(|line| plain(line)).filter(|line| LAST_RESORT.is_in(line));
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
    faults.order_by_key(|fault| fault.place().is_none());
    faults
}

#[derive(Default)]
struct Reader {
    faults: Vec<Fault>,
    /// The frames of a traceback whose error has not come yet, outermost first.
    above: Vec<Frame>,
    is_announced: bool,
}

impl Reader {
    fn line(&mut self, at: usize, line: &str) {
        if self.is_announced && !line.trim().is_empty() {
            self.is_announced = false;
            if let Some(fault) = self.faults.last_mut() {
                fault.error = cut(line.trim(), MAX_ERROR);
            }
            return;
        }
        let is_error = ERROR.as_ref().is_some_and(|set| set.is_match(line))
            || (!self.above.is_empty() && RAISED.is_in(line));
        if is_error && !list("beside_errors").iter().any(|start| line.starts_with(start)) {
            self.error(at, line);
            self.is_announced = ANNOUNCED.is_in(line);
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
            self.faults.push(Fault { error: cut(error, MAX_ERROR), frames, at });
        }
    }

    fn place(&mut self, at: usize, line: &str, place: Frame) {
        if line.contains("File \"") || PYTEST_ABOVE.is_in(line) {
            // Only the frames nearest to the error are kept.
            if self.above.len() == MAX_FRAMES {
                self.above.remove(0);
            }
            self.above.push(place);
            return;
        }
        let Some(fault) = self.faults.last_mut().filter(|fault| at - fault.at <= REACH) else {
            return;
        };
        if PYTEST.is_in(line) {
            fault.frames.insert(0, place);
        } else if fault.frames.len() < MAX_FRAMES {
            fault.frames.push(place);
        }
    }
}

/// The place in the project that a line names; None if it names none.
fn place(line: &str) -> Option<Frame> {
    // Most lines name no place, and a search for a digit is cheap.
    if !line.bytes().any(|byte| byte.is_ascii_digit()) || LIBRARY.is_in(line) {
        return None;
    }
    let found = PLACE.captures(line)?;
    let file = found.name("python").or_else(|| found.name("file"))?.as_str();
    let number = found.name("python_line").or_else(|| found.name("line"))?;
    let file = file.strip_prefix("//").unwrap_or(file);
    Some(Frame {
        file: cut(file.strip_prefix("./").unwrap_or(file), 160),
        line: number.as_str().parse().ok()?,
    })
}

/// True if a file contains tests.
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

fn plain(line: &str) -> Cow<'_, str> {
    let may_have_noise = line.starts_with("20") || line.contains('\x1b');
    if may_have_noise { NOISE.replaced(line, "") } else { Cow::Borrowed(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(ERROR.is_some());
        for pattern in [&NOISE, &PLACE, &LIBRARY, &RAISED, &ANNOUNCED, &PYTEST, &PYTEST_ABOVE, &LAST_RESORT] {
            assert!(pattern.regex().is_some());
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

//! The built-in provider without a model.
//!
//! It answers in the requested form with facts from the prompt and its packed context: failing tests, places,
//! errors word for word, and the command to run again. It claims no cause. Every answer names the understudy.
//! It turns text into text, with no files, no clock and no randomness, in linear time.

mod write;

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use crate::domain::cut::{cut, head};
use crate::domain::packed;
use crate::domain::pattern::Pattern;
use crate::domain::stage::{SchemaName, Stage};
use crate::domain::verification::read::{Does, Reading, Seen, read};

use write::{Fault, Frame};

/// The understudy's only name.
pub const NAME: &str = "understudy";

/// The name of its "model".
pub const MODEL: &str = "rules";

/// Every structured answer names the understudy.
const ANSWERED_BY: &str = "understudy (rules, no model)";

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Readable text.
    Prose,
    /// A JSON document that follows this schema.
    Schema(SchemaName),
}

impl Form {
    /// The form for a schema, else for the schema of a stage, else prose.
    pub fn of(schema: Option<SchemaName>, stage: Option<Stage>) -> Self {
        schema.or_else(|| stage.map(Stage::schema)).map_or(Self::Prose, Self::Schema)
    }
}

/// Answers a prompt in a form. The answer is like one that an adapter reads from a CLI.
pub fn answer(prompt: &str, form: Form) -> Answer {
    let text = text(prompt, form);
    let structured = serde_json::from_str(&text).ok();
    Answer { text, structured, model: Some(MODEL.to_owned()), ..Answer::default() }
}

fn text(prompt: &str, form: Form) -> String {
    let Form::Schema(schema) = form else {
        return write::prose(&Case::read(prompt, form));
    };
    let case = || Case::read(prompt, form);
    let document = match schema {
        SchemaName::Stage1Output => write::analysis(&case()),
        SchemaName::Stage2Output => write::hypotheses(&case()),
        SchemaName::Stage3Output => write::implementation(&case()),
        SchemaName::Stage4Output => write::debug(&case()),
        SchemaName::Stage5Output => write::improvement(&case()),
        SchemaName::JudgeOutput => judge(prompt),
        // Rules cannot find defects in a change, and do not pretend to.
        SchemaName::Review => serde_json::json!({
            "answered_by": ANSWERED_BY,
            "findings": [],
            "not_checked": ["everything: rules read no code"],
        }),
    };
    document.to_string()
}

/// Number of bytes that are read of a line: nothing that is searched for starts later.
const MAX_LINE: usize = 2_000;
const MAX_FILES: usize = 50;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Other,
    Constraints,
    Errors,
    Files,
}

/// The parts of a prompt.
#[derive(Default)]
struct Prompt<'a> {
    /// The lines of `## Errors`, then those of `## Facts`.
    errors: Vec<&'a str>,
    /// The lines outside the sections of the packed context.
    other: Vec<&'a str>,
    constraints: Vec<&'a str>,
    files: Vec<PackedFile<'a>>,
}

/// A packed file: some of its lines, with their numbers.
struct PackedFile<'a> {
    path: &'a str,
    /// The lines, sorted by number.
    lines: Vec<(u32, &'a str)>,
}

impl<'a> PackedFile<'a> {
    fn push(&mut self, number: u32, text: &'a str) {
        // The packer counts upwards, so a smaller number is not a packed line. It would break the search.
        if self.lines.last().is_none_or(|(last, _)| *last < number) {
            self.lines.push((number, text));
        }
    }

    fn line(&self, number: u32) -> Option<&'a str> {
        let index = self.lines.binary_search_by_key(&number, |(n, _)| *n).ok()?;
        self.lines.get(index).map(|(_, text)| *text)
    }
}

/// Parses a line that the packer numbered: `  12 | text`.
fn numbered(line: &str) -> Option<(u32, &str)> {
    let (number, text) = line.split_once(['|', '│'])?;
    let text = text.strip_prefix(' ').unwrap_or(text);
    Some((number.trim().parse().ok()?, text))
}

/// Splits a prompt into its parts. Text outside the known sections is `other`.
fn split(text: &str) -> Prompt<'_> {
    let mut splitter = Splitter { prompt: Prompt::default(), section: Section::Other, fence: 0, skip: false };
    for line in text.lines() {
        splitter.line(head(line, MAX_LINE));
    }
    splitter.prompt
}

struct Splitter<'a> {
    prompt: Prompt<'a>,
    section: Section,
    /// Number of backticks of the open fence; 0 outside a fence.
    fence: usize,
    /// True if the open fence contains a schema or an example answer, not evidence.
    skip: bool,
}

impl<'a> Splitter<'a> {
    fn line(&mut self, line: &'a str) {
        if self.heading(line) || self.is_fence(line) || (self.section != Section::Files && is_omission(line))
        {
            return;
        }
        match self.section {
            Section::Files => self.file_line(line),
            Section::Constraints => keep_item(&mut self.prompt.constraints, line),
            Section::Errors => self.prompt.errors.push(line),
            Section::Other if self.skip => {}
            Section::Other => self.prompt.other.push(line),
        }
    }

    /// Handles a heading; false if the line must also be read as text. A known heading opens its section even
    /// inside a fence, because a fence may never be closed.
    fn heading(&mut self, line: &'a str) -> bool {
        if !line.starts_with('#') {
            return false;
        }
        let known = line.strip_prefix("## ").and_then(section_of);
        let is_other = self.fence == 0 && (line.starts_with("# ") || line.starts_with("## "));
        match known {
            Some(section) => self.section = section,
            None if is_other => self.section = Section::Other,
            None => return self.file_heading(line),
        }
        self.fence = 0;
        self.skip = false;
        known.is_some()
    }

    /// Handles `### path`, which opens a file, and `### Error 2`, which is a heading by the packer and not a
    /// part of the log. False for other lines.
    fn file_heading(&mut self, line: &'a str) -> bool {
        let Some(rest) = line.strip_prefix("### ").filter(|_| self.fence == 0) else {
            return false;
        };
        if self.section != Section::Files {
            return self.section == Section::Errors && rest.starts_with("Error ");
        }
        let path = rest.split(" (").next().unwrap_or(rest).trim().trim_matches('`');
        if self.prompt.files.len() < MAX_FILES && !path.is_empty() {
            self.prompt.files.push(PackedFile { path, lines: Vec::new() });
        }
        true
    }

    fn is_fence(&mut self, line: &str) -> bool {
        let trimmed = line.trim_start();
        let ticks = trimmed.bytes().take_while(|byte| *byte == b'`').count();
        let info = trimmed.get(ticks..).unwrap_or("").trim();
        match self.fence {
            0 if ticks >= 3 => {
                self.fence = ticks;
                self.skip = info.starts_with("json");
            }
            open if open > 0 && ticks >= open && info.is_empty() => {
                self.fence = 0;
                self.skip = false;
            }
            _ => return false,
        }
        true
    }

    fn file_line(&mut self, line: &'a str) {
        let file = self.prompt.files.last_mut().filter(|_| self.fence > 0);
        if let (Some(file), Some((number, text))) = (file, numbered(line)) {
            file.push(number, text);
        }
    }
}

/// True if a line is the packer's note on omitted lines. It is dropped, because a traceback continues after
/// it.
fn is_omission(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("... ") && line.ends_with(" ...") && line.contains(" omitted")
}

fn section_of(heading: &str) -> Option<Section> {
    match heading.trim().trim_end_matches(':').to_ascii_lowercase().as_str() {
        "constraints" => Some(Section::Constraints),
        "errors" | "error" | "error output" | "error logs" | "facts" => Some(Section::Errors),
        "files" | "context files" => Some(Section::Files),
        _ => None,
    }
}

fn keep_item<'a>(items: &mut Vec<&'a str>, line: &'a str) {
    let item = line.trim_start_matches(['-', '*', ' ']).trim();
    if !item.is_empty() && items.len() < 20 {
        items.push(item);
    }
}

/// Maximum size of the test names in one command in bytes, so that the command can be quoted completely.
const MAX_NAMES: usize = 420;

/// A test runner, and its command to run tests again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Runner {
    name: String,
    command: String,
    /// True if it accepts the names of several tests.
    #[serde(default)]
    several: bool,
    /// The option before the name of a single test, if it accepts one.
    one: Option<String>,
}

static RUNNERS: LazyLock<Vec<Runner>> =
    LazyLock::new(|| packed::read("src/provider/understudy/runners.yaml"));

/// The command that runs these failing tests again. Without a known runner, it runs the program `start`, if
/// its language runs single files.
fn again(runner: &str, tests: &[String], start: &str) -> Option<String> {
    if let Some(name) = tests.first().and_then(|name| name.strip_prefix("__main__.")) {
        // The test file was run as a program, so it is run as a program again.
        return Some(format!("python3 {} {}", quoted(start)?, quoted(name)?));
    }
    let Some(Runner { command, several, one, .. }) = RUNNERS.iter().find(|known| known.name == runner) else {
        return program(start);
    };
    let names: Vec<String> = tests.iter().filter_map(|name| argument(runner, name)).collect();
    let mut room = MAX_NAMES;
    let fits = |word: &&String| {
        room = room.saturating_sub(word.len());
        room > 0
    };
    Some(match (one, names.as_slice()) {
        (_, [_, ..]) if *several => {
            let fitting: Vec<&str> = names.iter().take_while(fits).map(String::as_str).collect();
            format!("{command} {}", fitting.join(" "))
        }
        (Some(option), [name]) if tests.len() == 1 && name.len() < MAX_NAMES => {
            format!("{command}{option}{name}")
        }
        _ => command.clone(),
    })
}

/// A test's name in the form that its runner accepts, quoted; None if it cannot be an argument.
fn argument(runner: &str, name: &str) -> Option<String> {
    let name = match runner {
        "unittest" | "rspec" => name.split(' ').next()?.to_owned(),
        "nextest" => name.rsplit(' ').next()?.to_owned(),
        "jest" | "vitest" => name.replace(" › ", " ").replace(" > ", " "),
        "go" => name.split('/').map(|part| format!("^{part}$")).collect::<Vec<_>>().join("/"),
        "gradle" => name.replace(" > ", ".").trim_end_matches("()").to_owned(),
        "maven" => {
            name.rsplit_once('.').map_or_else(|| name.to_owned(), |(class, test)| format!("{class}#{test}"))
        }
        _ => name.to_owned(),
    };
    quoted(&name)
}

fn program(file: &str) -> Option<String> {
    let starter = match file.rsplit_once('.')?.1 {
        "py" => "python3",
        "js" | "mjs" | "cjs" => "node",
        "rb" => "ruby",
        _ => return None,
    };
    Some(format!("{starter} {}", quoted(file)?))
}

/// Quotes a name for a shell. It comes from a log, so it must not become an option or a second command. None
/// if it could be an option, was cut, or has control characters.
fn quoted(name: &str) -> Option<String> {
    let is_name = !name.is_empty()
        && !name.starts_with('-')
        && !name.ends_with("...")
        && !name.chars().any(char::is_control);
    is_name.then(|| quote(name))
}

/// Quotes a word with one pair of quotes, which is easier to read than the several pairs of `shlex`.
fn quote(word: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '=' | ',' | '@');
    if word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Number of bytes at the end of the output that are read, because the summary of a test run is there.
const MAX_OUTPUT: usize = 512 * 1024;
const MAX_TESTS: usize = 50;

struct Case<'a> {
    prompt: Prompt<'a>,
    faults: Vec<Fault>,
    /// The test runner that wrote the output; empty if it is unknown.
    runner: &'static str,
    /// Names of the failing tests.
    tests: Vec<String>,
    more_tests: usize,
    /// Number of passed tests, if the summary has it.
    passed: Option<usize>,
}

impl<'a> Case<'a> {
    /// Reads the sections of errors and, if they show none, the rest of the prompt.
    fn read(text: &'a str, form: Form) -> Self {
        let prompt = split(text);
        let (mut faults, mut reading) = (write::find(&prompt.errors, true), test_run(&prompt.errors));
        if faults.is_empty() && reading.is_none() {
            // In a person's own question, a word like "Error" is a last resort. In a stage's prompt it is
            // not, because the instructions name errors as examples.
            faults = write::find(&prompt.other, form == Form::Prose);
            reading = test_run(&prompt.other);
        }
        let reading = reading.unwrap_or_default();
        // If a file does not load, these two report it like a failing test. Others report the place.
        let loads_tests = matches!(reading.runner, "unittest" | "pytest");
        let is_tests = reading.does == Does::Test && (reading.seen != Seen::Broken || loads_tests);
        let name = |name: &String| cut(name.trim_start_matches("unittest.loader._FailedTest."), 240);
        let tests: Vec<String> = reading.failing.iter().filter(|_| is_tests).map(name).collect();
        Self {
            prompt,
            faults,
            // If nextest ran no tests, the output is the compiler's, and `cargo` runs it again.
            runner: if reading.runner == "nextest" && !is_tests { "cargo" } else { reading.runner },
            more_tests: reading.left_out + tests.len().saturating_sub(MAX_TESTS),
            tests: tests.into_iter().take(MAX_TESTS).collect(),
            passed: reading.totals.passed,
        }
    }

    fn is_empty(&self) -> bool {
        self.faults.is_empty() && self.tests.is_empty()
    }

    /// The packed file that a frame's path refers to. The longest match wins.
    fn packed(&self, file: &str) -> Option<&PackedFile<'a>> {
        let ends = |long: &str, short: &str| {
            long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with(['/', '\\']))
        };
        let is_it = |packed: &&PackedFile<'_>| ends(packed.path, file) || ends(file, packed.path);
        self.prompt.files.iter().filter(is_it).max_by_key(|packed| packed.path.len())
    }

    /// The file of a frame, spelled as in the packed files, else as printed.
    fn file(&self, frame: &Frame) -> String {
        self.packed(&frame.file).map_or_else(|| frame.file.clone(), |packed| cut(packed.path, 160))
    }

    /// The place of a frame, for example `shop/cart.py:12`.
    fn label(&self, frame: &Frame) -> String {
        format!("{}:{}", self.file(frame), frame.line)
    }

    /// The line of source at a frame, if it was packed.
    fn source(&self, frame: &Frame) -> Option<String> {
        let line = self.packed(&frame.file)?.line(frame.line)?.trim();
        (!line.is_empty()).then(|| cut(line, 160))
    }

    /// An error with its place, for example `KeyError: 'x' (shop/cart.py:12)`.
    fn located(&self, fault: &Fault) -> String {
        let error = cut(&fault.error, 200);
        fault.place().map_or_else(|| error.clone(), |frame| format!("{error} ({})", self.label(frame)))
    }

    /// The command that runs the failures again.
    fn command(&self) -> Option<String> {
        let start = self.faults.first().and_then(|fault| fault.frames.last());
        let start = start.map(|frame| self.file(frame)).unwrap_or_default();
        again(self.runner, &self.tests, &start)
    }
}

fn test_run(lines: &[&str]) -> Option<Reading> {
    let mut room = MAX_OUTPUT;
    let fits = |line: &&&str| {
        room = room.saturating_sub(line.len() + 1);
        room > 0
    };
    let kept = lines.iter().rev().take_while(fits).count();
    read(None, &lines.get(lines.len() - kept..)?.join("\n"), "")
}

static CANDIDATE: Pattern = Pattern::new(
    r#"(?i)^[#*\s>-]*(?:candidate|answer)\s*(?:id)?\s*[:#]?\s*["'`]?([A-Za-z0-9][\w.-]*)|"(?:candidate_)?id"\s*:\s*"([^"]+)""#,
);
static RESULT: Pattern = Pattern::new(
    r#"(?i)\b(?:tests?(?:_result|_passed|s)?(?: result)?|passed|verification)["*`]*\s*[:=]\s*["*`]*(true|false|passed|failed|pass|fail)\b"#,
);

struct Candidate<'a> {
    id: &'a str,
    passed: Option<bool>,
}

fn judge(prompt: &str) -> Value {
    let candidates = candidates(prompt);
    let mut passed = candidates.iter().filter(|candidate| candidate.passed == Some(true));
    let only = passed.next().filter(|_| passed.next().is_none());
    let has_failed = candidates.iter().any(|candidate| candidate.passed == Some(false));
    let winner = only.filter(|_| has_failed).map(|candidate| candidate.id);
    let why = match &winner {
        Some(id) => format!("{id} is the only candidate whose tests passed, and the tests of others failed."),
        None => "The test results in this prompt do not leave exactly one candidate, so there is no winner."
            .to_owned(),
    };
    json!({
        "answered_by": ANSWERED_BY,
        "winner_id": winner,
        "scores": {},
        "rationale": format!("The understudy has no model and no judgement of its own; it reads test results only. {why}"),
        "risks": ["nothing but test results was weighed: not quality, not size, not style"],
    })
}

/// The candidates in the order of the prompt, with their test results. A candidate has passed only if its
/// first result says so and no later one contradicts it.
fn candidates(prompt: &str) -> Vec<Candidate<'_>> {
    let mut found: Vec<Candidate<'_>> = Vec::new();
    for line in prompt.lines().filter(|line| line.len() < 2_000) {
        if let Some(id) = candidate_of(line).filter(|id| found.last().is_none_or(|last| last.id != *id))
            && found.len() < 50
        {
            found.push(Candidate { id, passed: None });
        }
        let (Some(result), Some(last)) = (group(&RESULT, line, 1), found.last_mut()) else {
            continue;
        };
        let is_pass = matches!(result.to_ascii_lowercase().as_str(), "true" | "passed" | "pass");
        last.passed = Some(is_pass && last.passed != Some(false));
    }
    found
}

fn group<'a>(pattern: &Pattern, line: &'a str, number: usize) -> Option<&'a str> {
    pattern.captures(line)?.get(number).map(|found| found.as_str())
}

fn candidate_of(line: &str) -> Option<&str> {
    let id = group(&CANDIDATE, line, 1).or_else(|| group(&CANDIDATE, line, 2))?;
    // "Candidate answers follow" names no candidate.
    (id.len() <= 64 && !id.starts_with("answer") && !id.starts_with("id")).then_some(id)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod more_tests {
    use super::*;

    #[test]
    fn sections_files_and_line_numbers_are_told_apart() {
        let text = "# Stage\ndo it\n```json\n{\"KeyError: 1\":2}\n```\n## Constraints\n- keep the API\n\n## Errors\n### Error 1\n```\nboom\n... 3 lines omitted (4-6) ...\n# not a heading\n```\n## Facts\n- seen\n## Files\n### a/b.py (lines 10-12 of 90)\n```python\n  10 | def f():\n  11 |     ```\n... 3 lines omitted ...\n  15 | ## Errors\n```\n### c.js\n```\n1 | let x;\n2 | let y;\n```\n## Answer\nplease\n";
        let prompt = split(text);
        assert_eq!(prompt.constraints, ["keep the API"]);
        assert_eq!(prompt.errors, ["boom", "# not a heading", "- seen"]);
        assert_eq!(prompt.files.len(), 2);
        assert_eq!(prompt.files[0].path, "a/b.py");
        assert_eq!(prompt.files[0].line(11), Some("    ```"));
        assert_eq!(prompt.files[0].line(15), Some("## Errors"));
        assert_eq!(prompt.files[1].line(2), Some("let y;"));
        assert!(prompt.other.contains(&"please"));
        assert!(!prompt.other.iter().any(|line| line.contains("KeyError")));
    }

    #[test]
    fn every_runner_has_its_command() {
        let is = |runner, names: &[&str], wanted: &str| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(again(runner, &names, "").as_deref(), Some(wanted));
        };
        is("unittest", &["tests.test_x.C.test_y (i=1)"], "python3 -m unittest tests.test_x.C.test_y");
        is(
            "pytest",
            &["tests/x.py::test_y[a]", "b.py::c"],
            "python3 -m pytest 'tests/x.py::test_y[a]' b.py::c",
        );
        is("cargo", &["tests::a"], "cargo test tests::a");
        is("cargo", &["tests::a", "tests::b"], "cargo test");
        is("nextest", &["shelf tests::a", "shelf tests::b"], "cargo nextest run tests::a tests::b");
        is("go", &["TestA/sub"], "go test ./... -run '^TestA$/^sub$'");
        is("jest", &["sum › adds"], "npx jest -t 'sum adds'");
        is("maven", &["a.OrdersTest.total"], "mvn test -Dtest='a.OrdersTest#total'");
        is("gradle", &["a.OrdersTest > total()"], "gradle test --tests a.OrdersTest.total");
        is("rspec", &["./spec/cart_spec.rb:8 Cart totals"], "bundle exec rspec ./spec/cart_spec.rb:8");
        is("mix", &["test adds up (CartTest)"], "mix test");
    }

    #[test]
    fn a_program_is_run_by_its_file() {
        assert_eq!(again("", &[], "load.py").as_deref(), Some("python3 load.py"));
        assert_eq!(again("", &[], "list.c"), None);
        assert_eq!(again("", &[], "--evil.py"), None);
    }

    #[test]
    fn a_name_cannot_become_a_command() {
        let names = |name: &str| [name.to_owned()];
        let hostile = again("mocha", &names("x'; rm -rf / #"), "");
        assert_eq!(hostile.as_deref(), Some(r"npx mocha --grep 'x'\''; rm -rf / #'"));
        assert_eq!(again("cargo", &names("--config=evil"), "").as_deref(), Some("cargo test"));
    }

    #[test]
    fn only_tests_decide() {
        let winner = |text: &str| judge(text)["winner_id"].clone();
        assert_eq!(winner("## Candidate A\ntests: passed\n## Candidate B\ntests: failed\n"), "A");
        assert_eq!(
            winner("{\"id\": \"c1\", \"tests_passed\": false}\n{\"id\": \"c2\", \"tests_passed\": true}\n"),
            "c2"
        );
        assert_eq!(winner("## Candidate A\ntests: passed\n## Candidate B\ntests: passed\n"), Value::Null);
        assert_eq!(winner("## Candidate A\nlovely code\n## Candidate B\nugly\n"), Value::Null);
        assert_eq!(winner(""), Value::Null);
    }
}

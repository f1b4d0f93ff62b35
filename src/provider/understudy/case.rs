//! One prompt, read: failing tests and errors together with the source they point into.

use super::command;
use super::faults::{self, Fault, Frame, clip};
use super::prompt::{self, PackedFile, Prompt};
use crate::domain::verification::read::{Does, Reading, Seen, read};

/// The summary of a test run stands at its end: nothing before the last bytes is needed for it.
const MAX_OUTPUT: usize = 512 * 1024;
const MAX_TESTS: usize = 50;

/// Other signs of an error, where no tool's way of printing one is found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LastResort {
    /// A line with a word such as "Error" in somebody's own question.
    AnyErrorWord,
    /// Nothing: the instructions of a stage name errors as examples.
    None,
}

pub(super) struct Case<'a> {
    pub(super) prompt: Prompt<'a>,
    pub(super) faults: Vec<Fault>,
    /// Whose output it is; empty where no runner is known by its summary.
    pub(super) runner: &'static str,
    /// Names of the failing tests.
    pub(super) tests: Vec<String>,
    pub(super) more_tests: usize,
    /// How many tests passed, where the summary says it.
    pub(super) passed: Option<usize>,
}

impl<'a> Case<'a> {
    /// Reads the sections of errors, and the rest of the prompt where those show none.
    pub(super) fn read(text: &'a str, last_resort: LastResort) -> Self {
        let prompt = prompt::split(text);
        let (mut faults, mut reading) = (faults::find(&prompt.errors, true), test_run(&prompt.errors));
        if faults.is_empty() && reading.is_none() {
            faults = faults::find(&prompt.other, last_resort == LastResort::AnyErrorWord);
            reading = test_run(&prompt.other);
        }
        let reading = reading.unwrap_or_default();
        // What does not load is named like a test by these two, and by a place by the others.
        let loads_tests = matches!(reading.runner, "unittest" | "pytest");
        let is_tests = reading.does == Does::Test && (reading.seen != Seen::Broken || loads_tests);
        let name = |name: &String| clip(name.trim_start_matches("unittest.loader._FailedTest."), 240);
        let tests: Vec<String> = reading.failing.iter().filter(|_| is_tests).map(name).collect();
        Self {
            prompt,
            faults,
            // The compiler's words are the same under every runner.
            runner: if reading.runner == "nextest" && !is_tests { "cargo" } else { reading.runner },
            more_tests: reading.left_out + tests.len().saturating_sub(MAX_TESTS),
            tests: tests.into_iter().take(MAX_TESTS).collect(),
            passed: reading.totals.passed,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty() && self.tests.is_empty()
    }

    /// The packed file that a path of a frame means; the longest name wins.
    fn packed(&self, file: &str) -> Option<&PackedFile<'a>> {
        let ends = |long: &str, short: &str| {
            long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with(['/', '\\']))
        };
        let is_it = |packed: &&PackedFile<'_>| ends(packed.path, file) || ends(file, packed.path);
        self.prompt.files.iter().filter(is_it).max_by_key(|packed| packed.path.len())
    }

    /// A file as the packed files spell it, else as it was printed.
    pub(super) fn file(&self, frame: &Frame) -> String {
        self.packed(&frame.file).map_or_else(|| frame.file.clone(), |packed| clip(packed.path, 160))
    }

    /// `shop/cart.py:12`
    pub(super) fn label(&self, frame: &Frame) -> String {
        format!("{}:{}", self.file(frame), frame.line)
    }

    /// The line of source at a frame, if it was packed.
    pub(super) fn source(&self, frame: &Frame) -> Option<String> {
        let line = self.packed(&frame.file)?.line(frame.line)?.trim();
        (!line.is_empty()).then(|| clip(line, 160))
    }

    /// `KeyError: 'x' (shop/cart.py:12)`
    pub(super) fn located(&self, fault: &Fault) -> String {
        let error = clip(&fault.error, 200);
        fault.place().map_or_else(|| error.clone(), |frame| format!("{error} ({})", self.label(frame)))
    }

    /// The command that runs what fails again.
    pub(super) fn command(&self) -> Option<String> {
        let start = self.faults.first().and_then(|fault| fault.frames.last());
        let start = start.map(|frame| self.file(frame)).unwrap_or_default();
        command::again(self.runner, &self.tests, &start)
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

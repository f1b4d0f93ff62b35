//! One prompt, read: the evidence together with the source it points into.

use super::evidence::{Evidence, Fault, Frame, Lang, Test};
use super::functions::{self, Function};
use super::packed::PackedFile;
use super::{paths, prompt, read};

/// What every answer is made from.
pub(crate) struct Case<'a> {
    pub(crate) prompt: prompt::Prompt<'a>,
    pub(crate) evidence: Evidence,
    pub(crate) functions: Vec<Function<'a>>,
}

/// A frame of the project with what the packed files know about it.
pub(crate) struct Place<'c> {
    pub(crate) file: &'c str,
    pub(crate) line: u32,
    pub(crate) function: &'c str,
    /// The line itself, if it was packed.
    pub(crate) source: Option<&'c str>,
    /// It is in a test, not in what is tested.
    pub(crate) is_test: bool,
}

impl Place<'_> {
    /// `shop/cart.py:12 in total`
    pub(crate) fn label(&self) -> String {
        let spot = format!("{}:{}", self.file, self.line);
        if self.function.is_empty() { spot } else { format!("{spot} in {}", self.function) }
    }
}

impl<'a> Case<'a> {
    /// Reads a prompt. Without an error section all of it is read; `is_free` says that it is somebody's
    /// own words and not a stage's instructions, where the mere name of an error would be an example.
    pub(crate) fn read(text: &'a str, is_free: bool) -> Self {
        let prompt = prompt::split(text);
        let mut evidence = read::read(&prompt.errors);
        if evidence.is_empty() {
            evidence = read::read(&prompt.other);
            if !is_free {
                evidence.faults.retain(|fault| fault.lang != Lang::Unknown || !fault.frames.is_empty());
            }
        }
        let functions = functions::find(&prompt.files);
        Self { prompt, evidence, functions }
    }

    pub(crate) fn files(&self) -> &[PackedFile<'a>] {
        &self.prompt.files
    }

    /// Causes before what they caused, places in the project before none, then as printed.
    pub(crate) fn faults(&self) -> Vec<&Fault> {
        let mut faults: Vec<&Fault> = self.evidence.faults.iter().collect();
        faults.sort_by_key(|fault| {
            let is_nowhere = paths::place(fault, self.files()).is_none();
            (is_nowhere, !fault.is_cause, fault.at)
        });
        faults
    }

    pub(crate) fn place<'c>(&'c self, fault: &'c Fault) -> Option<Place<'c>> {
        paths::place(fault, self.files()).map(|frame| self.at(frame))
    }

    /// A frame as a place.
    pub(crate) fn at<'c>(&'c self, frame: &'c Frame) -> Place<'c> {
        let packed = paths::packed(self.files(), &frame.file);
        let file = paths::shown(self.files(), &frame.file);
        let around = functions::around(&self.functions, file, frame.line);
        let named = frame.function.as_str();
        let function = if named.is_empty() { around.map_or("", |function| function.name) } else { named };
        let source = packed.and_then(|file| file.line(frame.line));
        let is_test = paths::is_test_file(file) || around.is_some_and(|function| function.is_test);
        Place { file, line: frame.line, function, source, is_test }
    }

    /// The project's frames of a fault, innermost first.
    pub(crate) fn project_frames<'c>(&'c self, fault: &'c Fault) -> impl Iterator<Item = Place<'c>> + 'c {
        fault.frames.iter().filter(|frame| paths::is_project(frame)).map(|frame| self.at(frame))
    }

    /// The failing test that a fault belongs to.
    pub(crate) fn test_of(&self, fault: &Fault) -> Option<&Test> {
        let is_it = |test: &Test, name: &str| {
            let rest = test.name.strip_suffix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with([':', '.', ' ', '/']))
        };
        let found =
            fault.tests.iter().find_map(|name| self.evidence.tests.iter().find(|test| is_it(test, name)));
        found.or_else(|| self.evidence.tests.first().filter(|_| self.evidence.tests.len() == 1))
    }

    /// The packed function around a place.
    pub(crate) fn function_at(&self, place: &Place<'_>) -> Option<&Function<'a>> {
        functions::around(&self.functions, place.file, place.line)
    }

    /// The packed lines of a function above `line`, the nearest first.
    pub(crate) fn lines_above(&self, function: &Function<'_>, line: u32) -> Vec<(u32, &'a str)> {
        let file = self.files().iter().find(|file| file.path == function.file);
        let span = file.map(|file| file.span(function.start, line.saturating_sub(1))).unwrap_or_default();
        span.iter().rev().take(200).copied().collect()
    }
}

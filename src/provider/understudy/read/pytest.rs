//! pytest's own long and short tracebacks, its summary and its list of tests.

use super::Reader;
use crate::provider::understudy::evidence::{Evidence, Fault, Frame, Lang, Runner};
use crate::provider::understudy::pattern::Pattern;

static PLACE: Pattern = Pattern::new(r"^([^\s:][^:]*\.py):(\d+): ?(?:in (.+)|([A-Za-z_][\w.]*))?$");
static HEADER: Pattern = Pattern::new(r"^_{4,} (.+?) _{4,}$");
static RAISED: Pattern = Pattern::new(r"^([A-Za-z_][\w.]*): ?(.*)$");
static DEFINED: Pattern = Pattern::new(r"^[> ]\s*(?:async )?def (\w+)");
static SUMMARY: Pattern = Pattern::new(r"^(?:FAILED|ERROR) ([^\s:]+\.py(?:::.+?)?)(?: - (.*))?$");
static LISTED: Pattern = Pattern::new(r"^(\S+\.py::.+?) (PASSED|FAILED|ERROR)\b");

/// One block between two headers.
#[derive(Default)]
pub(super) struct Pytest {
    frames: Vec<Frame>,
    /// The `E` lines.
    said: Vec<String>,
    at: usize,
    class: String,
    defined: String,
    /// What the summary says, for a run that prints nothing else.
    summary: Vec<(usize, String, String)>,
}

impl Reader for Pytest {
    fn line(&mut self, at: usize, line: &str, out: &mut Evidence) {
        match line.as_bytes().first() {
            Some(b'_' | b'=') => self.header(line, out),
            Some(b'E') if line.starts_with("E  ") => self.say(at, line),
            Some(b' ' | b'>') if line.contains("def ") => self.define(line),
            _ if line.contains(".py:") => self.located(at, line, out),
            _ => {}
        }
    }

    fn end(&mut self, out: &mut Evidence) {
        self.flush(out);
        if out.faults.is_empty() {
            for (at, test, text) in self.summary.drain(..) {
                let (class, message) = class_of(&text).unwrap_or(("test failure", &text));
                let mut fault = Fault::new(at, Lang::Python, class, message);
                fault.tests.push(test);
                out.fault(fault);
            }
        }
    }
}

impl Pytest {
    fn header(&mut self, line: &str, out: &mut Evidence) {
        if let Some(found) = HEADER.find(line) {
            self.flush(out);
            let name = found
                .text(1)
                .trim_start_matches("ERROR at setup of ")
                .trim_start_matches("ERROR collecting ");
            out.current_test = Some(name.replace('.', "::"));
        } else if line.starts_with("====") {
            self.flush(out);
        }
    }

    fn say(&mut self, at: usize, line: &str) {
        if self.said.is_empty() {
            self.at = at;
        }
        if self.said.len() < 6 {
            self.said.push(line.trim_start_matches('E').trim().to_owned());
        }
    }

    fn define(&mut self, line: &str) {
        if let Some(found) = DEFINED.find(line) {
            found.text(1).clone_into(&mut self.defined);
        }
    }

    fn located(&mut self, at: usize, line: &str, out: &mut Evidence) {
        if let Some(found) = PLACE.find(line) {
            let named = if found.text(3).is_empty() { self.defined.as_str() } else { found.text(3) };
            self.frames.push(Frame::new(found.text(1), found.number(2), named));
            self.defined.clear();
            found.text(4).clone_into(&mut self.class);
        } else if let Some(found) = SUMMARY.find(line) {
            out.test(Runner::Pytest, found.text(1), file_of(found.text(1)));
            self.summary.push((at, found.text(1).to_owned(), found.text(2).to_owned()));
        } else if let Some(found) = LISTED.find(line) {
            match found.text(2) {
                "PASSED" => out.passed(found.text(1)),
                _ => out.test(Runner::Pytest, found.text(1), file_of(found.text(1))),
            }
        }
    }

    fn flush(&mut self, out: &mut Evidence) {
        let said = self.said.join("\n");
        let frames: Vec<Frame> = self.frames.drain(..).rev().collect();
        if !said.is_empty() && !frames.is_empty() {
            let (class, message) = match class_of(&said) {
                Some(parts) => parts,
                None if self.class.is_empty() => ("AssertionError", said.as_str()),
                None => (self.class.as_str(), said.as_str()),
            };
            out.fault(Fault::new(self.at, Lang::Python, class, message).with_frames(frames));
        }
        self.said.clear();
        self.class.clear();
        self.defined.clear();
    }
}

fn class_of(text: &str) -> Option<(&str, &str)> {
    let found = RAISED.find(text.lines().next()?)?;
    let class = found.text(1);
    let last = class.rsplit('.').next()?;
    let rest = text.get(class.len() + 1..).unwrap_or("");
    last.starts_with(char::is_uppercase).then_some((class, rest.trim()))
}

fn file_of(test: &str) -> &str {
    test.split("::").next().unwrap_or(test)
}

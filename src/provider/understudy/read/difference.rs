//! What an assertion compared: expected and actual, in the words of each tool.

use super::super::evidence::{Difference, Evidence};
use super::super::pattern::Pattern;

type Names = (&'static str, &'static str);
const LEFT_RIGHT: Names = ("left", "right");
const EXPECTED_ACTUAL: Names = ("expected", "actual");
const ACTUAL_EXPECTED: Names = ("actual", "expected");

static PYTEST: Pattern = Pattern::new(r"\bassert (.+?) == (.+)$");
static UNITTEST: Pattern = Pattern::new(r"^\s*AssertionError: (?:\w+ differ: )?(.+?) != (.+?)(?: : .*)?$");
static NODE: Pattern = Pattern::new(r"^\s*(.+?) !== (.+)$");
static CHAI: Pattern = Pattern::new(
    r"expected (.+?) to (?:be|equal|deeply equal|strictly equal|loosely equal|eql) (.+?)(?: // .*)?$",
);
static JUNIT: Pattern = Pattern::new(r"expected: ?<(.*?)> but was: ?<(.*?)>");
static WANT: Pattern = Pattern::new(r"(?i)\b(?:got|have):? ?(.+?)[,;]? (?:want(?:ed)?|expected):? ?(.+)$");
static BUT_GOT: Pattern =
    Pattern::new(r"(?i)\b(?:expected|want(?:ed)?):? ?(.+?)[,;]? (?:but )?(?:got|have|received):? ?(.+)$");
static NAMED: Pattern = Pattern::new(
    r"^\s*(?i:(left|right|expected|received|actual|got|but was))(?: \(Object\.is equality\)| value)?\s*: ?(.+)$",
);

/// Comparisons with the line that they stand on.
#[derive(Default)]
pub(super) struct Differences {
    found: Vec<(usize, Difference)>,
    /// The first of a pair that stands on two lines.
    first: Option<(usize, &'static str, String)>,
}

impl Differences {
    pub(super) fn line(&mut self, at: usize, line: &str) {
        if self.found.len() >= 40 {
            return;
        }
        let one_line = in_one_line(line);
        if let Some(difference) = one_line {
            self.found.push((at, difference));
        } else if line.contains(':')
            && let Some(found) = NAMED.find(line)
        {
            self.named(at, name_of(found.text(1)), found.text(2));
        }
    }

    fn named(&mut self, at: usize, name: &'static str, value: &str) {
        match self.first.take() {
            Some((before, first_name, first)) if at - before <= 3 && first_name != name => {
                self.found.push((before, Difference::new((first_name, name), &first, value)));
            }
            _ => self.first = Some((at, name, value.to_owned())),
        }
    }

    pub(super) fn give(self, out: &mut Evidence) {
        for (at, difference) in &self.found {
            out.differ(*at, difference);
        }
    }
}

fn in_one_line(line: &str) -> Option<Difference> {
    let pair = |pattern: &Pattern, names: Names| {
        pattern.find(line).map(|found| Difference::new(names, found.text(1), found.text(2)))
    };
    if line.contains(" !== ") {
        return pair(&NODE, ACTUAL_EXPECTED);
    }
    if line.contains(" != ") {
        return pair(&UNITTEST, ("first", "second"));
    }
    if line.contains("assert ") && line.contains(" == ") && line.starts_with('E') {
        return pair(&PYTEST, LEFT_RIGHT);
    }
    if line.contains("xpected") {
        return pair(&JUNIT, EXPECTED_ACTUAL)
            .or_else(|| pair(&CHAI, ACTUAL_EXPECTED))
            .or_else(|| pair(&WANT, ACTUAL_EXPECTED))
            .or_else(|| pair(&BUT_GOT, EXPECTED_ACTUAL));
    }
    if line.contains("want") {
        return pair(&WANT, ACTUAL_EXPECTED).or_else(|| pair(&BUT_GOT, EXPECTED_ACTUAL));
    }
    None
}

fn name_of(word: &str) -> &'static str {
    match word.to_ascii_lowercase().as_str() {
        "left" => "left",
        "right" => "right",
        "expected" => "expected",
        _ => "actual",
    }
}

//! The lines of an error that matter most. The output of a test run is read as a list of failures. Each has
//! a heading, messages, the expected and the found value, and a stack.

use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use super::distinct;
use crate::domain::pattern::Patterns;

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns::read("src/domain/pack/errors.yaml"));

/// The numbers of the most important lines of an error, best first: names of failed tests, messages,
/// expected and found values, frames of the project, then the rest. Repeated lines, totals and frames of
/// libraries come last, so that they are left out first.
///
/// The list may be cut anywhere and stays fair to all failures: first the most important lines of the first
/// failures, then the names of the others together with the lines of some of them, then more lines of each
/// failure in turn.
pub(super) fn error_lines(text: &str, limit: usize) -> Vec<usize> {
    /// Failures whose lines come before the names of the others.
    const IN_FULL: usize = 3;
    /// Names of other failures before the lines of one more failure.
    const NAMES: usize = 4;
    /// Lines of a failure that come first; the rest come in turn.
    const SHORT: usize = 9;
    let lines = bare(text.lines().collect());
    let mut kinds = kinds(&lines);
    let failures = failures(&lines, &kinds);
    mark_repeated(&lines, &mut kinds, &failures);
    let told: Vec<Vec<usize>> =
        failures.iter().map(|range| ranked_lines(&lines, &kinds, range.clone())).collect();
    // A failure of one line is an entry in a list of names. It matters only if nothing else tells of it.
    let (full, bare): (Vec<_>, Vec<_>) = told.into_iter().partition(|lines| lines.len() > 1);
    let (first, others) = full.split_at(full.len().min(IN_FULL));
    let short = |lines: &Vec<usize>| lines.iter().take(SHORT).copied().collect::<Vec<_>>();
    let named_and_told = others.chunks(NAMES).zip(others.chunks(1).chain(std::iter::repeat(&[][..])));
    let told_later = others.iter().skip(others.len().div_ceil(NAMES)).flat_map(short);
    let named_and_told = named_and_told.flat_map(|(named, told)| {
        let names = named.iter().filter_map(|lines| lines.first().copied());
        names.chain(told.iter().flat_map(short)).collect::<Vec<_>>()
    });
    let named_and_told = named_and_told.chain(told_later);
    let rounds = full.iter().map(Vec::len).max().unwrap_or(0);
    let in_turn =
        (SHORT..rounds).flat_map(|round| full.iter().filter_map(move |lines| lines.get(round)).copied());
    let kinds = &kinds;
    let of = |wanted: Kind| {
        (0..kinds.len()).rev().filter(move |index| kinds.get(*index) == Some(&wanted)).collect::<Vec<_>>()
    };
    let is_worth = |index: &usize| kinds.get(*index).is_some_and(|kind| *kind < Kind::Repeated);
    let ends = [lines.len().saturating_sub(1), 0].into_iter().filter(is_worth);
    let order = first
        .iter()
        .flat_map(short)
        .chain(ends)
        .chain(named_and_told)
        .chain(bare.iter().flatten().copied())
        .chain(in_turn)
        .chain(
            [Kind::Failure, Kind::Value, Kind::Difference, Kind::Frame, Kind::FrameBelow, Kind::Other]
                .into_iter()
                .flat_map(of),
        )
        .chain([Kind::Repeated, Kind::Total, Kind::Library].into_iter().flat_map(of));
    distinct(order.map(|index| index + 1), lines.len(), limit)
}

/// The lines without their common indent and without the prefix that a log, a runner of other runners or a
/// quotation puts before each.
pub(super) fn bare(mut lines: Vec<&str>) -> Vec<&str> {
    const ROUNDS: usize = 4;
    let Some(before) = PATTERNS.get("before") else { return lines };
    for _ in 0..ROUNDS {
        let written = || lines.iter().filter(|line| !line.trim().is_empty());
        let indent = written().map(|line| line.len() - line.trim_start_matches(' ').len()).min().unwrap_or(0);
        let ends: Vec<usize> =
            lines.iter().map(|line| before.find(line).map_or(0, |found| found.end())).collect();
        let all = written().count();
        // Some lines of a log have no prefix.
        let has_prefix = all >= 4 && ends.iter().filter(|end| **end > 0).count() * 10 >= all * 9;
        if indent == 0 && !has_prefix {
            break;
        }
        for (line, end) in lines.iter_mut().zip(ends) {
            let end = if has_prefix { end } else { indent.min(line.len()) };
            *line = line.get(end..).unwrap_or_default();
        }
    }
    lines
}

/// The kind of a line, most valuable first. Kinds after [`Kind::Other`] are left out first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// It names a failure: an error or a test.
    Failure,
    /// It is part of the expected or the found value.
    Value,
    /// It is on one side of a comparison only.
    Difference,
    /// A frame of the project in a stack printed outermost first, or a place in a file.
    Frame,
    /// A frame of the project in a stack printed innermost first, below its error.
    FrameBelow,
    Other,
    /// It occurred twice before in the failure, as in a deep recursion.
    Repeated,
    /// Totals, times, and lines about tests that passed.
    Total,
    /// A frame of a library or of the runtime.
    Library,
}

/// The lines of each failure, as indices: from its heading to the next heading.
fn failures(lines: &[&str], kinds: &[Kind]) -> Vec<Range<usize>> {
    /// The most lines between the name of a test and the opening line of its error.
    const NEAR: usize = 4;
    let mut starts: Vec<usize> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let is_little = kinds.get(index).is_none_or(|kind| *kind >= Kind::Repeated);
        let last = starts.last().copied();
        let starts_one = match heading(line) {
            Some(Heading::Name) => !is_little,
            Some(Heading::Opening) => !is_little && last.is_none_or(|last| index > last + NEAR),
            None => false,
        };
        if starts_one {
            starts.push(index);
        }
    }
    // The text before the first heading is a failure too, if it has an error or a value.
    let says = |index: &usize| kinds.get(*index).is_some_and(|kind| *kind <= Kind::Difference);
    let before = (0..starts.first().copied().unwrap_or(lines.len())).find(says);
    if let Some(before) = before {
        starts.insert(0, before);
    }
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

/// The indices of the lines of one failure, best first: its heading, its first two messages and its last,
/// the values that its runner labels, then other values and frames in turn, then the other messages, then
/// the lines below the heading.
fn ranked_lines(lines: &[&str], kinds: &[Kind], range: Range<usize>) -> Vec<usize> {
    /// Lines below a frame that show its source.
    const SOURCE: usize = 2;
    /// Labelled values that come before the frames.
    const LABELLED: usize = 6;
    /// Lines of what pytest found that come before the frames.
    const FOUND: usize = 4;
    let (start, end) = (range.start, range.end);
    let of = |wanted: Kind| {
        range.clone().filter(move |index| kinds.get(*index) == Some(&wanted)).collect::<Vec<_>>()
    };
    let is_worth =
        |index: &usize| *index < end && kinds.get(*index).is_some_and(|kind| *kind < Kind::Repeated);
    let messages: Vec<usize> = of(Kind::Failure).into_iter().filter(|index| *index != start).collect();
    let (values, differences) = (of(Kind::Value), of(Kind::Difference));
    let is = |index: &usize, test: fn(&str) -> bool| lines.get(*index).is_some_and(|line| test(line));
    let in_order =
        || range.clone().filter(|index| kinds.get(*index).is_some_and(|kind| *kind <= Kind::Value));
    // What a test printed may look like a value, before or after the values of its runner.
    let labelled: Vec<usize> = in_order().filter(|index| is(index, is_labelled)).collect();
    let labelled = from_both_ends(&labelled).into_iter().take(LABELLED);
    let found = in_order().filter(|index| is(index, |line| line.starts_with("E "))).take(FOUND);
    let sure: Vec<usize> = labelled.chain(found).collect();
    // Lines of marks (`?`) below the lines of a comparison say the least.
    let is_mark = |line: &str| line.trim_start_matches('E').trim_start().starts_with('?');
    let (marks, sides): (Vec<usize>, Vec<usize>) =
        differences.into_iter().partition(|index| is(index, is_mark));
    let mut compared: Vec<usize> = values.iter().take(1).copied().collect();
    compared.extend(&sides);
    compared.extend(values.iter().skip(1));
    compared.extend(marks);
    // Python prints the innermost frame last, others print it first. Both ends of a stack say the most.
    let outermost_first = from_both_ends(&of(Kind::Frame));
    let frames = outermost_first.into_iter().map(|frame| {
        let has_source = lines.get(frame).is_some_and(|line| shows_its_source(line));
        (frame..=frame + if has_source { SOURCE } else { 0 }).filter(is_worth).collect::<Vec<_>>()
    });
    let frames = frames.chain(of(Kind::FrameBelow).into_iter().map(|frame| vec![frame]));
    let mut compared = compared.chunks(3);
    let mut frames = frames;
    let mut beside = Vec::new();
    loop {
        match (compared.next(), frames.next()) {
            (None, None) => break,
            (values, frame) => {
                beside.extend(values.unwrap_or_default());
                beside.extend(frame.unwrap_or_default());
            }
        }
    }
    let ends = messages.iter().take(2).chain(messages.last()).copied();
    let around = (start + 1..start + 4).filter(is_worth);
    let order = [start].into_iter().chain(ends).chain(sure).chain(beside).chain(messages.iter().copied());
    let mut seen = HashSet::new();
    let mut told: Vec<usize> = order.filter(|index| seen.insert(*index)).collect();
    if told.len() > 1 {
        told.extend(around.filter(|index| seen.insert(*index)));
    } else {
        // A heading alone, or a heading with words of an unknown kind.
        told.extend((start + 1..(start + 12).min(end)).filter(|index| {
            is_worth(index) && lines.get(*index).is_some_and(|line| !line.trim().is_empty())
        }));
    }
    told
}

fn from_both_ends(all: &[usize]) -> Vec<usize> {
    let half = all.len().div_ceil(2);
    let (front, back) = all.split_at(all.len() - half);
    let mut front = front.iter();
    back.iter().rev().flat_map(|one| [Some(*one), front.next().copied()]).flatten().collect()
}

/// Marks the lines that occur more than twice in a failure, from the third time on.
fn mark_repeated(lines: &[&str], kinds: &mut [Kind], failures: &[Range<usize>]) {
    const MOST: usize = 2;
    for range in failures {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for index in range.clone() {
            let (Some(line), Some(kind)) = (lines.get(index), kinds.get_mut(index)) else { continue };
            let counts = match kind {
                Kind::Failure | Kind::Frame | Kind::FrameBelow => true,
                Kind::Other => !line.trim().is_empty(),
                Kind::Value | Kind::Difference | Kind::Repeated | Kind::Total | Kind::Library => false,
            };
            if counts {
                let times = seen.entry(without_number(line)).or_default();
                *times += 1;
                if *times > MOST {
                    *kind = Kind::Repeated;
                }
            }
        }
    }
}

/// A line of a stack without its number and without the arguments of a call, so that the frames of a
/// recursion are equal.
fn without_number(line: &str) -> &str {
    let line = line.trim();
    let numbered = line.strip_prefix('#').unwrap_or(line);
    let name = numbered.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let name = name.strip_prefix(':').unwrap_or(name);
    match name.rfind('(') {
        Some(at) if numbered.len() < line.len() => name.get(..at).unwrap_or(name),
        _ if name.len() < numbered.len() => name.trim_start(),
        _ => line,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heading {
    /// It names a test, a cause or an error of a compiler.
    Name,
    /// It opens an error: the error of a test, if a test was named just before.
    Opening,
}

fn heading(line: &str) -> Option<Heading> {
    // Neither the end of a .NET stack nor output that a test printed is a failure.
    if line.contains("--- End of ") || is_captured_heading(line) {
        None
    } else if PATTERNS.is_in("names", line) {
        Some(Heading::Name)
    } else {
        PATTERNS.is_in("opening", line).then_some(Heading::Opening)
    }
}

/// The most lines of one value.
const MOST_OF_A_VALUE: usize = 12;

fn kinds(lines: &[&str]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::with_capacity(lines.len());
    let failing = failing(lines);
    let mut value: Option<(usize, usize)> = None;
    // A comparison lasts as long as its failure.
    let mut is_compared = false;
    let mut is_below_library_frame = false;
    let mut is_of_a_passed_test = false;
    let mut was_found = false;
    let mut is_announced = false;
    // A log that pytest captured may name a file in each line, and be a list of `- ` lines.
    let mut is_captured = false;
    for line in lines {
        let depth = line.len() - line.trim_start().len();
        if let Some(name) = started(line) {
            is_of_a_passed_test = !failing.contains(name);
        } else if ["--- ", "panic:", "["].iter().any(|end| line.trim_start().starts_with(end)) {
            is_of_a_passed_test = false;
        }
        let found = line.strip_prefix("E ").or_else(|| (*line == "E").then_some(""));
        let plain = match found {
            Some(found) => kind_of_found(found, was_found),
            None => kind_of(line),
        };
        was_found = found.is_some();
        if heading(line) == Some(Heading::Name) {
            is_compared = false;
        }
        is_captured = match heading(line) {
            Some(Heading::Name) => false,
            _ if line.starts_with("===") => false,
            _ => is_captured || is_captured_heading(line),
        };
        let is_in_value = value.is_some_and(|(at, left)| left > 0 && (depth >= at || line.trim().is_empty()));
        let kind = match plain {
            _ if is_of_a_passed_test => Kind::Total,
            // Python prints a line of source below each frame. Its words mean nothing here.
            _ if is_below_library_frame && depth >= 4 && !is_frame(line) => Kind::Library,
            Kind::Other | Kind::Frame | Kind::Value if is_captured && !shows_its_source(line) => Kind::Other,
            Kind::Other | Kind::Frame if is_compared && is_difference(line) => Kind::Difference,
            Kind::Other if is_in_value && !line.trim().is_empty() => Kind::Value,
            Kind::Other if is_announced && !line.trim().is_empty() => Kind::Failure,
            plain => plain,
        };
        is_below_library_frame = plain == Kind::Library && line.trim_start().starts_with("File ");
        // Rust prints the message of a panic on the line below its place.
        is_announced = line.contains(" panicked at ");
        is_compared |= matches!(kind, Kind::Value | Kind::Failure);
        value = match plain {
            Kind::Value if is_in_value => value.map(|(at, _)| (at.min(depth), MOST_OF_A_VALUE)),
            Kind::Value => Some((depth, MOST_OF_A_VALUE)),
            _ if is_in_value => value.map(|(at, left)| (at, left - 1)),
            _ => None,
        };
        kinds.push(kind);
    }
    kinds
}

/// The names of the failed tests in the output of Go (with `-v`) or googletest. Both print the lines of all
/// tests, and the result of a test after its lines.
fn failing<'a>(lines: &[&'a str]) -> HashSet<&'a str> {
    let named = lines.iter().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("--- FAIL: ").or_else(|| line.strip_prefix("[  FAILED  ] "))
    });
    named.filter_map(|rest| rest.split([' ', ',']).next()).collect()
}

/// The name of the test that starts with this line, as Go and googletest print it.
fn started(line: &str) -> Option<&str> {
    line.strip_prefix("=== RUN").or_else(|| line.strip_prefix("[ RUN      ]")).map(str::trim)
}

/// The kind of a line that pytest marks with `E`, given the text after the mark. The first line of a block of
/// such lines names the error; `goes_on` is true for the others.
fn kind_of_found(found: &str, goes_on: bool) -> Kind {
    if found.trim().is_empty() {
        Kind::Other
    } else if is_difference(found) {
        Kind::Difference
    } else if PATTERNS.is_in("compared", found) || is_value(found) && goes_on {
        Kind::Value
    } else if !goes_on || names_an_error(found) {
        Kind::Failure
    } else {
        Kind::Other
    }
}

fn kind_of(line: &str) -> Kind {
    if is_total(line) {
        Kind::Total
    } else if is_of_a_library(line)
        && !line.contains("error:")
        && (is_frame(line) || is_frame_below_its_error(line) || is_bare_place(line))
    {
        Kind::Library
    } else if is_value(line) {
        Kind::Value
    } else if names_an_error(line) {
        Kind::Failure
    } else if is_frame_below_its_error(line) {
        Kind::FrameBelow
    } else if is_frame(line) {
        Kind::Frame
    } else {
        Kind::Other
    }
}

/// True if a line names an error or a failed test.
fn names_an_error(line: &str) -> bool {
    PATTERNS.is_in("named", line)
}

/// True if a line begins the expected or the found value.
fn is_value(line: &str) -> bool {
    PATTERNS.is_in("value", line)
}

/// True if a line is an expected or a found value under the label of a runner.
fn is_labelled(line: &str) -> bool {
    PATTERNS.is_in("labelled", line)
}

/// True if a line stands above the output that pytest captured of a test.
fn is_captured_heading(line: &str) -> bool {
    line.contains("--- Captured ")
}

/// True if a line of a comparison is on one side only.
fn is_difference(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with(['+', '-', '?']) && !line.starts_with("---") && !line.starts_with("+++")
}

/// True if a line is about all tests together, or about a test that passed.
fn is_total(line: &str) -> bool {
    PATTERNS.is_in("total", line)
}

/// True if a line names a place in a library or in the runtime, code that the project cannot change.
fn is_of_a_library(line: &str) -> bool {
    PATTERNS.is_in("library", line)
}

/// True if a line is a frame in another form: numbered as in Rust, or with its place at the end.
fn is_bare_place(line: &str) -> bool {
    PATTERNS.is_in("place", line)
}

/// True if a line is a frame of a stack printed outermost first, or a place in a file.
fn is_frame(line: &str) -> bool {
    PATTERNS.is_in("frame", line)
}

/// True if a line is a frame of a stack printed innermost first.
fn is_frame_below_its_error(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("at ") && line.contains(|letter: char| letter.is_ascii_digit())
}

/// True if the source of this frame is printed below it.
fn shows_its_source(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("File ") || line.starts_with("-->")
}

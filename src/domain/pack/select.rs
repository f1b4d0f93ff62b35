//! Which lines of a long text matter most.

use std::collections::HashSet;
use std::sync::OnceLock;

use regex::Regex;

/// Lines on each side of a mentioned line that matter more than the rest of the file.
const WINDOW: usize = 15;

/// The most important lines of a file, best first: those around the lines that an error names,
/// then its head and its tail, two lines to one. At most `limit` numbers, each in `1..=total`.
#[must_use]
pub fn file_lines(total: usize, named: &[usize], limit: usize) -> Vec<usize> {
    let around = (0..=WINDOW).flat_map(|distance| {
        named
            .iter()
            .flat_map(move |line| [line.checked_sub(distance), Some(line + distance)].into_iter().flatten())
    });
    let head_and_tail = (0..total).flat_map(|step| [2 * step + 1, 2 * step + 2, total.saturating_sub(step)]);
    distinct(around.chain(head_and_tail), total, limit)
}

/// The most important lines of an error, best first: its last and its first line, the lines that
/// name an error, the frames nearest to them with the source below, its end, then the rest backwards.
///
/// Java, .NET and JavaScript print the innermost frame first (`at ...`), Python and others last.
pub(super) fn error_lines(text: &str, limit: usize) -> Vec<usize> {
    const END: usize = 5;
    let lines: Vec<&str> = text.lines().collect();
    let total = lines.len();
    let line =
        |number: usize| number.checked_sub(1).and_then(|index| lines.get(index)).copied().unwrap_or_default();
    let ends = [total, 1];
    let named = (1..=total).rev().filter(|number| names_an_error(line(*number)));
    let downwards = (1..=total).filter(|number| is_frame_below_its_error(line(*number)));
    let upwards = (1..=total)
        .rev()
        .filter(|number| is_frame(line(*number)) && !is_frame_below_its_error(line(*number)))
        .flat_map(|number| [number, number + 1, number + 2]);
    let end = (1..=total).rev().take(END);
    let rest = (1..=total).rev();
    let order = ends.into_iter().chain(named).chain(interleaved(upwards, downwards)).chain(end).chain(rest);
    distinct(order, total, limit)
}

/// One of each in turn, as long as either has any.
fn interleaved(
    mut one: impl Iterator<Item = usize>,
    mut other: impl Iterator<Item = usize>,
) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || match (one.next(), other.next()) {
        (None, None) => None,
        pair => Some(pair),
    })
    .flat_map(|(left, right)| [left, right].into_iter().flatten())
}

/// A line that says what went wrong.
fn names_an_error(line: &str) -> bool {
    static NAMED: OnceLock<Option<Regex>> = OnceLock::new();
    matches(
        &NAMED,
        r"(?x)
          (?:Error|Exception)\b
        | \berror(?:\[\w+\])?:
        | \bpanic(?:ked)?\b
        | ^E\s\s                 # pytest
        | \bFAIL(?:ED)?\b
        | \bCaused\sby\b
        ",
        line,
    )
}

/// A frame of a stack that is printed outermost first, or a place in a file.
fn is_frame(line: &str) -> bool {
    static FRAME: OnceLock<Option<Regex>> = OnceLock::new();
    matches(
        &FRAME,
        r#"(?x)
          ^\s*File\s"            # Python
        | ^\s*-->\s              # rustc
        | \w\.\w+:\d+            # path:line
        "#,
        line,
    )
}

/// A frame of a stack that is printed innermost first.
fn is_frame_below_its_error(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("at ") && line.contains(|letter: char| letter.is_ascii_digit())
}

fn matches(pattern: &OnceLock<Option<Regex>>, source: &str, line: &str) -> bool {
    pattern.get_or_init(|| Regex::new(source).ok()).as_ref().is_some_and(|pattern| pattern.is_match(line))
}

fn distinct(order: impl Iterator<Item = usize>, total: usize, limit: usize) -> Vec<usize> {
    let wanted = limit.min(total);
    let mut seen = HashSet::new();
    order.filter(|line| (1..=total).contains(line) && seen.insert(*line)).take(wanted).collect()
}

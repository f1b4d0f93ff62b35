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

/// The most important lines of an error, best first: its end, its first line, its frames with the
/// source below them (from the end, where the innermost usually stand), then the rest backwards.
pub(super) fn error_lines(text: &str, limit: usize) -> Vec<usize> {
    const END: usize = 5;
    let lines: Vec<&str> = text.lines().collect();
    let total = lines.len();
    let end = (1..=total).rev().take(END);
    let telling = (1..=total)
        .rev()
        .filter(|number| {
            number.checked_sub(1).and_then(|index| lines.get(index)).is_some_and(|line| is_telling(line))
        })
        .flat_map(|number| [number, number + 1]);
    let rest = (1..=total).rev();
    distinct(end.chain(std::iter::once(1)).chain(telling).chain(rest), total, limit)
}

/// A stack frame, or a line that names an error.
fn is_telling(line: &str) -> bool {
    static TELLING: OnceLock<Option<Regex>> = OnceLock::new();
    TELLING
        .get_or_init(|| {
            Regex::new(
                r#"(?x)
                  ^\s*File\s"            # Python
                | ^\s*at\s.*[:(]\d+      # JavaScript, Java, .NET
                | ^\s*-->\s              # rustc
                | \w\.\w+:\d+            # path:line
                | (?:Error|Exception)\b
                | \bpanic(?:ked)?\b
                | ^E\s\s                 # pytest
                | \bFAIL(?:ED)?\b
                | \bCaused\sby\b
                "#,
            )
            .ok()
        })
        .as_ref()
        .is_some_and(|pattern| pattern.is_match(line))
}

fn distinct(order: impl Iterator<Item = usize>, total: usize, limit: usize) -> Vec<usize> {
    let wanted = limit.min(total);
    let mut seen = HashSet::new();
    order.filter(|line| (1..=total).contains(line) && seen.insert(*line)).take(wanted).collect()
}

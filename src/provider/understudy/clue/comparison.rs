//! Clues from two values that were meant to be equal.

use super::Clue;
use crate::provider::understudy::case::Case;
use crate::provider::understudy::code;
use crate::provider::understudy::evidence::{Difference, Fault, clip};

/// The values and what sets them apart.
pub(super) fn clue(case: &Case<'_>, fault: &Fault, line: &str) -> Option<Clue> {
    let difference = fault.difference.as_ref()?;
    let says = described(difference);
    let calls = code::calls(line);
    let tested = calls
        .iter()
        .find(|name| !is_assertion(name) && case.functions.iter().any(|function| function.name == **name));
    let check = tested.map_or_else(
        || "print both values right before the assertion".to_owned(),
        |name| format!("print what `{name}` returns for the values of this test"),
    );
    Some(Clue::new(says, tested.copied(), check))
}

/// Both values with their names, and how they differ.
pub(crate) fn described(difference: &Difference) -> String {
    match note(difference) {
        Some(note) => format!("{} ({note})", values(difference)),
        None => values(difference),
    }
}

fn values(difference: &Difference) -> String {
    let Difference { first_name, first, second_name, second } = difference;
    format!("{first_name} is {}, {second_name} is {}", clip(first, 80), clip(second, 80))
}

fn is_assertion(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["assert", "expect", "should", "strictequal", "deepequal", "tobe", "toequal", "equal", "eq", "test", "it"]
        .iter()
        .any(|start| name.starts_with(start) && (start.len() > 2 || name == *start))
}

/// How two values differ, where that is a known way.
pub(crate) fn note(difference: &Difference) -> Option<String> {
    let (first, second) = (difference.first.as_str(), difference.second.as_str());
    numbers(first, second)
        .or_else(|| quotes(first, second))
        .or_else(|| blanks_or_case(first, second))
        .or_else(|| emptiness(first, second))
        .or_else(|| order(first, second))
}

fn numbers(first: &str, second: &str) -> Option<String> {
    let (a, b) = (first.parse::<f64>().ok()?, second.parse::<f64>().ok()?);
    let distance = (a - b).abs();
    Some(if (distance - 1.0).abs() < 1e-9 {
        "they differ by exactly one".to_owned()
    } else if (a + b).abs() < 1e-9 {
        "they differ in their sign".to_owned()
    } else if distance < 1e-6 * a.abs().max(b.abs()) {
        "they differ by rounding".to_owned()
    } else if distance.is_finite() {
        format!("they differ by {}", (distance * 1e6).round() / 1e6)
    } else {
        return None;
    })
}

fn quotes(first: &str, second: &str) -> Option<String> {
    let bare = |text: &str| text.trim_matches(['\'', '"']).to_owned();
    let differs = first != second && bare(first) == bare(second);
    differs.then(|| "one is text, the other is not".to_owned())
}

fn blanks_or_case(first: &str, second: &str) -> Option<String> {
    let tight = |text: &str| text.split_whitespace().collect::<String>().replace("\\n", "");
    if tight(first) == tight(second) {
        return Some("they differ in blanks or line ends only".to_owned());
    }
    (first.to_lowercase() == second.to_lowercase()).then(|| "they differ in case only".to_owned())
}

fn emptiness(first: &str, second: &str) -> Option<String> {
    let is_empty = |text: &str| {
        matches!(text, "[]" | "{}" | "()" | "''" | "\"\"" | "None" | "null" | "undefined" | "set()" | "nil")
    };
    (is_empty(first) != is_empty(second)).then(|| "one of them is empty".to_owned())
}

fn order(first: &str, second: &str) -> Option<String> {
    let parts = |text: &str| {
        let mut parts: Vec<String> =
            text.trim_matches(['[', ']', '(', ')']).split(", ").map(str::to_owned).collect();
        parts.sort();
        parts
    };
    let is_list = first.starts_with(['[', '(']) && second.starts_with(['[', '(']);
    (is_list && parts(first) == parts(second)).then(|| "the same elements in another order".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_ways_to_differ() {
        let told = |a: &str, b: &str| note(&Difference::new(("left", "right"), a, b)).unwrap_or_default();
        assert_eq!(told("3", "2"), "they differ by exactly one");
        assert_eq!(told("-3", "3"), "they differ in their sign");
        assert_eq!(told("'3'", "3"), "one is text, the other is not");
        assert_eq!(told("'A b'", "'a b'"), "they differ in case only");
        assert_eq!(told("[]", "['x']"), "one of them is empty");
        assert_eq!(told("[1, 2]", "[2, 1]"), "the same elements in another order");
        assert_eq!(told("'x'", "'y'"), "");
    }
}

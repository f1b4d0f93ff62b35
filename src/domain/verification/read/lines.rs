//! What the readers have in common.

/// The text without the colours of a terminal.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\u{1b}' {
            out.push(letter);
            continue;
        }
        if letters.next() == Some('[') {
            letters.by_ref().find(char::is_ascii_alphabetic);
        }
    }
    out
}

/// The number before one of these words in a line such as `3 failed, 2 passed`.
pub(super) fn count(line: &str, words: &[&str]) -> Option<usize> {
    let mut last = None;
    for token in line.split_whitespace() {
        let bare = token.trim_matches(|letter: char| !letter.is_alphanumeric());
        if let Some(number) = last
            && words.contains(&bare)
        {
            return Some(number);
        }
        last = bare.parse().ok();
    }
    None
}

/// The number behind a key in a line such as `failures=1, errors=2`.
pub(super) fn keyed(line: &str, key: &str) -> Option<usize> {
    let (_, rest) = line.split_once(&format!("{key}="))?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Adds up what may be there or not.
pub(super) fn sum(numbers: impl Iterator<Item = Option<usize>>) -> Option<usize> {
    numbers.flatten().reduce(|left, right| left + right)
}

/// The last line for which something holds.
pub(super) fn last(text: &str, holds: impl Fn(&str) -> bool) -> Option<&str> {
    text.lines().rev().find(|line| holds(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_words() {
        assert_eq!(count("=== 3 failed, 2 passed in 0.02s ===", &["passed"]), Some(2));
        assert_eq!(count("Tests  1 failed | 1 passed (2)", &["failed"]), Some(1));
        assert_eq!(count("nothing failed", &["failed"]), None);
        assert_eq!(keyed("FAILED (failures=1, errors=12)", "errors"), Some(12));
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m"), "red");
    }
}

//! Helpers that the readers have in common.

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
    out.replace("\r\n", "\n")
}

/// `3 failed, 2 passed` as numbers and their words; none where a part is anything else.
pub(super) fn counted<'t>(text: &'t str, separator: &str) -> Option<Vec<(usize, &'t str)>> {
    text.split(separator)
        .map(|part| {
            let (number, word) = part.trim().split_once(' ')?;
            Some((number.parse().ok()?, word.trim()))
        })
        .collect()
}

/// The number of one of these words.
pub(super) fn of(counts: &[(usize, &str)], words: &[&str]) -> Option<usize> {
    sum(counts.iter().map(|(number, word)| words.contains(word).then_some(*number)))
}

/// True if every word is one of these.
pub(super) fn only(counts: &[(usize, &str)], words: &[&str]) -> bool {
    counts.iter().all(|(_, word)| words.contains(word))
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

/// The numbers behind their keys in a line such as `Tests run: 3, Failures: 1`, or with `=`; none where
/// a part is anything else.
pub(super) fn keyed<'t>(text: &'t str, is: &str) -> Option<Vec<(usize, &'t str)>> {
    text.split(',')
        .map(|part| {
            let (key, number) = part.trim().split_once(is)?;
            Some((number.trim().parse().ok()?, key.trim()))
        })
        .collect()
}

/// Adds up what may be there or not.
pub(super) fn sum(numbers: impl Iterator<Item = Option<usize>>) -> Option<usize> {
    numbers.flatten().reduce(|left, right| left + right)
}

/// The last line for which something holds.
pub(super) fn last(text: &str, holds: impl Fn(&str) -> bool) -> Option<&str> {
    text.lines().rev().find(|line| holds(line))
}

/// A name without the time behind it: `total [0.26ms]`, `total (25.1ms)`.
pub(super) fn untimed(name: &str) -> &str {
    for (open, close) in [(" [", "]"), (" (", ")")] {
        if let Some((bare, time)) =
            name.trim_end().strip_suffix(close).and_then(|rest| rest.rsplit_once(open))
            && time.starts_with(|letter: char| letter.is_ascii_digit() || letter == '<')
            && time.ends_with('s')
        {
            return bare.trim_end();
        }
    }
    name.trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_words() {
        assert_eq!(counted("3 failed, 2 passed", ", "), Some(vec![(3, "failed"), (2, "passed")]));
        assert_eq!(counted("2 failed in staging, see #12", ", "), None);
        assert_eq!(count("Tests  1 failed | 1 passed (2)", &["failed"]), Some(1));
        assert_eq!(count("nothing failed", &["failed"]), None);
        assert_eq!(
            keyed("failures=1, expected failures=12", "="),
            Some(vec![(1, "failures"), (12, "expected failures")])
        );
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m"), "red");
        assert_eq!(untimed("cart > total (net) [0.26ms]"), "cart > total (net)");
        assert_eq!(untimed("cart (s)"), "cart (s)");
    }
}

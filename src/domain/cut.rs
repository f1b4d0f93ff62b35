//! Cuts and wraps texts, measured in characters or in terminal columns.

use std::borrow::Cow;

use textwrap::{Options, WordSplitter};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Marks the place where text was cut.
pub const DOTS: &str = "...";

/// The first `most` characters of a text.
pub fn head(text: &str, most: usize) -> &str {
    let Some(beginning) = text.as_bytes().get(..most) else { return text };
    // In ASCII each byte is a character, so no counting is needed.
    let end =
        if beginning.is_ascii() { Some(most) } else { text.char_indices().nth(most).map(|(end, _)| end) };
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The last `most` characters of a text.
pub fn tail(text: &str, most: usize) -> &str {
    let Some(start) = text.len().checked_sub(most) else { return text };
    let is_ascii = text.as_bytes().get(start..).is_some_and(<[u8]>::is_ascii);
    let by_letters = || text.char_indices().rev().take(most).last().map_or(text.len(), |(start, _)| start);
    text.get(if is_ascii { start } else { by_letters() }..).unwrap_or_default()
}

pub fn is_longer(text: &str, most: usize) -> bool {
    head(text, most).len() < text.len()
}

/// Cuts a text to at most `most` characters. A longer text ends in dots, which count.
pub fn cut(text: &str, most: usize) -> String {
    if !is_longer(text, most) {
        return text.to_owned();
    }
    let dots = head(DOTS, most);
    head(text, most - dots.len()).trim_end().to_owned() + dots
}

/// A text on one line, with one blank between words.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The beginning of a text on one line of at most `most` characters.
pub fn cut_line(text: &str, most: usize) -> String {
    // Each word has at least one character, so more words are not needed.
    let line = text.split_whitespace().take(most + 1).collect::<Vec<_>>().join(" ");
    cut(&line, most)
}

/// Both ends of a text and the number of characters between them. `None` if the ends cover the text.
pub fn ends(text: &str, first: usize, last: usize) -> Option<(&str, usize, &str)> {
    let between = text.chars().count().checked_sub(first + last).filter(|between| *between > 0)?;
    Some((head(text, first), between, tail(text, last)))
}

/// A text of at most `most` characters, else its first and its last `most / 2` with a note between them.
pub fn without_middle(text: &str, most: usize) -> Cow<'_, str> {
    match ends(text, most / 2, most - most / 2) {
        Some((first, between, last)) => {
            Cow::Owned(format!("{first}\n[... {between} characters are left out ...]\n{last}"))
        }
        None => Cow::Borrowed(text),
    }
}

/// Number of terminal columns that a text takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// Cuts a line to at most `most` columns. A longer line ends in dots.
pub fn fitted(line: &str, most: usize) -> String {
    if columns(line) <= most {
        return line.to_owned();
    }
    let dots = head(DOTS, most);
    let mut left = most - dots.len();
    let fits = |letter: &char| {
        let width = letter.width().unwrap_or(0);
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    let kept: String = line.chars().take_while(fits).collect();
    kept.trim_end().to_owned() + dots
}

/// Options that wrap between words, and within a word that is longer than a line.
pub fn wrapping<'a>(columns: usize) -> Options<'a> {
    Options::new(columns).word_splitter(WordSplitter::NoHyphenation)
}

/// Wraps a text into lines of at most `columns` columns. Its own line ends count as blanks.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    textwrap::wrap(&one_line(text), wrapping(columns)).into_iter().map(Cow::into_owned).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_dots_count() {
        assert_eq!(cut("mend the mean", 13), "mend the mean");
        assert_eq!(cut("mend the mean", 12), "mend the...");
        assert_eq!(cut("평균을 고치기", 6), "평균을...");
        assert_eq!((cut("mend", 2).as_str(), cut("mend", 0).as_str(), cut("", 0).as_str()), ("..", "", ""));
        assert_eq!(cut_line(" mend\n the\tmean ", 8), "mend...");
    }

    #[test]
    fn a_wide_letter_takes_two_columns() {
        assert_eq!(columns("가설 1개"), 8);
        assert_eq!(fitted("평균을 고치기", 9), "평균을...");
        assert_eq!(fitted("mend", 2), "..");
        assert_eq!(wrapped("가나다라 마바", 6), ["가나다", "라", "마바"]);
    }

    #[test]
    fn both_ends_are_kept() {
        assert_eq!(ends("평균을 고치기", 2, 1), Some(("평균", 4, "기")));
        assert_eq!(ends("평균을 고치기", 3, 0), Some(("평균을", 4, "")));
        assert_eq!(ends("mend", 2, 2), None);
        assert_eq!((tail("평균을 mend", 4), tail("평균을", 2), tail("mend", 0)), ("mend", "균을", ""));
        assert_eq!(without_middle("mend", 4), "mend");
        let cut = without_middle("mend the mean", 5);
        assert_eq!(cut, "me\n[... 8 characters are left out ...]\nean");
    }

    proptest! {
        #[test]
        fn nothing_is_longer_than_it_may_be(text in "(\\PC|\\s){0,60}", most in 0_usize..50) {
            prop_assert!(cut(&text, most).chars().count() <= most);
            prop_assert!(cut_line(&text, most).chars().count() <= most);
            prop_assert!(fitted(&text, most).chars().map(|letter| letter.width().unwrap_or(0)).sum::<usize>() <= most
                || columns(&text) <= most);
            if let Some((first, between, last)) = ends(&text, most / 2, most / 3) {
                prop_assert_eq!(text.chars().count(), first.chars().count() + between + last.chars().count());
                prop_assert!(text.starts_with(first) && text.ends_with(last));
            }
        }
    }
}

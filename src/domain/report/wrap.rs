//! Text in columns: a Korean letter takes two, and nothing invisible is passed on.

use crate::domain::plain::is_hidden;
use unicode_width::UnicodeWidthStr as _;

/// Returns how many columns of a terminal a text takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// A text filled up with blanks to a number of columns.
pub(super) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// One line without anything that a terminal would obey or a reader would not see: an escape
/// sequence, a change of the writing direction, a letter without a width. They are written out.
/// A line end becomes a blank.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.replace("\r\n", "\n").chars() {
        match letter {
            '\n' => out.push(' '),
            '\t' => out.push_str("    "),
            letter if is_hidden(letter) => out.extend(letter.escape_unicode()),
            letter => out.push(letter),
        }
    }
    out
}

/// The text in lines of at most so many columns, broken between words where possible.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(4);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in visible(text).split_whitespace() {
        let joined = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if columns(&joined) <= width {
            line = joined;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        line = broken(word, width, &mut lines);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Puts all but the end of a word that is too long into lines, and gives the end.
fn broken(word: &str, width: usize, lines: &mut Vec<String>) -> String {
    let mut piece = String::new();
    for letter in word.chars() {
        piece.push(letter);
        if columns(&piece) > width {
            piece.pop();
            lines.push(std::mem::take(&mut piece));
            piece.push(letter);
        }
    }
    piece
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn korean_takes_two_columns() {
        assert_eq!(columns("가설 1개"), 8);
        assert_eq!(padded("가설", 6), "가설  ");
        assert_eq!(wrapped("가나다라 마바", 6), ["가나다", "라", "마바"]);
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(visible("a\u{1b}[2Jb\u{202e}c"), "a\\u{1b}[2Jb\\u{202e}c");
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_nothing_is_lost(text in "(\\PC|\\s){0,80}", width in 4_usize..60) {
            let lines = wrapped(&text, width);
            for line in &lines {
                prop_assert!(columns(line) <= width, "{line:?} takes {}", columns(line));
            }
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&visible(&text)));
        }
    }
}

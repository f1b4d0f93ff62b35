//! Texts as one line of a terminal, and times as people read them.

use std::borrow::Cow;

use textwrap::{Options, WordSplitter};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::host::human::harmless;

const DOTS: &str = "...";

/// Columns that a text has beside its label, however narrow the terminal is.
const NARROWEST: usize = 20;

/// A text as one line that cannot move a terminal's cursor.
pub(super) fn one_line(text: &str) -> String {
    harmless(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line in at most so many columns; one that was longer ends in dots. No width is no limit.
pub(super) fn cut(line: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns.filter(|columns| line.width() > *columns) else {
        return line.to_owned();
    };
    let dots = columns.min(DOTS.len());
    let mut kept = String::new();
    let mut used = 0;
    for letter in line.chars() {
        used += letter.width().unwrap_or(0);
        if used > columns - dots {
            break;
        }
        kept.push(letter);
    }
    format!("{}{}", kept.trim_end(), ".".repeat(dots))
}

/// A text in lines of at most so many columns, broken between words, and inside of a word that is longer
/// than a line. No width is no limit.
pub(super) fn wrapped(text: &str, columns: Option<usize>) -> Vec<String> {
    let Some(columns) = columns.filter(|columns| *columns > 0) else { return vec![text.to_owned()] };
    let options = Options::new(columns).word_splitter(WordSplitter::NoHyphenation);
    textwrap::wrap(&text.split_whitespace().collect::<Vec<_>>().join(" "), options)
        .into_iter()
        .map(Cow::into_owned)
        .collect()
}

/// A label and a text beside it; its further lines are indented as far as the first one begins.
pub(super) fn hanging(label: &str, text: &str, columns: Option<usize>) -> String {
    let indent = label.width();
    let lines = wrapped(text, columns.map(|columns| columns.saturating_sub(indent).max(NARROWEST)));
    let first = [label.to_owned()].into_iter().chain(std::iter::repeat(" ".repeat(indent)));
    first.zip(lines).fold(String::new(), |out, (before, line)| out + &before + &line + "\n")
}

/// Returns how long something lasted or is ago, in its largest unit.
pub(super) fn span(milliseconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    UNITS
        .iter()
        .find(|(length, _)| milliseconds >= *length)
        .map_or_else(|| "now".to_owned(), |(length, unit)| format!("{} {unit}", milliseconds / length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_cut_by_columns() {
        assert_eq!(cut("mend the mean", Some(13)), "mend the mean");
        assert_eq!(cut("mend the mean", Some(12)), "mend the...");
        assert_eq!(cut("평균을 고치기", Some(9)), "평균을...");
        assert_eq!(cut("mend the mean", None), "mend the mean");
        assert_eq!(cut("mend", Some(2)), "..");
    }

    #[test]
    fn a_text_is_wrapped_between_words() {
        assert_eq!(wrapped("mend the mean now", Some(8)), ["mend the", "mean now"]);
        assert_eq!(wrapped("unbreakable is", Some(6)), ["unbrea", "kable", "is"]);
        assert_eq!(wrapped("mend the mean", None), ["mend the mean"]);
    }

    #[test]
    fn a_text_hangs_beside_its_label() {
        assert_eq!(
            hanging("run  ", "mend the mean of the list now", Some(25)),
            "run  mend the mean of the\n     list now\n"
        );
        assert_eq!(hanging("run  ", "mend the mean", None), "run  mend the mean\n");
    }

    #[test]
    fn a_text_becomes_one_line() {
        assert_eq!(one_line("a\n  b\t\u{1b}[2Kc "), "a b \u{fffd}[2Kc");
    }

    #[test]
    fn times_are_told_in_their_largest_unit() {
        for (milliseconds, expected) in
            [(999, "now"), (59_999, "59 s"), (60_000, "1 min"), (7_200_000, "2 h"), (172_800_000, "2 d")]
        {
            assert_eq!(span(milliseconds), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_it_may_be(text in "[a-z가-힣 ]{0,40}", columns in 0_usize..30) {
            prop_assert!(cut(&text, Some(columns)).width() <= columns);
        }
    }
}

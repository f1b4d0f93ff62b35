//! Texts in messages: what cannot be seen is escaped and named.

use std::fmt::Write as _;

/// Letters of a line that a message shows.
const MOST: usize = 120;

/// The name of a letter that cannot be seen, or that looks like a blank and is none.
fn name(letter: char) -> Option<&'static str> {
    Some(match letter {
        '\u{feff}' => "byte order mark",
        '\u{a0}' => "no-break space",
        '\u{202f}' => "narrow no-break space",
        '\u{2007}' => "figure space",
        '\u{3000}' => "ideographic space",
        '\u{1680}' | '\u{2000}'..='\u{2006}' | '\u{2008}'..='\u{200a}' | '\u{205f}' => "wide or narrow space",
        '\u{200b}' => "zero width space",
        '\u{200c}' => "zero width non-joiner",
        '\u{200d}' => "zero width joiner",
        '\u{2060}' => "word joiner",
        '\u{180e}' => "vowel separator",
        '\u{ad}' => "soft hyphen",
        '\u{34f}' => "grapheme joiner",
        '\u{2028}' => "line separator",
        '\u{2029}' => "paragraph separator",
        '\u{85}' => "next line",
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "direction mark"
        }
        '\u{fe00}'..='\u{fe0f}' => "variation selector",
        '\u{e0000}'..='\u{e007f}' => "tag letter",
        '\u{300}'..='\u{36f}' => "combining mark",
        letter if letter.is_control() => "control character",
        _ => return None,
    })
}

fn is_blank(letter: char) -> bool {
    letter.is_whitespace() && letter != '\u{85}' && letter != '\u{2028}' && letter != '\u{2029}'
}

fn has_no_width(letter: char) -> bool {
    name(letter).is_some() && !is_blank(letter)
}

/// A line for a message: letters that cannot be seen are named; tabs, blanks at the end and line ends
/// are left as they are.
pub(super) fn shown(text: &str) -> String {
    let text = text.trim_end_matches(['\n', '\r']);
    escaped(text, |letter| if letter == '\t' { None } else { name(letter) })
}

/// The same with tabs, line ends and blanks at the end, where they are what differs.
pub(super) fn shown_exactly(text: &str) -> String {
    let body = text.trim_end_matches(['\n', '\r']);
    let end = text.strip_prefix(body).unwrap_or_default();
    let trimmed = body.trim_end_matches([' ', '\t']);
    let trailing = body.len() - trimmed.len();
    let mut shown = escaped(trimmed, |letter| if letter == '\t' { None } else { name(letter) });
    shown = shown.replace('\t', "\\t");
    match trailing {
        0 => {}
        1 => shown += "<1 blank at the end>",
        more => {
            let _ = write!(shown, "<{more} blanks at the end>");
        }
    }
    shown + &end.replace('\r', "\\r").replace('\n', "\\n")
}

fn escaped(text: &str, name: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::new();
    for (count, letter) in text.chars().enumerate() {
        if count == MOST {
            out.push('…');
            break;
        }
        match name(letter) {
            Some(name) => {
                let _ = write!(out, "<U+{:04X} {name}>", u32::from(letter));
            }
            None => out.push(letter),
        }
    }
    out
}

/// A line as it looks: two lines that look the same are the same here.
pub(super) fn looks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars().filter(|letter| !has_no_width(*letter) || *letter == '\t') {
        if !is_blank(letter) {
            out.push(letter);
        } else if !out.ends_with(' ') || letter == ' ' {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// True if two lines that differ look the same; a tab may look like any number of blanks.
pub(super) fn look_the_same(left: &str, right: &str) -> bool {
    let (one, other) = (looks(left), looks(right));
    one == other || ((left.contains('\t') || right.contains('\t')) && words(&one) == words(&other))
}

/// The words of a line, whatever blanks part them.
pub(super) fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_named() {
        assert_eq!(
            shown("\u{feff}a\u{a0}b\u{200b}"),
            "<U+FEFF byte order mark>a<U+00A0 no-break space>b<U+200B zero width space>"
        );
        assert_eq!(shown("\ta  \r\n"), "\ta  ");
        assert_eq!(shown_exactly("\ta  \r\n"), "\\ta<2 blanks at the end>\\r\\n");
        assert_eq!(shown(&"x".repeat(130)), format!("{}…", "x".repeat(120)));
    }

    #[test]
    fn lines_look_the_same_or_not() {
        for (left, right) in [
            ("a b", "a\u{a0}b"),
            ("ab", "a\u{200b}b"),
            ("a", "a  "),
            ("\u{feff}a", "a"),
            ("\tif x:", "    if x:"),
            ("a\r\n", "a\n"),
        ] {
            assert!(look_the_same(left, right), "{left:?} {right:?}");
        }
        for (left, right) in [("a b", "ab"), ("    a", "  a"), ("a", "b")] {
            assert!(!look_the_same(left, right), "{left:?} {right:?}");
        }
    }
}

//! Half letters in JSON: a model that is cut between the two escapes of a letter, or a CLI that counts in
//! halves, leaves one alone. No text can hold it, so the whole document would be lost for one letter.

use std::borrow::Cow;

use memchr::memmem;

/// Bytes of an escape such as `\ud83d`.
const LENGTH: usize = 6;

/// The text with U+FFFD in the place of each half letter. Every other byte stays where it is.
pub fn whole_letters(text: &str) -> Cow<'_, str> {
    if !["\\ud", "\\uD"].iter().any(|begun| memmem::find(text.as_bytes(), begun.as_bytes()).is_some()) {
        return Cow::Borrowed(text);
    }
    let (mut whole, mut taken, mut at) = (String::new(), 0, 0);
    while let Some(start) = text.get(at..).and_then(|rest| rest.find('\\')).map(|found| at + found) {
        let half = match unit(text, start) {
            Some(0xd800..=0xdbff) if matches!(unit(text, start + LENGTH), Some(0xdc00..=0xdfff)) => {
                at = start + 2 * LENGTH;
                continue;
            }
            Some(code) => {
                at = start + LENGTH;
                (0xd800..=0xdfff).contains(&code)
            }
            // Two backslashes are one letter, and what follows them is no escape.
            None => {
                let escaped = text.get(start + 1..).and_then(|rest| rest.chars().next());
                at = start + 1 + escaped.map_or(0, char::len_utf8);
                false
            }
        };
        if half {
            whole.push_str(text.get(taken..start).unwrap_or_default());
            whole.push_str("\\ufffd");
            taken = at;
        }
    }
    if taken == 0 {
        return Cow::Borrowed(text);
    }
    whole.push_str(text.get(taken..).unwrap_or_default());
    Cow::Owned(whole)
}

/// The number of an escape that begins here.
fn unit(text: &str, start: usize) -> Option<u16> {
    let digits = text.get(start..start + LENGTH)?.strip_prefix("\\u")?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_letter_is_replaced_and_a_whole_one_stays() {
        for (text, wanted) in [
            (r#"{"a":"\ud800"}"#, r#"{"a":"\ufffd"}"#),
            (r"\uDFFF\ud83d\ude00\ud83d", r"\ufffd\ud83d\ude00\ufffd"),
            (r"\ud83d\ud83d\ude00", r"\ufffd\ud83d\ude00"),
            (r"\\ud800 \\\ud800", r"\\ud800 \\\ufffd"),
            (r"\ud8 \u+d80 \u00e9 \é\ud800é\", r"\ud8 \u+d80 \u00e9 \é\ufffdé\"),
            ("plain", "plain"),
        ] {
            assert_eq!(whole_letters(text), wanted, "{text}");
        }
    }
}

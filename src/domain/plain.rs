//! Removes the sequences that only a terminal acts on: colours, cursor moves, titles, links, bells.
//!
//! No printed letter is lost, not even one that a terminal would have overwritten. A carriage return ends a
//! line.

use std::borrow::Cow;

use regex::Captures;
use serde_json::Value;

use super::pattern::Pattern;

/// A title or a link ends with its line at the latest, so that an unfinished sequence does not swallow the
/// rest of an answer.
static SEQUENCE: Pattern = Pattern::new(
    r"(?x)
        \r+\n? | [\u{2028}\u{2029}]
        | (?: \x1b\[ | \u{9b} ) [0-?]* [\x20-/]* [@-~]?
        | (?: \x1b[\]PX^_] | [\u{90}\u{98}\u{9d}\u{9e}\u{9f}] ) [^\x07\x1b\u{9c}\n\r]* (?: \x07 | \x1b\\ | \u{9c} )?
        | \x1b [\x20-/]* [0-~]?
        | [\x00-\x08\x0b-\x1f\x7f-\u{9f}]
        | [\u{202a}-\u{202e}\u{2066}-\u{2069}]",
);

/// The text without terminal sequences, control characters and direction marks. Line ends and tabs stay.
pub fn plain(text: &str) -> Cow<'_, str> {
    let acts = |letter: char| {
        letter.is_control() && letter != '\n' && letter != '\t'
            || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !(may_act(text) && text.contains(acts)) {
        return Cow::Borrowed(text);
    }
    SEQUENCE.replaced(text, |found: &Captures<'_>| {
        let ends_line = found.get_match().as_str().starts_with(['\r', '\u{2028}', '\u{2029}']);
        if ends_line { "\n" } else { "" }
    })
}

/// As [`plain`]. Copies the text only if it changes.
pub fn made_plain(text: String) -> String {
    match plain(&text) {
        Cow::Owned(plain) => plain,
        Cow::Borrowed(_) => text,
    }
}

/// True if a text has a byte that may begin a sequence. Most answers have none, so the slower checks are
/// skipped. The loop tests eight bytes at a time.
fn may_act(text: &str) -> bool {
    const fn each(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    /// A word with the highest bit set in each byte that is zero in `word`.
    fn zeros(word: u64) -> u64 {
        !(((word & each(0x7f)) + each(0x7f)) | word | each(0x7f))
    }
    let acts = |eight: &[u8; 8]| {
        let word = u64::from_ne_bytes(*eight);
        let are = |byte| zeros(word ^ each(byte));
        let controls = zeros(word & each(0xe0)) & !are(b'\n') & !are(b'\t');
        controls | are(0x7f) | are(0xc2) | are(0xe2) != 0
    };
    let (eights, rest) = text.as_bytes().as_chunks::<8>();
    let mut last = [b' '; 8];
    last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    eights.iter().any(acts) || acts(&last)
}

/// Applies [`plain`] to every string and key of a JSON document.
pub fn plain_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(made_plain(text)),
        Value::Array(items) => items.into_iter().map(plain_value).collect(),
        Value::Object(entries) => entries
            .into_iter()
            .map(|(key, value)| (made_plain(key), plain_value(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// True if a letter is invisible to a reader, or a terminal would act on it.
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// True if a text has a letter that a reader sees. A blank Braille pattern is none.
pub fn has_words(text: &str) -> bool {
    text.chars().any(|letter| !letter.is_whitespace() && !is_hidden(letter) && letter != '\u{2800}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_seen() {
        for text in [
            "", " \n", "\u{3164}", "\u{200b}\u{2060} \u{feff}", "\u{2800}", "\u{a0}\u{ad}",
            "\u{115f}\u{1160}",
        ] {
            assert!(!has_words(text), "{text:?}");
        }
        for text in ["a", ".", "\u{3164}가", "👩\u{200d}💻", "می\u{200c}خواهم", "\u{1100}\u{1160}"]
        {
            assert!(has_words(text), "{text:?}");
        }
    }

    #[test]
    fn sequences_go_and_letters_stay() {
        for (text, wanted) in [
            ("plain\ttext\nof two lines", "plain\ttext\nof two lines"),
            ("\u{1b}[1;38;5;9mred\u{1b}[0m", "red"),
            ("The answer is \u{1b}[1mforty-\u{1b}[4D\u{1b}[Ktwo\u{1b}[0m.", "The answer is forty-two."),
            ("\u{1b}]0;a title\u{7}text", "text"),
            ("\u{1b}]0;no end\ntext", "\ntext"),
            ("\u{1b}]8;;https://x.example\u{1b}\\link\u{1b}]8;;\u{1b}\\!", "link!"),
            ("\u{1b}[2J\u{1b}[Htext\u{1b}c", "text"),
            ("\u{9b}31mred\u{9b}0m \u{9d}0;title\u{9c}text", "red text"),
            ("\u{1b}P1$r0m\u{1b}\\text\u{1b}_apc\u{1b}\\", "text"),
            ("\u{1b}(Btext\u{1b}=\u{1b}>", "text"),
            ("a\u{8}b\u{7f}c\u{0}d\u{85}e", "abcde"),
            ("10%\r20%\r\nline\r\n\u{feff}é\u{a0}", "10%\n20%\nline\n\u{feff}é\u{a0}"),
            ("if \u{202e}x\u{2066}y\u{2069}\u{202c} {\u{2028}a\u{200f}b", "if xy {\na\u{200f}b"),
            ("cut short \u{1b}[31", "cut short "),
            ("\u{1b}\u{1b}[31mtwice\u{1b}", "twice"),
        ] {
            assert_eq!(plain(text), wanted, "{text:?}");
        }
        assert!(matches!(plain("as it is\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn every_control_character_is_seen_wherever_it_stands() {
        for letter in (0..0x100).filter_map(char::from_u32).chain(['\u{2028}', '\u{202e}', '\u{2069}']) {
            for at in 0..17 {
                let (before, behind) = ("a\n~ \t!z9".repeat(3), "q\nr");
                let text = format!("{}{letter}{behind}", before.get(..at).unwrap());
                let stays = !letter.is_control() && letter < '\u{2028}' || "\n\t".contains(letter);
                assert_eq!(plain(&text) == text, stays, "{letter:?} at {at}");
            }
        }
    }

    #[test]
    fn documents_are_cleaned_all_through() {
        let value = serde_json::json!({ "a\u{7}": ["\u{1b}[1mx", 1, null], "b": { "c": "y\u{1b}[0m" } });
        assert_eq!(plain_value(value), serde_json::json!({ "a": ["x", 1, null], "b": { "c": "y" } }));
    }
}

//! Messages and numbers in a form that a reader takes in at once.

use super::cut::cut;

/// A parser's message without the names of types.
pub fn in_plain_words(message: &str) -> String {
    const WORDS: [(&str, &str); 8] = [
        ("expected a nonzero u64", "expected a whole number, 1 or more"),
        ("expected a nonzero usize", "expected a whole number, 1 or more"),
        ("expected u64", "expected a whole number"),
        ("expected u32", "expected a whole number"),
        ("expected usize", "expected a whole number"),
        ("expected f64", "expected a number"),
        ("expected struct EntryInput", "expected an object such as {\"command\": \"pytest\"}"),
        ("expected struct ProviderSettings", "expected the settings of a provider"),
    ];
    WORDS.iter().fold(message.to_owned(), |message, (jargon, plain)| message.replace(jargon, plain))
}

/// The beginning of a message that repeats what it complains of, however long that is.
pub fn in_brief(message: &str) -> String {
    const MOST: usize = 300;
    cut(message, MOST)
}

/// A whole number with its thousands set apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

// Bytes as hexadecimal digits.

/// Two lower-case digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

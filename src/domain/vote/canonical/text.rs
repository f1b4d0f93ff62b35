//! One line by its words.
//!
//! Marks around the whole, Unicode's two spellings of a letter, the case of plain words, the spelling
//! of a number and that of a path are dress. A word, a sign and a unit are not, and neither is the case
//! of an identifier: answers that differ in one of these never vote together.

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization as _;

use super::number::{self, Number};
use super::path;

/// Words that answer a question whatever their case, even where they are marked as code.
const ANSWER_WORDS: [&str; 24] = [
    "yes",
    "no",
    "true",
    "false",
    "none",
    "null",
    "nil",
    "ok",
    "okay",
    "never",
    "always",
    "both",
    "neither",
    "either",
    "maybe",
    "unknown",
    "pass",
    "fail",
    "passed",
    "failed",
    "correct",
    "incorrect",
    "valid",
    "invalid",
];

/// Letters of a word after a number from which on it is no abbreviated unit.
const LEAST_FOLDED: usize = 4;

/// Words that lead in an answer and are none of it.
static LEAD_IN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^(?:(?:so|thus|therefore|hence|ok|okay|well|sure)\b[,:]?\s+)?(?:(?:and\s+)?(?:my|the|our)\s+)?(?:(?:final|correct|right|best|short)\s+)*(?:answer|verdict|result|choice)\s*(?:is|would\s+be)?\s*[:：=]\s*|^(?:(?:so|thus|therefore|hence|ok|okay|well|sure)\b[,:]?\s+)?(?:my|the|our)\s+(?:(?:final|correct|right|best|short)\s+)*(?:answer|verdict|choice)\s+(?:is|would\s+be)\s+",
    )
    .ok()
});

/// One line in the form by which it is compared.
pub(super) fn key(line: &str) -> String {
    let plain = plain(line);
    let bare = without_lead_in(undressed_but_code(&plain));
    if let Some(code) = code_word(bare).filter(|code| Number::of(code).is_none()) {
        return one_word(code, Marked::AsCode);
    }
    words(undressed(bare))
}

/// The line without the words that lead in an answer.
fn without_lead_in(line: &str) -> &str {
    let found = LEAD_IN.as_ref().and_then(|pattern| pattern.find(line));
    match found.and_then(|found| line.get(found.end()..)) {
        Some(rest) if !rest.trim().is_empty() => undressed_but_code(rest),
        Some(_) | None => line,
    }
}

/// In one spelling of its letters, quotes, spaces and minus signs.
pub(super) fn plain(line: &str) -> String {
    let letters = line.nfc().filter_map(|letter| match letter {
        '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => None,
        '‘' | '’' | '‛' => Some('\''),
        '“' | '”' | '„' | '«' | '»' => Some('"'),
        '\u{2212}' | '\u{2010}' | '\u{2011}' => Some('-'),
        letter if letter.is_whitespace() => Some(' '),
        letter => Some(letter),
    });
    letters.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Without marks around the whole, backticks among them.
pub(super) fn undressed(text: &str) -> &str {
    let mut text = undressed_but_code(text);
    while let Some(inner) = enclosed(text, "`") {
        text = undressed_but_code(inner);
    }
    text
}

/// The same, but marks of code stay: they say how to read what they hold.
fn undressed_but_code(text: &str) -> &str {
    const AROUND: [&str; 6] = ["**", "__", "*", "_", "\"", "'"];
    let mut text = text.trim();
    loop {
        let list_mark =
            ["- ", "* ", "> ", "+ ", "# ", "## ", "### "].iter().find_map(|mark| text.strip_prefix(mark));
        let inner = list_mark
            .or_else(|| AROUND.iter().find_map(|mark| enclosed(text, mark)))
            .or_else(|| in_parentheses(text))
            .or_else(|| without_end(text));
        match inner.map(str::trim) {
            Some(inner) if !inner.is_empty() => text = inner,
            Some(_) | None => return text,
        }
    }
}

fn enclosed<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let inner = text.strip_prefix(mark)?.strip_suffix(mark)?;
    // A dunder name is a name.
    let is_name = mark == "__" && inner.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    (!inner.is_empty() && !inner.contains(mark) && !is_name).then_some(inner)
}

fn in_parentheses(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    (!inner.contains(['(', ')'])).then_some(inner)
}

/// A full stop or an exclamation mark ends a sentence; after anything but a word it may mean something.
fn without_end(text: &str) -> Option<&str> {
    let closes = |letter: char| letter.is_alphanumeric() || "`*\"')".contains(letter);
    if let Some(rest) = text.strip_suffix(['.', '。']) {
        return rest.ends_with(closes).then_some(rest);
    }
    let rest = text.trim_end_matches(['!', '！']);
    // `5!` is a number of its own.
    let says_a_word = |letter: char| letter.is_alphabetic() || "`*\"')".contains(letter);
    (rest.len() < text.len() && rest.ends_with(says_a_word)).then_some(rest)
}

/// Returns what one pair of backticks holds, where it is the whole and one word.
fn code_word(text: &str) -> Option<&str> {
    let inner = enclosed(text, "`")?.trim();
    (!inner.is_empty() && !inner.contains(' ')).then_some(inner)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marked {
    /// Not at all.
    Plain,
    /// As code: its case counts.
    AsCode,
}

fn words(line: &str) -> String {
    let tokens: Vec<&str> = line.split(' ').filter(|token| !token.is_empty()).collect();
    let mut out: Vec<String> = Vec::new();
    let mut in_code = false;
    for (at, token) in tokens.iter().enumerate() {
        let marked = if in_code || token.contains('`') { Marked::AsCode } else { Marked::Plain };
        if token.matches('`').count() % 2 == 1 {
            in_code = !in_code;
        }
        let follows_a_word =
            at > 0 && tokens.get(at - 1).is_some_and(|before| before.chars().any(char::is_alphabetic));
        let follows_a_number =
            at > 0 && tokens.get(at - 1).is_some_and(|before| Number::of(before).is_some());
        let has_unit = tokens.get(at + 1).is_some_and(|next| number::is_unit(next));
        match (marked, Number::of(token)) {
            (Marked::Plain, Some(number)) => {
                // After a word, and without a unit, `3.10` may be a version.
                let may_be_a_version = follows_a_word && !has_unit && number.unit().is_empty();
                out.push(number.key(may_be_a_version, token));
            }
            // After a number it is a unit: MB is not Mb.
            _ if follows_a_number && token.chars().count() < LEAST_FOLDED => out.push((*token).to_owned()),
            _ => out.push(one_word(token, marked)),
        }
    }
    out.join(" ")
}

fn one_word(token: &str, marked: Marked) -> String {
    if token.contains(['/', '\\']) {
        return path::shortest(token);
    }
    let is_mark = |letter: char| !letter.is_alphanumeric();
    let core = token.trim_matches(is_mark);
    let lower = core.to_lowercase();
    let folds =
        ANSWER_WORDS.contains(&lower.as_str()) || marked == Marked::Plain && is_plain_word(token, core);
    if folds { token.replacen(core, &lower, 1) } else { token.to_owned() }
}

/// A word of a language, and no name of a program: letters alone, and capitals at the beginning or
/// everywhere. A single letter is a label.
fn is_plain_word(token: &str, core: &str) -> bool {
    let letters: Vec<char> = core.chars().filter(|letter| !"'-".contains(*letter)).collect();
    let upper = letters.iter().filter(|letter| letter.is_uppercase()).count();
    let begins_upper = letters.first().is_some_and(|letter| letter.is_uppercase());
    let around_is_prose =
        token.chars().all(|letter| letter.is_alphanumeric() || "'-,.;:!?\"*()".contains(letter));
    letters.len() > 1
        && letters.iter().all(|letter| letter.is_alphabetic())
        && around_is_prose
        && !token.contains("()")
        && (upper == 0 || upper == letters.len() || upper == 1 && begins_upper)
}
